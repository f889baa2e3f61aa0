//! Takes a flowchart, gives a Graphviz digraph: loops are clusters, and an edge is drawn once per thought as long as
//! that can be counted by eye. Never runs `dot`.

use super::flowchart::{Edge, FlowItem, Flowchart, Group, Shape};
use super::text::dot as escape;

/// More thoughts than this are one thick edge with a number.
const MOST_LINES: usize = 8;

const HEAD: &str = r##"    rankdir=TB; compound=true; nodesep=0.3; ranksep=0.35; fontname="Helvetica"; fontsize=12; labelloc=t;
    node [shape=box, style="rounded,filled", fontname="Menlo,Consolas,monospace", fontsize=11, color="#343a40", fillcolor="#ffffff"];
    edge [color="#3b5bdb", arrowsize=0.6, fontname="Helvetica", fontsize=10];
"##;

/// A flowchart in Graphviz' DOT.
pub fn write(chart: &Flowchart) -> String {
    let mut out = format!("digraph \"{}\" {{\n", escape(&chart.title));
    out.push_str(&format!("    label=\"{}\";\n{HEAD}", escape(&chart.title)));
    for item in &chart.entries {
        entry(item, 1, &mut out);
    }
    for item in &chart.edges {
        edge(item, &mut out);
    }
    out.push_str("}\n");
    out
}

fn entry(item: &FlowItem, depth: usize, out: &mut String) {
    let indent = "    ".repeat(depth);
    match item {
        FlowItem::Group { id, label, kind, entries } => {
            out.push_str(&format!("{indent}subgraph cluster_{id} {{\n"));
            let look = cluster(*kind);
            out.push_str(&format!("{indent}    label=\"{}\"; labeljust=l; {look}\n", escape(label)));
            for inner in entries {
                entry(inner, depth + 1, out);
            }
            out.push_str(&format!("{indent}}}\n"));
        }
        FlowItem::Node { id, shape, gradient, lines } => {
            let end = if *shape == Shape::Update { "\\l" } else { "\\n" };
            let lines: String = lines.iter().map(|line| escape(line) + end).collect();
            let tone = if *gradient { "" } else { ", fillcolor=\"#f1f3f5\", color=\"#adb5bd\"" };
            out.push_str(&format!("{indent}n{id} [label=\"{lines}\"{}{tone}];\n", node(*shape)));
        }
    }
}

fn cluster(kind: Group) -> &'static str {
    match kind {
        Group::Section => "style=\"rounded,filled\"; color=\"#dee2e6\"; fillcolor=\"#f8f9fa\";",
        Group::Loop => "style=\"rounded,filled\"; color=\"#495057\"; fillcolor=\"#ffffff\";",
        Group::LoopWithoutGradient => "style=\"rounded,dashed\"; color=\"#868e96\";",
    }
}

/// A branch widens downwards, a merge narrows.
fn node(shape: Shape) -> &'static str {
    match shape {
        Shape::Update => "",
        Shape::Branch => ", shape=trapezium, style=filled",
        Shape::Merge => ", shape=invtrapezium, style=filled",
        Shape::Prune => ", shape=invhouse, style=filled",
        Shape::Record => ", shape=note, style=dashed",
        Shape::State => ", shape=cylinder, style=filled",
        Shape::Halt => ", shape=octagon, style=filled",
    }
}

fn edge(edge: &Edge, out: &mut String) {
    let Edge { from, to, thoughts, aside, back } = edge;
    if *back {
        out.push_str(&format!("    n{from} -> n{to} [style=dashed, constraint=false, color=\"#868e96\"];\n"));
    } else if *aside {
        out.push_str(&format!("    n{from} -> n{to} [style=dotted, arrowsize=0.4, color=\"#868e96\"];\n"));
    } else if *thoughts <= MOST_LINES {
        out.push_str(&format!("    n{from} -> n{to};\n").repeat(*thoughts));
    } else {
        out.push_str(&format!("    n{from} -> n{to} [penwidth=4, label=\"{thoughts} thoughts\"];\n"));
    }
}
