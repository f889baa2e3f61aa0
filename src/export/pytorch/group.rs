//! Statements back into the calls that they were written out from: what stands together and has the same frame becomes a
//! section, block, net or function of its own. Takes the flat statements of a program, gives statements with calls; where a
//! call cannot stand on its own its statements stay where they are, so nothing depends on the frames but the looks.

use super::statement::{Arg, Call, Expr, FlatStmt, Framed, From, Head, Id, Loop, Program, Stmt};
use crate::ir::{Called, Frame};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The step with its calls.
pub(super) fn grouped(program: &mut Program) -> Vec<Stmt> {
    let flat = std::mem::take(&mut program.flat);
    let mut counts = count_flat(&flat);
    program.outputs.iter().for_each(|(_, id)| *counts.entry(*id).or_insert(0) += 1);
    Grouping { program, counts }.block(flat, &Place::default())
}

/// Where statements stand.
#[derive(Clone, Default)]
struct Place {
    /// The frames around, outermost first.
    around: Vec<u32>,
    /// The path of the net whose class it is; empty for the model's own.
    class: String,
    /// In a function, which has no weights.
    function: bool,
}

struct Grouping<'a> {
    program: &'a Program,
    /// How often each value is read in all.
    counts: HashMap<Id, usize>,
}

impl Grouping<'_> {
    fn block(&self, flat: Vec<Framed>, place: &Place) -> Vec<Stmt> {
        let mut stmts = Vec::new();
        let mut flat = flat.into_iter().peekable();
        while let Some(first) = flat.next() {
            let Some(frame) = next_frame(&first, &place.around) else {
                stmts.push(self.single(first, place));
                continue;
            };
            let mut run = vec![first];
            while let Some(more) = flat.next_if(|more| {
                next_frame(more, &place.around).is_some_and(|other| other.number == frame.number)
            }) {
                run.push(more);
            }
            stmts.extend(self.call(frame, run, place));
        }
        stmts
    }

    fn single(&self, framed: Framed, place: &Place) -> Stmt {
        match framed.stmt {
            FlatStmt::Let { out, expr } => Stmt::Let { outs: vec![out], expr },
            FlatStmt::Loop { of, body } => Stmt::Loop(Loop { body: self.block(body, place), ..of }),
        }
    }

    fn call(&self, frame: Arc<Frame>, run: Vec<Framed>, place: &Place) -> Vec<Stmt> {
        let mut inside = place.clone();
        inside.around.push(frame.number);
        let own = match &frame.what {
            Called::Section(_) | Called::Block(_) => place.class.is_empty() && !place.function,
            Called::Net { path, .. } => {
                let under = place.class.is_empty() || path.starts_with(&format!("{}.", place.class));
                under && !place.function && !path.is_empty()
            }
            Called::Function(_) => statements(&run) > 1 && !run.iter().any(|of| holds_net(of, frame.number)),
        };
        if !own {
            return self.block(run, &inside);
        }
        match &frame.what {
            Called::Net { path, .. } => inside.class = path.clone(),
            Called::Function(_) => inside.function = true,
            _ => {}
        }
        let own = count_flat(&run);
        let body = self.block(run, &inside);
        let call = self.bounded(frame, body, &own, &inside);
        if call.outs.is_empty() {
            return call.body;
        }
        let args = call.params.iter().map(|id| Arg::Value(*id)).collect();
        let random = call.body.iter().any(is_random);
        let outs = call.outs.clone();
        vec![Stmt::Let { outs, expr: Expr { head: Head::Call(Box::new(call)), args, random } }]
    }

    /// The call with what it reads from around and what is read of it; `own` is how often values are read inside.
    fn bounded(&self, frame: Arc<Frame>, body: Vec<Stmt>, own: &HashMap<Id, usize>, inside: &Place) -> Call {
        let mut made = HashSet::new();
        body.iter().for_each(|stmt| stmt.makes(&mut made));
        let mut reads = Vec::new();
        body.iter().for_each(|stmt| stmt.reads(&mut reads));
        let mut seen = HashSet::new();
        let params = reads.iter().copied().filter(|id| {
            let known = match &self.program.values[*id].from {
                From::Number(_) => true,
                From::Weight(path) => {
                    !inside.function
                        && (inside.class.is_empty() || path.starts_with(&format!("{}.", inside.class)))
                }
                _ => made.contains(id),
            };
            !known && seen.insert(*id)
        });
        let params = params.collect();
        let mut outs: Vec<Id> = made.into_iter().filter(|id| self.counts.get(id) > own.get(id)).collect();
        outs.sort_unstable();
        Call { frame, body, params, outs }
    }
}

/// The frame of a statement right below those around it.
fn next_frame(framed: &Framed, around: &[u32]) -> Option<Arc<Frame>> {
    let chain = Frame::chain(&framed.frame);
    let at = match around.last() {
        Some(last) => chain.iter().position(|frame| frame.number == *last)? + 1,
        None => 0,
    };
    chain.get(at).cloned()
}

fn statements(run: &[Framed]) -> usize {
    let each = |framed: &Framed| match &framed.stmt {
        FlatStmt::Let { .. } => 1,
        FlatStmt::Loop { body, .. } => 1 + statements(body),
    };
    run.iter().map(each).sum()
}

/// Whether a statement was written out from a net or block inside of a frame.
fn holds_net(framed: &Framed, number: u32) -> bool {
    let chain = Frame::chain(&framed.frame);
    let inner = chain.iter().skip_while(|frame| frame.number != number).skip(1);
    let below = |framed: &Framed| match &framed.stmt {
        FlatStmt::Let { .. } => false,
        FlatStmt::Loop { body, .. } => body.iter().any(|inner| holds_net(inner, number)),
    };
    inner.into_iter().any(|frame| !matches!(frame.what, Called::Function(_))) || below(framed)
}

fn is_random(stmt: &Stmt) -> bool {
    match stmt {
        Stmt::Let { expr, .. } => expr.random,
        Stmt::Loop(of) => of.body.iter().any(is_random),
    }
}

fn count_flat(flat: &[Framed]) -> HashMap<Id, usize> {
    let mut reads = Vec::new();
    read_flat(flat, &mut reads);
    let mut counts = HashMap::new();
    reads.into_iter().for_each(|id| *counts.entry(id).or_insert(0) += 1);
    counts
}

fn read_flat(flat: &[Framed], into: &mut Vec<Id>) {
    for framed in flat {
        match &framed.stmt {
            FlatStmt::Let { expr, .. } => expr.reads(into),
            FlatStmt::Loop { of, body } => {
                into.extend(of.carried.iter().map(|carried| carried.start));
                read_flat(body, into);
                into.extend(of.tail());
            }
        }
    }
}
