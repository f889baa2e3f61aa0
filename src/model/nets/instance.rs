//! Nets: declared once, their weights exist once; called as often as the schedule likes. A net given as an
//! argument is a recipe: each use makes its own.

use crate::ir::Called;
use crate::ir::op::Init;
use crate::model::Number;
use crate::model::checker::Checker;
use crate::model::evaluate::signature::Args;
use crate::model::evaluate::value::{BindingRole, NetDefinition, NetInstance, NetKind, Scope, Value};
use crate::model::nets::complaints;
use crate::source::Span;
use crate::syntax::ast::{self, Arg, BinaryOp, Expr, ExprKind, MemberKind};
use std::collections::HashSet;
use std::rc::Rc;

impl Checker<'_> {
    /// Makes the net that an expression in net position describes.
    pub(in crate::model) fn make_net(&mut self, expr: &Expr, path: &str) -> Value {
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
                        self.trial().make_net(arm, path);
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
            ExprKind::Inherited { module, value } => {
                let own = std::mem::replace(&mut self.scope.module, module.clone());
                let net = self.make_net(value, path);
                self.scope.module = own;
                net
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
        self.error(complaints::function_as_net(name, span));
        Value::Broken
    }

    /// Whether a name that no declaration hides is a function of the language.
    fn is_function(&mut self, name: &str) -> bool {
        self.scope.get(name).is_none()
            && crate::model::evaluate::call::is_built_in(name)
            && self.item(&self.scope.module.clone(), name).is_none()
    }

    fn not_a_net(&mut self, what: &str, span: Span) -> Value {
        self.error(complaints::not_a_net(what, span));
        Value::Broken
    }

    fn instantiate(&mut self, def: Rc<NetDefinition>, args: &[Arg], path: &str, span: Span) -> Value {
        if self.calls.len() > crate::model::emit::DEEPEST_CALL {
            self.give_up(complaints::made_of_itself(&def.def.name, span));
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
        self.note_dead(&def.def, args, path);
        let caller = std::mem::replace(&mut self.scope, scope);
        for member in &def.def.members {
            match &member.kind {
                MemberKind::Axis { names, size } => {
                    for name in names {
                        let axis = self.local_axis(name, size.as_ref());
                        self.scope.bind(&name.name, Value::Axis(axis), BindingRole::Constant, name.span);
                    }
                }
                MemberKind::Weight { role, name, ty, init } => {
                    let value = self.weight(*role, name, ty, init, &format!("{path}.{}", name.name));
                    self.scope.bind(
                        &name.name,
                        value.unwrap_or(Value::Broken),
                        BindingRole::Constant,
                        name.span,
                    );
                }
                MemberKind::Net { name, value } => {
                    let net = self.member_net(value, &format!("{path}.{}", name.name));
                    self.scope.bind(&name.name, net, BindingRole::Constant, name.span);
                }
                _ => self.error(complaints::not_in_a_net(member.span)),
            }
        }
        let scope = std::mem::replace(&mut self.scope, caller);
        self.calls.pop();
        self.emitting |= !self.fields_read.is_empty()
            && def.def.body.as_ref().is_some_and(|body| emits(&body.body.statements, &self.fields_read));
        Value::Net(Rc::new(NetInstance { path: path.to_owned(), kind: NetKind::Defined { def, scope } }))
    }

    /// A weight that a net declares, by its name there: `embed.weight` ties two nets.
    pub(in crate::model) fn weight_of(&self, net: &NetInstance, name: &str) -> Option<Value> {
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
    pub(in crate::model) fn weights_of(&self, net: &NetInstance) -> Vec<String> {
        match &net.kind {
            NetKind::Linear(linear) => {
                let bias = linear.bias.map(|_| "bias".to_owned());
                std::iter::once("weight".to_owned()).chain(bias).collect()
            }
            NetKind::Defined { def, .. } => def.def.members.iter().filter_map(weight_name).collect(),
        }
    }

    pub(in crate::model) fn call_net(&mut self, net: &Rc<NetInstance>, args: Args, span: Span) -> Value {
        if self.functions_deep == 0 {
            self.nets_called.push(net.path.clone());
        }
        match &net.kind {
            NetKind::Linear(linear) => {
                let others = args.named.len() + args.clauses.len() + args.maps.len();
                let ([(value, place)], 0) = (&args.positional[..], others) else {
                    let given = args.positional.len();
                    self.error(complaints::linear_takes_one(&net.path, given, others > 0, span));
                    return Value::Broken;
                };
                let Some(x) = self.tensor(value, *place) else { return Value::Broken };
                self.path.push(net.path.clone());
                self.calls.push(span);
                let definition = "Linear".to_owned();
                let around = self.enter(Called::Net { path: net.path.clone(), definition });
                let result = self.apply_linear(linear, x, span);
                self.leave(around);
                self.calls.pop();
                self.path.pop();
                result.map_or(Value::Broken, Value::Tensor)
            }
            NetKind::Defined { def, scope } => match &def.def.body {
                Some(body) => {
                    let definition = def.def.name.name.clone();
                    let called = Called::Net { path: net.path.clone(), definition };
                    self.apply(body, scope.clone(), args, span, &net.path, called)
                }
                None => {
                    self.error(complaints::without_fn(&def.def.name, span));
                    Value::Broken
                }
            },
        }
    }

    /// `truncated_normal(std = …)` and the other ways a weight may begin.
    pub(in crate::model) fn distribution(&mut self, name: &str, args: &Args, span: Span) -> Value {
        let number = |key: &str, at: usize| -> Option<f64> {
            let named = args.named.iter().find(|(own, _, _)| own.name == key).map(|(_, value, _)| value);
            match named.or(args.positional.get(at).map(|(value, _)| value)) {
                Some(Value::Number(number)) => {
                    Some(Number::to_f64(*number)).filter(|number| number.is_finite())
                }
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
                self.error(complaints::without_its_numbers(name, span));
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
