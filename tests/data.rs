//! Tests of the data interface: the registry, the training stream and generated sets.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use totc::data::sudoku::canonical::canonical;
use totc::data::sudoku::grid::{Grid, Side, value};
use totc::data::{DataError, DataSpec, Dataset, Mark, NO_LABEL, Stream, open};

fn spec(text: &str) -> DataSpec {
    ron::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn set(text: &str) -> Box<dyn Dataset> {
    open(&spec(text), Path::new(".")).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refusal(text: &str) -> String {
    match open(&spec(text), Path::new(".")) {
        Ok(_) => panic!("{text} was accepted"),
        Err(error) => error.to_string(),
    }
}

fn unreadable(text: &str) -> String {
    ron::from_str::<DataSpec>(text).expect_err("should not be readable").to_string()
}

fn grid(side: Side, tokens: &[i64]) -> Grid {
    Grid::from_fn(side, |cell| value(side, tokens[cell]).expect("a token of the side"))
}

#[test]
fn settings_are_read_as_people_write_them() {
    let plain = spec("sudoku(side: 4, train: 10, test: 5, givens: (6, 8))");
    assert_eq!(
        plain,
        spec("sudoku(side: 4, train: 10, test: 5, givens: Some((6, 8)), rating: None, seed: 0)")
    );
    assert_eq!(plain.name(), "sudoku");
    let seven = spec("sudoku(side: 4, train: 10, test: 5, givens: 7)");
    assert_eq!(seven, spec("sudoku(side: 4, train: 10, test: 5, givens: (7, 7))"));
    let some =
        "sudoku_csv(train: \"a.csv\", test: \"b.csv\", limit: Some(10), test_limit: None, shared: drop)";
    assert_eq!(spec(some), spec("sudoku_csv(train: \"a.csv\", test: \"b.csv\", limit: 10, shared: drop)"));
    let implicit = ron::Options::default().with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME);
    let read: DataSpec = implicit.from_str("sudoku(side: 4, train: 10, test: 5, givens: (6, 8))").unwrap();
    assert_eq!(read, plain);
    let json: DataSpec =
        serde_json::from_str(r#"{"sudoku": {"side": 4, "train": 10, "test": 5, "givens": [6, 8]}}"#).unwrap();
    assert_eq!(json, plain);

    let misspelt = unreadable("sudoko(side: 4)");
    assert!(
        misspelt.contains("no data set is called `sudoko`; there are: sudoku, sudoku_csv, "),
        "{misspelt}"
    );
    assert!(misspelt.ends_with("; did you mean `sudoku`?"), "{misspelt}");
    assert!(unreadable("sudoku(side: 4, train: 1, test: 1, colour: 3)").contains("field named `colour`"));
    assert!(unreadable("sudoku(side: 4, test: 1)").contains("`train`"));
    assert!(
        unreadable("sudoku(side: 4, train: 1, test: 1, givens: (8, 6))").contains("the span (8, 6) is empty")
    );
    assert!(
        unreadable("sudoku(side: 4, train: 1, test: 1, givens: (6, 8, 9))").contains("a pair such as (6, 8)")
    );
    assert!(
        unreadable("sudoku(side: 4, train: 1, test: 1, givens: \"few\")").contains("a pair such as (6, 8)")
    );
}

#[test]
fn epochs_are_permutations() {
    let stream = Stream::new(50, 4);
    let epoch = |seed: u64, number: u64| -> Vec<usize> {
        (number * 50..(number + 1) * 50).map(|k| stream.visit(seed, k).puzzle).collect()
    };
    for (seed, number) in [(0, 0), (0, 1), (0, 7), (9, 0)] {
        let mut order = epoch(seed, number);
        order.sort();
        assert_eq!(order, (0..50).collect::<Vec<_>>());
    }
    let orders: HashSet<_> =
        [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(seed, number)| epoch(seed, number)).into();
    assert_eq!(orders.len(), 4, "every epoch of every seed has an order of its own");
}

#[test]
fn streams_depend_on_seed_and_position_alone() {
    let (one, other) = (Stream::new(7, 3), Stream::new(7, 3));
    let forth: Vec<_> = (0..100).map(|k| one.visit(5, k)).collect();
    let mut back: Vec<_> = (0..100).rev().map(|k| (other.visit(6, k), other.visit(5, k)).1).collect();
    back.reverse();
    assert_eq!(forth, back);
    assert_eq!(one.visit(5, u64::MAX), other.visit(5, u64::MAX));

    let text = "sudoku(side: 4, train: 20, test: 5, givens: 6, augmentations: 10, seed: 3)";
    let (one, other) = (set(text), set(text));
    let whole = one.train_rows(1, 0, 90);
    let resumed = other.train_rows(1, 37, 53);
    assert_eq!(whole.inputs[37 * 16..], resumed.inputs);
    assert_eq!(whole.labels[37 * 16..], resumed.labels);
    assert_eq!((whole.n, resumed.n, whole.cells), (90, 53, 16));
}

#[test]
fn copies_are_drawn_evenly() {
    let stream = Stream::new(10, 3);
    let mut drawn = [0; 4];
    (0..4000).for_each(|k| drawn[stream.visit(1, k).copy] += 1);
    assert!(drawn.iter().all(|&times| (850..1150).contains(&times)), "{drawn:?}");
    let plain = Stream::new(10, 0);
    assert!((0..100).all(|k| plain.visit(1, k).copy == 0));
}

#[test]
fn sets_made_in_other_threads_are_the_same() {
    let text = "sudoku(side: 6, train: 30, test: 10, givens: (10, 14), augmentations: 5, seed: 8)";
    let make = || {
        let made = set(text);
        (made.train_rows(0, 0, 60), made.test_rows(0, 10), made.describe())
    };
    let here = make();
    let there: Vec<_> = (0..2).map(|_| std::thread::spawn(make)).collect();
    for thread in there {
        assert_eq!(thread.join().expect("no panic"), here);
    }
}

#[test]
fn copies_solve_equivalent_puzzles_and_belong_to_the_set() {
    for (text, side) in [
        ("sudoku(side: 4, train: 20, test: 0, givens: (5, 7), augmentations: 3)", Side::Four),
        ("sudoku(side: 6, train: 20, test: 0, augmentations: 3)", Side::Six),
        ("sudoku(side: 9, train: 20, test: 0, givens: (28, 40), augmentations: 3)", Side::Nine),
    ] {
        let made = set(text);
        let mut images: HashMap<Vec<u8>, HashSet<Vec<i64>>> = HashMap::new();
        for seed in 0..20 {
            for k in 0..40 {
                let example = made.train_example(seed, k);
                assert!(made.validate(&example.inputs, &example.labels).solved());
                let key =
                    canonical(&grid(side, &example.inputs), &grid(side, &example.labels)).expect("finished");
                images.entry(key).or_default().insert(example.inputs);
            }
        }
        assert_eq!(images.len(), 20, "one class per puzzle");
        // The original and three copies, whatever the seed; small puzzles have so few images that two may coincide.
        let distinct: usize = images.values().map(HashSet::len).sum();
        assert!(images.values().all(|copies| copies.len() <= 4));
        assert!(
            if side == Side::Four { (70..=80).contains(&distinct) } else { distinct == 80 },
            "{distinct}"
        );
    }
}

/// All 3072 symmetries of 4x4 puzzles, spelled out independently of the crate.
fn images(puzzle: &[i64]) -> HashSet<Vec<i64>> {
    let mut orders = Vec::new();
    for code in 0..256_usize {
        let order = [code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6];
        if order.iter().collect::<HashSet<_>>().len() == 4 {
            orders.push(order);
        }
    }
    let lines: Vec<_> = orders.iter().filter(|order| order[0] / 2 == order[1] / 2).collect();
    let mut all = HashSet::new();
    for rows in &lines {
        for columns in &lines {
            for labels in &orders {
                for turned in [0, 1] {
                    all.insert(
                        (0..16)
                            .map(|cell| (rows[cell / 4], columns[cell % 4]))
                            .map(|(row, column)| {
                                puzzle[if turned == 1 { column * 4 + row } else { row * 4 + column }]
                            })
                            .map(
                                |token| if token < 2 { token } else { labels[token as usize - 2] as i64 + 2 },
                            )
                            .collect(),
                    );
                }
            }
        }
    }
    assert_eq!((orders.len(), lines.len()), (24, 8));
    all
}

#[test]
fn no_two_puzzles_are_equivalent() {
    let made = set("sudoku(side: 4, train: 60, test: 30, givens: (5, 6), seed: 2)");
    let mut questions: Vec<Vec<i64>> = (0..60).map(|k| made.train_example(0, k).inputs).collect();
    questions.extend((0..30).map(|i| made.test_example(i).expect("a test example").inputs));
    assert_eq!(made.test_example(30), None);
    for (number, question) in questions.iter().enumerate() {
        let images = images(question);
        assert!(questions[number + 1..].iter().all(|other| !images.contains(other)));
    }
}

#[test]
fn what_cannot_be_made_is_refused() {
    for (text, error) in [
        (
            "sudoku(side: 5, train: 1, test: 1)",
            "`sudoku`, setting `side`: puzzles of side 5 are not made here; use 4, 6, 8, 9, 10, 12 or 16",
        ),
        (
            "sudoku(side: 9, train: 0, test: 1)",
            "`sudoku`, setting `train`: there would be nothing to train on; ask for at least 1 puzzle",
        ),
        (
            "sudoku(side: 4, train: 1, test: 1, givens: 17)",
            "`sudoku`, setting `givens`: a 4x4 grid has only 16 cells; ask for 4 to 16",
        ),
        (
            "sudoku(side: 9, train: 1, test: 1, givens: (12, 16))",
            "`sudoku`, setting `givens`: no 9x9 puzzle with fewer than 17 givens has one solution; ask for 17 to 81",
        ),
        (
            "sudoku(side: 4, train: 1000, test: 500)",
            "`sudoku`, setting `givens`: there are only 36 inequivalent 4x4 puzzles without a given to spare, and \
             1000 + 500 were asked for; ask for fewer puzzles, or widen `givens`: `givens: (5, 8)` holds 2223",
        ),
        (
            "sudoku(side: 4, train: 5000, test: 500, givens: (4, 16))",
            "`sudoku`, setting `givens`: there are only 4710 inequivalent 4x4 puzzles with 4 to 16 givens, and \
             5000 + 500 were asked for; ask for fewer puzzles, or widen `givens`; 5 to 16 givens hold 4697 in all, \
             so more need a larger `side`",
        ),
    ] {
        assert_eq!(refusal(text), error);
    }
}

#[test]
fn a_set_says_what_it_is() {
    let made = set("sudoku(side: 4, train: 5, test: 3, givens: 6, augmentations: 2, seed: 4)");
    assert_eq!(
        made.describe(),
        "4x4 Sudoku generated from seed 4: 5 training and 3 test puzzles out of the 376 such puzzles that exist, \
         6 givens, no two equivalent up to symmetry; 2 augmented copies of each training puzzle"
    );
    assert_eq!(made.sizes().axes(), [("cell", 16), ("symbol", 6), ("task", 1)]);
    let fields = made.fields();
    assert_eq!(
        fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>(),
        ["inputs", "labels", "puzzle"]
    );
    assert_eq!(fields[0].axes, [("cell".to_owned(), 16)]);
    assert_eq!((fields[0].index_of.as_str(), fields[2].index_of.as_str()), ("symbol", "task"));
    assert_eq!((made.train_len(), made.test_len(), made.test_rows(1, 100).n), (5, 3, 2));
}

#[test]
fn puzzles_are_typed_printed_and_checked() {
    let made = set("sudoku(side: 4, train: 1, test: 0, givens: 8)");
    let read = made.parse_puzzle("1 . | . 4\n. . | 1 .\n----+----\n. 1 | . .\n4 0 | . 1").expect("a puzzle");
    assert_eq!(read.inputs, [2, 1, 1, 5, 1, 1, 2, 1, 1, 2, 1, 1, 5, 1, 1, 2]);
    assert!(read.labels.iter().all(|&label| label == NO_LABEL));
    let answer = [2, 3, 4, 5, 5, 4, 2, 3, 3, 2, 5, 4, 4, 5, 3, 2];
    assert_eq!(
        made.validate(&read.inputs, &answer).to_string(),
        "not solved: row 4 column 1 differs from its given"
    );
    let mut wrong = answer;
    (wrong[0], wrong[12]) = (4, 0);
    assert_eq!(
        made.validate(&read.inputs, &wrong).to_string(),
        "not solved: row 4 column 1 holds no digit; row 1 column 1 differs from its given; row 1 holds 3 twice; \
         box 1 holds 3 twice"
    );
    assert_eq!(
        made.validate(&read.inputs, &answer[1..]).to_string(),
        "not solved: there are 15 cells instead of 16"
    );
    assert_eq!(made.render(&wrong, &read.inputs), "3 2 | 3 4\n4 3 | 1 2\n----+----\n2 1 | 4 3\n? 4 | 2 1\n");
    let styled = made.render_styled(&read.inputs[..3], &read.inputs, &|mark, text| match mark {
        Mark::Given => format!("<{text}>"),
        Mark::Filled | Mark::Blank => text.to_owned(),
        Mark::Changed => format!("!{text}"),
    });
    assert_eq!(styled.lines().next(), Some("<1> . | . !?"));

    let typed = |text: &str| made.parse_puzzle(text).map(|_| ()).map_err(|error| error.to_string());
    assert!(matches!(made.parse_puzzle(""), Err(DataError::Puzzle { .. })));
    assert_eq!(
        typed("12"),
        Err("this is no puzzle: it has 2 cells; write 16, 36, 64, 81, 100, 144 or 256 of them, row by row"
            .to_owned())
    );
    assert_eq!(
        typed(&".".repeat(81)),
        Err("this is no puzzle: it has 81 cells; this data set's puzzles have 16".to_owned())
    );
    assert_eq!(
        typed("12!"),
        Err("this is no puzzle: `!` is no digit; write blanks as `.` or `0`".to_owned())
    );
    assert_eq!(
        typed("5..............."),
        Err("this is no puzzle: `5` is no digit of a grid of 16 cells; its digits go from 1 to 4".to_owned())
    );
    assert_eq!(
        typed("1..1............"),
        Err("this is no puzzle: row 1 holds 1 twice; each row, column and box may hold a digit once"
            .to_owned())
    );
}

#[test]
fn the_shape_of_a_data_set_is_known_without_making_it() {
    for settings in [
        "sudoku(side: 4, train: 20, test: 5, givens: (5, 8), augmentations: 3)",
        "sudoku(side: 6, train: 3, test: 0, seed: 2)",
        "sudoku(side: 9, train: 2, test: 1)",
        "maze(side: 7, train: 3, test: 2, symmetries: true)",
    ] {
        let spec: DataSpec = ron::from_str(settings).unwrap();
        let opened = totc::data::open(&spec, std::path::Path::new("")).unwrap();
        let shape = totc::data::shape(&spec, std::path::Path::new("")).unwrap();
        assert_eq!((shape.sizes, shape.train_len), (opened.sizes(), opened.train_len()), "{settings}");
    }
}

#[test]
fn what_cannot_be_made_is_told_before_it_is_tried() {
    for settings in [
        "sudoku(side: 4, train: 100, test: 0)",
        "sudoku(side: 5, train: 1, test: 1)",
        "maze(side: 3, train: 1, test: 1)",
    ] {
        let spec: DataSpec = ron::from_str(settings).unwrap();
        let told = |error: totc::data::DataError| error.to_string();
        let opened = totc::data::open(&spec, std::path::Path::new("")).map(|_| ()).map_err(told);
        let shape = totc::data::shape(&spec, std::path::Path::new("")).map(|_| ()).map_err(told);
        assert!(opened.is_err(), "{settings}");
        assert_eq!(opened, shape, "{settings}");
    }
}
