//! What documents say of saved results: takes a file's results, gives a table, sentences and single numbers as Markdown. Means
//! and intervals are those of `compare --group`.

use indexmap::IndexMap;

use super::{Saved, SavedMachine, SavedVariant, curves};
use crate::compare::{Comparison, Difference, Estimate, Protocol, main_metric, markdown, side_by_side};
use crate::report::{count, duration, fixed, fixed_signed, number};
use crate::statistics::{Interval, mean};

/// Saved results and what follows from them.
pub struct Account<'a> {
    saved: &'a Saved,
    /// A side for each variant, in their order.
    comparison: Comparison,
    metric: String,
}

/// What stands where there is nothing to tell.
const NOTHING: &str = "–";

impl<'a> Account<'a> {
    /// Compares all variants with the first; the bootstrap draws puzzles and seeds.
    ///
    /// # Errors
    /// A sentence where the file holds nothing to compare.
    pub fn of(saved: &'a Saved) -> Result<Account<'a>, String> {
        // What is compared across test sets or protocols is said in the notes.
        let protocol = Protocol { group: true, unpaired: true, across_protocols: true, seed: 0 };
        let comparison = side_by_side(&saved.records(), protocol)?;
        let metric = main_metric(&comparison).ok_or("the saved runs were tested without a metric")?;
        Ok(Account { saved, comparison, metric })
    }

    /// The metric that table and picture show.
    pub fn metric(&self) -> &str {
        &self.metric
    }

    /// A line for each variant, and what the columns are.
    ///
    /// # Errors
    /// A sentence: a number is missing that every run has.
    pub fn table(&self) -> Result<String, String> {
        let metric = &self.metric;
        let first = self.first();
        let part = |part: &str| format!("{metric}.{part}");
        let columns: [(&str, String); 10] = [
            ("seeds", "seeds".to_owned()),
            ("parameters", "parameters".to_owned()),
            ("steps", "steps".to_owned()),
            ("TFLOP", "tflop".to_owned()),
            (metric, metric.clone()),
            ("95 % interval", part("interval")),
            ("seeds from–to", part("range")),
            (&format!("to {first}"), part("difference")),
            ("more than noise", part("verdict")),
            ("time", "time".to_owned()),
        ];
        let head = std::iter::once("variant").chain(columns.iter().map(|(name, _)| *name));
        let mut lines: Vec<Vec<String>> = vec![head.map(str::to_owned).collect()];
        for variant in &self.saved.variants {
            let cells = columns.iter().map(|(_, what)| self.quantity(what, &variant.label));
            let label = std::iter::once(Ok(variant.label.clone()));
            lines.push(label.chain(cells).collect::<Result<_, _>>()?);
        }
        let mut out = markdown(&lines);
        out += &format!(
            "\n`{metric}` is the mean over seeds and puzzles of the last test; 95 % intervals are bootstraps that draw puzzles \
             and seeds ({} resamples), and a difference to {first} is more than noise if its interval excludes 0, {}. TFLOP \
             and time are of one run: training steps alone, and with its tests.\n",
            count(self.comparison.resamples as u64),
            match self.saved.variants.len() {
                0..=2 => "which happens by chance once in 20 times".to_owned(),
                variants => format!("each of the {} by itself", variants - 1),
            }
        );
        if !self.saved.failed.is_empty() {
            out += &format!("\nTraining failed, and no mean knows it, in {}.\n", self.failed());
        }
        for note in &self.comparison.notes {
            out += &format!("\n{note}\n");
        }
        Ok(out)
    }

    /// Where and how long the runs were trained, and what they cost.
    pub fn circumstances(&self) -> String {
        let runs = || {
            self.saved.variants.iter().flat_map(|variant| variant.runs.iter().map(move |run| (variant, run)))
        };
        let seconds: f64 = runs().map(|(_, run)| run.seconds).sum();
        let flops: f64 = runs().map(|(variant, run)| variant.flops as f64 * run.steps as f64).sum();
        let machines: Vec<String> = self.saved.machines.iter().map(described).collect();
        format!(
            "{} runs of {} variants, {} TFLOP of training and {} in all, on {}.",
            count(runs().count() as u64),
            self.saved.variants.len(),
            number(flops / 1e12),
            duration(seconds),
            machines.join("; and on ")
        )
    }

    /// A single number as text. `what`: `seeds`, `parameters`, `steps`, `tflop`, `time`, a metric (its mean), or
    /// `METRIC.interval`, `.range`, `.difference`, `.verdict`.
    ///
    /// # Errors
    /// A sentence: there is no such variant, or no such number.
    pub fn quantity(&self, what: &str, label: &str) -> Result<String, String> {
        let place = self.saved.variants.iter().position(|variant| variant.label == label);
        let place = place.ok_or_else(|| {
            let labels: Vec<&str> =
                self.saved.variants.iter().map(|variant| variant.label.as_str()).collect();
            format!("no variant `{label}` is saved; there are {}", labels.join(" · "))
        })?;
        let (variant, side) = (&self.saved.variants[place], &self.comparison.sides[place]);
        let steps = side.steps.iter().copied().max().unwrap_or(0);
        match what {
            "seeds" => return Ok(count(variant.runs.len() as u64)),
            "parameters" => return Ok(count(variant.about.parameters)),
            "steps" => return Ok(count(steps)),
            "tflop" => return Ok(number(variant.flops as f64 * steps as f64 / 1e12)),
            "time" => return Ok(duration(mean(&side.seconds))),
            _ => {}
        }
        let (metric, part) = what.split_once('.').unwrap_or((what, ""));
        let estimate = side.metrics.get(metric).ok_or_else(|| {
            let names: Vec<&str> = side.metrics.keys().map(String::as_str).collect();
            format!("`{label}` has no `{metric}`; there are {}", names.join(", "))
        })?;
        let difference = self.difference(metric, &side.name);
        match part {
            "" => Ok(fixed(estimate.mean)),
            "interval" => {
                Ok(estimate.interval.map_or(NOTHING.to_owned(), |interval| between(interval, fixed)))
            }
            "range" => Ok(range(variant, metric, estimate)),
            "difference" => Ok(difference.map_or(NOTHING.to_owned(), |difference| {
                let interval = between(difference.interval, fixed_signed);
                format!("{} [{interval}]", fixed_signed(difference.mean))
            })),
            "verdict" => Ok(match difference {
                None => NOTHING,
                Some(difference) if difference.more_than_noise => "yes",
                Some(_) => "no",
            }
            .to_owned()),
            other => Err(format!(
                "`{metric}.{other}` is nothing that is known of a metric; there are interval, range, difference, verdict"
            )),
        }
    }

    /// Learning curves as a picture.
    ///
    /// # Errors
    /// A sentence where there is nothing to draw.
    pub fn curves(&self) -> Result<String, String> {
        curves::curves(self.saved, &self.metric)
    }

    /// `exchange (seeds 0, 1), beam (seed 3)`
    fn failed(&self) -> String {
        let mut by_label: IndexMap<&str, Vec<String>> = IndexMap::new();
        for run in &self.saved.failed {
            by_label.entry(&run.label).or_default().push(run.seed.to_string());
        }
        let told = by_label.into_iter().map(|(label, seeds)| {
            format!("{label} (seed{} {})", if seeds.len() > 1 { "s" } else { "" }, seeds.join(", "))
        });
        told.collect::<Vec<_>>().join(", ")
    }

    fn first(&self) -> &str {
        self.saved.variants.first().map_or("", |variant| &variant.label)
    }

    fn difference(&self, metric: &str, side: &str) -> Option<&Difference> {
        self.comparison.differences.iter().find(|found| found.metric == metric && found.to == side)
    }
}

fn between(interval: Interval, show: fn(f64) -> String) -> String {
    format!("{} to {}", show(interval.low), show(interval.high))
}

/// The lowest and the highest seed.
fn range(variant: &SavedVariant, metric: &str, estimate: &Estimate) -> String {
    let last = |run: &super::SavedRun| run.tests.metrics.get(metric)?.last().copied().flatten();
    let mut values: Vec<f64> = variant.runs.iter().filter_map(last).collect();
    values.sort_by(f64::total_cmp);
    match (values.first(), values.last()) {
        (Some(low), Some(high)) if values.len() > 1 => format!("{}–{}", fixed(*low), fixed(*high)),
        _ => fixed(estimate.mean),
    }
}

fn described(machine: &SavedMachine) -> String {
    let threads =
        if machine.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", machine.threads) };
    let device = if machine.device == "cpu" { String::new() } else { format!("{}, ", machine.device) };
    let SavedMachine { machine, totc, libtorch, .. } = machine;
    format!("{device}{machine} ({threads} a run, totc {totc}, libtorch {libtorch})")
}
