//! Names that the schedule binds where they cannot be read: in a later section, further down, in an iteration, a branch
//! or a block. Takes the trees of the schedule and a name; gives a diagnostic with the mend, and decides nothing.

use crate::diagnostic::Diagnostic;
use crate::model::checker::Checker;
use crate::model::names::complaints::BoundElsewhere;
use crate::model::names::inherit::Flat;
use crate::source::Span;
use crate::syntax::ast::{Block, Ident, LoopCount, MemberKind, Section, Stmt, StmtKind};

const IN_ORDER: [Section; 3] = [Section::Encode, Section::Think, Section::Decode];

/// A statement that binds the name, and what it stands in.
struct Bound<'a> {
    name: &'a Ident,
    word: &'static str,
    /// The innermost loop or branch around it; None at the top.
    inside: Option<&'static str>,
}

impl<'a> Bound<'a> {
    fn told(&self, read: Span) -> BoundElsewhere<'a> {
        BoundElsewhere { bound: self.name, word: self.word, read }
    }
}

impl Checker<'_> {
    /// The complaint about a name that is bound by the schedule, and not where this is read.
    pub(in crate::model) fn bound_elsewhere(&self, name: &str, read: Span) -> Option<Diagnostic> {
        if !self.scope.of_model {
            return None;
        }
        let reader = IN_ORDER.iter().position(|section| {
            self.section_bodies.get(section.word()).is_some_and(|flat| holds(flat, read))
        });
        for (at, section) in IN_ORDER.iter().enumerate() {
            let Some(flat) = self.section_bodies.get(section.word()) else { continue };
            let MemberKind::Section { body, .. } = &flat.member.kind else { continue };
            let Some(bound) = bound_in(body, name, None) else { continue };
            let earlier = reader.is_some_and(|reader| at > reader);
            let told = bound.told(read);
            return Some(match bound.inside {
                _ if earlier => told.in_a_later_section(section.word(), IN_ORDER[reader?].word()),
                None => told.further_down(),
                Some(place) => told.in_an_iteration(place),
            });
        }
        let mut blocks: Vec<&Flat> = self.blocks.values().collect();
        blocks.sort_by_key(|flat| flat.member.span);
        blocks.into_iter().find_map(|flat| {
            let MemberKind::Block { name: block, body, .. } = &flat.member.kind else { return None };
            let bound = bound_in(body, name, None)?;
            let told = bound.told(read);
            Some(if holds(flat, read) && bound.inside.is_none() {
                told.further_down()
            } else {
                told.in_an_iteration(&format!("the block `{}`", block.name))
            })
        })
    }
}

fn holds(flat: &Flat, place: Span) -> bool {
    let span = flat.member.span;
    span.file == place.file && span.start <= place.start && place.end <= span.end
}

/// The first statement that binds the name by `let`, `var` or `giving`, in loops and branches too.
fn bound_in<'a>(block: &'a Block, name: &str, inside: Option<&'static str>) -> Option<Bound<'a>> {
    block.statements.iter().find_map(|statement| bound_by(statement, name, inside))
}

fn bound_by<'a>(statement: &'a Stmt, name: &str, inside: Option<&'static str>) -> Option<Bound<'a>> {
    let own = |names: &'a [Ident], word| {
        names.iter().find(|known| known.name == name).map(|name| Bound { name, word, inside })
    };
    match &statement.kind {
        StmtKind::Let { names, .. } => own(names, "let"),
        StmtKind::Var { name, .. } => own(std::slice::from_ref(name), "var"),
        StmtKind::Merge { giving: Some(name), .. } => own(std::slice::from_ref(name), "merge"),
        StmtKind::Repeat { count, body, .. } => {
            let counter = match count {
                LoopCount::Range { index, .. } if index.name == name => {
                    Some(Bound { name: index, word: "repeat", inside: Some("its loop") })
                }
                _ => None,
            };
            counter.or_else(|| bound_in(body, name, Some("an iteration of its loop")))
        }
        StmtKind::Inherited(Some(base)) => bound_in(&base.body, name, inside),
        StmtKind::If { then, otherwise, .. } => {
            let branch = inside.or(Some("a branch of an `if`"));
            bound_in(then, name, branch)
                .or_else(|| otherwise.as_ref().and_then(|block| bound_in(block, name, branch)))
        }
        _ => None,
    }
}
