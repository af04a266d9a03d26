//! Patterns: regular expressions that mean what they mean in Alertmanager.
//!
//! The meaning is Go's (`regexp.Compile("^(?:" + text + ")$")`); the work is done by the `regex`
//! crate, whose time is linear in the value. A pattern that only lists values is no regular
//! expression at all: its values can be looked up, and the index does so. Read `translate` next.

use regex::{Regex, RegexBuilder};

use super::translate::translate;

/// The longest pattern, in bytes: longer ones are lists that belong into the CMDB.
pub const PATTERN_LEN_MAX: usize = 1024;

/// Memory that one compiled pattern may take, and again the cache it matches with, in bytes.
const COMPILED_SIZE_MAX: usize = 256 * 1024;

/// What a pattern may weigh, tried in this order: the crate tells only whether one is too big.
const WEIGHTS: [usize; 5] = [2 << 10, 8 << 10, 32 << 10, 128 << 10, COMPILED_SIZE_MAX];

/// A regular expression that is asked whether it matches a whole value.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: Box<str>,
    matching: Matching,
    weight: usize,
}

#[derive(Clone, Debug)]
enum Matching {
    /// The pattern is a list of these, sorted.
    Literals(Box<[Box<str>]>),
    Regex(Regex),
}

/// A text is no pattern, or too costly a one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PatternError {
    /// Where the mistake begins, in bytes from the beginning of the pattern.
    pub offset: usize,
    /// Length of the mistake, in bytes.
    pub len: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// When it is not in Go's syntax, longer than [`PATTERN_LEN_MAX`], or too big when compiled.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        if text.len() > PATTERN_LEN_MAX {
            let message = format!(
                "the pattern is {} bytes long, must be at most {PATTERN_LEN_MAX}",
                text.len()
            );
            return Err(of_whole(
                text,
                message,
                "give the CIs an attribute and match it, as in ci.role=\"database\"",
            ));
        }
        let (matching, weight) = if let Some(literals) = literals(text) {
            (Matching::Literals(literals), text.len())
        } else {
            let (regex, weight) = compile(text)?;
            (Matching::Regex(regex), weight)
        };
        Ok(Self { text: text.into(), matching, weight })
    }

    /// Returns the memory it takes in bytes, rounded up; who reads many patterns sets a limit to it.
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// True when the pattern matches all of `value`.
    pub fn matches(&self, value: &str) -> bool {
        match &self.matching {
            Matching::Literals(all) => all.binary_search_by(|one| (**one).cmp(value)).is_ok(),
            Matching::Regex(regex) => regex.is_match(value),
        }
    }

    /// Returns the values it matches, sorted, if it is written as a list of them: `a|b|c`.
    pub fn literals(&self) -> Option<&[Box<str>]> {
        match &self.matching {
            Matching::Literals(all) => Some(all),
            Matching::Regex(_) => None,
        }
    }

    /// Returns the pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Patterns are equal when they are written alike.
impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

fn compile(text: &str) -> Result<(Regex, usize), PatternError> {
    let mut builder = RegexBuilder::new(&translate(text)?);
    builder.dfa_size_limit(COMPILED_SIZE_MAX);
    let fits = |weight| Some((builder.size_limit(weight).build().ok()?, weight));
    if let Some(built) = WEIGHTS.into_iter().find_map(fits) {
        return Ok(built);
    }
    builder.build().map(|regex| (regex, COMPILED_SIZE_MAX)).map_err(|error| {
        if matches!(error, regex::Error::CompiledTooBig(_)) {
            let message =
                format!("the pattern takes more than {COMPILED_SIZE_MAX} bytes when compiled");
            of_whole(
                text,
                message,
                "repeat less: `*` and `+` cost little, {…} and sets like `\\pL` much",
            )
        } else {
            // The translation leaves nothing else that the crate could refuse.
            of_whole(text, "the pattern nests too deeply".into(), "use fewer groups within groups")
        }
    })
}

fn of_whole(text: &str, message: String, help: &str) -> PatternError {
    PatternError { offset: 0, len: text.len(), message, help: help.into() }
}

/// Returns the values that a pattern lists, sorted, each once; none if anything in it has a meaning
/// besides `|` and the escaping of punctuation.
fn literals(text: &str) -> Option<Box<[Box<str>]>> {
    let mut all = Vec::new();
    let mut one = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '|' => all.push(core::mem::take(&mut one).into_boxed_str()),
            '\\' => one.push(chars.next().filter(char::is_ascii_punctuation)?),
            '.' | '+' | '*' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '^' | '$' => return None,
            _ => one.push(c),
        }
    }
    all.push(one.into());
    all.sort_unstable();
    all.dedup();
    Some(all.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn pattern(text: &str) -> Pattern {
        Pattern::new(text).unwrap_or_else(|e| panic!("{text}: {e:?}"))
    }

    /// Each row: a pattern, values that Go 1.26 matches, values that it does not.
    #[test]
    fn patterns_match_what_they_match_in_go() {
        let rows: &[(&str, &[&str], &[&str])] = &[
            ("", &[""], &["a"]),
            ("a|b", &["a", "b"], &["ab", "", "a|b"]),
            ("db.*", &["db", "db1"], &["xdb", "db\n"]),
            (".", &["a", "é", "🙂"], &["\n", ""]),
            ("(?s).", &["\n"], &[]),
            ("(?s:.).", &["\na"], &["a\n"]),
            ("(?s)a(?-s).", &["ab"], &["a\n"]),
            ("a$", &["a"], &["a\n"]),
            ("(?m)a$\nb", &["a\nb"], &["a"]),
            ("(?m)a$.*", &["a"], &["a\nb"]),
            // The pattern is pasted, not nested.
            ("a)|(?:b", &["a", "ab", "b", "xb"], &["ba", "x"]),
            (r"a)|\Qb", &["a", "axyz", "xb)$"], &["b"]),
            // Letters, digits, blanks and words are ASCII's.
            (r"\d+", &["07"], &["\u{660}"]),
            (r"\w+", &["a_1"], &["é", "ſ"]),
            (r"\s", &[" ", "\n"], &["\u{a0}", "\u{b}"]),
            (r"\W\S\D", &["éée"], &["aée"]),
            (r"[\d\s]+[^\w]", &["7 é"], &["\u{660}é", "\u{a0}é", "7a"]),
            (r"[[:digit:][:space:]]+", &["7 \u{b}"], &["\u{660}", "\u{a0}"]),
            (r".*\bb\b.*", &["é b", "éb"], &["ab"]),
            (r"(é|a)\B(é|-)", &["éé", "é-"], &["aé", "a-"]),
            // Case, however, is Unicode's.
            ("(?i)k", &["k", "K", "\u{212a}"], &["x"]),
            ("(?i)[^k]", &["x"], &["k", "K", "\u{212a}"]),
            (r"(?i)\w", &["ſ"], &["é"]),
            ("(?i)[[:^upper:]]", &["1"], &["a", "A", "ſ"]),
            ("(?i)σ", &["Σ", "ς"], &[]),
            // Flags hold to the end of their group, alternatives included.
            ("a(?i)b|c", &["aB", "C"], &["AB"]),
            ("(?i:a)b(?-i)", &["Ab"], &["AB"]),
            ("(?i)a(?-i:b)", &["Ab"], &["aB"]),
            ("a(?i)*", &["", "aa"], &["A"]),
            ("(?)a(?U)b*", &["abb"], &[]),
            // Braces that count nothing are characters.
            ("a{,2}", &["a{,2}"], &["a", ""]),
            ("{02}{a}{", &["{02}{a}{"], &[]),
            ("a{2}b{1,}c{0,1}", &["aab", "aabbc"], &["ab"]),
            ("(?:a{2}){3}?", &["aaaaaa"], &["aa"]),
            ("(?:(?:a{600}){0}){2}", &[""], &["a"]),
            ("a+(?i)?", &["", "aa"], &["A"]),
            // What the `regex` crate takes for something else.
            (r"\<a\>\_\ ", &["<a>_ "], &["a"]),
            ("[a&&b]+", &["a&b"], &["c"]),
            ("[+--b~~c]+", &["+,-b~c"], &["d"]),
            ("[[a]+", &["[a"], &["]"]),
            ("[]a]+[^]a]", &["]ax"], &["]a]"]),
            (r"[a-]+[\d-z]+", &["a-1-z"], &["a5b"]),
            ("[[:a]+", &["[:a"], &["b"]),
            ("# x", &["# x"], &["#x"]),
            ("(?P<1st>a)(?<n>b)(?P<n>c)", &["abc"], &[]),
            (r"ab\Q\E+", &["abb"], &["abab"]),
            (r"\Qa.b+\E+", &["a.b+", "a.b++"], &["axb+"]),
            (r"\x41\x{1F642}\101\07\0", &["A🙂A\x07\0"], &[]),
            (r"\a\f\t\n\r\v", &["\x07\x0c\t\n\r\x0b"], &[]),
            (r"[\x41-\x{43}\n]+", &["ABC\n"], &["D"]),
            (r"[[:alpha:][:^ascii:]_-]+", &["aé_-"], &["1"]),
            (r"\pL\PL\p{Greek}\p{^Greek}\P{^Lu}", &["é1αéÉ"], &["11αéÉ", "é1αée"]),
            (r"\p{Letter}[\p{Lu}\P{L}]", &["éÉ", "é1"], &["éé"]),
            ("^*a+?$", &["aa"], &[]),
            ("(|a)(b|)()", &["", "a", "b", "ab"], &["ba"]),
        ];
        for (text, matching, others) in rows {
            for value in *matching {
                assert!(pattern(text).matches(value), "{text} {value:?}");
            }
            for value in *others {
                assert!(!pattern(text).matches(value), "{text} {value:?}");
            }
        }
    }

    #[test]
    fn a_mistake_is_shown_in_its_place() {
        for (text, found, message) in [
            ("a(b", "(", "`(` is never closed"),
            ("é((a)", "(", "`(` is never closed"),
            ("(a|[)]", "(", "`(` is never closed"),
            ("a)b", ")", "`)` closes nothing"),
            ("(a))b", ")", "`)` closes nothing"),
            ("é[a", "[", "`[` is never closed"),
            ("[]", "[", "`[` is never closed"),
            ("x*a**", "**", "`**` repeats a repetition"),
            ("a+?{2}", "+?{2}", "repeats a repetition"),
            ("*.example", "*", "`*` has nothing to repeat"),
            ("(|+?)", "+?", "`+?` has nothing to repeat"),
            ("a{3,2}", "{3,2}", "`{3,2}` is no valid count"),
            ("a{1001}", "{1001}", "no valid count"),
            ("a{99999999999}", "{99999999999}", "no valid count"),
            ("((a{100}|b){2}){6}", "{6}", "no valid count"),
            ("(x{1000}(a)){2}", "{2}", "no valid count"),
            (r"\dé\q", r"\q", r"`\q` is no escape"),
            (r"\1", r"\1", "is no escape"),
            (r"[\b]", r"\b", "is no escape"),
            (r"\Z", r"\Z", "is no escape"),
            (r"\x{110000}", r"\x{110000}", "is no escape"),
            (r"\x{}", r"\x{}", "is no escape"),
            (r"[é-a\]]", "é-a", "the range `é-a` runs backwards"),
            ("[[:foo:]]", "[:foo:]", "no set of characters"),
            (r"\p{Foo}a", r"\p{Foo}", "no category or script"),
            (r"\p{Alphabetic}", r"\p{Alphabetic}", "no category or script"),
            (r"[\p{Greek=}]", r"\p{Greek=}", "no category or script"),
            ("a(?x)", "(?x", "`(?x` is not supported"),
            ("(?i-)", "(?i-)", "is not supported"),
            ("(?=a)", "(?=", "is not supported"),
            ("(?P<a-b>c)", "(?P<a-b>", "no group's name"),
            ("(?<=a)b", "(?<", "no group's name"),
            (r"a\", r"\", "ends in the middle"),
            (r"a\Qb(", r"\Qb(", "ends in the middle"),
            (r"a\x4", r"\x4", "ends in the middle"),
            ("(?i", "(?i", "ends in the middle"),
            ("[a-", "a-", "ends in the middle"),
        ] {
            let error = Pattern::new(text).unwrap_err();
            assert_eq!(
                text.get(error.offset..error.offset + error.len),
                Some(found),
                "{text}: {error:?}"
            );
            assert!(error.message.contains(message), "{text}: {error:?}");
        }
    }

    #[test]
    fn what_would_cost_too_much_is_refused() {
        let nested = |depth| format!("{}a+{}", "(".repeat(depth), ")".repeat(depth));
        for (text, message) in [
            ("a".repeat(PATTERN_LEN_MAX), None),
            (
                "a".repeat(PATTERN_LEN_MAX + 1),
                Some("the pattern is 1025 bytes long, must be at most 1024"),
            ),
            (".{0,200}".into(), None),
            (r"\w{1000}".into(), None),
            (r"\pL{100}".into(), Some("takes more than 262144 bytes")),
            (nested(100), None),
            (nested(400), Some("nests too deeply")),
        ] {
            let error = Pattern::new(&text).err();
            assert_eq!(error.is_some(), message.is_some(), "{text} {error:?}");
            if let Some((error, message)) = error.zip(message) {
                assert!(error.message.contains(message), "{error:?}");
                assert_eq!((error.offset, error.len), (0, text.len()));
            }
        }
    }

    #[test]
    fn a_pattern_weighs_what_it_takes() {
        for (text, weight) in [("a|b", 3), ("ab.*", 2 << 10), (r"\w{1000}", 128 << 10)] {
            assert_eq!(pattern(text).weight(), weight, "{text}");
        }
    }

    #[test]
    fn a_pattern_that_lists_values_knows_them() {
        for (text, expected) in [
            ("", Some(&[""][..])),
            ("b|a|b", Some(&["a", "b"])),
            ("a|", Some(&["", "a"])),
            (r"a\.b|c\|d|\-|{", None),
            (r"a\.b|c\|d|\-", Some(&["-", "a.b", "c|d"])),
            ("größe, 1 = 2", Some(&["größe, 1 = 2"])),
            ("(a|b)", None),
            ("a.b", None),
            (r"\d|a", None),
            (r"\é", None),
            ("^a", None),
        ] {
            let listed = literals(text);
            let listed =
                listed.as_ref().map(|all| all.iter().map(|one| &**one).collect::<Vec<_>>());
            assert_eq!(listed.as_deref(), expected, "{text}");
            for value in expected.into_iter().flatten() {
                assert!(
                    pattern(text).matches(value) && compile(text).unwrap().0.is_match(value),
                    "{text}"
                );
                assert!(!pattern(text).matches(&format!("{value}x")), "{text}");
            }
        }
    }
}
