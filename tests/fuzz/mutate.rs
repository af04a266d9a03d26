//! Makes an input of a number: a seed, some of whose tokens are taken away, doubled, exchanged, spoiled
//! or replaced by what breaks readers.

use std::borrow::Cow;
use std::ops::Range;

use crate::fields;
use crate::plan::Dice;

/// What inputs of a target are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grammar {
    /// Words, quoted texts, signs, line ends with what they indent by: JSON, YAML, TOML, CSV, queries.
    Text,
    /// A byte for the family, a byte for the length of the key, the key, a format byte, then a message of
    /// protobuf.
    Record,
}

/// Bytes of an input, but for the few that are large.
const USUAL_MAX: usize = 64 << 10;
const LARGE_MAX: usize = 1 << 20;

/// One input in so many may be large.
const LARGE_EVERY: u64 = 4_096;

/// What readers of texts have stumbled over.
const NASTY: &[&str] = &[
    "null",
    "true",
    "-0",
    "0",
    "-1",
    "1e999",
    "1e-999",
    "9223372036854775807",
    "18446744073709551616",
    "-9223372036854775808",
    "0x10",
    "1_000",
    "NaN",
    ".inf",
    "1.0000000000000002",
    "\"\"",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "\"\\",
    "\\",
    "'",
    "\"",
    "{",
    "}",
    "[",
    "]",
    "{}",
    "[]",
    ",",
    ":",
    "=",
    "=~",
    "!~",
    "!=",
    "&a ",
    "*a",
    "<<: *a",
    "!!binary ",
    "!!str",
    "|",
    ">-",
    "---",
    "...",
    "? ",
    "- ",
    "#",
    "\t",
    "\u{0}",
    "\u{feff}",
    "\u{202e}",
    "\u{2028}",
    "é",
    "\u{10ffff}",
    "(a|b)*c{9}",
    "(?i)\\p{L}{50}",
    "{{ 1/0 }}",
    "{% for i in range(9999) %}x{% endfor %}",
    "9999-12-31T23:59:60.999999999Z",
    "0001-01-01T00:00:00+25:00",
    "5124095576030431h",
    "\r\n",
    "%00%ff%",
];

const NESTS: &[&str] = &["[", "{\"a\":", "(", "- ", "{a: ", "\"", "((?:a", "*{"];

/// One seed: all of it, and where its tokens are.
struct Seed {
    bytes: Vec<u8>,
    tokens: Vec<Range<usize>>,
}

/// Makes inputs.
pub struct Mill {
    seeds: Vec<Seed>,
    grammar: Grammar,
    salt: u64,
}

type Pieces<'a> = Vec<Cow<'a, [u8]>>;

impl Mill {
    pub fn new(seeds: Vec<Vec<u8>>, grammar: Grammar, salt: u64) -> Self {
        assert!(!seeds.is_empty(), "there is nothing to begin with");
        let seeds = seeds.into_iter().map(|bytes| Seed { tokens: tokens(&bytes), bytes });
        Self { seeds: seeds.collect(), grammar, salt }
    }

    /// Makes the input of a number; the first ones are the seeds as they are.
    pub fn input(&self, number: u64) -> Vec<u8> {
        if let Some(seed) = usize::try_from(number).ok().and_then(|n| self.seeds.get(n)) {
            return seed.bytes.clone();
        }
        let mut dice = Dice::new(self.salt ^ number.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let seed = dice.pick(&self.seeds);
        match self.grammar {
            Grammar::Text => self.text(seed, &mut dice),
            Grammar::Record => {
                fields::record(&seed.bytes, &dice.pick(&self.seeds).bytes, &mut dice)
            }
        }
    }

    fn text<'a>(&'a self, seed: &'a Seed, dice: &mut Dice) -> Vec<u8> {
        let mut pieces: Pieces<'a> = seed.pieces(0..seed.tokens.len());
        let max = if dice.roll(LARGE_EVERY) == 0 { LARGE_MAX } else { USUAL_MAX };
        for _ in 0..=below(dice, 5) {
            let other = dice.pick(&self.seeds);
            change(&mut pieces, other, max, dice);
        }
        let mut all = pieces.concat();
        if dice.roll(4) == 0 {
            spoil(&mut all, dice);
        }
        all.truncate(max);
        all
    }
}

impl Seed {
    fn pieces(&self, tokens: Range<usize>) -> Pieces<'_> {
        self.tokens[tokens].iter().map(|at| Cow::Borrowed(&self.bytes[at.clone()])).collect()
    }

    fn token(&self, dice: &mut Dice) -> &[u8] {
        if self.tokens.is_empty() { b"" } else { &self.bytes[dice.pick(&self.tokens).clone()] }
    }
}

/// A number below `end`, small ones more often.
pub fn below(dice: &mut Dice, end: usize) -> usize {
    if end == 0 {
        return 0;
    }
    let first = dice.roll(end as u64);
    usize::try_from(dice.roll(first + 1)).unwrap()
}

fn any(dice: &mut Dice, end: usize) -> usize {
    usize::try_from(dice.roll(end.max(1) as u64)).unwrap()
}

/// Some tokens that follow one another.
fn stretch(pieces: &Pieces<'_>, dice: &mut Dice) -> Range<usize> {
    let from = any(dice, pieces.len());
    from..(from + 1 + below(dice, 12)).min(pieces.len())
}

fn change<'a>(pieces: &mut Pieces<'a>, other: &'a Seed, max: usize, dice: &mut Dice) {
    let at = any(dice, pieces.len() + 1).min(pieces.len());
    let some = stretch(pieces, dice);
    match dice.roll(20) {
        0 | 1 => drop(pieces.drain(some)),
        2 | 3 => {
            let copy = pieces[some].to_vec();
            drop(pieces.splice(at..at, copy));
        }
        4 => repeat(pieces, some, max, dice),
        5 if !pieces.is_empty() => {
            let (one, two) = (any(dice, pieces.len()), any(dice, pieces.len()));
            pieces.swap(one, two);
        }
        6 | 7 => drop(pieces.splice(some, [Cow::Borrowed(other.token(dice))])),
        8 | 9 => drop(pieces.splice(some, [Cow::Borrowed(dice.pick(NASTY).as_bytes())])),
        10 => pieces.insert(at, Cow::Borrowed(dice.pick(NASTY).as_bytes())),
        11 => {
            // The head of one and the tail of another.
            pieces.truncate(at);
            let from = any(dice, other.tokens.len());
            pieces.extend(other.pieces(from..other.tokens.len()));
        }
        12 => {
            let times = many(dice, max / 8);
            pieces.insert(at, Cow::Owned(dice.pick(NESTS).repeat(times).into_bytes()));
        }
        13 => {
            if let Some(piece) = pieces.get_mut(some.start) {
                spoil(piece.to_mut(), dice);
            }
        }
        _ => {
            if let Some(piece) = pieces.get_mut(some.start) {
                *piece = alike(piece, other, dice);
            }
        }
    }
}

/// Something else of the same kind, so that the whole is more often read than not.
fn alike<'a>(piece: &[u8], other: &'a Seed, dice: &mut Dice) -> Cow<'a, [u8]> {
    let kind = |token: &[u8]| match token.first() {
        Some(quote @ (b'"' | b'\'')) => *quote,
        Some(byte) if byte.is_ascii_digit() => b'0',
        Some(byte) if byte.is_ascii_alphabetic() => b'a',
        first => first.copied().unwrap_or(0),
    };
    let wanted = kind(piece);
    for _ in 0..8 {
        let token = other.token(dice);
        if kind(token) == wanted && token != piece {
            return Cow::Borrowed(token);
        }
    }
    let nasty = dice.pick(NASTY).as_bytes();
    match wanted {
        quote @ (b'"' | b'\'') => Cow::Owned([&[quote], nasty, &[quote]].concat()),
        b'0' => Cow::Owned(dice.roll(1 << 40).to_string().into_bytes()),
        _ => Cow::Borrowed(nasty),
    }
}

/// How often: mostly a few times, at times as often as there is room for.
fn many(dice: &mut Dice, max: usize) -> usize {
    match dice.roll(12) {
        0 => 1 + below(dice, max),
        1 | 2 => 1 + below(dice, 300),
        _ => 1 + below(dice, 9),
    }
}

fn repeat(pieces: &mut Pieces<'_>, some: Range<usize>, max: usize, dice: &mut Dice) {
    let stretch = pieces[some.clone()].concat();
    let times = many(dice, max / stretch.len().max(1));
    pieces.insert(some.start, Cow::Owned(stretch.repeat(times)));
}

/// Changes single bytes.
fn spoil(bytes: &mut Vec<u8>, dice: &mut Dice) {
    for _ in 0..=below(dice, 4) {
        let at = any(dice, bytes.len());
        let random = u8::try_from(dice.roll(256)).unwrap();
        match (dice.roll(5), bytes.get_mut(at)) {
            (0, Some(byte)) => *byte ^= 1 << dice.roll(8),
            (1, Some(byte)) => *byte = random,
            (2, Some(_)) => drop(bytes.remove(at)),
            (3, Some(_)) => bytes.truncate(at),
            _ => bytes.insert(at, random),
        }
    }
}

/// Finds the tokens: words and numbers, quoted texts, spaces, single signs, and a line's end with what
/// the next line is indented by.
fn tokens(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(first) = bytes.get(from) {
        let rest = &bytes[from + 1..];
        let run = |holds: &dyn Fn(&u8) -> bool| rest.iter().take_while(|byte| holds(byte)).count();
        let is_word =
            |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-$%".contains(byte) || *byte >= 0x80;
        let len = match first {
            b'"' | b'\'' => run(&|byte| byte != first && *byte != b'\n') + 1,
            b'\n' | b' ' => run(&|byte| *byte == b' '),
            byte if is_word(byte) => run(&is_word),
            _ => 0,
        };
        let to = (from + 1 + len).min(bytes.len());
        found.push(from..to);
        from = to;
    }
    found
}
