//! When rows leave the batch: takes the model's halting condition and steps done, gives a decision per row; the draws
//! are a function of seed and step, so nothing random needs saving.

use crate::ir::HaltInfo;
use crate::random::Draws;

/// Draws for exploration and those for libtorch come from streams that never meet.
#[derive(Clone, Copy, Debug)]
#[repr(u64)]
enum Use {
    Explore = 1,
    Libtorch = 2,
    Row = 3,
}

/// The halting rule of a model in training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Halting {
    /// Supervision steps of a row at most.
    pub at_most: i64,
    explore: f64,
    learned: bool,
}

impl Halting {
    /// The rule of a program; one without a rule does a single step.
    pub fn new(halt: Option<HaltInfo>) -> Halting {
        match halt {
            Some(halt) => {
                Halting { at_most: halt.at_most.max(1) as i64, explore: halt.explore, learned: halt.learned }
            }
            None => Halting { at_most: 1, explore: 0.0, learned: false },
        }
    }

    /// Which rows are done after training step `step`: those at the maximum, and those for which the model's
    /// condition `wants` holds, unless exploration keeps them for some steps more.
    pub fn decide(&self, wants: &[bool], steps: &[i64], seed: u64, step: u64) -> Vec<bool> {
        let patience = self.patience(steps.len(), seed, step);
        let may = self.learned && self.at_most > 1;
        let row = |((steps, wants), patience): ((&i64, &bool), i64)| {
            *steps >= self.at_most || (may && *wants && *steps >= patience)
        };
        steps.iter().zip(wants).zip(patience).map(row).collect()
    }

    /// Steps before which a row may not halt: 0, or with probability `explore` one of `2 ..= at_most`.
    fn patience(&self, rows: usize, seed: u64, step: u64) -> Vec<i64> {
        if self.explore <= 0.0 || self.at_most < 2 {
            return vec![0; rows];
        }
        let mut draws = stream(seed, step, Use::Explore);
        let choices = (self.at_most - 1) as usize;
        let mut draw = || {
            let (chance, choice) = (draws.unit(), draws.below(choices));
            if chance < self.explore { 2 + choice as i64 } else { 0 }
        };
        (0..rows).map(|_| draw()).collect()
    }
}

/// The seed of libtorch's own generator (noise, dropout) for one step.
pub fn libtorch_seed(seed: u64, step: u64) -> i64 {
    (stream(seed, step, Use::Libtorch).bits() >> 1) as i64
}

/// The seed of what candidate `candidate` of test example `example` draws, whatever batch it sits in.
pub fn row_seed(seed: u64, example: u64, candidate: u64) -> u64 {
    let of_example = stream(seed, example, Use::Row).bits();
    stream(of_example, candidate, Use::Row).bits()
}

fn stream(seed: u64, step: u64, what: Use) -> Draws {
    Draws::new([seed, step, what as u64, OF_TRAINING])
}

/// Keeps these streams apart from those of the data ("TOTC TR").
const OF_TRAINING: u64 = 0x0054_4f54_4320_5452;

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(explore: f64, learned: bool) -> Halting {
        Halting::new(Some(HaltInfo { at_most: 4, explore, learned }))
    }

    #[test]
    fn halts_when_asked_and_at_the_maximum() {
        let wants = [true, false, false, true];
        assert_eq!(rule(0.0, true).decide(&wants, &[1, 1, 4, 4], 0, 1), [true, false, true, true]);
        assert_eq!(rule(0.0, false).decide(&wants, &[1, 1, 4, 4], 0, 1), [false, false, true, true]);
        assert_eq!(Halting::new(None).decide(&[false], &[1], 0, 1), [true]);
    }

    #[test]
    fn exploration_delays_within_the_maximum_and_repeats_itself() {
        let rule = rule(0.5, true);
        let patience = rule.patience(4000, 7, 3);
        assert_eq!(patience, rule.patience(4000, 7, 3));
        assert_ne!(patience, rule.patience(4000, 7, 4));
        let share = |steps| patience.iter().filter(|row| **row == steps).count() as f64 / 4000.0;
        assert!((share(0) - 0.5).abs() < 0.04);
        assert!([2, 3, 4].iter().all(|steps| (share(*steps) - 1.0 / 6.0).abs() < 0.03));
        assert!(rule.decide(&[true; 4000], &[4; 4000], 7, 3).iter().all(|halted| *halted));
    }
}
