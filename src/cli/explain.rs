//! `incidentd explain`: the decision record of an alert or an incident.

use crate::http::wire::Time;
use crate::http::wire::explain::{AlertExplanation, IncidentExplanation, RuleTried};

use super::Session;
use super::alerts::{bare, title};
use super::failure::Failure;
use super::incidents;
use super::print::{self, NOTHING, Table, or_nothing};

/// The arguments of `explain`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// An alert's fingerprint or an incident's number, as in 9f31c20a77de41b2 or INC-1042
    #[arg(value_name = "ALERT|INC")]
    what: String,
}

/// Does it.
///
/// # Errors
/// As the daemon refuses.
pub async fn run(session: &Session, args: &Args) -> Result<(), Failure> {
    let server = session.connect()?;
    let what = bare(&args.what);
    let is_alert = what.len() == 16 && what.bytes().all(|b| b.is_ascii_hexdigit());
    let kind = if is_alert { "alerts" } else { "incidents" };
    let answer = server.get(&["api", "v1", kind, what, "explain"], &[]).await?;
    session.show(&answer, |answer| {
        let lines = if is_alert { alert(&answer.read()?) } else { incident(&answer.read()?) };
        lines.iter().for_each(print::data);
        Ok(())
    })
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
    for (changed, what) in
        [(explained.rules_changed, "rules"), (explained.topology_changed, "topology")]
    {
        if changed {
            lines
                .push(format!("Note: other {what} are in force now than those it was decided on."));
        }
    }
    lines
}

fn alert(explained: &AlertExplanation) -> Vec<String> {
    let (alert, now) = (&explained.alert, explained.now);
    let head = format!(
        "{}  {}  severity={}  last seen {} UTC",
        title(alert),
        or_nothing(alert.ci.as_deref()),
        or_nothing(Some(&alert.severity)),
        print::clock(alert.last_seen, now)
    );
    let mut lines = vec![print::clean(&head)];
    let mut stage = |number: u8, name: &str, text: &str| {
        lines.push(print::clean(&format!(" {number} {name:<12}{text}")));
    };
    stage(1, "dedup", &dedup(explained, now));
    stage(2, "bind", &bind(explained));
    stage(3, "rules", if explained.rules.is_empty() { "none are loaded" } else { "" });
    lines.extend(rules(explained).lines("     "));
    let mut stage = |number: u8, name: &str, text: &str| {
        lines.push(print::clean(&format!(" {number} {name:<12}{text}")));
    };
    stage(4, "outcome", &outcome(explained));
    if let Some(path) = explained.join.as_ref().and_then(|join| join.path.as_ref()) {
        stage(5, "path", path);
    }
    if let Some(incident) = &explained.incident {
        stage(6, "priority", &incident.sum);
    }
    lines
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

fn bind(explained: &AlertExplanation) -> String {
    let Some(binding) = &explained.binding else {
        return "no CI: no label names one, and no binding key fits".into();
    };
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
            (true, _) => ("APPLIED", explained.join.as_ref().map(|join| join.text.clone())),
            (false, true) => ("matched", Some(handled(explained, tried))),
            (false, false) => ("no", failed(tried)),
        };
        table.row([tried.rule.name.clone(), verdict.into(), reason.unwrap_or_default()]);
    }
    table
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
fn failed(tried: &RuleTried) -> Option<String> {
    let verdict = tried
        .verdicts
        .iter()
        .find(|verdict| verdict.holds == verdict.matcher.starts_with("unless "))?;
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
            "now": "2026-11-21T03:16:00.000Z",
        }))
        .unwrap();
        assert_eq!(
            alert(&explained),
            [
                "NodeDown  srv-0412  severity=major  last seen 03:12:07 UTC",
                " 1 dedup       fingerprint 9f31c20a77de41b2, episode 1, seen 1 times, held by native",
                " 2 bind        ci=srv-0412  class=server  rack=R12  (by label ci)  hits services checkout",
                " 3 rules",
                "     datacenter/rack-power  APPLIED  dependant of pdu-r12a, 1 hop, 9s after it",
                "     ledger/db              no       alertname=\"DbDown\"  ✗  (value \"NodeDown\")",
                "     ledger/night           no       unless ci.rack=\"R12\"  ✓  (value \"R12\")",
                " 4 outcome     subordinate INC-1043 of INC-1042, which pages: dependant of pdu-r12a, 1 hop, 9s after it",
                " 5 path        pdu-r12a -powers-> srv-0412",
                " 6 priority    P2 = impact high (service checkout, tier 1) × urgency medium",
            ]
        );
    }
}
