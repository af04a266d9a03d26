//! What would become of an alert that never came: the production engine on a copy of the state.

use core::time::Duration;
use std::sync::Arc;

use super::alone::{self, Alone, Told};
use crate::engine::changes::{AlertRow, Changes, Saved};
use crate::engine::context::Context;
use crate::engine::event::Event;
use crate::engine::reply::Reply;
use crate::engine::{State, Tried};
use crate::model::alert::{Details, Join, Occurrence, Signal};
use crate::model::escalation::{Policy, PolicyHash};
use crate::model::incident::{Incident, IncidentId};
use crate::model::labels::{Fingerprint, Labels};
use crate::model::notice::NoticeKind;
use crate::model::time::Timestamp;
use crate::rules::Rule;

/// How far the plan of who is told reaches.
const PLANNED: Duration = Duration::from_hours(24);
/// Notices that a plan names at most.
const PLAN_MAX: usize = 20;
/// Deadlines that are gone through for it.
const TICKS_MAX: usize = 1_000;
/// Other alerts of its incident that are named.
const COMPANY_MAX: usize = 10;

/// An alert that could come now.
#[derive(Clone, Debug)]
pub struct Hypothesis {
    /// Its labels.
    pub labels: Labels,
    /// The severity given beside them.
    pub severity: Option<Box<str>>,
    /// The alert in whose place it comes, which then never came.
    pub instead_of: Option<Fingerprint>,
}

/// What would become of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The alert as it would be held.
    pub row: AlertRow,
    /// Why it would belong to its incident; nothing when it would not have one.
    pub join: Option<Join>,
    /// The incident it would be part of in the end.
    pub incident: Option<Incident>,
    /// That one's policy.
    pub policy: Option<Arc<Policy>>,
    /// The first of the other alerts in it.
    pub company: Vec<String>,
    /// What each rule says of it.
    pub tried: Vec<Tried>,
    /// What would hold it back, in words.
    pub held_back_by: Vec<String>,
    /// Who would be told in the next day if nobody answered.
    pub plan: Vec<Told>,
    /// What would become of it with nothing else there.
    pub alone: Option<Alone>,
    /// What kept the rule that was asked about from applying.
    pub why_not: Option<String>,
}

/// Plays an alert on a copy; `rule` is one of which is asked why it did not apply. `None` when the
/// engine would not take it.
pub fn what_if(
    ctx: &Context,
    mut saved: Saved,
    hypothesis: &Hypothesis,
    rule: Option<&Rule>,
) -> Option<Outcome> {
    let fingerprint = hypothesis.labels.fingerprint();
    for gone in [Some(fingerprint), hypothesis.instead_of].into_iter().flatten() {
        forget(&mut saved, gone);
    }
    let now = saved.counters.now;
    let mut policies = saved.policies.clone();
    let mut state = State::restore(saved, ctx, now);
    // What was due and not done yet is none of its business.
    state.apply(ctx, &Event::Tick, now);
    policies.extend(state.drain(ctx).policies);
    let event = fires(hypothesis, now);
    let Reply::Received(_) = state.apply(ctx, &event, now) else { return None };
    let changes = state.drain(ctx);
    policies.extend(changes.policies.iter().cloned());
    let row = changes.alerts.iter().find(|row| row.fingerprint == fingerprint)?.clone();
    let member = changes.members.iter().find(|member| {
        Some(member.incident) == row.state.incident && Some(member.record) == row.state.record
    });
    let join = member.map(|member| member.join.clone());
    let incident = state.incident_of(fingerprint).cloned();
    let policy = incident.as_ref().and_then(|it| policy_of(&policies, it));
    Some(Outcome {
        company: state.company(ctx, fingerprint, COMPANY_MAX),
        tried: state.tried(ctx, fingerprint),
        held_back_by: state.held_back_by(ctx, fingerprint),
        why_not: rule.map(|rule| state.why_not(ctx, fingerprint, rule, join.as_ref())),
        plan: plan(ctx, &state, &changes, (&row, policies)),
        alone: alone::alone(ctx, &row),
        policy,
        incident,
        join,
        row,
    })
}

/// Says why a rule did not apply to an alert that is held; nothing is played.
pub fn why_not(
    ctx: &Context,
    saved: Saved,
    alert: (Fingerprint, Option<&Join>),
    rule: &Rule,
) -> String {
    let now = saved.counters.now;
    State::restore(saved, ctx, now).why_not(ctx, alert.0, rule, alert.1)
}

/// Lets an alert never have come, as far as it was alone.
fn forget(saved: &mut Saved, alert: Fingerprint) {
    saved.alerts.retain(|(labels, _)| labels.fingerprint() != alert);
    saved.incidents.retain(|it| it.root.alert != alert || it.members > 1);
}

fn fires(hypothesis: &Hypothesis, now: Timestamp) -> Event {
    let details = Details { annotations: Labels::empty(), generator_url: "".into() };
    let occurrence = Occurrence {
        labels: hypothesis.labels.clone(),
        fingerprint: hypothesis.labels.fingerprint(),
        signal: Signal::Firing { until: now.plus(PLANNED).plus(PLANNED), explicit: false },
        starts_at: now,
        severity: hypothesis.severity.clone(),
        details: Arc::new(details),
    };
    Event::Received { source: "explain".into(), occurrences: vec![occurrence] }
}

type Policies = Vec<(PolicyHash, Arc<Policy>)>;

fn policy_of(policies: &Policies, incident: &Incident) -> Option<Arc<Policy>> {
    let known = policies.iter().find(|(hash, _)| *hash == incident.policy);
    known.map(|(_, policy)| Arc::clone(policy))
}

/// Goes through a day of the alert's incident alone, with nobody answering.
fn plan(
    ctx: &Context,
    state: &State,
    changes: &Changes,
    (row, policies): (&AlertRow, Policies),
) -> Vec<Told> {
    let Some(incident) = state.incident_of(row.fingerprint).map(|it| it.id) else {
        return Vec::new();
    };
    let start = changes.counters.now;
    let mut told = told(changes, incident, start);
    let saved = Saved {
        alerts: vec![(row.labels.clone(), row.state.clone())],
        incidents: chain(state, row.state.incident),
        policies,
        counters: changes.counters.clone(),
        ..Saved::default()
    };
    let mut copy = State::restore(saved, ctx, start);
    for _ in 0..TICKS_MAX {
        let Some(due) = copy.next_due().filter(|due| *due <= start.plus(PLANNED)) else { break };
        copy.apply(ctx, &Event::Tick, due);
        told.extend(self::told(&copy.drain(ctx), incident, start));
        if told.len() >= PLAN_MAX {
            break;
        }
    }
    told.truncate(PLAN_MAX);
    told
}

/// Returns an incident and all that it is part of.
fn chain(state: &State, id: Option<IncidentId>) -> Vec<Incident> {
    let mut chain: Vec<Incident> = Vec::new();
    let mut next = id;
    while let Some(it) = next.and_then(|id| state.incidents().find(|it| it.id == id)) {
        next = it.parent;
        chain.push(it.clone());
    }
    chain
}

fn told(changes: &Changes, incident: IncidentId, start: Timestamp) -> Vec<Told> {
    let ours = changes
        .notices
        .iter()
        .filter(|notice| notice.id.incident == incident && notice.kind != NoticeKind::Update);
    let told = ours.map(|notice| Told {
        kind: notice.kind,
        target: notice.target.clone(),
        after: notice.created_at.since(start),
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::super::story::{DISK, PDU, SRV1, Story};
    use super::*;

    fn question(labels: &[(&str, &str)]) -> Hypothesis {
        let labels = Labels::build(&mut labels.to_vec()).unwrap();
        Hypothesis { labels, severity: None, instead_of: None }
    }

    fn ask(story: &Story, hypothesis: &Hypothesis, rule: &str) -> Outcome {
        let ctx = story.world.context();
        let rule = ctx.rules.any(rule);
        what_if(ctx, story.world.image().saved(), hypothesis, rule).unwrap()
    }

    #[test]
    fn an_alert_that_never_came_joins_what_it_would_and_nothing_happens_to_what_is() {
        let mut story = Story::new();
        story.fire(0, PDU);
        story.wait(60);
        let before = story.world.image().clone();
        let outcome = ask(&story, &question(SRV1), "t/power");
        assert_eq!(outcome.join.unwrap().rule(), Some("t/power"));
        assert_eq!(outcome.incident.unwrap().id.0, 1);
        assert_eq!(outcome.company, ["PduOutputOff pdu-1, since 1m"]);
        assert!(
            outcome.why_not.unwrap().starts_with("it did apply: rule t/power, pdu-1 -powers->")
        );
        assert_eq!(&*outcome.alone.unwrap().incident.team.unwrap(), "linux");
        assert_eq!(*story.world.image(), before);
    }

    #[test]
    fn the_plan_says_who_would_be_told_when() {
        let story = Story::new();
        let outcome = ask(&story, &question(SRV1), "t/power");
        let plan: Vec<_> =
            outcome.plan.iter().map(|it| (&*it.target, it.after.as_secs())).collect();
        assert_eq!(plan[0], ("linux", 30), "it waits for a cause");
        assert!(plan.len() > 1 && plan[1].1 > 30, "{plan:?}");
    }

    #[test]
    fn a_changed_label_is_played_as_if_the_alert_had_never_come() {
        let mut story = Story::new();
        story.fire(0, DISK);
        let disk = Labels::build(&mut DISK.to_vec()).unwrap().fingerprint();
        let changed = [("alertname", "PingLoss"), ("site", "fra")];
        let hypothesis = Hypothesis { instead_of: Some(disk), ..question(&changed) };
        let outcome = ask(&story, &hypothesis, "t/site");
        assert_eq!(outcome.incident.unwrap().rule.as_deref(), Some("t/site"));
        assert!(outcome.company.is_empty());
    }

    #[test]
    fn what_kept_a_rule_from_applying_is_named() {
        let ping = |host| [("alertname", "PingLoss"), ("site", "fra"), ("host", host)];
        let far = [("alertname", "X"), ("ci", "shop")];
        for (at_s, labels, rule, says) in [
            (1, &ping("b")[..], "t/power", "the alert speaks of no CI"),
            (1, &ping("b"), "t/site", "it did apply: rule t/site, same site=\"fra\""),
            (
                400,
                &ping("b"),
                "t/site",
                "it did apply: INC-3 is of site=\"fra\"; INC-1 is of site=\"fra\" too, but was last active 6m",
            ),
            (1, DISK, "t/site", "`alertname=\"PingLoss\"` does not hold"),
            (1, SRV1, "t/power", "it did apply: rule t/power"),
            (400, SRV1, "t/power", "PduOutputOff pdu-1 fires, by pdu-1 -powers-> srv-1, but INC-2"),
            (1, &far, "t/power", "it did apply: rule t/power"),
        ] {
            let mut story = Story::new();
            story.fire(0, &ping("a"));
            story.fire(0, PDU);
            story.wait(at_s);
            let outcome = ask(&story, &question(labels), rule);
            let why = outcome.why_not.unwrap();
            assert!(why.starts_with(says), "{labels:?} {rule} after {at_s} s: {why}");
        }
        let story = Story::new();
        let why = ask(&story, &question(SRV1), "t/power").why_not.unwrap();
        assert_eq!(
            why,
            "no cause fires on what it could suffer from: pdu-1; and it is no cause itself: `alertname=\"PduOutputOff\"` does not hold, the value is \"NodeDown\""
        );
    }
}
