//! Statements as Python: each function, method and module is a scope of its own with the author's names. Takes statements
//! with calls, gives texts; equal texts of one name are one function. A loop's carried values keep one name where nothing
//! reads the older value any more.

use super::names::{Published, own_name};
use super::statement::{Arg, Call, Expr, From, Head, Id, Loop, Program, Stmt};
use crate::ir::Called;
use crate::primitive::pytorch::literal;
use indexmap::IndexMap;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// What has been written so far.
pub(super) struct Writer<'a> {
    program: &'a Program,
    /// What parts of paths are called.
    published: &'a Published,
    /// Functions by name: arguments and body.
    pub functions: IndexMap<String, String>,
    /// Methods of the model itself, sections and blocks, likewise.
    pub blocks: IndexMap<String, String>,
    /// Nets by path: the name of the definition and its ways to be called.
    pub nets: IndexMap<String, (String, Vec<String>)>,
    /// Weights that are read, by path.
    pub weights: HashSet<String>,
    /// Names of the functions there will be, which no value may have.
    called: Rc<HashSet<String>>,
}

/// The names of one function.
struct Scope {
    names: HashMap<Id, String>,
    used: HashSet<String>,
    /// The path of the net whose method it is.
    class: String,
    frame: u32,
    /// Values without a name in this frame may go by one of another frame.
    borrows: bool,
    /// Names of functions.
    called: Rc<HashSet<String>>,
}

/// What holds for the statements of a block.
struct Around<'a> {
    /// Values that are read behind the block.
    tail: &'a [Id],
    /// Values of the last iteration that are read after the loop.
    last: &'a [Id],
    /// Names that values would best get, as they are the next values of what is carried.
    wishes: HashMap<Id, String>,
    /// Values from outside whose names may be given to others.
    free: HashSet<Id>,
    indent: usize,
}

impl<'a> Writer<'a> {
    /// A writer for the statements of a program.
    pub fn new(program: &'a Program, body: &[Stmt], published: &'a Published) -> Writer<'a> {
        let mut called = HashSet::new();
        functions(body, &mut called);
        Writer {
            program,
            published,
            called: Rc::new(called),
            functions: IndexMap::new(),
            blocks: IndexMap::new(),
            nets: IndexMap::new(),
            weights: HashSet::new(),
        }
    }

    /// The step itself: its arguments and body.
    pub fn forward(&mut self, body: &[Stmt]) -> String {
        let mut scope = Scope::new("", 0, true, &self.called);
        let mut params = vec!["self".to_owned()];
        for (name, id) in &self.program.given {
            let name = scope.fresh(name);
            scope.names.insert(*id, name.clone());
            params.push(name);
        }
        let tail: Vec<Id> = self.program.outputs.iter().map(|(_, id)| *id).collect();
        let free = self.program.given.iter().map(|(_, id)| *id).collect();
        let around = Around { tail: &tail, last: &[], wishes: HashMap::new(), free, indent: 2 };
        let mut lines = Vec::new();
        self.block(body, &around, &mut scope, &mut lines);
        let mut text = format!("({}):\n{}", params.join(", "), lines.join(""));
        text.push_str("        return {\n");
        for (name, id) in &self.program.outputs {
            text.push_str(&format!("            \"{name}\": {},\n", self.name(*id, &scope)));
        }
        text.push_str("        }\n");
        text
    }

    /// Arguments and body of a call.
    fn callable(&mut self, call: &Call, class: &str) -> String {
        let function = matches!(call.frame.what, Called::Function(_));
        let borrows = matches!(call.frame.what, Called::Section(_) | Called::Block(_));
        let mut scope = Scope::new(class, call.frame.number, borrows, &self.called);
        let mut params = if function { Vec::new() } else { vec!["self".to_owned()] };
        for id in &call.params {
            let name = scope.fresh(&self.best(*id, &scope, true));
            scope.names.insert(*id, name.clone());
            params.push(name);
        }
        let indent = if function { 1 } else { 2 };
        let free = call.params.iter().copied().collect();
        let around = Around { tail: &call.outs, last: &[], wishes: HashMap::new(), free, indent };
        let (body, returned) = match call.body.split_last() {
            Some((Stmt::Let { outs, expr }, body)) if *outs == call.outs => (body, Some(expr)),
            _ => (&call.body[..], None),
        };
        let mut tail = call.outs.clone();
        if let Some(expr) = returned {
            tail.clear();
            expr.reads(&mut tail);
        }
        let around = Around { tail: &tail, ..around };
        let mut lines = Vec::new();
        self.block(body, &around, &mut scope, &mut lines);
        let result = match returned {
            Some(expr) => self.expr(expr, &scope),
            None => call.outs.iter().map(|id| self.name(*id, &scope)).collect::<Vec<_>>().join(", "),
        };
        format!("({}):\n{}{}return {result}\n", params.join(", "), lines.join(""), "    ".repeat(indent))
    }

    fn block(&mut self, stmts: &[Stmt], around: &Around, scope: &mut Scope, lines: &mut Vec<String>) {
        let mut free = around.free.clone();
        for (at, stmt) in stmts.iter().enumerate() {
            let mut later = around.tail.to_vec();
            stmts[at + 1..].iter().for_each(|stmt| stmt.reads(&mut later));
            let later: HashSet<Id> = later.into_iter().collect();
            match stmt {
                Stmt::Let { outs, expr } => {
                    let text = self.expr(expr, scope);
                    for out in outs {
                        let wish = around.wishes.get(out).filter(|name| scope.is_idle(name, &later));
                        let name = match wish {
                            Some(name) => name.clone(),
                            None => scope.fresh(&self.best(*out, scope, false)),
                        };
                        scope.names.insert(*out, name);
                        free.insert(*out);
                    }
                    let names: Vec<String> = outs.iter().map(|out| scope.names[out].clone()).collect();
                    let line = format!("{}{} = {text}\n", "    ".repeat(around.indent), names.join(", "));
                    lines.push(line);
                }
                Stmt::Loop(of) => {
                    self.repeat(of, &later, &free, around, scope, lines);
                    free.extend(of.carried.iter().map(|carried| carried.result));
                    free.extend(of.stacked.iter().map(|(_, all)| *all));
                }
            }
        }
    }

    fn repeat(
        &mut self,
        of: &Loop,
        later: &HashSet<Id>,
        free: &HashSet<Id>,
        around: &Around,
        scope: &mut Scope,
        lines: &mut Vec<String>,
    ) {
        let indent = "    ".repeat(around.indent);
        let mut inside = Vec::new();
        of.body.iter().for_each(|stmt| stmt.reads(&mut inside));
        inside.extend(of.tail());
        let busy: HashSet<Id> = later.iter().copied().chain(inside).collect();
        let mut taken: HashSet<String> = HashSet::new();
        let mut starts = Vec::new();
        for carried in &of.carried {
            let own = scope.names.get(&carried.start).cloned();
            let reusable = own.filter(|name| {
                free.contains(&carried.start)
                    && !around.last.contains(&carried.result)
                    && !taken.contains(name)
                    && scope.is_idle(name, &busy)
                    && of.carried.iter().filter(|other| other.start == carried.start).count() == 1
            });
            let name = match reusable {
                Some(name) => name,
                None => {
                    let name = scope.fresh(&self.best(carried.arg, scope, false));
                    starts.push((name.clone(), self.name(carried.start, scope)));
                    name
                }
            };
            taken.insert(name.clone());
            scope.names.insert(carried.arg, name);
        }
        assign(&starts, &indent, lines);
        let mut lists = Vec::new();
        for (each, all) in &of.stacked {
            let list = scope.fresh(&self.best(*all, scope, false));
            lines.push(format!("{indent}{list} = []\n"));
            scope.names.insert(*all, list.clone());
            lists.push((*each, list));
        }
        let counter = of.counter.map(|counter| {
            let name = scope.fresh("i");
            scope.names.insert(counter, name.clone());
            name
        });
        lines.push(format!("{indent}for {} in range({}):\n", counter.as_deref().unwrap_or("_"), of.times));
        let nexts = of
            .carried
            .iter()
            .filter(|carried| of.carried.iter().filter(|other| other.next == carried.next).count() == 1);
        let wishes = nexts.map(|carried| (carried.next, scope.names[&carried.arg].clone())).collect();
        let tail = of.tail();
        let own = of.carried.iter().map(|carried| carried.arg).collect();
        let inner = Around { tail: &tail, last: &of.last, wishes, free: own, indent: around.indent + 1 };
        let before = lines.len();
        self.block(&of.body, &inner, scope, lines);
        for (each, list) in &lists {
            lines.push(format!("{indent}    {list}.append({})\n", self.name(*each, scope)));
        }
        let next: Vec<(String, String)> = of
            .carried
            .iter()
            .map(|carried| (scope.names[&carried.arg].clone(), self.name(carried.next, scope)))
            .filter(|(name, next)| name != next)
            .collect();
        assign(&next, &format!("{indent}    "), lines);
        if lines.len() == before {
            lines.push(format!("{indent}    pass\n"));
        }
        for (_, list) in &lists {
            lines.push(format!("{indent}{list} = torch.stack({list})\n"));
        }
        for carried in &of.carried {
            let name = scope.names[&carried.arg].clone();
            scope.names.insert(carried.result, name);
        }
    }

    fn expr(&mut self, expr: &Expr, scope: &Scope) -> String {
        let args: Vec<(String, bool)> = expr
            .args
            .iter()
            .map(|arg| match arg {
                Arg::Value(id) => (self.name(*id, scope), false),
                Arg::Expr(inner) => {
                    let text = self.expr(inner, scope);
                    let loose = is_loose(&text);
                    (text, loose)
                }
            })
            .collect();
        match &expr.head {
            Head::Text(text) => substituted(text, &args),
            Head::Call(call) => {
                let args: Vec<String> = args.into_iter().map(|(text, _)| text).collect();
                format!("{}({})", self.callee(call, scope), args.join(", "))
            }
        }
    }

    /// How a call is written, its text being written too if there is none yet.
    fn callee(&mut self, call: &Call, scope: &Scope) -> String {
        match &call.frame.what {
            Called::Section(name) | Called::Block(name) => {
                let text = self.callable(call, "");
                format!("self.{}", shared(&mut self.blocks, name, text))
            }
            Called::Function(name) => {
                let text = self.callable(call, "");
                shared(&mut self.functions, name, text)
            }
            Called::Net { path, definition } => {
                let text = self.callable(call, path);
                let (_, ways) = self.nets.entry(path.clone()).or_insert((definition.clone(), Vec::new()));
                let at = ways.iter().position(|way| *way == text).unwrap_or_else(|| {
                    ways.push(text);
                    ways.len() - 1
                });
                let own = self.place(path, &scope.class);
                if at == 0 { own } else { format!("{own}.forward_{}", at + 1) }
            }
        }
    }

    /// What a value is called in a scope.
    fn name(&mut self, id: Id, scope: &Scope) -> String {
        let value = &self.program.values[id];
        match (&value.from, scope.names.get(&id)) {
            (From::Number(number), _) => literal(*number, value.ty.kind),
            (_, Some(name)) => name.clone(),
            (From::Weight(path), None) => {
                self.weights.insert(path.clone());
                self.place(path, &scope.class)
            }
            (_, None) => value.label.clone(),
        }
    }

    /// A weight or net as seen from a net of the path `class`.
    fn place(&self, path: &str, class: &str) -> String {
        let around = if class.is_empty() { 0 } else { class.split('.').count() };
        let mut text = "self".to_owned();
        for part in self.published.parts(path).skip(around) {
            match part.chars().all(|letter| letter.is_ascii_digit()) {
                true => text.push_str(&format!("[{part}]")),
                false => text.push_str(&format!(".{part}")),
            }
        }
        text
    }

    /// The name of a path in the file.
    pub fn path(&self, path: &str) -> String {
        self.published.path(path)
    }

    /// The best name for a value: the author's here, then, in sections and blocks, the author's anywhere.
    fn best(&self, id: Id, scope: &Scope, param: bool) -> String {
        let value = &self.program.values[id];
        let here = value.names.iter().find(|name| name.frame == scope.frame);
        let elsewhere = value.names.last().filter(|_| scope.borrows);
        match here.or(elsewhere) {
            Some(name) => name.name.clone(),
            None if value.from == From::Given => value.label.clone(),
            None if param => "x".to_owned(),
            None => value.label.clone(),
        }
    }
}

impl Scope {
    fn new(class: &str, frame: u32, borrows: bool, called: &Rc<HashSet<String>>) -> Scope {
        let (names, used) = (HashMap::new(), HashSet::new());
        Scope { names, used, class: class.to_owned(), frame, borrows, called: Rc::clone(called) }
    }

    /// A name that no other value has.
    fn fresh(&mut self, wanted: &str) -> String {
        let mut name: String =
            wanted.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect();
        if name.is_empty() || name.starts_with(|letter: char| letter.is_ascii_digit()) {
            name.insert(0, 'x');
        }
        name = own_name(&name);
        if self.called.contains(&name) {
            name.push('_');
        }
        unique(&name, |name| self.used.insert(name.to_owned()))
    }

    /// Whether no value of that name is among those that are read later.
    fn is_idle(&self, name: &str, later: &HashSet<Id>) -> bool {
        later.iter().all(|id| self.names.get(id).is_none_or(|own| own != name))
    }
}

/// Names of the functions that are called.
fn functions(stmts: &[Stmt], into: &mut HashSet<String>) {
    for stmt in stmts {
        match stmt {
            Stmt::Let { expr, .. } => functions_of(expr, into),
            Stmt::Loop(of) => functions(&of.body, into),
        }
    }
}

fn functions_of(expr: &Expr, into: &mut HashSet<String>) {
    if let Head::Call(call) = &expr.head {
        if let Called::Function(name) = &call.frame.what {
            into.insert(function_name(name));
        }
        functions(&call.body, into);
    }
    for arg in &expr.args {
        if let Arg::Expr(inner) = arg {
            functions_of(inner, into);
        }
    }
}

/// The name, or the first of `name_2`, `name_3`, … that `takes` takes.
fn unique(name: &str, mut takes: impl FnMut(&str) -> bool) -> String {
    let mut tried = name.to_owned();
    let mut number = 1;
    while !takes(&tried) {
        number += 1;
        tried = format!("{name}_{number}");
    }
    tried
}

/// What a function or block is called in the file.
fn function_name(name: &str) -> String {
    own_name(&name.replace('.', "_"))
}

/// The name under which a text stands, a new one if it is new.
fn shared(texts: &mut IndexMap<String, String>, name: &str, text: String) -> String {
    let name = function_name(name);
    let found = unique(&name, |name| texts.get(name).is_none_or(|known| *known == text));
    texts.insert(found.clone(), text);
    found
}

/// All at once, as one may read what another is given.
fn assign(pairs: &[(String, String)], indent: &str, lines: &mut Vec<String>) {
    if pairs.is_empty() {
        return;
    }
    let side = |of: fn(&(String, String)) -> &String| {
        pairs.iter().map(|pair| of(pair).as_str()).collect::<Vec<_>>().join(", ")
    };
    lines.push(format!("{indent}{} = {}\n", side(|pair| &pair.0), side(|pair| &pair.1)));
}

/// Whether an operator stands outside of all brackets.
fn is_loose(text: &str) -> bool {
    let mut depth = 0i32;
    for letter in text.chars() {
        match letter {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ' ' if depth == 0 => return true,
            _ => {}
        }
    }
    text.starts_with(['-', '~'])
}

/// The text with its arguments, in brackets where they need some.
fn substituted(text: &str, args: &[(String, bool)]) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        let Some(end) = rest[start..].find('}') else { break };
        let arg = rest[start + 1..start + end].parse::<usize>().ok().and_then(|at| args.get(at));
        out.push_str(&rest[..start]);
        rest = &rest[start + end + 1..];
        let Some((arg, loose)) = arg else { continue };
        let closed = (out.is_empty() && rest.is_empty() || out.ends_with(['(', '[']) || out.ends_with(", "))
            && (rest.is_empty() || rest.starts_with([')', ',', ']']));
        if *loose && !closed { out.push_str(&format!("({arg})")) } else { out.push_str(arg) }
    }
    out.push_str(rest);
    out
}
