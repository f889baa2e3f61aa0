//! Steps of optimisers against their formulas in float64, and the pool: every task once, panics told, same bits with any
//! number of threads.

mod common;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{Draw, EPS, near};
use totc_kernels::optimiser::{Adam, Quotient, moving_average, sign_descent, sum_of_squares};
use totc_kernels::{Form, Pool};

#[test]
fn adam_by_both_quotients() {
    for form in Form::available() {
        for quotient in [Quotient::Eps(1e-8), Quotient::Atan2] {
            for count in [0, 1, 17, 1000] {
                let mut draw = Draw(count as u64);
                let mut weight: Vec<f32> = draw.numbers(count);
                let (mut m, mut v) = (vec![0.0_f32; count], vec![0.0_f32; count]);
                for step in 1..5 {
                    let size = 10.0_f32.powi(-2 * step);
                    let mut gradient: Vec<f32> =
                        draw.numbers::<f32>(count).iter().map(|g| g * size).collect();
                    if let Some(first) = gradient.first_mut() {
                        *first = 0.0;
                    }
                    let rule = Adam {
                        beta1: 0.9,
                        beta2: 0.95,
                        count: step as u64,
                        lr: 0.01,
                        weight_decay: 0.1,
                        quotient,
                        gradient_scale: 0.5,
                    };
                    let before = (weight.clone(), m.clone(), v.clone());
                    rule.step(form, &mut weight, &gradient, &mut m, &mut v).unwrap();
                    for at in 0..count {
                        let g = 0.5 * f64::from(gradient[at]);
                        let (w, m0, v0) =
                            (f64::from(before.0[at]), f64::from(before.1[at]), f64::from(before.2[at]));
                        let first = 0.9 * m0 + 0.1 * g;
                        let second = 0.95 * v0 + 0.05 * g * g;
                        near(f64::from(m[at]), first, 8.0 * EPS * (m0.abs() + g.abs()), "first moment");
                        near(f64::from(v[at]), second, 8.0 * EPS * second, "second moment");
                        // From the moments as they are, whose errors would else be told twice.
                        let spread = (f64::from(v[at]) / (1.0 - 0.95_f64.powi(step))).sqrt();
                        let first = f64::from(m[at]);
                        let quotient = match quotient {
                            Quotient::Eps(eps) => first / (spread + f64::from(eps)),
                            Quotient::Atan2 => first.atan2(spread),
                        };
                        let moved = 0.01 / (1.0 - 0.9_f64.powi(step)) * quotient;
                        let wanted = w * (1.0 - 0.01 * 0.1) - moved;
                        let bound = 24.0 * EPS * moved.abs() + 4.0 * EPS * w.abs();
                        near(f64::from(weight[at]), wanted, bound, format!("{form:?} {quotient:?} weight"));
                    }
                }
            }
        }
    }
}

#[test]
fn signs_averages_and_squares() {
    for form in Form::available() {
        for count in [0, 1, 33, 5000] {
            let mut draw = Draw(count as u64);
            let (before, mut gradient): (Vec<f32>, Vec<f32>) = (draw.numbers(count), draw.numbers(count));
            if count > 1 {
                gradient[1] = 0.0;
            }
            let mut weight = before.clone();
            sign_descent(form, &mut weight, &gradient, 0.01, 0.1).unwrap();
            let mut shadow = gradient.clone();
            moving_average(form, &mut shadow, &before, 0.999).unwrap();
            for at in 0..count {
                let (w, g) = (f64::from(before[at]), f64::from(gradient[at]));
                let sign = if g == 0.0 { 0.0 } else { g.signum() };
                near(f64::from(weight[at]), w * (1.0 - 0.01 * 0.1) - 0.01 * sign, 4.0 * EPS, "sign descent");
                near(f64::from(shadow[at]), 0.999 * g + 0.001 * w, 4.0 * EPS, "moving average");
            }
            let wanted: f64 = before.iter().map(|x| f64::from(*x).powi(2)).sum();
            // Pieces of 4096 in sixteen parts: 256 additions and a few more.
            near(sum_of_squares(form, &before), wanted, 264.0 * EPS * wanted, "sum of squares");
        }
    }
}

#[test]
fn every_task_is_done_once() {
    for threads in [0, 1, 2, 5] {
        let pool = Pool::new(threads);
        for tasks in [0, 1, 2, 97] {
            for _ in 0..50 {
                let counts: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                pool.run(tasks, |task| {
                    counts[task].fetch_add(1, Ordering::Relaxed);
                    // From within a task, the pool is busy.
                    if task == 0 {
                        let inner = AtomicUsize::new(0);
                        pool.run(3, |_| {
                            inner.fetch_add(1, Ordering::Relaxed);
                        });
                        assert_eq!(inner.into_inner(), 3);
                    }
                });
                assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1));
            }
        }
    }
}

#[test]
fn a_panic_of_a_task_goes_on_in_the_caller() {
    let pool = Pool::new(3);
    let call = || pool.run(20, |task| assert!(task != 13, "thirteen"));
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"thirteen"));
    // And it works on.
    let done = Mutex::new(0);
    pool.run(20, |_| *done.lock().unwrap() += 1);
    assert_eq!(done.into_inner().unwrap(), 20);
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let values: Vec<f32> = Draw(9).numbers(100_000);
    let sums = |threads: usize| {
        let slices: Vec<&[f32]> = values.chunks(7000).collect();
        let sums: Vec<Mutex<f64>> = slices.iter().map(|_| Mutex::new(0.0)).collect();
        Pool::new(threads)
            .run(slices.len(), |at| *sums[at].lock().unwrap() = sum_of_squares(Form::best(), slices[at]));
        sums.into_iter().map(|sum| sum.into_inner().unwrap()).sum::<f64>().to_bits()
    };
    assert_eq!(sums(1), sums(2));
    assert_eq!(sums(1), sums(7));
}
