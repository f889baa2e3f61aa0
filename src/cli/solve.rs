//! `totc solve RUN PUZZLE`

use super::machine::MachineArgs;
use super::machine::TestTimeArgs;
use super::used::UsedArgs;
use super::{Failure, Outcome};
use crate::data::Mark;
use crate::ir::Mode;
use crate::train::run::stops_early;
use crate::train::{Protocol, best_of_n};
use serde_json::json;
use std::io::IsTerminal;

/// Solves a puzzle typed in: a Sudoku as 16, 36 or 81 characters row by row, blanks as . or 0; lines, spaces and | are
/// ignored.
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
    let data = session.data.as_ref();
    let given = example.inputs.clone();
    let answers = best_of_n(&model, &weights, data, &example, &protocol)
        .map_err(|error| Failure::World(error.to_string()))?;
    let Some(prediction) = answers.prediction() else { return Ok(()) };
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
    if answers.predictions.len() > 1 {
        let way = protocol.choose.name();
        let (agreeing, all) = (answers.choice.agreeing, answers.predictions.len());
        println!("chosen by {way} among {all} answers, of which {agreeing} agree");
    }
    Ok(())
}
