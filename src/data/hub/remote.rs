//! The hub over the network: takes addresses, gives lists and files; an interrupted file is gone on with, and none is kept
//! whose checksum is wrong.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use ureq::Agent;
use ureq::Body;
use ureq::http::Response;

use super::address::Address;
use super::entry::{Entry, Sum};
use crate::bytes::{escaped, hexadecimal};
use crate::data::DataError;

/// The hub, as its files are asked for.
pub struct Remote<'a> {
    endpoint: &'a str,
    token: Option<&'a str>,
    agent: Agent,
}

/// Pages of a list of files, of 1,000 names each.
const PAGES: usize = 1000;

/// Bytes of a page at most: 1,000 names with their sums take a third of a megabyte.
const PAGE: u64 = 16 << 20;

/// What any answer may take, and how many bytes must come in a second beyond it.
const SLOWEST: Duration = Duration::from_secs(120);
const BYTES_A_SECOND: u64 = 4_000;

/// A line of the hub's list of files.
#[derive(Deserialize)]
struct Listed {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    oid: String,
    #[serde(default)]
    size: u64,
    lfs: Option<Large>,
}

#[derive(Deserialize)]
struct Large {
    oid: String,
    size: u64,
}

impl<'a> Remote<'a> {
    /// The hub at `endpoint`.
    pub fn new(endpoint: &'a str, token: Option<&'a str>) -> Remote<'a> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(20)))
            .timeout_recv_response(Some(Duration::from_secs(60)))
            .user_agent(concat!("totc/", env!("CARGO_PKG_VERSION")))
            .build();
        Remote { endpoint, token, agent: Agent::new_with_config(config) }
    }

    /// Every file of a repository; the hub gives them in pages.
    pub fn list(&self, address: &Address) -> Result<Vec<Entry>, DataError> {
        let Address { owner, name, revision, .. } = address;
        let mut url =
            Some(format!("{}/api/datasets/{owner}/{name}/tree/{revision}?recursive=true", self.endpoint));
        let mut entries = Vec::new();
        let mut pages = 0;
        while let Some(page) = url.take() {
            pages += 1;
            if pages > PAGES || !self.is_own(&page) {
                let what = match pages > PAGES {
                    true => format!("the list of its files has more than {PAGES} pages"),
                    false => format!("its list of files goes on at another place than {}", self.endpoint),
                };
                let fix = "check HF_ENDPOINT, and whether a proxy answers in the hub's place".to_owned();
                return Err(DataError::Hub { address: address.to_string(), what, fix });
            }
            let mut response = self.get(address, &page, 0, PAGE)?;
            url = response.headers().get("link").and_then(|link| next_page(link.to_str().ok()?));
            let text = response.body_mut().with_config().limit(PAGE).read_to_vec();
            let text = text.map_err(|error| self.broken(address, &error))?;
            let listed: Vec<Listed> = serde_json::from_slice(&text).map_err(|error| DataError::Hub {
                address: address.to_string(),
                what: format!("what {} answers is no list of files ({error})", self.endpoint),
                fix: "check HF_ENDPOINT, and whether a proxy answers in the hub's place".to_owned(),
            })?;
            entries.extend(listed.into_iter().filter(|entry| entry.kind == "file").map(
                |entry| match entry.lfs {
                    Some(large) => Entry { path: entry.path, size: large.size, sum: Sum::Sha256(large.oid) },
                    None => Entry { path: entry.path, size: entry.size, sum: Sum::GitBlob(entry.oid) },
                },
            ));
        }
        Ok(entries)
    }

    /// Fetches a file to `place`: first beside it, and there only once its checksum is right.
    pub fn fetch(
        &self,
        address: &Address,
        entry: &Entry,
        place: &Path,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), DataError> {
        let part = PathBuf::from(format!("{}.part", place.display()));
        let failed = |cause| DataError::Write { path: part.clone(), cause };
        if let Some(folder) = place.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let there = std::fs::metadata(&part).map_or(0, |data| data.len());
        let begun = if there < entry.size { there } else { 0 };
        let Address { owner, name, revision, path, .. } = address;
        let url = format!("{}/datasets/{owner}/{name}/resolve/{revision}/{}", self.endpoint, escaped(path));
        let response = self.get(address, &url, begun, entry.size)?;
        let goes_on = begun > 0 && response.status().as_u16() == 206;
        let mut done = if goes_on { begun } else { 0 };
        let mut file = OpenOptions::new()
            .create(true)
            .write(true)
            .append(goes_on)
            .truncate(!goes_on)
            .open(&part)
            .map_err(failed)?;
        let mut from = response.into_body().into_reader();
        let mut buffer = vec![0; 1 << 18];
        loop {
            let read = from.read(&mut buffer).map_err(|error| self.broken(address, &error))?;
            if read == 0 {
                break;
            }
            file.write_all(&buffer[..read]).map_err(failed)?;
            done += read as u64;
            if done > entry.size {
                let _ = std::fs::remove_file(&part);
                return Err(DataError::Hub {
                    address: address.to_string(),
                    what: format!("more arrives than the {} bytes that the hub lists", entry.size),
                    fix: "run it again; if it stays so, somebody between you and the hub changes files"
                        .to_owned(),
                });
            }
            progress(done, entry.size);
        }
        file.sync_all().map_err(failed)?;
        drop(file);
        if done < entry.size {
            return Err(DataError::Hub {
                address: address.to_string(),
                what: format!("the connection ended after {done} of {} bytes", entry.size),
                fix: "run it again: it goes on from there".to_owned(),
            });
        }
        if !sum_of(&part, entry).map_err(failed)? {
            let _ = std::fs::remove_file(&part);
            return Err(DataError::Hub {
                address: address.to_string(),
                what: "what arrived has another checksum than the hub lists".to_owned(),
                fix: "run it again; if it stays so, somebody between you and the hub changes files"
                    .to_owned(),
            });
        }
        std::fs::rename(&part, place).map_err(failed)
    }

    /// Whether an address is one of the hub that was asked for: the token goes nowhere else.
    fn is_own(&self, url: &str) -> bool {
        url.strip_prefix(self.endpoint.trim_end_matches('/')).is_some_and(|path| path.starts_with('/'))
    }

    /// Asks for `bytes` bytes at most: an answer slower than a modem is given up.
    fn get(&self, address: &Address, url: &str, from: u64, bytes: u64) -> Result<Response<Body>, DataError> {
        let longest = SLOWEST + Duration::from_secs(bytes.saturating_sub(from) / BYTES_A_SECOND);
        let mut request = self.agent.get(url).config().timeout_global(Some(longest)).build();
        if let Some(token) = self.token.filter(|_| self.is_own(url)) {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        if from > 0 {
            request = request.header("Range", format!("bytes={from}-"));
        }
        let response = request.call().map_err(|error| self.unreachable(address, &error))?;
        let (what, fix) = match response.status().as_u16() {
            200..300 => return Ok(response),
            401 | 403 => (
                "it is not open to everybody",
                "ask for access on its page and set HF_TOKEN to a token of yours",
            ),
            404 => (
                "there is no such data set or revision",
                "check the spelling of owner, name and revision; a private one needs HF_TOKEN",
            ),
            429 => (
                "the hub has had too many requests from here",
                "wait a minute; with HF_TOKEN set it allows more",
            ),
            500.. => (
                "the hub has trouble of its own",
                "try again later; files already in the cache can be used with HF_HUB_OFFLINE=1",
            ),
            _ => ("the hub refuses", "check HF_ENDPOINT"),
        };
        let what = format!("{what} (HTTP status {})", response.status().as_u16());
        Err(DataError::Hub { address: address.to_string(), what, fix: fix.to_owned() })
    }

    fn unreachable(&self, address: &Address, error: &dyn std::fmt::Display) -> DataError {
        DataError::Hub {
            address: address.to_string(),
            what: format!("{} cannot be reached ({error})", self.endpoint),
            fix: "check the network, HTTPS_PROXY and HF_ENDPOINT; or fetch the file elsewhere and give its path instead"
                .to_owned(),
        }
    }

    fn broken(&self, address: &Address, error: &dyn std::fmt::Display) -> DataError {
        DataError::Hub {
            address: address.to_string(),
            what: format!("the connection broke off ({error})"),
            fix: "run it again: it goes on from there".to_owned(),
        }
    }
}

/// Whether a file has the size and checksum that the hub lists.
pub fn sum_of(path: &Path, entry: &Entry) -> std::io::Result<bool> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() != entry.size {
        return Ok(false);
    }
    Ok(match &entry.sum {
        Sum::Sha256(wanted) => {
            let mut hash = Sha256::new();
            std::io::copy(&mut file, &mut hash)?;
            hexadecimal(&hash.finalize()) == wanted.to_ascii_lowercase()
        }
        Sum::GitBlob(wanted) => {
            let mut hash = Sha1::new();
            hash.update(format!("blob {}\0", entry.size));
            std::io::copy(&mut file, &mut hash)?;
            hexadecimal(&hash.finalize()) == wanted.to_ascii_lowercase()
        }
    })
}

/// The address of the next page in a `Link` header.
fn next_page(link: &str) -> Option<String> {
    link.split(',').find_map(|part| {
        let (address, kind) = part.split_once(';')?;
        kind.contains("rel=\"next\"").then(|| address.trim().trim_matches(['<', '>']).to_owned())
    })
}

/// Writes a small file at once or not at all.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    let failed = |cause| DataError::Write { path: path.to_owned(), cause };
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut part = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    std::io::Write::write_all(&mut part, bytes).map_err(failed)?;
    part.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}
