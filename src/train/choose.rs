//! Choosing among several answers to one question: takes candidates, gives the place of the one that is believed;
//! never looks at a label.

use std::collections::HashMap;

use crate::run_file::Choose;

/// One answer among several to the same question.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Candidate {
    /// The answer to the question as it was asked, `[cell]`.
    pub tokens: Vec<i64>,
    /// The model's `predict.confidence` (its mean, where there is one per cell), or without one the mean log-probability
    /// of the tokens. The higher the better.
    pub confidence: f64,
    /// Mean log-probability of the tokens.
    pub likelihood: f64,
    /// How much the last step still changed the states: ‖new - old‖ / ‖new‖. The lower the better.
    pub residual: f64,
}

/// Which candidate was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Its place in the list.
    pub at: usize,
    /// Candidates that give the same answer, this one included.
    pub agreeing: usize,
}

/// The candidate to believe; none only if there are none. Ties go to the likelier tokens, then to the earlier
/// candidate.
///
/// - `confidence`: the highest confidence, as PTRM picks by its Q head (arXiv:2605.19943).
/// - `residual`: the state that changed least in its last step.
/// - `vote`: the whole answer that most candidates give; ties by mean confidence. Of those that give it, the most
///   confident stands for all.
pub fn choose(candidates: &[Candidate], by: Choose) -> Option<Choice> {
    let agreeing = |one: &Candidate| candidates.iter().filter(|other| other.tokens == one.tokens).count();
    let better = |one: &Candidate, best: &Candidate| {
        let order = match by {
            Choose::Residual => best.residual.total_cmp(&one.residual),
            Choose::Confidence | Choose::MajorityVote => one.confidence.total_cmp(&best.confidence),
        };
        order.then(one.likelihood.total_cmp(&best.likelihood)).is_gt()
    };
    let best_of = |places: &[usize]| {
        let pick =
            |best: usize, at: usize| if better(&candidates[at], &candidates[best]) { at } else { best };
        places.iter().copied().reduce(pick)
    };
    let all: Vec<usize> = (0..candidates.len()).collect();
    let at = match by {
        Choose::Confidence | Choose::Residual => best_of(&all)?,
        Choose::MajorityVote => {
            let mut ballots: HashMap<&[i64], Vec<usize>> = HashMap::new();
            for (at, candidate) in candidates.iter().enumerate() {
                ballots.entry(&candidate.tokens).or_default().push(at);
            }
            let belief = |places: &[usize]| {
                places.iter().map(|at| candidates[*at].confidence).sum::<f64>() / places.len().max(1) as f64
            };
            let winner = ballots.values().max_by(|one, other| {
                let size = one.len().cmp(&other.len());
                size.then(belief(one).total_cmp(&belief(other))).then(other.first().cmp(&one.first()))
            })?;
            best_of(winner)?
        }
    };
    Some(Choice { at, agreeing: agreeing(&candidates[at]) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(token: i64, confidence: f64, residual: f64) -> Candidate {
        Candidate { tokens: vec![token], confidence, likelihood: 0.0, residual }
    }

    #[test]
    fn each_way_of_choosing_picks_what_it_says() {
        // 7 is given three times without conviction, 8 twice, 9 once with the calmest state.
        let candidates = [
            candidate(8, 0.9, 0.5),
            candidate(7, 0.2, 0.4),
            candidate(7, 0.3, 0.6),
            candidate(9, 0.5, 0.1),
            candidate(7, 0.1, 0.9),
            candidate(8, 0.8, 0.2),
        ];
        let chosen = |by| choose(&candidates, by).unwrap_or(Choice { at: 99, agreeing: 0 });
        assert_eq!(chosen(Choose::Confidence), Choice { at: 0, agreeing: 2 });
        assert_eq!(chosen(Choose::Residual), Choice { at: 3, agreeing: 1 });
        assert_eq!(chosen(Choose::MajorityVote), Choice { at: 2, agreeing: 3 });
        // Of the first two, each has one vote: the more confident one wins.
        assert_eq!(choose(&candidates[..2], Choose::MajorityVote), Some(Choice { at: 0, agreeing: 1 }));
        assert_eq!(choose(&[], Choose::MajorityVote), None);
    }

    #[test]
    fn ties_go_to_likelier_tokens_then_to_the_first() {
        let mut candidates = [candidate(1, 1.0, 0.0), candidate(2, 1.0, 0.0), candidate(3, 1.0, 0.0)];
        for by in [Choose::Confidence, Choose::Residual, Choose::MajorityVote] {
            assert_eq!(choose(&candidates, by).map(|choice| choice.at), Some(0));
        }
        candidates[2].likelihood = 1.0;
        assert_eq!(choose(&candidates, Choose::Confidence).map(|choice| choice.at), Some(2));
    }
}
