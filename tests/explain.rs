//! The pages on mistakes are true: every code has one, its first example has that mistake and no other, and the mended
//! example has none. The command prints them.

use std::path::Path;
use std::process::Command;

use totc::diagnostic::{Code, Colours, Sink, page, render};
use totc::ir::Mode;
use totc::model::{Bindings, check};
use totc::source::Sources;
use totc::syntax::{Reader, ast::ItemKind, load};

/// One text, and nothing beside it.
struct Alone<'a>(&'a str);

impl Reader for Alone<'_> {
    fn read(&self, path: &Path) -> Result<String, std::io::Error> {
        match path == Path::new("example.tot") {
            true => Ok(self.0.to_owned()),
            false => Err(std::io::ErrorKind::NotFound.into()),
        }
    }

    fn siblings(&self, _: &Path) -> Vec<String> {
        Vec::new()
    }
}

/// What is said of every model of a text, in both modes.
fn said(text: &str) -> (Sink, Sources) {
    let (mut sources, mut sink) = (Sources::default(), Sink::default());
    let modules =
        load(Path::new("example.tot"), &Alone(text), &mut sources, &mut sink).expect("the text is there");
    let own = modules.by_path.get("").expect("the root is there");
    let models = own.tree.items.iter().filter_map(|item| match &item.kind {
        ItemKind::Model(model) => Some(model.name.name.clone()),
        _ => None,
    });
    for model in models {
        for mode in [Mode::Training, Mode::Evaluation] {
            let bindings = Bindings { model: Some(model.clone()), ..Bindings::new(mode) };
            check(&modules, &sources, &bindings, &mut sink);
        }
    }
    (sink, sources)
}

fn examples(page: &str) -> Vec<&str> {
    page.split("```tot\n").skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn every_code_has_a_page_whose_examples_are_true() {
    let mut wrong = Vec::new();
    for code in Code::ALL {
        let slug = code.slug();
        let [mistaken, mended] = examples(page(*code))[..] else {
            wrong.push(format!("{slug}: a page with two examples is needed"));
            continue;
        };
        let (sink, sources) = said(mistaken);
        if sink.is_empty() || sink.sorted().iter().any(|told| told.code != *code) {
            wrong.push(format!("{slug}: the example gives\n{}", render(&sink, &sources, Colours::Never)));
        }
        let (sink, sources) = said(mended);
        if !sink.is_empty() || !mended.contains("model ") {
            wrong.push(format!(
                "{slug}: the mended example gives\n{}",
                render(&sink, &sources, Colours::Never)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn totc(args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_totc")).args(args).output().expect("totc starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_command_prints_a_page_lists_codes_and_suggests() {
    for code in Code::ALL {
        let (status, out, _) = totc(&["explain", code.slug()]);
        assert_eq!(status, Some(0), "{}", code.slug());
        assert!(out.contains(code.about()) && out.ends_with(page(*code)), "{out}");
    }
    let (status, out, _) = totc(&["explain", "--codes"]);
    assert_eq!((status, out.lines().count()), (Some(0), Code::ALL.len()));
    let (status, _, err) = totc(&["explain", "axis-mising"]);
    assert!(status == Some(2) && err.contains("did you mean `axis-missing`?"), "{err}");
    assert_eq!(totc(&["explain"]).0, Some(2));
}

/// Operations beyond what 64 bits count: 4·10¹² updates of some 10⁸ each.
#[test]
fn counts_that_cannot_be_held_are_told_as_bounds() {
    let (status, out, err) = totc(&["explain", "models/trm.tot", "--set", "n=4000000000000"]);
    assert_eq!(status, Some(0), "{err}");
    let gflop = out.lines().find(|line| line.trim_start().starts_with("GFLOP")).unwrap_or_default();
    assert!(gflop.contains("more than 9e9"), "{gflop}");
    let (_, out, _) = totc(&["explain", "models/trm.tot"]);
    assert!(!out.contains("more than 9e"), "{out}");
}
