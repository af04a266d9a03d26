//! The shapes of what people do with incidents: one for each kind of command, and many at a time.
//!
//! The body of a command's own path is its shape without `command`, which the path says.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::desk::{Classify, Confirm, Resolve, Set, Spend};
use super::major::{AddAction, Appoint, Check, FinishAction};
use super::{Incident, Time};

/// What a person wants to be done with an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Wish {
    /// Somebody has seen it: stops its response clock for a time.
    Acknowledge(Acknowledge),
    /// Nobody has it any more: the first step falls due anew.
    Unacknowledge(Plain),
    /// Something to be remembered.
    Note(Plain),
    /// Somebody works on it.
    Claim(Plain),
    /// Somebody else is to work on it.
    Assign(Assign),
    /// The next line is to work on it.
    Escalate(Escalate),
    /// It is not theirs.
    Return(Return),
    /// Teams are to help, together.
    Convene(Convene),
    /// It is more or less pressing than computed.
    Priority(Prioritise),
    /// How it stands.
    Update(Update),
    /// Somebody is to hear of it.
    Subscribe(Subscription),
    /// Somebody is to hear of it no more.
    Unsubscribe(Subscription),
    /// Work waits.
    Hold(Hold),
    /// Service is restored.
    Resolve(Resolve),
    /// It is not.
    Reopen(Plain),
    /// It is over for good.
    Close(Plain),
    /// It and another are one.
    Merge(Merge),
    /// Some of it is an incident of its own.
    Split(Split),
    /// Something is to be written on its record.
    Set(Set),
    /// It is of another category.
    Classify(Classify),
    /// Somebody worked on it.
    Time(Spend),
    /// It is over for somebody who suffered from it.
    Confirm(Confirm),
    /// It is not over for somebody.
    Reject(Plain),
    /// It was a false alarm.
    Cancel(Plain),
    /// It is a major incident.
    #[serde(rename = "declare-major")]
    DeclareMajor(Plain),
    /// It is no major incident any more.
    #[serde(rename = "stand-down")]
    StandDown(Plain),
    /// An item of its response plan is done.
    Check(Check),
    /// Somebody gets a role in it.
    Role(Appoint),
    /// Its review wants something to be done.
    Action(AddAction),
    /// What its review wanted is done.
    #[serde(rename = "action-done")]
    ActionDone(FinishAction),
}

/// What needs nothing but a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Plain {
    /// Who; may be left out by whoever showed a token.
    #[serde(default)]
    pub by: String,
    /// What they say.
    #[serde(default)]
    pub note: String,
    /// The version they saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u32>,
}

/// Somebody has seen it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Acknowledge {
    /// Who; may be left out by whoever showed a token.
    #[serde(default)]
    pub by: String,
    /// For how long, as in `30m`; the priority's own time when left out.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
    /// When those who were told hear next, as in `30m`; the priority's own time when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_in: Option<String>,
    /// What they say.
    #[serde(default)]
    pub note: String,
    /// The version they saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u32>,
}

/// Somebody else is to work on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Assign {
    /// Who says so; may be left out by whoever showed a token.
    #[serde(default)]
    pub by: String,
    /// To whom, as in `team:dc-ops` or `contact:dora`.
    pub to: String,
    /// What they have to know.
    #[serde(default, skip_serializing_if = "nothing_said")]
    pub handover: Said,
    /// What they say.
    #[serde(default)]
    pub note: String,
    /// The version they saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u32>,
}

/// What whoever hands an incident on says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// What was tried.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tried: String,
    /// What is known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub known: String,
    /// What comes next.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub next: String,
}

/// The next line is to work on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Escalate {
    /// Who says so; may be left out by whoever showed a token.
    #[serde(default)]
    pub by: String,
    /// To whom, as in `team:dc-ops` or `contact:dora`; to the next line when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// What they have to know.
    #[serde(default, skip_serializing_if = "nothing_said")]
    pub handover: Said,
    /// What they say.
    #[serde(default)]
    pub note: String,
    /// The version they saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u32>,
}

/// It is not theirs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Return {
    /// Who says so; may be left out by whoever showed a token.
    #[serde(default)]
    pub by: String,
    /// What whoever gets it has to know.
    #[serde(default, skip_serializing_if = "nothing_said")]
    pub handover: Said,
    /// What they say.
    #[serde(default)]
    pub note: String,
    /// The version they saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u32>,
}

/// Teams are to help, together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Convene {
    /// Who says so; may be left out by whoever showed a token.
    #[serde(default)]
    pub by: String,
    /// Names of teams, at most eight.
    pub teams: Vec<String>,
    /// Where they talk, as in `https://meet.example/inc-1042`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// What they have to know.
    #[serde(default, skip_serializing_if = "nothing_said")]
    pub handover: Said,
    /// What they say.
    #[serde(default)]
    pub note: String,
    /// The version they saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u32>,
}

/// It is more or less pressing than computed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Prioritise {
    /// Who says so; may be left out by whoever showed a token.
    #[serde(default)]
    pub by: String,
    /// `P1` to `P4`; as computed again when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// What they say.
    #[serde(default)]
    pub note: String,
    /// The version they saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u32>,
}

/// How it stands; `note` is what everybody hears who was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Update {
    /// Who says so; may be left out by whoever showed a token.
    #[serde(default)]
    pub by: String,
    /// When they hear next, as in `30m`; after the same time again when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_in: Option<String>,
    /// What they say.
    #[serde(default)]
    pub note: String,
    /// The version they saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u32>,
}

/// Somebody is to hear of it, or no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// Who says so; may be left out by whoever showed a token.
    #[serde(default)]
    pub by: String,
    /// Who, as in `team:dc-ops` or `contact:dora`.
    pub who: String,
    /// What they say.
    #[serde(default)]
    pub note: String,
    /// The version they saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u32>,
}

fn nothing_said(said: &Said) -> bool {
    *said == Said::default()
}

/// Work waits; exactly one of `for` and `until` says how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// Who says so; may be left out by whoever showed a token.
    #[serde(default)]
    pub by: String,
    /// `supplier`, `change` or `user`.
    pub waits_for: String,
    /// How long at most, as in `4h`.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub span: Option<String>,
    /// Until when at the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// What they say.
    #[serde(default)]
    pub note: String,
    /// The version they saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u32>,
}

/// It and another are one; the older number survives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Merge {
    /// Who says so; may be left out by whoever showed a token.
    #[serde(default)]
    pub by: String,
    /// The other, as in `INC-1042`.
    pub into: String,
    /// What they say.
    #[serde(default)]
    pub note: String,
    /// The version they saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u32>,
}

/// Some of it is an incident of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// Who says so; may be left out by whoever showed a token.
    #[serde(default)]
    pub by: String,
    /// Numbers of the records that go, as in `INC-1043`.
    pub records: Vec<String>,
    /// What they say.
    #[serde(default)]
    pub note: String,
    /// The version they saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u32>,
}

/// One command for all open incidents that matchers take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Bulk {
    /// What to do with each: `command` with what its own path takes; not `split`, and without
    /// `expected_version`.
    #[schema(value_type = Object)]
    pub order: Wish,
    /// As in listings: on the root alert's labels, on `priority`, `state` and `team`. All must hold.
    pub matchers: Vec<String>,
    /// Only say which incidents these are.
    #[serde(default)]
    pub dry_run: bool,
    /// How many there were when somebody agreed; with another number nothing is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_count: Option<u32>,
}

/// What became of each incident.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BulkAnswer {
    /// True when nothing was done.
    pub dry_run: bool,
    /// How many incidents the matchers take.
    pub matched: u32,
    /// How many of them could not be done.
    pub refused: u32,
    /// Each of them, the oldest first.
    pub results: Vec<BulkResult>,
    /// The daemon's time.
    pub now: Time,
}

/// What became of one incident.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BulkResult {
    /// The incident as it is then; after `merge` the one that survived.
    pub incident: Incident,
    /// Why it was not done.
    pub refused: Option<BulkRefusal>,
}

/// Why one of many was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BulkRefusal {
    /// The kind of refusal, as in the `code` of a single one.
    pub code: String,
    /// What was wrong and what to do.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_reads_back_as_it_was_written() {
        for text in [
            r#"{"command":"acknowledge","by":"ann","for":"30m","note":"","expected_version":3}"#,
            r#"{"command":"unacknowledge","by":"ann","note":"off shift"}"#,
            r#"{"command":"note","by":"ann","note":"x"}"#,
            r#"{"command":"claim","by":"ann","note":""}"#,
            r#"{"command":"assign","by":"ann","to":"team:linux","note":""}"#,
            r#"{"command":"hold","by":"ann","waits_for":"user","for":"4h","note":""}"#,
            r#"{"command":"hold","by":"ann","waits_for":"user","until":"2026-11-21T03:12:00.000Z","note":""}"#,
            r#"{"command":"acknowledge","by":"ann","update_in":"1h","note":""}"#,
            r#"{"command":"escalate","by":"ann","handover":{"tried":"x"},"note":"why"}"#,
            r#"{"command":"return","by":"ann","note":"why"}"#,
            r#"{"command":"convene","by":"ann","teams":["net"],"link":"https://m/1","note":"why"}"#,
            r#"{"command":"priority","by":"ann","priority":"P2","note":"why"}"#,
            r#"{"command":"update","by":"ann","update_in":"1h","note":"found it"}"#,
            r#"{"command":"subscribe","by":"ann","who":"team:net","note":""}"#,
            r#"{"command":"unsubscribe","by":"ann","who":"team:net","note":""}"#,
            r#"{"command":"resolve","by":"ann","note":""}"#,
            r#"{"command":"reopen","by":"ann","note":""}"#,
            r#"{"command":"close","by":"ann","note":""}"#,
            r#"{"command":"merge","by":"ann","into":"INC-1","note":""}"#,
            r#"{"command":"split","by":"ann","records":["INC-2"],"note":""}"#,
            r#"{"command":"resolve","by":"ann","fields":{"solution":"x"},"spent":"45m","note":""}"#,
            r#"{"command":"set","by":"ann","fields":{"location":"fra1"},"note":""}"#,
            r#"{"command":"classify","by":"ann","category":"net","note":"x"}"#,
            r#"{"command":"time","by":"ann","who":"bob","spent":"45m","note":""}"#,
            r#"{"command":"confirm","by":"ann","satisfaction":5,"note":""}"#,
            r#"{"command":"reject","by":"ann","note":"still down"}"#,
            r#"{"command":"cancel","by":"ann","note":"a test"}"#,
            r#"{"command":"declare-major","by":"ann","note":"x"}"#,
            r#"{"command":"stand-down","by":"ann","note":"x"}"#,
        ] {
            let wish: Wish = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&wish).unwrap(), text);
            let bulk = Bulk {
                order: wish,
                matchers: vec!["priority=\"P4\"".into()],
                dry_run: true,
                expected_count: Some(2),
            };
            let written = serde_json::to_string(&bulk).unwrap();
            assert_eq!(serde_json::from_str::<Bulk>(&written).unwrap(), bulk);
        }
    }

    #[test]
    fn what_a_command_does_not_know_is_refused() {
        for text in [
            r#"{"command":"claim","by":"ann","for":"30m"}"#,
            r#"{"command":"merge","by":"ann"}"#,
            r#"{"command":"delete","by":"ann"}"#,
        ] {
            assert!(serde_json::from_str::<Wish>(text).is_err(), "{text}");
        }
    }
}
