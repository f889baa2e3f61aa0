//! `totc dump FILE --stage STAGE [--after PASS]`

use super::subject::{Choice, Subject};
use super::{Failure, Outcome};
use crate::ir::Mode;
use crate::{Values, ir, lower, model, pass, syntax};
use clap::ValueEnum;

/// Prints one stage of the compiler.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    choice: Choice,
    /// What to print
    #[arg(long, value_enum)]
    stage: Stage,
    /// Of the graph: after this pass (`build` for none; default: after all)
    #[arg(long, value_name = "PASS")]
    after: Option<String>,
    /// Compile for evaluation instead of training
    #[arg(long)]
    evaluation: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Stage {
    Ast,
    Model,
    Graph,
    Program,
    /// CUDA C++ of the fused groups
    Cuda,
}

/// Prints what a stage of the compiler gives.
pub fn main(args: &Args) -> Outcome {
    let mut subject = Subject::load(&args.choice)?;
    let mode = if args.evaluation { Mode::Evaluation } else { Mode::Training };
    if let Some(after) = &args.after {
        let known: Vec<&str> =
            std::iter::once("build").chain(pass::PASSES.iter().map(|pass| pass.name)).collect();
        if !known.contains(&after.as_str()) {
            let near = crate::diagnostic::did_you_mean(after, known.iter().copied());
            let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            return Err(Failure::Usage(format!(
                "there is no pass `{after}`{near} (passes: {})",
                known.join(", ")
            )));
        }
    }
    let text = match args.stage {
        Stage::Ast => {
            if subject.model_file.sink.has_errors() {
                return Err(subject.model_file.mistakes().into());
            }
            match subject.model_file.modules.by_path.get("") {
                Some(root) => syntax::print(&root.tree),
                None => String::new(),
            }
        }
        Stage::Model => model::print(&subject.model_file.model(mode)?),
        Stage::Graph => ir::print(&subject.model_file.graph(mode, Values::Dropped, args.after.as_deref())?),
        Stage::Cuda => lower::cuda::print(&subject.model_file.program(mode, Values::Dropped)?),
        Stage::Program => lower::print(&subject.model_file.program(mode, Values::Dropped)?),
    };
    print!("{text}");
    Ok(())
}
