//! Addresses of the hub: takes and gives text such as `hf://datasets/OWNER/NAME@REVISION/FILE`.

use std::fmt;
use std::path::{Component, Path};
use std::str::FromStr;

use crate::data::DataError;

/// What every address begins with.
pub const SCHEME: &str = "hf://datasets/";

/// A data-set repository of the hub, and a file in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The account.
    pub owner: String,
    /// The repository.
    pub name: String,
    /// Branch, tag or commit.
    pub revision: String,
    /// Path inside the repository; empty for the whole of it.
    pub path: String,
}

impl FromStr for Address {
    type Err = DataError;

    /// Reads `OWNER/NAME`, with or without the scheme, a revision (`@v1`) and a path behind.
    fn from_str(text: &str) -> Result<Address, DataError> {
        let refuse = |what: &str| {
            Err(DataError::Hub {
                address: text.to_owned(),
                what: what.to_owned(),
                fix: format!(
                    "write OWNER/NAME, or {SCHEME}OWNER/NAME/FILE, with @REVISION behind the name for another than main"
                ),
            })
        };
        let rest = text.strip_prefix(SCHEME).unwrap_or(text);
        if rest.contains("://") {
            return refuse("this is no address of a data set on the hub");
        }
        let mut parts = rest.splitn(3, '/');
        let (Some(owner), Some(name)) = (parts.next(), parts.next()) else {
            return refuse("an address names an owner and a data set");
        };
        let (name, revision) = name.split_once('@').unwrap_or((name, "main"));
        let path = parts.next().unwrap_or_default().trim_end_matches('/');
        let word = |text: &str| {
            !text.is_empty()
                && !text.starts_with('.')
                && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        if ![owner, name, revision].into_iter().all(word) {
            return refuse("owner, name and revision are letters, digits, `-`, `_` and `.`");
        }
        if !path.is_empty() && !plain(path) {
            return refuse("the path leaves the repository");
        }
        let own = |text: &str| text.to_owned();
        Ok(Address { owner: own(owner), name: own(name), revision: own(revision), path: own(path) })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "{SCHEME}{}/{}", self.owner, self.name)?;
        if self.revision != "main" {
            write!(out, "@{}", self.revision)?;
        }
        if self.path.is_empty() { Ok(()) } else { write!(out, "/{}", self.path) }
    }
}

/// Whether a path stays inside its folder.
pub(super) fn plain(path: &str) -> bool {
    !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}
