//! Makes a failing program smaller while it fails in the same way: leaves out items, members and statements, unwraps
//! loops and choices, puts a part of an expression in its place. Takes and gives a syntax tree.

use totc::syntax::ast::*;

/// The smallest program found for which `fails` holds still.
pub fn shrunk(file: &File, fails: &mut dyn FnMut(&File) -> bool) -> File {
    let mut best = file.clone();
    for coarse in [true, false, true, false] {
        let mut at = 0;
        loop {
            let mut tried = best.clone();
            let mut edit = Edit { left: at, coarse, done: false };
            edit.file(&mut tried);
            if !edit.done {
                break;
            }
            if fails(&tried) { best = tried } else { at += 1 }
        }
    }
    best
}

/// Walks a tree to the edit of a number and does it.
struct Edit {
    left: usize,
    /// Whole declarations and statements only.
    coarse: bool,
    done: bool,
}

impl Edit {
    fn now(&mut self) -> bool {
        if self.done {
            return false;
        }
        self.done = self.left == 0;
        self.left = self.left.saturating_sub(1);
        self.done
    }

    /// Leaves out each element in turn; else goes into it.
    fn each<T>(&mut self, list: &mut Vec<T>, least: usize, mut into: impl FnMut(&mut Edit, &mut T)) {
        let mut at = list.len();
        while at > 0 && !self.done {
            at -= 1;
            if self.coarse && list.len() > least && self.now() {
                list.remove(at);
                return;
            }
            into(self, &mut list[at]);
        }
    }

    fn file(&mut self, file: &mut File) {
        self.each(&mut file.items, 1, |edit, item| match &mut item.kind {
            ItemKind::Model(model) => edit.members(&mut model.members),
            ItemKind::Net(net) => {
                edit.members(&mut net.members);
                if let Some(body) = &mut net.body {
                    edit.block(&mut body.body);
                }
            }
            ItemKind::Fn(function) => edit.block(&mut function.body),
            ItemKind::Use(used) => edit.each(&mut used.names, 1, |_, _| {}),
            ItemKind::Axis { .. } => {}
        });
    }

    fn members(&mut self, members: &mut Vec<Member>) {
        self.each(members, 1, |edit, member| match &mut member.kind {
            MemberKind::Section { body, .. } | MemberKind::Block { body, .. } => edit.block(body),
            MemberKind::Metric { value, .. } | MemberKind::Loss { value, .. } => {
                edit.expr(value);
            }
            MemberKind::Predict(predictions) => {
                edit.each(predictions, 1, |edit, (name, value)| {
                    if name.is_some() {
                        edit.expr(value);
                    }
                });
            }
            MemberKind::Axis { names, .. } => edit.each(names, 1, |_, _| {}),
            MemberKind::Halt { when, explore, .. } => {
                if explore.is_some() && edit.now() {
                    *explore = None;
                } else if when.is_some() && edit.now() {
                    *when = None;
                }
            }
            _ => {}
        });
    }

    fn block(&mut self, block: &mut Block) {
        self.statements(&mut block.statements);
        if let Some(value) = &mut block.value {
            self.expr(value);
        }
    }

    fn statements(&mut self, statements: &mut Vec<Stmt>) {
        let mut unwrapped: Option<(usize, Vec<Stmt>)> = None;
        for (at, statement) in statements.iter().enumerate() {
            let inner = match &statement.kind {
                StmtKind::Repeat { body, .. } => vec![body],
                StmtKind::If { then, otherwise, .. } => {
                    std::iter::once(then).chain(otherwise.as_ref()).collect()
                }
                _ => continue,
            };
            for body in inner {
                if self.now() {
                    unwrapped = Some((at, body.statements.clone()));
                }
            }
        }
        if let Some((at, inner)) = unwrapped {
            statements.splice(at..=at, inner);
            return;
        }
        self.each(statements, 0, Edit::statement);
    }

    fn statement(&mut self, statement: &mut Stmt) {
        match &mut statement.kind {
            StmtKind::Let { value, .. }
            | StmtKind::Var { value, .. }
            | StmtKind::Update { value, .. }
            | StmtKind::Record { value, .. }
            | StmtKind::Collect { value, .. }
            | StmtKind::Emit { value, .. }
            | StmtKind::Return(value) => self.expr(value),
            StmtKind::Repeat { count, grad_last, while_, body } => {
                if grad_last.is_some() && self.now() {
                    *grad_last = None;
                }
                if while_.is_some() && self.now() {
                    *while_ = None;
                }
                match count {
                    LoopCount::Times(times) => self.expr(times),
                    LoopCount::Range { to, .. } => self.expr(to),
                }
                self.block(body);
            }
            StmtKind::Branch { how: Branching::With(value) | Branching::Into(value), .. } => self.expr(value),
            StmtKind::Merge { with, giving, .. } => {
                if giving.is_some() && self.now() {
                    *giving = None;
                }
                self.expr(with);
            }
            StmtKind::Prune { by, .. } => self.expr(by),
            StmtKind::Do { args, .. } => args.iter_mut().for_each(|arg| self.expr(arg)),
            StmtKind::If { then, otherwise, .. } => {
                self.block(then);
                if otherwise.is_some() && self.now() {
                    *otherwise = None;
                }
                if let Some(otherwise) = otherwise {
                    self.block(otherwise);
                }
            }
            StmtKind::Axis { .. } | StmtKind::Inherited(_) => {}
        }
    }

    fn expr(&mut self, expr: &mut Expr) {
        if self.done {
            return;
        }
        if !self.coarse {
            for part in parts(expr) {
                if self.now() {
                    *expr = part;
                    return;
                }
            }
            if !matches!(expr.kind, ExprKind::Number(_) | ExprKind::Name(_)) && self.now() {
                expr.kind = ExprKind::Number("1".to_owned());
                return;
            }
        }
        match &mut expr.kind {
            ExprKind::Call { args, .. } => {
                for arg in args {
                    if let ArgKind::Positional(value) | ArgKind::Named(_, value) = &mut arg.kind {
                        self.expr(value);
                    }
                }
            }
            ExprKind::Index { base, items } => {
                self.expr(base);
                for item in items {
                    if let IndexItem::Equal(_, value) = item {
                        self.expr(value);
                    }
                }
            }
            ExprKind::Unary { value, .. } => self.expr(value),
            ExprKind::Binary { left, right, .. } => {
                self.expr(left);
                self.expr(right);
            }
            ExprKind::If { then, otherwise, .. } => {
                self.block(then);
                self.block(otherwise);
            }
            ExprKind::Match { arms, .. } => arms.iter_mut().for_each(|(_, arm)| self.expr(arm)),
            ExprKind::Tuple(values) | ExprKind::List(values) => {
                values.iter_mut().for_each(|value| self.expr(value))
            }
            ExprKind::Block(block) => self.block(block),
            _ => {}
        }
    }
}

/// What may stand in an expression's place.
fn parts(expr: &Expr) -> Vec<Expr> {
    match &expr.kind {
        ExprKind::Call { args, .. } => args
            .iter()
            .filter_map(|arg| match &arg.kind {
                ArgKind::Positional(value) => Some(value.clone()),
                _ => None,
            })
            .collect(),
        ExprKind::Index { base, .. } => vec![(**base).clone()],
        ExprKind::Unary { value, .. } => vec![(**value).clone()],
        ExprKind::Binary { left, right, .. } => vec![(**left).clone(), (**right).clone()],
        ExprKind::If { then, otherwise, .. } => {
            [then, otherwise].iter().filter_map(|block| block.value.as_deref().cloned()).collect()
        }
        ExprKind::Match { arms, .. } => arms.iter().map(|(_, arm)| arm.clone()).collect(),
        ExprKind::Tuple(values) if values.len() == 1 => values.clone(),
        ExprKind::Block(block) => block.value.as_deref().cloned().into_iter().collect(),
        _ => Vec::new(),
    }
}
