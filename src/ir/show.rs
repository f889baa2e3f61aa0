//! An operation as text, its axes by name. Every printer of the compiler reads it.

use super::op::{Attrs, Op};
use crate::types::Axes;
use std::fmt::Write;

/// The operation with its axes by name.
pub fn show_op(op: &Op, axes: &Axes) -> String {
    let name = |axis: &crate::types::AxisId| axes.name(*axis).to_owned();
    let names = |list: &[crate::types::AxisId]| list.iter().map(name).collect::<Vec<_>>().join(" ");
    match op {
        Op::Input(input) => format!("input {input}"),
        Op::State { name, ago } if *ago > 1 => format!("state {name}@{ago}"),
        Op::State { name, .. } => format!("state {name}"),
        Op::Fresh => "fresh".to_owned(),
        Op::Steps => "steps".to_owned(),
        Op::Weight(path) => format!("weight {path}"),
        Op::EmbeddingRows(path) => format!("embedding_rows {path}"),
        Op::Number(value) => format!("{}", value.get()),
        Op::Prim(id, attrs) => format!("{}{}", id.get().name, show_attrs(attrs, axes)),
        Op::Select { axis, at } => format!("select {} = {at}", name(axis)),
        Op::Slice { axis, start, len, to } => {
            format!("slice {} in {start}..{} as {}", name(axis), start + len, name(to))
        }
        Op::Gather { axis } => format!("gather {}", name(axis)),
        Op::Rename { from, to } => format!("rename {} -> {}", name(from), name(to)),
        Op::Flatten { from, to } => format!("flatten {} -> {}", names(from), name(to)),
        Op::Unflatten { from, to } => {
            let to: Vec<String> = to.iter().map(|(axis, size)| format!("{} {size}", name(axis))).collect();
            format!("unflatten {} -> {}", name(from), to.join(", "))
        }
        Op::Expand => "expand".to_owned(),
        Op::Concat { parts, to } => format!("concat {} -> {}", names(parts), name(to)),
        Op::Scatter { axis } => format!("scatter {}", name(axis)),
        Op::Pad { axis, start: 0, size, to } => format!("pad {} to {} {size}", name(axis), name(to)),
        Op::Pad { axis, start, size, to } => {
            format!("pad {} from {start} to {} {size}", name(axis), name(to))
        }
        Op::Cast(kind) => format!("cast {}", format!("{kind:?}").to_lowercase()),
        Op::Detach => "detach".to_owned(),
        Op::Repeat { times } => format!("repeat {times}"),
        Op::Fused => "fused".to_owned(),
        Op::LoopResult(at) => format!("result {at}"),
        Op::Argument(at) => format!("argument {at}"),
        Op::Iteration => "iteration".to_owned(),
        Op::Unstack { axis } => format!("unstack {}", name(axis)),
    }
}

fn show_attrs(attrs: &Attrs, axes: &Axes) -> String {
    let mut text = String::new();
    let names = |list: &[crate::types::AxisId]| {
        list.iter().map(|axis| axes.name(*axis)).collect::<Vec<_>>().join(" ")
    };
    if !attrs.over.is_empty() {
        let _ = write!(text, " over {}", names(&attrs.over));
    }
    if let Some(axis) = attrs.along {
        let _ = write!(text, " along {}", axes.name(axis));
    }
    for (axis, size) in &attrs.into {
        let _ = write!(text, " into {} {size}", axes.name(*axis));
    }
    for number in &attrs.numbers {
        let _ = write!(text, " {}", number.get());
    }
    text
}
