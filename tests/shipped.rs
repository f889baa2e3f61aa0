//! Every model file that is shipped is one that `totc check` finds no fault with.
#![cfg(feature = "torch")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Model files below a folder that declare a model; the others are libraries of those beside them.
fn models(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            models(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "tot")
            && fs::read_to_string(&path).expect("a file").lines().any(|line| line.starts_with("model "))
        {
            found.push(path);
        }
    }
}

#[test]
fn every_model_file_is_fine() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["models", "examples"] {
        models(&root.join(folder), &mut files);
    }
    assert!(files.len() >= 12, "{files:?}");
    let checked =
        Command::new(env!("CARGO_BIN_EXE_totc")).arg("check").args(&files).output().expect("totc runs");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}
