//! What tries to keep loops have shown: takes the circumstances of a try, gives what became of the last in the same ones.
//!
//! A loop inside a loop whose iterations differ is met again and again: while the outer one is tried, then in each of its
//! iterations. Without a memory each level of nesting would double the work. A memory that is wrong does no harm: a loop
//! that is written out means the same as one that stays, and what a loop carries is looked at again when it has run.

use crate::model::checker::Checker;
use crate::model::evaluate::value::Value;
use crate::source::Span;
use crate::types::AxisId;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

impl Checker<'_> {
    /// All that a try of the loop at `span` depends on: its place, the calls around it, what can be seen from there, and
    /// what is kept so far. Tensors count by their types alone: nothing here depends on more of them.
    pub(in crate::model) fn circumstances(&self, span: Span) -> u64 {
        let mut hash = DefaultHasher::new();
        (span, &self.calls, &self.path, &self.net_paths).hash(&mut hash);
        (self.gradient, self.scheduled, self.looking_ahead, self.inside_result).hash(&mut hash);
        (self.functions_deep, self.loops_deep, self.targets_readable, self.emissions.len()).hash(&mut hash);
        self.collected().hash(&mut hash);
        for records in &self.records {
            records.iter().for_each(|(name, val, _)| (name, self.ty(*val)).hash(&mut hash));
        }
        (0..self.axes.len()).for_each(|at| self.axes.name(AxisId(at as u32)).hash(&mut hash));
        (&self.scope.module, self.scope.of_model).hash(&mut hash);
        for name in self.scope.names() {
            let Some(binding) = self.scope.get(name) else { continue };
            (name, binding.role as u8).hash(&mut hash);
            self.hash_value(&binding.value, &mut hash);
        }
        hash.finish()
    }

    fn hash_value(&self, value: &Value, hash: &mut DefaultHasher) {
        value.what().hash(hash);
        match value {
            Value::Number(number) => number.to_string().hash(hash),
            Value::Numbers(_) => value.shown().hash(hash),
            Value::Bool(value) => value.hash(hash),
            Value::Choice(word) => word.hash(hash),
            Value::Axis(axis) => axis.hash(hash),
            Value::Axes(axes) => axes.hash(hash),
            Value::Init(init) => format!("{init:?}").hash(hash),
            Value::Tensor(val) => self.ty(*val).hash(hash),
            Value::Tuple(values) => values.iter().for_each(|value| self.hash_value(value, hash)),
            Value::Record(fields) => {
                for (name, value) in fields {
                    name.hash(hash);
                    self.hash_value(value, hash);
                }
            }
            Value::Net(net) => net.path.hash(hash),
            Value::Family(nets) => nets.iter().for_each(|net| net.path.hash(hash)),
            Value::Recipe(recipe) => recipe.expr.span.hash(hash),
            Value::Function(function) => function.def.span.hash(hash),
            Value::NetDef(net) => net.def.name.span.hash(hash),
            Value::Table(at) => at.hash(hash),
            Value::Broken => {}
        }
    }
}
