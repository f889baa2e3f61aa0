//! `totc new [KIND]`

use super::{Failure, Outcome};
use clap::ValueEnum;
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Writes a commented run file and a model to start from, and data where they are no puzzles that totc makes. Nothing that
/// is there is overwritten.
#[derive(clap::Args)]
pub struct Args {
    /// What the model is to learn
    #[arg(value_enum, default_value_t = Kind::Sudoku)]
    kind: Kind,
    /// The folder to write to (default: one named like the kind)
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// What there is a beginning for.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// 4x4 Sudoku, made by totc
    Sudoku,
    /// 8x8 mazes, made by totc
    Maze,
    /// Three small tasks in the form of ARC, to be replaced by ARC's
    Arc,
    /// A small text, to be replaced by another
    Text,
}

const RUN: &str = include_str!("new/run.ron");
const MODEL: &str = include_str!("new/model.tot");
const TEXT_MODEL: &str = include_str!("new/text.tot");

/// Writes the files and says what to do next.
pub fn main(args: &Args) -> Outcome {
    let name = args.kind.name();
    let folder = args.out.clone().unwrap_or_else(|| PathBuf::from(name));
    let files = args.kind.files();
    // All or nothing.
    for (file, _) in &files {
        let path = folder.join(file);
        if path.symlink_metadata().is_ok() {
            return Err(in_the_way(&path));
        }
    }
    for (file, text) in &files {
        write(&folder.join(file), text)?;
        println!("{}", folder.join(file).display());
    }
    println!(
        "\nNext:\n  totc check {run}\n  totc run {run}",
        run = folder.join(format!("{name}.ron")).display()
    );
    Ok(())
}

fn in_the_way(path: &Path) -> Failure {
    Failure::Usage(format!(
        "{} is there already, and nothing is overwritten; choose another folder by --out",
        path.display()
    ))
}

fn write(path: &Path, text: &str) -> Outcome {
    let world = |cause: std::io::Error| match cause.kind() {
        ErrorKind::AlreadyExists => in_the_way(path),
        _ => Failure::World(format!("{}: {cause}", path.display())),
    };
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new(""))).map_err(world)?;
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(world)?;
    file.write_all(text.as_bytes()).map_err(world)
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Sudoku => "sudoku",
            Kind::Maze => "maze",
            Kind::Arc => "arc",
            Kind::Text => "text",
        }
    }

    /// Paths in the folder, with what they hold.
    fn files(self) -> Vec<(String, String)> {
        let named = |text: &str| text.replace("KIND", self.name());
        let model = if self == Kind::Text { TEXT_MODEL } else { MODEL };
        let mut files = vec![
            (format!("{}.ron", self.name()), named(&self.run_file())),
            ("model.tot".to_owned(), named(model)),
        ];
        match self {
            Kind::Arc => files.push(("data/tasks_challenges.json".to_owned(), tasks())),
            Kind::Text => files.push(("data/sums.txt".to_owned(), sums())),
            Kind::Sudoku | Kind::Maze => {}
        }
        files
    }

    fn run_file(self) -> String {
        let puzzle = "        \"hidden\": 64, \"heads\": 4,           // width and attention heads\n        \
                      \"T\": 2, \"n\": 3,                     // cycles, and updates of the latent in each\n        \
                      \"puzzle_tokens\": 1,                 // the puzzle embedding is so many tokens long\n        \
                      \"max_steps\": 4, \"explore\": 0.1,     // supervision steps of an example at most";
        let text = "        \"hidden\": 64, \"heads\": 4,           // width and attention heads\n        \
                    \"T\": 2, \"n\": 2,                     // cycles, and updates of the latent in each\n        \
                    \"max_steps\": 2,                     // supervision steps of an example";
        let data = match self {
            Kind::Sudoku => {
                "    // Puzzles of 5 to 8 givens; training and test puzzles differ by more than symmetry.\n    \
                 data: sudoku(side: 4, train: 1_000, test: 500, givens: (5, 8), augmentations: 100),"
            }
            Kind::Maze => {
                "    // `solved`: of many shortest paths the one that the published rule picks.\n    \
                 data: maze(side: 8, train: 1_000, test: 200, path_cells: (8, 30), symmetries: true, answers: solved),"
            }
            Kind::Arc => {
                "    // Kaggle's form: data/tasks_challenges.json. `side: 8` holds grids of up to 8 x 8; ARC needs 30.\n    \
                 data: arc(from: \"data\", subsets: \"tasks\", test: \"tasks\", augmentations: 3, side: 8),"
            }
            Kind::Text => {
                "    // The last tenth of the file is tested on and never trained on.\n    \
                 data: text(path: \"data/sums.txt\", unit: characters, length: 64, test: 0.1),"
            }
        };
        let tables = "    tables: (lr: 1e-3, weight_decay: 0.1),  // the puzzle embedding\n";
        let of_text = self == Kind::Text;
        RUN.replace("SETS", if of_text { text } else { puzzle })
            .replace("DATA", data)
            .replace("STEPS", if of_text { "600" } else { "1_500" })
            .replace("TABLES", if of_text { "" } else { tables })
    }
}

/// Sums in words of a language that is learned in minutes.
fn sums() -> String {
    let pairs = (0..32).flat_map(|one| (0..32).map(move |other| (one, other)));
    // In an order that is not theirs: 1024 has no factor in common with 389.
    let mut lines: Vec<String> =
        pairs.map(|(one, other)| format!("{one} and {other} make {}.\n", one + other)).collect();
    let count = lines.len();
    (0..count).map(|at| std::mem::take(&mut lines[at * 389 % count])).collect()
}

/// Three tasks on grids of 4 x 4 and less: mirror, recolour, and a frame around what is there.
fn tasks() -> String {
    type Grid = Vec<Vec<u32>>;
    let drawn = |seed: u32| -> Grid {
        let cell = |row: u32, column: u32| (seed * 7 + row * row * 3 + column * (seed + 2)) % 5;
        (0..3 + seed % 2).map(|row| (0..3).map(|column| cell(row, column)).collect()).collect()
    };
    let mirrored =
        |grid: &Grid| -> Grid { grid.iter().map(|row| row.iter().rev().copied().collect()).collect() };
    let recoloured = |grid: &Grid| -> Grid {
        grid.iter()
            .map(|row| row.iter().map(|colour| if *colour == 0 { 0 } else { colour + 4 }).collect())
            .collect()
    };
    let framed = |grid: &Grid| -> Grid {
        let width = grid.first().map_or(0, Vec::len) + 2;
        let row = |row: &Vec<u32>| [&[8][..], row, &[8]].concat();
        let inner = grid.iter().map(row);
        std::iter::once(vec![8; width]).chain(inner).chain([vec![8; width]]).collect()
    };
    let task = |rule: &dyn Fn(&Grid) -> Grid| -> Value {
        let pair = |seed: u32| json!({ "input": drawn(seed), "output": rule(&drawn(seed)) });
        json!({ "train": (1..5).map(pair).collect::<Vec<Value>>(), "test": [pair(5)] })
    };
    let tasks =
        json!({ "mirror00": task(&mirrored), "colours0": task(&recoloured), "frame000": task(&framed) });
    format!("{tasks}\n")
}
