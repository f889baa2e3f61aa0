//! Runs generated kernels on the CPU, compiled by a C++ compiler behind `gpu.h`, and holds what they write against their
//! group's own chain in float64.

use libloading::{Library, Symbol};
use std::path::Path;
use std::process::Command;
use totc::lower::chain::Planned;
use totc::lower::cuda::{self, Kernel};
use totc_kernels::Form;
use totc_kernels::fused::{Chain, Input, Kind, Output, Width};

pub struct Judge {
    loaded: Library,
    _folder: tempfile::TempDir,
}

/// An input as the kernel and the chain read it: the same numbers.
struct Given {
    bytes: Vec<u8>,
    wide: Vec<f64>,
    /// Along each axis of the space, in elements.
    strides: Vec<isize>,
}

impl Judge {
    /// None, and a loud word, where there is no C++ compiler.
    pub fn compile(kernels: &[Kernel]) -> Option<Judge> {
        let folder = tempfile::tempdir().unwrap();
        let mut text = cuda::module(kernels);
        for Kernel { name, .. } in kernels {
            text += &format!(
                "extern \"C\" int launch_{name}(const void *given, unsigned blocks, unsigned threads) \
                 {{ return launch({name}, given, blocks, threads); }}\n"
            );
        }
        let (source, library) = (folder.path().join("kernels.cpp"), folder.path().join("kernels.so"));
        std::fs::write(&source, text).unwrap();
        let gpu = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cuda/gpu.h");
        let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
        let mut command = Command::new(&compiler);
        command.args(["-std=c++17", "-O1", "-w", "-shared", "-fPIC", "-ffp-contract=off", "-include"]);
        let done = command.arg(gpu).arg(source).arg("-o").arg(&library).output();
        let done = match done {
            Ok(done) => done,
            Err(error) => {
                eprintln!("SKIPPED: no kernel was run: {compiler}: {error}");
                return None;
            }
        };
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        // SAFETY: what has just been compiled; it has no initialisers but those of its own variables.
        #[expect(unsafe_code, reason = "a library is loaded")]
        let loaded = unsafe { Library::new(library) }.unwrap();
        Some(Judge { loaded, _folder: folder })
    }

    /// Panics where a kernel does not compute its group.
    pub fn hold(&self, group: &Planned, kernel: &Kernel) {
        let chain = group.chain();
        let sizes = &chain.space().0;
        let inputs: Vec<Given> = (0..group.inputs().len()).map(|at| given(group, kernel, at)).collect();
        let rows: usize = sizes.iter().product::<usize>() / sizes.last().unwrap();
        let counts: Vec<usize> = chain
            .outputs()
            .iter()
            .map(|output| match chain.steps()[output.0].width {
                Width::Full => sizes.iter().product(),
                _ => rows,
            })
            .collect();
        let kinds: Vec<Kind> =
            group.outputs().iter().map(|ty| totc::lower::chain::held(ty.kind).unwrap()).collect();
        let found = self.run(kernel, &inputs, &counts, &kinds);
        let wanted = exact(chain, &inputs, &counts);
        // A count of roundings: functions and quotients are a few units off, sums have as many terms as a row.
        let unit = if chain.is_double() { 2f64.powi(-53) } else { 2f64.powi(-24) };
        let close = unit * (16 * chain.steps().len() + sizes.last().unwrap()) as f64;
        for (at, (found, wanted)) in found.iter().zip(&wanted).enumerate() {
            let finite = wanted.iter().filter(|value| value.is_finite());
            let scale = finite.fold(1.0, |most: f64, value| most.max(value.abs()));
            for (place, (found, wanted)) in found.iter().zip(wanted).enumerate() {
                // Half a unit of what is stored, and what was computed may lie on the other side of a tie.
                let stored = wanted.abs()
                    * match kinds[at] {
                        Kind::BFloat16 => 2f64.powi(-8),
                        Kind::Float32 => 2f64.powi(-23),
                        _ => 0.0,
                    };
                let same = found == wanted || (found.is_nan() && wanted.is_nan());
                assert!(
                    same || (found - wanted).abs() <= close * scale + stored,
                    "{}, output {at} at {place} of {sizes:?}: {found} in place of {wanted}\n{}",
                    kernel.name,
                    kernel.source
                );
            }
        }
    }

    /// The kernel's outputs, widened.
    fn run(&self, kernel: &Kernel, inputs: &[Given], counts: &[usize], kinds: &[Kind]) -> Vec<Vec<f64>> {
        let mut memory: Vec<Vec<u8>> =
            counts.iter().zip(kinds).map(|(count, kind)| vec![0xff; count * bytes_of(*kind)]).collect();
        let mut words: Vec<u64> = Vec::new();
        for (input, axes) in inputs.iter().zip(&kernel.strides) {
            words.push(input.bytes.as_ptr() as u64);
            words.extend(axes.iter().map(|axis| input.strides[*axis] as u64));
        }
        words.extend(memory.iter_mut().map(|memory| memory.as_mut_ptr() as u64));
        // SAFETY: the function was written by `compile` with this signature, and is given what the kernel says it takes.
        #[expect(unsafe_code, reason = "a function of a library is called")]
        let status = unsafe {
            let name = format!("launch_{}", kernel.name);
            let launch: Symbol<unsafe extern "C" fn(*const u64, u32, u32) -> i32> =
                self.loaded.get(name.as_bytes()).unwrap();
            launch(words.as_ptr(), kernel.blocks as u32, kernel.threads as u32)
        };
        assert_eq!(status, 0, "{}: some threads of a block wait for others that do not", kernel.name);
        memory.iter().zip(kinds).map(|(bytes, kind)| widened(bytes, *kind)).collect()
    }
}

/// The group in float64, by the kernels of the CPU.
fn exact(chain: &Chain, inputs: &[Given], counts: &[usize]) -> Vec<Vec<f64>> {
    let wide = Chain::new(chain.space().clone(), true, chain.steps().to_vec(), chain.outputs().to_vec());
    let mut outputs: Vec<Vec<f64>> = counts.iter().map(|count| vec![0.0; *count]).collect();
    let input = |given: &Given| Input {
        pointer: given.wide.as_ptr().cast(),
        kind: Kind::Float64,
        strides: given.strides.clone(),
    };
    let inputs: Vec<Input> = inputs.iter().map(input).collect();
    let outputs_at: Vec<Output> = outputs
        .iter_mut()
        .map(|memory| Output { pointer: memory.as_mut_ptr().cast(), kind: Kind::Float64 })
        .collect();
    // SAFETY: inputs and outputs have the sizes of the space.
    #[expect(unsafe_code, reason = "kernels read and write memory by pointers")]
    unsafe { wide.unwrap().run(Form::Portable, &inputs, &outputs_at) }.unwrap();
    outputs
}

/// Numbers between -1 and 1, or truth values; every other input lies in memory with its axes in the reverse order.
fn given(group: &Planned, kernel: &Kernel, at: usize) -> Given {
    let (sizes, kind) = (&group.chain().space().0, group.inputs()[at].kind);
    let mut axes = kernel.strides[at].clone();
    if at.is_multiple_of(2) {
        axes.reverse();
    }
    let (mut strides, mut count) = (vec![0isize; sizes.len()], 1);
    for axis in axes {
        strides[axis] = count as isize;
        count *= sizes[axis];
    }
    let mut state = (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::new();
    for _ in 0..count {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let value = (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0;
        match kind {
            Kind::Bool => bytes.push(u8::from(value > 0.0)),
            Kind::BFloat16 => bytes.extend(half::bf16::from_f64(value).to_le_bytes()),
            Kind::Float32 => bytes.extend((value as f32).to_le_bytes()),
            Kind::Float64 => bytes.extend(value.to_le_bytes()),
        }
    }
    let wide = widened(&bytes, kind);
    Given { bytes, wide, strides }
}

fn bytes_of(kind: Kind) -> usize {
    match kind {
        Kind::Bool => 1,
        Kind::BFloat16 => 2,
        Kind::Float32 => 4,
        Kind::Float64 => 8,
    }
}

fn widened(bytes: &[u8], kind: Kind) -> Vec<f64> {
    let one = |bytes: &[u8]| match kind {
        Kind::Bool => f64::from(bytes[0]),
        Kind::BFloat16 => half::bf16::from_le_bytes(bytes.try_into().unwrap()).to_f64(),
        Kind::Float32 => f64::from(f32::from_le_bytes(bytes.try_into().unwrap())),
        Kind::Float64 => f64::from_le_bytes(bytes.try_into().unwrap()),
    };
    bytes.chunks_exact(bytes_of(kind)).map(one).collect()
}
