//! Thoughts as the tree they are: takes how many there were after each branch and what each counts for in the merge,
//! gives the drawings above and below them, and says in words what the merge prefers. Never draws an answer.

use std::fmt::Write;

use super::results::percent;

/// Height of one branch and of the merge, in pixels.
const LEVEL: usize = 26;
const MERGE: usize = 46;
/// Weights further apart than this share of an even one prefer something.
const EVEN: f64 = 0.1;

/// The branches from the first thought down to `thoughts` columns; `levels` holds how many there were after each branch,
/// such as 2, 4, 8. What does not lead to these thoughts by whole numbers is drawn as one fork. Each thought has `column`
/// pixels.
pub fn branches(levels: &[usize], thoughts: usize, column: usize) -> String {
    let mut counts = vec![1];
    for level in levels.iter().copied().filter(|level| *level > 1) {
        let parents = counts.last().copied().unwrap_or(1);
        if level > parents && level.is_multiple_of(parents) && thoughts.is_multiple_of(level) {
            counts.push(level);
        }
    }
    if counts.last() != Some(&thoughts) {
        counts.push(thoughts);
    }
    let width = thoughts * column;
    let place = |at: usize, count: usize| (2 * at + 1) * width / (2 * count);
    let mut path = String::new();
    for (level, pair) in counts.windows(2).enumerate() {
        let [from, to] = [pair[0], pair[1]];
        let top = level * LEVEL;
        for child in 0..to {
            let (start, end) = (place(child * from / to, from), place(child, to));
            let middle = top + LEVEL / 2;
            let _ = write!(path, "M{start} {top}C{start} {middle} {end} {middle} {end} {}", top + LEVEL);
        }
    }
    let height = (counts.len() - 1) * LEVEL;
    format!(
        "<svg class=\"fork\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" \
         aria-label=\"{}\"><path class=\"branch\" d=\"{path}\"/><circle class=\"knot\" cx=\"{}\" cy=\"0\" r=\"5\"/></svg>",
        words(&counts),
        width / 2
    )
}

fn words(counts: &[usize]) -> String {
    let counts: Vec<String> = counts.iter().map(usize::to_string).collect();
    format!("thoughts after each branch: {}", counts.join(", "))
}

/// The lines from each thought to what they are merged into, as thick as the weight of each; thin ones where no weights
/// are known.
pub fn merge(weights: &[Option<f64>], column: usize) -> String {
    let width = weights.len() * column;
    let mut body = String::new();
    let (end, middle) = (width / 2, MERGE / 2);
    let heaviest = favourite(&known(weights));
    for (at, weight) in weights.iter().enumerate() {
        let start = (2 * at + 1) * column / 2;
        let thick = weight.map_or(1.5, |weight| 1.0 + 13.0 * weight.clamp(0.0, 1.0));
        let class = if heaviest == Some(at) { "branch liked" } else { "branch" };
        let _ = write!(
            body,
            "<path class=\"{class}\" stroke-width=\"{thick:.1}\" d=\"M{start} 0C{start} {middle} {end} {middle} {end} {MERGE}\"/>"
        );
    }
    format!(
        "<svg class=\"fork\" viewBox=\"0 0 {width} {MERGE}\" width=\"{width}\" height=\"{MERGE}\" role=\"img\" \
         aria-label=\"the merge, each line as thick as its thought's weight\">{body}</svg>"
    )
}

fn known(weights: &[Option<f64>]) -> Vec<f64> {
    let known: Vec<f64> = weights.iter().copied().flatten().collect();
    if known.len() == weights.len() { known } else { Vec::new() }
}

/// The thought with the largest weight, from 0; none where the weights are as good as even.
pub fn favourite(weights: &[f64]) -> Option<usize> {
    let even = 1.0 / weights.len() as f64;
    let (at, most) = weights.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
    (weights.len() > 1 && most > even * (1.0 + EVEN)).then_some(at)
}

/// How many thoughts the weights amount to: the exponential of their entropy. As many as there are where none is
/// preferred, 1 where one decides.
pub fn effective(weights: &[f64]) -> f64 {
    let entropy: f64 =
        weights.iter().filter(|weight| **weight > 0.0).map(|weight| -weight * weight.ln()).sum();
    entropy.exp()
}

/// What the merge prefers, in words; `right[i]`: thought i alone answers everything right, where that can be judged.
pub fn preference(weights: &[Option<f64>], right: Option<&[bool]>) -> String {
    let known = known(weights);
    if known.is_empty() {
        return "merged; the model does not tell the weights".to_owned();
    }
    let even = percent(1.0 / known.len() as f64);
    let Some(at) = favourite(&known) else {
        return format!("merged; no thought is preferred: each counts for about {even}");
    };
    let told = match right.and_then(|right| Some((right.get(at)?, right.iter().any(|right| *right)))) {
        Some((true, _)) => ", which is right",
        Some((false, true)) => ", which is wrong while another is right",
        Some((false, false)) => ", wrong as all are",
        None => "",
    };
    format!("merged; prefers thought {}{told}: {} where even would be {even}", at + 1, percent(known[at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_has_an_edge_for_each_child() {
        // 2 + 4 + 8 children in three branches.
        let edges = |levels: &[usize], thoughts| branches(levels, thoughts, 100).matches('M').count();
        assert_eq!(edges(&[2, 4, 8], 8), 14);
        assert_eq!(edges(&[], 5), 5);
        // What is cut down again is left out.
        assert_eq!(edges(&[2, 8, 4], 4), 2 + 4);
        assert_eq!(edges(&[3], 4), 4);
        assert!(branches(&[2, 4], 4, 112).contains("thoughts after each branch: 1, 2, 4"));
    }

    #[test]
    fn children_stand_under_their_parents() {
        let drawn = branches(&[2, 4], 4, 112);
        let path = drawn.split(" d=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
        // Ends of the first branch are starts of the second, two children each.
        let starts: Vec<&str> = path.split('M').skip(1).filter_map(|edge| edge.split(' ').next()).collect();
        assert_eq!(starts, ["224", "224", "112", "112", "336", "336"]);
    }

    #[test]
    fn a_preference_is_one_beyond_even() {
        assert_eq!(favourite(&[0.26, 0.25, 0.25, 0.24]), None);
        assert_eq!(favourite(&[0.1, 0.7, 0.2]), Some(1));
        assert_eq!(favourite(&[1.0]), None);
        assert!((effective(&[0.25; 4]) - 4.0).abs() < 1e-12 && (effective(&[1.0, 0.0]) - 1.0).abs() < 1e-12);
        let some = |weights: &[f64]| weights.iter().copied().map(Some).collect::<Vec<_>>();
        assert!(preference(&some(&[0.5, 0.5]), None).contains("no thought is preferred"));
        let told = preference(&some(&[0.9, 0.1]), Some(&[false, true]));
        assert_eq!(
            told,
            "merged; prefers thought 1, which is wrong while another is right: 90 % where even would be 50 %"
        );
        assert!(preference(&[None, Some(1.0)], None).contains("does not tell"));
    }
}
