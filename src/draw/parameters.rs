//! Takes the weights of a model by path, gives nets with the number of their parameters, as deep as asked. Knows no shape.

/// A net or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Such as `f.layers.0`.
    pub path: String,
    /// Elements of all weights in it.
    pub elements: u64,
}

/// Nets and their parts, `depth` parts of their paths deep, in the order of the weights; none at 0.
pub fn lines(weights: &[(String, usize)], depth: usize) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    if depth == 0 {
        return lines;
    }
    for (path, elements) in weights {
        let part: Vec<&str> = path.split('.').take(depth).collect();
        let part = part.join(".");
        match lines.iter_mut().find(|line| line.path == part) {
            Some(line) => line.elements += *elements as u64,
            None => lines.push(Line { path: part, elements: *elements as u64 }),
        }
    }
    lines
}

/// The elements of a declared net, by its path; none where it has no weights.
pub fn of_net(weights: &[(String, usize)], net: &str) -> Option<u64> {
    let within =
        |path: &str| path.strip_prefix(net).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let elements: u64 = weights.iter().filter(|(path, _)| within(path)).map(|(_, count)| *count as u64).sum();
    (elements > 0).then_some(elements)
}

/// All elements.
pub fn total(weights: &[(String, usize)]) -> u64 {
    weights.iter().map(|(_, elements)| *elements as u64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_depth_has_all_parameters() {
        let weights =
            [("f.layers.0.up", 6), ("f.layers.0.down", 6), ("f.layers.1.up", 6), ("head.weight", 4)]
                .map(|(path, count)| (path.to_owned(), count));
        for depth in 1..5 {
            assert_eq!(lines(&weights, depth).iter().map(|line| line.elements).sum::<u64>(), total(&weights));
        }
        let shown: Vec<String> = lines(&weights, 3).into_iter().map(|line| line.path).collect();
        assert_eq!(shown, ["f.layers.0", "f.layers.1", "head.weight"]);
        assert!(lines(&weights, 0).is_empty());
        assert_eq!((of_net(&weights, "f"), of_net(&weights, "he")), (Some(18), None));
    }
}
