//! Gradients of weights that are summed over all slices: all applications of a weight in one product, in float32, split by
//! its outputs so that every thread has work. What a sum is made of, and in which order, depends on the plan alone.

use super::array::Array;
use super::call::any;
use super::call::matrix;
use super::memory::Layout;
use super::plan::{Plan, Room};
use super::product::{Application, offsets};
use super::record::{bytes_of, libtorch_multiplies};
use crate::types::Kind;
use totc_kernels::fused::Kind as Held;
use totc_kernels::untyped::{Operand as Raw, weight_gradient_into};
use totc_kernels::{Form, Precision};

/// Outputs of a weight that one thread sums the gradient of.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub meeting: usize,
    /// By place among the plan's gradients.
    pub gradient: usize,
    pub applications: std::ops::Range<usize>,
    pub first: usize,
    pub rows: usize,
    /// Whether the sum begins here.
    pub begins: bool,
}

/// Outputs of a weight that a thread sums at once: the other operand is packed anew for each task, which many outputs have to
/// make up for.
const OUTPUTS: usize = 1536;

/// The work of all meetings, in pieces that do not depend on the number of threads.
pub(super) fn tasks(plan: &Plan) -> Vec<Task> {
    let mut tasks = Vec::new();
    let mut begun = vec![false; plan.gradients.len()];
    for (number, meeting) in plan.meetings.iter().enumerate() {
        for (at, range) in &meeting.sums {
            let gradient = &plan.gradients[*at];
            for first in (0..gradient.n).step_by(OUTPUTS) {
                tasks.push(Task {
                    meeting: number,
                    gradient: *at,
                    applications: range.clone(),
                    first,
                    rows: OUTPUTS.min(gradient.n - first),
                    begins: !begun[*at],
                });
            }
            begun[*at] = true;
        }
    }
    // The longest first, so that no thread is left with one.
    tasks.sort_by_key(|task| std::cmp::Reverse(task.rows * plan.gradients[task.gradient].k));
    tasks
}

/// Where the operands lie.
pub(super) struct Sums<'a> {
    pub plan: &'a Plan,
    pub layout: &'a Layout,
    pub form: Form,
    /// Where the shared buffers begin, and those of each slice.
    pub base: usize,
    pub bases: Vec<usize>,
}

impl Sums<'_> {
    /// The gradient by some outputs of a weight: all applications in all slices, in their order.
    pub fn sum(&self, task: &Task, out: usize) -> Result<(), String> {
        let gradient = &self.plan.gradients[task.gradient];
        let applications = &gradient.applications[task.applications.clone()];
        let first = out + task.first * gradient.k * size_of::<f32>();
        let count = task.rows * gradient.k;
        if task.begins {
            // SAFETY: rows of a new tensor that no other task writes; zero bytes are zeros.
            #[expect(unsafe_code, reason = "kernels write memory by pointers")]
            unsafe {
                std::ptr::write_bytes(first as *mut f32, 0, count);
            }
        }
        let (shape, strides) = ((task.rows, gradient.k), (gradient.k, 1));
        let to = Raw { address: first, kind: Held::Float32, shape, strides };
        // Applications of one pair of kinds go to the kernel together.
        for same in applications.chunk_by(|a, b| kinds(a) == kinds(b)) {
            let all = self.operands(same, task);
            if kinds(&same[0]) == (Kind::Float32, Kind::Float32) && libtorch_multiplies(self.form) {
                let out = matrix(first, shape, strides);
                for (dy, x) in &all {
                    let dy = matrix(dy.address, (dy.shape.1, dy.shape.0), (dy.strides.1, dy.strides.0));
                    let done = out.f_addmm_out(&out, &dy, &matrix(x.address, x.shape, x.strides));
                    let _ = done.map_err(|error| error.to_string())?;
                }
                continue;
            }
            let narrow = kinds(&same[0]) == (Kind::BFloat16, Kind::BFloat16);
            let precision = if narrow { Precision::Bfloat16 } else { Precision::Float32 };
            // SAFETY: the arrays' types say how much of their buffers is read; all slices have stopped.
            #[expect(unsafe_code, reason = "kernels read and write memory by pointers")]
            let done = unsafe { weight_gradient_into(self.form, precision, &all, to) };
            done.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// The operands of applications in all slices, for the outputs of a task.
    fn operands(&self, applications: &[Application], task: &Task) -> Vec<(Raw, Raw)> {
        let mut all = Vec::new();
        for own in applications {
            let walks = offsets(&own.walks);
            for base in self.bases.iter().filter(|base| self.computed(own, **base)) {
                let raw = |array: &Array, offset: usize, shape, strides| {
                    let shared = self.plan.buffers[array.buffer].room == Room::Shared;
                    let start = if shared { self.base } else { *base } + self.layout.offsets[array.buffer];
                    let address = start + (array.offset + offset) * bytes_of(array.ty.kind);
                    let narrow = array.ty.kind == Kind::BFloat16;
                    let kind = if narrow { Held::BFloat16 } else { Held::Float32 };
                    Raw { address, kind, shape, strides }
                };
                for (dy, x, _) in &walks {
                    let first = dy + task.first * own.dy_strides.1;
                    all.push((
                        raw(&own.dy, first, (own.rows, task.rows), own.dy_strides),
                        raw(&own.x, *x, (own.rows, own.k), own.x_strides),
                    ));
                }
            }
        }
        all
    }

    /// Whether no loop around an application was left out in the slice whose buffers begin at `base`.
    fn computed(&self, own: &Application, base: usize) -> bool {
        own.guards.iter().all(|mask| {
            let shared = self.plan.buffers[mask.buffer].room == Room::Shared;
            let start = if shared { self.base } else { base } + self.layout.offsets[mask.buffer];
            any(start + mask.offset, mask.ty.count())
        })
    }
}

fn kinds(application: &Application) -> (Kind, Kind) {
    (application.dy.ty.kind, application.x.ty.kind)
}
