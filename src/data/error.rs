//! What can go wrong with data: each error names the place, the cause and the fix; it never holds a whole file.

use std::io;
use std::path::PathBuf;

/// An error about data, whose text is ready for the person who wrote the run file.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A file cannot be read at all.
    #[error("cannot read `{}`: {cause}; check the path, which starts at the run file's folder unless it is absolute", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// A line of a file is broken.
    #[error("`{}`, line {line}: {what}; {fix}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: u64,
        /// The cause.
        what: String,
        /// How to fix it.
        fix: String,
    },
    /// A task of a file is broken.
    #[error("`{}`, task `{task}`: {what}; {fix}", path.display())]
    Task {
        /// The file.
        path: PathBuf,
        /// The task's name.
        task: String,
        /// The cause.
        what: String,
        /// How to fix it.
        fix: String,
    },
    /// A file holds no row that the run could use.
    #[error("`{}` {what}; {fix}", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// The cause.
        what: String,
        /// How to fix it.
        fix: String,
    },
    /// An array, or another file of a built data set, is broken.
    #[error("`{}`{}: {what}; {fix}", path.display(), row.map_or(String::new(), |row| format!(", row {row}")))]
    Array {
        /// The file.
        path: PathBuf,
        /// Its row, from 0 as NumPy counts.
        row: Option<usize>,
        /// The cause.
        what: String,
        /// How to fix it.
        fix: String,
    },
    /// A file cannot be written.
    #[error("cannot write `{}`: {cause}; check the folder and the room on its disk", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// A setting of the run file asks for something that cannot be.
    #[error("`{data_set}`, setting `{setting}`: {what}; {fix}")]
    Setting {
        /// The data set's name in the run file.
        data_set: &'static str,
        /// The setting.
        setting: &'static str,
        /// The cause.
        what: String,
        /// How to fix it.
        fix: String,
    },
    /// Training and test share a puzzle up to symmetry.
    #[error(
        "`{}`, line {train_line} is the same puzzle up to symmetry as `{}`, line {test_line}; \
         remove one of the two rows, or set `shared: drop` to leave such rows out of training",
        train.display(), test.display()
    )]
    Shared {
        /// The training file.
        train: PathBuf,
        /// The first training row that is shared.
        train_line: u64,
        /// The test file.
        test: PathBuf,
        /// The row it equals.
        test_line: u64,
    },
    /// Rows could not be prepared.
    #[error(
        "preparing the next rows of the data failed: {what}; if no file of the data set was changed meanwhile, this is an error of totc itself: please report it with the run file"
    )]
    Preparing {
        /// The cause.
        what: String,
    },
    /// No thread could be started.
    #[error(
        "no thread could be started to prepare the next rows of the data ({cause}): memory is short, or the number of threads is limited; \
         close other programs or raise the limit (`ulimit -a` shows it), and go on with --resume"
    )]
    NoThread {
        /// What the system says.
        cause: std::io::Error,
    },
    /// Training and test share a maze.
    #[error(
        "`{}`, line {train_line} has the same walls up to symmetry as `{}`, line {test_line}; remove one of the two rows",
        train.display(), test.display()
    )]
    SharedWalls {
        /// The training file.
        train: PathBuf,
        /// The first training row that is shared.
        train_line: u64,
        /// The test file.
        test: PathBuf,
        /// The row whose walls it has.
        test_line: u64,
    },
    /// The Hugging Face hub, or the way there, refuses.
    #[error("{address}: {what}; {fix}")]
    Hub {
        /// What was asked for.
        address: String,
        /// The cause.
        what: String,
        /// How to fix it.
        fix: String,
    },
    /// A puzzle typed by a person cannot be read.
    #[error("this is no puzzle: {what}; {fix}")]
    Puzzle {
        /// The cause.
        what: String,
        /// How to fix it.
        fix: String,
    },
}

/// Puzzles that cannot be made, however long one tries.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}; {fix}")]
pub struct Refused {
    /// The setting that is wrong, as run files call it.
    pub setting: &'static str,
    /// What is wrong with it.
    pub what: String,
    /// How to mend it.
    pub fix: String,
}

impl Refused {
    /// What is told of a run file.
    pub fn of(self, data_set: &'static str) -> DataError {
        DataError::Setting { data_set, setting: self.setting, what: self.what, fix: self.fix }
    }
}
