//! The nets of a model as classes, one for each definition and text, and the file around them. Takes what the writer of
//! scopes has written and the weights by path; gives `model.py`.

use super::names::own_name;
use super::scope::Writer;
use super::wrap::wrapped;
use crate::ir::{Graph, InputRole, OutputKind, WeightRole};
use crate::lower::{self, CarriedInfo};
use crate::primitive::pytorch::dtype;
use indexmap::IndexMap;

/// `model.py` with the paths of the weights that it has.
#[derive(Clone, Debug)]
pub struct Module {
    /// The text.
    pub text: String,
    /// Paths of its weights, and what they are called in the text: those that the answers depend on, in order of declaration.
    pub weights: Vec<(String, String)>,
}

/// A net or a part of a path, with its weights and what is in it.
#[derive(Default)]
struct Node {
    /// Name, shape and whether it is learned.
    weights: Vec<(String, String, bool)>,
    children: IndexMap<String, Node>,
    definition: Option<String>,
    ways: Vec<String>,
}

/// The whole file.
pub(super) fn file(graph: &Graph, writer: &Writer, forward: &str) -> Module {
    let (root, weights) = tree(graph, writer);
    let mut classes: IndexMap<String, String> = IndexMap::new();
    let init = constructor(&root, &mut classes, &writer.functions);
    let mut text = head(graph);
    for (name, body) in &writer.functions {
        text.push_str(&format!("\n\ndef {name}{}", body.trim_end()));
        text.push('\n');
    }
    for (name, body) in &classes {
        text.push_str(&format!("\n\nclass {name}(nn.Module):\n{}\n", body.trim_end()));
    }
    let name = class_name(&graph.model, &classes, writer);
    text.push_str(&format!("\n\nclass {name}(nn.Module):\n{}", about(graph)));
    text.push_str(&format!("    def __init__(self):\n        super().__init__()\n{init}\n"));
    for (name, body) in &writer.blocks {
        text.push_str(&format!("    def {name}{body}\n"));
    }
    text.push_str(&format!("    def forward{forward}\n"));
    text.push_str(&carry(graph));
    text.push_str(&tail(&name));
    Module { text: wrapped(&text), weights }
}

/// The weights that are read, by the parts of their paths.
fn tree(graph: &Graph, writer: &Writer) -> (Node, Vec<(String, String)>) {
    let mut root = Node::default();
    let mut paths = Vec::new();
    for (path, (definition, ways)) in &writer.nets {
        let path = writer.path(path);
        let node =
            path.split('.').fold(&mut root, |node, part| node.children.entry(part.to_owned()).or_default());
        node.definition = Some(definition.clone());
        node.ways = ways.clone();
    }
    for weight in graph.weights.iter().filter(|weight| writer.weights.contains(&weight.path)) {
        let sizes: Vec<String> = weight.dims.iter().map(|dim| dim.size.to_string()).collect();
        let shape =
            if sizes.len() == 1 { format!("({},)", sizes[0]) } else { format!("({})", sizes.join(", ")) };
        let path = writer.path(&weight.path);
        let (parts, name) = path.rsplit_once('.').unwrap_or(("", &path));
        let node = parts
            .split('.')
            .filter(|part| !part.is_empty())
            .fold(&mut root, |node, part| node.children.entry(part.to_owned()).or_default());
        node.weights.push((name.to_owned(), shape, weight.role != WeightRole::Buffer));
        paths.push((weight.path.clone(), path));
    }
    (root, paths)
}

/// The lines that make what a module holds; classes of what is in it are added.
fn constructor(
    node: &Node,
    classes: &mut IndexMap<String, String>,
    functions: &IndexMap<String, String>,
) -> String {
    let mut text = String::new();
    for (name, shape, learned) in &node.weights {
        text.push_str(&match learned {
            true => format!("        self.{name} = nn.Parameter(torch.zeros({shape}))\n"),
            false => format!("        self.register_buffer(\"{name}\", torch.zeros({shape}))\n"),
        });
    }
    for (name, child) in &node.children {
        text.push_str(&format!("        self.{name} = {}\n", instance(name, child, classes, functions)));
    }
    text
}

/// The expression that makes a net.
fn instance(
    name: &str,
    node: &Node,
    classes: &mut IndexMap<String, String>,
    functions: &IndexMap<String, String>,
) -> String {
    let numbered = (0..node.children.len()).all(|at| node.children.contains_key(&at.to_string()));
    if node.ways.is_empty() && node.weights.is_empty() && numbered {
        let parts = (0..node.children.len()).map(|at| at.to_string());
        let parts: Vec<String> =
            parts.map(|part| instance(name, &node.children[&part], classes, functions)).collect();
        let all_same = parts.windows(2).all(|pair| pair[0] == pair[1]) && parts.len() > 1;
        return match all_same {
            true => format!("nn.ModuleList([{} for _ in range({})])", parts[0], parts.len()),
            false => format!("nn.ModuleList([{}])", parts.join(", ")),
        };
    }
    // The shapes of a net's own weights are told to it, so that nets of any size are one class.
    let shapes: Vec<String> = node.weights.iter().map(|(name, ..)| name.clone()).collect();
    let mut text = format!("    def __init__(self{}):\n        super().__init__()\n", also(&shapes));
    for (name, _, learned) in &node.weights {
        text.push_str(&match learned {
            true => format!("        self.{name} = nn.Parameter(torch.zeros({name}))\n"),
            false => format!("        self.register_buffer(\"{name}\", torch.zeros({name}))\n"),
        });
    }
    for (part, child) in &node.children {
        text.push_str(&format!("        self.{part} = {}\n", instance(part, child, classes, functions)));
    }
    for (at, way) in node.ways.iter().enumerate() {
        let number = if at == 0 { String::new() } else { format!("_{}", at + 1) };
        text.push_str(&format!("\n    def forward{number}{way}"));
    }
    let wanted = node.definition.clone().unwrap_or_else(|| capitalised(name));
    let class = class_of(&wanted, text, classes, functions);
    let given = node.weights.iter().map(|(name, shape, _)| format!("{name}={shape}"));
    format!("{class}({})", given.collect::<Vec<_>>().join(", "))
}

fn also(names: &[String]) -> String {
    names.iter().map(|name| format!(", {name}")).collect()
}

/// The class of a text, a new one if it is new.
fn class_of(
    wanted: &str,
    text: String,
    classes: &mut IndexMap<String, String>,
    functions: &IndexMap<String, String>,
) -> String {
    let wanted = own_name(wanted);
    let mut name = wanted.clone();
    let mut number = 1;
    while functions.contains_key(&name) || classes.get(&name).is_some_and(|known| *known != text) {
        number += 1;
        name = format!("{wanted}{number}");
    }
    classes.insert(name.clone(), text);
    name
}

fn capitalised(name: &str) -> String {
    let part = |part: &str| {
        let mut letters = part.chars();
        letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
    };
    let name: String = name.split('_').map(part).collect();
    if name.starts_with(|letter: char| letter.is_ascii_alphabetic()) { name } else { format!("Part{name}") }
}

fn class_name(model: &str, classes: &IndexMap<String, String>, writer: &Writer) -> String {
    let mut name = own_name(model);
    while classes.contains_key(&name) || writer.functions.contains_key(&name) {
        name.push_str("Model");
    }
    name
}

fn head(graph: &Graph) -> String {
    format!(
        r#""""{model}, as `totc export --to pytorch` wrote it: the step of evaluation.

No dropout, no gradient scopes and no losses: these belong to training. Random draws are those of
PyTorch's generator. Numbers have the type of the weights: `load()` gives float32,
`load().double()` float64.
"""

import os

import torch
import torch.nn.functional as F
from torch import nn


def rotary(x, dim, along, theta):
    """Rotary positions over `dim`, in two halves of `along` (Su et al., arXiv:2104.09864)."""
    rows, width = x.shape[dim], x.shape[along]
    # Angles in float64, which MPS does not have: float32 would lose digits of those of late rows.
    exact = torch.float32 if x.device.type == "mps" else torch.float64
    wide = torch.promote_types(x.dtype, torch.float32)
    exponent = torch.arange(0, width, 2, dtype=exact, device=x.device) / width
    row = torch.arange(rows, dtype=exact, device=x.device)
    angle = torch.outer(row, theta ** (-exponent)).repeat(1, 2)
    shape = [1] * x.ndim
    shape[dim], shape[along] = rows, width
    angle = (angle if dim < along else angle.T).reshape(shape)
    cos, sin = angle.cos().to(wide), angle.sin().to(wide)
    first, second = x.chunk(2, dim=along)
    return (x * cos + torch.cat([-second, first], dim=along) * sin).to(x.dtype)
"#,
        model = graph.model
    )
}

/// What a step takes, with axes.
fn about(graph: &Graph) -> String {
    let mut text =
        "    \"\"\"One supervision step; `step` keeps the carry from one to the next.\n\n".to_owned();
    for input in graph.inputs.iter().filter(|input| input.role == InputRole::Input) {
        text.push_str(&format!("    {}: int64 [{}]\n", input.name, input.axes.join(", ")));
    }
    for state in &graph.states {
        let axes: Vec<&str> = state.ty.axes().map(|axis| graph.axes.name(axis)).collect();
        let kind = if state.ty.kind.is_float() { "float" } else { "int64" };
        text.push_str(&format!("    {}: {kind} [{}], carried\n", state.name, axes.join(", ")));
    }
    text.push_str("    fresh: bool [batch], samples that start anew\n");
    text.push_str(
        "    steps: int64 [batch], supervision steps of each sample, this one included\n    \"\"\"\n\n",
    );
    text
}

/// `start`, `arguments` and `step`: the carry of deep supervision.
fn carry(graph: &Graph) -> String {
    let inputs = graph.inputs.iter().filter(|input| input.role == InputRole::Input);
    let inputs: Vec<&str> = inputs.map(|input| input.name.as_str()).collect();
    let mut zeros = String::new();
    let mut given = inputs.iter().map(|name| format!("data[\"{name}\"]")).collect::<Vec<_>>();
    let mut next = String::new();
    let mut floats = false;
    let mut before = String::new();
    for CarriedInfo { name, state, given: output } in lower::carried(graph) {
        let ty = &graph.states[state].ty;
        let sizes = ty.dims.iter().map(|dim| match graph.axes.name(dim.axis) {
            "batch" => "batch".to_owned(),
            _ => dim.size.to_string(),
        });
        let sizes = sizes.collect::<Vec<_>>().join(", ");
        floats |= ty.kind.is_float();
        let kind = if ty.kind.is_float() { "dtype" } else { dtype(ty.kind) };
        zeros.push_str(&format!(
            "            \"{name}\": torch.zeros({sizes}, dtype={kind}, device=device),\n"
        ));
        given.push(format!("states[\"{name}\"]"));
        // What is not written anew moves on from the step before.
        let value = match output {
            Some(id) => format!("outputs[\"{}\"].detach()", graph.outputs[id.0]),
            None => format!("states[\"{before}\"]"),
        };
        next.push_str(&format!("            \"{name}\": {value},\n"));
        before = name;
    }
    given.extend(["fresh".to_owned(), "steps".to_owned()]);
    let floats = if floats { "        dtype = next(self.parameters()).dtype\n" } else { "" };
    let states = match zeros.is_empty() {
        true => "{}".to_owned(),
        false => format!("{{\n{zeros}        }}"),
    };
    let next = if next.is_empty() { "{}".to_owned() } else { format!("{{\n{next}        }}") };
    let most = graph.halt.map_or(1, |halt| halt.at_most);
    let halts = graph.outputs.iter().any(|output| output.kind == OutputKind::Halt);
    let (option, sure) = match halts {
        true => {
            (", when_sure=False", "        if when_sure:\n            halted = halted | outputs[\"halt\"]\n")
        }
        false => ("", ""),
    };
    let first = inputs.first().copied().unwrap_or("fresh");
    let sure_doc = if halts { ", with `when_sure` as soon as it says so" } else { "" };
    format!(
        r#"    def start(self, batch, device=None):
        """The carry before the first step: every sample is to start anew."""
{floats}        states = {states}
        steps = torch.zeros(batch, dtype=torch.int64, device=device)
        return {{"data": None, "states": states, "steps": steps, "halted": steps == 0}}

    def arguments(self, carry, data):
        """What `forward` takes at the next step, as a tuple."""
        states, fresh = carry["states"], carry["halted"]
        steps = torch.where(fresh, 1, carry["steps"] + 1)
        if carry["data"] is not None:
            old, data = carry["data"], dict(data)
            for name, new in data.items():
                data[name] = torch.where(fresh.reshape([-1] + [1] * (new.ndim - 1)), new, old[name])
        return ({given})

    def step(self, carry, data{option}):
        """One supervision step: gives the outputs and the next carry.

        `data` is a dict of {names}; where a sample has halted, the one in its place
        is taken from it. A sample halts after {most} steps{sure_doc}.
        """
        carry = carry or self.start(data["{first}"].shape[0], data["{first}"].device)
        given = self.arguments(carry, data)
        outputs, states, steps = self(*given), carry["states"], given[-1]
        data = dict(zip([{quoted}], given))
        halted = steps >= {most}
{sure}        states = {next}
        return outputs, {{"data": data, "states": states, "steps": steps, "halted": halted}}
"#,
        names = inputs.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
        quoted = inputs.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", "),
        given = given.join(", "),
    )
}

fn tail(name: &str) -> String {
    format!(
        r#"

def load(path=os.path.join(os.path.dirname(os.path.abspath(__file__)), "weights.pt")):
    """The model with its weights."""
    model = {name}()
    model.load_state_dict(torch.load(path, weights_only=True))
    return model.eval()
"#
    )
}
