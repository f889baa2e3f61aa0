//! Arguments of nets: constants are evaluated where the net is made, nets stay recipes.

use crate::model::checker::Checker;
use crate::model::evaluate::complaints;
use crate::model::evaluate::value::{BindingRole, Recipe, Scope, Value};
use crate::model::nets::complaints::no_parameter_for;
use crate::source::Span;
use crate::syntax::ast::{self, Arg, ArgKind, Expr, ExprKind};
use std::rc::Rc;

impl Checker<'_> {
    /// Arguments of a net: constants are evaluated where the call stands, nets stay recipes.
    pub(in crate::model) fn bind_parameters(
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
                self.error(no_parameter_for(def, arg));
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
            if let ArgKind::Named(name, _) = &arg.kind {
                self.note_argument(name, &param.name, &value);
            }
            if given[at].replace(value).is_some() {
                self.error(complaints::given_twice(&def.name.name, &param.name, arg.span, param.name.span));
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
                    self.error(complaints::missing(&def.name.name, param, span));
                    return None;
                }
            };
            self.note_bound(&param.name, &value);
            scope.bind(&param.name.name, value, BindingRole::Constant, param.name.span);
        }
        Some(scope)
    }

    pub(in crate::model) fn fits_parameter(
        &mut self,
        net: &str,
        param: &ast::Param,
        value: &Value,
        span: Span,
    ) -> bool {
        let Some(ty) = &param.ty else { return true };
        let fits = match (ty.name.name.as_str(), value) {
            (_, Value::Broken) => return false,
            ("axis", Value::Axis(_)) | ("axes", Value::Axis(_) | Value::Axes(_)) => true,
            ("int", Value::Number(number)) => number.to_whole().is_some(),
            ("ints", Value::Numbers(numbers)) => numbers.iter().all(|number| number.to_whole().is_some()),
            ("floats", Value::Numbers(_)) => true,
            ("float", Value::Number(_)) | ("bool", Value::Bool(_)) | ("net", Value::Recipe(_)) => true,
            ("init", Value::Number(_) | Value::Init(_) | Value::Bool(_)) => true,
            _ => false,
        };
        if !fits {
            let shown = value.shown();
            self.error(complaints::of_another_type(net, param, &ty.name.name, &shown, span));
        }
        fits
    }
}
