//! The text of a run file with the `--set`s written into it: takes edits, gives one RON text and, for each stretch of
//! it, the place that a person typed; knows nothing of fields.

use std::ops::Range;

use crate::source::{FileId, Origin, Sources, Span};

/// A text and where its pieces came from.
#[derive(Clone, Debug)]
pub struct Text {
    pub sources: Sources,
    ron: String,
    pieces: Vec<Piece>,
}

/// A stretch of the RON text, in order and without gaps, and the stretch of a source that it shows.
#[derive(Clone, Debug)]
struct Piece {
    length: usize,
    file: FileId,
    shown: Range<usize>,
}

/// A piece of an edit: RON text, and the stretch of the edit's source that it stands for.
pub struct Insert {
    pub ron: String,
    pub shown: Range<usize>,
}

impl Text {
    pub fn new(name: &str, text: &str) -> Text {
        let mut sources = Sources::default();
        let file = sources.add(name, text, Origin::Author);
        let pieces = vec![Piece { length: text.len(), file, shown: 0..text.len() }];
        Text { sources, ron: text.to_owned(), pieces }
    }

    /// What `ron` is to read.
    pub fn ron(&self) -> &str {
        &self.ron
    }

    /// Puts `inserts`, which stand for parts of `file`, in place of a range of the RON text.
    pub fn replace(&mut self, range: Range<usize>, file: FileId, inserts: Vec<Insert>) {
        let mut pieces = self.cut(0..range.start);
        pieces.extend(inserts.iter().map(|insert| Piece {
            length: insert.ron.len(),
            file,
            shown: insert.shown.clone(),
        }));
        pieces.extend(self.cut(range.end..self.ron.len()));
        self.pieces = pieces;
        let new: String = inserts.into_iter().map(|insert| insert.ron).collect();
        self.ron.replace_range(range, &new);
    }

    /// The place that a person typed for a range of the RON text.
    pub fn span(&self, range: Range<usize>) -> Span {
        let mut start = 0;
        for piece in &self.pieces {
            let end = start + piece.length;
            if range.start < end || end == self.ron.len() {
                let wanted = range.start.saturating_sub(start)..range.end.clamp(start, end) - start;
                return Span::new(piece.file, piece.show(wanted));
            }
            start = end;
        }
        Span::new(FileId(0), 0..0)
    }

    /// The pieces of a range.
    fn cut(&self, range: Range<usize>) -> Vec<Piece> {
        let mut start = 0;
        let mut cut = Vec::new();
        for piece in &self.pieces {
            let end = start + piece.length;
            let (from, to) = (range.start.clamp(start, end), range.end.clamp(start, end));
            if from < to {
                let shown = piece.show(from - start..to - start);
                cut.push(Piece { length: to - from, file: piece.file, shown });
            }
            start = end;
        }
        cut
    }
}

impl Piece {
    /// What a part of the piece shows: the same part where RON text and source agree, else the whole.
    fn show(&self, part: Range<usize>) -> Range<usize> {
        if self.shown.len() != self.length {
            return self.shown.clone();
        }
        let at = |offset: usize| (self.shown.start + offset).min(self.shown.end);
        at(part.start)..at(part.end.max(part.start))
    }
}
