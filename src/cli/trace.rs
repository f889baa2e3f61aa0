//! `totc trace`: supervision steps on given tensors, everything they compute written down. It is how one compares a
//! model with another implementation, so its carry and halting are those of training, without exploration, and random draws
//! are written too and may be given.

use super::machine::MachineArgs;
use super::subject::{Choice, Subject};
use super::{Failure, Outcome};
use crate::Values;
use crate::data::NO_LABEL;
use crate::exec::{ExecError, Executable, NamedDraws, Outputs, Weights};
use crate::ir::{HaltInfo, InputInfo, InputRole, Mode, OutputKind, WeightRole};
use crate::lower::Program;
use crate::train::{Batch, Carry, Fresh, Halting, libtorch_seed, total_loss};
use crate::types::{AxisSize, Precision};
use indexmap::IndexMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use tch::{Device, Kind, Tensor};
use zip::{CompressionMethod, ZipArchive};

/// Runs supervision steps on given tensors and writes every output, state, loss and metric of each step.
///
/// Inputs are named as in the model (`question`, `puzzle`, `answer`); `step3.question` is what rows that have halted
/// take at step 3. Outputs are `stepK.state.y`, `stepK.loss.answering` (per sample), `stepK.loss` (what training
/// minimises: the losses added up, averaged over the batch), `stepK.metric.exact`, `stepK.predict.logits`,
/// `stepK.value.x` (every name of the schedule), `stepK.halted`, `stepK.steps`, and with --grad `stepK.grad.PATH` of
/// `stepK.loss` (`stepK.grad.PATH.rows` and `.ids` for tables). What a step draws at random is `stepK.draw.NAME.N`: the
/// name that the draw stands under (`think/z`), and its number among those of that name in the step, from 1 on.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    choice: Choice,
    /// Weights by path (safetensors)
    #[arg(long, value_name = "FILE")]
    weights: PathBuf,
    /// The data (safetensors, or NumPy's .npz)
    #[arg(long, value_name = "FILE")]
    inputs: PathBuf,
    /// How many supervision steps
    #[arg(long, default_value_t = 1)]
    steps: usize,
    /// The file to write (safetensors)
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Also write the gradient of every parameter (implies --training)
    #[arg(long)]
    grad: bool,
    /// Run the training step (halting, gradient scopes, lookahead) instead of the evaluation step
    #[arg(long)]
    training: bool,
    /// Draw what training with this seed draws at these steps (default: seed libtorch's generator with the number of each
    /// step before it, as the scripts of `totc export` do)
    #[arg(long, value_name = "N", conflicts_with = "draws")]
    seed: Option<u64>,
    /// Take random draws from this file (safetensors, or NumPy's .npz) instead, all of them, by the names under which `trace` writes them;
    /// a file that `trace` has written will do
    #[arg(long, value_name = "FILE")]
    draws: Option<PathBuf>,
    /// Number format of matrices and activations: float32, bfloat16, or float64 to compare to the last digits (default:
    /// the run's, float32 for a model file)
    #[arg(long)]
    precision: Option<String>,
    #[command(flatten)]
    machine: MachineArgs,
}

type Named = IndexMap<String, Tensor>;

/// Runs the steps and writes what they compute.
pub fn main(args: &Args) -> Outcome {
    let device = args.machine.device()?;
    let mut subject = Subject::load(&args.choice)?;
    let mode = if args.training || args.grad { Mode::Training } else { Mode::Evaluation };
    let inputs = read(&args.inputs)?;
    let stored = read(&args.weights)?;
    let draws = args.draws.as_deref().map(read).transpose()?;
    let given = subject.model_file.bindings.sizes.clone();
    bind_inputs(&mut subject, mode, &inputs, &stored)?;
    // What was said on the command line counts more than what the tensors show.
    if subject.run.is_none() {
        subject.model_file.bindings.sizes.extend(given);
    }
    subject.model_file.bindings.precision = match (args.precision.as_deref(), &subject.run) {
        (None, Some(run)) => run.run.precision.into(),
        (None | Some("float32"), _) => Precision::Float32,
        (Some("bfloat16"), _) => Precision::BFloat16,
        (Some("float64"), _) => Precision::Float64,
        (Some(other), _) => {
            let message = format!("there is no precision `{other}`; give float32, bfloat16 or float64");
            return Err(Failure::Usage(message));
        }
    };
    let program = subject.model_file.program(mode, Values::Kept)?;
    let weights = Weights::load(&args.weights, &program.weights, device)
        .map_err(|error| Failure::World(error.to_string()))?;
    let executable =
        Executable::new(program, device).map_err(|error| Failure::Internal(error.to_string()))?;
    let written = steps(args, &executable, &weights, (&inputs, draws.as_ref()), mode)?;
    write(&args.out, &written)?;
    println!("{}: {} tensors of {} steps", args.out.display(), written.len(), args.steps);
    Ok(())
}

/// The tensors of a file, by its ending of a NumPy archive or else of safetensors.
fn read(path: &Path) -> Result<Named, Failure> {
    let world = |what: String| Failure::World(format!("{}: {what}", path.display()));
    if !path.exists() {
        return Err(world("there is no such file".to_owned()));
    }
    if path.extension().is_some_and(|extension| extension == "npz") {
        return npz(path).map_err(world);
    }
    let tensors = Tensor::read_safetensors(path);
    let tensors = tensors.map_err(|_| world("not a safetensors file that can be read".to_owned()))?;
    Ok(tensors.into_iter().collect())
}

/// The arrays of a NumPy archive; those with the axes of Fortran are turned by `numpy.ascontiguousarray` first.
fn npz(path: &Path) -> Result<Named, String> {
    let told = |error: &dyn std::fmt::Display| {
        format!("not a NumPy archive that can be read: {error}; write it by `numpy.savez(file, **arrays)`")
    };
    // `read_npz` takes for granted that every entry opens: it knows no cipher, and of compression what NumPy writes.
    let file = File::open(path).map_err(|error| told(&error))?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| told(&error))?;
    for number in 0..archive.len() {
        let entry = archive.by_index_raw(number).map_err(|error| told(&error))?;
        let known = [CompressionMethod::STORE, CompressionMethod::DEFLATE].contains(&entry.compression());
        if entry.encrypted() || !known {
            return Err(told(&"it is packed in a way that NumPy does not use"));
        }
    }
    Ok(Tensor::read_npz(path).map_err(|error| told(&error))?.into_iter().collect())
}

/// Sizes of the data's axes, as the given tensors show them.
fn bind_inputs(subject: &mut Subject, mode: Mode, inputs: &Named, stored: &Named) -> Result<(), Failure> {
    let model = subject.model_file.model(mode)?;
    for input in &model.graph.inputs {
        let tensor = given(input, inputs, 1)?;
        if tensor.dim() != input.axes.len() {
            return Err(Failure::World(format!(
                "the input `{}` has {} axes, the model's has {}: [{}]",
                input.name,
                tensor.dim(),
                input.axes.len(),
                input.axes.join(", ")
            )));
        }
        for (axis, size) in input.axes.iter().zip(tensor.size()) {
            subject.model_file.bindings.sizes.insert(axis.clone(), size as usize);
        }
    }
    for weight in &model.graph.weights {
        let Some(tensor) = stored.get(&weight.path) else { continue };
        for (dim, size) in weight.dims.iter().zip(tensor.size()) {
            let axis = model.graph.axes.get(dim.axis);
            if axis.origin.starts_with("a stand-in")
                && !subject.model_file.bindings.sizes.contains_key(&axis.name)
            {
                subject.model_file.bindings.sizes.insert(axis.name.clone(), size as usize);
            }
        }
    }
    Ok(())
}

fn given<'a>(input: &InputInfo, inputs: &'a Named, step: usize) -> Result<&'a Tensor, Failure> {
    inputs.get(&format!("step{step}.{}", input.name)).or_else(|| inputs.get(&input.name)).ok_or_else(|| {
        let known: Vec<&str> = inputs.keys().map(String::as_str).collect();
        Failure::World(format!("the inputs have no `{}` (they have {})", input.name, known.join(", ")))
    })
}

fn batch(program: &Program, inputs: &Named, step: usize) -> Result<Batch, Failure> {
    let mut batch = Batch::new();
    for input in &program.inputs {
        let tensor = given(input, inputs, step)?;
        if tensor.size() != input.shape {
            return Err(Failure::World(format!(
                "the input `{}` of step {step} has shape {:?}, not {:?}",
                input.name,
                tensor.size(),
                input.shape
            )));
        }
        let tensor = tensor.to_kind(Kind::Int64);
        in_range(program, input, &tensor, step)?;
        batch.insert(input.name.clone(), tensor);
    }
    Ok(batch)
}

/// Complains about an entry that is no index of the axis that the input is declared to index.
fn in_range(program: &Program, input: &InputInfo, tensor: &Tensor, step: usize) -> Outcome {
    let axis = input.index_of.as_ref().and_then(|name| Some((name, program.axes.named(name)?)));
    let Some((name, AxisSize::Fixed(size))) = axis.map(|(name, axis)| (name, program.axes.get(axis).size))
    else {
        return Ok(());
    };
    let absent = tensor.lt(0).logical_and(&tensor.ne(NO_LABEL));
    let outside = tensor.masked_select(&tensor.ge(size as i64).logical_or(&absent));
    if outside.numel() == 0 {
        return Ok(());
    }
    Err(Failure::World(format!(
        "the input `{}` of step {step} holds {}, and `{name}` has {size} entries: 0 to {}, or {NO_LABEL} where there is none",
        input.name,
        outside.int64_value(&[0]),
        size as i64 - 1,
    )))
}

fn steps(
    args: &Args,
    executable: &Executable,
    weights: &Weights,
    (inputs, draws): (&Named, Option<&Named>),
    mode: Mode,
) -> Result<Named, Failure> {
    let program = executable.program();
    let world = |error: &dyn std::fmt::Display| Failure::World(error.to_string());
    let rows = program.inputs.first().and_then(|input| input.shape.first()).copied().unwrap_or(1) as usize;
    let halting = Halting::new(program.halt.map(|halt| HaltInfo { explore: 0.0, ..halt }));
    let most = program.halt.map_or(1, |halt| halt.at_most) as i64;
    let mut carry = Carry::start(program, rows, executable.precision(), executable.device())
        .map_err(|error| world(&error))?;
    let mut written = Named::new();
    for step in 1..=args.steps {
        let batch = batch(program, inputs, step)?;
        carry = carry.admit(Fresh::InPlace(&batch)).map_err(|error| world(&error))?;
        let ready = carry.inputs(executable.device()).map_err(|error| world(&error))?;
        tch::manual_seed(args.seed.map_or(step as i64, |seed| libtorch_seed(seed, step as u64)));
        let mut drawn = NamedDraws::new(draws.map(|draws| draws_of(draws, step)));
        let outputs =
            executable.run_naming_draws(weights, &ready, &mut drawn).map_err(|error| match error {
                ExecError::Kernel { .. } | ExecError::Input { .. } => Failure::Internal(error.to_string()),
                ExecError::Memory { .. } | ExecError::Index { .. } => Failure::World(error.to_string()),
                ExecError::Draw { .. } => Failure::World(format!("step {step}: {error}")),
            })?;
        all_drawn(draws, &drawn, step)?;
        for (name, draw) in drawn.made() {
            written.insert(format!("step{step}.draw.{name}"), wide(draw));
        }
        carry.count(program);
        let loss = mean_loss(&outputs, rows)?;
        let halted = match (mode, outputs.values.of(OutputKind::Halt).next()) {
            (Mode::Training, Some((_, halt))) => {
                let wants: Vec<bool> = Vec::try_from(halt.to_kind(Kind::Bool).to_device(Device::Cpu))
                    .map_err(|error| world(&error))?;
                halting.decide(&wants, &carry.steps, 0, step as u64)
            }
            _ => carry.steps.iter().map(|done| *done >= most).collect(),
        };
        note(&mut written, step, program, &outputs, loss.as_ref(), &carry, &halted);
        if args.grad {
            gradients(&mut written, step, program, weights, &outputs)?;
        }
        carry.advance(program, &outputs, halted).map_err(|error| world(&error))?;
    }
    Ok(written)
}

/// The draws of a step, without the step's number.
fn draws_of(draws: &Named, step: usize) -> Named {
    let prefix = format!("step{step}.draw.");
    let own = draws.iter().filter_map(|(name, draw)| Some((name.strip_prefix(&prefix)?, draw)));
    own.map(|(name, draw)| (name.to_owned(), draw.shallow_clone())).collect()
}

/// Complains about a draw that was given for a step, which does not make it.
fn all_drawn(draws: Option<&Named>, drawn: &NamedDraws, step: usize) -> Outcome {
    let given = draws.map(|draws| draws_of(draws, step)).unwrap_or_default();
    let Some(name) = given.keys().find(|name| !drawn.made().contains_key(*name)) else { return Ok(()) };
    let made: Vec<&str> = drawn.made().keys().map(String::as_str).collect();
    let made = if made.is_empty() { "nothing".to_owned() } else { made.join(", ") };
    Err(Failure::World(format!("step {step} does not make the draw `{name}` that is given; it draws {made}")))
}

/// The same in float32 where the format is narrower, which not all readers of the file know.
fn wide(value: &Tensor) -> Tensor {
    if value.kind() == Kind::BFloat16 { value.to_kind(Kind::Float) } else { value.shallow_clone() }
}

fn note(
    written: &mut Named,
    step: usize,
    program: &Program,
    outputs: &Outputs,
    loss: Option<&Tensor>,
    carry: &Carry,
    halted: &[bool],
) {
    for (name, value) in outputs.values.iter() {
        written.insert(format!("step{step}.{name}"), wide(value));
    }
    if let Some(loss) = loss {
        written.insert(format!("step{step}.loss"), loss.shallow_clone());
    }
    for input in &program.inputs {
        if let Some(column) = carry.data.get(&input.name) {
            let role = if input.role == InputRole::Target { "target" } else { "input" };
            written.insert(format!("step{step}.{role}.{}", input.name), column.shallow_clone());
        }
    }
    written.insert(format!("step{step}.halted"), Tensor::from_slice(halted));
    written.insert(format!("step{step}.steps"), Tensor::from_slice(&carry.steps));
}

/// What the trainer minimises: the losses added up, averaged over the `rows` of the batch, in float64. A loss that is
/// one number counts for every row.
fn mean_loss(outputs: &Outputs, rows: usize) -> Result<Option<Tensor>, Failure> {
    let world = |error: &dyn std::fmt::Display| Failure::World(error.to_string());
    let total = total_loss(outputs, rows).map_err(|error| world(&error))?;
    total.map(|total| total.f_div_scalar(rows as f64)).transpose().map_err(|error| world(&error))
}

fn gradients(
    written: &mut Named,
    step: usize,
    program: &Program,
    weights: &Weights,
    outputs: &Outputs,
) -> Outcome {
    if program.gradients.is_empty() {
        return Err(Failure::World("the sum of losses reaches no weight".to_owned()));
    }
    for info in program.weights.iter().filter(|info| info.role == WeightRole::Param) {
        let Some(weight) = weights.get(&info.path) else { continue };
        let gradient = outputs.gradients.get(&info.path).map(Tensor::shallow_clone);
        // What no loss reaches has gradient zero.
        written.insert(
            format!("step{step}.grad.{}", info.path),
            gradient.unwrap_or_else(|| weight.zeros_like()),
        );
    }
    for rows in &outputs.rows {
        written.insert(format!("step{step}.grad.{}.ids", rows.table), rows.ids.shallow_clone());
        written.insert(format!("step{step}.grad.{}.rows", rows.table), rows.gradient.shallow_clone());
    }
    Ok(())
}

fn write(path: &Path, tensors: &Named) -> Outcome {
    let tensors: Vec<(&str, Tensor)> = tensors
        .iter()
        .map(|(name, tensor)| (name.as_str(), tensor.to_device(Device::Cpu).contiguous()))
        .collect();
    Tensor::write_safetensors(&tensors, path).map_err(|error| {
        Failure::World(format!(
            "{}: cannot be written: {}",
            path.display(),
            error.to_string().lines().next().unwrap_or("")
        ))
    })
}
