//! Why an alert or an incident is what it is, read from the reasons that were stored with it.
//!
//! What was decided is told as it was decided; the rules' verdicts and the binding are worked out
//! again on the rules and the topology in force, because nothing stores a rule that did not match.

use std::collections::{BTreeMap, BTreeSet};

use crate::cmdb::Topology;
use crate::engine::changes::{AlertRow, MemberRow};
use crate::engine::context::Context;
use crate::lab;
use crate::model::alert::{Join, Path};
use crate::model::incident::{Incident, RecordId};
use crate::model::labels::Labels;
use crate::store::view::Member;

use super::super::Reading;
use super::super::error::Problem;
use super::super::wire::{self, Time};
use super::around::Surroundings;
use super::{left_out, show, what_if};

/// Members that are looked at for the way from the root.
const MEMBERS_MAX: usize = 1_000;

/// Services that one answer names at most.
const SERVICES_MAX: usize = 20;

/// Returns why an alert belongs to its incident, as it was stored when it joined.
pub(super) fn join(reading: &Reading<'_>, row: &AlertRow) -> Result<Option<Join>, Problem> {
    let (Some(incident), Some(record)) = (row.state.incident, row.state.record) else {
        return Ok(None);
    };
    let member: Option<MemberRow> = reading.view.member_of(incident, record)?;
    Ok(member.map(|member| member.join))
}

/// Explains an alert.
pub(super) fn alert(
    reading: &Reading<'_>,
    row: &AlertRow,
) -> Result<wire::explain::AlertExplanation, Problem> {
    let sources = reading.view.counters()?.sources;
    let (incident, join) = placed(reading, row)?;
    let applied = join.as_ref().and_then(Join::rule);
    let around = Surroundings::of(reading, row);
    let seen = reading.context.seen(row);
    let subject = seen.subject().amid(&around);
    let silenced_by = left_out::silences(reading, row)?;
    let windows: BTreeSet<&str> =
        silenced_by.iter().filter_map(|silence| silence.rule.as_deref()).collect();
    let rules = reading.context.rules.rules.iter().map(|rule| wire::explain::RuleTried {
        rule: show::rule(&reading.context.rules, &rule.name),
        kind: rule.kind.name().into(),
        matched: rule.matches(&subject),
        applied: applied == Some(&*rule.name)
            || windows.contains(&*rule.name)
            || row.state.inhibited_by.iter().any(|by| by.rule == rule.name),
        verdicts: rule
            .verdicts(&subject)
            .into_iter()
            .map(|one| wire::explain::Verdict {
                matcher: one.matcher,
                value: one.value,
                holds: one.holds,
            })
            .collect(),
    });
    let policy = incident.as_ref().map(|it| reading.view.policy(it.policy)).transpose()?.flatten();
    let (rules_changed, topology_changed) =
        incident.as_ref().map_or((false, false), |incident| changed(reading, incident));
    Ok(wire::explain::AlertExplanation {
        alert: show::alert(&reading.context, row, &sources),
        binding: binding(&reading.context, &row.labels),
        sought: super::binding::sought(&reading.context, &row.labels),
        dropped: reading.context.rules.dropped(&seen.sent()).map(|it| it.to_string()),
        rules: rules.collect(),
        silenced_by,
        inhibited_by: left_out::inhibitors(reading, row)?,
        join: join.as_ref().map(show::join),
        left_out: left_out::of_alert(reading, row, incident.as_ref())?,
        incident: incident.map(|it| super::incidents::shown(reading, &it)).transpose()?,
        policy: policy.map(|policy| policy.name.to_string()),
        alone: alone(reading, row),
        why_not: None,
        what_if: None,
        rules_changed,
        topology_changed,
        now: Time(reading.now),
    })
}

/// Says whether other rules, and another topology, are in force than an incident was decided on.
pub(super) fn changed(reading: &Reading<'_>, incident: &Incident) -> (bool, bool) {
    let context = &reading.context;
    (
        incident.rules_version != context.rules.version,
        incident.topology_version != context.topology.version(),
    )
}

fn alone(reading: &Reading<'_>, row: &AlertRow) -> Option<wire::explain::Alone> {
    if row.state.episode == 0 {
        return None;
    }
    lab::alone::alone(&reading.context, row).as_ref().map(what_if::alone)
}

/// Returns the incident an alert is part of in the end and why: where its own was adopted, the reason
/// of that, with the whole way from the root.
fn placed(
    reading: &Reading<'_>,
    row: &AlertRow,
) -> Result<(Option<Incident>, Option<Join>), Problem> {
    let mut join = join(reading, row)?;
    let Some(id) = row.state.incident else { return Ok((None, join)) };
    let mut top = reading.view.incident(id)?;
    while let Some((parent, child)) = top.as_ref().and_then(|it| Some((it.parent?, it.id))) {
        if matches!(join, Some(Join::Own)) {
            join = reading.view.member_of(parent, child)?.map(|member| member.join);
        }
        top = reading.view.incident(parent)?;
    }
    let whole = match (&top, row.ci.as_deref()) {
        (Some(top), Some(ci)) if top.root.alert != row.fingerprint => {
            Ways::new(&reading.view.members(top.id, MEMBERS_MAX)?).to(ci)
        }
        _ => None,
    };
    if let (Some(Join::Dependant { path, .. }), Some(whole)) = (&mut join, whole) {
        *path = whole;
    }
    Ok((top, join))
}

/// Tells which CI an alert speaks of.
pub(super) fn binding(ctx: &Context, labels: &Labels) -> Option<wire::explain::Binding> {
    let topology = &ctx.topology;
    let bound = ctx.binder.bind(topology, labels)?;
    let ci = topology.ci(bound.ci);
    let services = topology.services_hit(bound.ci).into_iter().take(SERVICES_MAX);
    let text = |text: &str| text.to_owned();
    Some(wire::explain::Binding {
        ci: text(&ci.name),
        class: text(&ci.class),
        by: text(&bound.by),
        attributes: ci.attributes.iter().map(|(name, value)| (text(name), text(value))).collect(),
        services: services.map(|service| text(&topology.ci(service).name)).collect(),
    })
}

/// Sums up why the members of an incident are one.
pub(super) fn why(
    reading: &Reading<'_>,
    incident: &Incident,
    members: &[Member],
) -> Result<wire::Why, Problem> {
    let root = reading.view.alert(incident.root.alert)?;
    let name = root.as_ref().map(show::name);
    let alert = root.as_ref().and_then(|row| row.labels.get("alertname"));
    let rules = &reading.context.rules;
    Ok(wire::Why {
        root: name.unwrap_or_else(|| incident.root.alert.to_string()),
        alert: alert.unwrap_or("").into(),
        since: root.as_ref().map(|row| Time(row.state.starts_at)),
        rule: incident.rule.as_ref().map(|name| show::rule(rules, name)),
        reasons: reasons(joins(incident, members).iter()),
        left_out: left_out::of_incident(reading, incident, root.as_ref(), members)?,
        on_map: on_map(&reading.context.topology, members),
        priority: incident.assessment.sum.clone(),
    })
}

/// Returns how many of the alerts, in percent, are about CIs that have relations: of the others the
/// topology can say nothing. `None` when there is no alert.
fn on_map(topology: &Topology, members: &[Member]) -> Option<u8> {
    let alerts = members.iter().filter_map(|member| member.alert.as_ref());
    let known = alerts.map(|row| {
        let ci = row.ci.as_deref().and_then(|ci| topology.find(ci));
        ci.is_some_and(|ci| topology.has_relations(ci))
    });
    share(known)
}

fn share(known: impl Iterator<Item = bool>) -> Option<u8> {
    let (known, all) = known.fold((0, 0), |(known, all), it| (known + usize::from(it), all + 1));
    u8::try_from((known * 100).checked_div(all)?).ok()
}

/// Returns why each member but the root is part of the incident, with the whole way from the root:
/// what was adopted with a cause of its own recorded the way from that cause only.
fn joins(incident: &Incident, members: &[Member]) -> Vec<Join> {
    let ways = Ways::new(members);
    let dependants = members.iter().filter_map(|member| Some((member, member.alert.as_ref()?)));
    let dependants = dependants.filter(|(_, row)| row.fingerprint != incident.root.alert);
    let whole =
        dependants.map(|(member, row)| match row.ci.as_deref().and_then(|ci| ways.to(ci)) {
            Some(path) => {
                let rule = incident.rule.clone().unwrap_or_else(|| "".into());
                Join::Dependant { rule, path, after_ms: 0, expected_ms: None, confidence: 0 }
            }
            None => own_or_adopted(member, members),
        });
    whole.collect()
}

/// Returns why a member is here: where it only opened an incident that was adopted, why that was.
fn own_or_adopted(member: &Member, members: &[Member]) -> Join {
    let adopted =
        |id: RecordId| members.iter().find(|it| it.alert.is_none() && it.row.record == id);
    let mut of = member;
    while let (Join::Own, Some(parent)) = (&of.row.join, adopted(of.row.incident)) {
        of = parent;
    }
    of.row.join.clone()
}

/// The ways by which records were attached, by the CI they lead to.
struct Ways<'a>(BTreeMap<&'a str, &'a Path>);

impl<'a> Ways<'a> {
    fn new(members: &'a [Member]) -> Self {
        let paths = members.iter().filter_map(|member| member.row.join.path());
        let paths = paths.filter_map(|path| Some((&*path.steps.last()?.1, path)));
        Self(paths.collect())
    }

    /// Puts the way to a CI together, back to where no recorded way leads.
    fn to(&self, ci: &str) -> Option<Path> {
        let mut whole: Path = (*self.0.get(ci)?).clone();
        // Not: for ever. Two ways can lead to each other's beginning.
        for _ in 0..self.0.len() {
            let Some(before) = self.0.get(&*whole.from) else { break };
            let steps = before.steps.iter().chain(&whole.steps).cloned().collect();
            whole = Path { from: before.from.clone(), steps };
        }
        Some(whole)
    }
}

/// Counts reasons of a kind, the most frequent first; the example is that of the longest way.
fn reasons<'a>(joins: impl Iterator<Item = &'a Join>) -> Vec<wire::ReasonCount> {
    let mut counts = BTreeMap::<String, (u32, usize, String)>::new();
    for join in joins {
        let (reason, length, example) = match join {
            Join::Own => ("opened the incident".into(), 0, String::new()),
            Join::Group { rule, key } => (format!("equal under rule {rule}"), 0, key.to_string()),
            Join::Dependant { path, .. } => {
                (format!("reached from {}", path.from), path.steps.len(), path.to_string())
            }
            Join::Cause { rule, .. } => (format!("the cause under rule {rule}"), 0, String::new()),
            Join::LastLeg { rule, ci } => {
                (format!("the last leg of a CI under rule {rule}"), 0, ci.to_string())
            }
            Join::Related { rule, .. } => {
                (format!("likely under rule {rule}"), 0, join.to_string())
            }
            Join::Storm { key, .. } => (format!("of storm {key}"), 0, String::new()),
            Join::Sequence { rule, steps } => {
                (format!("a sequence under rule {rule}"), 0, steps.to_string())
            }
            Join::Reported { ci } => ("reported by people".into(), 0, format!("of {ci}")),
            Join::ByHand { by, note } => (format!("joined by hand: {by}"), 0, note.to_string()),
            Join::Outlived { former } => (format!("still fired after {former}"), 0, String::new()),
        };
        let entry = counts.entry(reason).or_default();
        entry.0 += 1;
        if entry.0 == 1 || length > entry.1 {
            (entry.1, entry.2) = (length, example);
        }
    }
    let mut reasons: Vec<_> = counts
        .into_iter()
        .map(|(reason, (count, _, example))| wire::ReasonCount { count, reason, example })
        .collect();
    reasons.sort_by_key(|reason| core::cmp::Reverse(reason.count));
    reasons
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    fn dependant(cis: &[&str]) -> Join {
        let steps = cis.iter().map(|&ci| ("powers".into(), ci.into())).collect();
        let path = Path { from: "pdu-1".into(), steps };
        let rule = Arc::from("dc/power");
        Join::Dependant { rule, path, after_ms: 9_000, expected_ms: None, confidence: 90 }
    }

    #[test]
    fn the_share_of_what_is_known_is_rounded_down() {
        for (known, percent) in [
            (&[][..], None),
            (&[true], Some(100)),
            (&[false], Some(0)),
            (&[true, false, false], Some(33)),
        ] {
            assert_eq!(share(known.iter().copied()), percent);
        }
    }

    #[test]
    fn the_most_frequent_reason_comes_first_with_its_longest_way() {
        let joins = [
            Join::Own,
            dependant(&["srv-1"]),
            dependant(&["srv-1", "vm-8"]),
            dependant(&["srv-2"]),
        ];
        let found: Vec<_> = reasons(joins.iter())
            .into_iter()
            .map(|one| (one.count, one.reason, one.example))
            .collect();
        assert_eq!(
            found,
            [
                (3, "reached from pdu-1".into(), "pdu-1 -powers-> srv-1 -powers-> vm-8".into()),
                (1, "opened the incident".into(), String::new()),
            ]
        );
    }
}
