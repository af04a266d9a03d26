//! Storms, sequences, absences and repeated updates, on the production engine.

use std::sync::Arc;

use super::story::{START, Story, after};
use super::world::World;
use crate::cmdb::{Topology, import};
use crate::engine::context::{Context, Limits};
use crate::engine::event::Event;
use crate::engine::order::{Command, Ending, Order};
use crate::engine::own;
use crate::model::alert::{Details, Join, Occurrence, Signal};
use crate::model::incident::{Incident, RecordId};
use crate::model::labels::Labels;
use crate::model::notice::NoticeKind;
use crate::model::progress::Progress;
use crate::model::silence::{Silence, SilenceId};
use crate::model::timeline::Happening;
use crate::rules::{self, SourceFile};

const STORM: &str = "
  - name: site
    owner: noc
    when: ['site!=\"\"']
    storm:
      per: [site]
      enter: {distinct: ci, count: 3, within: 1m}
      leave: {below: 2, for: 5m}
      never_absorb: ['alertname=\"Fire\"']
      rank_suspects: {follow: [powers]}
    incident: {title: '{{ stats.alerts }} on {{ stats.cis }} at {{ group.site }}', priority: P1}
    resolve: {linger: 1m}
";

const SEQUENCE: &str = "
  - name: chain
    owner: noc
    when: ['site!=\"\"']
    sequence:
      by: [site]
      steps: [{name: a, when: 'alertname=\"A\"'}, {name: b, when: 'alertname=\"B\"'}]
      within: 1m
      root: last
";

const ABSENCE: &str = "
  - name: dog
    owner: noc
    when: ['alertname=\"Dog\"']
    absence: {for: 5m, per: [site], expected: [{site: fra}], severity: major}
    resolve: {linger: 1m}
  - name: feed
    owner: noc
    absence: {source: bus, for: 10m, alertname: BusSilent}
";

const REPEAT: &str = "
  - name: power
    owner: noc
    when: ['alertname=\"PduDown\"']
    topology: {follow: [powers], wait: 30s}
    incident: {priority: P1, notify: {repeat: 15m}}
  - name: hot
    owner: noc
    when: ['alertname=\"Hot\"']
    group: {by: [ci]}
    incident: {priority: P1, notify: {first: now}}
";

const CMDB: &str = "
cis: {pdu: {class: pdu}, s1: {class: server}, s2: {class: server}, s3: {class: server}}
relations: [pdu -powers-> s1, pdu -powers-> s2, pdu -powers-> s3]
";

/// A world with a few rules.
struct Stage(World);

fn context(rules: &str) -> Context {
    let text = format!(
        "version: 1\nnamespace: t\nrules:{}{rules}",
        if rules.is_empty() { " []" } else { "" }
    );
    let loaded = rules::load(&[SourceFile { name: "t.yaml".into(), text }]);
    let rules = loaded.set.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics));
    let topology = Topology::build(1, &import::read(CMDB, "cmdb.yaml").unwrap()).unwrap();
    Context::new(Arc::new(rules), Arc::new(topology), Limits::default())
}

/// Reads `alertname site ci`, with `-` for none.
fn labels(text: &str) -> Labels {
    let names = ["alertname", "site", "ci"];
    let mut pairs: Vec<(&str, &str)> =
        names.into_iter().zip(text.split(' ')).filter(|(_, value)| *value != "-").collect();
    Labels::build(&mut pairs).unwrap()
}

impl Stage {
    fn new(rules: &str) -> Self {
        Self(World::new(context(rules), START))
    }

    fn send(&mut self, at_s: u64, alert: &str, signal: Signal) {
        self.send_from("test", at_s, alert, signal);
    }

    fn send_from(&mut self, source: &str, at_s: u64, alert: &str, signal: Signal) {
        let labels = labels(alert);
        let details = Details { annotations: Labels::empty(), generator_url: "".into() };
        let occurrence = Occurrence {
            fingerprint: labels.fingerprint(),
            labels,
            signal,
            starts_at: after(at_s),
            severity: Some("warning".into()),
            details: Arc::new(details),
        };
        let event = Event::Received { source: source.into(), occurrences: vec![occurrence] };
        self.0.event(&event, after(at_s));
    }

    fn fire(&mut self, at_s: u64, alert: &str) {
        self.send(at_s, alert, Signal::Firing { until: after(at_s + 86_400), explicit: false });
    }

    fn clear(&mut self, at_s: u64, alert: &str) {
        self.send(at_s, alert, Signal::Resolved { at: after(at_s) });
    }

    fn fire_all(&mut self, all: &[(u64, &str)]) {
        for (at_s, alert) in all {
            self.fire(*at_s, alert);
        }
    }

    fn order(&mut self, at_s: u64, id: u64, command: Command) {
        let (incident, by, note) = (RecordId(id), "mia".into(), "because".into());
        let order = Order { incident, by, expected: None, note, command };
        self.0.event(&Event::Handle(order), after(at_s));
    }

    fn wait(&mut self, until_s: u64) {
        self.0.advance(after(until_s));
    }

    fn incident(&self, id: u64) -> &Incident {
        &self.0.image().incidents[&RecordId(id)]
    }

    /// The open incidents that are nobody's subordinates.
    fn open(&self) -> Vec<u64> {
        let open = |it: &&Incident| it.parent.is_none() && it.progress.is_open();
        self.0.image().incidents.values().filter(open).map(|it| it.id.0).collect()
    }

    fn raging(&self) -> Vec<String> {
        let storms = self.0.image().incidents.values().filter_map(|it| it.storm.as_ref());
        storms.filter(|storm| storm.is_active()).map(|storm| storm.key.to_string()).collect()
    }

    fn texts(&self, id: u64, what: Happening) -> Vec<String> {
        let all = self.0.image().timeline_of(RecordId(id)).filter(|entry| entry.what == what);
        all.map(|entry| entry.text.clone()).collect()
    }

    fn told(&self, kind: NoticeKind) -> Vec<String> {
        let of_kind = self.0.sent().iter().filter(|notice| notice.kind == kind);
        of_kind.map(|it| format!("{} {}", it.id.incident, it.because)).collect()
    }

    /// Names of our own alerts that fire.
    fn missing(&self) -> Vec<String> {
        let own = self.0.image().alerts.values().filter(|row| row.state.fires());
        let own = own.filter(|row| row.labels.get("rule").is_some());
        own.map(|row| {
            format!("{} {}", row.labels.get("rule").unwrap(), row.labels.get("site").unwrap_or("-"))
        })
        .collect()
    }
}

const THREE: [(u64, &str); 3] = [(0, "Ping fra a"), (1, "Ping fra b"), (2, "Ping fra c")];

#[test]
fn a_storm_begins_when_enough_values_began_within_the_window() {
    for (fired, storms) in [
        (&[(0, "A fra a"), (59, "A fra b"), (59, "A fra c")][..], 1),
        (&[(0, "A fra a"), (60, "A fra b"), (60, "A fra c")], 0),
        (&[(0, "A fra a"), (1, "B fra a"), (2, "C fra a"), (3, "A fra b")], 0),
        (&[(0, "A fra a"), (1, "A fra b"), (2, "A ber c")], 0),
        (&[(0, "A fra a"), (1, "A fra b"), (2, "A fra -")], 0),
        (&[(0, "A fra a"), (1, "A fra b"), (2, "Fire fra c")], 0),
        (&[(0, "A fra a"), (1, "A fra b"), (2, "A fra c"), (3, "A fra d")], 1),
    ] {
        let mut stage = Stage::new(STORM);
        stage.fire_all(fired);
        assert_eq!(stage.raging().len(), storms, "{fired:?}");
    }
}

#[test]
fn a_storm_is_the_oldest_incident_and_takes_what_nothing_else_explains() {
    let mut stage = Stage::new(STORM);
    stage.fire_all(&THREE);
    stage.fire_all(&[(3, "Fire fra d"), (4, "Ping fra e"), (5, "Ping ber f"), (6, "Ping fra -")]);
    assert_eq!(stage.open(), [1, 4, 6]);
    assert_eq!(stage.raging(), ["t/site/fra"]);
    assert_eq!(stage.incident(1).rule.as_deref(), Some("t/site"));
    assert_eq!(stage.incident(1).title, "5 on 4 at fra");
    assert_eq!(stage.incident(2).parent, Some(RecordId(1)));
    let join = &stage.0.image().members[&(RecordId(1), RecordId(5))].join;
    assert_eq!(join, &Join::Storm { rule: "t/site".into(), key: "t/site/fra".into() });
    assert_eq!(
        stage.texts(1, Happening::StormBegan),
        ["3 values of ci within 1m: storm t/site/fra"]
    );
    let pages = stage.told(NoticeKind::Page);
    assert_eq!(pages.len(), 1, "{pages:?}");
    assert!(pages[0].starts_with("INC-1 raised from P4 to P1"), "{pages:?}");
}

#[test]
fn a_storm_ends_when_too_few_fire_for_long_enough_and_only_then_resolves() {
    let mut stage = Stage::new(STORM);
    stage.fire_all(&THREE);
    for (at_s, alert) in [(10, "Ping fra a"), (11, "Ping fra b")] {
        stage.clear(at_s, alert);
    }
    stage.fire(100, "Ping fra b");
    stage.clear(120, "Ping fra b");
    stage.clear(130, "Ping fra c");
    stage.wait(419);
    assert_eq!(stage.raging(), ["t/site/fra"], "calm since 120 s, not since 11 s");
    assert!(stage.incident(1).progress.is_open(), "though all has been clear for four minutes");
    stage.wait(420);
    assert_eq!(stage.raging(), Vec::<String>::new());
    assert!(matches!(stage.incident(1).progress, Progress::Resolved { by: None, .. }));
    assert_eq!(
        stage.texts(1, Happening::StormEnded),
        ["storm t/site/fra is over: fewer than 2 values of ci fire for 5m"]
    );
    stage.fire(430, "Ping fra z");
    assert_eq!(stage.open(), [4], "nothing joins any more");
}

#[test]
fn a_silenced_alert_makes_no_storm_and_joins_one() {
    let mut stage = Stage::new(STORM);
    let silence = Silence {
        id: SilenceId(7),
        matchers: Vec::new(),
        cis: vec!["pdu".into()],
        rule: None,
        source: None,
        starts_at: START,
        ends_at: after(3_600),
        created_by: "mia".into(),
        comment: "window".into(),
        updated_at: START,
        annotations: Labels::empty(),
    };
    stage.0.event(&Event::Silence { silence, replaces: None }, START);
    stage.fire_all(&[(0, "Ping fra a"), (1, "Ping fra b"), (2, "Ping fra s1")]);
    assert_eq!(stage.raging(), Vec::<String>::new());
    stage.fire_all(&[(3, "Ping fra c"), (4, "Ping fra s2")]);
    assert_eq!(stage.raging(), ["t/site/fra"]);
    assert_eq!(stage.incident(1).members, 4, "a, b, c and the second silenced one");
}

#[test]
fn the_likeliest_suspect_is_named_and_becomes_the_root_when_it_alerts() {
    let mut stage = Stage::new(STORM);
    stage.fire_all(&[(0, "Ping fra s1"), (1, "Ping fra s2"), (2, "Ping fra x")]);
    let suspects: Vec<String> =
        stage.incident(1).suspects.iter().map(ToString::to_string).collect();
    assert_eq!(suspects, ["pdu explains 2 of 2"]);
    assert_eq!(stage.incident(1).root.ci.as_deref(), Some("s1"));
    stage.fire(3, "Volt fra pdu");
    assert_eq!(stage.incident(1).root.ci.as_deref(), Some("pdu"));
    assert_eq!(
        stage.texts(1, Happening::RootChanged),
        ["Volt pdu is the most likely cause: pdu explains 3 of 3, rule t/site"]
    );
}

#[test]
fn a_storm_that_is_resolved_merged_or_without_its_rule_ends_or_goes_on_elsewhere() {
    let mut stage = Stage::new(STORM);
    stage.fire_all(&THREE);
    stage.order(10, 1, Command::Resolve(Ending::default()));
    assert_eq!(stage.raging(), Vec::<String>::new());

    let mut stage = Stage::new(STORM);
    stage.fire(0, "Other - -");
    stage.fire_all(&THREE);
    stage.order(10, 2, Command::Merge { into: RecordId(1) });
    assert!(stage.incident(1).storm.as_ref().unwrap().is_active());
    assert!(!stage.incident(2).storm.as_ref().unwrap().is_active());
    stage.fire(11, "Ping fra d");
    assert_eq!(stage.open(), [1], "what comes later joins where the storm is now");

    let mut stage = Stage::new(STORM);
    stage.fire_all(&THREE);
    stage.0.reload(context(SEQUENCE).rules, after(10));
    stage.wait(11);
    assert_eq!(
        stage.texts(1, Happening::StormEnded),
        ["storm t/site/fra is over: its rule is no longer there"]
    );
}

/// Plays the same with a restart after each step and without any; what is stored must be the same.
fn unmoved_by_restarts(rules: &str, steps: &[(u64, &str, bool)]) -> Stage {
    let play = |restarts: bool| {
        let mut stage = Stage::new(rules);
        for (at_s, alert, fires) in steps {
            if *fires {
                stage.fire(*at_s, alert);
            } else {
                stage.clear(*at_s, alert);
            }
            if restarts {
                stage.0.restart(after(*at_s));
            }
        }
        stage
    };
    let (calm, restarted) = (play(false), play(true));
    let [with, without] = [&restarted, &calm].map(|stage| {
        // A timer that a heartbeat left behind is not there after a restart: one tick less.
        let mut image = stage.0.image().clone();
        image.counters.batch = 0;
        format!("{image:#?}")
    });
    let mut lines = with.lines().zip(without.lines()).enumerate();
    assert_eq!(lines.find(|(_, (with, without))| with != without), None);
    calm
}

#[test]
fn a_restart_changes_nothing_of_what_is_gathered() {
    let stage = unmoved_by_restarts(
        STORM,
        &[
            (0, "Ping fra a", true),
            (1, "Ping fra a", false),
            (20, "Ping fra b", true),
            (30, "Ping fra c", true),
            (40, "Ping fra d", true),
            (50, "Ping fra b", false),
            (51, "Ping fra c", false),
            (200, "Ping fra e", true),
            (220, "Ping fra e", false),
            (519, "Ping fra f", true),
            (600, "Ping fra f", false),
            (1_200, "Ping fra g", true),
        ],
    );
    assert_eq!(stage.open(), [1, 7], "g came after the storm's end");
    let stage = unmoved_by_restarts(
        SEQUENCE,
        &[(0, "A fra a", true), (5, "A fra a", false), (30, "B fra b", true)],
    );
    assert_eq!(stage.open(), [1]);
    let stage = unmoved_by_restarts(
        ABSENCE,
        &[
            (0, "Dog ber a", true),
            (100, "Dog ber a", false),
            (350, "Dog fra b", true),
            (401, "X - -", true),
            (2_400, "X - y", true),
            (2_500, "Dog ber a", true),
        ],
    );
    assert!(!stage.missing().contains(&"t/dog ber".into()), "{:?}", stage.missing());
}

#[test]
fn a_storm_of_thousands_writes_for_each_alert_what_it_wrote_for_the_first() {
    let mut stage = Stage::new(STORM);
    stage.fire_all(&THREE);
    let ctx = context(STORM);
    let mut engine = crate::engine::State::restore(stage.0.image().saved(), &ctx, after(2));
    for n in 0..2_000u64 {
        let labels = labels(&format!("Ping fra n{n}"));
        let occurrence = Occurrence {
            fingerprint: labels.fingerprint(),
            labels,
            signal: Signal::Firing { until: after(90_000), explicit: false },
            starts_at: after(3),
            severity: None,
            details: Arc::new(Details { annotations: Labels::empty(), generator_url: "".into() }),
        };
        let event = Event::Received { source: "test".into(), occurrences: vec![occurrence] };
        engine.apply(&ctx, &event, after(3));
        let changes = engine.drain(&ctx);
        let written = (changes.alerts.len(), changes.members.len(), changes.incidents.len());
        assert_eq!((written, changes.touches.len()), ((1, 1, 1), 0), "alert {n}");
    }
    assert_eq!(engine.incidents().next().unwrap().members, 2_003);
}

#[test]
fn a_sequence_unites_what_began_in_its_order_and_nothing_else() {
    for (fired, open, root) in [
        (&[(0, "A fra a"), (59, "B fra b")][..], 1, "b"),
        (&[(0, "A fra a"), (60, "B fra b")], 2, "a"),
        (&[(0, "B fra b"), (1, "A fra a")], 2, "b"),
        (&[(0, "A ber a"), (1, "B fra b")], 2, "a"),
        (&[(0, "A fra a"), (0, "B fra b")], 1, "b"),
        (&[(0, "A fra old"), (1, "A fra a"), (2, "B fra b")], 2, "old"),
    ] {
        let mut stage = Stage::new(SEQUENCE);
        stage.fire_all(fired);
        assert_eq!(stage.open().len(), open, "{fired:?}");
        let alert = stage.incident(1).root.alert;
        assert_eq!(stage.0.image().alerts[&alert].labels.get("ci"), Some(root), "{fired:?}");
    }
    let mut stage = Stage::new(SEQUENCE);
    stage.fire_all(&[(0, "A fra a"), (5, "B fra b")]);
    assert_eq!(stage.incident(1).rule.as_deref(), Some("t/chain"));
    let told = &stage.texts(1, Happening::Sequence)[0];
    assert_eq!(told, "rule t/chain: a 2026-01-05T09:00:00.000Z, then b 2026-01-05T09:00:05.000Z");
}

#[test]
fn what_is_expected_and_not_heard_of_fires_until_it_is() {
    let mut stage = Stage::new(ABSENCE);
    stage.fire(10, "Dog ber a");
    stage.fire(250, "Dog ber a");
    stage.wait(299);
    assert_eq!(stage.missing(), Vec::<String>::new());
    stage.wait(300);
    assert_eq!(stage.missing(), ["t/dog fra"], "expected from the beginning");
    stage.wait(549);
    assert_eq!(stage.missing(), ["t/dog fra"], "the heartbeat at 250 s counts");
    stage.wait(550);
    assert_eq!(stage.missing().len(), 2);
    stage.clear(560, "Dog ber a");
    assert_eq!(stage.missing(), ["t/dog fra"], "a message is a message");
    assert_eq!(stage.incident(3).rule.as_deref(), Some("t/dog"));
    stage.wait(620);
    assert!(matches!(stage.incident(3).progress, Progress::Resolved { .. }));
    let row = stage.0.image().alerts.values().find(|row| row.labels.get("rule").is_some()).unwrap();
    assert_eq!(row.labels.get("alertname"), Some("ExpectedAlertMissing"));
    assert_eq!(row.labels.get("severity"), Some("major"));
    let sources = &stage.0.image().counters.sources;
    assert_eq!(
        &*sources[usize::from(row.state.leases.first().map_or(1, |lease| lease.source.0))],
        own::SOURCE
    );
}

#[test]
fn what_is_missed_on_a_ci_is_an_alert_on_that_ci() {
    const RULES: &str = "
rules:
  - name: dog
    owner: noc
    when: ['alertname=\"Dog\"']
    absence: {for: 5m, per: [ci], expected: [{ci: srv-1}]}
";
    let mut story = Story::of(RULES, "cis: {srv-1: {class: server}}\n");
    story.wait(300);
    let missed = story.world.image().alerts.values().next().unwrap().labels.fingerprint();
    let ci = story.world.ask_about(missed, |it| it.ci.map(|ci| ci.name.to_string()));
    assert_eq!(ci.flatten().as_deref(), Some("srv-1"));
}

#[test]
fn a_source_of_which_nothing_comes_is_missed() {
    let mut stage = Stage::new(ABSENCE);
    let until = after(90_000);
    stage.send_from("bus", 100, "X - -", Signal::Firing { until, explicit: false });
    stage.send_from("test", 600, "Y - -", Signal::Firing { until, explicit: false });
    let feeds = |stage: &Stage| stage.missing().iter().filter(|it| it.contains("feed")).count();
    stage.wait(699);
    assert_eq!(feeds(&stage), 0);
    stage.wait(700);
    assert_eq!(feeds(&stage), 1);
    stage.send_from("bus", 800, "X - -", Signal::Resolved { at: after(800) });
    assert_eq!(feeds(&stage), 0);
}

#[test]
fn nothing_is_missed_of_the_time_when_we_did_not_listen() {
    let mut stage = Stage::new(ABSENCE);
    stage.fire(10, "Dog ber a");
    stage.fire(10, "Dog fra b");
    stage.0.restart(after(5_000));
    stage.wait(5_299);
    assert_eq!(stage.missing(), Vec::<String>::new(), "after a start");
    stage.wait(5_300);
    assert_eq!(stage.missing().len(), 2);

    // The process stood still: the first event after it is late.
    let mut stage = Stage::new(ABSENCE);
    stage.fire(10, "Dog ber a");
    stage.fire(10, "Dog fra b");
    let ctx = context(ABSENCE);
    let mut engine = crate::engine::State::restore(stage.0.image().saved(), &ctx, after(10));
    engine.apply(&ctx, &Event::Tick, after(5_000));
    let changes = engine.drain(&ctx);
    assert!(changes.alerts.is_empty(), "{:?}", changes.alerts);
    engine.apply(&ctx, &Event::Tick, after(5_300));
    assert_eq!(engine.drain(&ctx).alerts.len(), 2);
}

#[test]
fn an_absence_survives_a_restart_and_ends_with_its_rule() {
    let mut stage = Stage::new(ABSENCE);
    stage.fire(10, "Dog ber a");
    stage.clear(20, "Dog ber a");
    stage.wait(400);
    assert_eq!(stage.missing().len(), 2);
    stage.0.restart(after(4_000));
    stage.wait(4_100);
    assert_eq!(stage.missing().len(), 2, "still missing");
    stage.fire(4_101, "Dog ber a");
    assert_eq!(stage.missing(), ["t/dog fra"]);
    stage.0.reload(context(SEQUENCE).rules, after(4_200));
    stage.wait(4_201);
    assert_eq!(stage.missing(), Vec::<String>::new());
}

#[test]
fn everybody_who_was_told_hears_at_the_interval_how_it_stands() {
    let mut stage = Stage::new(REPEAT);
    stage.fire(0, "PduDown - pdu");
    let updates = |stage: &Stage| stage.told(NoticeKind::Update);
    stage.wait(899);
    assert_eq!(updates(&stage), Vec::<String>::new());
    stage.wait(900);
    assert_eq!(updates(&stage), ["INC-1 still open after 15m, 1 of 1 alerts fire"]);
    stage.0.restart(after(1_000));
    stage.wait(1_800);
    assert_eq!(updates(&stage).len(), 3, "the manager, called at 15 min, hears it, too");
    stage.order(1_900, 1, Command::Resolve(Ending::default()));
    let resolved = updates(&stage).len();
    stage.clear(1_950, "PduDown - pdu");
    stage.wait(9_000);
    assert_eq!(updates(&stage).len(), resolved, "nothing after the end");
}

#[test]
fn the_first_notice_waits_for_a_cause_unless_its_rule_says_now() {
    for (alert, pages_at_once) in [("Hot - s1", 1), ("Cold - s1", 0)] {
        let mut stage = Stage::new(REPEAT);
        stage.fire(0, alert);
        assert_eq!(stage.incident(1).wait_until.is_none(), pages_at_once == 1, "{alert}");
        assert_eq!(stage.told(NoticeKind::Page).len(), pages_at_once, "{alert}");
    }
}
