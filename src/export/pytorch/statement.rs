//! The step between graph and text: values by number, statements that compute them, loops and calls inside one another. Data
//! and what it reads; writes nothing.

use crate::ir::{Frame, Name};
use crate::types::Ty;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A value, by its place in [`Program::values`].
pub type Id = usize;

/// What is known of a value.
#[derive(Clone, Debug)]
pub struct Value {
    pub ty: Ty,
    pub from: From,
    /// The author's names for it.
    pub names: Vec<Name>,
    /// What to call it where the author has no name for it.
    pub label: String,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum From {
    /// A statement computes it, or a loop carries it.
    Computed,
    /// Known when the model was compiled.
    Number(f64),
    /// A weight, by path.
    Weight(String),
    /// An argument of the step: an input, a state, `fresh` or `steps`.
    Given,
}

/// An expression: text with `{0}`, `{1}` for its arguments, or a call.
#[derive(Clone, Debug)]
pub struct Expr {
    pub head: Head,
    pub args: Vec<Arg>,
    /// Draws random numbers, so it stays where it is.
    pub random: bool,
}

#[derive(Clone, Debug)]
pub enum Head {
    Text(String),
    Call(Box<Call>),
}

#[derive(Clone, Debug)]
pub enum Arg {
    Value(Id),
    Expr(Box<Expr>),
}

/// A section, block, net or function that is written on its own.
#[derive(Clone, Debug)]
pub struct Call {
    pub frame: Arc<Frame>,
    pub body: Vec<Stmt>,
    /// What it reads from around, in the order of its arguments.
    pub params: Vec<Id>,
    /// What it gives.
    pub outs: Vec<Id>,
}

#[derive(Clone, Debug)]
pub enum Stmt {
    Let { outs: Vec<Id>, expr: Expr },
    Loop(Loop),
}

#[derive(Clone, Debug)]
pub struct Loop {
    pub times: usize,
    pub counter: Option<Id>,
    pub carried: Vec<Carried>,
    /// What all iterations yield, along a new axis in front: the iteration's value and all of them.
    pub stacked: Vec<(Id, Id)>,
    pub body: Vec<Stmt>,
    /// What stays readable after the loop: values of the last iteration.
    pub last: Vec<Id>,
}

/// A value that goes from iteration to iteration.
#[derive(Clone, Debug)]
pub struct Carried {
    pub arg: Id,
    pub start: Id,
    pub next: Id,
    pub result: Id,
}

/// A statement with the call that it was written out from.
#[derive(Clone, Debug)]
pub struct Framed {
    pub stmt: FlatStmt,
    pub frame: Option<Arc<Frame>>,
}

#[derive(Clone, Debug)]
pub enum FlatStmt {
    Let { out: Id, expr: Expr },
    Loop { of: Loop, body: Vec<Framed> },
}

/// A step before it is grouped.
#[derive(Clone, Debug, Default)]
pub struct Program {
    pub values: Vec<Value>,
    pub flat: Vec<Framed>,
    /// The arguments of the step by name, in order.
    pub given: Vec<(String, Id)>,
    /// Its outputs by name, in order.
    pub outputs: Vec<(String, Id)>,
}

impl Expr {
    /// Every value that is read, once for each time.
    pub fn reads(&self, into: &mut Vec<Id>) {
        for arg in &self.args {
            match arg {
                Arg::Value(id) => into.push(*id),
                Arg::Expr(expr) => expr.reads(into),
            }
        }
    }
}

impl Loop {
    /// What the end of the body reads.
    pub fn tail(&self) -> Vec<Id> {
        let next = self.carried.iter().map(|carried| carried.next);
        next.chain(self.stacked.iter().map(|(each, _)| *each)).chain(self.last.iter().copied()).collect()
    }
}

impl Stmt {
    /// Every value that is read, inside too.
    pub fn reads(&self, into: &mut Vec<Id>) {
        match self {
            Stmt::Let { expr, .. } => expr.reads(into),
            Stmt::Loop(of) => {
                into.extend(of.carried.iter().map(|carried| carried.start));
                of.body.iter().for_each(|stmt| stmt.reads(into));
                into.extend(of.tail());
            }
        }
    }

    /// Every value that is made, inside too.
    pub fn makes(&self, into: &mut HashSet<Id>) {
        match self {
            Stmt::Let { outs, .. } => into.extend(outs),
            Stmt::Loop(of) => {
                into.extend(of.counter);
                into.extend(of.carried.iter().flat_map(|carried| [carried.arg, carried.result]));
                into.extend(of.stacked.iter().map(|(_, all)| *all));
                of.body.iter().for_each(|stmt| stmt.makes(into));
            }
        }
    }
}

/// How often each value is read by statements.
pub fn count(stmts: &[Stmt]) -> HashMap<Id, usize> {
    let mut reads = Vec::new();
    stmts.iter().for_each(|stmt| stmt.reads(&mut reads));
    let mut counts = HashMap::new();
    reads.into_iter().for_each(|id| *counts.entry(id).or_insert(0) += 1);
    counts
}

impl Program {
    /// Leaves out what no output depends on.
    pub fn drop_unread(&mut self) {
        let mut live: HashSet<Id> = self.outputs.iter().map(|(_, id)| *id).collect();
        self.flat = alive(std::mem::take(&mut self.flat), &mut live);
    }
}

/// The statements that somebody reads, and into `live` what they read.
fn alive(stmts: Vec<Framed>, live: &mut HashSet<Id>) -> Vec<Framed> {
    let mut kept = Vec::new();
    for framed in stmts.into_iter().rev() {
        match framed.stmt {
            FlatStmt::Let { out, expr } => {
                if live.contains(&out) {
                    let mut reads = Vec::new();
                    expr.reads(&mut reads);
                    live.extend(reads);
                    kept.push(Framed { stmt: FlatStmt::Let { out, expr }, ..framed });
                }
            }
            FlatStmt::Loop { of, body } => {
                if let Some(stmt) = alive_loop(of, body, live) {
                    kept.push(Framed { stmt, ..framed });
                }
            }
        }
    }
    kept.reverse();
    kept
}

fn alive_loop(of: Loop, body: Vec<Framed>, live: &mut HashSet<Id>) -> Option<FlatStmt> {
    let mut wanted: HashSet<Id> = of
        .carried
        .iter()
        .filter(|carried| live.contains(&carried.result))
        .map(|carried| carried.arg)
        .collect();
    let stacked: Vec<(Id, Id)> = of.stacked.iter().filter(|(_, all)| live.contains(all)).copied().collect();
    let last: Vec<Id> = of.last.iter().filter(|id| live.contains(id)).copied().collect();
    if wanted.is_empty() && stacked.is_empty() && last.is_empty() {
        return None;
    }
    // What is carried is wanted where a wanted one's next value depends on it.
    loop {
        let carried: Vec<Carried> =
            of.carried.iter().filter(|carried| wanted.contains(&carried.arg)).cloned().collect();
        let kept = Loop { carried, stacked: stacked.clone(), last: last.clone(), ..of.clone() };
        let mut inner: HashSet<Id> = kept.tail().into_iter().collect();
        let kept_body = alive(body.clone(), &mut inner);
        let before = wanted.len();
        wanted.extend(of.carried.iter().map(|carried| carried.arg).filter(|arg| inner.contains(arg)));
        if wanted.len() == before {
            live.extend(inner);
            live.extend(kept.carried.iter().map(|carried| carried.start));
            let counter = kept.counter.filter(|counter| live.contains(counter));
            return Some(FlatStmt::Loop { of: Loop { counter, ..kept }, body: kept_body });
        }
    }
}
