//! safetensors files: takes and gives arrays, never converts a number.

use super::about::WeightsAbout;
use super::array::{Array, Arrays, DType};
use super::error::WeightFileError;
use safetensors::tensor::{SafeTensors, TensorView, serialize};
use std::io::Write;
use std::path::Path;

/// All tensors of a file, sorted by name.
pub fn read(path: &Path) -> Result<Arrays, WeightFileError> {
    let bytes = std::fs::read(path).map_err(|cause| WeightFileError::system(path, cause))?;
    let file = SafeTensors::deserialize(&bytes)
        .map_err(|cause| WeightFileError::content(path, format!("not a safetensors file: {cause}")))?;
    let mut arrays = Arrays::new();
    for (name, view) in file.iter() {
        let Some(dtype) = DType::of_safetensors(view.dtype()) else {
            let what =
                format!("the tensor `{name}` is of {:?}, a type that totc does not read", view.dtype());
            return Err(WeightFileError::content(path, what));
        };
        arrays.insert(
            name.to_owned(),
            Array { dtype, shape: view.shape().to_vec(), data: view.data().to_vec() },
        );
    }
    arrays.sort_unstable_keys();
    Ok(arrays)
}

/// Writes a file that is whole at any time.
pub fn write(path: &Path, arrays: &Arrays) -> Result<(), WeightFileError> {
    write_about(path, arrays, &WeightsAbout::default())
}

/// The same, with what the weights say of themselves.
pub fn write_about(path: &Path, arrays: &Arrays, about: &WeightsAbout) -> Result<(), WeightFileError> {
    let mut views = Vec::with_capacity(arrays.len());
    for (name, array) in arrays {
        let view = TensorView::new(array.dtype.safetensors(), array.shape.clone(), &array.data);
        views.push((
            name,
            view.map_err(|cause| WeightFileError::content(path, format!("`{name}`: {cause}")))?,
        ));
    }
    let bytes = serialize(views, about.metadata())
        .map_err(|cause| WeightFileError::content(path, cause.to_string()))?;
    write_whole(path, &bytes)
}

/// A new file in `folder`, to be moved to its place once it is whole; the umask says who may read it.
pub fn aside(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".totc-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// Writes beside the file and moves it in, so that the file is whole at any time.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), WeightFileError> {
    let system = |cause| WeightFileError::system(path, cause);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(system)?;
    let mut aside = aside(folder).map_err(system)?;
    aside.write_all(bytes).and_then(|()| aside.as_file().sync_all()).map_err(system)?;
    aside.persist(path).map_err(|error| WeightFileError::system(path, error.error))?;
    Ok(())
}
