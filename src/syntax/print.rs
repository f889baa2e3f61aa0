//! The canonical text of a syntax tree (`totc dump --stage ast`): four spaces a level, one declaration and one
//! statement a line, parentheses only where the tree needs them. Takes a tree without mistakes; parsing the text
//! gives that tree again. Docs (`///`, `//!`) are kept, except those of a net's `fn`; other comments, blank lines
//! and the author's line breaks are not in a tree, and are lost.

use super::ast::*;

/// Columns that a call may take before its arguments stand one below the other.
const WIDTH: usize = 100;

/// The text of a whole file.
pub fn print(file: &File) -> String {
    let mut out = String::new();
    for line in file.doc.lines() {
        out.push_str(format!("//! {line}").trim_end());
        out.push('\n');
    }
    let mut before: Option<&Item> = None;
    for item in &file.items {
        let together = |other: &Item| {
            item.doc.is_empty()
                && std::mem::discriminant(&other.kind) == std::mem::discriminant(&item.kind)
                && matches!(item.kind, ItemKind::Use(_) | ItemKind::Axis { .. })
        };
        if !out.is_empty() && !before.is_some_and(together) {
            out.push('\n');
        }
        out.push_str(&doc(&item.doc, 0));
        out.push_str(&self::item(item));
        out.push('\n');
        before = Some(item);
    }
    out
}

fn doc(text: &str, level: usize) -> String {
    text.lines().map(|line| format!("{}{}\n", pad(level), format!("/// {line}").trim_end())).collect()
}

fn pad(level: usize) -> String {
    "    ".repeat(level)
}

fn item(item: &Item) -> String {
    match &item.kind {
        ItemKind::Use(used) => use_item(used),
        ItemKind::Model(model) => {
            let base = model.extends.as_ref().map_or(String::new(), |base| format!(" extends {}", base.name));
            let word = if model.mixin { "mixin" } else { "model" };
            let with =
                if model.with.is_empty() { String::new() } else { format!(" with {}", names(&model.with)) };
            format!("{word} {}{base}{with} {}", model.name.name, members(&model.members, None))
        }
        ItemKind::Net(net) => {
            format!(
                "net {}{} {}",
                net.name.name,
                parameters(&net.params),
                members(&net.members, net.body.as_ref())
            )
        }
        ItemKind::Fn(function) => {
            let name = function.name.as_ref().map_or("", |name| name.name.as_str());
            format!("fn {name}{}", function_rest(function, 0))
        }
        ItemKind::Axis { name, size } => match size {
            Some(size) => format!("axis {} = {}", name.name, expr(size, 0)),
            None => format!("axis {}", name.name),
        },
    }
}

fn use_item(used: &Use) -> String {
    let path: String = used.module.iter().map(|part| format!("{part}::")).collect();
    match &used.names[..] {
        [one] => format!("use {path}{}", one.name),
        several => format!("use {path}{{{}}}", names(several)),
    }
}

fn names(list: &[Ident]) -> String {
    list.iter().map(|name| name.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// Parameters, result and body.
fn function_rest(function: &FnDef, level: usize) -> String {
    let result = match &function.result[..] {
        [] => String::new(),
        [one] => format!(" -> {}", ty(one)),
        several => format!(" -> ({})", several.iter().map(ty).collect::<Vec<_>>().join(", ")),
    };
    format!("{}{result} {}", parameters(&function.params), braces(&function.body, level))
}

fn parameters(params: &[Param]) -> String {
    let params = params.iter().map(|param| {
        let clause = param.clause.map_or(String::new(), |clause| format!("{} ", clause.word()));
        let ty = param.ty.as_ref().map_or(String::new(), |own| format!(": {}", ty(own)));
        let default = param.default.as_ref().map_or(String::new(), |value| format!(" = {}", expr(value, 1)));
        format!("{clause}{}{ty}{default}", param.name.name)
    });
    format!("({})", params.collect::<Vec<_>>().join(", "))
}

fn ty(ty: &Type) -> String {
    let optional = if ty.optional { "?" } else { "" };
    let Some(axes) = &ty.axes else { return format!("{}{optional}", ty.name.name) };
    let axes = axes.iter().map(|entry| match entry {
        AxisEntry::Rest => "..".to_owned(),
        AxisEntry::Pack(name) => format!("{}..", name.name),
        AxisEntry::Name(name) => name.name.clone(),
    });
    format!("{}{optional} [{}]", ty.name.name, axes.collect::<Vec<_>>().join(", "))
}

/// Declarations in braces, a net's `fn` last; a blank line where another kind of declaration begins.
fn members(members: &[Member], body: Option<&FnDef>) -> String {
    let mut parts: Vec<(u8, String)> = members
        .iter()
        .map(|own| (group(&own.kind), format!("{}{}{}", doc(&own.doc, 1), pad(1), member(&own.kind))))
        .collect();
    parts.extend(
        body.map(|body| (u8::MAX, format!("{}{}fn {}", doc(&body.doc, 1), pad(1), function_rest(body, 1)))),
    );
    if parts.is_empty() {
        return "{}".to_owned();
    }
    let mut out = "{\n".to_owned();
    for (at, (group, text)) in parts.iter().enumerate() {
        if let Some((before, above)) = at.checked_sub(1).and_then(|before| parts.get(before))
            && (before != group || above.contains('\n') || text.contains('\n'))
        {
            out.push('\n');
        }
        out.push_str(text);
        out.push('\n');
    }
    out.push('}');
    out
}

/// Declarations that stand together.
fn group(kind: &MemberKind) -> u8 {
    match kind {
        MemberKind::Drop(_) => 0,
        MemberKind::Config { .. } => 1,
        MemberKind::Axis { .. } => 2,
        MemberKind::Data { .. } => 3,
        MemberKind::Weight { .. }
        | MemberKind::Net { .. }
        | MemberKind::Part { .. }
        | MemberKind::State { .. } => 4,
        MemberKind::Section { .. } | MemberKind::Block { .. } => 5,
        MemberKind::Predict(_) => 6,
        MemberKind::Metric { .. } | MemberKind::Loss { .. } => 7,
        MemberKind::Halt { .. } | MemberKind::CarryGrad(_) => 8,
    }
}

fn member(kind: &MemberKind) -> String {
    match kind {
        MemberKind::Config { name, ty, value, range } => {
            let types =
                if ty.is_empty() { String::new() } else { format!(": {}", names(ty).replace(", ", " | ")) };
            let range = match range {
                Some((low, Some(high))) => format!(" in {} .. {}", expr(low, 1), expr(high, 1)),
                Some((low, None)) => format!(" at least {}", expr(low, 1)),
                None => String::new(),
            };
            format!("config {}{types} = {}{range}", name.name, expr(value, 1))
        }
        MemberKind::Axis { names: axes, size } => {
            let size = size.as_ref().map_or(String::new(), |size| format!(" = {}", expr(size, 1)));
            format!("axis {}{size}", names(axes))
        }
        MemberKind::Data { target, name, ty: own } => {
            format!("{} {}: {}", if *target { "target" } else { "input" }, name.name, ty(own))
        }
        MemberKind::Weight { role, name, ty: own, init } => {
            let word = match role {
                WeightRole::Param => "param",
                WeightRole::Buffer => "buffer",
                WeightRole::Table => "table",
            };
            format!("{word} {}: {} = {}", name.name, ty(own), expr(init, 1))
        }
        MemberKind::Part { path, value } => {
            let path: Vec<&str> = path.iter().map(|name| name.name.as_str()).collect();
            format!("net {} = {}", path.join("."), expr(value, 1))
        }
        MemberKind::Net { name, value } => format!("net {} = {}", name.name, expr(value, 1)),
        MemberKind::State { name, ty: own, init } => {
            format!("state {}: {} = {}", name.name, ty(own), expr(init, 1))
        }
        MemberKind::Section { section, body } => {
            let word = match section {
                Section::Encode => "encode",
                Section::Think => "think",
                Section::Decode => "decode",
            };
            format!("{word} {}", braces(body, 1))
        }
        MemberKind::Block { name, args, body } => {
            let args = if args.is_empty() { String::new() } else { format!("({})", names(args)) };
            format!("block {}{args} {}", name.name, braces(body, 1))
        }
        MemberKind::Predict(predictions) => {
            let predictions = predictions.iter().map(|(name, value)| match name {
                Some(name) => format!("{} = {}", name.name, expr(value, 1)),
                None => expr(value, 1),
            });
            format!("predict {}", predictions.collect::<Vec<_>>().join(", "))
        }
        MemberKind::Metric { name, value } => format!("metric {} = {}", name.name, expr(value, 1)),
        MemberKind::Loss { name, value } => format!("loss {} = {}", name.name, expr(value, 1)),
        MemberKind::Halt { when, at_most, explore } => {
            let when = when.as_ref().map_or("never".to_owned(), |when| format!("when {}", expr(when, 1)));
            let most =
                at_most.as_ref().map_or(String::new(), |most| format!(", at most {} steps", expr(most, 1)));
            let explore =
                explore.as_ref().map_or(String::new(), |chance| format!(", explore {}", expr(chance, 1)));
            format!("halt {when}{most}{explore}")
        }
        MemberKind::CarryGrad(steps) => format!("carry grad {}", expr(steps, 1)),
        MemberKind::Drop(dropped) => {
            let dropped = dropped.iter().map(|(kind, name)| format!("{} {}", kind.name, name.name));
            format!("drop {}", dropped.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A block over several lines; `{}` if it is empty.
fn braces(block: &Block, level: usize) -> String {
    if block.statements.is_empty() && block.value.is_none() {
        return "{}".to_owned();
    }
    let mut out = "{\n".to_owned();
    for statement in &block.statements {
        out.push_str(&format!("{}{}\n", pad(level + 1), self::statement(statement, level + 1)));
    }
    if let Some(value) = &block.value {
        out.push_str(&format!("{}{}\n", pad(level + 1), last_value(value, level + 1)));
    }
    out.push_str(&pad(level));
    out.push('}');
    out
}

/// The value that a block ends in. Where a statement could begin, `if` begins a statement: it is the value only
/// if its own block gives one.
fn last_value(value: &Expr, level: usize) -> String {
    match &value.kind {
        ExprKind::If { cond, then, otherwise } if then.value.is_some() => {
            if_statement(cond, then, Some(otherwise), level)
        }
        ExprKind::If { .. } => format!("({})", expr(value, level)),
        _ => expr(value, level),
    }
}

fn statement(statement: &Stmt, level: usize) -> String {
    let expr = |value: &Expr| self::expr(value, level);
    match &statement.kind {
        StmtKind::Let { names: list, value } => format!("let {} = {}", names(list), expr(value)),
        StmtKind::Axis { name, size } => {
            let size = size.as_ref().map_or(String::new(), |size| format!(" = {}", expr(size)));
            format!("axis {}{size}", name.name)
        }
        StmtKind::Var { name, value } => format!("var {} = {}", name.name, expr(value)),
        StmtKind::Update { name, value } => format!("{} <- {}", name.name, expr(value)),
        StmtKind::Record { name, value } => format!("record {} = {}", name.name, expr(value)),
        StmtKind::Collect { name, value, over } => {
            format!("collect {} = {} over {}", name.name, expr(value), over.name)
        }
        StmtKind::Emit { name, value } => format!("emit {} = {}", name.name, expr(value)),
        StmtKind::Repeat { count, grad_last, while_, body } => {
            let count = match count {
                LoopCount::Times(times) => expr(times),
                LoopCount::Range { index, from, to } => {
                    format!("{} in {} .. {}", index.name, expr(from), expr(to))
                }
            };
            let last = grad_last.as_ref().map_or(String::new(), |last| format!(", grad last {}", expr(last)));
            let cond = while_.as_ref().map_or(String::new(), |cond| format!(" while {}", expr(cond)));
            format!("repeat {count}{last}{cond} {}", braces(body, level))
        }
        StmtKind::Branch { state, axis, how } => {
            let how = match how {
                Branching::With(value) => format!("with {}", expr(value)),
                Branching::Into(ways) => format!("into {}", expr(ways)),
            };
            format!("branch {}{} {how}", state.name, along(axis.as_ref()))
        }
        StmtKind::Merge { state, axis, groups, with, giving } => {
            let groups =
                groups.as_ref().map_or(String::new(), |size| format!(" in groups of {}", expr(size)));
            let giving = giving.as_ref().map_or(String::new(), |name| format!(" giving {}", name.name));
            format!("merge {}{}{groups} with {}{giving}", state.name, along(axis.as_ref()), expr(with))
        }
        StmtKind::Prune { states, axis, to, by } => {
            format!("prune {}{} to {} by {}", names(states), along(axis.as_ref()), expr(to), expr(by))
        }
        StmtKind::Do { name, args } if args.is_empty() => format!("do {}", name.name),
        StmtKind::Do { name, args } => {
            format!("do {}({})", name.name, args.iter().map(expr).collect::<Vec<_>>().join(", "))
        }
        StmtKind::Inherited(_) => "inherited".to_owned(),
        StmtKind::Return(value) => format!("return {}", expr(value)),
        StmtKind::If { cond, then, otherwise } => if_statement(cond, then, otherwise.as_ref(), level),
    }
}

fn along(axis: Option<&Ident>) -> String {
    axis.map_or(String::new(), |axis| format!(" along {}", axis.name))
}

fn if_statement(cond: &Expr, then: &Block, otherwise: Option<&Block>, level: usize) -> String {
    let rest = match otherwise {
        None => String::new(),
        Some(block) => match (&block.statements[..], block.value.as_deref().map(|value| &value.kind)) {
            ([Stmt { kind: StmtKind::If { cond, then, otherwise }, .. }], None) => {
                format!(" else {}", if_statement(cond, then, otherwise.as_ref(), level))
            }
            ([], Some(ExprKind::If { cond, then, otherwise })) if then.value.is_some() => {
                format!(" else {}", if_statement(cond, then, Some(otherwise), level))
            }
            _ => format!(" else {}", braces(block, level)),
        },
    };
    format!("if {} {}{rest}", expr(cond, level), braces(then, level))
}

/// How tightly an expression binds, as the grammar has it; higher is tighter.
fn precedence(expr: &Expr) -> u8 {
    match &expr.kind {
        ExprKind::Binary { op, .. } => strength(*op),
        ExprKind::Unary { op: UnaryOp::Not, .. } => 3,
        ExprKind::Unary { op: UnaryOp::Neg, .. } => 7,
        // They end in braces, after which an operator is easily overlooked.
        ExprKind::If { .. } | ExprKind::Match { .. } => 0,
        _ => 9,
    }
}

fn strength(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Or => 1,
        BinaryOp::And => 2,
        BinaryOp::Le | BinaryOp::Ge | BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Gt => 4,
        BinaryOp::Add | BinaryOp::Sub => 5,
        BinaryOp::Mul | BinaryOp::Div => 6,
        BinaryOp::Pow => 8,
    }
}

/// An operand, in parentheses if it binds less tightly than `least`.
fn operand(value: &Expr, least: u8, level: usize) -> String {
    let text = expr(value, level);
    if precedence(value) < least { format!("({text})") } else { text }
}

fn expr(value: &Expr, level: usize) -> String {
    match &value.kind {
        ExprKind::Number(text) => text.clone(),
        ExprKind::Bool(value) => value.to_string(),
        ExprKind::Name(name) => name.clone(),
        ExprKind::Call { callee, args } => {
            format!("{}({})", operand(callee, 9, level), arguments(args, level))
        }
        ExprKind::Index { base, items } => {
            let items: Vec<String> = items.iter().map(|item| index_item(item, level)).collect();
            format!("{}[{}]", operand(base, 9, level), items.join(", "))
        }
        ExprKind::Field { base, name } => format!("{}.{}", operand(base, 9, level), name.name),
        ExprKind::Ago { base, steps } => format!("{}@{steps}", operand(base, 9, level)),
        ExprKind::Unary { op: UnaryOp::Neg, value } => format!("-{}", operand(value, 7, level)),
        ExprKind::Unary { op: UnaryOp::Not, value } => format!("not {}", operand(value, 3, level)),
        ExprKind::Binary { op, left, right } => {
            let own = strength(*op);
            let (least_left, least_right) = match own {
                // Comparisons are not chained.
                4 => (5, 5),
                8 => (9, 8),
                _ => (own, own + 1),
            };
            // A minus after an operator can only be a sign.
            let signed = matches!(right.kind, ExprKind::Unary { op: UnaryOp::Neg, .. });
            let right = operand(right, if signed { 0 } else { least_right }, level);
            format!("{} {} {right}", operand(left, least_left, level), op.symbol())
        }
        ExprKind::If { cond, then, otherwise } => if_value(cond, then, otherwise, level),
        ExprKind::Match { subject, arms } => {
            let arms: String = arms
                .iter()
                .map(|(name, value)| {
                    format!("{}{} => {},\n", pad(level + 1), name.name, expr(value, level + 1))
                })
                .collect();
            format!("match {} {{\n{arms}{}}}", operand(subject, 1, level), pad(level))
        }
        ExprKind::Lookahead(list) => format!("lookahead {{ {} }}", names(list)),
        ExprKind::Tuple(values) => {
            format!("({})", values.iter().map(|value| expr(value, level)).collect::<Vec<_>>().join(", "))
        }
        ExprKind::List(values) => {
            format!("[{}]", values.iter().map(|value| expr(value, level)).collect::<Vec<_>>().join(", "))
        }
        ExprKind::Block(block) => braces(block, level),
        ExprKind::Inherited { .. } => "inherited".to_owned(),
    }
}

fn if_value(cond: &Expr, then: &Block, otherwise: &Block, level: usize) -> String {
    let rest = match (&otherwise.statements[..], otherwise.value.as_deref().map(|value| &value.kind)) {
        ([], Some(ExprKind::If { cond, then, otherwise })) => if_value(cond, then, otherwise, level),
        _ => short_braces(otherwise, level),
    };
    format!("if {} {} else {rest}", operand(cond, 1, level), short_braces(then, level))
}

/// A block on one line if it is a value that fits on one.
fn short_braces(block: &Block, level: usize) -> String {
    if let ([], Some(value)) = (&block.statements[..], &block.value)
        && !matches!(value.kind, ExprKind::If { .. })
    {
        let text = expr(value, level);
        if !text.contains('\n') {
            return format!("{{ {text} }}");
        }
    }
    braces(block, level)
}

fn arguments(args: &[Arg], level: usize) -> String {
    let short: Vec<String> = args.iter().map(|arg| argument(arg, level)).collect();
    let line = short.join(", ");
    let (last, most) = match short.split_last() {
        Some((last, most)) => (last.as_str(), most),
        None => return line,
    };
    // Arms and braces of the last argument may hang over; everything before them fits on the line.
    let first_line = 4 * level + line.len() - last.len() + last.find('\n').unwrap_or(last.len());
    if most.is_empty() || (first_line <= WIDTH && !most.iter().any(|text| text.contains('\n'))) {
        return line;
    }
    let lines: String =
        args.iter().map(|arg| format!("{}{},\n", pad(level + 1), argument(arg, level + 1))).collect();
    format!("\n{lines}{}", pad(level))
}

fn argument(arg: &Arg, level: usize) -> String {
    match &arg.kind {
        ArgKind::Positional(value) => expr(value, level),
        ArgKind::Named(name, value) => format!("{} = {}", name.name, expr(value, level)),
        ArgKind::Clause(clause, set) => {
            let set = match set {
                AxisSet::All => "all".to_owned(),
                AxisSet::Names(list) => axis_names(list),
                AxisSet::Not(list) => format!("not {}", axis_names(list)),
            };
            format!("{} {set}", clause.word())
        }
        ArgKind::Map(from, to) => format!("{} -> {}", map_side(from), map_side(to)),
    }
}

fn map_side(side: &MapSide) -> String {
    match side {
        MapSide::One(_) => "1".to_owned(),
        MapSide::Axes(list) => axis_names(list),
    }
}

fn axis_names(list: &[Ident]) -> String {
    match list {
        [one] => one.name.clone(),
        several => format!("({})", names(several)),
    }
}

fn index_item(item: &IndexItem, level: usize) -> String {
    match item {
        IndexItem::Plain(value) => expr(value, level),
        IndexItem::Equal(axis, value) => format!("{} = {}", axis.name, expr(value, level)),
        IndexItem::In(axis, from, to) => {
            format!("{} in {} .. {}", axis.name, expr(from, level), expr(to, level))
        }
    }
}
