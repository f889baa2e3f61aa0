//! What a few hundred puzzles can tell: takes numbers per puzzle, gives means, intervals and p-values; knows nothing of
//! runs. Everything random is a function of the seed.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// Resamples of a bootstrap, where the puzzles are not too many.
pub const RESAMPLES: usize = 10_000;
/// Of intervals.
pub const LEVEL: f64 = 0.95;

/// The mean; NaN of nothing.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Sample standard deviation (divisor n − 1); `None` of fewer than two values.
pub fn deviation(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}

/// Quantile of ascending values, linear between neighbours (NumPy's default); NaN of nothing.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share.clamp(0.0, 1.0) * sorted.len().saturating_sub(1) as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    match (sorted.get(below), sorted.get(above)) {
        (Some(low), Some(high)) => low + (high - low) * (place - place.floor()),
        _ => f64::NAN,
    }
}

/// An interval of `LEVEL`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// Whether both ends lie on the same side of 0.
    pub fn excludes_zero(self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

/// The percentile interval of resampled means; `None` of nothing, and where one of them is no number.
pub fn percentiles(resampled: &[f64]) -> Option<Interval> {
    if resampled.is_empty() || resampled.iter().any(|mean| mean.is_nan()) {
        return None;
    }
    let mut sorted = resampled.to_vec();
    sorted.sort_by(f64::total_cmp);
    let tail = (1.0 - LEVEL) / 2.0;
    Some(Interval { low: quantile(&sorted, tail), high: quantile(&sorted, 1.0 - tail) })
}

/// Wilson's score interval of a share (Wilson 1927), for shares of 0 and 1, of which a bootstrap knows no spread.
pub fn wilson(successes: f64, trials: f64) -> Interval {
    // The 0.975 quantile of the standard normal distribution.
    const Z: f64 = 1.959_963_984_540_054;
    let share = successes / trials;
    let centre = (share + Z * Z / (2.0 * trials)) / (1.0 + Z * Z / trials);
    let half = Z / (1.0 + Z * Z / trials)
        * (share * (1.0 - share) / trials + Z * Z / (4.0 * trials * trials)).sqrt();
    // At the ends exactly 0 and 1, but for rounding.
    let low = if successes <= 0.0 { 0.0 } else { (centre - half).max(0.0) };
    let high = if successes >= trials { 1.0 } else { (centre + half).min(1.0) };
    Interval { low, high }
}

/// Two-sided exact sign test: how likely a split at least as uneven is if each of the `first + second` puzzles falls
/// to either side like a coin. On right and wrong answers this is McNemar's exact test.
pub fn sign_test(first: usize, second: usize) -> f64 {
    let (tosses, fewer) = ((first + second) as f64, first.min(second));
    // ln of the binomial probabilities, one from the next: C(n, k + 1) = C(n, k) · (n − k) / (k + 1).
    let mut log = -tosses * std::f64::consts::LN_2;
    let mut tail = log.exp();
    for k in 0..fewer {
        log += ((tosses - k as f64) / (k + 1) as f64).ln();
        tail += log.exp();
    }
    (2.0 * tail).min(1.0)
}

/// Holm's step-down adjustment of p-values that are looked at together (Holm 1979).
pub fn holm(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut adjusted = vec![0.0; values.len()];
    let mut largest = 0.0_f64;
    for (rank, index) in order.into_iter().enumerate() {
        largest = largest.max(values[index] * (values.len() - rank) as f64).min(1.0);
        adjusted[index] = largest;
    }
    adjusted
}

/// How often to resample `puzzles` numbers of `columns`: fewer times where that would take minutes.
pub fn resamples(puzzles: usize, columns: usize) -> usize {
    (2_000_000_000 / (puzzles * columns).max(1)).clamp(1000, RESAMPLES)
}

/// Means of each column over puzzles drawn with replacement, `[column][resample]`. All columns see the same draws, so
/// differences of their means are paired. Columns must have the same length.
pub fn bootstrap(columns: &[&[f64]], resamples: usize, seed: u64) -> Vec<Vec<f64>> {
    let puzzles = columns.first().map_or(0, |column| column.len());
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut means = vec![Vec::with_capacity(resamples); columns.len()];
    let mut drawn = vec![0_usize; puzzles];
    for _ in 0..resamples {
        drawn.iter_mut().for_each(|place| *place = random.random_range(0..puzzles));
        for (column, means) in columns.iter().zip(&mut means) {
            means.push(drawn.iter().map(|place| column[*place]).sum::<f64>() / puzzles as f64);
        }
    }
    means
}

/// The mean over the runs of a group of their resampled means, the runs drawn with replacement too.
pub fn over_runs(means: &[&[f64]], seed: u64) -> Vec<f64> {
    let [_, _, ..] = means else { return means.first().map_or_else(Vec::new, |only| only.to_vec()) };
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let resamples = means.iter().map(|means| means.len()).min().unwrap_or(0);
    (0..resamples)
        .map(|at| means.iter().map(|_| means[random.random_range(0..means.len())][at]).sum::<f64>())
        .map(|sum| sum / means.len() as f64)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, wanted: f64, tolerance: f64) {
        assert!((found - wanted).abs() <= tolerance, "{found} instead of {wanted}");
    }

    // numpy 2.4: np.percentile, np.mean, np.std(ddof=1)
    #[test]
    fn quantiles_and_spread_are_numpys() {
        let values = [15.0, 20.0, 35.0, 40.0, 50.0];
        let wanted = [(0.025, 15.5), (0.05, 16.0), (0.5, 35.0), (0.95, 48.0), (0.975, 49.0)];
        for (share, value) in wanted {
            near(quantile(&values, share), value, 1e-12);
        }
        near(mean(&values), 32.0, 1e-12);
        near(deviation(&values).unwrap_or(0.0), 14.404860290887934, 1e-12);
        assert_eq!(deviation(&values[..1]), None);
        assert!(quantile(&[], 0.5).is_nan());
    }

    // statsmodels: mcnemar([[50, b], [c, 50]], exact=True); scipy: binomtest(min(b, c), b + c, 0.5)
    #[test]
    fn the_sign_test_is_mcnemars_exact_test() {
        let wanted = [
            (11, 5, 0.210113525390625),
            (0, 0, 1.0),
            (3, 3, 1.0),
            (1, 9, 0.021484375),
            (40, 61, 0.046044066929342785),
            (600, 500, 0.0028195449914364284),
        ];
        for (first, second, p) in wanted {
            near(sign_test(first, second), p, 1e-12);
            near(sign_test(second, first), p, 1e-12);
        }
    }

    // statsmodels: proportion_confint(method="wilson"), multipletests(method="holm")
    #[test]
    fn intervals_of_shares_and_adjusted_p_values() {
        let wanted = [
            (0.0, 500.0, 0.0, 0.007624340461552245),
            (500.0, 500.0, 0.9923756595384479, 1.0),
            (3.0, 10.0, 0.10779126740630104, 0.6032218525388546),
            (0.0, 1.0, 0.0, 0.7934506856227627),
        ];
        for (successes, trials, low, high) in wanted {
            let found = wilson(successes, trials);
            near(found.low, low, 1e-12);
            near(found.high, high, 1e-12);
        }
        for (found, wanted) in holm(&[0.01, 0.04, 0.03, 0.005]).into_iter().zip([0.03, 0.06, 0.06, 0.02]) {
            near(found, wanted, 1e-12);
        }
    }

    // scipy 1.17: bootstrap(…, np.mean, n_resamples=200000, method="percentile"); the tolerance is what two random
    // streams differ by.
    #[test]
    fn bootstrap_intervals_are_scipys() {
        let values: Vec<f64> = (1..=40).map(|i| f64::from(i * i) / 1600.0).collect();
        let found = bootstrap(&[&values], RESAMPLES, 0);
        let Some(interval) = percentiles(&found[0]) else { panic!("no interval") };
        near(interval.low, 0.2539, 0.004);
        near(interval.high, 0.4428, 0.004);
        near(deviation(&found[0]).unwrap_or(0.0), 0.04817, 0.001);
        assert_eq!(found, bootstrap(&[&values], RESAMPLES, 0));
    }

    #[test]
    fn pairing_narrows_the_interval_as_scipy_finds() {
        let first = [1, 0, 1, 1, 0, 1, 0, 0, 1, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1];
        let second = [1, 1, 1, 1, 0, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 1, 1, 0, 0, 1];
        let five =
            |values: [i32; 20]| -> Vec<f64> { [values; 5].concat().into_iter().map(f64::from).collect() };
        let (first, second) = (five(first), five(second));
        let difference = |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| b - a).collect() };
        let both = bootstrap(&[&first, &second], RESAMPLES, 1);
        let paired = percentiles(&difference(&both[0], &both[1])).expect("numbers");
        near(paired.low, 0.02, 0.0101);
        near(paired.high, 0.19, 0.0101);
        let apart = [bootstrap(&[&first], RESAMPLES, 1), bootstrap(&[&second], RESAMPLES, 2)];
        let unpaired = percentiles(&difference(&apart[0][0], &apart[1][0])).expect("numbers");
        near(unpaired.low, -0.03, 0.0101);
        near(unpaired.high, 0.23, 0.0101);
    }

    #[test]
    fn the_spread_of_runs_widens_the_interval() {
        // Two runs without any spread over puzzles, at 0 and 1: the mean of two draws is 0, 1/2 or 1.
        let (zeros, ones) = (vec![0.0; 8000], vec![1.0; 8000]);
        let found = over_runs(&[&zeros, &ones], 3);
        let share = |value: f64| found.iter().filter(|mean| **mean == value).count() as f64 / 8000.0;
        near(share(0.0), 0.25, 0.03);
        near(share(0.5), 0.5, 0.03);
        assert_eq!(over_runs(&[&ones], 3), ones);
    }
}
