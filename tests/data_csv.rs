//! Tests of Sudoku read from files: each broken file is refused with its line and the mend, and sets do not mix.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use totc::data::{DataSpec, Dataset, open};

const HEADER: &str = "source,question,answer,rating\n";
const ANSWER: &str = "1234341221434321";
const GOOD: &str = "us,1...3.12.1.34..1,1234341221434321,2\n";

/// Three inequivalent puzzles of one answer, and an image of the second.
const ONE: &str = "us,123434122143432.,1234341221434321,0\n";
const TWO: &str = "us,12343412214343..,1234341221434321,1\n";
const THREE: &str = "us,1234341221434...,1234341221434321,2.9\n";
const TWO_TURNED: &str = "us,..34341221434321,1234341221434321,3\n";

struct Folder(TempDir);

impl Folder {
    fn new(train: &[u8], test: &[u8]) -> Folder {
        let folder = Folder(TempDir::new().expect("a folder"));
        fs::write(folder.0.path().join("train.csv"), train).expect("a file");
        fs::write(folder.0.path().join("test.csv"), test).expect("a file");
        folder
    }

    fn open(&self, settings: &str) -> Result<Box<dyn Dataset>, String> {
        let text = format!("sudoku_csv(train: \"train.csv\", test: \"test.csv\"{settings})");
        let spec: DataSpec = ron::from_str(&text).expect("good settings");
        open(&spec, self.0.path()).map_err(|error| self.relative(&error.to_string()))
    }

    /// An error text without the name of the folder.
    fn relative(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn train_error(train: &[u8]) -> String {
    Folder::new(train, format!("{HEADER}{GOOD}").as_bytes()).open("").map(|_| ()).expect_err("a broken file")
}

#[test]
fn broken_rows_are_refused_one_by_one() {
    let long = format!("us,{},{ANSWER}1,0\n", ".".repeat(17));
    for (row, error) in [
        (
            long.as_str(),
            "the question has 17 characters instead of 16; write one character per cell; all puzzles of \
            a file have one side",
        ),
        (
            "us,1...,1234341221434321,0\n",
            "the question has 4 characters instead of 16; write one character per cell; \
            all puzzles of a file have one side",
        ),
        (
            "us,1...3.12.1.34..1,123434122143432,0\n",
            "the answer has 15 characters instead of 16; write one character \
            per cell; all puzzles of a file have one side",
        ),
        (
            "us,1...3x12.1.34..1,1234341221434321,0\n",
            "character 6 of the question is `x`; write digits from 1 to 4, \
            and `.` or `0` for a blank",
        ),
        (
            "us,1...3.12.1.34..1,1234341221434325,0\n",
            "character 16 of the answer is `5`; write digits from 1 to 4, \
            and `.` or `0` for a blank",
        ),
        (
            "us,1...3.12.1.34..1,123434122143432.,0\n",
            "the answer is wrong: row 4 column 4 holds no digit; correct the \
            answer or remove the row",
        ),
        (
            "us,2...............,1234341221434321,0\n",
            "the answer is wrong: row 1 column 1 differs from its given; \
            correct the answer or remove the row",
        ),
        (
            "us,................,1234341221434322,0\n",
            "the answer is wrong: row 4 holds 2 twice; correct the answer or \
            remove the row",
        ),
        (
            "us,1...3.12.1.34..1,1234341221434321\n",
            "the row has 3 fields where the header has 4; write every column, \
            with a comma between each two",
        ),
        (
            "us,1...3.12.1.34..1,1234341221434321,hard\n",
            "the rating `hard` is no number; write a number, such as 0 for \
            an unrated puzzle",
        ),
    ] {
        let file = format!("{HEADER}{GOOD}{row}");
        assert_eq!(train_error(file.as_bytes()), format!("`train.csv`, line 3: {error}"));
    }
}

#[test]
fn broken_files_are_refused() {
    let header = "start the file with the line `source,question,answer,rating`";
    for (file, error) in [
        (
            b"source,question,rating\n".to_vec(),
            format!(
                "`train.csv`, line 1: the header has no column `answer`; {header} (also understood: `solutions`, `solution`, `answers`)"
            ),
        ),
        (
            b"".to_vec(),
            format!(
                "`train.csv`, line 1: the header has no column `question`; {header} (also understood: `quizzes`, `puzzle`, `quiz`, `puzzles`, `questions`)"
            ),
        ),
        (HEADER.into(), "`train.csv` holds no rows; give a file with puzzles".to_owned()),
        (
            format!("{HEADER}us,12,12,0\n").into(),
            "`train.csv`, line 2: the question has 2 characters; write 16, 36, 81 or 256, one per cell"
                .to_owned(),
        ),
        (
            [HEADER.as_bytes(), GOOD.as_bytes(), b"\xff\xfe,1,1,0\n"].concat(),
            "`train.csv`, line 3: the line is not UTF-8 text; save the file as UTF-8".to_owned(),
        ),
    ] {
        assert_eq!(train_error(&file), error);
    }
    let missing: DataSpec =
        ron::from_str("sudoku_csv(train: \"a.csv\", test: \"b.csv\")").expect("good settings");
    assert_eq!(
        open(&missing, Path::new("nowhere")).map(|_| ()).expect_err("no file").to_string(),
        "cannot read `nowhere/b.csv`: No such file or directory (os error 2); check the path, which starts at the run \
         file's folder unless it is absolute"
    );
}

#[test]
fn columns_may_stand_in_any_order() {
    let file = "\u{feff}rating, question ,answer\r\n7,1...3.12.1.34..1,1234341221434321\r\n";
    let set =
        Folder::new(file.as_bytes(), format!("{HEADER}{ONE}").as_bytes()).open("").expect("a good file");
    assert_eq!(set.train_example(0, 0).inputs[..6], [2, 1, 1, 1, 4, 1]);
    assert_eq!(set.sizes().symbol, 6);
}

#[test]
fn shared_puzzles_are_refused_or_dropped() {
    let folder = Folder::new(
        format!("{HEADER}{ONE}{TWO}{THREE}").as_bytes(),
        format!("{HEADER}{GOOD}{TWO_TURNED}").as_bytes(),
    );
    assert_eq!(
        folder.open("").map(|_| ()).expect_err("shared"),
        "`train.csv`, line 3 is the same puzzle up to symmetry as `test.csv`, line 3; remove one of the two rows, or set \
         `shared: drop` to leave such rows out of training"
    );
    let set = folder.open(", shared: drop, augmentations: 1").expect("a good pair");
    assert_eq!((set.train_len(), set.test_len()), (2, 2));
    assert_eq!(
        set.describe(),
        "4x4 Sudoku: training on 2 rows of `train.csv` (1 dropped for being test rows up to symmetry), testing on 2 rows \
         of `test.csv`; 1 augmented copy of each training puzzle"
    );
    let same = Folder::new(format!("{HEADER}{TWO}").as_bytes(), format!("{HEADER}{TWO_TURNED}").as_bytes());
    assert_eq!(
        same.open(", shared: drop").map(|_| ()).expect_err("nothing left"),
        "`train.csv` holds no row that is not a test row up to symmetry; give other training rows"
    );
}

#[test]
fn rows_are_chosen_by_rating_and_number() {
    let folder = Folder::new(
        format!("{HEADER}{ONE}{TWO}{THREE}").as_bytes(),
        format!("{HEADER}{GOOD}{GOOD}{GOOD}").as_bytes(),
    );
    let rated = folder.open(", min_rating: 2").expect("a good pair");
    assert_eq!((rated.train_len(), rated.test_len()), (1, 3));
    assert_eq!(
        rated.describe(),
        "4x4 Sudoku: training on 1 row of `train.csv` (rated 2 or more), testing on 3 rows of `test.csv` (rated 2 or \
         more); no augmentation"
    );
    let drawn = |seed: u64| {
        let set = folder.open(&format!(", limit: 1, test_limit: 2, seed: {seed}")).expect("a good pair");
        assert_eq!((set.train_len(), set.test_len()), (1, 2));
        set.train_example(0, 0).inputs
    };
    let all: std::collections::HashSet<_> = (0..20).map(drawn).collect();
    assert_eq!((all.len(), drawn(4)), (3, drawn(4)));
    let error = |settings: &str| folder.open(settings).map(|_| ()).expect_err("refused");
    assert_eq!(error(", min_rating: 2.5"), "`test.csv` holds no row rated 2.5 or more; lower `min_rating`");
    assert_eq!(
        error(", limit: 0"),
        "`sudoku_csv`, setting `limit`: there would be nothing to train on; allow at least 1 row, or write None for all \
         rows"
    );
}

#[test]
fn both_files_have_one_side() {
    let answer = "123456456123231564564231312645645312";
    let six = format!("{HEADER}us,{answer},{answer},0\n");
    let folder = Folder::new(format!("{HEADER}{GOOD}").as_bytes(), six.as_bytes());
    assert_eq!(
        folder.open("").map(|_| ()).expect_err("two sides"),
        "`test.csv` holds puzzles of side 6, unlike the training file; give a test file of side 4"
    );
}

#[test]
fn test_puzzles_keep_the_rating_of_their_row() {
    let test = format!("{HEADER}{TWO}{THREE}");
    let folder = Folder::new(format!("{HEADER}{GOOD}").as_bytes(), test.as_bytes());
    let data = folder.open("").expect("a good pair");
    assert_eq!((data.rating(0), data.rating(1), data.rating(2)), (Some(1.0), Some(2.9), None));
    assert_eq!(data.rating_name(), "rating");
    let drawn = folder.open(", min_rating: 2").expect("a good pair");
    assert_eq!((drawn.test_len(), drawn.rating(0)), (1, Some(2.9)));
}
