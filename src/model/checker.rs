//! The checker: walks the flattened model once, evaluates what is known at compile time, and emits typed
//! instructions for the rest. Takes syntax trees and bindings; gives a `Model` or diagnostics, never both an
//! error and a model.

use crate::diagnostic::{Code, Sink};
use crate::ir::{
    Builder, Called, Frame, Graph, HaltInfo, InputInfo, Mode, OutputKind, OutputName, State, Val, Weight,
    WeightRole,
};
use crate::model::complaints;
use crate::model::evaluate::value::{Scope, Value};
use crate::model::names::inherit::{Flat, FlatModel, declares, flatten};
use crate::model::names::items;
use crate::model::nets::replaced::{self, Part};
use crate::model::outline::{Carried, Extent, Halting, Item, Outline, Section};
use crate::model::schedule::left::{Collection, Emission, Flow, Tried};
use crate::model::schedule::reading::{Reading, Resolved};
use crate::model::{Bindings, Checked, Model, Output};
use crate::source::{Sources, Span};
use crate::syntax::Modules;
use crate::syntax::ast::{self, MemberKind};
use crate::types::{Axes, AxisId, Dim};
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

/// A speculation is a copy: an arm that is not chosen, a loop that may stay one, a step ahead are evaluated by a clone
/// of the whole, which is kept or dropped. What is large is held in persistent collections, so that a copy is cheap.
#[derive(Clone)]
pub(in crate::model) struct Checker<'a> {
    /// The parsed files.
    pub modules: &'a Modules,
    /// Their texts, for messages.
    pub sources: &'a Sources,
    /// What no speculation undoes.
    pub told: Rc<RefCell<Told>>,
    /// What run file and command line decided.
    pub bindings: &'a Bindings,
    /// All axes so far, those of nets too.
    pub axes: Axes,
    /// Axes of the model itself, in order.
    pub declared_axes: Vec<AxisId>,
    /// The batch's axis, once it is declared.
    pub batch: Option<AxisId>,
    /// Axes that files declare, by module and name.
    pub module_axes: HashMap<(String, String), AxisId>,
    /// The graph so far.
    pub builder: Builder,
    /// Where the author made each value.
    pub places: imbl::HashMap<Val, Span>,
    /// All weights so far, in order of declaration.
    pub weights: imbl::Vector<Weight>,
    /// Places among them, by path.
    pub weight_at: imbl::HashMap<String, usize>,
    /// Their nodes in the graph, by path.
    pub weight_vals: imbl::HashMap<String, Val>,
    /// The names that can be read here.
    pub scope: Scope,
    /// In the scope of gradient; always false in evaluation.
    pub gradient: bool,
    /// Calls around the present expression, outermost first.
    pub calls: Vec<Span>,
    /// Net and name that instructions are named by.
    pub path: Vec<String>,
    /// The call that instructions are written out from.
    pub frame: Option<Arc<Frame>>,
    /// How many frames there have been.
    pub frames: u32,
    /// How many functions run inside one another.
    pub functions_deep: usize,
    /// What the item that comes next reads, and gives beside its target.
    pub reading: Reading,
    /// What the configs make of parts of a loss: the part, and what stands for it.
    pub resolved: Vec<(Span, Resolved)>,
    /// The condition of halting as written, and what it reads.
    pub halts_when: Option<(String, Vec<String>)>,
    /// The outline's open stretches, innermost last.
    pub outline: Vec<Items>,
    /// The outline's sections that are done.
    pub sections: Vec<Section>,
    /// Paths of nets that the present item calls.
    pub nets_called: Vec<String>,
    /// How many draws of noise have been spelled.
    pub draws: u32,
    /// What is recorded, by open loop, innermost last.
    pub records: Vec<Vec<(String, Val, Span)>>,
    /// What `collect` has gathered, by name of the collection.
    pub collections: Vec<Collection>,
    /// Loops of the schedule around the present statement.
    pub loops_deep: usize,
    /// What nets have emitted so far.
    pub emissions: imbl::Vector<Emission>,
    /// Paths of the nets whose `fn` is running, None for a function.
    pub net_paths: Vec<Option<String>>,
    /// A net of the model emits something that is read.
    pub emitting: bool,
    /// Names that the model reads by `x.NAME`: nothing else that nets emit is kept.
    pub fields_read: Rc<HashSet<String>>,
    /// In the scope of gradient as the schedule has it, whatever the mode.
    pub scheduled: bool,
    /// Name and text of each config's value.
    pub configs: Vec<(String, String)>,
    /// Types of the configs, by name.
    pub config_types: HashMap<String, ConfigTypes>,
    /// Configs that an expression has read since configs were last asked what they read.
    pub configs_read: HashSet<String>,
    /// Tensors of the data, in order.
    pub inputs: Vec<InputInfo>,
    /// Targets by name.
    pub targets: HashMap<String, Val>,
    /// Whether targets may be read here: in losses and metrics.
    pub targets_readable: bool,
    /// Carried states, in order.
    pub states: Vec<State>,
    /// The model's blocks, by name.
    pub blocks: Rc<HashMap<String, Flat>>,
    /// Bodies of `encode`, `think` and `decode`.
    pub section_bodies: Rc<HashMap<&'static str, Flat>>,
    /// The halting rule, once it is checked.
    pub halt: Option<HaltInfo>,
    /// `carry grad`, in training.
    pub steps_in_a_row: usize,
    /// Named results so far.
    pub outputs: Vec<Output>,
    /// New states, detached, for `lookahead`; None before `think` is over.
    pub next_states: Option<Vec<(String, Val)>>,
    /// Inside the step ahead of `lookahead`.
    pub looking_ahead: bool,
    /// In a loss or metric, which is one item of the outline however many lines it has.
    pub inside_result: bool,
    /// Frames of the scope that are the model's own.
    pub model_depth: usize,
    /// What the model declares under names that expressions read.
    pub declared: Rc<HashMap<String, Declared>>,
    /// Inherited names that the model leaves out.
    pub dropped: Vec<ast::Ident>,
    /// Nets that stand in the place of others.
    pub parts: Rc<Vec<Part>>,
    /// The names that the present declaration of the model sees.
    pub model_scope: Scope,
    /// Expressions, statements and nets inside one another, at present.
    pub depth: usize,
    /// States that have taken a branch axis over by `<-`, and where.
    pub taken_over: imbl::Vector<(ast::Ident, AxisId)>,
    /// In the `with` of a `branch`: the state that still had such an axis before it.
    pub branching: Option<(ast::Ident, AxisId)>,
}

/// The outline of a stretch of the schedule.
pub(in crate::model) type Items = imbl::Vector<Item>;

/// What the author has been told, and what it has cost so far: kept whatever becomes of a speculation.
#[derive(Default)]
pub(in crate::model) struct Told {
    /// All messages so far.
    pub sink: Sink,
    /// Calls of the library that have been complained about: one mistake there has many consequences.
    pub blamed_calls: HashSet<Span>,
    /// Instructions, calls and iterations so far.
    pub work: usize,
    /// What became of loops that were tried, by the circumstances.
    pub loops: HashMap<u64, Tried>,
    /// Paths of parts that nets have, without the numbers of families.
    pub nets: BTreeSet<String>,
    /// Arguments that nothing reads, as what would was replaced.
    pub dead: HashSet<Span>,
    /// The model turned out to be without end, or too large; the rest of it is not looked at.
    pub runaway: bool,
}

/// The type of a config, or its choices.
#[derive(Clone)]
pub(in crate::model) struct ConfigTypes {
    /// The choices, or the type's name.
    pub now: Vec<String>,
    /// With those that heirs took away.
    pub all: Vec<String>,
    /// Configs that its value and its bounds read.
    pub reads: Vec<String>,
}

/// A name that the model declares.
#[derive(Clone)]
pub(in crate::model) struct Declared {
    /// The declaration's keyword.
    pub kind: &'static str,
    /// The name.
    pub span: Span,
    /// The whole declaration.
    pub text: Span,
    /// The model that declares it.
    pub model: Span,
    /// An inherited declaration was replaced.
    pub replaces: bool,
}

fn declared(flat: &FlatModel) -> HashMap<String, Declared> {
    flat.members
        .iter()
        .filter_map(|flat| {
            let (kind, name) = declares(&flat.member)?;
            let Flat { member, model, replaces, .. } = flat;
            let declared =
                Declared { kind, span: name.span, text: member.span, model: *model, replaces: *replaces };
            Some((name.name.clone(), declared))
        })
        .collect()
}

fn fields_read(flat: &FlatModel) -> HashSet<String> {
    let mut read = HashSet::new();
    for flat in &flat.members {
        crate::model::names::visit::visit_member(&flat.member, &mut |expr| {
            if let ast::ExprKind::Field { name, .. } = &expr.kind {
                read.insert(name.name.clone());
            }
        });
    }
    read
}

/// Checks one model of the root module under `bindings`.
pub fn check(modules: &Modules, sources: &Sources, bindings: &Bindings, sink: &mut Sink) -> Option<Model> {
    // Half a tree would be blamed for what the other half declares.
    if sink.sorted().iter().any(|told| told.code == Code::Syntax) {
        return None;
    }
    items::check(modules, sink);
    let flat = flatten(modules, bindings.model.as_deref(), sink)?;
    let before = sink.count(crate::diagnostic::Severity::Error);
    let told = Rc::new(RefCell::new(Told { sink: std::mem::take(sink), ..Told::default() }));
    let mut checker = Checker {
        modules,
        sources,
        told: told.clone(),
        bindings,
        axes: Axes::default(),
        declared_axes: Vec::new(),
        batch: None,
        module_axes: HashMap::new(),
        builder: Builder::default(),
        places: imbl::HashMap::new(),
        weights: imbl::Vector::new(),
        weight_at: imbl::HashMap::new(),
        weight_vals: imbl::HashMap::new(),
        scope: Scope::new(""),
        gradient: bindings.mode == Mode::Training,
        calls: Vec::new(),
        path: Vec::new(),
        frame: None,
        frames: 0,
        functions_deep: 0,
        reading: Reading::default(),
        halts_when: None,
        resolved: Vec::new(),
        outline: vec![Items::default()],
        sections: Vec::new(),
        nets_called: Vec::new(),
        draws: 0,
        records: vec![Vec::new()],
        collections: Vec::new(),
        loops_deep: 0,
        emissions: imbl::Vector::new(),
        net_paths: Vec::new(),
        emitting: false,
        fields_read: Rc::new(fields_read(&flat)),
        scheduled: true,
        configs: Vec::new(),
        config_types: HashMap::new(),
        configs_read: HashSet::new(),
        inputs: Vec::new(),
        targets: HashMap::new(),
        targets_readable: false,
        states: Vec::new(),
        blocks: Rc::default(),
        section_bodies: Rc::default(),
        halt: None,
        steps_in_a_row: 1,
        outputs: Vec::new(),
        next_states: None,
        looking_ahead: false,
        inside_result: false,
        model_depth: 1,
        declared: Rc::new(declared(&flat)),
        dropped: flat.dropped.clone(),
        parts: Rc::new(replaced::declared(&flat.members)),
        model_scope: Scope::new(""),
        depth: 0,
        taken_over: imbl::Vector::new(),
        branching: None,
    };
    checker.scope.of_model = true;
    checker.configs(&flat.members, &flat.name);
    checker.axes(&flat.members, &flat.name);
    checker.data(&flat.members);
    checker.weights_and_nets(&flat.members);
    checker.halting(&flat.members);
    checker.carry_grad(&flat.members);
    checker.states(&flat.members);
    checker.schedule(&flat.members, &flat.name);
    checker.results(&flat.members);
    checker.note_model();
    checker.names_not_taken(&flat);
    checker.unused(&flat);
    let unread = checker.unread_settings(&flat);
    let outline = checker.finished_outline(&flat.name.name);
    let flow = {
        let results: Vec<Val> = checker.outputs.iter().map(|output| output.value).collect();
        checker.builder.finish(&results)
    };
    let graph = Graph {
        model: flat.name.name.clone(),
        mode: bindings.mode,
        precision: bindings.precision,
        axes: checker.axes,
        weights: checker.weights.into_iter().collect(),
        inputs: checker.inputs,
        states: checker.states,
        halt: checker.halt,
        steps_in_a_row: checker.steps_in_a_row,
        outputs: checker.outputs.into_iter().map(|output| output.name).collect(),
        gradients: Vec::new(),
        recompute: checker.bindings.recompute,
        flow,
    };
    let model = Model {
        configs: checker.configs,
        unread,
        declared_axes: checker.declared_axes,
        outline,
        graph,
        _checked: Checked,
    };
    *sink = std::mem::take(&mut told.borrow_mut().sink);
    (sink.count(crate::diagnostic::Severity::Error) == before && !sink.has_errors()).then_some(model)
}

impl<'a> Checker<'a> {
    /// A copy to speculate with. It lives on the heap: expressions are nested hundreds deep.
    #[inline(never)]
    pub(in crate::model) fn trial(&self) -> Box<Checker<'a>> {
        Box::new(self.clone())
    }
}

impl Checker<'_> {
    fn schedule(&mut self, members: &[Flat], name: &ast::Ident) {
        let (mut sections, mut blocks) = (HashMap::new(), HashMap::new());
        for flat in members {
            match &flat.member.kind {
                MemberKind::Section { section, .. } => {
                    sections.insert(section.word(), flat.clone());
                }
                MemberKind::Block { name, .. } => {
                    blocks.insert(name.name.clone(), flat.clone());
                }
                _ => {}
            }
        }
        (self.section_bodies, self.blocks) = (Rc::new(sections), Rc::new(blocks));
        if !self.section_bodies.contains_key("think") {
            self.error(complaints::without_think(name));
        }
        self.sections_in_order();
        let states = self.leave_think();
        self.section("decode");
        for (name, val) in &states {
            self.outputs.push(Output { name: OutputName::new(OutputKind::State, name), value: *val });
        }
        self.value_outputs();
    }

    fn sections_in_order(&mut self) {
        self.section("encode");
        self.section("think");
    }

    /// The outline with what stands around its sections.
    fn finished_outline(&mut self, model: &str) -> Outline {
        let axis = |dim: &Dim| Extent { axis: self.axes.name(dim.axis).to_owned(), size: dim.size };
        let carried = |state: &State| Carried {
            name: state.name.clone(),
            axes: state.ty.dims.iter().map(axis).collect(),
        };
        let (when, reads) =
            self.halts_when.take().map_or((None, Vec::new()), |(when, reads)| (Some(when), reads));
        let trained = |weight: &&Weight| matches!(weight.role, WeightRole::Param | WeightRole::Table);
        Outline {
            model: model.to_owned(),
            states: self.states.iter().map(carried).collect(),
            halting: self.halt.map(|halt| Halting { when, reads, at_most: halt.at_most }),
            parameters: self
                .weights
                .iter()
                .filter(trained)
                .map(|weight| (weight.path.clone(), weight.count()))
                .collect(),
            sections: std::mem::take(&mut self.sections),
        }
    }

    pub(in crate::model) fn section(&mut self, name: &'static str) {
        let Some(flat) = self.section_bodies.get(name).cloned() else { return };
        let MemberKind::Section { body, .. } = &flat.member.kind else { return };
        self.scope.module = flat.module.clone();
        self.outline.push(Items::default());
        self.path.push(name.to_owned());
        let around = self.enter(Called::Section(name.to_owned()));
        if let Flow::Return(_) = self.statements(&body.statements) {
            self.return_without_caller(&body.statements, body.span);
        }
        if let Some(value) = &body.value {
            self.unread_value(value);
        }
        self.leave(around);
        self.path.pop();
        let items = self.outline.pop().unwrap_or_default().into_iter().collect();
        if !self.looking_ahead {
            self.sections.push(Section { name: name.to_owned(), items });
        }
    }

    /// Every name bound at the top of a section is an output on request (`trace`).
    fn value_outputs(&mut self) {
        let mut named: Vec<(String, Val)> = Vec::new();
        for name in self.scope.names() {
            if let Some(binding) = self.scope.get(name)
                && binding.role == crate::model::evaluate::value::BindingRole::Constant
                && let Value::Tensor(val) = binding.value
                && !self.weight_vals.contains_key(name)
                && !self.inputs.iter().any(|input| input.name == name)
            {
                named.push((name.to_owned(), val));
            }
        }
        for (name, val) in named {
            self.outputs.push(Output { name: OutputName::new(OutputKind::Value, name), value: val });
        }
    }
}
