//! Random conditions: those that decide when a model is compiled, and truth values at run time.

use super::generate::{Axes, Generator};

impl Generator {
    /// Known when the model is compiled.
    pub fn static_condition(&mut self) -> String {
        let numbers: Vec<String> = self.indices.iter().filter(|name| *name != "rows").cloned().collect();
        if !numbers.is_empty() && self.chance(0.6) {
            self.note("counter decides");
            let name = self.pick(&numbers);
            return format!("{name} {} {}", self.pick(&["<", "==", ">=", "!="]), self.below(3));
        }
        self.pick(&[
            "deep",
            "not deep",
            "style == gated",
            "style != none",
            "T > 1 and deep",
            "rate < 1 or deep",
            "training",
        ])
        .to_owned()
    }

    /// A truth value of at most these axes.
    pub fn condition(&mut self, want: &Axes, depth: usize) -> String {
        let part = self.subset(want);
        let (a, b) = (self.expr(want, depth), self.expr(&part, depth));
        let compare = self.pick(&["<", "<=", ">", ">="]);
        if self.chance(0.25) {
            let c = self.expr(want, depth);
            let join = self.pick(&["and", "or"]);
            return format!("{a} {compare} {b} {join} not ({c} > 0.5)");
        }
        format!("{a} {compare} {b}")
    }
}
