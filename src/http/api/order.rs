//! A wish about an incident becomes an [`Order`]: what needs no state is checked here.

use core::time::Duration;

use crate::engine::order::{Command, Order};
use crate::model::assignment::Handover;
use crate::model::escalation::Target;
use crate::model::incident::{IncidentId, RecordId};
use crate::model::progress::WaitsFor;
use crate::model::time::Timestamp;
use crate::rules::duration;

use super::super::auth::Caller;
use super::super::error::Problem;
use super::super::wire::Time;
use super::super::wire::handle::{Hold, Merge, Said, Split, Wish};
use super::incidents::number;
use super::{desk, major};

/// The longest name and note of a person, in bytes: both go to the timeline.
pub(super) const NAME_BYTES_MAX: usize = 128;
pub(super) const NOTE_BYTES_MAX: usize = 4_096;

/// The longest acknowledgement; beyond it nobody would notice that nothing happens.
const ACKNOWLEDGEMENT_MAX: Duration = Duration::from_hours(7 * 24);

/// The longest hold: a supplier or a change may take a quarter of a year.
const HOLD_MAX: Duration = Duration::from_hours(90 * 24);

/// Records that one split names at most.
const RECORDS_MAX: usize = 1_000;

/// The longest time to a promised update: beyond it nobody waits for one.
const UPDATE_MAX: Duration = Duration::from_hours(7 * 24);

/// The longest part of a hand-over, and the longest link, in bytes: a page is read on a phone.
const SAID_BYTES_MAX: usize = 1_000;

/// Teams that are called together at most.
const TEAMS_MAX: usize = 8;

/// Makes an order of what a person wishes.
pub(super) fn order(
    incident: IncidentId,
    caller: &Caller,
    wish: Wish,
    now: Timestamp,
) -> Result<Order, Problem> {
    let (by, note, expected, command) = parts(wish, now)?;
    let by = person(caller, &by, &note)?;
    Ok(Order { incident, by, expected, note, command })
}

/// Who says something, what, the version they saw, and what it is.
pub(super) type Parts = (String, String, Option<u32>, Command);

fn parts(wish: Wish, now: Timestamp) -> Result<Parts, Problem> {
    Ok(match wish {
        Wish::Acknowledge(it) => {
            let hold = it.hold.as_deref().map(|it| span(it, ACKNOWLEDGEMENT_MAX)).transpose()?;
            let update_in = update_in(it.update_in.as_deref())?;
            (it.by, it.note, it.expected_version, Command::Acknowledge { hold, update_in })
        }
        Wish::Unacknowledge(it) => (it.by, it.note, it.expected_version, Command::Unacknowledge),
        Wish::Note(it) => (it.by, it.note, it.expected_version, Command::Note),
        Wish::Claim(it) => (it.by, it.note, it.expected_version, Command::Claim),
        Wish::Assign(it) => {
            let command = Command::Assign { to: target(&it.to)?, handover: handover(it.handover)? };
            (it.by, it.note, it.expected_version, command)
        }
        Wish::Escalate(it) => {
            let to = it.to.as_deref().map(target).transpose()?;
            let command = Command::Escalate { to, handover: handover(it.handover)? };
            (it.by, it.note, it.expected_version, command)
        }
        Wish::Return(it) => {
            let handover = handover(it.handover)?;
            (it.by, it.note, it.expected_version, Command::Return { handover })
        }
        Wish::Convene(it) => {
            let command = convene(it.teams, it.link, it.handover)?;
            (it.by, it.note, it.expected_version, command)
        }
        Wish::Priority(it) => {
            let read = |text: &str| {
                let bad = |error| Problem::bad_request(format!("priority: {error}"));
                text.parse().map_err(bad)
            };
            let priority = it.priority.as_deref().map(read).transpose()?;
            (it.by, it.note, it.expected_version, Command::Prioritise { priority })
        }
        Wish::Update(it) => {
            let next = update_in(it.update_in.as_deref())?;
            (it.by, it.note, it.expected_version, Command::Update { next })
        }
        Wish::Subscribe(it) => {
            let command = Command::Subscribe { who: target(&it.who)? };
            (it.by, it.note, it.expected_version, command)
        }
        Wish::Unsubscribe(it) => {
            let command = Command::Unsubscribe { who: target(&it.who)? };
            (it.by, it.note, it.expected_version, command)
        }
        Wish::Hold(it) => {
            let command = hold(&it, now)?;
            (it.by, it.note, it.expected_version, command)
        }
        Wish::Resolve(it) => desk::resolve(it)?,
        Wish::Reopen(it) => (it.by, it.note, it.expected_version, Command::Reopen),
        Wish::Close(it) => (it.by, it.note, it.expected_version, Command::Close),
        Wish::Merge(it) => merge(it)?,
        Wish::Split(it) => split(it)?,
        Wish::Set(it) => desk::set(it)?,
        Wish::Classify(it) => desk::classify(it)?,
        Wish::Time(it) => desk::spend(it)?,
        Wish::Confirm(it) => desk::confirm(it)?,
        Wish::Reject(it) => (it.by, it.note, it.expected_version, Command::Reject),
        Wish::Cancel(it) => (it.by, it.note, it.expected_version, Command::Cancel),
        Wish::DeclareMajor(it) => (it.by, it.note, it.expected_version, Command::DeclareMajor),
        Wish::StandDown(it) => (it.by, it.note, it.expected_version, Command::StandDown),
        Wish::Check(it) => major::check(it),
        Wish::Role(it) => major::appoint(it)?,
        Wish::Action(it) => major::add(it, now)?,
        Wish::ActionDone(it) => major::finish(it),
    })
}

/// Returns the name to put on the timeline. A proven name cannot be left out: whoever speaks for
/// somebody else, as a chat's bot does, is named beside them.
pub(super) fn person(caller: &Caller, by: &str, note: &str) -> Result<Box<str>, Problem> {
    let by = caller.acting(by);
    if by.is_empty() || by.len() > NAME_BYTES_MAX {
        let message = format!("by must name who says so, in at most {NAME_BYTES_MAX} bytes");
        return Err(Problem::bad_request(message));
    }
    if note.len() > NOTE_BYTES_MAX {
        let (len, max) = (note.len(), NOTE_BYTES_MAX);
        let message = format!("note is {len} bytes long, must be at most {max}");
        return Err(Problem::bad_request(message));
    }
    Ok(by.into())
}

fn span(text: &str, max: Duration) -> Result<Duration, Problem> {
    let span = duration(text).filter(|span| !span.is_zero() && *span <= max);
    span.ok_or_else(|| {
        let days = days(max);
        let message = format!("for is `{text}`, must be a time such as 30m, at most {days}d");
        Problem::bad_request(message)
    })
}

fn update_in(text: Option<&str>) -> Result<Option<Duration>, Problem> {
    text.map(|text| span(text, UPDATE_MAX)).transpose()
}

fn handover(said: Said) -> Result<Handover, Problem> {
    let Said { tried, known, next } = said;
    for (name, text) in [("tried", &tried), ("known", &known), ("next", &next)] {
        short(name, text)?;
    }
    let because = Box::default();
    Ok(Handover { because, tried: tried.into(), known: known.into(), next: next.into() })
}

fn short(name: &str, text: &str) -> Result<(), Problem> {
    if text.len() <= SAID_BYTES_MAX {
        return Ok(());
    }
    let len = text.len();
    let message = format!("{name} is {len} bytes long, must be at most {SAID_BYTES_MAX}");
    Err(Problem::bad_request(message))
}

fn convene(teams: Vec<String>, link: Option<String>, said: Said) -> Result<Command, Problem> {
    if !(1..=TEAMS_MAX).contains(&teams.len()) {
        let message = format!("teams names {}, must name 1 to {TEAMS_MAX}", teams.len());
        return Err(Problem::bad_request(message));
    }
    let link = link.filter(|link| !link.is_empty());
    short("link", link.as_deref().unwrap_or_default())?;
    let mut names: Vec<Box<str>> = teams.into_iter().map(Into::into).collect();
    names.sort_unstable();
    names.dedup();
    let handover = handover(said)?;
    Ok(Command::Convene { teams: names, link: link.map(Into::into), handover })
}

pub(super) fn target(text: &str) -> Result<Target, Problem> {
    match text.split_once(':') {
        Some(("team", name)) if !name.is_empty() => Ok(Target::Team(name.into())),
        Some(("contact", name)) if !name.is_empty() => Ok(Target::Contact(name.into())),
        _ => Err(Problem::bad_request(format!(
            "to is `{text}`, must be team:NAME or contact:NAME with a name of the rule files"
        ))),
    }
}

fn hold(it: &Hold, now: Timestamp) -> Result<Command, Problem> {
    let waits_for: WaitsFor = it
        .waits_for
        .parse()
        .map_err(|error| Problem::bad_request(format!("waits_for: {error}")))?;
    let until = match (&it.span, it.until) {
        (Some(text), None) => now.plus(span(text, HOLD_MAX)?),
        (None, Some(Time(until))) if until <= now.plus(HOLD_MAX) => until,
        (None, Some(until)) => {
            let message = format!("until is {until}, more than {} days away", days(HOLD_MAX));
            return Err(Problem::bad_request(message));
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err(Problem::bad_request("say either for or until: a hold has an end"));
        }
    };
    Ok(Command::Hold { waits_for, until })
}

fn merge(it: Merge) -> Result<Parts, Problem> {
    let command = Command::Merge { into: number(&it.into)? };
    Ok((it.by, it.note, it.expected_version, command))
}

fn split(it: Split) -> Result<Parts, Problem> {
    let command = Command::Split { records: records(&it.records)? };
    Ok((it.by, it.note, it.expected_version, command))
}

fn days(span: Duration) -> u64 {
    span.as_secs() / 86_400
}

fn records(texts: &[String]) -> Result<Vec<RecordId>, Problem> {
    if texts.len() > RECORDS_MAX {
        let message = format!("records names {}, at most {RECORDS_MAX}", texts.len());
        return Err(Problem::bad_request(message));
    }
    texts.iter().map(|text| number(text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::wire::handle::Plain;
    use crate::settings::users::Role;

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    #[test]
    fn an_acknowledgement_and_a_hold_last_for_a_bounded_time() {
        assert_eq!(span("30m", ACKNOWLEDGEMENT_MAX), Ok(Duration::from_mins(30)));
        for bad in ["0s", "8d", "soon", "", "-5m"] {
            assert!(span(bad, ACKNOWLEDGEMENT_MAX).is_err(), "{bad}");
        }
        let wish = |span: Option<&str>, until: Option<i64>| Hold {
            by: "ann".into(),
            waits_for: "supplier".into(),
            span: span.map(Into::into),
            until: until.map(|ms| Time(Timestamp::from_millis(ms))),
            note: String::new(),
            expected_version: None,
        };
        let until = |ms| {
            let until = Timestamp::from_millis(ms);
            Ok(Command::Hold { waits_for: WaitsFor::Supplier, until })
        };
        assert_eq!(hold(&wish(Some("2s"), None), NOW), until(3_000));
        assert_eq!(hold(&wish(None, Some(5_000)), NOW), until(5_000));
        for bad in [
            wish(None, None),
            wish(Some("1h"), Some(5_000)),
            wish(Some("91d"), None),
            wish(None, Some(i64::MAX)),
            Hold { waits_for: "godot".into(), ..wish(Some("1h"), None) },
        ] {
            assert!(hold(&bad, NOW).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn nobody_can_answer_without_a_name() {
        let anonymous = &Caller::Anonymous;
        assert_eq!(person(anonymous, " m.ito ", ""), Ok("m.ito".into()));
        let bot = &Caller::Person { name: "bot".into(), role: Role::Operator };
        for (by, name) in [("", "bot"), ("bot", "bot"), ("m.ito", "m.ito by bot")] {
            assert_eq!(person(bot, by, ""), Ok(name.into()));
        }
        for (by, note) in [("", 0), ("  ", 0), (&*"x".repeat(129), 0), ("m.ito", 4_097)] {
            assert!(person(anonymous, by, &"x".repeat(note)).is_err(), "{by} {note}");
        }
    }

    #[test]
    fn a_target_names_its_kind() {
        assert_eq!(target("team:linux"), Ok(Target::Team("linux".into())));
        assert_eq!(target("contact:eva"), Ok(Target::Contact("eva".into())));
        for bad in ["linux", "team:", "manager", "group:x"] {
            assert!(target(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_wish_becomes_the_order_of_its_name() {
        let plain = || Plain { by: "ann".into(), note: "x".into(), expected_version: Some(2) };
        let order = order(RecordId(1), &Caller::Anonymous, Wish::Reopen(plain()), NOW).unwrap();
        assert_eq!((&*order.by, &*order.note, order.expected), ("ann", "x", Some(2)));
        assert_eq!(order.command, Command::Reopen);
    }
}
