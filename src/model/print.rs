//! The checked model as text (`totc dump --stage model`): declarations, then the schedule as typed instructions.

use super::ops::{Attrs, Op};
use super::ty::{Axes, AxisSize};
use super::{Inst, Model, Region};
use std::fmt::Write;

pub fn print(model: &Model) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "model {} ({:?})", model.name, model.mode);
    for (name, value) in &model.configs {
        let _ = writeln!(out, "  config {name} = {value}");
    }
    for axis in &model.declared_axes {
        let axis = model.axes.get(*axis);
        let size = match axis.size {
            AxisSize::Fixed(size) => format!("{size}, {}", axis.origin),
            _ => axis.origin.clone(),
        };
        let _ = writeln!(out, "  axis {} ({size})", axis.name);
    }
    for weight in &model.weights {
        let ty = super::ty::Ty::new(super::ty::Kind::Float32, weight.dims.clone());
        let role = format!("{:?}", weight.role).to_lowercase();
        let _ = writeln!(out, "  {role} {}: {} = {:?}", weight.path, ty.show(&model.axes), weight.init);
    }
    for state in &model.states {
        let _ = writeln!(out, "  state {}: {}", state.name, state.ty.show(&model.axes));
    }
    region(&mut out, &model.body, &model.axes, 1);
    for output in &model.outputs {
        let _ = writeln!(out, "  give {} = %{}", output.name, output.value.0);
    }
    if let Some(halt) = model.halt {
        let _ = writeln!(out, "  halt at most {} steps, explore {}", halt.at_most, halt.explore);
    }
    out
}

fn region(out: &mut String, region: &Region, axes: &Axes, depth: usize) {
    for inst in &region.insts {
        instruction(out, inst, axes, depth);
    }
}

fn instruction(out: &mut String, inst: &Inst, axes: &Axes, depth: usize) {
    let indent = "  ".repeat(depth);
    let args: Vec<String> = inst.args.iter().map(|arg| format!("%{}", arg.0)).collect();
    let scope = if inst.gradient { "" } else { " ~" };
    if let (Op::Repeat { times }, Some(body)) = (&inst.op, &inst.body) {
        let _ = writeln!(out, "{indent}%{} = repeat {times}{scope} {{", inst.result.0);
        for ((param, ty), start) in body.carried.iter().zip(&args) {
            let _ = writeln!(out, "{indent}  carry %{} = {start}: {}", param.0, ty.show(axes));
        }
        region(out, &body.region, axes, depth + 1);
        let next: Vec<String> = body.next.iter().map(|val| format!("%{}", val.0)).collect();
        let yields: Vec<String> = body.yields.iter().map(|(val, _)| format!("%{}", val.0)).collect();
        let given = if yields.is_empty() { String::new() } else { format!(" yield {}", yields.join(", ")) };
        let _ = writeln!(out, "{indent}  next {}{given}", next.join(", "));
        let _ = writeln!(out, "{indent}}}");
        return;
    }
    let name = if inst.name.is_empty() { String::new() } else { format!("  // {}", inst.name) };
    let _ = writeln!(
        out,
        "{indent}%{} = {}({}): {}{scope}{name}",
        inst.result.0,
        show_op(&inst.op, axes),
        args.join(", "),
        inst.ty.show(axes)
    );
}

/// The operation with its axes by name.
pub fn show_op(op: &Op, axes: &Axes) -> String {
    let name = |axis: &super::ty::AxisId| axes.name(*axis).to_owned();
    let names = |list: &[super::ty::AxisId]| list.iter().map(name).collect::<Vec<_>>().join(" ");
    match op {
        Op::Input(input) => format!("input {input}"),
        Op::State { name, ago } if *ago > 1 => format!("state {name}@{ago}"),
        Op::State { name, .. } => format!("state {name}"),
        Op::Fresh => "fresh".to_owned(),
        Op::Steps => "steps".to_owned(),
        Op::Weight(path) => format!("weight {path}"),
        Op::Rows(path) => format!("rows {path}"),
        Op::Number(value) => format!("{value}"),
        Op::Prim(id, attrs) => format!("{}{}", id.get().name, show_attrs(attrs, axes)),
        Op::Select { axis, at } => format!("select {} = {at}", name(axis)),
        Op::Slice { axis, start, len, to } => {
            format!("slice {} in {start}..{} as {}", name(axis), start + len, name(to))
        }
        Op::Pick { axis } => format!("pick {}", name(axis)),
        Op::Rename { from, to } => format!("rename {} -> {}", name(from), name(to)),
        Op::Fold { from, to } => format!("fold {} -> {}", names(from), name(to)),
        Op::Unfold { from, to } => {
            let to: Vec<String> = to.iter().map(|(axis, size)| format!("{} {size}", name(axis))).collect();
            format!("unfold {} -> {}", name(from), to.join(", "))
        }
        Op::Expand => "expand".to_owned(),
        Op::Concat { parts, to } => format!("concat {} -> {}", names(parts), name(to)),
        Op::StackOn { to } => format!("stack {}", name(to)),
        Op::Pad { axis, size, to } => format!("pad {} to {} {size}", name(axis), name(to)),
        Op::Cast(kind) => format!("cast {}", format!("{kind:?}").to_lowercase()),
        Op::Detach => "detach".to_owned(),
        Op::Repeat { times } => format!("repeat {times}"),
        Op::Output(at) => format!("output {at}"),
        Op::Enter(at) => format!("enter {at}"),
    }
}

fn show_attrs(attrs: &Attrs, axes: &Axes) -> String {
    let mut text = String::new();
    let names =
        |list: &[super::ty::AxisId]| list.iter().map(|axis| axes.name(*axis)).collect::<Vec<_>>().join(" ");
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
        let _ = write!(text, " {number}");
    }
    text
}
