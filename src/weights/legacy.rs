//! Files of `torch.save` before PyTorch 1.6 (and of `_use_new_zipfile_serialization=False`): pickles and raw storages one
//! after the other.

use super::array::DType;
use super::error::WeightFileError;
use super::pickle::{self, Pickle, Value};
use indexmap::IndexMap;
use std::ops::Range;
use std::path::Path;

/// What such a file begins with: a pickle of the number 0x1950a86a20f9469cfc6c.
pub const MAGIC: &[u8] =
    &[0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, b'.'];

/// The whole file, and where each storage lies in it.
pub struct Storages {
    bytes: Vec<u8>,
    places: IndexMap<String, Range<usize>>,
}

impl Storages {
    /// The bytes of the storage `key`, as the file has them.
    ///
    /// # Errors
    /// A storage that the file lacks.
    pub fn bytes(&self, path: &Path, key: &str) -> Result<Vec<u8>, WeightFileError> {
        let found = self.places.get(key).and_then(|place| self.bytes.get(place.clone()));
        found.map(<[u8]>::to_vec).ok_or_else(|| {
            WeightFileError::content(
                path,
                format!("the storage `{key}` is missing; was the file copied whole?"),
            )
        })
    }
}

/// Reads the pickle of a file that begins with [`MAGIC`], and finds its storages.
pub fn open(path: &Path) -> Result<(Pickle, Storages), WeightFileError> {
    let bytes = std::fs::read(path).map_err(|cause| WeightFileError::system(path, cause))?;
    let refuse = |what: String| {
        WeightFileError::content(path, format!("a file of an old `torch.save` that cannot be read: {what}"))
    };
    let mut at = 0;
    let mut next = || -> Result<Pickle, WeightFileError> {
        let read = pickle::read(bytes.get(at..).unwrap_or(&[])).map_err(refuse)?;
        at += read.length;
        Ok(read)
    };
    let (_magic, version, machine) = (next()?, next()?, next()?);
    if *version.root() != Value::Int(1001) {
        return Err(refuse("it is of another version of the format".to_owned()));
    }
    if entry(&machine, "little_endian") == Some(&Value::Bool(false)) {
        return Err(refuse("it was written on a big-endian machine, which is not supported".to_owned()));
    }
    let (saved, keys) = (next()?, next()?);
    let Value::List(ids) = keys.root() else { return Err(refuse("its storages are not listed".to_owned())) };
    let sizes = element_sizes(&saved);
    let mut places = IndexMap::new();
    for id in ids {
        let key = keys.text(*id).unwrap_or("").to_owned();
        let short = || refuse(format!("the storage `{key}` ends too early; was the file copied whole?"));
        let count = bytes.get(at..at + 8).and_then(|count| count.try_into().ok()).map(u64::from_le_bytes);
        // A storage that no known tensor uses: where it ends is not known, nor is it of use.
        let Some(size) = sizes.get(&key) else { break };
        let length =
            count.and_then(|count| usize::try_from(count).ok()?.checked_mul(*size)).ok_or_else(short)?;
        let end = (at + 8).checked_add(length).filter(|end| *end <= bytes.len()).ok_or_else(short)?;
        places.insert(key, at + 8..end);
        at = end;
    }
    Ok((saved, Storages { bytes, places }))
}

fn entry<'a>(pickle: &'a Pickle, name: &str) -> Option<&'a Value> {
    let Value::Dict(entries) = pickle.root() else { return None };
    entries.iter().find(|(key, _)| pickle.text(*key) == Some(name)).map(|(_, value)| pickle.get(*value))
}

/// Bytes of an element of each storage that the pickle names.
fn element_sizes(pickle: &Pickle) -> IndexMap<String, usize> {
    let known = |value: &Value| match value {
        Value::Storage(storage) => Some((storage.key.clone(), storage.dtype.map(DType::size)?)),
        _ => None,
    };
    pickle.values().iter().filter_map(known).collect()
}
