//! The hub where there is neither network nor file system, such as a page in a browser: takes what `remote` takes, and
//! refuses.

use super::address::Address;
use super::entry::Entry;
use crate::data::DataError;
use std::io::{Error, ErrorKind};
use std::marker::PhantomData;
use std::path::Path;

/// A hub that cannot be reached.
pub struct Remote<'a>(PhantomData<&'a str>);

impl<'a> Remote<'a> {
    /// The hub at `endpoint`, if there were a network.
    pub fn new(_endpoint: &'a str, _token: Option<&'a str>) -> Remote<'a> {
        Remote(PhantomData)
    }

    /// Refuses.
    pub fn list(&self, address: &Address) -> Result<Vec<Entry>, DataError> {
        Err(refused(address))
    }

    /// Refuses.
    pub fn fetch(
        &self,
        address: &Address,
        _entry: &Entry,
        _place: &Path,
        _progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), DataError> {
        Err(refused(address))
    }
}

fn refused(address: &Address) -> DataError {
    DataError::Hub {
        address: address.to_string(),
        what: "this build of totc has no network".to_owned(),
        fix: "use the command line for it".to_owned(),
    }
}

/// No file is as the hub lists it.
pub fn sum_of(_path: &Path, _entry: &Entry) -> std::io::Result<bool> {
    Ok(false)
}

/// Refuses.
pub fn write(path: &Path, _bytes: &[u8]) -> Result<(), DataError> {
    Err(DataError::Write { path: path.to_owned(), cause: Error::from(ErrorKind::Unsupported) })
}
