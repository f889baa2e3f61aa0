//! Files that need each other: takes the `use` lines and paths of `src/`, gives the circles of files inside a room. A
//! circle is either listed here with its reason, or it fails.
//!
//! Only paths are followed. A method of a struct may stand in any file of its room (the evaluator's do, and call each
//! other as the language's constructs nest), and no path tells where.

use super::{room, sources};
use petgraph::algo::tarjan_scc;
use petgraph::graph::DiGraph;
use std::collections::{BTreeMap, BTreeSet};

/// Circles that are there, by the files or folders that make them, and why: recursion, tables of a folder's files, and a
/// few that a file of its own for what both need would open.
const KNOWN: &[(&[&str], &str)] = &[
    (
        &["src/syntax/ast/expression.rs", "src/syntax/ast/statement.rs"],
        "the grammar: blocks are expressions, and statements hold expressions",
    ),
    (
        &["src/cli/"],
        "the table of commands names their files, which take failures and colours from beside it",
    ),
    (&["src/pass/"], "the table of passes names their files, which take its row's type from it"),
    (&["src/primitive/"], "the table of primitives names their files, which take its row's type from it"),
    (
        &["src/train/optimiser/"],
        "the table of optimisers names their files, which take its row's type from it",
    ),
    (
        &["src/train/run/"],
        "a run asks for its course and for whether it is the same, both of which count as it does",
    ),
    (&["src/train/checkpoint/"], "a checkpoint's files report what fails as the checkpoint's errors"),
    (
        &["src/train/evaluate/", "src/train/predict.rs"],
        "an evaluation predicts, and a prediction asks it for the steps",
    ),
    (
        &["src/train/results.rs", "src/train/test_time_scaling.rs"],
        "results hold those by attempts, which name a measure",
    ),
    (&["src/run_file/"], "a run file is read by parts that know which settings there are"),
    (&["src/report/page/"], "the page is made of views, which escape text as it does"),
    (&["src/compare/"], "a comparison draws its verdicts, which are differences of it"),
];

/// Names are handed on through fewer files than this; two globs may hand on each other's for ever.
const MOST_HOPS: usize = 6;

type Module = Vec<String>;

/// A file as the search sees it.
struct File<'a> {
    module: Module,
    code: String,
    path: &'a str,
    /// Absolute paths of the names that it imports, and whether it hands them on.
    imports: Vec<(Module, bool)>,
    /// Absolute paths in the rest of its code.
    paths: Vec<Module>,
}

/// `src/a/b.rs` and `src/a/b/mod.rs` are the module `a::b`.
fn module_of(path: &str) -> Module {
    let inside = path.trim_start_matches("src/").trim_end_matches(".rs");
    let inside = inside.trim_end_matches("/mod");
    inside.split('/').filter(|part| *part != "lib").map(str::to_owned).collect()
}

/// The code without comments, tests and the words of `pub(in …)`.
fn code_of(text: &str) -> String {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines: Vec<&str> = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let mut code = lines.join("\n");
    while let Some(at) = code.find("pub(") {
        let end = code[at..].find(')').map_or(code.len(), |end| at + end + 1);
        code.replace_range(at..end, "pub");
    }
    code
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The paths that begin here: `a::{b, c::d}` is two.
fn paths_at(text: &str) -> (Vec<Module>, &str) {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        let mut all = Vec::new();
        loop {
            let (paths, after) = paths_at(rest);
            all.extend(paths);
            match after.trim_start().strip_prefix(',') {
                Some(after) => rest = after,
                None => return (all, after.trim_start().strip_prefix('}').unwrap_or(after)),
            }
        }
    }
    let end = text.find(|c| !is_word(c)).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    if word.is_empty() {
        return match text.strip_prefix('*') {
            Some(rest) => (vec![vec!["*".to_owned()]], rest),
            None => (Vec::new(), text),
        };
    }
    let head = |mut tail: Module| {
        tail.insert(0, word.to_owned());
        tail
    };
    match rest.strip_prefix("::") {
        Some(tail) if tail.starts_with(|c| is_word(c) || c == '{' || c == '*') => {
            let (tails, rest) = paths_at(tail);
            (tails.into_iter().map(head).collect(), rest)
        }
        _ => match rest.trim_start().strip_prefix("as ") {
            Some(alias) => (vec![head(Vec::new())], alias.trim_start().trim_start_matches(is_word)),
            None => (vec![head(Vec::new())], rest),
        },
    }
}

/// Every path of some code, with whether a `use` begins it and whether that hands on.
fn paths_of(code: &str) -> Vec<(Module, bool, bool)> {
    let mut found = Vec::new();
    let mut rest = code;
    let mut before = [""; 2];
    while let Some(at) = rest.find(is_word) {
        let inside = rest[..at].ends_with('.') || rest[..at].ends_with("::");
        let (paths, after) = paths_at(&rest[at..]);
        let used = before[1] == "use";
        let handed_on = used && before[0] == "pub";
        if used || (!inside && paths.iter().any(|path| path.len() > 1)) {
            found.extend(paths.into_iter().map(|path| (path, used, handed_on)));
        }
        let end = rest[at..].find(|c| !is_word(c)).map_or(rest.len(), |end| at + end);
        before = [before[1], &rest[at..end]];
        rest = after;
    }
    found
}

/// A path from the root of the crate; None where it leads out of it.
fn absolute(path: &[String], own: &Module, modules: &BTreeSet<Module>) -> Option<Module> {
    let supers = path.iter().take_while(|part| *part == "super").count();
    let start: Module = match path.first()?.as_str() {
        "crate" => return Some(path[1..].to_vec()),
        "self" => return Some([own, &path[1..]].concat()),
        "super" => own[..own.len().checked_sub(supers)?].to_vec(),
        first => {
            let child = [own.as_slice(), &[first.to_owned()]].concat();
            return modules.contains(&child).then(|| [own, path].concat());
        }
    };
    Some([&start, &path[supers..]].concat())
}

fn read<'a>(path: &'a str, text: &str, modules: &BTreeSet<Module>) -> File<'a> {
    let module = module_of(path);
    let code = code_of(text);
    let (mut imports, mut paths) = (Vec::new(), Vec::new());
    for (path, used, handed_on) in paths_of(&code) {
        let path: Module = path.into_iter().filter(|part| part != "self" || !used).collect();
        match absolute(&path, &module, modules) {
            Some(path) if used => imports.push((path, handed_on)),
            Some(path) => paths.push(path),
            None => {}
        }
    }
    File { module, code, path, imports, paths }
}

/// The files that a path leads to, through all that hand its name on, in so many hops at most.
fn targets<'a>(
    path: &Module,
    from: &File,
    by_module: &BTreeMap<&Module, &'a File<'a>>,
    hops: usize,
) -> Vec<&'a str> {
    let known = (0..=path.len()).rev().find_map(|end| Some((end, by_module.get(&path[..end].to_vec())?)));
    let Some((end, file)) = known else { return Vec::new() };
    let name = path.get(end).filter(|_| hops > 0);
    if name.is_some_and(|name| name == "*") {
        let named: BTreeSet<&str> = from.code.split(|c| !is_word(c)).collect();
        let handed =
            file.imports.iter().filter(|(path, _)| path.last().is_some_and(|n| named.contains(n.as_str())));
        let mut all: Vec<&str> = handed
            .filter(|(to, _)| to != path)
            .flat_map(|(to, _)| targets(to, from, by_module, hops - 1))
            .collect();
        if declared(&file.code).iter().any(|name| named.contains(name)) {
            all.push(file.path);
        }
        return all;
    }
    let handed =
        name.and_then(|name| file.imports.iter().find(|(to, _)| to.last() == Some(name) && to != path));
    match handed {
        Some((to, _)) => targets(&[to, &path[end + 1..]].concat(), from, by_module, hops - 1),
        None => vec![file.path],
    }
}

/// Names that a file declares.
fn declared(code: &str) -> BTreeSet<&str> {
    let words: Vec<&str> = code.split(|c| !is_word(c)).filter(|word| !word.is_empty()).collect();
    let keyword = |word| matches!(word, "fn" | "struct" | "enum" | "trait" | "type" | "const" | "static");
    words.windows(2).filter(|pair| keyword(pair[0])).map(|pair| pair[1]).collect()
}

/// The circles of files inside a room.
fn circles(texts: &BTreeMap<String, String>) -> Vec<(Vec<String>, Vec<String>)> {
    let modules: BTreeSet<Module> = texts.keys().map(|path| module_of(path)).collect();
    let files: Vec<File> = texts.iter().map(|(path, text)| read(path, text, &modules)).collect();
    let by_module: BTreeMap<&Module, &File> = files.iter().map(|file| (&file.module, file)).collect();
    let mut graph = DiGraph::<&str, ()>::new();
    let nodes: BTreeMap<&str, _> = files.iter().map(|file| (file.path, graph.add_node(file.path))).collect();
    for file in &files {
        let imports = file.imports.iter().filter(|(_, handed_on)| !handed_on).map(|(path, _)| path);
        let needed: BTreeSet<&str> =
            imports.chain(&file.paths).flat_map(|path| targets(path, file, &by_module, MOST_HOPS)).collect();
        for other in needed.into_iter().filter(|other| *other != file.path && room(other) == room(file.path))
        {
            graph.update_edge(nodes[file.path], nodes[other], ());
        }
    }
    let circles = tarjan_scc(&graph).into_iter().filter(|circle| circle.len() > 1);
    let mut all: Vec<_> = circles
        .map(|circle| {
            let mut names: Vec<String> = circle.iter().map(|node| graph[*node].to_owned()).collect();
            names.sort();
            let inside = graph.edge_indices().filter_map(|edge| graph.edge_endpoints(edge));
            let inside = inside.filter(|(from, to)| circle.contains(from) && circle.contains(to));
            let mut arrows: Vec<String> =
                inside.map(|(from, to)| format!("    {} needs {}", graph[from], graph[to])).collect();
            arrows.sort();
            (names, arrows)
        })
        .collect();
    all.sort();
    all
}

#[test]
fn files_need_each_other_only_where_it_is_known() {
    let mut wrong = Vec::new();
    let mut met = BTreeSet::new();
    for (files, arrows) in circles(&sources("src")) {
        let known = |file: &String, places: &[&str]| places.iter().any(|place| file.starts_with(place));
        let listed = KNOWN.iter().position(|(places, _)| files.iter().all(|file| known(file, places)));
        match listed {
            Some(at) => _ = met.insert(at),
            None => wrong.push(format!("a circle of {} files:\n{}", files.len(), arrows.join("\n"))),
        }
    }
    let gone = KNOWN.iter().enumerate().filter(|(at, _)| !met.contains(at));
    wrong.extend(gone.map(|(_, (files, _))| format!("no circle any more, take it from KNOWN: {files:?}")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_circle_is_found_through_what_hands_names_on() {
    let text = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    let found = circles(&BTreeMap::from([
        text("src/lib.rs", "pub mod a;"),
        text("src/a/mod.rs", "mod b;\nmod c;\nmod d;\npub use b::B;\npub(crate) use c::{C, made};"),
        text("src/a/b.rs", "use super::{made, d::D};\npub struct B;"),
        text("src/a/c.rs", "/// Not crate::a::d::D.\npub fn made() { let _ = crate::a::B; }"),
        text("src/a/d.rs", "pub struct D;\n#[cfg(test)]\nmod tests { use crate::a::B; }"),
    ]));
    let names: Vec<Vec<String>> = found.into_iter().map(|(files, _)| files).collect();
    assert_eq!(names, [["src/a/b.rs", "src/a/c.rs"]]);
}
