//! The compiled side: the one place that knows how a program is compiled and run. Takes texts and plain numbers, runs
//! in float64 on the CPU, gives plain numbers.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use indexmap::IndexMap;
use tch::{Device, Kind, Tensor};
use totc::diagnostic::{Colours, Sink, render};
use totc::exec::{Executable, Inputs, Outputs, Weights};
use totc::ir::{Mode, OutputKind};
use totc::model::{Bindings, Setting, check};
use totc::source::Sources;
use totc::syntax::{self, Disk, Modules, Reader};
use totc::types::Precision;
use totc::{Values, compile};

use super::evaluate::{Given, Settings};
use crate::compile::OneText;
use crate::slopes;

/// Numbers with named axes, the first outermost.
#[derive(Clone, Debug)]
pub struct Plain {
    pub axes: Vec<String>,
    pub shape: Vec<usize>,
    pub data: Vec<f64>,
}

/// What a step takes, as the oracle lays it out: names, axes, sizes.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    pub weights: Vec<(String, Vec<String>, Vec<usize>)>,
    pub inputs: Vec<(String, Vec<String>, Vec<usize>)>,
    pub states: Vec<(String, Vec<String>, Vec<usize>)>,
}

pub enum Failed {
    /// What the author is told.
    Refused(String),
    /// A panic, or an error of totc's own.
    Broken(String),
}

pub struct Program {
    executable: Executable,
    /// The same step with the gradient of one loss, by its output.
    of_losses: Vec<(String, Executable)>,
}

/// A model file and what it uses.
pub struct Texts {
    pub sources: Sources,
    pub modules: Modules,
}

pub fn parsed(text: &str) -> Result<Texts, String> {
    loaded(Path::new(OneText::NAME), &OneText(text))
}

pub fn read(path: &Path) -> Result<Texts, String> {
    loaded(path, &Disk)
}

fn loaded(path: &Path, reader: &dyn Reader) -> Result<Texts, String> {
    let (mut sources, mut sink) = (Sources::default(), Sink::default());
    let modules = syntax::load(path, reader, &mut sources, &mut sink).map_err(|error| error.to_string())?;
    if sink.has_errors() {
        return Err(render(&sink, &sources, Colours::Never));
    }
    Ok(Texts { sources, modules })
}

/// Compiles for float64; `kept`: with every named value of the schedule.
pub fn program(texts: &Texts, settings: &Settings, kept: bool) -> Result<Program, Failed> {
    let mode = if settings.training { Mode::Training } else { Mode::Evaluation };
    let mut bindings = Bindings {
        model: settings.model.clone(),
        ..Bindings { precision: Precision::Float64, ..Bindings::new(mode) }
    };
    for (name, value) in &settings.sets {
        bindings.sets.insert(name.clone(), Setting::parse(value));
    }
    for (name, size) in &settings.sizes {
        bindings.sizes.insert(name.clone(), *size);
    }
    let values = if kept { Values::Kept } else { Values::Dropped };
    let mut sink = Sink::default();
    let compiled = guarded(|| compile(&texts.modules, &texts.sources, &bindings, values, &mut sink))?;
    match compiled.map_err(|error| Failed::Broken(error.to_string()))? {
        Some(program) => {
            let linked = |program| {
                Executable::new(program, Device::Cpu).map_err(|error| Failed::Broken(error.to_string()))
            };
            let mut of_losses = Vec::new();
            for (_, output) in program.outputs_of(OutputKind::Loss) {
                if settings.training {
                    let name = &output.name;
                    of_losses.push((name.to_string(), linked(of_loss(texts, &bindings, &name.name)?)?));
                }
            }
            Ok(Program { executable: linked(program)?, of_losses })
        }
        None => Err(Failed::Refused(render(&sink, &texts.sources, Colours::Never))),
    }
}

/// The step with the gradient of one loss alone: the others are computed, as metrics.
fn of_loss(texts: &Texts, bindings: &Bindings, loss: &str) -> Result<totc::lower::Program, Failed> {
    let model = guarded(|| check(&texts.modules, &texts.sources, bindings, &mut Sink::default()))?;
    let Some(model) = model else { return Err(Failed::Broken("refused the second time".to_owned())) };
    let graph = slopes::of_loss(model.graph, loss);
    let compiled = guarded(|| totc::program(graph, Values::Dropped))?;
    compiled.map_err(|error| Failed::Broken(error.to_string()))
}

/// A panic becomes a failure that can be told.
fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, Failed> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or(panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Failed::Broken(format!("panic: {}", text.unwrap_or_default()))
    })
}

impl Program {
    /// How far back each state is read.
    pub fn history(&self) -> HashMap<String, usize> {
        self.executable.program().states.iter().map(|state| (state.name.clone(), state.history)).collect()
    }

    /// Every output by its name.
    pub fn outputs(&self, layout: &Layout, given: &Given) -> Result<BTreeMap<String, Plain>, Failed> {
        let (weights, inputs) = self.given(layout, given)?;
        let outputs = guarded(|| self.executable.run(&weights, &inputs))?;
        let outputs = outputs.map_err(|error| Failed::Broken(error.to_string()))?;
        Ok(self.plain(&outputs))
    }

    /// Outputs, and the gradient of each loss, summed over the batch, by loss and weight; laid out as the weights are.
    #[allow(clippy::type_complexity, reason = "loss, weight, elements")]
    pub fn gradients(
        &self,
        layout: &Layout,
        given: &Given,
    ) -> Result<(BTreeMap<String, Plain>, BTreeMap<String, HashMap<String, Vec<f64>>>), Failed> {
        let (weights, inputs) = self.given(layout, given)?;
        let outputs = guarded(|| self.executable.run(&weights, &inputs))?;
        let outputs = outputs.map_err(|error| Failed::Broken(error.to_string()))?;
        let found = guarded(|| self.backward(layout, &weights, &inputs))?;
        Ok((self.plain(&outputs), found?))
    }

    fn backward(
        &self,
        layout: &Layout,
        weights: &Weights,
        inputs: &Inputs,
    ) -> Result<BTreeMap<String, HashMap<String, Vec<f64>>>, Failed> {
        let mut found = BTreeMap::new();
        for (name, executable) in &self.of_losses {
            let outputs =
                executable.run(weights, inputs).map_err(|error| Failed::Broken(error.to_string()))?;
            let rows = inputs.fresh.size()[0] as usize;
            let own = slopes::gradients(executable, rows, outputs, weights);
            let mut numbers = HashMap::new();
            for (path, gradient) in own {
                let info = executable.program().weights.iter().find(|info| info.path == path);
                let own = layout.weights.iter().find(|(known, ..)| *known == path);
                if let (Some(info), Some((_, axes, _))) = (info, own) {
                    numbers.insert(path, of_tensor(&gradient, info.axes.clone()).laid_out(axes).data);
                }
            }
            found.insert(name.clone(), numbers);
        }
        Ok(found)
    }

    fn plain(&self, outputs: &Outputs) -> BTreeMap<String, Plain> {
        let program = self.executable.program();
        let given = program.outputs.iter().zip(outputs.values.iter());
        given
            .map(|(info, (name, value))| {
                let axes = info.ty.axes().map(|axis| program.axes.name(axis).to_owned()).collect();
                (name.to_string(), of_tensor(value, axes))
            })
            .collect()
    }

    fn given(&self, layout: &Layout, given: &Given) -> Result<(Weights, Inputs), Failed> {
        let program = self.executable.program();
        let lacking = |what: &str, name: &str| Failed::Broken(format!("the oracle knows no {what} `{name}`"));
        let mut tensors = IndexMap::new();
        for info in &program.weights {
            let own = layout.weights.iter().find(|(path, ..)| *path == info.path);
            let (path, axes, shape) = own.ok_or_else(|| lacking("weight", &info.path))?;
            let data = given.weights.get(path).ok_or_else(|| lacking("weight", path))?;
            let plain = Plain { axes: axes.clone(), shape: shape.clone(), data: data.clone() };
            let tensor = tensor(&plain.fitting(&info.axes, &info.shape, path)?);
            tensors.insert(info.path.clone(), tensor);
        }
        let mut data = HashMap::new();
        for info in &program.inputs {
            let own = layout.inputs.iter().find(|(name, ..)| *name == info.name);
            let (name, axes, shape) = own.ok_or_else(|| lacking("input", &info.name))?;
            let values = given.data[name].iter().map(|value| if value.is_nan() { -100.0 } else { *value });
            let plain = Plain { axes: axes.clone(), shape: shape.clone(), data: values.collect() };
            let column = tensor(&plain.fitting(&info.axes, &info.shape, name)?).to_kind(Kind::Int64);
            data.insert(name.clone(), column);
        }
        let mut states = HashMap::new();
        for info in &program.states {
            let own = layout.states.iter().find(|(name, ..)| *name == info.name);
            let (name, axes, shape) = own.ok_or_else(|| lacking("state", &info.name))?;
            for ago in 1..=info.history.max(1) {
                let key = if ago > 1 { format!("{name}@{ago}") } else { name.clone() };
                let data = given.states.get(&(name.clone(), ago)).ok_or_else(|| lacking("state", &key))?;
                let plain = Plain { axes: axes.clone(), shape: shape.clone(), data: data.clone() };
                states.insert(key, tensor(&plain.fitting(&info.axes, &info.shape, name)?));
            }
        }
        let steps: Vec<i64> = given.steps.iter().map(|step| *step as i64).collect();
        let inputs = Inputs {
            data,
            states,
            fresh: Tensor::from_slice(&given.fresh),
            steps: Tensor::from_slice(&steps),
        };
        Ok((Weights { tensors }, inputs))
    }
}

impl Plain {
    /// With its axes in another order; axes that it lacks are broadcast by nobody here.
    pub fn laid_out(&self, axes: &[String]) -> Plain {
        let plain = |axis: &String| axis.trim_end_matches('\'').to_owned();
        if self.axes.iter().map(plain).eq(axes.iter().map(plain)) {
            return Plain { axes: axes.to_vec(), ..self.clone() };
        }
        let places: Option<Vec<i64>> = axes
            .iter()
            .map(|axis| self.axes.iter().position(|own| own == axis).map(|at| at as i64))
            .collect();
        match places {
            Some(places) if places.len() == self.axes.len() => {
                of_tensor(&tensor(self).permute(&places[..]).contiguous(), axes.to_vec())
            }
            _ => self.clone(),
        }
    }

    fn fitting(&self, axes: &[String], shape: &[i64], name: &str) -> Result<Plain, Failed> {
        let laid = self.laid_out(axes);
        if laid.axes == axes && laid.shape.iter().map(|size| *size as i64).eq(shape.iter().copied()) {
            return Ok(laid);
        }
        let (own, other) = ((&self.axes, &self.shape), (axes, shape));
        Err(Failed::Broken(format!("`{name}` is {other:?}, and {own:?} by the reference")))
    }
}

fn tensor(plain: &Plain) -> Tensor {
    let shape: Vec<i64> = plain.shape.iter().map(|size| *size as i64).collect();
    Tensor::from_slice(&plain.data).reshape(&shape[..])
}

fn of_tensor(tensor: &Tensor, axes: Vec<String>) -> Plain {
    let shape: Vec<usize> = tensor.size().iter().map(|size| *size as usize).collect();
    let flat = tensor.detach().to_kind(Kind::Double).contiguous().reshape([-1]);
    let data = Vec::<f64>::try_from(&flat).unwrap_or_default();
    Plain { axes, shape, data }
}
