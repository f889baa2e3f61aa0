//! Places of the protocol (lines, and UTF-16 code units in them) and bytes of a text, either way. What lies beyond a line or
//! the text is its end.

use lsp_types::{Position, Range};

/// The place of a byte.
pub(super) fn position(text: &str, byte: usize) -> Position {
    let mut byte = byte.min(text.len());
    while !text.is_char_boundary(byte) {
        byte -= 1;
    }
    let before = &text[..byte];
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count();
    Position::new(line as u32, before[start..].encode_utf16().count() as u32)
}

/// The places of a stretch of bytes.
pub(super) fn range(text: &str, bytes: std::ops::Range<usize>) -> Range {
    Range::new(position(text, bytes.start), position(text, bytes.end.max(bytes.start)))
}

/// The byte of a place.
pub(super) fn byte(text: &str, place: Position) -> usize {
    let mut start = 0;
    for _ in 0..place.line {
        match text[start..].find('\n') {
            Some(end) => start += end + 1,
            None => return text.len(),
        }
    }
    let mut units = 0;
    for (at, c) in text[start..].char_indices() {
        if units >= place.character || c == '\n' {
            return start + at;
        }
        units += c.len_utf16() as u32;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_bytes_are_the_same_either_way() {
        let text = "a ∂\n\n𝄞b\nc";
        for (byte_of, line, units) in [(0, 0, 0), (5, 0, 3), (6, 1, 0), (7, 2, 0), (11, 2, 2), (14, 3, 1)] {
            assert_eq!(position(text, byte_of), Position::new(line, units));
            assert_eq!(byte(text, Position::new(line, units)), byte_of);
        }
        assert_eq!(byte(text, Position::new(0, 99)), 5);
        assert_eq!(byte(text, Position::new(99, 0)), text.len());
    }
}
