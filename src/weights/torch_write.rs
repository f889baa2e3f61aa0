//! Files of `torch.save`: takes tensors by name, gives a zip archive that `torch.load(…, weights_only=True)` reads as an
//! OrderedDict. The pickle is, byte for byte, the one that PyTorch 2 writes for such a dict.

use super::array::{Array, Arrays};
use super::error::WeightFileError;
use super::safe::write_whole;
use indexmap::IndexMap;
use std::io::{Cursor, Write};
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// PyTorch maps storages into memory at multiples of this.
const ALIGNMENT: u16 = 64;

/// Writes the state dict to a file that is whole at any time.
pub fn write(path: &Path, arrays: &Arrays) -> Result<(), WeightFileError> {
    let bytes =
        archive(arrays).map_err(|cause| WeightFileError::system(path, std::io::Error::other(cause)))?;
    write_whole(path, &bytes)
}

fn archive(arrays: &Arrays) -> zip::result::ZipResult<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    // The same tensors give the same file whenever they are written.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .with_alignment(ALIGNMENT);
    let mut add = |name: &str, bytes: &[u8]| -> zip::result::ZipResult<()> {
        let large = bytes.len() as u64 >= u64::from(u32::MAX);
        zip.start_file(format!("archive/{name}"), options.large_file(large))?;
        Ok(zip.write_all(bytes)?)
    };
    add("data.pkl", &pickle(arrays))?;
    add(".format_version", b"1")?;
    add(".storage_alignment", ALIGNMENT.to_string().as_bytes())?;
    add("byteorder", b"little")?;
    for (number, array) in arrays.values().enumerate() {
        add(&format!("data/{number}"), &array.data)?;
    }
    add("version", b"3\n")?;
    Ok(zip.finish()?.into_inner())
}

/// `OrderedDict` of tensors in protocol 2; storages are numbered in the order of the tensors.
fn pickle(arrays: &Arrays) -> Vec<u8> {
    let mut out = Writer { bytes: vec![0x80, 2], memo: IndexMap::new(), next: 0 };
    out.global("collections", "OrderedDict");
    out.bytes.extend(b")R");
    out.put();
    if !arrays.is_empty() {
        // Python writes items a thousand at a time.
        let all: Vec<(&String, &Array)> = arrays.iter().collect();
        let mut number = 0;
        for items in all.chunks(1000) {
            let one = items.len() == 1;
            out.bytes.extend(if one { &b""[..] } else { &b"("[..] });
            for (name, array) in items {
                out.text(name);
                out.put();
                out.tensor(array, number);
                number += 1;
            }
            out.bytes.push(if one { b's' } else { b'u' });
        }
    }
    out.bytes.push(b'.');
    out.bytes
}

struct Writer {
    bytes: Vec<u8>,
    /// Places of what is written once and recalled later.
    memo: IndexMap<String, u32>,
    next: u32,
}

impl Writer {
    fn put(&mut self) {
        match u8::try_from(self.next) {
            Ok(place) => self.bytes.extend([b'q', place]),
            Err(_) => {
                self.bytes.push(b'r');
                self.bytes.extend(self.next.to_le_bytes());
            }
        }
        self.next += 1;
    }

    /// Recalls what was written before; false if nothing was.
    fn recall(&mut self, what: &str) -> bool {
        let Some(place) = self.memo.get(what) else {
            self.memo.insert(what.to_owned(), self.next);
            return false;
        };
        match u8::try_from(*place) {
            Ok(place) => self.bytes.extend([b'h', place]),
            Err(_) => {
                self.bytes.push(b'j');
                self.bytes.extend(place.to_le_bytes());
            }
        }
        true
    }

    fn global(&mut self, module: &str, name: &str) {
        let line = format!("c{module}\n{name}\n");
        if !self.recall(&line) {
            self.bytes.extend(line.as_bytes());
            self.put();
        }
    }

    fn word(&mut self, word: &str) {
        if !self.recall(&format!("word {word}")) {
            self.text(word);
            self.put();
        }
    }

    fn text(&mut self, text: &str) {
        self.bytes.push(b'X');
        self.bytes.extend((text.len() as u32).to_le_bytes());
        self.bytes.extend(text.as_bytes());
    }

    fn int(&mut self, number: usize) {
        if let Ok(number) = u8::try_from(number) {
            self.bytes.extend([b'K', number]);
        } else if let Ok(number) = u16::try_from(number) {
            self.bytes.push(b'M');
            self.bytes.extend(number.to_le_bytes());
        } else if let Ok(number) = i32::try_from(number) {
            self.bytes.push(b'J');
            self.bytes.extend(number.to_le_bytes());
        } else {
            // Two's complement with as few bytes as keep it positive.
            let mut digits = (number as u64).to_le_bytes().to_vec();
            digits.push(0);
            while digits.len() > 1 && digits[digits.len() - 1] == 0 && digits[digits.len() - 2] & 0x80 == 0 {
                digits.pop();
            }
            self.bytes.extend([0x8a, digits.len() as u8]);
            self.bytes.extend(digits);
        }
    }

    fn sizes(&mut self, sizes: &[usize]) {
        match sizes.len() {
            0 => return self.bytes.push(b')'),
            1..=3 => sizes.iter().for_each(|size| self.int(*size)),
            _ => {
                self.bytes.push(b'(');
                sizes.iter().for_each(|size| self.int(*size));
            }
        }
        self.bytes.push(match sizes.len() {
            1 => 0x85,
            2 => 0x86,
            3 => 0x87,
            _ => b't',
        });
        self.put();
    }

    /// `_rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict())`.
    fn tensor(&mut self, array: &Array, number: usize) {
        self.global("torch._utils", "_rebuild_tensor_v2");
        self.bytes.extend(b"((");
        self.word("storage");
        self.global("torch", array.dtype.storage());
        self.text(&number.to_string());
        self.put();
        self.word("cpu");
        self.int(array.elements());
        self.bytes.push(b't');
        self.put();
        self.bytes.push(b'Q');
        self.int(0);
        self.sizes(&array.shape);
        self.sizes(&strides(&array.shape));
        self.bytes.push(0x89);
        self.global("collections", "OrderedDict");
        self.bytes.extend(b")R");
        self.put();
        self.bytes.push(b't');
        self.put();
        self.bytes.push(b'R');
        self.put();
    }
}

fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for at in (1..shape.len()).rev() {
        strides[at - 1] = strides[at] * shape[at].max(1);
    }
    strides
}
