//! Name maps: takes RON, gives which published name stands for which weight of totc. Those of the published families
//! ship with totc (`models/names/`).

use super::pattern::{AxesPattern, Template};
use crate::syntax;
use indexmap::IndexMap;
use serde::Deserialize;
use std::path::Path;

/// Which names a published implementation gives to the weights.
#[derive(Clone, Debug)]
pub struct NameMap {
    /// Such as `TRM`.
    pub family: String,
    /// What the published code puts before every name when it saves.
    pub prefix: String,
    /// Its lines, in order; the first that fits wins.
    pub pairs: Vec<Pair>,
    /// Names of a checkpoint that no weight of totc stands for, and why.
    pub not_weights: Vec<(Template, String)>,
    /// The file's names are totc's own.
    pub own: bool,
}

/// A published name and what stands for it.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The published code's name.
    pub theirs: Template,
    /// Several: their rows one below the other.
    pub ours: Vec<Template>,
    /// How the published shape puts the axes together; None: as they are.
    pub axes: Option<AxesPattern>,
}

/// A name map that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {what}")]
pub struct NameMapError {
    /// The file or family.
    pub place: String,
    /// The cause.
    pub what: String,
}

/// The families that ship with totc, the simplest first.
pub const FAMILIES: &[&str] = &["trm", "hrm", "totrm", "urm"];

/// The text of a map.
#[derive(Deserialize)]
#[serde(rename = "NameMap", deny_unknown_fields)]
struct Text {
    family: String,
    /// Where the names come from; for readers.
    #[serde(default, rename = "code")]
    _code: String,
    /// A shipped family whose pairs come after these.
    #[serde(default)]
    extends: Option<String>,
    #[serde(default)]
    prefix: Option<String>,
    names: Vec<PairText>,
    #[serde(default)]
    not_weights: IndexMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PairText {
    theirs: String,
    #[serde(default)]
    ours: Option<String>,
    #[serde(default)]
    stacked: Vec<String>,
    #[serde(default)]
    axes: Option<String>,
}

impl NameMap {
    /// A family of [`FAMILIES`].
    pub fn shipped(family: &str) -> Result<NameMap, NameMapError> {
        let place = format!("models/names/{family}.ron");
        let text = syntax::shipped_text(&format!("names/{family}.ron")).ok_or_else(|| NameMapError {
            what: format!("there is no family `{family}`; there are {}", FAMILIES.join(", ")),
            place: place.clone(),
        })?;
        NameMap::parse(&place, text)
    }

    /// The map of a file.
    pub fn load(path: &Path) -> Result<NameMap, NameMapError> {
        let place = path.display().to_string();
        let text = crate::text_file::read(path)
            .map_err(|cause| NameMapError { place: place.clone(), what: cause.to_string() })?;
        NameMap::parse(&place, &text)
    }

    /// The map in which every weight has its own name.
    pub fn own() -> NameMap {
        NameMap {
            family: "totc".to_owned(),
            prefix: String::new(),
            pairs: Vec::new(),
            not_weights: Vec::new(),
            own: true,
        }
    }

    /// Reads a map; `place` names it in messages.
    pub fn parse(place: &str, text: &str) -> Result<NameMap, NameMapError> {
        let options =
            ron::Options::default().with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME);
        let read: Text = options.from_str(text).map_err(|error| NameMapError {
            place: format!("{place}:{}:{}", error.span.start.line, error.span.start.col),
            what: error.code.to_string(),
        })?;
        let refuse = |what: String| NameMapError { place: place.to_owned(), what };
        let mut pairs = Vec::new();
        for pair in read.names {
            let ours: Vec<&String> = pair.ours.iter().chain(&pair.stacked).collect();
            if pair.ours.is_some() != pair.stacked.is_empty() {
                return Err(refuse(format!("`{}` needs either `ours` or `stacked`", pair.theirs)));
            }
            let theirs = Template::parse(&pair.theirs).map_err(refuse)?;
            let ours = ours
                .into_iter()
                .map(|name| Template::parse(name))
                .collect::<Result<Vec<_>, _>>()
                .map_err(refuse)?;
            if let Some(other) = ours.iter().find(|ours| ours.numbers != theirs.numbers) {
                return Err(refuse(format!(
                    "the numbers left open in `{}` are {{{}}}, in the name beside it {{{}}}",
                    pair.theirs,
                    theirs.numbers.join("}, {"),
                    other.numbers.join("}, {")
                )));
            }
            let axes = pair.axes.as_deref().map(AxesPattern::parse).transpose().map_err(refuse)?;
            pairs.push(Pair { theirs, ours, axes });
        }
        let mut not_weights = Vec::new();
        for (name, why) in read.not_weights {
            not_weights.push((Template::parse(&name).map_err(refuse)?, why));
        }
        let mut prefix = read.prefix;
        if let Some(family) = read.extends {
            let base = NameMap::shipped(&family)?;
            pairs.extend(base.pairs);
            not_weights.extend(base.not_weights);
            prefix = prefix.or(Some(base.prefix));
        }
        Ok(NameMap {
            family: read.family,
            prefix: prefix.unwrap_or_default(),
            pairs,
            not_weights,
            own: false,
        })
    }

    /// Why a name (without prefix) is no weight.
    pub fn not_a_weight(&self, name: &str) -> Option<&str> {
        self.not_weights.iter().find(|(known, _)| known.read(name).is_some()).map(|(_, why)| why.as_str())
    }

    /// Whether the family has a name (without prefix).
    pub fn knows(&self, name: &str) -> bool {
        self.pairs.iter().any(|pair| pair.theirs.read(name).is_some()) || self.not_a_weight(name).is_some()
    }
}
