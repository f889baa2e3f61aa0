//! The state of an evaluation: axes, members of the model, what is bound where, what is kept. Takes the modules of a
//! file and what a run binds; `results::step` evaluates one supervision step with it. Knows the language from
//! `docs/language.md` only.

use std::collections::HashMap;
use std::rc::Rc;

use totc::syntax::Modules;
use totc::syntax::ast::{self, Expr, ExprKind, ItemKind, MemberKind};

use super::members::Member;
use super::nets::Instance;
use super::primitives::Margins;
use super::value::{AxisId, Number, Res, Tensor, Value};

/// What a run binds: configs, sizes, training or evaluation.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub model: Option<String>,
    pub sets: Vec<(String, String)>,
    pub sizes: Vec<(String, usize)>,
    pub training: bool,
}

#[derive(Clone, Debug)]
pub struct Axis {
    pub name: String,
    /// None: each value has its own.
    pub size: Option<usize>,
    pub parts: Vec<AxisId>,
}

/// A weight as it is declared; its elements lie in the order of `axes`, outputs of a `Linear` first.
#[derive(Clone, Debug)]
pub struct Weight {
    pub path: String,
    pub role: ast::WeightRole,
    pub axes: Vec<(AxisId, usize)>,
}

/// Where names are looked up.
#[derive(Clone)]
pub struct Frame<'a> {
    pub module: String,
    pub home: Home<'a>,
    /// Innermost last.
    pub locals: Vec<HashMap<String, Value<'a>>>,
}

#[derive(Clone)]
pub enum Home<'a> {
    Model,
    Net(Rc<Instance<'a>>),
    Function,
}

/// Constants of a base run, in the order they were computed, and how far a perturbed run has read them.
pub enum Tape {
    Record(Vec<Rc<Tensor>>),
    Replay(Rc<Vec<Rc<Tensor>>>, usize),
}

pub struct Emitted {
    pub net: String,
    pub name: String,
    pub gradient: bool,
    pub value: Rc<Tensor>,
}

/// What one supervision step is given.
#[derive(Clone, Debug, Default)]
pub struct Given {
    pub weights: HashMap<String, Vec<f64>>,
    /// By input name, in the order of its declared axes; absent labels NaN.
    pub data: HashMap<String, Vec<f64>>,
    /// By state name, and how far back: 1 is what came into this step.
    pub states: HashMap<(String, usize), Vec<f64>>,
    pub fresh: Vec<bool>,
    pub steps: Vec<f64>,
}

pub struct Oracle<'a> {
    pub modules: &'a Modules,
    pub settings: Settings,
    pub axes: Vec<Axis>,
    pub members: Vec<Member<'a>>,
    pub weights: Vec<Weight>,
    /// Members of the model that have been evaluated: configs, axes, nets, weights.
    pub globals: HashMap<String, Value<'a>>,
    /// File-level axes by module and name.
    pub item_axes: HashMap<(String, String), AxisId>,
    pub evaluating: Vec<String>,
    /// Declarations that are being evaluated, innermost last: `inherited` is what the last one replaced.
    pub inside: Vec<Member<'a>>,
    pub declared_axes: usize,
    // One step.
    pub given: Given,
    pub gradient: bool,
    pub loops: usize,
    pub depth: usize,
    pub states: HashMap<String, Value<'a>>,
    pub past: HashMap<(String, usize), Value<'a>>,
    pub encoded: HashMap<String, Value<'a>>,
    pub kept: HashMap<String, Value<'a>>,
    pub collected: Vec<(String, AxisId, Vec<Value<'a>>)>,
    pub emitted: Vec<Emitted>,
    pub tape: Tape,
    pub margins: Margins,
}

impl<'a> Oracle<'a> {
    /// Axes, configs, nets and weights of the model that `settings` names.
    pub fn new(modules: &'a Modules, settings: Settings) -> Res<Oracle<'a>> {
        let members = super::members::flattened(modules, settings.model.as_deref())?;
        let mut oracle = Oracle {
            modules,
            settings,
            axes: Vec::new(),
            members,
            weights: Vec::new(),
            globals: HashMap::new(),
            item_axes: HashMap::new(),
            evaluating: Vec::new(),
            inside: Vec::new(),
            declared_axes: 0,
            given: Given::default(),
            gradient: true,
            loops: 0,
            depth: 0,
            states: HashMap::new(),
            past: HashMap::new(),
            encoded: HashMap::new(),
            kept: HashMap::new(),
            collected: Vec::new(),
            emitted: Vec::new(),
            tape: Tape::Record(Vec::new()),
            margins: Margins::default(),
        };
        oracle.declare()?;
        oracle.declared_axes = oracle.axes.len();
        Ok(oracle)
    }

    fn declare(&mut self) -> Res<()> {
        for member in self.members.clone() {
            match &member.kind {
                MemberKind::Config { name, .. }
                | MemberKind::Weight { name, .. }
                | MemberKind::Net { name, .. } => {
                    self.global(&name.name)?;
                }
                MemberKind::Axis { .. } => {
                    self.global(&member.name)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub fn frame(&self, module: &str) -> Frame<'a> {
        Frame { module: module.to_owned(), home: Home::Model, locals: vec![HashMap::new()] }
    }

    pub fn new_axis(&mut self, name: &str, size: Option<usize>) -> AxisId {
        self.axes.push(Axis { name: name.to_owned(), size, parts: Vec::new() });
        self.axes.len() - 1
    }

    pub fn axis_name(&self, axis: AxisId) -> &str {
        &self.axes[axis].name
    }

    /// `axis a`, `axis a = 3`, `axis a = b + c`.
    pub fn declared_axis(
        &mut self,
        name: &str,
        size: Option<&'a Expr>,
        frame: &mut Frame<'a>,
    ) -> Res<AxisId> {
        let Some(expr) = size else { return Ok(self.new_axis(name, None)) };
        if let Some(parts) = self.parts(expr, frame) {
            let mut sum = 0;
            for part in &parts {
                sum += self.axes[*part].size.ok_or(format!("a part of `{name}` has no size"))?;
            }
            let axis = self.new_axis(name, Some(sum));
            self.axes[axis].parts = parts;
            return Ok(axis);
        }
        let size = self.expr(expr, frame)?.number()?.count()?;
        Ok(self.new_axis(name, Some(size)))
    }

    fn parts(&mut self, expr: &'a Expr, frame: &mut Frame<'a>) -> Option<Vec<AxisId>> {
        match &expr.kind {
            ExprKind::Binary { op: ast::BinaryOp::Add, left, right } => {
                let mut parts = self.parts(left, frame)?;
                parts.extend(self.parts(right, frame)?);
                Some(parts)
            }
            ExprKind::Name(name) => match self.find(name, frame) {
                Ok(Some(Value::Axis(axis))) => Some(vec![axis]),
                _ => None,
            },
            _ => None,
        }
    }

    /// A name, from the innermost scope outwards; None if nothing is called so.
    pub fn find(&mut self, name: &str, frame: &Frame<'a>) -> Res<Option<Value<'a>>> {
        for scope in frame.locals.iter().rev() {
            if let Some(value) = scope.get(name) {
                return Ok(Some(value.clone()));
            }
        }
        match &frame.home {
            Home::Model => {
                if let Some(value) = self.states.get(name).or(self.kept.get(name)).or(self.encoded.get(name))
                {
                    return Ok(Some(value.clone()));
                }
                if let Some(value) = self.global(name)? {
                    return Ok(Some(value));
                }
            }
            Home::Net(instance) => {
                if let Some(value) = instance.names.borrow().get(name) {
                    return self.read(value.clone()).map(Some);
                }
            }
            Home::Function => {}
        }
        if let Some(axis) = self.item_axis(name, &frame.module.clone())? {
            return Ok(Some(Value::Axis(axis)));
        }
        self.built_in(name)
    }

    fn built_in(&mut self, name: &str) -> Res<Option<Value<'a>>> {
        Ok(match name {
            "training" => Some(Value::Bool(self.settings.training)),
            "batch" => self.global("batch")?,
            "steps" | "last_step" => Some(self.steps(name)?),
            _ => None,
        })
    }

    /// A file-level axis of a module or one that it imports.
    fn item_axis(&mut self, name: &str, module: &str) -> Res<Option<AxisId>> {
        let Some((home, item)) = self.item(name, module) else { return Ok(None) };
        if !matches!(item, ItemKind::Axis { .. }) {
            return Ok(None);
        }
        if let Some(axis) = self.item_axes.get(&(home.clone(), name.to_owned())) {
            return Ok(Some(*axis));
        }
        let axis = self.new_axis(name, None);
        self.item_axes.insert((home, name.to_owned()), axis);
        Ok(Some(axis))
    }

    /// An item by its name in a module, and the module that declares it.
    pub fn item(&self, name: &str, module: &str) -> Option<(String, &'a ItemKind)> {
        let tree = &self.modules.by_path.get(module)?.tree;
        for item in &tree.items {
            let own = match &item.kind {
                ItemKind::Net(net) => Some(&net.name.name),
                ItemKind::Fn(function) => function.name.as_ref().map(|name| &name.name),
                ItemKind::Axis { name: axis, .. } => Some(&axis.name),
                ItemKind::Model(model) => Some(&model.name.name),
                ItemKind::Use(used) => {
                    if used.names.iter().any(|used| used.name == name) {
                        return self.item(name, &used.module.join("::"));
                    }
                    None
                }
            };
            if own.is_some_and(|own| own == name) {
                return Some((module.to_owned(), &item.kind));
            }
        }
        None
    }

    /// A member of the model: config, axis, net, weight or input, evaluated when first read.
    pub fn global(&mut self, name: &str) -> Res<Option<Value<'a>>> {
        if let Some(value) = self.globals.get(name) {
            return self.read(value.clone()).map(Some);
        }
        let Some(member) = self.members.iter().find(|member| member.declares(name)).cloned() else {
            return Ok(None);
        };
        // A net's own name in its declaration is the net that it replaces.
        if self.evaluating.last().is_some_and(|own| own == name)
            && let Some(base) = self.inside.last().and_then(|own| own.base.clone())
            && let MemberKind::Net { value, .. } = base.kind
        {
            let mut frame = self.frame(&base.module);
            self.inside.push((*base).clone());
            let recipe = self.expr(value, &mut frame);
            self.inside.pop();
            return recipe.map(Some);
        }
        if self.evaluating.iter().any(|other| other == name) {
            return Err(format!("`{name}` reads itself"));
        }
        self.evaluating.push(name.to_owned());
        let value = self.member(name, &member);
        self.evaluating.pop();
        let value = value?;
        if !matches!(member.kind, MemberKind::Data { .. }) {
            self.globals.insert(name.to_owned(), value.clone());
        }
        self.read(value).map(Some)
    }

    fn member(&mut self, name: &str, member: &Member<'a>) -> Res<Value<'a>> {
        let mut frame = self.frame(&member.module);
        match member.kind {
            MemberKind::Config { ty, value, .. } => {
                let words: Vec<&str> = member.config_type(ty).iter().map(|word| word.name.as_str()).collect();
                let set =
                    self.settings.sets.iter().find(|(known, _)| known == name).map(|(_, set)| set.clone());
                if let Some(set) = set {
                    return Ok(match set.as_str() {
                        "true" => Value::Bool(true),
                        "false" => Value::Bool(false),
                        text if text.starts_with('[') => {
                            let inside = text.trim_start_matches('[').trim_end_matches(']');
                            let entries = inside.split(',').map(|entry| Number::parse(entry.trim()));
                            let entries: Vec<Number> = entries.collect::<Res<_>>()?;
                            Value::Tuple(entries.into_iter().map(Value::Number).collect())
                        }
                        text => match Number::parse(text.trim_start_matches('-')) {
                            Ok(number) if text.starts_with('-') => Value::Number(number.neg()),
                            Ok(number) => Value::Number(number),
                            Err(_) => Value::Word(set),
                        },
                    });
                }
                match &value.kind {
                    ExprKind::Name(word) if words.contains(&word.as_str()) => Ok(Value::Word(word.clone())),
                    _ => self.expr(value, &mut frame),
                }
            }
            MemberKind::Axis { size, .. } => {
                let bound =
                    self.settings.sizes.iter().find(|(known, _)| known == name).map(|(_, size)| *size);
                match (size, bound) {
                    (None, Some(bound)) => Ok(Value::Axis(self.new_axis(name, Some(bound)))),
                    _ => Ok(Value::Axis(self.declared_axis(name, size.as_ref(), &mut frame)?)),
                }
            }
            MemberKind::Net { value, .. } => {
                self.inside.push(member.clone());
                let recipe = self.expr(value, &mut frame)?;
                self.inside.pop();
                self.made(&recipe, name)
            }
            MemberKind::Weight { role, ty, .. } => self.weight(name.to_owned(), *role, ty, &mut frame),
            MemberKind::Data { ty, .. } => self.input(name, ty, &mut frame),
            _ => Err(format!("`{name}` is no value")),
        }
    }

    /// A value that from here on is constant: kept in a base run, what was kept in a perturbed one.
    pub fn constant(&mut self, value: Value<'a>) -> Value<'a> {
        match value {
            Value::Tensor(tensor) => Value::Tensor(match &mut self.tape {
                Tape::Record(kept) => {
                    // Another value than it was, as it is where the tape is replayed.
                    let own = Rc::new((*tensor).clone());
                    kept.push(own.clone());
                    own
                }
                Tape::Replay(kept, at) => {
                    *at += 1;
                    kept[*at - 1].clone()
                }
            }),
            Value::Tuple(values) => {
                Value::Tuple(values.into_iter().map(|value| self.constant(value)).collect())
            }
            other => other,
        }
    }

    /// What a statement binds: constant where there is no gradient.
    pub fn bound(&mut self, value: Value<'a>) -> Value<'a> {
        if self.gradient { value } else { self.constant(value) }
    }

    pub fn batch(&mut self) -> Res<(AxisId, usize)> {
        match self.global("batch")? {
            Some(Value::Axis(axis)) => Ok((axis, self.axes[axis].size.ok_or("`batch` has no size")?)),
            _ => Err("there is no axis `batch`".to_owned()),
        }
    }
}
