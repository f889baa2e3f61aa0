//! The binary: hands the command line to `totc::cli`.

fn main() -> std::process::ExitCode {
    totc::cli::main()
}
