//! Suspects of an open incident when planned changes are withdrawn, moved, or entered afterwards.

use super::story::{Story, after};
use crate::engine::event::{Event, Rest};
use crate::model::change::{Change, ChangeState};
use crate::model::incident::RecordId;
use crate::model::timeline::Happening;

const RULES: &str = "
rules:
  - name: near
    owner: noc
    when: ['alertname!=\"\"']
    related: {}
";

const CMDB: &str = "
cis: {web: {class: service}, checkout: {class: service}, cart: {class: service},
      mail: {class: service}}
relations: [web -depends_on-> checkout, checkout -depends_on-> cart]
";

const CART: &str = "cart explains 3 of 3";
const CHECKOUT: &str = "checkout explains 2 of 3; CHG-1 on it started 4m before";

/// When the incident opened; its last alert came 20 s later.
const OPENED_S: u64 = 6 * 3_600;
const LATER_S: u64 = OPENED_S + 120;

fn change(ci: &str, begins_s: u64, state: ChangeState) -> Change {
    Change {
        number: "CHG-1".into(),
        cis: vec![ci.into()],
        starts_at: after(begins_s),
        ends_at: after(begins_s + 86_400),
        state,
        owner: "".into(),
        summary: "".into(),
        source: "".into(),
    }
}

fn broken() -> Story {
    let mut story = Story::of(RULES, CMDB);
    for (late_s, ci) in [(0, "web"), (10, "checkout"), (20, "cart")] {
        let labels = [("alertname", "Slow"), ("severity", "critical"), ("ci", ci)];
        story.fire(OPENED_S + late_s, &labels);
    }
    story
}

/// Plans changes and does not let any time pass.
fn plan(story: &mut Story, at_s: u64, changes: Vec<Change>, rest: Rest) {
    story.world.event(&Event::PlanChanges { changes, rest, by: "ann".into() }, after(at_s));
}

fn first(story: &Story) -> String {
    story.incident(1).suspects[0].to_string()
}

/// What the timeline says of changes and roots since the incident had all its alerts.
fn told(story: &Story) -> Vec<String> {
    let told = story.world.image().timeline_of(RecordId(1));
    let told = told.filter(|it| it.at >= after(LATER_S));
    let told = told.filter(|it| matches!(it.what, Happening::Change | Happening::RootChanged));
    told.map(|it| it.text.clone()).collect()
}

const BEGAN_S: u64 = OPENED_S - 240;

#[test]
fn a_change_that_is_entered_afterwards_and_withdrawn_moves_the_suspects_each_time() {
    let mut story = broken();
    assert_eq!(first(&story), CART);
    plan(
        &mut story,
        LATER_S,
        vec![change("checkout", BEGAN_S, ChangeState::Approved)],
        Rest::Stays,
    );
    story.wait(LATER_S + 1);
    assert_eq!(
        (first(&story), story.incident(1).root.ci.as_deref()),
        (CHECKOUT.into(), Some("checkout"))
    );
    plan(&mut story, LATER_S + 60, vec![], Rest::Goes);
    story.wait(LATER_S + 61);
    assert_eq!((first(&story), story.incident(1).root.ci.as_deref()), (CART.into(), Some("cart")));
    assert_eq!(
        told(&story),
        [
            format!("Slow checkout is the most likely cause: {CHECKOUT}, rule t/near"),
            format!(
                "planned changes are others than they were: most suspected is now {CHECKOUT}, and was cart"
            ),
            format!("Slow cart is the most likely cause: {CART}, rule t/near"),
            format!(
                "planned changes are others than they were: most suspected is now {CART}, and was checkout"
            ),
        ]
    );
}

#[test]
fn of_what_somebody_works_on_the_root_stays_and_the_timeline_names_the_suspect() {
    let mut story = broken();
    story.ack(LATER_S, 1);
    plan(
        &mut story,
        LATER_S,
        vec![change("checkout", BEGAN_S, ChangeState::Approved)],
        Rest::Stays,
    );
    story.wait(LATER_S + 1);
    assert_eq!(first(&story), CHECKOUT);
    assert_eq!(story.incident(1).root.ci.as_deref(), Some("cart"));
    assert_eq!(told(&story).len(), 1);
}

#[test]
fn a_change_counts_as_it_is_planned_last() {
    for (what, moved, expected) in [
        ("cancelled", change("checkout", BEGAN_S, ChangeState::Cancelled), CART),
        ("moved behind the incident", change("checkout", LATER_S, ChangeState::Approved), CART),
        ("moved to another CI", change("mail", BEGAN_S, ChangeState::Approved), CART),
        (
            "of another owner",
            Change { owner: "ops".into(), ..change("checkout", BEGAN_S, ChangeState::Approved) },
            CHECKOUT,
        ),
        ("done", change("checkout", BEGAN_S, ChangeState::Done), CHECKOUT),
    ] {
        let mut story = Story::of(RULES, CMDB);
        plan(
            &mut story,
            BEGAN_S,
            vec![change("checkout", BEGAN_S, ChangeState::Approved)],
            Rest::Stays,
        );
        for (late_s, ci) in [(0, "web"), (10, "checkout"), (20, "cart")] {
            story.fire(
                OPENED_S + late_s,
                &[("alertname", "Slow"), ("severity", "critical"), ("ci", ci)],
            );
        }
        assert_eq!(first(&story), CHECKOUT);
        plan(&mut story, LATER_S, vec![moved], Rest::Stays);
        story.wait(LATER_S + 1);
        assert_eq!(first(&story), expected, "{what}");
        assert_eq!(told(&story).is_empty(), expected == CHECKOUT, "{what}");
    }
}

#[test]
fn what_has_nothing_to_do_with_an_incident_leaves_it_alone() {
    for (what, other) in [
        ("still to come", change("checkout", LATER_S + 600, ChangeState::Approved)),
        ("begun after it opened", change("checkout", OPENED_S + 1, ChangeState::Approved)),
        ("of an unknown CI", change("gone", BEGAN_S, ChangeState::Approved)),
    ] {
        let mut story = broken();
        let before = story.incident(1).revision;
        plan(&mut story, LATER_S, vec![other], Rest::Stays);
        story.wait(LATER_S + 1);
        assert_eq!((story.incident(1).revision, told(&story).len()), (before, 0), "{what}");
    }
    let mut story = broken();
    plan(&mut story, LATER_S, vec![change("mail", BEGAN_S, ChangeState::Approved)], Rest::Stays);
    story.wait(LATER_S + 1);
    assert_eq!((first(&story), told(&story).len()), (CART.into(), 0), "asked, and nothing new");
}

#[test]
fn a_restart_goes_on_with_the_suspects_that_are_still_to_be_ranked() {
    let mut story = broken();
    plan(
        &mut story,
        LATER_S,
        vec![change("checkout", BEGAN_S, ChangeState::Approved)],
        Rest::Stays,
    );
    assert_eq!((first(&story), story.incident(1).ranked_at), (CART.into(), 0), "not yet");
    story.world.restart(after(LATER_S));
    story.wait(LATER_S + 1);
    assert_eq!(first(&story), CHECKOUT);
}
