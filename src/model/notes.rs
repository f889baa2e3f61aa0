//! What the checker notes of names where somebody asks for it (an editor): what each is where it stands, and where it is
//! declared. Takes names as they are resolved, gives a table by place; without a table nothing is done, and what is noted
//! never changes what is checked.

use crate::model::checker::Checker;
use crate::model::evaluate::value::{NetKind, Value};
use crate::source::Span;
use crate::syntax::ast::{Ident, MemberKind};
use crate::types::{AxisId, AxisSize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Names by place, and those that the model has at its end.
#[derive(Debug, Default)]
pub struct Notes {
    /// By file and first byte; what a name was when it was first met there.
    pub by_place: BTreeMap<(u32, u32), Note>,
    /// The model's own names by themselves.
    pub of_model: BTreeMap<String, Note>,
}

/// A table that several checks may fill.
pub type Table = Arc<Mutex<Notes>>;

/// What a name is.
#[derive(Clone, Debug)]
pub struct Note {
    /// The name where it stands.
    pub span: Span,
    /// The name where it is declared; equal to `span` there.
    pub declared: Span,
    /// Its type, value or kind of thing, as the author would write it.
    pub is: String,
    /// Sizes of its axes and where they come from, the number of its parameters: a line each.
    pub more: Vec<String>,
    /// What may stand behind `.`.
    pub members: Vec<String>,
    /// A tensor that the schedule binds here.
    pub bound_tensor: bool,
}

impl Checker<'_> {
    /// Notes a name that is read.
    pub(in crate::model) fn note(&self, name: &str, span: Span, value: &Value) {
        let Some(table) = &self.bindings.notes else { return };
        if span == Span::NONE {
            return;
        }
        let Ok(mut notes) = table.lock() else { return };
        if notes.by_place.contains_key(&(span.file, span.start)) {
            return;
        }
        let mut note = self.note_of(span, self.declared_name(name).unwrap_or(span), value);
        // A `var` that was updated stands for the `var`.
        if let Some(before) = notes.by_place.get(&(note.declared.file, note.declared.start)) {
            note.declared = before.declared;
        }
        notes.by_place.insert((span.file, span.start), note);
    }

    /// Notes a name where it is bound.
    pub(in crate::model) fn note_bound(&self, name: &Ident, value: &Value) {
        self.note_as(name, name.span, value, self.scope.of_model && matches!(value, Value::Tensor(_)));
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
        let blocks = self
            .blocks
            .keys()
            .map(|name| (name.as_str(), Value::Choice("a block of the schedule".to_owned())));
        for (name, value) in bound.chain(targets).chain(blocks) {
            let Some(declared) = self.declared_name(name).filter(|span| *span != Span::NONE) else {
                continue;
            };
            let note = self.note_of(declared, declared, &value);
            notes.by_place.entry((declared.file, declared.start)).or_insert_with(|| note.clone());
            notes.of_model.entry(name.to_owned()).or_insert(note);
        }
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

/// The names of the language's own functions.
pub fn built_in() -> impl Iterator<Item = &'static str> {
    let primitives = crate::primitive::all().map(|primitive| primitive.name);
    crate::model::evaluate::call::INTRINSICS.into_iter().chain(primitives)
}
