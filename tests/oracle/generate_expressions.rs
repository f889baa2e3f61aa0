//! Random expressions of given axes. Whatever is drawn has exactly these axes, is finite for moderate values, and
//! reads only what the place may read.

use super::generate::{Axes, Generator, Net, Var, axes, clause, size};

impl Generator {
    /// An expression with exactly these axes.
    pub fn expr(&mut self, want: &Axes, depth: usize) -> String {
        self.budget -= 1;
        if depth == 0 || self.budget <= 0 {
            return self.leaf(want);
        }
        for _ in 0..8 {
            if let Some(text) = self.node(want, depth - 1) {
                return text;
            }
        }
        self.leaf(want)
    }

    fn leaf(&mut self, want: &Axes) -> String {
        let exact: Vec<String> =
            self.vars.iter().filter(|var| var.axes == *want).map(|var| var.name.clone()).collect();
        if want.is_empty() && (exact.is_empty() || self.chance(0.5)) {
            return self.number();
        }
        if !exact.is_empty() {
            return self.pick(&exact);
        }
        let near: Vec<(String, Axes)> = self
            .vars
            .iter()
            .filter(|var| var.axes.is_subset(want) && !var.axes.is_empty())
            .map(|var| (var.name.clone(), var.axes.clone()))
            .collect();
        let least = near.iter().map(|(_, own)| want.difference(own).count()).min();
        let (name, own) = match least {
            Some(least) => {
                let best: Vec<(String, Axes)> =
                    near.into_iter().filter(|(_, own)| want.difference(own).count() == least).collect();
                self.pick(&best)
            }
            None => (self.number(), Axes::new()),
        };
        let lacking: Axes = want.difference(&own).copied().collect();
        if lacking.is_empty() {
            return name;
        }
        if !lacking.contains("branch") {
            self.note("broadcast");
            let float = own.is_empty() && self.chance(0.8);
            let name = if float { format!("float({name})") } else { name };
            return format!("broadcast({name}, over {})", clause(&lacking));
        }
        let grown: Vec<(String, Axes)> = self
            .vars
            .iter()
            .filter(|var| var.axes.contains("branch"))
            .map(|var| (var.name.clone(), var.axes.clone()))
            .collect();
        let (grown, all) = self.pick(&grown);
        let over: Axes =
            all.iter().copied().filter(|axis| *axis != "branch" && !want.contains(axis)).collect();
        let grown = if over.is_empty() { grown } else { format!("mean({grown}, over {})", clause(&over)) };
        let left: Axes = all.difference(&over).copied().collect();
        let rest: Axes = want.difference(&left).copied().filter(|axis| !own.contains(axis)).collect();
        let name = if rest.is_empty() { name } else { format!("broadcast({name}, over {})", clause(&rest)) };
        format!("({name} + {grown})")
    }

    /// A number known when the model is compiled.
    pub fn number(&mut self) -> String {
        if !self.indices.is_empty() && self.chance(0.4) {
            let numbers: Vec<String> = self.indices.iter().filter(|name| *name != "rows").cloned().collect();
            if !numbers.is_empty() {
                self.note("counter as a number");
                return format!("({} + 1) / 4", self.pick(&numbers));
            }
        }
        if !self.in_function && self.chance(0.2) {
            return self.pick(&["rate", "T / 3", "size(dim) / 8", "1 / hidden"]).to_owned();
        }
        if !self.in_function && self.chance(0.1) {
            let counters: Vec<String> = self.indices.iter().filter(|name| *name != "rows").cloned().collect();
            self.note("entry of a list");
            let at = if counters.is_empty() {
                "1".to_owned()
            } else {
                format!("min({}, 2)", self.pick(&counters))
            };
            return format!("{}[{at}]", self.pick(&["rates", "[1 / 2, -1, T]"]));
        }
        self.pick(&["0.5", "1", "-0.25", "2", "1 / 3", "0", "1.5", "-1"]).to_owned()
    }

    /// Whether an axis has a size of its own here.
    fn sized(&self) -> Vec<&'static str> {
        if self.in_function { vec!["dim"] } else { vec!["cell", "dim", "step", "symbol"] }
    }

    pub fn subset(&mut self, want: &Axes) -> Axes {
        let kept: Vec<bool> = want.iter().map(|_| self.chance(0.7)).collect();
        want.iter().zip(kept).filter(|(_, kept)| *kept).map(|(axis, _)| *axis).collect()
    }

    fn with(want: &Axes, axis: &'static str) -> Axes {
        want.iter().copied().chain([axis]).collect()
    }

    fn node(&mut self, want: &Axes, depth: usize) -> Option<String> {
        let scalar = want.is_empty();
        Some(match self.below(33) {
            0..=4 => {
                let (a, part) = (self.expr(want, depth), self.subset(want));
                let b = self.expr(&part, depth);
                let swap = self.chance(0.5);
                let (left, right) = if swap { (&b, &a) } else { (&a, &b) };
                match self.below(6) {
                    0 => format!("({left} - {right})"),
                    1 | 2 => format!("({left} * {right})"),
                    3 => format!("{a} / (1 + abs({b}))"),
                    4 if !scalar => {
                        self.note("max, min of two");
                        format!("{}({left}, {right})", self.pick(&["max", "min"]))
                    }
                    _ => format!("({left} + {right})"),
                }
            }
            5..=7 if !scalar => {
                let x = self.expr(want, depth);
                match self.below(14) {
                    0 => format!("log(1 + abs({x}))"),
                    1 => format!("sqrt(1 + ({x}) ^ 2)"),
                    2 => format!("rsqrt(1 + ({x}) ^ 2)"),
                    3 => format!("exp(-abs({x}))"),
                    4 => format!("tanh({x}) ^ 3"),
                    5 => format!("float32({x})"),
                    6 => format!("-({x})"),
                    7 => {
                        self.note("sign, floor");
                        format!("{}({x})", self.pick(&["sign", "floor"]))
                    }
                    _ => format!(
                        "{}({x})",
                        self.pick(&["tanh", "sigmoid", "sin", "cos", "relu", "silu", "gelu", "abs"])
                    ),
                }
            }
            8 | 9 => {
                let sized = self.sized();
                let mut extra: Vec<&'static str> =
                    sized.into_iter().filter(|axis| !want.contains(axis)).collect();
                if self.grown.is_some()
                    && !want.contains("branch")
                    && self.vars.iter().any(|var| var.axes.contains("branch"))
                {
                    extra.push("branch");
                }
                if extra.is_empty() {
                    return None;
                }
                let axis = self.pick(&extra);
                let x = self.expr(&Self::with(want, axis), depth);
                match self.below(12) {
                    0 => {
                        self.note("argmax");
                        let index = format!("argmax({x}, over {axis})");
                        let from = self.expr(&Self::with(want, axis), depth);
                        format!("({from})[{axis} = {index}]")
                    }
                    1 => {
                        self.note("range");
                        let (from, to) = (self.below(2), 2 + self.below(size(axis) - 1));
                        if axis == "branch" {
                            return Some(format!("sum({x}, over branch)"));
                        }
                        format!("mean(({x})[{axis} in {from} .. {to}], over {axis})")
                    }
                    2 if axis != "branch" => {
                        self.note("entry");
                        format!("({x})[{axis} = {}]", self.below(size(axis)))
                    }
                    3 if !self.in_function && axis != "branch" => {
                        self.note("top_k");
                        let score = self.expr(&Self::with(want, axis), depth);
                        format!(
                            "mean(gather({x}, top_k({score}, over {axis}, count = 2, into kept), over {axis}), over kept)"
                        )
                    }
                    4 => format!("norm({x}, over {axis})"),
                    5 => format!("logsumexp({x}, over {axis})"),
                    6 => format!("{}({x}, over {axis})", self.pick(&["max", "min"])),
                    7 => format!("sum({x}, over {axis})"),
                    _ => format!("mean({x}, over {axis})"),
                }
            }
            10 if !scalar => {
                let over: Vec<&'static str> = want.iter().copied().filter(|axis| *axis != "batch").collect();
                if over.is_empty() {
                    return None;
                }
                let over = self.pick(&over);
                self.note("softmax");
                format!("softmax({}, over {over})", self.expr(want, depth))
            }
            11..=14 => {
                let fitting: Vec<Net> = self
                    .nets
                    .iter()
                    .filter(|net| {
                        net.adds.is_subset(want)
                            && net.removes.is_disjoint(want)
                            && (!net.emits || !self.in_results)
                            && net.needs.iter().all(|axis| net.removes.contains(axis) || want.contains(axis))
                    })
                    .cloned()
                    .collect();
                if fitting.is_empty() {
                    return None;
                }
                let net = self.pick(&fitting);
                let given: Axes = want.difference(&net.adds).chain(&net.removes).copied().collect();
                self.note("call of a net");
                format!("{}({})", net.call, self.expr(&given, depth))
            }
            15 => {
                let sized: Vec<&'static str> =
                    self.sized().into_iter().filter(|axis| !want.contains(axis)).collect();
                if sized.is_empty() {
                    return None;
                }
                let axis = self.pick(&sized);
                let part = self.subset(want);
                let (a, b) =
                    (self.expr(&Self::with(want, axis), depth), self.expr(&Self::with(&part, axis), depth));
                self.note("dot");
                format!("dot({a}, {b}, over {axis})")
            }
            16 | 17 if !scalar => {
                let (cond, a) = (self.condition(want, depth), self.expr(want, depth));
                let part = self.subset(want);
                let b = self.expr(&part, depth);
                self.note("where");
                format!("where({cond}, {a}, {b})")
            }
            18..=20 if !self.in_function => self.choice(want, depth),
            21 if !scalar => {
                self.note("block expression");
                let local = self.name("b");
                let (a, b) = (self.expr(want, depth), self.expr(want, depth));
                format!("{{ let {local} = {a}  return {local} * ({b}) + {local} }}")
            }
            22 if want.contains("dim") && !self.in_function => {
                self.note("rename");
                let x = self.expr(want, depth);
                let mut rest = want.clone();
                rest.remove("dim");
                let part = self.subset(&rest);
                let y = self.expr(&Self::with(&part, "dim"), depth);
                format!("rename(rename({x}, dim -> other) * rename({y}, dim -> other), other -> dim)")
            }
            23 if want.contains("dim") && !self.in_function => {
                self.note("flatten, unflatten");
                let x = self.expr(want, depth);
                match self.below(3) {
                    0 => format!(
                        "flatten(tanh(unflatten({x}, dim -> (part, feature))), (feature, part) -> dim)"
                    ),
                    1 => {
                        let (a, b) = (self.name("u"), self.name("u"));
                        let halves = format!("unflatten({x}, dim -> (part, feature))");
                        let joined = format!("broadcast({a} * {b}, over part) + {halves}");
                        format!(
                            "{{ let {a}, {b} = split({halves}, over part)  \
                             return flatten({joined}, (part, feature) -> dim) }}"
                        )
                    }
                    _ => format!(
                        "flatten(softmax(unflatten({x}, dim -> (part, feature)), over part), (part, feature) -> dim)"
                    ),
                }
            }
            24 if want.contains("cell") && !self.in_function => {
                self.note("parts");
                let x = self.expr(want, depth);
                match self.below(3) {
                    0 => {
                        let rest: Axes = want.iter().copied().filter(|axis| *axis != "cell").collect();
                        let front = self.expr(&Self::with(&rest, "prefix"), 0);
                        format!("tanh(concat({front}, {x}, along pos))[cell]")
                    }
                    1 => format!("({x} + mean(pad({x}, cell -> long), over long))"),
                    _ => format!("({x} * index(cell) / size(cell))"),
                }
            }
            25 if !scalar => {
                self.note("stop_gradient");
                format!("stop_gradient({})", self.expr(want, depth))
            }
            26 if !self.in_function => {
                let states: Vec<String> =
                    self.states.iter().filter(|(_, own)| own == want).map(|(name, _)| name.clone()).collect();
                if states.is_empty() {
                    return None;
                }
                self.note("history");
                format!("{}@{}", self.pick(&states), 1 + self.below(2))
            }
            27 if !self.in_function && !scalar => {
                self.note("call of a function");
                let inner: Vec<&'static str> = want.iter().copied().filter(|axis| *axis != "batch").collect();
                if inner.is_empty() {
                    return None;
                }
                let axis = self.pick(&inner);
                let x = self.expr(want, depth);
                match self.below(4) {
                    0 if want.contains("batch") => format!("shares({x})"),
                    1 => format!("rms_norm({x}, over {axis})"),
                    2 if want.contains("dim") => {
                        let (a, b) = (self.name("u"), self.name("u"));
                        format!("{{ let {a}, {b} = pair({x}, over dim, scale = 1 / 3)  return {a} * {b} }}")
                    }
                    _ => format!("centred({x}, over {axis})"),
                }
            }
            28 if want.contains("cell") && want.contains("dim") && !self.in_function => {
                let (x, y) = (self.expr(want, depth), self.expr(want, depth));
                let causal = self.pick(&["", ", causal = true"]);
                match self.below(6) {
                    0 => {
                        self.note("convolve");
                        format!("convolve({x}, kernel, over cell, along tap{causal})")
                    }
                    1 => {
                        self.note("rope");
                        format!("rope({x}, over cell, along dim)")
                    }
                    2 => {
                        self.note("attention with a mask over keys");
                        let mask = self.pick(&[" > 0", " > 100", ""]);
                        format!(
                            "attend({x}, {y}, {x}, over cell, along dim{causal}, mask = mean({y}, over dim){mask})"
                        )
                    }
                    3 | 4 => {
                        self.note("attention along another axis");
                        let far = format!("rename({y}, cell -> far)");
                        let edge = format!("mean({x}, over dim) > mean({far}, over dim)");
                        let mask = self.pick(&["", ", mask = EDGE", ", mask = 2 * (EDGE) - 1.5"]);
                        format!(
                            "attend({x}, {far}, {far}, over far, along dim{})",
                            mask.replace("EDGE", &edge)
                        )
                    }
                    _ => {
                        self.note("attend");
                        format!("attend({x}, {y}, {x}, over cell, along dim{causal})")
                    }
                }
            }
            29 if want.len() == 1 && want.contains("batch") && !self.in_function => {
                self.note("steps");
                self.pick(&["steps", "last_step", "1 / steps"]).to_owned()
            }
            30 if !self.in_function
                && !want.contains("symbol")
                && want.contains("batch")
                && want.contains("cell")
                && self.chance(0.5) =>
            {
                let rest: Axes =
                    want.iter().copied().filter(|axis| !["batch", "cell"].contains(axis)).collect();
                self.note("lookup");
                if rest == axes(["dim"]) {
                    return Some(
                        if self.indices.iter().any(|name| name == "rows") {
                            "rows[symbol = question]"
                        } else {
                            "embed.weight[symbol = question]"
                        }
                        .to_owned(),
                    );
                }
                let x = self.expr(&Self::with(&rest, "symbol"), depth);
                format!("({x})[symbol = question]")
            }
            31 if !self.in_function && !scalar => {
                self.note("stack");
                let (x, part) = (self.expr(want, depth), self.subset(want));
                let y = self.expr(&part, depth);
                if self.chance(0.5) {
                    return Some(format!("mean(stack({x}, {y}, -1, into pile), over pile)"));
                }
                self.note("where of indices");
                let pile = self.name("u");
                let second = format!("{pile}[pile = 1] > 0.2");
                let chosen =
                    format!("where({second}, argmax({pile}, over pile), index({pile}, pile)[pile = 0])");
                format!(
                    "{{ let {pile} = stack({x}, {y}, into pile)  \
                     return {pile}[pile = {chosen}] }}"
                )
            }
            _ => return None,
        })
    }

    /// A choice that is made when the model is compiled.
    fn choice(&mut self, want: &Axes, depth: usize) -> String {
        // All arms may keep under one name: the chosen one is kept.
        let kept = (self.loops > 0 && self.speculates && self.grown.is_none() && self.chance(0.25))
            .then(|| (self.name("r"), self.place()));
        let arm = |generator: &mut Generator| -> String {
            if let Some((name, of)) = &kept {
                generator.note("record in an arm");
                let (kept, value) = (generator.expr(of, depth), generator.expr(want, depth));
                return format!("{{ record {name} = {kept}  return {value} }}");
            }
            // What is not chosen leaves no trace: it updates, it calls nets that emit.
            let updated: Vec<(String, Axes)> = generator
                .vars
                .iter()
                .filter(|var| var.updated && !generator.in_results)
                .map(|var| (var.name.clone(), var.axes.clone()))
                .collect();
            if !updated.is_empty() && generator.speculates && generator.chance(0.4) {
                generator.note("update in an arm");
                let (name, own) = generator.pick(&updated);
                let (update, value) = (generator.expr(&own, depth), generator.expr(want, depth));
                return format!("{{ {name} <- {update}  return {value} }}");
            }
            let emitting: Vec<Net> = generator.nets.iter().filter(|net| net.emits).cloned().collect();
            let fits = want.contains("batch") && want.contains("dim") && !generator.in_results;
            if fits && !emitting.is_empty() && generator.speculates && generator.chance(0.5) {
                generator.note("emit in an arm");
                let net = generator.pick(&emitting);
                return format!("{}({})", net.call, generator.expr(want, depth));
            }
            generator.expr(want, depth)
        };
        self.chosen += 1;
        if self.chance(0.5) {
            let (a, b, c) = (arm(self), arm(self), arm(self));
            let counters: Vec<String> = self.indices.iter().filter(|name| *name != "rows").cloned().collect();
            if self.chance(0.5) {
                self.note("match on a number");
                let counter = if counters.is_empty() { "T".to_owned() } else { self.pick(&counters) };
                self.chosen -= 1;
                self.keep(kept);
                return format!("(match {counter} - 1 {{ 0 => {a}, -1 => {b}, _ => {c} }})");
            }
            self.note("match");
            self.chosen -= 1;
            self.keep(kept);
            return format!("(match style {{ plain => {a}, gated => {b}, none => {c} }})");
        }
        let (a, b) = (arm(self), arm(self));
        self.note("if expression");
        self.chosen -= 1;
        self.keep(kept);
        let cond = self.static_condition();
        format!("(if {cond} {{ {} }} else {{ {} }})", bare(&a), bare(&b))
    }

    /// What every arm has recorded may be read after the loop.
    fn keep(&mut self, kept: Option<(String, Axes)>) {
        if let Some((name, axes)) = kept
            && self.chosen == 0
            && !axes.contains("branch")
        {
            self.kept.push(Var { name, axes, updated: false });
        }
    }
}

/// A block is the braces of an arm already.
fn bare(arm: &str) -> String {
    match arm.strip_prefix("{ ").and_then(|rest| rest.strip_suffix(" }")) {
        Some(rest) if (rest.contains(" <- ") || rest.contains("record ")) && !rest.contains("{ ") => {
            rest.to_owned()
        }
        _ => arm.to_owned(),
    }
}
