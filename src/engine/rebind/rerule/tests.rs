//! The short way to other rules ends where the long one does, and goes on as that does.

use core::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::tests::{Fired, START, context, essence, event, plan};
use super::*;
use crate::cmdb::Topology;
use crate::engine::changes::Saved;
use crate::engine::context::Limits;
use crate::engine::event::Event;
use crate::engine::rebind::Told;
use crate::rules::{RuleSet, SourceFile, load};

/// What each rule may say; in other rule sets it may say something else, or nothing.
const RULES: [(&str, &[&str]); 14] = [
    (
        "tier",
        &[
            "when: ['ci.tier=\"1\"'], enrich: {severity: critical, labels: {class: '{{ ci.class }}'}, override: true}",
            "when: ['ci.tier=\"1\"'], enrich: {severity: info, override: true}",
            "when: ['class=\"server\"'], enrich: {labels: {site: ber}}",
        ],
    ),
    (
        "again",
        &[
            "when: ['site=\"fra\"'], enrich: {category: network}",
            "when: ['class=~\".+\"'], enrich: {labels: {job: j}}",
        ],
    ),
    (
        "power",
        &[
            "when: ['ci.class=~\"pdu|ups\"'], topology: {follow: [powers, hosts], max_hops: 3, lookback: 1h}",
            "when: ['ci.class=\"pdu\"'], topology: {follow: [powers], max_hops: 1}, resolve: {when: root_clears}",
        ],
    ),
    (
        "rack",
        &[
            "when: ['job!=\"\"'], group: {by: [job], window: 1h}",
            "when: ['job!=\"\"'], group: {by: [alertname], window: 5m}, incident: {title: 'other'}, resolve: {linger: 10s}",
        ],
    ),
    (
        "near",
        &["when: ['ci.class!=\"pdu\"'], related: {}", "when: ['alertname=\"A1\"'], related: {}"],
    ),
    (
        "worse",
        &[
            "when: 'severity=~\"info|warning\"', inhibit: {source: 'severity=\"critical\"', equal: [site]}",
            "when: 'severity=\"info\"', inhibit: {source: 'severity=~\"warning|critical\"', topology: {follow: [powers, hosts]}}",
            "when: 'severity=\"info\"', inhibit: {source: 'severity=\"critical\"', equal: [job]}",
        ],
    ),
    (
        "storm",
        &[
            "when: 'site=\"fra\"', storm: {per: [site], enter: {distinct: n, count: 2, within: 2m}, leave: {below: 2, for: 1m}}",
            "when: 'alertname=~\"A.\"', storm: {per: [job], enter: {distinct: ci, count: 3, within: 10m}, leave: {below: 3, for: 2m}}",
        ],
    ),
    (
        "order",
        &[
            "when: 'alertname=~\"A.\"', sequence: {by: [job], steps: [{name: one, when: 'alertname=\"A1\"'}, {name: two, when: 'alertname=\"A2\"'}], within: 10m}",
            "when: 'alertname=~\"A.\"', sequence: {by: [job], steps: [{name: zero, when: 'alertname=\"A0\"'}, {name: one, when: 'alertname=\"A1\"'}, {name: two, when: 'alertname=\"A2\"'}], within: 30m}",
        ],
    ),
    (
        "known",
        &[
            "when: 'alertname=\"A0\"', known_error: {id: KE-1, workaround: 'w', keep_quiet: {max_age: 1h}}",
            "when: 'alertname=\"A0\"', known_error: {id: KE-1, workaround: 'w'}",
            "when: 'alertname=\"A1\"', known_error: {id: KE-1, workaround: 'w', keep_quiet: {max_age: 1h}}",
        ],
    ),
    (
        "calm",
        &[
            "when: 'alertname=\"A2\"', quiet: {every: {days: [mon, tue, wed, thu, fri, sat, sun], at: '00:00', for: 24h, zone: UTC}}",
            "when: 'alertname=\"A1\"', quiet: {every: {days: [mon, tue, wed, thu, fri, sat, sun], at: '00:00', for: 24h, zone: UTC}}",
        ],
    ),
    ("gone", &["when: 'alertname=\"A0\"', drop: {reason: none}"]),
    (
        "try",
        &[
            "when: 'job=\"j\"', shadow: true, group: {by: [site]}",
            "when: 'job=\"j\"', group: {by: [site]}",
        ],
    ),
    (
        "mute",
        &[
            "when: 'severity=\"info\"', shadow: true, inhibit: {source: 'severity=\"critical\"', equal: [site]}",
        ],
    ),
    ("heard", &["when: 'job=\"j\"', absence: {for: 5m, per: [site], alertname: Silent}"]),
];

/// Which form each rule has, and which of the other sections.
type Choice = (Vec<usize>, usize);

fn choice() -> impl Strategy<Value = Choice> {
    (vec(0..4usize, RULES.len()), 0..3usize)
}

fn rules((forms, section): &Choice) -> Arc<RuleSet> {
    use core::fmt::Write;
    let section =
        ["", "lifecycle: {linger: 20s}\n", "priorities: {urgency: {info: high}}\n"][*section];
    let mut text = format!(
        "version: 1\nnamespace: it\n{section}binding:\n  - {{labels: [[host, n]], attributes: [[short, name]], ignore_case: true}}\nrules:\n"
    );
    for ((name, says), form) in RULES.iter().zip(forms) {
        let Some(says) = says.get(*form) else { continue };
        writeln!(text, "  - {{name: {name}, owner: dc, summary: s, {says}}}").unwrap();
    }
    if text.ends_with("rules:\n") {
        text.truncate(text.len() - "rules:\n".len());
    }
    let loaded = load(&[SourceFile { name: "t".into(), text: text.clone() }]);
    Arc::new(loaded.set.unwrap_or_else(|| panic!("{text}\n{:?}", loaded.diagnostics)))
}

/// What a state amounts to, as for another topology, and what is kept of alerts over time.
fn amounts(state: &mut State, ctx: &Context) -> String {
    // What no window reaches any more is dropped now and then.
    crate::engine::gather::prune(state, ctx, state.now());
    state.incidents.for_each_mut(|case| case.record.rules_version = 0);
    let mut held: Vec<_> = state
        .alerts
        .iter()
        .map(|(alert, held)| {
            let mut of = held.state.clone();
            of.revision = 0;
            (*alert, of, held.slots.clone(), held.filed.is_some())
        })
        .collect();
    held.sort_unstable_by_key(|(alert, ..)| *alert);
    let (inhibition, gathering) = (state.inhibition.kept(), state.gathering.kept());
    let silences: Vec<_> = state.silences().collect();
    let rest = format!(
        "{held:?}\n{inhibition}\n{gathering}\n{:?}\n{silences:?} {:?}",
        state.shadows, state.hushed
    );
    let (text, entries) = essence(state);
    format!("{text}\n{rest}\n{entries:?}").replace("}, ", "},\n")
}

fn pass(state: &mut State, ctx: &Context, seconds: u64) {
    let end = state.now().plus(Duration::from_secs(seconds));
    while let Some(due) = state.next_due().filter(|due| *due < end) {
        let at = due.max(state.now());
        state.apply(ctx, &Event::Tick, at);
    }
    state.apply(ctx, &Event::Tick, end);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn other_rules_lead_where_looking_at_everything_leads(
        cis in plan(),
        before in choice(),
        other in vec((0..RULES.len(), 0..4usize), 0..3),
        section in 0..3usize,
        fired in vec((0..9usize, 0..3u8, any::<bool>(), prop::bool::weighted(0.2)), 0..12),
        later in vec((0..9usize, 0..3u8, any::<bool>(), prop::bool::weighted(0.4)), 0..4),
        told in any::<u64>(),
    ) {
        let mut after = before.clone();
        for (rule, form) in other {
            after.0[rule] = form;
        }
        if told % 4 == 0 {
            after.1 = section;
        }
        let topology = Arc::clone(&context(&rules(&before), 1, &cis).topology);
        let of = |choice: &Choice, topology: &Arc<Topology>| {
            Context::new(rules(choice), Arc::clone(topology), Limits::default())
        };
        let (old, new) = (of(&before, &topology), of(&after, &topology));
        let say = |state: &mut State, ctx: &Context, alerts: &[Fired]| {
            for alert in alerts {
                state.apply(ctx, &event(*alert), state.now());
                pass(state, ctx, 7);
            }
        };
        let [mut short, mut long] = [0; 2].map(|_| {
            let mut state = State::restore(Saved::default(), &old, START);
            say(&mut state, &old, &fired);
            drop(state.drain(&old));
            state
        });
        let mut forecast = Forecast::of_rules(&old, &new);
        let known = |alert: &Fingerprint| told >> (alert.0 % 64) & 1 == 1;
        for (alert, held) in short.alerts.iter().filter(|(alert, _)| known(alert)) {
            let severity = held.state.severity.as_deref();
            forecast.foretell([&old, &new], *alert, Told { labels: &held.labels, severity });
        }
        let at = short.now().plus(Duration::from_secs(5));
        short.apply(&new, &Event::RulesChanged(Arc::new(forecast)), at);
        long.apply(&new, &Event::RulesChanged(Arc::new(Forecast::of_nothing())), at);
        for state in [&mut short, &mut long] {
            state.apply(&new, &Event::Tick, at);
        }
        prop_assert!(short.reviews.is_empty(), "so few at once");
        prop_assert_eq!(amounts(&mut short, &new), amounts(&mut long, &new));
        for state in [&mut short, &mut long] {
            say(state, &new, &later);
            pass(state, &new, 3_700);
        }
        prop_assert_eq!(amounts(&mut short, &new), amounts(&mut long, &new), "an hour later");
    }
}
