//! What people write on the record of an incident, and how long they worked on it.
//!
//! Kept as one list of named fields with a syntax each, so that every field can be set, cleared,
//! stored and shown in the same way. What is not written takes no room.

use core::fmt;
use core::time::Duration;

use super::priority::{NotAWord, words};
use super::time::{Brief, Timestamp};

/// The longest value of one line, and of a text of several lines, in bytes.
const LINE_BYTES_MAX: usize = 256;
const TEXT_BYTES_MAX: usize = 4_096;

/// Numbers of other records that one field links to at most.
const LINKS_MAX: usize = 50;

/// Reclassifications that a record keeps; the timeline tells of all.
const RECLASSIFIED_MAX: usize = 50;

/// People whose time a record keeps apart; what others spend is counted as that of [`OTHERS`].
const PEOPLE_MAX: usize = 100;

/// Who is named for the time of people beyond the limit.
pub const OTHERS: &str = "others";

/// The longest time that is noted at once.
pub const SPENT_MAX: Duration = Duration::from_hours(30 * 24);

/// A field of the record that people fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// What it is: a fault, a service request, or a question.
    Nature,
    /// How it came in: `monitoring`, `phone`, `walk_in` and the like.
    Channel,
    /// Who or what sent it.
    Sender,
    /// Where it is.
    Location,
    /// How many users it hurts, as people count them.
    Users,
    /// The type of the system that is broken.
    SystemType,
    /// Who follows it through, whoever works on it.
    Tracker,
    /// Whether it is handled from afar or on the spot.
    Attendance,
    /// As what the one who resolved it did so: first line, specialist, supplier.
    ResolverRole,
    /// Numbers of the problems it is a case of.
    Problem,
    /// Numbers of the changes that caused it or that mend it.
    Change,
    /// What helps for the time being.
    Workaround,
    /// What ended it.
    Solution,
    /// How it ended, as one of the rules' closure codes.
    ClosureCode,
    /// Why it happened, as one of the rules' root causes.
    RootCause,
    /// Whether data was lost, changed or disclosed.
    DataAffected,
    /// Whether security was touched.
    SecurityAffected,
    /// What has to be kept, and where it is.
    Evidence,
    /// How content those are who suffered from it, 1 to 5.
    Satisfaction,
    /// What is to be done when it is over.
    FollowUp,
    /// What people made of it afterwards; a major incident is not closed without.
    Review,
}

words!(
    Field,
    Nature = "nature",
    Channel = "channel",
    Sender = "sender",
    Location = "location",
    Users = "users",
    SystemType = "system_type",
    Tracker = "tracker",
    Attendance = "attendance",
    ResolverRole = "resolver_role",
    Problem = "problem",
    Change = "change",
    Workaround = "workaround",
    Solution = "solution",
    ClosureCode = "closure_code",
    RootCause = "root_cause",
    DataAffected = "data_affected",
    SecurityAffected = "security_affected",
    Evidence = "evidence",
    Satisfaction = "satisfaction",
    FollowUp = "follow_up",
    Review = "review"
);

/// What a record is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Nature {
    /// Something does not work.
    #[default]
    Fault,
    /// Somebody wants something.
    ServiceRequest,
    /// Somebody wants to know something.
    Information,
}

words!(Nature, Fault = "fault", ServiceRequest = "service_request", Information = "information");

/// What a field takes.
enum Syntax {
    Words(&'static [&'static str]),
    Number(u64, u64),
    Line,
    Text,
    Links,
}

impl Field {
    fn syntax(self) -> Syntax {
        const YES_NO: &[&str] = &["yes", "no", "unknown"];
        match self {
            Self::Nature => Syntax::Words(&["fault", "service_request", "information"]),
            Self::Attendance => Syntax::Words(&["remote", "on_site"]),
            Self::DataAffected | Self::SecurityAffected => Syntax::Words(YES_NO),
            Self::Users => Syntax::Number(0, 1_000_000_000),
            Self::Satisfaction => Syntax::Number(1, 5),
            Self::Problem | Self::Change => Syntax::Links,
            Self::Workaround | Self::Solution | Self::Evidence | Self::FollowUp | Self::Review => {
                Syntax::Text
            }
            Self::Channel
            | Self::Sender
            | Self::Location
            | Self::SystemType
            | Self::Tracker
            | Self::ResolverRole
            | Self::ClosureCode
            | Self::RootCause => Syntax::Line,
        }
    }

    /// Returns the words of which the field takes one; nothing where it takes others.
    pub fn words(self) -> Option<&'static [&'static str]> {
        if let Syntax::Words(words) = self.syntax() { Some(words) } else { None }
    }

    /// Returns how many bytes it takes, where it takes a text of several lines.
    pub fn text_bytes_max(self) -> Option<usize> {
        matches!(self.syntax(), Syntax::Text).then_some(TEXT_BYTES_MAX)
    }

    /// Reads a value; an empty one clears the field.
    ///
    /// # Errors
    /// When it is none that this field takes.
    pub fn read(self, text: &str) -> Result<Option<Box<str>>, NotAValue> {
        let text = text.trim();
        let refuse = |expected: String| {
            let given = text.chars().take(60).collect();
            Err(NotAValue { field: self, given, expected })
        };
        if text.is_empty() {
            return Ok(None);
        }
        let control = |c: char| c.is_control() && c != '\n' && c != '\t';
        if text.contains(control) {
            return refuse("a text without control characters".into());
        }
        match self.syntax() {
            Syntax::Words(words) if !words.contains(&text) => {
                refuse(format!("one of {}", words.join(", ")))
            }
            Syntax::Number(least, most) => match text.parse::<u64>() {
                Ok(number) if (least..=most).contains(&number) => {
                    Ok(Some(number.to_string().into()))
                }
                _ => refuse(format!("a whole number from {least} to {most}")),
            },
            Syntax::Line if text.len() > LINE_BYTES_MAX || text.contains(['\n', '\t']) => {
                refuse(format!("one line of at most {LINE_BYTES_MAX} bytes"))
            }
            Syntax::Text if text.len() > TEXT_BYTES_MAX => {
                refuse(format!("at most {TEXT_BYTES_MAX} bytes"))
            }
            Syntax::Links => {
                let links: Vec<&str> = text.split(',').map(str::trim).collect();
                let is_link = |link: &&str| {
                    (1..=64).contains(&link.len()) && !link.contains(char::is_whitespace)
                };
                if links.len() > LINKS_MAX || !links.iter().all(is_link) {
                    return refuse(format!("up to {LINKS_MAX} numbers with commas between them"));
                }
                Ok(Some(links.join(", ").into()))
            }
            Syntax::Words(_) | Syntax::Line | Syntax::Text => Ok(Some(text.into())),
        }
    }
}

/// A value that a field does not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} is `{given}`, expected {expected}")]
pub struct NotAValue {
    /// The field.
    pub field: Field,
    /// What was given, cut off.
    pub given: String,
    /// What it takes.
    pub expected: String,
}

/// A field with what it is to be; nothing clears it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Which.
    pub field: Field,
    /// What; as [`Field::read`] returns it.
    pub value: Option<Box<str>>,
}

/// Why an edit cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnEdit {
    /// There is no such field.
    #[error("no field {0}")]
    Field(#[from] NotAWord),
    /// The field takes something else.
    #[error(transparent)]
    Value(#[from] NotAValue),
}

impl Edit {
    /// Reads a field by its name, and its value.
    ///
    /// # Errors
    /// When there is no such field or it does not take that.
    pub fn read(name: &str, value: &str) -> Result<Self, NotAnEdit> {
        let field: Field = name.parse()?;
        Ok(Self { field, value: field.read(value)? })
    }
}

/// A change of category that a person made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reclassified {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Box<str>,
    /// What it was taken for before.
    pub from: Option<Box<str>>,
    /// What it is taken for since.
    pub to: Box<str>,
    /// Why.
    pub because: Box<str>,
}

/// How long somebody worked on an incident, in one line of support.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spent {
    /// Who.
    pub by: Box<str>,
    /// The line, 1 to 4; 0 when the incident had no team.
    pub line: u8,
    /// How long in all.
    pub ms: u64,
}

/// What people wrote on the record of an incident.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sheet {
    /// Its fields in their order, each once.
    fields: Vec<(Field, Box<str>)>,
    /// Changes of category that people made, the oldest first.
    pub reclassified: Vec<Reclassified>,
    /// Time spent, by person and line, in the order of the first words about it.
    pub spent: Vec<Spent>,
}

impl Sheet {
    /// Takes back what was stored, in any order.
    pub fn restore(
        fields: impl IntoIterator<Item = (Field, Box<str>)>,
        reclassified: Vec<Reclassified>,
        spent: Vec<Spent>,
    ) -> Self {
        let mut sheet = Self { fields: Vec::new(), reclassified, spent };
        for (field, value) in fields {
            sheet.set(Edit { field, value: Some(value) });
        }
        sheet
    }

    /// Returns what a field says.
    pub fn get(&self, field: Field) -> Option<&str> {
        let at = self.place(field).ok()?;
        self.fields.get(at).map(|(_, value)| &**value)
    }

    /// Yields what is written, in the order of the fields.
    pub fn fields(&self) -> impl Iterator<Item = (Field, &str)> {
        self.fields.iter().map(|(field, value)| (*field, &**value))
    }

    /// Writes or clears a field and returns what it said before.
    pub fn set(&mut self, edit: Edit) -> Option<Box<str>> {
        let Edit { field, value } = edit;
        match (self.place(field), value) {
            (Ok(at), Some(value)) => {
                self.fields.get_mut(at).map(|it| core::mem::replace(&mut it.1, value))
            }
            (Ok(at), None) => Some(self.fields.remove(at).1),
            (Err(at), Some(value)) => {
                self.fields.insert(at, (field, value));
                None
            }
            (Err(_), None) => None,
        }
    }

    fn place(&self, field: Field) -> Result<usize, usize> {
        self.fields.binary_search_by_key(&field, |(field, _)| *field)
    }

    /// Returns what the record is about.
    pub fn nature(&self) -> Nature {
        self.get(Field::Nature).and_then(|word| word.parse().ok()).unwrap_or_default()
    }

    /// Keeps a change of category.
    pub fn reclassify(&mut self, it: Reclassified) {
        if self.reclassified.len() >= RECLASSIFIED_MAX {
            // The first says what it was taken for to begin with.
            self.reclassified.remove(1);
        }
        self.reclassified.push(it);
    }

    /// Adds to the time that somebody spent.
    pub fn spend(&mut self, by: &str, line: u8, time: Duration) {
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let by = if self.knows(by, line) || self.spent.len() < PEOPLE_MAX { by } else { OTHERS };
        let known = self.spent.iter_mut().find(|it| *it.by == *by && it.line == line);
        match known {
            Some(spent) => spent.ms = spent.ms.saturating_add(ms),
            None => self.spent.push(Spent { by: by.into(), line, ms }),
        }
    }

    fn knows(&self, by: &str, line: u8) -> bool {
        self.spent.iter().any(|it| *it.by == *by && it.line == line)
    }

    /// Returns the time that all spent together.
    pub fn spent_in_all(&self) -> Duration {
        let sum = self.spent.iter().fold(0_u64, |sum, it| sum.saturating_add(it.ms));
        Duration::from_millis(sum)
    }

    /// Says how it ended, for those who suffered from it: solution, code, cause and time.
    pub fn result(&self) -> Outcome<'_> {
        Outcome(self)
    }
}

/// Writes how an incident ended: `solution "…"; closure code fixed; 45m spent`.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'a>(&'a Sheet);

impl fmt::Display for Outcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = [
            (Field::Solution, "solution"),
            (Field::Workaround, "workaround"),
            (Field::ClosureCode, "closure code"),
            (Field::RootCause, "root cause"),
        ];
        let mut parts: Vec<String> = named
            .iter()
            .filter_map(|(field, name)| Some(format!("{name} {}", self.0.get(*field)?)))
            .collect();
        let spent = self.0.spent_in_all();
        if !spent.is_zero() {
            parts.push(format!("{} spent", Brief(spent)));
        }
        f.write_str(&parts.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_takes_what_it_is_for_and_says_what_that_is() {
        for (name, given, value) in [
            ("nature", "service_request", Some("service_request")),
            ("users", " 0250 ", Some("250")),
            ("satisfaction", "5", Some("5")),
            ("problem", "PRB-1,PRB-2", Some("PRB-1, PRB-2")),
            ("solution", "rebooted\nand watched", Some("rebooted\nand watched")),
            ("location", "  ", None),
        ] {
            let edit = Edit::read(name, given).unwrap();
            assert_eq!(edit.value.as_deref(), value, "{name}");
        }
        for (name, given, message) in [
            (
                "nature",
                "bug",
                "nature is `bug`, expected one of fault, service_request, information",
            ),
            ("satisfaction", "6", "satisfaction is `6`, expected a whole number from 1 to 5"),
            ("users", "-1", "users is `-1`, expected a whole number from 0 to 1000000000"),
            (
                "problem",
                "PRB 1",
                "problem is `PRB 1`, expected up to 50 numbers with commas between them",
            ),
            ("location", "a\nb", "location is `a\nb`, expected one line of at most 256 bytes"),
            (
                "data_affected",
                "maybe",
                "data_affected is `maybe`, expected one of yes, no, unknown",
            ),
            (
                "evidence",
                "a\u{7}",
                "evidence is `a\u{7}`, expected a text without control characters",
            ),
        ] {
            assert_eq!(Edit::read(name, given).unwrap_err().to_string(), message);
        }
        let unknown = Edit::read("colour", "red").unwrap_err().to_string();
        assert!(unknown.starts_with("no field `colour` is none of nature, channel"), "{unknown}");
    }

    #[test]
    fn a_field_is_written_over_and_cleared() {
        let mut sheet = Sheet::default();
        assert_eq!(sheet.nature(), Nature::Fault, "unless somebody says otherwise");
        for (name, given, before) in [
            ("solution", "one", None),
            ("nature", "information", None),
            ("solution", "two", Some("one")),
            ("solution", "", Some("two")),
        ] {
            let before_of = sheet.set(Edit::read(name, given).unwrap());
            assert_eq!(before_of.as_deref(), before);
        }
        assert_eq!(sheet.nature(), Nature::Information);
        assert_eq!(sheet.fields().collect::<Vec<_>>(), [(Field::Nature, "information")]);
    }

    #[test]
    fn time_adds_up_by_person_and_line() {
        let mut sheet = Sheet::default();
        let minutes = Duration::from_mins;
        for (by, line, time) in [("ann", 1, 10), ("bob", 2, 5), ("ann", 1, 20), ("ann", 2, 1)] {
            sheet.spend(by, line, minutes(time));
        }
        let spent: Vec<_> = sheet.spent.iter().map(|it| (&*it.by, it.line, it.ms)).collect();
        assert_eq!(spent, [("ann", 1, 1_800_000), ("bob", 2, 300_000), ("ann", 2, 60_000)]);
        assert_eq!(sheet.spent_in_all(), minutes(36));
        assert_eq!(sheet.result().to_string(), "36m spent");
        for person in 0..200 {
            sheet.spend(&format!("p{person}"), 1, minutes(1));
        }
        assert_eq!(sheet.spent.len(), PEOPLE_MAX + 1);
        assert_eq!(sheet.spent_in_all(), minutes(236), "nothing is lost beyond the limit");
    }
}
