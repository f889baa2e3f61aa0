//! Source texts and the places in them. Takes file names and texts, gives spans that outlive every
//! stage; never reads a file itself (see `syntax::load`).

use std::ops::Range;

/// A stretch of one source text, in bytes. `Span::NONE` marks what no author wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// Place of the file in [`Sources`]; `u32::MAX` in [`Span::NONE`].
    pub file: u32,
    /// First byte, counted from 0.
    pub start: u32,
    /// Byte behind the last.
    pub end: u32,
}

impl Default for Span {
    fn default() -> Span {
        Span::NONE
    }
}

impl Span {
    /// No place: of what no author wrote.
    pub const NONE: Span = Span { file: u32::MAX, start: 0, end: 0 };

    /// Bytes `range` of a file.
    pub fn new(file: FileId, range: Range<usize>) -> Span {
        Span { file: file.0, start: range.start as u32, end: range.end as u32 }
    }

    /// The bytes, without the file.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The smallest span that covers both; they must lie in one file.
    pub fn to(self, other: Span) -> Span {
        if self.file != other.file {
            return self;
        }
        Span { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// A file by its place in [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId(pub u32);

/// One text: its name as users see it, and whether it ships inside totc.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// As messages print it: the path as given, `std::…` or `models::…`.
    pub name: String,
    /// The whole text.
    pub text: String,
    /// Who wrote it.
    pub origin: Origin,
    /// Where each line begins, in bytes.
    lines: Vec<usize>,
}

/// Who wrote a text, and so whom a mistake in it concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file of the author's.
    Author,
    /// Embedded in totc.
    Library,
}

/// All texts of one compilation.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<SourceFile>,
}

impl Sources {
    /// Adds a text and gives its id; equal names are not merged.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>, origin: Origin) -> FileId {
        let text = text.into();
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        self.files.push(SourceFile { name: name.into(), text, origin, lines });
        FileId((self.files.len() - 1) as u32)
    }

    /// The text of an id that [`Sources::add`] gave.
    pub fn get(&self, file: FileId) -> &SourceFile {
        &self.files[file.0 as usize]
    }

    /// All texts in the order they were added.
    pub fn files(&self) -> &[SourceFile] {
        &self.files
    }

    /// The text under a span; empty for `Span::NONE`.
    pub fn text(&self, span: Span) -> &str {
        match self.files.get(span.file as usize) {
            Some(file) => file.text.get(span.range()).unwrap_or(""),
            None => "",
        }
    }

    /// 1-based line and column of the start of a span.
    pub fn line_column(&self, span: Span) -> Option<(usize, usize)> {
        let file = self.files.get(span.file as usize)?;
        let start = span.start as usize;
        let line = file.lines.partition_point(|begin| *begin <= start);
        let before = file.text.get(*file.lines.get(line.checked_sub(1)?)?..start)?;
        Some((line, before.chars().count() + 1))
    }

    /// `models/trm.tot:12`, for messages that have no room for a picture of the line.
    pub fn place(&self, span: Span) -> String {
        match self.line_column(span) {
            Some((line, _)) => format!("{}:{line}", self.files[span.file as usize].name),
            None => "(no source)".to_owned(),
        }
    }

    /// Whether a place lies in a text embedded in totc.
    pub fn is_library(&self, span: Span) -> bool {
        self.files.get(span.file as usize).is_some_and(|file| file.origin == Origin::Library)
    }
}
