//! Reads the sections of a CMDB entry by entry, so that the whole is never held as a tree.

use core::fmt;
use core::marker::PhantomData;

use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor,
};

use super::fixture::Fixture;
use super::node::{Form, Written, Yaml};

impl<'de> Deserialize<'de> for Fixture {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Sections::<Yaml>(PhantomData))
    }
}

/// Reads a whole CMDB.
pub(super) struct Sections<F>(pub(super) PhantomData<F>);

impl<'de, F: Form> Visitor<'de> for Sections<F> {
    type Value = Fixture;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping with `cis:` and `relations:`")
    }

    fn visit_unit<E: Error>(self) -> Result<Fixture, E> {
        Ok(Fixture::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fixture, A::Error> {
        let mut fixture = Fixture::default();
        let mut seen = Vec::new();
        while let Some(Written { node: key, .. }) = map.next_key::<Written<F>>()? {
            let place = key.place;
            let key = fixture.scalar("a section", key).unwrap_or_default();
            let part = match &*key.text {
                "cis" => Part::Cis,
                "relations" => Part::Relations,
                "relation_types" => Part::Types,
                "remove" => Part::Remove,
                "source" => {
                    let Written { node: source, .. } = map.next_value::<Written<F>>()?;
                    fixture.set_source(source);
                    if seen.contains(&key) {
                        fixture.given_twice(place, &key);
                    }
                    seen.push(key);
                    continue;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    let known = ["cis", "relations", "relation_types", "source", "remove"];
                    fixture.refuse("a CMDB", &known, place, &key);
                    continue;
                }
            };
            map.next_value_seed(Section { fixture: &mut fixture, part, form: self.0 })?;
            if seen.contains(&key) {
                fixture.given_twice(place, &key);
            }
            seen.push(key);
        }
        Ok(fixture)
    }
}

/// What the entries of a section are.
#[derive(Clone, Copy)]
enum Part {
    Cis,
    Relations,
    Types,
    /// What a merge takes away.
    Remove,
    CisGone,
    RelationsGone,
}

/// Reads one section into the fixture, entry by entry.
struct Section<'a, F> {
    fixture: &'a mut Fixture,
    part: Part,
    form: PhantomData<F>,
}

impl<'de, F: Form> DeserializeSeed<'de> for Section<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, F: Form> Visitor<'de> for Section<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.part {
            Part::Cis => "CIs, as a mapping of names or as a list",
            Part::Relations | Part::RelationsGone => "a list of relations",
            Part::Types => "a mapping of relation types",
            Part::Remove => "a mapping with `cis:` and `relations:`",
            Part::CisGone => "a list of names",
        })
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        if matches!(self.part, Part::Types | Part::Remove) {
            return Err(Error::invalid_type(Unexpected::Seq, &self));
        }
        while let Some(Written { node: entry, .. }) = seq.next_element::<Written<F>>()? {
            match self.part {
                Part::Cis => self.fixture.add_ci(None, entry),
                Part::CisGone => self.fixture.remove_ci(entry),
                Part::RelationsGone => self.fixture.remove_relation(entry),
                Part::Relations | Part::Types | Part::Remove => self.fixture.add_relation(entry),
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        match self.part {
            Part::Remove => return self.removals(map),
            Part::Cis | Part::Types => {}
            Part::Relations | Part::CisGone | Part::RelationsGone => {
                return Err(Error::invalid_type(Unexpected::Map, &self));
            }
        }
        while let Some((Written { node: key, .. }, Written { node: entry, .. })) =
            map.next_entry::<Written<F>, Written<F>>()?
        {
            if matches!(self.part, Part::Cis) {
                self.fixture.add_ci(Some(key), entry);
            } else {
                self.fixture.add_type(key, entry);
            }
        }
        Ok(())
    }
}

impl<F: Form> Section<'_, F> {
    fn removals<'de, A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Written { node: key, .. }) = map.next_key::<Written<F>>()? {
            let place = key.place;
            let key = self.fixture.scalar("a section", key).unwrap_or_default();
            let part = match &*key.text {
                "cis" => Part::CisGone,
                "relations" => Part::RelationsGone,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    self.fixture.refuse("`remove`", &["cis", "relations"], place, &key);
                    continue;
                }
            };
            map.next_value_seed(Section { fixture: &mut *self.fixture, part, form: self.form })?;
        }
        Ok(())
    }
}
