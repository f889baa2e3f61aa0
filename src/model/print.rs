//! The checked model as text (`totc dump --stage model`): declarations, then the schedule as typed instructions.

use crate::ir::{op::Op, show_op};
use crate::model::{Inst, Model, Region};
use crate::types::{Axes, AxisSize};
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
        let ty = crate::types::Ty::new(crate::types::Kind::Float32, weight.dims.clone());
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
