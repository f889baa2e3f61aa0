//! Takes the outline of a model, gives a picture of it as text (SVG, Mermaid or DOT); never reads a graph, a
//! tensor or a file, and runs no other program. The same outline always gives the same bytes.

mod dot;
mod flowchart;
mod fold;
mod labels;
mod mermaid;
mod svg;
mod text;
mod thoughts;

pub(crate) use text::xml;

use crate::model::outline::Outline;

/// What `draw` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Graphviz: clusters for loops, one edge per thought.
    Dot,
    /// A `flowchart TD` with subgraphs for loops, for Markdown that renders it.
    Mermaid,
    /// The full picture, laid out here: the thoughts are lines that fork and meet.
    Svg,
}

/// The picture of one supervision step: loops folded, branches and merges visible as a tree.
pub fn draw(outline: &Outline, format: Format) -> String {
    let folded = fold::fold(outline);
    match format {
        Format::Dot => dot::write(&flowchart::flowchart(&folded)),
        Format::Mermaid => mermaid::write(&flowchart::flowchart(&folded)),
        Format::Svg => svg::write(&folded),
    }
}
