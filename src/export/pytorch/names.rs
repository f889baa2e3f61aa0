//! Names of a published code for the parts of a module. Takes pairs of names and the paths of all weights; gives each part of a
//! path its published name where both paths have as many parts and nothing else has it, so that nets stay what they are. And
//! names that Python and PyTorch leave to the author.

use std::collections::{HashMap, HashSet};

/// Words of Python, and what the exported file has or calls.
const WORDS: &[&str] = &[
    "False",
    "None",
    "True",
    "and",
    "as",
    "assert",
    "async",
    "await",
    "break",
    "class",
    "continue",
    "def",
    "del",
    "elif",
    "else",
    "except",
    "finally",
    "for",
    "from",
    "global",
    "if",
    "import",
    "in",
    "is",
    "lambda",
    "nonlocal",
    "not",
    "or",
    "pass",
    "raise",
    "return",
    "try",
    "while",
    "with",
    "yield",
    "torch",
    "nn",
    "F",
    "os",
    "self",
    "range",
    "sum",
    "rotary",
    "float",
    "json",
    "forward",
    "start",
    "step",
    "arguments",
    "load",
    "super",
    "dict",
    "zip",
    "next",
];

/// What every module of PyTorch 2.13 has (`dir(torch.nn.Module())`).
const OF_MODULES: &[&str] = &[
    "T_destination",
    "add_module",
    "apply",
    "bfloat16",
    "buffers",
    "call_super_init",
    "children",
    "compile",
    "cpu",
    "cuda",
    "double",
    "dump_patches",
    "eval",
    "extra_repr",
    "get_buffer",
    "get_extra_state",
    "get_parameter",
    "get_submodule",
    "half",
    "ipu",
    "load_state_dict",
    "modules",
    "mtia",
    "named_buffers",
    "named_children",
    "named_modules",
    "named_parameters",
    "parameters",
    "register_backward_hook",
    "register_buffer",
    "register_forward_hook",
    "register_forward_pre_hook",
    "register_full_backward_hook",
    "register_full_backward_pre_hook",
    "register_load_state_dict_post_hook",
    "register_load_state_dict_pre_hook",
    "register_module",
    "register_parameter",
    "register_state_dict_post_hook",
    "register_state_dict_pre_hook",
    "requires_grad_",
    "set_extra_state",
    "set_submodule",
    "share_memory",
    "state_dict",
    "to",
    "to_empty",
    "train",
    "training",
    "type",
    "xpu",
    "zero_grad",
];

/// The name, or one beside it where Python, PyTorch or the exported file has it for something else: different names stay so.
pub(super) fn own_name(name: &str) -> String {
    let underscores = |rest: &str| rest.chars().all(|letter| letter == '_');
    let taken = WORDS.iter().chain(OF_MODULES).any(|word| name.strip_prefix(word).is_some_and(underscores));
    if name.trim_start_matches('x').starts_with("__") {
        // Within a class Python would change it.
        return format!("x{name}");
    }
    if name.starts_with('_') || taken {
        return format!("{name}_");
    }
    name.to_owned()
}

/// Published names by the path that a part ends: `f.layers` is, perhaps, `layers`, and `f` `L_level`.
#[derive(Clone, Debug, Default)]
pub struct Published {
    parts: HashMap<String, String>,
}

impl Published {
    /// Of pairs (published name, path), for a model with these paths of weights.
    pub fn of<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>, paths: &[&str]) -> Published {
        let mut found: HashMap<String, HashSet<&str>> = HashMap::new();
        for (theirs, ours) in pairs {
            let alike = theirs.split('.').count() == ours.split('.').count();
            let numbers =
                |name: &str| -> Vec<Option<u32>> { name.split('.').map(|part| part.parse().ok()).collect() };
            if !alike || numbers(theirs) != numbers(ours) {
                continue;
            }
            for (prefix, part) in prefixes(ours).zip(theirs.split('.')) {
                found.entry(prefix.to_owned()).or_default().insert(part);
            }
        }
        let one = |(prefix, names): (String, HashSet<&str>)| {
            let name = (names.len() == 1).then(|| names.into_iter().next())??;
            Some((prefix, name.to_owned()))
        };
        let names = Published { parts: found.into_iter().filter_map(one).collect() };
        if names.tells_apart(paths) { names } else { Published::default() }
    }

    /// The whole path.
    pub fn path(&self, path: &str) -> String {
        self.parts(path).collect::<Vec<_>>().join(".")
    }

    /// Its parts, outermost first.
    pub fn parts<'a>(&'a self, path: &'a str) -> impl Iterator<Item = String> {
        let all = prefixes(path).zip(path.split('.'));
        all.map(|(prefix, own)| own_name(self.parts.get(prefix).map_or(own, String::as_str)))
    }

    /// Whether parts that are different stay so.
    fn tells_apart(&self, paths: &[&str]) -> bool {
        let all: HashSet<&str> = paths.iter().flat_map(|path| prefixes(path)).collect();
        let renamed: HashSet<String> = all.iter().map(|prefix| self.path(prefix)).collect();
        renamed.len() == all.len()
    }
}

/// `a`, `a.b` and `a.b.c` of `a.b.c`.
fn prefixes(path: &str) -> impl Iterator<Item = &str> {
    let ends = path.match_indices('.').map(|(at, _)| at).chain(std::iter::once(path.len()));
    ends.map(|end| &path[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIRS: [(&str, &str); 3] = [
        ("L_level.layers.0.self_attn.o_proj.weight", "f.layers.0.attention.out.weight"),
        ("lm_head.weight", "answer_head.weight"),
        ("layers.0.weight", "f.layers.0.mlp.weight"),
    ];

    #[test]
    fn parts_are_named_where_both_paths_are_equally_long() {
        let names = Published::of(PAIRS, &["f.layers.0.attention.out.weight", "f.layers.0.mlp.weight"]);
        assert_eq!(names.path("f.layers.0.attention.out.weight"), "L_level.layers.0.self_attn.o_proj.weight");
        assert_eq!(names.path("f.layers.0.mlp.weight"), "L_level.layers.0.mlp.weight");
        assert_eq!(names.path("other"), "other");
    }

    #[test]
    fn a_name_that_another_part_has_is_given_to_nobody() {
        let names = Published::of(PAIRS, &["answer_head.weight", "lm_head.weight"]);
        assert_eq!(names.path("answer_head.weight"), "answer_head.weight");
    }

    #[test]
    fn different_names_stay_different() {
        let names =
            ["half", "half_", "_half", "__half", "x__half", "lambda", "requires_grad", "requires_grad_", "f"];
        let own: HashSet<String> = names.iter().map(|name| own_name(name)).collect();
        assert_eq!(own.len(), names.len());
        assert!(own.contains("f") && own.contains("half_") && own.contains("requires_grad__"), "{own:?}");
        assert!(
            ["half", "requires_grad_", "lambda", "__half"].iter().all(|name| !own.contains(*name)),
            "{own:?}"
        );
    }

    #[test]
    fn a_part_with_two_published_names_keeps_its_own() {
        let pairs = [("a.weight", "f.weight"), ("b.bias", "f.bias")];
        assert_eq!(Published::of(pairs, &["f.weight", "f.bias"]).path("f.weight"), "f.weight");
    }
}
