//! `totc export RUN|FILE --to pytorch DIR`: model.py, its weights, the script that compares it, and a page.

use super::import::world;
use super::subject::{Choice, Subject};
use super::{Failure, Outcome};
use crate::Values;
use crate::export::pytorch::{self, Published};
use crate::ir::{Graph, Mode};
use crate::model_file::ModelFile;
use crate::types::Precision;
use crate::weights::{self, Arrays, Chosen, FAMILIES, NameMap, Ours};
use std::path::Path;

/// Writes the folder. `choice` says the model, `tensors` are its weights by path, read from `source`.
pub fn write(form: &str, folder: &Path, choice: &Choice, tensors: &Arrays, source: &Path) -> Outcome {
    if form != "pytorch" {
        let message = format!("there is no export to `{form}`; give `--to pytorch FOLDER`");
        return Err(Failure::Usage(message));
    }
    let mut subject = Subject::load(choice)?;
    let model = subject.model_file.model(Mode::Training)?;
    let found = weights::infer_sizes(&model, Some(NameMap::own()), tensors).map_err(world)?;
    subject.model_file.bindings.sizes.extend(found);
    let graph = graph(&mut subject.model_file)?;
    let names = published(&graph);
    let module = pytorch::module(&graph, &names).map_err(|error| Failure::Internal(error.to_string()))?;
    let mut kept = Arrays::default();
    for (path, name) in &module.weights {
        let array = tensors.get(path).ok_or_else(|| {
            let source = source.display();
            Failure::World(format!("{source}: `{path}`, a weight of {}, is missing in it", graph.model))
        })?;
        let wanted = graph.weights.iter().find(|weight| weight.path == *path);
        let shape: Vec<usize> =
            wanted.map(|weight| weight.dims.iter().map(|dim| dim.size).collect()).unwrap_or_default();
        if array.shape != shape {
            return Err(Failure::World(format!(
                "{}: `{path}` has the shape {:?}, that of {} has {shape:?}; give its settings by --set and --size",
                source.display(),
                array.shape,
                graph.model
            )));
        }
        kept.insert(name.clone(), array.clone());
    }
    make(folder)?;
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|cause| Failure::World(format!("{}: {cause}", path.display())))
    };
    weights::write_torch(&folder.join("weights.pt"), &kept).map_err(world)?;
    file("model.py", &module.text)?;
    file("compare.py", pytorch::COMPARE)?;
    file("README.md", &pytorch::readme(&graph))?;
    println!(
        "{}: {} in {} lines of model.py, {} weights",
        folder.display(),
        graph.model,
        module.text.lines().count(),
        kept.len()
    );
    Ok(())
}

/// The step of evaluation as it is exported: as the checker made it, in float32, with what answers need.
fn graph(model_file: &mut ModelFile) -> Result<Graph, Failure> {
    model_file.bindings.precision = Precision::Float32;
    Ok(model_file.graph(Mode::Evaluation, Values::Answers, Some("build"))?)
}

/// The names of the published code that has names for most weights, if it has them for four in five: what is another model
/// keeps its own.
fn published(graph: &Graph) -> Published {
    let ours: Vec<Ours> = graph
        .weights
        .iter()
        .map(|weight| Ours {
            path: weight.path.clone(),
            axes: weight.dims.iter().map(|dim| graph.axes.name(dim.axis).to_owned()).collect(),
            shape: weight.dims.iter().map(|dim| dim.size).collect(),
            role: weight.role,
        })
        .collect();
    let pairs = |family: &&str| {
        let map = NameMap::shipped(family).ok()?;
        let pairs = Chosen::of(map, &ours, []).ok()?.pairs;
        // Of several weights that are one in the published code none can have its name.
        Some(pairs.into_iter().filter(|pair| pair.ours.len() == 1).collect::<Vec<_>>())
    };
    // Of families with as many names the first, which is the simplest.
    let best = FAMILIES.iter().filter_map(pairs).rev().max_by_key(Vec::len).unwrap_or_default();
    if 5 * best.len() < 4 * ours.len() {
        return Published::default();
    }
    let paths: Vec<&str> = ours.iter().map(|weight| weight.path.as_str()).collect();
    Published::of(best.iter().map(|pair| (pair.theirs.as_str(), paths[pair.ours[0]])), &paths)
}

/// The folder, which must be new, empty, or one that was written before.
fn make(folder: &Path) -> Outcome {
    let shown = folder.display();
    if folder.is_dir() {
        let mut entries =
            std::fs::read_dir(folder).map_err(|cause| Failure::World(format!("{shown}: {cause}")))?;
        if entries.next().is_some() && !folder.join("model.py").is_file() {
            let message = format!("{shown} is there already and holds other files; give another folder");
            return Err(Failure::Usage(message));
        }
        return Ok(());
    }
    std::fs::create_dir_all(folder).map_err(|cause| Failure::World(format!("{shown}: {cause}")))
}
