//! `incidentd incidents set|classify|time|confirm|reject|cancel`, and what is said with `resolve`:
//! the record of an incident and its end.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};

use crate::http::wire::desk;
use crate::http::wire::handle::{Plain, Wish};

use super::handle::{Which, Word};
use super::name::Name;

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Write on its record: `nature`, `location`, `system_type`, `users`, `tracker`, `attendance`,
    /// `resolver_role`, `problem`, `change`, `workaround`, `solution`, `closure_code`,
    /// `root_cause`, `data_affected`, `security_affected`, `evidence`, `satisfaction`,
    /// `follow_up`, `review`, `channel`, `sender`
    Set {
        /// Its number, as in INC-1042
        incident: String,
        /// Fields with what they are to be; `FIELD=` clears one
        #[arg(required = true, value_name = "FIELD=VALUE", value_parser = pair)]
        fields: Vec<(String, String)>,
        /// The version that was seen; with another one nothing is done
        #[arg(long, value_name = "VERSION")]
        expected: Option<u32>,
        /// Who says it, and what
        #[command(flatten)]
        word: Word,
    },
    /// Say that it is of another category; no rule changes it again
    Classify {
        /// Which incidents
        #[command(flatten)]
        which: Which,
        /// Which category
        #[arg(long, value_name = "NAME")]
        category: String,
        /// Who says it, and why
        #[command(flatten)]
        reason: Reason,
    },
    /// Note how long somebody worked on it
    Time {
        /// Its number, as in INC-1042
        incident: String,
        /// How long, as in 45m
        #[arg(value_name = "TIME")]
        spent: String,
        /// Who worked; whoever says so when left out
        #[arg(long = "by", value_name = "NAME")]
        who: Option<String>,
        /// Who says it, and what
        #[command(flatten)]
        word: Word,
    },
    /// Say that it is over for those who suffered: closes it when all who were asked said so
    Confirm {
        /// Its number, as in INC-1042
        incident: String,
        /// How content they are, 1 to 5
        #[arg(long, value_name = "1-5")]
        satisfaction: Option<u8>,
        /// Who says it, and what
        #[command(flatten)]
        word: Word,
    },
    /// Say that it is not over: opens it again, and it is not closed before that is taken back
    Reject {
        /// Its number, as in INC-1042
        incident: String,
        /// Who says it, and why
        #[command(flatten)]
        reason: Reason,
    },
    /// Say that it is a major incident: management is paged, and closing needs a review
    DeclareMajor {
        /// Its number, as in INC-1042
        incident: String,
        /// Who says it, and why
        #[command(flatten)]
        reason: Reason,
    },
    /// Say that it is no major incident any more
    StandDown {
        /// Its number, as in INC-1042
        incident: String,
        /// Who says it, and why
        #[command(flatten)]
        reason: Reason,
    },
    /// Say that it was a false alarm
    Cancel {
        /// Which incidents
        #[command(flatten)]
        which: Which,
        /// Who says it, and why
        #[command(flatten)]
        reason: Reason,
    },
}

/// Who says something, and why.
#[derive(Clone, Debug, Args)]
pub struct Reason {
    #[command(flatten)]
    name: Name,
    /// Why
    #[arg(short = 'm', long = "because", alias = "message", value_name = "TEXT")]
    because: String,
}

/// How an incident is resolved.
#[derive(Clone, Debug, Args)]
pub struct Resolve {
    #[command(flatten)]
    which: Which,
    /// What ended it
    #[arg(long, value_name = "TEXT")]
    solution: Option<String>,
    /// How it ended, as one of the rules' closure codes
    #[arg(long = "code", value_name = "CODE")]
    closure_code: Option<String>,
    /// Why it happened, as one of the rules' root causes
    #[arg(long = "cause", value_name = "CAUSE")]
    root_cause: Option<String>,
    /// How long it took, as in 45m
    #[arg(long, value_name = "TIME")]
    spent: Option<String>,
    /// Further fields of the record
    #[arg(long = "set", value_name = "FIELD=VALUE", value_parser = pair)]
    fields: Vec<(String, String)>,
    #[command(flatten)]
    word: Word,
}

/// Reads `name=value`.
///
/// # Errors
/// When there is no name or no `=`.
pub fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().into(), value.into())),
        _ => Err(format!("`{text}` is not FIELD=VALUE, as in location=fra1")),
    }
}

impl Resolve {
    /// Returns what to handle and the wish as the API wants it.
    pub(super) fn wish(self) -> (Which, Wish) {
        let Self { which, solution, closure_code, root_cause, spent, fields, word } = self;
        let mut fields: BTreeMap<String, String> = fields.into_iter().collect();
        let given =
            [("solution", solution), ("closure_code", closure_code), ("root_cause", root_cause)];
        fields.extend(given.into_iter().filter_map(|(name, value)| Some((name.into(), value?))));
        let (by, note, expected_version) = (word.name.by, word.message, which.expected);
        (which, Wish::Resolve(desk::Resolve { by, fields, spent, note, expected_version }))
    }
}

impl Command {
    /// Returns what to handle and the wish as the API wants it.
    pub(super) fn wish(self) -> (Which, Wish) {
        match self {
            Self::Set {
                incident,
                fields,
                expected,
                word: Word { name: Name { by }, message: note },
            } => {
                let fields = fields.into_iter().collect();
                let set = desk::Set { by, fields, note, expected_version: expected };
                (Which::one(incident).at(expected), Wish::Set(set))
            }
            Self::Classify {
                which,
                category,
                reason: Reason { name: Name { by }, because: note },
            } => {
                let expected_version = which.expected;
                let classify = desk::Classify { by, category, note, expected_version };
                (which, Wish::Classify(classify))
            }
            Self::Time {
                incident,
                spent,
                who,
                word: Word { name: Name { by }, message: note },
            } => {
                let spend = desk::Spend { by, who, spent, note, expected_version: None };
                (Which::one(incident), Wish::Time(spend))
            }
            Self::Confirm {
                incident,
                satisfaction,
                word: Word { name: Name { by }, message: note },
            } => {
                let confirm = desk::Confirm { by, satisfaction, note, expected_version: None };
                (Which::one(incident), Wish::Confirm(confirm))
            }
            Self::Reject { incident, reason: Reason { name: Name { by }, because: note } } => {
                let plain = Plain { by, note, expected_version: None };
                (Which::one(incident), Wish::Reject(plain))
            }
            Self::DeclareMajor {
                incident,
                reason: Reason { name: Name { by }, because: note },
            } => {
                let plain = Plain { by, note, expected_version: None };
                (Which::one(incident), Wish::DeclareMajor(plain))
            }
            Self::StandDown { incident, reason: Reason { name: Name { by }, because: note } } => {
                let plain = Plain { by, note, expected_version: None };
                (Which::one(incident), Wish::StandDown(plain))
            }
            Self::Cancel { which, reason: Reason { name: Name { by }, because: note } } => {
                let expected_version = which.expected;
                (which, Wish::Cancel(Plain { by, note, expected_version }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::{Value, json};

    use super::super::handle;

    #[derive(Parser)]
    struct Whole {
        #[command(subcommand)]
        command: handle::Command,
    }

    fn wished(line: &[&str]) -> Value {
        let whole = Whole::try_parse_from([&["x"][..], line].concat()).unwrap();
        serde_json::to_value(handle::wish(whole.command).1).unwrap()
    }

    #[test]
    fn each_command_becomes_the_wish_of_its_name() {
        for (line, wish) in [
            (
                &["set", "INC-1", "location=fra1", "solution=", "--as", "ann"][..],
                json!({"command": "set", "by": "ann", "note": "",
                    "fields": {"location": "fra1", "solution": ""}}),
            ),
            (
                &["classify", "INC-1", "--category", "net", "--because", "dns", "--as", "ann"],
                json!({"command": "classify", "by": "ann", "category": "net", "note": "dns"}),
            ),
            (
                &["time", "INC-1", "45m", "--by", "bob", "--as", "ann"],
                json!({"command": "time", "by": "ann", "who": "bob", "spent": "45m", "note": ""}),
            ),
            (
                &["confirm", "INC-1", "--satisfaction", "4", "--as", "ann"],
                json!({"command": "confirm", "by": "ann", "satisfaction": 4, "note": ""}),
            ),
            (
                &["reject", "INC-1", "--because", "still down", "--as", "ann"],
                json!({"command": "reject", "by": "ann", "note": "still down"}),
            ),
            (
                &["declare-major", "INC-1", "-m", "all down", "--as", "ann"],
                json!({"command": "declare-major", "by": "ann", "note": "all down"}),
            ),
            (
                &["stand-down", "INC-1", "-m", "half is up", "--as", "ann"],
                json!({"command": "stand-down", "by": "ann", "note": "half is up"}),
            ),
            (
                &["cancel", "INC-1", "-m", "a test", "--as", "ann"],
                json!({"command": "cancel", "by": "ann", "note": "a test"}),
            ),
            (
                &[
                    "resolve",
                    "INC-1",
                    "--solution",
                    "rebooted",
                    "--code",
                    "fixed",
                    "--spent",
                    "5m",
                    "--set",
                    "evidence=log",
                    "--as",
                    "ann",
                ],
                json!({"command": "resolve", "by": "ann", "note": "", "spent": "5m",
                    "fields": {"solution": "rebooted", "closure_code": "fixed", "evidence": "log"}}),
            ),
        ] {
            assert_eq!(wished(line), wish);
        }
        for bad in [&["reject", "INC-1"][..], &["set", "INC-1"], &["set", "INC-1", "location"]] {
            assert!(Whole::try_parse_from([&["x"][..], bad].concat()).is_err(), "{bad:?}");
        }
    }
}
