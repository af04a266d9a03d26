//! Makes and ends silences for both APIs: what a silence may be, and what it is refused for.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::event::Event;

use crate::engine::reply::Reply;

use crate::engine::refusal::Refusal;
use crate::mailbox::Work;
use crate::model::labels::Labels;
use crate::model::silence::{Silence, SilenceId, SilenceMatcher, SilenceState};
use crate::model::time::Timestamp;
use crate::random;
use crate::rules::Condition;

use super::super::error::Problem;
use super::super::{App, Reading};

/// Bytes of the longest name of a person and of the longest comment; both are shown in lists.
const NAME_BYTES_MAX: usize = 128;
const COMMENT_BYTES_MAX: usize = 4_096;

/// What somebody wants to be silent.
#[derive(Debug)]
pub(super) struct Wish {
    /// The silence it is to change.
    pub(super) replaces: Option<SilenceId>,
    pub(super) matchers: Vec<SilenceMatcher>,
    pub(super) cis: Vec<Box<str>>,
    /// The rule of the window it changes.
    pub(super) rule: Option<Arc<str>>,
    pub(super) starts_at: Timestamp,
    pub(super) ends_at: Timestamp,
    pub(super) created_by: String,
    pub(super) comment: String,
    pub(super) annotations: BTreeMap<String, String>,
}

/// Why it is not silent.
#[derive(Debug)]
pub(super) enum Denied {
    /// What it matches is wrong, or something is too long.
    Invalid(String),
    /// Its times are wrong.
    Untimely(&'static str),
    /// There is no such silence to change.
    Unknown(SilenceId),
    /// It cannot be done now.
    Problem(Problem),
}

impl From<Problem> for Denied {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// Has a wish carried out and returns the id under which it holds.
pub(super) async fn silence(app: &Arc<App>, wish: Wish) -> Result<SilenceId, Denied> {
    check_times(&wish, app.doors.clock.now())?;
    let (labels_max, name_bytes) = (app.doors.limits.labels, app.doors.limits.name_bytes);
    check_sizes(&wish, labels_max, name_bytes).map_err(Denied::Invalid)?;
    check_matchers(&wish).map_err(Denied::Invalid)?;
    let (replaces, silence) = record(app, wish)?;
    let reply = app.submit(Work::Event(Event::Silence { silence, replaces })).await?;
    if let Reply::Silenced(id) = reply {
        Ok(id)
    } else if let Reply::Refused(Refusal::UnknownSilence(id)) = reply {
        Err(Denied::Unknown(id))
    } else if let Reply::Refused(refusal) = reply {
        Err(Denied::Invalid(refusal.to_string()))
    } else {
        Err(Problem::internal(&format!("the engine answered a silence with {reply:?}")).into())
    }
}

fn record(app: &App, wish: Wish) -> Result<(Option<SilenceId>, Silence), Denied> {
    let mut pairs: Vec<(&str, &str)> =
        wish.annotations.iter().map(|(name, text)| (&**name, &**text)).collect();
    let annotations =
        Labels::build(&mut pairs).map_err(|error| Denied::Invalid(error.to_string()))?;
    let id = random::uuid().map_err(|error| Problem::internal(&error))?;
    let silence = Silence {
        id: SilenceId(id),
        matchers: wish.matchers,
        cis: wish.cis,
        rule: wish.rule,
        source: None,
        starts_at: wish.starts_at,
        ends_at: wish.ends_at,
        updated_at: app.doors.clock.now(),
        created_by: wish.created_by.into(),
        comment: wish.comment.into(),
        annotations,
    };
    Ok((wish.replaces, silence))
}

fn check_times(wish: &Wish, now: Timestamp) -> Result<(), Denied> {
    if wish.ends_at <= wish.starts_at {
        return Err(Denied::Untimely("start time must be before end time"));
    }
    if wish.ends_at < now {
        return Err(Denied::Untimely("end time can't be in the past"));
    }
    Ok(())
}

fn check_sizes(wish: &Wish, labels_max: usize, name_bytes_max: usize) -> Result<(), String> {
    let within = |what: &str, len: usize, max: usize| {
        if len <= max { Ok(()) } else { Err(format!("{what} is {len} bytes long, at most {max}")) }
    };
    within("the creator's name", wish.created_by.len(), NAME_BYTES_MAX)?;
    within("the comment", wish.comment.len(), COMMENT_BYTES_MAX)?;
    let annotations = wish.annotations.iter().map(|(name, text)| name.len() + text.len()).sum();
    within("the text of the annotations", annotations, COMMENT_BYTES_MAX)?;
    for matcher in &wish.matchers {
        within("the name of a label", matcher.name.len(), name_bytes_max)?;
        within("a matcher's value", matcher.value.len(), COMMENT_BYTES_MAX)?;
    }
    let count = wish.matchers.len();
    if count > labels_max {
        return Err(format!("{count} matchers, at most {labels_max}; use a pattern"));
    }
    Ok(())
}

/// Refuses what matches nothing that can be understood, or everything.
fn check_matchers(wish: &Wish) -> Result<(), String> {
    if let Some(at) = wish.matchers.iter().position(|matcher| matcher.name.is_empty()) {
        return Err(format!("invalid label matcher {at}: invalid label name \"\""));
    }
    let condition = Condition::of_silence(&wish.matchers).map_err(|(at, error)| {
        let value = wish.matchers.get(at).map_or("", |matcher| &matcher.value);
        format!("invalid label matcher {at}: invalid regular expression {value:?}: {error}")
    })?;
    // Only `=` and `=~` tell that something is there (`silence.go`, `matchesEmpty`).
    let all = wish.matchers.iter().zip(condition.matchers());
    let is_anything = all.into_iter().all(|(it, test)| it.is_equal && test.test().passes(""));
    if is_anything && wish.cis.is_empty() && wish.rule.is_none() {
        return Err("at least one matcher must not match the empty string".into());
    }
    Ok(())
}

/// Ends a silence in somebody's name; one that is over stays as it is.
pub(super) async fn unsilence(app: &Arc<App>, id: SilenceId, by: &str) -> Result<(), Problem> {
    let reply = app.submit(Work::Event(Event::Unsilence { id, by: by.into() })).await?;
    if let Reply::Refused(refusal) = reply {
        return Err(Problem::not_found(refusal.to_string()));
    }
    Ok(())
}

/// Returns the silence with this id.
pub(super) fn find(reading: &Reading<'_>, id: SilenceId) -> Result<Silence, Problem> {
    let silence = reading.view.silence(id)?;
    silence.ok_or_else(|| Problem::not_found(Refusal::UnknownSilence(id).to_string()))
}

/// Orders silences as Alertmanager does: active ones by their end, then those to come by their
/// start, then those that are over, the last one first.
pub(super) fn by_state(silence: &Silence, now: Timestamp) -> (SilenceState, i64, SilenceId) {
    let state = silence.state(now);
    let place = match state {
        SilenceState::Active => silence.ends_at.millis(),
        SilenceState::Pending => silence.starts_at.millis(),
        SilenceState::Expired => silence.ends_at.millis().saturating_neg(),
    };
    (state, place, silence.id)
}
