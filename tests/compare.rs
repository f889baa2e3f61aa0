//! Runs side by side, on folders written by hand: pairing, groups, verdicts, refusals, what is printed.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use totc::compare::{self, Comparison, Protocol, RunRecord, as_csv, as_markdown, as_text, curves};
use totc::train::{MetricsKind, MetricsRecord, total_seconds};

/// Means, deviations and shares of float64 over at most 500 puzzles: 500 roundings of 1e-16, with room.
const ROUNDING: f64 = 1e-12;

const PROTOCOL: Protocol = Protocol { group: false, unpaired: false, across_protocols: false, seed: 0 };

/// Writes the folder of a run as `totc run` would: a setting that differs, tests at steps 100 and 200, and which
/// puzzles are right.
fn run(root: &Path, name: &str, branchings: i64, seed: u64, hash: &str, right: &[bool]) -> PathBuf {
    let folder = root.join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    let exact = right.iter().filter(|right| **right).count() as f64 / right.len() as f64;
    let mut log = String::new();
    for (step, share) in [(100, 0.5), (200, 1.0)] {
        let _ = writeln!(
            log,
            r#"{{"kind":"train","step":{step},"seconds":{0},"lr":0.001,"losses":{{"total":{1}}},"metrics":{{}},"steps_used":4.0}}"#,
            step / 10,
            2.0 / share
        );
        let _ = writeln!(
            log,
            r#"{{"kind":"test","step":{step},"seconds":{0},"lr":0.0,"losses":{{}},"metrics":{{"exact":{1}}},"steps_used":4.0}}"#,
            step / 10 + 1,
            exact * share
        );
    }
    let identity = format!(
        r#"{{"settings":{{"seed":"{seed}","set.branchings":"{branchings}","data":"same"}},"program":1,"micro_batch":64,
        "about":{{"model":"ToTrm","parameters":{},"table_parameters":64,"batch":64,"data":"Sudoku","test":{{"examples":{},"hash":"{hash}"}}}}}}"#,
        1000 * branchings,
        right.len()
    );
    let mut puzzles = "index,rating,steps,halted,exact\n".to_owned();
    for (index, right) in right.iter().enumerate() {
        let _ = writeln!(puzzles, "{index},,4,false,{}", f64::from(*right));
    }
    for (name, text) in [("metrics.jsonl", log), ("run.json", identity), ("puzzles.csv", puzzles)] {
        std::fs::write(folder.join(name), text).expect("a file");
    }
    folder
}

fn compared(folders: &[PathBuf], protocol: Protocol) -> Result<Comparison, String> {
    let runs: Vec<RunRecord> = folders.iter().map(|folder| RunRecord::read(folder).expect("a run")).collect();
    compare::compare(&runs, protocol)
}

/// `lost` puzzles right only in the first, `won` only in the second of two runs, `both` in both, `none` in neither.
fn split(lost: usize, won: usize, both: usize, none: usize) -> (Vec<bool>, Vec<bool>) {
    let counts = [(lost, (true, false)), (won, (false, true)), (both, (true, true)), (none, (false, false))];
    counts.iter().flat_map(|(count, pair)| std::iter::repeat_n(*pair, *count)).unzip()
}

#[test]
fn a_small_difference_is_noise_and_a_large_one_is_not() {
    let root = tempfile::tempdir().expect("a folder");
    let (before, after) = split(5, 11, 300, 184);
    let (_, better) = split(0, 60, 305, 135);
    let folders = [
        run(root.path(), "a", 2, 0, "x", &before),
        run(root.path(), "b", 3, 0, "x", &after),
        run(root.path(), "c", 4, 0, "x", &better),
    ];
    let found = compared(&folders, PROTOCOL).expect("a comparison");
    assert_eq!(found.paired, Some(500));
    let [small, large] = found.differences.as_slice() else { panic!("{:?}", found.differences) };

    // By hand: 6 of 500; the standard error of a paired difference is sqrt((b + c)/n² − d²/n).
    assert!((small.mean - 0.012).abs() < ROUNDING);
    let error = (16.0 / 500.0_f64.powi(2) - 0.012_f64.powi(2) / 500.0).sqrt();
    assert!((small.interval.low - (0.012 - 1.96 * error)).abs() < 0.0025, "{small:?}");
    assert!((small.interval.high - (0.012 + 1.96 * error)).abs() < 0.0025, "{small:?}");
    assert_eq!(small.better, Some((5, 11)));
    // scipy.stats.binomtest(5, 16, 0.5).pvalue
    assert!((small.p.unwrap_or(0.0) - 0.210113525390625).abs() < ROUNDING);
    assert!(!small.more_than_noise);
    assert!(small.words.contains("within noise"), "{}", small.words);
    assert!(small.words.contains("500 puzzles"), "{}", small.words);

    assert!((large.mean - 60.0 / 500.0).abs() < ROUNDING, "{large:?}");
    assert!(large.more_than_noise && large.interval.low > 0.08 && large.interval.high < 0.16, "{large:?}");
    // Holm: the smaller of two p-values is doubled.
    assert_eq!(large.p_adjusted, large.p.map(|p| 2.0 * p));
    assert_eq!(found.settings["set.branchings"], [Some("2".into()), Some("3".into()), Some("4".into())]);
}

#[test]
fn the_same_comparison_twice_is_the_same() {
    let root = tempfile::tempdir().expect("a folder");
    let (before, after) = split(3, 4, 5, 6);
    let folders = [run(root.path(), "a", 2, 0, "x", &before), run(root.path(), "b", 3, 0, "x", &after)];
    let text = |seed| as_text(&compared(&folders, Protocol { seed, ..PROTOCOL }).expect("a comparison"));
    assert_eq!(text(0), text(0));
    insta::with_settings!({ snapshot_path => "../snapshots/compare", prepend_module_to_snapshot => false,
        omit_expression => true }, {
        insta::assert_snapshot!("text", text(0));
        let found = compared(&folders, PROTOCOL).expect("a comparison");
        insta::assert_snapshot!("markdown", as_markdown(&found));
        insta::assert_snapshot!("csv", as_csv(&found).replace(&root.path().display().to_string(), "runs"));
    });
}

#[test]
fn seeds_are_taken_together_when_asked() {
    let root = tempfile::tempdir().expect("a folder");
    // Two seeds of a: 40 and 60 of 100; two of b: 45 and 65. The spread of the seeds swallows the difference.
    let first = |count: usize| -> Vec<bool> { (0..100).map(|at| at < count).collect() };
    let folders = [
        run(root.path(), "a/seed-0", 2, 0, "x", &first(40)),
        run(root.path(), "a/seed-1", 2, 1, "x", &first(60)),
        run(root.path(), "b/seed-0", 3, 0, "x", &first(45)),
        run(root.path(), "b/seed-1", 3, 1, "x", &first(65)),
    ];
    let found = compared(&folders, Protocol { group: true, ..PROTOCOL }).expect("a comparison");
    assert_eq!(found.sides.iter().map(|side| side.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let exact = &found.sides[0].metrics["exact"];
    assert!((exact.mean - 0.5).abs() < ROUNDING);
    // Sample standard deviation of 0.4 and 0.6.
    assert!((exact.deviation.unwrap_or(0.0) - 0.02_f64.sqrt()).abs() < ROUNDING);
    let difference = &found.differences[0];
    assert!((difference.mean - 0.05).abs() < ROUNDING);
    assert!(!difference.more_than_noise && difference.p.is_none(), "{difference:?}");
    assert!(difference.interval.low < -0.1 && difference.interval.high > 0.2, "{difference:?}");
    assert!(found.settings.keys().eq(["set.branchings"]));
    let alone = compared(&folders, PROTOCOL).expect("a comparison");
    assert_eq!(alone.sides.len(), 4);
    // Seed 0 against seed 0: all five puzzles that differ speak for b.
    let b = alone.differences.iter().find(|difference| difference.to == "b/seed-0").expect("b");
    assert!(b.more_than_noise && b.better == Some((0, 5)));
}

#[test]
fn other_puzzles_are_not_paired() {
    let root = tempfile::tempdir().expect("a folder");
    let (before, after) = split(10, 30, 30, 30);
    let folders = [run(root.path(), "a", 2, 0, "x", &before), run(root.path(), "b", 2, 0, "y", &after)];
    let refused = compared(&folders, PROTOCOL).expect_err("other puzzles");
    assert!(refused.contains("different puzzles") && refused.contains("--unpaired"), "{refused}");
    let found = compared(&folders, Protocol { unpaired: true, ..PROTOCOL }).expect("a comparison");
    assert_eq!((found.paired, found.differences[0].p), (None, None));
    assert!(found.notes.iter().any(|note| note.contains("not paired")));
    // Standard error of a difference of two independent shares, 0.4 and 0.6 of 100.
    let error = (2.0 * 0.24 / 100.0_f64).sqrt();
    assert!((found.differences[0].interval.low - (0.2 - 1.96 * error)).abs() < 0.011);
}

#[test]
fn all_right_is_not_certainty() {
    let root = tempfile::tempdir().expect("a folder");
    let folders = [
        run(root.path(), "a", 2, 0, "x", &[true; 50]),
        run(root.path(), "b", 3, 0, "x", &[[true; 25], [false; 25]].concat()),
    ];
    let found = compared(&folders, PROTOCOL).expect("a comparison");
    let exact = &found.sides[0].metrics["exact"];
    assert_eq!(exact.by, Some("wilson"));
    // Wilson: 50 of 50 is at least 1 / (1 + z²/50).
    let low = 1.0 / (1.0 + 1.959963984540054_f64.powi(2) / 50.0);
    assert!(
        exact.interval.is_some_and(|interval| (interval.low - low).abs() < ROUNDING && interval.high == 1.0)
    );
}

#[test]
fn only_the_puzzles_that_all_have() {
    let root = tempfile::tempdir().expect("a folder");
    let folders =
        [run(root.path(), "a", 2, 0, "x", &[true; 50]), run(root.path(), "b", 3, 0, "x", &[true; 50])];
    std::fs::write(
        folders[1].join("puzzles.csv"),
        "index,rating,steps,halted,exact\n3,,4,true,1\n7,,4,true,0\n",
    )
    .expect("a file");
    let found = compared(&folders, PROTOCOL).expect("a comparison");
    assert_eq!((found.paired, found.differences[0].mean), (Some(2), -0.5));
    std::fs::remove_file(folders[1].join("puzzles.csv")).expect("removed");
    let found = compared(&folders, PROTOCOL).expect("a comparison");
    assert!(
        found.differences.is_empty() && found.notes[0].contains("b has no puzzles.csv"),
        "{:?}",
        found.notes
    );
}

#[test]
fn what_is_no_run_is_refused() {
    let root = tempfile::tempdir().expect("a folder");
    let refused = RunRecord::read(root.path()).expect_err("no run").to_string();
    assert!(refused.contains("not the folder of a run"), "{refused}");
    let folder = run(root.path(), "a", 2, 0, "x", &[true]);
    std::fs::write(folder.join("puzzles.csv"), "index,rating,steps,halted,exact\n0,,4,true,yes\n")
        .expect("a file");
    let refused = RunRecord::read(&folder).expect_err("no number").to_string();
    assert!(refused.contains("line 2") && refused.contains("`yes`"), "{refused}");
    std::fs::write(folder.join("metrics.jsonl"), "").expect("a file");
    let refused = RunRecord::read(&folder).expect_err("no test").to_string();
    assert!(refused.contains("not been tested"), "{refused}");
}

#[test]
fn a_run_alone_is_no_comparison() {
    let root = tempfile::tempdir().expect("a folder");
    let folders = [run(root.path(), "a/0", 2, 0, "x", &[true]), run(root.path(), "a/1", 2, 1, "x", &[true])];
    assert!(compared(&folders[..1], PROTOCOL).is_err());
    let refused = compared(&folders, Protocol { group: true, ..PROTOCOL }).expect_err("one side");
    assert!(refused.contains("only in their seed"), "{refused}");
}

#[test]
fn seconds_count_over_resumes() {
    let at = |seconds| MetricsRecord { kind: MetricsKind::Train, seconds, ..MetricsRecord::default() };
    assert_eq!(total_seconds(&[at(1.0), at(5.0), at(2.0), at(3.0), at(0.5)]), 5.0 + 3.0 + 0.5);
}

#[test]
fn curves_are_drawn_for_every_side() {
    let root = tempfile::tempdir().expect("a folder");
    let folders = [run(root.path(), "a", 2, 0, "x", &[true]), run(root.path(), "b <&>", 3, 0, "x", &[false])];
    let svg = curves(&compared(&folders, PROTOCOL).expect("a comparison")).expect("a picture");
    for wanted in ["<svg", "exact", "training loss", "b &lt;&amp;&gt;"] {
        assert!(svg.contains(wanted), "no {wanted} in {svg}");
    }
    // A line per run and panel, and one per side in the legend.
    let lines = |class: &str| {
        let group = format!("<g class=\"curve {class}\">");
        let groups = svg.lines().filter_map(|line| line.strip_prefix(group.as_str()));
        groups.map(|line| line.matches("<polyline").count() + line.matches("<path").count()).sum::<usize>()
    };
    assert_eq!((lines("c0"), lines("c1")), (3, 3));
    assert!(!svg.contains("http://") || svg.matches("http://").count() == 1, "only the namespace");
}

#[test]
fn a_metric_of_one_run_alone_has_an_interval_of_numbers() {
    let root = tempfile::tempdir().expect("a folder");
    let right: Vec<bool> = (0..40).map(|at| at % 3 == 0).collect();
    let folders = [run(root.path(), "tree", 2, 0, "x", &right), run(root.path(), "trm", 3, 0, "x", &right)];
    // The tree measures the similarity of its thoughts too, on one puzzle as no number.
    let add = |file: &str, change: &dyn Fn(&str) -> String| {
        let path = folders[0].join(file);
        let text = std::fs::read_to_string(&path).expect("a file");
        std::fs::write(&path, change(&text)).expect("a file");
    };
    add("metrics.jsonl", &|text| {
        text.replace(r#""metrics":{"exact""#, r#""metrics":{"similarity":0.5,"odd":0.5,"exact""#)
    });
    add("puzzles.csv", &|text| {
        let line = |(at, line): (usize, &str)| match at {
            0 => format!("{line},similarity,odd\n"),
            1 => format!("{line},0.2,NaN\n"),
            at => format!("{line},{},0.5\n", 0.1 * (at % 7) as f64),
        };
        text.lines().enumerate().map(line).collect()
    });
    let found = compared(&folders, PROTOCOL).expect("a comparison");
    let similarity = found.sides[0].metrics.get("similarity").expect("a metric");
    let interval = similarity.interval.expect("an interval");
    assert!(interval.low < similarity.mean && similarity.mean < interval.high, "{similarity:?}");
    assert!(found.sides[0].metrics.get("odd").expect("a metric").interval.is_none());
    for text in [as_text(&found), as_markdown(&found), as_csv(&found)] {
        let odd = text.lines().filter(|line| line.contains("NaN, NaN"));
        assert_eq!(odd.count(), 0, "{text}");
    }
}

#[test]
fn runs_that_were_tested_in_different_ways_are_refused() {
    let root = tempfile::tempdir().expect("a folder");
    let right = [true, false, true, true];
    let folders = [run(root.path(), "a", 2, 0, "x", &right), run(root.path(), "b", 3, 0, "x", &right)];
    let path = folders[1].join("metrics.jsonl");
    let log = std::fs::read_to_string(&path).expect("a log");
    let noted = r#""kind":"test","protocol":"all steps, 8 views by vote","examples":4"#;
    std::fs::write(&path, log.replace(r#""kind":"test""#, noted)).expect("a log");
    let refused = compared(&folders, PROTOCOL).expect_err("two protocols");
    assert!(refused.contains("b: all steps, 8 views by vote, 4 examples"), "{refused}");
    let found = compared(&folders, Protocol { across_protocols: true, ..PROTOCOL }).expect("a comparison");
    assert!(found.notes.iter().any(|note| note.contains("tested in different ways")), "{:?}", found.notes);
    assert!(as_markdown(&found).contains("| all steps, 8 views by vote, 4 examples |"));
}
