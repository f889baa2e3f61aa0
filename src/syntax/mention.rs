//! Every name of a tree that stands for a thing of the model or of a scope around it: where it is written and what kind of
//! thing it can mean. Takes an item, gives mentions in no particular order. Names that belong to something else (behind
//! `.`, before `=` in a call, choices of a config, modules) are none.

use super::ast::{
    Arg, ArgKind, AxisEntry, AxisSet, Block, Branching, Expr, ExprKind, FnDef, Ident, IndexItem, Item,
    ItemKind, LoopCount, MapSide, Member, MemberKind, Param, Stmt, StmtKind, Type,
};
use crate::source::Span;

/// What a name can mean where it stands: names of different spaces never meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Space {
    /// Whatever an expression can read.
    Value,
    /// A block of the schedule.
    Block,
    /// A metric.
    Metric,
    /// A loss.
    Loss,
}

/// A name where it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mention {
    /// The name.
    pub span: Span,
    /// What it can mean.
    pub space: Space,
    /// A prediction without a name of its own, which is called like what it reads: `predict logits`.
    pub names_prediction: bool,
}

/// The names of an item; that of the item itself, of its ancestors and of imports are not among them.
pub fn mentions(item: &Item) -> Vec<Mention> {
    let mut all = Mentions(Vec::new());
    match &item.kind {
        ItemKind::Use(_) => {}
        ItemKind::Model(model) => model.members.iter().for_each(|member| all.member(member)),
        ItemKind::Net(net) => {
            all.params(&net.params);
            net.members.iter().for_each(|member| all.member(member));
            net.body.iter().for_each(|body| all.function(body));
        }
        ItemKind::Fn(function) => all.function(function),
        ItemKind::Axis { size, .. } => all.exprs(size),
    }
    all.0
}

/// The names that a member declares, each in its space; those of parts of nets are not its own.
pub fn declares(member: &Member) -> Vec<(Space, &Ident)> {
    match &member.kind {
        MemberKind::Config { name, .. }
        | MemberKind::Data { name, .. }
        | MemberKind::Weight { name, .. }
        | MemberKind::Net { name, .. }
        | MemberKind::State { name, .. } => vec![(Space::Value, name)],
        MemberKind::Axis { names, .. } => names.iter().map(|name| (Space::Value, name)).collect(),
        MemberKind::Block { name, .. } => vec![(Space::Block, name)],
        MemberKind::Metric { name, .. } => vec![(Space::Metric, name)],
        MemberKind::Loss { name, .. } => vec![(Space::Loss, name)],
        MemberKind::Part { .. }
        | MemberKind::Section { .. }
        | MemberKind::Predict(_)
        | MemberKind::Halt { .. }
        | MemberKind::CarryGrad(_)
        | MemberKind::Drop(_) => Vec::new(),
    }
}

struct Mentions(Vec<Mention>);

impl Mentions {
    fn add(&mut self, span: Span, space: Space) {
        self.0.push(Mention { span, space, names_prediction: false });
    }

    fn name(&mut self, name: &Ident) {
        self.add(name.span, Space::Value);
    }

    fn names<'a>(&mut self, names: impl IntoIterator<Item = &'a Ident>) {
        names.into_iter().for_each(|name| self.name(name));
    }

    fn exprs<'a>(&mut self, exprs: impl IntoIterator<Item = &'a Expr>) {
        exprs.into_iter().for_each(|expr| self.expr(expr));
    }

    fn member(&mut self, member: &Member) {
        declares(member).into_iter().for_each(|(space, name)| self.add(name.span, space));
        match &member.kind {
            MemberKind::Config { value, range, .. } => {
                self.expr(value);
                if let Some((low, high)) = range {
                    self.expr(low);
                    self.exprs(high);
                }
            }
            MemberKind::Axis { size, .. } => self.exprs(size),
            MemberKind::Data { ty, .. } => self.ty(ty),
            MemberKind::Weight { ty, init, .. } | MemberKind::State { ty, init, .. } => {
                self.ty(ty);
                self.expr(init);
            }
            MemberKind::Part { path, value } => {
                self.names(path.first());
                self.expr(value);
            }
            MemberKind::Section { body, .. } => self.block(body),
            MemberKind::Block { args, body, .. } => {
                self.names(args);
                self.block(body);
            }
            MemberKind::Predict(predictions) => {
                for (name, value) in predictions {
                    self.expr(value);
                    if let (None, ExprKind::Name(_), Some(last)) = (name, &value.kind, self.0.last_mut()) {
                        last.names_prediction = true;
                    }
                }
            }
            MemberKind::Net { value, .. }
            | MemberKind::Metric { value, .. }
            | MemberKind::Loss { value, .. } => self.expr(value),
            MemberKind::Halt { when, at_most, explore } => {
                self.exprs(when.iter().chain(at_most).chain(explore));
            }
            MemberKind::CarryGrad(steps) => self.expr(steps),
            MemberKind::Drop(names) => {
                for (kind, name) in names {
                    match kind.name.as_str() {
                        "block" => self.add(name.span, Space::Block),
                        "metric" => self.add(name.span, Space::Metric),
                        "loss" => self.add(name.span, Space::Loss),
                        "predict" => {}
                        _ => self.name(name),
                    }
                }
            }
        }
    }

    fn params(&mut self, params: &[Param]) {
        for param in params {
            self.name(&param.name);
            param.ty.iter().for_each(|ty| self.ty(ty));
            self.exprs(&param.default);
        }
    }

    fn function(&mut self, function: &FnDef) {
        self.params(&function.params);
        function.result.iter().for_each(|ty| self.ty(ty));
        self.block(&function.body);
    }

    fn ty(&mut self, ty: &Type) {
        self.name(&ty.name);
        for entry in ty.axes.iter().flatten() {
            match entry {
                AxisEntry::Rest => {}
                AxisEntry::Pack(name) | AxisEntry::Name(name) => self.name(name),
            }
        }
    }

    fn block(&mut self, block: &Block) {
        block.statements.iter().for_each(|statement| self.statement(statement));
        self.exprs(block.value.as_deref());
    }

    fn statement(&mut self, statement: &Stmt) {
        match &statement.kind {
            StmtKind::Let { names, value } => {
                self.names(names);
                self.expr(value);
            }
            StmtKind::Axis { name, size } => {
                self.name(name);
                self.exprs(size);
            }
            StmtKind::Var { name, value }
            | StmtKind::Update { name, value }
            | StmtKind::Record { name, value } => {
                self.name(name);
                self.expr(value);
            }
            StmtKind::Collect { name, value, over } => {
                self.names([name, over]);
                self.expr(value);
            }
            StmtKind::Emit { value, .. } | StmtKind::Return(value) => self.expr(value),
            StmtKind::Repeat { count, grad_last, while_, body } => {
                match count {
                    LoopCount::Times(times) => self.expr(times),
                    LoopCount::Range { index, from, to } => {
                        self.name(index);
                        self.exprs([from, to]);
                    }
                }
                self.exprs(grad_last.iter().chain(while_));
                self.block(body);
            }
            StmtKind::Branch { state, axis, how: Branching::With(value) | Branching::Into(value) } => {
                self.names(axis.iter().chain([state]));
                self.expr(value);
            }
            StmtKind::Merge { state, axis, groups, with, giving } => {
                self.names(axis.iter().chain(giving).chain([state]));
                self.exprs(groups.iter().chain([with]));
            }
            StmtKind::Prune { states, axis, to, by } => {
                self.names(states.iter().chain(axis));
                self.exprs([to, by]);
            }
            StmtKind::Do { name, args } => {
                self.add(name.span, Space::Block);
                self.exprs(args);
            }
            StmtKind::Inherited(_) => {}
            StmtKind::If { cond, then, otherwise } => {
                self.expr(cond);
                self.block(then);
                otherwise.iter().for_each(|block| self.block(block));
            }
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Number(_) | ExprKind::Bool(_) | ExprKind::Inherited { .. } => {}
            ExprKind::Name(_) => self.add(expr.span, Space::Value),
            ExprKind::Call { callee, args } => {
                self.expr(callee);
                args.iter().for_each(|arg| self.arg(arg));
            }
            ExprKind::Index { base, items } => {
                self.expr(base);
                for item in items {
                    match item {
                        IndexItem::Plain(value) => self.expr(value),
                        IndexItem::Equal(axis, value) => {
                            self.name(axis);
                            self.expr(value);
                        }
                        IndexItem::In(axis, from, to) => {
                            self.name(axis);
                            self.exprs([from, to]);
                        }
                    }
                }
            }
            ExprKind::Field { base, .. } | ExprKind::Ago { base, .. } => self.expr(base),
            ExprKind::Unary { value, .. } => self.expr(value),
            ExprKind::Binary { left, right, .. } => self.exprs([&**left, &**right]),
            ExprKind::If { cond, then, otherwise } => {
                self.expr(cond);
                self.block(then);
                self.block(otherwise);
            }
            ExprKind::Match { subject, arms } => {
                self.expr(subject);
                self.exprs(arms.iter().map(|(_, value)| value));
            }
            ExprKind::Lookahead(names) => self.names(names),
            ExprKind::Tuple(values) | ExprKind::List(values) => self.exprs(values),
            ExprKind::Block(block) => self.block(block),
        }
    }

    fn arg(&mut self, arg: &Arg) {
        match &arg.kind {
            ArgKind::Positional(value) | ArgKind::Named(_, value) => self.expr(value),
            ArgKind::Clause(_, AxisSet::Names(names) | AxisSet::Not(names)) => self.names(names),
            ArgKind::Clause(_, AxisSet::All) => {}
            ArgKind::Map(from, to) => {
                for side in [from, to] {
                    if let MapSide::Axes(names) = side {
                        self.names(names);
                    }
                }
            }
        }
    }
}
