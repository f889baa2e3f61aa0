//! The command line. Each command is a file here: it takes its arguments, calls the stages, prints.
//!
//! Exit codes: 0 done; 1 the model or run file has mistakes; 2 the command line has; 3 files, data or devices
//! failed; 4 totc itself is wrong; 128 + n signal n has asked to stop: what was learned is saved, and the same command
//! with --resume goes on (130 SIGINT, 143 SIGTERM, 129 SIGHUP).

#[cfg(feature = "torch")]
mod bench;
mod check;
#[cfg(feature = "torch")]
mod child;
mod compare;
mod completions;
mod data;
mod diff;
mod dump;
#[cfg(feature = "torch")]
mod eval;
mod explain;
mod export;
mod export_pytorch;
mod failure;
mod fmt;
mod graph;
mod import;
#[cfg(feature = "torch")]
mod init;
#[cfg(feature = "torch")]
mod latency;
mod lsp;
#[cfg(feature = "torch")]
mod machine;
mod man;
mod new;
mod output;
#[cfg(feature = "torch")]
mod processes;
#[cfg(feature = "torch")]
mod report;
#[cfg(feature = "torch")]
mod run;
mod schema;
#[cfg(feature = "torch")]
mod signals;
#[cfg(feature = "torch")]
mod solve;
mod subject;
#[cfg(feature = "torch")]
mod sweep;
#[cfg(feature = "torch")]
mod trace;
#[cfg(feature = "torch")]
mod r#try;
#[cfg(feature = "torch")]
mod used;
#[cfg(feature = "torch")]
mod watch;
mod weights;

use crate::data::prefetch::prepared;
use crate::data::table::PARQUET_THREAD;
use crate::diagnostic::Colours;
#[cfg(feature = "torch")]
use crate::text_file::printable;
use clap::{Parser, Subcommand};
use failure::Failure;
use std::io::{IsTerminal, Write};

/// totc compiles and trains recursive-reasoning models that are written as model files.
#[derive(Parser)]
#[command(
    name = "totc",
    version,
    max_term_width = 120,
    about = "Compile, train and evaluate recursive-reasoning models (TRM, HRM, trees of thought) written as model files",
    after_help = "A model file (.tot) says what one supervision step computes; a run file (.ron) says on which data and \
how it is trained.\n\nTry:\n  totc check models/totrm.tot\n  totc explain models/totrm.tot\n  totc graph models/totrm.tot \
--format svg > totrm.svg\n  totc run examples/tot-sudoku4.ron\n  totc solve examples/tot-sudoku4.ron '1...|..3.|.4..|...2'"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check model and run files: every mistake with its place and the fix
    Check(check::Args),
    /// Tell what is known of a model before a tensor exists: axes, parameters, FLOPs, memory, the tree of thoughts
    Explain(explain::Args),
    /// Print a stage of the compiler: ast, model, graph or program
    Dump(dump::Args),
    /// Tell what two models or runs differ in: configs, nets, schedule, losses, parameters, cost, settings
    Diff(diff::Args),
    /// Bring model files into the one form: spaces, indentation, blank lines, columns
    Fmt(fmt::Args),
    /// Serve editors: mistakes as you type, mends, outline, form
    Lsp(lsp::Args),
    /// Draw a model: loops folded, branches and merges as a tree
    Graph(graph::Args),
    /// Write a commented run file and model to start from
    New(new::Args),
    /// Print every field of run files, or their JSON schema
    Schema(schema::Args),
    /// Build, check and rate data sets
    Data(data::Args),
    /// Write initial weights by path
    #[cfg(feature = "torch")]
    Init(init::Args),
    /// Turn a checkpoint of published code (PyTorch or safetensors) into weights of a model
    Import(import::Args),
    /// Write weights under the names of the published code, for PyTorch
    Export(export::Args),
    /// List the tensors of a weight file, or compare two
    Weights(weights::Args),
    /// Run supervision steps on given tensors and write every value, loss and gradient
    #[cfg(feature = "torch")]
    Trace(trace::Args),
    /// Train and evaluate a run file
    #[cfg(feature = "torch")]
    Run(run::Args),
    /// Follow a run that trains elsewhere: step, losses, metrics, pace, time left
    #[cfg(feature = "torch")]
    Watch(watch::Args),
    /// Evaluate weights on a run file's test data
    #[cfg(feature = "torch")]
    Eval(eval::Args),
    /// Solve a puzzle typed in, with the weights of a run
    #[cfg(feature = "torch")]
    Solve(solve::Args),
    /// Write a page about a run: curves, results, and the model's thoughts on chosen puzzles
    #[cfg(feature = "torch")]
    Report(report::Args),
    /// Train a model for a few steps without a run file, and say what there is to see
    #[cfg(feature = "torch")]
    Try(r#try::Args),
    /// Train every variant of a sweep file and print the table of results
    #[cfg(feature = "torch")]
    Sweep(sweep::Args),
    /// Put runs side by side: what differs, and whether it is more than noise
    Compare(compare::Args),
    /// Time one supervision step against this machine's matrix-product ceiling
    #[cfg(feature = "torch")]
    Bench(bench::Args),
    /// Print the completions of a shell
    Completions(completions::Args),
    /// Write the manual pages
    Man(man::Args),
}

#[cfg(feature = "torch")]
impl Command {
    /// Whether it calculates with libtorch for long enough to start the process anew for it.
    fn computes(&self) -> bool {
        matches!(
            self,
            Self::Run(_)
                | Self::Eval(_)
                | Self::Solve(_)
                | Self::Report(_)
                | Self::Sweep(_)
                | Self::Bench(_)
                | Self::Trace(_)
                | Self::Try(_)
        )
    }
}

type Outcome = Result<(), Failure>;

/// The whole command line, from arguments to exit code.
pub fn main() -> ! {
    // A pipe that closes early (`totc dump … | head`) ends the program as it ends others.
    reset_sigpipe();
    let cli = Cli::parse();
    #[cfg(feature = "torch")]
    if cli.command.computes() {
        wait_with_short_spins();
    }
    keep_damaged_tables_quiet();
    // Data that cannot be read any more unwind with their error.
    let outcome =
        prepared(|| command(cli.command)).unwrap_or_else(|error| Err(Failure::World(error.to_string())));
    let Err(failure) = outcome else { leave(0) };
    let (text, code) = failure.told();
    say(&text);
    leave(code)
}

/// Ends the process without the destructors of libtorch's registries, which take longer than a `check`: everything of ours is
/// closed by now.
#[expect(unsafe_code, reason = "std has no exit without the handlers of C")]
fn leave(code: u8) -> ! {
    // A reader that has gone away wants nothing more.
    let _ = std::io::stdout().flush();
    // SAFETY: ends this process; nothing runs afterwards.
    unsafe { libc::_exit(i32::from(code)) }
}

/// A reader that panics at a damaged file is told as that file's error; its thread says nothing itself.
fn keep_damaged_tables_quiet() {
    let others = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() != Some(PARQUET_THREAD) {
            others(panic);
        }
    }));
}

fn command(command: Command) -> Outcome {
    match command {
        Command::Check(args) => check::main(&args),
        Command::Explain(args) => explain::main(&args),
        #[cfg(feature = "torch")]
        Command::Sweep(args) => sweep::main(&args),
        Command::Compare(args) => compare::main(&args),
        Command::Dump(args) => dump::main(&args),
        Command::Diff(args) => diff::main(&args),
        Command::Fmt(args) => fmt::main(&args),
        Command::Lsp(args) => lsp::main(&args),
        Command::Graph(args) => graph::main(&args),
        Command::New(args) => new::main(&args),
        Command::Schema(args) => schema::main(&args),
        Command::Data(args) => data::main(&args),
        Command::Import(args) => import::main(&args),
        Command::Export(args) => export::main(&args),
        Command::Weights(args) => weights::main(&args),
        #[cfg(feature = "torch")]
        Command::Init(args) => init::main(&args),
        #[cfg(feature = "torch")]
        Command::Try(args) => r#try::main(&args),
        #[cfg(feature = "torch")]
        Command::Trace(args) => trace::main(&args),
        #[cfg(feature = "torch")]
        Command::Run(args) => run::main(&args),
        #[cfg(feature = "torch")]
        Command::Eval(args) => eval::main(&args),
        #[cfg(feature = "torch")]
        Command::Solve(args) => solve::main(&args),
        #[cfg(feature = "torch")]
        Command::Report(args) => report::main(&args),
        #[cfg(feature = "torch")]
        Command::Bench(args) => bench::main(&args),
        #[cfg(feature = "torch")]
        Command::Watch(args) => watch::main(&args),
        Command::Completions(args) => completions::main(&args),
        Command::Man(args) => man::main(&args),
    }
}

/// Writes to standard error; where that is closed or full, nobody hears it.
fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Colours on a terminal, unless `NO_COLOR` is set or it has none.
fn colours() -> Colours {
    if std::io::stderr().is_terminal() && coloured() { Colours::Always } else { Colours::Never }
}

/// Whether a terminal shows colours, and is asked to.
fn coloured() -> bool {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !plain && std::env::var_os("TERM").is_none_or(|terminal| terminal != "dumb")
}

/// Has libtorch's threads spin only briefly before they sleep while they wait for each other. Spinning long, as they do by
/// default, makes a step ten times as slow on a machine that has anything else to do; not spinning at all makes it
/// nearly twice as slow on an idle one. OpenMP reads its settings as it is loaded, before `main`, so the process
/// starts itself once more with them.
#[cfg(all(feature = "torch", target_os = "linux"))]
fn wait_with_short_spins() {
    use std::os::unix::process::CommandExt;
    const SPINS: &str = "GOMP_SPINCOUNT";
    if std::env::var_os(SPINS).is_some() || std::env::var_os("OMP_WAIT_POLICY").is_some() {
        return;
    }
    let mut args = std::env::args_os();
    let Some(own) = args.next() else { return };
    // Where that fails, the run is only slower.
    let _ = std::process::Command::new("/proc/self/exe").arg0(own).args(args).env(SPINS, "10000").exec();
}

#[cfg(all(feature = "torch", not(target_os = "linux")))]
fn wait_with_short_spins() {}

#[cfg(unix)]
#[expect(unsafe_code, reason = "a call of the system; see below")]
fn reset_sigpipe() {
    // SAFETY: called before any thread exists; restores the default action of a signal.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
    }
}

#[cfg(not(unix))]
fn reset_sigpipe() {}

/// A closed pipe must not end days of training: what is written to it fails instead, and nobody hears it.
#[cfg(all(unix, feature = "torch"))]
#[expect(unsafe_code, reason = "a call of the system; see below")]
fn outlive_pipes() {
    // SAFETY: ignores a signal, for which no handler is installed.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
    }
}

#[cfg(all(not(unix), feature = "torch"))]
fn outlive_pipes() {}

/// Writes a line to standard output; where that is closed or full, nobody hears it.
#[cfg(feature = "torch")]
fn tell(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Writes a line to standard error; where that is closed or full, nobody hears it.
#[cfg(feature = "torch")]
fn note(line: &str) {
    say(&format!("{}\n", printable(line)));
}
