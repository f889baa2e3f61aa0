//! The run as it goes: takes steps as they end, draws one bar on a terminal or writes a plain line now and then
//! elsewhere, never both; keeps no record (see `MetricsLog`).

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::pace::Pace;
use crate::diagnostic::Colours;
use crate::numbers::{count, duration, number};
use crate::train::{MeanMetrics, MetricsWindow, StepMetrics};

/// Where progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// A bar that is redrawn in place.
    Terminal,
    /// Lines, for files and pipes.
    Lines,
}

impl Screen {
    /// What standard error is.
    pub fn of_stderr() -> Screen {
        let draws = std::env::var_os("TERM").is_none_or(|terminal| terminal != "dumb");
        if std::io::stderr().is_terminal() && draws { Screen::Terminal } else { Screen::Lines }
    }
}

/// What lies ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Steps done before; not 0 after `--resume`.
    pub done: u64,
    /// Steps in all.
    pub total: u64,
    /// Steps between tests.
    pub test_every: Option<u64>,
    /// Time between plain lines.
    pub every: Duration,
}

/// Shows the steps of one run on standard error.
pub struct Progress {
    extent: Extent,
    began: Instant,
    pace: Pace,
    rows: usize,
    window: MetricsWindow,
    show: Show,
}

enum Show {
    Bar { bar: ProgressBar, drawn: Duration },
    Lines { out: Box<dyn Write + Send>, written: Option<Duration> },
}

/// Time between new numbers under the bar: readable, and enough steps to take means over.
const BAR_EVERY: Duration = Duration::from_millis(500);

impl Progress {
    /// Progress on standard error.
    pub fn new(screen: Screen, colours: Colours, extent: Extent) -> Progress {
        match screen {
            Screen::Terminal => {
                let bar = ProgressBar::with_draw_target(Some(extent.total), ProgressDrawTarget::stderr());
                bar.set_style(style(colours));
                bar.set_position(extent.done);
                bar.enable_steady_tick(Duration::from_millis(500));
                Progress::with(extent, Show::Bar { bar, drawn: Duration::ZERO })
            }
            Screen::Lines => Progress::lines(extent, Box::new(std::io::stderr())),
        }
    }

    /// Plain lines, to any place.
    pub fn lines(extent: Extent, out: Box<dyn Write + Send>) -> Progress {
        Progress::with(extent, Show::Lines { out, written: None })
    }

    fn with(extent: Extent, show: Show) -> Progress {
        Progress {
            extent,
            began: Instant::now(),
            pace: Pace::default(),
            rows: 0,
            window: MetricsWindow::default(),
            show,
        }
    }

    /// A step has just ended.
    pub fn step(&mut self, step: &StepMetrics) {
        self.step_at(step, self.began.elapsed());
    }

    fn step_at(&mut self, step: &StepMetrics, at: Duration) {
        self.pace.ended(step.step, at);
        self.window.push(step);
        self.rows = step.rows;
        let last = step.step >= self.extent.total;
        let due = match &mut self.show {
            Show::Bar { bar, drawn } => {
                bar.set_position(step.step);
                due(drawn, at, BAR_EVERY)
            }
            Show::Lines { written: Some(written), .. } => due(written, at, self.extent.every),
            Show::Lines { written, .. } => {
                *written = Some(at);
                true
            }
        };
        if (due || last)
            && let Some(reading) = self.window.take()
        {
            self.draw(&reading);
        }
    }

    /// A line that stays: above the bar, or between the lines.
    pub fn note(&mut self, line: &str) {
        match &mut self.show {
            Show::Bar { bar, .. } => bar.println(line),
            // A closed standard error must not end a run.
            Show::Lines { out, .. } => drop(writeln!(out, "{line}")),
        }
    }

    /// A test has just ended.
    pub fn tested(&mut self, seconds: f64) {
        self.pace.tested(seconds);
    }

    /// The mean pace so far.
    pub fn pace(&self) -> &Pace {
        &self.pace
    }

    /// Takes the bar away; notes and lines stay.
    pub fn finish(&mut self) {
        if let Show::Bar { bar, .. } = &self.show {
            bar.finish_and_clear();
        }
    }

    fn draw(&mut self, reading: &MeanMetrics) {
        let numbers = self.numbers(reading);
        let step = format!("step {} of {}", count(reading.step), count(self.extent.total));
        let percent = 100 * reading.step / self.extent.total.max(1);
        match &mut self.show {
            Show::Bar { bar, .. } => {
                bar.set_prefix(step);
                bar.set_message(numbers);
            }
            Show::Lines { out, .. } => drop(writeln!(out, "{step} ({percent} %)  {numbers}")),
        }
    }

    /// `loss 2.318  accuracy 0.7810  exact 0.1230  steps 4.2  1,234 samples/s  3 min 20 s left`.
    fn numbers(&self, reading: &MeanMetrics) -> String {
        let mut parts = vec![format!("loss {}", number(reading.loss))];
        parts.extend(reading.metrics.iter().map(|(name, value)| format!("{name} {}", number(*value))));
        parts.extend(reading.steps_used.map(|steps| format!("steps {steps:.1}")));
        if let Some(seconds) = self.pace.seconds_per_step().filter(|seconds| *seconds > 0.0) {
            let rate = self.rows as f64 / seconds;
            parts.push(format!("{} samples/s", if rate < 10.0 { number(rate) } else { count(rate as u64) }));
        }
        let left = self
            .pace
            .seconds_left(self.extent.total, self.extent.test_every)
            .filter(|_| reading.step < self.extent.total);
        parts.extend(left.map(|seconds| format!("{} left", duration(seconds))));
        parts.join("  ")
    }
}

/// Whether `every` has passed since `last`, which then becomes now.
fn due(last: &mut Duration, now: Duration, every: Duration) -> bool {
    let due = now.saturating_sub(*last) >= every;
    if due {
        *last = now;
    }
    due
}

fn style(colours: Colours) -> ProgressStyle {
    let template = match colours {
        Colours::Never => "{spinner} {prefix} [{bar:30}] {percent} %\n  {msg}",
        Colours::Always => "{spinner:.cyan} {prefix} [{bar:30.cyan}] {percent} %\n  {msg}",
    };
    let plain = ProgressStyle::default_bar();
    ProgressStyle::with_template(template).unwrap_or(plain).progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use indexmap::IndexMap;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().map(|mut all| all.extend(bytes)).ok();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_come_now_and_then_and_at_the_end() {
        let out = Shared::default();
        let extent = Extent { done: 0, total: 2000, test_every: None, every: Duration::from_secs(5) };
        let mut progress = Progress::lines(extent, Box::new(out.clone()));
        for number in [1, 2, 3, 4, 5, 6, 2000] {
            let metrics = IndexMap::from([("accuracy".to_owned(), 3.0), ("exact".to_owned(), 1.0)]);
            let step = StepMetrics {
                step: number,
                rows: 64,
                loss: 2.5,
                metrics: if number > 3 { metrics } else { IndexMap::new() },
                count: if number > 3 { 4 } else { 0 },
                steps: if number > 3 { 10 } else { 0 },
                ..StepMetrics::default()
            };
            progress.step_at(&step, Duration::from_secs(2 * number));
            if number == 4 {
                progress.note("exact 0.2500 on 100 held-out puzzles");
            }
        }
        progress.finish();
        let written =
            out.0.lock().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        insta::assert_snapshot!(written, @r"
        step 1 of 2,000 (0 %)  loss 2.500
        step 4 of 2,000 (0 %)  loss 2.500  accuracy 0.7500  exact 0.2500  steps 2.5  32 samples/s  1 h 6 min left
        exact 0.2500 on 100 held-out puzzles
        step 2,000 of 2,000 (100 %)  loss 2.500  accuracy 0.7500  exact 0.2500  steps 2.5  32 samples/s
        ");
    }

    #[test]
    fn a_bar_can_be_styled_with_and_without_colours() {
        for colours in [Colours::Never, Colours::Always] {
            let extent = Extent { done: 1, total: 3, test_every: None, every: Duration::from_secs(5) };
            let mut progress = Progress::new(Screen::Terminal, colours, extent);
            progress.step(&StepMetrics { step: 2, rows: 1, ..StepMetrics::default() });
            progress.finish();
        }
    }
}
