//! JSON as Python's `json.dump` writes it: takes a value, gives its text; for files that must come out byte for byte.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

use super::error::DataError;

/// The text of `json.dumps(value)`: a space after each comma and colon, everything beyond ASCII escaped.
pub fn to_string(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut out = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut out, Python))?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// Writes a value as `json.dump` would; the folder is made if there is none.
///
/// # Errors
/// What the file system refuses.
pub fn write(path: &Path, value: &impl Serialize) -> Result<(), DataError> {
    let fail = |cause| DataError::Write { path: path.to_owned(), cause };
    let text = to_string(value).map_err(|error| fail(error.into()))?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(fail)?;
    }
    std::fs::write(path, text).map_err(fail)
}

struct Python;

impl Formatter for Python {
    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        for character in fragment.chars() {
            if (' '..='~').contains(&character) {
                out.write_all(&[character as u8])?;
                continue;
            }
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::to_string;
    use serde_json::json;

    /// The right sides are what `json.dumps` of Python 3.11 gives.
    #[test]
    fn equals_python() {
        for (value, text) in [
            (json!([]), "[]"),
            (json!({}), "{}"),
            (json!([1, 2.5, null, true, {"a": [], "b": {}}]), r#"[1, 2.5, null, true, {"a": [], "b": {}}]"#),
            (
                json!(["<blank>", "a\"b\\c/\n\t\u{8}\u{c}\r\u{1}\u{7f}"]),
                r#"["<blank>", "a\"b\\c/\n\t\b\f\r\u0001\u007f"]"#,
            ),
            (json!("é𝄞"), r#""\u00e9\ud834\udd1e""#),
            (json!(4.0), "4.0"),
        ] {
            assert_eq!(to_string(&value).expect("no error"), text);
        }
    }
}
