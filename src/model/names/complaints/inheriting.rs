//! What the author is told about models that build on others: takes models, names and places, gives diagnostics; decides
//! nothing.

use crate::diagnostic::{Code, Diagnostic};
use crate::model::words::{meant, quoted};
use crate::source::Span;
use crate::syntax::ast::{Ident, Model};

/// `wanted`: the model that was asked for, a `mixin` perhaps; `known`: the models of the file.
pub(in crate::model) fn no_model_in_file(
    wanted: Option<&str>,
    mixin: bool,
    known: &[&str],
    file: Span,
) -> Diagnostic {
    let message = match wanted {
        Some(name) => format!("this file has no model `{name}`"),
        None => "this file declares no model".to_owned(),
    };
    let help = match (wanted.and_then(|name| meant(name, known)), wanted) {
        (Some(near), _) => near,
        (None, Some(name)) if mixin => {
            format!("`{name}` is a mixin: take its changes in, `model MINE extends BASE with {name}`")
        }
        _ if known.is_empty() => "declare one: `model NAME { … }`".to_owned(),
        _ => format!("it has {}", quoted(known)),
    };
    Diagnostic::new(Code::Incomplete, message, file, "in this file").help(help)
}

/// `library`: the module of the library that has the model; `known`: the models that could be named here.
pub(in crate::model) fn no_base(base: &Ident, library: Option<&str>, known: &[String]) -> Diagnostic {
    let name = &base.name;
    let help = match library {
        Some(path) => format!("import it: `use {path}::{name}`"),
        None => meant(name, known).unwrap_or_else(|| {
            format!("if another file declares it, import it: `use file::{name}`, without the ending `.tot`")
        }),
    };
    Diagnostic::new(Code::UnknownName, format!("there is no model `{name}`"), base.span, "not found")
        .help(help)
}

/// `what`: what has the name of the base, and where that is declared.
pub(in crate::model) fn base_is_no_model(base: &Ident, (what, declared): (&str, Span)) -> Diagnostic {
    not_extended(base, what, declared).help("use it inside the model: `net mine = …`")
}

pub(in crate::model) fn base_is_a_mixin(base: &Ident, mixin: &Model, model: &Model) -> Diagnostic {
    let (model, name) = (&model.name.name, &base.name);
    not_extended(base, "a mixin", mixin.name.span)
        .help(format!("take its changes in: `model {model} extends BASE with {name}`"))
}

fn not_extended(base: &Ident, what: &str, declared: Span) -> Diagnostic {
    let message = format!("`{}` is {what}, and only a model can be extended", base.name);
    Diagnostic::new(Code::Kind, message, base.span, "not a model").related(declared, "declared here")
}

/// `way`: the models that lead to the circle, each with the name by which it leads on.
pub(in crate::model) fn extends_itself(model: &Model, way: &[(&Model, &Ident)], place: Span) -> Diagnostic {
    let message = format!("`{}` extends itself", model.name.name);
    let told = Diagnostic::new(Code::CyclicExtends, message, place, "the circle closes here")
        .help("let one of them stand on its own, or extend another model");
    way.iter().fold(told, |told, (model, name)| {
        told.related(name.span, format!("`{}` extends `{}`", model.name.name, name.name))
    })
}

pub(in crate::model) fn taken_already(name: &Ident, model: &Model) -> Diagnostic {
    let message = format!("`{}` is built on `{}` already", model.name.name, name.name);
    Diagnostic::new(Code::Duplicate, message, name.span, "again here").help("leave it out")
}

/// `root`: what the changes of `name` are a variant of, if it is another model.
pub(in crate::model) fn not_related(name: &Ident, model: &Model, root: Option<&Model>) -> Diagnostic {
    let message = format!("`{}` changes no model that `{}` is built on", name.name, model.name.name);
    let told = Diagnostic::new(Code::Misplaced, message, name.span, "changes another model");
    let told = match root {
        Some(root) => told.related(root.name.span, format!("`{}` is a variant of this", name.name)),
        None => {
            let base = model.extends.as_ref().map_or("", |base| base.name.as_str());
            told.related(model.name.span, format!("built on `{base}`, which `{}` is not", name.name))
        }
    };
    told.help(format!("changes that fit any model are a mixin: `mixin {} {{ … }}`", name.name))
}

/// Two models that know nothing of one another change `key`, each with its name and place; `model` takes both in, the
/// second as `named`.
pub(in crate::model) fn both_change(
    key: &str,
    (first, before): (&str, Span),
    (second, after): (&str, Span),
    model: &Model,
    named: &Ident,
) -> Diagnostic {
    let message = format!("`{first}` and `{second}` both change {key}, and neither knows of the other");
    let by = &model.name.name;
    Diagnostic::new(Code::Duplicate, message, named.span, format!("taken in by `{by}`"))
        .related(before, format!("`{first}` changes it here"))
        .related(after, format!("and `{second}` here"))
        .help(format!(
            "say in `{by}` what holds, or let `{second}` go on from what stands there (`inherited`), whatever it is"
        ))
}

/// `takes`: the arguments of the inherited block.
pub(in crate::model) fn goes_on_with_others(
    block: &Ident,
    takes: &[String],
    place: Span,
    inherited: Span,
) -> Diagnostic {
    let (name, takes) = (&block.name, takes.join(", "));
    let message = format!("the block `{name}` goes on from the inherited one, which takes `({takes})`");
    Diagnostic::new(Code::Arguments, message, place, "goes on here")
        .related(inherited, "inherited from here")
        .help(format!("take the same under the same names: `block {name}({takes}) {{ … }}`"))
}

/// `keys`: kind and name of all that is inherited.
pub(in crate::model) fn nothing_to_drop((kind, name): (&Ident, &Ident), keys: &[String]) -> Diagnostic {
    let start = format!("{} `", kind.name);
    let name_of = |key: &String| Some(key.strip_prefix(&start)?.trim_end_matches('`').to_owned());
    let same_kind: Vec<String> = keys.iter().filter_map(name_of).collect();
    let same_name = keys.iter().find(|key| key.ends_with(&format!(" `{}`", name.name)));
    let help = match (same_name, meant(&name.name, &same_kind)) {
        (Some(key), _) => format!("did you mean `drop {}`?", key.replace('`', "")),
        (None, Some(near)) => near,
        (None, None) if same_kind.is_empty() => format!("no {} is inherited", kind.name),
        (None, None) => format!("inherited: {}", quoted(&same_kind)),
    };
    let message = format!("there is no {} `{}` to drop", kind.name, name.name);
    Diagnostic::new(Code::UnknownName, message, name.span, "not inherited").help(help)
}

/// A choice that the inherited config, with its choices `known`, has not.
pub(in crate::model) fn wider_choice(
    config: &Ident,
    choice: &Ident,
    known: &[String],
    inherited: Span,
) -> Diagnostic {
    let name = &config.name;
    let message = format!("`{name}` cannot become `{}`: inherited choices may only be narrowed", choice.name);
    Diagnostic::new(Code::Config, message, choice.span, "not among the inherited choices")
        .related(inherited, "inherited from here")
        .help(format!(
            "choose among {}; for something new, declare the net that reads `{name}` anew",
            quoted(known)
        ))
}

/// A complaint about text that `heir` inherits in `what`, told at the heir; `anew`: what the heir declared anew and
/// that text reads, which is where it is told then.
pub(in crate::model) fn told_of_heir(
    mut diagnostic: Diagnostic,
    what: &str,
    heir: &Ident,
    anew: Option<&(String, Span)>,
) -> Diagnostic {
    let (to, label) = match anew {
        Some((name, span)) => (*span, format!("`{name}` is declared anew here")),
        None => (heir.span, "inherits it".to_owned()),
    };
    let inherits = format!("which `{}` inherits", heir.name);
    diagnostic.message = match diagnostic.message.strip_prefix(what) {
        Some(rest) => format!("{what}, {inherits},{rest}"),
        None => format!("in {what}, {inherits}: {}", diagnostic.message),
    };
    let inner = std::mem::replace(&mut diagnostic.primary, (to, label));
    diagnostic.related.retain(|(span, _)| *span != to);
    diagnostic.related.insert(0, inner);
    diagnostic
}

pub(in crate::model) fn kept_where_nothing_runs(name: &str, read: Span, kept: Span) -> Diagnostic {
    let message = format!("`{name}` is kept in a loop or branch that does not run now");
    Diagnostic::new(Code::UnknownName, message, read, "read here").related(kept, "kept here").help(
        "a loop of 0 iterations and a branch that is not taken bind nothing: read it under the same condition",
    )
}

/// `what`: the section or block that kept it; `now`: what replaces that.
pub(in crate::model) fn no_longer_kept(
    name: &str,
    what: &str,
    (kept, now, read): (Span, Span, Span),
) -> Diagnostic {
    let message = format!("`{name}`, which the inherited {what} kept, is no longer kept");
    Diagnostic::new(Code::UnknownName, message, now, "replaces it")
        .related(kept, "kept here")
        .related(read, "and read here")
        .help(format!("keep it here too, `record {name} = …`, or `drop` or declare anew what reads it"))
}

/// `name` is read of what the block recorded, which `think` no longer does.
pub(in crate::model) fn block_not_done(block: &str, think: Span, name: &str, read: Span) -> Diagnostic {
    let message = format!("what `{block}` records is no longer recorded: `think` does not do it");
    Diagnostic::new(Code::UnknownName, message, think, format!("no `do {block}` here"))
        .related(read, format!("`{name}` is read here"))
        .help(format!("`do {block}` where its values are ready, or `drop` or declare anew what reads them"))
}
