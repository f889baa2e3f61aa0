//! Compiled programs against an oracle that evaluates the syntax tree, one value at a time, in float64 (`oracle/`):
//! random programs, those that once failed (`oracle/found/`), and every shipped model.
//!
//! `TOTC_ORACLE_PROGRAMS=5000 TOTC_ORACLE_SEED=2 cargo test --test oracle random -- --nocapture` draws that many and
//! prints what they were made of; with `TOTC_ORACLE_KEEP=FOLDER`, those that fail are shrunk and kept there.
//! `TOTC_ORACLE_SLOPES=1` holds the gradients of all shipped models against finite differences too.
#![cfg(feature = "torch")]

#[path = "compile/mod.rs"]
mod compile;
#[path = "oracle/mod.rs"]
mod oracle;
mod slopes;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use oracle::compare::{Outcome, compared};
use oracle::compiled::{Texts, parsed, read};
use oracle::evaluate::Settings;
use oracle::generate::{self, Program};
use oracle::shrink::shrunk;
use totc::syntax::ast::{File, ItemKind};

/// Sizes of the axes that the data would bind.
const SIZES: [(&str, usize); 4] = [("batch", 2), ("cell", 3), ("symbol", 4), ("task", 3)];

/// Configs that make a shipped model small, where it has them.
const SMALL: [(&str, &str); 10] = [
    ("hidden", "8"),
    ("heads", "2"),
    ("layers", "1"),
    ("n", "2"),
    ("T", "2"),
    ("puzzle_tokens", "2"),
    ("max_steps", "4"),
    ("branchings", "2"),
    ("ponder", "3"),
    ("memory_tokens", "2"),
];

/// Shipped models whose gradient is held against finite differences each time; the others are made of the same.
const SLOPES: [&str; 3] = ["Trm", "Hrm", "ToTrm"];

#[test]
fn random_programs() {
    let (count, first) = (asked("TOTC_ORACLE_PROGRAMS", 200), asked("TOTC_ORACLE_SEED", 1));
    let keep = std::env::var("TOTC_ORACLE_KEEP").ok().map(PathBuf::from);
    let (mut tallies, mut constructs) = (BTreeMap::<String, usize>::new(), BTreeMap::<&str, usize>::new());
    let (mut outputs, mut slopes, mut wrong) = (0, 0, Vec::new());
    for seed in first * 1_000_000..first * 1_000_000 + count {
        let drawn = generate::program(seed);
        let outcome = outcome(&drawn, &drawn.text, seed, true);
        let word = match &outcome {
            Outcome::Agreed { outputs: values, slopes: directions } => {
                outputs += values;
                slopes += directions;
                drawn.constructs.keys().for_each(|word| *constructs.entry(word).or_default() += 1);
                "agree".to_owned()
            }
            Outcome::Refused(said) => format!("refused: {}", first_line(said)),
            Outcome::Unsaid(why) => {
                format!("nothing can be said: {}", why.split(" within").next().unwrap_or(""))
            }
            Outcome::Differs { detail, .. } => {
                wrong.push(format!("seed {seed}: {} ({})", kind(&outcome), first_line(detail)));
                if let Some(folder) = &keep {
                    kept(&drawn, seed, &outcome, folder);
                }
                format!("differ: {}", kind(&outcome))
            }
        };
        *tallies.entry(word).or_default() += 1;
    }
    println!("{count} programs; {outputs} values and {slopes} slopes compared");
    for (what, count) in tallies {
        println!("{count:6} {what}");
    }
    println!("constructs, by programs that agree:");
    for (what, count) in constructs {
        println!("{count:6} {what}");
    }
    assert!(wrong.is_empty(), "{} of {count} programs differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// Programs that once failed. Their first lines say what a run binds, which seed draws the values, and what was wrong.
#[test]
fn programs_that_once_failed() {
    let mut paths = Vec::new();
    files(&root().join("tests/oracle/found"), &mut paths);
    assert!(!paths.is_empty(), "nothing is kept");
    let mut wrong = Vec::new();
    for path in paths {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("the file can be read");
        let (settings, seed) = bound(&text);
        let program = Program { text: String::new(), settings, constructs: BTreeMap::new() };
        let outcome = outcome(&program, &text, seed, true);
        println!("{name}: {outcome:?}");
        let refused = text.lines().any(|line| line == "// refused");
        match &outcome {
            Outcome::Agreed { .. } if !refused => {}
            Outcome::Refused(_) if refused => {}
            other => wrong.push(format!("{name}: {other:?}")),
        }
    }
    assert!(wrong.is_empty(), "{} programs fail again:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn shipped_models() {
    let mut paths = Vec::new();
    for folder in ["models", "examples", "tests/stages"] {
        files(&root().join(folder), &mut paths);
    }
    let (mut agreed, mut unsaid, mut wrong) = (0, Vec::new(), Vec::new());
    for path in paths {
        let Ok(texts) = read(&path) else { continue };
        for model in models(&texts) {
            for training in [true, false] {
                let settings = small(&texts, &model, training);
                let slopes = SLOPES.contains(&model.as_str()) || asked("TOTC_ORACLE_SLOPES", 0) > 0;
                let what = format!(
                    "{}, {model}, {}",
                    path.display(),
                    if training { "training" } else { "evaluation" }
                );
                match compared(&texts, &settings, 7, slopes) {
                    Outcome::Agreed { .. } => agreed += 1,
                    Outcome::Unsaid(why) => unsaid.push(format!("{what}: {why}")),
                    other => wrong.push(format!("{what}: {other:?}")),
                }
            }
        }
    }
    println!("{agreed} shipped models and cases agree; of {} nothing can be said:", unsaid.len());
    unsaid.iter().for_each(|line| println!("    {line}"));
    assert!(agreed > 60, "only {agreed} agree");
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A number from the environment.
fn asked(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Model files below a folder, sorted; what is kept to fail is left out.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() && !path.ends_with("failing") {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "tot") {
            found.push(path);
        }
    }
    found.sort();
}

fn models(texts: &Texts) -> Vec<String> {
    let items = texts.modules.by_path[""].tree.items.iter();
    items
        .filter_map(|item| match &item.kind {
            ItemKind::Model(model) if !model.mixin => Some(model.name.name.clone()),
            _ => None,
        })
        .collect()
}

fn small(texts: &Texts, model: &str, training: bool) -> Settings {
    // A grid has rows, columns and blocks; all other models take any number of cells.
    let square = ["Grid", "EnergyTrm", "SeRrm"].contains(&model);
    let cells = |name: &str, size: usize| if square && name == "cell" { 16 } else { size };
    let sizes = SIZES.map(|(name, size)| (name.to_owned(), cells(name, size))).to_vec();
    let mut settings = Settings { model: Some(model.to_owned()), sets: Vec::new(), sizes, training };
    let configs = oracle::configs(texts, &settings);
    for (name, value) in SMALL {
        if configs.iter().any(|known| known == name) {
            settings.sets.push((name.to_owned(), value.to_owned()));
        }
    }
    settings
}

/// `// set: style = gated`, `// seed: 3`, `// evaluation`.
fn bound(text: &str) -> (Settings, u64) {
    let sizes = SIZES.map(|(name, size)| (name.to_owned(), size)).to_vec();
    let mut settings = Settings { model: None, sets: Vec::new(), sizes, training: true };
    let mut seed = 1;
    for line in text.lines() {
        if let Some((name, value)) = line.strip_prefix("// set: ").and_then(|rest| rest.split_once(" = ")) {
            settings.sets.push((name.to_owned(), value.to_owned()));
        } else if let Some(number) = line.strip_prefix("// seed: ") {
            seed = number.parse().expect("a seed is a number");
        } else if line == "// evaluation" {
            settings.training = false;
        }
    }
    (settings, seed)
}

/// Compares a text as a drawn program is bound; of several models, the last.
fn outcome(drawn: &Program, text: &str, seed: u64, slopes: bool) -> Outcome {
    match parsed(text) {
        Err(said) => Outcome::Refused(said),
        Ok(texts) => {
            let settings = Settings { model: models(&texts).last().cloned(), ..drawn.settings.clone() };
            compared(&texts, &settings, seed, slopes)
        }
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or("")
}

/// What differs, without the numbers in it: the same for the same fault.
fn kind(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Differs { what, .. } => {
            first_line(what).chars().filter(|c| !c.is_ascii_digit()).take(120).collect()
        }
        _ => String::new(),
    }
}

/// Shrinks a failing program and writes it as a case.
fn kept(drawn: &Program, seed: u64, failed: &Outcome, folder: &Path) {
    let Ok(texts) = parsed(&drawn.text) else { return };
    let slopes = kind(failed).contains("gradient");
    let mut last = failed.clone();
    let mut fails = |tried: &File| {
        let found = outcome(drawn, &totc::syntax::print(tried), seed, slopes);
        let same = kind(&found) == kind(failed);
        if same {
            last = found;
        }
        same
    };
    let small = shrunk(&texts.modules.by_path[""].tree, &mut fails);
    let Outcome::Differs { detail, .. } = last else { return };
    let mut text = format!("// seed: {seed}\n");
    for (name, value) in &drawn.settings.sets {
        text += &format!("// set: {name} = {value}\n");
    }
    if !drawn.settings.training {
        text += "// evaluation\n";
    }
    let detail: String = first_line(&detail).chars().take(160).collect();
    text += &format!("// found: {}: {detail}\n{}", kind(failed), totc::syntax::print(&small));
    std::fs::create_dir_all(folder).expect("the folder can be made");
    std::fs::write(folder.join(format!("seed_{seed}.tot")), text).expect("the case can be written");
}
