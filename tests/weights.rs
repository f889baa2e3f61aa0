//! Weight files: what PyTorch wrote is read as it is (`golden/weights/make.py`), published names become totc's and back,
//! byte for byte; what does not fit is told, never changed.

#[path = "compile/mod.rs"]
mod compile;
#[path = "golden/names.rs"]
mod names;

use std::io::Read;
use std::path::{Path, PathBuf};

use totc::Values;
use totc::ir::Mode;
use totc::model::Bindings;
use totc::weights::{
    self, Array, Arrays, Chosen, DType, Difference, Import, Like, NameMap, Ours, Source, Taken,
    TransferError, Wish,
};

const PREFIX: &str = "_orig_mod.model.inner.";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn fixture(name: &str) -> PathBuf {
    root().join("tests/golden/weights").join(name)
}

fn read(path: &Path) -> Arrays {
    weights::read(path, None).unwrap_or_else(|error| panic!("{error}")).tensors
}

/// The weights of a model of `models/`.
fn model(file: &str, name: &str, sizes: &[(&str, usize)], sets: &[(&str, &str)]) -> Vec<Ours> {
    let bindings =
        Bindings { model: Some(name.to_owned()), ..compile::bindings(Mode::Training, sizes, sets) };
    let program = compile::file(&root().join("models").join(file), &bindings, Values::Dropped);
    Ours::all(&program.weights)
}

/// Imports with the shipped map that fits, and sizes as they are.
fn imported(tensors: &Arrays, ours: &[Ours], convert: bool) -> (Chosen, Import) {
    let chosen = weights::choose(None, ours, tensors.keys()).unwrap();
    let import = weights::import(tensors, &chosen, ours, convert);
    (chosen, import)
}

/// Pseudo-random numbers that differ at every place (a linear congruence).
fn noise(shape: &[usize], seed: u32) -> Array {
    let count: usize = shape.iter().product();
    let mut state = seed;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from_bits(0x3f80_0000 | state >> 9) - 1.5
    };
    Array::float32(shape.to_vec(), &(0..count).map(next).collect::<Vec<f32>>())
}

/// The published names and shapes of TRM with attention, or of ToTRM with FiLM and hierarchical attention.
fn published(hidden: usize, inner: usize, symbols: usize, tasks: usize, tree: bool) -> Arrays {
    let mut shapes: Vec<(String, Vec<usize>)> = Vec::new();
    let mut add = |name: &str, shape: &[usize]| shapes.push((format!("{PREFIX}{name}"), shape.to_vec()));
    if tree {
        add("token_query", &[1, 1, hidden]);
        add("branch_query", &[1, 1, hidden]);
        add("branch_embeddings", &[8, hidden]);
        add("branch_to_film.weight", &[2 * hidden, hidden]);
        add("branch_to_film.bias", &[2 * hidden]);
    }
    add("H_init", &[hidden]);
    add("L_init", &[hidden]);
    add("embed_tokens.embedding_weight", &[symbols, hidden]);
    add("lm_head.weight", &[symbols, hidden]);
    add("q_head.weight", &[2, hidden]);
    add("q_head.bias", &[2]);
    add("puzzle_emb.weights", &[tasks, hidden]);
    for layer in 0..2 {
        let mut add =
            |name: &str, shape: &[usize]| add(&format!("L_level.layers.{layer}.{name}.weight"), shape);
        add("self_attn.qkv_proj", &[3 * hidden, hidden]);
        add("self_attn.o_proj", &[hidden, hidden]);
        add("mlp.gate_up_proj", &[2 * inner, hidden]);
        add("mlp.down_proj", &[hidden, inner]);
    }
    let numbered = shapes.into_iter().zip(1u32..);
    numbered.map(|((name, shape), seed)| (name, noise(&shape, seed))).collect()
}

const TREE: &[(&str, &str)] = &[("fork_bias", "true"), ("combine", "hierarchical_attention")];

#[test]
fn what_pytorch_wrote_is_read_as_it_is() {
    let values = read(&fixture("values.safetensors"));
    assert_eq!(values.len(), 18);
    for name in ["views.pt", "views_legacy.pt"] {
        let mut views = read(&fixture(name));
        views.sort_unstable_keys();
        assert_eq!(views, values, "{name}");
    }
    // Written down in make.py.
    assert_eq!(values["long"].numbers(), [-(2f64.powi(40)), 300.0]);
    assert_eq!((values["truth"].dtype, values["truth"].numbers()), (DType::Bool, vec![1.0, 0.0]));
}

#[test]
fn the_state_dict_is_found_among_everything_else() {
    let path = fixture("checkpoint.pth");
    let whole = weights::read(&path, None).unwrap();
    let golden = read(&root().join("tests/golden/models/trm_att_rope.safetensors"));
    assert_eq!((whole.key.as_str(), whole.tensors.len()), ("model", 11));
    for (name, array) in &whole.tensors {
        assert_eq!(golden[&name.replace("_orig_mod.model.", "w.")], *array, "{name}");
    }
    let beside: Vec<String> = whole.beside.iter().map(|b| format!("{}: {}", b.name, b.what)).collect();
    let text = beside.join("\n");
    for part in [
        "optimizers: the optimisers' state",
        "step: 1000",
        "ema_helper: a moving average",
        "argparse.Namespace",
    ] {
        assert!(text.contains(part), "{text}");
    }
    // The average has no buffers: these are the model's own.
    let average = weights::read(&path, Some("ema_helper")).unwrap();
    assert_eq!(average.filled.as_ref().map(|(count, _)| *count), Some(3));
    for (name, array) in &average.tensors {
        let factor = if name.contains("_init") || name.contains("puzzle_emb") { 1.0 } else { 0.5 };
        let wanted: Vec<f64> = whole.tensors[name].numbers().iter().map(|number| factor * number).collect();
        assert_eq!(array.numbers(), wanted, "{name}");
    }
    let error = weights::read(&path, Some("emma")).unwrap_err().to_string();
    assert!(error.contains("no `emma`") && error.contains("`ema_helper`"), "{error}");
}

#[test]
fn files_without_weights_say_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let written = |name: &str, bytes: &[u8]| {
        std::fs::write(folder.path().join(name), bytes).unwrap();
        folder.path().join(name)
    };
    let cases = [
        (fixture("module.pt"), "torch.nn.modules.linear.Linear, which totc does not make"),
        (fixture("optimizers.pt"), "the optimisers' state"),
        (fixture("nowhere.pt"), "no such file"),
        (written("empty", b""), "an empty file"),
        (written("page", b"<!DOCTYPE html>"), "a web page"),
        (written("lfs", b"version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"),
        (written("plain.pkl", b"\x80\x04}."), "a pickle that `torch.save` did not write"),
        (written("zip", b"PK\x03\x04 and no more"), "a damaged zip archive"),
        (folder.path().to_owned(), "a folder without weights"),
    ];
    for (path, wanted) in cases {
        let error = weights::read(&path, None).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
        assert!(error.contains(&path.display().to_string()), "{error}");
    }
}

#[test]
fn a_pickle_runs_nothing() {
    let read = weights::read(&fixture("malice.pt"), None).unwrap();
    assert_eq!(read.tensors["a"].numbers(), [1.0, 1.0]);
    assert!(read.beside.iter().any(|beside| beside.what.contains("posix.mkdir, not made")));
    assert!(!Path::new("malice-was-run").exists());
}

#[test]
fn damaged_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.pt");
    for name in ["views.pt", "views_legacy.pt", "values.safetensors"] {
        let whole = std::fs::read(fixture(name)).unwrap();
        for length in (0..whole.len()).step_by(whole.len() / 60) {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(weights::read(&path, None).is_err(), "{name} cut to {length}");
        }
        // Whatever a changed byte does, it is no panic.
        for at in (0..whole.len()).step_by(whole.len() / 200) {
            let mut changed = whole.clone();
            changed[at] ^= 0x41;
            std::fs::write(&path, &changed).unwrap();
            let _ = weights::read(&path, None);
        }
    }
}

/// Everything in a zip archive, by name without its folder, and where its bytes begin.
fn unpacked(path: &Path) -> Vec<(String, Vec<u8>, u64)> {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let count = archive.len();
    let entry = |at| {
        let mut file = archive.by_index(at).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        let name = file.name().unwrap().split_once('/').unwrap().1.to_owned();
        let start = file.data_start().unwrap();
        (name, bytes, start)
    };
    (0..count).map(entry).collect()
}

#[test]
fn what_is_written_for_pytorch_is_what_pytorch_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plain.pt");
    weights::write_torch(&path, &read(&fixture("plain.pt"))).unwrap();
    let (theirs, ours) = (unpacked(&fixture("plain.pt")), unpacked(&path));
    assert!(ours.len() > 40);
    for (name, bytes, start) in &ours {
        let wanted = theirs.iter().find(|(known, ..)| known == name).map(|(_, bytes, _)| bytes);
        assert_eq!(wanted, Some(bytes), "{name}");
        assert_eq!(start % 64, 0, "{name}");
    }
    // PyTorch adds but a hash of the content.
    let only: Vec<&str> = theirs
        .iter()
        .filter(|(name, ..)| !ours.iter().any(|(known, ..)| known == name))
        .map(|(name, ..)| name.as_str())
        .collect();
    assert_eq!(only, [".data/serialization_id"]);
    // The same tensors, the same file.
    let first = std::fs::read(&path).unwrap();
    weights::write_torch(&path, &read(&path)).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), first);
}

/// Fixture, model file, model, family of names, configs.
type Case = (&'static str, &'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

/// Every fixture of the published code: all names are known, `golden/names.rs` (by which `tests/golden.rs` computes with
/// them) agrees, and what is exported is what was imported.
#[test]
fn every_published_model_goes_in_and_out() {
    let cases: &[Case] = &[
        (
            "trm_att_rope",
            "trm.tot",
            "Trm",
            "TRM",
            &[("n", "4"), ("puzzle_tokens", "3"), ("puzzle_width", "64")],
        ),
        (
            "trm_mlp_t",
            "trm.tot",
            "Trm",
            "TRM",
            &[("mixing", "mlp"), ("puzzle_tokens", "2"), ("puzzle_width", "96")],
        ),
        ("trm_att_learned", "trm.tot", "TrmLearnedPositions", "TRM", &[("puzzle_tokens", "1")]),
        ("hrm", "hrm.tot", "Hrm", "HRM", &[("layers", "2")]),
        ("totrm_mean", "totrm.tot", "TreeTrm", "ToTRM", &[("fork_bias", "true"), ("branchings", "2")]),
        (
            "totrm_hierarchical_attention",
            "totrm.tot",
            "TreeTrm",
            "ToTRM",
            &[("fork_bias", "true"), ("branchings", "2"), ("combine", "hierarchical_attention")],
        ),
        (
            "totrm_learned_weighted",
            "totrm.tot",
            "TreeTrm",
            "ToTRM",
            &[("fork_bias", "true"), ("branchings", "2"), ("combine", "learned_weights")],
        ),
        ("trm_hier6", "ablations.tot", "TrmSixLatents", "TRM", &[]),
        ("trm_singlez", "ablations.tot", "TrmSingleLatent", "TRM", &[]),
    ];
    for (fixture, file, name, family, sets) in cases {
        let golden = read(&root().join(format!("tests/golden/models/{fixture}.safetensors")));
        let weights_of = |(name, array): (&String, &Array)| {
            Some((format!("_orig_mod.model.{}", name.strip_prefix("w.")?), array.clone()))
        };
        let theirs: Arrays = golden.iter().filter_map(weights_of).collect();
        let hidden = theirs[&format!("{PREFIX}lm_head.weight")].shape[1].to_string();
        let mut all =
            vec![("hidden", hidden.as_str()), ("heads", "4"), ("puzzle_tokens", "1"), ("explore", "0")];
        all.extend_from_slice(sets);
        let sizes = [("symbol", 6), ("task", 5), ("cell", 16)];
        let ours = model(file, name, &sizes, &all);
        let (chosen, import) = imported(&theirs, &ours, false);
        assert!(import.is_complete(), "{fixture}: {import:#?}");
        assert_eq!((chosen.prefix.as_str(), chosen.map.family.as_str()), (PREFIX, *family), "{fixture}");
        assert_eq!(import.arrays.len(), ours.len());
        for matched in &import.matched {
            let short = matched.theirs.strip_prefix("_orig_mod.model.").unwrap();
            match matched.ours.as_slice() {
                [(path, _)] => {
                    assert_eq!(*path, names::path_of(short), "{fixture}");
                    assert_eq!(import.arrays[path].data, theirs[&matched.theirs].data, "{fixture}: {path}");
                }
                halves => {
                    let whole: Vec<u8> =
                        halves.iter().flat_map(|(path, _)| import.arrays[path].data.clone()).collect();
                    assert_eq!(whole, theirs[&matched.theirs].data, "{fixture}");
                }
            }
        }
        let mut back = weights::export(&import.arrays, &chosen, &ours, None).arrays;
        back.sort_unstable_keys();
        assert_eq!(back, theirs, "{fixture}");
    }
}

/// Seven million parameters, named as the published code names them, in and out again: every tensor byte for byte, and
/// the safetensors file whole.
#[test]
fn full_size_state_dicts_go_in_and_out() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for tree in [false, true] {
        let theirs = published(512, 1536, 11, 1001, tree);
        let elements: usize = theirs.values().map(Array::elements).sum();
        assert_eq!(elements, if tree { 7_872_002 } else { 7_341_570 });
        weights::write_safetensors(&at("theirs.safetensors"), &theirs).unwrap();
        let (file, name, sets) =
            if tree { ("totrm.tot", "TreeTrm", TREE) } else { ("trm.tot", "Trm", &[][..]) };
        let ours = model(file, name, &[("symbol", 11), ("task", 1001), ("cell", 81)], sets);
        let (chosen, import) = imported(&read(&at("theirs.safetensors")), &ours, false);
        assert!(import.is_complete());
        weights::write_safetensors(&at("ours.safetensors"), &import.arrays).unwrap();
        let export = weights::export(&read(&at("ours.safetensors")), &chosen, &ours, None);
        assert!(export.is_complete());
        weights::write_torch(&at("back.pth"), &export.arrays).unwrap();
        let mut back = read(&at("back.pth"));
        assert_eq!(back.len(), theirs.len());
        assert!(back.iter().all(|(name, array)| theirs[name] == *array));
        back.sort_unstable_keys();
        weights::write_safetensors(&at("back.safetensors"), &back).unwrap();
        let same = |a: &str, b: &str| std::fs::read(at(a)).unwrap() == std::fs::read(at(b)).unwrap();
        assert!(same("theirs.safetensors", "back.safetensors"));
    }
}

fn small(tree: bool) -> (Arrays, Vec<Ours>) {
    let theirs = published(8, 256, 6, 3, tree);
    let mut sets = vec![("hidden", "8"), ("heads", "2"), ("puzzle_tokens", "1")];
    let (file, name) = if tree { ("totrm.tot", "TreeTrm") } else { ("trm.tot", "Trm") };
    if tree {
        sets.extend_from_slice(TREE);
    }
    (theirs, model(file, name, &[("symbol", 6), ("task", 3), ("cell", 16)], &sets))
}

#[test]
fn no_type_is_changed_unasked() {
    let (mut theirs, ours) = small(false);
    let start = format!("{PREFIX}H_init");
    // As training in bfloat16 leaves the start vectors: 1.0, -1.5 and so on.
    let narrow: Vec<u8> = [0x3f80u16, 0xbfc0, 0x4000, 0, 1, 0x3e80, 0xc000, 0x4040]
        .iter()
        .flat_map(|b| b.to_le_bytes())
        .collect();
    theirs.insert(start.clone(), Array { dtype: DType::BFloat16, shape: vec![8], data: narrow.clone() });
    let (_, import) = imported(&theirs, &ours, false);
    assert_eq!(
        import.differences,
        [Difference::Type { theirs: start.clone(), ours: vec!["y0".to_owned()], found: DType::BFloat16 }]
    );
    assert!(!import.arrays.contains_key("y0"));
    let (chosen, import) = imported(&theirs, &ours, true);
    assert!(import.is_complete());
    assert_eq!(import.arrays["y0"].numbers()[..3], [1.0, -1.5, 2.0]);
    let how = import.matched.iter().find_map(|matched| matched.converted).unwrap();
    assert_eq!(how.to_string(), "bfloat16 to float32, exactly");
    // And back to what it was.
    let like = Like { tensors: &theirs, convert: false };
    assert_eq!(weights::export(&import.arrays, &chosen, &ours, Some(&like)).arrays, theirs);
    // Numbers that bfloat16 cannot hold are rounded only when asked for.
    let mut trained = import.arrays.clone();
    trained.insert("y0".to_owned(), noise(&[8], 7));
    let refused = weights::export(&trained, &chosen, &ours, Some(&like));
    assert!(
        refused.differences[0].contains("8 of its elements would be rounded"),
        "{:?}",
        refused.differences
    );
    let like = Like { tensors: &theirs, convert: true };
    assert!(weights::export(&trained, &chosen, &ours, Some(&like)).is_complete());
    // Integers are no weights.
    theirs.insert(start, Array { dtype: DType::Int64, shape: vec![8], data: vec![0; 64] });
    assert!(!imported(&theirs, &ours, true).1.is_complete());
}

#[test]
fn what_does_not_fit_is_told() {
    let (mut theirs, ours) = small(false);
    let rename = |arrays: &mut Arrays, from: &str, to: &str| {
        let array = arrays.shift_remove(&format!("{PREFIX}{from}")).unwrap();
        arrays.insert(format!("{PREFIX}{to}"), array);
    };
    rename(&mut theirs, "lm_head.weight", "head.weight");
    theirs.insert(format!("{PREFIX}q_head.bias"), noise(&[3], 1));
    theirs.insert(format!("{PREFIX}rotary_emb.cos_cached"), noise(&[4], 1));
    let (_, import) = imported(&theirs, &ours, false);
    assert_eq!(import.left_theirs, [(format!("{PREFIX}head.weight"), vec![6, 8])]);
    assert_eq!(import.left_ours, [("answer_head.weight".to_owned(), vec![6, 8])]);
    assert_eq!(import.not_weights[0].1, "totc computes it");
    let wanted = Difference::Shape {
        theirs: format!("{PREFIX}q_head.bias"),
        ours: vec!["halt_head.bias".to_owned()],
        found: vec![3],
        wanted: vec![2],
    };
    assert_eq!(import.differences, [wanted]);
    // Of ToTRM's names, TRM has those of TRM; and a map of one's own says what the shipped ones do not know.
    let (tree, _) = small(true);
    assert_eq!(imported(&tree, &ours, false).1.left_theirs.len(), 5);
    let map = NameMap::parse(
        "own.ron",
        r#"NameMap(family: "mine", extends: "trm", names: [(theirs: "head.weight", ours: "answer_head.weight")])"#,
    );
    let chosen = weights::choose(Some(map.unwrap()), &ours, theirs.keys()).unwrap();
    assert!(weights::import(&theirs, &chosen, &ours, false).left_ours.is_empty());
    for (text, wanted) in [
        ("NameMap(family: \"a\", names: [(theirs: \"a\")])", "needs either `ours` or `stacked`"),
        ("NameMap(family: \"a\", names: [(theirs: \"a.{i}\", ours: \"b\")])", "numbers left open"),
        ("NameMap(family: \"a\",\n names: 3)", "own.ron:2:"),
    ] {
        let error = NameMap::parse("own.ron", text).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
}

fn source(tensors: Arrays) -> Source {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("source.safetensors");
    weights::write_safetensors(&path, &tensors).unwrap();
    Source::read(&path).unwrap()
}

#[test]
fn a_tree_starts_from_a_trm() {
    let (theirs, trm) = small(false);
    let (_, trained) = imported(&theirs, &trm, false);
    let sets = [("hidden", "8"), ("heads", "2"), ("puzzle_tokens", "1")];
    let tree = model("totrm.tot", "ToTrm", &[("symbol", 6), ("task", 5), ("cell", 16)], &sets);
    // From totc's weights and from the published checkpoint alike.
    for tensors in [trained.arrays.clone(), theirs] {
        let plan = weights::plan(&source(tensors), &Wish::default(), &tree).unwrap();
        for (path, array) in &trained.arrays {
            match plan.taken[path] {
                Taken::Whole { .. } => assert_eq!(plan.arrays[path], *array, "{path}"),
                Taken::Mean { rows, .. } => assert_eq!((path.as_str(), rows), ("prompt.rows", 3)),
            }
        }
        // Three rows there, five here: each the mean of the three.
        let rows = trained.arrays["prompt.rows"].numbers();
        let mean: Vec<f64> =
            (0..8).map(|i| f64::from(((rows[i] + rows[8 + i] + rows[16 + i]) / 3.0) as f32)).collect();
        let reset = &plan.arrays["prompt.rows"];
        assert_eq!(reset.shape, [5, 8]);
        assert!(reset.numbers().chunks(8).all(|row| row == mean));
        assert!(plan.fresh.iter().all(|path| path.starts_with("differ.") || path.starts_with("combiner.")));
        assert_eq!(plan.fresh.len() + plan.taken.len(), tree.len());
        assert!(plan.left.is_empty());
    }
}

#[test]
fn a_start_that_does_not_fit_is_refused() {
    let (theirs, trm) = small(false);
    let trained = source(imported(&theirs, &trm, false).1.arrays);
    let sizes = [("symbol", 6), ("task", 3), ("cell", 16)];
    let refused = |wish: &Wish, ours: &[Ours]| match weights::plan(&trained, wish, ours) {
        Err(TransferError::Refused { field, what, .. }) => format!("{field}: {what}"),
        other => panic!("{other:?}"),
    };
    let wide = model("trm.tot", "Trm", &sizes, &[("hidden", "16"), ("heads", "2"), ("puzzle_tokens", "1")]);
    let text = refused(&Wish::default(), &wide);
    assert!(text.starts_with("init.from") && text.contains("`embed.weight` needs [6, 16]"), "{text}");
    let text = refused(&Wish { fresh: vec!["halt_heed.*"], ..Wish::default() }, &trm);
    assert!(text.starts_with("init.fresh") && text.contains("`halt_heed.*`"), "{text}");
    let text = refused(&Wish { names: vec![("g.*", "f.*")], ..Wish::default() }, &trm);
    assert!(text.starts_with("init.names: `g.*` is no weight of this model"), "{text}");
    // The second network of the ablation from the first of TRM; the halting head anew.
    let sets = [("hidden", "8"), ("heads", "2"), ("puzzle_tokens", "1")];
    let two = model("trm.tot", "TrmTwoNets", &sizes, &sets);
    let wish = Wish { names: vec![("g.*", "f.*")], fresh: vec!["halt_head.*"], ..Wish::default() };
    let plan = weights::plan(&trained, &wish, &two).unwrap();
    let qkv = "layers.1.attention.qkv.weight";
    assert_eq!(plan.arrays[&format!("g.{qkv}")], plan.arrays[&format!("f.{qkv}")]);
    assert_eq!(plan.fresh, ["halt_head.weight", "halt_head.bias"]);
    assert_eq!(plan.left.len(), 2);
}
