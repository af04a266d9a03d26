//! Planned changes as they are written: by the API, and one in each record of a topic.

use serde::Deserialize;

use super::Limits;
use super::text_of;
use crate::model::change::{Change, ChangeState};
use crate::model::time::Timestamp;

/// Bytes of a number, of an owner's and a CI's name, and of a summary.
const NAME_BYTES_MAX: usize = 128;
const SUMMARY_BYTES_MAX: usize = 4_096;

/// CIs of one change.
const CIS_MAX: usize = 1_000;

/// A change with its parts as somebody wrote them.
#[derive(Clone, Copy, Debug)]
pub struct Written<'a> {
    /// Its number in the tool it comes from.
    pub number: &'a str,
    /// Names of CIs.
    pub cis: &'a [String],
    /// When it begins.
    pub from: Timestamp,
    /// When it ends.
    pub to: Timestamp,
    /// The name of its state.
    pub state: &'a str,
    /// Who answers for it; may be empty.
    pub owner: &'a str,
    /// What is done; may be empty.
    pub summary: &'a str,
}

impl Written<'_> {
    /// Checks it.
    ///
    /// # Errors
    /// Everything that is wrong with it, in words.
    pub fn check(&self) -> Result<Change, Vec<String>> {
        let mut wrong = Vec::new();
        for (name, text, max) in [
            ("number", self.number, NAME_BYTES_MAX),
            ("owner", self.owner, NAME_BYTES_MAX),
            ("summary", self.summary, SUMMARY_BYTES_MAX),
        ] {
            if text.len() > max {
                wrong.push(format!("{name} is {} bytes long, at most {max}", text.len()));
            }
        }
        if self.number.trim().is_empty() {
            wrong.push("number is empty; give the one of your tool, such as CHG-123".into());
        }
        if self.cis.len() > CIS_MAX || self.cis.iter().any(|ci| ci.len() > NAME_BYTES_MAX) {
            wrong.push(format!("at most {CIS_MAX} cis, each of at most {NAME_BYTES_MAX} bytes"));
        }
        if self.to <= self.from {
            wrong.push(format!("to is {}, which is not after from", self.to));
        }
        let mut cis: Vec<Box<str>> = self.cis.iter().map(|ci| ci.as_str().into()).collect();
        cis.sort_unstable();
        cis.dedup();
        match self.state.parse::<ChangeState>() {
            Ok(state) if wrong.is_empty() => Ok(Change {
                number: self.number.into(),
                cis,
                starts_at: self.from,
                ends_at: self.to,
                state,
                owner: self.owner.into(),
                summary: self.summary.into(),
                source: "".into(),
            }),
            Ok(_) => Err(wrong),
            Err(error) => {
                wrong.push(format!("state: {error}"));
                Err(wrong)
            }
        }
    }
}

/// What the value of a record holds; its key is the number.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Value {
    number: Option<String>,
    cis: Vec<String>,
    from: String,
    to: String,
    #[serde(default = "planned")]
    state: String,
    #[serde(default)]
    owner: String,
    #[serde(default)]
    summary: String,
}

fn planned() -> String {
    ChangeState::Planned.to_string()
}

/// Reads the number of a change out of a record's key.
///
/// # Errors
/// What was expected, in words.
pub fn number_of(key: &[u8]) -> Result<&str, String> {
    let number = core::str::from_utf8(key).ok().map(str::trim);
    let fits = |number: &&str| {
        (1..=NAME_BYTES_MAX).contains(&number.len()) && !number.chars().any(char::is_control)
    };
    number.filter(fits).ok_or_else(|| {
        format!("its key must be the number of a change, 1 to {NAME_BYTES_MAX} bytes, as CHG-123")
    })
}

/// Reads the value of a record whose key is the number of a change.
///
/// # Errors
/// Everything that is wrong with it, in words.
pub fn read(number: &str, value: &[u8], limits: &Limits) -> Result<Change, String> {
    let text = text_of(value, limits).map_err(|reject| {
        format!("its value: {reject}; what is to be taken away has no value at all (null)")
    })?;
    let value: Value = serde_json::from_str(text).map_err(|error| format!("its value: {error}"))?;
    if let Some(other) = value.number.as_deref().filter(|other| *other != number) {
        let other: String = other.chars().take(NAME_BYTES_MAX).collect();
        return Err(format!("its `number` is `{other}`, its key is `{number}`"));
    }
    let (from, to) = (time("from", &value.from), time("to", &value.to));
    let (from, to) = match (from, to) {
        (Ok(from), Ok(to)) => (from, to),
        (Err(one), Err(other)) => return Err(format!("{one}; {other}")),
        (Err(one), _) | (_, Err(one)) => return Err(one),
    };
    let Value { cis, state, owner, summary, .. } = &value;
    Written { number, cis, from, to, state, owner, summary }
        .check()
        .map_err(|wrong| wrong.join("; "))
}

fn time(name: &str, text: &str) -> Result<Timestamp, String> {
    let time = text.parse::<jiff::Timestamp>();
    time.map(|time| Timestamp::from_millis(time.as_millisecond())).map_err(|_| {
        let text: String = text.chars().take(NAME_BYTES_MAX).collect();
        format!("{name} is `{text}`, write it as RFC 3339, as in 2026-01-31T08:00:00Z")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: &str = r#""from": "1970-01-01T00:00:10Z", "to": "1970-01-01T00:00:20Z""#;

    fn of(number: &str, rest: &str) -> Result<Change, String> {
        read(number, format!("{{{rest}}}").as_bytes(), &Limits::default())
    }

    #[test]
    fn a_record_is_the_change_that_its_key_names() {
        let bare = Change {
            number: "CHG-1".into(),
            cis: vec!["a".into(), "b".into()],
            starts_at: Timestamp::from_millis(10_000),
            ends_at: Timestamp::from_millis(20_000),
            state: ChangeState::Planned,
            owner: "".into(),
            summary: "".into(),
            source: "".into(),
        };
        assert_eq!(of("CHG-1", &format!(r#""cis": ["b", "a", "b"], {TIMES}"#)), Ok(bare.clone()));
        let whole = format!(
            r#""number": "CHG-1", "cis": ["a", "b"], {TIMES}, "state": "approved", "owner": "net",
               "summary": "cable""#
        );
        let full = Change {
            state: ChangeState::Approved,
            owner: "net".into(),
            summary: "cable".into(),
            ..bare
        };
        assert_eq!(of("CHG-1", &whole), Ok(full));
    }

    #[test]
    fn what_is_wrong_with_a_record_is_said() {
        let long = format!(r#""cis": ["{}"], {TIMES}"#, "x".repeat(129));
        for (rest, says) in [
            (r#""cis": []"#, "missing field `from`"),
            (&*format!(r#""cis": [], {TIMES}, "risk": 1"#), "unknown field `risk`"),
            (&*format!(r#""number": "CHG-2", "cis": [], {TIMES}"#), "its `number` is `CHG-2`"),
            (&*format!(r#""cis": [], {TIMES}, "state": "open""#), "state: "),
            (r#""cis": [], "from": "now", "to": "x""#, "from is `now`, write it as RFC 3339"),
            (
                r#""cis": [], "from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z""#,
                "which is not after from",
            ),
            (&*long, "each of at most 128 bytes"),
        ] {
            let found = of("CHG-1", rest).unwrap_err();
            assert!(found.contains(says), "{rest}: {found}");
        }
        let empty = read("CHG-1", b"", &Limits::default()).unwrap_err();
        assert!(empty.contains("(null)"), "{empty}");
        for (key, fits) in [(&b"CHG-1"[..], true), (b"", false), (b" ", false), (b"\xff", false)] {
            assert_eq!(number_of(key).is_ok(), fits, "{key:?}");
        }
    }
}
