//! Random model files, valid by construction as far as the generator knows types: a value is known by the names of its
//! axes. Takes a seed; gives a text, what it binds and which constructs it holds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::evaluate::Settings;

pub type Axes = BTreeSet<&'static str>;

/// What every drawn file begins with, the members that every drawn model has, and the frame of a drawn net.
const ITEMS: &str = include_str!("drawn/items.tot");
const MEMBERS: &str = include_str!("drawn/members.tot");
const NET: &str = include_str!("drawn/net.tot");

pub struct Program {
    pub text: String,
    pub settings: Settings,
    pub constructs: BTreeMap<&'static str, usize>,
}

#[derive(Clone, Debug)]
pub struct Var {
    pub name: String,
    pub axes: Axes,
    pub updated: bool,
}

/// A net by what it needs, takes away and adds.
#[derive(Clone, Debug)]
pub struct Net {
    pub call: String,
    pub needs: Axes,
    pub removes: Axes,
    pub adds: Axes,
    pub emits: bool,
}

pub struct Generator {
    pub random: ChaCha8Rng,
    pub constructs: BTreeMap<&'static str, usize>,
    pub names: usize,
    pub vars: Vec<Var>,
    pub nets: Vec<Net>,
    pub states: Vec<(String, Axes)>,
    /// Counters in view, and `rows` where there is a table.
    pub indices: Vec<String>,
    /// Blocks that `do` may run, with the number of their arguments.
    pub blocks: Vec<(String, usize)>,
    pub in_results: bool,
    pub in_function: bool,
    pub loops: usize,
    pub collected: Vec<String>,
    pub kept: Vec<Var>,
    pub grown: Option<usize>,
    pub budget: i32,
    /// Whether arms that may not be chosen update, emit and keep.
    pub speculates: bool,
    /// Choices around a statement.
    pub chosen: usize,
}

pub fn size(axis: &str) -> usize {
    match axis {
        "batch" | "part" | "feature" | "prefix" | "tap" | "way" => 2,
        "cell" | "step" => 3,
        "pos" | "long" => 5,
        _ => 4,
    }
}

pub fn axes<const N: usize>(names: [&'static str; N]) -> Axes {
    names.into_iter().collect()
}

pub fn list(axes: &Axes) -> String {
    axes.iter().copied().collect::<Vec<_>>().join(", ")
}

/// As a clause names them.
pub fn clause(axes: &Axes) -> String {
    match axes.len() {
        1 => list(axes),
        _ => format!("({})", list(axes)),
    }
}

/// The program of a seed.
pub fn program(seed: u64) -> Program {
    let mut generator = Generator {
        random: ChaCha8Rng::seed_from_u64(seed),
        constructs: BTreeMap::new(),
        names: 0,
        vars: Vec::new(),
        nets: Vec::new(),
        states: Vec::new(),
        indices: Vec::new(),
        blocks: Vec::new(),
        in_results: false,
        in_function: false,
        loops: 0,
        collected: Vec::new(),
        kept: Vec::new(),
        grown: None,
        budget: 60,
        speculates: false,
        chosen: 0,
    };
    generator.speculates = generator.chance(0.3);
    if generator.speculates {
        generator.note("arms that update");
    }
    let text = generator.file();
    let settings = Settings {
        model: None,
        sets: generator.sets(),
        sizes: ["batch", "cell", "symbol"].map(|axis| (axis.to_owned(), size(axis))).to_vec(),
        training: generator.chance(0.7),
    };
    Program { text, settings, constructs: generator.constructs }
}

impl Generator {
    pub fn chance(&mut self, share: f64) -> bool {
        self.random.random_bool(share)
    }

    pub fn below(&mut self, count: usize) -> usize {
        self.random.random_range(0..count.max(1))
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.random.random_range(0..from.len())].clone()
    }

    pub fn note(&mut self, construct: &'static str) {
        *self.constructs.entry(construct).or_default() += 1;
    }

    pub fn name(&mut self, stem: &str) -> String {
        self.names += 1;
        format!("{stem}{}", self.names)
    }

    fn sets(&mut self) -> Vec<(String, String)> {
        let mut sets = Vec::new();
        if self.chance(0.3) {
            sets.push(("style".to_owned(), self.pick(&["plain", "gated", "none"]).to_owned()));
        }
        if self.chance(0.3) {
            sets.push(("deep".to_owned(), self.pick(&["true", "false"]).to_owned()));
        }
        if self.chance(0.2) {
            sets.push(("rate".to_owned(), self.pick(&["0.25", "1", "2"]).to_owned()));
        }
        if self.chance(0.2) {
            sets.push(("rates".to_owned(), "[1, 0.25, -2]".to_owned()));
        }
        sets
    }

    fn file(&mut self) -> String {
        let items = self.items();
        let (style, deep) = (self.pick(&["plain", "gated", "none"]), self.pick(&["true", "false"]));
        let mut members = MEMBERS
            .replace("CYCLES", &(1 + self.below(3)).to_string())
            .replace("DEEP", deep)
            .replace("STYLE", style);
        for (name, of) in [
            ("p0", axes(["dim"])),
            ("p1", axes(["cell", "dim"])),
            ("p2", axes([])),
            ("p3", axes(["step", "dim"])),
        ] {
            let role = if name == "p3" && self.chance(0.5) { "buffer" } else { "param" };
            let _ = writeln!(members, "    {role} {name}: float [{}] = normal(std = 1)", list(&of));
            self.vars.push(Var { name: name.to_owned(), axes: of, updated: false });
        }
        if self.chance(0.3) {
            self.note("table");
            members += "    table rows: float [symbol, dim] = normal(std = 1)\n";
            self.indices.push("rows".to_owned());
        }
        self.member_nets(&mut members);
        self.states(&mut members);
        let encode = self.encode();
        let encoded = self.vars.clone();
        let blocks = self.blocks(&encoded);
        self.vars.clone_from(&encoded);
        let think = self.think();
        let decode = self.decode();
        let results = self.results();
        let mut text =
            format!("{items}\nmodel Program {{\n{members}{encode}{think}{decode}{blocks}{results}}}\n");
        if self.chance(0.35) {
            text += &self.heir(&encoded);
        }
        text
    }

    /// What an heir restates; everything else is inherited and reads the new ones.
    fn heir(&mut self, encoded: &[Var]) -> String {
        self.note("extends");
        let mut members = String::new();
        if self.chance(0.5) {
            self.note("config restated");
            let style = self.pick(&["plain", "gated", "none"]);
            let _ = writeln!(members, "    config style = {style}");
        }
        if self.chance(0.3) {
            let _ = writeln!(members, "    config T = {}", 1 + self.below(3));
        }
        if self.chance(0.3) {
            self.note("net replaced");
            members += "    net n0 = Linear(dim -> dim, bias = true)\n";
        } else if self.chance(0.3) {
            self.note("net built upon");
            members += "    net n0 = Around(n0, rate = 1 / 2)\n";
        }
        if self.nets.iter().any(|net| net.call == "n0") && self.chance(0.3) {
            self.note("part replaced");
            members += "    net around = Around(Cell(dim))\n    metric around = mean(around(p0), over dim)\n";
            members += match self.below(3) {
                0 => "    net around.inside = Linear(dim -> dim)\n",
                1 => "    net around.inside = Around(inherited, rate = 1 / 2)\n",
                _ => "    net around.inside.inner = Linear(dim -> dim, bias = true)\n",
            };
        }
        if self.chance(0.4) {
            self.note("inherited");
            let (name, _) = self.states[0].clone();
            members += &match self.below(4) {
                0 => "    decode {\n        inherited\n        let more = mean(logits, over symbol)\n    }\n"
                    .to_owned(),
                1 => format!(
                    "    think {{\n        {name} <- tanh({name})\n        inherited\n        {name} <- tanh({name})\n    }}\n"
                ),
                2 => format!(
                    "    think {{\n        repeat 2 {{ {name} <- tanh({name}) }}\n        inherited\n    }}\n    metric extra = 2 * inherited\n"
                ),
                _ => "    loss extra = inherited * inherited\n".to_owned(),
            };
        }
        if !members.contains("metric extra") && self.chance(0.3) {
            self.note("drop");
            members += "    drop metric extra\n";
        }
        if self.chance(0.3) {
            self.note("block replaced");
            let axes = self.states[0].1.clone();
            self.vars = encoded.to_vec();
            self.current_states();
            self.budget = 10;
            let value = self.expr(&axes, 2);
            let goes_on = if self.chance(0.5) { "inherited " } else { "" };
            let _ = writeln!(
                members,
                "    block settle {{ {goes_on}{} <- tanh({value}) }}",
                self.states[0].0.clone()
            );
        }
        if self.chance(0.3) {
            self.note("encode replaced");
            self.vars = self.vars.iter().filter(|var| var.name.starts_with('p')).cloned().collect();
            members += "    encode { let x = embed(question) + p1 }\n";
        }
        if self.chance(0.4) {
            self.note("mixin");
            return format!(
                "\nmixin Changes {{\n{members}}}\n\nmodel Heir extends Program with Changes {{}}\n"
            );
        }
        format!("\nmodel Heir extends Program {{\n{members}}}\n")
    }

    /// Functions and nets of the file.
    fn items(&mut self) -> String {
        let mut text = ITEMS.to_owned();
        self.in_function = true;
        for name in ["Gate", "Cell"] {
            let emits = name == "Gate";
            self.vars = vec![
                Var { name: "x".to_owned(), axes: axes(["dim"]), updated: false },
                Var { name: "w".to_owned(), axes: axes(["dim"]), updated: false },
            ];
            self.nets =
                vec![same("inner", &["dim"]), Net { removes: axes(["dim"]), ..same("open", &["dim"]) }];
            self.budget = 10;
            let mut body = String::new();
            for _ in 0..self.below(3) {
                let local = self.name("h");
                let value = self.expr(&axes(["dim"]), 2);
                let _ = writeln!(body, "        let {local} = {value}");
                self.vars.push(Var { name: local, axes: axes(["dim"]), updated: false });
            }
            if self.chance(0.4) {
                self.note("loop in a net");
                let value = self.expr(&axes(["dim"]), 1);
                let again = self.expr(&axes(["dim"]), 1);
                let last = if self.chance(0.5) { ", grad last 1" } else { "" };
                let _ = writeln!(
                    body,
                    "        var s = {value}\n        repeat 2{last} {{ s <- tanh(s + {again}) }}"
                );
                self.vars.push(Var { name: "s".to_owned(), axes: axes(["dim"]), updated: false });
            }
            if emits {
                let value = self.expr(&axes(["dim"]), 1);
                let _ = writeln!(body, "        emit seen = mean({value}, over not batch)");
            }
            let result = self.expr(&axes(["dim"]), 2);
            text += &NET.replace("NAME", name).replace("BODY", &body).replace("RESULT", &result);
        }
        self.in_function = false;
        (self.vars, self.nets) = (Vec::new(), Vec::new());
        text
    }

    fn member_nets(&mut self, members: &mut String) {
        let choices = [
            ("Linear(dim -> dim, bias = true)", same("", &["dim"])),
            ("Linear(dim -> dim)", same("", &["dim"])),
            ("Linear(cell -> cell)", same("", &["cell"])),
            ("Linear(dim -> 1)", Net { removes: axes(["dim"]), ..same("", &["dim"]) }),
            (
                "Linear((cell, dim) -> step)",
                Net { removes: axes(["cell", "dim"]), adds: axes(["step"]), ..same("", &["cell", "dim"]) },
            ),
            (
                "Linear(step -> (cell, dim))",
                Net { removes: axes(["step"]), adds: axes(["cell", "dim"]), ..same("", &["step"]) },
            ),
            ("Gate(dim, gain = 1 / 2)", Net { emits: true, ..same("", &["dim", "batch"]) }),
            ("Cell(dim, sharp = deep)", same("", &["dim"])),
            ("Around(Cell(dim), rate = rate)", same("", &["dim"])),
            ("Around(Around(Linear(dim -> dim)), rate = 1 / 3)", same("", &["dim"])),
            ("Stack(2, Cell(dim))", same("", &["dim"])),
            ("Pair(dim)", Net { emits: true, ..same("", &["dim", "batch"]) }),
            ("Attention(cell, dim, heads = 2)", same("", &["cell", "dim"])),
        ];
        self.nets.push(same("n0", &["dim"]));
        *members += "    net n0 = Linear(dim -> dim)\n";
        for at in 1..3 + self.below(3) {
            let (how, net) = self.pick(&choices);
            self.note(match how.split('(').next() {
                Some("Linear") => "net: Linear",
                Some("Gate" | "Pair") => "net: emits",
                Some("Around" | "Stack") => "net: of recipes",
                Some("Attention") => "net: Attention",
                _ => "net: of the file",
            });
            let _ = writeln!(members, "    net n{at} = {how}");
            self.nets.push(Net { call: format!("n{at}"), ..net });
        }
        if self.chance(0.4) {
            self.note("net: family");
            *members += "    net many = Cell(dim) * 3\n";
            for at in 0..3 {
                self.nets.push(same(&format!("many[{at}]"), &["dim"]));
            }
        }
        if self.chance(0.4) {
            self.note("net: by match");
            *members += concat!(
                "    net chosen = match style {\n        plain => Linear(dim -> dim),\n",
                "        gated => Cell(dim),\n        none => Linear(dim -> dim, bias = true),\n    }\n"
            );
            self.nets.push(same("chosen", &["dim"]));
        }
    }

    fn states(&mut self, members: &mut String) {
        let choices = [
            axes(["batch", "cell", "dim"]),
            axes(["batch", "dim"]),
            axes(["batch", "step", "dim"]),
            axes(["batch"]),
        ];
        for at in 0..1 + self.below(3) {
            let of = if at == 0 { choices[0].clone() } else { self.pick(&choices) };
            let name = ["z", "y", "w"][at].to_owned();
            let init = if of.contains("dim") && self.chance(0.5) { "p0" } else { "0.5" };
            let _ = writeln!(members, "    state {name}: float [{}] = {init}", list(&of));
            self.states.push((name, of));
        }
        if self.states.len() > 1 {
            self.note("several states");
        }
    }

    /// States as the schedule may read and update them now.
    pub fn current_states(&mut self) {
        let states: Vec<Var> = self
            .states
            .iter()
            .map(|(name, axes)| Var { name: name.clone(), axes: axes.clone(), updated: true })
            .collect();
        self.vars.retain(|var| states.iter().all(|state| state.name != var.name));
        self.vars.extend(states);
    }
}

/// A net that gives the axes it takes.
pub fn same(call: &str, needs: &[&'static str]) -> Net {
    Net {
        call: call.to_owned(),
        needs: needs.iter().copied().collect(),
        removes: Axes::new(),
        adds: Axes::new(),
        emits: false,
    }
}
