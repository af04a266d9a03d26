//! Impact, urgency, and the priority that follows from them.

use core::fmt;

use super::time::Timestamp;

/// How much is hurt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Impact {
    /// Neither of the others.
    Low,
    /// An important service or some dozens of users.
    Medium,
    /// A vital service, many users or several services.
    High,
}

/// How fast it must be dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Urgency {
    /// It can wait.
    Low,
    /// Soon.
    Medium,
    /// Now.
    High,
}

/// The class of an incident, from its impact and urgency; `P1` is the most pressing and the least
/// in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Urgent.
    P1,
    /// High.
    P2,
    /// Medium.
    P3,
    /// Low.
    P4,
}

/// All classes, the most pressing first.
pub const PRIORITIES: [Priority; 4] = [Priority::P1, Priority::P2, Priority::P3, Priority::P4];

macro_rules! words {
    ($type:ident, $($variant:ident = $word:literal),+) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $(Self::$variant => $word),+ })
            }
        }
        impl core::str::FromStr for $type {
            type Err = $crate::model::priority::NotAWord;
            fn from_str(text: &str) -> Result<Self, $crate::model::priority::NotAWord> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::model::priority::NotAWord { given: text.into(), words: &[$($word),+] }),
                }
            }
        }
    };
}
pub(crate) use words;

words!(Impact, Low = "low", Medium = "medium", High = "high");
words!(Urgency, Low = "low", Medium = "medium", High = "high");
words!(Priority, P1 = "P1", P2 = "P2", P3 = "P3", P4 = "P4");

/// What an incident costs: service, or only the redundancy that stood before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Loss {
    /// Something fails.
    #[default]
    Service,
    /// Nothing fails that has another cause to stand on.
    Redundancy,
}

words!(Loss, Service = "service", Redundancy = "redundancy");

/// A text that names none of the values of its type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is none of {}", words.join(", "))]
pub struct NotAWord {
    /// What was given.
    pub given: String,
    /// What is known.
    pub words: &'static [&'static str],
}

/// A priority with what it was derived from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// How much is hurt.
    pub impact: Impact,
    /// How fast it must be dealt with.
    pub urgency: Urgency,
    /// What follows from both.
    pub priority: Priority,
    /// The derivation in words, as in `P2 = impact high (service checkout, tier 1) × urgency medium`.
    pub sum: String,
    /// True when its notices interrupt a person (pages), false when they do not (tickets).
    pub pages: bool,
    /// What is lost.
    pub loss: Loss,
    /// When it is to be looked at again though nothing happens: hours of service begin or end.
    pub until: Option<Timestamp>,
}
