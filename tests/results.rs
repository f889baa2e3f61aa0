//! Every number that a document quotes is one of `results/*.json`: marked blocks and pictures are made anew from these files and
//! compared with what stands there. `TOTC_UPDATE_DOCS=1` writes them (`./x results`). And the files are of the sweeps beside
//! them, as these stand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use totc::run_file::load_sweep;
use totc::sweep::{Account, Saved};

const START: &str = "<!-- results: ";
const END: &str = "<!-- end -->";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries =
        std::fs::read_dir(root().join(folder)).expect("a folder").flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|kind| kind == extension)).collect();
    files.sort();
    files
}

/// The saved results by the name of their file.
fn saved() -> BTreeMap<String, Saved> {
    let named = |path: PathBuf| {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        (name, Saved::read(&path).unwrap_or_else(|error| panic!("{error}")))
    };
    files("results", "json").into_iter().map(named).collect()
}

/// A document with all its marked parts made anew. `pictures`: where their folder lies, as seen from the document.
fn renewed(text: &str, pictures: &str, accounts: &BTreeMap<String, Account>) -> Result<String, String> {
    let mut parts = text.split(START);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (what, rest) = part.split_once(" -->").ok_or("a marker has no end `-->`")?;
        let refuse = |why: &str| format!("`{START}{what} -->`: {why}");
        let (_, after) =
            rest.split_once(END).ok_or_else(|| refuse(&format!("there is no `{END}` behind it")))?;
        let (name, what_of_it) =
            what.split_once(' ').ok_or_else(|| refuse("say what of it: table, curves, …"))?;
        let account =
            accounts.get(name).ok_or_else(|| refuse(&format!("there is no results/{name}.json")))?;
        let made = match what_of_it.split_once(' ') {
            None if what_of_it == "table" => format!("\n{}", account.table()?),
            None if what_of_it == "machine" => account.circumstances(),
            None if what_of_it == "curves" => {
                format!("\n![learning curves: {} in tests]({pictures}{name}.svg)\n", account.metric())
            }
            None => return Err(refuse("table, machine and curves stand alone; a number is of a variant")),
            Some((quantity, label)) => account.quantity(quantity, label).map_err(|error| refuse(&error))?,
        };
        out += &format!("{START}{what} -->{made}{END}{after}");
    }
    Ok(out)
}

/// Compares a file with what it has to be, or writes it.
fn hold(path: &Path, wanted: &str, wrong: &mut Vec<String>) {
    if std::fs::read_to_string(path).unwrap_or_default() == wanted {
        return;
    }
    if std::env::var_os("TOTC_UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, wanted).expect("written");
    } else {
        let name = path.strip_prefix(root()).unwrap_or(path).display();
        wrong.push(format!(
            "{name} is not what results/*.json say; TOTC_UPDATE_DOCS=1 cargo test --test results writes it"
        ));
    }
}

#[test]
fn documents_say_what_was_measured() {
    let saved = saved();
    let account = |(name, saved)| {
        (String::clone(name), Account::of(saved).unwrap_or_else(|error| panic!("{name}: {error}")))
    };
    let accounts: BTreeMap<String, Account> = saved.iter().map(account).collect();
    let (mut wrong, mut marked) = (Vec::new(), 0);
    for (name, account) in &accounts {
        let svg = account.curves().unwrap_or_else(|error| panic!("{name}: {error}"));
        hold(&root().join(format!("docs/results/{name}.svg")), &svg, &mut wrong);
    }
    let documents = files("docs", "md").into_iter().map(|path| (path, "results/"));
    for (path, pictures) in documents.chain([(root().join("README.md"), "docs/results/")]) {
        let text = std::fs::read_to_string(&path).expect("a document");
        marked += text.matches(START).count();
        match renewed(&text, pictures, &accounts) {
            Ok(wanted) => hold(&path, &wanted, &mut wrong),
            Err(error) => wrong.push(format!("{}: {error}", path.display())),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(marked > 0, "no document quotes a result: the marker has another form now");
}

/// The means are those of the answers puzzle by puzzle, counted here.
#[test]
fn the_numbers_are_counted_right() {
    for (name, saved) in saved() {
        let account = Account::of(&saved).expect("an account");
        for variant in &saved.variants {
            for metric in variant.runs[0].right.keys() {
                let right =
                    variant.runs.iter().map(|run| run.right[metric].matches('1').count()).sum::<usize>();
                let share = right as f64 / (variant.runs.len() * variant.about.test.examples) as f64;
                let shown = account.quantity(metric, &variant.label).expect("a mean");
                assert_eq!(shown, format!("{share:.4}"), "{name}: {metric} of {}", variant.label);
                for run in &variant.runs {
                    let last = run.tests.metrics[metric].last().copied().flatten().expect("a number");
                    let share =
                        run.right[metric].matches('1').count() as f64 / variant.about.test.examples as f64;
                    // One division each.
                    assert!(
                        (last - share).abs() < 1e-12,
                        "{name}: {metric} of {}, seed {}",
                        variant.label,
                        run.seed
                    );
                }
            }
        }
    }
}

/// A sweep file that says something else than its results were trained with has to be trained again.
#[test]
fn the_results_are_those_of_their_sweeps() {
    for (name, saved) in saved() {
        let file =
            load_sweep(&root().join(format!("results/{name}.ron"))).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(saved.title, file.title());
        let seeds = file.sweep.seeds.clone().unwrap_or_default();
        // Tables of ablations, which have many variants, have three.
        let least = if saved.variants.len() > 10 { 3 } else { 5 };
        assert!(seeds.len() >= least, "{name}: {} seeds tell little of their spread", seeds.len());
        for variant in &saved.variants {
            let of_file = file.variants.iter().find(|known| known.label == variant.label);
            let of_file = of_file.unwrap_or_else(|| panic!("{name}.ron has no variant `{}`", variant.label));
            let run = file.open(of_file, &[]).unwrap_or_else(|error| panic!("{error}"));
            let mut now = run.all_settings();
            // The saved ones name the model as compiled, and runs by their seed.
            now.remove("seed");
            now.remove("name");
            now.insert("model".to_owned(), variant.about.model.clone());
            assert_eq!(
                now,
                saved.settings_of(variant),
                "{name}: `{}` was trained with other settings",
                variant.label
            );
            assert!(variant.runs.iter().all(|run| seeds.contains(&run.seed)), "{name}: `{}`", variant.label);
        }
    }
}

#[test]
fn the_files_are_written_as_totc_writes_them_and_name_no_path() {
    for path in files("results", "json") {
        let text = std::fs::read_to_string(&path).expect("a file");
        let saved = Saved::read(&path).unwrap_or_else(|error| panic!("{error}"));
        assert!(text == saved.text(), "{} was changed by hand", path.display());
        assert!(
            !text.contains("\"/") && !text.contains(" /") && !text.contains(":\\\\"),
            "{}",
            path.display()
        );
    }
}

#[test]
fn a_marker_that_names_nothing_is_told() {
    let saved = saved();
    let Some((name, first)) = saved.iter().next() else { panic!("nothing is saved") };
    let accounts = BTreeMap::from([(name.clone(), Account::of(first).expect("an account"))]);
    let told = |text: &str| renewed(text, "", &accounts).expect_err("refused");
    let label = &first.variants[0].label;
    assert!(told("<!-- results: none table --><!-- end -->").contains("no results/none.json"));
    assert!(told(&format!("<!-- results: {name} table -->")).contains("no `<!-- end -->`"));
    assert!(told(&format!("<!-- results: {name} exact nobody --><!-- end -->")).contains(label));
    assert!(told(&format!("<!-- results: {name} exat {label} --><!-- end -->")).contains("exact"));
    assert!(told(&format!("<!-- results: {name} exact.mean {label} --><!-- end -->")).contains("verdict"));
    let seeds = renewed(&format!("a <!-- results: {name} seeds {label} -->0<!-- end --> b"), "", &accounts);
    assert_eq!(
        seeds,
        Ok(format!("a <!-- results: {name} seeds {label} -->{}<!-- end --> b", first.variants[0].runs.len()))
    );
}
