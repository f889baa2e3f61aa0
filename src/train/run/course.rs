//! The course of a run: takes a trainer between two steps, does its steps, tests and checkpoints when they are due, and
//! keeps the log; tells an observer of each.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::observer::RunObserver;
use super::session::Session;
use super::{Protocols, RunError, RunOutcome, doubt_arc, final_test, numbers};
use crate::ir::WeightRole;
use crate::train::checkpoint;
use crate::train::final_test::FinalTest;
use crate::train::log::{MetricsKind, MetricsLog, MetricsRecord};
use crate::train::results::EvaluationReport;
use crate::train::step_metrics::MetricsWindow;
use crate::train::trainer::Trainer;

/// Steps whose means are one line of the log.
const LOGGED: u64 = 50;

/// A run between two steps.
pub(super) struct Course<'a> {
    trainer: Trainer,
    session: Session,
    log: MetricsLog,
    out: PathBuf,
    folder: PathBuf,
    observer: &'a mut dyn RunObserver,
    began: Instant,
    first: u64,
    window: MetricsWindow,
    tests: Vec<(u64, EvaluationReport)>,
    seconds_in_tests: f64,
}

/// What to do about a checkpoint that cannot be written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnFailure {
    GoOn,
    Stop,
}

impl<'a> Course<'a> {
    /// The run of `trainer` in the folder `out`; its clock starts now.
    pub fn new(
        trainer: Trainer,
        session: Session,
        log: MetricsLog,
        out: PathBuf,
        observer: &'a mut dyn RunObserver,
    ) -> Course<'a> {
        Course {
            first: trainer.steps_done(),
            folder: out.join(checkpoint::FOLDER),
            trainer,
            session,
            log,
            out,
            observer,
            began: Instant::now(),
            window: MetricsWindow::default(),
            tests: Vec::new(),
            seconds_in_tests: 0.0,
        }
    }

    /// Does the steps that are left, or as many as it may.
    pub fn run(mut self, stop: &AtomicBool, stop_after: Option<u64>) -> Result<RunOutcome, RunError> {
        let evaluation = self.trainer.config().evaluation.every;
        let checkpoints = self.trainer.config().checkpoints.every;
        let last = stop_after.map_or(u64::MAX, |steps| self.first.saturating_add(steps));
        self.enter_phase()?;
        while !self.trainer.finished() {
            if stop.load(Ordering::SeqCst) || self.trainer.steps_done() >= last {
                self.save(OnFailure::Stop)?;
                return Ok(self.outcome(None));
            }
            let metrics = self.trainer.step()?;
            self.observer.stepped(&metrics);
            self.window.push(&metrics);
            let done = self.trainer.steps_done();
            self.enter_phase()?;
            let due = |every: Option<u64>| every.is_some_and(|every| every > 0 && done.is_multiple_of(every));
            if done.is_multiple_of(LOGGED) || due(evaluation) || self.trainer.finished() {
                self.log_training()?;
            }
            if due(evaluation) && !self.trainer.finished() {
                let report = self.trainer.evaluate()?;
                self.seconds_in_tests += report.seconds;
                self.tested(report)?;
            }
            if due(checkpoints) {
                self.save(OnFailure::GoOn)?;
            }
        }
        // What has been learned is safe before the last test, which may take long.
        self.save(OnFailure::Stop)?;
        let test = self.test_for_good()?;
        Ok(self.outcome(Some(test)))
    }

    /// Compiles anew where a phase of the run file begins.
    fn enter_phase(&mut self) -> Result<(), RunError> {
        let done = self.trainer.steps_done();
        let run = &self.session.run.run;
        if !run.phases.iter().any(|phase| run.begins(phase) == Some(done)) {
            return Ok(());
        }
        let programs = self.session.programs(done)?;
        self.trainer.change_phase(programs)?;
        self.observer.phase_began(done);
        Ok(())
    }

    /// Logs the means of the steps since the line before.
    fn log_training(&mut self) -> Result<(), RunError> {
        let Some(means) = self.window.take() else { return Ok(()) };
        let mut losses = means.losses;
        losses.insert("total".to_owned(), means.loss);
        Ok(self.log.append(&MetricsRecord {
            kind: MetricsKind::Train,
            step: means.step,
            seconds: self.began.elapsed().as_secs_f64(),
            lr: means.lr,
            losses,
            metrics: means.metrics,
            steps_used: means.steps_used,
            gradient_norm: Some(means.gradient_norm),
        })?)
    }

    /// The test at the end: all examples, all steps and stopping when sure, with its files.
    fn test_for_good(&mut self) -> Result<FinalTest, RunError> {
        let began = Instant::now();
        let (trainer, data) = (&self.trainer, self.session.data.as_ref());
        let program = trainer.programs().evaluation.program();
        let mut test =
            final_test(&trainer.protocol(), Protocols::Both, data, program, |protocol, observer| {
                trainer.evaluate_observed(protocol, observer)
            })?;
        doubt_arc(&mut test, data, trainer.weights(), &program.weights, None)?;
        test.write(&self.out)?;
        test.write_arc(&self.out, None)?;
        self.seconds_in_tests += began.elapsed().as_secs_f64();
        if let Some(report) = test.first() {
            self.tested(report.clone())?;
        }
        Ok(test)
    }

    fn tested(&mut self, report: EvaluationReport) -> Result<(), RunError> {
        let step = self.trainer.steps_done();
        self.observer.tested(step, &report);
        self.log.append(&MetricsRecord {
            kind: MetricsKind::Test,
            step,
            seconds: self.began.elapsed().as_secs_f64(),
            lr: 0.0,
            losses: report.losses.clone(),
            metrics: report.metrics.clone(),
            steps_used: Some(report.steps),
            gradient_norm: None,
        })?;
        self.tests.push((step, report));
        Ok(())
    }

    /// A checkpoint that cannot be written must not end days of training: the one before it still stands.
    fn save(&mut self, on_failure: OnFailure) -> Result<(), RunError> {
        let step = self.trainer.steps_done();
        match (self.trainer.save(&self.folder), on_failure) {
            (Ok(()), _) => self.observer.saved(step, &self.folder),
            (Err(error), OnFailure::GoOn) => self.observer.not_saved(step, &error),
            (Err(error), OnFailure::Stop) => return Err(error.into()),
        }
        Ok(())
    }

    fn outcome(self, final_test: Option<FinalTest>) -> RunOutcome {
        let program = self.trainer.programs().training.program();
        RunOutcome {
            model: program.model.clone(),
            parameters: numbers(program, WeightRole::Param),
            batch: self.trainer.config().batch,
            steps_before: self.first,
            steps_done: self.trainer.steps_done(),
            steps_in_all: self.trainer.steps_in_all(),
            tests: self.tests,
            final_test,
            seconds: self.began.elapsed().as_secs_f64(),
            seconds_in_tests: self.seconds_in_tests,
            weights: checkpoint::weights_file(&self.folder),
        }
    }
}
