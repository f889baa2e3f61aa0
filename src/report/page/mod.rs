//! The page of a run: takes settings, the log, results and what a model thought, gives one HTML file that needs
//! nothing else; runs no model and knows no tensor.
//!
//! Markup, style and script are files beside this one; everything that is not markup is escaped by the template.

mod curves;
mod grid;
mod likeness;
mod puzzle;
mod results;
mod thinking;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value, context};

pub use results::{PuzzleRow, read_puzzles};
pub use thinking::{Guess, Moment, Thinking, Thought, choose};

use crate::data::Dataset;
use crate::train::MetricsRecord;

/// Everything that a page shows.
pub struct Page<'a> {
    /// The model's name.
    pub model: String,
    /// Where the run stands: `finished after 1,500 steps`.
    pub standing: String,
    /// What the run is, by name: data, parameters, versions.
    pub facts: Vec<(String, String)>,
    /// The command that makes the run again.
    pub command: Option<String>,
    /// Settings by dotted path.
    pub settings: Vec<(String, String)>,
    /// The run file in effect.
    pub run_file: String,
    /// The log, in order.
    pub log: Vec<MetricsRecord>,
    /// `evaluation.json`, once the run has been tested for good.
    pub evaluation: Option<serde_json::Value>,
    /// `puzzles.csv`, and what its ratings are called.
    pub puzzles: Vec<PuzzleRow>,
    /// What the ratings of `puzzles` are called.
    pub rating_name: String,
    /// The drawing of the model (SVG).
    pub drawing: String,
    /// The data set that the examples are from.
    pub data: &'a dyn Dataset,
    /// Examples that the model was watched on; means are over all of them.
    pub watched: Vec<Thinking>,
    /// Which of `watched` are shown.
    pub chosen: Vec<usize>,
    /// Whether the model learns when to stop.
    pub halts: bool,
    /// The evaluations of the run beside its own test, each with the name of its folder.
    pub evaluations: Vec<(String, serde_json::Value)>,
    /// The metric that makes a test the best one; `None`: the usual one.
    pub best_by: Option<String>,
    /// Why there is nothing to watch, if so.
    pub unseen: Option<String>,
}

/// The template is wrong: totc's mistake.
#[derive(Debug, thiserror::Error)]
#[error("internal error in the page's template: {0:#}")]
pub struct PageError(#[from] minijinja::Error);

impl Page<'_> {
    /// The page as HTML.
    pub fn render(&self) -> Result<String, PageError> {
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?;
        let mut environment = Environment::new();
        environment.set_syntax(syntax);
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.add_template("page.html", include_str!("page.html"))?;
        let shown: Vec<_> = self.chosen.iter().filter_map(|at| self.watched.get(*at)).collect();
        let view = |(at, thinking): (usize, &&Thinking)| {
            puzzle::view(at, thinking, self.data, &self.rating_name, self.halts)
        };
        let puzzles: Vec<_> = shown.iter().enumerate().map(view).collect();
        let raw = |text: &str| Value::from_safe_string(text.to_owned());
        Ok(environment.get_template("page.html")?.render(context! {
            style => raw(include_str!("page.css")),
            script => raw(include_str!("page.js")),
            drawing => raw(&self.drawing),
            model => self.model.as_str(),
            standing => self.standing.as_str(),
            facts => Serde(&self.facts),
            command => Serde(&self.command),
            settings => Serde(&self.settings),
            run_file => self.run_file.as_str(),
            headline => Serde(results::headline(&self.log)),
            evaluation => Serde(results::evaluation(&self.log, self.best_by.as_deref())),
            evaluations => Serde(results::evaluations(&self.evaluations)),
            protocols => Serde(results::protocols(self.evaluation.as_ref())),
            ratings => Serde(results::by_rating(&self.puzzles, &self.rating_name)),
            curves => Serde(curves::charts(&self.log)),
            puzzles => Serde(puzzles),
            unseen => Serde(&self.unseen),
            by_step => Serde(
                results::by_step(self.evaluation.as_ref())
                    .or_else(|| likeness::by_step(&self.watched, self.data))
            ),
            thoughts => Serde(likeness::thoughts(&self.watched, self.data)),
            likeness => Serde(likeness::likeness(&self.watched)),
            watched => self.watched.len(),
            version => env!("CARGO_PKG_VERSION"),
        })?)
    }
}

/// Text as HTML and SVG take it.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Control characters are not allowed in any form; shown as what they are called.
            c if c.is_control() => out.push(char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}')),
            c => out.push(c),
        }
    }
    out
}
