//! Puzzles that `totc data generate` makes: judged by solvers that share no code with the generators, read by the data sets that
//! are said to read them, and trained on.
#![cfg(feature = "torch")]

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use totc::data::maze::generator::{self, Paths, Wanted};
use totc::data::{CountRange, zebra};

fn totc(folder: &Path, args: &[&str], wanted: i32) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_totc")).current_dir(folder).args(args).output().expect("totc");
    let text =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(wanted), "{args:?}: {text}");
    text
}

/// Makes puzzles into the folder `data` of a new folder; gives those of both files, training first.
fn generated(args: &[&str]) -> (TempDir, [Vec<Value>; 2]) {
    let place = TempDir::new().expect("a folder");
    let all = [&["data", "generate"], args, &["--out", "data"]].concat();
    totc(place.path(), &all, 0);
    let puzzles = ["train", "test"].map(|name| {
        let text = fs::read_to_string(place.path().join(format!("data/{name}.jsonl"))).expect("a file");
        text.lines().map(|line| serde_json::from_str(line).expect("a JSON object")).collect()
    });
    (place, puzzles)
}

fn text<'a>(puzzle: &'a Value, name: &str) -> &'a str {
    puzzle[name].as_str().expect("text")
}

fn list(puzzle: &Value, name: &str) -> Vec<String> {
    puzzle[name]
        .as_array()
        .expect("a list")
        .iter()
        .map(|cell| cell.as_str().expect("text").to_owned())
        .collect()
}

/// Trains a small model for two steps on what lies in `place`.
fn trains(place: &TempDir, data_set: &str) {
    let run = format!(
        "Run(model: \"mine.tot\", name: \"Mine\", set: {{ \"hidden\": 16, \"heads\": 2, \"layers\": 1, \"n\": 1, \"T\": 1 }}, \
         data: {data_set}(train: \"data/train.jsonl\", test: \"data/test.jsonl\"), batch: 4, length: steps(2), out: \"run\")"
    );
    fs::write(place.path().join("r.ron"), run).expect("a file");
    fs::write(place.path().join("mine.tot"), "use models::trm::Trm\n\nmodel Mine extends Trm {\n}\n")
        .expect("a file");
    totc(place.path(), &["run", "r.ron", "--device", "cpu", "--threads", "1"], 0);
    assert!(place.path().join("run/checkpoint").is_dir());
}

/// Solutions of an exact cover, counted up to two: each cell, and each digit of each row, column and box, once.
fn covers(side: usize, (box_rows, box_columns): (usize, usize), question: &[usize]) -> usize {
    let mut covered = HashSet::new();
    let columns = |row: usize, column: usize, digit: usize| {
        let block = row / box_rows * box_rows + column / box_columns;
        [(0, row, column), (1, row, digit), (2, column, digit), (3, block, digit)]
    };
    for (cell, &digit) in question.iter().enumerate().filter(|(_, digit)| **digit > 0) {
        for column in columns(cell / side, cell % side, digit - 1) {
            assert!(covered.insert(column), "the question breaks a rule");
        }
    }
    let choices = (0..side.pow(3)).map(|i| columns(i / side / side, i / side % side, i % side));
    let mut open: Vec<_> = choices.filter(|all| all.iter().all(|column| !covered.contains(column))).collect();
    open.sort_unstable();
    let wanted = 4 * side * side - covered.len();
    count(&open, wanted)
}

type Column = (usize, usize, usize);

fn count(open: &[[Column; 4]], wanted: usize) -> usize {
    if wanted == 0 {
        return 1;
    }
    let mut choices = std::collections::HashMap::new();
    for column in open.iter().flatten() {
        *choices.entry(*column).or_insert(0) += 1;
    }
    if choices.len() < wanted {
        return 0;
    }
    let narrowest = *choices.iter().min_by_key(|(column, number)| (**number, **column)).expect("a column").0;
    let mut found = 0;
    for chosen in open.iter().filter(|choice| choice.contains(&narrowest)) {
        let left: Vec<_> = open
            .iter()
            .filter(|other| other.iter().all(|column| !chosen.contains(column)))
            .copied()
            .collect();
        found += count(&left, wanted - 4);
        if found > 1 {
            break;
        }
    }
    found
}

#[test]
fn sudokus_of_every_side_have_one_solution() {
    for (side, boxes, more) in [
        (4, (2, 2), &["--givens", "5-7"][..]),
        (6, (2, 3), &[]),
        (8, (2, 4), &[]),
        (9, (3, 3), &["--rating", "1-50"]),
        (10, (2, 5), &[]),
        (12, (3, 4), &[]),
        (16, (4, 4), &["--givens", "120-140"]),
    ] {
        let (side_text, digits) = (side.to_string(), |text: &str| -> Vec<usize> {
            text.chars().map(|cell| cell.to_digit(17).unwrap_or(0) as usize).collect()
        });
        let args = [&["sudoku", "--side", &side_text, "--train", "4", "--test", "2"], more].concat();
        let (place, [train, test]) = generated(&args);
        assert_eq!((train.len(), test.len()), (4, 2));
        for puzzle in train.iter().chain(&test) {
            let (question, answer) = (digits(text(puzzle, "question")), digits(text(puzzle, "answer")));
            assert_eq!(puzzle["sizes"], serde_json::json!([side, side]));
            assert!(question.iter().zip(&answer).all(|(given, digit)| *given == 0 || given == digit));
            assert_eq!(covers(side, boxes, &answer), 1, "{puzzle}");
            assert_eq!(covers(side, boxes, &question), 1, "{puzzle}");
            let givens = question.iter().filter(|digit| **digit > 0).count();
            assert!(side != 16 || (120..=140).contains(&givens), "{givens}");
            assert!(side != 4 || (5..=7).contains(&givens), "{givens}");
            assert!(side != 9 || (1..=50).contains(&puzzle["rating"].as_u64().expect("a number")));
        }
        if side <= 6 {
            trains(&place, "sudoku_csv");
        }
    }
}

/// Steps from `from` to every cell, by relaxing all cells until nothing changes; none where it cannot be reached.
fn steps(side: usize, maze: &[char], from: usize) -> Vec<Option<u32>> {
    let near = |a: usize, b: usize| (a / side).abs_diff(b / side) + (a % side).abs_diff(b % side) == 1;
    let mut steps = vec![None; maze.len()];
    steps[from] = Some(0);
    loop {
        let before = steps.clone();
        for cell in (0..maze.len()).filter(|cell| maze[*cell] != '#') {
            let best =
                (0..maze.len()).filter(|other| near(cell, *other)).filter_map(|other| before[other]).min();
            steps[cell] = [before[cell], best.map(|steps| steps + 1)].into_iter().flatten().min();
        }
        if steps == before {
            return steps;
        }
    }
}

/// The walls as they stand in all eight orientations, as sorted text.
fn orientations(side: usize, maze: &[char]) -> HashSet<String> {
    let place = |turn: usize, row: usize, column: usize| {
        let (row, column) = if turn & 1 == 0 { (row, column) } else { (column, row) };
        let row = if turn & 2 == 0 { row } else { side - 1 - row };
        let column = if turn & 4 == 0 { column } else { side - 1 - column };
        row * side + column
    };
    let view = |turn| (0..side * side).map(move |cell| maze[place(turn, cell / side, cell % side)] == '#');
    (0..8).map(|turn| view(turn).map(|wall| if wall { '#' } else { ' ' }).collect()).collect()
}

#[test]
fn answers_of_mazes_are_shortest_paths_and_one_path_is_one() {
    for (side, more) in [(4, &[][..]), (10, &["--min-path-cells", "14"]), (10, &["--one-path"])] {
        let side_text = side.to_string();
        let args = [&["maze", "--side", &side_text, "--train", "12", "--test", "4"], more].concat();
        let (place, [train, test]) = generated(&args);
        let mut known = HashSet::new();
        let mut branching = 0;
        for puzzle in train.iter().chain(&test) {
            let maze: Vec<char> = text(puzzle, "question").chars().collect();
            let answer: Vec<char> = text(puzzle, "answer").chars().collect();
            let end = |mark| maze.iter().position(|cell| *cell == mark).expect("an end");
            let (from_start, to_goal) = (steps(side, &maze, end('S')), steps(side, &maze, end('G')));
            let shortest = from_start[end('G')].expect("a path");
            assert_eq!(puzzle["rating"], shortest + 1);
            assert!(shortest + 1 >= if more.len() == 2 { 14 } else { side as u32 });
            let marked: Vec<usize> = (0..maze.len()).filter(|cell| answer[*cell] == 'o').collect();
            // On a shortest path, one cell at each distance.
            let distances: HashSet<u32> = marked.iter().filter_map(|cell| from_start[*cell]).collect();
            assert_eq!((marked.len(), distances.len()), (shortest as usize - 1, shortest as usize - 1));
            let through =
                |cell: usize| from_start[cell].zip(to_goal[cell]).is_some_and(|(a, b)| a + b == shortest);
            assert!(marked.iter().all(|cell| maze[*cell] == ' ' && through(*cell)));
            assert!((0..maze.len()).all(|cell| answer[cell] == maze[cell] || answer[cell] == 'o'));
            let on_any = (0..maze.len()).filter(|cell| through(*cell)).count();
            branching += usize::from(on_any > shortest as usize + 1);
            assert!(!orientations(side, &maze).iter().any(|walls| known.contains(walls)));
            known.insert(orientations(side, &maze).into_iter().min().expect("a view"));
        }
        // Sixteen mazes of ten by ten have several shortest paths somewhere, unless they are walled up.
        match more {
            ["--one-path"] => assert_eq!(branching, 0),
            _ => assert!(side == 4 || branching > 0),
        }
        if side == 4 {
            trains(&place, "maze_csv");
        }
    }
}

type Matrix = [[i32; 5]; 5];

fn matrix(element: &str) -> Matrix {
    let mut matrix = [[0; 5]; 5];
    for (point, image) in element.chars().enumerate() {
        matrix[image.to_digit(6).expect("a point") as usize - 1][point] = 1;
    }
    matrix
}

/// By the expansion along the first row.
fn determinant(rows: &[Vec<i32>]) -> i32 {
    if rows.is_empty() {
        return 1;
    }
    let without = |column: usize| -> Vec<Vec<i32>> {
        let row = |row: &Vec<i32>| [&row[..column], &row[column + 1..]].concat();
        rows[1..].iter().map(row).collect()
    };
    (0..rows.len())
        .filter(|column| rows[0][*column] != 0)
        .map(|column| (1 - 2 * (column as i32 % 2)) * rows[0][column] * determinant(&without(column)))
        .sum()
}

#[test]
fn states_are_products_of_matrices() {
    for (group, elements) in [("s5", 120), ("a5", 60)] {
        let args = [group, "--length", "6", "--test-length", "9", "--train", "300", "--test", "20"];
        let (place, [train, test]) = generated(&args);
        let mut met = HashSet::new();
        let mut questions = HashSet::new();
        for (puzzle, length) in
            train.iter().map(|puzzle| (puzzle, 6)).chain(test.iter().map(|puzzle| (puzzle, 9)))
        {
            let (question, answer) = (list(puzzle, "question"), list(puzzle, "answer"));
            assert_eq!((question.len(), answer.len(), &puzzle["rating"]), (length, length, &length.into()));
            let mut state = matrix("12345");
            for (element, product) in question.iter().zip(&answer) {
                let factor = matrix(element);
                let entry =
                    |row: usize, column: usize| (0..5).map(|k| factor[row][k] * state[k][column]).sum();
                state = std::array::from_fn(|row| std::array::from_fn(|column| entry(row, column)));
                assert_eq!(state, matrix(product), "{puzzle}");
                let rows: Vec<Vec<i32>> = factor.iter().map(|row| row.to_vec()).collect();
                assert!(group == "s5" || determinant(&rows) == 1, "{element} is odd");
                met.insert(element.clone());
            }
            assert!(questions.insert(question), "{puzzle} twice");
        }
        // 1,980 draws miss one of 120 elements with a chance below 120 · (119 / 120)^1980, 1 in 100,000; the seed is fixed.
        assert_eq!(met.len(), elements);
        trains(&place, "puzzles");
    }
    let place = TempDir::new().expect("a folder");
    let said = totc(place.path(), &["data", "generate", "a5", "--length", "1", "--out", "d"], 3);
    assert!(said.contains("1000 + 200 sequences were asked for, but only 60 turned up"), "{said}");
    assert!(!place.path().join("d").exists(), "nothing was written");
}

fn permutations(n: usize) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for _ in 0..n {
        let longer = |row: &Vec<usize>| {
            let free = (0..n).filter(|value| !row.contains(value)).collect::<Vec<_>>();
            free.into_iter().map(|value| [&row[..], &[value]].concat()).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}

/// Solutions by trying all: `rows[a][h]` is the value of attribute `a` in house `h`.
fn zebra_solutions(houses: usize, attributes: usize, clues: &[Vec<String>]) -> Vec<Vec<Vec<usize>>> {
    let mut found: Vec<Vec<Vec<usize>>> = vec![Vec::new()];
    let one = permutations(houses);
    for _ in 0..attributes {
        let extended = found
            .iter()
            .flat_map(|rows| one.iter().map(|row| rows.iter().chain([row]).cloned().collect::<Vec<_>>()));
        found =
            extended.filter(|rows: &Vec<Vec<usize>>| clues.iter().all(|clue| holds(rows, clue))).collect();
    }
    found
}

/// A clue on an attribute that is not laid out yet holds.
fn holds(rows: &[Vec<usize>], clue: &[String]) -> bool {
    let house = |item: &str| -> Option<i32> {
        let attribute = item.as_bytes()[0] - b'a';
        let value: usize = item[1..].parse::<usize>().expect("a value") - 1;
        let row = rows.get(usize::from(attribute))?;
        row.iter().position(|known| *known == value).map(|house| house as i32)
    };
    let first = house(&clue[1]);
    let second =
        if clue[0] == "at" { clue[2].parse::<i32>().ok().map(|house| house - 1) } else { house(&clue[2]) };
    let (Some(first), Some(second)) = (first, second) else { return true };
    match clue[0].as_str() {
        "at" | "same" => first == second,
        "next" => (first - second).abs() == 1,
        "left" => first + 1 == second,
        "before" => first < second,
        other => panic!("there is no clue {other}"),
    }
}

#[test]
fn zebra_puzzles_have_one_solution_and_no_clue_to_spare() {
    for (houses, attributes) in [(3, 3), (4, 4), (2, 5)] {
        let sizes = [houses.to_string(), attributes.to_string()];
        let args =
            ["zebra", "--houses", &sizes[0], "--attributes", &sizes[1], "--train", "12", "--test", "4"];
        let (place, [train, test]) = generated(&args);
        let mut known = HashSet::new();
        for puzzle in train.iter().chain(&test) {
            let rows = |name: &str| -> Vec<Vec<String>> {
                serde_json::from_value(puzzle[name].clone()).expect("rows of text")
            };
            let (question, answer) = (rows("question"), rows("answer"));
            let (unknown, clues) = question.split_at(attributes);
            assert!(unknown.iter().all(|row| row.iter().all(|cell| cell == "?") && row.len() == houses));
            let told = |(attribute, row): (usize, &Vec<usize>)| -> Vec<String> {
                let letter = char::from(b'a' + attribute as u8);
                row.iter().map(|value| format!("{letter}{}", value + 1)).collect()
            };
            let solutions = zebra_solutions(houses, attributes, clues);
            assert_eq!(solutions.len(), 1, "{puzzle}");
            assert_eq!(solutions[0].iter().enumerate().map(told).collect::<Vec<_>>(), answer);
            for left_out in 0..clues.len() {
                let fewer = [&clues[..left_out], &clues[left_out + 1..]].concat();
                assert!(zebra_solutions(houses, attributes, &fewer).len() > 1, "{puzzle}");
            }
            let mut sorted = clues.to_vec();
            sorted.sort();
            assert!(known.insert(sorted), "{puzzle} twice");
        }
        if houses == 3 {
            trains(&place, "puzzles");
        }
    }
}

#[test]
fn test_puzzles_do_not_depend_on_the_number_of_training_puzzles() {
    for kind in [&["sudoku", "--side", "6"][..], &["maze", "--side", "6"], &["s5"], &["zebra"]] {
        let with =
            |train: &str| generated(&[kind, &["--test", "5", "--seed", "3", "--train", train]].concat()).1;
        let ([few, test], [many, same]) = (with("3"), with("9"));
        assert_eq!((&test, &few[..]), (&same, &many[..3]), "{kind:?}");
        let [_, other] = generated(&[kind, &["--test", "5", "--seed", "4", "--train", "3"]].concat()).1;
        assert_ne!(test, other, "{kind:?}");
    }
}

#[test]
fn what_cannot_be_made_is_refused() {
    let place = TempDir::new().expect("a folder");
    fs::create_dir(place.path().join("taken")).expect("a folder");
    fs::write(place.path().join("taken/test.jsonl"), "mine").expect("a file");
    for (args, told) in [
        (
            &["sudoku", "--side", "5", "--out", "d"][..],
            "puzzles of side 5 are not made here; use 4, 6, 8, 9, 10, 12 or 16",
        ),
        (&["sudoku", "--givens", "3-9", "--out", "d"], "has one solution; ask for 17 to 81"),
        (&["sudoku", "--givens", "9-3", "--out", "d"], "write the lower bound first: 3-9"),
        (&["maze", "--side", "3", "--out", "d"], "mazes of side 3 are not made here; use 4 to 64"),
        (
            &["maze", "--side", "4", "--min-path-cells", "12", "--out", "d"],
            "no path of 12 cells fits into 4 by 4 cells",
        ),
        (&["s5", "--length", "0", "--out", "d"], "use 1 to 4096"),
        (&["zebra", "--houses", "17", "--out", "d"], "give 2 to 16 houses"),
        (&["a5", "--train", "0", "--out", "d"], "give --train and --test at least 1"),
        (&["a5", "--out", "taken"], "taken/test.jsonl is there already"),
    ] {
        let said = totc(place.path(), &[&["data", "generate"], args].concat(), 2);
        assert!(said.contains(told), "{args:?}: {said}");
    }
    assert_eq!(fs::read_to_string(place.path().join("taken/test.jsonl")).expect("the file"), "mine");
}

/// All walls of 4 by 4 cells with 3 to 5 of them, up to symmetry, that leave a shortest path of at least `cells`.
fn small_mazes(cells: u32) -> usize {
    let mut known = HashSet::new();
    for walls in (0..1u32 << 16).filter(|walls| (3..=5).contains(&walls.count_ones())) {
        let maze: Vec<char> = (0..16).map(|cell| if walls >> cell & 1 == 1 { '#' } else { ' ' }).collect();
        let long = |from: usize| steps(4, &maze, from).into_iter().flatten().any(|steps| steps + 1 >= cells);
        if (0..16).any(|from| maze[from] == ' ' && long(from)) {
            known.insert(orientations(4, &maze).into_iter().min().expect("a view"));
        }
    }
    known.len()
}

/// All sets of clues that leave one solution and of which none can be left out, of one attribute.
fn small_zebras(houses: usize) -> usize {
    let orders = permutations(houses);
    let mut all = 0;
    for solution in &orders {
        let value = |house: usize| format!("a{}", solution[house] + 1);
        let mut clues: Vec<Vec<String>> = Vec::new();
        for house in 0..houses {
            clues.push(vec!["at".to_owned(), value(house), (house + 1).to_string()]);
            for other in house + 1..houses {
                clues.push(vec!["before".to_owned(), value(house), value(other)]);
                if other == house + 1 {
                    clues.push(vec!["left".to_owned(), value(house), value(other)]);
                    clues.push(vec!["next".to_owned(), value(house), value(other)]);
                }
            }
        }
        // Which of the other orders each clue excludes.
        let excludes = |clue: &Vec<String>| -> u32 {
            let fits = |order: &Vec<usize>| holds(std::slice::from_ref(order), clue);
            (0..).zip(&orders).filter(|(_, order)| !fits(order)).map(|(at, _)| 1 << at).sum()
        };
        let excluded: Vec<u32> = clues.iter().map(excludes).collect();
        let others = (1u32 << orders.len())
            - 1
            - orders.iter().position(|order| order == solution).map_or(0, |at| 1 << at);
        let one_left = |chosen: u32| {
            let of = (0..clues.len()).filter(|clue| chosen >> clue & 1 == 1);
            of.fold(0, |all, clue| all | excluded[clue]) == others
        };
        let minimal = |chosen: u32| {
            (0..clues.len()).all(|clue| chosen >> clue & 1 == 0 || !one_left(chosen & !(1 << clue)))
        };
        all += (0..1u32 << clues.len()).filter(|chosen| one_left(*chosen) && minimal(*chosen)).count();
    }
    all
}

/// A search does not end while it still finds something now and then: of few puzzles it finds all.
#[test]
fn all_that_there_is_turns_up() {
    let mazes = small_mazes(8);
    let wanted = Wanted::new(4, CountRange::Between(8, 16), Paths::Any, 0).expect("there are some");
    assert_eq!(generator::make(&wanted, 2 * mazes).len(), mazes);
    for houses in [3, 4] {
        let all = small_zebras(houses);
        let found = zebra::make(zebra::Sizes { houses, attributes: 1 }, all, 0).len();
        assert!(100 * found >= 97 * all, "{found} of {all}");
    }
}
