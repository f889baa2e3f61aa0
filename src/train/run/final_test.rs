//! Testing a finished model: takes a way to test by one protocol, gives the evaluations of both, with ARC's score where the
//! data are ARC's.

use super::RunError;
use crate::data::Dataset;
use crate::exec::Weights;
use crate::ir::WeightInfo;
use crate::lower::Program;
use crate::run_file::Stop;
use crate::train::arc::{ArcObserver, untrained};
use crate::train::arc_test::ArcTest;
use crate::train::error::TrainError;
use crate::train::evaluate::{AnswerObserver, Protocol};
use crate::train::final_test::{ALL_STEPS, FinalTest, WHEN_SURE};
use crate::train::results::EvaluationReport;

/// Which protocols to test by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocols {
    /// The one that is given, and the other way of stopping beside it where the model can stop early.
    Both,
    /// The one that is given.
    One,
}

/// Whether a model learns when to stop, so that stopping early makes sense.
pub fn stops_early(program: &Program) -> bool {
    program.halt.is_some_and(|halt| halt.learned && halt.at_most > 1)
}

/// Tests by `protocol`, and by the other way of stopping if that is wanted; `test` runs one evaluation.
///
/// # Errors
/// What `test` meets.
pub fn final_test(
    protocol: &Protocol,
    wanted: Protocols,
    data: &dyn Dataset,
    program: &Program,
    test: impl Fn(&Protocol, Option<&mut dyn AnswerObserver>) -> Result<EvaluationReport, TrainError>,
) -> Result<FinalTest, RunError> {
    let other = match protocol.stop {
        Stop::AllSteps => Stop::Halting,
        Stop::Halting => Stop::AllSteps,
    };
    let both = wanted == Protocols::Both && (stops_early(program) || protocol.threshold.is_some());
    let stops = if both { vec![protocol.stop, other] } else { vec![protocol.stop] };
    let mut found = FinalTest { rating: data.rating_name().to_owned(), ..FinalTest::default() };
    for stop in stops {
        let name = match stop {
            Stop::AllSteps => ALL_STEPS,
            Stop::Halting => WHEN_SURE,
        };
        let mut votes = data.arc().map(ArcObserver::new);
        let observer = votes.as_mut().map(|votes| votes as &mut dyn AnswerObserver);
        let protocol = Protocol { stop, ..*protocol };
        found.reports.push((name, test(&protocol, observer)?));
        found.names.push(protocol.name());
        found.arc.extend(votes.map(|votes| ArcTest::new(votes.finish(), protocol.examples)));
    }
    Ok(found)
}

/// Looks in the weights for reasons not to trust ARC's score; `warning` is one that is known already.
///
/// # Errors
/// What libtorch meets.
pub fn doubt_arc(
    test: &mut FinalTest,
    data: &dyn Dataset,
    weights: &Weights,
    infos: &[WeightInfo],
    warning: Option<String>,
) -> Result<(), RunError> {
    if let (Some(test), Some(set)) = (test.arc.first_mut(), data.arc()) {
        if let Some((still, all)) = untrained(set, weights, infos)? {
            test.doubt_untrained(still, all);
        }
        test.warnings.extend(warning);
    }
    Ok(())
}
