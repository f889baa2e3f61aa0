//! The binary: hands the command line to `totc::cli`.

/// Of totc's own values; libtorch's tensors have theirs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ! {
    totc::cli::main()
}
