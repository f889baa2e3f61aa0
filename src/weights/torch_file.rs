//! Files of `torch.save`: a zip archive (since 1.6) of one pickle and its storages. Takes a file, gives the pickle and
//! the bytes of any storage; unpacks nothing that is not asked for.

use super::array::{Array, DType};
use super::error::WeightFileError;
use super::legacy;
use super::pickle::{self, Pickle, View};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use zip::ZipArchive;
use zip::read::{ArchiveOffset, Config};
use zip::result::ZipError;

/// A file of `torch.save` whose pickle has been read.
pub struct TorchFile {
    /// What was pickled; the bytes of storages are read on demand.
    pub pickle: Pickle,
    path: PathBuf,
    storages: Storages,
    /// Bytes that tensors may still take up.
    left: usize,
}

/// PyTorch writes a zip64 record between the directory and its end, so a directory looked for by its size alone is looked
/// for 76 bytes late: with a folder name of 21 letters that is where its second entry begins.
const FROM_THE_START: Config = Config { archive_offset: ArchiveOffset::Known(0) };

enum Storages {
    /// The archive and the folder inside that holds everything.
    Zip(Box<ZipArchive<BufReader<File>>>, String),
    /// The whole file, and where each storage lies in it.
    Legacy(legacy::Storages),
}

impl TorchFile {
    /// Opens a file of PyTorch 1.6 and later, a zip archive.
    ///
    /// # Errors
    /// A file that is unreadable, damaged, a TorchScript module or big-endian.
    pub fn open_zip(path: &Path) -> Result<TorchFile, WeightFileError> {
        let damaged = |cause: ZipError| {
            WeightFileError::content(path, format!("a damaged zip archive ({cause}); was it copied whole?"))
        };
        let file = File::open(path).map_err(|cause| WeightFileError::system(path, cause))?;
        let mut archive = ZipArchive::with_config(FROM_THE_START, BufReader::new(file)).map_err(damaged)?;
        let folder = archive
            .file_names()
            .flatten()
            .find_map(|name| name.strip_suffix("data.pkl").map(str::to_owned))
            .ok_or_else(|| {
                WeightFileError::content(path, "a zip archive, but not of `torch.save`: it holds no data.pkl")
            })?;
        if archive.index_for_name(&format!("{folder}constants.pkl")).is_some() {
            return Err(WeightFileError::content(
                path,
                "a TorchScript module, not a state dict; in Python, save `module.state_dict()` with `torch.save`",
            ));
        }
        let order = format!("{folder}byteorder");
        if archive.index_for_name(&order).is_some() && member(path, &mut archive, &order)?.starts_with(b"big")
        {
            return Err(WeightFileError::content(
                path,
                "written on a big-endian machine, which is not supported",
            ));
        }
        let bytes = member(path, &mut archive, &format!("{folder}data.pkl"))?;
        let pickle = pickle::read(&bytes)
            .map_err(|what| WeightFileError::content(path, format!("its data.pkl cannot be read: {what}")))?;
        let left = budget(path)?;
        let storages = Storages::Zip(Box::new(archive), folder);
        Ok(TorchFile { pickle, path: path.to_owned(), storages, left })
    }

    /// Opens a file of PyTorch before 1.6, pickles one after the other.
    ///
    /// # Errors
    /// A file that is unreadable or damaged.
    pub fn open_legacy(path: &Path) -> Result<TorchFile, WeightFileError> {
        let (pickle, storages) = legacy::open(path)?;
        let left = budget(path)?;
        Ok(TorchFile { pickle, path: path.to_owned(), storages: Storages::Legacy(storages), left })
    }

    /// The elements of a tensor, row-major.
    pub fn array(&mut self, name: &str, view: &View) -> Result<Array, WeightFileError> {
        let path = self.path.clone();
        let refuse = |what: String| WeightFileError::content(&path, format!("the tensor `{name}` {what}"));
        let Some(dtype) = view.storage.dtype else {
            return Err(refuse(format!("is of {}, a type that totc does not read", view.storage.class)));
        };
        let wanted = view.shape.iter().try_fold(dtype.size(), |bytes, size| bytes.checked_mul(*size));
        let Some(left) = wanted.and_then(|bytes| self.left.checked_sub(bytes)) else {
            return Err(refuse(format!(
                "asks for more memory than a file of this size can need: {TIMES} times as much"
            )));
        };
        self.left = left;
        let whole = self.bytes(view)?;
        if whole.len() < view.storage.len.saturating_mul(dtype.size()) {
            return Err(refuse("has fewer bytes than it says; was the file copied whole?".to_owned()));
        }
        gather(dtype, view, &whole).ok_or_else(|| refuse("reaches past the end of its storage".to_owned()))
    }

    fn bytes(&mut self, view: &View) -> Result<Vec<u8>, WeightFileError> {
        match &mut self.storages {
            Storages::Zip(archive, folder) => {
                member(&self.path, archive, &format!("{folder}data/{}", view.storage.key))
            }
            Storages::Legacy(storages) => storages.bytes(&self.path, &view.storage.key),
        }
    }
}

/// Bytes of tensors for each byte of a file; tensors may share a storage, and strides of 0 repeat elements.
const TIMES: usize = 64;
/// Bytes of tensors that any file may hold.
const ALWAYS: usize = 16 << 20;

/// Bytes that the tensors of a file may take up in all.
fn budget(path: &Path) -> Result<usize, WeightFileError> {
    let length = std::fs::metadata(path).map_err(|cause| WeightFileError::system(path, cause))?.len();
    Ok(usize::try_from(length).unwrap_or(usize::MAX).saturating_mul(TIMES).saturating_add(ALWAYS))
}

fn member(
    path: &Path,
    archive: &mut ZipArchive<BufReader<File>>,
    name: &str,
) -> Result<Vec<u8>, WeightFileError> {
    let refuse = |cause: &dyn std::fmt::Display| {
        WeightFileError::content(
            path,
            format!("`{name}` in it cannot be read ({cause}); was it copied whole?"),
        )
    };
    let most = budget(path)? as u64;
    let entry = archive.by_name(name).map_err(|cause| refuse(&cause))?;
    let mut bytes = Vec::new();
    entry.take(most + 1).read_to_end(&mut bytes).map_err(|cause| refuse(&cause))?;
    if bytes.len() as u64 > most {
        return Err(refuse(&format!("it unpacks to more than {TIMES} times the file")));
    }
    Ok(bytes)
}

/// Elements by offset and strides; None where they lie outside the storage.
fn gather(dtype: DType, view: &View, whole: &[u8]) -> Option<Array> {
    let View { storage, offset, shape, strides } = view;
    if shape.len() != strides.len() {
        return None;
    }
    let size = dtype.size();
    let count = shape.iter().try_fold(1usize, |count, size| count.checked_mul(*size))?;
    let done = |data: Vec<u8>| Array { dtype, shape: shape.clone(), data };
    if count == 0 {
        return Some(done(Vec::new()));
    }
    let span = shape
        .iter()
        .zip(strides)
        .try_fold(0usize, |span, (size, stride)| span.checked_add((size - 1).checked_mul(*stride)?))?;
    if offset.checked_add(span)? >= storage.len {
        return None;
    }
    let row_major = shape.iter().zip(strides).rev().try_fold(1usize, |expected, (size, stride)| {
        (*size == 1 || *stride == expected).then_some(expected * size)
    });
    if row_major.is_some() {
        return Some(done(whole.get(offset * size..(offset + count) * size)?.to_vec()));
    }
    let mut data = Vec::with_capacity(count * size);
    let mut index = vec![0usize; shape.len()];
    for _ in 0..count {
        let at: usize = offset + index.iter().zip(strides).map(|(i, stride)| i * stride).sum::<usize>();
        data.extend_from_slice(whole.get(at * size..(at + 1) * size)?);
        for (i, size) in index.iter_mut().zip(shape).rev() {
            *i += 1;
            if *i < *size {
                break;
            }
            *i = 0;
        }
    }
    Some(done(data))
}
