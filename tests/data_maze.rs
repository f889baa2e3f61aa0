//! Tests of mazes: the published answers follow the rule that is programmed here, other shortest paths are right too,
//! broken files are refused, and generated mazes are what was asked for.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use tempfile::TempDir;
use totc::data::maze::build::{BuildSpec, build};
use totc::data::maze::csv::read;
use totc::data::maze::grid::{Maze, token};
use totc::data::{DataSpec, Dataset, open};

fn golden(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/data").join(name)
}

fn data(settings: &str) -> Box<dyn Dataset> {
    opened(settings, Path::new(env!("CARGO_MANIFEST_DIR"))).expect("a data set")
}

fn opened(settings: &str, base: &Path) -> Result<Box<dyn Dataset>, String> {
    let spec: DataSpec = ron::from_str(settings).expect("good settings");
    open(&spec, base).map_err(|error| error.to_string())
}

fn maze(rows: &[&str]) -> Maze {
    let cells = rows.concat().chars().map(|character| token(character).expect("a maze character")).collect();
    Maze::new(rows.len(), cells).expect("a maze")
}

fn tokens(rows: &[&str]) -> Vec<i64> {
    rows.concat().chars().map(|character| i64::from(token(character).expect("a maze character"))).collect()
}

/// Ten published mazes of 30 by 30 and thirty made by another program.
#[test]
fn published_answers_follow_the_rule() {
    let mut count = 0;
    for file in ["maze-tiny-src/train.csv", "maze-tiny-src/test.csv", "maze_10x10.csv"] {
        read(&golden(file), |row| {
            assert_eq!(row.maze.answer().as_ref(), Some(&row.answer), "{file}, line {}", row.line);
            let marked = row.answer.iter().filter(|token| **token == 5).count();
            assert_eq!(row.path_cells as usize, marked + 2, "{file}, line {}", row.line);
            count += 1;
        })
        .expect("a good file");
    }
    assert_eq!(count, 40);
}

const OPEN: [&str; 4] = ["S...", ".##.", ".##.", "...G"];

#[test]
fn any_shortest_path_is_an_answer() {
    let maze = maze(&OPEN);
    assert_eq!(maze.path_cells(), Some(7));
    let rule: String = maze
        .answer()
        .expect("a path")
        .iter()
        .map(|&t| "?# SGo".chars().nth(t.into()).expect("a token"))
        .collect();
    // Down comes before right.
    assert_eq!(rule, "S   o## o## oooG");
    for (answer, faults) in [
        (["S...", "o##.", "o##.", "oooG"], &[][..]),
        (["Sooo", ".##o", ".##o", "...G"], &[]),
        (["S...", "o##.", "o##.", "o.oG"], &["the path breaks off after row 4, column 1"]),
        (["Sooo", "o##o", "o##o", "oooG"], &["10 cells are marked where one path has 5"]),
        (["S...", "o##.", "o#..", "oooG"], &["row 3, column 3 changed, from `#` to ` `"]),
        (["S...", "o#o.", "o##.", "oooG"], &["row 2, column 3 changed, from `#` to `o`"]),
        (["G...", "o##.", "o##.", "oooS"], &["row 1, column 1 and 1 more changed, from `S` to `G`"]),
    ] {
        let verdict = maze.check(&tokens(&answer));
        let found: Vec<&str> = verdict.faults.iter().map(|fault| fault.what.as_str()).collect();
        assert_eq!(found, faults, "{answer:?}");
    }
}

#[test]
fn a_detour_is_no_answer() {
    let maze = maze(&["S..", "#..", "#.G"]);
    assert!(maze.check(&tokens(&["Soo", "#.o", "#.G"])).solved());
    let verdict = maze.check(&tokens(&["Soo", "#oo", "#oG"]));
    assert!(!verdict.solved());
    let maze = self::maze(&["S.G", "...", "..."]);
    let verdict = maze.check(&tokens(&["S.G", "ooo", "..."]));
    assert_eq!(verdict.faults[0].what, "row 2, column 1 and 2 more are on no shortest path");
}

#[test]
fn broken_rows_are_refused_with_their_line() {
    let header = "source,question,answer,rating\n";
    for (row, error) in [
        ("us,S.G,SoG,3\n", "the question has 3 characters instead of 4"),
        ("us,S..X,S.oG,3\n", "character 4 of the question is `X`"),
        ("us,S..S,SooG,3\n", "the question is wrong: it has 2 starts (`S`)"),
        ("us,S...,So..,3\n", "the question is wrong: it has no goal (`G`)"),
        ("us,S##G,S##G,0\n", "no path leads from start to goal"),
        ("us,S..G,S..G,3\n", "the answer is no shortest path: the path breaks off after row 1, column 1"),
        ("us,S..G,SoG,3\n", "the answer has 3 characters where the question has 4"),
        ("us,S..G\n", "the row has 2 fields where the header has 4"),
    ] {
        let folder = TempDir::new().expect("a folder");
        fs::write(folder.path().join("a.csv"), format!("{header}us,S.#G,So#G,3\n{row}")).expect("a file");
        let error_found =
            opened("maze_csv(train: \"a.csv\", test: \"a.csv\")", folder.path()).map(|_| ()).expect_err(row);
        assert!(error_found.contains("a.csv`, line 3: ") && error_found.contains(error), "{error_found}");
    }
}

#[test]
fn training_never_sees_a_test_maze() {
    let folder = TempDir::new().expect("a folder");
    let header = "source,question,answer,rating\n";
    // The second has the walls of the first, mirrored, with another start and goal.
    fs::write(folder.path().join("a.csv"), format!("{header}us,S..#.##.G,So.#o##oG,0\n")).expect("a file");
    fs::write(folder.path().join("b.csv"), format!("{header}us,..S#.#G.#,.oS#o#Go#,0\n")).expect("a file");
    let error = opened("maze_csv(train: \"a.csv\", test: \"b.csv\")", folder.path())
        .map(|_| ())
        .expect_err("shared walls");
    assert!(error.contains("line 2 has the same walls up to symmetry as"), "{error}");
}

#[test]
fn a_packed_file_is_read_as_it_is() {
    use std::io::Write;
    let folder = TempDir::new().expect("a folder");
    let plain = fs::read(golden("maze_10x10.csv")).expect("a file");
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(&plain).expect("memory");
    fs::write(folder.path().join("packed.csv.gz"), packer.finish().expect("memory")).expect("a file");
    let mut rows = Vec::new();
    read(&folder.path().join("packed.csv.gz"), |row| rows.push(row)).expect("a good file");
    let mut plain = Vec::new();
    read(&golden("maze_10x10.csv"), |row| plain.push(row)).expect("a good file");
    assert_eq!(rows, plain);
}

#[test]
fn generated_mazes_are_long_distinct_and_reproducible() {
    let settings = "maze(side: 10, train: 60, test: 20, path_cells: (16, 30), seed: 3)";
    let set = data(settings);
    assert_eq!((set.sizes().cell, set.sizes().symbol, set.train_len(), set.test_len()), (100, 6, 60, 20));
    let mut walls = HashSet::new();
    let mut examples: Vec<_> = (0..20).filter_map(|i| set.test_example(i)).collect();
    let mut seen = HashSet::new();
    examples.extend(
        (0..60).map(|k| set.train_example(0, k)).filter(|example| seen.insert(example.inputs.clone())),
    );
    assert_eq!(examples.len(), 80, "an epoch visits every training maze once");
    for example in &examples {
        let cells: Vec<u8> = example.inputs.iter().map(|&t| u8::try_from(t).expect("a token")).collect();
        let maze = Maze::new(10, cells).expect("a maze");
        let share = maze.cells().iter().filter(|cell| **cell == 1).count();
        assert!((30..=50).contains(&share), "{share} walls of 100 cells");
        assert!((16..=30).contains(&maze.path_cells().expect("a path")));
        assert!(set.validate(&example.inputs, &example.labels).solved());
        assert!(walls.insert(totc::data::maze::generator::walls_up_to_symmetry(&maze)));
    }
    let again = data(settings);
    assert_eq!(again.test_example(7), set.test_example(7));
    assert_eq!(again.train_example(5, 1000), set.train_example(5, 1000));
}

#[test]
fn turned_mazes_keep_the_answer_or_the_rule() {
    let all = |answers: &str| {
        let set =
            data(&format!("maze(side: 8, train: 1, test: 1, symmetries: true, answers: {answers}, seed: 1)"));
        let examples: HashSet<(Vec<i64>, Vec<i64>)> =
            (0..400).map(|k| set.train_example(0, k)).map(|one| (one.inputs, one.labels)).collect();
        for (question, answer) in &examples {
            assert!(set.validate(question, answer).solved());
        }
        examples
    };
    let (turned, solved) = (all("turned"), all("solved"));
    assert_eq!((turned.len(), solved.len()), (8, 8));
    for (question, answer) in &solved {
        let maze = Maze::new(8, question.iter().map(|&t| t as u8).collect()).expect("a maze");
        let rule: Vec<i64> = maze.answer().expect("a path").into_iter().map(i64::from).collect();
        assert_eq!(&rule, answer);
    }
}

#[test]
fn a_typed_maze_is_read_and_printed() {
    let set = data("maze(side: 4, train: 1, test: 1)");
    let read = set.parse_puzzle("S...\n.##.\n.##.\n...G").expect("a maze");
    assert_eq!(read.inputs, tokens(&OPEN));
    assert_eq!(
        set.parse_puzzle("S  | ## | ## |   G").map(|_| ()).map_err(|e| e.to_string()).expect_err("15 cells"),
        "this is no puzzle: it has 15 cells; this data set's mazes have 16, 4 rows of 4"
    );
    let answer = tokens(&["Sooo", ".##o", ".##o", "...G"]);
    assert_eq!(set.render(&answer, &read.inputs), "S o o o\n. # # o\n. # # o\n. . . G\n");
    let error = set.parse_puzzle("S###|####|####|###G").map(|_| ()).expect_err("no way").to_string();
    assert_eq!(error, "this is no puzzle: no path leads from start to goal; open a way between them");
}

#[test]
fn impossible_settings_are_refused() {
    for (settings, error) in [
        ("maze(side: 3, train: 1, test: 1)", "use 4 to 64"),
        ("maze(side: 10, train: 0, test: 1)", "ask for at least 1 maze"),
        ("maze(side: 10, train: 1, test: 1, path_cells: (80, 90))", "ask for 2 to 70, or for a larger side"),
    ] {
        let found = opened(settings, Path::new(".")).map(|_| ()).expect_err(settings);
        assert!(found.contains(error), "{found}");
    }
}

/// `golden/data/maze-tiny.sha256` lists the files that the reference script made of the same sources.
#[test]
fn a_built_set_is_that_of_the_reference_script() {
    use sha2::{Digest, Sha256};
    let folder = TempDir::new().expect("a folder");
    let plan = BuildSpec {
        train: golden("maze-tiny-src/train.csv"),
        test: golden("maze-tiny-src/test.csv"),
        out: folder.path().to_owned(),
        subsample_size: None,
        aug: true,
        seed: 42,
    };
    let (train, test) = build(&plan).expect("a data set");
    assert_eq!((train.groups, train.examples, test.examples), (5, 40, 5));
    let listed = fs::read_to_string(golden("maze-tiny.sha256")).expect("a list");
    assert_eq!(listed.lines().count(), 13);
    for line in listed.lines() {
        let (wanted, file) = line.split_once("  ").expect("a sum and a name");
        let bytes = fs::read(folder.path().join(file)).expect(file);
        let found: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, wanted, "{file}");
    }
}

#[test]
fn the_eight_views_are_undone() {
    let set = data("maze(side: 9, train: 1, test: 3, seed: 5)");
    for i in 0..3 {
        let example = set.test_example(i).expect("an example");
        assert!((9.0..81.0).contains(&set.rating(i).expect("a rating")));
        let mut seen = HashSet::new();
        for k in 0..8 {
            let view = set.view(&example, k).expect("a view");
            assert!(set.validate(&view.example.inputs, &view.example.labels).solved());
            assert_eq!((view.undo)(&view.example.labels), example.labels);
            seen.insert(view.example.inputs);
        }
        assert_eq!(seen.len(), 8);
        assert!(set.view(&example, 8).is_none());
    }
    assert_eq!(set.rating_name(), "path cells");
}
