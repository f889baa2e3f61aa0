//! Takes a flowchart, gives a Mermaid `flowchart TD`: loops are subgraphs, an edge with several thoughts is thick and
//! numbered. Never relies on a Mermaid newer than 10.

use super::flowchart::{Edge, FlowItem, Flowchart, Group, Shape};
use super::text::mermaid as escape;

/// Lines as long as they are here, and room for the words on a subgraph.
const CONFIG: &str = "\
config:
  flowchart:
    wrappingWidth: 480
    subGraphTitleMargin:
      top: 4
      bottom: 14
";

const CLASSES: &str = "
    classDef gradient fill:#ffffff,stroke:#343a40,color:#212529
    classDef noGradient fill:#f1f3f5,stroke:#adb5bd,color:#495057,stroke-dasharray:4 3
    classDef state fill:#e7f0fa,stroke:#5b8cc0,color:#12395f
    classDef record fill:#fff9db,stroke:#e0c25a,color:#5c4b00
    classDef section fill:#f8f9fa,stroke:#dee2e6,color:#495057
    classDef loop fill:#ffffff,stroke:#868e96,color:#212529
    classDef loopNoGradient fill:#f8f9fa,stroke:#adb5bd,color:#495057,stroke-dasharray:4 3
";

/// A flowchart in Mermaid's syntax.
pub fn write(chart: &Flowchart) -> String {
    let mut out = format!("---\ntitle: \"{}\"\n{CONFIG}---\nflowchart TD\n", escape(&chart.title));
    for item in &chart.entries {
        entry(item, 1, &mut out);
    }
    for item in &chart.edges {
        edge(item, &mut out);
    }
    out.push_str(CLASSES);
    for item in &chart.entries {
        group_classes(item, &mut out);
    }
    out
}

fn entry(item: &FlowItem, depth: usize, out: &mut String) {
    let indent = "    ".repeat(depth);
    match item {
        FlowItem::Group { id, label, entries, .. } => {
            out.push_str(&format!("{indent}subgraph g{id}[\"{}\"]\n", escape(label)));
            for inner in entries {
                entry(inner, depth + 1, out);
            }
            out.push_str(&format!("{indent}end\n"));
        }
        FlowItem::Node { id, shape, gradient, lines } => {
            let label = lines.iter().map(|line| escape(line)).collect::<Vec<_>>().join("<br/>");
            let (open, close) = brackets(*shape);
            let class = match (shape, gradient) {
                (Shape::Record, _) => "record",
                (Shape::State | Shape::Halt, _) => "state",
                (_, true) => "gradient",
                (_, false) => "noGradient",
            };
            out.push_str(&format!("{indent}n{id}{open}\"{label}\"{close}:::{class}\n"));
        }
    }
}

/// A branch widens downwards, a merge narrows.
fn brackets(shape: Shape) -> (&'static str, &'static str) {
    match shape {
        Shape::Update => ("[", "]"),
        Shape::Branch => ("[/", "\\]"),
        Shape::Merge => ("[\\", "/]"),
        Shape::Prune => ("{{", "}}"),
        Shape::Record | Shape::State => ("([", "])"),
        Shape::Halt => ("{{", "}}"),
    }
}

fn edge(edge: &Edge, out: &mut String) {
    let Edge { from, to, thoughts, aside, back } = edge;
    out.push_str(&match (aside | back, thoughts) {
        (true, _) => format!("    n{from} -.-> n{to}\n"),
        (false, 1) => format!("    n{from} --> n{to}\n"),
        (false, _) => format!("    n{from} ==>|\"{thoughts} thoughts\"| n{to}\n"),
    });
}

fn group_classes(item: &FlowItem, out: &mut String) {
    let FlowItem::Group { id, kind, entries, .. } = item else { return };
    let class = match kind {
        Group::Section => "section",
        Group::Loop => "loop",
        Group::LoopWithoutGradient => "loopNoGradient",
    };
    out.push_str(&format!("    class g{id} {class}\n"));
    for inner in entries {
        group_classes(inner, out);
    }
}
