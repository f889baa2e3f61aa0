//! Data sets: takes a `DataSpec` (read from a run file) and gives a `Dataset` of token rows; never touches a tensor.
//!
//! A new data set is one file holding a settings struct that implements [`Source`], and one line in the registry below.

pub mod arc;
pub mod built;
mod choice;
mod dataset;
pub mod dihedral;
mod error;
mod example;
pub mod hub;
pub mod maze;
pub mod npy;
pub mod permutations;
mod picture;
pub mod prefetch;
mod purpose;
pub mod puzzles;
pub mod python_json;
mod settings;
mod source;
mod stream;
pub mod sudoku;
pub mod table;
pub mod text;
mod verdict;
pub mod zebra;

use std::fmt;
use std::path::Path;

pub use crate::bounds::CountRange;
pub use dataset::{Dataset, Field, Sizes};
pub use error::{DataError, Refused};
pub use example::{Example, NO_LABEL, Rows, Undo, View};
pub use picture::{Mark, Picture, PictureCell};
pub use purpose::Purpose;
pub use source::{DataShape, Source};
pub use stream::{Stream, Visit};
pub use verdict::{Fault, Verdict};

/// Declares `DataSpec`, its names in run files, and its dispatch.
macro_rules! registry {
    ($($(#[$note:meta])* $variant:ident $name:literal $settings:ty;)+) => {
        /// Which data set a run uses, with its settings. In RON: `sudoku(side: 4, train: 1000, test: 500)`.
        #[derive(Clone, Debug, PartialEq)]
        pub enum DataSpec { $($(#[$note])* $variant($settings),)+ }

        impl DataSpec {
            /// Names of all data sets, as run files write them.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// The name under which a run file asks for this data set.
            pub fn name(&self) -> &'static str {
                match self { $(DataSpec::$variant(_) => $name,)+ }
            }

            fn source(&self) -> &dyn Source {
                match self { $(DataSpec::$variant(settings) => settings,)+ }
            }
        }

        impl schemars::JsonSchema for DataSpec {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                "DataSpec".into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let choices = [$(($name, generator.subschema_for::<$settings>())),+].map(|(name, settings)| {
                    schemars::json_schema!({
                        "type": "object",
                        "properties": { name: settings },
                        "required": [name],
                        "additionalProperties": false,
                    })
                });
                schemars::json_schema!({
                    "description": "Which data set a run uses, with its settings.",
                    "oneOf": choices,
                })
            }
        }

        impl<'de> serde::de::Visitor<'de> for settings::Pick<DataSpec> {
            type Value = DataSpec;

            fn expecting(&self, out: &mut fmt::Formatter) -> fmt::Result {
                write!(out, "a data set: one of {}", DataSpec::NAMES.join(", "))
            }

            fn visit_enum<A: serde::de::EnumAccess<'de>>(self, data: A) -> Result<DataSpec, A::Error> {
                let (settings::Name(name), body) = data.variant()?;
                match name.as_str() {
                    $($name => settings::settings::<$settings, A>(body).map(DataSpec::$variant),)+
                    other => Err(settings::unknown(other, DataSpec::NAMES)),
                }
            }
        }
    };
}

registry! {
    /// Generated Sudoku puzzles.
    Sudoku "sudoku" sudoku::GeneratedSpec;
    /// Sudoku puzzles read from files.
    SudokuCsv "sudoku_csv" sudoku::CsvSpec;
    /// Folders that the scripts of the reference code wrote.
    Built "built" built::BuiltSpec;
    /// ARC tasks read from files, augmented on the fly.
    Arc "arc" arc::ArcSpec;
    /// Generated mazes.
    Maze "maze" maze::GeneratedSpec;
    /// Mazes read from files.
    MazeCsv "maze_csv" maze::CsvSpec;
    /// Puzzles of any kind, read from files.
    Puzzles "puzzles" puzzles::PuzzlesSpec;
    /// A text file, for predicting each next character.
    Text "text" text::TextSpec;
}

impl<'de> serde::Deserialize<'de> for DataSpec {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_enum("DataSpec", DataSpec::NAMES, settings::Pick::<DataSpec>::new())
    }
}

/// Opens the data set of `spec`; relative paths start at `base`, the folder of the run file.
///
/// # Errors
/// Settings that make no sense, files that cannot be read, and any row that breaks the rules.
pub fn open(spec: &DataSpec, base: &Path) -> Result<Box<dyn Dataset>, DataError> {
    spec.source().open(base)
}

/// The shape of the data set of `spec` without generating a puzzle; files are read, every row.
///
/// # Errors
/// As [`open`], but for a search for puzzles that finds too few.
pub fn shape(spec: &DataSpec, base: &Path) -> Result<DataShape, DataError> {
    spec.source().shape(base)
}
