//! Says, in words, what kept a rule from putting an alert where it could have. Changes nothing.
//!
//! Asks the same indexes as the stages do, in their order, and names the first thing that decided.

use core::time::Duration;
use std::sync::Arc;

use super::State;
use super::context::Context;
use super::correlate::{Grouping, incident_of, name_of};
use super::reason::Reason;
use super::state::Held;
use super::topology::WALK_NODES_MAX;
use crate::cmdb::{CiId, Toward};
use crate::model::alert::Join;
use crate::model::incident::{Incident, IncidentId};
use crate::model::labels::Fingerprint;
use crate::model::silence::Silence;
use crate::model::time::{Brief, Timestamp};
use crate::rules::{Group, Kind, Rule, Subject, TopologyKind, Verdict};

/// The most hops that any rule may follow.
const HOPS_MAX: u8 = 8;

/// What a rule says of an alert.
#[derive(Clone, Debug)]
pub struct Tried {
    /// Its name.
    pub rule: Arc<str>,
    /// True when it matches.
    pub matched: bool,
    /// What each of its matchers says.
    pub verdicts: Vec<Verdict>,
}

/// CIs that one answer names at most.
const NAMED_MAX: usize = 5;

impl State {
    /// Returns the incident that an alert is part of in the end, when that is not closed.
    pub fn incident_of(&self, alert: Fingerprint) -> Option<&Incident> {
        Some(&self.incidents.get(&incident_of(self, alert)?)?.record)
    }

    /// Returns the other alerts of the incident that an alert is attached to, at most `max`, each
    /// with when it began.
    pub fn company(&self, ctx: &Context, alert: Fingerprint, max: usize) -> Vec<String> {
        let own = self.alerts.get(&alert).and_then(|held| held.state.incident);
        let ids = self.chain(own);
        let members =
            ids.iter().filter_map(|id| self.incidents.get(id)).flat_map(|c| c.live.alerts());
        let others = members.filter(|member| *member != alert);
        let told = others.filter_map(|member| {
            let since = self.counters.now.since(self.alerts.get(&member)?.state.first_seen);
            Some(format!("{}, since {}", name_of(self, ctx, member), Brief(since)))
        });
        told.take(max).collect()
    }

    /// Asks every rule about an alert that is held, those without effect behind the others.
    pub fn tried(&self, ctx: &Context, alert: Fingerprint) -> Vec<Tried> {
        let Some(held) = self.alerts.get(&alert) else { return Vec::new() };
        let around = self.around(ctx, held);
        let subject = around.subject();
        let all = ctx.rules.rules.iter().chain(ctx.rules.shadows());
        let tried = all.map(|rule| Tried {
            rule: Arc::clone(&rule.name),
            matched: rule.matches(&subject),
            verdicts: rule.verdicts(&subject),
        });
        tried.collect()
    }

    /// Says in words what holds an alert back: silences, windows and alerts that inhibit it.
    pub fn held_back_by(&self, ctx: &Context, alert: Fingerprint) -> Vec<String> {
        let Some(held) = self.alerts.get(&alert) else { return Vec::new() };
        let silences = held.state.silenced_by.iter().filter_map(|id| self.silences.get(id));
        let silences = silences.map(|silence| {
            let Silence { created_by, comment, .. } = &silence.record;
            format!("silenced by {created_by} \"{comment}\"")
        });
        let inhibited =
            held.state.inhibited_by.iter().map(|by| {
                format!("inhibited by {}, rule {}", name_of(self, ctx, by.alert), by.rule)
            });
        silences.chain(inhibited).collect()
    }

    /// Says what kept a rule from applying to an alert that is held, or how it did apply. `join` is
    /// why the alert belongs to its incident.
    pub fn why_not(
        &self,
        ctx: &Context,
        alert: Fingerprint,
        rule: &Rule,
        join: Option<&Join>,
    ) -> String {
        let Some(held) = self.alerts.get(&alert) else { return "the alert is not held".into() };
        if let Some(join) = join.filter(|join| join.rule() == Some(&*rule.name)) {
            return format!("it did apply: {}", Reason(join));
        }
        let asked = Asked { state: self, ctx, alert, held, rule };
        if rule.shadow {
            let matched = failed(rule, &self.around(ctx, held).subject());
            let matched = matched.unwrap_or_else(|| "its matchers hold".into());
            return format!("nothing follows from a rule with shadow: true; {matched}");
        }
        match &rule.kind {
            Kind::Group(kind) => asked.group(kind),
            Kind::Topology(kind) => asked.topology(kind),
            Kind::Quiet(_) | Kind::Inhibit(_) => asked.holding_back(),
            Kind::Drop(_)
            | Kind::Enrich(_)
            | Kind::KnownError(_)
            | Kind::Absence(_)
            | Kind::Storm(_)
            | Kind::Sequence(_)
            | Kind::Related(_) => asked.other(),
        }
    }
}

/// Says which matcher does not hold, or which of `unless` does; `None` when the rule matches.
fn failed(rule: &Rule, subject: &Subject<'_>) -> Option<String> {
    if rule.matches(subject) {
        return None;
    }
    let verdicts = rule.verdicts(subject);
    let verdict = verdicts.iter().find(|verdict| verdict.hinders())?;
    let does = if verdict.holds { "holds" } else { "does not hold" };
    Some(format!("`{}` {does}, the value is {:?}", verdict.matcher, verdict.value))
}

/// A rule that is asked about an alert.
struct Asked<'a> {
    state: &'a State,
    ctx: &'a Context,
    alert: Fingerprint,
    held: &'a Held,
    rule: &'a Rule,
}

impl Asked<'_> {
    fn own(&self) -> Option<IncidentId> {
        incident_of(self.state, self.alert)
    }

    /// Of a rule whose bounds are its stage's business.
    fn other(&self) -> String {
        let known = self.state.incident_of(self.alert).and_then(|it| it.known_error.as_ref());
        if known.is_some_and(|known| known.rule == self.rule.name) {
            return "it did apply: the incident is taken for its known error".into();
        }
        self.failed().unwrap_or_else(|| {
            format!(
                "its matchers hold; what else a rule of kind {} asks did not",
                self.rule.kind.name()
            )
        })
    }

    fn failed(&self) -> Option<String> {
        failed(self.rule, &self.state.around(self.ctx, self.held).subject())
    }

    /// Of a rule that holds back: by the alert's own lists of who does.
    fn holding_back(&self) -> String {
        let of = &self.held.state;
        let silences = of.silenced_by.iter().filter_map(|id| self.state.silences.get(id));
        let mut open = silences.filter_map(|silence| silence.record.rule.as_ref());
        if open.any(|rule| *rule == self.rule.name) {
            return "it did apply: its window is open and holds the alert back".into();
        }
        if let Some(by) = of.inhibited_by.iter().find(|by| by.rule == self.rule.name) {
            let source = name_of(self.state, self.ctx, by.alert);
            return format!("it did apply: {source} fires and inhibits the alert");
        }
        self.failed().unwrap_or_else(|| {
            if self.rule.kind.quiet().is_some() {
                "its matchers hold, but no window of it covers the alert now".into()
            } else {
                "its matchers hold, but no source of it fires for the alert".into()
            }
        })
    }

    fn group(&self, kind: &Group) -> String {
        if let Some(failed) = self.failed() {
            return failed;
        }
        let around = self.state.around(self.ctx, self.held);
        let subject = around.subject();
        let matching = self.ctx.rules.matching(&subject);
        let first = matching.iter().find(|rule| rule.kind.group().is_some());
        if let Some(first) = first.filter(|first| first.name != self.rule.name) {
            return format!("{} is asked before it and takes the alert", first.name);
        }
        let grouping = Grouping::new(self.rule, kind, &subject);
        let ids = self.state.groups.get(&grouping.index).into_iter().flatten();
        let tops = ids.filter_map(|id| self.state.top(*id));
        let others = tops.filter_map(|id| Some(&self.state.incidents.get(&id)?.record));
        let (own, others): (Vec<_>, Vec<_>) = others.partition(|it| Some(it.id) == self.own());
        let older = match others.into_iter().max_by_key(|it| it.active_at) {
            Some(it) => {
                let late = too_late(it, self.state.now(), kind.window, kind.max_age);
                let late = late.unwrap_or_else(|| "took nothing of this alert".into());
                format!("{} is of {} too, but {late}", it.id, grouping.key)
            }
            None => format!("no other incident that is not closed is of {}", grouping.key),
        };
        match own.first() {
            Some(own) => format!("it did apply: {} is of {}; {older}", own.id, grouping.key),
            None => older,
        }
    }

    fn topology(&self, kind: &TopologyKind) -> String {
        let around = self.state.around(self.ctx, self.held);
        let subject = around.subject();
        let Some(ci) = self.held.ci else {
            return "the alert speaks of no CI, so no way leads to it".into();
        };
        let Some(as_cause) = self.failed() else {
            let own = self.own().map_or_else(String::new, |id| format!(", in {id}"));
            return format!("it did apply: the alert is taken for a cause{own}");
        };
        if kind.never_absorbs(&subject) {
            return "it never absorbs the alert (never_absorb)".into();
        }
        if let Some(near) = self.cause_within(ci, kind, kind.max_hops) {
            return near;
        }
        if let Some(far) = self.cause_within(ci, kind, HOPS_MAX) {
            return format!("{far}, which is too far (max_hops is {})", kind.max_hops);
        }
        let follow = self.ctx.follow(&self.rule.name);
        let topology = &self.ctx.topology;
        let walk = topology.walk(ci, Toward::Causes, follow, kind.max_hops, WALK_NODES_MAX);
        let above = walk.steps().iter().filter(|step| step.ci != ci);
        let names: Vec<&str> = above.map(|step| &*topology.ci(step.ci).name).collect();
        let around = match names.len() {
            0 => "no CI is reached that it could suffer from".into(),
            count => {
                let first: Vec<&str> = names.into_iter().take(NAMED_MAX).collect();
                let more = if count > first.len() { ", …" } else { "" };
                format!("no cause fires on what it could suffer from: {}{more}", first.join(", "))
            }
        };
        format!("{around}; and it is no cause itself: {as_cause}")
    }

    /// Speaks of the nearest cause of the rule that fires within so many hops.
    fn cause_within(&self, ci: CiId, kind: &TopologyKind, hops: u8) -> Option<String> {
        let follow = self.ctx.follow(&self.rule.name);
        let topology = &self.ctx.topology;
        let walk = topology.walk(ci, Toward::Causes, follow, hops, WALK_NODES_MAX);
        let (index, cause) = walk.steps().iter().enumerate().find_map(|(index, step)| {
            let mut there = self.state.causes.get(step.ci.into())?.iter();
            let of_rule = there.find(|it| it.rule == self.rule.name && it.alert != self.alert)?;
            Some((index, of_rule.alert))
        })?;
        let name = name_of(self.state, self.ctx, cause);
        let path = walk.path(topology, index);
        let window = kind.window + kind.delay(topology, &path).unwrap_or_default();
        let way = format!("{name} fires, by {path}");
        let record = self.state.incident_of(cause);
        let verdict = match record {
            _ if hops > kind.max_hops => return Some(way),
            None => "but its incident is closed".into(),
            Some(it) if Some(it.id) == self.own() => format!("and both are part of {}", it.id),
            Some(it) => match too_late(it, self.state.now(), window, kind.max_age) {
                Some(late) => format!("but {} {late}", it.id),
                None => format!("but the alert got into another incident before {}", it.id),
            },
        };
        Some(format!("{way}, {verdict}"))
    }
}

/// Says why an incident takes no more alerts; `None` while it does.
fn too_late(it: &Incident, now: Timestamp, window: Duration, max_age: Duration) -> Option<String> {
    let (quiet, age) = (now.since(it.active_at), now.since(it.opened_at));
    if !it.progress.is_open() {
        Some(format!("is {}", it.progress.name()))
    } else if quiet >= window {
        Some(format!("was last active {} ago (window is {})", Brief(quiet), Brief(window)))
    } else if age >= max_age {
        Some(format!("was opened {} ago (max_age is {})", Brief(age), Brief(max_age)))
    } else {
        None
    }
}
