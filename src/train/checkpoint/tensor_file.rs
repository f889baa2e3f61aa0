//! Files of named tensors: takes and gives exact bytes in the safetensors format; never converts a number.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use indexmap::IndexMap;
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use tch::{Device, Kind, TchError, Tensor};

use super::CheckpointError;
use crate::weights::WeightsAbout;

/// Writes weights with what they say of themselves; a file of that name is whole at any time.
///
/// # Errors
/// A file that cannot be written.
pub fn write_weights(
    path: &Path,
    tensors: &IndexMap<String, Tensor>,
    about: &WeightsAbout,
) -> Result<(), CheckpointError> {
    let failed = |cause| CheckpointError::Write { path: path.to_owned(), cause };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed)?;
    let aside = crate::weights::aside(folder).map_err(failed)?;
    let list: Vec<_> = tensors.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect();
    write_bytes(aside.path(), &bytes(path, &list, about.metadata())?)?;
    aside.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// The tensors as the bytes of a file; `path` names it in errors.
pub fn bytes(
    path: &Path,
    tensors: &[(String, Tensor)],
    metadata: Option<HashMap<String, String>>,
) -> Result<Vec<u8>, CheckpointError> {
    let mut buffers = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        let bytes = bytes_of(tensor).map_err(|cause| CheckpointError::tensor(path, name, cause))?;
        let shape: Vec<usize> = tensor.size().iter().map(|size| *size as usize).collect();
        buffers.push((name, dtype_of(path, name, tensor.kind())?, shape, bytes));
    }
    let mut views = Vec::with_capacity(buffers.len());
    for (name, dtype, shape, bytes) in &buffers {
        let view = TensorView::new(*dtype, shape.clone(), bytes);
        views.push((name.as_str(), view.map_err(|cause| CheckpointError::format(path, cause))?));
    }
    serialize(views, metadata).map_err(|cause| CheckpointError::format(path, cause))
}

/// Writes bytes to a new file and waits until the disk has them.
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), CheckpointError> {
    let write = || {
        let mut file = BufWriter::new(File::create(path)?);
        file.write_all(bytes)?;
        file.into_inner().map_err(|error| error.into_error())?.sync_all()
    };
    write().map_err(|cause| CheckpointError::Write { path: path.to_owned(), cause })
}

/// All tensors of a file's bytes, on the CPU.
pub fn tensors(path: &Path, bytes: &[u8]) -> Result<IndexMap<String, Tensor>, CheckpointError> {
    let file = SafeTensors::deserialize(bytes).map_err(|cause| CheckpointError::format(path, cause))?;
    let mut tensors = IndexMap::new();
    for (name, view) in file.tensors() {
        let shape: Vec<i64> = view.shape().iter().map(|size| *size as i64).collect();
        let tensor = Tensor::f_from_data_size(view.data(), &shape, kind_of(path, &name, view.dtype())?);
        tensors.insert(name.clone(), tensor.map_err(|cause| CheckpointError::tensor(path, &name, cause))?);
    }
    Ok(tensors)
}

fn bytes_of(tensor: &Tensor) -> Result<Vec<u8>, TchError> {
    let tensor = tensor.f_to_device(Device::Cpu)?.f_contiguous()?;
    let count = tensor.numel();
    let mut bytes = vec![0; count * tensor.f_kind()?.elt_size_in_bytes()];
    tensor.f_copy_data_u8(&mut bytes, count)?;
    Ok(bytes)
}

const KINDS: &[(Kind, Dtype)] = &[
    (Kind::Float, Dtype::F32),
    (Kind::Double, Dtype::F64),
    (Kind::BFloat16, Dtype::BF16),
    (Kind::Half, Dtype::F16),
    (Kind::Int64, Dtype::I64),
    (Kind::Int, Dtype::I32),
    (Kind::Bool, Dtype::BOOL),
];

fn dtype_of(path: &Path, name: &str, kind: Kind) -> Result<Dtype, CheckpointError> {
    let found = KINDS.iter().find(|(known, _)| *known == kind).map(|(_, dtype)| *dtype);
    found.ok_or_else(|| {
        CheckpointError::format(path, format!("tensor `{name}` holds {kind:?}, which is never saved"))
    })
}

fn kind_of(path: &Path, name: &str, dtype: Dtype) -> Result<Kind, CheckpointError> {
    let found = KINDS.iter().find(|(_, known)| *known == dtype).map(|(kind, _)| *kind);
    found.ok_or_else(|| {
        CheckpointError::format(path, format!("tensor `{name}` holds {dtype:?}, which is never saved"))
    })
}
