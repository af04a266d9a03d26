//! The notifier as a whole, with a receiver on loopback, and what its tests are made of.

use super::attempt::tests::context;
use super::contract::{Behaviour, Sink};
use super::*;
use crate::model::escalation::PolicyHash;
use crate::model::incident::{RecordId, ResponseClock, Root};
use crate::model::notice::{NoticeId, NoticeKind};
use crate::model::priority::{Assessment, Impact, Loss, Priority, Urgency};
use crate::model::progress::Progress;
use crate::model::time::Timestamp;

/// A page that is due.
pub(super) fn page(incident: u64, seq: u32) -> Notice {
    Notice {
        id: NoticeId { incident: RecordId(incident), seq },
        kind: NoticeKind::Page,
        target: "team:dc-ops".into(),
        contact: "m.ito".into(),
        channels: vec!["chat".into(), "log".into()],
        channel: 0,
        because: "on call for dc-ops".into(),
        also: Vec::new(),
        also_more: 0,
        created_at: Timestamp::EPOCH,
        state: NoticeState::Pending,
        due_at: Timestamp::EPOCH,
        attempts: 0,
        last_error: String::new(),
    }
}

fn assessment() -> Assessment {
    Assessment {
        impact: Impact::High,
        urgency: Urgency::Medium,
        priority: Priority::P2,
        sum: "P2 = impact high (service checkout, tier 1) × urgency medium".into(),
        pages: true,
        loss: Loss::Service,
        until: None,
    }
}

fn response() -> ResponseClock {
    let (started_at, due_at) = (Timestamp::EPOCH, Timestamp::EPOCH);
    ResponseClock { started_at, due_at, stopped_at: None, round: 1 }
}

/// An incident nobody has answered.
pub(super) fn briefing(incident: u64) -> Briefing {
    let labels = Labels::build(&mut [("alertname", "PduOutputOff"), ("ci", "pdu-r12a")]).unwrap();
    let (id, root) = (RecordId(incident), labels.fingerprint());
    let incident = Incident {
        revision: 1,
        title: "Power lost in rack R12".into(),
        category: Some("power".into()),
        rule: Some("datacenter/rack-power".into()),
        root: Root { alert: root, ci: Some("pdu-r12a".into()) },
        assessment: assessment(),
        team: Some("dc-ops".into()),
        members: 38,
        firing: 37,
        response: response(),
        notices: 1,
        ..Incident::new(id, root, PolicyHash(0), Timestamp::EPOCH)
    };
    let alerts = vec![(labels, "Output 3 of pdu-r12a is off".to_owned())];
    Briefing {
        incident,
        alerts,
        services: vec!["checkout".into()],
        help: Help::default(),
        also: Vec::new(),
        last_time: "INC-977, 12d ago: resolved after 42m: by m.ito: strip replaced".into(),
    }
}

/// A notifier with the channels `chat`, which leads to the sink, and `log`.
struct World {
    outbox: Outbox,
    notifier: Notifier,
    events: mpsc::Receiver<Event>,
    metrics: Arc<Metrics>,
}

impl World {
    fn start(sink: &Sink, timeout: Duration, reader: Reader, pending: Vec<Notice>) -> Self {
        let chat = sink.setting(timeout);
        let channels = BTreeMap::from([("chat".into(), chat), ("log".into(), Setting::Log)]);
        let metrics = Arc::new(Metrics::new(&[], &["chat", "log"]).unwrap());
        let (reports, events) = mpsc::channel(16);
        let parts = Parts {
            channels: &channels,
            installation: "7e57",
            context: watch::channel(context()).1,
            reader,
            reports,
            held: watch::channel(false).1,
            canary: watch::channel(Timestamp::EPOCH).0,
            links: None,
            clock: Arc::new(Clock::start(None)),
            metrics: Arc::clone(&metrics),
            seed: 1,
        };
        let (outbox, notifier) = Notifier::start(parts, pending).unwrap();
        Self { outbox, notifier, events, metrics }
    }

    /// Returns the next event in short.
    async fn event(&mut self) -> String {
        match self.events.recv().await.expect("the notifier has stopped") {
            Event::Delivered { notice, channel, .. } => format!("{notice} delivered by {channel}"),
            Event::Failed { notice, channel, error, retry_in } => {
                let again = if retry_in.is_some() { "again" } else { "never" };
                format!("{notice} failed by {channel}: {error}: {again}")
            }
            Event::Withheld { notice, because } => format!("{notice} withheld: {because}"),
            other @ (Event::Received { .. }
            | Event::Handle(_)
            | Event::Report(_)
            | Event::ByLink { .. }
            | Event::Afterwards { .. }
            | Event::Silence { .. }
            | Event::Unsilence { .. }
            | Event::PlanChanges { .. }
            | Event::PlanOverrides { .. }
            | Event::DropOverride { .. }
            | Event::Audit { .. }
            | Event::Retry { .. }
            | Event::Published { .. }
            | Event::Forget { .. }
            | Event::Once { .. }
            | Event::Quarantine(_)
            | Event::Replay { .. }
            | Event::Consumed(_)
            | Event::Halt { .. }
            | Event::Seek { .. }
            | Event::DropQuarantined(_)
            | Event::TopologyChanged(_)
            | Event::RulesChanged(_)
            | Event::Tick) => panic!("{other:?}"),
        }
    }
}

fn metric(metrics: &Metrics, series: &str) -> String {
    let text = metrics.encode().unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(series));
    line.unwrap_or_else(|| panic!("no {series} in {text}")).trim().into()
}

fn new_incidents() -> Reader {
    Arc::new(|notice: &Notice| Some(briefing(notice.id.incident.0)))
}

const LONG: Duration = Duration::from_secs(10);

#[tokio::test]
async fn what_was_pending_at_the_start_and_what_is_committed_later_is_delivered() {
    let sink = Sink::start(vec![Behaviour::Answer("200 OK"), Behaviour::Answer("200 OK")]);
    let dead = Notice { state: NoticeState::Dead, ..page(1, 9) };
    let mut world = World::start(&sink, LONG, new_incidents(), vec![page(1, 1), dead]);
    assert_eq!(world.event().await, "INC-1/1 delivered by chat");
    assert!(sink.request().contains("incidentd incidents ack INC-1"));
    world.outbox.push(vec![page(2, 1)]);
    assert_eq!(world.event().await, "INC-2/1 delivered by chat");
    let sent = "incidentd_notify_notices_total{channel=\"chat\",kind=\"page\",result=\"sent\"}";
    assert_eq!(metric(&world.metrics, sent), "2");
    world.notifier.stop().await;
    assert!(world.events.recv().await.is_none(), "a dead notice was sent");
    assert_eq!(metric(&world.metrics, "incidentd_notify_pending_notices"), "0");
}

#[tokio::test]
async fn a_failed_notice_goes_out_again_when_the_engine_says_so() {
    let sink = Sink::start(vec![Behaviour::Close, Behaviour::Answer("404 Not Found")]);
    let mut world = World::start(&sink, LONG, new_incidents(), vec![page(1, 1)]);
    let broke = "INC-1/1 failed by chat: the connection broke before an answer: again";
    assert_eq!(world.event().await, broke);
    world.outbox.push(vec![Notice { attempts: 1, ..page(1, 1) }]);
    assert_eq!(world.event().await, "INC-1/1 failed by chat: answered 404 Not Found: never");
    world.outbox.push(vec![Notice { attempts: 2, channel: 1, ..page(1, 1) }]);
    assert_eq!(world.event().await, "INC-1/1 delivered by log");
    world.outbox.push(vec![Notice { channels: vec!["sms".into()], ..page(1, 2) }]);
    let missing = "INC-1/2 failed by sms: not configured, the settings have chat, log: never";
    assert_eq!(world.event().await, missing);
    world.outbox.push(vec![Notice { state: NoticeState::Dead, channel: 1, ..page(1, 2) }]);
    drop(world.outbox);
    assert!(world.events.recv().await.is_none(), "what was given up was sent");
    let dead = "incidentd_notify_notices_total{channel=\"log\",kind=\"page\",result=\"dead\"}";
    assert_eq!(metric(&world.metrics, dead), "1");
}

#[tokio::test]
async fn a_page_for_what_was_acknowledged_meanwhile_is_not_sent() {
    let sink = Sink::start(vec![]);
    let reader: Reader = Arc::new(|notice: &Notice| {
        let mut briefing = briefing(notice.id.incident.0);
        briefing.incident.progress =
            Progress::Acknowledged { by: "m.ito".into(), until: Timestamp::EPOCH };
        briefing.incident.response.stopped_at = Some(Timestamp::from_millis(1));
        Some(briefing)
    });
    let mut world = World::start(&sink, LONG, reader, vec![page(1, 1)]);
    assert_eq!(world.event().await, "INC-1/1 withheld: m.ito acknowledged INC-1 meanwhile");
    let withheld =
        "incidentd_notify_notices_total{channel=\"chat\",kind=\"page\",result=\"withheld\"}";
    assert_eq!(metric(&world.metrics, withheld), "1");
    world.notifier.stop().await;
}

#[tokio::test]
async fn a_page_goes_out_even_if_its_incident_cannot_be_read() {
    for reader in
        [Arc::new(|_: &Notice| None) as Reader, Arc::new(|_: &Notice| panic!("the disk is gone"))]
    {
        let sink = Sink::start(vec![Behaviour::Answer("200 OK")]);
        let mut world = World::start(&sink, LONG, reader, vec![page(7, 1)]);
        assert_eq!(world.event().await, "INC-7/1 delivered by chat");
        assert!(sink.request().contains("page INC-7\\nFor m.ito: on call for dc-ops"));
        world.notifier.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_lets_attempts_under_way_end_and_starts_no_other() {
    let sink = Sink::start(vec![Behaviour::Hang; 4]);
    let pending = (1..=5).map(|seq| page(1, seq)).collect();
    let mut world = World::start(&sink, Duration::from_millis(300), new_incidents(), pending);
    for _ in 0..4 {
        assert!(sink.request().contains("INC-1/"), "four at a time");
    }
    world.notifier.stop().await;
    let mut failed = Vec::new();
    while let Ok(event) = world.events.try_recv() {
        failed.push(format!("{event:?}").contains("no answer within 300ms"));
    }
    assert_eq!(failed, [true; 4]);
}

#[tokio::test]
async fn dropping_every_outbox_stops_the_notifier() {
    let sink = Sink::start(vec![]);
    let World { outbox, notifier, mut events, .. } =
        World::start(&sink, LONG, new_incidents(), vec![]);
    drop(outbox);
    assert!(events.recv().await.is_none());
    notifier.stop().await;
}

#[tokio::test]
async fn a_test_message_goes_through_the_real_channel_and_is_no_notice() {
    let sink = Sink::start(vec![Behaviour::Answer("200 OK"), Behaviour::Answer("404 Not Found")]);
    let mut world = World::start(&sink, LONG, new_incidents(), vec![]);
    let tester = world.notifier.tester();
    let shown = tester.test("chat", Rehearsal::Show).await.unwrap();
    assert_eq!((shown[0].outcome.clone(), shown.len()), (None, 1));
    let sent = tester.test("chat", Rehearsal::Send).await.unwrap();
    assert_eq!(sent[0].outcome, Some(Ok("answered 200 OK".into())));
    let request = sink.request();
    assert!(request.contains("\"kind\":\"test\"") && request.contains("TEST: a person asked"));
    let refused = tester.test("chat", Rehearsal::Send).await.unwrap();
    assert_eq!(refused[0].outcome, Some(Err("answered 404 Not Found".into())));
    let logged = tester.test("default", Rehearsal::Send).await.unwrap();
    assert_eq!(logged[0].outcome, Some(Ok("written to the log".into())), "the contact's channel");
    let unknown = tester.test("nobody", Rehearsal::Send).await.unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "`nobody` is neither a contact nor a channel; contacts: default; channels: chat, log"
    );
    let (page, test) = (
        "incidentd_notify_notices_total{channel=\"chat\",kind=\"page\",result=\"sent\"}",
        "incidentd_notify_tests_total{channel=\"chat\",result=\"failed\"}",
    );
    assert_eq!(metric(&world.metrics, page), "0");
    assert_eq!(metric(&world.metrics, test), "1");
    world.notifier.stop().await;
    drop(tester);
    assert!(world.events.try_recv().is_err(), "the engine heard of a test");
}
