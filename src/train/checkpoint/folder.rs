//! Folders that are replaced whole: takes a way to fill a new folder, puts it in the last one's place and keeps that one
//! as the one before; whatever moment the process or the power dies at, a complete folder remains.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::CheckpointError;

/// Where the new folder is filled, where the last one goes, and where the one before that waits for its end.
struct Beside {
    new: PathBuf,
    before: PathBuf,
    old: PathBuf,
}

impl Beside {
    fn of(folder: &Path) -> Beside {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Beside {
            new: folder.with_file_name(format!(".{name}.new")),
            before: folder.with_file_name(format!("{name}.before")),
            old: folder.with_file_name(format!(".{name}.old")),
        }
    }
}

/// The folder that `folder` has replaced.
pub fn before(folder: &Path) -> PathBuf {
    Beside::of(folder).before
}

/// Replaces `folder` by one that `fill` has filled; the last one becomes the one before. `fill` must leave its files
/// synced.
///
/// Order: fill and sync the new folder, set the one before aside, make the last one the one before, move the new one in,
/// remove what was set aside. The last folder is moved only when the new one is complete, which is what [`settle`] relies
/// on.
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
    if beside.before.exists() && folder.exists() {
        failing(&beside.before, fs::rename(&beside.before, &beside.old))?;
    }
    if folder.exists() {
        failing(folder, fs::rename(folder, &beside.before))?;
    }
    failing(folder, fs::rename(&beside.new, folder))?;
    failing(&parent, sync(&parent))?;
    failing(&beside.old, remove(&beside.old))
}

/// Ends a replacement that was cut off. Only the process that writes the folder may call this.
pub fn settle(folder: &Path) -> Result<(), CheckpointError> {
    let beside = Beside::of(folder);
    let complete = complete(folder);
    if complete != folder {
        failing(folder, fs::rename(complete, folder))?;
        failing(folder, sync(&parent_of(folder)))?;
    }
    if !beside.before.exists() && beside.old.exists() {
        failing(&beside.before, fs::rename(&beside.old, &beside.before))?;
    }
    failing(&beside.new, remove(&beside.new))?;
    failing(&beside.old, remove(&beside.old))
}

/// Where the last complete folder lies just now, for those who only read: `folder`, or the one about to take its place.
pub fn complete(folder: &Path) -> PathBuf {
    let beside = Beside::of(folder);
    if folder.exists() {
        return folder.to_owned();
    }
    // The last one has been moved: to where it is the one before, or, by an earlier totc, aside.
    let moved = [&beside.before, &beside.old].into_iter().find(|place| place.exists());
    match moved {
        Some(_) if beside.new.exists() => beside.new,
        Some(moved) => moved.clone(),
        None => folder.to_owned(),
    }
}

/// Goes back: the folder before takes the place of `folder`, which is kept as `NAME.damaged`, or with a number.
pub fn go_back(folder: &Path) -> Result<(), CheckpointError> {
    let beside = Beside::of(folder);
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let places = (1..).map(|number| match number {
        1 => folder.with_file_name(format!("{name}.damaged")),
        _ => folder.with_file_name(format!("{name}.damaged-{number}")),
    });
    let free = places.take(10_000).find(|place| !place.exists()).unwrap_or(beside.old);
    failing(folder, fs::rename(folder, free))?;
    failing(folder, fs::rename(&beside.before, folder))?;
    failing(folder, sync(&parent_of(folder)))
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
    fn a_folder_is_replaced_and_only_the_one_before_is_left_beside() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("run/checkpoint");
        for text in ["1", "2", "3"] {
            replace(&folder, fill(text)).unwrap();
        }
        assert_eq!((content(&folder), content(&before(&folder))), ("3".to_owned(), "2".to_owned()));
        assert_eq!(fs::read_dir(root.path().join("run")).unwrap().count(), 2);
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
    fn going_back_keeps_both() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("checkpoint");
        for text in ["1", "2"] {
            replace(&folder, fill(text)).unwrap();
        }
        go_back(&folder).unwrap();
        assert_eq!(content(&folder), "1");
        assert_eq!(content(&root.path().join("checkpoint.damaged")), "2");
    }

    /// Each moment of replacing 2 by 3, with 1 before it.
    #[test]
    fn every_moment_of_dying_leaves_a_complete_folder() {
        let place = |new: &str, last: &str, before: &str, old: &str| {
            let root = tempfile::tempdir().unwrap();
            let names = [".checkpoint.new", "checkpoint", "checkpoint.before", ".checkpoint.old"];
            for (name, text) in names.into_iter().zip([new, last, before, old]) {
                if !text.is_empty() {
                    write(&root.path().join(name), text);
                }
            }
            root
        };
        for (moment, wanted) in [
            (["half of 3", "2", "1", ""], ["2", "1"]),
            (["3", "2", "", "1"], ["2", "1"]),
            (["3", "", "2", "1"], ["3", "2"]),
            (["", "3", "2", "1"], ["3", "2"]),
            (["3", "", "2", ""], ["3", "2"]),
            // A totc that kept one checkpoint.
            (["2", "", "", "1"], ["2", "1"]),
        ] {
            let [new, last, one_before, old] = moment;
            let root = place(new, last, one_before, old);
            let folder = root.path().join("checkpoint");
            assert_eq!(content(&complete(&folder)), wanted[0], "{moment:?}");
            settle(&folder).unwrap();
            assert_eq!([content(&folder), content(&before(&folder))], wanted, "{moment:?}");
            assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2, "{moment:?}");
        }
        let root = place("", "", "", "1");
        let folder = root.path().join("checkpoint");
        settle(&folder).unwrap();
        assert_eq!(content(&folder), "1");
    }
}
