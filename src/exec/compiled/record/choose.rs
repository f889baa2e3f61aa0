//! Which kernel computes an operation: totc's own for products, attention, rotary positions, copies and chains, libtorch's
//! for the rest.

use super::{Recorder, chained, multiplied};
use crate::exec::chain;
use crate::exec::compiled::array::Array;
use crate::exec::compiled::class::Class;
use crate::exec::compiled::plan::{Attention, Pack, What};
use crate::exec::compiled::product::Product;
use crate::ir::op::Op;
use crate::lower::{Instr, Operand};
use crate::primitive::{Attrs, Chained};
use crate::types::{AxisId, AxisSize, Kind, Ty};
use totc_kernels::Form;

impl Recorder<'_> {
    /// Records the computation of an operation.
    pub(super) fn computed(
        &mut self,
        instr: &Instr,
        op: &Op,
        arrays: Vec<Option<Array>>,
        out: &Array,
        note: usize,
        shared: bool,
    ) -> Option<()> {
        let reads: Vec<Array> = arrays.iter().flatten().cloned().collect();
        let all = reads.len() == arrays.len();
        let prim = match op {
            Op::Prim(id, attrs) => Some((id.get().name, attrs)),
            _ => None,
        };
        if let (Op::Concat { parts, to }, true) = (op, all) {
            if reads.iter().any(|read| read.ty.kind != out.ty.kind) {
                return self.by_libtorch(instr, op, reads, out, note, shared);
            }
            let mut start = 0;
            for (read, part) in reads.into_iter().zip(parts) {
                let size = read.ty.size(*part)?;
                let mut ty = out.ty.clone();
                ty.dims.iter_mut().filter(|dim| dim.axis == *to).for_each(|dim| dim.size = size);
                let target = out.part(*to, start, ty.clone(), *to);
                // The operand's axes in the order of the result.
                let strides =
                    ty.axes().map(|axis| read.stride(if axis == *to { *part } else { axis })).collect();
                let read = Array { strides, ty, ..read };
                self.step(What::Copy, vec![read], vec![target], note, shared);
                start += size;
            }
            return Some(());
        }
        if let (Op::Expand | Op::Flatten { .. } | Op::Unflatten { .. }, [read], true) = (op, &reads[..], all)
            && let Op::Expand = op
        {
            let strides = out.ty.axes().map(|axis| read.stride(axis)).collect();
            let read = Array { strides, ty: Ty::new(read.ty.kind, out.ty.dims.clone()), ..read.clone() };
            self.step(What::Copy, vec![read], vec![out.clone()], note, shared);
            return Some(());
        }
        match prim {
            Some(("dot", attrs)) if all && !shared => {
                if let Some(done) = self.product(&reads, attrs, out, note) {
                    return Some(done);
                }
            }
            Some(("rope", attrs)) if all && !shared => {
                if let Some(done) = self.rotated(&reads[0], attrs, out, note) {
                    return Some(done);
                }
            }
            Some((name @ ("attend" | "attend_backward"), attrs)) if all && !shared => {
                if let Some(done) = self.attention(&reads, attrs, out, note, name != "attend") {
                    return Some(done);
                }
            }
            _ => {}
        }
        if self.chain(instr, op, out, note, shared).is_some() {
            return Some(());
        }
        self.by_libtorch(instr, op, reads, out, note, shared)
    }

    /// One operation as a chain of its own.
    fn chain(&mut self, instr: &Instr, op: &Op, out: &Array, note: usize, shared: bool) -> Option<()> {
        let possible = match op {
            Op::Prim(id, attrs) => match id.get().chained {
                Chained::Never => false,
                Chained::Each(_) => !instr.ty.dims.is_empty(),
                // Rows run along the last axis.
                Chained::Rows(_) => {
                    let whole = &instr.arg_tys.last()?.dims;
                    let along = whole.last().is_some_and(|last| last.size > 0 && attrs.over == [last.axis]);
                    along && instr.arg_tys.iter().all(|ty| ty.dims == *whole)
                }
            },
            Op::Cast(kind) => kind.is_float() && !instr.ty.dims.is_empty(),
            _ => false,
        };
        let number = |arg: &Operand| matches!(arg, Operand::Number(_));
        let kinds = instr.arg_tys.iter().zip(&instr.args).all(|(ty, arg)| chained(ty.kind) || number(arg));
        if !possible || !kinds || !chained(instr.ty.kind) || instr.args.iter().all(number) {
            return None;
        }
        let yields = [Operand::Slot(*instr.out.first()?)];
        let planned = chain::plan(std::slice::from_ref(instr), &yields, std::slice::from_ref(&instr.ty))?;
        let mut reads = Vec::new();
        for slot in planned.reads() {
            let at = instr.args.iter().position(|arg| *arg == Operand::Slot(slot))?;
            reads.push(self.array(slot, &instr.arg_tys[at], note)?);
        }
        let what = if matches!(op, Op::Cast(_)) { What::Convert(planned) } else { What::Chain(planned) };
        self.step(what, reads, vec![out.clone()], note, shared);
        Some(())
    }

    fn by_libtorch(
        &mut self,
        instr: &Instr,
        op: &Op,
        reads: Vec<Array>,
        out: &Array,
        note: usize,
        shared: bool,
    ) -> Option<()> {
        if let Op::Gather { axis } = op
            && !self.proved(instr, *axis)
        {
            return None;
        }
        self.step(What::Torch(Box::new(instr.clone())), reads, vec![out.clone()], note, shared);
        Some(())
    }

    /// Whether the kind of a lookup's index proves that it finds something.
    fn proved(&self, instr: &Instr, axis: AxisId) -> bool {
        let Some(size) = instr.arg_tys[0].size(axis) else { return false };
        match (instr.arg_tys[1].kind, self.program.axes.get(axis).size) {
            (Kind::Index { .. }, AxisSize::Fixed(own)) => own <= size,
            (Kind::Index { .. }, _) => true,
            _ => false,
        }
    }

    fn product(&mut self, reads: &[Array], attrs: &Attrs, out: &Array, note: usize) -> Option<()> {
        let [a, b] = reads else { return None };
        if ![a, b, out].iter().all(|array| multiplied(array.ty.kind)) {
            return None;
        }
        let product = Product::of(a, b, &attrs.over, out)?;
        let wide = [a, b, out].iter().all(|array| array.ty.kind == Kind::Float32);
        if wide && product.walks.iter().all(|walk| walk.size == 1) && libtorch_multiplies(self.form) {
            self.step(What::Matmul(product), reads.to_vec(), vec![out.clone()], note, false);
            return Some(());
        }
        let right = if product.swapped { a } else { b };
        let moves = product.walks.iter().any(|walk| walk.right != 0);
        let pack = self.class_of(right) == Class::Shared && !moves;
        let bfloat16 = a.ty.kind == Kind::BFloat16 && b.ty.kind == Kind::BFloat16;
        let pack = pack.then(|| {
            let (n, k) = (product.cols, product.k);
            let key = (right.buffer, right.offset, [n, k, product.right.0, product.right.1], bfloat16);
            *self.packed.entry(key).or_insert_with(|| {
                self.plan.packs.push(Pack {
                    from: right.clone(),
                    n,
                    k,
                    strides: product.right,
                    bfloat16,
                    paired: false,
                });
                self.plan.packs.len() - 1
            })
        });
        self.step(What::Product(product, pack), reads.to_vec(), vec![out.clone()], note, false);
        Some(())
    }

    fn rotated(&mut self, read: &Array, attrs: &Attrs, out: &Array, note: usize) -> Option<()> {
        let last = *out.ty.dims.last()?;
        let fits = multiplied(read.ty.kind)
            && Some(last.axis) == attrs.along
            && read.ty.dims == out.ty.dims
            && read.strides.last() == Some(&1);
        if !fits {
            return None;
        }
        let axis = out.ty.position(*attrs.over.first()?)?;
        let (theta, back) = (attrs.number(0).unwrap_or(10000.0), attrs.number(1).is_some());
        self.step(What::Rotate { theta, back, axis }, vec![read.clone()], vec![out.clone()], note, false);
        Some(())
    }

    fn attention(
        &mut self,
        reads: &[Array],
        attrs: &Attrs,
        out: &Array,
        note: usize,
        backward: bool,
    ) -> Option<()> {
        let (over, along) = (*attrs.over.first()?, attrs.along?);
        let part = attrs.into.first().map(|(axis, _)| *axis);
        let kind = reads[0].ty.kind;
        let kinds = reads.iter().chain([out]).all(|array| array.ty.kind == kind);
        if !kinds || !multiplied(kind) || out.ty.dims.last()?.axis != along {
            return None;
        }
        let mut writes = Vec::new();
        match (backward, part) {
            (true, Some(part)) => {
                let own: Vec<_> = out.ty.dims.iter().filter(|dim| dim.axis != part).copied().collect();
                for at in 0..3 {
                    let ty = Ty::new(out.ty.kind, own.clone());
                    writes.push(out.viewed(&Op::Select { axis: part, at }, &ty)?);
                }
            }
            _ => writes.push(out.clone()),
        }
        let first = &reads[usize::from(backward)];
        let outer: Vec<AxisId> = first.ty.axes().filter(|axis| *axis != over && *axis != along).collect();
        let heads = |array: &Array| {
            let mut all = vec![array.offset];
            for axis in &outer {
                let (size, stride) = (first.ty.size(*axis).unwrap_or(1), array.stride(*axis));
                all = all.into_iter().flat_map(|own| (0..size).map(move |at| own + at * stride)).collect();
            }
            all
        };
        let arrays = || reads.iter().chain(&writes);
        let attention = Attention {
            causal: attrs.number(0).is_some_and(|value| value != 0.0),
            heads: arrays().map(heads).collect(),
            sizes: (first.ty.size(over)?, first.ty.size(along)?),
            strides: arrays().map(|array| (array.stride(over), array.stride(along))).collect(),
            backward,
        };
        self.step(What::Attention(attention), reads.to_vec(), writes, note, false);
        Some(())
    }
}

/// Whether libtorch's product of float32 is the one to take: where it has MKL, on processors that MKL has its best kernels for,
/// and no other form is asked for.
pub(in crate::exec::compiled) fn libtorch_multiplies(form: Form) -> bool {
    form >= Form::Avx512 && totc_kernels::by_intel()
}
