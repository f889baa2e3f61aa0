//! A weight file of any format: takes a path, gives its tensors by name, where in the file they were, and what else it
//! holds; opens everything, runs nothing.

use super::array::Arrays;
use super::error::WeightFileError;
use super::legacy;
use super::safe;
use super::state_dict::{self, StateDict};
use super::torch_file::TorchFile;
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What a weight file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The safetensors format.
    SafeTensors,
    /// `torch.save` since PyTorch 1.6.
    TorchZip,
    /// `torch.save` before.
    TorchLegacy,
}

impl fmt::Display for Format {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.write_str(match self {
            Format::SafeTensors => "safetensors",
            Format::TorchZip => "PyTorch",
            Format::TorchLegacy => "PyTorch, the format before 1.6",
        })
    }
}

/// Something in a checkpoint that is no weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// Its key in the file.
    pub name: String,
    /// What it is, in words.
    pub what: String,
}

/// The weights of a file.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The file (of a folder: the one in it).
    pub path: PathBuf,
    /// How it is written.
    pub format: Format,
    /// Names of the dicts around the weights, joined by dots; empty for the file itself.
    pub key: String,
    /// Tensors by name.
    pub tensors: Arrays,
    /// Tensors that were taken from another dict than `key`, as a moving average has none of them, with that dict.
    pub filled: Option<(usize, String)>,
    /// What else the file holds.
    pub beside: Vec<Beside>,
}

/// Names that published training scripts give to the weights in a folder of a checkpoint.
const IN_A_FOLDER: &[&str] = &[
    "checkpoint/ema.safetensors",
    "checkpoint/weights.safetensors",
    "ema.safetensors",
    "weights.safetensors",
    "model.pt",
    "model.safetensors",
    "pytorch_model.bin",
];

/// The weight file at `path`, or in the folder at `path`: of a totc run the averaged weights where it has them.
pub fn locate(path: &Path) -> Result<PathBuf, WeightFileError> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    IN_A_FOLDER.iter().map(|name| path.join(name)).find(|file| file.is_file()).ok_or_else(|| {
        WeightFileError::content(
            path,
            "a folder without weights: neither a checkpoint of totc nor a model.pt is in it",
        )
    })
}

/// Reads the weights of a file. `key` chooses among several state dicts (`ema_helper`).
pub fn read(path: &Path, key: Option<&str>) -> Result<Checkpoint, WeightFileError> {
    let path = &locate(path)?;
    // A weight file of a checkpoint must be as it was written.
    if path.with_file_name(super::sums::Sums::NAME).is_file() {
        super::sums::as_written(path, &fingerprint(path)?)?;
    }
    match format(path)? {
        Format::SafeTensors => {
            if let Some(key) = key {
                let what = format!("a safetensors file holds one set of tensors; it has no `{key}`");
                return Err(WeightFileError::content(path, what));
            }
            let tensors = safe::read(path)?;
            let (format, key) = (Format::SafeTensors, String::new());
            Ok(Checkpoint { path: path.clone(), format, key, tensors, filled: None, beside: Vec::new() })
        }
        format @ Format::TorchZip => from_torch(path, TorchFile::open_zip(path)?, format, key),
        format @ Format::TorchLegacy => from_torch(path, TorchFile::open_legacy(path)?, format, key),
    }
}

fn format(path: &Path) -> Result<Format, WeightFileError> {
    let mut start = Vec::new();
    let file = File::open(path).map_err(|cause| WeightFileError::system(path, cause))?;
    file.take(512).read_to_end(&mut start).map_err(|cause| WeightFileError::system(path, cause))?;
    if start.starts_with(b"PK\x03\x04") {
        return Ok(Format::TorchZip);
    }
    if start.starts_with(legacy::MAGIC) {
        return Ok(Format::TorchLegacy);
    }
    if start.get(8) == Some(&b'{') {
        return Ok(Format::SafeTensors);
    }
    let what = if start.is_empty() {
        "an empty file"
    } else if start.get(257..262) == Some(b"ustar") {
        "a tar archive of a PyTorch before 0.1.10; load it in Python and save it again with `torch.save`"
    } else if start.starts_with(b"version https://git-lfs") {
        "a Git LFS pointer, not the weights themselves; fetch them with `git lfs pull`"
    } else if start.starts_with(b"<") {
        "a web page, not a weight file; was the download refused?"
    } else if start.first() == Some(&0x80) {
        "a pickle that `torch.save` did not write; load it in Python and save its state dict with `torch.save`"
    } else {
        "neither a file of `torch.save` nor safetensors"
    };
    Err(WeightFileError::content(path, what))
}

fn from_torch(
    path: &Path,
    mut file: TorchFile,
    format: Format,
    key: Option<&str>,
) -> Result<Checkpoint, WeightFileError> {
    let found = state_dict::find(&file.pickle);
    if found.is_empty() {
        let what = format!("holds no state dict, but {}", state_dict::describe_root(&file.pickle));
        return Err(WeightFileError::content(path, what));
    }
    let refuse = |what: String| WeightFileError::content(path, what);
    let chosen = state_dict::choose(&found, key).map_err(refuse)?.clone();
    let beside = state_dict::beside(&file.pickle, &found, &chosen);
    let mut tensors = Arrays::new();
    take(&mut file, &chosen, &mut tensors)?;
    let filled = match state_dict::choose(&found, None) {
        // A moving average covers parameters only; start vectors and tables are as they are in the model.
        Ok(whole) if key.is_some() && whole.key != chosen.key => {
            let before = tensors.len();
            take(&mut file, whole, &mut tensors)?;
            Some((tensors.len() - before, whole.place())).filter(|(count, _)| *count > 0)
        }
        _ => None,
    };
    let beside = beside.into_iter().map(|(name, what)| Beside { name, what }).collect();
    Ok(Checkpoint { path: path.to_owned(), format, key: chosen.key.join("."), tensors, filled, beside })
}

/// Adds the tensors of a dict that are not there yet.
fn take(file: &mut TorchFile, dict: &StateDict, into: &mut Arrays) -> Result<(), WeightFileError> {
    for (name, view) in &dict.tensors {
        if !into.contains_key(name) {
            let array = file.array(name, view)?;
            into.insert(name.clone(), array);
        }
    }
    Ok(())
}

/// SHA-256 of a file, in hexadecimal.
pub fn fingerprint(path: &Path) -> Result<String, WeightFileError> {
    let system = |cause| WeightFileError::system(path, cause);
    let mut file = File::open(path).map_err(system)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = file.read(&mut buffer).map_err(system)?;
        if count == 0 {
            break;
        }
        hash.update(buffer.get(..count).unwrap_or_default());
    }
    Ok(crate::bytes::hexadecimal(&hash.finalize()))
}
