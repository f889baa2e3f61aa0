//! Changes of one declaration by models that know nothing of one another, where a model takes in the changes of several.
//! Takes declarations in the order in which they take effect; tells each conflict with both places.

use crate::diagnostic::Sink;
use crate::model::names::complaints;
use crate::model::names::keys::{declared_at, key};
use crate::model::names::line::{Link, Taken};
use crate::source::Span;
use crate::syntax::ast::{Member, MemberKind};
use std::collections::HashMap;

/// Who has last declared or dropped what, by the key of the declaration.
#[derive(Default)]
pub(super) struct Changes {
    last: HashMap<String, Change>,
}

struct Change {
    /// The model, by its place.
    of: Span,
    name: String,
    at: Span,
}

impl Changes {
    /// A model of the line declares something, going on from what stands there, or anew.
    pub fn declare(&mut self, link: &Link, key: &str, member: &Member, goes_on: bool, sink: &mut Sink) {
        let bare_axis = matches!(&member.kind, MemberKind::Axis { size: None, .. });
        self.change(link, key, declared_at(member), goes_on || bare_axis, sink);
    }

    /// A model of the line leaves something out.
    pub fn drop(&mut self, link: &Link, key: &str, at: Span, sink: &mut Sink) {
        self.change(link, key, at, false, sink);
    }

    fn change(&mut self, link: &Link, key: &str, at: Span, agrees: bool, sink: &mut Sink) {
        let own = Change { of: link.span, name: link.model.name.name.clone(), at };
        if let (Some(taken), Some(before)) = (&link.taken, self.last.get(key))
            && !agrees
            && before.of != own.of
            && !taken.knows.contains(&before.of)
            && !settles(taken, key)
        {
            let (first, second) = ((before.name.as_str(), before.at), (own.name.as_str(), at));
            sink.push(complaints::both_change(key, first, second, taken.by, taken.named));
        }
        self.last.insert(key.to_owned(), own);
    }
}

/// Whether the model that takes the changes in says itself what holds.
fn settles(taken: &Taken, key: &str) -> bool {
    taken.by.members.iter().any(|member| match &member.kind {
        MemberKind::Drop(names) => {
            names.iter().any(|(kind, name)| format!("{} `{}`", kind.name, name.name) == key)
        }
        MemberKind::Axis { names, .. } => names.iter().any(|name| format!("axis `{}`", name.name) == key),
        MemberKind::Predict(predictions) => {
            let named = |name: &str| format!("predict `{name}`") == key;
            predictions.iter().any(|(name, _)| name.as_ref().is_some_and(|name| named(&name.name)))
        }
        _ => self::key(member) == key,
    })
}
