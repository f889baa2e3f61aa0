//! What an operation was written out from: sections, blocks, nets and functions of the author, one inside the other. The
//! checker notes it as it expands calls, so that a reader of the graph can put them together again; no pass needs it.

use crate::source::Span;
use std::sync::Arc;

/// One call, `do` or section. Those of one call have the same number.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Another one for each time, from 1 on.
    pub number: u32,
    /// What was called.
    pub what: Called,
    /// The one around it; None for a section.
    pub around: Option<Arc<Frame>>,
}

/// What was written out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Called {
    /// `encode`, `think`, `decode`.
    Section(String),
    /// `do NAME`.
    Block(String),
    /// A net, by the path of its weights and the name of its definition.
    Net {
        /// The declared path.
        path: String,
        /// `Block`, `Linear`.
        definition: String,
    },
    /// A function, by name.
    Function(String),
}

/// A name that the author gave to a value in a frame: bound, updated, or a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The frame's number, 0 outside of all.
    pub frame: u32,
    /// The name.
    pub name: String,
    /// Where it is bound or updated.
    pub span: Span,
}

impl Frame {
    /// The frames around, outermost first, this one last.
    pub fn chain(frame: &Option<Arc<Frame>>) -> Vec<Arc<Frame>> {
        let mut chain: Vec<Arc<Frame>> =
            std::iter::successors(frame.clone(), |frame| frame.around.clone()).collect();
        chain.reverse();
        chain
    }
}
