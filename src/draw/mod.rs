//! Takes the outline of a model, gives a picture of it as text (SVG, Mermaid or DOT); never reads a graph, a
//! tensor or a file, and runs no other program. The same outline always gives the same bytes.

mod dot;
mod flowchart;
mod fold;
mod labels;
mod mermaid;
mod parameters;
mod svg;
mod text;
mod thoughts;

pub(crate) use text::xml;

use crate::model::outline::Outline;

/// How many thoughts there are after each branch of the last cycle that ends in a merge, such as 2, 4, 8, for the state that
/// branches widest. What is pruned or merged in parts starts anew: which thoughts those come from depends on the data.
pub fn thoughts_after_each_branch(outline: &Outline) -> Vec<usize> {
    let folded = fold::fold(outline);
    let leaves = folded.leaves();
    let mut thoughts = thoughts::Thoughts::at_start(&leaves);
    let (mut growing, mut grown) = (Vec::new(), Vec::new());
    for leaf in leaves {
        match thoughts.pass(leaf) {
            Some((before, after)) if after > before => growing.push(after),
            Some(_) if !growing.is_empty() => grown = std::mem::take(&mut growing),
            _ => {}
        }
    }
    if grown.is_empty() { growing } else { grown }
}

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
///
/// Nets are listed with their parameters, `depth` parts of their paths deep: at 1 each net, at 2 its parts, at 0 none.
pub fn draw(outline: &Outline, format: Format, depth: usize) -> String {
    let folded = fold::fold(outline);
    match format {
        Format::Dot => dot::write(&flowchart::flowchart(&folded, depth)),
        Format::Mermaid => mermaid::write(&flowchart::flowchart(&folded, depth)),
        Format::Svg => svg::write(&folded, depth),
    }
}
