//! Nets: recipes are made into instances, whose weights are named by where they stand; calling one evaluates its
//! `fn` with the names of the instance in view.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use totc::syntax::ast::{self, Arg, ArgKind, Expr, FnDef, MapSide, MemberKind, NetDef, Param};

use super::calls::{Args, bind};
use super::evaluate::{Frame, Home, Oracle, Weight};
use super::primitives::{dot, elementwise};
use super::value::{AxisId, Kind, Recipe, Res, Tensor, Value};

#[derive(Debug)]
pub struct Instance<'a> {
    pub path: String,
    pub module: String,
    pub what: What<'a>,
    /// Parameters and members.
    pub names: RefCell<HashMap<String, Value<'a>>>,
}

#[derive(Debug)]
pub enum What<'a> {
    Linear { from: Vec<AxisId>, to: Vec<AxisId> },
    Declared(&'a NetDef),
}

impl<'a> Oracle<'a> {
    /// The net of a recipe, its weights below `path`.
    pub fn made(&mut self, recipe: &Value<'a>, path: &str) -> Res<Value<'a>> {
        let Value::Recipe(recipe) = recipe else {
            return Err(format!("`{path}` is to be a net and is {}", recipe.what()));
        };
        self.instance(recipe, path)
    }

    fn instance(&mut self, recipe: &Recipe<'a>, path: &str) -> Res<Value<'a>> {
        match recipe {
            Recipe::Family(one, count) => {
                let made = (0..*count).map(|at| self.instance(one, &format!("{path}.{at}")));
                Ok(Value::Family(made.collect::<Res<_>>()?))
            }
            Recipe::Linear { from, to, bias } => {
                let sized = |axes: &[AxisId]| -> Res<Vec<(AxisId, usize)>> {
                    let size = |axis: &AxisId| {
                        Ok((*axis, self.axes[*axis].size.ok_or(format!("`{path}`: an axis without size"))?))
                    };
                    axes.iter().map(size).collect()
                };
                let (out, inward) = (sized(to)?, sized(from)?);
                let mut names = HashMap::new();
                let axes = out.iter().chain(&inward).copied().collect();
                names.insert("weight".to_owned(), self.declared_weight(format!("{path}.weight"), axes));
                if *bias {
                    names.insert("bias".to_owned(), self.declared_weight(format!("{path}.bias"), out));
                }
                Ok(Value::Net(Rc::new(Instance {
                    path: path.to_owned(),
                    module: String::new(),
                    what: What::Linear { from: from.clone(), to: to.clone() },
                    names: RefCell::new(names),
                })))
            }
            Recipe::Declared { module, def, args } => {
                let instance = Rc::new(Instance {
                    path: path.to_owned(),
                    module: module.clone(),
                    what: What::Declared(def),
                    names: RefCell::new(args.clone()),
                });
                let mut frame = Frame {
                    module: module.clone(),
                    home: Home::Net(instance.clone()),
                    locals: vec![HashMap::new()],
                };
                for param in &def.params {
                    if !args.contains_key(&param.name.name) {
                        let default = param.default.as_ref();
                        let default = default.ok_or(format!("`{}` is not given", param.name.name))?;
                        let value = self.expr(default, &mut frame)?;
                        instance.names.borrow_mut().insert(param.name.name.clone(), value);
                    }
                }
                for member in &def.members {
                    self.net_member(&member.kind, path, &mut frame, &instance)?;
                }
                Ok(Value::Net(instance))
            }
        }
    }

    fn net_member(
        &mut self,
        kind: &'a MemberKind,
        path: &str,
        frame: &mut Frame<'a>,
        instance: &Instance<'a>,
    ) -> Res<()> {
        let add = |name: &str, value| instance.names.borrow_mut().insert(name.to_owned(), value);
        match kind {
            MemberKind::Axis { names, size } => {
                for name in names {
                    let axis = self.declared_axis(&name.name, size.as_ref(), frame)?;
                    add(&name.name, Value::Axis(axis));
                }
            }
            MemberKind::Net { name, value } => {
                let recipe = self.expr(value, frame)?;
                let path = format!("{path}.{}", name.name);
                let recipe = self.in_its_place(&path, recipe)?;
                let made = self.made(&recipe, &path)?;
                add(&name.name, made);
            }
            MemberKind::Weight { role, name, ty, .. } => {
                let weight = self.weight(format!("{path}.{}", name.name), *role, ty, frame)?;
                add(&name.name, weight);
            }
            _ => return Err(format!("`{path}` has a member that nets do not have")),
        }
        Ok(())
    }

    /// What the model puts in the place of a net's part; `inherited` is what stood there.
    fn in_its_place(&mut self, path: &str, recipe: Value<'a>) -> Res<Value<'a>> {
        let names = path.split('.').filter(|name| name.parse::<usize>().is_err());
        let plain = names.collect::<Vec<_>>().join(".");
        let part = self.members.iter().find(|member| member.word == "part" && member.name == plain).cloned();
        let Some(part) = part else { return Ok(recipe) };
        let MemberKind::Part { value, .. } = part.kind else { return Ok(recipe) };
        let mut frame = self.frame(&part.module);
        frame.locals[0].insert("inherited".to_owned(), recipe);
        self.inside.push(part.clone());
        let recipe = self.expr(value, &mut frame);
        self.inside.pop();
        recipe
    }

    pub fn weight(
        &mut self,
        path: String,
        role: ast::WeightRole,
        ty: &'a ast::Type,
        frame: &mut Frame<'a>,
    ) -> Res<Value<'a>> {
        let axes = self.sized_axes(ty, frame)?;
        let weight = self.declared_weight(path, axes);
        if let Some(weight) = self.weights.last_mut() {
            weight.role = role;
        }
        Ok(weight)
    }

    fn declared_weight(&mut self, path: String, axes: Vec<(AxisId, usize)>) -> Value<'a> {
        self.weights.push(Weight { path, role: ast::WeightRole::Param, axes });
        Value::Weight(self.weights.len() - 1)
    }

    /// Axes that a declared type names, each with the size it was declared with.
    pub fn sized_axes(&mut self, ty: &'a ast::Type, frame: &mut Frame<'a>) -> Res<Vec<(AxisId, usize)>> {
        let mut axes = Vec::new();
        for entry in ty.axes.iter().flatten() {
            let ast::AxisEntry::Name(name) = entry else { return Err("`..` in a declaration".to_owned()) };
            for axis in self.axes_called(&name.name, frame)? {
                axes.push((axis, self.axes[axis].size.ok_or(format!("`{}` has no size", name.name))?));
            }
        }
        Ok(axes)
    }

    /// A weight's elements; other values as they are.
    pub fn read(&mut self, value: Value<'a>) -> Res<Value<'a>> {
        let Value::Weight(at) = value else { return Ok(value) };
        let weight = &self.weights[at];
        match self.given.weights.get(&weight.path) {
            Some(data) => {
                Ok(Value::tensor(Tensor { kind: Kind::Float, axes: weight.axes.clone(), data: data.clone() }))
            }
            // Before the first step nobody reads the elements.
            None => Ok(value),
        }
    }

    /// `Linear(dim -> inner)`, `Block(pos, dim, heads = 2)`: what it will be made of.
    pub fn recipe(
        &mut self,
        def: Option<(&str, &'a NetDef)>,
        args: &'a [Arg],
        frame: &mut Frame<'a>,
    ) -> Res<Value<'a>> {
        let Some((module, def)) = def else { return self.linear(args, frame) };
        let args = self.args(args, frame)?;
        let (bound, _) = bind(&def.params, args)?;
        Ok(Value::Recipe(Rc::new(Recipe::Declared { module: module.to_owned(), def, args: bound })))
    }

    fn linear(&mut self, args: &'a [Arg], frame: &mut Frame<'a>) -> Res<Value<'a>> {
        let (mut from, mut to, mut bias) = (None, None, false);
        let is_bias = |value: Value| match value {
            Value::Bool(bias) => bias,
            _ => true,
        };
        for arg in args {
            match &arg.kind {
                ArgKind::Map(inward, out) => {
                    (from, to) = (Some(self.side(inward, frame)?), Some(self.side(out, frame)?));
                }
                ArgKind::Positional(value) => bias = is_bias(self.expr(value, frame)?),
                ArgKind::Named(name, value) if name.name == "bias" => {
                    bias = is_bias(self.expr(value, frame)?)
                }
                ArgKind::Named(name, _) if name.name == "weight" => {}
                _ => return Err("an argument that `Linear` does not have".to_owned()),
            }
        }
        let (from, to) = (from.ok_or("`Linear` from where?")?, to.ok_or("`Linear` to where?")?);
        Ok(Value::Recipe(Rc::new(Recipe::Linear { from, to, bias })))
    }

    pub fn side(&mut self, side: &'a MapSide, frame: &mut Frame<'a>) -> Res<Vec<AxisId>> {
        match side {
            MapSide::One(_) => Ok(Vec::new()),
            MapSide::Axes(names) => {
                let mut axes = Vec::new();
                for name in names {
                    axes.extend(self.axes_called(&name.name, frame)?);
                }
                Ok(axes)
            }
        }
    }

    pub fn call_net(&mut self, net: &Rc<Instance<'a>>, args: Args<'a>) -> Res<Value<'a>> {
        match net.what {
            What::Linear { ref from, ref to } => self.call_linear(net, from, to, args),
            What::Declared(def) => {
                let body = def.body.as_ref().ok_or(format!("`{}` has no `fn`", net.path))?;
                self.call_function(body, &net.module, Home::Net(net.clone()), args)
            }
        }
    }

    /// x · weight over the axes it comes from; meanwhile the axes it goes to are called otherwise, since the two may
    /// be the same.
    fn call_linear(
        &mut self,
        net: &Instance<'a>,
        from: &[AxisId],
        to: &[AxisId],
        args: Args<'a>,
    ) -> Res<Value<'a>> {
        let x = args.positional.first().ok_or("a linear map of nothing")?.as_tensor()?;
        let read = |oracle: &mut Oracle<'a>, name: &str| -> Res<Option<Rc<Tensor>>> {
            let Some(value) = net.names.borrow().get(name).cloned() else { return Ok(None) };
            oracle.read(value)?.as_tensor().map(Some)
        };
        let weight = read(self, "weight")?.ok_or("a linear map without weight")?;
        if let Some(axis) = from.iter().find(|axis| !x.has(**axis)) {
            return Err(format!("`{}` needs the axis `{}`", net.path, self.axis_name(*axis)));
        }
        if let Some(axis) = to.iter().find(|axis| x.has(**axis) && !from.contains(axis)) {
            return Err(format!("`{}` would give `{}` twice", net.path, self.axis_name(*axis)));
        }
        let meanwhile = |at: usize| usize::MAX - at;
        let mut weight = (*weight).clone();
        for (at, (axis, _)) in weight.axes.iter_mut().enumerate().take(to.len()) {
            *axis = meanwhile(at);
        }
        let mut result = dot(&x, &weight, from)?;
        for (at, axis) in to.iter().enumerate() {
            result = result.renamed(meanwhile(at), *axis);
        }
        if let Some(bias) = read(self, "bias")? {
            result = elementwise(Kind::Float, &[&result, &bias], |at| at[0] + at[1])?;
        }
        Ok(Value::tensor(result))
    }

    /// Evaluates the body of a function with its arguments bound.
    pub fn call_function(
        &mut self,
        def: &'a FnDef,
        module: &str,
        home: Home<'a>,
        args: Args<'a>,
    ) -> Res<Value<'a>> {
        self.depth += 1;
        if self.depth > 100 {
            return Err("calls without end".to_owned());
        }
        let mut frame = Frame { module: module.to_owned(), home, locals: vec![HashMap::new()] };
        let (mut bound, missing) = bind(&def.params, args)?;
        self.signature(&def.params, &mut bound, &mut frame)?;
        for param in missing {
            let default: &'a Expr =
                param.default.as_ref().ok_or(format!("`{}` is not given", param.name.name))?;
            let value = self.expr(default, &mut frame)?;
            frame.locals[0].insert(param.name.name.clone(), value);
        }
        let value = self.block(&def.body, &mut frame)?;
        self.depth -= 1;
        value.ok_or("a function that gives nothing".to_owned())
    }

    /// Binds arguments, and the axes that the types of the parameters name.
    fn signature(
        &mut self,
        params: &'a [Param],
        bound: &mut HashMap<String, Value<'a>>,
        frame: &mut Frame<'a>,
    ) -> Res<()> {
        for param in params {
            let Some(value) = bound.remove(&param.name.name) else { continue };
            if let (Some(ty), Value::Tensor(tensor)) = (&param.ty, &value) {
                self.match_type(ty, tensor, frame)?;
            }
            frame.locals[0].insert(param.name.name.clone(), value);
        }
        Ok(())
    }

    fn match_type(&mut self, ty: &'a ast::Type, tensor: &Tensor, frame: &mut Frame<'a>) -> Res<()> {
        let built_in = ["float", "float32", "float64", "int", "bool"].contains(&ty.name.name.as_str());
        if !built_in && self.find(&ty.name.name, frame)?.is_none() {
            let Kind::Index(axis) = tensor.kind else { return Err(format!("`{}`: no index", ty.name.name)) };
            frame.locals[0].insert(ty.name.name.clone(), Value::Axis(axis));
        }
        let Some(entries) = &ty.axes else { return Ok(()) };
        let mut left: Vec<AxisId> = tensor.axes.iter().map(|(axis, _)| *axis).collect();
        let mut open = Vec::new();
        for entry in entries {
            let ast::AxisEntry::Name(name) = entry else { continue };
            match self.find(&name.name, frame)? {
                Some(Value::Axis(axis)) => left.retain(|own| *own != axis),
                Some(Value::Axes(axes)) => left.retain(|own| !axes.contains(own)),
                _ => open.push(name.name.clone()),
            }
        }
        for name in open {
            let at = left
                .iter()
                .position(|axis| self.axis_name(*axis) == name)
                .or((!left.is_empty()).then_some(0));
            let axis = left.remove(at.ok_or(format!("no axis is left for `{name}`"))?);
            frame.locals[0].insert(name, Value::Axis(axis));
        }
        for entry in entries {
            if let ast::AxisEntry::Pack(name) = entry {
                frame.locals[0].insert(name.name.clone(), Value::Axes(std::mem::take(&mut left)));
            }
        }
        Ok(())
    }
}
