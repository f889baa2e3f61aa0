//! Data sets of the Hugging Face hub: takes `hf://datasets/OWNER/NAME/FILE`, gives a file of the cache whose checksum is
//! right; fetches what the cache lacks, once.
//!
//! The cache holds `datasets/OWNER/NAME/REVISION/FILE` and, beside the files of a revision, the list that the hub gave of
//! them. The usual variables are followed: `HF_ENDPOINT`, `HF_TOKEN`, `HF_HUB_OFFLINE`, `HF_HOME`.

mod address;
mod entry;
// A build without files and network has the same calls, which refuse.
#[cfg_attr(not(feature = "system"), path = "no_remote.rs")]
mod remote;

use std::path::{Path, PathBuf};

use crate::diagnostic::suggestion;

pub use address::Address;
pub use entry::{Entry, Sum};

use address::plain;
use remote::{Remote, write};

use super::DataError;

/// Where data sets come from and where they are kept.
#[derive(Clone, Debug)]
pub struct Hub {
    endpoint: String,
    token: Option<String>,
    cache: PathBuf,
    offline: bool,
}

const LIST: &str = ".files.json";

impl Hub {
    /// The hub as the environment describes it.
    pub fn from_environment() -> Hub {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let home = variable("HOME").map(PathBuf::from).unwrap_or_default();
        let own = variable("HF_HOME").map(|folder| PathBuf::from(folder).join("totc"));
        let shared =
            || variable("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from).join("totc");
        Hub {
            endpoint: variable("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".to_owned()),
            token: variable("HF_TOKEN"),
            cache: own.unwrap_or_else(shared),
            offline: variable("HF_HUB_OFFLINE").is_some_and(|value| value != "0"),
        }
    }

    /// A hub at `endpoint` with its cache in `cache`.
    pub fn at(endpoint: &str, cache: &Path) -> Hub {
        Hub {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            token: None,
            cache: cache.to_owned(),
            offline: false,
        }
    }

    /// The same hub, without asking it for anything: only the cache is used.
    pub fn offline(self) -> Hub {
        Hub { offline: true, ..self }
    }

    /// The same hub, with a cache in another folder.
    pub fn cached_in(self, cache: &Path) -> Hub {
        Hub { cache: cache.to_owned(), ..self }
    }

    /// The folder that holds the files of a repository at a revision.
    pub fn folder(&self, address: &Address) -> PathBuf {
        self.cache.join("datasets").join(&address.owner).join(&address.name).join(&address.revision)
    }

    /// The files of a repository, as the hub lists them now; offline, as it did last.
    pub fn files(&self, address: &Address) -> Result<Vec<Entry>, DataError> {
        let list = self.folder(address).join(LIST);
        if self.offline {
            let known = std::fs::read(&list).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
            return known.ok_or_else(|| self.missing(address, "nothing of it is in the cache"));
        }
        let entries = self.remote().list(address)?;
        if let Some(bad) = entries.iter().find(|entry| !plain(&entry.path)) {
            return Err(DataError::Hub {
                address: address.to_string(),
                what: format!("it lists a file at `{}`, outside its own folder", bad.path),
                fix: "do not trust this repository".to_owned(),
            });
        }
        // Its files lie beside the list that totc keeps, and beside their own beginnings.
        let own =
            |path: &str| path.eq_ignore_ascii_case(LIST) || path.to_ascii_lowercase().ends_with(".part");
        if let Some(bad) = entries.iter().find(|entry| own(&entry.path)) {
            return Err(DataError::Hub {
                address: address.to_string(),
                what: format!("it lists a file `{}`, a name that totc uses for itself", bad.path),
                fix: "fetch what you need elsewhere and give its path instead".to_owned(),
            });
        }
        let text = serde_json::to_vec_pretty(&entries).unwrap_or_default();
        write(&list, &text)?;
        Ok(entries)
    }

    /// The file of an address, from the cache or else from the hub. A file of the cache is taken as it is, so a run
    /// neither needs the network nor changes when a branch moves; `refresh` asks again.
    ///
    /// `progress` is told the bytes that are there and the bytes in all.
    pub fn file(&self, address: &Address, progress: &mut dyn FnMut(u64, u64)) -> Result<PathBuf, DataError> {
        let place = self.folder(address).join(&address.path);
        if place.is_file() {
            return Ok(place);
        }
        if self.offline {
            return Err(self.missing(address, "it is not in the cache"));
        }
        let entries = self.files(address)?;
        let Some(entry) = entries.iter().find(|entry| entry.path == address.path) else {
            let paths = || entries.iter().map(|entry| entry.path.as_str());
            let fix = suggestion(&address.path, paths()).unwrap_or_else(|| match entries.len() {
                0 => "the repository is empty".to_owned(),
                _ => format!("it has {}", paths().take(8).collect::<Vec<_>>().join(", ")),
            });
            let what = "the repository has no such file".to_owned();
            return Err(DataError::Hub { address: address.to_string(), what, fix });
        };
        self.refresh(address, entry, progress)
    }

    /// Fetches a file unless the cache holds it with the right checksum.
    pub fn refresh(
        &self,
        address: &Address,
        entry: &Entry,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<PathBuf, DataError> {
        let address = Address { path: entry.path.clone(), ..address.clone() };
        let place = self.folder(&address).join(&entry.path);
        if place.is_file() && remote::sum_of(&place, entry).is_ok_and(|right| right) {
            return Ok(place);
        }
        if self.offline {
            return Err(self.missing(&address, "it is not in the cache, or not as the hub had it"));
        }
        self.remote().fetch(&address, entry, &place, progress)?;
        Ok(place)
    }

    fn remote(&self) -> Remote<'_> {
        Remote::new(&self.endpoint, self.token.as_deref())
    }

    fn missing(&self, address: &Address, what: &str) -> DataError {
        DataError::Hub {
            address: address.to_string(),
            what: format!("{what} ({}), and this is offline mode", self.folder(address).display()),
            fix: "fetch it where there is a network with `totc data download`, or unset HF_HUB_OFFLINE"
                .to_owned(),
        }
    }
}

/// The file that a setting names: a path from `base`, or an address of the hub.
pub fn locate(base: &Path, setting: &Path) -> Result<PathBuf, DataError> {
    let Some(address) = setting.to_str().filter(|text| text.starts_with(address::SCHEME)) else {
        return Ok(base.join(setting));
    };
    Hub::from_environment().file(&address.parse()?, &mut |_, _| ())
}
