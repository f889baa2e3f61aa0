//! The checker walks expressions hundreds deep, for which WebAssembly's usual megabyte of stack is too little.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg=-zstack-size=16777216");
}
