//! Weight files of others and of totc: takes PyTorch checkpoints and safetensors, gives arrays by name, pairs them with
//! a model's weights by a name map, and writes them back; knows neither libtorch nor training.

mod about;
mod array;
mod checkpoint;
mod error;
mod export;
mod import;
mod legacy;
mod name_map;
mod pair;
mod pattern;
mod pickle;
mod published;
mod safe;
mod sizes;
mod state_dict;
mod sums;
mod torch_file;
mod torch_write;
mod transfer;
pub use about::WeightsAbout;
pub use array::{Array, Arrays, Converted, DType};
pub use checkpoint::{Beside, Checkpoint, Format, fingerprint, locate, read};
pub use error::WeightFileError;
pub use export::{Export, Like, export};
pub use import::{Difference, Import, Matched, import};
pub use name_map::{FAMILIES, NameMap, NameMapError};
pub use pair::{Chosen, Concrete, Ours, choose};
pub use published::{PublishedSetting, PublishedSettings};
pub use safe::{aside, write as write_safetensors, write_about as write_safetensors_about};
pub use sizes::infer as infer_sizes;
pub use sums::{DAMAGED, Sums, as_written, hash};
pub use torch_write::write as write_torch;
pub use transfer::{Source, Taken, Transfer, TransferError, Wish, plan};
