//! `docs/language.md` is true: every example in it compiles or is refused as shown, its reference of primitives and of
//! the library is what the code says, and every word of the grammar is in it.
//!
//! `TOTC_UPDATE_DOCS=1 cargo test --test language_docs` writes the diagnostics and the reference anew.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use totc::Values;
use totc::diagnostic::{Colours, Sink, render};
use totc::ir::Mode;
use totc::model::Bindings;
use totc::primitive::{self, Derivative, Takes};
use totc::source::Sources;
use totc::syntax::{self, Modules, ast::ItemKind};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn page() -> PathBuf {
    root().join("docs/language.md")
}

fn text() -> String {
    std::fs::read_to_string(page()).unwrap()
}

/// A fenced block: what stands behind its fence, its lines, and where they begin.
struct Block {
    info: String,
    body: String,
    line: usize,
}

fn blocks(text: &str) -> Vec<Block> {
    let (mut found, mut open) = (Vec::new(), None::<Block>);
    for (at, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(info), None) => {
                open = Some(Block { info: info.trim().to_owned(), body: String::new(), line: at + 2 });
            }
            (Some(_), Some(_)) => found.extend(open.take()),
            (None, Some(block)) => {
                block.body += line;
                block.body.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    found
}

/// The example itself, beside the first example of the page, which it may import as `small::Small`.
struct Page<'t> {
    example: &'t str,
    small: &'t str,
}

impl syntax::Reader for Page<'_> {
    fn read(&self, path: &Path) -> Result<String, std::io::Error> {
        match path.file_name().and_then(|name| name.to_str()) {
            Some("example.tot") => Ok(self.example.to_owned()),
            Some("small.tot") => Ok(self.small.to_owned()),
            _ => Err(std::io::ErrorKind::NotFound.into()),
        }
    }

    fn siblings(&self, _: &Path) -> Vec<String> {
        vec!["small".to_owned()]
    }
}

/// As the page says: a fragment is put into a model that extends its first example; `use` lines stay in front.
fn whole(block: &Block) -> String {
    let kind = block.info.trim_start_matches("tot").trim().trim_end_matches("error").trim();
    let (used, rest): (Vec<&str>, Vec<&str>) =
        block.body.lines().partition(|line| line.trim_start().starts_with("use "));
    let (used, rest) = (used.join("\n"), rest.join("\n"));
    match kind {
        "" => block.body.clone(),
        "members" => format!("use small::Small\n{used}\nmodel Example extends Small {{\n{rest}\n}}\n"),
        "statements" => {
            format!("use small::Small\n{used}\nmodel Example extends Small {{\nthink {{\n{rest}\n}}\n}}\n")
        }
        other => panic!("line {}: what is `tot {other}`?", block.line),
    }
}

/// What the compiler says of a text, in training and in evaluation; nothing if it is fine.
fn said(example: &str, small: &str) -> String {
    let page = Page { example, small };
    let (mut sources, mut sink) = (Sources::default(), Sink::default());
    let modules = syntax::load(Path::new("example.tot"), &page, &mut sources, &mut sink).unwrap();
    let models: Vec<String> = own_models(&modules);
    assert!(sink.has_errors() || !models.is_empty(), "there is no model in\n{example}");
    for model in models {
        for mode in [Mode::Training, Mode::Evaluation] {
            if sink.has_errors() {
                break;
            }
            let mut bindings = Bindings { model: Some(model.clone()), ..Bindings::new(mode) };
            for (axis, size) in [("batch", 2), ("cell", 4), ("symbol", 5), ("task", 3)] {
                bindings.sizes.insert(axis.to_owned(), size);
            }
            totc::compile(&modules, &sources, &bindings, Values::Kept, &mut sink).unwrap();
        }
    }
    if sink.has_errors() {
        render(&sink, &sources, Colours::Never).trim_end().to_owned()
    } else {
        String::new()
    }
}

fn own_models(modules: &Modules) -> Vec<String> {
    let Some(own) = modules.by_path.get("") else { return Vec::new() };
    let models = own.tree.items.iter().filter_map(|item| match &item.kind {
        ItemKind::Model(model) if !model.mixin => Some(model.name.name.clone()),
        _ => None,
    });
    models.collect()
}

#[test]
fn every_example_is_what_it_says() {
    let text = text();
    let blocks = blocks(&text);
    let small = &blocks.iter().find(|block| block.info == "tot").unwrap().body;
    let (mut fine, mut refused, mut wrong, mut shown) = (0, 0, Vec::new(), Vec::new());
    for (at, block) in blocks.iter().enumerate() {
        if block.info.split(' ').next() != Some("tot") {
            continue;
        }
        let said = said(&whole(block), small);
        if !block.info.ends_with("error") {
            fine += 1;
            if !said.is_empty() {
                wrong.push(format!("line {}:\n{said}", block.line));
            }
            continue;
        }
        refused += 1;
        let told = blocks.get(at + 1).filter(|next| next.info == "text");
        let told = told.unwrap_or_else(|| panic!("line {}: no diagnostic is shown", block.line));
        if told.body.trim_end() != said {
            wrong.push(format!("line {}: it says\n{said}", told.line));
            shown.push((told.line, said));
        }
    }
    if std::env::var_os("TOTC_UPDATE_DOCS").is_some() {
        return rewrite(&text, &shown);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(fine > 20 && refused > 3, "only {fine} examples and {refused} mistakes were found");
}

/// Replaces the bodies of the blocks that begin at these lines, and the generated sections.
fn rewrite(text: &str, shown: &[(usize, String)]) {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (line, said) in shown.iter().rev() {
        let end = (line - 1..lines.len()).find(|at| lines[*at].starts_with("```")).unwrap();
        lines.splice(line - 1..end, said.lines().map(str::to_owned));
    }
    let mut text = lines.join("\n") + "\n";
    for (name, section) in sections() {
        let (from, to) = place(&text, name);
        text.replace_range(from..to, &section);
    }
    std::fs::write(page(), text).unwrap();
}

/// Where a generated section stands, between its marks.
fn place(text: &str, name: &str) -> (usize, usize) {
    let mark = format!("<!-- {name}, made by the test -->\n");
    let from = text.find(&mark).unwrap_or_else(|| panic!("there is no section of {name}")) + mark.len();
    let to = from + text[from..].find("<!-- end -->").unwrap();
    (from, to)
}

fn sections() -> [(&'static str, String); 2] {
    [("primitives", primitives()), ("library", library())]
}

fn primitives() -> String {
    let mut rows = String::from("\n| primitive | how it is called | what it gives |\n|---|---|---|\n");
    for primitive in primitive::all() {
        let operands: &[&str] = match primitive.name {
            "attend" => &["q", "k", "v"],
            "convolve" => &["x", "kernel"],
            _ => &["x", "y"],
        };
        let (_, most) = primitive.operands;
        let mut arguments: Vec<String> = operands.iter().take(most).map(|name| name.to_string()).collect();
        arguments.extend(match primitive.over {
            Takes::Nothing => None,
            Takes::One => Some("over a".to_owned()),
            Takes::Many => Some("over (a, b)".to_owned()),
        });
        arguments.extend((primitive.along != Takes::Nothing).then(|| "along b".to_owned()));
        arguments.extend(primitive.constants.iter().map(|(name, default)| match *name {
            "causal" => format!("causal = {}", *default != 0.0),
            _ => format!("{name} = {default}"),
        }));
        let operator = primitive.about.strip_prefix('`').and_then(|about| about.split('`').next());
        let call = match (primitive.name, operator) {
            ("where", _) => "where(condition, a, b)".to_owned(),
            // The sentence about an operator shows how it is written.
            (_, Some(written)) => written.to_owned(),
            ("noise" | "uniform", _) => format!("{}(over (a, b))", primitive.name),
            ("iota", _) => "index(a)".to_owned(),
            ("top_k", _) => "top_k(x, over a, count = n, into b)".to_owned(),
            _ => format!("{}({})", primitive.name, arguments.join(", ")),
        };
        let about = if primitive.about.trim_matches('`') == call { "elementwise" } else { primitive.about };
        let stops = match primitive.derivative {
            Derivative::Stops if !about.contains("gradient") => "; no gradient",
            _ => "",
        };
        rows += &format!("| {} | `{call}` | {about}{stops} |\n", primitive.name);
    }
    rows + "\n"
}

/// The items of the library with the comments above them, by module.
fn library() -> String {
    let mut modules: BTreeMap<String, String> = BTreeMap::new();
    for entry in std::fs::read_dir(root().join("models/std")).unwrap().flatten() {
        let module = entry.path().file_stem().unwrap().to_string_lossy().into_owned();
        modules.insert(module, std::fs::read_to_string(entry.path()).unwrap());
    }
    let mut out = String::from("\n");
    for (module, text) in modules {
        let about: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("//! ")).collect();
        out += &format!("### `std::{module}`\n\n{}\n\n", about.join("\n"));
        let mut comment: Vec<&str> = Vec::new();
        for line in text.lines() {
            if let Some(words) = line.strip_prefix("/// ") {
                comment.push(words);
                continue;
            }
            if ["net ", "fn ", "axis "].iter().any(|word| line.starts_with(word)) {
                let signature = line.trim_end_matches(" {");
                out += &format!(
                    "- `{signature}`{}{}\n",
                    if comment.is_empty() { "" } else { "  \n  " },
                    comment.join("\n  ")
                );
            }
            comment.clear();
        }
        out.push('\n');
    }
    out
}

#[test]
fn the_reference_is_complete() {
    if std::env::var_os("TOTC_UPDATE_DOCS").is_some() {
        return;
    }
    let text = text();
    for (name, section) in sections() {
        let (from, to) = place(&text, name);
        assert!(
            text[from..to] == section,
            "the section of {name} is out of date: TOTC_UPDATE_DOCS=1 writes it anew"
        );
    }
}

/// Words in code, in blocks or between backticks.
fn code_words(text: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    let mut add = |code: &str| {
        let parts = code.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        words.extend(parts.filter(|word| !word.is_empty()).map(str::to_owned));
    };
    blocks(text).iter().filter(|block| block.info.starts_with("tot")).for_each(|block| add(&block.body));
    let outside = text.split("```").step_by(2);
    outside.for_each(|prose| prose.split('`').skip(1).step_by(2).for_each(&mut add));
    words
}

#[test]
fn every_word_of_the_language_is_explained() {
    let grammar = std::fs::read_to_string(root().join("grammar/tot.pest")).unwrap();
    let words = code_words(&text());
    let mut count = 0;
    for line in grammar.lines().filter(|line| line.contains("!ident_char")) {
        for word in line.split('"').skip(1).step_by(2).filter(|word| word.len() > 1) {
            if word.chars().all(|c| c.is_ascii_lowercase()) && word != "step" {
                assert!(words.contains(word), "the keyword `{word}` is not in docs/language.md");
                count += 1;
            }
        }
    }
    assert!(count > 60, "only {count} keywords were found in the grammar");
    let forms = [
        "size",
        "concat",
        "pad",
        "split",
        "rename",
        "flatten",
        "unflatten",
        "broadcast",
        "index",
        "stop_gradient",
        "float",
        "float32",
        "float64",
        "int",
        "bool",
        "normal",
        "truncated_normal",
        "uniform",
        "noise",
        "top_k",
        "gather",
        "ceil",
        "round",
        "floor",
        "Linear",
        "training",
        "steps",
        "last_step",
        "batch",
    ];
    for form in forms {
        assert!(words.contains(form), "`{form}` is not in docs/language.md");
    }
}

/// `docs/models.md` names every shipped model, and each file of models has a run file that names one of them.
#[test]
fn every_model_is_listed_and_can_be_run() {
    let page = std::fs::read_to_string(root().join("docs/models.md")).unwrap();
    for entry in std::fs::read_dir(root().join("models")).unwrap().flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|ending| ending != "tot") {
            continue;
        }
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(page.contains(&format!("| `{name}` |")), "docs/models.md does not name {name}");
        let text = std::fs::read_to_string(&path).unwrap();
        let models: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("model "))
            .map(|rest| rest.split([' ', '{']).next().unwrap())
            .collect();
        for model in &models {
            assert!(page.contains(&format!("| `{model}` |")), "docs/models.md does not name `{model}`");
        }
        let run = totc::run_file::load(&path.with_extension("ron")).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(run.run.model.to_string_lossy(), name);
        assert!(models.contains(&run.run.name.as_deref().unwrap()), "{name}");
    }
}
