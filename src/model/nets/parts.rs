//! Nets in the place of others: `net f.layers.mlp = Recipe(…)`. Takes the declarations of a model and the nets that are
//! being made; gives the net that stands at a path, says which paths there are not, and which arguments nothing reads now.

use crate::model::checker::Checker;
use crate::model::evaluate::value::{BindingRole, Recipe, Value};
use crate::model::names::visit::{visit_all, visit_block, visit_expr};
use crate::model::nets::complaints;
use crate::syntax::ast::{Arg, ArgKind, Expr, ExprKind, Member, MemberKind, NetDef};
use std::rc::Rc;

impl Checker<'_> {
    /// The net that a net has at `path`: what its definition says, or what the model puts there.
    pub(in crate::model) fn member_net(&mut self, value: &Expr, path: &str) -> Value {
        self.told.borrow_mut().nets.insert(plain(path));
        let parts = self.parts.clone();
        let Some(part) = parts.iter().find(|part| part.path == plain(path)) else {
            return self.make_net(value, path);
        };
        let inherited = Recipe { expr: value.clone(), scope: self.scope.clone() };
        let mut scope = self.model_scope.clone();
        scope.module.clone_from(&part.module);
        scope.push();
        scope.bind("inherited", Value::Recipe(Rc::new(inherited)), BindingRole::Constant, part.span);
        let own = std::mem::replace(&mut self.scope, scope);
        let net = self.make_net(&part.value, path);
        self.scope = own;
        net
    }

    /// Complains about parts that no net has.
    pub(in crate::model) fn parts_not_there(&mut self) {
        let known = self.told.borrow().nets.clone();
        let parts = self.parts.clone();
        for part in parts.iter().filter(|part| !known.contains(&part.path)) {
            let net = part.path.split('.').next().unwrap_or_default();
            let of_net: Vec<String> =
                known.iter().filter(|path| path.split('.').next() == Some(net)).cloned().collect();
            self.error(complaints::no_such_part(&part.path, &of_net, part.span));
        }
    }

    /// Notes the arguments of a net at `path` that only its replaced parts would have read.
    pub(in crate::model) fn note_dead(&mut self, def: &NetDef, args: &[Arg], path: &str) {
        let parts = self.parts.clone();
        let replaced = |member: &Member| match &member.kind {
            MemberKind::Net { name, .. } => {
                let path = plain(&format!("{path}.{}", name.name));
                parts.iter().any(|part| part.path == path && !reads(&part.value, "inherited"))
            }
            _ => false,
        };
        if !def.members.iter().any(replaced) {
            return;
        }
        let mut alive = std::collections::HashSet::new();
        let mut note = |expr: &Expr| {
            if let ExprKind::Name(name) = &expr.kind {
                alive.insert(name.clone());
            }
        };
        def.members.iter().filter(|member| !replaced(member)).for_each(|member| visit_all(member, &mut note));
        def.body.iter().for_each(|body| visit_block(&body.body, &mut note));
        def.params
            .iter()
            .filter_map(|param| param.default.as_ref())
            .for_each(|value| visit_expr(value, &mut note));
        let mut position = 0;
        for arg in args {
            let param = match &arg.kind {
                ArgKind::Positional(_) => {
                    position += 1;
                    def.params.get(position - 1)
                }
                ArgKind::Named(name, _) => def.params.iter().find(|param| param.name.name == name.name),
                _ => None,
            };
            // Axes are read by types too.
            let Some(param) =
                param.filter(|param| param.ty.as_ref().is_some_and(|ty| ty.name.name != "axis"))
            else {
                continue;
            };
            if !alive.contains(&param.name.name) {
                self.told.borrow_mut().dead.insert(arg.span);
            }
        }
    }
}

/// A path without the numbers of families: `f.layers.0.mlp` is `f.layers.mlp`.
fn plain(path: &str) -> String {
    let names = path.split('.').filter(|name| !name.bytes().all(|byte| byte.is_ascii_digit()));
    names.collect::<Vec<_>>().join(".")
}

fn reads(value: &Expr, name: &str) -> bool {
    let mut found = false;
    visit_expr(value, &mut |expr| found |= matches!(&expr.kind, ExprKind::Name(own) if own == name));
    found
}
