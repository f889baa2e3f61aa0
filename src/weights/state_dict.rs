//! The state dict inside a checkpoint: takes a pickle, gives the tensors by name and says what lies beside them.

use super::pickle::{Id, Pickle, Value, View};
use indexmap::IndexMap;

/// A dict of a checkpoint that holds tensors by name.
#[derive(Clone, Debug)]
pub struct StateDict {
    /// Names of the dicts around it, outermost first; empty for the checkpoint itself.
    pub key: Vec<String>,
    /// Tensors by their name in the file, in its order.
    pub tensors: IndexMap<String, View>,
    /// Entries that are no tensors, with what they are.
    pub others: Vec<(String, String)>,
}

impl StateDict {
    /// `model`, or `the file itself`.
    pub fn place(&self) -> String {
        if self.key.is_empty() { "the file itself".to_owned() } else { format!("`{}`", self.key.join(".")) }
    }
}

/// Names under which training scripts keep a model's weights, the likeliest first.
const USUAL: &[&str] = &["model", "state_dict", "model_state_dict", "module", "net", "weights", "params"];

/// How deep dicts of tensors are looked for.
const DEEPEST: usize = 3;

/// Every dict in it that holds tensors by name, outermost first.
pub fn find(pickle: &Pickle) -> Vec<StateDict> {
    let mut found = Vec::new();
    descend(pickle, pickle.root(), &mut Vec::new(), &mut found);
    found
}

fn descend(pickle: &Pickle, value: &Value, path: &mut Vec<String>, found: &mut Vec<StateDict>) {
    let Value::Dict(entries) = value else { return };
    let mut dict = StateDict { key: path.clone(), tensors: IndexMap::new(), others: Vec::new() };
    for (key, value) in entries {
        let Some(name) = pickle.text(*key) else { continue };
        match pickle.get(*value) {
            Value::Tensor(view) => {
                dict.tensors.insert(name.to_owned(), view.clone());
            }
            _ => dict.others.push((name.to_owned(), describe(pickle, *value))),
        }
    }
    if !dict.tensors.is_empty() {
        found.push(dict);
    }
    if path.len() < DEEPEST {
        for (key, value) in entries {
            if let Some(name) = pickle.text(*key) {
                path.push(name.to_owned());
                descend(pickle, pickle.get(*value), path, found);
                path.pop();
            }
        }
    }
}

/// The dict that holds the weights: the one asked for, else the checkpoint itself, else the one with the usual name, else
/// the only one.
pub fn choose<'a>(found: &'a [StateDict], key: Option<&str>) -> Result<&'a StateDict, String> {
    let listed = || found.iter().map(StateDict::place).collect::<Vec<_>>().join(", ");
    if let Some(key) = key {
        let exact = found.iter().find(|dict| dict.key.join(".") == key);
        // `ema` also means `ema.shadow`, if nothing else lies there.
        let mut inside = found.iter().filter(|dict| dict.key.first().is_some_and(|first| first == key));
        return exact
            .or_else(|| inside.next().filter(|_| inside.next().is_none()))
            .ok_or_else(|| format!("it has no `{key}` that holds tensors by name; there is {}", listed()));
    }
    let mut weights: Vec<&StateDict> = found.iter().filter(|dict| role(dict).is_none()).collect();
    // A step or a loss that is a tensor makes no state dict of what holds it.
    if weights.len() > 1 && weights.first().is_some_and(|first| stands_beside(first, &weights[1..])) {
        weights.remove(0);
    }
    let usual = || {
        USUAL.iter().find_map(|name| {
            weights.iter().copied().find(|dict| dict.key.last().is_some_and(|last| last == name))
        })
    };
    match weights.as_slice() {
        [] => None,
        [only] => Some(*only),
        [first, ..] if first.key.is_empty() => Some(*first),
        _ => usual(),
    }
    .ok_or_else(|| format!("it holds tensors by name in {}; say which by --key NAME", listed()))
}

/// Whether the tensors of the checkpoint itself only stand beside a state dict: single numbers, or fewer than in a dict
/// with the usual name.
fn stands_beside(root: &StateDict, inner: &[&StateDict]) -> bool {
    let single = |view: &View| view.shape.iter().all(|size| *size <= 1);
    let usual = |dict: &&&StateDict| matches!(dict.key.as_slice(), [name] if USUAL.contains(&name.as_str()));
    let larger = inner.iter().filter(usual).any(|dict| dict.tensors.len() >= root.tensors.len());
    root.key.is_empty() && (larger || root.tensors.values().all(single))
}

/// What a dict is that is not the weights as trained.
fn role(dict: &StateDict) -> Option<&'static str> {
    dict.key.iter().find_map(|name| role_of(name))
}

/// By the words of a name: `remaining` holds no average, though it has these letters.
fn role_of(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    let any = |is: &dyn Fn(&str) -> bool| name.split(|c: char| !c.is_alphanumeric()).any(is);
    if any(&|word| word.starts_with("optim")) {
        Some("the optimisers' state, which totc does not take: training starts with a fresh one")
    } else if any(&|word| {
        matches!(word, "ema" | "emas" | "swa") || word.starts_with("shadow") || word.starts_with("average")
    }) {
        Some("a moving average of the parameters")
    } else if any(&|word| word.starts_with("sched")) {
        Some("the state of a learning-rate schedule, which totc does not take")
    } else if any(&|word| word == "carry") {
        Some("the carried batch of the run, which totc does not take")
    } else if any(&|word| word == "rng") {
        Some("the state of random number generators, which totc does not take")
    } else {
        None
    }
}

/// What lies beside the chosen dict at the top of the checkpoint: names, and what they are.
pub fn beside(pickle: &Pickle, found: &[StateDict], chosen: &StateDict) -> Vec<(String, String)> {
    let Value::Dict(entries) = pickle.root() else { return Vec::new() };
    if chosen.key.is_empty() {
        let told = |(name, what): &(String, String)| (name.clone(), role_of(name).unwrap_or(what).to_owned());
        return chosen.others.iter().map(told).collect();
    }
    let mut list = Vec::new();
    for (key, value) in entries {
        let Some(name) = pickle.text(*key) else { continue };
        if chosen.key.first().is_some_and(|first| first == name) {
            continue;
        }
        let mut inside = found.iter().filter(|dict| dict.key.first().is_some_and(|first| first == name));
        let tensors = inside.next().map(|dict| dict.tensors.len()).filter(|_| inside.next().is_none());
        let what = match (role_of(name), tensors) {
            (Some(role), Some(tensors)) if !role.contains("not take") => {
                format!("{role} ({tensors} tensors); --key {name} takes it")
            }
            (Some(role), _) => role.to_owned(),
            (None, Some(tensors)) => format!("{tensors} tensors; --key {name} takes them"),
            (None, None) => describe(pickle, *value),
        };
        list.push((name.to_owned(), what));
    }
    list
}

/// What the top of a file without any state dict is, in words.
pub fn describe_root(pickle: &Pickle) -> String {
    match pickle.root() {
        Value::Dict(entries) => {
            let names: Vec<String> = entries
                .iter()
                .filter_map(|(key, _)| pickle.text(*key))
                .map(|name| match role_of(name) {
                    Some(role) => format!("`{name}` ({role})"),
                    None => format!("`{name}`"),
                })
                .collect();
            format!("a dict of {}", if names.is_empty() { "nothing".to_owned() } else { names.join(", ") })
        }
        Value::Opaque(class) => format!(
            "an object of the class {class}, which totc does not make; in Python, save its `state_dict()` instead"
        ),
        Value::Tensor(_) => "a single tensor without a name".to_owned(),
        other => plain(other),
    }
}

fn describe(pickle: &Pickle, id: Id) -> String {
    plain(pickle.get(id))
}

fn plain(value: &Value) -> String {
    match value {
        Value::None => "None".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Text(text) => format!("the text {:?}", text.chars().take(40).collect::<String>()),
        Value::Bytes(bytes) => format!("{} bytes", bytes.len()),
        Value::List(items) => format!("a list of {}", items.len()),
        Value::Tuple(items) => format!("a tuple of {}", items.len()),
        Value::Dict(entries) => format!("a dict of {}", entries.len()),
        Value::Global(name) => format!("the class {}", name.replace(' ', ".")),
        Value::Storage(_) => "a storage".to_owned(),
        Value::Tensor(view) => format!("a tensor {:?}", view.shape),
        Value::Opaque(class) => format!("an object of the class {class}, not made"),
    }
}
