//! A fixture and the model compiled for it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde_json::Value as Json;
use tch::Tensor;
use totc::Values;
use totc::ir::{Mode, WeightInfo};
use totc::lower::Program;
use totc::model::{Bindings, Setting};
use totc::train::Batch;

use crate::names;

/// A fixture: tensors, and the scalars and configuration of its json.
pub struct Golden {
    tensors: HashMap<String, Tensor>,
    pub info: Json,
}

impl Golden {
    pub fn read(name: &str) -> Golden {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/models");
        let path = std::env::var("TOTC_GOLDEN").map_or(folder, PathBuf::from).join(name);
        let tensors = Tensor::read_safetensors(path.with_extension("safetensors")).unwrap();
        let info = std::fs::read(path.with_extension("json")).unwrap();
        Golden { tensors: tensors.into_iter().collect(), info: serde_json::from_slice(&info).unwrap() }
    }

    pub fn find(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    pub fn get(&self, name: &str) -> &Tensor {
        self.find(name).unwrap_or_else(|| panic!("the fixture has no `{name}`"))
    }

    pub fn batch(&self, prefix: &str) -> Batch {
        let columns = [("question", "inputs"), ("puzzle", "puzzle_identifiers"), ("answer", "labels")];
        let column = |theirs: &str| self.get(&format!("{prefix}.{theirs}")).shallow_clone();
        columns.map(|(ours, theirs)| (ours.to_owned(), column(theirs))).into_iter().collect()
    }

    /// Weights or gradients under `prefix`, by totc's paths and in totc's shapes.
    pub fn named(&self, prefix: &str, infos: &[WeightInfo]) -> IndexMap<String, Tensor> {
        let mut found = IndexMap::new();
        for (name, tensor) in &self.tensors {
            let Some(name) = name.strip_prefix(prefix) else { continue };
            found.extend(names::parts_of(name, tensor));
        }
        for info in infos {
            if let Some(tensor) = found.get_mut(&info.path) {
                *tensor = tensor.reshape(&info.shape);
            }
        }
        found
    }

    /// A state after a step; not every fixture has those of all steps.
    pub fn state(&self, prefix: &str, ours: &str) -> Option<&Tensor> {
        let theirs = if ours == "y" { "z_H".to_owned() } else { ours.replace('z', "z_L") };
        // It is there under another name where there is but one, or where z is y.
        let names = [theirs.as_str(), "z_H", "z_L"];
        names.iter().find_map(|name| self.find(&format!("{prefix}.carry.{name}")))
    }

    /// How far the published code is from itself with another attention kernel and other threads: the largest of the
    /// entries `PREFIX.what` of the given prefixes.
    pub fn noise(&self, prefixes: &[&str], what: &str) -> Option<f64> {
        let known = self.info["kernel_noise_max_abs"].as_object()?;
        let entries = known.iter().filter(|(name, _)| {
            name.rsplit_once('.').is_some_and(|(prefix, last)| last == what && prefixes.contains(&prefix))
        });
        entries.filter_map(|(_, noise)| noise.as_f64()).reduce(f64::max)
    }

    /// Scalars of a step: `training_steps` or `eval_steps`.
    pub fn scalars(&self, steps: &str, step: usize) -> &Json {
        &self.info[steps][step - 1]
    }

    pub fn bindings(&self, model: &str, mode: Mode) -> Bindings {
        bindings(&self.info["config"], &self.info["puzzle_rows_P"], model, mode)
    }
}

/// A published configuration in totc's terms.
pub fn bindings(config: &Json, puzzle_tokens: &Json, model: &str, mode: Mode) -> Bindings {
    let mut bindings = Bindings { model: Some(model.to_owned()), ..Bindings::new(mode) };
    let mut set = |ours: &str, value: String| {
        bindings.sets.insert(ours.to_owned(), Setting::parse(&value));
    };
    let same = [
        ("hidden", "hidden_size"),
        ("heads", "num_heads"),
        ("expansion", "expansion"),
        ("layers", "H_layers"),
        ("layers", "L_layers"),
        ("T", "H_cycles"),
        ("n", "L_cycles"),
        ("puzzle_width", "puzzle_emb_ndim"),
        ("max_steps", "halt_max_steps"),
        ("explore", "halt_exploration_prob"),
    ];
    for (ours, theirs) in same.iter().filter(|(_, theirs)| !config[theirs].is_null()) {
        // The plain transformer has no cycles.
        if model == "Transformer" && *ours == "T" {
            continue;
        }
        set(ours, config[theirs].to_string());
    }
    set("puzzle_tokens", puzzle_tokens.to_string());
    if config["mlp_t"] == true {
        set("mixing", "mlp".to_owned());
    }
    if let Some(merge) = config["tree_merge_method"].as_str() {
        let combine = if merge == "learned_weighted" { "learned_weights" } else { merge };
        set("combine", combine.to_owned());
        set("branchings", config["tree_branching_steps"].to_string());
        set("fork_strength", config["adaptive_branch_scale"].to_string());
        set("fork_bias", "true".to_owned());
        set("diversity_weight", config["diversity_weight"].to_string());
        set("diversity_margin", config["diversity_margin"].to_string());
    }
    let sizes = [
        ("batch", "batch_size"),
        ("cell", "seq_len"),
        ("symbol", "vocab_size"),
        ("task", "num_puzzle_identifiers"),
    ];
    for (ours, theirs) in sizes {
        bindings.sizes.insert(ours.to_owned(), config[theirs].as_u64().unwrap() as usize);
    }
    bindings
}

/// A shipped model.
pub fn shipped(file: &str, bindings: &Bindings, values: Values) -> Program {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(file);
    crate::compile::file(&path, bindings, values)
}
