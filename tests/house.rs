//! The rules of the house, held by a test: rooms import only what lies below them, every file says first what it is for,
//! none grows beyond what one reads in a sitting, libtorch and the parser stay where they belong, and what the checker
//! tells stands apart from how it decides. `ARCHITECTURE.md` tells the reasons.

#[path = "house/circles.rs"]
mod circles;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Rooms of `src/`, from the ground up. A room imports rooms of lines above its own alone.
const FLOORS: &[&[&str]] = &[
    &["source", "random", "bounds", "bytes", "numbers", "statistics"],
    &["diagnostic", "types"],
    &["primitive", "syntax"],
    &["ir", "format"],
    &["model", "pass", "lower"],
    &["exec", "distributed", "export", "draw", "cost", "data"],
    &["weights", "run_file"],
    &["chart", "model_file"],
    &["run_check", "explain"],
    &["train", "lsp"],
    &["report"],
    &["compare"],
    &["sweep"],
    &["cli"],
];

/// Lines of a file, at most.
const MOST_LINES: usize = 500;

/// Where `tch` may be named: what runs programs, and the commands that start it.
const KNOW_LIBTORCH: &[&str] = &["exec", "distributed", "train", "primitive", "cli"];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every Rust file below a folder of the repository, by its path there.
fn sources(folder: &str) -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    files(&root.join(folder), &mut found);
    let text = |path: &PathBuf| std::fs::read_to_string(path).unwrap();
    found
        .iter()
        .map(|path| {
            let name = path.strip_prefix(root).unwrap().components();
            let name: Vec<String> =
                name.map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
            (name.join("/"), text(path))
        })
        .collect()
}

/// The room that a file of `src/` belongs to; None for the front door.
fn room(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    let room = inside.split('/').next()?.trim_end_matches(".rs");
    (!matches!(room, "lib" | "main")).then_some(room)
}

fn floor(room: &str) -> usize {
    let at = FLOORS.iter().position(|floor| floor.contains(&room));
    at.unwrap_or_else(|| panic!("the room `{room}` has no floor: add it to FLOORS and to ARCHITECTURE.md"))
}

/// Rooms that a text imports by `crate::room` or `use crate::{room, …}`.
fn imports(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (line, text) in text.lines().enumerate() {
        let code = text.split("//").next().unwrap_or("");
        for (at, _) in code.match_indices("crate::") {
            let rest = &code[at + "crate::".len()..];
            let names: Vec<&str> = match rest.strip_prefix('{') {
                Some(list) => list.split(['}', ';']).next().unwrap_or("").split(',').map(str::trim).collect(),
                None => vec![rest],
            };
            for name in names {
                let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
                found.push((line + 1, name[..end].to_owned()));
            }
        }
    }
    found
}

#[test]
fn no_arrow_leads_upwards() {
    let known: Vec<&str> = FLOORS.iter().flat_map(|floor| floor.iter().copied()).collect();
    let mut wrong = Vec::new();
    for (path, text) in sources("src") {
        let Some(own) = room(&path) else { continue };
        for (line, other) in imports(&text) {
            if known.contains(&other.as_str()) && other != own && floor(&other) >= floor(own) {
                wrong.push(format!("{path}:{line}: `{own}` imports `{other}`, which does not lie below it"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The rooms and who imports whom, as a picture: arrows lead down.
fn picture() -> String {
    let known: Vec<&str> = FLOORS.iter().flat_map(|floor| floor.iter().copied()).collect();
    let mut arrows = BTreeSet::new();
    for (path, text) in sources("src") {
        let Some(own) = room(&path) else { continue };
        for (_, other) in imports(&text) {
            if known.contains(&other.as_str()) && other != own {
                arrows.insert((own.to_owned(), other));
            }
        }
    }
    let mut out = String::from(
        "# Rooms\n\nWho imports whom in `src/`, drawn by a test (`tests/house.rs`) from the code. Every arrow leads to a lower \
         floor.\n\n```mermaid\ngraph TD\n",
    );
    for (at, floor) in FLOORS.iter().enumerate().rev() {
        out +=
            &format!("    subgraph floor{at} [floor {at}]\n        {}\n    end\n", floor.join("\n        "));
    }
    for (own, other) in arrows {
        out += &format!("    {own} --> {other}\n");
    }
    out + "```\n"
}

#[test]
fn the_picture_of_the_rooms_is_true() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rooms.md");
    let picture = picture();
    if std::env::var_os("TOTC_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &picture).unwrap();
    }
    let drawn = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(drawn == picture, "docs/rooms.md is out of date: TOTC_UPDATE_DOCS=1 draws it anew");
}

#[test]
fn every_file_says_first_what_it_is_for() {
    let all = [sources("src"), sources("kernels"), sources("tests"), sources("examples")];
    let wrong: Vec<String> = all
        .iter()
        .flatten()
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(path, _)| format!("{path} has no `//!` on its first line"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_file_is_longer_than_one_reads_in_a_sitting() {
    let all = [sources("src"), sources("kernels"), sources("tests"), sources("examples")];
    let wrong: Vec<String> = all
        .iter()
        .flatten()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(path, lines)| format!("{path} has {lines} lines: make rooms of it"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn libtorch_and_the_parser_stay_where_they_belong() {
    let mut wrong = Vec::new();
    for (path, text) in sources("src") {
        let own = room(&path).unwrap_or("main");
        for (at, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or("");
            if code.contains("tch::") && !KNOW_LIBTORCH.contains(&own) {
                wrong.push(format!("{path}:{}: `{own}` knows libtorch", at + 1));
            }
            if code.contains("pest::") && own != "syntax" {
                wrong.push(format!("{path}:{}: `{own}` knows pest", at + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What makes a message to the author, or adds to one.
const TELLS: &[&str] = &["Diagnostic::new(", "Diagnostic::warning(", "Diagnostic {", ".related(", ".help("];

#[test]
fn the_checker_decides_and_complaints_tell() {
    let (mut wrong, mut told) = (Vec::new(), 0);
    for (path, text) in sources("src/model") {
        let tells = path.contains("/complaints/") || path.ends_with("/complaints.rs");
        for (at, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or("").replace("-> Diagnostic {", "");
            if !TELLS.iter().any(|word| code.contains(word)) {
                continue;
            }
            match tells {
                true => told += 1,
                false => wrong.push(format!("{path}:{}: a message is made beside the logic", at + 1)),
            }
        }
    }
    assert!(wrong.is_empty(), "{}\nput its words into `complaints`", wrong.join("\n"));
    assert!(told > 0, "no complaint is found: what is looked for has another name now");
}
