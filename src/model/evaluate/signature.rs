//! Calls of functions: arguments meet parameters, `..` and unknown axis names of a signature are bound to what
//! the arguments have, results are held against the declared type.

use crate::ir::Called;
use crate::model::Val;
use crate::model::checker::Checker;
use crate::model::emit::DEEPEST_CALL;
use crate::model::evaluate::complaints::{self, Callee};
use crate::model::evaluate::value::{BindingRole, Scope, Value};
use crate::model::schedule::left::Flow;
use crate::source::Span;
use crate::syntax::ast::{self, Arg, ArgKind, AxisEntry, AxisSet, Clause, FnDef, Ident, MapSide, Param};
use crate::types::{AxisId, Dim, Kind};

/// Evaluated arguments of one call.
#[derive(Default)]
pub(in crate::model) struct Args {
    /// In the order of the call.
    pub positional: Vec<(Value, Span)>,
    /// `name: value`, in the order of the call.
    pub named: Vec<(Ident, Value, Span)>,
    /// `over dim` and its like, with the axes they name.
    pub clauses: Vec<(Clause, Vec<AxisId>, Span)>,
    /// `a -> b`, in the order of the call.
    pub maps: Vec<(MapSide, MapSide, Span)>,
    /// An argument failed; it has been reported.
    pub broken: bool,
}

impl Args {
    /// The clause of that word, if the call has it.
    pub fn clause(&self, wanted: Clause) -> Option<&(Clause, Vec<AxisId>, Span)> {
        self.clauses.iter().find(|(clause, _, _)| *clause == wanted)
    }
}

impl Checker<'_> {
    pub(in crate::model) fn arguments(&mut self, args: &[Arg]) -> Args {
        let mut given = Args::default();
        for arg in args {
            match &arg.kind {
                ArgKind::Positional(expr) => {
                    let value = self.expr(expr);
                    given.broken |= matches!(value, Value::Broken);
                    given.positional.push((value, expr.span));
                }
                ArgKind::Named(name, expr) => {
                    let value = self.expr(expr);
                    given.broken |= matches!(value, Value::Broken);
                    given.named.push((name.clone(), value, expr.span));
                }
                ArgKind::Map(from, to) => given.maps.push((from.clone(), to.clone(), arg.span)),
                ArgKind::Clause(..) => {}
            }
        }
        // `over not batch` and `over all` are read off the first tensor.
        let of = given
            .positional
            .iter()
            .chain(
                given.named.iter().map(|(_, value, span)| (value.clone(), *span)).collect::<Vec<_>>().iter(),
            )
            .find_map(|(value, _)| match value {
                Value::Tensor(val) => Some(self.ty(*val).axes().collect::<Vec<_>>()),
                _ => None,
            });
        for arg in args {
            let ArgKind::Clause(clause, set) = &arg.kind else { continue };
            match self.axis_set(set, of.as_deref().unwrap_or(&[])) {
                Some(axes) => given.clauses.push((*clause, axes, arg.span)),
                None => given.broken = true,
            }
        }
        given
    }

    fn axis_set(&mut self, set: &AxisSet, of: &[AxisId]) -> Option<Vec<AxisId>> {
        match set {
            AxisSet::All => Some(of.to_vec()),
            AxisSet::Names(list) => self.different_axes(list),
            AxisSet::Not(list) => {
                let except = self.different_axes(list)?;
                Some(of.iter().filter(|axis| !except.contains(axis)).copied().collect())
            }
        }
    }

    /// Runs a function's body in `scope` with its parameters bound.
    pub(in crate::model) fn apply(
        &mut self,
        def: &FnDef,
        scope: Scope,
        args: Args,
        span: Span,
        label: &str,
        called: Called,
    ) -> Value {
        let net = match &called {
            Called::Net { path, .. } => Some(path.clone()),
            _ => None,
        };
        if args.broken {
            return Value::Broken;
        }
        if self.calls.len() > DEEPEST_CALL {
            self.give_up(Callee { label, declared: def.signature() }.without_end(span));
        }
        if !self.spend(span) {
            return Value::Broken;
        }
        self.calls.push(span);
        self.path.push(label.to_owned());
        let around = self.enter(called);
        self.functions_deep += 1;
        self.net_paths.push(net);
        let caller = std::mem::replace(&mut self.scope, scope);
        self.scope.push();
        let value = match self.bind(def, args, span, label) {
            Some(rest) => {
                let value = match self.statements(&def.body.statements) {
                    Flow::Return(value) => Some(value),
                    Flow::Next => def.body.value.as_ref().map(|value| self.expr(value)),
                };
                match value {
                    Some(value) => self.checked_result(def, value, &rest, span, label),
                    None => {
                        self.error(Callee { label, declared: def.signature() }.without_value());
                        Value::Broken
                    }
                }
            }
            None => Value::Broken,
        };
        self.scope = caller;
        self.functions_deep -= 1;
        self.net_paths.pop();
        self.leave(around);
        self.path.pop();
        self.calls.pop();
        value
    }

    /// Binds parameters; gives the axes that `..` stands for.
    fn bind(&mut self, def: &FnDef, args: Args, span: Span, label: &str) -> Option<Vec<Dim>> {
        let callee = Callee { label, declared: def.signature() };
        // Axes that clauses give are named by the signatures of tensors: bind them first.
        for param in def.params.iter().filter(|param| param.clause.is_some()) {
            self.bind_clause(param, &args, span, label)?;
        }
        for (clause, _, place) in &args.clauses {
            if !def.params.iter().any(|param| param.clause == Some(*clause)) {
                self.error(callee.no_clause(*clause, *place));
                return None;
            }
        }
        let values: Vec<&Param> = def.params.iter().filter(|param| param.clause.is_none()).collect();
        let word = def.params.iter().find_map(|param| param.clause);
        if let Some(told) = word.and_then(|word| self.axis_without_word(label, word, &args, values.len())) {
            self.error(callee.declares(told));
            return None;
        }
        if args.positional.len() > values.len() || !args.maps.is_empty() {
            let given = args.positional.len() + args.maps.len();
            let place = args.positional.get(values.len()).map_or(span, |(_, place)| *place);
            self.error(callee.too_many(values.len(), given, place));
            return None;
        }
        for (at, (name, _, place)) in args.named.iter().enumerate() {
            let Some(index) = values.iter().position(|param| param.name.name == name.name) else {
                let known: Vec<String> = values.iter().map(|param| param.name.name.clone()).collect();
                self.error(complaints::no_parameter(label, name, *place, &known, def.signature()));
                return None;
            };
            let twice = args.named[..at].iter().any(|(other, _, _)| other.name == name.name);
            if twice || index < args.positional.len() {
                self.error(callee.given_twice(name, *place));
                return None;
            }
        }
        let mut rest: Vec<Dim> = Vec::new();
        for (index, param) in values.iter().enumerate() {
            let named = args.named.iter().find(|(name, _, _)| name.name == param.name.name);
            let (value, place) = match (args.positional.get(index), named) {
                (Some((value, place)), _) => (value.clone(), *place),
                (None, Some((_, value, place))) => (value.clone(), *place),
                (None, None) => match &param.default {
                    Some(default) => (self.expr(default), default.span),
                    None => {
                        self.error(complaints::missing(label, param, span));
                        return None;
                    }
                },
            };
            let value = match &param.ty {
                Some(ty) => self.meets(value, ty, param, place, label, &mut rest)?,
                None => value,
            };
            if let Some((name, _, _)) = named {
                self.note_argument(name, &param.name, &value);
            }
            self.note_name(&param.name.name, param.name.span, &value);
            self.note_bound(&param.name, &value);
            self.scope.bind(&param.name.name, value, BindingRole::Constant, param.name.span);
        }
        Some(rest)
    }

    fn bind_clause(&mut self, param: &Param, args: &Args, span: Span, label: &str) -> Option<()> {
        let word = param.clause.map_or("over", Clause::word);
        let given = param.clause.and_then(|clause| args.clause(clause));
        let Some((_, axes, place)) = given else {
            self.error(complaints::missing_clause(label, word, param, span));
            return None;
        };
        let several = param.ty.as_ref().is_some_and(|ty| ty.name.name == "axes");
        let value = match axes[..] {
            [axis] if !several => Value::Axis(axis),
            _ if several => Value::Axes(axes.clone()),
            _ => {
                self.error(complaints::several_axes(word, *place));
                return None;
            }
        };
        self.note_name(&param.name.name, param.name.span, &value);
        self.note_bound(&param.name, &value);
        self.scope.bind(&param.name.name, value, BindingRole::Constant, param.name.span);
        Some(())
    }

    /// Whether a value fits a parameter's type; binds the axis names that only the argument knows.
    fn meets(
        &mut self,
        value: Value,
        ty: &ast::Type,
        param: &Param,
        place: Span,
        label: &str,
        rest: &mut Vec<Dim>,
    ) -> Option<Value> {
        if matches!(value, Value::Broken) {
            return None;
        }
        if ty.axes.is_none() {
            let fits = match (ty.name.name.as_str(), &value) {
                ("int", Value::Number(number)) => number.to_whole().is_some(),
                ("ints", Value::Numbers(numbers)) => numbers.iter().all(|number| number.to_whole().is_some()),
                ("floats", Value::Numbers(_)) => true,
                ("float", Value::Number(_)) | ("bool", Value::Bool(_)) | ("axis", Value::Axis(_)) => true,
                ("axes", Value::Axes(_) | Value::Axis(_)) | ("net", Value::Net(_)) => true,
                ("float" | "bool" | "int", Value::Tensor(_)) => {
                    return self.meets_axes(value, ty, &[], param, place, label, rest);
                }
                _ => false,
            };
            if !fits {
                let shown = value.shown();
                self.error(complaints::of_another_type(label, param, &ty.name.name, &shown, place));
                return None;
            }
            return Some(value);
        }
        let entries = ty.axes.clone().unwrap_or_default();
        self.meets_axes(value, ty, &entries, param, place, label, rest)
    }

    #[expect(clippy::too_many_arguments, reason = "what a mistake here is told with")]
    fn meets_axes(
        &mut self,
        value: Value,
        ty: &ast::Type,
        entries: &[AxisEntry],
        param: &Param,
        place: Span,
        label: &str,
        rest: &mut Vec<Dim>,
    ) -> Option<Value> {
        let mut val = self.tensor(&value, place)?;
        self.meets_kind(val, ty, param, place, label)?;
        let mut named = Vec::new();
        let mut unbound: Vec<&Ident> = Vec::new();
        let mut pack = None;
        for entry in entries {
            match entry {
                AxisEntry::Rest => pack = Some(None),
                AxisEntry::Pack(name) => pack = Some(Some(name)),
                AxisEntry::Name(name) => match self.known_axis(&name.name) {
                    Some(axes) => named.extend(axes),
                    None => unbound.push(name),
                },
            }
        }
        for axis in &named {
            val = self.with_growing(val, *axis, place);
            if !self.ty(val).has(*axis) {
                let own = self.ty(val).clone();
                let what = format!("`{label}`");
                let complaint = crate::primitive::missing(*axis, &own, &self.axes, &what);
                let shown = own.show(&self.axes).to_string();
                self.error(complaints::needs_axis(complaint, &shown, place, param));
                return None;
            }
        }
        let own = self.ty(val).clone();
        let left: Vec<Dim> = own.dims.iter().filter(|dim| !named.contains(&dim.axis)).copied().collect();
        if pack.is_none() && left.len() == unbound.len() {
            for (name, dim) in unbound.iter().zip(&left) {
                self.scope.bind(&name.name, Value::Axis(dim.axis), BindingRole::Constant, name.span);
            }
        } else if unbound.is_empty() && pack.is_some() {
            let axes = left.iter().map(|dim| dim.axis).collect();
            if let Some(Some(name)) = pack {
                self.scope.bind(&name.name, Value::Axes(axes), BindingRole::Constant, name.span);
            }
            for dim in left {
                if !rest.iter().any(|known| known.axis == dim.axis) {
                    rest.push(dim);
                }
            }
        } else {
            let names: Vec<AxisId> = left.iter().map(|dim| dim.axis).collect();
            let lacks = unbound.first().copied().filter(|_| left.is_empty());
            let (further, shown) = (self.axes.names(&names), own.show(&self.axes).to_string());
            self.error(complaints::other_axes(label, lacks, &further, (&shown, place), ty.span));
            return None;
        }
        Some(Value::Tensor(val))
    }

    pub(in crate::model) fn known_axis(&mut self, name: &str) -> Option<Vec<AxisId>> {
        match self.scope.get(name).map(|binding| binding.value.clone()) {
            Some(Value::Axis(axis)) => Some(vec![axis]),
            Some(Value::Axes(axes)) => Some(axes),
            Some(_) => None,
            None if name == "batch" => self.batch.map(|batch| vec![batch]),
            None => match self.item(&self.scope.module.clone(), name) {
                Some(Value::Axis(axis)) => Some(vec![axis]),
                _ => None,
            },
        }
    }

    fn meets_kind(
        &mut self,
        val: Val,
        ty: &ast::Type,
        param: &Param,
        place: Span,
        label: &str,
    ) -> Option<()> {
        let kind = self.ty(val).kind;
        let fits = match (ty.name.name.as_str(), kind) {
            ("float", kind) => kind.is_float() || kind == Kind::Bool || kind == Kind::Int,
            ("float32", kind) => kind == Kind::Float32,
            ("float64", kind) => kind == Kind::Float64,
            ("bool", kind) => kind == Kind::Bool,
            ("int", kind) => kind.is_integer(),
            (name, Kind::Index { axis, optional }) => {
                if optional && !ty.optional {
                    let shown = self.ty(val).show(&self.axes).to_string();
                    self.error(complaints::index_may_be_absent(label, &shown, place, ty.span));
                    return None;
                }
                match self.known_axis(name) {
                    Some(known) if known[..] != [axis] => {
                        let (wanted, found) = (self.axes.names(&known), self.axes.name(axis).to_owned());
                        self.error(complaints::index_of_another_axis(label, &wanted, &found, place, ty.span));
                        return None;
                    }
                    Some(_) => true,
                    None => {
                        self.scope.bind(name, Value::Axis(axis), BindingRole::Constant, ty.span);
                        true
                    }
                }
            }
            _ => false,
        };
        if !fits {
            let shown = self.ty(val).show(&self.axes).to_string();
            let wanted = match ty.name.name.as_str() {
                "float" | "float32" | "float64" | "bool" | "int" => {
                    format!("`{}`", self.sources.text(ty.span))
                }
                name => match self.known_axis(name) {
                    Some(axes) => format!("an index of {}", self.axes.names(&axes)),
                    None => "an index".to_owned(),
                },
            };
            self.error(complaints::of_another_kind(label, param, &wanted, &shown, place));
            return None;
        }
        Some(())
    }
}
