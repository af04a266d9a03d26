//! What became of an order: the incident it left behind, or a refusal with a `code` of its own that
//! names the present state and version.

use axum::http::StatusCode;
use serde_json::{Map, Value};

use crate::engine::afterwards;
use crate::engine::refusal::Refusal;
use crate::engine::reply::Reply;
use crate::model::incident::{Incident, IncidentId};
use crate::model::progress::StateName;

use super::super::Reading;
use super::super::error::Problem;
use super::incidents::find;

/// Returns the incident that an order left behind, or why it was not carried out; `outdated` is the
/// status for a version that is no longer the present one.
pub(super) fn done(
    reading: &Reading<'_>,
    asked: IncidentId,
    reply: Reply,
    outdated: StatusCode,
) -> Result<Incident, Problem> {
    match reply {
        Reply::Handled(handled) => find(reading, handled.incident),
        Reply::Duplicate => find(reading, asked),
        Reply::Refused(refusal) => {
            let (status, code) = kind(&refusal, outdated);
            let about = if let Refusal::NotOpen(id) = &refusal { *id } else { asked };
            let incident = find(reading, about)?;
            Err(Problem::new(status, words(&incident, &refusal))
                .coded(code)
                .with(vec![facts(&incident, &refusal)]))
        }
        Reply::Received(_)
        | Reply::Reported(_)
        | Reply::Silenced(_)
        | Reply::Planned(_)
        | Reply::Overridden(_)
        | Reply::Retried(_)
        | Reply::Forgotten(_)
        | Reply::Consumed(_)
        | Reply::Quarantined(_)
        | Reply::Done
        | Reply::Outdated => Err(Problem::internal(&"the engine took an order for something else")),
    }
}

/// Returns status and code of a refusal: 409 where the state forbids it, 422 where it can never be.
fn kind(refusal: &Refusal, outdated: StatusCode) -> (StatusCode, &'static str) {
    const NEVER: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;
    match refusal {
        Refusal::NotOpen(_) => (StatusCode::CONFLICT, "closed"),
        Refusal::Subordinate { .. } => (StatusCode::CONFLICT, "subordinate"),
        Refusal::Watched { .. } => (StatusCode::CONFLICT, "watched"),
        Refusal::NotMajor(_) => (StatusCode::CONFLICT, "not_major"),
        Refusal::NoSuch { .. } => (NEVER, "no_such_number"),
        Refusal::TooMany { .. } => (NEVER, "too_many"),
        Refusal::ActionOver { .. } => (NEVER, "action_over"),
        Refusal::Conflict { .. } => (outdated, "version_conflict"),
        Refusal::StillFiring { .. } => (StatusCode::CONFLICT, "still_firing"),
        Refusal::NotAllowed { .. } => (StatusCode::CONFLICT, "not_allowed"),
        Refusal::Disagreed { .. } => (StatusCode::CONFLICT, "disagreed"),
        Refusal::Over { .. } => (StatusCode::CONFLICT, "over"),
        Refusal::Already { .. } | Refusal::IsDone { .. } => (StatusCode::CONFLICT, "already"),
        Refusal::Incomplete { .. } => (StatusCode::CONFLICT, "incomplete"),
        Refusal::NotDesk { .. } => (StatusCode::CONFLICT, "not_desk"),
        Refusal::NotAsked { .. } => (StatusCode::CONFLICT, "not_asked"),
        Refusal::NothingSet(_) => (NEVER, "nothing_set"),
        Refusal::UnknownCode { .. } => (NEVER, "unknown_code"),
        Refusal::EmptyNote => (NEVER, "empty_note"),
        Refusal::HoldOver { .. } => (NEVER, "hold_over"),
        Refusal::NoReason { .. } => (NEVER, "no_reason"),
        Refusal::NoNextLine { .. } => (NEVER, "no_next_line"),
        Refusal::NowhereToReturn(_) => (NEVER, "nowhere_to_return"),
        Refusal::TooManySubscribers(_) => (NEVER, "too_many_subscribers"),
        Refusal::UnknownTarget { .. } => (NEVER, "unknown_target"),
        Refusal::SameIncident(_) => (NEVER, "same_incident"),
        Refusal::NotSplit { .. } => (NEVER, "not_split"),
        Refusal::UnknownSilence(_)
        | Refusal::TooManySilences(_)
        | Refusal::TooManyChanges(_)
        | Refusal::TooManyOverrides(_)
        | Refusal::OverrideOver { .. }
        | Refusal::UnknownOverride(_)
        | Refusal::NotDead(_)
        | Refusal::NotReported(_)
        | Refusal::UnknownPartition(_)
        | Refusal::NotQuarantined(_) => (NEVER, "not_an_order"),
    }
}

/// Words a refusal; one that is merely not open is told with its state.
fn words(incident: &Incident, refusal: &Refusal) -> String {
    if let Refusal::NotOpen(id) = refusal {
        let state = incident.progress.name();
        let open = afterwards::fields();
        let action = if state == StateName::Closed {
            ", or to give its review an `action`, with a reason"
        } else {
            ""
        };
        let still = format!("; nothing can be done with it but to `set` {open}{action}");
        return format!("{id} is {state}{}", if state.is_over() { &*still } else { "" });
    }
    refusal.to_string()
}

/// Tells a program what it needs to go on: the present state and version, and what is allowed.
fn facts(incident: &Incident, refusal: &Refusal) -> Value {
    let mut facts = Map::new();
    facts.insert("incident".into(), incident.id.to_string().into());
    facts.insert("state".into(), incident.progress.name().to_string().into());
    facts.insert("version".into(), incident.version.into());
    if let Refusal::NotAllowed { allowed, .. } = refusal {
        let allowed = allowed.split(", ").filter(|it| !it.is_empty());
        facts.insert("allowed".into(), allowed.collect());
    }
    if let Refusal::Incomplete { missing, .. } = refusal {
        facts.insert("missing".into(), missing.split(", ").collect());
    }
    if let Refusal::Subordinate { parent, .. } = refusal {
        facts.insert("parent".into(), parent.to_string().into());
    }
    Value::Object(facts)
}
