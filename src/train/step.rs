//! One training step: takes a trainer between two steps and fresh rows, runs the program forwards and backwards and
//! moves the weights; waits for the device once.

use std::ops::Range;
use std::time::Instant;

use super::carry::Fresh;
use super::clip::{clip, joint_norm};
use super::columns::Batch;
use super::error::{Doing, MadeBy, TrainError};
use super::exchange::Exchange;
use super::gradients::Gradients;
use super::halting::{Halting, libtorch_seed};
use super::measures::{Measures, labelled};
use super::optimiser::update_rows;
use super::parts::{joined, own_parts, part_of, part_seed, rows_of_all};
use super::schedule;
use super::step_metrics::StepMetrics;
use super::supervision::SupervisionStep;
use super::trainer::Trainer;
use crate::distributed::{ProcessGroup, Tree};
use crate::exec::{Inputs, Origin, Outputs, TableRows, Tell};
use crate::run_check::Misfit;
use indexmap::IndexMap;

impl Trainer {
    /// Does one supervision step on the batch; halted rows are replaced by the next examples of the training stream.
    pub fn step(&mut self) -> Result<StepMetrics, TrainError> {
        let vacancies = self.carry.vacancies();
        let rows = self.prefetch.take(self.position, vacancies)?;
        let fresh = self.columns.collate(&rows)?;
        let report = self.step_with(Fresh::InOrder(&fresh), self.position + vacancies as u64)?;
        Ok(report)
    }

    /// Does one supervision step on rows held in memory, in place of those of the training stream, which stays where it
    /// is: what a step costs without preparing data.
    pub fn step_held(&mut self, batch: &Batch) -> Result<StepMetrics, TrainError> {
        self.step_with(Fresh::InPlace(batch), self.position)
    }

    /// Does one supervision step; row `i` of `batch` replaces row `i` if that has halted, as in the reference code.
    pub fn step_on(&mut self, batch: &Batch) -> Result<StepMetrics, TrainError> {
        let position = self.position + self.carry.vacancies() as u64;
        self.step_with(Fresh::InPlace(batch), position)
    }

    fn step_with(&mut self, fresh: Fresh, position: u64) -> Result<StepMetrics, TrainError> {
        let began = Instant::now();
        let step = self.step + 1;
        let rows = self.config.batch;
        let admitted = self.carry.vacancies();
        tch::manual_seed(libtorch_seed(self.config.seed, step));

        let mut carry = self.carry.admit(fresh)?;
        let inputs = carry.inputs(self.device)?;
        let training = self.programs.training.as_ref();
        let (outputs, gradients) = self.forward_and_backward(training, &inputs, step)?;
        let mut gradients = match &self.accumulated {
            Some(before) => before.share().plus(gradients).doing("adding gradients up")?,
            None => gradients,
        };
        let norm = joint_norm(gradients.params.values(), self.device).doing("measuring the gradients")?;
        let measures = Measures::fetch(&outputs, rows, Some(&norm))?;
        if let Some(what) = measures.not_finite() {
            let origin =
                self.origin(training, &inputs, step).map(|origin| MadeBy { origin, places: Vec::new() });
            let checkpoint = self.last_checkpoint.clone();
            return Err(TrainError::NotFinite { step, what, checkpoint, origin: origin.map(Box::new) });
        }

        carry.count(training.program());
        self.norm = measures.gradient_norm.unwrap_or(0.0);
        let halting = Halting::new(training.program().halt);
        let halted = halting.decide(&measures.halt, &carry.steps, self.config.seed, step);
        carry.advance(training.program(), &outputs, halted)?;
        self.carry = carry;
        drop(outputs);
        let factor = schedule::factor(&self.config.schedule, step, self.total);
        if self.updates_at(step) {
            if let Some(largest) = self.config.clip {
                clip(gradients.params.values_mut(), &norm, largest).doing("clipping the gradients")?;
            }
            self.update(gradients, factor)?;
            self.accumulated = None;
        } else {
            self.accumulated = Some(gradients);
        }
        self.step = step;
        self.position = position;
        let report = StepMetrics {
            step,
            examples: position,
            rows,
            lr: self.config.optimiser.lr * factor,
            admitted,
            ..self.summary(&measures)?
        };
        Ok(StepMetrics { seconds: began.elapsed().as_secs_f64(), ..report })
    }

    /// Does a step again, part by part with the same draws, to see which operation made its first number that is not
    /// finite. Nothing where the step is finite this time, or memory too short: what is known stays so.
    fn origin(&self, training: &dyn SupervisionStep, inputs: &Inputs, step: u64) -> Option<Origin> {
        tch::manual_seed(libtorch_seed(self.config.seed, step));
        let part = self.columns.batch_rows();
        if part == self.config.batch {
            return training.origin(&self.weights, inputs).ok()?;
        }
        self.own_parts().find_map(|at| {
            tch::manual_seed(part_seed(self.config.seed, step, at));
            let piece = part_of(training.program(), inputs, at * part, part).ok()?;
            training.origin(&self.weights, &piece).ok()?
        })
    }

    /// Whether the weights move at this step (from 1): at every `accumulate`-th, and at the last.
    fn updates_at(&self, step: u64) -> bool {
        step.is_multiple_of(self.config.accumulate.max(1)) || step >= self.total
    }

    /// Runs the step on the batch, part by part where the program is compiled for a part, and adds the gradients up: those of
    /// all processes, in an order that does not depend on who computes what.
    fn forward_and_backward(
        &self,
        training: &dyn SupervisionStep,
        inputs: &Inputs,
        step: u64,
    ) -> Result<(Outputs, Gradients), TrainError> {
        let part = self.columns.batch_rows();
        let failed = |cause| TrainError::Run { doing: format!("training step {step}"), cause };
        let run = |inputs: &Inputs| training.run(&self.weights, inputs).map_err(failed);
        if part == self.config.batch {
            let mut outputs = run(inputs)?;
            let gradients = self.gradients(&mut outputs, part)?;
            return Ok((outputs, gradients));
        }
        let own = self.own_parts();
        let group = self.group.as_deref();
        let (mut parts, mut tree, mut sum) = (Vec::new(), Tree::default(), None);
        let plus = |sum: Gradients, more| sum.plus(more).doing("adding gradients up");
        for at in own.clone() {
            tch::manual_seed(part_seed(self.config.seed, step, at));
            let piece =
                part_of(training.program(), inputs, at * part, part).doing("taking a part of the batch")?;
            if let Some(group) = group.filter(|_| at + 1 == own.end) {
                let before = std::mem::take(&mut tree).rest();
                let run = |tell: &Tell| training.run_telling(&self.weights, &piece, tell).map_err(failed);
                let (outputs, gradients) = self.exchanged(group, before, part, run)?;
                sum = Some(gradients);
                parts.push(outputs);
                continue;
            }
            let mut outputs = run(&piece)?;
            tree.push(self.gradients(&mut outputs, part)?, plus)?;
            parts.push(outputs);
        }
        let rows = (own.start * part, inputs.steps.size1().unwrap_or(0) as usize);
        let outputs = joined(training.program(), &parts, rows, group)?;
        let sum = match (sum, group) {
            (Some(own), Some(group)) => Gradients { tables: rows_of_all(own.tables, group)?, ..own },
            _ => tree.sum(plus)?.ok_or_else(|| self.nothing_to_learn())?,
        };
        Ok((outputs, sum))
    }

    /// Runs this process's last part, `rows` rows, and sums the gradients of weights over all processes meanwhile: the sums, and this
    /// process's rows of tables. `before`: what its other parts have come to.
    fn exchanged(
        &self,
        group: &ProcessGroup,
        mut before: Vec<Gradients>,
        rows: usize,
        run: impl FnOnce(&Tell) -> Result<Outputs, TrainError>,
    ) -> Result<(Outputs, Gradients), TrainError> {
        let gradients = self.programs.training.program().gradients.iter();
        let dense = gradients.filter(|own| own.ids.is_none() && self.moves(&own.path));
        let weights: Vec<(String, usize)> = dense.map(|own| (own.path.clone(), own.ty.count())).collect();
        let params = before.iter_mut().map(|own| std::mem::take(&mut own.params)).collect();
        let exchange = Exchange::new(group, params, self.weight_of(rows), weights);
        let (mut outputs, params) = exchange.run(run)?;
        let tables = self.tables(&mut outputs, rows)?;
        if params.is_empty() && tables.is_empty() {
            return Err(self.nothing_to_learn());
        }
        let mut sum = Gradients::new(IndexMap::new(), tables).doing("collecting table rows")?;
        for before in before.into_iter().rev() {
            sum = before.plus(sum).doing("adding gradients up")?;
        }
        Ok((outputs, Gradients { params, ..sum }))
    }

    /// The parts of the batch that this process computes.
    fn own_parts(&self) -> Range<usize> {
        own_parts(self.group.as_deref(), self.config.batch / self.columns.batch_rows())
    }

    /// The gradients of a part of the batch, of the mean over the whole batch, of every weight that moves.
    fn gradients(&self, outputs: &mut Outputs, rows: usize) -> Result<Gradients, TrainError> {
        let mut params = std::mem::take(&mut outputs.gradients);
        params.retain(|path, _| self.moves(path));
        let tables = self.tables(outputs, rows)?;
        if params.is_empty() && tables.is_empty() {
            return Err(self.nothing_to_learn());
        }
        if rows != self.config.batch {
            for gradient in params.values_mut() {
                let _ = gradient.f_mul_scalar_(self.weight_of(rows)).doing("scaling the gradients")?;
            }
        }
        Gradients::new(params, tables).doing("collecting table rows")
    }

    /// The same of tables, lookup by lookup.
    fn tables(&self, outputs: &mut Outputs, rows: usize) -> Result<Vec<TableRows>, TrainError> {
        let mut tables = std::mem::take(&mut outputs.rows);
        tables.retain(|rows| self.moves(&rows.table));
        if rows != self.config.batch {
            for own in &mut tables {
                let _ = own.gradient.f_mul_scalar_(self.weight_of(rows)).doing("scaling the gradients")?;
            }
        }
        Ok(tables)
    }

    /// What gradients of `rows` rows count for: the program gives the mean over its own.
    fn weight_of(&self, rows: usize) -> f64 {
        rows as f64 / self.config.batch as f64
    }

    fn moves(&self, path: &str) -> bool {
        self.treatments.get(path).is_some_and(|treatment| !treatment.frozen)
    }

    fn nothing_to_learn(&self) -> TrainError {
        Misfit::Program {
            model: self.programs.training.program().model.clone(),
            what: "no loss depends on a weight that is trained".to_owned(),
            fix: "give the model a loss, or unfreeze the weights it depends on".to_owned(),
        }
        .into()
    }

    /// Moves tables, then `param`s, then their average.
    fn update(&mut self, gradients: Gradients, factor: f64) -> Result<(), TrainError> {
        for (table, (ids, gradient)) in gradients.tables {
            let treatment = self.treatments.get(&table).filter(|treatment| !treatment.frozen);
            if let (Some(treatment), Some(weight)) = (treatment, self.weights.tensors.get_mut(&table)) {
                update_rows(weight, &ids, &gradient, treatment.lr * factor, treatment.weight_decay)
                    .doing("moving table rows")?;
            }
        }
        for (path, gradient) in &gradients.params {
            if let (Some(weight), Some(treatment)) = (self.weights.get(path), self.treatments.get(path)) {
                self.optimiser.update(path, weight, gradient, *treatment, factor)?;
            }
        }
        match &mut self.average {
            Some(average) => average.update(&self.weights).doing("averaging the weights"),
            None => Ok(()),
        }
    }

    fn summary(&self, measures: &Measures) -> Result<StepMetrics, TrainError> {
        let targets = self.columns.targets().filter_map(|name| self.carry.data.get(name));
        let labelled = labelled(targets, self.config.batch)?;
        let counts: Vec<bool> =
            self.carry.halted.iter().zip(labelled).map(|(one, other)| *one && other).collect();
        let over = |rows: &[f64]| -> f64 {
            rows.iter().zip(&counts).filter(|(_, counts)| **counts).map(|(v, _)| v).sum()
        };
        let batch = self.config.batch as f64;
        let losses: IndexMap<String, f64> = measures
            .losses
            .iter()
            .map(|(name, rows)| (name.clone(), rows.iter().sum::<f64>() / batch))
            .collect();
        Ok(StepMetrics {
            loss: losses.values().sum(),
            losses,
            metrics: measures.metrics.iter().map(|(name, rows)| (name.clone(), over(rows))).collect(),
            count: counts.iter().filter(|counts| **counts).count(),
            steps: self
                .carry
                .steps
                .iter()
                .zip(&counts)
                .filter(|(_, counts)| **counts)
                .map(|(steps, _)| steps)
                .sum(),
            gradient_norm: measures.gradient_norm.unwrap_or(0.0),
            ..StepMetrics::default()
        })
    }
}
