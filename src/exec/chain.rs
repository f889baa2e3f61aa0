//! A fused group as one kernel of totc's own, on tensors of the CPU: reads the operands where they lie, by their strides, and
//! gives new tensors.

use crate::primitive::kernel::{TchResult, torch_kind};
use tch::{Device, TchError, Tensor};
use totc_kernels::Form;
use totc_kernels::fused::{Input, Kind as Held, Output};

pub(in crate::exec) use crate::lower::chain::{Planned, plan};

impl Planned {
    /// Computes the group.
    ///
    /// # Errors
    /// No memory left for the results; a tensor of a kind that no chain reads.
    pub(in crate::exec) fn run(&self, operands: &[Tensor]) -> TchResult<Vec<Tensor>> {
        let mut inputs = Vec::with_capacity(operands.len());
        for (source, tensor) in self.inputs().iter().zip(operands) {
            let strides = tensor.stride();
            let strides = source.axes.iter().map(|axis| axis.map_or(0, |axis| strides[axis] as isize));
            let (pointer, kind) = (tensor.data_ptr() as *const u8, held(tensor.kind())?);
            inputs.push(Input { pointer, kind, strides: strides.collect() });
        }
        let mut results = Vec::with_capacity(self.outputs().len());
        let mut outputs = Vec::with_capacity(self.outputs().len());
        for ty in self.outputs() {
            let kind = torch_kind(ty.kind);
            let result = Tensor::f_empty(ty.shape(), (kind, Device::Cpu))?;
            outputs.push(Output { pointer: result.data_ptr() as *mut u8, kind: held(kind)? });
            results.push(result);
        }
        // SAFETY: the program's types say the sizes of every operand, and libtorch's strides where its elements lie, all of
        // them inside its memory, which `operands` keeps alive; results are new, contiguous and as large as their types.
        #[expect(unsafe_code, reason = "kernels read and write memory by pointers")]
        let done = unsafe { self.chain().run(Form::best(), &inputs, &outputs) };
        done.map_err(|mismatch| TchError::Torch(mismatch.to_string()))?;
        Ok(results)
    }
}

pub(in crate::exec) fn held(kind: tch::Kind) -> TchResult<Held> {
    match kind {
        tch::Kind::Bool => Ok(Held::Bool),
        tch::Kind::BFloat16 => Ok(Held::BFloat16),
        tch::Kind::Float => Ok(Held::Float32),
        tch::Kind::Double => Ok(Held::Float64),
        other => Err(TchError::Torch(format!("a chain cannot read {other:?}"))),
    }
}
