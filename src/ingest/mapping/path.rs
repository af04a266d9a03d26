//! Paths into JSON: which values of a document are meant.
//!
//! ```text
//! title            a field of the alert
//! tags.host        a field within a field
//! hosts[0]         an element, counted from 0
//! tags[*].name     of every element
//! meta["a.b"]      a field whose name holds `.`, `[`, `]` or `"`, as a JSON string
//! $.org.name       from the document and not from the alert
//! ```

use serde_json::Value;

/// The longest path, in bytes; a field's name that is longer is a mistake.
const BYTES_MAX: usize = 512;

/// What stands before and behind a dot.
const NAME: &str = "the name of a field";

/// A way from a value to others within it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    text: Box<str>,
    origin: Origin,
    steps: Vec<Step>,
}

/// Where a path begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Document,
    Alert,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Field(Box<str>),
    Element(usize),
    Each,
}

/// Why a text is no path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}")]
pub struct PathError {
    /// The byte at which something else was expected.
    pub at: usize,
    /// What was expected.
    pub expected: &'static str,
}

impl Path {
    /// Returns the path to the document itself, `$`.
    pub fn document() -> Self {
        Self { text: "$".into(), origin: Origin::Document, steps: Vec::new() }
    }

    /// Reads a path.
    ///
    /// # Errors
    /// With the place of the first mistake.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if text.len() > BYTES_MAX {
            return Err(PathError { at: BYTES_MAX, expected: "at most 512 bytes" });
        }
        let (origin, mut rest) = match text.strip_prefix('$') {
            Some(rest) => (Origin::Document, rest),
            None => (Origin::Alert, text),
        };
        let mut steps = Vec::new();
        let mut needs_dot = origin == Origin::Document;
        while !rest.is_empty() || steps.is_empty() && origin == Origin::Alert {
            let at = text.len() - rest.len();
            let read = match (rest.strip_prefix('['), rest.strip_prefix('.')) {
                (Some(inside), _) => bracket(inside),
                (None, Some(name)) if needs_dot => field(name),
                (None, None) if !needs_dot => field(rest),
                (None, None) => return Err(PathError { at, expected: "`.name`, `[0]` or `[*]`" }),
                (None, Some(_)) => return Err(PathError { at, expected: NAME }),
            };
            let left = |rest: &str| text.len() - rest.len();
            let (step, after) =
                read.map_err(|(rest, expected)| PathError { at: left(rest), expected })?;
            steps.push(step);
            rest = after;
            needs_dot = true;
        }
        Ok(Self { text: text.into(), origin, steps })
    }

    /// True when it may find many values in the document, however small the alert is.
    pub fn spans_document(&self) -> bool {
        self.origin == Origin::Document && self.steps.contains(&Step::Each)
    }

    /// Returns the path as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the values it finds, in order, the first `max` of them.
    pub(super) fn find<'v>(
        &self,
        document: &'v Value,
        alert: &'v Value,
        max: usize,
    ) -> Vec<&'v Value> {
        let from = match self.origin {
            Origin::Document => document,
            Origin::Alert => alert,
        };
        let mut found = Vec::new();
        gather(from, &self.steps, max, &mut found);
        found
    }
}

/// Follows steps from a value; as deep as there are steps.
fn gather<'v>(from: &'v Value, steps: &[Step], max: usize, found: &mut Vec<&'v Value>) {
    let Some((step, rest)) = steps.split_first() else {
        found.push(from);
        return;
    };
    match step {
        Step::Field(name) => {
            if let Some(value) = from.get(&**name) {
                gather(value, rest, max, found);
            }
        }
        Step::Element(place) => {
            if let Some(value) = from.get(*place) {
                gather(value, rest, max, found);
            }
        }
        Step::Each => {
            for value in from.as_array().into_iter().flatten() {
                if found.len() >= max {
                    return;
                }
                gather(value, rest, max, found);
            }
        }
    }
}

/// A step with what stands behind it, or where something else was expected.
type Read<'t> = Result<(Step, &'t str), (&'t str, &'static str)>;

fn field(text: &str) -> Read<'_> {
    let end = text.find(['.', '[', ']', '"', '$']).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    if name.is_empty() {
        return Err((text, NAME));
    }
    Ok((Step::Field(name.into()), rest))
}

fn bracket(text: &str) -> Read<'_> {
    const EXPECTED: &str = "`*`, a number or a name in double quotes, and `]`";
    if let Some(rest) = text.strip_prefix("*]") {
        return Ok((Step::Each, rest));
    }
    if text.starts_with('"') {
        let mut names = serde_json::Deserializer::from_str(text).into_iter::<String>();
        let name = names.next().and_then(Result::ok).ok_or((text, EXPECTED))?;
        let rest = text.get(names.byte_offset()..).unwrap_or("");
        let after = rest.strip_prefix(']').ok_or((rest, "`]`"))?;
        return Ok((Step::Field(name.into()), after));
    }
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at_checked(digits).unwrap_or((text, ""));
    let number = number.parse().map_err(|_| (text, EXPECTED))?;
    let after = rest.strip_prefix(']').ok_or((rest, "`]`"))?;
    Ok((Step::Element(number), after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_finds_what_it_names() {
        let document = json!({"org": {"name": "acme"}, "a.b": 1, "alerts": [{"id": 7}, {"id": 8}]});
        let alert = json!({
            "title": "T", "tags": {"host": "h"}, "list": ["x", {"n": "y"}, {"n": "z"}], "a.b": {"c]": 2},
        });
        for (path, expected) in [
            ("title", json!(["T"])),
            ("tags.host", json!(["h"])),
            ("tags.none", json!([])),
            ("title.none", json!([])),
            ("list[0]", json!(["x"])),
            ("list[9]", json!([])),
            ("list[*].n", json!(["y", "z"])),
            ("[\"a.b\"][\"c]\"]", json!([2])),
            ("$.org.name", json!(["acme"])),
            ("$.alerts[*].id", json!([7, 8])),
            ("$[\"a.b\"]", json!([1])),
            ("two words", json!([])),
        ] {
            let found = Path::parse(path).unwrap().find(&document, &alert, 9);
            assert_eq!(json!(found), expected, "{path}");
        }
        assert_eq!(Path::parse("$").unwrap().find(&document, &alert, 9), [&document]);
        assert_eq!(Path::parse("list[*]").unwrap().find(&document, &alert, 2).len(), 2);
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        for (text, at, expected) in [
            ("", 0, "the name of a field"),
            (".a", 0, "the name of a field"),
            ("a.", 2, "the name of a field"),
            ("a..b", 2, "the name of a field"),
            ("$a", 1, "`.name`, `[0]` or `[*]`"),
            ("a[0]b", 4, "`.name`, `[0]` or `[*]`"),
            ("a]", 1, "`.name`, `[0]` or `[*]`"),
            ("a[x]", 2, "`*`, a number or a name in double quotes, and `]`"),
            ("a[1", 3, "`]`"),
            ("a[\"b]", 2, "`*`, a number or a name in double quotes, and `]`"),
            ("a[\"b\"", 5, "`]`"),
            ("a[99999999999999999999]", 2, "`*`, a number or a name in double quotes, and `]`"),
            ("a$", 1, "`.name`, `[0]` or `[*]`"),
        ] {
            assert_eq!(Path::parse(text), Err(PathError { at, expected }), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_upsets_it(text in "[$.a\\[\\]*\"\\\\0-9é ]{0,20}|.{0,20}") {
            match Path::parse(&text) {
                Ok(path) => drop(path.find(&json!([{"a": [1]}]), &json!({"a": [{"a": 1}]}), 3)),
                Err(error) => prop_assert!(text.is_char_boundary(error.at)),
            }
        }
    }
}
