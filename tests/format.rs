//! `totc fmt`: the shipped files are its fixed points, and whatever it formats keeps its tree and its comments, comes out
//! the same a second time, and does not depend on the blanks it was written with.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use totc::diagnostic::Sink;
use totc::format::format;
use totc::source::FileId;
use totc::syntax::{Role, parse, print, tokens};

/// What the generator of random programs names of the evaluator beside it.
mod evaluate {
    #[expect(dead_code, reason = "what the generator binds is of no concern to a formatter")]
    pub struct Settings {
        pub model: Option<String>,
        pub sets: Vec<(String, String)>,
        pub sizes: Vec<(String, usize)>,
        pub training: bool,
    }
}
#[path = "oracle/generate.rs"]
#[expect(dead_code, reason = "only its texts are formatted")]
mod generate;
#[path = "oracle/generate_conditions.rs"]
mod generate_conditions;
#[path = "oracle/generate_expressions.rs"]
mod generate_expressions;
#[path = "oracle/generate_schedule.rs"]
mod generate_schedule;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn model_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            model_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "tot") {
            found.push(path);
        }
    }
}

/// Name and text of every model file below folders of the repository.
fn texts(folders: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    folders.iter().for_each(|folder| model_files(&Path::new(ROOT).join(folder), &mut found));
    let text = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a file");
        (path.strip_prefix(ROOT).expect("below the root").display().to_string(), text)
    };
    found.into_iter().map(text).collect()
}

const SHIPPED: [&str; 3] = ["models", "examples", "src/cli/new"];

fn formatted(text: &str) -> Option<String> {
    format(FileId(0), text, &mut Sink::default())
}

fn comments(text: &str) -> Vec<String> {
    let tokens = tokens(text).expect("the text follows the grammar");
    let comments = tokens.iter().filter(|token| token.role == Role::Comment);
    comments.map(|token| text[token.range.clone()].to_owned()).collect()
}

/// The words and signs of a text without its comments; commas count only where they separate.
fn words(text: &str) -> Vec<String> {
    let tokens = tokens(text).expect("the text follows the grammar");
    let tokens: Vec<_> = tokens.iter().filter(|token| token.role != Role::Comment).collect();
    let separates = |at: usize| {
        tokens[at].role != Role::Comma || !matches!(tokens.get(at + 1).map(|t| t.role), Some(Role::Close(_)))
    };
    (0..tokens.len())
        .filter(|at| separates(*at))
        .map(|at| text[tokens[at].range.clone()].to_owned())
        .collect()
}

/// A text without syntax errors keeps what it says.
fn keeps_its_meaning(name: &str, text: &str) -> bool {
    let mut sink = Sink::default();
    let tree = parse(FileId(0), text, &mut sink);
    let Some(once) = formatted(text) else {
        assert!(sink.has_errors(), "{name} has no mistakes and is not formatted");
        return false;
    };
    assert!(!sink.has_errors(), "{name} has mistakes and is formatted");
    let mut sink = Sink::default();
    let again = parse(FileId(0), &once, &mut sink);
    assert!(!sink.has_errors(), "{name} has mistakes when formatted:\n{once}");
    assert_eq!(print(&tree), print(&again), "{name} says something else when formatted");
    assert_eq!(comments(text), comments(&once), "{name}: comments");
    assert_eq!(words(text), words(&once), "{name}: words");
    assert_eq!(
        formatted(&once).as_deref(),
        Some(once.as_str()),
        "{name} is formatted otherwise the second time"
    );
    assert!(once.lines().all(|line| line == line.trim_end()), "{name}: blanks end a line");
    true
}

#[test]
fn shipped_files_have_the_form() {
    let texts = texts(&SHIPPED);
    assert!(texts.len() > 20, "{}", texts.len());
    for (name, text) in texts {
        assert_eq!(
            formatted(&text).as_deref(),
            Some(text.as_str()),
            "{name}: `totc fmt` writes it otherwise"
        );
    }
}

#[test]
fn every_file_keeps_its_meaning() {
    let all = texts(&["models", "examples", "src/cli/new", "tests"]);
    let count = all.iter().filter(|(name, text)| keeps_its_meaning(name, text)).count();
    assert!(count > 250, "{count} of {} are formatted", all.len());
}

#[test]
fn examples_of_the_language_keep_their_meaning() {
    let page = std::fs::read_to_string(Path::new(ROOT).join("docs/language.md")).expect("the page");
    let blocks = page.split("```").skip(1).step_by(2).filter_map(|block| block.split_once('\n'));
    let count = blocks.filter(|(_, body)| keeps_its_meaning(&format!("the example\n{body}"), body)).count();
    assert!(count >= 15, "{count}");
}

#[test]
fn random_programs_keep_their_meaning() {
    for seed in 0..100 {
        let text = generate::program(seed).text;
        assert!(keeps_its_meaning(&format!("program {seed}"), &text), "program {seed} has mistakes\n{text}");
    }
}

/// The text with other blanks between the same tokens, and more blank lines where there is one.
fn disturbed(text: &str, random: &mut ChaCha8Rng) -> String {
    let tokens = tokens(text).expect("the text follows the grammar");
    let mut out = String::new();
    let mut end = 0;
    for (at, token) in tokens.iter().enumerate() {
        let gap = &text[end..token.range.start];
        let blanks: String = (0..random.random_range(0..4))
            .map(|_| if random.random_bool(0.2) { '\t' } else { ' ' })
            .collect();
        let bracket = |role| matches!(role, Role::Open(_) | Role::Close(_) | Role::Comma);
        let apart =
            at == 0 || token.role == Role::Comment || bracket(token.role) || bracket(tokens[at - 1].role);
        match gap.matches('\n').count() {
            // The dots of `at..` and the sign of a number are one with it.
            0 if token.role == Role::Suffix || at > 0 && tokens[at - 1].role == Role::Prefix => {
                out.push_str(gap)
            }
            0 if gap.is_empty() || apart => out.push_str(&blanks),
            0 => out.push_str(&format!(" {blanks}")),
            ends => {
                let ends = if ends == 1 { 1 } else { random.random_range(2..5) };
                (0..ends)
                    .for_each(|_| out.push_str(&format!("{blanks}{}\n", if ends == 3 { "\r" } else { "" })));
                out.push_str(&blanks);
            }
        }
        out.push_str(&text[token.range.clone()]);
        end = token.range.end;
    }
    out
}

#[test]
fn the_form_does_not_depend_on_the_blanks() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    for (name, text) in texts(&SHIPPED) {
        for _ in 0..3 {
            let disturbed = disturbed(&text, &mut random);
            assert_eq!(
                formatted(&disturbed).as_deref(),
                Some(text.as_str()),
                "{name}, written as\n{disturbed}"
            );
        }
    }
}

#[test]
fn untidy() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/format"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let text = std::fs::read_to_string(Path::new(ROOT).join("tests/format/untidy.tot")).expect("a file");
    settings.bind(|| insta::assert_snapshot!("untidy", formatted(&text).expect("it follows the grammar")));
}

/// Standard output, standard error, exit code.
fn totc(folder: &Path, args: &[&str], input: &str) -> (String, String, Option<i32>) {
    use std::io::Write;
    let mut command = Command::new(env!("CARGO_BIN_EXE_totc"));
    command.current_dir(folder).args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("totc runs");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("totc reads");
    let output = child.wait_with_output().expect("totc ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

#[test]
fn the_command() {
    let place = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(place.path().join(name), text).expect("a file");
    let read = |name: &str| std::fs::read_to_string(place.path().join(name)).expect("a file");
    let (untidy, tidy, broken) = ("axis   a\naxis b=2", "axis a\naxis b = 2\n", "axis a =\naxis   b\n");
    std::fs::create_dir(place.path().join("inner")).expect("a folder");
    write("inner/untidy.tot", untidy);
    write("tidy.tot", tidy);
    write("other.txt", untidy);

    let (said, told, code) = totc(place.path(), &["fmt", "--check"], "");
    assert_eq!((said.as_str(), code), ("./inner/untidy.tot\n", Some(1)), "{told}");
    assert_eq!(read("inner/untidy.tot"), untidy);
    assert_eq!(
        totc(place.path(), &["fmt", "--check", "tidy.tot"], ""),
        (String::new(), String::new(), Some(0))
    );

    write("broken.tot", broken);
    let (said, told, code) = totc(place.path(), &["fmt", "broken.tot", "inner"], "");
    assert_eq!((said.as_str(), code), ("inner/untidy.tot: formatted\n", Some(1)), "{told}");
    assert!(told.contains("broken.tot:1:8") && told.contains("a value is missing"), "{told}");
    assert_eq!((read("broken.tot").as_str(), read("inner/untidy.tot").as_str()), (broken, tidy));
    assert_eq!(read("other.txt"), untidy);

    assert_eq!(totc(place.path(), &["fmt", "-"], untidy), (tidy.to_owned(), String::new(), Some(0)));
    let (said, told, code) = totc(place.path(), &["fmt", "-", "--check"], untidy);
    assert_eq!((said.as_str(), code), ("standard input\n", Some(1)), "{told}");
    let (_, told, code) = totc(place.path(), &["fmt", "absent.tot"], "");
    assert_eq!(code, Some(3), "{told}");
    assert!(told.starts_with("error: absent.tot: "), "{told}");
}
