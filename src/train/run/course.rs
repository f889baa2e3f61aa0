//! The course of a run: takes a trainer between two steps, does its steps, tests and checkpoints when they are due, and
//! keeps the log; tells an observer of each.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::lock::Lock;
use super::machine::memory_in_use;
use super::observer::RunObserver;
use super::session::Session;
use super::together::{Next, agree_on_next};
use super::{Protocols, RunError, RunOutcome, Standing, doubt_arc, final_test, numbers};
use crate::ir::WeightRole;
use crate::train::best;
use crate::train::checkpoint;
use crate::train::event_file::EventFile;
use crate::train::final_test::{FinalTest, tested_at};
use crate::train::identity::Identity;
use crate::train::log::{LogError, MetricsKind, MetricsLog, MetricsRecord, total_seconds};
use crate::train::results::EvaluationReport;
use crate::train::run_folder;
use crate::train::saving::Noted;
use crate::train::step_metrics::MetricsWindow;
use crate::train::trainer::{Group, Trainer};
use crate::train::vacuous::vacuous_metrics;
use crate::weights::WeightsAbout;

/// Steps whose means are one line of the log.
const LOGGED: u64 = 50;

/// A run between two steps.
pub(super) struct Course<'a> {
    trainer: Trainer,
    session: Session,
    /// Held as long as the course lasts.
    lock: Lock,
    log: MetricsLog,
    /// The same for TensorBoard, once training goes on.
    events: Option<EventFile>,
    out: PathBuf,
    folder: PathBuf,
    observer: &'a mut dyn RunObserver,
    began: Instant,
    first: u64,
    window: MetricsWindow,
    /// Rows and seconds of the steps since the last record of training.
    paced: (f64, f64),
    tests: Vec<(u64, EvaluationReport)>,
    seconds_in_tests: f64,
    /// Every test of the run so far, those of earlier calls too.
    tested: Vec<MetricsRecord>,
    /// What earlier calls took.
    before: Noted,
    /// The processes that share the batch.
    group: Option<Group>,
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
        mut session: Session,
        lock: Lock,
        log: MetricsLog,
        out: PathBuf,
        observer: &'a mut dyn RunObserver,
    ) -> Result<Course<'a>, RunError> {
        let mut tested = MetricsLog::read(&out)?;
        // What an earlier totc has logged counts each call from 0.
        let logged = total_seconds(&tested);
        tested.retain(|record| record.kind == MetricsKind::Test);
        // A new run may stand where an earlier attempt has saved nothing.
        let state = (trainer.steps_done() > 0).then(|| checkpoint::peek(&out.join(checkpoint::FOLDER)));
        let state = state.transpose()?;
        let before = Noted {
            seconds: state.as_ref().map_or(0.0, |state| state.seconds.max(logged)),
            seconds_in_tests: state.as_ref().map_or(0.0, |state| state.seconds_in_tests),
            about: session.about()?,
            window: state.map_or_else(MetricsWindow::default, |state| state.window),
        };
        Ok(Course {
            first: trainer.steps_done(),
            folder: out.join(checkpoint::FOLDER),
            trainer,
            session,
            lock,
            log,
            events: None,
            out,
            observer,
            began: Instant::now(),
            window: before.window.clone(),
            paced: (0.0, 0.0),
            tests: Vec::new(),
            seconds_in_tests: 0.0,
            tested,
            before,
            group: None,
        })
    }

    /// The run of several processes, of which this is the first.
    pub fn among(self, group: Option<Group>) -> Course<'a> {
        Course { group, ..self }
    }

    /// Writes what the run's folder says of it.
    pub fn keep(&self, identity: &Identity) -> Result<(), RunError> {
        run_folder::keep(&self.out, &self.session.run, &self.session.model_file, identity)?;
        // Weights of tests that a checkpoint of before knows nothing of.
        let step = self.trainer.steps_done();
        let kept = best::kept(&self.out).into_iter().filter(|test| test.step <= step);
        Ok(best::keep(&self.out, &kept.collect::<Vec<_>>())?)
    }

    /// What is to be told of a run that was complete before this call; nothing is tested again.
    pub fn complete_before(&self) -> Option<RunOutcome> {
        let step = self.trainer.steps_done();
        let standing = self.over()?;
        let written = tested_at(&self.out) == Some(step)
            || self.trainer.finished() && self.out.join(FinalTest::NAME).exists();
        (written && self.logs_last_test(standing)).then(|| self.outcome(standing, None))
    }

    /// Whether the log has the last test: a run may have been killed between its parts.
    fn logs_last_test(&self, standing: Standing) -> bool {
        let now = self.trainer.steps_done();
        let here = self.tested.iter().filter(|test| test.step == now).count();
        // A test that was no better ends a run; the last one comes after it.
        here > usize::from(matches!(standing, Standing::NoBetter(_)))
    }

    /// Whether training is at its end.
    fn over(&self) -> Option<Standing> {
        if self.trainer.finished() {
            return Some(Standing::Complete);
        }
        let config = self.trainer.config();
        let patience = config.evaluation.patience?;
        let since = best::tests_since_best(&self.tested, config.checkpoints.keep.by.as_deref());
        (since >= patience).then_some(Standing::NoBetter(since))
    }

    /// Wall-clock seconds of all calls.
    fn seconds(&self) -> f64 {
        self.before.seconds + self.began.elapsed().as_secs_f64()
    }

    /// Does the steps that are left, or as many as it may.
    pub fn run(mut self, stop: &AtomicBool, stop_after: Option<u64>) -> Result<RunOutcome, RunError> {
        let evaluation = self.trainer.config().evaluation.every;
        let checkpoints = self.trainer.config().checkpoints.every;
        let last = stop_after.map_or(u64::MAX, |steps| self.first.saturating_add(steps));
        self.open_events();
        self.enter_phase()?;
        let mut vacuous = vacuous_metrics(self.trainer.programs().training.program());
        let mut asked = false;
        let standing = loop {
            if let Some(standing) = self.over() {
                break standing;
            }
            if asked || stop.load(Ordering::SeqCst) || self.trainer.steps_done() >= last {
                self.save(OnFailure::Stop)?;
                self.part(Next::Stop)?;
                return Ok(self.outcome(Standing::Stopped, None));
            }
            asked = self.next(Next::Step, stop)?;
            let mut metrics = self.trainer.step().map_err(|error| self.session.placed(error))?;
            metrics.metrics.retain(|name, _| !vacuous.contains(name));
            self.observer.stepped(&metrics);
            self.window.push(&metrics);
            self.paced.0 += metrics.rows as f64;
            self.paced.1 += metrics.seconds;
            let done = self.trainer.steps_done();
            if self.enter_phase()? {
                vacuous = vacuous_metrics(self.trainer.programs().training.program());
            }
            let due = |every: Option<u64>| every.is_some_and(|every| every > 0 && done.is_multiple_of(every));
            if done.is_multiple_of(LOGGED) || due(evaluation) || self.trainer.finished() {
                self.log_training()?;
            }
            if due(evaluation) && !self.trainer.finished() {
                let report = self.trainer.evaluate()?;
                self.seconds_in_tests += report.seconds;
                self.tested(report, self.trainer.protocol().brief(None).name())?;
                self.keep_best(done);
            }
            if due(checkpoints) {
                self.save(OnFailure::GoOn)?;
            }
        };
        // What has been learned is safe before the last test, which may take long.
        self.save(OnFailure::Stop)?;
        self.part(Next::End)?;
        let test = self.test_for_good(standing)?;
        Ok(self.outcome(standing, Some(test)))
    }

    /// Tells the other processes what comes next; whether one of them was asked to stop.
    fn next(&self, next: Next, stop: &AtomicBool) -> Result<bool, RunError> {
        match &self.group {
            Some(group) => Ok(agree_on_next(group, next, &self.trainer, stop)?.1),
            None => Ok(false),
        }
    }

    /// Lets the other processes end; what is left to do is done by this one.
    pub fn part(&mut self, end: Next) -> Result<(), RunError> {
        self.next(end, &AtomicBool::new(false))?;
        self.group = None;
        self.trainer.share(None);
        Ok(())
    }

    /// Keeps the weights of a test that is among the best ones.
    fn keep_best(&mut self, step: u64) {
        let keep = &self.trainer.config().checkpoints.keep;
        let mut ranked = best::ranked(&self.tested, keep.by.as_deref());
        ranked.truncate(keep.best);
        if let Some(test) = ranked.iter().find(|test| test.step == step) {
            let about = WeightsAbout {
                step: Some(step),
                best: Some(format!("{} {}", test.by, test.value)),
                averaged: Some(self.trainer.tests_average()),
                ..self.before.about.clone()
            };
            let weights = self.trainer.tested_weights();
            let file = best::weights_of(&self.out, step);
            // The run goes on without: what it has learned lies in its checkpoints.
            if let Err(error) = checkpoint::write_weights(&file, &weights.tensors, &about) {
                let text = format!("{error}; training goes on without the weights of this test");
                self.observer.trouble(step, &text);
            }
        }
        // Weights of a time when none were kept are not there.
        ranked.retain(|test| best::weights_of(&self.out, test.step).is_file());
        if let Err(error) = best::keep(&self.out, &ranked) {
            let text = format!("{error}; training goes on, with the list of the best tests as it was");
            self.observer.trouble(step, &text);
        }
    }

    /// Compiles anew where a phase of the run file begins; whether one did.
    fn enter_phase(&mut self) -> Result<bool, RunError> {
        let done = self.trainer.steps_done();
        let run = &self.session.run.run;
        if !run.phases.iter().any(|phase| run.begins(phase) == Some(done)) {
            return Ok(false);
        }
        self.next(Next::Phase, &AtomicBool::new(false))?;
        let programs = self.session.programs(done)?;
        self.trainer.change_phase(programs)?;
        self.observer.phase_began(done);
        Ok(true)
    }

    /// Logs the means of the steps since the line before.
    fn log_training(&mut self) -> Result<(), RunError> {
        let Some(means) = self.window.take() else { return Ok(()) };
        let mut losses = means.losses;
        losses.insert("total".to_owned(), means.loss);
        let (rows, seconds) = std::mem::take(&mut self.paced);
        self.note_down(MetricsRecord {
            kind: MetricsKind::Train,
            step: means.step,
            seconds: self.seconds(),
            lr: means.lr,
            losses,
            metrics: means.metrics,
            steps_used: means.steps_used,
            gradient_norm: Some(means.gradient_norm),
            samples_per_second: (seconds > 0.0).then(|| rows / seconds),
            ..MetricsRecord::default()
        })
    }

    /// Begins an event file of this call.
    fn open_events(&mut self) {
        let settings = std::fs::read_to_string(self.out.join(run_folder::SETTINGS)).unwrap_or_default();
        let step = self.trainer.steps_done();
        match EventFile::create(&self.out, step, &settings) {
            Ok(events) => self.events = Some(events),
            Err(error) => {
                let text = format!("{error}; training goes on, without TensorBoard's event file");
                self.observer.trouble(step, &text);
            }
        }
    }

    /// Adds a record to the log, with time and memory. A log that cannot be written must not end days of training.
    fn note_down(&mut self, mut record: MetricsRecord) -> Result<(), RunError> {
        record.time = Some(humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string());
        record.memory_bytes = memory_in_use();
        if let Some(events) = &mut self.events {
            let waited = events.waits();
            match events.append(&record) {
                Err(error) if !waited => {
                    let text = format!(
                        "{error}; training goes on, and the event file is made up for once it can be"
                    );
                    self.observer.trouble(record.step, &text);
                }
                _ => {}
            }
        }
        let record = &record;
        let waited = self.log.waits();
        match self.log.append(record) {
            Ok(()) if waited => {
                self.observer.trouble(record.step, "the log can be written again, and is whole")
            }
            Ok(()) => {}
            Err(error @ LogError::File { .. }) if !waited => {
                let text = format!("{error}; training goes on, and the log is made up for once it can be");
                self.observer.trouble(record.step, &text);
            }
            Err(LogError::File { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// The test at the end: all examples, all steps and stopping when sure, with its files. The last of them says that the run
    /// is complete.
    fn test_for_good(&mut self, standing: Standing) -> Result<FinalTest, RunError> {
        let began = Instant::now();
        let (trainer, data) = (&self.trainer, self.session.data.as_ref());
        let program = trainer.programs().evaluation.program();
        let mut test =
            final_test(&trainer.protocol(), Protocols::Both, data, program, |protocol, observer| {
                trainer.evaluate_observed(protocol, observer)
            })?;
        doubt_arc(&mut test, data, trainer.weights(), &program.weights, None)?;
        test.facts.insert("step".to_owned(), trainer.steps_done().into());
        if let Standing::NoBetter(tests) = standing {
            test.facts.insert("ended".to_owned(), format!("{tests} tests in a row were no better").into());
        }
        self.seconds_in_tests += began.elapsed().as_secs_f64();
        if let (Some(report), Some(name)) = (test.first().cloned(), test.names.first()) {
            match self.logs_last_test(standing) {
                true => self.done(report),
                false => self.tested(report, name.clone())?,
            }
        }
        self.keep_best(self.trainer.steps_done());
        // The time of the last test counts too.
        self.save(OnFailure::GoOn)?;
        test.write_arc(&self.out, None)?;
        test.write(&self.out)?;
        Ok(test)
    }

    fn tested(&mut self, report: EvaluationReport, protocol: String) -> Result<(), RunError> {
        let step = self.trainer.steps_done();
        let record = MetricsRecord {
            kind: MetricsKind::Test,
            step,
            seconds: self.seconds(),
            lr: 0.0,
            losses: report.losses.clone(),
            metrics: report.metrics.clone(),
            steps_used: Some(report.steps),
            gradient_norm: None,
            protocol: Some(protocol),
            examples: Some(report.examples),
            samples_per_second: (report.seconds > 0.0).then(|| report.examples as f64 / report.seconds),
            ..MetricsRecord::default()
        };
        self.note_down(record.clone())?;
        self.tested.push(record);
        self.done(report);
        Ok(())
    }

    /// A test is over.
    fn done(&mut self, report: EvaluationReport) {
        let step = self.trainer.steps_done();
        self.observer.tested(step, &report);
        self.tests.push((step, report));
    }

    /// A checkpoint that cannot be written must not end days of training: the one before it still stands.
    fn save(&mut self, on_failure: OnFailure) -> Result<(), RunError> {
        let step = self.trainer.steps_done();
        let noted = Noted {
            seconds: self.seconds(),
            seconds_in_tests: self.before.seconds_in_tests + self.seconds_in_tests,
            about: self.before.about.clone(),
            window: self.window.clone(),
        };
        if !self.lock.is_ours() {
            return Err(RunError::Lost(self.out.clone()));
        }
        if self.group.is_some() {
            self.next(Next::Gather, &AtomicBool::new(false))?;
            self.trainer.gather_states()?;
        }
        if let Err(error) = self.log.sync() {
            self.observer.trouble(step, &format!("{error}; its last lines may be lost if the power is"));
        }
        match (self.trainer.save_noting(&self.folder, &noted), on_failure) {
            (Ok(()), _) => self.observer.saved(step, &self.folder),
            (Err(error), OnFailure::GoOn) => self.observer.not_saved(step, &error),
            (Err(error), OnFailure::Stop) => return Err(error.into()),
        }
        Ok(())
    }

    fn outcome(&self, standing: Standing, final_test: Option<FinalTest>) -> RunOutcome {
        let program = self.trainer.programs().training.program();
        let ranked = best::ranked(&self.tested, self.trainer.config().checkpoints.keep.by.as_deref());
        let best = ranked.into_iter().next().and_then(|best| {
            let record = self.tested.iter().find(|record| record.step == best.step)?;
            Some((best, record.metrics.clone()))
        });
        RunOutcome {
            model: program.model.clone(),
            parameters: numbers(program, WeightRole::Param),
            batch: self.trainer.config().batch,
            steps_before: self.first,
            steps_done: self.trainer.steps_done(),
            steps_in_all: self.trainer.steps_in_all(),
            standing,
            tests: self.tests.clone(),
            last: self.tested.last().map(|record| (record.step, record.metrics.clone())),
            best: best.filter(|_| self.tested.len() > 1),
            final_test,
            seconds: self.began.elapsed().as_secs_f64(),
            seconds_in_tests: self.seconds_in_tests,
            seconds_in_all: self.seconds(),
            weights: checkpoint::weights_file(&self.folder),
            folder: self.out.clone(),
        }
    }
}
