//! `incidentd explain`: the decision record of an alert or an incident.

use core::time::Duration;
use std::path::PathBuf;

use crate::http::wire::binding::Sought;
use crate::http::wire::explain::{
    AlertExplanation, Alone, Binding, IncidentExplanation, RuleTried, Verdict,
};
use crate::http::wire::what_if::Question;
use crate::http::wire::{Incident, IncidentRecord, Time};
use crate::model::time::Brief;
use crate::rules;

use super::Session;
use super::alerts::{bare, title};
use super::explain_test::{self, Wanted};
use super::failure::Failure;
use super::incidents;
use super::print::{self, NOTHING, Table, or_nothing};
use super::what_if;

/// The arguments of `explain`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// An alert's fingerprint, an incident's number, or an alert that never came: its labels, as in
    /// 'alertname="X", ci="srv-1"', or `-` for JSON on standard input
    #[arg(value_name = "ALERT|INC", required_unless_present = "test", conflicts_with = "test")]
    what: Option<String>,
    /// Instead, play the test of a rule file that this line belongs to, up to its expectation there
    #[arg(long, value_name = "FILE:LINE")]
    test: Option<String>,
    /// Rule files and folders to load with the test, or to decide by in place of those in force
    #[arg(long, value_name = "FILE|DIR")]
    rules: Vec<PathBuf>,
    /// Play the test up to this time from its start, as in 90s
    #[arg(long, value_name = "TIME", value_parser = time, requires = "test", conflicts_with = "what")]
    at: Option<Duration>,
    #[command(flatten)]
    what_if: what_if::Options,
}

fn time(text: &str) -> Result<Duration, String> {
    rules::duration(text).ok_or_else(|| "expected a span of time like 45s or 1h30m".into())
}

/// Does it.
///
/// # Errors
/// As the daemon refuses.
pub async fn run(session: &Session, args: &Args) -> Result<(), Failure> {
    if let Some(test) = &args.test {
        return explain_test::run(session, &Wanted { test, rules: &args.rules, at: args.at });
    }
    let (given, options) = (args.what.as_deref().unwrap_or_default(), &args.what_if);
    let mut question = what_if::written(given)?;
    let is_changed = !options.set.is_empty() || !args.rules.is_empty();
    if question.is_none() && (is_changed || options.offline || options.cmdb.is_some()) {
        let alert = alert_of(session, bare(given), options).await?;
        question = Some(Question { alert: Some(alert), ..Question::default() });
    }
    if let Some(question) = question {
        return what_if::run(session, question, options, &args.rules).await;
    }
    if let Some(rule) = &options.why_not {
        let alert = alert_of(session, bare(given), options).await?;
        let path = ["api", "v1", "alerts", &*alert, "explain"];
        let answer = session.connect()?.get(&path, &[("why_not", &**rule)]).await?;
        return session.show(&answer, |answer| {
            alert_lines(&answer.read()?).iter().for_each(print::data);
            Ok(())
        });
    }
    let server = session.connect()?;
    let what = bare(args.what.as_deref().unwrap_or_default());
    let is_alert = is_fingerprint(what);
    let kind = if is_alert { "alerts" } else { "incidents" };
    let answer = server.get(&["api", "v1", kind, what, "explain"], &[]).await?;
    session.show(&answer, |answer| {
        let lines = if is_alert { alert_lines(&answer.read()?) } else { incident(&answer.read()?) };
        lines.iter().for_each(print::data);
        Ok(())
    })
}

fn is_fingerprint(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Returns the fingerprint that is given, or that of an incident's root.
async fn alert_of(
    session: &Session,
    what: &str,
    options: &what_if::Options,
) -> Result<String, Failure> {
    // Without a daemon nobody knows an incident's root; what follows says so.
    if is_fingerprint(what) || options.offline || options.cmdb.is_some() {
        return Ok(what.into());
    }
    let answer = session.connect()?.get(&["api", "v1", "incidents", what], &[]).await?;
    Ok(answer.read::<IncidentRecord>()?.incident.root.alert)
}

fn incident(explained: &IncidentExplanation) -> Vec<String> {
    let incident = &explained.incident;
    let mut lines = vec![print::clean(&format!("{}  {}", incident.id, incident.title))];
    lines.extend(incidents::why(incident, &explained.why, explained.now));
    lines.push(format!("Why {}?", incident.priority));
    lines.push(format!("  {}", print::clean(&explained.why.priority)));
    lines.push("Who hears of it next?".into());
    let mut steps = Table::bare();
    for step in &incident.next {
        let at = step.at.map_or_else(|| "paused".into(), |at| print::until(at, explained.now));
        steps.row([at, step.ladder.clone(), step.action.clone()]);
    }
    if steps.is_empty() {
        steps.row(["nobody".into()]);
    }
    lines.extend(steps.lines("  "));
    lines.push(format!("  by policy {}", or_nothing(explained.policy.as_deref())));
    lines.extend(explained.rules_changed.then(|| changed("rules")));
    lines.extend(explained.topology_changed.then(|| changed("relations")));
    lines
}

/// Warns when something else is in force than what it was decided on.
fn changed(what: &str) -> String {
    format!("Note: other {what} are in force now than those it was decided on.")
}

fn alert_lines(explained: &AlertExplanation) -> Vec<String> {
    let (alert, now) = (&explained.alert, explained.now);
    let head = format!(
        "{}  {}  severity={}  last seen {} UTC",
        title(alert),
        or_nothing(alert.ci.as_deref()),
        or_nothing(Some(&alert.severity)),
        print::clock(alert.last_seen, now)
    );
    let mut lines = vec![print::clean(&head)];
    for (number, (name, text, below)) in (1..).zip(stages(explained)) {
        lines.push(print::clean(&format!("{number:>2} {name:<12}{text}")));
        lines.extend(below);
    }
    lines.extend(explained.rules_changed.then(|| changed("rules")));
    lines.extend(explained.topology_changed.then(|| changed("relations")));
    lines.extend(explained.why_not.as_ref().map(|why| print::clean(&format!("Why not? {why}"))));
    lines
}

/// The stages in their order: name, what it says, and further lines.
fn stages(explained: &AlertExplanation) -> Vec<(&'static str, String, Vec<String>)> {
    let now = explained.now;
    let none_loaded = if explained.rules.is_empty() { "none are loaded" } else { "" };
    let path = explained.join.as_ref().and_then(|join| join.path.as_ref());
    let path = path.map(|path| print::clean(&format!("     {path}")));
    let mut stages = Vec::new();
    if let Some(dropped) = &explained.dropped {
        stages.push(("intake", format!("if it began now: {dropped}"), Vec::new()));
    }
    stages.extend([
        ("dedup", dedup(explained, now), Vec::new()),
        ("bind", bound(explained.binding.as_ref(), &explained.sought), Vec::new()),
        ("suppress", suppress(explained, now), Vec::new()),
        ("rules", none_loaded.into(), rules(explained).lines("     ")),
        ("correlate", outcome(explained), path.into_iter().collect()),
    ]);
    if let Some(incident) = &explained.incident {
        let category = incident.category.as_deref().unwrap_or("no category: no rule says one");
        let team = or_nothing(incident.team.as_deref());
        let person = incident.assignee.as_ref().map(|it| format!(", {it}")).unwrap_or_default();
        stages.extend([
            ("classify", category.to_owned(), Vec::new()),
            ("prioritise", incident.sum.clone(), Vec::new()),
            ("assign", format!("{team}{person}"), Vec::new()),
            ("escalate", escalate(explained, incident), Vec::new()),
        ]);
    }
    if !explained.left_out.is_empty() {
        let below = incidents::left_out(&explained.left_out).into_iter().skip(1);
        let below = below.map(|line| format!("   {line}")).collect();
        stages.push(("left out", "of these, on purpose".into(), below));
    }
    if let Some(alone) = &explained.alone {
        stages.push(("alone", self::alone(alone), Vec::new()));
    }
    stages
}

fn suppress(explained: &AlertExplanation, now: Time) -> String {
    let silences = explained.silenced_by.iter().map(|silence| {
        let by = if silence.by.is_empty() { &silence.id } else { &silence.by };
        let until = silence.until.map(|until| format!(" until {} UTC", print::clock(until, now)));
        format!("silenced by {by} \"{}\"{}", silence.comment, until.unwrap_or_default())
    });
    let inhibitors = explained.inhibited_by.iter();
    let inhibitors = inhibitors.map(|by| format!("inhibited by {} (rule {})", by.name, by.rule));
    let all: Vec<String> = silences.chain(inhibitors).collect();
    if all.is_empty() { "nothing holds it back".into() } else { all.join("; ") }
}

fn escalate(explained: &AlertExplanation, incident: &Incident) -> String {
    let policy = or_nothing(explained.policy.as_deref());
    if incident.quiet {
        return format!("policy {policy}, stopped: all that fires is held back");
    }
    let next = incident.next.iter().find_map(|step| Some((step.at?, &step.action)));
    match (next, &incident.acknowledged) {
        (_, Some(holder)) => format!("policy {policy}, stopped: {} has it", holder.by),
        (Some((at, action)), None) => {
            format!("policy {policy}, next {action} {}", print::until(at, explained.now))
        }
        (None, None) => format!("policy {policy}, no step to come"),
    }
}

/// What would have become of it: what correlation and silences saved people.
pub fn alone(alone: &Alone) -> String {
    let told = match (&alone.kind, &alone.target) {
        (Some(kind), Some(target)) => format!("{kind} to {target}"),
        _ => "nobody told".into(),
    };
    let after = alone.after_ms.filter(|ms| *ms > 0).map(Duration::from_millis);
    let after = after.map(|after| format!(" after {}", Brief(after))).unwrap_or_default();
    format!("had it been alone: {}, {told}{after}", alone.priority)
}

fn dedup(explained: &AlertExplanation, now: Time) -> String {
    let alert = &explained.alert;
    let holders: Vec<&str> = alert.leases.iter().map(|lease| &*lease.source).collect();
    let held = match (holders.is_empty(), alert.ended_at) {
        (false, _) => format!("held by {}", holders.join(", ")),
        (true, Some(at)) => format!("ended {} UTC", print::clock(at, now)),
        (true, None) => "held by nobody".into(),
    };
    let (fingerprint, episode, seen) = (&alert.fingerprint, alert.episode, alert.occurrences);
    format!("fingerprint {fingerprint}, episode {episode}, seen {seen} times, {held}")
}

/// Says which CI an alert speaks of.
pub fn bound(binding: Option<&Binding>, sought: &Sought) -> String {
    let Some(binding) = binding else { return sought.text.clone() };
    let attributes: Vec<String> =
        binding.attributes.iter().map(|(name, value)| format!("{name}={value}  ")).collect();
    let services = match &*binding.services {
        [] => String::new(),
        services => format!("  hits services {}", services.join(", ")),
    };
    let (ci, class, by) = (&binding.ci, &binding.class, &binding.by);
    format!("ci={ci}  class={class}  {}(by {by}){services}", attributes.concat())
}

fn rules(explained: &AlertExplanation) -> Table {
    let mut table = Table::bare();
    for tried in &explained.rules {
        let (verdict, reason) = match (tried.applied, tried.matched) {
            (true, _) if holds_back(explained, &tried.rule.name) => {
                ("APPLIED", Some("it is held back, see suppress".into()))
            }
            (true, _) => ("APPLIED", explained.join.as_ref().map(|join| join.text.clone())),
            (false, true) => ("matched", Some(handled(explained, tried))),
            (false, false) => ("no", failed(tried)),
        };
        table.row([tried.rule.name.clone(), verdict.into(), reason.unwrap_or_default()]);
    }
    table
}

/// True when a rule holds the alert back.
fn holds_back(explained: &AlertExplanation, rule: &str) -> bool {
    explained.inhibited_by.iter().any(|by| by.rule == rule)
        || explained.silenced_by.iter().any(|it| it.rule.as_deref() == Some(rule))
}

/// Says whether the alert's incident is handled under a rule that matched, else where it stands.
fn handled(explained: &AlertExplanation, tried: &RuleTried) -> String {
    let incident = explained.incident.as_ref();
    match incident.filter(|incident| incident.rule.as_ref() == Some(&tried.rule.name)) {
        Some(incident) => format!("{} is handled under it", incident.id),
        None => format!("{}:{}", tried.rule.file, tried.rule.line),
    }
}

/// Returns the matcher that kept a rule from matching: one of `when` that does not hold, or one of
/// `unless` that does.
pub fn failed(tried: &RuleTried) -> Option<String> {
    let hinders = |it: &&Verdict| {
        let Verdict { matcher, value, holds } = (*it).clone();
        rules::Verdict { matcher, value, holds }.hinders()
    };
    let verdict = tried.verdicts.iter().find(hinders)?;
    let mark = if verdict.holds { "✓" } else { "✗" };
    Some(format!("{}  {mark}  (value {:?})", verdict.matcher, verdict.value))
}

fn outcome(explained: &AlertExplanation) -> String {
    let (alert, join) = (&explained.alert, explained.join.as_ref());
    let because = join.map_or(String::new(), |join| format!(": {}", join.text));
    let pages = explained.incident.as_ref().map_or("", |incident| {
        if incident.pages { ", which pages" } else { ", which makes a ticket" }
    });
    let incident = explained.incident.as_ref().map(|incident| &incident.id);
    match (incident.or(alert.incident.as_ref()), &alert.record) {
        (Some(incident), Some(record)) if incident != record => {
            format!("subordinate {record} of {incident}{pages}{because}")
        }
        (Some(incident), _) => format!("{incident}{pages}{because}"),
        (None, _) if !explained.silenced_by.is_empty() || !explained.inhibited_by.is_empty() => {
            format!("no incident {NOTHING} it is held back, see suppress")
        }
        (None, _) => format!("no incident {NOTHING} nothing of it ever fired here"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::incidents::tests::sample;
    use super::*;

    #[test]
    fn an_alert_is_explained_stage_by_stage() {
        let verdict =
            |matcher, value, holds| json!({"matcher": matcher, "value": value, "holds": holds});
        let rule = |name, matched, verdicts| {
            json!({"name": name, "file": "rules/power.yaml", "line": 5, "summary": "", "kind": "topology",
                "matched": matched, "applied": matched, "verdicts": verdicts})
        };
        let explained: AlertExplanation = serde_json::from_value(json!({
            "alert": {
                "fingerprint": "9f31c20a77de41b2", "state": "firing",
                "labels": {"alertname": "NodeDown", "ci": "srv-0412"}, "annotations": {},
                "generator_url": "", "severity": "major", "ci": "srv-0412", "episode": 1,
                "record": "INC-1043", "incident": "INC-1042",
                "starts_at": "2026-11-21T03:12:07.000Z", "ended_at": null,
                "first_seen": "2026-11-21T03:12:07.000Z", "last_seen": "2026-11-21T03:12:07.000Z",
                "occurrences": 1,
                "leases": [{"source": "native", "until": "2026-11-21T04:12:07.000Z", "explicit": false}],
            },
            "binding": {"ci": "srv-0412", "class": "server", "by": "label ci",
                "attributes": {"rack": "R12"}, "services": ["checkout"]},
            "rules": [
                rule("datacenter/rack-power", true, json!([])),
                rule("ledger/db", false, json!([
                    verdict("severity=\"major\"", "major", true),
                    verdict("alertname=\"DbDown\"", "NodeDown", false),
                ])),
                rule("ledger/night", false, json!([verdict("unless ci.rack=\"R12\"", "R12", true)])),
            ],
            "join": {"reason": "dependant", "text": "dependant of pdu-r12a, 1 hop, 9s after it",
                "rule": "datacenter/rack-power", "path": "pdu-r12a -powers-> srv-0412"},
            "incident": sample(&json!({})),
            "policy": "default",
            "silenced_by": [{"id": "x", "by": "ann", "comment": "patching",
                "until": "2026-11-21T04:00:00.000Z"}],
            "left_out": [{"incident": "INC-7", "what": "pdu-r12b PduOutputOff",
                "reason": "datacenter/rack-power: kept apart by hand"}],
            "alone": {"priority": "P3", "sum": "", "rule": null, "team": "linux", "kind": "page",
                "target": "linux", "after_ms": 30000},
            "rules_changed": true, "topology_changed": false,
            "now": "2026-11-21T03:16:00.000Z",
        }))
        .unwrap();
        assert_eq!(
            alert_lines(&explained),
            [
                "NodeDown  srv-0412  severity=major  last seen 03:12:07 UTC",
                " 1 dedup       fingerprint 9f31c20a77de41b2, episode 1, seen 1 times, held by native",
                " 2 bind        ci=srv-0412  class=server  rack=R12  (by label ci)  hits services checkout",
                " 3 suppress    silenced by ann \"patching\" until 04:00:00 UTC",
                " 4 rules",
                "     datacenter/rack-power  APPLIED  dependant of pdu-r12a, 1 hop, 9s after it",
                "     ledger/db              no       alertname=\"DbDown\"  ✗  (value \"NodeDown\")",
                "     ledger/night           no       unless ci.rack=\"R12\"  ✓  (value \"R12\")",
                " 5 correlate   subordinate INC-1043 of INC-1042, which pages: dependant of pdu-r12a, 1 hop, 9s after it",
                "     pdu-r12a -powers-> srv-0412",
                " 6 classify    no category: no rule says one",
                " 7 prioritise  P2 = impact high (service checkout, tier 1) × urgency medium",
                " 8 assign      dc-ops",
                " 9 escalate    policy default, next dc-lead in 6m",
                "10 left out    of these, on purpose",
                "     INC-7  pdu-r12b PduOutputOff – datacenter/rack-power: kept apart by hand",
                "11 alone       had it been alone: P3, page to linux after 30s",
                "Note: other rules are in force now than those it was decided on.",
            ]
        );
    }
}
