//! Weights that a run starts from, as a person reads them: takes what was taken from where, gives lines net by net.

use std::fmt::Write;

use crate::ir::WeightInfo;
use crate::numbers::count;
use crate::weights::{Converted, Source, Taken, Transfer};

/// What came from where and what is fresh, net by net.
pub fn weights_text(source: &Source, transfer: &Transfer, infos: &[WeightInfo]) -> String {
    let mut text = format!(
        "starts from {} (sha256 {})",
        source.checkpoint.path.display(),
        source.hash.get(..12).unwrap_or_default()
    );
    if let Some((family, prefix)) = &transfer.family {
        let _ = write!(text, ", names of {family}, prefix `{prefix}`");
    }
    text.push('\n');
    let mut taken = Nets::default();
    let mut fresh = Nets::default();
    for info in infos {
        let elements: i64 = info.shape.iter().product();
        match transfer.taken.get(&info.path) {
            Some(_) => taken.add(&info.path, elements),
            None if elements > 0 => fresh.add(&info.path, elements),
            None => {}
        }
    }
    let _ = writeln!(text, "  from it: {}", taken.shown());
    for (path, how) in &transfer.taken {
        match how {
            Taken::Mean { from, rows } => {
                let _ = writeln!(
                    text,
                    "  {path}: has another length there, so each row is the mean of the {rows} rows of {from}"
                );
            }
            Taken::Whole { converted: Some(how @ Converted { .. }), from } => {
                let _ = writeln!(text, "  {path}: {from} from {how}");
            }
            Taken::Whole { .. } => {}
        }
    }
    let _ = writeln!(text, "  fresh: {}", fresh.shown());
    if !transfer.left.is_empty() {
        let shown: Vec<&str> = transfer.left.iter().take(6).map(String::as_str).collect();
        let more = transfer.left.len() - shown.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let _ = writeln!(text, "  not taken: {}{more}", shown.join(", "));
    }
    text
}

/// Elements by the first name of a path.
#[derive(Default)]
struct Nets(indexmap::IndexMap<String, i64>);

impl Nets {
    fn add(&mut self, path: &str, elements: i64) {
        let net = path.split('.').next().unwrap_or(path);
        *self.0.entry(net.to_owned()).or_default() += elements;
    }

    fn shown(&self) -> String {
        if self.0.is_empty() {
            return "nothing".to_owned();
        }
        let one = |(net, elements): (&String, &i64)| format!("{net} ({})", count(*elements as u64));
        self.0.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}
