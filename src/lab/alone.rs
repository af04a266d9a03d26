//! What would have become of an alert had it been alone: the production engine on an empty state,
//! with the rules and the topology in force. What correlation and silences save people is the
//! difference to what did become of it.

use core::time::Duration;
use std::sync::Arc;

use crate::engine::State;
use crate::engine::changes::{AlertRow, Changes, Saved};
use crate::engine::context::Context;
use crate::engine::event::Event;
use crate::model::alert::{Occurrence, Signal};
use crate::model::incident::Incident;
use crate::model::notice::{Notice, NoticeKind};
use crate::model::time::Timestamp;

/// How long it is watched for its first notice; longer than any `wait` of a rule.
const WATCHED: Duration = Duration::from_hours(1);

/// What would have become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alone {
    /// The incident it would have opened, with its priority, team and rule.
    pub incident: Incident,
    /// Who would have heard of it first.
    pub told: Option<Told>,
}

/// Who would have heard of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// By a page or a ticket.
    pub kind: NoticeKind,
    /// The team or person.
    pub target: Box<str>,
    /// How long after it began.
    pub after: Duration,
}

/// Plays an alert alone from its first occurrence on; `None` for one that never fired.
pub fn alone(ctx: &Context, alert: &AlertRow) -> Option<Alone> {
    let start = alert.state.first_seen;
    let mut state = State::restore(Saved::default(), ctx, start);
    state.apply(ctx, &fires(alert, start), start);
    let mut changes = state.drain(ctx);
    let incident = changes.incidents.pop()?;
    let end = start.plus(WATCHED);
    let told = loop {
        if let Some(notice) = first_notice(changes) {
            break Some(told(notice, start));
        }
        let Some(due) = state.next_due().filter(|due| *due <= end) else { break None };
        state.apply(ctx, &Event::Tick, due);
        changes = state.drain(ctx);
    };
    Some(Alone { incident, told })
}

pub(super) fn fires(alert: &AlertRow, start: Timestamp) -> Event {
    let occurrence = Occurrence {
        labels: alert.labels.clone(),
        fingerprint: alert.fingerprint,
        signal: Signal::Firing { until: start.plus(WATCHED).plus(WATCHED), explicit: false },
        starts_at: start,
        severity: alert.state.severity.as_deref().map(Into::into),
        details: Arc::clone(&alert.details),
    };
    Event::Received { source: "alone".into(), occurrences: vec![occurrence] }
}

fn first_notice(changes: Changes) -> Option<Notice> {
    changes.notices.into_iter().find(|notice| notice.kind != NoticeKind::Update)
}

fn told(notice: Notice, start: Timestamp) -> Told {
    let Notice { kind, target, created_at, .. } = notice;
    Told { kind, target, after: created_at.since(start) }
}

#[cfg(test)]
mod tests {
    use super::super::story::{DISK, PDU, SRV1, Story};
    use super::*;
    use crate::model::labels::Labels;
    use crate::model::priority::Priority;

    fn alone_of(story: &Story, labels: &[(&str, &str)]) -> Alone {
        let labels = Labels::build(&mut labels.to_vec()).unwrap();
        let row = &story.world.image().alerts[&labels.fingerprint()];
        alone(story.world.context(), row).unwrap()
    }

    #[test]
    fn what_became_part_of_another_incident_would_have_told_its_own_team() {
        let mut story = Story::new();
        story.fire(0, PDU);
        story.fire(5, SRV1);
        assert_eq!(story.open(), [1]);
        let srv = alone_of(&story, SRV1);
        assert_eq!(srv.incident.assessment.priority, Priority::P2);
        assert_eq!(srv.incident.team.as_deref(), Some("linux"));
        let told = srv.told.unwrap();
        assert_eq!((told.kind, &*told.target), (NoticeKind::Page, "linux"));
        assert_eq!(told.after, Duration::from_secs(30), "it would have waited for a cause");
        assert_eq!(story.open(), [1], "nothing happens to what is");
        let disk = {
            story.fire(50, DISK);
            alone_of(&story, DISK)
        };
        assert_eq!(disk.told.unwrap().after, Duration::ZERO);
        assert_eq!(disk.incident.rule, None);
    }
}
