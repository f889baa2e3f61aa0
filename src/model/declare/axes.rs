//! Axes: their sizes, bound by the data, computed where they are declared, or of each value; and what a size or count is.

use crate::model::checker::Checker;
use crate::model::declare::complaints;
use crate::model::evaluate::value::{BindingRole, Value};
use crate::model::names::inherit::Flat;
use crate::source::Span;
use crate::syntax::ast::{self, AxisEntry, BinaryOp, Expr, ExprKind, MemberKind};
use crate::types::{Axis, AxisId, AxisSize};

/// Entries of one axis, at most.
const MOST_SIZE: i64 = if isize::BITS < 64 { i32::MAX as i64 } else { 1 << 40 };

// Sizes that stand in when no data has bound them (`totc check FILE`).
const BATCH_STAND_IN: usize = 2;
const AXIS_STAND_IN: usize = 16;
const INDEX_STAND_IN: usize = 7;

impl Checker<'_> {
    pub(in crate::model) fn axes(&mut self, members: &[Flat], model: &ast::Ident) {
        let (used_as_axis, used_as_index) = axes_of_data(members);
        for flat in members {
            let MemberKind::Axis { names, size } = &flat.member.kind else { continue };
            self.scope.module = flat.module.clone();
            for name in names {
                let axis = match size {
                    Some(size) => self.sized_axis(name, size),
                    None => self.open_axis(name, &used_as_axis, &used_as_index),
                };
                let id = self.axes.add(axis);
                if name.name == "batch" {
                    self.batch = Some(id);
                }
                self.declared_axes.push(id);
                self.scope.bind_global(&name.name, Value::Axis(id), BindingRole::Constant, name.span);
            }
        }
        if self.batch.is_none() {
            self.error(complaints::no_batch(model));
        }
    }

    fn open_axis(&mut self, name: &ast::Ident, used_as_axis: &[String], used_as_index: &[String]) -> Axis {
        let bound = self.bindings.sizes.get(&name.name).copied();
        let of_data =
            used_as_axis.contains(&name.name) || used_as_index.contains(&name.name) || name.name == "batch";
        let (size, origin) = match bound {
            Some(size) => (AxisSize::Fixed(size), "bound by the data"),
            None if name.name == "batch" => (AxisSize::Fixed(BATCH_STAND_IN), "a stand-in for the data's"),
            None if used_as_axis.contains(&name.name) => {
                (AxisSize::Fixed(AXIS_STAND_IN), "a stand-in for the data's")
            }
            None if of_data => (AxisSize::Fixed(INDEX_STAND_IN), "a stand-in for the data's"),
            None => (AxisSize::Growing, "of each value"),
        };
        Axis { name: name.name.clone(), size, parts: Vec::new(), span: name.span, origin: origin.to_owned() }
    }

    /// An axis of a file, net, function or block: without a size, each value brings its own.
    pub(in crate::model) fn local_axis(&mut self, name: &ast::Ident, size: Option<&Expr>) -> AxisId {
        let axis = match size {
            Some(size) => self.sized_axis(name, size),
            None => self.axis_of_each_value(name),
        };
        self.axes.add(axis)
    }

    pub(in crate::model) fn axis_of_each_value(&self, name: &ast::Ident) -> Axis {
        Axis {
            name: name.name.clone(),
            size: AxisSize::Open,
            parts: Vec::new(),
            span: name.span,
            origin: "of each value".to_owned(),
        }
    }

    /// `pos = prefix + cell` names parts; anything else is a number.
    fn sized_axis(&mut self, name: &ast::Ident, size: &Expr) -> Axis {
        let mut parts = Vec::new();
        let all_axes = self.sum_of_axes(size, &mut parts);
        let (total, parts) = if all_axes && !parts.is_empty() {
            let total: usize = parts.iter().map(|part| self.fixed_size(*part, size.span).unwrap_or(0)).sum();
            (total, parts)
        } else {
            (self.size_value(size).unwrap_or(1), Vec::new())
        };
        Axis {
            name: name.name.clone(),
            size: AxisSize::Fixed(total),
            parts,
            span: name.span,
            origin: self.sources.text(size.span).to_owned(),
        }
    }

    fn sum_of_axes(&mut self, expr: &Expr, parts: &mut Vec<AxisId>) -> bool {
        match &expr.kind {
            ExprKind::Name(name) => match self.known_axis(name).as_deref() {
                Some([axis]) => {
                    parts.push(*axis);
                    true
                }
                _ => false,
            },
            ExprKind::Binary { op: BinaryOp::Add, left, right } => {
                self.sum_of_axes(left, parts) && self.sum_of_axes(right, parts)
            }
            _ => false,
        }
    }

    /// A size or count: a whole number, not negative.
    pub(in crate::model) fn size_value(&mut self, expr: &Expr) -> Option<usize> {
        let number = self.number(expr)?;
        self.error(match number.to_whole() {
            Some(whole) if (0..=MOST_SIZE).contains(&whole) => return Some(whole as usize),
            Some(whole) if whole < 0 => complaints::size_below_zero(number, expr.span),
            None if !number.is_whole() && number.is_finite() => complaints::size_not_whole(number, expr.span),
            _ => complaints::size_too_large(number, expr.span),
        });
        None
    }

    pub(in crate::model) fn fixed_size(&mut self, axis: AxisId, span: Span) -> Option<usize> {
        let own = self.axes.get(axis);
        match own.size {
            AxisSize::Fixed(size) => Some(size),
            _ => {
                let axis = own.clone();
                self.error(complaints::no_size_of_its_own(&axis, span));
                None
            }
        }
    }

    pub(in crate::model) fn batch_size(&self) -> usize {
        match self.batch.map(|batch| self.axes.get(batch).size) {
            Some(AxisSize::Fixed(size)) => size,
            _ => BATCH_STAND_IN,
        }
    }
}

fn axes_of_data(members: &[Flat]) -> (Vec<String>, Vec<String>) {
    let (mut axes, mut indices) = (Vec::new(), Vec::new());
    for flat in members {
        let MemberKind::Data { ty, .. } = &flat.member.kind else { continue };
        indices.push(ty.name.name.clone());
        for entry in ty.axes.iter().flatten() {
            if let AxisEntry::Name(name) = entry {
                axes.push(name.name.clone());
            }
        }
    }
    (axes, indices)
}
