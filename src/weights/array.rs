//! Tensors as files hold them: a data type, a shape and little-endian bytes in row-major order.

use half::{bf16, f16};
use indexmap::IndexMap;
use std::fmt;

/// Tensors by name, in the order of their file.
pub type Arrays = IndexMap<String, Array>;

/// A tensor outside libtorch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Array {
    /// The type of its numbers.
    pub dtype: DType,
    /// Sizes, outermost first.
    pub shape: Vec<usize>,
    /// `shape` elements of `dtype`, row-major, little-endian.
    pub data: Vec<u8>,
}

/// Data types that weight files hold, by PyTorch's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DType {
    /// IEEE 754 single precision.
    Float32,
    /// IEEE 754 double precision.
    Float64,
    /// IEEE 754 half precision.
    Float16,
    /// The upper half of a float32.
    BFloat16,
    /// Signed, 64 bits.
    Int64,
    /// Signed, 32 bits.
    Int32,
    /// Signed, 16 bits.
    Int16,
    /// Signed, 8 bits.
    Int8,
    /// Unsigned, 8 bits.
    UInt8,
    /// 0 or 1 in a byte.
    Bool,
}

/// Name, bytes of an element, type in safetensors, storage class in a pickle.
const TYPES: &[(DType, &str, usize, safetensors::Dtype, &str)] = &[
    (DType::Float32, "float32", 4, safetensors::Dtype::F32, "FloatStorage"),
    (DType::Float64, "float64", 8, safetensors::Dtype::F64, "DoubleStorage"),
    (DType::Float16, "float16", 2, safetensors::Dtype::F16, "HalfStorage"),
    (DType::BFloat16, "bfloat16", 2, safetensors::Dtype::BF16, "BFloat16Storage"),
    (DType::Int64, "int64", 8, safetensors::Dtype::I64, "LongStorage"),
    (DType::Int32, "int32", 4, safetensors::Dtype::I32, "IntStorage"),
    (DType::Int16, "int16", 2, safetensors::Dtype::I16, "ShortStorage"),
    (DType::Int8, "int8", 1, safetensors::Dtype::I8, "CharStorage"),
    (DType::UInt8, "uint8", 1, safetensors::Dtype::U8, "ByteStorage"),
    (DType::Bool, "bool", 1, safetensors::Dtype::BOOL, "BoolStorage"),
];

type Row = (DType, &'static str, usize, safetensors::Dtype, &'static str);

impl DType {
    fn row(self) -> &'static Row {
        // Every variant stands in the table (a test holds it to that).
        TYPES.iter().find(|row| row.0 == self).unwrap_or(&TYPES[0])
    }

    /// Bytes of an element.
    pub fn size(self) -> usize {
        self.row().2
    }

    /// The type as safetensors calls it.
    pub fn safetensors(self) -> safetensors::Dtype {
        self.row().3
    }

    /// The class of a pickled storage, such as `FloatStorage`.
    pub fn storage(self) -> &'static str {
        self.row().4
    }

    /// The type that safetensors calls so; none for those that are not read.
    pub fn of_safetensors(dtype: safetensors::Dtype) -> Option<DType> {
        TYPES.iter().find(|row| row.3 == dtype).map(|row| row.0)
    }

    /// The type that a PyTorch storage class holds.
    pub fn of_storage(class: &str) -> Option<DType> {
        TYPES.iter().find(|row| row.4 == class).map(|row| row.0)
    }

    /// `float32`, `bfloat16`, …, as PyTorch calls them.
    pub fn of_name(name: &str) -> Option<DType> {
        TYPES.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    /// Whether it holds fractions.
    pub fn is_float(self) -> bool {
        matches!(self, DType::Float32 | DType::Float64 | DType::Float16 | DType::BFloat16)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.write_str(self.row().1)
    }
}

/// A conversion that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Converted {
    /// The type before.
    pub from: DType,
    /// The type after.
    pub to: DType,
    /// Elements that the new type cannot hold exactly.
    pub rounded: usize,
}

impl fmt::Display for Converted {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let Converted { from, to, rounded } = self;
        match rounded {
            0 => write!(out, "{from} to {to}, exactly"),
            1 => write!(out, "{from} to {to}, 1 element rounded"),
            many => write!(out, "{from} to {to}, {many} elements rounded"),
        }
    }
}

impl Array {
    /// A float32 array of given numbers.
    pub fn float32(shape: Vec<usize>, numbers: &[f32]) -> Array {
        let data = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        Array { dtype: DType::Float32, shape, data }
    }

    /// How many numbers it holds.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether no number is infinite or not a number.
    pub fn is_finite(&self) -> bool {
        !self.dtype.is_float() || self.numbers().iter().all(|number| number.is_finite())
    }

    /// The elements as float64, which holds all but large int64 exactly.
    pub fn numbers(&self) -> Vec<f64> {
        let part = |bytes: &[u8]| -> f64 {
            match self.dtype {
                DType::Float32 => f64::from(f32::from_le_bytes(fixed(bytes))),
                DType::Float64 => f64::from_le_bytes(fixed(bytes)),
                DType::Float16 => f16::from_le_bytes(fixed(bytes)).to_f64(),
                DType::BFloat16 => bf16::from_le_bytes(fixed(bytes)).to_f64(),
                DType::Int64 => i64::from_le_bytes(fixed(bytes)) as f64,
                DType::Int32 => f64::from(i32::from_le_bytes(fixed(bytes))),
                DType::Int16 => f64::from(i16::from_le_bytes(fixed(bytes))),
                DType::Int8 => f64::from(i8::from_le_bytes(fixed(bytes))),
                DType::UInt8 | DType::Bool => f64::from(fixed::<1>(bytes)[0]),
            }
        };
        self.data.chunks_exact(self.dtype.size()).map(part).collect()
    }

    /// The same numbers in another floating-point type, rounded to nearest where they must be.
    pub fn convert(&self, to: DType) -> (Array, Converted) {
        let mut rounded = 0;
        let mut data = Vec::with_capacity(self.elements() * to.size());
        for number in self.numbers() {
            let back = match to {
                DType::Float64 => {
                    data.extend(number.to_le_bytes());
                    number
                }
                DType::Float16 => {
                    let near = f16::from_f64(number);
                    data.extend(near.to_le_bytes());
                    near.to_f64()
                }
                DType::BFloat16 => {
                    let near = bf16::from_f64(number);
                    data.extend(near.to_le_bytes());
                    near.to_f64()
                }
                _ => {
                    let near = number as f32;
                    data.extend(near.to_le_bytes());
                    f64::from(near)
                }
            };
            rounded += usize::from(back.to_bits() != number.to_bits() && !(back.is_nan() && number.is_nan()));
        }
        let to = if to.is_float() { to } else { DType::Float32 };
        (Array { dtype: to, shape: self.shape.clone(), data }, Converted { from: self.dtype, to, rounded })
    }
}

/// The bytes as an array; missing ones are zero, which `chunks_exact` rules out.
fn fixed<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    for (to, from) in array.iter_mut().zip(bytes) {
        *to = *from;
    }
    array
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_its_row() {
        for row in TYPES {
            assert_eq!(row.0.row().1, row.1);
            assert_eq!(DType::of_name(row.1), Some(row.0));
            assert_eq!(row.0.size() * 8, row.3.bitsize(), "{}", row.1);
        }
    }

    #[test]
    fn conversions_count_what_they_round() {
        let half = Array { dtype: DType::BFloat16, shape: vec![2], data: vec![0x80, 0x3f, 0xc0, 0xbf] };
        assert_eq!(half.numbers(), [1.0, -1.5]);
        let (wide, how) = half.convert(DType::Float32);
        assert_eq!((wide.numbers(), how.rounded), (vec![1.0, -1.5], 0));
        assert_eq!(
            wide.convert(DType::BFloat16),
            (half, Converted { from: DType::Float32, to: DType::BFloat16, rounded: 0 })
        );
        let (narrow, how) = Array::float32(vec![3], &[1.0, 0.1, f32::NAN]).convert(DType::Float16);
        assert_eq!((narrow.data.len(), how.rounded), (6, 1));
        // 65504 is the largest float16: what lies above becomes infinite, and is counted.
        assert_eq!(Array::float32(vec![1], &[1e6]).convert(DType::Float16).1.rounded, 1);
    }
}
