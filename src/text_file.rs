//! Texts of files as authors leave them: takes a path, gives text without byte order mark and of a bounded length; and text
//! of files as a terminal may be given it. Knows no format.

use std::borrow::Cow;
use std::io::{Error, ErrorKind, Read};
use std::path::Path;

/// No model, run or name file is so long: what is longer is another file, or never ends.
pub const LONGEST: u64 = 64 << 20;

/// Reads a text that somebody has written.
///
/// # Errors
/// What the system says; a file that is no UTF-8 text, or longer than [`LONGEST`].
pub fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path)?;
    if file.take(LONGEST + 1).read_to_string(&mut text)? as u64 > LONGEST {
        let what = format!("it is longer than {} MiB: no text that is written by hand", LONGEST >> 20);
        return Err(Error::new(ErrorKind::InvalidData, what));
    }
    Ok(without_mark(text))
}

/// The text without the byte order mark that some editors begin a file with.
pub fn without_mark(text: String) -> String {
    match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    }
}

/// Whether a terminal would do something else than show the character.
fn commands(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text as a terminal may be given it: characters that command it are written as `\u{1b}`.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(commands) {
        return Cow::Borrowed(text);
    }
    let shown = text.chars().map(|c| match commands(c) {
        true => c.escape_unicode().to_string(),
        false => c.to_string(),
    });
    Cow::Owned(shown.collect())
}

/// The same with every byte at its place: what commands a terminal becomes `?`. Line ends stay as they are.
pub fn printable_in_place(text: &str) -> Cow<'_, str> {
    let shown = |c: char| !commands(c) || c == '\r';
    if text.chars().all(shown) {
        return Cow::Borrowed(text);
    }
    let marks = text.chars().map(|c| if shown(c) { c.to_string() } else { "?".repeat(c.len_utf8()) });
    Cow::Owned(marks.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_commands_a_terminal_is_shown_instead() {
        let name = "a\u{1b}[31m\u{7}\u{9b}0m\u{202e}\n\tb";
        let shown = printable(name);
        assert_eq!(shown, "a\\u{1b}[31m\\u{7}\\u{9b}0m\\u{202e}\n\tb");
        assert_eq!(printable_in_place(name).len(), name.len());
        assert!(!printable_in_place(name).contains(commands));
        assert_eq!(printable("größe ∂x"), "größe ∂x");
    }

    #[test]
    fn a_mark_is_dropped_and_an_endless_file_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t");
        std::fs::write(&path, "\u{feff}use x").unwrap();
        assert_eq!(read(&path).unwrap(), "use x");
        #[cfg(unix)]
        assert!(read(Path::new("/dev/zero")).unwrap_err().to_string().contains("longer than 64 MiB"));
    }
}
