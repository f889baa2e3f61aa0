//! TensorBoard event files: takes the records of a run's log and its settings, appends them to an event file of the call's
//! own; never opens a file of an earlier call. Records are framed as TFRecords, each an `Event` of TensorFlow's
//! `event.proto` (fields by their numbers there and in `summary.proto`). Scalars are float32, as in every event file.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::appending::Appending;
use super::log::{LogError, MetricsKind, MetricsRecord};

/// The folder of event files in a run's folder.
pub const TENSORBOARD: &str = "tensorboard";

/// An open event file.
#[derive(Debug)]
pub struct EventFile {
    file: Appending,
}

impl EventFile {
    /// A new event file of the run in `folder`, of which `steps_done` steps stand; what an earlier call has written of later
    /// steps no longer counts, which TensorBoard is told. `settings` are shown as text.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn create(folder: &Path, steps_done: u64, settings: &str) -> Result<EventFile, LogError> {
        let folder = folder.join(TENSORBOARD);
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |cause| LogError::File { doing: "create", path, cause }
        };
        std::fs::create_dir_all(&folder).map_err(failed(&folder))?;
        let (path, file) = fresh(&folder).map_err(failed(&folder))?;
        let mut events = EventFile { file: Appending::to(path, file) };
        events.write(&Fields::event(0).bytes(3, b"brain.Event:2"))?;
        events
            .write(&Fields::event(steps_done + 1).message(7, &Fields::default().varint(1, SESSION_START)))?;
        // Markdown shows what is indented as it is.
        let text = Fields::text("settings", &format!("    {}", settings.replace('\n', "\n    ")));
        events.write(&Fields::event(steps_done).message(5, &Fields::default().message(1, &text)))?;
        Ok(events)
    }

    /// Adds what a record says, under `train/…` or `test/…`.
    ///
    /// # Errors
    /// A file that cannot be written; what waits is written by a later call.
    pub fn append(&mut self, record: &MetricsRecord) -> Result<(), LogError> {
        let summary = scalars(record).into_iter().fold(Fields::default(), |summary, (tag, value)| {
            summary.message(1, &Fields::scalar(&tag, value))
        });
        self.write(&Fields::event(record.step).message(5, &summary))
    }

    /// Whether events are still to be written.
    pub fn waits(&self) -> bool {
        self.file.waits()
    }

    fn write(&mut self, event: &Fields) -> Result<(), LogError> {
        let result = self.file.append(&framed(&event.0));
        result.map_err(|cause| LogError::File { doing: "write", path: self.file.path().to_owned(), cause })
    }
}

/// A file that was not there; TensorBoard reads the files of a folder in the order of their names.
fn fresh(folder: &Path) -> io::Result<(PathBuf, std::fs::File)> {
    let mut time = since_1970();
    loop {
        let name = format!("events.out.tfevents.{:010}.{:09}.totc", time.as_secs(), time.subsec_nanos());
        let path = folder.join(name);
        match OpenOptions::new().append(true).create_new(true).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => time += Duration::from_nanos(1),
            Err(cause) => return Err(cause),
        }
    }
}

/// Every number of a record with its tag.
fn scalars(record: &MetricsRecord) -> Vec<(String, f64)> {
    let kind = match record.kind {
        MetricsKind::Train => "train",
        MetricsKind::Test => "test",
    };
    let of_training = record.kind == MetricsKind::Train;
    let mut found: Vec<(String, f64)> = Vec::new();
    found.extend(record.losses.iter().map(|(name, value)| (format!("loss.{name}"), *value)));
    found.extend(record.metrics.iter().map(|(name, value)| (name.clone(), *value)));
    let single = [
        ("lr", of_training.then_some(record.lr)),
        ("steps_used", record.steps_used),
        ("gradient_norm", record.gradient_norm),
        ("samples_per_second", record.samples_per_second),
        ("memory_bytes", record.memory_bytes.map(|bytes| bytes as f64)),
    ];
    found.extend(single.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    found.into_iter().map(|(name, value)| (format!("{kind}/{name}"), value)).collect()
}

/// One TFRecord: length, its checksum, data, their checksum.
fn framed(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let parts = [&length[..], &masked_crc(&length).to_le_bytes(), data, &masked_crc(data).to_le_bytes()];
    parts.concat()
}

/// CRC-32C as TFRecords hold it: turned and shifted, so that a checksum of data with checksums stays a good one.
fn masked_crc(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// `SessionLog.SessionStatus.START`: what was written of this step and later ones is void.
const SESSION_START: u64 = 1;
/// `DataType.DT_STRING`.
const STRING: u64 = 7;

/// A protocol buffer message as it is encoded: fields by number, of the three wire types in use.
#[derive(Clone, Debug, Default)]
struct Fields(Vec<u8>);

impl Fields {
    /// `Event` of now: wall_time = 1, step = 2.
    fn event(step: u64) -> Fields {
        Fields::default().double(1, since_1970().as_secs_f64()).varint(2, step)
    }

    /// `Summary.Value`: tag = 1, simple_value = 2.
    fn scalar(tag: &str, value: f64) -> Fields {
        Fields::default().bytes(1, tag.as_bytes()).float(2, value as f32)
    }

    /// `Summary.Value` of Markdown, as the text tab shows it: tag = 1, tensor = 8 (dtype = 1, tensor_shape = 2 with one dim
    /// of size 1, string_val = 8), metadata = 9 (plugin_data = 1 with plugin_name = 1).
    fn text(tag: &str, text: &str) -> Fields {
        let shape = Fields::default().message(2, &Fields::default().varint(1, 1));
        let tensor = Fields::default().varint(1, STRING).message(2, &shape).bytes(8, text.as_bytes());
        let plugin = Fields::default().bytes(1, b"text");
        let tag = format!("{tag}/text_summary");
        let value = Fields::default().bytes(1, tag.as_bytes()).message(8, &tensor);
        value.message(9, &Fields::default().message(1, &plugin))
    }

    fn varint(mut self, number: u64, value: u64) -> Fields {
        self.push(number << 3);
        self.push(value);
        self
    }

    fn double(mut self, number: u64, value: f64) -> Fields {
        self.push(number << 3 | 1);
        self.0.extend(value.to_le_bytes());
        self
    }

    fn float(mut self, number: u64, value: f32) -> Fields {
        self.push(number << 3 | 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    fn bytes(mut self, number: u64, value: &[u8]) -> Fields {
        self.push(number << 3 | 2);
        self.push(value.len() as u64);
        self.0.extend(value);
        self
    }

    fn message(self, number: u64, value: &Fields) -> Fields {
        self.bytes(number, &value.0)
    }

    /// Seven bits a byte, the lowest first.
    fn push(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use indexmap::IndexMap;

    /// CRC-32C bit by bit, as its polynomial says it (RFC 3720, appendix B.4).
    fn crc(data: &[u8]) -> u32 {
        let mut rest = u32::MAX;
        for byte in data {
            rest ^= u32::from(*byte);
            for _ in 0..8 {
                rest = if rest & 1 == 1 { (rest >> 1) ^ 0x82f6_3b78 } else { rest >> 1 };
            }
        }
        !rest
    }

    fn unmasked(bytes: &[u8]) -> u32 {
        let masked = u32::from_le_bytes(bytes.try_into().unwrap()).wrapping_sub(0xa282_ead8);
        masked.rotate_left(15)
    }

    /// The fields of a message: numbers as they are, floats by their bits, messages as bytes.
    fn decoded(mut rest: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let varint = |rest: &mut &[u8]| {
            let (mut value, mut shift) = (0, 0);
            loop {
                let byte = rest[0];
                *rest = &rest[1..];
                value |= u64::from(byte & 0x7f) << shift;
                shift += 7;
                if byte < 0x80 {
                    return value;
                }
            }
        };
        let mut found = Vec::new();
        while !rest.is_empty() {
            let key = varint(&mut rest);
            let length = match key & 7 {
                0 => {
                    found.push((key >> 3, varint(&mut rest).to_le_bytes().to_vec()));
                    continue;
                }
                1 => 8,
                2 => varint(&mut rest) as usize,
                5 => 4,
                other => panic!("wire type {other}"),
            };
            found.push((key >> 3, rest[..length].to_vec()));
            rest = &rest[length..];
        }
        found
    }

    /// All values of a field.
    fn field(message: &[u8], number: u64) -> Vec<Vec<u8>> {
        decoded(message).into_iter().filter(|(own, _)| *own == number).map(|(_, value)| value).collect()
    }

    /// The one value at the end of a path of fields.
    fn at(message: &[u8], path: &[u64]) -> Vec<u8> {
        path.iter().fold(message.to_vec(), |message, number| field(&message, *number)[0].clone())
    }

    /// The events of a file, each with both checksums compared.
    fn read(path: &Path) -> Vec<Vec<u8>> {
        let bytes = std::fs::read(path).unwrap();
        let (mut rest, mut events) = (&bytes[..], Vec::new());
        while !rest.is_empty() {
            let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
            assert_eq!(crc(&rest[..8]), unmasked(&rest[8..12]), "the checksum of a length");
            let data = &rest[12..12 + length];
            assert_eq!(crc(data), unmasked(&rest[12 + length..16 + length]), "the checksum of an event");
            events.push(data.to_vec());
            rest = &rest[16 + length..];
        }
        events
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder.join(TENSORBOARD)).unwrap();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    #[test]
    fn the_published_checksum_of_the_digits() {
        // RFC 3720 gives that of 32 zeros; 0xe3069283 is the check value of CRC-32C.
        assert_eq!((crc(b"123456789"), crc(&[0; 32])), (0xe306_9283, 0x8a91_36aa));
    }

    #[test]
    fn each_call_writes_a_file_of_its_own_that_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let losses = IndexMap::from([("total".to_owned(), 0.5), ("broken".to_owned(), f64::NAN)]);
        let record = MetricsRecord { step: 50, lr: 1e-4, losses, ..MetricsRecord::default() };
        EventFile::create(folder.path(), 0, "batch: 4,\nseed: 0,").unwrap().append(&record).unwrap();
        let first = std::fs::read(&files(folder.path())[0]).unwrap();
        EventFile::create(folder.path(), 50, "").unwrap();

        let files = files(folder.path());
        assert_eq!((files.len(), std::fs::read(&files[0]).unwrap()), (2, first));
        let events = read(&files[0]);
        assert_eq!(at(&events[0], &[3]), b"brain.Event:2");
        assert_eq!(at(&events[2], &[5, 1, 8, 8]), b"    batch: 4,\n    seed: 0,");
        assert_eq!(at(&events[2], &[5, 1, 9, 1, 1]), b"text");
        let values = field(&at(&events[3], &[5]), 1);
        let tags: Vec<String> =
            values.iter().map(|value| String::from_utf8(at(value, &[1])).unwrap()).collect();
        assert_eq!(tags, ["train/loss.total", "train/loss.broken", "train/lr"]);
        assert_eq!(at(&events[3], &[2]), 50_u64.to_le_bytes());
        let float = |value: &[u8]| f32::from_le_bytes(at(value, &[2]).try_into().unwrap());
        assert!(float(&values[0]) == 0.5 && float(&values[1]).is_nan() && float(&values[2]) == 1e-4);
        // What stands of step 51 and later is void, were there any.
        let again = read(&files[1]);
        assert_eq!(at(&again[1], &[2]), 51_u64.to_le_bytes());
        assert_eq!(at(&again[1], &[7, 1]), 1_u64.to_le_bytes());
    }
}
