//! `totc solve RUN PUZZLE`

use super::machine::MachineArgs;
use super::machine::TestTimeArgs;
use super::used::UsedArgs;
use super::{Failure, Outcome};
use crate::data::Mark;
use crate::ir::Mode;
use crate::train::run::stops_early;
use crate::train::{Prediction, Protocol, best_of_n, first_valid};
use serde_json::json;
use std::io::IsTerminal;

/// Solves a puzzle typed in: a Sudoku as 16, 36 or 81 characters row by row, blanks as . or 0; lines, spaces and | are
/// ignored. Where the answer breaks the rules, symmetric views of the puzzle are tried too (`--views 1`: never).
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    used: UsedArgs,
    /// The puzzle
    puzzle: String,
    /// Show the answer after every supervision step
    #[arg(long)]
    steps: bool,
    #[command(flatten)]
    test_time: TestTimeArgs,
    #[command(flatten)]
    machine: MachineArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Answers that are computed at once.
const MOST_ROWS: usize = 64;

/// Views of the puzzle that are tried where its own answer is not valid, and how many of them at once.
const VIEWS_TRIED: usize = 64;
const VIEWS_AT_ONCE: usize = 16;

/// Prints the model's answer to one puzzle.
pub fn main(args: &Args) -> Outcome {
    let device = args.machine.device()?;
    let wish = args.used.wish();
    let (mut session, mut used) = args.used.open(device)?;
    let example =
        session.data.parse_puzzle(&args.puzzle).map_err(|error| Failure::Usage(error.to_string()))?;
    let protocol = args.test_time.on(Protocol::of(&session.run.run.evaluation, session.run.run.seed))?;
    let model = session.executable(Mode::Evaluation, u64::MAX, protocol.candidates().min(MOST_ROWS))?;
    let weights = session.weights(&wish, &mut used, model.program())?.weights;
    super::used::tell_other(&used);
    let given = example.inputs.clone();
    let world = |error: crate::train::TrainError| Failure::World(error.to_string());
    let answers = best_of_n(&model, &weights, session.data.as_ref(), &example, &protocol).map_err(world)?;
    let first = answers.prediction().and_then(Prediction::last);
    let first = first.map(|answer| session.data.validate(&given, &answer.tokens));
    let alone = args.test_time.is_default()
        && protocol.candidates() == 1
        && session.data.has_rules()
        && session.data.view(&example, 1).is_some();
    // None where one answer was enough; else what looking further came to.
    let further = match &first {
        Some(verdict) if alone && !verdict.solved() => {
            let wide = session.executable(Mode::Evaluation, u64::MAX, VIEWS_AT_ONCE)?;
            let (data, views) = (session.data.as_ref(), 1..VIEWS_TRIED + 1);
            Some(
                first_valid(&wide, &weights, data, &example, &protocol, views, VIEWS_AT_ONCE)
                    .map_err(world)?,
            )
        }
        _ => None,
    };
    let found = further.as_ref().and_then(Option::as_ref);
    let data = session.data.as_ref();
    let Some(prediction) = found.map(|found| &found.prediction).or(answers.prediction()) else {
        return Ok(());
    };
    let Some(answer) = prediction.last() else { return Ok(()) };
    let verdict = data.validate(&given, &answer.tokens);
    let confidence = answer.confidence.first().copied();
    let surest = answer.probabilities.iter().copied().fold(1.0, f64::min);
    if args.json {
        let steps: Vec<_> = prediction
            .steps
            .iter()
            .map(|step| json!({ "tokens": step.tokens, "confidence": step.confidence.first() }))
            .collect();
        println!(
            "{}",
            json!({
                "tokens": answer.tokens, "valid": data.has_rules().then(|| verdict.solved()), "confidence": confidence,
                "least_sure_cell": surest, "halted_at": prediction.halted_at, "steps": steps,
                "answers": answers.predictions.len(), "agreeing": answers.choice.agreeing,
                "view": found.map(|found| found.view),
            })
        );
        return Ok(());
    }
    let coloured = std::io::stdout().is_terminal() && super::coloured();
    let style = |mark: Mark, text: &str| match mark {
        Mark::Given if coloured => format!("\x1b[1m{text}\x1b[0m"),
        Mark::Changed if coloured => format!("\x1b[31m{text}\x1b[0m"),
        _ => text.to_owned(),
    };
    if args.steps {
        for (at, step) in prediction.steps.iter().enumerate() {
            println!("after step {}", at + 1);
            println!("{}", data.render_styled(&step.tokens, &given, &style));
        }
    } else {
        println!("{}", data.render_styled(&answer.tokens, &given, &style));
    }
    let verdict = match data.has_rules() {
        true => verdict.to_string(),
        false => "unknown whether it is right: this data set has no rules to judge an answer by".to_owned(),
    };
    let halted = match prediction.halted_at {
        _ if !stops_early(model.program()) => format!("ran all {} steps", prediction.steps.len()),
        Some(step) => format!("would have stopped at step {step} of {}", prediction.steps.len()),
        None => format!("ran all {} steps", prediction.steps.len()),
    };
    match confidence {
        Some(confidence) => println!(
            "{verdict}\nconfidence {:.1} %, least sure cell {:.1} %, {halted}",
            100.0 * confidence,
            100.0 * surest
        ),
        None => println!("{verdict}\nleast sure cell {:.1} %, {halted}", 100.0 * surest),
    }
    match (&further, &first) {
        (Some(Some(valid)), Some(first)) => println!(
            "found under symmetric view {} (at most {VIEWS_TRIED} are tried); as it was typed: {first}",
            valid.view
        ),
        (Some(None), _) => println!("none of {VIEWS_TRIED} symmetric views gave a valid answer either"),
        _ => {}
    }
    if answers.predictions.len() > 1 {
        let way = protocol.choose.name();
        let (agreeing, all) = (answers.choice.agreeing, answers.predictions.len());
        println!("chosen by {way} among {all} answers, of which {agreeing} agree");
    }
    Ok(())
}
