//! How fast a run goes: takes the times at which steps ended, gives seconds per step and the time left; never reads a
//! clock.

use std::time::Duration;

use crate::numbers::{count, duration, rough_duration};

/// The mean pace since the run was started or resumed. Pauses for checkpoints count; tests are counted by themselves, so that
/// a long one among a few short steps is not taken for a step.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    first: Option<(u64, Duration)>,
    last: (u64, Duration),
    /// Spent in tests between the first step and the last.
    paused: Duration,
    /// Spent in tests after the last step.
    after: Duration,
    /// Seconds of the last test.
    test: Option<f64>,
}

impl Pace {
    /// Step `step` ended at `at`. The first one only starts the clock: it contains the warming-up of the machine.
    pub fn ended(&mut self, step: u64, at: Duration) {
        self.first.get_or_insert((step, at));
        self.last = (step, at);
        self.paused += std::mem::take(&mut self.after);
    }

    /// A test took `seconds` after the last step.
    pub fn tested(&mut self, seconds: f64) {
        self.test = Some(seconds);
        if self.first.is_some() {
            self.after += Duration::try_from_secs_f64(seconds).unwrap_or_default();
        }
    }

    /// None before the second step.
    pub fn seconds_per_step(&self) -> Option<f64> {
        let (first, began) = self.first?;
        let steps = self.last.0.checked_sub(first).filter(|&steps| steps > 0)?;
        let took = self.last.1.saturating_sub(began).saturating_sub(self.paused);
        Some(took.as_secs_f64() / steps as f64)
    }

    /// Seconds of a test, if there was one.
    pub fn seconds_per_test(&self) -> Option<f64> {
        self.test
    }

    /// Seconds until step `total` has ended and the tests until then, one every `every` steps and one at the end.
    pub fn seconds_left(&self, total: u64, every: Option<u64>) -> Option<f64> {
        let steps = self.seconds_per_step()? * total.saturating_sub(self.last.0) as f64;
        Some(steps + tests_left(self.last.0, total, every) as f64 * self.test.unwrap_or(0.0))
    }
}

/// Tests to come after `done` of `total` steps: one every `every` steps, and the one at the end.
pub fn tests_left(done: u64, total: u64, every: Option<u64>) -> u64 {
    let every = every.map_or(u64::MAX, |every| every.max(1));
    // The last step's own test is the one at the end.
    (total.saturating_sub(1) / every).saturating_sub(done / every) + 1
}

/// What is known when a run starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    /// Steps that are still to come.
    pub steps_left: u64,
    /// As measured on the first few steps.
    pub seconds_per_step: f64,
    /// Tests that are still to come.
    pub tests_left: u64,
    /// What one test takes, if that is known.
    pub seconds_per_test: Option<f64>,
}

/// A run shorter than this needs no word about stopping.
const SHORT: f64 = 120.0;

impl Forecast {
    /// Seconds until the run ends.
    pub fn seconds(&self) -> f64 {
        self.steps_left as f64 * self.seconds_per_step
            + self.tests_left as f64 * self.seconds_per_test.unwrap_or(0.0)
    }

    /// `about 41 days at 12 s per step (295,200 steps); Ctrl-C is safe, --resume goes on`.
    pub fn line(&self) -> String {
        let seconds = self.seconds();
        let tests = match (self.tests_left, self.seconds_per_test) {
            (1.., None) => ", tests not counted",
            _ => "",
        };
        let steps = if self.steps_left == 1 { "step" } else { "steps" };
        let stopping = if seconds > SHORT { "; Ctrl-C is safe, --resume goes on" } else { "" };
        format!(
            "about {} at {} per step ({} {steps}{tests}){stopping}",
            rough_duration(seconds),
            duration(self.seconds_per_step),
            count(self.steps_left),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_is_not_measured() {
        let mut pace = Pace::default();
        assert_eq!(pace.seconds_left(10, None), None);
        pace.ended(5, Duration::from_secs(30));
        assert_eq!(pace.seconds_per_step(), None);
        pace.ended(7, Duration::from_secs(34));
        assert_eq!((pace.seconds_per_step(), pace.seconds_left(10, None)), (Some(2.0), Some(6.0)));
        assert_eq!(pace.seconds_left(3, None), Some(0.0));
    }

    #[test]
    fn a_test_is_no_step() {
        // Resumed at step 30, which a test of 60 seconds follows; steps take a second.
        let mut pace = Pace::default();
        pace.ended(30, Duration::from_secs(1));
        pace.tested(60.0);
        pace.ended(31, Duration::from_secs(62));
        assert_eq!(pace.seconds_per_step(), Some(1.0));
        // 69 steps and the tests after 40, 50, … 90 and at the end.
        assert_eq!(pace.seconds_left(100, Some(10)), Some(69.0 + 7.0 * 60.0));
        pace.tested(60.0);
        assert_eq!(pace.seconds_per_step(), Some(1.0));
        assert_eq!((tests_left(0, 8, Some(2)), tests_left(6, 8, Some(2)), tests_left(8, 8, None)), (4, 1, 1));
    }

    #[test]
    fn a_forecast_is_honest_about_days() {
        let long =
            Forecast { steps_left: 295_200, seconds_per_step: 12.0, tests_left: 0, seconds_per_test: None };
        assert_eq!(
            long.line(),
            "about 41 days at 12 s per step (295,200 steps); Ctrl-C is safe, --resume goes on"
        );
        let short =
            Forecast { steps_left: 500, seconds_per_step: 0.04, tests_left: 2, seconds_per_test: None };
        assert_eq!(short.line(), "about 20 seconds at 40 ms per step (500 steps, tests not counted)");
        let tested = Forecast { seconds_per_test: Some(10.0), ..short };
        assert_eq!(tested.line(), "about 40 seconds at 40 ms per step (500 steps)");
    }
}
