//! Names of a model file that a run or sweep file has: takes its text, gives the places of configs and of the model's name,
//! and which models it trains; broken texts too, as far as they have an outline.

use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use super::outline::Node;
use super::{is_sweep, reading};

/// What a name of the model file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// A config that gets a value.
    Config,
    /// The model that is trained.
    Model,
    /// The same where nothing is said: the place behind `model: …`, with its comma if it has one.
    Unsaid,
}

/// A name and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameInRun {
    /// What it names.
    pub named: Named,
    /// The name; of what is not said, nothing.
    pub name: String,
    /// Its bytes, without quotes.
    pub range: Range<usize>,
}

/// Fields whose names are configs.
const SETS: [&str; 3] = ["set", "set_in_evaluation", "grid"];

/// Whether a field holds values by the names of configs.
pub fn is_set(field: &str) -> bool {
    SETS.contains(&field)
}

/// The text in quotes at a path, if it is one.
pub fn value_of(text: &str, path: &[&str]) -> Option<String> {
    let root = reading::outline(text);
    let node = path.iter().try_fold(&root, |node, name| Some(&node.unwrapped(text).entry(name)?.value))?;
    written(text, node).into_iter().next().map(|(value, _)| value)
}

/// All names of the model file in a run or sweep file, in order.
pub fn names_of_model(text: &str) -> Vec<NameInRun> {
    let (root, sweep) = (reading::outline(text), is_sweep(text));
    let mut found = Vec::new();
    root.walk(&mut Vec::new(), &mut |path, entry| {
        let Some(key) = &entry.key else { return };
        let holder = path.len().checked_sub(2).and_then(|at| path.get(at));
        let in_set = holder.is_some_and(|holder| SETS.contains(&holder.as_str()));
        let names_model = key.name == "name" && if sweep { in_set } else { path.len() == 1 };
        if names_model {
            let of = |(name, range)| NameInRun { named: Named::Model, name, range };
            found.extend(written(text, &entry.value).into_iter().map(of));
        } else if in_set {
            let name = key.name.strip_prefix("set.").unwrap_or(&key.name).to_owned();
            let within = text.get(key.span.clone()).and_then(|key| key.rfind(&name)).unwrap_or(0);
            let start = key.span.start + within;
            found.push(NameInRun { named: Named::Config, range: start..start + name.len(), name });
        }
    });
    if let (false, None, Some(model)) = (sweep, root.entry("name"), root.entry("model")) {
        let end = model.whole.end;
        found.push(NameInRun { named: Named::Unsaid, name: String::new(), range: end..end });
    }
    found
}

/// The models that a run or sweep file trains: files, and names where some are said. `read` gives the texts of run files
/// that a sweep starts from; what cannot be read trains nothing.
pub fn trained(
    path: &Path,
    text: &str,
    read: &dyn Fn(&Path) -> Option<String>,
) -> Vec<(PathBuf, Option<String>)> {
    let root = reading::outline(text);
    let folder = path.parent().unwrap_or(Path::new(""));
    let all_said = |node: &Node, name: &str| -> Vec<String> {
        let found = node.entry(name).map(|entry| written(text, &entry.value)).unwrap_or_default();
        found.into_iter().map(|(name, _)| name).collect()
    };
    let said = |node: &Node, name: &str| all_said(node, name).into_iter().next();
    if !is_sweep(text) {
        let model = said(&root, "model").map(|model| plain(&folder.join(model)));
        return model.map(|model| (model, said(&root, "name"))).into_iter().collect();
    }
    let rows = root.entry("rows").and_then(|rows| rows.value.group.as_ref());
    let mut rows: Vec<&Node> = rows.iter().flat_map(|rows| &rows.entries).map(|row| &row.value).collect();
    if rows.is_empty() || root.entry("grid").is_some() {
        rows.push(&root);
    }
    let mut all = Vec::new();
    for row in rows {
        let Some(base) = said(row, "run").or_else(|| said(&root, "run")) else { continue };
        let base = plain(&folder.join(base));
        // A run file starts from no other.
        let started = read(&base).filter(|text| !is_sweep(text)).map(|text| trained(&base, &text, read));
        let Some((mut model, name)) = started.and_then(|all| all.into_iter().next()) else { continue };
        let mut names = vec![name];
        for set in [(&root, "set"), (row, "set"), (row, "grid")] {
            let Some(set) = set.0.entry(set.1).map(|set| &set.value) else { continue };
            if let Some(other) = said(set, "model") {
                (model, names) = (plain(&base.parent().unwrap_or(Path::new("")).join(other)), vec![None]);
            }
            let given = all_said(set, "name");
            if !given.is_empty() {
                names = given.into_iter().map(Some).collect();
            }
        }
        all.extend(names.into_iter().map(|name| (model.clone(), name)));
    }
    all
}

/// The text of a value in quotes, `Some` of one or each of a list, with its bytes.
fn written(text: &str, value: &Node) -> Vec<(String, Range<usize>)> {
    let value = value.unwrapped(text);
    if let Some(group) = value.group.as_ref().filter(|group| group.bracket == '[') {
        return group.entries.iter().flat_map(|entry| written(text, &entry.value)).collect();
    }
    let inner = || text.get(value.span.clone())?.strip_prefix('"')?.strip_suffix('"');
    inner().map(|inner| (inner.to_owned(), value.span.start + 1..value.span.end - 1)).into_iter().collect()
}

/// The path without `.` and `..`, as far as it says itself where they lead.
pub fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match (part, plain.components().next_back()) {
            (Component::CurDir, _) => {}
            (Component::ParentDir, Some(Component::Normal(_))) => drop(plain.pop()),
            _ => plain.push(part),
        }
    }
    plain
}
