//! Reads the list of alerts in a body.
//!
//! All of it in one pass, each alert into the same [`Item`]. Only when that fails is the body read
//! again with each alert cut out first, so that a bad one does not cost the good ones.

use core::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};
use serde_json::de::StrRead;
use serde_json::value::RawValue;

use super::check::{Problem, shortened};
use super::item::{Field, Item, ItemSeed, Unknown};
use super::{Decoded, ItemReject, Reject, Terms};
use crate::model::alert::Occurrence;

/// What sets a format apart from the others.
#[derive(Debug)]
pub(super) struct Dialect {
    /// Reads the body, and the list in it with [`Batch`].
    pub(super) body: for<'de> fn(&'de str, &mut Batch<'de, '_>) -> Result<(), JsonError>,
    /// Levels of nesting down to the fields of an alert.
    pub(super) depth: usize,
    /// Which field a name stands for.
    pub(super) field: fn(&str) -> Option<Field>,
    /// What becomes of other names.
    pub(super) unknown: Unknown,
    /// What an alert says.
    pub(super) occurrence: fn(u32, &mut Item<'_>, &Terms<'_>) -> Result<Occurrence, Refusal>,
    /// What an alert costs that is no object or has a value of the wrong type.
    pub(super) unreadable: fn(u32, Problem) -> Refusal,
    /// How the list is called in front of an index; `None` when reasons have no such prefix.
    pub(super) list: Option<&'static str>,
}

pub(super) type Json<'de> = serde_json::Deserializer<StrRead<'de>>;
pub(super) type JsonError = serde_json::Error;

/// What a bad alert costs.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Itself: all that is wrong with it.
    Item(Vec<Problem>),
    /// The whole body.
    Body(Reject),
}

/// Reads a body that is text.
pub(super) fn read(
    text: &str,
    dialect: &'static Dialect,
    terms: &Terms<'_>,
) -> Result<Decoded, Reject> {
    let limit = terms.limits.depth;
    let mut batch = Batch::new(dialect, terms, Pace::Together);
    match (dialect.body)(text, &mut batch) {
        Ok(()) => return batch.finish(),
        Err(_) if batch.is_full() => return batch.finish(),
        Err(_) if is_deeper(text, limit) && !planted!("depth not limited") => {
            return Err(Reject::TooDeep { limit });
        }
        Err(_) => {}
    }
    let mut batch = Batch::new(dialect, terms, Pace::OneByOne);
    match (dialect.body)(text, &mut batch) {
        Ok(()) => batch.finish(),
        Err(_) if batch.is_full() => batch.finish(),
        Err(error) => Err(Reject::Json { reason: shortened(bare(&error.to_string())) }),
    }
}

/// True when `text`, taken as JSON, has more than `limit` levels. Exact, and too slow to be run
/// over every body: it is asked only after a body could not be read at one go.
pub(super) fn is_deeper(text: &str, limit: usize) -> bool {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => depth += 1,
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limit {
            return true;
        }
    }
    false
}

/// A problem's text with nothing to stand behind.
fn bare(problem: &str) -> &str {
    problem.trim_start_matches([':', '.', ' '])
}

#[derive(Clone, Copy, Debug)]
enum Pace {
    /// Every alert as it comes: the first that cannot be read ends it.
    Together,
    /// Every alert cut out as text and then read for itself.
    OneByOne,
}

/// The list of a body while it is read.
#[derive(Debug)]
pub(super) struct Batch<'de, 't> {
    dialect: &'static Dialect,
    terms: &'t Terms<'t>,
    pace: Pace,
    item: Item<'de>,
    /// True when the body itself is the alert.
    single: bool,
    /// True once the list was there.
    pub(super) given: bool,
    pub(super) decoded: Decoded,
    failure: Option<Reject>,
}

impl<'de, 't> Batch<'de, 't> {
    fn new(dialect: &'static Dialect, terms: &'t Terms<'t>, pace: Pace) -> Self {
        let item = Item::default();
        let decoded = Decoded::default();
        Self { dialect, terms, pace, item, single: false, given: false, decoded, failure: None }
    }

    fn finish(self) -> Result<Decoded, Reject> {
        self.failure.map_or(Ok(self.decoded), Err)
    }

    fn is_full(&self) -> bool {
        matches!(self.failure, Some(Reject::TooMany { .. }))
    }

    /// Returns how deep a value may be that has `levels` around it.
    pub(super) fn depth_below(&self, levels: usize) -> usize {
        self.terms.limits.depth.saturating_sub(levels)
    }

    /// Refuses the body. What cannot be read outranks what is read and wrong, because the web
    /// framework of Alertmanager reads all of a body before it looks at any of it; else the first
    /// reason stays.
    pub(super) fn fail(&mut self, reject: Reject) {
        match (&self.failure, &reject) {
            (None, _) | (Some(Reject::Schema { .. }), Reject::Json { .. }) => {
                self.failure = Some(reject);
            }
            (Some(_), _) => {}
        }
    }

    /// Reads a body that is the list.
    pub(super) fn list(&mut self, text: &'de str) -> Result<(), JsonError> {
        let mut json = Json::from_str(text);
        self.deserialize(&mut json)?;
        json.end()
    }

    /// Reads a body that is itself one alert.
    pub(super) fn single(&mut self, text: &'de str) -> Result<(), JsonError> {
        self.single = true;
        let mut json = Json::from_str(text);
        let outcome = match self.pace {
            Pace::Together => {
                self.seed().deserialize(&mut json)?;
                Ok(())
            }
            Pace::OneByOne => {
                let raw = serde::Deserialize::deserialize(&mut json)?;
                self.cut_out(raw)
            }
        };
        json.end()?;
        self.settle(0, outcome);
        Ok(())
    }

    fn seed(&mut self) -> ItemSeed<'_, 'de> {
        let depth = self.depth_below(self.dialect.depth);
        ItemSeed { item: &mut self.item, dialect: self.dialect, depth }
    }

    fn cut_out(&mut self, raw: &'de RawValue) -> Result<(), Problem> {
        self.seed().deserialize(&mut Json::from_str(raw.get())).map_err(|e| Problem::of_json(&e))
    }

    fn next<A: SeqAccess<'de>>(&mut self, seq: &mut A) -> Result<Option<Outcome>, A::Error> {
        Ok(match self.pace {
            Pace::Together => seq.next_element_seed(self.seed())?.map(Ok),
            Pace::OneByOne => seq.next_element::<&RawValue>()?.map(|raw| self.cut_out(raw)),
        })
    }

    fn settle(&mut self, index: u32, outcome: Outcome) {
        let taken = match outcome {
            Ok(()) => (self.dialect.occurrence)(index, &mut self.item, self.terms),
            Err(problem) => Err((self.dialect.unreadable)(index, problem)),
        };
        match taken {
            Ok(occurrence) => {
                self.decoded.occurrences.push(occurrence);
                self.decoded.indexes.push(index);
            }
            Err(Refusal::Item(problems)) => {
                let list = self.dialect.list.filter(|_| !self.single);
                let lines = problems.into_iter().map(|Problem(what)| match list {
                    Some(list) => format!("{list}[{index}]{what}"),
                    None => bare(&what).to_owned(),
                });
                let reason = lines.collect::<Vec<_>>().join("; ");
                self.decoded.rejects.push(ItemReject { index, reason });
            }
            Err(Refusal::Body(reject)) => self.fail(reject),
        }
    }
}

type Outcome = Result<(), Problem>;

impl<'de> DeserializeSeed<'de> for &mut Batch<'de, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Batch<'de, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of alerts")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        self.given = true;
        let limit = self.terms.limits.alerts;
        let mut index = 0;
        while let Some(outcome) = self.next(&mut seq)? {
            if index as usize >= limit {
                self.failure = Some(Reject::TooMany { limit });
                return Err(A::Error::custom("too many alerts"));
            }
            self.settle(index, outcome);
            index += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_count_as_levels_only_outside_strings() {
        for (text, limit, deeper) in [
            ("[[]]", 2, false),
            ("[[]]", 1, true),
            ("[{},{},{}]", 2, false),
            (r#"["[[[", "\"[[[", "\\", []]"#, 2, false),
            (r#"["\\", [[]]]"#, 2, true),
            ("]]][", 1, false),
        ] {
            assert_eq!(is_deeper(text, limit), deeper, "{text}");
        }
    }
}
