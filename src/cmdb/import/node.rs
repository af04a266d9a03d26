//! Any YAML or JSON value, with its place: the small tree from which one CI or relation is read.

use core::fmt;
use core::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use crate::cmdb::problem::Place;

/// A value and where it was written; the place is unknown in JSON.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

/// What was written.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Nothing,
    Text(Text),
    List,
    Map(Vec<(Node, Node)>),
}

/// A scalar as text. Numbers and booleans lose their spelling on the way (`1.10` arrives as 1.1), so
/// they keep where it stands, for [`Text::respell`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) text: Box<str>,
    /// First byte and length in the source.
    spelled: Option<(usize, usize)>,
}

impl Text {
    /// Holds a text that was put together.
    pub(super) fn of(text: String) -> Self {
        Self { text: text.into(), spelled: None }
    }

    /// Restores the spelling of a number or boolean from the source it was read from.
    pub(super) fn respell(&mut self, source: &str) {
        let spelled = self.spelled.take();
        if let Some(text) = spelled.and_then(|(at, len)| source.get(at..at.checked_add(len)?)) {
            self.text = text.trim().into();
        }
    }
}

impl Node {
    /// Says what kind of value it is.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            Value::Nothing => "nothing",
            Value::Text(_) => "a text",
            Value::List => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

/// How a text is written: only one of the two parsers knows places, and only outside of the keys
/// would the other bear being asked for them.
pub(super) trait Form: Sized {
    /// Reads any value.
    fn node<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error>;
}

/// YAML, with places and with numbers as they are spelled.
pub(super) enum Yaml {}

impl Form for Yaml {
    fn node<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        let Spanned { value: Raw { mut value, spelling, .. }, referenced, defined } =
            Spanned::<Raw<Self>>::deserialize(deserializer)?;
        if let (Spelling::Lost, Value::Text(text)) = (spelling, &mut value) {
            text.spelled = bytes(&defined);
        }
        Ok(Node { place: place(&referenced), value })
    }
}

/// JSON, fast, without places; its numbers are numbers, whatever their spelling.
pub(super) enum Json {}

impl Form for Json {
    fn node<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        let Raw { value, .. } = Raw::<Self>::deserialize(deserializer)?;
        Ok(Node { place: Place::default(), value })
    }
}

/// A node as read from one form.
pub(super) struct Written<F> {
    pub(super) node: Node,
    form: PhantomData<F>,
}

impl<'de, F: Form> Deserialize<'de> for Written<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        F::node(deserializer).map(|node| Self { node, form: PhantomData })
    }
}

fn bytes(location: &Location) -> Option<(usize, usize)> {
    let (at, len) = (location.span().byte_offset()?, location.span().byte_len()?);
    Some((usize::try_from(at).ok()?, usize::try_from(len).ok()?))
}

/// Converts a parser's location; an unknown one is line 0 there too.
pub(super) fn place(location: &Location) -> Place {
    let small = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    Place { line: small(location.line()), column: small(location.column()) }
}

/// Whether the text of a scalar is what was written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spelling {
    Kept,
    /// It was a number or a boolean.
    Lost,
}

/// A value that does not know its place yet.
struct Raw<F> {
    value: Value,
    spelling: Spelling,
    form: PhantomData<F>,
}

impl<F> Raw<F> {
    fn new(value: Value) -> Self {
        Self { value, spelling: Spelling::Kept, form: PhantomData }
    }

    fn text(text: impl Into<Box<str>>) -> Self {
        Self::new(Value::Text(Text { text: text.into(), spelled: None }))
    }

    fn typed(value: &impl ToString) -> Self {
        Self { spelling: Spelling::Lost, ..Self::text(value.to_string()) }
    }
}

impl<'de, F: Form> Deserialize<'de> for Raw<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor(PhantomData))
    }
}

struct RawVisitor<F>(PhantomData<F>);

impl<'de, F: Form> Visitor<'de> for RawVisitor<F> {
    type Value = Raw<F>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, a list or a mapping")
    }

    fn visit_unit<E: Error>(self) -> Result<Raw<F>, E> {
        Ok(Raw::new(Value::Nothing))
    }

    fn visit_none<E: Error>(self) -> Result<Raw<F>, E> {
        self.visit_unit()
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Raw<F>, E> {
        Ok(Raw::typed(&value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Raw<F>, E> {
        Ok(Raw::typed(&value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Raw<F>, E> {
        Ok(Raw::typed(&value))
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<Raw<F>, E> {
        Ok(Raw::typed(&value))
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<Raw<F>, E> {
        Ok(Raw::typed(&value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Raw<F>, E> {
        Ok(Raw::typed(&value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Raw<F>, E> {
        Ok(Raw::text(value))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Raw<F>, E> {
        Ok(Raw::text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw<F>, A::Error> {
        // Not: its entries. No part of a CI or a relation is a list.
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Raw::new(Value::List))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw<F>, A::Error> {
        let mut pairs = Vec::new();
        while let Some((key, value)) = map.next_entry::<Written<F>, Written<F>>()? {
            pairs.push((key.node, value.node));
        }
        Ok(Raw::new(Value::Map(pairs)))
    }
}
