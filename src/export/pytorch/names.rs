//! Names of a published code for the parts of a module. Takes pairs of names and the paths of all weights; gives each part of a
//! path its published name where both paths have as many parts and nothing else has it, so that nets stay what they are.

use std::collections::{HashMap, HashSet};

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
    pub fn parts<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a str> {
        prefixes(path)
            .zip(path.split('.'))
            .map(|(prefix, own)| self.parts.get(prefix).map_or(own, String::as_str))
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
    fn a_part_with_two_published_names_keeps_its_own() {
        let pairs = [("a.weight", "f.weight"), ("b.bias", "f.bias")];
        assert_eq!(Published::of(pairs, &["f.weight", "f.bias"]).path("f.weight"), "f.weight");
    }
}
