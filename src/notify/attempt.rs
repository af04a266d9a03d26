//! One attempt to deliver one notice: is it still needed, what does it say, does the channel take it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tracing::{error, info, warn};

use super::backoff::retry_in;
use super::channel::{Channel, ChannelError, Failure, Message, Purpose, Taken};
use super::text::{self, Answers, Wording, Written};
use super::{Briefing, Parts, Reader};
use crate::clock::Clock;
use crate::engine::context::Context;
use crate::engine::event::Event;
use crate::model::incident::Incident;
use crate::model::link::{Action, Links};
use crate::model::notice::{CANARY, CANARY_INCIDENT, Notice, NoticeKind};
use crate::model::progress::Progress;
use crate::rules::RuleSet;
use crate::telemetry::metrics::{Delivery, Metrics};

/// The channels and what messages are written with.
pub(super) struct Post {
    pub(super) clock: Arc<Clock>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) channels: BTreeMap<Box<str>, Channel>,
    pub(super) context: watch::Receiver<Arc<Context>>,
    pub(super) links: Option<Arc<Links>>,
}

/// What every attempt needs; shared by all of them.
pub(super) struct Desk {
    /// Shared with who sends test messages, who must not keep `reports` open.
    pub(super) post: Arc<Post>,
    reader: Reader,
    reports: mpsc::Sender<Event>,
}

impl Post {
    pub(super) fn new(parts: &Parts<'_>) -> Result<Self, ChannelError> {
        let channels = parts.channels.iter().map(|(name, setting)| {
            let channel = Channel::new(name, setting, parts.installation)?;
            Ok((name.clone(), channel))
        });
        let canary = Ok((CANARY.into(), Channel::Loopback(parts.canary.clone())));
        Ok(Self {
            channels: channels.chain([canary]).collect::<Result<_, _>>()?,
            clock: Arc::clone(&parts.clock),
            metrics: Arc::clone(&parts.metrics),
            context: parts.context.clone(),
            links: parts.links.clone(),
        })
    }

    /// Says that a channel is not in the settings, and which are.
    pub(super) fn missing(&self) -> String {
        let known: Vec<&str> = self.known().collect();
        format!("not configured, the settings have {}", known.join(", "))
    }

    /// Returns where a contact is reached by a channel, where the rule files say so.
    pub(super) fn address<'r>(
        &self,
        rules: &'r RuleSet,
        contact: &'r str,
        channel: &str,
    ) -> Option<&'r str> {
        let is_mail = matches!(self.channels.get(channel), Some(Channel::Mail(_)));
        let Some(contact) = rules.contacts.get(contact) else {
            // Whoever reported something and is no contact is named by their address.
            let own = rules.reporting.channel_to(contact).filter(|own| is_mail && *own == channel);
            return own.map(|_| contact);
        };
        let own = contact.addresses.get(channel).map(|address| &**address);
        own.or_else(|| contact.email.as_deref().filter(|_| is_mail))
    }

    /// Returns the links by which the one who gets a notice can answer it, as things are now.
    pub(super) fn answers(&self, notice: &Notice, briefing: Option<&Briefing>) -> Answers {
        let (Some(links), Some(briefing)) = (&self.links, briefing) else {
            return Answers::default();
        };
        let incident = &briefing.incident;
        let context = Arc::clone(&self.context.borrow());
        let is_open = incident.progress.is_open()
            && incident.parent.is_none()
            && !text::is_reporter(&context.rules, &notice.contact);
        let is_asked = text::asked(notice, incident);
        let url = |action| links.url(notice.id, notice.created_at, action, &notice.contact);
        let offered = |asked: bool, action| if asked { url(action) } else { String::new() };
        let lasting = links.lasting(context.rules.closing.within);
        let answer = |action| {
            let url = || lasting.url(notice.id, notice.created_at, action, &notice.contact);
            if is_asked { url() } else { String::new() }
        };
        Answers {
            acknowledge: offered(
                is_open && matches!(incident.progress, Progress::New),
                Action::Acknowledge,
            ),
            escalate: offered(is_open && context.next_team(incident).is_some(), Action::Escalate),
            resolve: offered(is_open, Action::Resolve),
            confirm: answer(Action::Confirm),
            reject: answer(Action::Reject),
        }
    }

    /// Yields the channels of the settings.
    pub(super) fn known(&self) -> impl Iterator<Item = &str> {
        self.channels.keys().map(|name| &**name).filter(|name| *name != CANARY)
    }
}

impl Desk {
    pub(super) fn new(parts: Parts<'_>) -> Result<Self, ChannelError> {
        let post = Arc::new(Post::new(&parts)?);
        Ok(Self { post, reader: parts.reader, reports: parts.reports })
    }

    /// Makes the attempt and reports how it ended. `roll` spreads the retry.
    pub(super) async fn attempt(self: Arc<Self>, notice: Notice, roll: u32) {
        let briefing = match notice.id.incident {
            CANARY_INCIDENT => None,
            _ => self.brief(&notice).await,
        };
        let needless = briefing.as_ref().and_then(|b| needless(&notice, b));
        let needless = needless.filter(|_| !planted!("answered page is sent"));
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
        if self.post.channels.contains_key(notice.channel_name()) {
            self.post.metrics.notify.count(notice.channel_name(), notice.kind, result);
        }
    }

    async fn brief(&self, notice: &Notice) -> Option<Briefing> {
        let reader = Arc::clone(&self.reader);
        let incident = notice.id.incident;
        let asked = notice.clone();
        let briefing = match spawn_blocking(move || reader(&asked)).await {
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

    /// Writes the message; a template that fails costs its text, never the message.
    fn write(&self, rules: &RuleSet, notice: &Notice, briefing: Option<&Briefing>) -> Wording {
        let answers = self.post.answers(notice, briefing);
        let now = self.post.clock.now();
        let Written { text, flaws } = text::write(rules, notice, (briefing, &answers), now);
        for flaw in flaws {
            self.post.metrics.notify.template_failures.inc();
            warn!(notice.id = %notice.id, flaw, "a template failed; the built-in one stands in");
        }
        text
    }

    async fn deliver(&self, notice: &Notice, briefing: Option<&Briefing>, roll: u32) -> Event {
        let rules = Arc::clone(&self.post.context.borrow().rules);
        let text = self.write(&rules, notice, briefing);
        let channel = notice.channel_name();
        let address = self.post.address(&rules, &notice.contact, channel);
        let message = Message { notice, briefing, text: &text, purpose: Purpose::Notice, address };
        let sent = if let Some(channel) = self.post.channels.get(channel) {
            channel.send(&message).await
        } else {
            Err(Failure::Refused(self.post.missing()))
        };
        let (error, retry_in) = match sent {
            Ok(Taken { thread, .. }) => {
                self.count(notice, Delivery::Sent);
                return Event::Delivered { notice: notice.id, channel: channel.into(), thread };
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
/// So is what asks for an answer while nobody, or only somebody before a reopening, has given one,
/// and a digest as long as one of its incidents is needed. A team that is called to help, or who is
/// called to a major incident, answers for themselves.
fn needless(notice: &Notice, briefing: &Briefing) -> Option<String> {
    match notice.kind {
        NoticeKind::Update => return None,
        NoticeKind::Page | NoticeKind::Ticket => {}
    }
    // What is not among those that were read may be needed.
    let all_read = briefing.also.len() == notice.also.len() && notice.also_more == 0;
    let needed = briefing.also.iter().any(|incident| answered(notice, incident).is_none());
    if needed || !all_read { None } else { answered(notice, &briefing.incident) }
}

/// Returns why nobody has to answer an incident any more since the notice was planned.
fn answered(notice: &Notice, incident: &Incident) -> Option<String> {
    let id = incident.id;
    if let Some(parent) = incident.parent {
        return Some(format!("{id} became part of {parent} meanwhile"));
    }
    let called = incident.progress.is_open() && incident.is_called(&notice.target);
    match &incident.progress {
        _ if called => None,
        Progress::New => None,
        Progress::Acknowledged { by, .. }
        | Progress::InProgress { by, .. }
        | Progress::OnHold { by, .. } => {
            let answered = incident.response.stopped_at.is_some_and(|at| at > notice.created_at);
            answered.then(|| format!("{by} acknowledged {id} meanwhile"))
        }
        Progress::Resolved { by: Some(by), .. } => Some(format!("{by} resolved {id} meanwhile")),
        Progress::Resolved { by: None, .. } => Some(format!("{id} cleared meanwhile")),
        Progress::Closed { .. } => Some(format!("{id} was closed meanwhile")),
        Progress::Cancelled { by, .. } => Some(format!("{by} cancelled {id} meanwhile")),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::cmdb::Topology;
    use crate::engine::context::Limits;
    use crate::model::incident::RecordId;
    use crate::model::time::Timestamp;
    use crate::notify::tests::{briefing, page};

    /// The built-in rules and no CMDB.
    pub(in crate::notify) fn context() -> Arc<Context> {
        let rules = Arc::new(RuleSet::builtin());
        Arc::new(Context::new(rules, Arc::new(Topology::empty()), Limits::default()))
    }

    /// A post with a channel of mail, links and these rules.
    fn post(rules: &str) -> Post {
        use crate::notify::mailsink::MailSink;
        use crate::rules::{SourceFile, load};
        let text = format!("version: 1\n{rules}");
        let rules = load(&[SourceFile { name: "t.yaml".into(), text }]).set.unwrap();
        let context = Context::new(Arc::new(rules), Arc::new(Topology::empty()), Limits::default());
        let mail = MailSink::start(Vec::new()).channel(core::time::Duration::from_secs(1));
        let channels = BTreeMap::from([
            ("mail".into(), mail),
            ("log".into(), crate::settings::channels::Channel::Log),
        ]);
        let day = core::time::Duration::from_hours(24);
        Post::new(&Parts {
            channels: &channels,
            installation: "7e57",
            context: watch::channel(Arc::new(context)).1,
            reader: Arc::new(|_| None),
            reports: mpsc::channel(1).0,
            held: watch::channel(false).1,
            canary: watch::channel(Timestamp::EPOCH).0,
            links: Some(Arc::new(Links::new("https://i.example", [7; 32], day))),
            clock: Arc::new(Clock::start(None)),
            metrics: Arc::new(Metrics::new(&[], &[]).unwrap()),
            seed: 1,
        })
        .unwrap()
    }

    #[test]
    fn who_reported_it_is_written_to_by_mail_alone_and_only_where_the_rules_say_so() {
        let rules =
            "reports: {channel: mail, domains: [x.org]}\ncontacts: {ann: {channels: [log]}}\n";
        for (rules, contact, channel, address) in [
            (rules, "tom@x.org", "mail", Some("tom@x.org")),
            (rules, "tom@x.org", "log", None),
            (rules, "tom@y.org", "mail", None),
            (rules, "ann", "mail", None),
            ("", "tom@x.org", "mail", None),
        ] {
            let post = post(rules);
            let rules = Arc::clone(&post.context.borrow().rules);
            assert_eq!(post.address(&rules, contact, channel), address, "{contact} by {channel}");
        }
    }

    #[tokio::test]
    async fn each_is_offered_what_they_can_answer() {
        use crate::model::closure::{Confirmation, Reached};
        let lines = "reports: {channel: mail}\ncontacts: {ann: {channels: [log]}}\n\
                     teams: {one: {members: ann, next: two}, two: {members: ann, line: 2}}\n";
        let post = post(lines);
        let offered = |incident: &Incident, contact: &str| {
            let notice = Notice { contact: contact.into(), ..page(7, 1) };
            let briefing = Briefing { incident: incident.clone(), ..briefing(7) };
            let Answers { acknowledge, escalate, resolve, confirm, reject } =
                post.answers(&notice, Some(&briefing));
            [acknowledge, escalate, resolve, confirm, reject].map(|url| u8::from(!url.is_empty()))
        };
        let mut incident = briefing(7).incident;
        incident.team = Some("one".into());
        assert_eq!(offered(&incident, "ann"), [1, 1, 1, 0, 0]);
        assert_eq!(
            offered(&incident, "tom@x.org"),
            [0; 5],
            "whoever reported it does not handle it"
        );
        incident.team = Some("two".into());
        assert_eq!(offered(&incident, "ann"), [1, 0, 1, 0, 0], "no line follows");
        let at = Timestamp::EPOCH;
        incident.progress = Progress::Resolved { at, by: None, had: None };
        incident.closure.confirmation = Some(Confirmation {
            asked_at: at,
            due_at: None,
            asked: vec!["Tom".into()],
            reached: vec![Reached { contact: "tom@x.org".into(), name: "Tom".into() }],
            confirmed: Vec::new(),
            disagreement: None,
        });
        assert_eq!(offered(&incident, "tom@x.org"), [0, 0, 0, 1, 1]);
        assert_eq!(offered(&incident, "ann"), [0; 5]);
    }

    #[test]
    fn a_page_or_ticket_is_withheld_once_nobody_needs_it_and_an_update_never() {
        let at = Timestamp::EPOCH;
        let answered = |at: Option<i64>| at.map(Timestamp::from_millis);
        let by: Box<str> = "m.ito".into();
        let resolved = |by| Progress::Resolved { at, by, had: None };
        let mine = Progress::Acknowledged { by: by.clone(), until: at };
        let meanwhile = Some("m.ito acknowledged INC-7 meanwhile");
        for (stopped_at, withheld) in [(None, None), (Some(0), None), (Some(1), meanwhile)] {
            let mut briefing = briefing(7);
            briefing.incident.progress = mine.clone();
            briefing.incident.response.stopped_at = answered(stopped_at);
            let page = page(7, 1);
            let found = needless(&page, &briefing);
            assert_eq!(found.as_deref(), withheld, "answered at {stopped_at:?}");
            let digest = Notice { also: vec![RecordId(8)], ..page };
            assert_eq!(needless(&digest, &briefing), None, "somebody may need the rest");
        }
        for (progress, parent, withheld) in [
            (Progress::New, None, None),
            (Progress::InProgress { by: by.clone(), until: at }, None, None),
            (resolved(None), None, Some("INC-7 cleared meanwhile")),
            (resolved(Some(by)), None, Some("m.ito resolved INC-7 meanwhile")),
            (Progress::Closed { at }, None, Some("INC-7 was closed meanwhile")),
            (Progress::New, Some(RecordId(3)), Some("INC-7 became part of INC-3 meanwhile")),
        ] {
            let incident = Incident { parent, progress, ..briefing(7).incident };
            for (kind, expected) in [
                (NoticeKind::Page, withheld),
                (NoticeKind::Ticket, withheld),
                (NoticeKind::Update, None),
            ] {
                let notice = Notice { kind, ..page(7, 1) };
                let told = Briefing { incident: incident.clone(), ..briefing(7) };
                let found = needless(&notice, &told);
                assert_eq!(found.as_deref(), expected, "{kind} {:?}", incident.progress);
            }
        }
    }
}
