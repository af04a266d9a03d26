//! Scenarios of what gathers alerts by the topology and by likelihood: time that fits, confidence,
//! suspects, what parts and what may be one.

use super::story::{PDU, SRV1, Story, VM1, after, received};
use crate::engine::changes::MemberOf;
use crate::engine::event::{Event, Rest};
use crate::engine::order::Command;
use crate::model::alert::{Join, Signal};
use crate::model::change::{Change, ChangeState};
use crate::model::incident::RecordId;
use crate::model::notice::NoticeKind;
use crate::model::progress::StateName;
use crate::model::timeline::Happening;

const NEAR: &str = "
rules:
  - name: near
    owner: noc
    when: ['alertname!=\"\"']
    related: {}
";

const SHOP: &str = "
cis:
  web: {class: service}
  checkout: {class: service}
  cart: {class: service}
  db: {class: service}
  pod-cart: {class: pod}
  mail: {class: service}
relations: [web -depends_on-> checkout, checkout -depends_on-> cart, cart -depends_on-> db,
            cart -runs_on-> pod-cart]
";

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// A story of short lines: `cart Slow` is an alert of that name about that CI.
struct Scene(Story);

impl Scene {
    fn new(rules: &str, cmdb: &str) -> Self {
        Self(Story::of(rules, cmdb))
    }

    fn labels(alert: &str) -> Vec<(&str, &str)> {
        let mut words = alert.split(' ');
        let (ci, name) = (words.next().unwrap(), words.next().unwrap_or("Slow"));
        let mut labels = vec![("alertname", name), ("severity", "critical")];
        match ci.split_once('=') {
            Some(label) => labels.push(label),
            None => labels.push(("ci", ci)),
        }
        labels.extend(words.filter_map(|word| word.split_once('=')));
        labels
    }

    fn fire(&mut self, at_s: u64, alert: &str) {
        assert_eq!(received(&self.0.fire(at_s, &Self::labels(alert))).0, 1, "{alert}");
    }

    fn clear(&mut self, at_s: u64, alert: &str) {
        assert_eq!(received(&self.0.clear(at_s, &Self::labels(alert))).1, 1, "{alert}");
    }

    fn change(&mut self, number: &str, ci: &str, begun_s: u64) {
        let change = Change {
            number: number.into(),
            cis: vec![ci.into()],
            starts_at: after(begun_s),
            ends_at: after(begun_s + 24 * HOUR),
            state: ChangeState::InProgress,
            owner: "".into(),
            summary: "".into(),
            source: "".into(),
        };
        let event =
            Event::PlanChanges { changes: vec![change], rest: Rest::Stays, by: "ann".into() };
        self.0.world.event(&event, after(begun_s));
    }

    fn texts(&self, id: u64, what: Happening) -> Vec<&str> {
        let told = self.0.world.image().timeline_of(RecordId(id));
        told.filter(|entry| entry.what == what).map(|entry| &*entry.text).collect()
    }

    fn suspects(&self, id: u64) -> Vec<String> {
        self.0.incident(id).suspects.iter().map(ToString::to_string).collect()
    }

    fn root(&self, id: u64) -> &str {
        self.0.incident(id).root.ci.as_deref().unwrap_or("")
    }

    /// Returns the CIs, or the labels, of an incident's alerts, in the order of their names.
    fn members(&self, id: u64) -> Vec<String> {
        let image = self.0.world.image();
        let of = image.members.values().filter(|row| row.incident == RecordId(id));
        let alerts = of.filter_map(|row| match row.what {
            MemberOf::Alert { fingerprint, .. } => image.alerts.get(&fingerprint),
            MemberOf::Incident => None,
        });
        let mut names: Vec<String> = alerts
            .map(|row| row.ci.as_ref().map_or_else(|| row.labels.to_string(), ToString::to_string))
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

#[test]
fn a_cause_that_alerts_after_its_symptoms_joins_them_and_becomes_the_root() {
    let mut scene = Scene::new(NEAR, SHOP);
    scene.fire(0, "web");
    scene.fire(10, "checkout");
    assert_eq!(scene.root(1), "checkout");
    scene.fire(20, "cart");
    scene.fire(25, "mail");
    assert_eq!(scene.0.open(), [1, 4], "mail is no part of it");
    assert_eq!(scene.root(1), "cart");
    let suspects = ["cart explains 3 of 3", "pod-cart explains 3 of 3", "checkout explains 2 of 3"];
    assert_eq!(scene.suspects(1)[..3], suspects);
}

#[test]
fn a_change_raises_the_ci_it_is_on_and_what_depends_on_it() {
    let play = |change: Option<(&str, u64)>| {
        let mut scene = Scene::new(NEAR, SHOP);
        scene.0.wait(0);
        if let Some((ci, begun_s)) = change {
            scene.change("CHG-1", ci, begun_s);
        }
        let start = 6 * HOUR;
        scene.fire(start, "web");
        scene.fire(start + 10, "checkout");
        scene.fire(start + 20, "cart");
        (scene.root(1).to_owned(), scene.suspects(1))
    };
    let just_now = 6 * HOUR - 4 * MINUTE;
    let (root, suspects) = play(None);
    assert_eq!((&*root, &*suspects[0]), ("cart", "cart explains 3 of 3"));
    let (root, suspects) = play(Some(("checkout", just_now)));
    let first = "checkout explains 2 of 3; CHG-1 on it started 4m before";
    assert_eq!((&*root, &*suspects[0]), ("checkout", first));
    let (root, suspects) = play(Some(("checkout", 60)));
    assert_eq!(root, "cart", "a change of six hours ago says little");
    assert_eq!(suspects[2], "checkout explains 2 of 3; CHG-1 on it started 5h59m before");
    let (root, suspects) = play(Some(("db", just_now)));
    assert_eq!(root, "cart", "the database does not alert");
    assert_eq!(suspects[0], "cart explains 3 of 3; CHG-1 on db started 4m before");
    assert!(suspects.contains(&"db explains 3 of 3; CHG-1 on it started 4m before".into()));
    let (_, suspects) = play(Some(("mail", just_now)));
    assert!(!suspects.concat().contains("CHG-1"), "{suspects:?}");
}

#[test]
fn a_changed_ci_is_named_though_others_are_likelier() {
    let cmdb = "
cis: {web: {class: service}, a: {class: service}, b: {class: service}, c: {class: service},
      d: {class: service}, e: {class: service}, z: {class: service}}
relations: [web -depends_on-> a, web -depends_on-> b, web -depends_on-> c, web -depends_on-> d,
            web -depends_on-> e, a -depends_on-> z]
";
    for (changes, last) in
        [(false, "d explains 1 of 1"), (true, "z explains 1 of 1; CHG-1 on it started 3h before")]
    {
        let mut scene = Scene::new(NEAR, cmdb);
        if changes {
            scene.change("CHG-1", "z", 60);
        }
        scene.fire(3 * HOUR + 60, "web");
        let suspects = scene.suspects(1);
        assert_eq!((suspects.len(), &*suspects[4]), (5, last));
    }
}

#[test]
fn a_storm_asks_for_changes_too() {
    let rules = "
rules:
  - name: site
    owner: noc
    when: ['alertname!=\"\"']
    storm:
      per: [alertname]
      enter: {distinct: ci, count: 2, within: 1m}
      leave: {below: 2}
      rank_suspects: {follow: [powers, connects], top: 2}
";
    let cmdb = "
cis: {pdu: {class: pdu}, sw: {class: switch}, x: {class: server}, y: {class: server}}
relations: [pdu -powers-> x, pdu -powers-> y, sw -connects-> x, sw -connects-> y]
";
    for (change, suspects) in [
        (None, ["pdu explains 2 of 2", "sw explains 2 of 2"]),
        (Some("sw"), ["sw explains 2 of 2; CHG-1 on it started 4m before", "pdu explains 2 of 2"]),
    ] {
        let mut scene = Scene::new(rules, cmdb);
        if let Some(ci) = change {
            scene.change("CHG-1", ci, 60);
        }
        scene.fire(300, "x");
        scene.fire(310, "y");
        assert_eq!(scene.suspects(1), suspects);
    }
}

#[test]
fn a_dependant_may_come_the_later_the_farther_it_is() {
    let rules = |delay: &str| {
        format!(
            "
rules:
  - name: power
    owner: dc-ops
    when: ['alertname=\"PduOutputOff\"']
    topology: {{follow: [powers, hosts], window: 60s{delay}}}
"
        )
    };
    let join = |delay: &str, alert: &[(&str, &str)], at_s: u64| {
        let mut story = Story::of(&rules(delay), super::story::CMDB);
        story.fire(0, PDU);
        story.fire(at_s, alert);
        (story.open() == [1]).then(|| story.join(1, 2).to_string())
    };
    for (delay, alert, at_s, expected) in [
        ("", SRV1, 59, Some("dependant of pdu-1, 1 hop, 59s after it, 94 % likely")),
        ("", SRV1, 60, None),
        ("", VM1, 60, None),
        (
            ", delay: 30s",
            SRV1,
            30,
            Some("dependant of pdu-1, 1 hop, 30s after it, expected within 30s, 94 % likely"),
        ),
        (
            ", delay: 30s",
            SRV1,
            89,
            Some("dependant of pdu-1, 1 hop, 1m29s after it, expected within 30s, 80 % likely"),
        ),
        (", delay: 30s", SRV1, 90, None),
        (
            ", delay: 30s",
            VM1,
            40,
            Some("dependant of pdu-1, 2 hops, 40s after it, expected within 1m, 90 % likely"),
        ),
        (
            ", delay: 30s",
            VM1,
            119,
            Some("dependant of pdu-1, 2 hops, 1m59s after it, expected within 1m, 77 % likely"),
        ),
        (", delay: 30s", VM1, 120, None),
        (", delay: {powers: 5s}", SRV1, 65, None),
        (
            ", delay: {powers: 0s, hosts: 2m}",
            VM1,
            100,
            Some("dependant of pdu-1, 2 hops, 1m40s after it, expected within 2m, 90 % likely"),
        ),
        (", delay: {powers: 0s, hosts: 2m}", SRV1, 60, None),
    ] {
        assert_eq!(join(delay, alert, at_s).as_deref(), expected, "{delay} {at_s}");
    }
}

#[test]
fn every_join_says_how_sure_it_is() {
    let mut story = Story::new();
    story.fire(0, SRV1);
    story.fire(5, PDU);
    story.fire(6, VM1);
    assert_eq!(story.join(1, 2).confidence(), Some(94), "the cause");
    assert_eq!(story.join(1, 3).confidence(), Some(90));
    assert_eq!(Join::Own.confidence(), None);
    let (rule, key) = ("t/r".into(), "a=\"1\"".into());
    assert_eq!(Join::Group { rule, key }.confidence(), Some(100));
}

#[test]
fn what_is_known_by_several_ways_or_stale_ones_is_surer_or_less_sure() {
    let rules = "
rules:
  - name: power
    owner: dc-ops
    when: ['alertname=\"PduOutputOff\"']
    topology: {follow: [powers, hosts]}
";
    let sure = |more: &str, old: &str| {
        let cmdb = format!(
            "{{cis: {{pdu-1: {{class: pdu}}, srv-1: {{class: server}}, srv-2: {{class: server}},
                      vm-1: {{class: vm}}}},
              relations: [{{relation: pdu-1 -powers-> srv-1, seen_at: {old}}},
                {{relation: pdu-1 -powers-> srv-2, seen_at: 2026-01-04T00:00:00Z}},
                {{relation: srv-1 -hosts-> vm-1, seen_at: 2026-01-04T00:00:00Z}}{more}]}}"
        );
        let mut story = Story::of(rules, &cmdb);
        story.fire(0, PDU);
        story.fire(5, VM1);
        story.join(1, 2).confidence()
    };
    let fresh = "2026-01-04T00:00:00Z";
    assert_eq!(sure("", fresh), Some(90));
    assert_eq!(sure(", srv-2 -hosts-> vm-1", fresh), Some(95));
    assert_eq!(sure("", "2025-11-04T00:00:00Z"), Some(72));
}

#[test]
fn what_outlives_the_root_by_far_goes_on_by_itself() {
    let mut scene = Scene::new(NEAR, SHOP);
    scene.fire(0, "cart");
    scene.fire(10, "checkout");
    scene.fire(12, "web");
    assert_eq!(scene.root(1), "cart");
    scene.clear(60, "cart");
    // Sixty ticks of a minute after the root.
    scene.0.wait(60 + HOUR - 1);
    assert_eq!(scene.0.open(), [1]);
    let pages = scene.0.world.pages().count();
    scene.0.wait(60 + HOUR);
    assert_eq!(scene.0.open(), [4]);
    assert_eq!(scene.members(4), ["checkout", "web"], "together");
    assert_eq!(scene.root(4), "checkout", "blamed anew");
    assert_eq!(scene.0.join(4, 4), &Join::Outlived { former: RecordId(1) });
    assert_eq!(scene.0.incident(1).progress.name(), StateName::Resolved);
    assert_eq!(scene.0.incident(1).apart_from, [RecordId(4)]);
    assert_eq!(scene.texts(1, Happening::Split), ["2 alerts still fire and go on in INC-4"]);
    assert_eq!(
        scene.texts(1, Happening::Resolved),
        ["its root and what runs with it have been clear for 1h"]
    );
    assert_eq!(scene.0.world.pages().count(), pages + 1, "as new");
    // Its own root still fires: nothing parts again.
    scene.0.wait(12 * HOUR);
    assert_eq!(scene.0.open(), [4]);
    scene.clear(12 * HOUR, "checkout");
    scene.0.wait(13 * HOUR);
    assert_eq!(scene.0.open().len(), 1, "at most once in sixty ticks, and ever fewer");
}

#[test]
fn nothing_parts_while_the_root_s_part_fires_or_the_rule_says_never() {
    let play = |rules: &str, others: &[&str]| {
        let mut scene = Scene::new(rules, SHOP);
        scene.fire(0, "cart");
        for other in others {
            scene.fire(10, other);
        }
        scene.clear(60, "cart");
        scene.0.wait(5 * HOUR);
        scene.0.open() == [1]
    };
    assert!(!play(NEAR, &["checkout"]));
    assert!(play(NEAR, &["checkout", "pod-cart"]), "the pod is part of the cart");
    assert!(play(NEAR, &["checkout", "cart Errors"]), "another alert of the cart");
    let never = NEAR.replace("{}", "{part_after: 0}");
    assert!(play(&never, &["checkout"]));
    let later = NEAR.replace("{}", "{part_after: 600}");
    assert!(play(&later, &["checkout"]), "ten hours");
}

#[test]
fn nothing_parts_while_somebody_has_the_incident() {
    let mut scene = Scene::new(NEAR, SHOP);
    scene.fire(0, "cart");
    scene.fire(10, "checkout");
    let hold = Some(core::time::Duration::from_secs(2 * HOUR));
    scene.0.order(20, 1, Command::Acknowledge { hold, update_in: None });
    scene.clear(60, "cart");
    scene.0.wait(2 * HOUR);
    assert_eq!(scene.0.open(), [1]);
    scene.0.wait(3 * HOUR);
    assert_eq!(scene.0.open(), [3], "nobody had it when it was asked again");
}

#[test]
fn a_root_that_comes_back_ends_the_wait_for_what_outlives_it() {
    let mut scene = Scene::new(NEAR, SHOP);
    scene.fire(0, "cart");
    scene.fire(10, "checkout");
    scene.clear(60, "cart");
    assert!(scene.0.incident(1).likely.parts_at.is_some());
    scene.fire(90, "cart");
    assert_eq!((scene.0.open(), scene.0.incident(1).likely.parts_at), (vec![1], None));
}

#[test]
fn an_alert_that_fits_two_incidents_says_that_they_may_be_one() {
    let cmdb = "
cis: {a: {class: service}, b: {class: service}, x: {class: service}, y: {class: service}}
relations: [x -depends_on-> a, x -depends_on-> b, y -depends_on-> b]
";
    let mut scene = Scene::new(NEAR, cmdb);
    scene.fire(0, "a");
    scene.fire(60, "b");
    assert_eq!(scene.0.open(), [1, 2]);
    scene.fire(65, "x Errors");
    scene.fire(66, "y Errors");
    assert_eq!(scene.0.open(), [1, 2], "nothing is united for that");
    let [one, other] = [1, 2].map(|id| scene.texts(id, Happening::Perhaps));
    assert_eq!(one.len(), 1);
    assert!(one[0].starts_with("perhaps the same as INC-2 ("), "{one:?}");
    let rest = "%): Errors x fits both; if so: incidentd merge INC-2 --into INC-1";
    assert!(one[0].ends_with(rest), "{one:?}");
    assert!(other[0].starts_with("perhaps the same as INC-1 ("), "{other:?}");
    scene.fire(67, "x Late");
    assert_eq!(scene.texts(1, Happening::Perhaps).len(), 1, "once for each two");
    assert_eq!(scene.0.incident(1).likely.perhaps, [RecordId(2)]);
}

#[test]
fn an_alert_that_fits_one_incident_alone_suggests_nothing() {
    let mut scene = Scene::new(NEAR, SHOP);
    scene.fire(0, "cart");
    scene.fire(0, "mail");
    scene.fire(10, "checkout");
    assert_eq!(scene.0.open(), [1, 2]);
    assert_eq!(scene.texts(1, Happening::Perhaps), Vec::<&str>::new());
}

#[test]
fn equal_names_in_two_namespaces_stay_apart_with_and_without_a_cmdb() {
    let cmdb = "
cis:
  a/cart: {class: service, labels: {namespace: a, service: cart}}
  b/cart: {class: service, labels: {namespace: b, service: cart}}
";
    for cmdb in [cmdb, "{cis: {lone: {class: service}}}"] {
        let mut scene = Scene::new(NEAR, cmdb);
        for round in 0..4 {
            let at = round * 3 * HOUR;
            scene.fire(at, "namespace=a Errors service=cart");
            scene.fire(at + 2, "namespace=b Errors service=cart");
            scene.fire(at + 4, "namespace=a Slow service=cart");
            scene.fire(at + 6, "namespace=b Slow service=cart");
            assert_eq!(scene.0.open().len(), 2, "round {round}, {cmdb}");
            for alert in ["a Errors", "b Errors", "a Slow", "b Slow"] {
                scene.clear(at + 120, &format!("namespace={alert} service=cart"));
            }
            scene.0.wait(at + HOUR);
            assert_eq!(scene.0.open(), Vec::<u64>::new());
        }
    }
}

#[test]
fn a_slow_burn_keeps_its_members_for_hours_and_takes_in_nothing_unrelated() {
    let mut scene = Scene::new(NEAR, SHOP);
    // The cart burns all the time; what depends on it does for the first two hours, and then comes and
    // goes every ten minutes; the mail has troubles of its own every half an hour.
    scene.fire(0, "cart");
    scene.fire(30, "cart Latency");
    scene.fire(40, "checkout");
    for minute in 120..480 {
        let at = minute * MINUTE;
        match minute % 10 {
            1 => scene.clear(at, "cart Latency"),
            2 => scene.clear(at, "checkout"),
            5 => scene.fire(at, "checkout"),
            6 => scene.fire(at, "cart Latency"),
            _ => {}
        }
        match minute % 30 {
            12 => scene.fire(at, "mail"),
            13 => scene.clear(at, "mail"),
            _ => {}
        }
    }
    assert!(scene.0.open().contains(&1));
    assert!(!scene.members(1).contains(&"mail".into()));
    assert!(scene.members(1).contains(&"cart".into()));
    let mails = scene.0.world.image().incidents.values();
    let of_mail = mails.filter(|it| it.root.ci.as_deref() == Some("mail"));
    for incident in of_mail {
        assert_eq!(scene.members(incident.id.0), ["mail"]);
    }
    let of_cart = scene.0.world.image().incidents.values();
    let of_cart = of_cart.filter(|it| it.root.ci.as_deref() != Some("mail"));
    assert_eq!(of_cart.count(), 1, "one slow burn is one incident");
}

/// Plays the same with a restart after each step and without any; what is stored must be the same.
fn unmoved_by_restarts(cmdb: &str, steps: &[(u64, String, bool)]) -> Scene {
    let play = |restarts: bool| {
        let mut scene = Scene::new(NEAR, cmdb);
        for (at_s, alert, fires) in steps {
            let labels = Scene::labels(alert);
            let until = after(at_s + 30 * 24 * HOUR);
            let signal = if *fires {
                Signal::Firing { until, explicit: false }
            } else {
                Signal::Resolved { at: after(*at_s) }
            };
            scene.0.send(*at_s, &labels, signal, *at_s);
            if restarts {
                scene.0.world.restart(after(*at_s));
            }
        }
        scene
    };
    let (calm, restarted) = (play(false), play(true));
    let [with, without] = [&restarted, &calm].map(|scene| {
        // A timer that a heartbeat left behind is not there after a restart: one tick less.
        let mut image = scene.0.world.image().clone();
        image.counters.batch = 0;
        format!("{image:#?}")
    });
    let mut lines = with.lines().zip(without.lines()).enumerate();
    assert_eq!(lines.find(|(_, (with, without))| with != without), None);
    calm
}

#[test]
fn a_restart_changes_no_decision_by_likelihood() {
    let cis = ["web", "checkout", "cart", "db", "pod-cart", "mail", "host=h1", "host=h2"];
    for seed in 1..6_u64 {
        // Samples of five minutes: places matter for longer than ended alerts are held.
        let mut dice = seed;
        let mut roll = |below: u64| {
            dice = dice
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (dice >> 33) % below
        };
        let mut fires = [[false; 2]; 8];
        let mut steps = Vec::new();
        for step in 0..160 {
            let (at, name) = (roll(8), roll(2));
            let on = &mut fires[usize::try_from(at).unwrap()][usize::try_from(name).unwrap()];
            *on = !*on;
            let alert = format!(
                "{} {}",
                cis[usize::try_from(at).unwrap()],
                ["Slow", "Errors"][usize::try_from(name).unwrap()]
            );
            steps.push((step * 5 * MINUTE + roll(60), format!("{alert} job=j"), *on));
        }
        let scene = unmoved_by_restarts(SHOP, &steps);
        let related = scene.0.world.image().members.values();
        let related = related.filter(|row| matches!(row.join, Join::Related { .. })).count();
        assert!(related > 10, "{related} joins by likelihood");
    }
}

#[test]
fn whoever_was_told_of_the_old_incident_hears_of_its_end() {
    let mut scene = Scene::new(NEAR, SHOP);
    scene.fire(0, "cart");
    scene.fire(10, "checkout");
    scene.clear(60, "cart");
    scene.0.wait(2 * HOUR);
    let updates = scene.0.told(NoticeKind::Update);
    assert!(updates.contains(&"INC-1 noc".into()), "{updates:?}");
}
