//! `totc bench RUN.ron`: how fast one supervision step is, and how near that is to what the machine can do.

mod profile;

use super::machine::MachineArgs;
use super::{Failure, Outcome};
use crate::Values;
use crate::cost::cost;
use crate::exec::{Executable, Inputs, Weights};
use crate::ir::Mode;
use crate::report::table;
use crate::train::run::{Session, peak_memory};
use crate::train::{Carry, Columns, Fresh, Trainer};
use clap::ValueEnum;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tch::{Kind, Tensor};

/// Times one supervision step (median and fastest of many), against the fastest matrix product of the model's shape
/// measured in the same run. FLOP counts are of matrix products and attention, backward counted twice.
#[derive(clap::Args)]
pub struct Args {
    /// The run file (.ron)
    file: PathBuf,
    /// Give a field of the run file, or a config of its model, another value
    #[arg(long = "set", value_name = "NAME=VALUE")]
    sets: Vec<String>,
    /// Samples of one step (default: the run file's)
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// infer: the evaluation step; train: forward, backward and update
    #[arg(long, value_enum, default_value = "train")]
    mode: What,
    /// float32 or bfloat16 (default: the run file's)
    #[arg(long, value_name = "DTYPE")]
    dtype: Option<String>,
    /// Compare training steps that load data with steps on a batch held in memory, in turns
    #[arg(long, conflicts_with = "mode")]
    data: bool,
    /// Threads that prepare training rows ahead; 0: each step prepares its own
    #[arg(long, value_name = "N", default_value_t = crate::train::LOADERS)]
    loaders: usize,
    /// Measure for about so many seconds
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    #[command(flatten)]
    machine: MachineArgs,
    /// Where the time of a step goes, by operation and by name; in training without the update of the weights
    #[arg(long, conflicts_with = "data")]
    profile: bool,
    /// Write the profiled step as a trace for Chrome or Perfetto
    #[arg(long, value_name = "FILE", requires = "profile")]
    trace: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    Infer,
    Train,
}

/// Steps before the clock starts.
const WARM_UP: usize = 2;

/// Measures and prints.
pub fn main(args: &Args) -> Outcome {
    let device = args.machine.device()?;
    let mut sets = args.sets.clone();
    if let Some(batch) = args.batch {
        sets.push(format!("batch={batch}"));
    }
    if let Some(dtype) = &args.dtype {
        sets.push(format!("precision={dtype}"));
    }
    let mut session = Session::open(&args.file, &sets, device)?;
    if args.data {
        return with_data(args, &mut session);
    }
    let batch = session.run.run.batch;
    let mode = if args.mode == What::Train { Mode::Training } else { Mode::Evaluation };
    let precision = session.run.run.precision;
    let program = session.program(mode, 0, batch, Values::Dropped)?;
    if args.profile {
        return profiled(args, &session, program);
    }
    let flops = cost(&program).flops_of_products as f64;
    let (rows, width) = shape(&program);
    let executor = session.linked(program.clone())?.described();
    let executor = executor.map_err(|error| Failure::Internal(error.to_string()))?;
    let seconds = match args.mode {
        What::Train => train(&mut session, args)?,
        What::Infer => infer(&session, session.linked(program.clone())?, args.seconds)?,
    };
    let peak = peak_memory();
    let ceiling = ceiling(rows, width, &session)?;
    let mut sorted = seconds.clone();
    sorted.sort_by(f64::total_cmp);
    let (median, fastest) = (sorted[sorted.len() / 2], sorted[0]);
    let rate = flops / median / 1e9;
    if args.json {
        println!(
            "{}",
            serde_json::json!({
                "model": program.model, "mode": format!("{:?}", args.mode).to_lowercase(), "batch": batch,
                "dtype": precision.name(), "threads": tch::get_num_threads(),
                "steps": seconds.len(), "seconds_median": median, "seconds_min": fastest, "gflop": flops / 1e9,
                "gflops": rate, "ceiling_gflops": ceiling, "share_of_ceiling": rate / ceiling,
                "peak_memory_mib": peak, "executor": executor,
            })
        );
        return Ok(());
    }
    let lines = [
        ("seconds per supervision step, median", format!("{median:.4}")),
        ("fastest", format!("{fastest:.4}")),
        ("GFLOP of one step", format!("{:.2}", flops / 1e9)),
        ("GFLOP/s", format!("{rate:.1}")),
        ("matrix-product ceiling, GFLOP/s", format!("{ceiling:.1}")),
        ("share of the ceiling", format!("{:.2}", rate / ceiling)),
        ("peak memory, MiB", peak.map_or("unknown".to_owned(), |mib| format!("{mib:.0}"))),
    ];
    println!("{}, {:?} on batches of {batch}, {} steps measured", program.model, args.mode, seconds.len());
    println!("  {executor}");
    let lines: Vec<Vec<String>> =
        lines.into_iter().map(|(name, value)| vec![format!("  {name}"), value]).collect();
    print!("{}", table(&lines));
    Ok(())
}

fn repeated(seconds: f64, mut step: impl FnMut() -> Outcome) -> Result<Vec<f64>, Failure> {
    for _ in 0..WARM_UP {
        step()?;
    }
    let began = Instant::now();
    let mut times = Vec::new();
    while times.len() < 3 || began.elapsed() < Duration::from_secs_f64(seconds) {
        let start = Instant::now();
        step()?;
        times.push(start.elapsed().as_secs_f64());
    }
    Ok(times)
}

fn trainer(session: &mut Session, loaders: usize) -> Result<Trainer, Failure> {
    let programs = session.programs(0)?;
    let weights = Weights::init(&programs.training.program().weights, session.run.run.seed, session.device);
    let mut trainer = Trainer::new(session.run.train_config(), programs, Arc::clone(&session.data), weights)?;
    trainer.set_loaders(loaders);
    Ok(trainer)
}

fn train(session: &mut Session, args: &Args) -> Result<Vec<f64>, Failure> {
    let mut trainer = trainer(session, args.loaders)?;
    repeated(args.seconds, || trainer.step().map(|_| ()).map_err(|error| Failure::World(error.to_string())))
}

/// Steps of one kind in a row, when two kinds are measured in turns.
const TURN: usize = 8;

/// Times steps that load data and steps on a batch held in memory, in turns, so that both see the same machine.
fn with_data(args: &Args, session: &mut Session) -> Outcome {
    let world = |error: crate::train::TrainError| Failure::World(error.to_string());
    let batch = session.run.run.batch;
    let mut trainer = trainer(session, args.loaders)?;
    let held = trainer.next_rows(batch).map_err(world)?;
    let (mut loading, mut holding) = (Vec::new(), Vec::new());
    let began = Instant::now();
    let mut rows = 0;
    for turn in 0.. {
        if turn >= 4 && began.elapsed() >= Duration::from_secs_f64(args.seconds) {
            break;
        }
        for place in 0..2 * TURN {
            let loads = place < TURN;
            let start = Instant::now();
            let report = if loads { trainer.step() } else { trainer.step_held(&held) }.map_err(world)?;
            let seconds = start.elapsed().as_secs_f64();
            // The first turn warms up.
            match turn {
                0 => {}
                _ if loads => {
                    loading.push(seconds);
                    rows += report.admitted;
                }
                _ => holding.push(seconds),
            }
        }
    }
    let (with, without) = (median(&mut loading), median(&mut holding));
    let rate = rows_per_second(session);
    if args.json {
        println!(
            "{}",
            serde_json::json!({
                "batch": batch, "loaders": args.loaders, "steps": loading.len(), "rows_loaded": rows,
                "seconds_loading": with, "seconds_held": without, "throughput_ratio": without / with,
                "rows_per_second_of_a_thread": rate,
            })
        );
        return Ok(());
    }
    let lines = [
        ("seconds per training step, loading data, median", format!("{with:.5}")),
        ("on a batch held in memory", format!("{without:.5}")),
        ("throughput with loading over without", format!("{:.3}", without / with)),
        ("rows loaded", format!("{rows}")),
        ("rows per second that one thread can prepare", format!("{rate:.0}")),
    ];
    println!("batches of {batch}, {} loading threads, {} steps of each kind", args.loaders, loading.len());
    let lines: Vec<Vec<String>> =
        lines.into_iter().map(|(name, value)| vec![format!("  {name}"), value]).collect();
    print!("{}", table(&lines));
    Ok(())
}

/// Training rows that one thread prepares in a second.
fn rows_per_second(session: &Session) -> f64 {
    let (start, mut rows) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_millis(500) {
        rows += session.data.train_rows(session.run.run.seed, rows, PREPARED).n as u64;
    }
    rows as f64 / start.elapsed().as_secs_f64()
}

/// Rows prepared between two looks at the clock.
const PREPARED: usize = 100;

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

fn infer(session: &Session, model: Executable, seconds: f64) -> Result<Vec<f64>, Failure> {
    let (weights, inputs) = first_step(session, &model)?;
    repeated(seconds, || {
        let outputs = model.run(&weights, &inputs).map_err(|error| Failure::Internal(error.to_string()))?;
        // Reading one number waits for the device.
        outputs.values.iter().next().map(|(_, value)| value.sum(Kind::Float).double_value(&[]));
        Ok(())
    })
}

/// Fresh weights and the first training rows.
fn first_step(session: &Session, model: &Executable) -> Result<(Weights, Inputs), Failure> {
    let world = |error: &dyn std::fmt::Display| Failure::World(error.to_string());
    let weights = Weights::init(&model.program().weights, session.run.run.seed, session.device);
    let columns = Columns::pair(model.program(), session.data.as_ref()).map_err(|error| world(&error))?;
    let rows = session.data.train_rows(session.run.run.seed, 0, session.run.run.batch);
    let batch = columns.collate(&rows).map_err(|error| world(&error))?;
    let carry = Carry::start(model.program(), session.run.run.batch, model.precision(), session.device)
        .map_err(|error| world(&error))?;
    let carry = carry.admit(Fresh::InOrder(&batch)).map_err(|error| world(&error))?;
    Ok((weights, carry.inputs(session.device).map_err(|error| world(&error))?))
}

fn profiled(args: &Args, session: &Session, program: crate::lower::Program) -> Outcome {
    let model = session.linked(program)?;
    let (weights, inputs) = first_step(session, &model)?;
    let mut profiles = Vec::new();
    repeated(args.seconds, || {
        let run = model.run_profiled(&weights, &inputs);
        let (_, profile) = run.map_err(|error| Failure::Internal(error.to_string()))?;
        profiles.push(profile);
        Ok(())
    })?;
    let sources = &session.model_file.sources;
    let batch = session.run.run.batch;
    let head = format!("{}, {:?} on batches of {batch}", model.program().model, args.mode);
    println!("{head}{}", profile::show(&profiles[WARM_UP..], sources).trim_end());
    match &args.trace {
        Some(path) => profile::trace(&profiles[WARM_UP..], sources, path),
        None => Ok(()),
    }
}

/// Rows and width of the first state: the matrix that every product of the recursion multiplies.
fn shape(program: &crate::lower::Program) -> (i64, i64) {
    let shape = program.states.first().map_or(vec![1, 1, 512], |state| state.shape.clone());
    let width = shape.last().copied().unwrap_or(1);
    (shape.iter().product::<i64>() / width.max(1), width)
}

/// GFLOP/s of the best of several (rows × width) · (width × 3 width) products.
fn ceiling(rows: i64, width: i64, session: &Session) -> Result<f64, Failure> {
    let options = (session.precision(), session.device);
    let (a, b) = (Tensor::randn([rows, width], options), Tensor::randn([width, 3 * width], options));
    let flops = 2.0 * rows as f64 * width as f64 * 3.0 * width as f64;
    let repeats = (2e9 / flops).ceil().max(1.0) as usize;
    let mut best = 0.0f64;
    for _ in 0..10 {
        let start = Instant::now();
        let mut last = None;
        for _ in 0..repeats {
            last = Some(a.matmul(&b));
        }
        last.map(|last| last.narrow(0, 0, 1).sum(Kind::Float).double_value(&[]));
        best = best.max(flops * repeats as f64 / start.elapsed().as_secs_f64() / 1e9);
    }
    Ok(best)
}
