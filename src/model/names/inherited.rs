//! Mistakes in text that the author of a model has not written: which member of which model it is, what the heir
//! replaced, and what is no longer recorded because of that. Takes diagnostics, gives them a place in the author's text.

use crate::diagnostic::{Diagnostic, Sink};
use crate::model::checker::Checker;
use crate::model::names::complaints;
use crate::model::names::inherit::{Flat, declared_at, key, wanted_model};
use crate::model::names::line::chain;
use crate::source::Span;
use crate::syntax::ast::{self, Block, Member, MemberKind, Stmt, StmtKind};

/// A section or block of a model, or of one it extends, that keeps a value under a name.
struct Keeper {
    member: Member,
    /// Where it keeps it.
    span: Span,
}

impl Checker<'_> {
    /// The model that is checked and those it extends, nearest first.
    fn line_of_heirs(&self) -> Vec<&ast::Model> {
        let model = wanted_model(self.modules, self.bindings.model.as_deref());
        let links = model.and_then(|model| chain(self.modules, model, &mut Sink::default()));
        links.unwrap_or_default().into_iter().map(|link| link.model).collect()
    }

    /// Moves a complaint about inherited text of the library to the author's text: to what the heir declared anew and
    /// that text reads, else to the heir's name.
    pub(in crate::model) fn told_to_heir(
        &self,
        diagnostic: Diagnostic,
        overrides: &[(String, Span)],
    ) -> Diagnostic {
        let place = diagnostic.primary.0;
        if !self.sources.is_library(place) {
            return diagnostic;
        }
        let line = self.line_of_heirs();
        let [heir, bases @ ..] = &line[..] else { return diagnostic };
        let holds = |member: &&Member| {
            let span = member.span;
            span.file == place.file && span.start <= place.start && place.end <= span.end
        };
        let Some(member) = bases.iter().flat_map(|base| &base.members).find(holds) else { return diagnostic };
        if self.sources.is_library(heir.name.span) {
            return diagnostic;
        }
        let own = overrides.iter().find(|(_, span)| !self.sources.is_library(*span));
        complaints::told_of_heir(diagnostic, &named(member, place), &heir.name, own)
    }

    /// The complaint about a name that the schedule, or one that it replaces, records or collects elsewhere.
    pub(in crate::model) fn no_longer_kept(&self, name: &str, read: Span) -> Option<Diagnostic> {
        if !self.scope.of_model {
            return None;
        }
        let Keeper { member, span } = self.keeper(name)?;
        let now = self.now(&member)?;
        if self.is_now(&member, now) {
            return match &member.kind {
                MemberKind::Block { name: block, .. } if !self.is_done(&block.name) => {
                    let think = declared_at(&self.section_bodies.get("think")?.member);
                    Some(complaints::block_not_done(&block.name, think, name, read))
                }
                _ => Some(complaints::kept_where_nothing_runs(name, read, span)),
            };
        }
        let places = (span, declared_at(&now.member), read);
        Some(complaints::no_longer_kept(name, &key(&member), places))
    }

    fn keeper(&self, name: &str) -> Option<Keeper> {
        self.line_of_heirs().into_iter().flat_map(|model| &model.members).find_map(|member| {
            let (MemberKind::Section { body, .. } | MemberKind::Block { body, .. }) = &member.kind else {
                return None;
            };
            let span = kept_in(body, name)?;
            Some(Keeper { member: member.clone(), span })
        })
    }

    /// What stands in the place of a section or block.
    fn now(&self, member: &Member) -> Option<&Flat> {
        match &member.kind {
            MemberKind::Section { section, .. } => self.section_bodies.get(section.word()),
            MemberKind::Block { name, .. } => self.blocks.get(&name.name),
            _ => None,
        }
    }

    fn is_now(&self, member: &Member, now: &Flat) -> bool {
        now.member.span == member.span
    }

    /// Whether the schedule as it is now does a block, in whatever loop or branch.
    fn is_done(&self, block: &str) -> bool {
        let bodies = self.section_bodies.values().chain(self.blocks.values());
        bodies.into_iter().any(|flat| crate::model::results::unused::does(&flat.member, block))
    }
}

/// What a member is called in a sentence; of several predictions, the one that holds `place`.
fn named(member: &Member, place: Span) -> String {
    if let MemberKind::Predict(predictions) = &member.kind {
        let own = predictions
            .iter()
            .find(|(_, value)| value.span.start <= place.start && place.end <= value.span.end);
        return match own {
            Some((Some(name), _)) => format!("the prediction `{}`", name.name),
            _ => "a prediction".to_owned(),
        };
    }
    let key = key(member);
    if key.is_empty() {
        return "a declaration".to_owned();
    }
    if key.starts_with('`') { key } else { format!("the {key}") }
}

/// Where statements record or collect a name.
fn kept_in(block: &Block, name: &str) -> Option<Span> {
    let within = |statement: &Stmt| match &statement.kind {
        StmtKind::Record { name: own, .. } | StmtKind::Collect { name: own, .. } => {
            (own.name == name).then_some(own.span)
        }
        StmtKind::Repeat { body, .. } => kept_in(body, name),
        StmtKind::If { then, otherwise, .. } => {
            kept_in(then, name).or_else(|| otherwise.as_ref().and_then(|other| kept_in(other, name)))
        }
        _ => None,
    };
    block.statements.iter().find_map(within)
}
