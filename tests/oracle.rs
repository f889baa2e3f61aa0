//! Compiled programs against an oracle that evaluates the syntax tree, one value at a time, in float64 (`oracle/`).
#![cfg(feature = "torch")]

#[path = "oracle/mod.rs"]
mod oracle;

use std::path::{Path, PathBuf};

use oracle::compare::{Outcome, compared};
use oracle::compiled::{Texts, read};
use oracle::evaluate::Settings;
use totc::syntax::ast::ItemKind;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
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
            ItemKind::Model(model) => Some(model.name.name.clone()),
            _ => None,
        })
        .collect()
}

#[test]
fn shipped_models() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    files(&root.join("models"), &mut paths);
    files(&root.join("examples"), &mut paths);
    files(&root.join("tests/stages"), &mut paths);
    let (mut agreed, mut wrong) = (0, Vec::new());
    for path in paths {
        let texts = match read(&path) {
            Ok(texts) => texts,
            Err(_) => continue,
        };
        for model in models(&texts) {
            for training in [true, false] {
                let begun = std::time::Instant::now();
                let sets = [("hidden", "8"), ("heads", "2"), ("layers", "1"), ("n", "2"), ("T", "2")];
                let _ = sets;
                let settings = Settings {
                    model: Some(model.clone()),
                    sets: Vec::new(),
                    sizes: [("batch", 2), ("cell", 3), ("symbol", 4), ("task", 3)]
                        .map(|(name, size)| (name.to_owned(), size))
                        .to_vec(),
                    training,
                };
                let settings = small(&texts, settings);
                let outcome = compared(&texts, &settings, 7, false);
                let what = format!("{} {model} training={training}", path.display());
                match &outcome {
                    Outcome::Agreed { .. } => agreed += 1,
                    other => wrong.push(format!("{what}: {other:?}")),
                }
                println!("{what}: {:.2?} {outcome:?}", begun.elapsed());
            }
        }
    }
    println!("{agreed} agree");
    for line in &wrong {
        println!("{line}");
    }
}

/// Configs that make a shipped model small, where it has them.
fn small(texts: &Texts, mut settings: Settings) -> Settings {
    let wanted = [
        ("hidden", "8"),
        ("heads", "2"),
        ("layers", "1"),
        ("n", "2"),
        ("T", "2"),
        ("puzzle_tokens", "2"),
        ("max_steps", "4"),
        ("branchings", "2"),
    ];
    for (name, value) in wanted {
        let mut with = settings.clone();
        with.sets.push((name.to_owned(), value.to_owned()));
        if oracle::compiled::program(texts, &with, false).is_ok() {
            settings = with;
        }
    }
    settings
}

/// A number from the environment.
fn asked(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn random_programs() {
    let (count, first) = (asked("TOTC_ORACLE_PROGRAMS", 50), asked("TOTC_ORACLE_SEED", 1));
    let mut tallies: std::collections::BTreeMap<String, usize> = Default::default();
    for seed in first * 1_000_000..first * 1_000_000 + count {
        let drawn = oracle::generate::program(seed);
        let outcome = match oracle::compiled::parsed(&drawn.text) {
            Err(said) => Outcome::Refused(said),
            Ok(texts) => {
                let mut settings = drawn.settings.clone();
                settings.model = models(&texts).last().cloned();
                compared(&texts, &settings, seed, true)
            }
        };
        let word = match &outcome {
            Outcome::Agreed { .. } => "agreed".to_owned(),
            Outcome::Refused(said) => format!("refused: {}", said.lines().next().unwrap_or("")),
            Outcome::Unsaid(why) => format!("unsaid: {}", why.split(" within").next().unwrap_or("")),
            Outcome::Differs { .. } => format!("DIFFERS {} {}", kind(&outcome), if drawn.constructs.contains_key("arms that update") { "(arms that update)" } else { "" }),
        };
        *tallies.entry(word).or_default() += 1;
        if outcome.is_fault() && asked("TOTC_ORACLE_SHRINK", 0) > 0 {
            keep(&drawn, seed, &outcome);
        }
        if !matches!(outcome, Outcome::Agreed { .. }) {
            let folder = std::path::Path::new("/tmp/oracle_found");
            let _ = std::fs::create_dir_all(folder);
            let _ = std::fs::write(folder.join(format!("{seed}.tot")), format!("{}\n/* {outcome:#?} {:?} */\n", drawn.text, drawn.settings));
        }
    }
    for (word, count) in tallies {
        println!("{count:6} {word}");
    }
}

/// The kind of a fault, without the numbers in it.
fn kind(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Differs { what, .. } => what.lines().next().unwrap_or("").chars().filter(|c| !c.is_ascii_digit()).collect(),
        _ => String::new(),
    }
}

/// Shrinks a failing program and keeps it.
fn keep(drawn: &oracle::generate::Program, seed: u64, outcome: &Outcome) {
    let Ok(texts) = oracle::compiled::parsed(&drawn.text) else { return };
    let tree = &texts.modules.by_path[""].tree;
    let mut last = outcome.clone();
    let small = oracle::shrink::shrunk(tree, &mut |tried| {
        let Ok(texts) = oracle::compiled::parsed(&totc::syntax::print(tried)) else { return false };
        let mut settings = drawn.settings.clone();
        settings.model = models(&texts).last().cloned();
        let found = compared(&texts, &settings, seed, kind(outcome).contains("gradient"));
        let same = kind(&found) == kind(outcome);
        if same {
            last = found;
        }
        same
    });
    let mut head = format!("// seed: {seed}\n");
    for (name, value) in &drawn.settings.sets {
        head += &format!("// set: {name} = {value}\n");
    }
    if !drawn.settings.training {
        head += "// evaluation\n";
    }
    let Outcome::Differs { detail, .. } = last else { return };
    let detail = detail.lines().next().unwrap_or("");
    let text = format!("{head}// found: {}: {detail}\n{}", kind(outcome), totc::syntax::print(&small));
    let folder = Path::new("/tmp/oracle_small");
    let _ = std::fs::create_dir_all(folder);
    let _ = std::fs::write(folder.join(format!("{seed}.tot")), text);
}
