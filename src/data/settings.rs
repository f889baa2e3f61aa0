//! Reading settings: takes serde input, gives data-set settings and small values such as spans; never opens a file.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::bounds::CountRange;
use crate::diagnostic::suggestion;

/// A visitor of `T`; the registry implements it for `DataSpec`.
pub(super) struct Pick<T>(PhantomData<T>);

impl<T> Pick<T> {
    pub(super) fn new() -> Self {
        Pick(PhantomData)
    }
}

/// Reads the fields of an enum variant into the settings struct `S`, so that `name(a: 1)` needs no inner brackets.
pub(super) fn settings<'de, S: DeserializeOwned, A: EnumAccess<'de>>(
    body: A::Variant,
) -> Result<S, A::Error> {
    struct Fields<S>(PhantomData<S>);

    impl<'de, S: DeserializeOwned> Visitor<'de> for Fields<S> {
        type Value = S;

        fn expecting(&self, out: &mut fmt::Formatter) -> fmt::Result {
            out.write_str("the data set's settings, as in `(side: 4, train: 1000)`")
        }

        fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<S, M::Error> {
            S::deserialize(MapAccessDeserializer::new(map))
        }
    }

    body.struct_variant(&[], Fields(PhantomData))
}

/// A name of the registry, written as a bare identifier in RON and as a string elsewhere.
pub(super) struct Name(pub(super) String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_identifier(Pick::<Name>::new())
    }
}

impl Visitor<'_> for Pick<Name> {
    type Value = Name;

    fn expecting(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.write_str("the name of a data set")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Name, E> {
        Ok(Name(name.to_owned()))
    }
}

/// The error for a name that no data set has, with the nearest one that exists.
pub(super) fn unknown<E: Error>(name: &str, known: &[&str]) -> E {
    let hint = suggestion(name, known.iter().copied()).map_or(String::new(), |hint| format!("; {hint}"));
    E::custom(format!("no data set is called `{name}`; there are: {}{hint}", known.join(", ")))
}

impl<'de> Visitor<'de> for Pick<CountRange> {
    type Value = CountRange;

    fn expecting(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.write_str("None, a whole number, or a pair such as (6, 8)")
    }

    fn visit_none<E: Error>(self) -> Result<CountRange, E> {
        Ok(CountRange::Any)
    }

    fn visit_unit<E: Error>(self) -> Result<CountRange, E> {
        Ok(CountRange::Any)
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<CountRange, D::Error> {
        inner.deserialize_any(self)
    }

    fn visit_u64<E: Error>(self, n: u64) -> Result<CountRange, E> {
        Ok(CountRange::Between(n, n))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<CountRange, A::Error> {
        let mut next =
            |index| seq.next_element::<u64>()?.ok_or_else(|| A::Error::invalid_length(index, &"a pair"));
        let (low, high) = (next(0)?, next(1)?);
        if seq.next_element::<u64>()?.is_some() {
            return Err(A::Error::invalid_length(3, &"a pair such as (6, 8)"));
        }
        if low > high {
            return Err(A::Error::custom(format!(
                "the span ({low}, {high}) is empty; write the smaller number first"
            )));
        }
        Ok(CountRange::Between(low, high))
    }
}

impl<'de> Deserialize<'de> for CountRange {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Pick::<CountRange>::new())
    }
}

impl<'de> Visitor<'de> for Pick<Option<usize>> {
    type Value = Option<usize>;

    fn expecting(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.write_str("None or a whole number")
    }

    fn visit_none<E: Error>(self) -> Result<Option<usize>, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Option<usize>, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Option<usize>, D::Error> {
        inner.deserialize_any(self)
    }

    fn visit_u64<E: Error>(self, n: u64) -> Result<Option<usize>, E> {
        usize::try_from(n).map(Some).map_err(E::custom)
    }
}

/// Reads a limit, written as `None`, `1000` or `Some(1000)`.
pub(super) fn limit<'de, D: Deserializer<'de>>(from: D) -> Result<Option<usize>, D::Error> {
    from.deserialize_any(Pick::<Option<usize>>::new())
}

/// Several names.
struct Names(Vec<String>);

impl<'de> Visitor<'de> for Pick<Names> {
    type Value = Names;

    fn expecting(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.write_str("a name in quotes, or several in [ ]")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Names, E> {
        Ok(Names(vec![name.to_owned()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Names, A::Error> {
        let mut names = Vec::new();
        while let Some(name) = seq.next_element::<String>()? {
            if names.contains(&name) {
                return Err(A::Error::custom(format!("`{name}` is named twice; name it once")));
            }
            names.push(name);
        }
        Ok(Names(names))
    }
}

/// Reads names, written as `"one"` or `["one", "two"]`.
pub(super) fn names<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    from.deserialize_any(Pick::<Names>::new()).map(|Names(names)| names)
}
