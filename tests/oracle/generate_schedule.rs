//! Random schedules and results: loops, choices, branches and merges, kept values, losses that reach a weight.

use std::fmt::Write as _;

use super::generate::{Axes, Generator, Var, axes};

impl Generator {
    fn line(out: &mut String, level: usize, text: &str) {
        let _ = writeln!(out, "{}{text}", "    ".repeat(level));
    }

    pub fn encode(&mut self) -> String {
        self.budget = 10;
        let value = self.expr(&axes(["cell", "dim"]), 1);
        let x = Var { name: "x".to_owned(), axes: axes(["batch", "cell", "dim"]), updated: false };
        self.vars.push(x);
        format!("\n    encode {{\n        let x = embed(question) + {value}\n    }}\n")
    }

    /// Blocks see the names of the model and of `encode`, and their own arguments.
    pub fn blocks(&mut self, encoded: &[Var]) -> String {
        let mut text = String::new();
        for (name, params) in [("settle", 0), ("refine", 2)] {
            self.vars = encoded.to_vec();
            self.current_states();
            self.indices.retain(|name| name == "rows");
            let args = if params == 2 { "(at, gain)" } else { "" };
            if params == 2 {
                self.indices.push("at".to_owned());
                self.vars.push(Var { name: "gain".to_owned(), axes: Axes::new(), updated: false });
            }
            self.budget = 14;
            let mut body = String::new();
            for _ in 0..1 + self.below(2) {
                self.plain(&mut body, 2);
            }
            if params == 2 && self.chance(0.5) {
                Self::line(&mut body, 2, "if at == 0 { do settle }");
            }
            self.indices.retain(|name| name != "at");
            let _ = write!(text, "\n    block {name}{args} {{\n{body}    }}\n");
            self.blocks.push((name.to_owned(), params));
        }
        text
    }

    pub fn think(&mut self) -> String {
        self.current_states();
        self.budget = 70;
        let mut body = String::new();
        for _ in 0..2 + self.below(4) {
            self.statement(&mut body, 2, 3);
        }
        let (name, own) = self.states[0].clone();
        let emitters: Vec<String> =
            self.nets.iter().filter(|net| net.emits).map(|net| net.call.clone()).collect();
        for net in emitters {
            Self::line(&mut body, 2, &format!("{name} <- tanh({name} + {net}(x))"));
        }
        self.budget = 8;
        let value = self.expr(&own, 2);
        Self::line(&mut body, 2, &format!("{name} <- tanh(n0({name}) + {value})"));
        format!("\n    think {{\n{body}    }}\n")
    }

    /// A statement in a schedule; `depth`: how many may nest in it.
    fn statement(&mut self, out: &mut String, level: usize, depth: usize) {
        if depth == 0 || self.budget < 6 {
            return self.plain(out, level);
        }
        match self.below(14) {
            0..=3 => self.repeat(out, level, depth - 1),
            4 => self.while_(out, level),
            5 => {
                self.note("if statement");
                let cond = self.static_condition();
                let saved = self.vars.clone();
                Self::line(out, level, &format!("if {cond} {{"));
                self.chosen += 1;
                self.plain(out, level + 1);
                self.statement(out, level + 1, depth - 1);
                self.vars.clone_from(&saved);
                if self.chance(0.6) {
                    Self::line(out, level, "} else {");
                    self.plain(out, level + 1);
                    self.vars = saved;
                }
                self.chosen -= 1;
                Self::line(out, level, "}");
            }
            6 | 7 if self.grown.is_none() => self.tree(out, level, depth),
            8 if self.grown.is_none() && !self.blocks.is_empty() => {
                self.note("do");
                let (name, params) = self.pick(&self.blocks.clone());
                let args = match params {
                    0 => String::new(),
                    _ => {
                        let counters: Vec<String> =
                            self.indices.iter().filter(|name| *name != "rows").cloned().collect();
                        let at = if counters.is_empty() { "1".to_owned() } else { self.pick(&counters) };
                        let gain = self.number();
                        format!("({at}, {gain})")
                    }
                };
                Self::line(out, level, &format!("do {name}{args}"));
            }
            11 if self.grown.is_none() => {
                self.note("branch along another axis");
                let (name, own) = self.states[self.states.len() - 1].clone();
                let (value, count) = (self.expr(&own, 2), 2 + self.below(2));
                Self::line(out, level, &format!("branch {name} along rollout into {count}"));
                Self::line(out, level, &format!("{name} <- sin({name} + {value})"));
                Self::line(
                    out,
                    level,
                    &format!(
                        "{name} <- {name} * softmax(mean({name}, over not (batch, rollout)), over rollout)"
                    ),
                );
                Self::line(out, level, &format!("merge {name} along rollout with sum({name}, over rollout)"));
            }
            12 => {
                self.note("local axis");
                let (local, name) = (self.name("a"), self.name("l"));
                let of = self.place();
                let (value, count) = (self.expr(&of, 2), 2 + self.below(2));
                Self::line(out, level, &format!("axis {local} = {count}"));
                Self::line(
                    out,
                    level,
                    &format!(
                        "let {name} = sum(broadcast({value}, over {local}) * sin(index({local})), over {local})"
                    ),
                );
                self.vars.push(Var { name, axes: of, updated: false });
            }
            9 | 10 => {
                self.note("var");
                let name = self.name("v");
                let of = self.place();
                let value = self.expr(&of, 2);
                Self::line(out, level, &format!("var {name} = {value}"));
                if !of.is_empty() {
                    self.vars.push(Var { name, axes: of, updated: true });
                }
            }
            _ => self.plain(out, level),
        }
    }

    /// Axes of something that is there.
    pub fn place(&mut self) -> Axes {
        let all: Vec<Axes> =
            self.vars.iter().map(|var| var.axes.clone()).filter(|own| !own.is_empty()).collect();
        self.pick(&all)
    }

    /// `let`, an update, a kept value.
    fn plain(&mut self, out: &mut String, level: usize) {
        let updated: Vec<Var> = self.vars.iter().filter(|var| var.updated).cloned().collect();
        match self.below(9) {
            0 | 1 => {
                let (name, of) = (self.name("l"), self.place());
                let value = self.expr(&of, 2);
                Self::line(out, level, &format!("let {name} = {value}"));
                self.vars.push(Var { name, axes: of, updated: false });
            }
            2 if self.loops > 0 && level > 2 => self.record(out, level),
            3 if self.loops > 0 && level > 2 && self.grown.is_none() => {
                self.note("collect");
                let (name, axis) = (self.name("c"), self.name("cycle"));
                let of = self.place();
                let value = self.expr(&of, 1);
                Self::line(out, level, &format!("collect {name} = {value} over {axis}"));
                self.collected.push(axis.clone());
                if self.chosen == 0 {
                    let name = format!("mean({name}, over {axis})");
                    self.kept.push(Var { name, axes: of, updated: false });
                }
            }
            4 if !updated.is_empty() => {
                // Handed on as it is.
                let var = self.pick(&updated);
                let alike: Vec<String> = self
                    .vars
                    .iter()
                    .filter(|other| other.axes == var.axes)
                    .map(|other| other.name.clone())
                    .collect();
                self.note("handed on");
                let from = self.pick(&alike);
                Self::line(out, level, &format!("{} <- {from}", var.name));
            }
            _ if !updated.is_empty() => {
                let var = self.pick(&updated);
                let value = self.expr(&var.axes, 2);
                let squash = self.pick(&["tanh", "sin", "tanh"]);
                Self::line(out, level, &format!("{} <- {squash}({value})", var.name));
            }
            _ => {
                let (name, of) = (self.name("l"), self.place());
                let value = self.expr(&of, 2);
                Self::line(out, level, &format!("let {name} = {value}"));
                self.vars.push(Var { name, axes: of, updated: false });
            }
        }
    }

    fn record(&mut self, out: &mut String, level: usize) {
        let name = self.name("r");
        if self.chance(0.35) {
            self.note("record of a number");
            let number = self.number();
            let number = if self.chance(0.3) { format!("float({number})") } else { number };
            Self::line(out, level, &format!("record {name} = {number}"));
            if self.chosen == 0 {
                self.kept.push(Var { name, axes: Axes::new(), updated: false });
            }
            return;
        }
        self.note("record");
        let of = self.place();
        let value = self.expr(&of, 1);
        Self::line(out, level, &format!("record {name} = {value}"));
        if !of.contains("branch") && self.chosen == 0 {
            self.kept.push(Var { name, axes: of, updated: false });
        }
    }

    fn repeat(&mut self, out: &mut String, level: usize, depth: usize) {
        let times = self.pick(&["2", "3", "T", "1"]);
        let last = match self.below(4) {
            0 | 1 => String::new(),
            2 => ", grad last 1".to_owned(),
            _ => format!(", grad last {}", self.below(3)),
        };
        if !last.is_empty() {
            self.note(if self.loops > 0 { "nested gradient scope" } else { "gradient scope" });
        }
        let counter = self.chance(0.45);
        let (vars, index) = (self.vars.clone(), self.name("i"));
        if counter {
            self.note("repeat with counter");
            let from = self.below(2);
            Self::line(out, level, &format!("repeat {index} in {from} .. {from} + {times}{last} {{"));
            self.indices.push(index.clone());
        } else {
            self.note(if self.loops > 0 { "nested repeat" } else { "repeat" });
            Self::line(out, level, &format!("repeat {times}{last} {{"));
        }
        self.loops += 1;
        let kept = self.kept.len();
        for _ in 0..1 + self.below(3) {
            self.statement(out, level + 1, depth);
        }
        self.loops -= 1;
        self.indices.retain(|name| *name != index);
        self.vars = vars;
        if self.loops == 0 {
            // What was kept in a loop may be read after it.
            let kept: Vec<Var> = self.kept[kept.min(self.kept.len())..].to_vec();
            if level == 2 && self.grown.is_none() {
                self.vars.extend(kept);
            }
        }
        Self::line(out, level, "}");
    }

    /// Each sample goes on as long as its own condition holds.
    fn while_(&mut self, out: &mut String, level: usize) {
        if self.grown.is_some() {
            return self.plain(out, level);
        }
        self.note("while");
        let (name, own) = self.states[0].clone();
        let last = self.pick(&["", ", grad last 1", ", grad last 0"]);
        let bound = self.pick(&["0.5", "1.5", "0.01", "3"]);
        let change = self.name("m");
        self.budget -= 4;
        let value = self.expr(&own, 1);
        Self::line(out, level, &format!("var {change} = norm({name}, over not batch)"));
        Self::line(out, level, &format!("repeat 3{last} while {change} > {bound} {{"));
        Self::line(out, level + 1, &format!("let next = tanh(n0({name}) + {value})"));
        Self::line(out, level + 1, &format!("{change} <- norm(next - {name}, over not batch)"));
        Self::line(out, level + 1, &format!("{name} <- next"));
        Self::line(out, level, "}");
        self.vars.push(Var { name: change, axes: axes(["batch"]), updated: true });
    }

    /// Branches the first state, does something with it, and merges it again.
    fn tree(&mut self, out: &mut String, level: usize, depth: usize) {
        let (name, own) = self.states[0].clone();
        let saved = self.vars.clone();
        let grown: Axes = own.iter().copied().chain(["branch"]).collect();
        let ways = self
            .pick(&["with fork(NAME)", "with film(NAME)", "with copies(NAME)", "into 2", "into 3"])
            .replace("NAME", &name);
        let mut count = if ways.contains('3') { 3 } else { 2 };
        self.note("branch");
        let rounds = self.below(3);
        if rounds == 2 && count == 2 {
            self.note("branch in a loop");
            self.grow(&name, &grown, count);
            let value = self.expr(&grown, 1);
            Self::line(out, level, "repeat 2 {");
            Self::line(out, level + 1, &format!("branch {name} {ways}"));
            Self::line(out, level + 1, &format!("{name} <- tanh({value})"));
            Self::line(out, level, "}");
            count = 4;
        } else {
            Self::line(out, level, &format!("branch {name} {ways}"));
        }
        self.grow(&name, &grown, count);
        for _ in 0..1 + self.below(2) {
            self.statement(out, level, depth.min(2) - 1);
        }
        if count > 2 && self.chance(0.5) {
            self.note("prune");
            let score = self.expr(&axes(["batch", "branch"]), 2);
            Self::line(out, level, &format!("prune {name} to 2 by {score}"));
            count = 2;
            self.vars.retain(|var| !var.axes.contains("branch"));
            self.grow(&name, &grown, count);
            self.plain(out, level);
        } else if count == 4 && self.chance(0.6) {
            self.note("groups");
            let how = self.pick(&[
                "mean(NAME, over branch)",
                "average(NAME)",
                "scorer(NAME)",
                "tree(NAME)",
                "max(NAME, over branch)",
            ]);
            Self::line(
                out,
                level,
                &format!("merge {name} in groups of 2 with {}", how.replace("NAME", &name)),
            );
            self.vars.retain(|var| !var.axes.contains("branch"));
            self.grow(&name, &grown, 2);
            self.plain(out, level);
        }
        self.note("merge");
        let how = self.pick(&[
            "mean(NAME, over branch)",
            "average(NAME)",
            "learned(NAME)",
            "tree(NAME)",
            "gated(NAME)",
            "max(NAME, over branch)",
            "scorer(NAME) giving SCORE",
        ]);
        let score = self.name("score");
        Self::line(
            out,
            level,
            &format!("merge {name} with {}", how.replace("NAME", &name).replace("SCORE", &score)),
        );
        self.grown = None;
        self.vars = saved;
        if how.contains("giving") {
            self.note("giving");
            let best = self.name("l");
            Self::line(out, level, &format!("let {best} = max({score}, over branch)"));
            self.vars.push(Var { name: best, axes: axes(["batch"]), updated: false });
        }
    }

    fn grow(&mut self, name: &str, grown: &Axes, count: usize) {
        self.grown = Some(count);
        self.vars.retain(|var| var.name != name);
        self.vars.push(Var { name: name.to_owned(), axes: grown.clone(), updated: true });
    }

    pub fn decode(&mut self) -> String {
        let (name, _) = self.states[0].clone();
        format!(
            "\n    decode {{\n        let logits = head({name})\n        let level = mean(logits, over (cell, symbol))\n    }}\n"
        )
    }

    pub fn results(&mut self) -> String {
        self.in_results = true;
        let mut text = String::from("\n");
        for axis in std::mem::take(&mut self.collected) {
            let _ = writeln!(text, "    axis {axis}");
        }
        self.vars.push(Var {
            name: "logits".to_owned(),
            axes: axes(["batch", "cell", "symbol"]),
            updated: false,
        });
        self.vars.push(Var { name: "level".to_owned(), axes: axes(["batch"]), updated: false });
        let known: Vec<Var> = self
            .kept
            .iter()
            .filter(|var| !self.vars.iter().any(|own| own.name == var.name))
            .cloned()
            .collect();
        // Kept in a loop of the schedule: read by the results alone.
        let kept: Vec<Var> = known
            .into_iter()
            .chain(self.vars.iter().filter(|var| self.kept.iter().any(|kept| kept.name == var.name)).cloned())
            .collect();
        text += "    predict logits\n";
        for (at, var) in kept.iter().enumerate().take(4) {
            let _ = writeln!(text, "    predict kept{at} = 2 * {}", var.name);
        }
        let emitters: Vec<String> =
            self.nets.iter().filter(|net| net.emits).map(|net| net.call.clone()).collect();
        self.budget = 12;
        let value = self.expr(&axes(["batch"]), 3);
        let _ = writeln!(text, "    metric extra = {value}");
        text += "    metric exact = exact_match(logits, answer)\n    metric accuracy = token_accuracy(logits, answer)\n";
        let loss = self.pick(&["softmax_cross_entropy", "stablemax_cross_entropy"]);
        let _ = writeln!(text, "    loss answering = {loss}(logits, answer)");
        for net in emitters {
            let _ = writeln!(text, "    loss of_{net} = level * 0.1 + {net}.seen");
        }
        self.budget = 14;
        let value = self.expr(&axes(["batch"]), 3);
        let _ = writeln!(text, "    loss extra = 0.1 * level + {value}");
        if self.chance(0.3) {
            self.note("lookahead");
            text += "    loss ahead = if training {\n        let next = lookahead { level, logits }\n        \
                     return (level - next.level) ^ 2 + mean(next.logits * logits, over (cell, symbol)) * where(last_step, 1, 0.5)\n    } else {\n        return 0\n    }\n";
        }
        let (halting, at_most) = match self.below(3) {
            0 => ("    halt never, at most 3 steps\n", 3),
            1 => ("    halt when level > 0.1, at most 3 steps, explore 0.1\n", 3),
            _ => ("    halt when sigmoid(level) > 0.5 and steps > 1, at most 2 steps\n", 2),
        };
        text += halting;
        if self.chance(0.25) {
            self.note("carry grad");
            let _ = writeln!(text, "    carry grad {at_most}");
        }
        text
    }
}
