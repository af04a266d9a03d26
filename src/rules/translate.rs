//! Translates regular expressions from Go's syntax to that of the `regex` crate.
//!
//! Follows Go's parser (`regexp/syntax/parse.go`, flags `Perl`) token by token; each token becomes
//! an expression that means the same wherever it stands, so no flag of the crate is ever switched
//! on for longer than one token. Whether a repetition is lazy and what a group captures cannot change
//! whether a value matches, and is dropped. Not: a code point that is no character (a surrogate),
//! which Go accepts and no value holds. Unicode's tables are the crate's.

use core::ops::Range;

use super::charset::{self, Mistake};
use super::cursor::Cursor;
use super::pattern::PatternError;

/// What Go puts before a pattern so that it matches from the beginning; [`AFTER`] ends it. This is
/// pasting, not nesting: Go takes `a)|(?:b`.
const BEFORE: &str = "^(?:";
/// See [`BEFORE`].
const AFTER: &str = ")$";

/// The highest count in braces, and the highest product of nested ones.
const REPEAT_MAX: u32 = 1000;

/// Returns the expression that matches what Go's would, anchored at both ends.
pub(super) fn translate(pattern: &str) -> Result<String, PatternError> {
    let pasted = format!("{BEFORE}{pattern}{AFTER}");
    let end = BEFORE.len() + pattern.len();
    let mut translator = Translator::new(&pasted, end);
    let Err(mistake) = translator.run() else { return Ok(translator.out) };
    // A token that ran into what was pasted would show characters that nobody wrote.
    let Mistake { span, message, help } =
        if end < mistake.span.end { incomplete(mistake.span.start..end) } else { mistake };
    let offset = span.start.saturating_sub(BEFORE.len());
    Err(PatternError { offset, len: span.len(), message, help })
}

/// Go's flags that change what matches, one bit each.
#[derive(Clone, Copy, Debug, Default)]
struct Flags(u8);

impl Flags {
    const FOLD: u8 = 1;
    const LINES: u8 = 2;
    const DOT_ALL: u8 = 4;

    fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    fn with(self, flag: u8) -> Self {
        Self(self.0 | flag)
    }

    fn without(self, flag: u8) -> Self {
        Self(self.0 & !flag)
    }
}

/// The last expression of the output: what a repetition would repeat.
#[derive(Clone, Copy, Debug)]
struct Atom {
    /// Where it begins in the output.
    start: usize,
    /// The highest product of nested counts in it.
    weight: u32,
    repeated: bool,
}

/// An open parenthesis and what held outside of it.
#[derive(Clone, Copy, Debug)]
struct Group {
    at: usize,
    start: usize,
    flags: Flags,
    weight: u32,
}

#[derive(Debug)]
struct Translator<'a> {
    cursor: Cursor<'a>,
    /// Where [`AFTER`] begins.
    end: usize,
    out: String,
    flags: Flags,
    groups: Vec<Group>,
    atom: Option<Atom>,
    /// The highest weight in the current group, `atom`'s aside.
    weight: u32,
    /// Where the previous token began, if it was a repetition.
    repetition: Option<usize>,
    /// The parenthesis of the pattern that closed the pasted one.
    stray: Option<usize>,
    /// The parenthesis of the pattern that the pasted one closed.
    unclosed: Option<usize>,
}

impl<'a> Translator<'a> {
    fn new(pasted: &'a str, end: usize) -> Self {
        Self {
            cursor: Cursor::new(pasted, 0),
            end,
            out: String::new(),
            flags: Flags::default(),
            groups: Vec::new(),
            atom: None,
            weight: 1,
            repetition: None,
            stray: None,
            unclosed: None,
        }
    }

    fn run(&mut self) -> Result<(), Mistake> {
        let mut overrun = None;
        loop {
            let start = self.cursor.at();
            let Some(c) = self.cursor.bump() else { break };
            let repeats = self.token(c, start)?;
            self.repetition = repeats.then_some(start);
            if start < self.end && self.end < self.cursor.at() {
                overrun = Some(start);
            }
        }
        let Some(open) = self.groups.last().map(|group| group.at) else { return Ok(()) };
        Err(match overrun {
            Some(start) => incomplete(start..self.end),
            None => Mistake::at(
                self.unclosed.unwrap_or(open),
                "`(` is never closed",
                "add `)`; for the character itself write `\\(`",
            ),
        })
    }

    /// Translates the token that begins with `c`; true if it is a repetition.
    fn token(&mut self, c: char, start: usize) -> Result<bool, Mistake> {
        match c {
            '(' => self.open(start)?,
            ')' => self.close(start)?,
            '|' => {
                self.settle();
                self.out.push('|');
            }
            '^' => self.push(if self.flags.has(Flags::LINES) { "(?m:^)" } else { r"\A" }),
            '$' => self.push(if self.flags.has(Flags::LINES) { "(?m:$)" } else { r"\z" }),
            '.' => self.push(if self.flags.has(Flags::DOT_ALL) { "(?s:.)" } else { "." }),
            '[' => {
                let class = charset::class(&mut self.cursor, start)?;
                self.push_folding(&class);
            }
            '*' | '+' | '?' => {
                self.repeat(start, c.encode_utf8(&mut [0; 4]), 1)?;
                return Ok(true);
            }
            '{' => return self.braces(start),
            '\\' => self.escape(start)?,
            _ => self.literal(c),
        }
        Ok(false)
    }

    /// Closes the current atom: the next repetition is not about it.
    fn settle(&mut self) {
        if let Some(atom) = self.atom.take() {
            self.weight = self.weight.max(atom.weight);
        }
    }

    fn push(&mut self, expression: &str) {
        self.settle();
        self.atom = Some(Atom { start: self.out.len(), weight: 1, repeated: false });
        self.out.push_str(expression);
    }

    /// Pushes an expression that the flag `i` applies to.
    fn push_folding(&mut self, expression: &str) {
        if self.flags.has(Flags::FOLD) {
            self.push(&format!("(?i:{expression})"));
        } else {
            self.push(expression);
        }
    }

    fn literal(&mut self, c: char) {
        self.push_folding(&charset::escaped(c));
    }

    /// Reads what is behind `(`: a group, or flags that hold until the current group ends.
    fn open(&mut self, at: usize) -> Result<(), Mistake> {
        let mut flags = self.flags;
        let is_group = if self.cursor.eat("?P<") || self.cursor.eat("?<") {
            self.capture_name(at)?;
            true
        } else if self.cursor.eat("?") {
            self.flags(at, &mut flags)?
        } else {
            true
        };
        if is_group {
            self.settle();
            let (start, weight) = (self.out.len(), self.weight);
            self.groups.push(Group { at, start, flags: self.flags, weight });
            self.weight = 1;
            self.out.push_str("(?:");
        }
        self.flags = flags;
        Ok(())
    }

    fn capture_name(&mut self, at: usize) -> Result<(), Mistake> {
        let name = self.cursor.eat_until(">").unwrap_or("");
        if !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Ok(());
        }
        let help =
            "a group needs no name here, write `(`; looking behind with `(?<=` is not supported";
        Err(Mistake::new(at..self.cursor.at(), "this is no group's name", help))
    }

    /// Reads `i-s:` or `i-s)` behind `(?`; true if a group begins.
    fn flags(&mut self, at: usize, flags: &mut Flags) -> Result<bool, Mistake> {
        let mut clearing = false;
        let mut expects_flag = false;
        loop {
            let flag = match self.cursor.bump() {
                Some('i') => Flags::FOLD,
                Some('m') => Flags::LINES,
                Some('s') => Flags::DOT_ALL,
                Some('U') => 0,
                Some('-') if !clearing => {
                    (clearing, expects_flag) = (true, true);
                    continue;
                }
                Some(end @ (':' | ')')) if !expects_flag => return Ok(end == ':'),
                _ => {
                    let message = format!("`{}` is not supported", self.cursor.since(at));
                    let help = "groups are `(…)`, `(?:…)` and `(?i:…)` with the flags i, m, s, U; \
                                there is no looking ahead or behind";
                    return Err(Mistake::new(at..self.cursor.at(), message, help));
                }
            };
            expects_flag = false;
            *flags = if clearing { flags.without(flag) } else { flags.with(flag) };
        }
    }

    fn close(&mut self, at: usize) -> Result<(), Mistake> {
        let Some(group) = self.groups.pop() else {
            let help = "remove it; for the character itself write `\\)`";
            return Err(Mistake::at(self.stray.unwrap_or(at), "`)` closes nothing", help));
        };
        if group.at < BEFORE.len() {
            self.stray = Some(at);
        } else if at == self.end {
            self.unclosed = Some(group.at);
        }
        self.settle();
        self.out.push(')');
        self.atom = Some(Atom { start: group.start, weight: self.weight, repeated: false });
        self.weight = group.weight;
        self.flags = group.flags;
        Ok(())
    }

    /// Reads a count behind `{`; without one the brace is a character like others.
    fn braces(&mut self, at: usize) -> Result<bool, Mistake> {
        let Some((min, max)) = counts(&mut self.cursor) else {
            self.literal('{');
            return Ok(false);
        };
        let highest = max.unwrap_or(min);
        if highest < min || highest > REPEAT_MAX {
            return Err(too_often(at, &self.cursor));
        }
        let sign = max.map_or(format!("{{{min},}}"), |max| format!("{{{min},{max}}}"));
        // Go looks for the product inside of what is repeated, except where nothing remains of it.
        if let (Some(0), Some(atom)) = (max, self.atom.as_mut()) {
            atom.weight = 1;
        }
        self.repeat(at, &sign, highest.max(1))?;
        Ok(true)
    }

    /// Repeats the last expression as `sign` says, at most `count` times if that is known.
    fn repeat(&mut self, at: usize, sign: &str, count: u32) -> Result<(), Mistake> {
        self.cursor.eat("?");
        if let Some(before) = self.repetition {
            let message = format!("`{}` repeats a repetition", self.cursor.since(before));
            let help = "write one of them; for the character itself put a backslash before it";
            return Err(Mistake::new(before..self.cursor.at(), message, help));
        }
        let Some(atom) = &mut self.atom else {
            let message = format!("`{}` has nothing to repeat", self.cursor.since(at));
            let help =
                "for any text write `.*`; for the character itself put a backslash before it";
            return Err(Mistake::new(at..self.cursor.at(), message, help));
        };
        atom.weight = atom.weight.saturating_mul(count);
        if atom.weight > REPEAT_MAX {
            return Err(too_often(at, &self.cursor));
        }
        if atom.repeated {
            self.out.insert_str(atom.start, "(?:");
            self.out.push(')');
        }
        atom.repeated = true;
        self.out.push_str(sign);
        Ok(())
    }

    /// Reads what is behind a backslash.
    fn escape(&mut self, at: usize) -> Result<(), Mistake> {
        if self.cursor.eat("A") {
            self.push(r"\A");
        } else if self.cursor.eat("z") {
            self.push(r"\z");
        } else if self.cursor.eat("b") {
            self.push(r"(?-u:\b)");
        } else if self.cursor.eat("B") {
            self.push(r"(?-u:\B)");
        } else if self.cursor.eat("Q") {
            let text = self.cursor.eat_until(r"\E");
            let text = text.unwrap_or_else(|| self.cursor.eat_while(|_| true));
            text.chars().for_each(|c| self.literal(c));
        } else if let Some(class) = charset::class_escape(&mut self.cursor, at)? {
            self.push_folding(&class);
        } else {
            let c = charset::char_escape(&mut self.cursor, at)?;
            self.literal(c);
        }
        Ok(())
    }
}

/// Reads `2}`, `2,}` or `2,3}` behind an opening brace: the lowest and the highest count. Reads
/// nothing of anything else.
fn counts(cursor: &mut Cursor<'_>) -> Option<(u32, Option<u32>)> {
    let mut ahead = *cursor;
    let min = count(&mut ahead)?;
    let max = match ahead.eat(",") {
        false => Some(min),
        true if ahead.peek() == Some('}') => None,
        true => Some(count(&mut ahead)?),
    };
    let complete = ahead.eat("}");
    if complete {
        *cursor = ahead;
    }
    complete.then_some((min, max))
}

/// Reads a number without leading zeros.
fn count(cursor: &mut Cursor<'_>) -> Option<u32> {
    let digits = cursor.eat_while(|c| c.is_ascii_digit());
    let is_number = digits == "0" || !digits.is_empty() && !digits.starts_with('0');
    is_number.then(|| digits.parse().unwrap_or(u32::MAX))
}

fn incomplete(span: Range<usize>) -> Mistake {
    Mistake::new(
        span,
        "the pattern ends in the middle of this",
        "complete it; for a backslash itself write two",
    )
}

fn too_often(at: usize, cursor: &Cursor<'_>) -> Mistake {
    let message = format!("`{}` is no valid count", cursor.since(at));
    let help =
        format!("counts go up to {REPEAT_MAX}, also multiplied with those of nested repetitions");
    Mistake::new(at..cursor.at(), message, help)
}
