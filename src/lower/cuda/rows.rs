//! A chain with reductions: a team of threads computes one row after the other. Steps are sorted into stages, between which
//! the team joins what its threads have added up; what a later stage reads again stays in registers.

use super::expression::{expression, number, real};
use super::kernel::{Kernel, MOST_BLOCKS, Place, arguments, place};
use crate::lower::chain::Planned;
use std::fmt::Write;
use totc_kernels::fused::{Op, Register, Step, Width};

/// Threads of a block, where a row does not need more.
const THREADS: usize = 128;
/// Places of a row that a thread computes, if it can choose.
const EACH: usize = 8;
/// Places of a row that a thread may hold.
const MOST_EACH: usize = 64;
const WARP: usize = 32;

/// How a row is shared out.
struct Team {
    /// Threads, a power of two.
    size: usize,
    /// Places for each of them.
    each: usize,
    /// Entries of a row.
    last: usize,
}

impl Team {
    fn of(last: usize) -> Option<Team> {
        let whole = last.next_power_of_two().min(WARP);
        let size = last.div_ceil(EACH).next_power_of_two().max(whole).min(1024);
        let each = last.div_ceil(size);
        (each <= MOST_EACH).then_some(Team { size, each, last })
    }
}

pub(super) fn kernel(group: &Planned, name: &str) -> Option<Kernel> {
    let chain = group.chain();
    let last = chain.space().0.last().copied().unwrap_or(1);
    let team = Team::of(last)?;
    let (arguments, strides) = arguments(group, name);
    let threads = team.size.max(THREADS);
    let at_once = threads / team.size;
    let rows: usize = chain.space().0.iter().product::<usize>() / last;
    let writer = Writer::of(group, &strides, team);
    let source = writer.whole(name, &arguments, threads, rows);
    let blocks = rows.div_ceil(at_once).min(MOST_BLOCKS);
    Some(Kernel { name: name.to_owned(), source, strides, blocks, threads })
}

struct Writer<'a> {
    group: &'a Planned,
    steps: &'a [Step],
    strides: &'a [Vec<usize>],
    team: Team,
    double: bool,
    /// The stage that computes a step; a reduction is known from the stage behind on.
    stage: Vec<usize>,
    /// Read by a later stage than its own, place by place.
    kept: Vec<bool>,
}

impl<'a> Writer<'a> {
    fn of(group: &'a Planned, strides: &'a [Vec<usize>], team: Team) -> Writer<'a> {
        let (steps, outputs) = (group.chain().steps(), group.chain().outputs());
        let known = |stages: &[usize], at: usize| stages[at] + usize::from(reduces(&steps[at]));
        let mut stage: Vec<usize> = Vec::new();
        for step in steps {
            let after = step.operands.iter().map(|operand| known(&stage, operand.0));
            stage.push(after.max().unwrap_or(0));
        }
        // What is loaded place by place is loaded where it is first read.
        for at in 0..steps.len() {
            let waits = matches!(steps[at].op, Op::Input(_)) && !outputs.contains(&Register(at));
            let readers = steps.iter().zip(&stage).filter(|(step, _)| step.operands.contains(&Register(at)));
            if let Some(first) = readers.map(|(_, stage)| *stage).min().filter(|_| waits) {
                stage[at] = first;
            }
        }
        let kept = |at: usize| {
            let reads =
                |(step, own): (&Step, &usize)| step.operands.contains(&Register(at)) && *own > stage[at];
            steps[at].width == Width::Full && steps.iter().zip(&stage).any(reads)
        };
        let kept = (0..steps.len()).map(kept).collect();
        Writer { group, steps, strides, team, double: group.chain().is_double(), stage, kept }
    }

    fn whole(&self, name: &str, arguments: &str, threads: usize, rows: usize) -> String {
        let (real, size, at_once) = (real(self.double), self.team.size, threads / self.team.size);
        let mut text = arguments.to_owned();
        let _ = writeln!(
            text,
            "extern \"C\" __global__ void __launch_bounds__({threads}) {name}(const {name}_arguments given) {{
    __shared__ {real} partial[{}];
    const int lane = threadIdx.x % {size};
    // All threads of a block go on together; those behind the last row compute it again and write nothing.
    for (long long first = (long long)blockIdx.x * {at_once}; first < {rows}; first += (long long)gridDim.x * {at_once}) {{
        const bool there = first + threadIdx.x / {size} < {rows};
        const long long row = there ? first + threadIdx.x / {size} : {};",
            (threads / WARP).max(1),
            rows - 1,
        );
        for input in 0..self.group.inputs().len() {
            let Place { row, .. } = place(&self.group.chain().space().0, input, &self.strides[input]);
            let _ = writeln!(text, "        const long long at{input} = {row};");
        }
        let kept: Vec<String> = (0..self.steps.len())
            .filter(|at| self.kept[*at])
            .map(|at| format!("k{at}[{}]", self.team.each))
            .collect();
        if !kept.is_empty() {
            let _ = writeln!(text, "        {real} {};", kept.join(", "));
        }
        let stages = self.stage.iter().max().map_or(0, |last| last + 1);
        (0..stages).for_each(|stage| self.stage(&mut text, stage));
        // The last stage may end with a reduction.
        self.joined(&mut text, stages);
        text + "    }\n}\n"
    }

    /// What a stage computes: once a row, then place by place.
    fn stage(&self, text: &mut String, stage: usize) {
        self.joined(text, stage);
        let real = real(self.double);
        let own = |width: Width| {
            (0..self.steps.len()).filter(move |at| self.stage[*at] == stage && self.steps[*at].width == width)
        };
        for at in own(Width::Row).filter(|at| !reduces(&self.steps[*at])) {
            let _ = writeln!(text, "        const {real} v{at} = {};", self.value(at));
            self.store_row(text, at);
        }
        for at in own(Width::Row).filter(|at| reduces(&self.steps[*at])) {
            let join = join(&self.steps[at]);
            let _ = writeln!(text, "        {real} part{at} = {join}::start<{real}>();");
        }
        let mut inside = String::new();
        for at in (0..self.steps.len()).filter(|at| self.stage[*at] == stage) {
            let step = &self.steps[at];
            if reduces(step) {
                let (join, operand) = (join(step), self.operand(step.operands[0], Some(stage)));
                let _ = writeln!(inside, "            part{at} = {join}::join<{real}>(part{at}, {operand});");
            } else if step.width == Width::Full {
                let _ = writeln!(inside, "            const {real} v{at} = {};", self.value(at));
                if self.kept[at] {
                    let _ = writeln!(inside, "            k{at}[k] = v{at};");
                }
                for output in self.outputs(at) {
                    let last = self.team.last;
                    let _ = writeln!(
                        inside,
                        "            if (there) store(given.y{output} + row * {last} + column, v{at});"
                    );
                }
            }
        }
        if inside.is_empty() {
            return;
        }
        let Team { size, each, last } = self.team;
        *text += "        #pragma unroll\n";
        let _ = writeln!(text, "        for (int k = 0; k < {each}; ++k) {{");
        let _ = writeln!(text, "            const int column = lane + k * {size};");
        if last % size != 0 {
            let _ = writeln!(text, "            if (column >= {last}) continue;");
        }
        *text += &inside;
        *text += "        }\n";
    }

    /// The reductions of the stage before, which are known now.
    fn joined(&self, text: &mut String, stage: usize) {
        let before = |at: &usize| reduces(&self.steps[*at]) && self.stage[*at] + 1 == stage;
        for at in (0..self.steps.len()).filter(before) {
            let (join, size) = (join(&self.steps[at]), self.team.size);
            let real = real(self.double);
            let _ = writeln!(text, "        const {real} v{at} = joined<{join}, {size}>(part{at}, partial);");
            self.store_row(text, at);
        }
    }

    fn store_row(&self, text: &mut String, at: usize) {
        for output in self.outputs(at) {
            let _ = writeln!(text, "        if (there && lane == 0) store(given.y{output} + row, v{at});");
        }
    }

    fn outputs(&self, at: usize) -> impl Iterator<Item = usize> + '_ {
        let outputs = self.group.chain().outputs().iter().enumerate();
        outputs.filter(move |(_, register)| register.0 == at).map(|(output, _)| output)
    }

    fn value(&self, at: usize) -> String {
        let step = &self.steps[at];
        if let Op::Input(input) = step.op {
            let stride = place(&self.group.chain().space().0, input, &self.strides[input]).column;
            let stride = stride.filter(|_| step.width == Width::Full);
            let column = stride.map_or(String::new(), |stride| format!(" + column * {stride}"));
            return format!("widened(given.x{input}[at{input}{column}])");
        }
        expression(step, self.double, |k| self.operand(step.operands[k], Some(self.stage[at])))
    }

    /// An operand as a stage reads it.
    fn operand(&self, register: Register, stage: Option<usize>) -> String {
        let (at, step) = (register.0, &self.steps[register.0]);
        match step.op {
            Op::Number(value) => number(value, self.double),
            _ if step.width == Width::Full && Some(self.stage[at]) != stage => format!("k{at}[k]"),
            _ => format!("v{at}"),
        }
    }
}

fn reduces(step: &Step) -> bool {
    matches!(step.op, Op::Sum | Op::Max | Op::Min)
}

fn join(step: &Step) -> &'static str {
    match step.op {
        Op::Max => "Max",
        Op::Min => "Min",
        _ => "Sum",
    }
}
