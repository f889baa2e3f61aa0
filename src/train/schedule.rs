//! The learning-rate curve: takes a step and the length of the run, gives a factor on the base rate; holds nothing.

use std::f64::consts::PI;

use crate::run_file::{Curve, Schedule};

/// Learning rate at `step` (from 1) over the base rate: linear warm-up, then from 1 down to `schedule.floor` at `total`,
/// where it stays.
///
/// Source of the cosine: `cosine_schedule_with_warmup_lr_lambda` in `pretrain.py` of TinyRecursiveModels; of
/// warmup-stable-decay: MiniCPM (arXiv:2404.06395), section 4.2, with a straight line down.
pub fn factor(schedule: &Schedule, step: u64, total: u64) -> f64 {
    if step < schedule.warmup {
        return step as f64 / schedule.warmup as f64;
    }
    let length = total.saturating_sub(schedule.warmup).max(1) as f64;
    let progress = ((step - schedule.warmup) as f64 / length).min(1.0);
    let falling = 1.0 - schedule.floor;
    match schedule.curve {
        Curve::Constant => 1.0,
        Curve::Linear => schedule.floor + falling * (1.0 - progress),
        Curve::Cosine => schedule.floor + falling / 2.0 * (1.0 + (PI * progress).cos()),
        Curve::WarmupStableDecay => {
            let decay = schedule.decay * total as f64;
            let to_go = total.saturating_sub(step) as f64;
            schedule.floor + falling * if to_go >= decay { 1.0 } else { to_go / decay }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warms_up_then_falls_to_the_floor_and_stays() {
        let schedule = Schedule { warmup: 10, floor: 0.1, ..Schedule::default() };
        assert_eq!(factor(&schedule, 1, 110), 0.1);
        assert_eq!(factor(&schedule, 10, 110), 1.0);
        assert!((factor(&schedule, 60, 110) - 0.55).abs() < 1e-12);
        assert!((factor(&schedule, 110, 110) - 0.1).abs() < 1e-12);
        assert!((factor(&schedule, 500, 110) - 0.1).abs() < 1e-12);
    }

    #[test]
    fn a_floor_of_one_is_constant() {
        let schedule = Schedule { warmup: 0, ..Schedule::default() };
        assert!((1..50).all(|step| factor(&schedule, step, 20) == 1.0));
    }
}
