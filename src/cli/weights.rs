//! `totc weights FILE [OTHER]`

use super::Outcome;
use super::import::{about, world};
use crate::report::number;
use crate::text_file::printable;
use crate::weights::{self, Array};
use std::fmt::Write;
use std::path::PathBuf;

/// Lists the tensors of a weight file (`torch.save` or safetensors) or of a run's folder: name, shape, data type, L2 norm
/// and largest absolute value. With two files: which tensors differ, and by how much.
#[derive(clap::Args)]
pub struct Args {
    /// A weight file, or the folder of a run
    file: PathBuf,
    /// Another one to compare with, name by name
    other: Option<PathBuf>,
    /// Which state dict of a checkpoint, e.g. ema_helper (default: the model's)
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

/// Prints the tensors of a file, or how two files differ.
pub fn main(args: &Args) -> Outcome {
    let first = weights::read(&args.file, args.key.as_deref()).map_err(world)?;
    print!("{}", printable(&about(&first)));
    let Some(other) = &args.other else {
        print!("{}", printable(&list(&first.tensors)));
        return Ok(());
    };
    let second = weights::read(other, args.key.as_deref()).map_err(world)?;
    let text = about(&second) + &compare(&first.tensors, &second.tensors);
    print!("{}", printable(&text));
    Ok(())
}

fn list(tensors: &weights::Arrays) -> String {
    let width = tensors.keys().map(String::len).max().unwrap_or(0);
    let shapes: Vec<String> = tensors.values().map(|array| format!("{:?}", array.shape)).collect();
    let wide = shapes.iter().map(String::len).max().unwrap_or(0);
    let mut text = String::new();
    for ((name, array), shape) in tensors.iter().zip(shapes) {
        let numbers = array.numbers();
        let norm = numbers.iter().map(|number| number * number).sum::<f64>().sqrt();
        let _ = writeln!(
            text,
            "  {name:width$}  {shape:wide$}  {:8}  norm {:9}  max {}",
            array.dtype.to_string(),
            number(norm),
            number(largest(numbers.into_iter()))
        );
    }
    text
}

/// The largest absolute value; NaN if there is one.
fn largest(numbers: impl Iterator<Item = f64>) -> f64 {
    numbers.fold(
        0.0,
        |most: f64, number| if most.is_nan() || number.is_nan() { f64::NAN } else { most.max(number.abs()) },
    )
}

fn compare(first: &weights::Arrays, second: &weights::Arrays) -> String {
    let mut text = String::new();
    let mut same = 0;
    for (name, array) in first {
        match second.get(name).map(|other| difference(array, other)) {
            Some(None) => same += 1,
            other => {
                let how = other.flatten().unwrap_or_else(|| "only in the first".to_owned());
                let _ = writeln!(text, "  {name}: {how}");
            }
        }
    }
    for name in second.keys().filter(|name| !first.contains_key(*name)) {
        let _ = writeln!(text, "  {name}: only in the second");
    }
    let _ = writeln!(text, "{same} of {} tensors are equal byte for byte", first.len().max(second.len()));
    text
}

/// How two tensors differ; None if they are the same byte for byte.
fn difference(first: &Array, second: &Array) -> Option<String> {
    if first == second {
        return None;
    }
    if first.shape != second.shape {
        return Some(format!("shape {:?} and {:?}", first.shape, second.shape));
    }
    let types = match first.dtype == second.dtype {
        true => String::new(),
        false => format!("{} and {}, ", first.dtype, second.dtype),
    };
    let (a, b) = (first.numbers(), second.numbers());
    let most = largest(a.iter().zip(&b).map(|(a, b)| a - b));
    let size = largest(a.into_iter());
    Some(format!("{types}largest difference {} of a largest value {}", number(most), number(size)))
}
