//! Parameter groups: takes the settings and the model's weights, gives each learned weight its base learning rate and
//! decay; a pattern that changes nothing is an error.

use indexmap::IndexMap;

use super::misfit::Misfit;
use crate::diagnostic::suggestion;
use crate::ir::{WeightInfo, WeightRole};
use crate::run_file::{ParamGroup, TrainConfig};

/// How one weight is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Treatment {
    /// Base learning rate, before the schedule's factor.
    pub lr: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Whether it stays as it is.
    pub frozen: bool,
    /// As [`WeightInfo::outputs`], for rules that treat matrices apart.
    pub outputs: usize,
}

/// The treatment of every `param` and `table`, by path, in declaration order.
pub fn assign(weights: &[WeightInfo], config: &TrainConfig) -> Result<IndexMap<String, Treatment>, Misfit> {
    let mut won = vec![0_usize; config.groups.len()];
    let mut treatments = IndexMap::new();
    for weight in weights {
        let base = match weight.role {
            WeightRole::Param => (config.optimiser.lr, config.optimiser.weight_decay),
            WeightRole::Table => (config.tables.lr, config.tables.weight_decay),
            WeightRole::Buffer => continue,
        };
        let first = config.groups.iter().position(|group| matches(&group.weights, &weight.path));
        if let Some(count) = first.and_then(|index| won.get_mut(index)) {
            *count += 1;
        }
        let group = first.and_then(|index| config.groups.get(index));
        treatments.insert(weight.path.clone(), treatment(base, weight.outputs, group));
    }
    for (index, group) in config.groups.iter().enumerate() {
        if group.lr.is_some() && group.lr_factor.is_some() {
            return Err(Misfit::Setting {
                setting: format!("groups[{index}]"),
                what: format!("`{}` has both `lr` and `lr_factor`", group.weights),
                fix: "keep one of the two".to_owned(),
            });
        }
        if won.get(index) == Some(&0) {
            return Err(idle(index, group, weights));
        }
    }
    Ok(treatments)
}

fn treatment((lr, weight_decay): (f64, f64), outputs: usize, group: Option<&ParamGroup>) -> Treatment {
    let Some(group) = group else { return Treatment { lr, weight_decay, frozen: false, outputs } };
    Treatment {
        lr: group.lr.unwrap_or(lr * group.lr_factor.unwrap_or(1.0)),
        weight_decay: group.weight_decay.unwrap_or(weight_decay),
        frozen: group.frozen,
        outputs,
    }
}

/// Why a group that won no weight won none.
fn idle(index: usize, group: &ParamGroup, weights: &[WeightInfo]) -> Misfit {
    let pattern = &group.weights;
    let matched: Vec<_> = weights.iter().filter(|weight| matches(pattern, &weight.path)).collect();
    let (what, fix) = if matched.is_empty() {
        let known = patterns(weights);
        let fix = suggestion(pattern, known.iter().map(String::as_str)).unwrap_or_else(|| {
            let paths: Vec<_> = weights.iter().take(8).map(|weight| format!("`{}`", weight.path)).collect();
            format!("weights are called {}, …", paths.join(", "))
        });
        (format!("`{pattern}` matches no weight of the model"), fix)
    } else if matched.iter().all(|weight| weight.role == WeightRole::Buffer) {
        (format!("`{pattern}` matches only buffers, which are never trained"), "remove the group".to_owned())
    } else {
        let what = format!("every weight that `{pattern}` matches belongs to an earlier group");
        (what, "the first match wins: put the narrower pattern first".to_owned())
    };
    Misfit::Setting { setting: format!("groups[{index}].weights"), what, fix }
}

/// Patterns worth suggesting: whole paths, and `prefix.*` for each part of the model.
fn patterns(weights: &[WeightInfo]) -> Vec<String> {
    let mut known: Vec<String> = Vec::new();
    for weight in weights.iter().filter(|weight| weight.role != WeightRole::Buffer) {
        let prefixes = weight.path.match_indices('.').map(|(end, _)| format!("{}.*", &weight.path[..end]));
        known.extend(prefixes.chain([weight.path.clone()]));
    }
    known.dedup();
    known
}

/// Whether `pattern` describes the whole of `path`: `*` stands for any text, `?` for one character.
pub fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<char>, Vec<char>) = (pattern.chars().collect(), path.chars().collect());
    // reached[i]: the pattern read so far describes the first i characters.
    let mut reached = vec![false; path.len() + 1];
    reached[0] = true;
    for symbol in pattern {
        let mut next = vec![false; path.len() + 1];
        if symbol == '*' {
            let mut any = false;
            for (now, before) in next.iter_mut().zip(&reached) {
                any |= *before;
                *now = any;
            }
        } else {
            for ((now, before), character) in next.iter_mut().skip(1).zip(&reached).zip(&path) {
                *now = *before && (symbol == '?' || symbol == *character);
            }
        }
        reached = next;
    }
    reached.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::op::Init;
    use crate::source::Span;

    fn weights() -> Vec<WeightInfo> {
        let weight = |path: &str, role| WeightInfo {
            path: path.to_owned(),
            role,
            shape: vec![2],
            axes: vec!["dim".to_owned()],
            outputs: 0,
            init: Init::Constant(0.0),
            span: Span::NONE,
        };
        vec![
            weight("f.layers.0.attention.qkv.weight", WeightRole::Param),
            weight("f.layers.0.mlp.down.weight", WeightRole::Param),
            weight("halt_head.bias", WeightRole::Param),
            weight("prompt.rows", WeightRole::Table),
            weight("y0", WeightRole::Buffer),
        ]
    }

    fn config(groups: &[ParamGroup]) -> TrainConfig {
        TrainConfig { groups: groups.to_vec(), ..TrainConfig::default() }
    }

    fn group(weights: &str) -> ParamGroup {
        ParamGroup { weights: weights.to_owned(), lr: Some(1e-5), ..ParamGroup::default() }
    }

    #[test]
    fn patterns_cover_whole_paths() {
        assert!(matches("f.*", "f.layers.0"));
        assert!(matches("*.weight", "a.b.weight"));
        assert!(matches("f.layers.?.mlp*", "f.layers.1.mlp.up"));
        assert!(!matches("f", "f.layers"));
        assert!(!matches("*.bias", "a.bias.b"));
        assert!(matches("*", ""));
    }

    #[test]
    fn the_first_group_wins() {
        let groups = [group("f.*"), ParamGroup { frozen: true, lr: None, ..group("*.weight*") }];
        let error = assign(&weights(), &config(&groups)).unwrap_err().to_string();
        assert!(error.contains("put the narrower pattern first"), "{error}");
        let groups = [group("*.down.*"), ParamGroup { lr_factor: Some(0.1), lr: None, ..group("f.*") }];
        let given = assign(&weights(), &config(&groups)).unwrap();
        assert_eq!(given["f.layers.0.mlp.down.weight"].lr, 1e-5);
        assert!((given["f.layers.0.attention.qkv.weight"].lr - 1e-5).abs() < 1e-18);
        assert_eq!(given["prompt.rows"].lr, 1e-4);
        assert_eq!(given.get("y0"), None);
    }

    #[test]
    fn idle_patterns_are_refused_with_a_mend() {
        let refuse = |pattern| assign(&weights(), &config(&[group(pattern)])).unwrap_err().to_string();
        assert!(refuse("g.*").contains("did you mean `f.*`?"), "{}", refuse("g.*"));
        assert!(refuse("halt_heads.bias").contains("did you mean `halt_head.bias`?"));
        assert!(refuse("y0").contains("only buffers"));
    }
}
