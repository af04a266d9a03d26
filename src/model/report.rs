//! What people report of an incident, and who wants to hear how it ends.

use super::labels::{Fingerprint, Labels};
use super::time::Timestamp;

/// The name of the source of reports by people; no configured source has it.
pub const REPORT: &str = "report";

/// Reporters that an incident keeps; the timeline tells of all.
pub const REPORTS_MAX: usize = 500;

/// The label of a report's alert that has its title, in lower case.
pub const TITLE: &str = "report";

/// A report by a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// When.
    pub at: Timestamp,
    /// The alert that it is counted as.
    pub alert: Fingerprint,
    /// What they said, in one line.
    pub title: Box<str>,
    /// Who has it reported.
    pub reporter: Reporter,
    /// Who wrote it down: the reporter, or somebody of the desk.
    pub by: Box<str>,
    /// How it came in: `api`, `phone`, `walk_in` and the like.
    pub channel: Box<str>,
}

/// A person who reports something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reporter {
    /// Their name.
    pub name: Box<str>,
    /// Where they are.
    pub place: Option<Box<str>>,
    /// How they can be reached: the name of a contact of the rules, who is then told by its
    /// channels; an address, which is written to where the rules say by what; or anything else for
    /// people to read.
    pub contact: Option<Box<str>>,
}

/// The `alertname` of reports.
pub const ALERTNAME: &str = "Report";

/// Further labels that a report may have.
const LABELS_MAX: usize = 16;

/// Why a report cannot become an alert.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAReport {
    /// It says nothing.
    #[error("title must say what is wrong, in one line of at most {TITLE_BYTES_MAX} bytes")]
    Title,
    /// A label is ours to set.
    #[error("label `{0}` is set by us; leave it out")]
    Reserved(Box<str>),
    /// There are too many.
    #[error("{0} labels, at most {LABELS_MAX}")]
    Labels(usize),
    /// They are no labels.
    #[error("labels: {0}")]
    Wrong(String),
}

/// The longest title, in bytes.
const TITLE_BYTES_MAX: usize = 256;

/// Returns the labels of the alert that a report becomes: the same for reports that say the same of
/// the same thing, whoever makes them. Case, spaces and a full stop make no difference.
///
/// # Errors
/// When it says nothing, or labels are not to be had.
pub fn labels(title: &str, given: &[(&str, &str)]) -> Result<Labels, NotAReport> {
    let words: Vec<String> = title.split_whitespace().map(str::to_lowercase).collect();
    let plain = words.join(" ");
    let plain = plain.trim_end_matches(['.', '!', '?', ' ']);
    if plain.is_empty() || title.len() > TITLE_BYTES_MAX || title.contains(char::is_control) {
        return Err(NotAReport::Title);
    }
    if given.len() > LABELS_MAX {
        return Err(NotAReport::Labels(given.len()));
    }
    if let Some((name, _)) = given.iter().find(|(name, _)| [TITLE, "alertname"].contains(name)) {
        return Err(NotAReport::Reserved((*name).into()));
    }
    let mut all = vec![("alertname", ALERTNAME), (TITLE, plain)];
    all.extend(given.iter().filter(|(_, value)| !value.is_empty()));
    Labels::build(&mut all).map_err(|error| NotAReport::Wrong(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_that_say_the_same_of_the_same_thing_are_one() {
        let of = |title: &str, ci: &str| labels(title, &[("ci", ci)]).map(|it| it.fingerprint());
        let one = of("The shop is slow", "shop");
        assert!(one.is_ok());
        for (title, ci, same) in [
            ("the  SHOP is slow.", "shop", true),
            (" The shop is slow?! ", "shop", true),
            ("The shop is down", "shop", false),
            ("The shop is slow", "", false),
        ] {
            assert_eq!(of(title, ci) == one, same, "{title}");
        }
    }

    #[test]
    fn what_says_nothing_or_takes_our_labels_is_refused() {
        let many: Vec<(String, &str)> = (0..17).map(|n| (format!("l{n}"), "x")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (&**name, *value)).collect();
        for (title, given, message) in [
            (" . ", &[][..], "title must say what is wrong, in one line of at most 256 bytes"),
            ("a\nb", &[], "title must say what is wrong, in one line of at most 256 bytes"),
            ("a", &[("alertname", "x")], "label `alertname` is set by us; leave it out"),
            ("a", &many, "17 labels, at most 16"),
        ] {
            assert_eq!(labels(title, given).unwrap_err().to_string(), message);
        }
        assert!(matches!(labels("a", &[("b", "1"), ("b", "2")]), Err(NotAReport::Wrong(_))));
    }
}
