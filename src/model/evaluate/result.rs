//! What a function returns, held against the type it declares.

use crate::model::checker::Checker;
use crate::model::evaluate::complaints::{self, Returned};
use crate::model::evaluate::value::Value;
use crate::source::Span;
use crate::syntax::ast::{AxisEntry, FnDef};
use crate::types::{AxisId, Dim, Kind};

impl Checker<'_> {
    pub(in crate::model) fn checked_result(
        &mut self,
        def: &FnDef,
        value: Value,
        rest: &[Dim],
        span: Span,
        label: &str,
    ) -> Value {
        let values: Vec<Value> = match (&value, def.result.len()) {
            (Value::Broken, _) => return Value::Broken,
            (_, 0) => return value,
            (Value::Tuple(values), count) if values.len() == count => values.clone(),
            (_, 1) => vec![value.clone()],
            (_, count) => {
                self.error(complaints::other_results(label, count, value.what(), def.signature()));
                return Value::Broken;
            }
        };
        let mut checked = Vec::new();
        for (ty, value) in def.result.iter().zip(values) {
            let Some(val) = self.tensor(&value, span) else { return Value::Broken };
            let own = self.ty(val).clone();
            let mut wanted: Vec<AxisId> = Vec::new();
            for entry in ty.axes.iter().flatten() {
                match entry {
                    AxisEntry::Rest => wanted.extend(rest.iter().map(|dim| dim.axis)),
                    AxisEntry::Pack(name) | AxisEntry::Name(name) => match self.axes_named(name) {
                        Some(axes) => wanted.extend(axes),
                        None => return Value::Broken,
                    },
                }
            }
            let extra: Vec<AxisId> = own.axes().filter(|axis| !wanted.contains(axis)).collect();
            let lacking: Vec<AxisId> = wanted
                .iter()
                .filter(|axis| !own.has(**axis) && !rest.iter().any(|dim| dim.axis == **axis))
                .copied()
                .collect();
            if !extra.is_empty() || !lacking.is_empty() {
                let shown = own.show(&self.axes).to_string();
                let told = Returned { label, shown: &shown, declared: ty.span, call: span };
                self.error(match extra.is_empty() {
                    false => told.with_more_axes(&self.axes.names(&extra)),
                    true => told.without_axes(&self.axes.names(&lacking)),
                });
                return Value::Broken;
            }
            let declared = ty.name.name.as_str();
            let fits = match (declared, own.kind) {
                ("float" | "float32" | "float64", Kind::Index { .. }) => false,
                ("float" | "float32" | "float64", _) => true,
                ("bool", kind) => kind == Kind::Bool,
                ("int", kind) => kind.is_integer(),
                (name, Kind::Index { axis, optional }) => {
                    self.known_axis(name).is_some_and(|axes| axes[..] == [axis]) && (ty.optional || !optional)
                }
                _ => false,
            };
            if !fits {
                let shown = own.show(&self.axes).to_string();
                let wanted = if ty.optional { format!("{declared}?") } else { declared.to_owned() };
                let told = Returned { label, shown: &shown, declared: ty.span, call: span };
                self.error(told.of_another_kind(&wanted));
                return Value::Broken;
            }
            let wide = match declared {
                "float32" => Kind::Float32,
                "float64" => Kind::Float64,
                _ => own.kind,
            };
            let val = if own.kind == wide {
                val
            } else {
                self.emit(crate::ir::op::Op::Cast(wide), &[val], span).unwrap_or(val)
            };
            checked.push(Value::Tensor(val));
        }
        if checked.len() == 1 { checked.remove(0) } else { Value::Tuple(checked) }
    }
}
