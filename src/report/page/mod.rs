//! The page of a run: takes settings, the log, results and what a model thought, gives one HTML file that needs
//! nothing else; runs no model and knows no tensor.
//!
//! Markup, style and script are files beside this one; everything that is not markup is escaped by the template.

mod arc;
mod curves;
mod grid;
mod likeness;
mod puzzle;
mod results;
mod running;
mod thinking;
mod tree;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value, context};

pub use results::{PuzzleRow, read_puzzles};
pub use thinking::{Guess, Moment, Thinking, Thought, choose};

use crate::chart;
use crate::data::Dataset;
use crate::train::MetricsRecord;

/// Of what is not solved, so many are shown at once; the rest is folded.
const MOST_OPEN: usize = 3;

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
    /// How many thoughts there are after each branch of a cycle, such as 2, 4, 8; empty where nothing branches.
    pub tree: Vec<usize>,
    /// What the final test left of ARC: its score and its submission.
    pub arc: Option<(serde_json::Value, serde_json::Value)>,
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
        let shared = puzzle::Shared {
            data: self.data,
            rating_name: &self.rating_name,
            halts: self.halts,
            tree: &self.tree,
        };
        let view = |(at, thinking): (usize, &&Thinking)| {
            puzzle::view(at, thinking, &shared, at == 0 || at < MOST_OPEN && !thinking.solved(self.data))
        };
        let puzzles: Vec<_> = shown.iter().enumerate().map(view).collect();
        let tasks =
            self.arc.as_ref().and_then(|(score, submission)| arc::tasks(self.data.arc()?, score, submission));
        let unsolved = self
            .watched
            .iter()
            .filter(|thinking| thinking.can_be_judged(self.data) && !thinking.solved(self.data));
        let raw = |text: &str| Value::from_safe_string(text.to_owned());
        Ok(environment.get_template("page.html")?.render(context! {
            style => raw(&(chart::variables() + &chart::sheet(".chart") + include_str!("page.css"))),
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
            tasks => Serde(tasks),
            unsolved => unsolved.count(),
            judged => self.watched.iter().filter(|thinking| thinking.can_be_judged(self.data)).count(),
            preference => Serde(likeness::preference(&self.watched)),
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
