//! A model file on both sides: values are drawn, the oracle and the compiled program evaluate the same step, outputs
//! are held against each other and gradients against finite differences of the oracle.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use totc::syntax::ast::{MemberKind, WeightRole};

use super::compiled::{self, Failed, Layout, Plain, Program, Texts};
use super::evaluate::{Given, Oracle, Settings};
use super::results::Step;
use super::value::{AxisId, Res, Tensor};

/// Outputs agree to this share of the largest element (or of 1): a step is some thousand roundings of 1e-16, and the
/// slopes of what is drawn here stay below a thousand.
const OUTPUTS: f64 = 1e-9;

/// Half the distance of a central difference. Two of them, at this and half of it, give a slope whose error is of the
/// fourth order in the step, 1e-14, beside the rounding 1e-16 / 1e-4 = 1e-12 of the loss.
const STEP: f64 = 2e-4;

/// Gradients agree to this share of the largest of slope, loss and 1: four orders above the rounding.
const SLOPES: f64 = 1e-8;

/// Beyond this, two central differences are too far apart to say what the slope is.
const UNSURE: f64 = 1e-3;

/// Within this share of a jump, rounding decides; within this distance of a kink, a finite difference reaches over it.
const JUMP: f64 = 1e-9;
const KINK: f64 = 1e-2;

#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Outputs and slopes that were compared.
    Agreed { outputs: usize, slopes: usize },
    /// By `check`, with its first line.
    Refused(String),
    /// It draws random numbers, or the values stand at a jump or are not finite: nothing can be said.
    Unsaid(String),
    /// What differs, shortly (the same for the same fault), and in full.
    Differs { what: String, detail: String },
}

impl Outcome {
    fn differs(what: impl Into<String>, detail: impl Into<String>) -> Outcome {
        Outcome::Differs { what: what.into(), detail: detail.into() }
    }
}

/// Compares one model in one mode; `seed` draws its values. `slopes`: finite differences too, in training.
pub fn compared(texts: &Texts, settings: &Settings, seed: u64, slopes: bool) -> Outcome {
    let program = match compiled::program(texts, settings, true) {
        Ok(program) => program,
        Err(Failed::Refused(said)) => return Outcome::Refused(said),
        Err(Failed::Broken(said)) => {
            // Whether the program has a meaning.
            let meant = Oracle::new(&texts.modules, settings.clone()).and_then(|mut oracle| {
                let random = ChaCha8Rng::seed_from_u64(seed);
                let (_, given) = given(&mut oracle, &HashMap::new(), settings, &random)?;
                oracle.step(given, None)
            });
            let what = if meant.is_ok() { "compile" } else { "compile of what has no meaning" };
            return Outcome::differs(format!("{what}: {said}"), said);
        }
    };
    let mut last = Outcome::Unsaid("never drawn".to_owned());
    // A draw that lands on a jump or a kink is drawn anew.
    for draw in 0..4 {
        last = match drawn(texts, settings, &program, seed.wrapping_mul(1000) + draw, slopes) {
            Ok(outcome) => outcome,
            Err(error) if error.contains("draws random numbers") => Outcome::Unsaid(error),
            Err(error) => Outcome::differs(format!("oracle: {error}"), error),
        };
        match &last {
            Outcome::Unsaid(why) if !why.contains("draws") => {}
            _ => return last,
        }
    }
    last
}

fn drawn(texts: &Texts, settings: &Settings, program: &Program, seed: u64, slopes: bool) -> Res<Outcome> {
    let mut oracle = Oracle::new(&texts.modules, settings.clone())?;
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (layout, given) = given(&mut oracle, &program.history(), settings, &random)?;
    let step = oracle.step(given.clone(), None)?;
    let kept = match program.outputs(&layout, &given) {
        Ok(outputs) => outputs,
        Err(Failed::Refused(said) | Failed::Broken(said)) => {
            return Ok(Outcome::differs(format!("run: {said}"), said));
        }
    };
    let mut count = 0;
    if let Some(outcome) = held(&oracle, &step, &kept, &mut count) {
        return Ok(outcome);
    }
    let trained = match compiled::program(texts, settings, false) {
        Ok(trained) => trained,
        Err(Failed::Refused(said) | Failed::Broken(said)) => {
            return Ok(Outcome::differs(format!("compile: {said}"), said));
        }
    };
    if !settings.training {
        return match trained.outputs(&layout, &given) {
            Ok(outputs) => Ok(held(&oracle, &step, &outputs, &mut count)
                .unwrap_or(Outcome::Agreed { outputs: count, slopes: 0 })),
            Err(Failed::Refused(said) | Failed::Broken(said)) => {
                Ok(Outcome::differs(format!("run: {said}"), said))
            }
        };
    }
    let (outputs, gradients) = match trained.gradients(&layout, &given) {
        Ok(found) => found,
        Err(Failed::Refused(said) | Failed::Broken(said)) => {
            return Ok(Outcome::differs(format!("run: {said}"), said));
        }
    };
    if let Some(outcome) = held(&oracle, &step, &outputs, &mut count) {
        return Ok(outcome);
    }
    let compared =
        if slopes { slopes_held(&mut oracle, &given, &step, &gradients, &mut random)? } else { Ok(0) };
    Ok(match compared {
        Ok(slopes) => Outcome::Agreed { outputs: count, slopes },
        Err(outcome) => outcome,
    })
}

/// The first output that is not what the oracle says.
fn held(oracle: &Oracle, step: &Step, found: &BTreeMap<String, Plain>, count: &mut usize) -> Option<Outcome> {
    let mut apart: Option<Outcome> = None;
    for (name, plain) in found {
        let Some(expected) = step.outputs.get(name) else {
            if !name.starts_with("value.") {
                return Some(Outcome::differs(format!("{name}: the oracle has none"), name.clone()));
            }
            continue;
        };
        // Where a label is absent, its logit is nothing.
        if expected.data.iter().any(|value| !value.is_finite() || value.abs() > 1e12) {
            if !name.starts_with("value.") {
                return Some(Outcome::Unsaid(format!("{name} is not finite")));
            }
            continue;
        }
        *count += 1;
        match difference(oracle, expected, plain) {
            Err(why) => apart = apart.or(Some(Outcome::differs(format!("{name}: {why}"), why))),
            Ok((away, detail)) if away.is_nan() || away > OUTPUTS => {
                if step.margins.jump < JUMP {
                    return Some(Outcome::Unsaid(format!("a jump within {:.0e}", step.margins.jump)));
                }
                let kind = name.split('.').next().unwrap_or("");
                apart =
                    apart.or(Some(Outcome::differs(format!("{kind} differs"), format!("{name}: {detail}"))));
            }
            Ok(_) => {}
        }
    }
    apart
}

/// How far apart two values are, as a share of the largest element, and where it is worst.
fn difference(oracle: &Oracle, expected: &Tensor, found: &Plain) -> Res<(f64, String)> {
    let names: Vec<&str> = expected.axes.iter().map(|(axis, _)| oracle.axis_name(*axis)).collect();
    // A value without axes of a size is the same for all of its entries.
    let axes: Option<Vec<(AxisId, usize)>> = found
        .axes
        .iter()
        .zip(&found.shape)
        .enumerate()
        .map(|(at, (name, size))| {
            let own = expected.axes.iter().filter(|(axis, _)| oracle.axis_name(*axis) == name);
            let nth = found.axes[..at].iter().filter(|earlier| *earlier == name).count();
            own.clone().nth(nth).copied().or_else(|| (names.is_empty()).then_some((usize::MAX - at, *size)))
        })
        .collect();
    let wrong = || format!("{:?} {:?} in place of {names:?} {:?}", found.axes, found.shape, expected.axes);
    let axes = axes.ok_or_else(wrong)?;
    if !axes.iter().map(|(_, size)| size).eq(&found.shape) || (axes.len() != names.len() && !names.is_empty())
    {
        return Err(wrong());
    }
    let expected = expected.laid_out(&axes);
    let scale = expected.data.iter().fold(1.0f64, |most, value| most.max(value.abs()));
    let mut worst = (0.0f64, String::new());
    for (at, (wanted, got)) in expected.data.iter().zip(&found.data).enumerate() {
        let away = (wanted - got).abs() / scale;
        if away > worst.0 || away.is_nan() {
            worst = (away, format!("element {at} is {got} in place of {wanted}"));
        }
        if away.is_nan() {
            break;
        }
    }
    Ok(worst)
}

/// Slopes along random directions of all weights at once, and of half of them. The number compared, or what differs.
fn slopes_held(
    oracle: &mut Oracle,
    given: &Given,
    step: &Step,
    gradients: &BTreeMap<String, HashMap<String, Vec<f64>>>,
    random: &mut ChaCha8Rng,
) -> Res<Result<usize, Outcome>> {
    let constants = Rc::new(step.constants.clone());
    let mut count = 0;
    let weights = oracle.weights.clone();
    for direction in 0..2 {
        let mut towards: HashMap<&str, Vec<f64>> = HashMap::new();
        for weight in weights.iter().filter(|weight| weight.role != WeightRole::Buffer) {
            let left_out = direction > 0 && random.random_bool(0.5);
            let length = given.weights[&weight.path].len();
            let step = |random: &mut ChaCha8Rng| if left_out { 0.0 } else { normal(random) };
            towards.insert(&weight.path, (0..length).map(|_| step(random)).collect());
        }
        let length = towards.values().flatten().map(|value| value * value).sum::<f64>().sqrt().max(1e-12);
        towards.values_mut().flatten().for_each(|value| *value /= length);
        let mut losses = |by: f64| -> Res<BTreeMap<String, f64>> {
            let mut moved = given.clone();
            for (path, direction) in &towards {
                let values = moved.weights.get_mut(*path).ok_or("a weight is gone")?;
                values.iter_mut().zip(direction).for_each(|(value, step)| *value += by * step);
            }
            let step = oracle.step(moved, Some(constants.clone()))?;
            let losses = step.outputs.iter().filter(|(name, _)| name.starts_with("loss."));
            Ok(losses.map(|(name, loss)| (name.clone(), loss.data.iter().sum())).collect())
        };
        let (up, down) = (losses(STEP)?, losses(-STEP)?);
        let (near_up, near_down) = (losses(STEP / 2.0)?, losses(-STEP / 2.0)?);
        for (name, own) in gradients {
            let wide = (up[name] - down[name]) / (2.0 * STEP);
            let near = (near_up[name] - near_down[name]) / STEP;
            let numeric = (4.0 * near - wide) / 3.0;
            let dot = |path: &str, gradient: &[f64]| -> f64 {
                towards.get(path).map_or(0.0, |step| step.iter().zip(gradient).map(|(a, b)| a * b).sum())
            };
            let analytic: f64 = own.iter().map(|(path, gradient)| dot(path, gradient)).sum();
            let scale = numeric.abs().max(up[name].abs()).max(1.0);
            let spread = (wide - near).abs() / scale;
            if spread > UNSURE || !numeric.is_finite() {
                return Ok(Err(Outcome::Unsaid(format!("{name} bends too much for finite differences"))));
            }
            count += 1;
            let apart = (numeric - analytic).abs() / scale;
            if apart.is_nan() || apart > SLOPES + spread * spread {
                if step.margins.kink < KINK {
                    return Ok(Err(Outcome::Unsaid(format!("a kink within {:.0e}", step.margins.kink))));
                }
                let detail = format!("{name}: slope {analytic} in place of {numeric} (± {:.0e})", spread);
                return Ok(Err(Outcome::differs("gradient differs", detail)));
            }
        }
    }
    Ok(Ok(count))
}

/// Draws weights, data, states; some rows fresh, some not.
fn given(
    oracle: &mut Oracle,
    history: &HashMap<String, usize>,
    settings: &Settings,
    random: &ChaCha8Rng,
) -> Res<(Layout, Given)> {
    let (mut layout, mut given) = (Layout::default(), Given::default());
    let named = |oracle: &Oracle, axes: &[(AxisId, usize)]| -> (Vec<String>, Vec<usize>) {
        axes.iter().map(|(axis, size)| (oracle.axis_name(*axis).to_owned(), *size)).unzip()
    };
    for weight in oracle.weights.clone() {
        let (names, shape) = named(oracle, &weight.axes);
        let length: usize = shape.iter().product();
        let spread = 0.8 / (shape.last().copied().unwrap_or(1).max(1) as f64).sqrt();
        let random = &mut apart(random, &weight.path);
        given
            .weights
            .insert(weight.path.clone(), (0..length).map(|_| spread.max(0.2) * normal(random)).collect());
        layout.weights.push((weight.path, names, shape));
    }
    let mut noisy = false;
    for member in oracle.members.clone() {
        let mut frame = oracle.frame(&member.module);
        match member.kind {
            MemberKind::Data { name, ty, .. } => {
                let axes = oracle.sized_axes(ty, &mut frame)?;
                let index = oracle.axis(&ty.name.name, &frame)?;
                let count = oracle.axes[index].size.ok_or("an index of an axis without size")?;
                let (names, shape) = named(oracle, &axes);
                let length: usize = shape.iter().product();
                let draw = |random: &mut ChaCha8Rng| match ty.optional && random.random_bool(0.25) {
                    true => f64::NAN,
                    false => random.random_range(0..count) as f64,
                };
                let random = &mut apart(random, &name.name);
                given.data.insert(name.name.clone(), (0..length).map(|_| draw(random)).collect());
                layout.inputs.push((name.name.clone(), names, shape));
            }
            MemberKind::State { name, ty, init } => {
                use totc::syntax::ast::ExprKind;
                noisy |= matches!(&init.kind, ExprKind::Name(word) if word == "noise");
                let axes = oracle.sized_axes(ty, &mut frame)?;
                let (names, shape) = named(oracle, &axes);
                let length: usize = shape.iter().product();
                for ago in 1..=history.get(&name.name).copied().unwrap_or(1).max(1) {
                    let random = &mut apart(random, &format!("{}@{ago}", name.name));
                    given
                        .states
                        .insert((name.name.clone(), ago), (0..length).map(|_| normal(random)).collect());
                }
                layout.states.push((name.name.clone(), names, shape));
            }
            _ => {}
        }
    }
    let rows = settings.sizes.iter().find(|(name, _)| name == "batch").map_or(2, |(_, size)| *size);
    for row in 0..rows {
        // Where a state begins as noise, no row begins.
        given.fresh.push(!noisy && row % 2 == 0);
        // What lies further back than a sample's first step is what it began as; these go back further.
        let random = &mut apart(random, "steps");
        let least = 1 + history.values().max().copied().unwrap_or(1);
        given.steps.push(if row % 2 == 0 && !noisy {
            1.0
        } else {
            random.random_range(least..least + 2) as f64
        });
    }
    Ok((layout, given))
}

/// A generator of its own for each name, so that what is drawn for one does not depend on the others.
fn apart(random: &ChaCha8Rng, name: &str) -> ChaCha8Rng {
    let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let own = name.bytes().fold(0xcbf2_9ce4_8422_2325, hash);
    let seed = u64::from_le_bytes(random.get_seed()[..8].try_into().unwrap_or_default());
    ChaCha8Rng::seed_from_u64(own ^ seed)
}

/// A standard normal draw (Box and Muller).
pub fn normal(random: &mut ChaCha8Rng) -> f64 {
    let (radius, angle): (f64, f64) = (random.random(), random.random());
    (-2.0 * (1.0 - radius).ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}
