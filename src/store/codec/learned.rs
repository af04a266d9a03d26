//! What correlation learned.

use prost::Message;

use super::{Malformed, Row, keyed};
use crate::model::learned::{LearnedKey, LearnedRow};
use crate::store::schema::Family;

/// Counts and intervals.
#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct LearnedMessage {
    #[prost(uint32, tag = "1")]
    joined: u32,
    #[prost(uint32, tag = "2")]
    opened: u32,
    #[prost(uint32, repeated, tag = "3")]
    intervals_ms: Vec<u32>,
    #[prost(bool, tag = "4")]
    resolves: bool,
}

/// The key of something learned: what it is about, then its name or number.
pub(in crate::store) fn key_of(key: &LearnedKey) -> Vec<u8> {
    match key {
        LearnedKey::All => vec![b'a'],
        LearnedKey::Unbound => vec![b'u'],
        LearnedKey::Name(name) => [b"n", name.as_bytes()].concat(),
        LearnedKey::Source(name) => [b"s", name.as_bytes()].concat(),
        LearnedKey::Place(hash) => [&b"p"[..], &hash.to_be_bytes()].concat(),
    }
}

fn read_key(key: &[u8]) -> Option<LearnedKey> {
    let (about, rest) = key.split_first()?;
    let text = || String::from_utf8(rest.to_vec()).ok().map(String::into_boxed_str);
    match about {
        b'a' => rest.is_empty().then_some(LearnedKey::All),
        b'u' => rest.is_empty().then_some(LearnedKey::Unbound),
        b'n' => text().map(LearnedKey::Name),
        b's' => text().map(LearnedKey::Source),
        b'p' => rest.try_into().ok().map(u64::from_be_bytes).map(LearnedKey::Place),
        _ => None,
    }
}

impl Row for (LearnedKey, LearnedRow) {
    const FAMILY: Family = Family::Learned;
    type Message = LearnedMessage;

    fn key(&self) -> impl AsRef<[u8]> {
        key_of(&self.0)
    }

    fn message(&self) -> LearnedMessage {
        let LearnedRow { joined, opened, intervals_ms, resolves } = self.1.clone();
        LearnedMessage { joined, opened, intervals_ms, resolves }
    }

    fn restore(key: &[u8], message: LearnedMessage) -> Result<Self, Malformed> {
        let LearnedMessage { joined, opened, intervals_ms, resolves } = message;
        Ok((keyed(read_key(key))?, LearnedRow { joined, opened, intervals_ms, resolves }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::frozen;
    use super::*;

    #[test]
    fn the_bytes_of_what_was_learned_stay_as_they_are() {
        let row = LearnedRow { joined: 7, opened: 2, intervals_ms: vec![60_000], resolves: true };
        let value = b"\x01\x08\x07\x10\x02\x1a\x03\xe0\xd4\x03 \x01";
        for (key, bytes) in [
            (LearnedKey::All, &b"a"[..]),
            (LearnedKey::Unbound, b"u"),
            (LearnedKey::Name("NodeDown".into()), b"nNodeDown"),
            (LearnedKey::Source("".into()), b"s"),
            (LearnedKey::Place(258), b"p\0\0\0\0\0\0\x01\x02"),
        ] {
            frozen(&(key, row.clone()), bytes, value);
        }
    }
}
