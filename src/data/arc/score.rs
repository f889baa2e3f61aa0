//! ARC's score: takes the predictions of an evaluation one by one, gives pass@K and a submission, and tells of every
//! prediction that could not be counted. It starts without votes; nothing outlives it.

use std::collections::HashMap;

use indexmap::IndexMap;
use serde::Serialize;

use super::grid::Grid;
use super::test_set::TestSet;

/// The numbers of attempts that are scored.
pub const PASS_AT: [usize; 6] = [1, 2, 5, 10, 100, 1000];
/// Attempts of a submission.
pub const ATTEMPTS: usize = 2;

/// Votes for one answer.
#[derive(Clone, Copy, Debug, Default)]
struct Votes {
    count: usize,
    /// Sum of the confidences.
    confidence: f64,
}

/// Gathers votes: one prediction per test input and copy of its task.
///
/// Each prediction is cropped and its augmentation undone by the name of its identifier; the input, treated alike, tells
/// which test input it answers. (The reference: `evaluators/arc.py` of TinyRecursiveModels.)
#[derive(Debug)]
pub struct Scorer<'a> {
    set: &'a TestSet,
    task_of: HashMap<&'a str, usize>,
    /// Per task and distinct test input, the votes for each answer, in order of appearance.
    votes: Vec<HashMap<&'a Grid, IndexMap<Grid, Votes>>>,
    /// How often an identifier has answered a test input.
    answered: HashMap<(i64, &'a Grid), usize>,
    found: Found,
}

/// What became of the predictions.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Found {
    /// Predictions that a complete evaluation makes.
    pub expected: usize,
    /// Predictions that voted.
    pub counted: usize,
    /// Predictions of a copy and test input that had voted already; they did not vote again.
    pub duplicates: usize,
    /// Rows with the blank identifier, which are skipped.
    pub blank: usize,
    /// Predictions under an identifier that does not exist or belongs to no tested task.
    pub foreign: usize,
    /// Predictions whose input, its augmentation undone, is none of its task's test inputs.
    pub unmatched: usize,
    /// Names of the identifiers of the first few of these.
    pub unmatched_names: Vec<String>,
    /// Predictions without a cell: they begin with padding or an end mark. They vote.
    pub without_cells: usize,
}

/// How one test input fared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InputScore {
    /// Its task.
    pub task: String,
    /// Its place among the task's test inputs, from 0.
    pub test: usize,
    /// Predictions that voted.
    pub votes: usize,
    /// Votes that a complete evaluation gives.
    pub expected: usize,
    /// Different answers among them.
    pub answers: usize,
    /// The place of the right answer among them, from 1; none where nobody gave it or it is not known.
    pub rank: Option<usize>,
    /// Votes for the answer in the first place.
    pub top_votes: usize,
    /// Their mean confidence.
    pub top_confidence: f64,
    /// Votes for each answer that the submission attempts, the first one first.
    pub attempt_votes: Vec<usize>,
    /// Whether the right answer is known.
    pub known: bool,
}

/// Attempts at every test input, as Kaggle takes them: task, then one object with two grids per test input.
pub type Submission = IndexMap<String, Vec<IndexMap<String, Vec<Vec<u8>>>>>;

/// The score of an evaluation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ArcScore {
    /// Share of right answers among the first K, averaged over the test inputs of a task, then over tasks; empty where
    /// no right answer is known.
    pub pass: IndexMap<usize, f64>,
    /// Tasks with a known answer, over which `pass` is averaged.
    pub tasks: usize,
    /// What became of the predictions.
    pub predictions: Found,
    /// Each test input.
    pub inputs: Vec<InputScore>,
    /// The two answers with most votes per test input; `[[0]]` where there is none.
    #[serde(skip)]
    pub submission: Submission,
}

impl<'a> Scorer<'a> {
    /// A scorer without votes.
    pub fn new(set: &'a TestSet) -> Scorer<'a> {
        let task_of =
            set.tasks.iter().enumerate().map(|(number, task)| (task.name.as_str(), number)).collect();
        let inputs = |task: &'a super::TestTask| task.tests.iter().map(|pair| (&pair.input, IndexMap::new()));
        Scorer {
            set,
            task_of,
            votes: set.tasks.iter().map(|task| inputs(task).collect()).collect(),
            answered: HashMap::new(),
            found: Found { expected: set.expected(), ..Found::default() },
        }
    }

    /// Counts one prediction: tokens `[900]` of input and answer, and the model's confidence in it (the probability
    /// with which it would halt), which decides between answers with equally many votes.
    pub fn see(&mut self, identifier: i64, input: &[i64], answer: &[i64], confidence: f64) {
        let (task, augmentation) = match self.set.identifiers.get(identifier) {
            Some(Some(known)) => known,
            Some(None) => {
                self.found.blank += 1;
                return;
            }
            None => {
                self.found.foreign += 1;
                return;
            }
        };
        let Some(number) = self.task_of.get(task).copied() else {
            self.found.foreign += 1;
            return;
        };
        let input = augmentation.undo(&Grid::crop(input));
        let tests = &self.set.tasks[number].tests;
        let Some(asked) = tests.iter().map(|pair| &pair.input).find(|known| **known == input) else {
            self.found.unmatched += 1;
            if self.found.unmatched_names.len() < 3 {
                self.found.unmatched_names.push(augmentation.name(task));
            }
            return;
        };
        // A task may ask the same twice.
        let times = tests.iter().filter(|pair| pair.input == *asked).count();
        let answered = self.answered.entry((identifier, asked)).or_default();
        if *answered >= times {
            self.found.duplicates += 1;
            return;
        }
        *answered += 1;
        let answer = augmentation.undo(&Grid::crop(answer));
        self.found.without_cells += usize::from(answer.is_empty());
        self.found.counted += 1;
        if let Some(answers) = self.votes[number].get_mut(asked) {
            let votes = answers.entry(answer).or_default();
            votes.count += 1;
            votes.confidence += confidence;
        }
    }

    /// Counts the votes.
    pub fn finish(self) -> ArcScore {
        let mut score = ArcScore {
            pass: IndexMap::new(),
            tasks: 0,
            predictions: self.found,
            inputs: Vec::new(),
            submission: IndexMap::new(),
        };
        let mut pass = PASS_AT.map(|attempts| (attempts, 0.0));
        for (task, votes) in self.set.tasks.iter().zip(&self.votes) {
            let known = task.tests.iter().filter(|pair| pair.output.is_some()).count();
            let mut attempts = Vec::with_capacity(task.tests.len());
            for (number, pair) in task.tests.iter().enumerate() {
                let ranked = votes.get(&pair.input).map(rank).unwrap_or_default();
                let right = pair.output.as_ref();
                let place = right.and_then(|right| ranked.iter().position(|(grid, ..)| *grid == right));
                for (attempts, sum) in &mut pass {
                    *sum += f64::from(u8::from(place.is_some_and(|place| place < *attempts)))
                        / known.max(1) as f64;
                }
                score.inputs.push(InputScore {
                    task: task.name.clone(),
                    test: number,
                    votes: ranked.iter().map(|(_, count, _)| count).sum(),
                    expected: task.copies
                        * task.tests.iter().filter(|other| other.input == pair.input).count(),
                    answers: ranked.len(),
                    rank: place.map(|place| place + 1),
                    top_votes: ranked.first().map_or(0, |(_, count, _)| *count),
                    top_confidence: ranked.first().map_or(0.0, |(.., confidence)| *confidence),
                    attempt_votes: ranked.iter().take(ATTEMPTS).map(|(_, count, _)| *count).collect(),
                    known: right.is_some(),
                });
                attempts.push(attempt(&ranked));
            }
            score.tasks += usize::from(known > 0);
            score.submission.insert(task.name.clone(), attempts);
        }
        if score.tasks > 0 {
            score.pass =
                pass.into_iter().map(|(attempts, sum)| (attempts, sum / score.tasks as f64)).collect();
        }
        score
    }
}

/// Answers by votes, then mean confidence, then order of appearance, each with the two numbers.
fn rank(answers: &IndexMap<Grid, Votes>) -> Vec<(&Grid, usize, f64)> {
    let mut ranked: Vec<(&Grid, usize, f64)> = answers
        .iter()
        .map(|(grid, votes)| (grid, votes.count, votes.confidence / votes.count as f64))
        .collect();
    ranked.sort_by(|a, b| b.1.cmp(&a.1).then(b.2.total_cmp(&a.2)));
    ranked
}

/// The first two answers; the first stands for a second that there is not.
fn attempt(ranked: &[(&Grid, usize, f64)]) -> IndexMap<String, Vec<Vec<u8>>> {
    let lines = |place: usize| {
        let grid =
            ranked.get(place).or(ranked.first()).map(|(grid, ..)| *grid).filter(|grid| !grid.is_empty());
        grid.map_or_else(|| vec![vec![0]], |grid| grid.lines().into_iter().map(<[u8]>::to_vec).collect())
    };
    (0..ATTEMPTS).map(|place| (format!("attempt_{}", place + 1), lines(place))).collect()
}

impl ArcScore {
    /// What a reader of the score must know, a sentence each: predictions that are missing, came twice or could not be
    /// matched, and tasks without a vote.
    pub fn warnings(&self) -> Vec<String> {
        let found = &self.predictions;
        let mut warnings = Vec::new();
        let mut warn = |count: usize, text: String| {
            if count > 0 {
                warnings.push(text);
            }
        };
        let silent: Vec<String> = self
            .inputs
            .iter()
            .filter(|input| input.votes == 0)
            .map(|input| format!("{} #{}", input.task, input.test + 1))
            .collect();
        warn(
            found.unmatched,
            format!(
                "{} predictions answer no test input: their input with the augmentation undone is not of their task (such \
                 as {}). Identifiers and grids do not belong together: use identifiers.json of the folder that holds the \
                 grids",
                found.unmatched,
                found.unmatched_names.join(", ")
            ),
        );
        warn(
            found.foreign,
            format!(
                "{} predictions have an identifier that is of no tested task; use identifiers.json and test_puzzles.json \
                 of one build",
                found.foreign
            ),
        );
        warn(
            found.duplicates,
            format!(
                "{} predictions came twice for the same copy and test input; the first one counts",
                found.duplicates
            ),
        );
        let given = found.counted + found.duplicates + found.unmatched + found.foreign;
        warn(
            found.expected.saturating_sub(found.counted),
            format!(
                "{} of {} predictions are missing ({given} came); test inputs without one count as wrong",
                found.expected.saturating_sub(found.counted),
                found.expected
            ),
        );
        warn(
            silent.len(),
            format!("{} of {} test inputs have no vote: {}", silent.len(), self.inputs.len(), some(&silent)),
        );
        let unknown: Vec<String> =
            self.inputs.iter().filter(|input| !input.known).map(|input| input.task.clone()).collect();
        warn(
            unknown.len(),
            format!(
                "{} test inputs have no known answer and are not scored: {}",
                unknown.len(),
                some(&unknown)
            ),
        );
        warn(
            found.without_cells * usize::from(found.without_cells * 10 > found.counted),
            format!(
                "{} of {} predictions hold no grid: they begin with padding or an end mark, as a model does that has hardly \
                 learned or whose weights are not those it was trained with",
                found.without_cells, found.counted
            ),
        );
        warnings
    }
}

/// The first few of a list, in words.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
