//! Writes protobuf's fields straight from what is held, with no message made in between: for the
//! records that each alert brings. What comes out is what the messages write; tests compare the two.

use prost::encoding::{WireType, encode_key, encode_varint};

use crate::model::labels::Labels;

/// Writes a number, unless it is 0, which reads as absent.
pub(super) fn number(tag: u32, value: u64, into: &mut Vec<u8>) {
    optional(tag, Some(value).filter(|value| *value != 0), into);
}

/// Writes a number that is there, be it 0.
pub(super) fn optional(tag: u32, value: Option<u64>, into: &mut Vec<u8>) {
    if let Some(value) = value {
        encode_key(tag, WireType::Varint, into);
        encode_varint(value, into);
    }
}

/// Writes a number as eight bytes, unless it is 0.
pub(super) fn fixed(tag: u32, value: u64, into: &mut Vec<u8>) {
    if value != 0 {
        encode_key(tag, WireType::SixtyFourBit, into);
        into.extend_from_slice(&value.to_le_bytes());
    }
}

/// Writes a text or bytes, unless there are none.
pub(super) fn text(tag: u32, value: impl AsRef<[u8]>, into: &mut Vec<u8>) {
    optional_text(tag, Some(value).filter(|value| !value.as_ref().is_empty()), into);
}

/// Writes a text that is there, be it empty.
pub(super) fn optional_text(tag: u32, value: Option<impl AsRef<[u8]>>, into: &mut Vec<u8>) {
    if let Some(value) = value {
        let value = value.as_ref();
        encode_key(tag, WireType::LengthDelimited, into);
        encode_varint(value.len() as u64, into);
        into.extend_from_slice(value);
    }
}

/// Writes a label set as [`Labels::packed`] has it, unless it is empty.
pub(super) fn labels(tag: u32, labels: &Labels, into: &mut Vec<u8>) {
    if !labels.is_empty() {
        message(tag, into, |into| labels.pack_into(into));
    }
}

/// Writes a message of the fields that `fields` writes.
pub(super) fn message(tag: u32, into: &mut Vec<u8>, fields: impl FnOnce(&mut Vec<u8>)) {
    encode_key(tag, WireType::LengthDelimited, into);
    let start = into.len();
    fields(into);
    let end = into.len();
    // The length stands in front, and is known only now: these messages are short.
    encode_varint((end - start) as u64, into);
    let prefix = into.len() - end;
    into.get_mut(start..).unwrap_or_default().rotate_right(prefix);
}
