//! The data set `text`: takes a text file, gives windows of it for predicting each next character or byte; the model has
//! to be causal, since the inputs hold the answers one place further on.
//!
//! Token 0 pads and never occurs. Bytes are tokens 1 to 256; characters are numbered from 1 in the order of Unicode.

use std::path::{Path, PathBuf};

use super::purpose::Purpose;
use super::{DataError, Dataset, Example, Fault, Mark, NO_LABEL, Sizes, Source, Stream, Verdict};

const NAME: &str = "text";

/// Settings of a text.
#[derive(schemars::JsonSchema, Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "text")]
pub struct TextSpec {
    /// The text file; a relative path starts at the run file's folder.
    #[schemars(extend("x-unit" = "path", "x-example" = "\"data/text.txt\""))]
    pub path: PathBuf,
    /// What a token stands for.
    #[serde(default)]
    #[schemars(extend("x-example" = "characters"))]
    pub unit: Unit,
    /// Tokens of an example.
    #[serde(default = "usual_length")]
    #[schemars(extend("x-unit" = "tokens", "x-example" = "256"))]
    pub length: usize,
    /// Share of the text, at its end, that is tested on and never trained on.
    #[serde(default = "usual_test")]
    #[schemars(extend("x-unit" = "share of the text", "x-example" = "0.05"))]
    pub test: f64,
}

/// What a token stands for.
#[derive(
    schemars::JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// One of 256 bytes.
    #[default]
    Bytes,
    /// A character that occurs in the file, which must be UTF-8.
    Characters,
}

fn usual_length() -> usize {
    128
}

fn usual_test() -> f64 {
    0.1
}

impl Source for TextSpec {
    fn open(&self, base: &Path) -> Result<Box<dyn Dataset>, DataError> {
        let setting = |setting, what: String, fix: &str| {
            Err(DataError::Setting { data_set: NAME, setting, what, fix: fix.to_owned() })
        };
        if self.length == 0 {
            return setting(
                "length",
                "an example of 0 tokens holds nothing".to_owned(),
                "write 128, for instance",
            );
        }
        if !(self.test > 0.0 && self.test < 1.0) {
            let fix = "write a share between 0 and 1, such as 0.1";
            return setting("test", format!("{} of the text cannot be set apart", self.test), fix);
        }
        let path = base.join(&self.path);
        let bytes = std::fs::read(&path).map_err(|cause| DataError::File { path: path.clone(), cause })?;
        let (tokens, alphabet) = match self.unit {
            Unit::Bytes => (bytes.iter().map(|byte| u16::from(*byte) + 1).collect(), Vec::new()),
            Unit::Characters => characters(&path, &bytes)?,
        };
        let tokens: Vec<u16> = tokens;
        let tested = (tokens.len() as f64 * self.test).round() as usize;
        let text = Text {
            split: tokens.len() - tested.min(tokens.len()),
            stream: Stream::new(1, 0),
            length: self.length,
            about: String::new(),
            unit: self.unit,
            tokens,
            alphabet,
        };
        let (train, test) = (text.train_len(), text.test_len());
        if text.split <= self.length || test == 0 {
            let (part, length) = match test {
                0 => ("test", tested),
                _ => ("training", text.split),
            };
            return Err(DataError::Empty {
                path,
                what: format!(
                    "leaves {length} {} for the {part} part, which is no window of {} and the one after it",
                    text.units(),
                    self.length
                ),
                fix: "give a longer text, a smaller `length` or another share `test`".to_owned(),
            });
        }
        let about = format!(
            "text `{}`: {} {}, {} tokens; training on the first {} in {train} windows of {}, testing on {test} windows of \
             the rest",
            self.path.display(),
            text.tokens.len(),
            text.units(),
            text.sizes().symbol,
            text.split,
            self.length
        );
        Ok(Box::new(Text { stream: Stream::new(train, 0), about, ..text }))
    }
}

/// The tokens of a text, and the character of each from 1 on.
fn characters(path: &Path, bytes: &[u8]) -> Result<(Vec<u16>, Vec<char>), DataError> {
    let refuse = |line: usize, what: String, fix: &str| DataError::Row {
        path: path.to_owned(),
        line: line as u64,
        what,
        fix: fix.to_owned(),
    };
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        let what = format!("byte {} of the file is not UTF-8 text", error.valid_up_to());
        refuse(line, what, "save the file as UTF-8, or write `unit: bytes`")
    })?;
    let mut alphabet: Vec<char> = text.chars().collect();
    alphabet.sort_unstable();
    alphabet.dedup();
    if alphabet.len() >= usize::from(u16::MAX) {
        let what = format!("the text has {} different characters", alphabet.len());
        return Err(refuse(1, what, "write `unit: bytes`"));
    }
    let token = |character: char| alphabet.binary_search(&character).map_or(0, |place| place as u16 + 1);
    Ok((text.chars().map(token).collect(), alphabet))
}

/// A text cut into windows.
struct Text {
    tokens: Vec<u16>,
    /// The character of each token from 1 on; none for bytes.
    alphabet: Vec<char>,
    unit: Unit,
    /// Where the test part begins.
    split: usize,
    length: usize,
    stream: Stream,
    about: String,
}

impl Text {
    fn units(&self) -> &'static str {
        match self.unit {
            Unit::Bytes => "bytes",
            Unit::Characters => "characters",
        }
    }

    /// Inputs from `start` on, and for each the token that follows.
    fn window(&self, start: usize) -> Example {
        let read = |from: usize| -> Vec<i64> {
            let to = from + self.length;
            self.tokens.get(from..to).unwrap_or_default().iter().map(|token| i64::from(*token)).collect()
        };
        Example { inputs: read(start), labels: read(start + 1), puzzle: 0 }
    }

    fn shown(&self, token: i64) -> String {
        let place = usize::try_from(token - 1).ok();
        match (self.unit, place) {
            (Unit::Bytes, Some(byte @ (0x20..=0x7e | 0x0a))) => char::from(byte as u8).to_string(),
            (Unit::Bytes, Some(byte)) if byte < 256 => format!("\\x{byte:02x}"),
            (Unit::Characters, Some(place)) => {
                self.alphabet.get(place).map_or(String::new(), char::to_string)
            }
            _ => String::new(),
        }
    }
}

impl Dataset for Text {
    fn sizes(&self) -> Sizes {
        let symbol = match self.unit {
            Unit::Bytes => 257,
            Unit::Characters => self.alphabet.len() + 1,
        };
        Sizes { cell: self.length, symbol, task: 1 }
    }

    /// Windows that lie side by side in the training part wherever the first of them begins.
    fn train_len(&self) -> usize {
        (self.split.saturating_sub(self.length) / self.length).max(1)
    }

    fn test_len(&self) -> usize {
        (self.tokens.len().saturating_sub(self.split + 1)) / self.length
    }

    /// An epoch cuts the training part into windows side by side from a random place on, and visits each once.
    fn train_example(&self, seed: u64, k: u64) -> Example {
        let windows = self.train_len();
        let visit = self.stream.visit(seed, k);
        let room = self.split.saturating_sub(windows * self.length).clamp(1, self.length);
        let first = Purpose::Phase.draws(seed, k / windows as u64, 0).below(room);
        self.window(first + visit.puzzle * self.length)
    }

    fn test_example(&self, i: usize) -> Option<Example> {
        (i < self.test_len()).then(|| self.window(self.split + i * self.length))
    }

    fn describe(&self) -> String {
        self.about.clone()
    }

    fn parse_puzzle(&self, text: &str) -> Result<Example, DataError> {
        let refuse = |what: String, fix: String| DataError::Puzzle { what, fix };
        let mut inputs = match self.unit {
            Unit::Bytes => text.bytes().map(|byte| i64::from(byte) + 1).collect::<Vec<_>>(),
            Unit::Characters => {
                let token = |character: char| {
                    let place = self.alphabet.binary_search(&character).map_err(|_| {
                        refuse(
                            format!("`{character}` does not occur in the text"),
                            "write what does".to_owned(),
                        )
                    })?;
                    Ok(place as i64 + 1)
                };
                text.chars().map(token).collect::<Result<_, DataError>>()?
            }
        };
        if inputs.is_empty() || inputs.len() > self.length {
            let what = format!("it has {} {}", inputs.len(), self.units());
            return Err(refuse(what, format!("write 1 to {}", self.length)));
        }
        inputs.resize(self.length, 0);
        Ok(Example { inputs, labels: vec![NO_LABEL; self.length], puzzle: 0 })
    }

    fn render_styled(&self, tokens: &[i64], given: &[i64], style: &dyn Fn(Mark, &str) -> String) -> String {
        let mark = |place: usize, token: i64| match given.get(place) {
            Some(same) if *same == token => Mark::Given,
            _ => Mark::Filled,
        };
        tokens
            .iter()
            .enumerate()
            .map(|(place, token)| style(mark(place, *token), &self.shown(*token)))
            .collect()
    }

    /// The answer is what is predicted after each token, so it is held against the token that follows.
    fn validate(&self, given: &[i64], answer: &[i64]) -> Verdict {
        let followed = given.iter().skip(1).zip(answer).enumerate().filter(|(_, (next, _))| **next != 0);
        let wrong: Vec<usize> =
            followed.clone().filter(|(_, (next, told))| next != told).map(|(place, _)| place).collect();
        let (count, all) = (wrong.len(), followed.count());
        let what = format!("{count} of the {all} {} that follow are not foretold", self.units());
        let faults = if wrong.is_empty() { Vec::new() } else { vec![Fault { cells: wrong, what }] };
        Verdict { faults }
    }
}
