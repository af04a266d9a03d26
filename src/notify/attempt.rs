//! One attempt to deliver one notice: is it still needed, what does it say, does the channel take it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tracing::{error, info, warn};

use super::backoff::retry_in;
use super::channel::{Channel, ChannelError, Failure, Message};
use super::text::Writer;
use super::{Briefing, Parts, Reader};
use crate::clock::Clock;
use crate::engine::event::Event;
use crate::model::incident::{Incident, Progress};
use crate::model::notice::{CANARY, CANARY_INCIDENT, Notice, NoticeKind};
use crate::telemetry::metrics::{Delivery, Metrics};

/// What every attempt needs; shared by all of them.
pub(super) struct Desk {
    pub(super) clock: Arc<Clock>,
    pub(super) metrics: Arc<Metrics>,
    channels: BTreeMap<Box<str>, Channel>,
    reader: Reader,
    reports: mpsc::Sender<Event>,
    writer: Writer,
}

impl Desk {
    pub(super) fn new(parts: Parts<'_>) -> Result<Self, ChannelError> {
        let channels = parts.channels.iter().map(|(name, setting)| {
            Channel::new(name, setting).map(|channel| (name.clone(), channel))
        });
        let canary = Ok((CANARY.into(), Channel::Loopback(parts.canary)));
        Ok(Self {
            channels: channels.chain([canary]).collect::<Result<_, _>>()?,
            clock: parts.clock,
            metrics: parts.metrics,
            reader: parts.reader,
            reports: parts.reports,
            writer: Writer::default(),
        })
    }

    /// Makes the attempt and reports how it ended. `roll` spreads the retry.
    pub(super) async fn attempt(self: Arc<Self>, notice: Notice, roll: u32) {
        let briefing = match notice.id.incident {
            CANARY_INCIDENT => None,
            _ => self.brief(&notice).await,
        };
        let needless = briefing.as_ref().and_then(|b| needless(&notice, &b.incident));
        let event = match needless {
            Some(because) => self.withhold(&notice, because),
            None => self.deliver(&notice, briefing.as_ref(), roll).await,
        };
        self.report(event).await;
    }

    /// Hands an event to the engine. When the engine has stopped the notice stays pending in the
    /// store, and is sent once more after the next start.
    pub(super) async fn report(&self, event: Event) {
        if let Err(unsent) = self.reports.send(event).await {
            warn!(event = ?unsent.0, "an attempt could not be reported: the engine has stopped");
        }
    }

    pub(super) fn count(&self, notice: &Notice, result: Delivery) {
        // Not: channels that are not configured. They have no series.
        if self.channels.contains_key(notice.channel_name()) {
            self.metrics.notify.count(notice.channel_name(), notice.kind, result);
        }
    }

    async fn brief(&self, notice: &Notice) -> Option<Briefing> {
        let reader = Arc::clone(&self.reader);
        let incident = notice.id.incident;
        let briefing = match spawn_blocking(move || reader(incident)).await {
            Ok(briefing) => briefing,
            Err(error) => {
                error!(incident.id = %incident, %error, "reading an incident panicked");
                None
            }
        };
        if briefing.is_none() {
            warn!(notice.id = %notice.id, "its incident could not be read; a plain notice is sent");
        }
        briefing
    }

    fn withhold(&self, notice: &Notice, because: String) -> Event {
        self.count(notice, Delivery::Withheld);
        info!(notice.id = %notice.id, because, "notice withheld");
        Event::Withheld { notice: notice.id, because }
    }

    async fn deliver(&self, notice: &Notice, briefing: Option<&Briefing>, roll: u32) -> Event {
        let text = self.writer.write(notice, briefing, self.clock.now());
        let message = Message { notice, briefing, text: &text };
        let channel = notice.channel_name();
        let sent = if let Some(channel) = self.channels.get(channel) {
            channel.send(&message).await
        } else {
            let known = self.channels.keys().map(|name| &**name);
            let known: Vec<&str> = known.filter(|name| *name != CANARY).collect();
            let known = known.join(", ");
            Err(Failure::Refused(format!("not configured, the settings have {known}")))
        };
        let (error, retry_in) = match sent {
            Ok(()) => {
                self.count(notice, Delivery::Sent);
                return Event::Delivered { notice: notice.id, channel: channel.into() };
            }
            Err(Failure::Refused(error)) => (error, None),
            Err(Failure::Passing { error, asked }) => {
                (error, Some(retry_in(notice.attempts, roll, asked)))
            }
        };
        self.count(notice, Delivery::Failed);
        warn!(notice.id = %notice.id, channel, error, retry_in_ms = ?retry_in.map(|wait| wait.as_millis()),
            "notice not delivered");
        Event::Failed { notice: notice.id, channel: channel.into(), error, retry_in }
    }
}

/// Returns why nobody needs a notice any more. An update is always needed: it amends what was sent.
/// So is what asks for an answer while nobody, or only somebody before a reopening, has given one.
fn needless(notice: &Notice, incident: &Incident) -> Option<String> {
    match notice.kind {
        NoticeKind::Update => return None,
        NoticeKind::Page | NoticeKind::Ticket => {}
    }
    let id = incident.id;
    if let Some(parent) = incident.parent {
        return Some(format!("{id} became part of {parent} meanwhile"));
    }
    match &incident.progress {
        Progress::New | Progress::InProgress { .. } => None,
        Progress::Acknowledged { by, .. } => Some(format!("{by} acknowledged {id} meanwhile")),
        Progress::Resolved { by: Some(by), .. } => Some(format!("{by} resolved {id} meanwhile")),
        Progress::Resolved { by: None, .. } => Some(format!("{id} cleared meanwhile")),
        Progress::Closed { .. } => Some(format!("{id} was closed meanwhile")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::incident::RecordId;
    use crate::model::time::Timestamp;
    use crate::notify::tests::{briefing, page};

    #[test]
    fn a_page_or_ticket_is_withheld_once_nobody_needs_it_and_an_update_never() {
        let at = Timestamp::EPOCH;
        let by: Box<str> = "m.ito".into();
        let resolved = |by| Progress::Resolved { at, by, had: None };
        for (progress, parent, withheld) in [
            (Progress::New, None, None),
            (Progress::InProgress { by: by.clone(), until: at }, None, None),
            (
                Progress::Acknowledged { by: by.clone(), until: at },
                None,
                Some("m.ito acknowledged INC-7 meanwhile"),
            ),
            (resolved(None), None, Some("INC-7 cleared meanwhile")),
            (resolved(Some(by)), None, Some("m.ito resolved INC-7 meanwhile")),
            (Progress::Closed { at }, None, Some("INC-7 was closed meanwhile")),
            (Progress::New, Some(RecordId(3)), Some("INC-7 became part of INC-3 meanwhile")),
        ] {
            let incident = Incident { progress, parent, ..briefing(7).incident };
            for (kind, expected) in [
                (NoticeKind::Page, withheld),
                (NoticeKind::Ticket, withheld),
                (NoticeKind::Update, None),
            ] {
                let notice = Notice { kind, ..page(7, 1) };
                let found = needless(&notice, &incident);
                assert_eq!(found.as_deref(), expected, "{kind} {:?}", incident.progress);
            }
        }
    }
}
