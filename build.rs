//! Makes the built programs find libtorch without LD_LIBRARY_PATH, and compiles the shim to its c10d.

use std::{env, path::PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Embedded with include_dir! and pest's #[grammar]; neither tells cargo about a new file.
    println!("cargo::rerun-if-changed=models/std");
    println!("cargo::rerun-if-changed=grammar");

    if env::var_os("CARGO_FEATURE_TORCH").is_none() {
        return;
    }
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    // .cargo/config.toml sets LIBTORCH; a build from outside this folder has its own or none.
    println!("cargo::rerun-if-env-changed=LIBTORCH");
    let libtorch = env::var_os("LIBTORCH").map_or_else(|| root.join(".libtorch"), PathBuf::from);
    // Setup replaces the folder whole, so this one file tells.
    println!("cargo::rerun-if-changed={}", libtorch.join("build-version").display());
    // A link in .libtorch; the folder it leads to holds the libraries this one needs.
    let Ok(library) = libtorch.join("lib/libtorch_cpu.so").canonicalize() else {
        println!(
            "cargo::error=libtorch is missing from {}: run `./x setup` (or build the compiler alone with --no-default-features --features system)",
            libtorch.display()
        );
        return;
    };
    let lib = library.parent().expect("a file has a folder");
    #[cfg(feature = "torch")]
    shim(&libtorch);

    // DT_RPATH, not DT_RUNPATH: it also serves libtorch's own libraries, and a stray
    // LD_LIBRARY_PATH with another torch in it cannot override it.
    println!("cargo::rustc-link-arg=-Wl,--disable-new-dtags,-rpath,{}", lib.display());
    if lib.join("libtorch_cuda.so").exists() {
        // Nothing refers to this library by symbol; without this the linker drops it and no GPU is seen.
        println!("cargo::rustc-link-arg=-L{}", lib.display());
        println!("cargo::rustc-link-arg=-Wl,--no-as-needed,-ltorch_cuda,--as-needed");
    }
}

/// Several processes exchange tensors by libtorch's c10d, which tch does not know.
#[cfg(feature = "torch")]
fn shim(libtorch: &std::path::Path) {
    const FOLDER: &str = "src/distributed/cpp";
    println!("cargo::rerun-if-changed={FOLDER}");
    let include = libtorch.join("include");
    let api = include.join("torch/csrc/api/include");
    cc::Build::new()
        .cpp(true)
        .std("c++20")
        .include(FOLDER)
        // Their warnings are not ours to mend.
        .flag("-isystem")
        .flag(include.to_string_lossy().as_ref())
        .flag("-isystem")
        .flag(api.to_string_lossy().as_ref())
        .file(format!("{FOLDER}/c10d.cpp"))
        .compile("totc_c10d");
}
