//! Statements, one after the other: loops run iteration by iteration, blocks where they are called, branches grow an
//! axis and merges reduce it.

use std::collections::HashMap;
use std::rc::Rc;

use totc::syntax::ast::{Block, Branching, Expr, Ident, LoopCount, MemberKind, Stmt, StmtKind};

use super::evaluate::{Emitted, Frame, Home, Oracle};
use super::primitives as p;
use super::value::{AxisId, Kind, Res, Tensor, Value};

pub enum Flow<'a> {
    On,
    Return(Value<'a>),
}

/// What a loop may update: `var`s of the frame, and the states.
struct Before<'a> {
    locals: Vec<HashMap<String, Value<'a>>>,
    states: HashMap<String, Value<'a>>,
}

impl<'a> Oracle<'a> {
    pub fn statements(&mut self, statements: &'a [Stmt], frame: &mut Frame<'a>) -> Res<Flow<'a>> {
        for statement in statements {
            if let Flow::Return(value) = self.statement(statement, frame)? {
                return Ok(Flow::Return(value));
            }
        }
        Ok(Flow::On)
    }

    fn let_(&self, name: &str, value: Value<'a>, frame: &mut Frame<'a>) {
        if name != "_"
            && let Some(scope) = frame.locals.last_mut()
        {
            scope.insert(name.to_owned(), value);
        }
    }

    fn evaluated(&mut self, expr: &'a Expr, frame: &mut Frame<'a>) -> Res<Value<'a>> {
        let value = self.expr(expr, frame)?;
        Ok(self.bound(value))
    }

    fn statement(&mut self, statement: &'a Stmt, frame: &mut Frame<'a>) -> Res<Flow<'a>> {
        match &statement.kind {
            StmtKind::Let { names, value } => match (&names[..], self.evaluated(value, frame)?) {
                ([name], value) => self.let_(&name.name, value, frame),
                (names, Value::Tuple(values)) if values.len() == names.len() => {
                    for (name, value) in names.iter().zip(values) {
                        self.let_(&name.name, value, frame);
                    }
                }
                _ => return Err("several names for what is not as many values".to_owned()),
            },
            StmtKind::Axis { name, size } => {
                let axis = self.declared_axis(&name.name, size.as_ref(), frame)?;
                self.let_(&name.name, Value::Axis(axis), frame);
            }
            StmtKind::Var { name, value } => {
                let value = self.evaluated(value, frame)?;
                self.let_(&name.name, value, frame);
            }
            StmtKind::Update { name, value } => {
                let value = self.evaluated(value, frame)?;
                self.update(&name.name, value, frame)?;
            }
            StmtKind::Record { name, value } => {
                let value = self.evaluated(value, frame)?;
                self.kept.insert(name.name.clone(), value);
            }
            StmtKind::Collect { name, value, over } => {
                let value = self.evaluated(value, frame)?;
                let axis = self.axis(&over.name, frame)?;
                match self.collected.iter_mut().find(|(known, ..)| *known == name.name) {
                    Some((_, _, values)) => values.push(value),
                    None => self.collected.push((name.name.clone(), axis, vec![value])),
                }
            }
            StmtKind::Emit { name, value } => {
                let value = self.evaluated(value, frame)?.as_tensor()?;
                let Home::Net(net) = &frame.home else { return Err("`emit` outside of a net".to_owned()) };
                let (net, name, gradient) = (net.path.clone(), name.name.clone(), self.gradient);
                self.emitted.push(Emitted { net, name, gradient, value });
            }
            StmtKind::Repeat { count, grad_last, while_, body } => {
                return self.repeat(count, grad_last.as_ref(), while_.as_ref(), body, frame);
            }
            StmtKind::Branch { state, axis, how } => self.branch(state, axis.as_ref(), how, frame)?,
            StmtKind::Merge { state, axis, groups, with, giving } => {
                let axis = self.branch_axis(axis.as_ref(), frame)?;
                let (value, given) = match groups {
                    None => self.expr(with, frame).map(first_of)?,
                    Some(groups) => {
                        let size = self.expr(groups, frame)?.number()?.count()?;
                        (self.in_groups(&state.name, axis, size, with, frame)?, None)
                    }
                };
                let value = self.bound(value);
                self.update(&state.name, value, frame)?;
                if let Some(name) = giving {
                    let given = given.ok_or("`giving`, and nothing is given")?;
                    let given = self.bound(given);
                    self.let_(&name.name, given, frame);
                }
            }
            StmtKind::Prune { states, axis, to, by } => {
                let axis = self.branch_axis(axis.as_ref(), frame)?;
                let count = self.expr(to, frame)?.number()?.count()?;
                let score = self.expr(by, frame)?.as_tensor()?;
                let kept = self.new_axis("kept", None);
                let best = Value::tensor(p::top_k(&score, axis, count, kept, &mut self.margins));
                let best = self.constant(best).as_tensor()?;
                for state in states {
                    let value = self.named(&state.name, frame)?.as_tensor()?;
                    let pruned = p::looked_up(&value, axis, &best)?.renamed(kept, axis);
                    let pruned = self.bound(Value::tensor(pruned));
                    self.update(&state.name, pruned, frame)?;
                }
            }
            StmtKind::Do { name, args } => {
                let args: Vec<Value<'a>> =
                    args.iter().map(|arg| self.evaluated(arg, frame)).collect::<Res<_>>()?;
                self.do_(&name.name, args)?;
            }
            StmtKind::Inherited(_) => return self.inherited(frame),
            StmtKind::Return(value) => return Ok(Flow::Return(self.evaluated(value, frame)?)),
            StmtKind::If { cond, then, otherwise } => {
                let chosen = if self.expr(cond, frame)?.truth()? { Some(then) } else { otherwise.as_ref() };
                if let Some(chosen) = chosen {
                    return self.scoped(chosen, HashMap::new(), frame);
                }
            }
        }
        Ok(Flow::On)
    }

    /// What the declaration that this one replaced does, in its place.
    fn inherited(&mut self, frame: &mut Frame<'a>) -> Res<Flow<'a>> {
        let base = self.inside.last().and_then(|own| own.base.clone()).ok_or("nothing is inherited")?;
        let (MemberKind::Section { body, .. } | MemberKind::Block { body, .. }) = base.kind else {
            return Err("no statements are inherited".to_owned());
        };
        let module = std::mem::replace(&mut frame.module, base.module.clone());
        self.inside.push((*base).clone());
        let flow = self.statements(&body.statements, frame)?;
        self.inside.pop();
        frame.module = module;
        Ok(flow)
    }

    fn scoped(
        &mut self,
        block: &'a Block,
        names: HashMap<String, Value<'a>>,
        frame: &mut Frame<'a>,
    ) -> Res<Flow<'a>> {
        frame.locals.push(names);
        let flow = self.statements(&block.statements, frame)?;
        frame.locals.pop();
        Ok(flow)
    }

    fn named(&mut self, name: &str, frame: &Frame<'a>) -> Res<Value<'a>> {
        self.find(name, frame)?.ok_or(format!("nothing here is called `{name}`"))
    }

    fn update(&mut self, name: &str, value: Value<'a>, frame: &mut Frame<'a>) -> Res<()> {
        for scope in frame.locals.iter_mut().rev() {
            if let Some(known) = scope.get_mut(name) {
                *known = value;
                return Ok(());
            }
        }
        match (&frame.home, self.states.get_mut(name)) {
            (Home::Model, Some(known)) => *known = value,
            _ => return Err(format!("`{name}` cannot be updated")),
        }
        Ok(())
    }

    fn do_(&mut self, name: &str, args: Vec<Value<'a>>) -> Res<()> {
        let block = self.members.iter().find(|member| member.word == "block" && member.name == name).cloned();
        let block = block.ok_or(format!("there is no block `{name}`"))?;
        let MemberKind::Block { args: params, body, .. } = block.kind else {
            return Err("no block".to_owned());
        };
        if params.len() != args.len() {
            return Err(format!("`{name}` takes {} arguments", params.len()));
        }
        self.depth += 1;
        if self.depth > 100 {
            return Err("blocks without end".to_owned());
        }
        let mut frame = self.frame(&block.module);
        for (param, arg) in params.iter().zip(args) {
            frame.locals[0].insert(param.name.clone(), arg);
        }
        self.inside.push(block.clone());
        self.statements(&body.statements, &mut frame)?;
        self.inside.pop();
        self.depth -= 1;
        Ok(())
    }

    fn repeat(
        &mut self,
        count: &'a LoopCount,
        grad_last: Option<&'a Expr>,
        condition: Option<&'a Expr>,
        body: &'a Block,
        frame: &mut Frame<'a>,
    ) -> Res<Flow<'a>> {
        let (index, from, to) = match count {
            LoopCount::Times(times) => (None, 0, self.expr(times, frame)?.number()?.count()?),
            LoopCount::Range { index, from, to } => {
                let from = self.expr(from, frame)?.number()?.count()?;
                (Some(index), from, self.expr(to, frame)?.number()?.count()?)
            }
        };
        let gradient = self.gradient;
        let last = match grad_last {
            Some(last) => self.expr(last, frame)?.number()?.count()?,
            None => usize::MAX,
        };
        self.loops += 1;
        let mut active: Option<Rc<Tensor>> = None;
        for iteration in from..to {
            self.gradient = gradient && to - iteration <= last;
            let mut names = HashMap::new();
            if let Some(index) = index {
                names.insert(index.name.clone(), Value::whole(iteration));
            }
            if let Some(condition) = condition {
                frame.locals.push(names.clone());
                let holds = self.expr(condition, frame)?.as_tensor()?;
                frame.locals.pop();
                active = Some(match active {
                    None => holds,
                    Some(active) => {
                        Rc::new(p::elementwise(Kind::Bool, &[&active, &holds], |at| at[0] * at[1])?)
                    }
                });
            }
            let before = Before { locals: frame.locals.clone(), states: self.states.clone() };
            if let Flow::Return(_) = self.scoped(body, names, frame)? {
                return Err("`return` in a loop".to_owned());
            }
            if let Some(active) = &active {
                self.frozen(&before, active, frame)?;
            }
        }
        self.gradient = gradient;
        self.loops -= 1;
        if self.loops == 0 {
            for (name, axis, values) in std::mem::take(&mut self.collected) {
                let stacked = self.stacked(axis, &values)?;
                self.kept.insert(name, stacked);
            }
        }
        Ok(Flow::On)
    }

    /// What an iteration has updated keeps its value for the samples whose condition has failed.
    fn frozen(&mut self, before: &Before<'a>, active: &Tensor, frame: &mut Frame<'a>) -> Res<()> {
        let mut changed = Vec::new();
        for (scope, old) in frame.locals.iter().zip(&before.locals) {
            changed.extend(differing(scope, old));
        }
        changed.extend(differing(&self.states, &before.states));
        changed.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, new, old) in changed {
            let (new, old) = (new.as_tensor()?, old.as_tensor()?);
            let kind = super::expressions::promoted(&new, &old);
            let choose = |at: &[f64]| if at[0] != 0.0 { at[1] } else { at[2] };
            let value = Value::tensor(p::elementwise(kind, &[active, &new, &old], choose)?);
            let value = self.bound(value);
            self.update(&name, value, frame)?;
        }
        Ok(())
    }

    pub fn stacked(&self, axis: AxisId, values: &[Value<'a>]) -> Res<Value<'a>> {
        let values: Vec<Rc<Tensor>> = values.iter().map(Value::as_tensor).collect::<Res<_>>()?;
        let operands: Vec<&Tensor> = values.iter().map(Rc::as_ref).collect();
        let axes = super::value::joined(&operands)?;
        let data: Vec<f64> = operands.iter().flat_map(|value| value.laid_out(&axes).data).collect();
        let kind = if operands.iter().all(|value| value.is_exact()) { Kind::Int } else { Kind::Float };
        let axes = [(axis, values.len())].into_iter().chain(axes).collect();
        Ok(Value::tensor(Tensor { kind, axes, data }))
    }

    fn branch_axis(&mut self, axis: Option<&Ident>, frame: &Frame<'a>) -> Res<AxisId> {
        self.axis(axis.map_or("branch", |axis| &axis.name), frame)
    }

    /// The new axis is folded into the branch axis, siblings side by side.
    fn branch(
        &mut self,
        state: &'a Ident,
        axis: Option<&'a Ident>,
        how: &'a Branching,
        frame: &mut Frame<'a>,
    ) -> Res<()> {
        let axis = self.branch_axis(axis, frame)?;
        let z = self.named(&state.name, frame)?.as_tensor()?;
        let grown = match how {
            Branching::Into(count) => {
                let count = self.expr(count, frame)?.number()?.count()?;
                let mut axes = z.axes.clone();
                axes.push((self.new_axis("copies", None), count));
                Rc::new(z.laid_out(&axes))
            }
            Branching::With(with) => self.expr(with, frame)?.as_tensor()?,
        };
        let new: Vec<AxisId> = grown
            .axes
            .iter()
            .map(|(own, _)| *own)
            .filter(|own| !z.has(*own) && (*own != axis || z.has(axis)))
            .collect();
        let result = match new[..] {
            [] if grown.has(axis) && !z.has(axis) => (*grown).clone(),
            [way] if grown.has(axis) => {
                let outer = self.new_axis("outer", None);
                self.folded(&grown.renamed(axis, outer), &[outer, way], axis)?
            }
            [way] => grown.renamed(way, axis),
            _ => return Err("`branch` needs one axis more".to_owned()),
        };
        let result = self.bound(Value::tensor(result));
        self.update(&state.name, result, frame)
    }

    /// Each group by itself, as if it were all there is.
    fn in_groups(
        &mut self,
        state: &str,
        axis: AxisId,
        size: usize,
        with: &'a Expr,
        frame: &mut Frame<'a>,
    ) -> Res<Value<'a>> {
        let z = self.named(state, frame)?.as_tensor()?;
        let count = z.size(axis).unwrap_or(1);
        if size == 0 || count % size != 0 {
            return Err(format!("{count} are not groups of {size}"));
        }
        let mut merged = Vec::new();
        for group in 0..count / size {
            let one = self.range(&z, axis, group * size, (group + 1) * size)?;
            frame.locals.push(HashMap::from([(state.to_owned(), Value::tensor(one))]));
            let (value, _) = first_of(self.expr(with, frame)?);
            frame.locals.pop();
            merged.push(value);
        }
        self.stacked(axis, &merged)
    }
}

fn first_of<'a>(value: Value<'a>) -> (Value<'a>, Option<Value<'a>>) {
    match value {
        Value::Tuple(values) => {
            let mut values = values.into_iter();
            let first = values.next().unwrap_or(Value::Bool(false));
            (first, values.next())
        }
        value => (value, None),
    }
}

/// Names whose values are others than before.
fn differing<'a>(
    now: &HashMap<String, Value<'a>>,
    before: &HashMap<String, Value<'a>>,
) -> Vec<(String, Value<'a>, Value<'a>)> {
    let differs = |a: &Value<'a>, b: &Value<'a>| match (a, b) {
        (Value::Tensor(a), Value::Tensor(b)) => !Rc::ptr_eq(a, b),
        (Value::Number(a), Value::Number(b)) => a.float() != b.float(),
        (a, b) => a.what() != b.what(),
    };
    now.iter()
        .filter_map(|(name, value)| {
            let old = before.get(name)?;
            differs(value, old).then(|| (name.clone(), value.clone(), old.clone()))
        })
        .collect()
}
