//! Which numbers a run could use: takes the outline of a run file, gives the fields whose numbers lie outside their
//! bounds; a new bound is one line of the table.

use super::blame::Blame;
use super::error::Slug;
use super::outline::{Node, RonEntry};
use super::training::TrainConfig;
use crate::bounds::Bound::{self, Above, AtLeast, Between, From};

/// Fields by path (`*`: any one name), with their bounds and the reason.
const LIMITS: &[(&str, Bound, &str)] = &[
    ("batch", AtLeast(1.0), "a step needs at least one row"),
    ("memory", Above(0.0), "it is the memory of a step, in GB"),
    ("length.*", Above(0.0), "a run lasts at least one step"),
    ("optimiser.lr", AtLeast(0.0), "a negative learning rate climbs the loss"),
    ("optimiser.weight_decay", AtLeast(0.0), "a negative decay makes weights grow"),
    ("optimiser.options.beta1", From(0.0, 1.0), "it is the share of the old average that stays"),
    ("optimiser.options.beta2", From(0.0, 1.0), "it is the share of the old average that stays"),
    ("optimiser.options.eps", AtLeast(0.0), "it keeps a divisor away from 0"),
    ("tables.lr", AtLeast(0.0), "a negative learning rate climbs the loss"),
    ("tables.weight_decay", AtLeast(0.0), "a negative decay makes weights grow"),
    ("groups.*.lr", AtLeast(0.0), "a negative learning rate climbs the loss"),
    ("groups.*.lr_factor", AtLeast(0.0), "a negative learning rate climbs the loss"),
    ("groups.*.weight_decay", AtLeast(0.0), "a negative decay makes weights grow"),
    ("init.lr", AtLeast(0.0), "a negative learning rate climbs the loss"),
    ("init.lr_factor", AtLeast(0.0), "a negative learning rate climbs the loss"),
    ("accumulate", AtLeast(1.0), "an update needs the losses of at least one step"),
    ("phases.*.from", AtLeast(1.0), "the first phase is `set` itself"),
    ("phases.*.from.*", Between(0.0, 1.0), "it is a share of the whole training"),
    ("schedule.floor", Between(0.0, 1.0), "it is the last learning rate over the first"),
    ("schedule.decay", Between(0.0, 1.0), "it is a share of the run"),
    ("clip", Above(0.0), "it is the largest norm that gradients may have"),
    ("ema", From(0.0, 1.0), "it is the share of the old average that stays at each step"),
    (
        "evaluation.every",
        AtLeast(1.0),
        "it counts training steps; leave the field at `None` to test only when asked",
    ),
    ("evaluation.patience", AtLeast(1.0), "it counts tests; `None` never ends training early"),
    ("evaluation.examples", AtLeast(1.0), "`None` stands for all examples"),
    ("evaluation.steps", AtLeast(1.0), "an answer needs at least one step"),
    ("evaluation.min_steps", AtLeast(1.0), "an answer needs at least one step"),
    ("evaluation.threshold", Between(0.0, 1.0), "it is compared with the model's confidence"),
    ("evaluation.during_training", AtLeast(1.0), "`None` stands for all examples"),
    ("evaluation.rollouts", AtLeast(1.0), "there is at least one answer"),
    ("evaluation.views", AtLeast(1.0), "the example as it is counts as the first view"),
    ("checkpoints.every", AtLeast(1.0), "it counts training steps; `None` saves only at the end"),
];

/// Every field with a bound, by path (`*`: any one name).
pub fn bounds() -> impl Iterator<Item = (&'static str, Bound)> {
    LIMITS.iter().map(|(path, bound, _)| (*path, *bound))
}

/// All numbers out of bounds, and fields that exclude one another.
pub fn check(text: &str, root: &Node) -> Vec<Blame> {
    let mut found = Vec::new();
    root.walk(&mut Vec::new(), &mut |path, entry| {
        if let Some((_, bound, reason)) = LIMITS.iter().find(|(pattern, ..)| matches(pattern, path)) {
            found.extend(out_of_range(text, path, entry, *bound, reason));
        }
        if matches("groups.*.lr_factor", path) || matches("init.lr_factor", path) {
            found.extend(two_rates(root, path, entry));
        }
        if matches("phases.*.from", path) {
            found.extend(out_of_order(text, root, path, entry));
        }
    });
    found
}

/// The first number of `config` that no run could use: its path as run files write it, the number and its bound. For
/// settings that come from a program and not from a file.
pub fn out_of_bounds(config: &TrainConfig) -> Option<(String, f64, Bound)> {
    let mut numbers = vec![
        ("batch".to_owned(), config.batch as f64),
        ("accumulate".to_owned(), config.accumulate as f64),
        ("optimiser.lr".to_owned(), config.optimiser.lr),
        ("optimiser.weight_decay".to_owned(), config.optimiser.weight_decay),
        ("tables.lr".to_owned(), config.tables.lr),
        ("tables.weight_decay".to_owned(), config.tables.weight_decay),
        ("schedule.floor".to_owned(), config.schedule.floor),
        ("schedule.decay".to_owned(), config.schedule.decay),
    ];
    numbers.extend(config.clip.map(|clip| ("clip".to_owned(), clip)));
    numbers.extend(config.ema.map(|ema| ("ema".to_owned(), ema)));
    for (at, group) in config.groups.iter().enumerate() {
        let of_group =
            [("lr", group.lr), ("lr_factor", group.lr_factor), ("weight_decay", group.weight_decay)];
        for (name, number) in of_group {
            numbers.extend(number.map(|number| (format!("groups.{at}.{name}"), number)));
        }
    }
    numbers.into_iter().find_map(|(path, number)| {
        let names: Vec<String> = path.split('.').map(str::to_owned).collect();
        let (_, bound, _) = LIMITS.iter().find(|(pattern, ..)| matches(pattern, &names))?;
        (!bound.holds(number)).then_some((path, number, *bound))
    })
}

fn matches(pattern: &str, path: &[String]) -> bool {
    let mut names = path.iter();
    pattern.split('.').all(|part| names.next().is_some_and(|name| part == "*" || part == name))
        && names.next().is_none()
}

fn out_of_range(text: &str, path: &[String], entry: &RonEntry, bound: Bound, reason: &str) -> Option<Blame> {
    let value = entry.value.unwrapped(text);
    let written = text.get(value.span.clone())?;
    let number: f64 = ron::from_str(&written.replace('_', "")).ok()?;
    if bound.holds(number) {
        return None;
    }
    let wanted = if number.is_finite() { bound.words() } else { "a finite number".to_owned() };
    Some(Blame {
        slug: Slug::OutOfRange,
        message: format!("`{}` must be {wanted}, found `{written}`", shown(path)),
        range: value.span.clone(),
        label: format!("must be {wanted}"),
        help: Some(reason.to_owned()),
        leave_out: None,
    })
}

fn two_rates(root: &Node, path: &[String], entry: &RonEntry) -> Option<Blame> {
    let group =
        path.iter().take(path.len() - 1).try_fold(root, |node, name| Some(&node.entry(name)?.value))?;
    group.entry("lr")?;
    Some(Blame {
        slug: Slug::Conflict,
        message: match path.first().map(String::as_str) {
            Some("init") => "`init` has either `lr` or `lr_factor`, not both".to_owned(),
            _ => "a group has either `lr` or `lr_factor`, not both".to_owned(),
        },
        range: entry.key.as_ref().map_or(entry.value.span.clone(), |key| key.span.clone()),
        label: "`lr` stands beside it".to_owned(),
        help: Some("`lr` is the rate itself, `lr_factor` multiplies the optimiser's".to_owned()),
        leave_out: None,
    })
}

/// A phase that does not begin after the one before it.
fn out_of_order(text: &str, root: &Node, path: &[String], entry: &RonEntry) -> Option<Blame> {
    let number: usize = path.get(1)?.parse().ok()?;
    let before =
        root.entry("phases")?.value.entry(&number.checked_sub(1)?.to_string())?.value.entry("from")?;
    // A share and a number of steps can be compared only once the data is known.
    let read = |entry: &RonEntry| -> Option<(bool, f64)> {
        let written = text.get(entry.value.span.clone())?.replace('_', "");
        match written.strip_prefix("progress(").and_then(|rest| rest.strip_suffix(')')) {
            Some(share) => Some((true, share.trim().parse().ok()?)),
            None => Some((false, written.parse::<u64>().ok()? as f64)),
        }
    };
    let ((share_before, before), (share, from)) = (read(before)?, read(entry)?);
    if share != share_before {
        return None;
    }
    (from <= before).then(|| Blame {
        slug: Slug::Conflict,
        message: match share {
            true => format!("a phase from {from} of the training cannot stand after one from {before} of it"),
            false => format!("a phase from step {from} cannot stand after one from step {before}"),
        },
        range: entry.value.span.clone(),
        label: format!("expected more than {before}"),
        help: Some("phases stand in the order in which they begin".to_owned()),
        leave_out: None,
    })
}

/// `groups.0.lr` without the number of the single value in `steps(0)`.
fn shown(path: &[String]) -> String {
    match path {
        [name, number] if number.parse::<usize>().is_ok() => name.clone(),
        _ => path.join("."),
    }
}
