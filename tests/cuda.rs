//! The CUDA C++ of fused groups without a GPU. As text: `cuda/CASE.tot` beside its kernels. As machine code: NVRTC compiles every
//! kernel of every shipped model (`tools/nvrtc.sh` fetches it). As arithmetic: a C++ compiler compiles the same text behind
//! `cuda/gpu.h`, where the threads of a block run one after the other, and what comes out is what the group is in float64.

#[path = "cuda/judge.rs"]
mod judge;
#[path = "cuda/nvrtc.rs"]
mod nvrtc;
#[path = "stages/subject.rs"]
mod subject;

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use judge::Judge;
use nvrtc::Nvrtc;
use subject::{Subject, files, published, variants};
use totc::ir::{Graph, Mode};
use totc::lower::chain::{Planned, plan};
use totc::lower::cuda::{self, Kernel};
use totc::lower::{self, InstrOp, Program};
use totc::pass;
use totc::types::Precision;

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cuda");
const SNAPSHOTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/cuda");
/// Ampere, Hopper, Blackwell.
const ARCHITECTURES: [u32; 3] = [80, 90, 100];

fn program(model: &Subject, mode: Mode, precision: Precision) -> Program {
    let graph = Graph { precision, ..model.graph(mode) };
    lower::program(&pass::run(graph, None).unwrap())
}

/// The program of a case, whose first line may be `// precision: NAME`.
fn case(path: &Path) -> (Subject, Program) {
    let case = Subject::case(path);
    let narrow = case.text.starts_with("// precision: bfloat16");
    let program = program(&case, case.mode, if narrow { Precision::BFloat16 } else { Precision::Float32 });
    (case, program)
}

/// The groups of programs and their kernels, each once; and how many groups had none.
fn kernels(programs: impl Iterator<Item = Program>) -> (Vec<(Planned, Kernel)>, usize) {
    let (mut found, mut known, mut without) = (Vec::new(), HashSet::new(), 0);
    for program in programs {
        cuda::each_group(&program.body, &mut |instr| {
            let InstrOp::Fused { body, yields, result_tys } = &instr.op else { return };
            let name = format!("fused_{}", found.len());
            let made =
                plan(body, yields, result_tys).and_then(|plan| Some((cuda::kernel(&plan, &name)?, plan)));
            match made {
                Some((kernel, plan)) => {
                    if known.insert(kernel.source.replace(&name, "fused")) {
                        found.push((plan, kernel));
                    }
                }
                None => without += 1,
            }
        });
    }
    (found, without)
}

fn programs(models: Vec<Subject>) -> impl Iterator<Item = Program> {
    models.into_iter().flat_map(|model| {
        let both = [Precision::Float32, Precision::BFloat16];
        let each = |mode| both.map(|precision| program(&model, mode, precision));
        [Mode::Training, Mode::Evaluation].map(each).into_iter().flatten().collect::<Vec<_>>()
    })
}

#[test]
fn kernels_are_as_reviewed() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(SNAPSHOTS);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.remove_input_file();
    settings.bind(|| {
        for path in files(Path::new(CASES)) {
            let (case, program) = case(&path);
            let shown = format!("{}\n────────\n\n{}", case.text, cuda::print(&program));
            insta::assert_snapshot!(case.name, shown);
        }
    });
}

#[test]
fn no_snapshot_is_orphaned() {
    let name = |path: &PathBuf| format!("{}.snap", path.file_stem().unwrap().to_string_lossy());
    let known: BTreeSet<String> = files(Path::new(CASES)).iter().map(name).collect();
    for entry in std::fs::read_dir(SNAPSHOTS).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        assert!(known.contains(&name) || name.ends_with(".snap.new"), "{name} has no case in {CASES}");
    }
}

/// NVRTC as `tools/nvrtc.sh` fetches it, or the system's.
fn compiler() -> Option<Nvrtc> {
    let fetched = Path::new(env!("CARGO_MANIFEST_DIR")).join(".nvrtc/libnvrtc.so.13");
    match Nvrtc::at(&fetched).or_else(|_| Nvrtc::load()) {
        Ok(nvrtc) => Some(nvrtc),
        Err(error) => {
            eprintln!("SKIPPED: no kernel was compiled for a GPU: {error}; `tools/nvrtc.sh` fetches it");
            None
        }
    }
}

/// At those of the tests, and TRM, HRM and ToTRM at their published sizes, where a row has several warps.
#[test]
fn nvrtc_takes_every_kernel_of_every_shipped_model() {
    let Some(nvrtc) = compiler() else { return };
    let mut large = published();
    large.retain(|model| ["trm.Trm", "hrm.Hrm", "totrm.ToTrm"].contains(&&*model.name));
    let (kernels, without) = kernels(programs(large).chain(programs(variants())));
    assert!(kernels.len() > 50, "only {} kernels", kernels.len());
    assert_eq!(without, 0, "groups without a kernel");
    let kernels: Vec<Kernel> = kernels.into_iter().map(|(_, kernel)| kernel).collect();
    for architecture in ARCHITECTURES {
        let cubin = nvrtc.compile(&cuda::module(&kernels), architecture).unwrap();
        assert_eq!(&cubin[..4], b"\x7fELF", "sm_{architecture}");
        for kernel in &kernels {
            let name = kernel.name.as_bytes();
            assert!(cubin.windows(name.len()).any(|part| part == name), "{} is not there", kernel.name);
        }
    }
}

#[test]
fn what_nvrtc_refuses_is_told() {
    let Some(nvrtc) = compiler() else { return };
    let said = nvrtc.compile("__global__ void f() { nothing(); }", 90).unwrap_err().to_string();
    assert!(said.contains("nothing"), "{said}");
}

/// Every kernel of every shipped model at tiny sizes, and of the cases.
#[test]
fn kernels_compute_what_groups_are_in_float64() {
    let cases = files(Path::new(CASES)).into_iter().map(|path| case(&path).1);
    let (kernels, without) = kernels(programs(variants()).chain(cases));
    assert_eq!(without, 0, "groups without a kernel");
    let text: Vec<Kernel> = kernels.iter().map(|(_, kernel)| kernel.clone()).collect();
    let Some(judge) = Judge::compile(&text) else { return };
    for (group, kernel) in &kernels {
        judge.hold(group, kernel);
    }
}
