//! What a chain is: steps over a space, checked when it is made, with a buffer for each value.

use std::sync::Arc;

/// The value of a step, by its place among the steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register(pub usize);

/// How many values a step has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// One for each place of the space.
    Full,
    /// One for each row: the space without its last axis.
    Row,
    /// One for all.
    One,
}

/// What a step computes. Truth values are 0 and 1. Where PyTorch defines a function at its edges, so it is here.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "they are called as PyTorch calls them")]
pub enum Op {
    /// The input of that place.
    Input(usize),
    /// A number.
    Number(f64),
    Neg,
    Exp,
    Log,
    Sqrt,
    Rsqrt,
    Abs,
    Sign,
    Floor,
    Sin,
    Cos,
    Sigmoid,
    Tanh,
    Silu,
    Relu,
    Not,
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    Maximum,
    Minimum,
    Lt,
    Le,
    Gt,
    Ge,
    Eq,
    Ne,
    And,
    Or,
    /// Operands: adjoint, result.
    SigmoidBackward,
    /// Operands: adjoint, result.
    TanhBackward,
    /// Operands: adjoint, operand.
    SiluBackward,
    /// Operands: condition, a, b.
    Where,
    /// Over the last axis, in 16 partial sums.
    Sum,
    /// The largest over the last axis.
    Max,
    /// The smallest over the last axis.
    Min,
}

/// One operation on earlier steps.
#[derive(Clone, Debug)]
pub struct Step {
    /// What is computed.
    pub op: Op,
    /// Its operands.
    pub operands: Vec<Register>,
    /// How many values it has.
    pub width: Width,
}

/// The places that a chain computes for: sizes of axes, the outermost first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Space(pub Vec<usize>);

impl Space {
    pub(super) fn last(&self) -> usize {
        self.0.last().copied().unwrap_or(1)
    }

    pub(super) fn rows(&self) -> usize {
        self.0.split_last().map_or(1, |(_, outer)| outer.iter().product())
    }
}

/// A program of steps over a space.
#[derive(Clone, Debug)]
pub struct Chain {
    pub(super) space: Space,
    pub(super) double: bool,
    pub(super) steps: Vec<Step>,
    pub(super) outputs: Vec<Register>,
    pub(super) inputs: usize,
    /// The buffer of each step that has one, and how many there are of each width.
    pub(super) buffers: Vec<Option<usize>>,
    pub(super) full: usize,
    pub(super) row: usize,
}

/// What is wrong with a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch(pub String);

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Mismatch {}

impl Chain {
    /// A chain that computes in float32, or in float64 if `double`.
    ///
    /// # Errors
    /// Steps that read later ones, the wrong number of operands, or widths that do not fit.
    pub fn new(
        space: Space,
        double: bool,
        steps: Vec<Step>,
        outputs: Vec<Register>,
    ) -> Result<Arc<Chain>, Mismatch> {
        let mut inputs = 0;
        for (at, step) in steps.iter().enumerate() {
            let wrong = |what: &str| Mismatch(format!("step {at} ({:?}): {what}", step.op));
            if step.operands.iter().any(|operand| operand.0 >= at) {
                return Err(wrong("reads a later one"));
            }
            if step.operands.len() != arity(step.op) {
                return Err(wrong("has the wrong number of operands"));
            }
            let widths = step.operands.iter().map(|operand| steps[operand.0].width);
            let widest = widths.max_by_key(|width| *width as usize == Width::Full as usize);
            let fits = match step.op {
                Op::Input(place) => {
                    inputs = inputs.max(place + 1);
                    step.width != Width::One
                }
                Op::Number(_) => step.width == Width::One,
                Op::Sum | Op::Max | Op::Min => step.width == Width::Row && widest == Some(Width::Full),
                _ => {
                    let own = step.operands.iter().map(|operand| steps[operand.0].width);
                    step.width
                        == own.fold(Width::One, |wide, width| match (wide, width) {
                            (Width::Full, _) | (_, Width::Full) => Width::Full,
                            (Width::Row, _) | (_, Width::Row) => Width::Row,
                            _ => Width::One,
                        })
                }
            };
            if !fits {
                return Err(wrong("has the wrong width"));
            }
        }
        if let Some(output) = outputs.iter().find(|output| output.0 >= steps.len()) {
            return Err(Mismatch(format!("there is no step {} to write", output.0)));
        }
        let mut chain = Chain { space, double, steps, outputs, inputs, buffers: Vec::new(), full: 0, row: 0 };
        chain.allocate();
        Ok(Arc::new(chain))
    }

    /// The places that it computes for.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// Whether it computes in float64.
    pub fn is_double(&self) -> bool {
        self.double
    }

    /// What it computes, in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The values that leave it.
    pub fn outputs(&self) -> &[Register] {
        &self.outputs
    }

    /// How many inputs it reads.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The inputs (a, b) of a chain that computes `silu(a) · b` and nothing else.
    pub fn gate(&self) -> Option<(usize, usize)> {
        let input = |register: Register| match self.steps[register.0].op {
            Op::Input(place) if self.steps[register.0].width == Width::Full => Some(place),
            _ => None,
        };
        let [Register(last)] = self.outputs[..] else { return None };
        let [x, y] = self.steps[last].operands[..] else { return None };
        let product = self.steps[last].op == Op::Mul && self.steps.len() == 4 && self.inputs == 2;
        let silu = |register: Register| match self.steps[register.0].op {
            Op::Silu => input(self.steps[register.0].operands[0]),
            _ => None,
        };
        let sides = silu(x).zip(input(y)).or_else(|| silu(y).zip(input(x)));
        sides.filter(|(a, b)| product && !self.double && a != b)
    }

    /// Gives buffers to steps; one that nobody reads any more is given again.
    fn allocate(&mut self) {
        let mut last: Vec<usize> = (0..self.steps.len()).collect();
        for (at, step) in self.steps.iter().enumerate() {
            step.operands.iter().for_each(|operand| last[operand.0] = at);
        }
        self.outputs.iter().for_each(|output| last[output.0] = self.steps.len());
        let (mut free_full, mut free_row) = (Vec::new(), Vec::new());
        self.buffers = vec![None; self.steps.len()];
        for at in 0..self.steps.len() {
            let (free, made) = match self.steps[at].width {
                Width::Full => (&mut free_full, &mut self.full),
                Width::Row => (&mut free_row, &mut self.row),
                Width::One => continue,
            };
            // Taken before operands are given back: no operation writes what it reads.
            self.buffers[at] = Some(free.pop().unwrap_or_else(|| {
                *made += 1;
                *made - 1
            }));
            for (before, reader) in last.iter().enumerate().take(at + 1) {
                if *reader == at
                    && (before == at || self.steps[at].operands.contains(&Register(before)))
                    && let Some(buffer) = self.buffers[before]
                {
                    let free =
                        if self.steps[before].width == Width::Full { &mut free_full } else { &mut free_row };
                    if !free.contains(&buffer) {
                        free.push(buffer);
                    }
                }
            }
        }
    }
}

fn arity(op: Op) -> usize {
    match op {
        Op::Input(_) | Op::Number(_) => 0,
        Op::Neg
        | Op::Exp
        | Op::Log
        | Op::Sqrt
        | Op::Rsqrt
        | Op::Abs
        | Op::Sign
        | Op::Floor
        | Op::Sin
        | Op::Cos
        | Op::Sigmoid
        | Op::Tanh
        | Op::Silu
        | Op::Relu
        | Op::Not
        | Op::Sum
        | Op::Max
        | Op::Min => 1,
        Op::Where => 3,
        _ => 2,
    }
}
