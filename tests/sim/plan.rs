//! What happens in a simulation, from its seed alone: alerts of a small data centre, people, failing
//! channels, and a clock that jumps.

use core::time::Duration;
use std::sync::{Arc, LazyLock};

use incidentd::cmdb::{Topology, import};
use incidentd::engine::bulletins::BulletinLimits;
use incidentd::engine::context::{Context, Limits};
use incidentd::engine::event::{Content, Event, Rest};
use incidentd::engine::order::{Command, Ending, Order};
use incidentd::model::alert::{Details, Occurrence, Signal};
use incidentd::model::assignment::Handover;
use incidentd::model::change::{Change, ChangeState};
use incidentd::model::delivery::DeliveryId;
use incidentd::model::escalation::Target;
use incidentd::model::incident::RecordId;
use incidentd::model::labels::Labels;
use incidentd::model::notice::NoticeId;
use incidentd::model::priority::Priority;
use incidentd::model::progress::WaitsFor;
use incidentd::model::quarantine::{Cause, QuarantineId, Unhandled};
use incidentd::model::silence::{Silence, SilenceId, SilenceMatcher};
use incidentd::model::time::Timestamp;
use incidentd::rules::{self, RuleSet, SourceFile};

use super::clocks::{Clocks, Passed};
use super::topic;

/// When every simulation begins.
pub const START: Timestamp = Timestamp::from_millis(1_767_603_600_000);

const RULES: &str = include_str!("rules.yaml");
const CMDB: &str = include_str!("cmdb.yaml");

/// Splitmix64: small, seedable, and the same for ever.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let at = usize::try_from(self.roll(of.len() as u64)).unwrap();
        of.get(at).unwrap()
    }
}

/// Something that happens, and when by our clock.
#[derive(Debug)]
pub struct Step {
    pub at: Timestamp,
    pub event: Event,
    /// The daemon was down and starts right before it.
    pub starts: bool,
}

impl Step {
    /// Something that happens while the daemon is up.
    pub fn at(at: Timestamp, event: Event) -> Self {
        Self { at, event, starts: false }
    }
}

/// Rules and topology of all simulations, read once: that takes longer than a story.
static WORLD: LazyLock<(Arc<RuleSet>, Arc<Topology>)> = LazyLock::new(|| {
    let files = [SourceFile { name: "rules.yaml".into(), text: RULES.into() }];
    let loaded = rules::load(&files);
    let set = loaded.set.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics));
    let rows = import::read(CMDB, "cmdb.yaml").unwrap();
    (Arc::new(set), Arc::new(Topology::build(1, &rows).unwrap()))
});

pub fn context() -> Context {
    let (set, topology) = &*WORLD;
    // Not: so few that some are dropped. A repeated message adds bulletins, so that a crash would
    // decide what is dropped.
    let bulletins =
        BulletinLimits { waiting_max: 100_000, waiting_for: Duration::from_hours(24 * 365) };
    let limits =
        Limits { deliveries: 8, quarantine: 3, bulletins: Some(bulletins), ..Limits::default() };
    Context::new(Arc::clone(set), Arc::clone(topology), limits)
}

const CIS: [&str; 8] = ["pdu-1", "srv-1", "srv-2", "srv-3", "vm-1", "vm-2", "db-1", "nowhere"];
const NAMES: [&str; 4] = ["NodeDown", "PduOutputOff", "PingLoss", "DiskFull"];
const SEVERITIES: [&str; 3] = ["critical", "major", "warning"];
const SOURCES: [&str; 2] = ["prometheus-a", "prometheus-b"];

/// Makes the story of a seed: up to some hundred steps over hours.
pub fn plan(seed: u64) -> Vec<Step> {
    let mut dice = Dice::new(seed);
    // Of their own, so that they change nothing else of a story.
    let mut retries = Dice::new(seed ^ 0x7e7e);
    let mut planning = Dice::new(seed ^ 0xc4a9);
    let length = 20 + dice.roll(120);
    let mut clocks = Clocks::new();
    let mut steps = Vec::new();
    for _ in 0..length {
        let starts = clocks.pass(&mut dice) == Passed::Down;
        let at = clocks.wall;
        let event = match dice.roll(20) {
            0 => acknowledge(&mut dice),
            1 => resolve(&mut dice),
            2 => handle(&mut dice, at),
            3 => silence(&mut dice, at),
            4 => retry(&mut retries),
            5 => planned(&mut planning, at),
            6 => Event::Tick,
            _ => received(&mut dice, at),
        };
        steps.push(Step { at: clocks.now, event, starts });
    }
    // Two messages that overtook one another on the way.
    for _ in 0..dice.roll(5) {
        let at = usize::try_from(dice.roll(steps.len() as u64 - 1)).unwrap();
        let (one, other) = steps.split_at_mut(at + 1);
        core::mem::swap(&mut one[at].event, &mut other[0].event);
    }
    cut_off(&mut steps, &mut Dice::new(seed ^ 0xc07));
    let steps = numbered(steps, &mut Dice::new(seed ^ 0xd00d));
    let mut steps = topic::strew(steps, &mut Dice::new(seed ^ 0x70b1));
    for step in &mut steps {
        read(&mut step.event, step.at);
    }
    steps
}

/// Cuts senders off for a while: what they sent comes late, at once, when the network is there again.
fn cut_off(steps: &mut Vec<Step>, dice: &mut Dice) {
    for _ in 0..dice.roll(3) {
        let source = *dice.pick(&SOURCES);
        let from = usize::try_from(dice.roll(steps.len() as u64)).unwrap();
        let to = (from + 2 + usize::try_from(dice.roll(12)).unwrap()).min(steps.len());
        let is_held = |step: &mut Step| is_of(&step.event, source);
        let held: Vec<Event> = steps
            .extract_if(from..to, |step| is_held(step) && !step.starts)
            .map(|it| it.event)
            .collect();
        let back = to - held.len();
        let at = steps[..back].last().map_or(START, |step| step.at);
        let late = held.into_iter().map(|event| Step::at(at, event));
        drop(steps.splice(back..back, late));
    }
}

fn is_of(event: &Event, of: &str) -> bool {
    matches!(event, Event::Received { source, .. } if **source == *of)
}

/// How long an alert fires without another word.
const LEASE: Duration = Duration::from_hours(24);

/// Reads what senders say as the doors do when it is received, by our clock, which is not theirs.
fn read(event: &mut Event, now: Timestamp) {
    if let Event::Once { event, .. } = event {
        read(event, now);
    } else if let Event::Received { occurrences, .. } = event {
        hear(occurrences, now);
    } else if let Event::Consumed(batch) = event {
        for record in &mut batch.records {
            if let Content::Alerts { occurrences, .. } = &mut record.content {
                hear(occurrences, now);
            }
        }
    }
}

fn hear(occurrences: &mut [Occurrence], now: Timestamp) {
    for it in occurrences {
        it.signal = heard(it.signal, now);
    }
}

/// A lease of which a sender says nothing begins now; an end that it names and that is past is one.
fn heard(signal: Signal, now: Timestamp) -> Signal {
    match signal {
        Signal::Firing { explicit: false, .. } => {
            Signal::Firing { until: now.plus(LEASE), explicit: false }
        }
        Signal::Firing { until, explicit: true } if until <= now => Signal::Resolved { at: until },
        Signal::Firing { .. } | Signal::Resolved { .. } => signal,
    }
}

fn received(dice: &mut Dice, at: Timestamp) -> Event {
    let count = 1 + dice.roll(4);
    let mut occurrences: Vec<_> = (0..count).map(|_| occurrence(dice, at)).collect();
    // Senders name an alert once in a delivery.
    occurrences.sort_by_key(|it| it.fingerprint);
    occurrences.dedup_by_key(|it| it.fingerprint);
    Event::Received { source: (*dice.pick(&SOURCES)).into(), occurrences }
}

pub(super) fn occurrence(dice: &mut Dice, at: Timestamp) -> Occurrence {
    let ci = *dice.pick(&CIS);
    let mut pairs = vec![("alertname", *dice.pick(&NAMES)), ("severity", *dice.pick(&SEVERITIES))];
    if ci != "nowhere" {
        pairs.push(("ci", ci));
    }
    let labels = Labels::build(&mut pairs).unwrap();
    let late = Duration::from_secs(dice.roll(90));
    let signal = match dice.roll(5) {
        0 | 1 => Signal::Resolved { at: at.minus(late) },
        2 => Signal::Firing { until: at.plus(Duration::from_mins(4)), explicit: true },
        _ => Signal::Firing { until: at.plus(LEASE), explicit: false },
    };
    let details = Details { annotations: Labels::empty(), generator_url: "".into() };
    Occurrence {
        fingerprint: labels.fingerprint(),
        labels,
        signal,
        starts_at: at.minus(late),
        severity: None,
        details: Arc::new(details),
    }
}

/// Gives deliveries ids, sends some again, and strews in what cannot be read.
fn numbered(steps: Vec<Step>, dice: &mut Dice) -> Vec<Step> {
    let mut sent: Vec<Event> = Vec::new();
    let mut all = Vec::new();
    for (number, Step { at, event, starts }) in steps.into_iter().enumerate() {
        let event = if matches!(event, Event::Received { .. }) && dice.roll(2) == 0 {
            let delivery = DeliveryId::of("prometheus-a", &number.to_string());
            let event = Event::Once { delivery, event: Box::new(event) };
            sent.push(event.clone());
            event
        } else {
            event
        };
        all.push(Step { at, event, starts });
        match dice.roll(12) {
            // The last one, which is still remembered.
            0 => all.extend(sent.last().cloned().map(|event| Step::at(at, event))),
            1 => all.push(Step::at(at, quarantine(dice))),
            _ => {}
        }
    }
    all
}

fn quarantine(dice: &mut Dice) -> Event {
    let id = QuarantineId(1 + dice.roll(4));
    if dice.roll(3) == 0 {
        return Event::DropQuarantined(id);
    }
    Event::Quarantine(Box::new(Unhandled {
        source: (*dice.pick(&SOURCES)).into(),
        format: "native".into(),
        cause: Cause::Unreadable,
        reason: String::new(),
        content_type: "".into(),
        body: vec![b'{'; usize::try_from(dice.roll(9)).unwrap()].into(),
        origin: None,
    }))
}

fn acknowledge(dice: &mut Dice) -> Event {
    order(dice, |dice| Command::Acknowledge {
        hold: (dice.roll(2) == 0).then(|| Duration::from_mins(10)),
        update_in: (dice.roll(3) == 0).then(|| Duration::from_mins(7)),
    })
}

fn order(dice: &mut Dice, command: impl FnOnce(&mut Dice) -> Command) -> Event {
    Event::Handle(Order {
        incident: RecordId(1 + dice.roll(12)),
        by: "mia".into(),
        expected: None,
        note: "said".into(),
        command: command(dice),
    })
}

/// Everything a person can do, most of it to incidents it cannot be done to.
fn handle(dice: &mut Dice, at: Timestamp) -> Event {
    let handover = Handover::default();
    order(dice, |dice| match dice.roll(17) {
        10 => Command::Escalate { to: None, handover },
        11 => Command::Return { handover },
        12 => Command::Convene { teams: vec!["linux".into()], link: None, handover },
        13 => Command::Prioritise { priority: (dice.roll(2) == 0).then_some(Priority::P1) },
        14 => Command::Update { next: None },
        15 => Command::Prioritise { priority: Some(Priority::P4) },
        16 => Command::Subscribe { who: Target::Team("linux".into()) },

        0 => Command::Unacknowledge,
        1 => Command::Note,
        2 | 3 => Command::Claim,
        4 => Command::Assign { to: Target::Team("linux".into()), handover },
        5 => Command::Hold { waits_for: WaitsFor::User, until: at.plus(Duration::from_mins(9)) },
        6 => Command::Reopen,
        7 => Command::Close,
        8 => Command::Merge { into: RecordId(1 + dice.roll(12)) },
        _ => {
            let count = 1 + dice.roll(2);
            Command::Split { records: (0..count).map(|_| RecordId(1 + dice.roll(30))).collect() }
        }
    })
}

/// Planned changes of some CIs, at times taken back.
fn planned(dice: &mut Dice, at: Timestamp) -> Event {
    let change = change(dice, at);
    let rest = if dice.roll(4) == 0 { Rest::Goes } else { Rest::Stays };
    Event::PlanChanges { changes: vec![change], rest, by: "mia".into() }
}

/// A planned change of some CI.
pub(super) fn change(dice: &mut Dice, at: Timestamp) -> Change {
    let starts_at = at.plus(Duration::from_mins(dice.roll(30)));
    let states = [ChangeState::Approved, ChangeState::InProgress, ChangeState::Cancelled];
    Change {
        number: format!("CHG-{}", dice.roll(4)).into(),
        cis: vec![(*dice.pick(&CIS)).into()],
        starts_at,
        ends_at: starts_at.plus(Duration::from_mins(1 + dice.roll(60))),
        state: *dice.pick(&states),
        owner: "mia".into(),
        summary: String::new().into(),
        source: String::new().into(),
    }
}

/// Silences of some alerts or of all below a CI, begun, changed and ended at random.
fn silence(dice: &mut Dice, at: Timestamp) -> Event {
    let id = SilenceId(dice.roll(4).into());
    if dice.roll(3) == 0 {
        return Event::Unsilence { id, by: "mia".into() };
    }
    let ci = (dice.roll(3) == 0).then(|| Box::from(*dice.pick(&CIS)));
    let matcher = SilenceMatcher {
        name: "alertname".into(),
        value: (*dice.pick(&NAMES)).into(),
        is_regex: dice.roll(2) == 0,
        is_equal: dice.roll(4) > 0,
    };
    let starts_at = at.plus(Duration::from_mins(dice.roll(3)));
    let silence = Silence {
        id: SilenceId(dice.roll(4).into()),
        matchers: if ci.is_some() { vec![] } else { vec![matcher] },
        cis: ci.into_iter().collect(),
        rule: None,
        source: None,
        starts_at,
        ends_at: starts_at.plus(Duration::from_mins(1 + dice.roll(20))),
        updated_at: at,
        created_by: "mia".into(),
        comment: String::new().into(),
        annotations: Labels::empty(),
    };
    Event::Silence { silence, replaces: (dice.roll(3) == 0).then_some(id) }
}

fn resolve(dice: &mut Dice) -> Event {
    order(dice, |_| Command::Resolve(Ending::default()))
}

fn retry(dice: &mut Dice) -> Event {
    let incident = RecordId(1 + dice.roll(12));
    let notices = (1..=8).map(|seq| NoticeId { incident, seq }).collect();
    Event::Retry { notices, by: "mia".into() }
}
