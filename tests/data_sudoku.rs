//! Tests of Sudoku itself: solving, rating, making puzzles, symmetry, text, and the tokens of the reference sets.

use std::collections::HashSet;

use totc::data::sudoku::canonical::{canonical, signature};
use totc::data::sudoku::generator::{self, Searched, Wanted};
use totc::data::sudoku::grid::{Grid, Side, token, value};
use totc::data::sudoku::symmetry::Symmetry;
use totc::data::sudoku::{check, csv, solver, text};
use totc::data::{CountRange, DataSpec, Dataset, Example, NO_LABEL, Purpose};
use totc::random::Draws;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/data");

fn chance(stream: u64) -> Draws {
    Purpose::Generate.draws(11, stream, 99)
}

fn generated(side: usize) -> Box<dyn Dataset> {
    let text = format!("sudoku(side: {side}, train: 4, test: 4)");
    let spec: DataSpec = ron::from_str(&text).expect("good settings");
    totc::data::open(&spec, std::path::Path::new("")).expect("puzzles")
}

fn rated() -> Vec<csv::Row> {
    let mut rows = Vec::new();
    csv::read(&std::path::Path::new(FIXTURES).join("rated.csv"), |row| rows.push(row)).expect("a good file");
    rows
}

/// Counts solutions until there is more than one, with no code of the crate but the box of a cell.
fn brute(side: Side, cells: &mut Vec<u8>) -> usize {
    let n = side.digits();
    let fits = |cells: &[u8], cell: usize, digit: u8| {
        (0..cells.len()).all(|other| {
            cells[other] != digit
                || !(other / n == cell / n
                    || other % n == cell % n
                    || side.box_of(other) == side.box_of(cell))
        })
    };
    let open = (0..cells.len()).filter(|&cell| cells[cell] == 0);
    let choices =
        open.map(|cell| (cell, (1..=n as u8).filter(|&d| fits(cells, cell, d)).collect::<Vec<_>>()));
    let Some((cell, digits)) = choices.min_by_key(|(_, digits)| digits.len()) else {
        return 1;
    };
    let mut found = 0;
    for digit in digits {
        cells[cell] = digit;
        found += brute(side, cells);
        cells[cell] = 0;
        if found > 1 {
            break;
        }
    }
    found
}

#[test]
fn boxes_are_where_they_should_be() {
    let boxes = |side: Side| -> Vec<usize> { (0..side.cells()).map(|cell| side.box_of(cell)).collect() };
    assert_eq!(boxes(Side::Four), [0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3, 2, 2, 3, 3]);
    let six = boxes(Side::Six);
    assert_eq!(six[..12], [0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1]);
    assert_eq!(six[30..], [4, 4, 4, 5, 5, 5]);
    assert_eq!(boxes(Side::Nine)[27..36], [3, 3, 3, 4, 4, 4, 5, 5, 5]);
    for side in Side::ALL {
        assert_eq!(side.shape().units.iter().map(Vec::len).collect::<HashSet<_>>().len(), 1);
        assert_eq!(side.shape().units.len(), 3 * side.digits());
    }
}

#[test]
fn ratings_and_answers_are_those_of_the_file() {
    let rows = rated();
    assert_eq!(rows.len(), 20);
    for row in rows {
        let told = row.rating.map(|rating| rating as u64);
        assert_eq!(solver::rating(&row.question), told, "line {}", row.line);
        assert_eq!(solver::solutions(&row.question, 2), [row.answer], "line {}", row.line);
    }
}

#[test]
fn puzzles_without_and_with_many_solutions_are_known() {
    assert_eq!(solver::count(&Grid::blank(Side::Four), 1000), 288);
    assert_eq!(solver::count(&Grid::blank(Side::Nine), 3), 3);
    assert_eq!(solver::count(&Grid::blank(Side::Nine), 0), 0);
    let twice = text::parse("11..............").expect("a grid");
    assert_eq!((solver::solve(&twice), solver::rating(&twice)), (None, None));
    let dead = text::parse("12.. ..3. .... ....").expect("a grid");
    assert_eq!(solver::count(&dead, 9), brute_all(Side::Four, &mut dead.cells().to_vec()).min(9));
    let full = generator::full(Side::Sixteen, &mut chance(0)).expect("a 16x16 grid");
    assert!(check::lawful(&full) && check::clashes(&full).is_empty());
    assert_eq!(solver::solve(&full), Some(full));
}

/// Counts all solutions by trying every digit in every cell.
fn brute_all(side: Side, cells: &mut Vec<u8>) -> usize {
    let Some(cell) = cells.iter().position(|&digit| digit == 0) else {
        return usize::from(check::clashes(&Grid::new(side, cells.clone()).expect("a grid")).is_empty());
    };
    let mut found = 0;
    for digit in 1..=side.digits() as u8 {
        cells[cell] = digit;
        if check::clashes(&Grid::new(side, cells.clone()).expect("a grid")).is_empty() {
            found += brute_all(side, cells);
        }
    }
    cells[cell] = 0;
    found
}

#[test]
fn generated_puzzles_have_one_solution_and_no_given_to_spare() {
    for (side, count) in [(Side::Four, 36), (Side::Six, 20), (Side::Nine, 8)] {
        let wanted = Wanted { side, givens: CountRange::Any, rating: CountRange::Any };
        let made = generator::make(&wanted, count, 5);
        assert_eq!(made.pairs.len(), count);
        for (question, answer) in made.pairs.iter() {
            assert!(check::check(&question, &answer).solved());
            assert_eq!(brute(side, &mut question.cells().to_vec()), 1);
            for cell in (0..side.cells()).filter(|&cell| question.cells()[cell] != 0) {
                assert!(brute(side, &mut question.clone().without(cell).cells().to_vec()) > 1);
            }
        }
    }
}

#[test]
fn generated_puzzles_keep_within_their_bounds() {
    let wanted =
        Wanted { side: Side::Nine, givens: CountRange::Between(24, 27), rating: CountRange::Between(2, 30) };
    let made = generator::make(&wanted, 10, 1);
    assert_eq!(made.pairs.len(), 10);
    for (question, _) in made.pairs.iter() {
        assert!((24..=27).contains(&question.givens()));
        assert!((2..=30).contains(&solver::rating(&question).expect("a solution")));
        assert_eq!(brute(Side::Nine, &mut question.cells().to_vec()), 1);
    }
}

#[test]
fn all_small_puzzles_are_listed() {
    let classes: Vec<usize> =
        (3..=16).map(|n| generator::every_four(CountRange::Between(n, n)).len()).collect();
    assert_eq!(classes, [0, 13, 96, 376, 711, 1040, 980, 788, 414, 210, 56, 22, 2, 2]);
    let wanted = Wanted { side: Side::Four, givens: CountRange::Between(4, 4), rating: CountRange::Any };
    let made = generator::make(&wanted, 100, 1);
    assert_eq!((made.pairs.len(), made.searched), (13, Searched::All(13)));
}

#[test]
fn symmetries_keep_validity_uniqueness_and_class() {
    for side in Side::ALL {
        let mut chance = chance(1);
        let turns = if side == Side::Sixteen { 10 } else { 200 };
        let answer = generator::full(side, &mut chance).expect("a grid");
        let question = match side {
            Side::Sixteen => answer.clone().without(3).without(77),
            _ => generator::dig(&answer, 0, &mut chance),
        };
        let key = canonical(&question, &answer).expect("a finished answer");
        let mark = signature(&question, &answer);
        let mut seen = HashSet::new();
        for _ in 0..turns {
            let turn = Symmetry::random(side, &mut chance);
            let (question, answer) = (turn.apply(&question), turn.apply(&answer));
            assert!(check::check(&question, &answer).solved());
            assert_eq!(solver::solutions(&question, 2), std::slice::from_ref(&answer));
            assert_eq!(canonical(&question, &answer).as_ref(), Some(&key));
            assert_eq!(signature(&question, &answer), mark);
            seen.insert(question);
        }
        assert!(seen.len() > turns * 9 / 10);
        assert_eq!(Symmetry::identity(side).apply(&question), question);
    }
}

#[test]
fn canonical_forms_are_images_and_tell_classes_apart() {
    for side in [Side::Six, Side::Nine] {
        let mut chance = chance(2);
        let mut keys = HashSet::new();
        for _ in 0..50 {
            let answer = generator::full(side, &mut chance).expect("a grid");
            let question = generator::dig(&answer, 0, &mut chance);
            let key = canonical(&question, &answer).expect("a finished answer");
            let image = Grid::new(side, key.clone()).expect("a grid");
            let solved = solver::solutions(&image, 2);
            assert_eq!((image.givens(), solved.len()), (question.givens(), 1));
            assert_eq!(canonical(&image, &solved[0]).as_ref(), Some(&key), "the form of a form is itself");
            let first: Vec<u8> = (1..=side.digits() as u8).collect();
            assert_eq!(solved[0].cells()[..side.digits()], first);
            // The same answer with one given more is another class.
            let extra = (0..side.cells()).find(|&cell| question.cells()[cell] == 0).expect("a blank");
            let more = Grid::from_fn(side, |cell| {
                if cell == extra { answer.cells()[cell] } else { question.cells()[cell] }
            });
            assert_ne!(canonical(&more, &answer).as_ref(), Some(&key));
            keys.insert(key);
        }
        assert_eq!(keys.len(), 50);
    }
    assert_eq!(canonical(&Grid::blank(Side::Four), &Grid::blank(Side::Four)), None);
}

/// The examples of a built reference set: inputs and labels by turns.
fn built(name: &str) -> Vec<(Vec<i64>, Vec<i64>)> {
    let text = std::fs::read_to_string(format!("{FIXTURES}/{name}")).expect("a fixture");
    let lines: Vec<Vec<i64>> = text
        .lines()
        .map(|line| line.split(' ').skip(1).map(|token| token.parse().expect("a token")).collect())
        .collect();
    lines.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}

#[test]
fn tokens_are_those_of_the_reference() {
    let examples = built("built_sudoku_test.txt");
    assert_eq!(examples.len(), 10);
    let tokens = |grid: &Grid| -> Vec<i64> { grid.cells().iter().map(|&value| token(value)).collect() };
    for (row, (inputs, labels)) in rated().iter().zip(&examples) {
        assert_eq!((&tokens(&row.question), &tokens(&row.answer)), (inputs, labels));
    }
    assert_eq!((value(Side::Nine, 0), value(Side::Nine, 1), value(Side::Nine, 10)), (None, Some(0), Some(9)));
    assert_eq!(
        (value(Side::Nine, 11), value(Side::Nine, -100), value(Side::Nine, i64::MIN)),
        (None, None, None)
    );
}

#[test]
fn augmented_copies_of_the_reference_are_equivalent() {
    let grid =
        |tokens: &[i64]| Grid::from_fn(Side::Nine, |cell| value(Side::Nine, tokens[cell]).expect("a token"));
    let keys: Vec<_> = built("built_sudoku_train.txt")
        .iter()
        .map(|(inputs, labels)| (grid(inputs), grid(labels)))
        .map(|(question, answer)| {
            (canonical(&question, &answer).expect("finished"), signature(&question, &answer))
        })
        .collect();
    assert_eq!(keys.len(), 12);
    assert!(keys[..6].iter().all(|key| *key == keys[0]) && keys[6..].iter().all(|key| *key == keys[6]));
    assert_ne!(keys[0], keys[6]);
}

#[test]
fn grids_of_all_sides_are_printed_and_read_back() {
    for side in Side::ALL {
        let answer = generator::full(side, &mut chance(3)).expect("a grid");
        let shown = text::board(
            side,
            |cell| (totc::data::Mark::Filled, text::digit(answer.cells()[cell])),
            &|_, text| text.to_owned(),
        );
        assert_eq!(text::parse(&shown).expect("a grid"), answer);
        assert_eq!(text::parse(&text::line(&answer)).expect("a grid"), answer);
        let widths: HashSet<usize> = shown.lines().map(str::len).collect();
        assert_eq!(widths.len(), 1, "{shown}");
    }
    assert_eq!(text::digit(16), 'G');
    assert_eq!((text::value('g'), text::value('h'), text::value('0')), (Some(16), None, Some(0)));
    assert_eq!(text::value('é'), None);
}

#[test]
fn views_are_the_same_puzzle_and_answers_come_back() {
    for side in [4, 6, 9] {
        let data = generated(side);
        let example = data.test_example(0).unwrap();
        assert_eq!(data.view(&example, 0).unwrap().example, example);
        let mut different = 0;
        for k in 1..20 {
            let view = data.view(&example, k).unwrap();
            // A symmetry keeps validity, the number of givens and, for the answer, every rule.
            assert!(data.validate(&view.example.inputs, &view.example.labels).solved());
            let blanks = |tokens: &[i64]| tokens.iter().filter(|token| **token == 1).count();
            assert_eq!(blanks(&view.example.inputs), blanks(&example.inputs));
            assert_eq!((view.undo)(&view.example.labels), example.labels);
            assert_eq!((view.undo)(&view.example.inputs), example.inputs);
            assert_eq!(data.view(&example, k).unwrap().example, view.example);
            different += usize::from(view.example.inputs != example.inputs);
        }
        assert!(different >= 15, "{different}");
        let unlabelled = Example { labels: vec![NO_LABEL; example.labels.len()], ..example.clone() };
        let view = data.view(&unlabelled, 3).unwrap().example;
        assert_eq!(view.inputs, data.view(&example, 3).unwrap().example.inputs);
        assert!(view.labels.iter().all(|label| *label == NO_LABEL));
    }
}

#[test]
fn generated_puzzles_are_rated_by_their_guesses() {
    let data = generated(9);
    assert_eq!(data.rating_name(), "guesses");
    let example = data.test_example(0).unwrap();
    let question = Grid::from_fn(Side::Nine, |cell| (example.inputs[cell] - 1) as u8);
    assert_eq!(data.rating(0), totc::data::sudoku::solver::rating(&question).map(|guesses| guesses as f64));
    assert_eq!(data.rating(usize::MAX), None);
}
