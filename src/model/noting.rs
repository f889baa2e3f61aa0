//! The checker's notes on names. Takes names as they are resolved, fills the table of who asks; without a table nothing is
//! done, and what is noted never changes what is checked.

use crate::model::checker::Checker;
use crate::model::evaluate::value::{NetKind, Value};
use crate::model::notes::{Note, Notes};
use crate::source::Span;
use crate::syntax::ast::{Ident, MemberKind};
use crate::types::{AxisId, AxisSize};

impl Checker<'_> {
    /// Notes a name that is read.
    pub(in crate::model) fn note(&self, name: &str, span: Span, value: &Value) {
        let Some(table) = &self.bindings.notes else { return };
        if span == Span::NONE {
            return;
        }
        let Ok(mut notes) = table.lock() else { return };
        let key = (span.file, span.start);
        let met = notes.by_place.contains_key(&key);
        // A library's function reads what it always does.
        if met && !self.scope.of_model {
            return;
        }
        let declared = self.declared_name(name).unwrap_or(span);
        // A `var` that was updated stands for the `var`.
        let before = notes.by_place.get(&(declared.file, declared.start)).map(|before| before.declared);
        let declared = before.unwrap_or(declared);
        match notes.by_place.get_mut(&key) {
            Some(note) if note.declared == declared || note.elsewhere.contains(&declared) => {}
            Some(note) => note.elsewhere.push(declared),
            None => drop(notes.by_place.insert(key, self.note_of(span, declared, value))),
        }
    }

    /// Notes a name where it is bound.
    pub(in crate::model) fn note_bound(&self, name: &Ident, value: &Value) {
        self.note_as(name, name.span, value, self.scope.of_model && matches!(value, Value::Tensor(_)));
    }

    /// Notes the name of a parameter where a call gives it.
    pub(in crate::model) fn note_argument(&self, name: &Ident, param: &Ident, value: &Value) {
        self.note_as(name, param.span, value, false);
    }

    /// Notes a name of what is no value: a block.
    pub(in crate::model) fn note_block(&self, name: &Ident, declared: Span) {
        self.note_as(name, declared, &Value::Choice("a block of the schedule".to_owned()), false);
    }

    fn note_as(&self, name: &Ident, declared: Span, value: &Value, bound_tensor: bool) {
        let Some(table) = &self.bindings.notes else { return };
        let Ok(mut notes) = table.lock() else { return };
        let key = (name.span.file, name.span.start);
        notes
            .by_place
            .entry(key)
            .or_insert_with(|| Note { bound_tensor, ..self.note_of(name.span, declared, value) });
    }

    /// Notes what the model has when all of it is checked.
    pub(in crate::model) fn note_model(&self) {
        let Some(table) = &self.bindings.notes else { return };
        let Ok(mut notes) = table.lock() else { return };
        let targets = self.targets.iter().map(|(name, val)| (name.as_str(), Value::Tensor(*val)));
        let bound = self.scope.names().into_iter().filter(|name| !name.contains('@'));
        let bound = bound.filter_map(|name| Some((name, self.scope.get(name)?.value.clone())));
        for (name, value) in bound.chain(targets) {
            if let Some(declared) = self.declared_name(name) {
                self.note_of_model(&mut notes, name, declared, &value);
            }
        }
        for flat in self.blocks.values() {
            if let MemberKind::Block { name, .. } = &flat.member.kind {
                let block = Value::Choice("a block of the schedule".to_owned());
                self.note_of_model(&mut notes, &name.name, name.span, &block);
            }
        }
    }

    fn note_of_model(&self, notes: &mut Notes, name: &str, declared: Span, value: &Value) {
        if declared == Span::NONE {
            return;
        }
        let note = self.note_of(declared, declared, value);
        notes.by_place.entry((declared.file, declared.start)).or_insert_with(|| note.clone());
        notes.of_model.entry(name.to_owned()).or_insert(note);
    }

    fn declared_name(&self, name: &str) -> Option<Span> {
        if self.scope.of_model
            && let Some(declared) = self.declared.get(name)
        {
            return Some(declared.span);
        }
        if let Some(binding) = self.scope.get(name) {
            return Some(binding.span);
        }
        let own = |module: &str| {
            let items = &self.modules.by_path.get(module)?.tree.items;
            items.iter().find_map(|item| item.ident().filter(|own| own.name == name).map(|own| own.span))
        };
        own(&self.scope.module).or_else(|| own(&self.imported_from(&self.scope.module, name)?))
    }

    fn note_of(&self, span: Span, declared: Span, value: &Value) -> Note {
        let mut note = Note {
            span,
            declared,
            elsewhere: Vec::new(),
            is: value.shown(),
            more: Vec::new(),
            members: Vec::new(),
            bound_tensor: false,
        };
        match value {
            Value::Tensor(val) => {
                let ty = self.ty(*val);
                note.is = ty.show(&self.axes).to_string();
                note.more = ty.dims.iter().map(|dim| self.about_axis(dim.axis, Some(dim.size))).collect();
            }
            Value::Axis(axis) => note.more.push(self.about_axis(*axis, None)),
            Value::Axes(axes) => {
                note.more = axes.iter().map(|axis| self.about_axis(*axis, None)).collect();
            }
            Value::Net(net) => {
                note.more.push(self.about_weights(&format!("{}.", net.path)));
                note.members = match &net.kind {
                    NetKind::Linear(_) => self.weights_of(net),
                    NetKind::Defined { def, .. } => {
                        def.def.members.iter().filter_map(|member| named(&member.kind)).collect()
                    }
                };
            }
            Value::Family(nets) => {
                let of = nets.first().and_then(|net| net.path.rsplit_once('.'));
                note.more.extend(of.map(|(family, _)| self.about_weights(&format!("{family}."))));
            }
            _ => {}
        }
        note
    }

    /// `pos` 97 = `prefix + cell`
    fn about_axis(&self, axis: AxisId, size: Option<usize>) -> String {
        let axis = self.axes.get(axis);
        let size = match (size, axis.size) {
            (Some(size), _) | (None, AxisSize::Fixed(size)) => size.to_string(),
            (None, AxisSize::Growing) => "of each value's own size".to_owned(),
            (None, AxisSize::Open) => "of the caller's size".to_owned(),
        };
        let origin = if axis.origin.is_empty() { String::new() } else { format!(" ({})", axis.origin) };
        format!("`{}` {size}{origin}", axis.name)
    }

    fn about_weights(&self, prefix: &str) -> String {
        let counts = self
            .weights
            .iter()
            .filter(|weight| weight.path.starts_with(prefix) && weight.role != crate::ir::WeightRole::Buffer);
        format!("{} parameters", crate::numbers::count(counts.map(|weight| weight.count() as u64).sum()))
    }
}

fn named(member: &MemberKind) -> Option<String> {
    match member {
        MemberKind::Net { name, .. } | MemberKind::Weight { name, .. } => Some(name.name.clone()),
        _ => None,
    }
}
