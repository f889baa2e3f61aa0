//! Folders that are replaced whole: takes a way to fill a new folder, puts it in the old one's place; whatever moment
//! the process or the power dies at, a complete folder remains.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::CheckpointError;

/// Where the new folder is filled, and where the old one waits for its end.
struct Beside {
    new: PathBuf,
    old: PathBuf,
}

impl Beside {
    fn of(folder: &Path) -> Beside {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Beside {
            new: folder.with_file_name(format!(".{name}.new")),
            old: folder.with_file_name(format!(".{name}.old")),
        }
    }
}

/// Replaces `folder` by one that `fill` has filled. `fill` must leave its files synced.
///
/// Order: fill and sync the new folder, set the old one aside, move the new one in, remove the old one. The old folder
/// is set aside only when the new one is complete, which is what [`settle`] relies on.
pub fn replace(
    folder: &Path,
    fill: impl FnOnce(&Path) -> Result<(), CheckpointError>,
) -> Result<(), CheckpointError> {
    settle(folder)?;
    let beside = Beside::of(folder);
    let parent = parent_of(folder);
    failing(folder, fs::create_dir_all(&parent))?;
    failing(&beside.new, fs::create_dir(&beside.new))?;
    if let Err(error) = fill(&beside.new).and_then(|()| failing(&beside.new, sync(&beside.new))) {
        // A full disk is the likeliest cause: what was written so far only takes up room.
        let _ = fs::remove_dir_all(&beside.new);
        return Err(error);
    }
    failing(&parent, sync(&parent))?;
    if folder.exists() {
        failing(folder, fs::rename(folder, &beside.old))?;
    }
    failing(folder, fs::rename(&beside.new, folder))?;
    failing(&parent, sync(&parent))?;
    failing(&beside.old, remove(&beside.old))
}

/// Ends a replacement that was cut off. Only the process that writes the folder may call this.
pub fn settle(folder: &Path) -> Result<(), CheckpointError> {
    let beside = Beside::of(folder);
    if !folder.exists() && beside.old.exists() {
        let complete = if beside.new.exists() { &beside.new } else { &beside.old };
        failing(folder, fs::rename(complete, folder))?;
        failing(folder, sync(&parent_of(folder)))?;
    }
    failing(&beside.new, remove(&beside.new))?;
    failing(&beside.old, remove(&beside.old))
}

/// Where a complete folder lies just now, for those who only read: `folder`, or the one about to take its place.
pub fn complete(folder: &Path) -> PathBuf {
    let beside = Beside::of(folder);
    if folder.exists() || !beside.old.exists() {
        folder.to_owned()
    } else if beside.new.exists() {
        beside.new
    } else {
        beside.old
    }
}

fn parent_of(folder: &Path) -> PathBuf {
    match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn failing(path: &Path, result: io::Result<()>) -> Result<(), CheckpointError> {
    result.map_err(|cause| CheckpointError::Write { path: path.to_owned(), cause })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, text: &str) {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("a"), text).unwrap();
    }

    fn content(folder: &Path) -> String {
        fs::read_to_string(folder.join("a")).unwrap()
    }

    fn fill(text: &'static str) -> impl FnOnce(&Path) -> Result<(), CheckpointError> {
        move |path| failing(path, fs::write(path.join("a"), text))
    }

    #[test]
    fn a_folder_is_replaced_and_nothing_is_left_beside() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("run/checkpoint");
        replace(&folder, fill("1")).unwrap();
        replace(&folder, fill("2")).unwrap();
        assert_eq!(content(&folder), "2");
        assert_eq!(fs::read_dir(root.path().join("run")).unwrap().count(), 1);
    }

    #[test]
    fn a_failure_keeps_the_old_folder_and_makes_room() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("checkpoint");
        replace(&folder, fill("1")).unwrap();
        let full = |path: &Path| {
            write(path, "half");
            failing(path, Err(io::Error::from(io::ErrorKind::StorageFull)))
        };
        let error = replace(&folder, full).unwrap_err().to_string();
        assert!(error.contains("free some room"), "{error}");
        assert_eq!(content(&folder), "1");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn every_moment_of_dying_leaves_a_complete_folder() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("checkpoint");
        let (new, old) = (root.path().join(".checkpoint.new"), root.path().join(".checkpoint.old"));
        // While the new folder is being filled.
        write(&folder, "1");
        write(&new, "half of 2");
        assert_eq!(content(&complete(&folder)), "1");
        settle(&folder).unwrap();
        assert_eq!(content(&folder), "1");
        // Between the two renames.
        fs::rename(&folder, &old).unwrap();
        write(&new, "2");
        assert_eq!(content(&complete(&folder)), "2");
        settle(&folder).unwrap();
        assert_eq!(content(&folder), "2");
        // Before the old folder is removed.
        write(&old, "1");
        assert_eq!(content(&complete(&folder)), "2");
        settle(&folder).unwrap();
        assert_eq!(content(&folder), "2");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }
}
