//! `totc eval RUN --latency`: how long one sample takes, at batch 1.

use super::{Failure, Outcome};
use crate::Values;
use crate::compare::LATENCY;
use crate::ir::{Mode, WeightRole};
use crate::report::{count, number, table};
use crate::train::run::{Session, peak_memory};
use crate::train::used_run::{UsedRun, Wish};
use crate::train::{Budget, Latency, Stop, evaluation_folder, latency, write_whole};
use serde_json::json;

/// Measures all steps, and stopping when sure where the model can; prints, and keeps the figures in the run's folder: those
/// of the run's own weights and settings as `latency.json`, others in a folder of their own.
pub fn main(
    session: &mut Session,
    wish: &Wish,
    used: &mut UsedRun,
    budget: Budget,
    as_json: bool,
) -> Outcome {
    let world = |error: &dyn std::fmt::Display| Failure::World(error.to_string());
    let whole = session.program(Mode::Evaluation, u64::MAX, 1, Values::Dropped)?;
    let found = session.weights(wish, used, &whole)?;
    super::used::tell_other(used);
    let (tensors, path) = (&found.weights, &found.path);
    session.bind(Mode::Evaluation, u64::MAX, 1);
    // Who only wants answers computes no loss and no metric.
    let answers = session.model_file.answers()?;
    let model = session.linked(answers)?;
    let measure = |stop: Stop| {
        latency(&model, tensors, session.data.as_ref(), stop, session.run.run.evaluation.steps, budget)
            .map_err(|error| world(&error))
    };
    let all = measure(Stop::AllSteps)?;
    let sure = if whole.halt.is_some_and(|halt| halt.learned && halt.at_most > 1) {
        Some(measure(Stop::Halting)?)
    } else {
        None
    };
    let numbers = |role: WeightRole| -> u64 {
        let of_role = whole.weights.iter().filter(|info| info.role == role);
        of_role.map(|info| info.shape.iter().product::<i64>() as u64).sum()
    };
    let device = format!("{:?}", session.device).to_lowercase();
    let threads = tch::get_num_threads();
    let mut report = json!({
        "model": whole.model, "weights": path, "device": device, "threads": threads, "batch": 1,
        "parameters": numbers(WeightRole::Param), "table_parameters": numbers(WeightRole::Table),
        "peak_memory_mib": peak_memory(), "all_steps": all, "when_sure": sure,
    });
    let mut apart = super::used::set_apart(used, &found);
    // How long it takes does not depend on how far the run is.
    apart.weights = apart.weights.filter(|_| !found.own);
    let file = match apart.parts().is_empty() {
        true => used.folder.join(LATENCY),
        false => {
            let facts = super::used::facts(session, &found, &apart);
            let folder = evaluation_folder::place(&used.folder, "latency", &apart, &facts, LATENCY);
            if let Some(report) = report.as_object_mut() {
                report.extend(facts);
            }
            folder.join(LATENCY)
        }
    };
    write_whole(&file, format!("{report:#}\n").as_bytes())
        .map_err(|error| Failure::World(error.to_string()))?;
    if as_json {
        println!("{report}");
        return Ok(());
    }
    println!("{}, one sample at a time on {device}, {threads} threads ({})", whole.model, path.display());
    let head = ["", "mean", "p50", "p95", "steps", "samples"].map(str::to_owned).to_vec();
    let line = |name: &str, found: &Latency| {
        let ms = [found.mean_ms, found.p50_ms, found.p95_ms].map(|ms| format!("{} ms", number(ms)));
        [format!("  {name}")]
            .into_iter()
            .chain(ms)
            .chain([format!("{:.2}", found.steps), found.samples.to_string()])
            .collect()
    };
    let mut lines: Vec<Vec<String>> = vec![head, line("all steps", &all)];
    lines.extend(sure.as_ref().map(|sure| line("stopping when sure", sure)));
    print!("{}", table(&lines));
    let tables = match numbers(WeightRole::Table) {
        0 => String::new(),
        table => format!(", {} more in tables", count(table)),
    };
    println!("  {} parameters{tables}", count(numbers(WeightRole::Param)));
    if let Some(mib) = peak_memory() {
        println!("  {mib:.0} MiB of memory at most, libtorch and the data included");
    }
    Ok(())
}
