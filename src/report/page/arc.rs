//! Tasks of ARC as cards: takes what was voted (`arc.json`, `submission.json`) and the tasks, gives for each its
//! demonstrations, its test inputs with the answers that had most votes, and a verdict; those not solved come first.
//! Counts no vote itself.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;
use serde_json::Value as Json;

use super::grid::{Board, Told};
use crate::data::arc::{ATTEMPTS, COLOURS, Grid, TestSet, TestTask};
use crate::data::{Mark, Picture, PictureCell};
use crate::report::{count, number};

/// The score of all tasks, and the tasks.
#[derive(Serialize)]
pub struct Tasks {
    /// `pass@1` and so on, with the share.
    pass: Vec<(String, String)>,
    /// What pass@K is a mean over.
    told: String,
    warnings: Vec<String>,
    /// Of all tasks, those that are drawn.
    tasks: Vec<TaskView>,
    all: usize,
    /// How many are not solved.
    failures: usize,
}

/// Tasks that are drawn, at most: a hundred take some three megabytes.
const MOST_TASKS: usize = 100;

#[derive(Serialize)]
struct TaskView {
    name: String,
    verdict: String,
    solved: bool,
    unknown: bool,
    /// Input and output.
    demonstrations: Vec<(String, String)>,
    tests: Vec<TestView>,
}

#[derive(Serialize)]
struct TestView {
    input: String,
    answers: Vec<AnswerView>,
    label: Option<String>,
    told: String,
}

#[derive(Serialize)]
struct AnswerView {
    drawing: String,
    caption: String,
    right: bool,
}

/// The tasks of a test set as a final test left them. None where it holds no inputs.
pub fn tasks(set: &TestSet, score: &Json, submission: &Json) -> Option<Tasks> {
    let inputs = score["inputs"].as_array().filter(|inputs| !inputs.is_empty())?;
    let mut of_task: HashMap<&str, Vec<&Json>> = HashMap::new();
    for input in inputs {
        of_task.entry(input["task"].as_str().unwrap_or_default()).or_default().push(input);
    }
    let seen = set.tasks.iter().filter_map(|task| Some((task, of_task.get(task.name.as_str())?)));
    let mut tasks: Vec<TaskView> =
        seen.map(|(task, inputs)| view(task, inputs, &submission[task.name.as_str()])).collect();
    tasks.sort_by_key(|task| (task.solved, task.unknown));
    let (all, failures) = (tasks.len(), tasks.iter().filter(|task| !task.solved && !task.unknown).count());
    tasks.truncate(MOST_TASKS);
    // `pass@2` before `pass@10`.
    let mut pass: Vec<_> = score["pass"].as_object().into_iter().flatten().collect();
    pass.sort_by_key(|(name, _)| name.trim_start_matches("pass@").parse::<usize>().unwrap_or(usize::MAX));
    Some(Tasks {
        pass: pass
            .into_iter()
            .filter_map(|(name, share)| Some((name.clone(), number(share.as_f64()?))))
            .collect(),
        told: format!(
            "mean over {} tasks; {} of {} votes",
            count(score["tasks"].as_u64().unwrap_or(0)),
            count(score["predictions"]["counted"].as_u64().unwrap_or(0)),
            count(score["predictions"]["expected"].as_u64().unwrap_or(0))
        ),
        warnings: texts(&score["warnings"]),
        tasks,
        all,
        failures,
    })
}

fn texts(list: &Json) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
}

fn view(task: &TestTask, inputs: &[&Json], attempts: &Json) -> TaskView {
    let tests = task.tests.iter().enumerate().filter_map(|(number, pair)| {
        let score = inputs.iter().find(|input| input["test"].as_u64() == Some(number as u64))?;
        Some((pair, *score, &attempts[number]))
    });
    let mut views = Vec::new();
    let (mut known, mut solved) = (0usize, 0usize);
    for (pair, score, attempts) in tests {
        let right = pair.output.as_ref();
        known += usize::from(right.is_some());
        solved += usize::from(score["rank"].as_u64().is_some_and(|rank| rank <= ATTEMPTS as u64));
        // Older scores know the votes of the first answer alone.
        let votes: Vec<u64> = match score["attempt_votes"].as_array() {
            Some(votes) => votes.iter().filter_map(Json::as_u64).collect(),
            None => score["top_votes"].as_u64().into_iter().collect(),
        };
        let answer = |(place, votes): (usize, &u64)| {
            let grid = grid(&attempts[format!("attempt_{}", place + 1)])?;
            let is_right = right == Some(&grid);
            let all = score["votes"].as_u64().unwrap_or(0);
            let name = if place == 0 { "first answer" } else { "second answer" };
            Some(AnswerView {
                drawing: draw(&grid, right, &format!("{name}, {}", judged(right.is_some(), is_right))),
                caption: format!("{name}: {} of {} votes", count(*votes), count(all)),
                right: is_right,
            })
        };
        views.push(TestView {
            input: draw(&pair.input, None, "test input"),
            answers: votes.iter().enumerate().filter_map(answer).collect(),
            label: right.map(|right| draw(right, None, "the right answer")),
            told: place(score),
        });
    }
    let unknown = known == 0;
    TaskView {
        name: task.name.clone(),
        verdict: match (unknown, solved == known) {
            (true, _) => "unknown: the right answer is not known".to_owned(),
            (false, true) => "solved in two attempts".to_owned(),
            (false, false) => format!("not solved: {solved} of {known} test inputs in two attempts"),
        },
        solved: !unknown && solved == known,
        unknown,
        demonstrations: task
            .demonstrations
            .iter()
            .filter_map(|pair| {
                let output = pair.output.as_ref()?;
                Some((draw(&pair.input, None, "demonstration, input"), draw(output, None, "its output")))
            })
            .collect(),
        tests: views,
    }
}

fn judged(known: bool, right: bool) -> &'static str {
    match (known, right) {
        (false, _) => "unknown whether right",
        (true, true) => "right",
        (true, false) => "wrong",
    }
}

/// Where the right answer stands among the answers.
fn place(score: &Json) -> String {
    let answers = score["answers"].as_u64().unwrap_or(0);
    let of = match answers {
        1 => "all votes for one answer".to_owned(),
        n => format!("{} different answers", count(n)),
    };
    match (score["known"].as_bool(), score["rank"].as_u64()) {
        (Some(true), Some(rank)) => format!("{of}; the right one in place {}", count(rank)),
        (Some(true), None) => format!("{of}; the right one is not among them"),
        _ => of,
    }
}

fn grid(lines: &Json) -> Option<Grid> {
    let lines: Vec<Vec<u8>> = serde_json::from_value(lines.clone()).ok()?;
    Grid::from_lines(&lines).ok()
}

/// Coloured cells; those that differ from `right` are crossed where both have one size.
fn draw(grid: &Grid, right: Option<&Grid>, label: &str) -> String {
    let cell = |(at, colour): (usize, &u8)| PictureCell {
        at,
        text: String::new(),
        colour: COLOURS.get(usize::from(*colour)).copied(),
        mark: Mark::Filled,
    };
    let cells = grid.cells().iter().enumerate().map(cell).collect();
    let picture = Picture { columns: grid.columns(), blocks: (0, 0), cells };
    let same_size = |right: &&Grid| (right.rows(), right.columns()) == (grid.rows(), grid.columns());
    let wrong: Option<BTreeSet<usize>> = right.filter(same_size).map(|right| {
        let pairs = grid.cells().iter().zip(right.cells()).enumerate();
        pairs.filter(|(_, (cell, right))| cell != right).map(|(at, _)| at).collect()
    });
    let told = Told { wrong: wrong.as_ref(), ..Told::default() };
    Board::alone(" arc").draw(&picture, &told, label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::arc::{Identifiers, Pair, Scorer};

    fn lines(text: &str) -> Grid {
        let lines: Vec<Vec<u8>> =
            text.split('|').map(|line| line.bytes().map(|digit| digit - b'0').collect()).collect();
        Grid::from_lines(&lines).unwrap()
    }

    /// One task is answered right, the other wrong in one cell; as `Scorer` counts it.
    #[test]
    fn failures_come_first_with_their_votes() {
        let pair = |input: &str, output: &str| Pair { input: lines(input), output: Some(lines(output)) };
        let task = |name: &str, input: &str, output: &str| TestTask {
            name: name.to_owned(),
            demonstrations: vec![pair("1", "2"), pair("3", "4")],
            tests: vec![pair(input, output)],
            copies: 1,
        };
        let tasks = vec![task("right", "12", "21"), task("wrong", "34", "43")];
        let names = ["<blank>", "right", "wrong"].map(str::to_owned);
        let set = TestSet { identifiers: Identifiers::from_names(&names).unwrap(), tasks };
        let tokens = |text: &str| -> Vec<i64> { lines(text).tokens().into_iter().map(i64::from).collect() };
        let mut scorer = Scorer::new(&set);
        scorer.see(1, &tokens("12"), &tokens("21"), 0.5);
        scorer.see(2, &tokens("34"), &tokens("44"), 0.5);
        let score = scorer.finish();
        let submission = serde_json::to_value(&score.submission).unwrap();
        let mut json = serde_json::to_value(&score).unwrap();
        json["pass"] = serde_json::json!({ "pass@1": 0.5 });
        let shown = super::tasks(&set, &json, &submission).unwrap();
        assert_eq!(shown.tasks.iter().map(|task| task.name.as_str()).collect::<Vec<_>>(), ["wrong", "right"]);
        assert_eq!(shown.failures, 1);
        let wrong = &shown.tasks[0];
        assert_eq!(wrong.demonstrations.len(), 2);
        assert_eq!(wrong.tests[0].answers[0].caption, "first answer: 1 of 1 votes");
        // One cell of two differs: one cross, drawn with its halo.
        assert_eq!(wrong.tests[0].answers[0].drawing.matches("l6 6").count(), 2);
        assert!(wrong.tests[0].told.ends_with("the right one is not among them"));
        // Two cells of one colour are one rectangle.
        assert!(wrong.tests[0].answers[0].drawing.contains("M0 0h20v10h-20z"));
        assert!(shown.tasks[1].solved && shown.tasks[1].tests[0].told.ends_with("in place 1"));
    }

    /// What is not solved comes first, and no more is drawn than a page can hold.
    #[test]
    fn a_large_test_set_is_drawn_in_part() {
        let pair = || Pair { input: lines("12"), output: Some(lines("21")) };
        let names: Vec<String> = (0..MOST_TASKS + 30).map(|number| format!("t{number}")).collect();
        let task = |name: &String| TestTask {
            name: name.clone(),
            demonstrations: vec![pair()],
            tests: vec![pair()],
            copies: 1,
        };
        let tasks = names.iter().map(task).collect();
        let all: Vec<String> = std::iter::once("<blank>".to_owned()).chain(names).collect();
        let set = TestSet { identifiers: Identifiers::from_names(&all).unwrap(), tasks };
        let tokens = |text: &str| -> Vec<i64> { lines(text).tokens().into_iter().map(i64::from).collect() };
        let mut scorer = Scorer::new(&set);
        for puzzle in 1..all.len() as i64 {
            scorer.see(
                puzzle,
                &tokens("12"),
                &tokens(if puzzle > MOST_TASKS as i64 { "11" } else { "21" }),
                0.5,
            );
        }
        let score = scorer.finish();
        let submission = serde_json::to_value(&score.submission).unwrap();
        let shown = super::tasks(&set, &serde_json::to_value(&score).unwrap(), &submission).unwrap();
        assert_eq!((shown.tasks.len(), shown.all, shown.failures), (MOST_TASKS, MOST_TASKS + 30, 30));
        assert_eq!(shown.tasks.iter().filter(|task| !task.solved).count(), 30);
    }
}
