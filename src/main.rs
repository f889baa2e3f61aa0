//! The binary: hands the command line to `totc::cli`.

fn main() -> ! {
    totc::cli::main()
}
