//! NumPy's array files (.npy): takes headers and rows of bytes, gives integers; writes the bytes that NumPy writes. Knows
//! nothing of puzzles.
//!
//! Format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>. Only what integer arrays need is
//! read: versions 1 to 3, little endian, C order, one or two axes.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Seek, SeekFrom, Write};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};

use super::DataError;

/// The type of an array's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NpyType {
    /// `|u1`
    U8,
    /// `|i1`
    I8,
    /// `<u2`
    U16,
    /// `<i2`
    I16,
    /// `<u4`
    U32,
    /// `<i4`
    I32,
    /// `<i8`
    I64,
}

impl NpyType {
    const ALL: [NpyType; 7] =
        [NpyType::U8, NpyType::I8, NpyType::U16, NpyType::I16, NpyType::U32, NpyType::I32, NpyType::I64];

    /// How NumPy writes it.
    pub fn code(self) -> &'static str {
        match self {
            NpyType::U8 => "|u1",
            NpyType::I8 => "|i1",
            NpyType::U16 => "<u2",
            NpyType::I16 => "<i2",
            NpyType::U32 => "<u4",
            NpyType::I32 => "<i4",
            NpyType::I64 => "<i8",
        }
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            NpyType::U8 => "uint8",
            NpyType::I8 => "int8",
            NpyType::U16 => "uint16",
            NpyType::I16 => "int16",
            NpyType::U32 => "uint32",
            NpyType::I32 => "int32",
            NpyType::I64 => "int64",
        }
    }

    /// Bytes of one number.
    pub fn bytes(self) -> usize {
        match self {
            NpyType::U8 | NpyType::I8 => 1,
            NpyType::U16 | NpyType::I16 => 2,
            NpyType::U32 | NpyType::I32 => 4,
            NpyType::I64 => 8,
        }
    }
}

/// What the head of a file says, and where the numbers begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Type of the numbers.
    pub dtype: NpyType,
    /// Sizes of the axes, outermost first.
    pub shape: Vec<usize>,
    /// Bytes before the first number.
    pub start: usize,
}

/// What is wrong with a file, and how to fix it.
type Cause = (String, String);

const MAGIC: &[u8] = b"\x93NUMPY";
const REBUILD: &str = "copy or build the data set again";
/// The longest header that NumPy itself reads without being told that the file is trusted.
const LONGEST: usize = 10_000;

impl Header {
    /// Reads the head of a file.
    pub fn read(bytes: &[u8]) -> Result<Header, Cause> {
        let broken = |what: &str| (what.to_owned(), REBUILD.to_owned());
        if !bytes.starts_with(MAGIC) {
            return Err((
                "it is no NumPy array".to_owned(),
                "give a file that `numpy.save` wrote".to_owned(),
            ));
        }
        let (length, text) = match bytes.get(6..) {
            Some([1, _, low, high, ..]) => (usize::from(u16::from_le_bytes([*low, *high])), 10),
            Some([2 | 3, _, a, b, c, d, ..]) => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, 12),
            Some([version, ..]) if *version == 0 || *version > 3 => {
                return Err(broken(&format!("format version {version} does not exist")));
            }
            _ => return Err(broken("the file ends in its header")),
        };
        if length > LONGEST {
            return Err(broken(&format!("its header says that it is {length} bytes long")));
        }
        let head = bytes.get(text..text + length).ok_or_else(|| broken("the file ends in its header"))?;
        let head = std::str::from_utf8(head).map_err(|_| broken("its header is no text"))?;
        let refused = |name: &str| broken(&format!("its header has no readable `{name}`"));
        let order = value_of(head, "fortran_order").ok_or_else(|| refused("fortran_order"))?;
        let shape = value_of(head, "shape").and_then(tuple).ok_or_else(|| refused("shape"))?;
        let code = value_of(head, "descr").and_then(quoted).ok_or_else(|| refused("descr"))?;
        if order.starts_with("True") && shape.len() > 1 {
            let fix = "save it again as `numpy.ascontiguousarray(a)`";
            return Err(("its columns are stored one after another".to_owned(), fix.to_owned()));
        }
        let dtype = NpyType::ALL.into_iter().find(|dtype| dtype.code() == code).ok_or_else(|| {
            let names: Vec<&str> = NpyType::ALL.iter().map(|dtype| dtype.name()).collect();
            let fix = format!("save it as one of {} (little endian)", names.join(", "));
            (format!("its numbers are of type `{code}`"), fix)
        })?;
        Ok(Header { dtype, shape, start: text + length })
    }

    /// The head that NumPy writes (`numpy.lib.format`, version 1.0) for `rows` rows, of `width` numbers each or of one
    /// number without an axis for them.
    pub fn written(dtype: NpyType, rows: usize, width: Option<usize>) -> Vec<u8> {
        let shape = match width {
            Some(width) => format!("({rows}, {width})"),
            None => format!("({rows},)"),
        };
        let mut head = format!("{{'descr': '{}', 'fortran_order': False, 'shape': {shape}, }}", dtype.code());
        // NumPy leaves room for the first axis to grow to 21 digits.
        head.push_str(&" ".repeat(21_usize.saturating_sub(rows.to_string().len())));
        let padding = 64 - (MAGIC.len() + 4 + head.len() + 1) % 64;
        head.push_str(&" ".repeat(padding));
        head.push('\n');
        let mut bytes = MAGIC.to_vec();
        bytes.extend([1, 0]);
        bytes.extend((head.len() as u16).to_le_bytes());
        bytes.extend(head.as_bytes());
        bytes
    }
}

/// The text after `'name':`.
fn value_of<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let key = [format!("'{name}'"), format!("\"{name}\"")]
        .into_iter()
        .find_map(|key| head.find(&key).map(|at| at + key.len()))?;
    Some(head.get(key..)?.trim_start().strip_prefix(':')?.trim_start())
}

fn quoted(text: &str) -> Option<&str> {
    let mark = text.chars().next().filter(|mark| "'\"".contains(*mark))?;
    text[1..].split(mark).next()
}

fn tuple(text: &str) -> Option<Vec<usize>> {
    let inner = text.strip_prefix('(')?.split_once(')')?.0;
    inner.split(',').map(str::trim).filter(|part| !part.is_empty()).map(|part| part.parse().ok()).collect()
}

/// An array on disk, read by position a row or a block of rows at a time. A file that is cut short meanwhile is an error in
/// words; one that is mapped into memory would end the process.
#[derive(Debug)]
pub struct Array {
    path: PathBuf,
    file: File,
    /// What the file says of itself.
    pub header: Header,
    rows: usize,
    width: usize,
}

/// Consecutive rows in memory.
#[derive(Debug)]
pub struct Block {
    dtype: NpyType,
    first: usize,
    /// Bytes of a row.
    row: usize,
    bytes: Vec<u8>,
}

/// Bytes of a block that is read in order.
const BLOCK: usize = 1 << 20;

impl Array {
    /// Opens a file of `axes` axes (1 or 2) and checks that it is as long as its header says.
    pub fn open(path: &Path, axes: usize) -> Result<Array, DataError> {
        let io = |cause| DataError::File { path: path.to_owned(), cause };
        let refuse = |(what, fix): Cause| DataError::Array { path: path.to_owned(), row: None, what, fix };
        let file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        if length == 0 {
            return Err(refuse(("the file is empty".to_owned(), REBUILD.to_owned())));
        }
        let mut head = vec![0; length.min(LONGEST as u64 + 12) as usize];
        read_at(&file, &mut head, 0).map_err(io)?;
        let header = Header::read(&head).map_err(refuse)?;
        if header.shape.len() != axes {
            let what = format!("it has {} axes instead of {axes}", header.shape.len());
            return Err(refuse((what, REBUILD.to_owned())));
        }
        let rows = header.shape.first().copied().unwrap_or(0);
        let width = header.shape.get(1).copied().unwrap_or(1);
        let wanted = header
            .shape
            .iter()
            .try_fold(header.dtype.bytes(), |bytes, size| bytes.checked_mul(*size))
            .and_then(|bytes| bytes.checked_add(header.start));
        if wanted.map(|bytes| bytes as u64) != Some(length) {
            let wanted = wanted.map_or("more than memory can hold".to_owned(), |bytes| bytes.to_string());
            let row = width
                .checked_mul(header.dtype.bytes())
                .filter(|row| *row > 0)
                .map_or(0, |row| (length as usize).saturating_sub(header.start) / row);
            let what = format!(
                "the file has {length} bytes where its shape {:?} of {} needs {wanted}{}",
                header.shape,
                header.dtype.name(),
                if row < rows { format!(": it ends in row {row}") } else { String::new() }
            );
            return Err(refuse((what, REBUILD.to_owned())));
        }
        Ok(Array { path: path.to_owned(), file, header, rows, width })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Numbers of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// How many rows are best read at once by whoever reads them all.
    pub fn rows_of_a_block(&self) -> usize {
        (BLOCK / (self.width * self.header.dtype.bytes()).max(1)).max(1)
    }

    /// Rows `from .. to`, cut at the last.
    ///
    /// # Errors
    /// A file that cannot be read any more, or has become shorter.
    pub fn block(&self, from: usize, to: usize) -> Result<Block, DataError> {
        let to = to.min(self.rows);
        let row = self.width * self.header.dtype.bytes();
        let mut bytes = vec![0; to.saturating_sub(from) * row];
        read_at(&self.file, &mut bytes, (self.header.start + from * row) as u64).map_err(|cause| {
            if cause.kind() != ErrorKind::UnexpectedEof {
                return DataError::File { path: self.path.clone(), cause };
            }
            let what = "the file has become shorter since it was opened".to_owned();
            DataError::Array { path: self.path.clone(), row: Some(from), what, fix: REBUILD.to_owned() }
        })?;
        Ok(Block { dtype: self.header.dtype, first: from, row, bytes })
    }

    /// The numbers of one row; none of rows that do not exist. A file that cannot be read any more unwinds with the
    /// [`DataError`], which [`super::prefetch::prepared`] makes an error of again.
    pub fn row(&self, row: usize) -> Vec<i64> {
        self.block(row, row + 1).unwrap_or_else(|error| resume_unwind(Box::new(error))).row(row)
    }

    /// The numbers of all rows.
    ///
    /// # Errors
    /// A file that cannot be read any more, or has become shorter.
    pub fn all(&self) -> Result<Vec<i64>, DataError> {
        Ok(numbers(self.header.dtype, &self.block(0, self.rows)?.bytes))
    }
}

impl Block {
    /// The bytes of one row; none of rows outside.
    pub fn row_bytes(&self, row: usize) -> &[u8] {
        let Some(at) = row.checked_sub(self.first) else { return &[] };
        self.bytes.get(at * self.row..(at + 1) * self.row).unwrap_or_default()
    }

    /// The numbers of one row.
    pub fn row(&self, row: usize) -> Vec<i64> {
        numbers(self.dtype, self.row_bytes(row))
    }

    /// The smallest and the largest number of a row; (0, 0) of a row without numbers.
    pub fn bounds(&self, row: usize) -> (i64, i64) {
        bounds(self.dtype, self.row_bytes(row))
    }
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], at: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

#[cfg(not(any(unix, windows)))]
fn read_at(mut file: &File, bytes: &mut [u8], at: u64) -> std::io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(bytes)
}

#[cfg(windows)]
fn read_at(file: &File, mut bytes: &mut [u8], mut at: u64) -> std::io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, at)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            read => (bytes, at) = (&mut bytes[read..], at + read as u64),
        }
    }
    Ok(())
}

/// Little-endian numbers.
fn numbers(dtype: NpyType, bytes: &[u8]) -> Vec<i64> {
    macro_rules! read {
        ($type:ty) => {
            bytes.as_chunks().0.iter().map(|bytes| <$type>::from_le_bytes(*bytes) as i64).collect()
        };
    }
    match dtype {
        NpyType::U8 => bytes.iter().map(|byte| i64::from(*byte)).collect(),
        NpyType::I8 => read!(i8),
        NpyType::U16 => read!(u16),
        NpyType::I16 => read!(i16),
        NpyType::U32 => read!(u32),
        NpyType::I32 => read!(i32),
        NpyType::I64 => read!(i64),
    }
}

fn bounds(dtype: NpyType, bytes: &[u8]) -> (i64, i64) {
    macro_rules! read {
        ($type:ty) => {{
            let numbers = bytes.as_chunks().0.iter().map(|bytes| <$type>::from_le_bytes(*bytes));
            let start = (<$type>::MAX, <$type>::MIN);
            // Folded in the array's own type, which the compiler turns into vector instructions.
            let (low, high) = numbers.fold(start, |(low, high), next| (low.min(next), high.max(next)));
            (low as i64, high as i64)
        }};
    }
    if bytes.len() < dtype.bytes() {
        return (0, 0);
    }
    match dtype {
        NpyType::U8 => read!(u8),
        NpyType::I8 => read!(i8),
        NpyType::U16 => read!(u16),
        NpyType::I16 => read!(i16),
        NpyType::U32 => read!(u32),
        NpyType::I32 => read!(i32),
        NpyType::I64 => read!(i64),
    }
}

/// Writes an array row by row, as `numpy.save` would write it whole.
#[derive(Debug)]
pub struct ArrayWriter {
    path: PathBuf,
    out: BufWriter<File>,
    dtype: NpyType,
    width: Option<usize>,
    numbers: usize,
}

impl ArrayWriter {
    /// Starts a file of rows of `width` numbers, or without that axis.
    pub fn create(path: &Path, dtype: NpyType, width: Option<usize>) -> Result<ArrayWriter, DataError> {
        let fail = |cause| DataError::Write { path: path.to_owned(), cause };
        let mut out = BufWriter::with_capacity(1 << 20, File::create(path).map_err(fail)?);
        // The number of rows is known at the end; its digits do not change the header's length.
        out.write_all(&Header::written(dtype, 0, width)).map_err(fail)?;
        Ok(ArrayWriter { path: path.to_owned(), out, dtype, width, numbers: 0 })
    }

    /// Appends numbers, each of which must be one that the type holds.
    pub fn push(&mut self, numbers: impl IntoIterator<Item = i64>) -> Result<(), DataError> {
        for number in numbers {
            let bytes = number.to_le_bytes();
            self.out
                .write_all(&bytes[..self.dtype.bytes()])
                .map_err(|cause| DataError::Write { path: self.path.clone(), cause })?;
            self.numbers += 1;
        }
        Ok(())
    }

    /// Appends numbers that are tokens.
    pub fn push_tokens(&mut self, tokens: &[u8]) -> Result<(), DataError> {
        if self.dtype.bytes() > 1 {
            return self.push(tokens.iter().map(|token| i64::from(*token)));
        }
        self.numbers += tokens.len();
        self.out.write_all(tokens).map_err(|cause| DataError::Write { path: self.path.clone(), cause })
    }

    /// Completes the file; gives its number of rows.
    pub fn finish(mut self) -> Result<usize, DataError> {
        let rows = self.numbers / self.width.unwrap_or(1).max(1);
        let head = Header::written(self.dtype, rows, self.width);
        let mut complete = || {
            self.out.seek(SeekFrom::Start(0))?;
            self.out.write_all(&head)?;
            self.out.flush()
        };
        complete().map_err(|cause| DataError::Write { path: self.path.clone(), cause })?;
        Ok(rows)
    }
}
