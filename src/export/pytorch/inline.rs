//! What is read once, and has no name of the author's, is written where it is read. Random draws stay where they are, so that
//! they are made in the order of the model; nothing is moved into a loop.

use super::statement::{Arg, Call, Expr, Head, Id, Loop, Program, Stmt, count};
use std::collections::HashMap;

/// The most letters of an expression that is put into another one, names counted as short ones.
const SHORT: usize = 48;
/// The most letters of an expression that takes others in.
const LINE: usize = 84;

/// The statements with short expressions where they are read.
pub(super) fn inlined(body: Vec<Stmt>, program: &Program) -> Vec<Stmt> {
    let tail: Vec<Id> = program.outputs.iter().map(|(_, id)| *id).collect();
    block(body, &tail, 0, program)
}

/// `tail` is what is read behind the statements, `frame` the call that they are the body of.
fn block(stmts: Vec<Stmt>, tail: &[Id], frame: u32, program: &Program) -> Vec<Stmt> {
    let mut stmts: Vec<Stmt> = stmts.into_iter().map(|stmt| inner(stmt, frame, program)).collect();
    let mut counts = count(&stmts);
    tail.iter().for_each(|id| *counts.entry(*id).or_insert(0) += 1);
    let mut at = 0;
    while at < stmts.len() {
        let Some((out, expr)) = movable(&stmts[at], frame, program, &counts) else {
            at += 1;
            continue;
        };
        let taken = stmts[at + 1..].iter_mut().any(|later| match later {
            Stmt::Let { expr: user, .. } => put(user, out, &expr),
            Stmt::Loop(_) => false,
        });
        if taken {
            stmts.remove(at);
            // What stood before may fit now, too; one look back is enough for chains.
            at = at.saturating_sub(1);
        } else {
            at += 1;
        }
    }
    stmts
}

fn inner(stmt: Stmt, frame: u32, program: &Program) -> Stmt {
    match stmt {
        Stmt::Let { outs, expr } => {
            let head = match expr.head {
                Head::Call(call) => {
                    let number = call.frame.number;
                    let body = block(call.body, &call.outs, number, program);
                    Head::Call(Box::new(Call { body, ..*call }))
                }
                text => text,
            };
            Stmt::Let { outs, expr: Expr { head, ..expr } }
        }
        Stmt::Loop(of) => {
            let tail = of.tail();
            let body = block(of.body, &tail, frame, program);
            Stmt::Loop(Loop { body, ..of })
        }
    }
}

/// A statement that may move to its reader.
fn movable(stmt: &Stmt, frame: u32, program: &Program, counts: &HashMap<Id, usize>) -> Option<(Id, Expr)> {
    let Stmt::Let { outs, expr } = stmt else { return None };
    let [out] = outs[..] else { return None };
    let named = program.values[out].names.iter().any(|name| name.frame == frame);
    let once = counts.get(&out) == Some(&1);
    (once && !named && !expr.random && length(expr) <= SHORT).then(|| (out, expr.clone()))
}

/// Puts an expression where the value is read, if it is read here, once in the text and outside of any repetition.
fn put(user: &mut Expr, out: Id, expr: &Expr) -> bool {
    let room = length(user) + length(expr) <= LINE;
    put_within(user, out, expr, room)
}

fn put_within(user: &mut Expr, out: Id, expr: &Expr, room: bool) -> bool {
    for at in 0..user.args.len() {
        match &mut user.args[at] {
            Arg::Value(id) if *id == out => {
                let fits = match &user.head {
                    Head::Text(text) => {
                        text.matches(&format!("{{{at}}}")).count() == 1 && !text.contains(" for ")
                    }
                    Head::Call(_) => true,
                };
                if !(fits && room) {
                    return false;
                }
                user.args[at] = Arg::Expr(Box::new(expr.clone()));
                return true;
            }
            Arg::Value(_) => {}
            Arg::Expr(inner) => {
                if put_within(inner, out, expr, room) {
                    return true;
                }
            }
        }
    }
    false
}

/// About how long an expression is.
fn length(expr: &Expr) -> usize {
    let own = match &expr.head {
        Head::Text(text) => text.len(),
        Head::Call(_) => 12 + 2 * expr.args.len(),
    };
    let args = expr.args.iter().map(|arg| match arg {
        Arg::Value(_) => 0,
        Arg::Expr(inner) => length(inner),
    });
    own + args.sum::<usize>()
}
