//! What rules are credited with, those without effect included.

use core::time::Duration;
use std::sync::Arc;

use super::story::{DISK, PDU, RULES, SRV1, SRV2, Story, VM1, after, rule_set};
use crate::engine::State;
use crate::engine::changes::Counters;
use crate::engine::context::Context;
use crate::engine::event::Event;
use crate::engine::order::Command;
use crate::model::credit::{Credit, Credits};
use crate::model::incident::RecordId;
use crate::model::notice::NoticeKind;
use crate::rules::{RuleSet, SourceFile, load};

/// The counts of a rule in the order of `CREDITS`; all 0 for one of which nothing came.
fn counts(story: &Story, rule: &str) -> [u64; 8] {
    story.world.image().credits.get(rule).map_or([0; 8], |of| of.counts.0)
}

const SITE_A: &[(&str, &str)] = &[("alertname", "PingLoss"), ("site", "fra"), ("host", "a")];
const SITE_B: &[(&str, &str)] =
    &[("alertname", "PingLoss"), ("site", "fra"), ("host", "b"), ("severity", "critical")];
const SITE_C: &[(&str, &str)] = &[("alertname", "PingLoss"), ("site", "ham"), ("host", "c")];

#[test]
fn a_rule_is_credited_with_what_it_gathers_and_the_pages_that_spares() {
    let mut story = Story::new();
    story.fire(0, PDU);
    story.fire(5, SRV1);
    story.fire(6, DISK);
    assert_eq!(counts(&story, "t/power"), [1, 1, 1, 1, 0, 0, 0, 0], "a tier 1 service suffers");
    story.fire(10, SITE_A);
    story.fire(11, SITE_B);
    story.fire(12, SITE_B);
    assert_eq!(counts(&story, "t/site"), [2, 1, 1, 1, 0, 0, 0, 0], "a heartbeat counts nothing");
    story.fire(13, &[("alertname", "PingLoss"), ("site", "fra"), ("host", "d")]);
    assert_eq!(counts(&story, "t/site"), [3, 1, 2, 1, 0, 0, 0, 0], "it would not have paged");
    assert_eq!(story.world.image().credits["t/site"].last, after(13));
}

#[test]
fn an_incident_that_is_taken_in_before_anybody_was_called_spares_its_page() {
    let mut story = Story::new();
    story.fire(0, SRV1);
    story.fire(5, VM1);
    story.fire(10, PDU);
    story.wait(60);
    assert_eq!(story.told(NoticeKind::Page).len(), 1);
    // The cause joined the first, the second became part of it; each would have paged.
    assert_eq!(counts(&story, "t/power")[2..4], [2, 2]);
}

#[test]
fn what_a_person_takes_apart_is_a_wrong_grouping_of_the_rule() {
    let mut story = Story::new();
    story.fire(0, SITE_A);
    story.fire(1, SITE_B);
    let records = vec![RecordId(2)];
    story.order(5, 1, Command::Split { records });
    assert_eq!(counts(&story, "t/site")[5], 1);
}

fn shadowed() -> Arc<RuleSet> {
    let rules = RULES.replace("    owner:", "    shadow: true\n    owner:");
    let loaded = load(&[SourceFile { name: "t.yaml".into(), text: rules }]);
    Arc::new(loaded.set.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics)))
}

fn with_rules(rules: Arc<RuleSet>) -> Story {
    let mut story = Story::new();
    let ctx = story.world.context();
    let ctx = Context::new(rules, Arc::clone(&ctx.topology), ctx.limits);
    story.world = super::world::World::new(ctx, after(0));
    story
}

#[test]
fn a_shadow_has_no_effect_and_counts_what_it_would_have_done() {
    let mut story = with_rules(shadowed());
    assert!(story.world.context().rules.rules.is_empty());
    story.fire(0, SRV1);
    story.fire(10, PDU);
    story.fire(20, SRV2);
    story.fire(30, SITE_A);
    story.fire(40, SITE_B);
    story.fire(50, SITE_C);
    assert_eq!(story.open(), [1, 2, 3, 4, 5, 6], "each alert is on its own");
    assert_eq!(story.incident(2).rule, None);
    assert_eq!(counts(&story, "t/power"), [1, 0, 0, 0, 0, 0, 2, 0], "one before, one after it");
    assert_eq!(counts(&story, "t/site"), [3, 0, 0, 0, 0, 0, 1, 0], "not the other site's");
}

#[test]
fn a_shadow_counts_nothing_absorbed_beyond_its_window_or_once_the_other_is_over() {
    for (second, would) in [(299, 1), (300, 0)] {
        let mut story = with_rules(shadowed());
        story.fire(0, SITE_A);
        story.fire(second, SITE_B);
        assert_eq!(counts(&story, "t/site")[6], would, "after {second} s");
    }
    let mut story = with_rules(shadowed());
    story.fire(0, SITE_A);
    story.clear(5, SITE_A);
    story.fire(10, SITE_B);
    assert_eq!(counts(&story, "t/site"), [2, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn what_shadows_know_is_there_again_after_a_restart() {
    let mut story = with_rules(shadowed());
    story.fire(0, SITE_A);
    story.fire(1, PDU);
    let saved = story.world.image().saved();
    let before = saved.credits.clone();
    let ctx = story.world.context();
    let mut state = State::restore(saved, ctx, after(2));
    for labels in [SITE_B, SRV1] {
        let mut other = with_rules(shadowed());
        other.fire(3, labels);
        let row = other.world.image().alerts.values().next().unwrap().clone();
        state.apply(ctx, &super::alone::fires(&row, after(3)), after(3));
    }
    let credits = state.drain(ctx).credits;
    let would = |rule: &str| {
        let of = |all: &[Credits]| {
            let of = all.iter().find(|of| &*of.rule == rule);
            of.map_or(0, |of| of.counts.of(Credit::WouldAbsorb))
        };
        (of(&before), of(&credits))
    };
    assert_eq!((would("t/site"), would("t/power")), ((0, 1), (0, 1)));
}

#[test]
fn credits_of_a_rule_that_is_gone_are_kept_for_a_quarter() {
    let mut story = Story::new();
    story.fire(0, SITE_A);
    let image = story.world.image();
    let counters = Counters { next_record: 0, ..image.counters.clone() };
    let saved = || crate::engine::changes::Saved {
        credits: image.credits.values().cloned().collect(),
        counters: counters.clone(),
        ..Default::default()
    };
    let topology = Arc::clone(&story.world.context().topology);
    let limits = story.world.context().limits;
    let gone = Context::new(Arc::new(RuleSet::builtin()), Arc::clone(&topology), limits);
    let there = Context::new(rule_set(), topology, limits);
    let day = Duration::from_hours(24);
    for (ctx, days, forgotten) in [(&gone, 89, 0), (&gone, 91, 1), (&there, 91, 0)] {
        let mut state = State::restore(saved(), ctx, after(0));
        state.apply(ctx, &Event::Tick, after(0).plus(days * day));
        assert_eq!(state.drain(ctx).credits_gone.len(), forgotten, "{days} days");
    }
}

const HOLDING: &str = r#"
  - name: maintenance
    when: ['alertname="DiskFull"']
    quiet: {from: 2026-01-05T09:00:00Z, to: 2026-01-05T11:00:00Z}
  - name: link
    when: ['alertname="PingLoss"']
    inhibit: {source: 'alertname="LinkDown"', equal: [site]}
"#;

#[test]
fn rules_that_hold_back_are_credited_and_their_shadows_with_what_they_would() {
    let text = format!("{RULES}{HOLDING}");
    let shadows = text.replace("    quiet:", "    shadow: true\n    quiet:");
    let shadows = shadows.replace("    inhibit:", "    shadow: true\n    inhibit:");
    for (text, at) in [(text, 4), (shadows, 7)] {
        let loaded = load(&[SourceFile { name: "t.yaml".into(), text }]);
        let set = loaded.set.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics));
        let mut story = with_rules(Arc::new(set));
        story.fire(0, DISK);
        story.fire(0, SITE_C);
        story.fire(1, &[("alertname", "LinkDown"), ("site", "fra")]);
        story.fire(2, SITE_A);
        let held = |rule: &str| counts(&story, rule)[at];
        assert_eq!((held("t/maintenance"), held("t/link")), (1, 1), "count {at}");
        assert_eq!(counts(&story, "t/link")[0], 2, "the other site's has no source");
    }
}

#[test]
fn a_rule_is_credited_when_its_source_comes_after_what_it_inhibits() {
    let loaded = load(&[SourceFile { name: "t.yaml".into(), text: format!("{RULES}{HOLDING}") }]);
    let mut story = with_rules(Arc::new(loaded.set.unwrap()));
    story.fire(0, SITE_A);
    story.fire(5, &[("alertname", "LinkDown"), ("site", "fra")]);
    assert_eq!(counts(&story, "t/link")[4], 1);
}

#[test]
fn what_is_left_out_or_added_to_is_counted_and_a_shadow_leaves_nothing_out() {
    let rules = r#"
  - name: noise
    when: ['alertname="Watchdog"']
    drop: {reason: it always fires}
  - name: shop
    when: ['alertname="DiskFull"']
    enrich: {category: storage}
"#;
    let text = format!("{RULES}{rules}");
    let shadows = text.replace("    drop:", "    shadow: true\n    drop:");
    for (text, noise, open) in
        [(text, [2, 0, 0, 0, 2, 0, 0, 0], 1), (shadows, [1, 0, 0, 0, 0, 0, 0, 1], 2)]
    {
        let loaded = load(&[SourceFile { name: "t.yaml".into(), text }]);
        let set = loaded.set.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics));
        let mut story = with_rules(Arc::new(set));
        story.fire(0, &[("alertname", "Watchdog")]);
        story.fire(1, &[("alertname", "Watchdog")]);
        story.fire(2, DISK);
        assert_eq!(counts(&story, "t/noise"), noise, "each message that is left out");
        assert_eq!(counts(&story, "t/shop")[0], 1);
        assert_eq!(story.open().len(), open);
    }
}
