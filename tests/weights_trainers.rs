//! State dicts inside the files of trainers are found whatever lies beside them (`golden/weights/trainers.py`) and whatever
//! the file was called when it was saved; published settings beside a checkpoint are the model's.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use totc::weights;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/weights").join(name)
}

/// The weights of every file, times `factor`.
fn assert_weights(name: &str, key: Option<&str>, found_under: &str, factor: f64) -> weights::Checkpoint {
    let read = weights::read(&fixture(&format!("trainer_{name}.pt")), key);
    let read = read.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(read.key, found_under, "{name}");
    let names: Vec<&str> = read.tensors.keys().map(String::as_str).collect();
    assert_eq!(names, ["net.weight", "net.bias"], "{name}");
    let counted: Vec<f64> = (0..6).map(|number| factor * f64::from(number)).collect();
    assert_eq!(read.tensors["net.weight"].numbers(), counted, "{name}");
    assert_eq!(read.tensors["net.bias"].numbers(), counted[..2], "{name}");
    read
}

#[test]
fn the_state_dict_is_found_in_every_trainers_file() {
    let cases = [
        ("tutorial", "model_state_dict", "optimizer_state_dict: the optimisers' state"),
        ("lightning", "state_dict", "lr_schedulers: the state of a learning-rate schedule"),
        ("urm", "model_state_dict", "rng_state: the state of random number generators"),
        ("shadow", "model", "ema: a moving average of the parameters (2 tensors); --key ema takes it"),
        ("step_tensor", "model", "step: a tensor []"),
        ("mean_std", "state_dict", "mean: a tensor [3]"),
        ("remaining", "remaining", "optimizer: the optimisers' state"),
    ];
    for (name, key, beside) in cases {
        let read = assert_weights(name, None, key, 1.0);
        let told: Vec<String> = read.beside.iter().map(|one| format!("{}: {}", one.name, one.what)).collect();
        assert!(told.iter().any(|line| line.starts_with(beside)), "{name}: {told:?}");
    }
}

#[test]
fn an_average_is_taken_by_its_name() {
    for key in ["ema", "ema.shadow"] {
        assert_weights("shadow", Some(key), "ema.shadow", 0.5);
    }
}

/// The published TRM's settings as its trainer saves them, shortened; the sizes are those of the fixture.
fn all_config(hidden: usize) -> String {
    format!(
        "arch:\n  H_cycles: 3\n  H_layers: 0\n  L_cycles: 4\n  L_layers: 2\n  expansion: 4\n  forward_dtype: bfloat16\n  \
         halt_exploration_prob: 0.1\n  halt_max_steps: 16\n  hidden_size: {hidden}\n  loss:\n    \
         loss_type: stablemax_cross_entropy\n    name: losses@ACTLossHead\n  mlp_t: false\n  \
         name: recursive_reasoning.trm@TinyRecursiveReasoningModel_ACTV1\n  num_heads: 4\n  pos_encodings: rope\n  \
         puzzle_emb_len: 3\n  puzzle_emb_ndim: 64\nbeta1: 0.9\ndata_paths:\n- data/sudoku\nema: true\n"
    )
}

#[test]
fn published_settings_beside_a_checkpoint_count() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    std::fs::copy(fixture("checkpoint.pth"), at("step_10")).unwrap();
    let tensors = weights::read(&at("step_10"), None).unwrap().tensors;
    let hidden = tensors["_orig_mod.model.inner.lm_head.weight"].shape[1];
    std::fs::write(at("all_config.yaml"), all_config(hidden)).unwrap();
    let import = |sets: &[&str], code: i32| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_totc"));
        // The fixture leaves the MLPs out.
        command.current_dir(place.path()).args(["import", "step_10", "--partial", "--out", "w.safetensors"]);
        command.arg("--model").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("models/trm.tot"));
        for set in sets {
            command.args(["--set", set]);
        }
        let output = command.output().unwrap();
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{text}");
        text
    };
    let told = import(&[], 0);
    assert!(told.contains("settings from all_config.yaml: arch.hidden_size: "), "{told}");
    let about = weights::WeightsAbout::read(&at("w.safetensors")).unwrap();
    let wanted = [
        ("T", "3"),
        ("n", "4"),
        ("heads", "4"),
        ("puzzle_tokens", "3"),
        ("puzzle_width", "64"),
        ("max_steps", "16"),
    ];
    for (name, value) in wanted {
        assert_eq!(about.configs[name], value, "{name}");
    }
    // The same again contradicts nothing.
    import(&["T=3", "mixing=attention", "expansion=4.0"], 0);
    let told = import(&["n=6"], 2);
    assert!(told.contains("`n` is set to 6, but all_config.yaml says `arch.L_cycles: 4`"), "{told}");
    std::fs::write(at("all_config.yaml"), "arch:\n  H_layers: 4\n  L_layers: 2\n").unwrap();
    assert!(import(&[], 3).contains("4 layers in one network and 2 in the other"));
    std::fs::write(at("all_config.yaml"), "arch: [").unwrap();
    assert!(import(&[], 3).contains("is no YAML"));
}

/// A checkpoint in the layout of URM's trainer (a tiny model of the published code, made with PyTorch 2.13.0) is found,
/// named and computed as there: three supervision steps.
#[cfg(feature = "torch")]
#[test]
fn urm_is_imported_and_computes_the_same() {
    let place = tempfile::tempdir().unwrap();
    let totc = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_totc"));
        command.current_dir(place.path()).args(args);
        for set in ["hidden=32", "heads=4", "layers=2", "loops=6", "backward=3"] {
            command.args(["--set", set]);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let text = |path: PathBuf| path.display().to_string();
    let model = text(Path::new(env!("CARGO_MANIFEST_DIR")).join("models/urm.tot"));
    let (file, inputs) = (text(fixture("urm_step_12345.pt")), text(fixture("urm_inputs.safetensors")));
    let told = totc(&["import", &file, "--model", &model, "--out", "w.safetensors"]);
    assert!(told.contains("names of URM") && told.contains("18 of 18 weights of Urm"), "{told}");
    assert!(told.contains("`step`: 12345"), "{told}");
    let sizes = ["--size", "symbol=6", "--size", "task=5", "--size", "cell=16", "--size", "batch=2"];
    let run = ["trace", &model, "--weights", "w.safetensors", "--inputs", &inputs, "--steps", "3"];
    totc(&[&run[..], &sizes, &["--out", "t.safetensors", "--device", "cpu", "--threads", "1"]].concat());
    let ours = weights::read(&place.path().join("t.safetensors"), None).unwrap().tensors;
    let theirs = weights::read(&fixture("urm_expected.safetensors"), None).unwrap().tensors;
    for step in 0..3 {
        for (name, published) in [("logits", "logits"), ("halt_logit", "halt")] {
            let ours = ours[&format!("step{}.value.{name}", step + 1)].numbers();
            let theirs = theirs[&format!("{published}{step}")].numbers();
            // Numbers of size 1 to 10 after 6 loops of 2 layers and 3 steps: some 300 roundings in a row of 6e-8, of which the
            // norm of each layer keeps the last few dozen; 1e-5 leaves room for other kernels.
            let apart = ours.iter().zip(&theirs).map(|(one, other)| (one - other).abs()).fold(0.0, f64::max);
            assert_eq!(ours.len(), theirs.len());
            assert!(apart < 1e-5, "{name} of step {}: {apart} apart", step + 1);
        }
    }
}

/// Everything in a zip archive, by name without its folder.
fn members(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let count = archive.len();
    let member = |at| {
        let mut file = archive.by_index(at).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        (file.name().unwrap().split_once('/').unwrap().1.to_owned(), bytes)
    };
    (0..count).map(member).collect()
}

/// A file as `torch.save` writes it under the name `folder`.pt: sizes behind the content, the directory, a zip64 record
/// that nothing needs, its locator, the end. (PyTorch 2.13.0; it also pads to multiples of 64, which readers do not see.)
fn saved_under(folder: &str, members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in members {
        let name = format!("{folder}/{name}");
        let offset = file.len() as u32;
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        let size = (bytes.len() as u32).to_le_bytes();
        let about = [crc.sum().to_le_bytes(), size, size].concat();
        let head = [0, 0, 8, 8, 0, 0, 0, 0, 0, 0];
        let length = (name.len() as u16).to_le_bytes();
        file.extend([&b"PK\x03\x04"[..], &head, &[0; 12], &length, &[0; 2], name.as_bytes(), bytes].concat());
        file.extend([&b"PK\x07\x08"[..], &about].concat());
        directory.extend([&b"PK\x01\x02\0\0"[..], &head, &about, &length, &[0; 12]].concat());
        directory.extend([&offset.to_le_bytes()[..], name.as_bytes()].concat());
    }
    let (begin, size, count) = (file.len() as u64, directory.len() as u64, members.len() as u64);
    file.extend(directory);
    let record = file.len() as u64;
    let numbers = |numbers: &[u64]| numbers.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>();
    file.extend([&b"PK\x06\x06"[..], &numbers(&[44]), &[0x1e, 3, 45, 0], &[0; 8]].concat());
    file.extend(numbers(&[count, count, size, begin]));
    file.extend([&b"PK\x06\x07\0\0\0\0"[..], &numbers(&[record]), &[1, 0, 0, 0]].concat());
    let count = (count as u16).to_le_bytes();
    let place = [(size as u32).to_le_bytes(), (begin as u32).to_le_bytes()].concat();
    file.extend([&b"PK\x05\x06\0\0\0\0"[..], &count, &count, &place, &[0; 2]].concat());
    file
}

/// PyTorch names the folder in the archive after the file, so the length of a name moves everything in it.
#[test]
fn the_length_of_a_files_name_does_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let members = members(&fixture("plain.pt"));
    let wanted = weights::read(&fixture("plain.pt"), None).unwrap().tensors;
    for length in 1..=64 {
        let path = folder.path().join("model.pt");
        std::fs::write(&path, saved_under(&"x".repeat(length), &members)).unwrap();
        let found = weights::read(&path, None).unwrap_or_else(|error| panic!("{length} letters: {error}"));
        assert_eq!(found.tensors, wanted, "{length} letters");
    }
}
