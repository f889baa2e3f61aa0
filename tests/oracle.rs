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
