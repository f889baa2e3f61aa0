//! The program as text (`totc dump --stage program`).

use super::program::{Instr, InstrOp, Operand, Program};
use crate::ir::{Yield, show_op};
use crate::types::Axes;
use std::fmt::Write;

/// A program as text, a line an instruction, bodies of loops indented.
pub fn print(program: &Program) -> String {
    let mut out = format!("program {} ({:?}), {} slots\n", program.model, program.mode, program.slots);
    body(&mut out, &program.body, &program.axes, 1);
    for output in &program.outputs {
        let _ = writeln!(out, "  give {} = {}", output.name, show(output.value));
    }
    for gradient in &program.gradients {
        let ids = gradient.ids.as_ref().map_or(String::new(), |(ids, _)| format!("{}, ", show(*ids)));
        let rows = if gradient.ids.is_some() { " rows" } else { "" };
        let _ = writeln!(out, "  give gradient {}{rows} = {ids}{}", gradient.path, show(gradient.value));
    }
    out
}

fn show(operand: Operand) -> String {
    match operand {
        Operand::Slot(slot) => format!("s{slot}"),
        Operand::Number(value) => format!("{value}"),
    }
}

fn body(out: &mut String, instrs: &[Instr], axes: &Axes, depth: usize) {
    let indent = "  ".repeat(depth);
    for instr in instrs {
        let results: Vec<String> = instr.out.iter().map(|slot| format!("s{slot}")).collect();
        let args: Vec<String> = instr.args.iter().map(|arg| show(*arg)).collect();
        let scope = if instr.gradient { "" } else { " ~" };
        let free: Vec<String> = instr.free.iter().map(|slot| format!("s{slot}")).collect();
        let free = if free.is_empty() { String::new() } else { format!(" free {}", free.join(" ")) };
        match &instr.op {
            InstrOp::Op(op) => {
                let place = if instr.in_place { " in place" } else { "" };
                let _ = writeln!(
                    out,
                    "{indent}{} = {}({}): {}{scope}{place}{free}",
                    results.join(" "),
                    show_op(op, axes),
                    args.join(", "),
                    instr.ty.show(axes)
                );
            }
            InstrOp::Fused { body: inner, yields, .. } => {
                let given: Vec<String> = yields.iter().map(|operand| show(*operand)).collect();
                let _ = writeln!(
                    out,
                    "{indent}{} = fused({}){scope}{free} {{",
                    results.join(" "),
                    args.join(", ")
                );
                body(out, inner, axes, depth + 1);
                let _ = writeln!(out, "{indent}  yield {}", given.join(" "));
                let _ = writeln!(out, "{indent}}}");
            }
            InstrOp::Repeat { times, carried, body: inner, next, yields, guard, .. } => {
                let guard = guard.and_then(|at| args.get(at));
                let guard = guard.map_or(String::new(), |mask| format!(" unless no {mask}"));
                let carried: Vec<String> = carried.iter().map(|slot| format!("s{slot}")).collect();
                let _ = writeln!(
                    out,
                    "{indent}{} = repeat {times}({}) carrying {}{guard}{scope}{free} {{",
                    results.join(" "),
                    args.join(", "),
                    carried.join(" ")
                );
                body(out, inner, axes, depth + 1);
                let list = |operands: &[Operand]| {
                    operands.iter().map(|operand| show(*operand)).collect::<Vec<_>>().join(" ")
                };
                let yielded: Vec<String> = yields
                    .iter()
                    .map(|(operand, yielded)| match yielded {
                        Yield::Last => show(*operand),
                        Yield::Stack(axis) => format!("{} stacked on {}", show(*operand), axes.name(*axis)),
                    })
                    .collect();
                let given = match &yielded[..] {
                    [] => String::new(),
                    _ => format!(" yield {}", yielded.join(" ")),
                };
                let _ = writeln!(out, "{indent}  next {}{given}", list(next));
                let _ = writeln!(out, "{indent}}}");
            }
        }
    }
}
