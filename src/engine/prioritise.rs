//! Impact × urgency → priority, with the sum in words; and what follows when it changes.
//!
//! Runs once per event for each incident that the event touched, whatever the number of alerts.

use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::State;
use super::affected::Further;
use super::context::Context;
use super::notices::{self, Plan};
use super::pending::Told;
use super::tally::{self, Harm, Share, Tally};
use super::{
    acceptance, affected, assign, credit, escalate, gather, major, redundancy, related, reporters,
    standing, suppress, suspects, terms, users,
};
use crate::cmdb::{CiId, CiRow, Outage};
use crate::model::escalation::Target;
use crate::model::incident::IncidentId;
use crate::model::notice::NoticeKind;
use crate::model::priority::{Assessment, Impact, Loss, Priority, Urgency};
use crate::model::progress::Progress;
use crate::model::time::Timestamp;
use crate::model::timeline::Happening;
use crate::rules::{IncidentSpec, Priorities, Threshold};

/// The attribute of a service that names the calendar of the times at which it is to be there.
const HOURS: &str = "hours";

/// Services named in a sum; more are counted.
const NAMED_MAX: usize = 3;

/// Brings every touched incident's priority, team and clocks up to date, and takes due steps.
pub(super) fn settle(state: &mut State, ctx: &Context, now: Timestamp) {
    tally::weigh(state, ctx);
    credit::settle(state, ctx, now);
    while let Some(id) = state.pending.unsettled.pop_first() {
        if state.is_open(id) {
            settle_one(state, ctx, id, now);
        }
    }
    // What is part of another by now has no team of its own; a start would not know that it was to be found.
    state.pending.unassigned.clear();
    notices::send_amendments(state, ctx, now);
    reporters::settle(state, ctx, now);
}

fn settle_one(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    suppress::settle(state, ctx, id, now);
    gather::storm::rank(state, ctx, id, now);
    related::rank(state, ctx, id, now);
    suspects::let_stand(state, id);
    related::watch_root(state, ctx, id, now);
    terms::agree(state, ctx, id, now);
    let Some(case) = state.incidents.get(&id) else { return };
    let before = case.record.assessment.clone();
    // When nothing fires or all of it is silenced the last assessment stands: clearing is not an improvement of
    // what happened.
    let by_hand = case.record.terms.by_hand.clone();
    let fires = case.tally.audible() > 0 || before.sum.is_empty();
    if fires || terms::is_outdated(&before, by_hand.as_ref()) {
        let spec = case.record.rule.as_deref().and_then(|rule| ctx.rules.find(rule));
        let spec = spec.map(|rule| &rule.incident);
        let outage = redundancy::outage(state, ctx, id);
        let counted = Counted { tally: &case.tally, outage: outage.as_ref() };
        let mut assessment =
            if fires { assess(ctx, &counted, spec, now) } else { terms::again(ctx, &before, spec) };
        let known = case.record.known_error.as_ref();
        if let Some(why) = known.and_then(|known| known.exceeded.as_deref()) {
            assessment.pages = true;
            assessment.sum = format!("{}; pages: {why}", assessment.sum);
        }
        let computed = assessment.priority;
        if let Some(by_hand) = &by_hand {
            terms::put(ctx, by_hand, &mut assessment);
        }
        reassess(state, ctx, id, assessment, now);
        let further = affected::note_services(state, ctx, id);
        major::by_rule(state, ctx, id, now);
        if further == Further::Services {
            users::follow(state, ctx, id, now);
        }
        terms::warn_holder(state, ctx, id, computed, now);
    }
    if assign::assign(state, ctx, id, now) {
        hand_over(state, ctx, id, now);
    } else {
        tell_if_changed(state, ctx, id, &before, now);
    }
    acceptance::follow(state, ctx, id, now);
    escalate::plan(state, &ctx.rules, id);
    terms::say_deadlines(state, id, &before, now);
    escalate::take_due(state, ctx, id, now);
    acceptance::take_due(state, ctx, id, now);
    standing::plan(state, ctx, id, now);
}

/// A team that is handed an incident has not answered yet, whoever answered before.
fn hand_over(state: &mut State, ctx: &Context, id: IncidentId, now: Timestamp) {
    acceptance::follow(state, ctx, id, now);
    let Some(case) = state.change(id) else { return };
    if case.record.told.is_empty() && matches!(case.record.progress, Progress::New) {
        return;
    }
    case.record.enter(Progress::New);
    case.record.assignee = None;
    escalate::restart(&mut case.record, now);
    let team = case.record.team.as_deref().unwrap_or(&ctx.rules.default_contact);
    let text = format!("handed to {team}, {}", case.record.assessment.sum);
    notices::withdraw(state, id, "handed to another team", now);
    notices::update(state, ctx, id, &text, now);
}

fn reassess(state: &mut State, ctx: &Context, id: IncidentId, new: Assessment, now: Timestamp) {
    let versions = (ctx.rules.version, ctx.topology.version());
    let Some(case) = state.change(id) else { return };
    (case.record.rules_version, case.record.topology_version) = versions;
    let old = core::mem::replace(&mut case.record.assessment, new.clone());
    let text = if old.sum.is_empty() {
        new.sum
    } else if (old.priority, old.pages, old.loss) != (new.priority, new.pages, new.loss) {
        let used_up = old.loss == Loss::Redundancy && new.loss == Loss::Service;
        let used_up = if used_up { "; it is no longer only redundancy that is lost" } else { "" };
        format!("{} → {}{used_up}", old.priority, new.sum)
    } else {
        return;
    };
    state.pending.tell(id, now, Told { what: Happening::Priority, text, path: None });
}

/// Tells people that an incident is more or less pressing than they know: where it is to page now
/// and only a ticket was written somebody gets a page, else everybody an update. A page is never
/// taken back for that. Whoever was not told yet will be told the new priority.
fn tell_if_changed(
    state: &mut State,
    ctx: &Context,
    id: IncidentId,
    old: &Assessment,
    now: Timestamp,
) {
    let Some(record) = state.incidents.get(&id).map(|case| &case.record) else { return };
    let new = &record.assessment;
    if old.sum.is_empty() || new.priority == old.priority || record.told.is_empty() {
        return;
    }
    let raised = new.priority < old.priority;
    let way = if raised { "raised" } else { "lowered" };
    let because = format!("{way} from {} to {}", old.priority, new.sum);
    if raised && new.pages && !old.pages && matches!(record.progress, Progress::New) {
        let target = &Target::Assigned;
        let plan = Plan { kind: NoticeKind::Page, target, because, also: Vec::new() };
        notices::plan(state, ctx, id, plan, now);
    } else {
        notices::update(state, ctx, id, &because, now);
    }
}

/// What is known of the firing members.
struct Counted<'a> {
    tally: &'a Tally,
    /// What they take down together, where that may be more than each of them does.
    outage: Option<&'a Outage>,
}

impl Counted<'_> {
    /// The services that are hit, by place in the topology.
    fn services(&self, ctx: &Context) -> BTreeSet<CiId> {
        let together = self.outage.map(|outage| outage.services(&ctx.topology));
        self.tally.services().chain(together.into_iter().flatten()).collect()
    }

    /// The urgency, and what is lost. Members that cost only redundancy are no more urgent than data
    /// says, as long as they do not take a service down together.
    fn urgency(&self, priorities: &Priorities, services: usize) -> (Urgency, Loss) {
        let alone = self.tally.services().count();
        if !self.tally.spares() || services > alone {
            return (self.tally.urgency(), Loss::Service);
        }
        let spared = self.tally.urgency().min(priorities.redundancy_lost);
        match self.tally.urgency_of_others() {
            None => (spared, Loss::Redundancy),
            Some(others) => (others.max(spared), Loss::Service),
        }
    }
}

/// Derives the priority from what the firing members amount to.
fn assess(
    ctx: &Context,
    counted: &Counted<'_>,
    spec: Option<&IncidentSpec>,
    now: Timestamp,
) -> Assessment {
    let priorities = &ctx.rules.priorities;
    let services = counted.services(ctx);
    let (mut impact, mut because_impact) = impact(ctx, priorities, &services);
    let (mut urgency, loss) = counted.urgency(priorities, services.len());
    let mut because_urgency =
        if loss == Loss::Redundancy { " (only redundancy is lost)".into() } else { String::new() };
    let hours = Hours::of(ctx, &services, now);
    if let Some(outside) = hours.outside.filter(|_| urgency > priorities.outside_hours) {
        urgency = priorities.outside_hours;
        because_urgency = format!(" (outside the hours of {outside})");
    }
    if let Some(weakened) = counted.outage.and_then(|outage| redundancy::words(ctx, outage)) {
        because_impact = match because_impact.strip_suffix(')') {
            Some(head) => format!("{head}; {weakened})"),
            None => format!(" ({weakened})"),
        };
    }
    if let Some(by_rule) = spec.and_then(|spec| spec.impact) {
        (impact, because_impact) = (by_rule, " (rule)".into());
    }
    if let Some(by_rule) = spec.and_then(|spec| spec.urgency) {
        (urgency, because_urgency) = (by_rule, " (rule)".into());
    }
    let computed = priorities.priority(impact, urgency);
    let (priority, because, pages) = match spec.and_then(|spec| spec.priority) {
        Some(by_rule) => {
            let pages = priorities.page.priorities.contains(&by_rule);
            (by_rule, format!("{by_rule} (rule; else {computed})"), pages)
        }
        None => (computed, computed.to_string(), priorities.pages(computed, urgency)),
    };
    let sum =
        format!("{because} = impact {impact}{because_impact} × urgency {urgency}{because_urgency}");
    Assessment { impact, urgency, priority, sum, pages, loss, until: hours.until }
}

/// When the services that are hit are to be there at all.
#[derive(Default)]
struct Hours {
    /// Names a service, when all have hours and none of these cover the present.
    outside: Option<Arc<str>>,
    /// When the hours of one of them next begin or end.
    until: Option<Timestamp>,
}

impl Hours {
    /// Asks the calendar that each service names under `hours`; one that names none, or one that no
    /// rule file has, is to be there always.
    fn of(ctx: &Context, services: &BTreeSet<CiId>, now: Timestamp) -> Self {
        let calendars = &ctx.rules.calendars;
        if calendars.is_empty() {
            return Self::default();
        }
        let mut hours = Self::default();
        let mut wanted = false;
        for service in services {
            let ci = ctx.topology.ci(*service);
            match ci.attribute(HOURS).and_then(|name| calendars.get(name)) {
                None => wanted = true,
                Some(calendar) => {
                    wanted |= calendar.covers(now);
                    let change = calendar.next_change(now);
                    hours.until = hours.until.into_iter().chain(change).min();
                    hours.outside.get_or_insert_with(|| Arc::from(&*ci.name));
                }
            }
        }
        if wanted {
            hours.outside = None;
        }
        hours
    }
}

/// Has an incident looked at again whose services' hours begin or end.
pub(super) fn due(state: &mut State, id: IncidentId, now: Timestamp) {
    let until = state.incidents.get(&id).and_then(|case| case.record.assessment.until);
    if until.is_some_and(|until| until <= now)
        && let Some(case) = state.change(id)
    {
        case.record.assessment.until = None;
        state.pending.unsettled.insert(id);
    }
}

/// True when an alert that adds this share and does this harm would page if it were alone and no rule
/// said otherwise.
pub(super) fn would_page(ctx: &Context, share: Share, harm: &Harm) -> bool {
    let Some((urgency, _)) = share.0 else { return false };
    let priorities = &ctx.rules.priorities;
    let mut hurt = Hurt::default();
    for service in &harm.services {
        hurt.add(ctx.topology.ci(*service));
    }
    let lost = if harm.spares() { priorities.redundancy_lost } else { urgency };
    let urgency = urgency.min(lost);
    priorities.pages(priorities.priority(hurt.impact(priorities), urgency), urgency)
}

fn impact(ctx: &Context, priorities: &Priorities, services: &BTreeSet<CiId>) -> (Impact, String) {
    let mut hurt = Hurt::default();
    for service in services {
        let ci = ctx.topology.ci(*service);
        let tier = hurt.add(ci);
        hurt.name(&ci.name, tier);
    }
    (hurt.impact(priorities), hurt.words())
}

/// Services and users that an incident hurts.
#[derive(Default)]
struct Hurt {
    services: u32,
    users: u64,
    tier: Option<u32>,
    names: Vec<(u32, String)>,
}

impl Hurt {
    /// Counts a service; returns its tier.
    fn add(&mut self, ci: &CiRow) -> Option<u32> {
        let tier = ci.attribute("tier").and_then(|tier| tier.parse().ok());
        let users = ci.attribute("users").and_then(|users| users.parse::<u64>().ok());
        self.services += 1;
        self.users = self.users.saturating_add(users.unwrap_or(0));
        self.tier = match (self.tier, tier) {
            (Some(a), Some(b)) => Some(u32::min(a, b)),
            (a, b) => a.or(b),
        };
        tier
    }

    fn impact(&self, priorities: &Priorities) -> Impact {
        if self.reaches(&priorities.high) {
            Impact::High
        } else if self.reaches(&priorities.medium) {
            Impact::Medium
        } else {
            Impact::Low
        }
    }

    fn reaches(&self, threshold: &Threshold) -> bool {
        let at_least = |least: Option<u64>, is: u64| least.is_some_and(|least| is >= least);
        threshold.tier.is_some_and(|most| self.tier.is_some_and(|tier| tier <= most))
            || at_least(threshold.users, self.users)
            || at_least(threshold.services.map(u64::from), self.services.into())
    }

    /// Keeps the names of the most important services, ties by place in the topology.
    fn name(&mut self, name: &str, tier: Option<u32>) {
        let rank = tier.unwrap_or(u32::MAX);
        let at = self.names.partition_point(|(other, _)| *other <= rank);
        if at < NAMED_MAX {
            let text = tier.map_or_else(|| name.into(), |tier| format!("{name}, tier {tier}"));
            self.names.insert(at, (rank, text));
            self.names.truncate(NAMED_MAX);
        }
    }

    fn words(&self) -> String {
        let Some(more) = (self.services as usize).checked_sub(self.names.len()) else {
            return String::new();
        };
        if self.services == 0 {
            return " (no service reached)".into();
        }
        let plural = if self.services == 1 { "service" } else { "services" };
        let names: Vec<&str> = self.names.iter().map(|(_, name)| &**name).collect();
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        let users = if self.users > 0 { format!("; {} users", self.users) } else { String::new() };
        format!(" ({plural} {}{more}{users})", names.join("; "))
    }
}

/// How long an acknowledgement lasts when the person does not say.
pub(super) fn acknowledgement(state: &State, ctx: &Context, id: IncidentId) -> Duration {
    let Some(record) = state.incidents.get(&id).map(|case| &case.record) else {
        return ctx.rules.priorities.limit(Priority::P4).acknowledgement;
    };
    let agreement = record.terms.agreement.as_deref();
    ctx.rules.limit(agreement, record.assessment.priority).acknowledgement
}
