//! Changes stored values as what they are: messages of protobuf, field by field, those within too.

use crate::mutate::below;
use crate::plan::Dice;

/// How deep messages are taken apart.
const DEPTH_MAX: u32 = 6;

/// A field: its number and kind as they are written, and what it holds.
struct Field {
    tag: u64,
    holds: Vec<u8>,
}

/// Changes a record: rarely its family and key, mostly its value, of which some fields come from another.
pub fn record(seed: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let (mut head, mut value) = parted(seed);
    if dice.roll(16) == 0 {
        spoil(&mut head, dice);
    }
    if dice.roll(64) == 0 {
        spoil(&mut value, dice);
        return [head, value].concat();
    }
    let (format, message) = value.split_at(value.len().min(1));
    let (_, other) = parted(other);
    let other = other.get(1..).unwrap_or(&[]);
    let mut message = message.to_vec();
    for _ in 0..=below(dice, 4) {
        message = changed(&message, other, (&mut *dice, 0));
    }
    [&head, format, &message].concat()
}

/// Family and key, and the value.
fn parted(record: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let key = record.get(1).map_or(0, |len| usize::from(*len));
    let at = (2 + key).min(record.len());
    (record[..at].to_vec(), record[at..].to_vec())
}

fn changed(message: &[u8], other: &[u8], (dice, depth): (&mut Dice, u32)) -> Vec<u8> {
    let Some(mut fields) = fields(message) else {
        let mut bytes = message.to_vec();
        spoil(&mut bytes, dice);
        return bytes;
    };
    let at = usize::try_from(dice.roll(fields.len().max(1) as u64)).unwrap();
    let theirs = self::fields(other).unwrap_or_default();
    match dice.roll(9) {
        0 if at < fields.len() => drop(fields.remove(at)),
        1 if at < fields.len() => {
            let Field { tag, ref holds } = fields[at];
            let copy = Field { tag, holds: holds.clone() };
            fields.insert(at, copy);
        }
        2 => fields.extend(theirs.into_iter().take(1 + below(dice, 3))),
        3 if at < fields.len() => fields[at].tag = dice.roll(1 << 8),
        4 if at < fields.len() => {
            let times = 1 + below(dice, 200);
            let Field { tag, ref holds } = fields[at];
            let holds = holds.clone();
            fields.extend((0..times).map(|_| Field { tag, holds: holds.clone() }));
        }
        _ if at < fields.len() => {
            let Field { tag, holds } = &mut fields[at];
            *holds = match *tag & 7 {
                0 => varint(edge(dice)),
                2 if depth < DEPTH_MAX => changed(holds, other, (dice, depth + 1)),
                _ => {
                    spoil(holds, dice);
                    std::mem::take(holds)
                }
            };
        }
        _ => {}
    }
    fields.iter().flat_map(written).collect()
}

fn written(Field { tag, holds }: &Field) -> Vec<u8> {
    let len = if tag & 7 == 2 { varint(holds.len() as u64) } else { Vec::new() };
    [varint(*tag), len, holds.clone()].concat()
}

/// Numbers at the edges of what fits somewhere.
fn edge(dice: &mut Dice) -> u64 {
    let bits = dice.roll(64);
    let near = (1_u64 << bits).wrapping_add(dice.roll(3)).wrapping_sub(1);
    if dice.roll(2) == 0 { near } else { near.wrapping_neg() }
}

/// Takes a message apart; `None` for what is none.
fn fields(mut bytes: &[u8]) -> Option<Vec<Field>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = number(&mut bytes)?;
        let holds = match tag & 7 {
            0 => varint(number(&mut bytes)?),
            1 => cut(&mut bytes, 8)?,
            2 => {
                let len = usize::try_from(number(&mut bytes)?).ok()?;
                cut(&mut bytes, len)?
            }
            5 => cut(&mut bytes, 4)?,
            _ => return None,
        };
        found.push(Field { tag, holds });
    }
    (!found.is_empty()).then_some(found)
}

fn cut(bytes: &mut &[u8], len: usize) -> Option<Vec<u8>> {
    let (head, tail) = bytes.split_at_checked(len)?;
    *bytes = tail;
    Some(head.to_vec())
}

fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, tail) = bytes.split_first()?;
        *bytes = tail;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn spoil(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let at = usize::try_from(dice.roll(bytes.len().max(1) as u64)).unwrap();
    let random = dice.roll(256) as u8;
    match (dice.roll(4), bytes.get_mut(at)) {
        (0, Some(byte)) => *byte ^= 1 << dice.roll(8),
        (1, Some(byte)) => *byte = random,
        (2, Some(_)) => bytes.truncate(at),
        _ => bytes.insert(at, random),
    }
}
