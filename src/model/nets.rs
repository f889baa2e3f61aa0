//! Nets: declared once, their weights exist once; called as often as the schedule likes. A net given as an
//! argument is a recipe: each use makes its own.

use super::call::counted;
use super::checker::Checker;
use super::ops::{Attrs, Init, Op};
use super::signature::{Args, no_parameter};
use super::ty::{Axis, AxisId, AxisSize, Dim};
use super::value::{NetDefinition, Recipe, Role, Scope, Value};
use super::{Number, Val};
use crate::diagnostic::{Code, Diagnostic};
use crate::lower::Role as WeightRole;
use crate::source::Span;
use crate::syntax::ast::{self, Arg, ArgKind, BinaryOp, Expr, ExprKind, MapSide, MemberKind};
use std::collections::HashSet;
use std::rc::Rc;

/// A net with its weights.
pub struct NetInstance {
    pub path: String,
    pub(super) kind: NetKind,
}

pub(super) enum NetKind {
    Linear(Linear),
    Defined { def: Rc<NetDefinition>, scope: Scope },
}

/// `x · Wᵀ + b`; `weight` is (to…, from…).
pub(super) struct Linear {
    from: Vec<AxisId>,
    to: Vec<AxisId>,
    /// The input axes as the weight names them: other names than the output's.
    inner: Vec<AxisId>,
    weight: Val,
    bias: Option<Val>,
}

impl Checker<'_> {
    /// Makes the net that an expression in net position describes.
    pub(super) fn make_net(&mut self, expr: &Expr, path: &str) -> Value {
        if !self.deeper(expr.span) {
            return Value::Broken;
        }
        let net = self.net_of(expr, path);
        self.depth -= 1;
        net
    }

    fn net_of(&mut self, expr: &Expr, path: &str) -> Value {
        match &expr.kind {
            ExprKind::Call { callee, args } => match &callee.kind {
                ExprKind::Name(name) if name == "Linear" && self.scope.get(name).is_none() => {
                    self.linear(args, path, expr.span)
                }
                ExprKind::Name(name) if self.is_function(name) => self.function_as_net(name, callee.span),
                ExprKind::Name(name) => match self.name(name, callee.span) {
                    Value::NetDef(def) => self.instantiate(def, args, path, expr.span),
                    Value::Broken => Value::Broken,
                    Value::Function(_) => self.function_as_net(name, callee.span),
                    other => self.not_a_net(other.what(), callee.span),
                },
                _ => self.not_a_net("something else", callee.span),
            },
            ExprKind::Match { subject, arms } => {
                let Some(chosen) = self.chosen_arm(subject, arms) else { return Value::Broken };
                for (index, (_, arm)) in arms.iter().enumerate() {
                    if index != chosen {
                        self.try_net(arm, path);
                    }
                }
                self.make_net(&arms[chosen].1, path)
            }
            ExprKind::If { cond, then, otherwise } => {
                let Some(truth) = self.condition(cond) else { return Value::Broken };
                match &(if truth { then } else { otherwise }).value {
                    Some(value) => self.make_net(value, path),
                    None => self.not_a_net("a block without a value", expr.span),
                }
            }
            ExprKind::Binary { op: BinaryOp::Mul, left, right } => {
                let Some(count) = self.size_value(right) else { return Value::Broken };
                let mut nets = Vec::new();
                for index in 0..count {
                    if !self.spend(expr.span) {
                        return Value::Broken;
                    }
                    match self.make_net(left, &format!("{path}.{index}")) {
                        Value::Net(net) => nets.push(net),
                        _ => return Value::Broken,
                    }
                }
                Value::Family(nets)
            }
            _ => match self.expr(expr) {
                Value::Recipe(recipe) => {
                    let scope = std::mem::replace(&mut self.scope, recipe.scope.clone());
                    let net = self.make_net(&recipe.expr, path);
                    self.scope = scope;
                    net
                }
                value @ (Value::Net(_) | Value::Family(_) | Value::Broken) => value,
                other => self.not_a_net(other.what(), expr.span),
            },
        }
    }

    fn function_as_net(&mut self, name: &str, span: Span) -> Value {
        let message = format!("a net is needed here, and `{name}` is a function");
        self.error(
            Diagnostic::new(Code::Kind, message, span, "not a net")
                .help("a function needs no declaration: call it in the schedule"),
        );
        Value::Broken
    }

    /// Whether a name that no declaration hides is a function of the language.
    fn is_function(&mut self, name: &str) -> bool {
        self.scope.get(name).is_none()
            && super::call::is_built_in(name)
            && self.item(&self.scope.module.clone(), name).is_none()
    }

    /// Checks an arm that is not chosen, and forgets its weights.
    fn try_net(&mut self, expr: &Expr, path: &str) {
        let weights = self.weights.len();
        let prologue = self.prologue.insts.len();
        self.make_net(expr, path);
        for weight in self.weights.drain(weights..) {
            self.weight_at.remove(&weight.path);
            self.weight_vals.remove(&weight.path);
        }
        self.prologue.insts.truncate(prologue);
    }

    fn not_a_net(&mut self, what: &str, span: Span) -> Value {
        self.error(
            Diagnostic::new(
                Code::Kind,
                format!("a net is needed here, and this is {what}"),
                span,
                "not a net",
            )
            .help("for example `Linear(dim -> symbol)` or `Stack(2, Block(pos, dim, heads, 4))`"),
        );
        Value::Broken
    }

    fn instantiate(&mut self, def: Rc<NetDefinition>, args: &[Arg], path: &str, span: Span) -> Value {
        if self.calls.len() > super::signature::DEEPEST_CALL {
            self.give_up(
                Diagnostic::new(
                    Code::Misplaced,
                    format!("the net `{}` is made of itself without end", def.def.name.name),
                    span,
                    "one more inside",
                )
                .help("a number that decides how deep it goes ends it: `if depth > 0 { … } else { … }`"),
            );
        }
        if !self.spend(span) {
            return Value::Broken;
        }
        let scope = Scope::new(&def.module);
        self.calls.push(span);
        let bound = self.bind_parameters(&def.def, scope, args, span);
        let Some(scope) = bound else {
            self.calls.pop();
            return Value::Broken;
        };
        let caller = std::mem::replace(&mut self.scope, scope);
        for member in &def.def.members {
            match &member.kind {
                MemberKind::Axis { names, size } => {
                    for name in names {
                        let axis = self.local_axis(name, size.as_ref());
                        self.scope.bind(&name.name, Value::Axis(axis), Role::Constant, name.span);
                    }
                }
                MemberKind::Weight { role, name, ty, init } => {
                    let value = self.weight(*role, name, ty, init, &format!("{path}.{}", name.name));
                    self.scope.bind(&name.name, value.unwrap_or(Value::Broken), Role::Constant, name.span);
                }
                MemberKind::Net { name, value } => {
                    let net = self.make_net(value, &format!("{path}.{}", name.name));
                    self.scope.bind(&name.name, net, Role::Constant, name.span);
                }
                _ => self.error(
                    Diagnostic::new(
                        Code::Misplaced,
                        "a net has no such declaration",
                        member.span,
                        "does not belong in a net",
                    )
                    .help("a net has `axis`, `param`, `buffer`, `table`, `net` and one `fn`"),
                ),
            }
        }
        let scope = std::mem::replace(&mut self.scope, caller);
        self.calls.pop();
        self.emitting |= !self.fields_read.is_empty()
            && def.def.body.as_ref().is_some_and(|body| emits(&body.body.statements, &self.fields_read));
        Value::Net(Rc::new(NetInstance { path: path.to_owned(), kind: NetKind::Defined { def, scope } }))
    }

    pub(super) fn local_axis(&mut self, name: &ast::Ident, size: Option<&Expr>) -> AxisId {
        let (size, origin) = match size {
            Some(expr) => {
                (AxisSize::Fixed(self.size_value(expr).unwrap_or(1)), self.sources.text(expr.span).to_owned())
            }
            None => (AxisSize::Open, "of each value".to_owned()),
        };
        self.axes.add(Axis { name: name.name.clone(), size, parts: Vec::new(), span: name.span, origin })
    }

    /// Arguments of a net: constants are evaluated where the call stands, nets stay recipes.
    fn bind_parameters(
        &mut self,
        def: &ast::NetDef,
        mut scope: Scope,
        args: &[Arg],
        span: Span,
    ) -> Option<Scope> {
        let mut positional = 0;
        let mut given: Vec<Option<Value>> = vec![None; def.params.len()];
        let mut fine = true;
        for arg in args {
            let (at, expr) = match &arg.kind {
                ArgKind::Positional(expr) => {
                    positional += 1;
                    ((positional <= def.params.len()).then(|| positional - 1), expr)
                }
                ArgKind::Named(name, expr) => {
                    (def.params.iter().position(|param| param.name.name == name.name), expr)
                }
                ArgKind::Clause(..) | ArgKind::Map(..) => {
                    (None, &Expr { kind: ExprKind::Bool(false), span: arg.span })
                }
            };
            let Some(at) = at else {
                let known: Vec<String> = def.params.iter().map(|param| param.name.name.clone()).collect();
                self.error(match &arg.kind {
                    ArgKind::Named(name, expr) => {
                        no_parameter(&def.name.name, name, expr.span, &known, def.name.span)
                    }
                    _ => Diagnostic::new(
                        Code::Arguments,
                        match &arg.kind {
                            ArgKind::Positional(_) => format!(
                                "`{}` takes {}, and this is one more",
                                def.name.name,
                                counted(known.len(), "value")
                            ),
                            ArgKind::Clause(clause, _) => {
                                format!("`{}` takes no `{}`", def.name.name, clause.word())
                            }
                            _ => format!("`{}` takes no `from -> to`", def.name.name),
                        },
                        arg.span,
                        "not expected",
                    )
                    .related(def.name.span, "declared here")
                    .help(format!("its parameters are {}", super::declare::quoted(&known))),
                });
                fine = false;
                continue;
            };
            let param = &def.params[at];
            let value = if param.ty.as_ref().is_some_and(|ty| ty.name.name == "net") {
                Value::Recipe(Rc::new(Recipe { expr: expr.clone(), scope: self.scope.clone() }))
            } else {
                self.constant(expr)
            };
            if !self.fits_parameter(&def.name.name, param, &value, expr.span) {
                fine = false;
            }
            if given[at].replace(value).is_some() {
                let message = format!("`{}` of `{}` is given twice", param.name.name, def.name.name);
                self.error(
                    Diagnostic::new(Code::Arguments, message, arg.span, "again here")
                        .related(param.name.span, "declared here"),
                );
            }
        }
        if !fine {
            return None;
        }
        for (param, value) in def.params.iter().zip(given) {
            let value = match (value, &param.default) {
                (Some(value), _) => value,
                (None, Some(default)) => {
                    let caller = std::mem::replace(&mut self.scope, scope);
                    let value = if param.ty.as_ref().is_some_and(|ty| ty.name.name == "net") {
                        Value::Recipe(Rc::new(Recipe { expr: default.clone(), scope: self.scope.clone() }))
                    } else {
                        self.constant(default)
                    };
                    scope = std::mem::replace(&mut self.scope, caller);
                    value
                }
                (None, None) => {
                    self.error(
                        Diagnostic::new(
                            Code::Arguments,
                            format!("`{}` needs `{}`", def.name.name, param.name.name),
                            span,
                            "missing here",
                        )
                        .related(param.name.span, "declared here"),
                    );
                    return None;
                }
            };
            scope.bind(&param.name.name, value, Role::Constant, param.name.span);
        }
        Some(scope)
    }

    fn fits_parameter(&mut self, net: &str, param: &ast::Param, value: &Value, span: Span) -> bool {
        let Some(ty) = &param.ty else { return true };
        let fits = match (ty.name.name.as_str(), value) {
            (_, Value::Broken) => return false,
            ("axis", Value::Axis(_)) | ("axes", Value::Axis(_) | Value::Axes(_)) => true,
            ("int", Value::Number(number)) => number.to_whole().is_some(),
            ("float", Value::Number(_)) | ("bool", Value::Bool(_)) | ("net", Value::Recipe(_)) => true,
            ("init", Value::Number(_) | Value::Init(_) | Value::Bool(_)) => true,
            _ => false,
        };
        if !fits {
            let shown = super::declare::show_constant(value);
            self.error(
                Diagnostic::new(
                    Code::Arguments,
                    format!(
                        "`{}` of `{net}` must be {}, and this is {shown}",
                        param.name.name,
                        article(&ty.name.name)
                    ),
                    span,
                    format!("this is {shown}"),
                )
                .related(param.name.span, "declared here"),
            );
        }
        fits
    }

    /// `Linear(from -> to [, bias = false | true | initial] [, weight = initial])`.
    fn linear(&mut self, args: &[Arg], path: &str, span: Span) -> Value {
        let mut map = None;
        let mut bias: Option<Init> = None;
        let mut weight: Option<Init> = None;
        let mut positional = 0;
        for arg in args {
            let (name, expr) = match &arg.kind {
                ArgKind::Map(from, to) => {
                    map = Some((from, to));
                    continue;
                }
                ArgKind::Positional(Expr { kind: ExprKind::Name(name), .. })
                    if matches!(
                        self.scope.get(name).map(|bound| &bound.value),
                        Some(Value::Axis(_) | Value::Axes(_))
                    ) =>
                {
                    map = None;
                    break;
                }
                ArgKind::Positional(expr) => {
                    positional += 1;
                    (if positional == 1 { "bias" } else { "weight" }, expr)
                }
                ArgKind::Named(name, expr) => (name.name.as_str(), expr),
                ArgKind::Clause(..) => ("", &Expr { kind: ExprKind::Bool(false), span: arg.span }),
            };
            match (name, self.constant(expr)) {
                (_, Value::Broken) => return Value::Broken,
                ("bias", Value::Bool(false)) => bias = None,
                ("bias", Value::Bool(true)) => bias = Some(Init::Constant(0.0)),
                ("bias", Value::Number(number)) => bias = Some(Init::Constant(number.to_f64())),
                ("bias", Value::Init(init)) => bias = Some(init),
                ("weight", Value::Number(number)) => weight = Some(Init::Constant(number.to_f64())),
                ("weight", Value::Init(init)) => weight = Some(init),
                _ => {
                    self.error(
                        Diagnostic::new(
                            Code::Arguments,
                            "`Linear` takes `bias` and `weight` besides its axes",
                            arg.span,
                            "not expected",
                        )
                        .help("`Linear(dim -> symbol, bias = true, weight = normal(std = 0.02))`"),
                    );
                    return Value::Broken;
                }
            }
        }
        let Some((from, to)) = map else {
            self.error(
                Diagnostic::new(
                    Code::Arguments,
                    "`Linear` needs to know from which axes to which",
                    span,
                    "no `from -> to`",
                )
                .help("`Linear(dim -> symbol)`; `-> 1` gives a single number"),
            );
            return Value::Broken;
        };
        let (from_place, to_place) = (side_span(from).unwrap_or(span), side_span(to).unwrap_or(span));
        let (Some(from), Some(to)) = (self.map_side(from), self.map_side(to)) else { return Value::Broken };
        let mut inner = Vec::new();
        let (mut in_dims, mut out_dims) = (Vec::new(), Vec::new());
        for axis in &to {
            let Some(size) = self.fixed_size(*axis, to_place) else { return Value::Broken };
            out_dims.push(Dim { axis: *axis, size });
        }
        for axis in &from {
            let Some(size) = self.fixed_size(*axis, from_place) else { return Value::Broken };
            // `dim -> dim`: inside, the input needs a name of its own.
            let own = if to.contains(axis) {
                let old = self.axes.get(*axis).clone();
                self.axes.add(Axis { name: format!("{}'", old.name), parts: Vec::new(), ..old })
            } else {
                *axis
            };
            inner.push(own);
            in_dims.push(Dim { axis: own, size });
        }
        let fan_in: usize = in_dims.iter().map(|dim| dim.size).product();
        let weight = weight.unwrap_or(Init::TruncatedNormal { std: 1.0 / (fan_in.max(1) as f64).sqrt() });
        let dims = out_dims.iter().chain(&in_dims).copied().collect();
        let Some(Value::Tensor(weight)) =
            self.add_weight(&format!("{path}.weight"), WeightRole::Param, dims, weight, span)
        else {
            return Value::Broken;
        };
        let bias = match bias {
            Some(init) => {
                match self.add_weight(&format!("{path}.bias"), WeightRole::Param, out_dims, init, span) {
                    Some(Value::Tensor(bias)) => Some(bias),
                    _ => return Value::Broken,
                }
            }
            None => None,
        };
        let kind = NetKind::Linear(Linear { from, to, inner, weight, bias });
        Value::Net(Rc::new(NetInstance { path: path.to_owned(), kind }))
    }

    /// A weight that a net declares, by its name there: `embed.weight` ties two nets.
    pub(super) fn weight_of(&self, net: &NetInstance, name: &str) -> Option<Value> {
        match &net.kind {
            NetKind::Linear(linear) => match name {
                "weight" => Some(Value::Tensor(linear.weight)),
                "bias" => linear.bias.map(Value::Tensor),
                _ => None,
            },
            NetKind::Defined { def, scope } => {
                def.def.members.iter().find(|member| declares_weight(member, name))?;
                scope.get(name).map(|bound| bound.value.clone())
            }
        }
    }

    /// The names of a net's weights.
    pub(super) fn weights_of(&self, net: &NetInstance) -> Vec<String> {
        match &net.kind {
            NetKind::Linear(linear) => {
                let bias = linear.bias.map(|_| "bias".to_owned());
                std::iter::once("weight".to_owned()).chain(bias).collect()
            }
            NetKind::Defined { def, .. } => def.def.members.iter().filter_map(weight_name).collect(),
        }
    }

    pub(super) fn call_net(&mut self, net: &Rc<NetInstance>, args: Args, span: Span) -> Value {
        if self.functions_deep == 0 {
            self.nets_called.push(net.path.clone());
        }
        match &net.kind {
            NetKind::Linear(linear) => {
                let others = args.named.len() + args.clauses.len() + args.maps.len();
                let ([(value, place)], 0) = (&args.positional[..], others) else {
                    let given = args.positional.len();
                    let (message, label) = if others > 0 {
                        (format!("`{}` takes one value and nothing else", net.path), "more than one value")
                    } else {
                        (format!("`{}` takes 1 value, not {given}", net.path), "a `Linear` map")
                    };
                    self.error(Diagnostic::new(Code::Arguments, message, span, label));
                    return Value::Broken;
                };
                let Some(x) = self.tensor(value, *place) else { return Value::Broken };
                self.path.push(net.path.clone());
                self.calls.push(span);
                let result = self.apply_linear(linear, x, span);
                self.calls.pop();
                self.path.pop();
                result.map_or(Value::Broken, Value::Tensor)
            }
            NetKind::Defined { def, scope } => match &def.def.body {
                Some(body) => self.apply(body, scope.clone(), args, span, &net.path, Some(&net.path)),
                None => {
                    self.error(
                        Diagnostic::new(
                            Code::Incomplete,
                            format!("the net `{}` has no `fn`", def.def.name.name),
                            span,
                            "called here",
                        )
                        .related(def.def.name.span, "declared here")
                        .help("say what it computes: `fn (x) { return … }`"),
                    );
                    Value::Broken
                }
            },
        }
    }

    fn apply_linear(&mut self, linear: &Linear, x: Val, span: Span) -> Option<Val> {
        let ty = self.ty(x).clone();
        for axis in &linear.from {
            if !ty.has(*axis) {
                let complaint = crate::primitive::missing(*axis, &ty, &self.axes, "this `Linear`");
                let mut diagnostic = Diagnostic::new(
                    complaint.code,
                    complaint.message,
                    span,
                    format!("this is given {}", ty.show(&self.axes)),
                );
                diagnostic.help = complaint.help;
                self.error(diagnostic);
                return None;
            }
        }
        if let Some(axis) = linear.to.iter().find(|axis| ty.has(**axis) && !linear.from.contains(axis)) {
            let name = self.axes.name(*axis).to_owned();
            self.error(
                Diagnostic::new(
                    Code::AxisUnexpected,
                    format!("this `Linear` makes the axis `{name}`, which its input has already"),
                    span,
                    format!("this is given {}", ty.show(&self.axes)),
                )
                .help("rename or reduce that axis first"),
            );
            return None;
        }
        let mut x = x;
        for (from, inner) in linear.from.iter().zip(&linear.inner) {
            if from != inner {
                x = self.emit(Op::Rename { from: *from, to: *inner }, &[x], span)?;
            }
        }
        let mut y = self.prim(
            "dot",
            &[x, linear.weight],
            Attrs { over: linear.inner.clone(), ..Default::default() },
            span,
        )?;
        if let Some(bias) = linear.bias {
            y = self.prim("add", &[y, bias], Default::default(), span)?;
        }
        Some(y)
    }

    /// `truncated_normal(std = …)` and the other ways a weight may begin.
    pub(super) fn distribution(&mut self, name: &str, args: &Args, span: Span) -> Value {
        let number = |key: &str, at: usize| -> Option<f64> {
            let named = args.named.iter().find(|(own, _, _)| own.name == key).map(|(_, value, _)| value);
            match named.or(args.positional.get(at).map(|(value, _)| value)) {
                Some(Value::Number(number)) => Some(Number::to_f64(*number)),
                _ => None,
            }
        };
        let init = match name {
            "uniform" => {
                number("low", 0).zip(number("high", 1)).map(|(low, high)| Init::Uniform { low, high })
            }
            "normal" => number("std", 0).map(|std| Init::Normal { std }),
            _ => number("std", 0).map(|std| Init::TruncatedNormal { std }),
        };
        match init {
            Some(init) => Value::Init(init),
            None => {
                let wanted = if name == "uniform" { "low = 0, high = 1" } else { "std = 1" };
                self.error(
                    Diagnostic::new(
                        Code::Arguments,
                        format!("`{name}` needs its numbers"),
                        span,
                        "without its numbers",
                    )
                    .help(format!("`{name}({wanted})`")),
                );
                Value::Broken
            }
        }
    }
}

fn weight_name(member: &ast::Member) -> Option<String> {
    match &member.kind {
        MemberKind::Weight { name, .. } => Some(name.name.clone()),
        _ => None,
    }
}

fn declares_weight(member: &ast::Member, name: &str) -> bool {
    weight_name(member).is_some_and(|own| own == name)
}

/// Whether statements emit something that is read.
fn emits(statements: &[ast::Stmt], read: &HashSet<String>) -> bool {
    statements.iter().any(|statement| match &statement.kind {
        ast::StmtKind::Emit { name, .. } => read.contains(&name.name),
        ast::StmtKind::Repeat { body, .. } => emits(&body.statements, read),
        ast::StmtKind::If { then, otherwise, .. } => {
            emits(&then.statements, read)
                || otherwise.as_ref().is_some_and(|block| emits(&block.statements, read))
        }
        _ => false,
    })
}

/// Where a side of `from -> to` stands.
fn side_span(side: &MapSide) -> Option<Span> {
    match side {
        MapSide::One(span) => Some(*span),
        MapSide::Axes(names) => Some(names.first()?.span.to(names.last()?.span)),
    }
}

pub(super) fn article(ty: &str) -> &'static str {
    match ty {
        "axis" => "an axis",
        "axes" => "axes",
        "int" => "a whole number",
        "float" => "a number",
        "bool" => "true or false",
        "net" => "a net",
        "init" => "an initial distribution or a number",
        _ => "another kind of value",
    }
}
