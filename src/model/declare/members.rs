//! Declarations: data, weights, nets and states become names with meanings. Sizes are numbers from here on.

use crate::ir::op::{Attrs, Init, Op};
use crate::ir::{InputInfo, InputRole, WeightRole};
use crate::ir::{State, Val, Weight};
use crate::model::checker::Checker;
use crate::model::declare::complaints;
use crate::model::evaluate::number::Number;
use crate::model::evaluate::value::{BindingRole, Value};
use crate::model::names::inherit::Flat;
use crate::source::Span;
use crate::syntax::ast::{self, AxisEntry, Expr, ExprKind, MemberKind};
use crate::types::{Dim, Kind, Ty};

impl Checker<'_> {
    /// The dims and kind of a declared type, all axes with sizes.
    pub(in crate::model) fn declared_ty(&mut self, ty: &ast::Type) -> Option<Ty> {
        let kind = self.kind(ty)?;
        let mut dims = Vec::new();
        for entry in ty.axes.iter().flatten() {
            let AxisEntry::Name(name) = entry else {
                self.error(complaints::rest_outside_a_signature(ty.span));
                return None;
            };
            let axis = self.axis_named(name)?;
            let size = self.fixed_size(axis, name.span)?;
            if dims.iter().any(|dim: &Dim| dim.axis == axis) {
                self.error(complaints::axis_twice_in_type(name));
                return None;
            }
            dims.push(Dim { axis, size });
        }
        self.fits(&dims, ty.span)?;
        Some(Ty::new(kind, dims))
    }

    pub(in crate::model) fn kind(&mut self, ty: &ast::Type) -> Option<Kind> {
        Some(match ty.name.name.as_str() {
            "float" => Kind::Float,
            "float32" => Kind::Float32,
            "float64" => Kind::Float64,
            "int" => Kind::Int,
            "bool" => Kind::Bool,
            _ => Kind::Index { axis: self.axis_named(&ty.name)?, optional: ty.optional },
        })
    }

    pub(in crate::model) fn data(&mut self, members: &[Flat]) {
        for flat in members {
            let MemberKind::Data { target, name, ty: declared } = &flat.member.kind else { continue };
            self.scope.module = flat.module.clone();
            let Some(ty) = self.declared_ty(declared) else {
                self.scope.bind_global(&name.name, Value::Broken, BindingRole::Constant, name.span);
                continue;
            };
            if self.batch.is_some_and(|batch| !ty.has(batch)) {
                self.error(complaints::data_without_batch(name, declared));
            }
            let index_of = match ty.kind {
                Kind::Index { axis, .. } => Some(self.axes.name(axis).to_owned()),
                _ => None,
            };
            self.inputs.push(InputInfo {
                name: name.name.clone(),
                axes: ty.axes().map(|axis| self.axes.name(axis).to_owned()).collect(),
                shape: ty.shape(),
                index_of,
                role: if *target { InputRole::Target } else { InputRole::Input },
            });
            let val = self.emit_typed(Op::Input(name.name.clone()), &[], ty, name.span);
            if *target {
                self.targets.insert(name.name.clone(), val);
            } else {
                self.scope.bind_global(&name.name, Value::Tensor(val), BindingRole::Constant, name.span);
            }
        }
    }

    pub(in crate::model) fn weights_and_nets(&mut self, members: &[Flat]) {
        for flat in members {
            self.scope.module = flat.module.clone();
            match &flat.member.kind {
                MemberKind::Weight { role, name, ty, init } => {
                    let value = self.weight(*role, name, ty, init, &name.name).unwrap_or(Value::Broken);
                    self.scope.bind_global(&name.name, value, BindingRole::Constant, name.span);
                }
                MemberKind::Net { name, value } => {
                    self.model_scope = self.scope.clone();
                    let net = self.make_net(value, &name.name);
                    self.scope.bind_global(&name.name, net, BindingRole::Constant, name.span);
                }
                _ => {}
            }
        }
        self.parts_not_there();
    }

    /// Declares a weight at `path`; the value is its tensor in the run's precision, or a table to look up in.
    pub(in crate::model) fn weight(
        &mut self,
        role: ast::WeightRole,
        name: &ast::Ident,
        ty: &ast::Type,
        init: &Expr,
        path: &str,
    ) -> Option<Value> {
        let kind = ty;
        let ty = self.declared_ty(ty)?;
        if ty.kind != Kind::Float {
            self.error(complaints::weight_of_another_kind(name, kind));
            return None;
        }
        if self.batch.is_some_and(|batch| ty.has(batch)) {
            self.error(complaints::weight_with_batch(name, kind));
            return None;
        }
        let init = self.initial(init)?;
        let role = match role {
            ast::WeightRole::Param => WeightRole::Param,
            ast::WeightRole::Buffer => WeightRole::Buffer,
            ast::WeightRole::Table => WeightRole::Table,
        };
        self.add_weight(path, role, ty.dims, init, name.span)
    }

    pub(in crate::model) fn add_weight(
        &mut self,
        path: &str,
        role: WeightRole,
        dims: Vec<Dim>,
        init: Init,
        span: Span,
    ) -> Option<Value> {
        self.fits(&dims, span)?;
        if let Some(before) = self.weight_at.get(path).and_then(|at| self.weights.get(*at)) {
            self.error(complaints::two_weights(path, span, before.span));
            return None;
        }
        self.weight_at.insert(path.to_owned(), self.weights.len());
        self.weights.push_back(Weight {
            path: path.to_owned(),
            role,
            dims: dims.clone(),
            outputs: 0,
            init,
            span,
        });
        if role == WeightRole::Table {
            return Some(Value::Table(self.weights.len() - 1));
        }
        // Weights and their casts stand before everything else: cast once per step, whoever reads them.
        let gradient = std::mem::replace(&mut self.gradient, self.bindings.mode == crate::ir::Mode::Training);
        let learned = role == WeightRole::Param;
        let stored = self.emit_weight(path, Ty::new(Kind::Float32, dims.clone()), learned, span);
        let cast = self.emit_typed(Op::Cast(Kind::Float), &[stored], Ty::new(Kind::Float, dims), span);
        self.gradient = gradient;
        self.weight_vals.insert(path.to_owned(), cast);
        Some(Value::Tensor(cast))
    }

    /// An initial distribution, or a number.
    pub(in crate::model) fn initial(&mut self, expr: &Expr) -> Option<Init> {
        match self.constant(expr) {
            Value::Init(init) => Some(init),
            Value::Number(number) => Some(Init::Constant(number.to_f64())),
            Value::Broken => None,
            other => {
                self.error(complaints::not_an_initial_value(other.what(), expr.span));
                None
            }
        }
    }

    /// Each state starts from its initial value where a sample is fresh, and from the last step's elsewhere.
    pub(in crate::model) fn states(&mut self, members: &[Flat]) {
        let histories = crate::model::results::losses::histories(members);
        let fresh = self.batch.map(|batch| {
            let size = self.batch_size();
            self.emit_typed(Op::Fresh, &[], Ty::new(Kind::Bool, vec![Dim { axis: batch, size }]), Span::NONE)
        });
        for flat in members {
            let MemberKind::State { name, ty: declared, init } = &flat.member.kind else { continue };
            self.scope.module = flat.module.clone();
            self.scope.bind_global(&name.name, Value::Broken, BindingRole::State, name.span);
            for ago in 1..=histories.get(&name.name).copied().unwrap_or(1) {
                self.scope.bind_global(
                    &format!("{}@{ago}", name.name),
                    Value::Broken,
                    BindingRole::Constant,
                    name.span,
                );
            }
            let (Some(ty), Some(fresh)) = (self.declared_ty(declared), fresh) else { continue };
            if ty.kind != Kind::Float {
                self.error(complaints::state_of_another_kind(name, declared));
                continue;
            }
            if self.batch.is_some_and(|batch| !ty.has(batch)) {
                self.error(complaints::state_without_batch(name, declared));
                continue;
            }
            let history = histories.get(&name.name).copied().unwrap_or(1);
            self.path.push(name.name.clone());
            let Some(start) = self.state_start(init, &ty) else {
                self.path.pop();
                continue;
            };
            for ago in (1..=history).rev() {
                let carried =
                    self.emit_typed(Op::State { name: name.name.clone(), ago }, &[], ty.clone(), name.span);
                let reset = if ago == 1 { Some(fresh) } else { self.younger_than(ago, name.span) };
                let Some(reset) = reset else { continue };
                let chosen = self.prim("where", &[reset, start, carried], Default::default(), name.span);
                let Some(chosen) = chosen.and_then(|chosen| self.arranged(chosen, &ty, name.span)) else {
                    continue;
                };
                self.note_name(&name.name, name.span, &Value::Tensor(chosen));
                let before = format!("{}@{ago}", name.name);
                self.scope.bind_global(&before, Value::Tensor(chosen), BindingRole::Constant, name.span);
                self.scope.bind_global(&name.name, Value::Tensor(chosen), BindingRole::State, name.span);
            }
            self.path.pop();
            self.states.push(State { name: name.name.clone(), ty, history, span: name.span });
        }
    }

    /// Samples that have not yet taken `ago` steps: what lies that far back is the initial value.
    fn younger_than(&mut self, ago: usize, span: Span) -> Option<Val> {
        let Some(Value::Tensor(steps)) = self.scope.get("steps").map(|binding| binding.value.clone()) else {
            return None;
        };
        let ago = self.emit(Op::Number((ago as f64).into()), &[], span)?;
        self.prim("le", &[steps, ago], Default::default(), span)
    }

    fn state_start(&mut self, init: &Expr, ty: &Ty) -> Option<Val> {
        let gradient = std::mem::replace(&mut self.gradient, false);
        let start = match &init.kind {
            ExprKind::Name(name) if name == "noise" => self.drawn("noise", ty, init.span),
            _ => match self.expr(init) {
                Value::Init(start) => self.drawn_start(start, ty, init.span),
                value => self.tensor(&value, init.span),
            },
        };
        self.gradient = gradient;
        let start = start?;
        let own = self.ty(start).clone();
        if let Some(extra) = own.dims.iter().find(|dim| !ty.dims.contains(dim)) {
            let (name, shown) = (self.axes.name(extra.axis).to_owned(), own.show(&self.axes).to_string());
            self.error(complaints::starts_with_more((&name, extra.size), &shown, init.span));
            return None;
        }
        self.emit(Op::Cast(Kind::Float), &[start], init.span)
    }

    /// A draw of its own for each element of a type: `noise` (standard normal) or `uniform` (in [0, 1)).
    fn drawn(&mut self, name: &str, ty: &Ty, span: Span) -> Option<Val> {
        self.draws += 1;
        let into = ty.dims.iter().map(|dim| (dim.axis, dim.size)).collect();
        self.prim(name, &[], Attrs { into, draw: self.draws, ..Default::default() }, span)
    }

    /// A state that begins as a distribution: of every sample's own, as the other draws are.
    fn drawn_start(&mut self, start: Init, ty: &Ty, span: Span) -> Option<Val> {
        let (draw, factor, shift) = match start {
            Init::Constant(value) => return self.number_as_tensor(Number::from_f64(value), span),
            Init::Normal { std } => ("noise", std, 0.0),
            Init::Uniform { low, high } => ("uniform", high - low, low),
            Init::TruncatedNormal { .. } => {
                self.error(complaints::starts_truncated(span));
                return None;
            }
        };
        let drawn = self.drawn(draw, ty, span)?;
        let factor = self.number_as_tensor(Number::from_f64(factor), span)?;
        let scaled = self.prim("mul", &[drawn, factor], Attrs::default(), span)?;
        let shift = self.number_as_tensor(Number::from_f64(shift), span)?;
        self.prim("add", &[scaled, shift], Attrs::default(), span)
    }
}
