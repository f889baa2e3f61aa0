//! Random draws of a step by name: those that are given take the place of the generator's, and what the step has drawn can
//! be read afterwards. The name is the author's, and the number of the draw among those of that name in the step, from 1
//! on, in the order in which they are made: `think/z.1`. Of dropout, the draw is what each element is multiplied with.

use super::interpreter::{Interpreter, Step, failure};
use super::step::ExecError;
use crate::ir::Mode;
use crate::ir::op::Op;
use crate::lower::{Instr, InstrOp};
use crate::primitive::kernel::{Arg, Kernel, torch_kind};
use indexmap::IndexMap;
use tch::{TchError, Tensor};

/// The draws of one step.
#[derive(Debug, Default)]
pub struct NamedDraws {
    given: Option<IndexMap<String, Tensor>>,
    made: IndexMap<String, Tensor>,
    counts: IndexMap<String, usize>,
}

impl NamedDraws {
    /// Draws of the generator, or those that are given, which must be all that the step makes.
    pub fn new(given: Option<IndexMap<String, Tensor>>) -> NamedDraws {
        NamedDraws { given, ..NamedDraws::default() }
    }

    /// What the step has drawn, in order.
    pub fn made(&self) -> &IndexMap<String, Tensor> {
        &self.made
    }

    fn next(&mut self, instr: &Instr, primitive: &str) -> String {
        let base = if instr.name.is_empty() { primitive } else { &instr.name };
        let count = self.counts.entry(base.to_owned()).or_insert(0);
        *count += 1;
        format!("{base}.{count}")
    }
}

impl Interpreter<'_> {
    /// The result of an operation that draws, if the draws of the step are to be known.
    ///
    /// # Errors
    /// A draw that is not among those given, or has another shape; kernels that fail.
    pub(super) fn drawn(
        &self,
        instr: &Instr,
        kernel: &Kernel,
        step: &mut Step,
    ) -> Result<Option<Tensor>, ExecError> {
        let InstrOp::Op(Op::Prim(id, _)) = &instr.op else { return Ok(None) };
        let primitive = id.get();
        let draws = primitive.random && (self.program.mode == Mode::Training || instr.args.is_empty());
        let Some(named) = step.named.as_deref_mut().filter(|_| draws) else { return Ok(None) };
        let failed = |error: TchError| failure(self.program, instr, &error);
        let name = named.next(instr, primitive.name);
        let dropped = match step.args.first_mut() {
            Some(Arg::Tensor(x)) => {
                let ones = x.f_ones_like().map_err(failed)?;
                Some(std::mem::replace(x, ones))
            }
            _ => None,
        };
        let draw = match &named.given {
            Some(given) => {
                let wrong = |what: String| ExecError::Draw { name: name.clone(), what };
                let known = || given.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                let draw =
                    given.get(&name).ok_or_else(|| wrong(format!("is not given (there are {})", known())))?;
                if draw.size() != instr.ty.shape() {
                    return Err(wrong(format!("has shape {:?}, not {:?}", draw.size(), instr.ty.shape())));
                }
                let options = (self.device, torch_kind(instr.ty.kind));
                draw.f_to_device(options.0).and_then(|draw| draw.f_to_kind(options.1)).map_err(failed)?
            }
            None => kernel(&mut step.run, &mut step.args).map_err(failed)?,
        };
        named.made.insert(name, draw.shallow_clone());
        match dropped {
            Some(x) => x.f_mul(&draw).map_err(failed).map(Some),
            // What comes next may take the memory of the result.
            None => draw.f_alias_copy().map_err(failed).map(Some),
        }
    }
}
