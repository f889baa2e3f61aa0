//! Random draws of a step by name: those that are given take the place of the generator's, and what the step has drawn can
//! be read afterwards. The name is the author's, and the number of the draw among those of that name in the step, from 1
//! on, in the order in which they are made: `think/z.1`. Of dropout, the draw is what each element is multiplied with.

use super::step::ExecError;
use crate::ir::Mode;
use crate::ir::op::Op;
use crate::lower::{Instr, InstrOp};
use crate::primitive::kernel::{Arg, torch_kind};
use indexmap::IndexMap;
use tch::{Device, TchError, Tensor};

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

    /// The result of an operation that draws, which `generator` computes from its operands where nothing is given.
    ///
    /// # Errors
    /// A draw that is not among those given, or has another shape; what `failed` makes of libtorch's.
    pub(super) fn draw(
        &mut self,
        instr: &Instr,
        device: Device,
        args: &mut [Arg],
        generator: impl FnOnce(&mut [Arg]) -> Result<Tensor, TchError>,
        failed: impl Fn(TchError) -> ExecError + Copy,
    ) -> Result<Tensor, ExecError> {
        let name = self.next(instr);
        let dropped = match args.first_mut() {
            Some(Arg::Tensor(x)) => {
                let ones = x.f_ones_like().map_err(failed)?;
                Some(std::mem::replace(x, ones))
            }
            _ => None,
        };
        let draw = match &self.given {
            Some(given) => {
                let wrong = |what: String| ExecError::Draw { name: name.clone(), what };
                let known = || given.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                let absent = || wrong(format!("is not given (there are {})", known()));
                let draw = given.get(&name).ok_or_else(absent)?;
                if draw.size() != instr.ty.shape() {
                    return Err(wrong(format!("has shape {:?}, not {:?}", draw.size(), instr.ty.shape())));
                }
                let kind = torch_kind(instr.ty.kind);
                draw.f_to_device(device).and_then(|draw| draw.f_to_kind(kind)).map_err(failed)?
            }
            None => generator(args).map_err(failed)?,
        };
        self.made.insert(name, draw.shallow_clone());
        match dropped {
            Some(x) => x.f_mul(&draw).map_err(failed),
            // What comes next may take the memory of the result.
            None => draw.f_alias_copy().map_err(failed),
        }
    }

    fn next(&mut self, instr: &Instr) -> String {
        let primitive = match &instr.op {
            InstrOp::Op(Op::Prim(id, _)) => id.get().name,
            _ => "draw",
        };
        let base = if instr.name.is_empty() { primitive } else { &instr.name };
        let count = self.counts.entry(base.to_owned()).or_insert(0);
        *count += 1;
        format!("{base}.{count}")
    }
}

/// How a step draws its random numbers: as libtorch's generator stands, unless something is said.
#[derive(Default)]
pub(super) struct Drawing<'d> {
    /// Seeds of single rows.
    pub seeds: Option<&'d [u64]>,
    /// Draws by name.
    pub named: Option<&'d mut NamedDraws>,
}

/// Whether an instruction draws: dropout does in training only.
pub(super) fn draws(instr: &Instr, mode: Mode) -> bool {
    let InstrOp::Op(Op::Prim(id, _)) = &instr.op else { return false };
    id.get().random && (mode == Mode::Training || instr.args.is_empty())
}
