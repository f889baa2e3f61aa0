//! Several processes that train one model: the same bits however many they are, and a sentence that names the process where one is
//! lost, hangs, is missing or computes something else. From the outside, and the group by itself, in threads.
#![cfg(feature = "torch")]

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tch::{Device, Kind, Tensor};
use totc::distributed::{DistributedError, GroupOptions, Place as Rank, ProcessGroup};

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// A member of a group, which is a thread here.
fn member<T>(rank: usize, size: usize, port: u16, work: impl Fn(&ProcessGroup) -> T) -> T {
    let host = "127.0.0.1".to_owned();
    let place =
        Rank { rank, size, local_rank: rank, local_size: size, host, port, serves: rank == 0, attempt: 0 };
    let on_lost = Arc::new(|error: &DistributedError| panic!("{error}"));
    let options = GroupOptions { timeout: Duration::from_secs(60), on_lost };
    let group = ProcessGroup::open(&place, options).unwrap();
    let done = work(&group);
    // Who serves the meeting place leaves last.
    let _ = group.all_gather(&Tensor::from(0_i64)).unwrap();
    done
}

/// What `work` gives in each of `size` members of a group.
fn members<T: Send>(size: usize, work: impl Fn(&ProcessGroup) -> T + Sync) -> Vec<T> {
    let (port, work) = (free_port(), &work);
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..size).map(|rank| scope.spawn(move || member(rank, size, port, work))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Numbers whose sum depends on the order: of all magnitudes.
fn numbers(rank: usize, count: usize) -> Vec<f32> {
    let number = |at: usize| {
        let bits = ((rank * 7919 + at + 1) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((bits >> 40) as f32 - 8e6) * 2f32.powi((bits % 23) as i32 - 11)
    };
    (0..count).map(number).collect()
}

/// Neighbours first, by recursion on halves: `size` is a power of two.
fn halves(ranks: std::ops::Range<usize>, at: usize, count: usize) -> f32 {
    if ranks.len() == 1 {
        return numbers(ranks.start, count)[at];
    }
    let middle = ranks.start + ranks.len() / 2;
    halves(ranks.start..middle, at, count) + halves(middle..ranks.end, at, count)
}

#[test]
fn sums_are_of_neighbours_first_and_the_same_everywhere() {
    for size in [1, 2, 4] {
        for count in [1, 3, 8, 1001] {
            let sums = members(size, |group| {
                let sum = group.sum(&Tensor::from_slice(&numbers(group.rank(), count))).unwrap();
                Vec::<f32>::try_from(sum).unwrap()
            });
            let expected: Vec<f32> = (0..count).map(|at| halves(0..size, at, count)).collect();
            assert!(sums.iter().all(|sum| *sum == expected), "{size} members, {count} numbers");
        }
    }
    let three = members(3, |group| {
        Vec::<f32>::try_from(group.sum(&Tensor::from_slice(&numbers(group.rank(), 5))).unwrap()).unwrap()
    });
    let expected: Vec<f32> =
        (0..5).map(|at| (numbers(0, 5)[at] + numbers(1, 5)[at]) + numbers(2, 5)[at]).collect();
    assert_eq!(three, [expected.clone(), expected.clone(), expected]);
}

#[test]
fn tensors_of_every_kind_are_gathered_in_order() {
    for kind in [Kind::Float, Kind::Double, Kind::BFloat16, Kind::Int64, Kind::Bool] {
        // Not contiguous, on purpose.
        let of_rank = |rank: usize| {
            let own = Tensor::arange(6, (Kind::Int64, Device::Cpu)) + rank as i64 * 6;
            own.remainder(5).view([3, 2]).to_kind(kind).transpose(0, 1)
        };
        let all = members(3, |group| group.all_gather(&of_rank(group.rank())).unwrap().to_kind(Kind::Double));
        let parts: Vec<Tensor> = (0..3).map(of_rank).collect();
        let expected = Tensor::cat(&parts, 0).to_kind(Kind::Double);
        assert!(all.iter().all(|all| *all == expected), "{kind:?}");
    }
}

/// A folder with a run file, started as a person would.
struct Place(tempfile::TempDir);

const RUN: &str = r#"Run(
    model: "MODEL.tot",
    name: "NAME",
    set: { "hidden": 8, "heads": 2, "layers": 1, "T": 1, "n": 1, "puzzle_tokens": 1, "max_steps": 3, "explore": 0.1 },
    data: sudoku(side: 4, train: 60, test: 6, givens: (5, 8), augmentations: 5),
    batch: 8,
    micro_batch: 2,
    length: steps(12),
    optimiser: (name: "adamw", lr: 2e-3, weight_decay: 0.1),
    tables: (lr: 1e-3, weight_decay: 0.1),
    schedule: (warmup: 2, floor: 1.0),
    clip: 1.0,
    ema: 0.9,
    phases: [(from: 5, set: { "n": 2 })],
    evaluation: (every: 4),
    checkpoints: (every: 5),
    out: "run",
)"#;

impl Place {
    fn new(model: &str, name: &str) -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for file in ["trm.tot", "ptrm.tot"] {
            std::fs::copy(root.join("models").join(file), place.path(file)).unwrap();
        }
        std::fs::write(place.path("r.ron"), RUN.replace("MODEL", model).replace("NAME", name)).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_totc"));
        command.args(arguments).current_dir(self.0.path()).env("OMP_NUM_THREADS", "1");
        command
    }

    fn said(&self, arguments: &[&str], code: i32) -> String {
        text(self.command(arguments).output().unwrap(), code, arguments)
    }

    /// Rank `rank` of two, started as `torchrun` would.
    fn rank(&self, rank: usize, port: u16, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.env("RANK", rank.to_string()).env("WORLD_SIZE", "2");
        command.env("MASTER_ADDR", "127.0.0.1").env("MASTER_PORT", port.to_string());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Every tensor of the last checkpoint.
    fn left(&self, run: &str) -> BTreeMap<String, Vec<u8>> {
        let mut left = BTreeMap::new();
        for name in ["weights.safetensors", "ema.safetensors", "state.safetensors"] {
            let bytes = std::fs::read(self.path(run).join("checkpoint").join(name)).unwrap();
            for (tensor, view) in safetensors::SafeTensors::deserialize(&bytes).unwrap().iter() {
                left.insert(format!("{name} {tensor}"), view.data().to_vec());
            }
        }
        left
    }

    /// Tests in the log: step and metrics.
    fn tests(&self, run: &str) -> Vec<String> {
        let log = std::fs::read_to_string(self.path(run).join("metrics.jsonl")).unwrap();
        let records = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        records
            .map(|record| format!("{} {} {}", record["step"], record["losses"], record["metrics"]))
            .collect()
    }

    fn wait_for_checkpoint(&self, run: &str) {
        let began = Instant::now();
        while !self.path(run).join("checkpoint/state.json").exists() {
            assert!(began.elapsed() < Duration::from_secs(120), "no checkpoint");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn text(output: Output, code: i32, what: &[&str]) -> String {
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{what:?}: {text}");
    text
}

/// With a table, a phase, tests, checkpoints, a moving average; in both precisions, and with noise that each part draws.
#[test]
fn one_two_and_four_processes_train_the_same_bits() {
    let narrow: &[&str] = &["--set", "precision=bfloat16"];
    let noisy: &[&str] = &["--set", "sigma=0.3"];
    for (model, name, more) in [("trm", "Trm", &[][..]), ("trm", "Trm", narrow), ("ptrm", "Ptrm", noisy)] {
        let place = Place::new(model, name);
        for (out, processes) in [("one", None), ("two", Some("2")), ("four", Some("4"))] {
            let mut arguments = vec!["run", "r.ron", "--out", out];
            arguments.extend(more);
            arguments.extend(processes.iter().flat_map(|count| ["--processes", count]));
            place.said(&arguments, 0);
        }
        let (left, tests) = (place.left("one"), place.tests("one"));
        for out in ["two", "four"] {
            assert!(place.left(out) == left, "{name} {more:?}: {out}");
            assert_eq!(place.tests(out), tests, "{name} {more:?}: {out}");
        }
    }
}

/// At this width gradients are summed in several exchanges, while the step still computes others.
#[test]
fn gradients_in_several_exchanges_are_the_same_bits() {
    let place = Place::new("trm", "Trm");
    let arguments = ["run", "r.ron", "--set", "hidden=256", "--set", "length=steps(6)"];
    place.said(&[&arguments[..], &["--out", "one"]].concat(), 0);
    place.said(&[&arguments[..], &["--out", "two", "--processes", "2"]].concat(), 0);
    assert!(place.left("one") == place.left("two"));
}

/// Stopped, and gone on with by another number of processes, it is the run that was never stopped.
#[test]
fn a_run_goes_on_with_another_number_of_processes() {
    let place = Place::new("trm", "Trm");
    place.said(&["run", "r.ron", "--out", "whole"], 0);
    place.said(&["run", "r.ron", "--out", "run", "--processes", "2", "--stop-after", "3"], 0);
    place.said(&["run", "run", "--resume", "--processes", "4", "--stop-after", "4"], 0);
    place.said(&["run", "run", "--resume", "--stop-after", "2"], 0);
    place.said(&["run", "run", "--resume", "--processes=2"], 0);
    assert!(place.left("run") == place.left("whole"));
    // Nothing is left to do, which all of them learn.
    let told = place.said(&["run", "run", "--resume", "--processes", "2"], 0);
    assert!(told.contains("the run is complete"), "{told}");
}

/// Process 0 takes the connection and then hangs, as one that was halted does.
#[test]
fn a_process_that_hangs_before_they_have_met_is_told_of() {
    let place = Place::new("trm", "Trm");
    let hung = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = hung.local_addr().unwrap().port();
    let child = place.rank(1, port, &["run", "r.ron", "--out", "run", "--process-timeout", "2"]);
    let told = text(child.wait_with_output().unwrap(), 3, &["rank 1"]);
    assert!(told.contains("process 1 of 2 does not reach the others"), "{told}");
}

#[test]
fn what_cannot_be_shared_is_told() {
    let place = Place::new("trm", "Trm");
    let told =
        place.said(&["run", "r.ron", "--processes", "2", "--set", "batch=9", "--set", "micro_batch=3"], 3);
    assert!(told.contains("a batch of 9 rows"), "{told}");
    assert!(told.contains("give a `batch` that is a multiple of 2"), "{told}");
    place.said(&["run", "r.ron", "--stop-after", "1"], 0);
    let told = place.said(&["run", "r.ron", "--processes", "2"], 2);
    assert!(told.contains("holds a run already"), "{told}");
    // The other process says why it ends, too.
    assert!(told.contains("process 1 of 2: process 0 has ended: run holds a run already"), "{told}");
}

#[test]
fn a_process_that_computes_something_else_is_named() {
    let place = Place::new("trm", "Trm");
    let own = std::fs::read_to_string(place.path("trm.tot")).unwrap();
    let other = own.replace("y <- f(y + z)", "y <- f(y + z + z)");
    assert_ne!(own, other);
    std::fs::create_dir(place.path("other")).unwrap();
    std::fs::write(place.path("other/trm.tot"), other).unwrap();
    std::fs::copy(place.path("r.ron"), place.path("other/r.ron")).unwrap();
    for (arguments, what) in [
        (
            &["run", "r.ron", "--set", "optimiser.lr=1e-3"][..],
            "the setting `optimiser.lr` (0.001, not 0.002)",
        ),
        (&["run", "other/r.ron"], "the model files (sha256)"),
    ] {
        let port = free_port();
        let first = place.rank(0, port, &["run", "r.ron", "--out", "run"]);
        let second = place.rank(1, port, &[arguments, &["--out", "run"]].concat());
        for process in [first, second] {
            let told = text(process.wait_with_output().unwrap(), 3, arguments);
            assert!(told.contains(&format!("process 1 differs from process 0 in {what}")), "{told}");
        }
        let _ = std::fs::remove_dir_all(place.path("run"));
    }
}

/// Killed or halted, first or second: the other ends by itself and names it, and the run goes on from its checkpoint.
#[test]
#[cfg(unix)]
fn a_lost_process_is_named_and_nothing_is_lost() {
    let whole = Place::new("trm", "Trm");
    whole.said(&["run", "r.ron", "--set", "length=steps(4000)", "--stop-after", "40", "--out", "whole"], 0);
    for (signal, lost) in [("-KILL", 1), ("-KILL", 0), ("-STOP", 1), ("-STOP", 0)] {
        let place = Place::new("trm", "Trm");
        let arguments = ["run", "r.ron", "--set", "length=steps(4000)", "--process-timeout", "5"];
        let port = free_port();
        let mut processes: Vec<Child> = (0..2).map(|rank| place.rank(rank, port, &arguments)).collect();
        place.wait_for_checkpoint("run");
        let victim = processes[lost].id().to_string();
        assert!(Command::new("kill").args([signal, &victim]).status().unwrap().success());
        let other = processes.remove(1 - lost);
        let output = other.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let mut victim = processes.remove(0);
        victim.kill().unwrap();
        victim.wait().unwrap();
        assert!(!output.status.success(), "{signal} {lost}: {told}");
        assert!(told.contains(&format!("process {lost} is lost")), "{signal} {lost}: {told}");
        assert!(told.contains("--resume"), "{signal} {lost}: {told}");
        let saved = std::fs::read(place.path("run/checkpoint/state.json")).unwrap();
        let step = serde_json::from_slice::<serde_json::Value>(&saved).unwrap()["step"].as_u64().unwrap();
        let rest = 40_u64.saturating_sub(step).max(1).to_string();
        if step < 40 {
            place.said(&["run", "run", "--resume", "--stop-after", &rest], 0);
            assert!(place.left("run") == whole.left("whole"), "{signal} {lost}: gone on from step {step}");
        }
    }
}

/// Ctrl-C reaches every process of the terminal's group: the run saves and ends all the same, and says so by its code.
#[test]
#[cfg(unix)]
fn an_interrupt_of_the_whole_group_saves() {
    use std::os::unix::process::CommandExt;
    let place = Place::new("trm", "Trm");
    let mut command = place.command(&["run", "r.ron", "--set", "length=steps(4000)", "--processes", "2"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).spawn().unwrap();
    place.wait_for_checkpoint("run");
    let group = format!("-{}", child.id());
    assert!(Command::new("kill").args(["-INT", "--", &group]).status().unwrap().success());
    let told = text(child.wait_with_output().unwrap(), 130, &["--processes", "2"]);
    assert!(told.contains("stopped by SIGINT; saved at step"), "{told}");
    place.said(&["run", "run", "--resume", "--stop-after", "1"], 0);
}

/// Where the others never come.
#[test]
fn a_process_that_is_alone_says_so() {
    let place = Place::new("trm", "Trm");
    let process = place.rank(0, free_port(), &["run", "r.ron", "--process-timeout", "5"]);
    let told = text(process.wait_with_output().unwrap(), 3, &[]);
    assert!(told.contains("1 of 2 have come within 5 s"), "{told}");
    let mut half = place.command(&["run", "r.ron"]);
    let told = text(half.env("RANK", "0").env("WORLD_SIZE", "2").output().unwrap(), 3, &[]);
    assert!(told.contains("has RANK and WORLD_SIZE but not MASTER_ADDR and MASTER_PORT"), "{told}");
}
