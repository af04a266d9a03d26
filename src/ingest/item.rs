//! One alert as it stands in a JSON body, read field by field without copying its strings.
//!
//! Formats differ in what they call the fields, not in their types. Serde's derive is not used
//! because what is unknown must be measured (nesting) or refused by name, a repeated name must be
//! refused, and errors must name their field.

use core::fmt;
use std::borrow::Cow;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::batch::Dialect;
use super::check::{Short, nearest};

/// A field of an alert, whatever a format calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Labels,
    Annotations,
    Status,
    StartsAt,
    EndsAt,
    Severity,
    GeneratorUrl,
    Lease,
}

/// What a format does with fields it does not know.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unknown {
    /// They are passed over: newer senders have more of them.
    Skipped,
    /// They are refused, for these are all there are.
    Refused(&'static [&'static str]),
}

/// An alert as the sender wrote it; reused from one to the next for its allocations.
#[derive(Debug, Default)]
pub(super) struct Item<'a> {
    pub(super) labels: Pairs<'a>,
    pub(super) annotations: Pairs<'a>,
    pub(super) status: Option<Cow<'a, str>>,
    pub(super) starts_at: Option<Cow<'a, str>>,
    pub(super) ends_at: Option<Cow<'a, str>>,
    pub(super) severity: Option<Cow<'a, str>>,
    pub(super) generator_url: Option<Cow<'a, str>>,
    pub(super) lease: Option<Cow<'a, str>>,
    /// One bit per field that was there.
    seen: u8,
    /// Where label sets are put together.
    pub(super) room: String,
}

/// An object whose values are strings; a null value reads as an empty one, as in Go.
#[derive(Debug, Default)]
pub(super) struct Pairs<'a> {
    /// False when the object was missing or null.
    pub(super) given: bool,
    pub(super) list: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl Pairs<'_> {
    fn clear(&mut self) {
        self.given = false;
        self.list.clear();
    }
}

impl<'a> Item<'a> {
    fn clear(&mut self) {
        self.labels.clear();
        self.annotations.clear();
        self.status = None;
        self.starts_at = None;
        self.ends_at = None;
        self.severity = None;
        self.generator_url = None;
        self.lease = None;
        self.seen = 0;
    }

    fn read<A>(&mut self, field: Field, name: &str, map: &mut A) -> Result<(), A::Error>
    where
        A: MapAccess<'a>,
    {
        let bit = 1 << field as u8;
        if self.seen & bit != 0 {
            return Err(A::Error::custom(format_args!(".{name}: is given twice, send it once")));
        }
        self.seen |= bit;
        let slot = match field {
            Field::Labels => {
                return map.next_value_seed(PairsSeed { name, pairs: &mut self.labels });
            }
            Field::Annotations => {
                return map.next_value_seed(PairsSeed { name, pairs: &mut self.annotations });
            }
            Field::Status => &mut self.status,
            Field::StartsAt => &mut self.starts_at,
            Field::EndsAt => &mut self.ends_at,
            Field::Severity => &mut self.severity,
            Field::GeneratorUrl => &mut self.generator_url,
            Field::Lease => &mut self.lease,
        };
        let Text(text) =
            map.next_value().map_err(|e| A::Error::custom(format_args!(".{name}: {e}")))?;
        *slot = text;
        Ok(())
    }
}

/// Reads an object into an [`Item`], in the names of a dialect.
#[derive(Debug)]
pub(super) struct ItemSeed<'s, 'a> {
    pub(super) item: &'s mut Item<'a>,
    pub(super) dialect: &'static Dialect,
    /// Levels of nesting that an unknown field may have.
    pub(super) depth: usize,
}

impl<'de> DeserializeSeed<'de> for ItemSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.item.clear();
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ItemSeed<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the labels of an alert")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(name)) = map.next_key()? {
            let name = name.unwrap_or_default();
            match ((self.dialect.field)(&name), self.dialect.unknown) {
                (Some(field), _) => self.item.read(field, &name, &mut map)?,
                (None, Unknown::Skipped) => map.next_value_seed(Skip(self.depth))?,
                (None, Unknown::Refused(known)) => return Err(unknown(&name, known)),
            }
        }
        Ok(())
    }
}

fn unknown<E: Error>(name: &str, known: &[&str]) -> E {
    let known_list = known.join(", ");
    let name_short = Short(name);
    E::custom(match nearest(name, known) {
        Some(near) => format!(": unknown field {name_short}, did you mean `{near}`?"),
        None => format!(": unknown field {name_short}, expected one of {known_list}"),
    })
}

struct PairsSeed<'s, 'a> {
    name: &'s str,
    pairs: &'s mut Pairs<'a>,
}

impl<'de> DeserializeSeed<'de> for PairsSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(&mut self).map_err(|error| {
            // An error from within the object names its pair already.
            if self.pairs.given {
                error
            } else {
                D::Error::custom(format_args!(".{}: {error}", self.name))
            }
        })
    }
}

impl<'de> Visitor<'de> for &mut PairsSeed<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.pairs.given = true;
        while let Some(Text(name)) = map.next_key()? {
            let name = name.unwrap_or_default();
            let Text(value) = map.next_value().map_err(|e| {
                A::Error::custom(format_args!(".{}.{}: {e}", self.name, Short(&name)))
            })?;
            self.pairs.list.push((name, value.unwrap_or_default()));
        }
        Ok(())
    }
}

/// A string, borrowed unless it holds escapes, or null.
#[derive(Debug)]
pub(super) struct Text<'a>(pub(super) Option<Cow<'a, str>>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string in quotes")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Some(Cow::Borrowed(text))))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text(Some(Cow::Owned(text.to_owned()))))
    }

    fn visit_unit<E: Error>(self) -> Result<Text<'de>, E> {
        Ok(Text(None))
    }
}

/// Passes over any value of at most this many levels. Known fields cannot nest, so this is all the
/// watch on depth that a body needs while it is read.
#[derive(Debug)]
pub(super) struct Skip(pub(super) usize);

impl Skip {
    fn inner<E: Error>(&self) -> Result<usize, E> {
        self.0.checked_sub(1).ok_or_else(|| E::custom(": nested too deep"))
    }
}

impl<'de> DeserializeSeed<'de> for Skip {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Skip {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let depth = self.inner()?;
        while seq.next_element_seed(Skip(depth))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let depth = self.inner()?;
        while map.next_key::<Text<'de>>()?.is_some() {
            map.next_value_seed(Skip(depth))?;
        }
        Ok(())
    }
}
