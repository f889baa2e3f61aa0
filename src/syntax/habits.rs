//! Habits of other languages, PyTorch's above all: what is said of a text that fails where another language would have
//! gone on. Takes the text and pest's furthest position; gives the place to point at, the words and the mend, or None.
//! Knows words and brackets only, and asks nothing of the grammar.

use std::ops::Range;

/// What is said in place of "does not belong here".
pub(super) struct Habit {
    /// What is pointed at.
    pub place: Range<usize>,
    /// One sentence.
    pub message: String,
    /// What stands at the place.
    pub label: &'static str,
    /// The mend.
    pub help: String,
}

/// The habit that shows at `at`, if one does. `bracket`: the innermost `(` or `[` that is open there.
pub(super) fn habit(text: &str, at: usize, bracket: Option<(usize, char)>) -> Option<Habit> {
    let here = Here { text, at };
    here.augmented()
        .or_else(|| here.statement_of_python())
        .or_else(|| here.matrix_product())
        .or_else(|| here.slice(bracket))
        .or_else(|| here.scope_of_gradient())
        .or_else(|| here.declared_without_value())
        .or_else(|| here.if_without_else())
}

struct Here<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Here<'a> {
    fn before(&self) -> &'a str {
        &self.text[..self.at]
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Where a part of the text stands.
    fn place(&self, part: &'a str) -> Range<usize> {
        let start = part.as_ptr() as usize - self.text.as_ptr() as usize;
        start..start + part.len()
    }

    /// The line of `at` as the author wrote it, without what stands around it.
    fn line(&self) -> &'a str {
        let start = self.before().rfind('\n').map_or(0, |newline| newline + 1);
        let line = self.text[start..].lines().next().unwrap_or("");
        line.split("//").next().unwrap_or("").trim()
    }

    /// `z += f(z)`.
    fn augmented(&self) -> Option<Habit> {
        if !self.rest().starts_with('=') || self.rest().starts_with("==") {
            return None;
        }
        let operator = self.before().chars().next_back().filter(|c| "+-*/".contains(*c))?;
        let target = last_word(self.before()[..self.at - 1].trim_end());
        if target.is_empty() {
            return None;
        }
        Some(Habit {
            place: self.at - 1..self.at + 1,
            message: format!("`{target} {operator}= …` is written out here"),
            label: "not an operator",
            help: format!("`{target} <- {target} {operator} …`"),
        })
    }

    /// `for i in range(n)`, `while …`, `with torch.no_grad()`, `def f(x)`.
    fn statement_of_python(&self) -> Option<Habit> {
        let line = self.line();
        let word = first_word(line);
        let (message, help) = match word {
            "for" => ("loops begin with `repeat`", counted(line)),
            "while" => (
                "a loop has a largest number of iterations",
                "`repeat 8 while change > 0.01 { … }`: a condition on each sample, which stops it".to_owned(),
            ),
            "with" if line.contains("no_grad") => (
                "the scope of gradient is a part of a loop, or of a value",
                "`repeat T, grad last 1 { … }` has gradient in the last iteration only; `stop_gradient(x)` is PyTorch's `detach`"
                    .to_owned(),
            ),
            "def" | "lambda" => (
                "functions begin with `fn`, and stand outside of models",
                "`fn centred(x: float [..], over features: axes) { return x - mean(x, over features) }`"
                    .to_owned(),
            ),
            _ => return None,
        };
        Some(Habit {
            place: self.place(word),
            message: message.to_owned(),
            label: "a word of another language",
            help,
        })
    }

    /// `a @ b`.
    fn matrix_product(&self) -> Option<Habit> {
        let before = self.before().trim_end();
        if !before.ends_with('@') || self.rest().starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let left = last_word(before[..before.len() - 1].trim_end());
        let right = first_word(self.rest());
        let (left, right) = if left.is_empty() || right.is_empty() { ("a", "b") } else { (left, right) };
        Some(Habit {
            place: before.len() - 1..before.len(),
            message: "`@` goes back in time, and multiplies no matrices".to_owned(),
            label: "not a product",
            help: format!(
                "name the axis that is summed: `dot({left}, {right}, over dim)`; a learned matrix is a net, `Linear(dim -> dim)`; `y@2` is a state two steps ago"
            ),
        })
    }

    /// `z[:, 0]`, `z[cell in 1 ..]`, `z[cell = 1:3]`, `z[..., 0]`.
    fn slice(&self, bracket: Option<(usize, char)>) -> Option<Habit> {
        let (open, '[') = bracket? else { return None };
        let base = last_word(self.text[..open].trim_end());
        let inside = &self.text[open + 1..];
        let inside = &inside[..inside.find(']')?];
        let place = open..open + inside.len() + 2;
        let item = inside.split(',').find(|item| self.place(item).end >= self.at).unwrap_or(inside);
        let base = if base.is_empty() { "z" } else { base };
        if let Some((axis, range)) = item.split_once(" in ") {
            let (from, to) = range.split_once("..")?;
            let axis = axis.trim();
            let from = if from.trim().is_empty() { "0".to_owned() } else { from.trim().to_owned() };
            let to = if to.trim().is_empty() { format!("size({axis})") } else { to.trim().to_owned() };
            if range.contains("...") || item.contains(&format!("{from} .. {to}")) {
                return None;
            }
            return Some(Habit {
                place,
                message: "a range says where it begins and where it ends".to_owned(),
                label: "one of them is missing",
                help: format!("`{base}[{axis} in {from} .. {to}]`"),
            });
        }
        if !inside.contains([':']) && !inside.contains("...") {
            return None;
        }
        let help = match item.split_once('=').and_then(|(axis, range)| Some((axis, range.split_once(':')?))) {
            Some((axis, (from, to))) => {
                let axis = axis.trim();
                let from = if from.trim().is_empty() { "0" } else { from.trim() };
                let to = if to.trim().is_empty() { format!("size({axis})") } else { to.trim().to_owned() };
                format!("`{base}[{axis} in {from} .. {to}]`")
            }
            None => format!(
                "axes that are not named stay whole: `{base}[cell = 0]` takes one entry, `{base}[cell in 0 .. 4]` a range"
            ),
        };
        Some(Habit {
            place,
            message: "axes have names and no places, and ranges are written `from .. to`".to_owned(),
            label: "which axis?",
            help,
        })
    }

    /// `grad none`, `repeat 3 grad last 1`.
    fn scope_of_gradient(&self) -> Option<Habit> {
        let (found, before) = (first_word(self.rest()), self.before().trim_end());
        if last_word(before) == "grad" && !found.is_empty() && found != "last" {
            return Some(Habit {
                place: self.at..self.at + found.len(),
                message: format!("`grad` is followed by `last` and a number, not by `{found}`"),
                label: "not expected",
                help: "`grad last 0` computes no iteration with gradient, `grad last 1` the last one; without `grad` all have it"
                    .to_owned(),
            });
        }
        if found == "grad" && first_word(self.line()) == "repeat" {
            return Some(Habit {
                place: self.at..self.at + found.len(),
                message: "`grad` does not belong here".to_owned(),
                label: "not expected",
                help: "a `,` is missing before `grad`".to_owned(),
            });
        }
        None
    }

    /// `state y: float [batch, cell, dim]`, and nothing behind it.
    fn declared_without_value(&self) -> Option<Habit> {
        let before = self.before().trim_end();
        if self.rest().starts_with('=') {
            return None;
        }
        let declaration = before[before.rfind('\n').map_or(0, |newline| newline + 1)..].trim_start();
        let word = first_word(declaration);
        let (_, ty) = declaration.split_once(':')?;
        if declaration.contains(['=', '/']) || ty.trim().is_empty() {
            return None;
        }
        let (what, help) = match word {
            "state" => ("start", "say with what a sample begins: `= 0`, a weight such as `z0`, or `= noise`"),
            "param" => (
                "start",
                "say how it begins: `= normal(std = 0.02)`, `= truncated_normal(std = 1)` or a number",
            ),
            "buffer" | "table" => ("start", "say how it begins: `= truncated_normal(std = 1)` or a number"),
            "config" => ("value", "say what it is unless a run file sets it: `= 3`"),
            _ => return None,
        };
        let name = first_word(declaration[word.len()..].trim_start());
        Some(Habit {
            place: self.place(declaration),
            message: format!("the {word} `{name}` has no {what}"),
            label: "nothing follows",
            help: help.to_owned(),
        })
    }

    /// `let a = if deep { b }`.
    fn if_without_else(&self) -> Option<Habit> {
        let before = self.before().trim_end();
        if !before.ends_with('}') || first_word(self.rest()) == "else" {
            return None;
        }
        let mut depth = 0usize;
        let open = before.char_indices().rev().find(|(_, c)| {
            match c {
                '}' => depth += 1,
                '{' => depth -= 1,
                _ => {}
            }
            depth == 0
        })?;
        let line = before[..open.0].rfind('\n').map_or(0, |newline| newline + 1);
        let at = line + before[line..open.0].rfind("if ")?;
        let ahead = before[..at].trim_end();
        let gives = ["<-", "=", "=>", "+", "-", "*", "/", "(", ","].iter().any(|end| ahead.ends_with(end))
            || last_word(ahead) == "return";
        if !gives {
            return None;
        }
        Some(Habit {
            place: at..at + 2,
            message: "an `if` that gives a value says what it is otherwise too".to_owned(),
            label: "has no `else`",
            help: "add `else { … }`; as a statement it may do without: `if deep { z <- … }`".to_owned(),
        })
    }
}

/// The loop that a `for` of Python means.
fn counted(line: &str) -> String {
    let parts = line.strip_prefix("for ").and_then(|rest| rest.split_once(" in "));
    let range = parts.and_then(|(index, range)| {
        let arguments = range.trim().strip_prefix("range(")?;
        Some((index.trim(), &arguments[..arguments.rfind(')')?]))
    });
    match range.map(|(index, arguments)| (index, arguments.split_once(','))) {
        Some(("_", None)) => {
            let count = range.map_or("n", |(_, count)| count);
            format!("`repeat {count} {{ … }}`")
        }
        Some((index, None)) => {
            let count = range.map_or("n", |(_, count)| count);
            format!(
                "`repeat {index} in 0 .. {count} {{ … }}`, or `repeat {count} {{ … }}` where nothing reads `{index}`"
            )
        }
        Some((index, Some((from, to)))) if !to.contains(',') => {
            format!("`repeat {index} in {} .. {} {{ … }}`", from.trim(), to.trim())
        }
        _ => "`repeat n { … }`, or `repeat i in 0 .. n { … }` with a counter".to_owned(),
    }
}

fn first_word(text: &str) -> &str {
    &text[..text.find(|c| !in_word(c)).unwrap_or(text.len())]
}

fn last_word(text: &str) -> &str {
    let start = text.char_indices().rev().take_while(|(_, c)| in_word(*c)).last();
    start.map_or("", |(start, _)| &text[start..])
}

/// Whether a character is part of a word, letters of all scripts included.
pub(super) fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
