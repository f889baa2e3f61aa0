//! One supervision step: states come in, `encode`, `think`, `decode` run, results are read. Takes what a step is
//! given; gives every output by the name that a compiled program has for it.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use totc::syntax::ast::{self, Expr, Ident, MemberKind};

use super::evaluate::{Frame, Given, Oracle, Tape};
use super::members::Member;
use super::primitives::{Margins, elementwise};
use super::value::{Kind, Res, Tensor, Value};

/// Everything that one step gives, and how it came about.
pub struct Step {
    pub outputs: BTreeMap<String, Rc<Tensor>>,
    pub margins: Margins,
    /// The constants of this run, for perturbed ones to replay.
    pub constants: Vec<Rc<Tensor>>,
}

impl<'a> Oracle<'a> {
    /// Evaluates a step; with the constants of an earlier one, what carries no gradient is as it was there.
    ///
    /// # Errors
    /// Where the program has no meaning by the reference, or draws random numbers.
    pub fn step(&mut self, given: Given, constants: Option<Rc<Vec<Rc<Tensor>>>>) -> Res<Step> {
        self.given = given;
        self.tape = match constants {
            None => Tape::Record(Vec::new()),
            Some(constants) => Tape::Replay(constants, 0),
        };
        self.margins = Margins::default();
        self.past.clear();
        self.states.clear();
        // Axes made by an earlier step are made again, in the same order: constants are known by them.
        let declared = self.declared_axes;
        self.axes.truncate(declared);
        self.item_axes.retain(|_, axis| *axis < declared);
        self.arrive()?;
        let turns = self.steps_in_a_row()?;
        let mut outputs = self.one_step()?;
        let is_loss = |name: &str| name.starts_with("loss.");
        for _ in 1..turns {
            self.given.fresh.fill(false);
            self.given.steps.iter_mut().for_each(|step| *step += 1.0);
            self.move_back();
            let mut next = self.one_step()?;
            for (name, loss) in next.iter_mut().filter(|(name, _)| is_loss(name)) {
                *loss = Rc::new(elementwise(Kind::Float, &[loss, &outputs[name]], |at| at[0] + at[1])?);
            }
            outputs = next;
        }
        if turns > 1 {
            for (_, loss) in outputs.iter_mut().filter(|(name, _)| is_loss(name)) {
                *loss = Rc::new(elementwise(Kind::Float, &[loss], |at| at[0] / turns as f64)?);
            }
            for (name, ago) in self.past.keys().filter(|(_, ago)| *ago > 1) {
                let before = self.past.get(&(name.clone(), ago - 1)).ok_or("a state without a past")?;
                outputs.insert(format!("state.{name}@{ago}"), before.as_tensor()?);
            }
        }
        let constants = match std::mem::replace(&mut self.tape, Tape::Record(Vec::new())) {
            Tape::Record(constants) => constants,
            Tape::Replay(..) => Vec::new(),
        };
        Ok(Step { outputs, margins: self.margins, constants })
    }

    /// `carry grad`, in training.
    fn steps_in_a_row(&mut self) -> Res<usize> {
        let member = self.members.iter().find(|member| member.word == "carry").cloned();
        match member {
            Some(Member { kind: MemberKind::CarryGrad(steps), module, .. }) if self.settings.training => {
                let mut frame = self.frame(&module);
                Ok(self.expr(steps, &mut frame)?.number()?.float() as usize)
            }
            _ => Ok(1),
        }
    }

    /// What the step that ends leaves is what the next finds.
    fn move_back(&mut self) {
        let mut shifted = HashMap::new();
        for ((name, ago), value) in &self.past {
            shifted.insert((name.clone(), ago + 1), value.clone());
        }
        for (name, value) in &self.states {
            shifted.insert((name.clone(), 1), value.clone());
        }
        self.past = shifted;
    }

    fn one_step(&mut self) -> Res<BTreeMap<String, Rc<Tensor>>> {
        let mut frame = self.sections()?;
        let mut outputs = BTreeMap::new();
        for (name, value) in &self.states {
            outputs.insert(format!("state.{name}"), value.as_tensor()?);
        }
        for (name, value) in frame.locals[0].iter().chain(&self.kept) {
            if let Value::Tensor(tensor) = value {
                outputs.insert(format!("value.{name}"), tensor.clone());
            }
        }
        for member in self.members.clone() {
            let Some((name, value)) = result(&member) else { continue };
            frame.module.clone_from(&member.module);
            self.inside.push(member.clone());
            let value = self.expr(value, &mut frame)?.as_tensor()?;
            self.inside.pop();
            outputs.insert(name, value);
        }
        Ok(outputs)
    }

    /// Runs the three sections from the states as they are; what they bound is in the frame.
    fn sections(&mut self) -> Res<Frame<'a>> {
        self.encoded.clear();
        self.kept.clear();
        self.collected.clear();
        self.emitted.clear();
        (self.loops, self.depth) = (0, 0);
        let mut frame = self.frame("");
        for word in ["encode", "think", "decode"] {
            let member = self.members.iter().find(|member| member.word == word).cloned();
            let Some(member) = member else { continue };
            let MemberKind::Section { body, .. } = member.kind else { continue };
            frame.module.clone_from(&member.module);
            self.inside.push(member);
            self.statements(&body.statements, &mut frame)?;
            self.inside.pop();
            if word == "encode" {
                self.encoded.clone_from(&frame.locals[0]);
            }
        }
        Ok(frame)
    }

    /// States as they come into a step: data, but where a sample is fresh what they begin as, with its gradient.
    fn arrive(&mut self) -> Res<()> {
        let (batch, rows) = self.batch()?;
        let fresh: Vec<f64> = self.given.fresh.iter().map(|fresh| f64::from(u8::from(*fresh))).collect();
        let any = self.given.fresh.contains(&true);
        let fresh = Tensor { kind: Kind::Bool, axes: vec![(batch, rows)], data: fresh };
        let declared: Vec<Member<'a>> =
            self.members.iter().filter(|member| member.word == "state").cloned().collect();
        for member in declared {
            let MemberKind::State { name, ty, init } = member.kind else { continue };
            let mut frame = self.frame(&member.module);
            let axes = self.sized_axes(ty, &mut frame)?;
            let initial = match any {
                true => self.expr(init, &mut frame)?.as_tensor()?,
                false => Rc::new(Tensor::scalar(Kind::Float, 0.0)),
            };
            for ago in 1..=64 {
                let key = (name.name.clone(), ago);
                let Some(data) = self.given.states.get(&key).cloned() else { continue };
                let carried = Tensor { kind: Kind::Float, axes: axes.clone(), data };
                let choose = |at: &[f64]| if at[0] != 0.0 { at[1] } else { at[2] };
                let value = elementwise(Kind::Float, &[&fresh, &initial, &carried], choose)?.laid_out(&axes);
                let value = Value::tensor(value);
                if ago == 1 {
                    self.states.insert(name.name.clone(), value.clone());
                }
                self.past.insert(key, value);
            }
        }
        Ok(())
    }

    /// Values of the step after this one, from the states it leaves, without gradient.
    pub fn lookahead(&mut self, names: &'a [Ident]) -> Res<Value<'a>> {
        let (states, past, encoded) = (self.states.clone(), self.past.clone(), self.encoded.clone());
        let (kept, emitted) = (self.kept.clone(), std::mem::take(&mut self.emitted));
        let (gradient, loops, depth) = (self.gradient, self.loops, self.depth);
        let steps = self.given.steps.clone();
        self.gradient = false;
        self.given.steps.iter_mut().for_each(|step| *step += 1.0);
        self.move_back();
        let mut frame = self.sections()?;
        let mut found = HashMap::new();
        for name in names {
            let value = self.find(&name.name, &frame)?.ok_or(format!("no `{}`", name.name))?;
            found.insert(name.name.clone(), self.constant(value));
        }
        frame.locals.clear();
        (self.states, self.past, self.encoded) = (states, past, encoded);
        (self.kept, self.emitted) = (kept, emitted);
        (self.gradient, self.loops, self.depth) = (gradient, loops, depth);
        self.given.steps = steps;
        Ok(Value::Fields(found))
    }

    /// `steps`, from 1, and `last_step`.
    pub fn steps(&mut self, name: &str) -> Res<Value<'a>> {
        let axes = vec![self.batch()?];
        let steps = Tensor { kind: Kind::Int, axes, data: self.given.steps.clone() };
        if name == "steps" {
            return Ok(Value::tensor(steps));
        }
        let halt = self.members.iter().find(|member| member.word == "halt").cloned();
        let most = match halt {
            Some(Member { kind: MemberKind::Halt { at_most: Some(most), .. }, module, .. }) => {
                let mut frame = self.frame(&module);
                self.expr(most, &mut frame)?.number()?.float()
            }
            _ => 1.0,
        };
        let last = |at: &[f64]| f64::from(u8::from(at[0] >= most));
        Ok(Value::tensor(elementwise(Kind::Bool, &[&steps], last)?))
    }

    /// A column of the data: integers that index an axis.
    pub fn input(&mut self, name: &str, ty: &'a ast::Type, frame: &mut Frame<'a>) -> Res<Value<'a>> {
        let axes = self.sized_axes(ty, frame)?;
        let kind = match self.find(&ty.name.name, frame)? {
            Some(Value::Axis(axis)) => Kind::Index(axis),
            _ => Kind::Int,
        };
        let data = self.given.data.get(name).ok_or(format!("the input `{name}` is not given"))?.clone();
        Ok(Value::tensor(Tensor { kind, axes, data }))
    }
}

/// The output that a member declares.
pub fn result<'a>(member: &Member<'a>) -> Option<(String, &'a Expr)> {
    match (member.kind, member.prediction) {
        (_, Some(value)) => Some((format!("predict.{}", member.name), value)),
        (MemberKind::Metric { name, value }, _) => Some((format!("metric.{}", name.name), value)),
        (MemberKind::Loss { name, value }, _) => Some((format!("loss.{}", name.name), value)),
        (MemberKind::Halt { when: Some(when), .. }, _) => Some(("halt".to_owned(), when)),
        _ => None,
    }
}
