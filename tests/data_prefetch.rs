//! Rows prepared ahead: the same rows in the same order whatever the number of threads, from any position; a data set that
//! fails is an error and not the end of the program.

use std::sync::Arc;

use totc::data::prefetch::{Prefetch, prefetch_test_examples};
use totc::data::{DataError, Dataset, Example, Mark, Sizes, Verdict};

/// Example `k` is full of a number that depends on seed and k; from `broken` on there is none.
struct Numbers {
    broken: u64,
}

fn number(seed: u64, k: u64) -> i64 {
    (seed.wrapping_mul(31).wrapping_add(k.wrapping_mul(k)) % 1009) as i64
}

impl Dataset for Numbers {
    fn sizes(&self) -> Sizes {
        Sizes { cell: 3, symbol: 1009, task: 5 }
    }
    fn train_len(&self) -> usize {
        10
    }
    fn test_len(&self) -> usize {
        25
    }
    fn train_example(&self, seed: u64, k: u64) -> Example {
        assert!(k < self.broken, "example {k} is gone\nand more that nobody wants to read");
        Example { inputs: vec![number(seed, k); 3], labels: vec![1; 3], puzzle: (k % 5) as i64 }
    }
    fn test_example(&self, i: usize) -> Option<Example> {
        (i < 25).then(|| {
            assert!((i as u64) < self.broken, "example {i} is gone");
            Example { inputs: vec![i as i64; 3], labels: vec![0; 3], puzzle: 0 }
        })
    }
    fn describe(&self) -> String {
        String::new()
    }
    fn parse_puzzle(&self, _: &str) -> Result<Example, DataError> {
        Ok(self.train_example(0, 0))
    }
    fn render_styled(&self, _: &[i64], _: &[i64], _: &dyn Fn(Mark, &str) -> String) -> String {
        String::new()
    }
    fn validate(&self, _: &[i64], _: &[i64]) -> Verdict {
        Verdict::default()
    }
}

fn numbers(broken: u64) -> Arc<dyn Dataset> {
    Arc::new(Numbers { broken })
}

#[test]
fn rows_are_the_same_whatever_the_number_of_threads() {
    for threads in 0..5 {
        for batch in [1, 7, 100, 300] {
            let mut ahead = Prefetch::new(numbers(u64::MAX), 4, batch, threads);
            let mut position = 1_000;
            // Takes of all sizes, none among them.
            for count in [batch, 0, 1, batch / 2, 3, batch, 2 * batch, 1] {
                let rows = ahead.take(position, count).expect("rows");
                assert_eq!((rows.n, rows.cells), (count, 3));
                let wanted: Vec<i64> = (0..count as u64).flat_map(|k| [number(4, position + k); 3]).collect();
                assert_eq!(rows.inputs, wanted);
                assert_eq!(rows.labels, vec![1; 3 * count]);
                assert_eq!(rows.puzzle.len(), count);
                position += count as u64;
            }
            // Back to a position that has been: a step that failed is done again.
            let again = ahead.take(1_003, 5).expect("rows");
            assert_eq!(again.inputs[0], number(4, 1_003));
        }
    }
}

#[test]
fn a_panic_of_a_thread_is_an_error_when_its_rows_are_due() {
    for threads in [0, 1, 3] {
        let mut ahead = Prefetch::new(numbers(130), 0, 64, threads);
        assert_eq!(ahead.take(0, 64).expect("rows").n, 64);
        assert_eq!(ahead.take(64, 64).expect("rows").n, 64);
        let error = ahead.take(128, 64).expect_err("no rows").to_string();
        assert!(error.contains("failed: example 130 is gone; if no file"), "{error}");
        let error = ahead.take(128, 64).expect_err("no rows either").to_string();
        assert!(error.contains("example 130 is gone"), "{error}");
    }
}

#[test]
fn test_examples_come_in_order_and_the_thread_ends_with_its_user() {
    let data = Numbers { broken: u64::MAX };
    // The last one does not exist.
    let order: Vec<usize> = (0..26).rev().chain([3]).collect();
    let seen = prefetch_test_examples(&data, &order, |next| {
        let all: Vec<Option<i64>> =
            order.iter().map(|_| next().expect("no error").map(|example| example.inputs[0])).collect();
        assert!(next().is_err(), "there are no more");
        all
    });
    let wanted: Vec<Option<i64>> = order.iter().map(|i| (*i < 25).then_some(*i as i64)).collect();
    assert_eq!(seen, wanted);
    // Leaving early does not hang.
    let many: Vec<usize> = (0..10_000).map(|i| i % 25).collect();
    assert!(prefetch_test_examples(&data, &many, |next| next().expect("no error").is_some()));
    let error = prefetch_test_examples(&Numbers { broken: 15 }, &[14, 15], |next| {
        next().expect("an example");
        next().expect_err("no example").to_string()
    });
    assert!(error.contains("example 15 is gone"), "{error}");
}
