//! Habits of PyTorch in expressions: methods and attributes of values, functions under its names, axes by number or
//! without their word. Takes names and the author's words, gives the mend or a diagnostic; decides nothing.

use crate::diagnostic::Diagnostic;
use crate::model::checker::Checker;
use crate::model::evaluate::call::is_built_in;
use crate::model::evaluate::complaints::{self, AxesAfterWord};
use crate::model::evaluate::signature::Args;
use crate::model::evaluate::value::Value;
use crate::model::words::after_word;
use crate::primitive::{self, Takes};
use crate::source::Span;
use crate::syntax::ast::{Arg, ArgKind, Clause, Expr, ExprKind, Ident};

/// What stands in the place of a function, method or attribute of PyTorch.
const MENDS: &[(&[&str], &str)] = &[
    (
        &["view", "reshape"],
        "`unflatten(x, dim -> (head, feature))` parts an axis, `flatten(x, (head, feature) -> dim)` joins axes",
    ),
    (
        &["permute", "transpose", "swapaxes", "movedim", "contiguous", "T", "mT"],
        "nothing is needed: axes have names and no order",
    ),
    (&["unsqueeze", "squeeze"], "nothing is needed: an axis that one side lacks is broadcast"),
    (
        &["expand", "expand_as", "repeat", "tile"],
        "`broadcast(x, over way)`, where it is not broadcast by itself",
    ),
    (&["repeat_interleave"], "`branch z into 2`, or `broadcast(x, over way)`"),
    (&["detach", "no_grad"], "`stop_gradient(x)`"),
    (&["matmul", "mm", "bmm", "einsum", "inner"], "`dot(a, b, over dim)` sums products over named axes"),
    (&["cat"], "`concat(a, b, along pos)`, where `axis pos = prefix + cell` says of which parts"),
    (&["chunk", "unbind"], "`split(x, over part)` gives one value per entry of the axis"),
    (&["shape", "numel", "ndim"], "`size(dim)` of an axis, `size(x, branch)` of a value"),
    (&["arange", "range", "linspace"], "`index(dim)` counts 0, 1, 2, … along an axis"),
    (
        &["zeros", "ones", "zeros_like", "ones_like", "full", "tensor"],
        "a number is broadcast by itself: `0`, `1`",
    ),
    (&["randn", "randn_like", "normal_"], "`noise(over (batch, dim))`"),
    (&["rand", "rand_like", "uniform_"], "`uniform(over (batch, dim))` lies in [0, 1)"),
    (&["masked_fill"], "`where(condition, value, x)`"),
    (
        &["topk"],
        "`top_k(x, over a, count = n, into b)` gives the indices, `gather(x, indices, over a)` the values",
    ),
    (&["std"], "`sqrt(mean((x - mean(x, over dim)) ^ 2, over dim))`"),
    (&["var"], "`mean((x - mean(x, over dim)) ^ 2, over dim)`"),
    (&["pow", "square"], "`x ^ 2`"),
    (
        &["item", "cpu", "cuda", "to", "half", "bfloat16", "clone"],
        "nothing is needed: the compiler says where values lie",
    ),
    (&["long"], "`int(x)`"),
    (&["scaled_dot_product_attention"], "`attend(q, k, v, over pos, along feature)`"),
    (&["layer_norm", "LayerNorm", "RMSNorm"], "`rms_norm(x, over dim)` of `std::nets`"),
    (
        &["ModuleList", "Sequential"],
        "`Block(…) * 4` is a family of nets, `Stack(4, Block(…))` one after the other",
    ),
    (&["Parameter"], "`param w: float [dim] = 1`"),
    (&["register_buffer"], "`buffer start: float [dim] = 0`"),
];

/// What a name of PyTorch is here.
pub(in crate::model) fn mend(name: &str) -> Option<&'static str> {
    MENDS.iter().find(|(names, _)| names.contains(&name)).map(|(_, mend)| *mend)
}

impl Checker<'_> {
    /// What `base.name` is in `base.name(…)`: a member of a net. `z.mean(cell)` and `F.softmax(x, -1)` are told.
    pub(in crate::model) fn called_field(
        &mut self,
        base: &Expr,
        name: &Ident,
        callee: &Expr,
        args: &[Arg],
    ) -> Value {
        let foreign = matches!(&base.kind, ExprKind::Name(own)
            if ["torch", "F", "nn", "np", "math", "self"].contains(&own.as_str()) && self.scope.get(own).is_none());
        let of = if foreign { Value::Broken } else { self.expr(base) };
        if !foreign && !matches!(of, Value::Tensor(_) | Value::Number(_)) {
            return self.field(of, name);
        }
        let text = self.author_text(base.span);
        let first = (!foreign).then_some(text.as_str());
        let spelt = || self.spelt_as_function(name, first, args);
        let mend = mend(&name.name).map(str::to_owned).or_else(spelt);
        self.error(complaints::habit(&text, foreign, mend.as_deref(), callee.span));
        Value::Broken
    }

    /// The call of a function of the language that a method stands for.
    fn spelt_as_function(&self, name: &Ident, first: Option<&str>, args: &[Arg]) -> Option<String> {
        if !is_built_in(&name.name) {
            return None;
        }
        let mut parts: Vec<String> = first.map(str::to_owned).into_iter().collect();
        let mut axes: Vec<String> = Vec::new();
        let mut named_axes = false;
        for arg in args {
            match &arg.kind {
                ArgKind::Positional(Expr { kind: ExprKind::Name(own), .. })
                    if self.scope.get(own).is_some_and(|bound| matches!(bound.value, Value::Axis(_))) =>
                {
                    axes.push(own.clone());
                }
                ArgKind::Clause(..) => {
                    named_axes = true;
                    parts.push(self.author_text(arg.span));
                }
                ArgKind::Positional(Expr { kind: ExprKind::Number(_) | ExprKind::Unary { .. }, .. })
                | ArgKind::Named(..) => {}
                _ => parts.push(self.author_text(arg.span)),
            }
        }
        let reduces =
            primitive::by_name(&name.name).is_some_and(|row| !matches!(row.get().over, Takes::Nothing));
        if reduces && !named_axes {
            let axes = if axes.is_empty() { vec!["dim".to_owned()] } else { axes };
            parts.push(after_word("over", &axes));
        }
        Some(format!("`{}({})`", name.name, parts.join(", ")))
    }

    /// The complaint about an axis that stands without its word (`mean(z, cell)`), behind another (`over a, b`), by
    /// number (`softmax(z, -1)`, `dim = -1`) or with `=` (`over = cell`) in a call that takes axes by `word`.
    pub(in crate::model) fn axis_without_word(
        &self,
        name: &str,
        word: Clause,
        args: &Args,
        values: usize,
    ) -> Option<Diagnostic> {
        let word = word.word();
        let first = args.positional.first().map_or("x".to_owned(), |(_, place)| self.author_text(*place));
        let after = AxesAfterWord { name, first: &first, word };
        let named = args.named.iter().find(|(own, _, _)| {
            ["over", "along", "into", "between", "dim", "axis", "keepdim"].contains(&own.name.as_str())
        });
        if let Some((own, value, place)) = named {
            let axes = self.axis_names_of(value);
            let place = own.span.to(*place);
            return Some(match own.name.as_str() {
                "dim" | "axis" | "keepdim" => after.as_parameter(&axes, place),
                word => AxesAfterWord { word, ..after }.with_equals(&axes, place),
            });
        }
        let extra: Vec<&(Value, Span)> = args.positional.iter().skip(values).collect();
        let (first_extra, place) = extra.first()?;
        let axes: Vec<String> = extra.iter().flat_map(|(value, _)| self.axis_names_of(value)).collect();
        if let Some((_, given, before)) = args.clauses.iter().find(|(own, _, _)| own.word() == word)
            && !axes.is_empty()
        {
            let mut all: Vec<String> = given.iter().map(|axis| self.axes.name(*axis).to_owned()).collect();
            all.extend(axes);
            return Some(after.without_parentheses(&all, before.to(*place)));
        }
        match first_extra {
            Value::Number(_) => Some(after.by_number(*place)),
            _ if !axes.is_empty() => Some(after.without_word(&axes, *place)),
            _ => None,
        }
    }

    fn axis_names_of(&self, value: &Value) -> Vec<String> {
        match value {
            Value::Axis(axis) => vec![self.axes.name(*axis).to_owned()],
            Value::Axes(axes) => axes.iter().map(|axis| self.axes.name(*axis).to_owned()).collect(),
            Value::Tuple(values) => values.iter().flat_map(|value| self.axis_names_of(value)).collect(),
            _ => Vec::new(),
        }
    }
}
