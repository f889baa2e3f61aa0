//! Weights by path: made from a seed, loaded from and saved to safetensors. A name, shape or data type that does
//! not fit is an error, never changed silently.

use crate::ir::WeightInfo;
use crate::ir::op::Init;
use indexmap::IndexMap;
use std::path::{Path, PathBuf};
use tch::{Device, Kind, Tensor};

/// The tensors of a model by declared path, float32. None is on libtorch's tape.
#[derive(Debug)]
pub struct Weights {
    /// By declared path, in order of declaration; axes in memory order.
    pub tensors: IndexMap<String, Tensor>,
}

/// Why weights cannot be read or written; each names the file.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file cannot be opened, read or written.
    #[error("{path}: {cause}")]
    File {
        /// The weight file.
        path: PathBuf,
        /// What the file system or the format says.
        cause: String,
    },
    /// The model declares a weight that the file lacks.
    #[error("{path}: the weight `{name}` is missing{near}; were these weights made for another model?")]
    Missing {
        /// The weight file.
        path: PathBuf,
        /// The declared path.
        name: String,
        /// A similar name of the file, as the end of the sentence; empty without one.
        near: String,
    },
    /// The file has a tensor that the model does not declare.
    #[error("{path}: `{name}` is no weight of this model{near}")]
    Unexpected {
        /// The weight file.
        path: PathBuf,
        /// The name in the file.
        name: String,
        /// A similar path of the model, as the end of the sentence; empty without one.
        near: String,
    },
    /// The sizes differ, in memory order.
    #[error("{path}: `{name}` has shape {found:?}, the model needs {wanted:?}")]
    Shape {
        /// The weight file.
        path: PathBuf,
        /// The declared path.
        name: String,
        /// Sizes in the file, outermost first.
        found: Vec<i64>,
        /// Sizes of the model, outermost first.
        wanted: Vec<i64>,
    },
    /// The elements are not float32.
    #[error("{path}: `{name}` is {found}, the model needs float32; convert it first")]
    Type {
        /// The weight file.
        path: PathBuf,
        /// The declared path.
        name: String,
        /// The type of the elements in the file.
        found: String,
    },
}

impl Weights {
    /// Fresh weights. Each is drawn from the seed and its own path, so that an added net changes no other.
    pub fn init(infos: &[WeightInfo], seed: u64, device: Device) -> Weights {
        let tensors = infos.iter().map(|info| (info.path.clone(), initial(info, seed, device))).collect();
        Weights { tensors }
    }

    /// Reads all weights of `infos` from a safetensors file.
    ///
    /// # Errors
    /// A file that cannot be read, and any name, shape or data type that differs.
    pub fn load(path: &Path, infos: &[WeightInfo], device: Device) -> Result<Weights, WeightsError> {
        let file = |cause: String| WeightsError::File { path: path.to_owned(), cause };
        if !path.exists() {
            return Err(file("there is no such file".to_owned()));
        }
        let bytes = std::fs::read(path).map_err(|error| file(error.to_string()))?;
        safetensors::SafeTensors::deserialize(&bytes)
            .map_err(|error| file(format!("not a safetensors file: {error}")))?;
        let stored: Vec<(String, Tensor)> =
            Tensor::read_safetensors(path).map_err(|error| file(format!("cannot be read: {error}")))?;
        let names: Vec<&str> = stored.iter().map(|(name, _)| name.as_str()).collect();
        let near =
            |name: &str, known: &[&str]| match crate::diagnostic::did_you_mean(name, known.iter().copied()) {
                Some(near) => format!(" (there is `{near}`)"),
                None => String::new(),
            };
        let wanted: Vec<&str> = infos.iter().map(|info| info.path.as_str()).collect();
        if let Some(name) = names.iter().find(|name| !wanted.contains(name)) {
            return Err(WeightsError::Unexpected {
                path: path.to_owned(),
                name: (*name).to_owned(),
                near: near(name, &wanted),
            });
        }
        let mut tensors = IndexMap::new();
        for info in infos {
            let Some((name, tensor)) = stored.iter().find(|(name, _)| *name == info.path) else {
                return Err(WeightsError::Missing {
                    path: path.to_owned(),
                    name: info.path.clone(),
                    near: near(&info.path, &names),
                });
            };
            if tensor.kind() != Kind::Float {
                let found = format!("{:?}", tensor.kind()).to_lowercase();
                return Err(WeightsError::Type { path: path.to_owned(), name: name.clone(), found });
            }
            if tensor.size() != info.shape {
                let (found, wanted) = (tensor.size(), info.shape.clone());
                return Err(WeightsError::Shape { path: path.to_owned(), name: name.clone(), found, wanted });
            }
            tensors.insert(info.path.clone(), tensor.to_device(device).copy());
        }
        Ok(Weights { tensors })
    }

    /// Writes all weights, atomically: a file of that name is whole at any time.
    pub fn save(&self, path: &Path) -> Result<(), WeightsError> {
        let file = |cause: String| WeightsError::File { path: path.to_owned(), cause };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|error| file(error.to_string()))?;
        let aside = tempfile::Builder::new()
            .prefix(".totc-weights-")
            .suffix(".safetensors")
            .tempfile_in(folder)
            .map_err(|error| file(error.to_string()))?;
        let tensors: Vec<(&str, Tensor)> = self
            .tensors
            .iter()
            .map(|(name, tensor)| (name.as_str(), tensor.to_device(Device::Cpu).contiguous()))
            .collect();
        Tensor::write_safetensors(&tensors, aside.path()).map_err(|error| file(error.to_string()))?;
        std::fs::File::open(aside.path())
            .and_then(|written| written.sync_all())
            .map_err(|error| file(error.to_string()))?;
        aside.persist(path).map_err(|error| file(error.to_string()))?;
        Ok(())
    }

    /// The tensor of a declared path; None where there is none.
    pub fn get(&self, path: &str) -> Option<&Tensor> {
        self.tensors.get(path)
    }
}

fn initial(info: &WeightInfo, seed: u64, device: Device) -> Tensor {
    // libtorch's generator is seeded from the seed and the path; every draw after this is reseeded likewise.
    tch::manual_seed((seed ^ crate::random::fnv1a(info.path.bytes())) as i64);
    let options = (Kind::Float, Device::Cpu);
    let tensor = match info.init {
        Init::Constant(value) => Tensor::full(&info.shape[..], value, options),
        Init::Normal { std } => Tensor::randn(&info.shape[..], options) * std,
        Init::TruncatedNormal { std } => truncated_normal(&info.shape) * std,
        Init::Uniform { low, high } => Tensor::rand(&info.shape[..], options) * (high - low) + low,
    };
    tensor.to_kind(Kind::Float).to_device(device)
}

/// Normal cut at ±2, rescaled so that its standard deviation is 1 (factor 1.13685 over the parent's), drawn by the
/// inverse of the distribution function as the published code does.
fn truncated_normal(shape: &[i64]) -> Tensor {
    const WITHIN_TWO: f64 = 0.954_499_736_103_641_6;
    const RESCALE: f64 = 1.136_847_040_413_123_4;
    let uniform = Tensor::rand(shape, (Kind::Double, Device::Cpu));
    let centred = (uniform * 2.0 - 1.0) * WITHIN_TWO;
    (centred.erfinv() * (2.0f64.sqrt() * RESCALE)).clamp(-2.0 * RESCALE, 2.0 * RESCALE)
}
