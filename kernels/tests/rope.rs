//! Rotary positions against the formula in float64, in every form that this machine can run.

use totc_kernels::Form;
use totc_kernels::fused::{Input, Kind, Output, Rotation};

fn angle(row: usize, j: usize, width: usize, theta: f64) -> f64 {
    row as f64 * theta.powf(-2.0 * j as f64 / width as f64)
}

/// [batch, head, row, feature] of memory that lies [batch, row, head, feature].
#[test]
fn pairs_are_turned_by_their_rows() {
    let (batch, heads, rows, width, theta) = (2, 3, 7, 10, 100.0);
    let count = batch * heads * rows * width;
    let x: Vec<f32> = (0..count).map(|at| ((at * 37 % 101) as f32 - 50.0) / 50.0).collect();
    let strides = [rows * heads * width, width, heads * width, 1].map(|stride| stride as isize);
    let input = Input { pointer: x.as_ptr().cast(), kind: Kind::Float32, strides: strides.to_vec() };
    for back in [false, true] {
        let rotation = Rotation::new(rows, width, theta, back);
        for form in Form::available() {
            let mut out = vec![0.0f32; count];
            let output = Output { pointer: out.as_mut_ptr().cast(), kind: Kind::Float32 };
            // SAFETY: both are as long as the sizes say.
            unsafe { rotation.run(form, &[batch, heads, rows, width], 2, &input, &output).unwrap() };
            for (at, found) in out.iter().enumerate() {
                let (feature, row) = (at % width, at / width % rows);
                let (head, sample) = (at / width / rows % heads, at / width / rows / heads);
                let read =
                    |feature: usize| f64::from(x[((sample * rows + row) * heads + head) * width + feature]);
                let half = width / 2;
                let turn = angle(row, feature % half, width, theta) * if back { -1.0 } else { 1.0 };
                let expected = match feature < half {
                    true => read(feature) * turn.cos() - read(feature + half) * turn.sin(),
                    false => read(feature) * turn.cos() + read(feature - half) * turn.sin(),
                };
                // Angles are computed in float64; five roundings of numbers below 2.
                assert!(
                    (f64::from(*found) - expected).abs() < 1e-6,
                    "{form:?} at {at}: {found}, not {expected}"
                );
            }
        }
    }
}

#[test]
fn what_cannot_be_turned_is_refused() {
    let x = [0.0f32; 12];
    let mut out = [0.0f32; 12];
    let mut refused = |sizes: &[usize], axis: usize, strides: &[isize], kind: Kind| {
        let input = Input { pointer: x.as_ptr().cast(), kind, strides: strides.to_vec() };
        let output = Output { pointer: out.as_mut_ptr().cast(), kind };
        // SAFETY: nothing is read or written where sizes do not fit; where they do, twelve places are.
        unsafe { Rotation::new(3, 4, 10.0, false).run(Form::best(), sizes, axis, &input, &output).is_err() }
    };
    assert!(!refused(&[3, 4], 0, &[4, 1], Kind::Float32));
    assert!(refused(&[3, 4], 0, &[1, 3], Kind::Float32));
    assert!(refused(&[4, 3], 0, &[3, 1], Kind::Float32));
    assert!(refused(&[3, 4], 0, &[4, 1], Kind::Float64));
    assert!(refused(&[3, 4], 0, &[4, 1], Kind::Bool));
}
