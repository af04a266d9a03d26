//! `incidentd incidents export --post-mortem`: a draft of a review, from what is on the record.
//!
//! It states what is known and leaves room for what only people can say. Texts of alerts and people
//! are data: none of their signs is Markdown.

use core::time::Duration;

use clap::Args;

use crate::http::wire::desk::Sheet;
use crate::http::wire::major::{CorrectiveAction, Done, Major};
use crate::http::wire::{Entry, Incident, IncidentRecord, Time};
use crate::model::time::Brief;

use super::Session;
use super::client::Server;
use super::failure::Failure;
use super::incidents::at;
use super::print::{self, clean};

/// What to write.
#[derive(Clone, Debug, Args)]
pub struct Command {
    /// Its number, as in INC-1042
    incident: String,
    /// As a Markdown draft of a post-mortem
    #[arg(long, required = true)]
    post_mortem: bool,
}

/// What the machine cannot know, with what is asked for.
const OPEN: [(&str, &str); 3] = [
    ("What went well", "What helped to notice, to find and to end it?"),
    ("What went badly", "What cost time? Who was called in vain, who too late?"),
    ("Why it could happen", "Ask why until the answer is something that can be changed."),
];

/// What is asked for where no action was said yet.
const NO_ACTIONS: &str = "_Each with who does it, and until when._";

/// Does it.
///
/// # Errors
/// As the daemon refuses.
pub(super) async fn run(
    session: &Session,
    server: &Server,
    command: Command,
) -> Result<(), Failure> {
    let answer = server.get(&at(&command.incident, &[]), &[]).await?;
    session.show(&answer, |answer| {
        for line in post_mortem(&answer.read()?) {
            print::data(line);
        }
        Ok(())
    })
}

fn post_mortem(record: &IncidentRecord) -> Vec<String> {
    let incident = &record.incident;
    let mut lines = vec![format!("# {}: {}", incident.id, plain(&incident.title)), String::new()];
    lines.extend(facts(incident).into_iter().map(|(name, value)| format!("- **{name}:** {value}")));
    lines.extend([String::new(), "## Why it was one incident".into(), String::new()]);
    let reasons = &record.why.reasons;
    lines.extend(reasons.iter().map(|it| {
        let example =
            if it.example.is_empty() { String::new() } else { format!(": {}", it.example) };
        format!("- {} × {}", it.count, plain(&format!("{}{example}", it.reason)))
    }));
    if let Some(major) = &incident.sheet.major {
        lines.extend([String::new(), "## Response".into(), String::new()]);
        lines.extend(response(major));
    }
    lines.extend([String::new(), "## Timeline (UTC)".into(), String::new()]);
    lines.extend(record.timeline.iter().map(entry));
    for (head, asked) in OPEN {
        lines.extend([String::new(), format!("## {head}"), String::new(), format!("_{asked}_")]);
    }
    lines.extend([String::new(), "## Actions".into(), String::new()]);
    match &*incident.sheet.actions {
        [] => lines.push(NO_ACTIONS.into()),
        actions => lines.extend(actions.iter().map(action)),
    }
    lines
}

/// Says who led, and which item of the plan was done when.
fn response(major: &Major) -> Vec<String> {
    let since = moment(major.declared_at);
    let mut lines =
        vec![format!("- **Declared:** {since} by {}: {}", plain(&major.by), plain(&major.because))];
    lines.extend(major.stood_down_at.map(|at| format!("- **Stood down:** {}", moment(at))));
    lines.extend(major.roles.iter().map(|it| {
        let (role, since) = (it.role.replace('_', " "), moment(it.since));
        format!("- **{role}:** {}, since {since}, by {}", plain(&it.who), plain(&it.by))
    }));
    let Some(plan) = &major.plan else { return lines };
    let (open, all) = (plan.open, plan.checklist.len());
    lines.push(format!("- **Plan:** {}, {open} of {all} items open", plain(&plan.name)));
    lines.push(String::new());
    lines.extend(plan.checklist.iter().zip(1..).map(|(item, number)| match &item.done {
        Some(done) => format!("- [x] {number}. {}{}", plain(&item.text), ticked(done)),
        None => format!("- [ ] {number}. {}", plain(&item.text)),
    }));
    lines
}

fn ticked(done: &Done) -> String {
    let note =
        if done.note.is_empty() { String::new() } else { format!(": {}", plain(&done.note)) };
    format!(" ({}, {}{note})", moment(done.at), plain(&done.by))
}

fn action(it: &CorrectiveAction) -> String {
    let (text, owner, due) = (plain(&it.text), plain(&it.owner), moment(it.due_at));
    let (sign, done) = it.done.as_ref().map_or((' ', String::new()), |done| ('x', ticked(done)));
    format!("- [{sign}] {}. {text} ({owner}, until {due}){done}", it.number)
}

/// Returns what is known, in the order in which it is asked for.
fn facts(incident: &Incident) -> Vec<(&'static str, String)> {
    let sheet = &incident.sheet;
    let field = |name: &str| sheet.fields.get(name).map(|value| plain(value));
    let ended = incident.resolved.as_ref().map(|it| it.at).or(incident.closed_at);
    let all = [
        ("State", Some(incident.state.clone())),
        ("Priority", Some(plain(&incident.sum))),
        ("Category", incident.category.as_deref().map(plain)),
        ("Opened", Some(moment(incident.opened_at))),
        ("Answered", incident.response.stopped_at.map(moment)),
        ("Ended", ended.map(moment)),
        ("Lasted", ended.map(|at| Brief(at.0.since(incident.opened_at.0)).to_string())),
        ("Root", incident.root.ci.as_deref().map(plain)),
        ("Services", listed(&sheet.services)),
        ("Users", Some(sheet.users.max(counted(sheet))).filter(|n| *n > 0).map(|n| n.to_string())),
        ("CIs", listed(&sheet.cis)),
        ("Alerts", Some(incident.members.to_string())),
        ("Reported by", listed(&reporters(sheet))),
        ("Team", incident.team.as_deref().map(plain)),
        ("Known error", incident.known_error.as_ref().map(|it| plain(&it.id))),
        ("Seen before", incident.recurrence_of.clone()),
        ("Changes", listed(&incident.changes)),
        ("Problem", field("problem")),
        ("Workaround", field("workaround")),
        ("Solution", field("solution")),
        ("Root cause", field("root_cause")),
        ("Data affected", field("data_affected")),
        ("Security affected", field("security_affected")),
        ("Evidence", field("evidence")),
        ("Time spent", time_spent(sheet)),
        ("Follow-up", field("follow_up")),
        ("Review", field("review")),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// Returns how many users people counted.
fn counted(sheet: &Sheet) -> u64 {
    sheet.fields.get("users").and_then(|users| users.parse().ok()).unwrap_or(0)
}

fn reporters(sheet: &Sheet) -> Vec<String> {
    let mut names: Vec<String> = sheet.reports.iter().map(|it| it.reporter.clone()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn time_spent(sheet: &Sheet) -> Option<String> {
    let all = Duration::from_millis(sheet.spent_ms);
    (!all.is_zero()).then(|| Brief(all).to_string())
}

fn listed(names: &[String]) -> Option<String> {
    (!names.is_empty()).then(|| plain(&names.join(", ")))
}

fn entry(it: &Entry) -> String {
    let count = if it.count > 1 { format!(" ({} times)", it.count) } else { String::new() };
    format!("- {} **{}**{count} {}", moment(it.at), it.what.replace('_', " "), plain(&it.text))
}

/// Writes a time to the second, without a zone.
fn moment(at: Time) -> String {
    at.to_string().chars().take(19).collect::<String>().replace('T', " ")
}

/// Keeps a text on one line and its signs from being Markdown.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in clean(text).chars() {
        if "\\`*_[]<>|#".contains(c) {
            plain.push('\\');
        }
        plain.push(c);
    }
    plain
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::super::incidents::tests::sample;
    use super::*;

    #[test]
    fn a_draft_states_what_is_known_and_asks_for_the_rest() {
        let resolved = json!({"at": "2026-11-21T03:52:00.000Z", "by": "ann"});
        let sheet = json!({"services": ["shop"], "users": 40, "spent_ms": 300_000,
            "fields": {"solution": "new *fuse*", "users": "55"},
            "reports": [{"at": "2026-11-21T03:20:00.000Z", "alert": "0", "title": "down",
                "reporter": "mia", "place": null, "contact": null, "by": "mia", "channel": "api"}]});
        let mut record =
            sample(&json!({"state": "resolved", "resolved": resolved, "sheet": sheet}));
        let more = json!({
            "why": {"root": "pdu-r12a", "alert": "PduOutputOff", "since": null, "rule": null,
                "reasons": [{"count": 2, "reason": "reached from pdu-r12a", "example": "a -x-> b"}],
                "left_out": [], "priority": ""},
            "subordinates": [],
            "timeline": [{"at": "2026-11-21T03:12:00.000Z", "what": "root_changed", "count": 2,
                "text": "<b> came", "path": null}],
        });
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let lines = post_mortem(&from_value(record.clone()).unwrap());
        assert_eq!(
            lines[..2],
            ["# INC-1042: Power lost in rack R12: 2 dependants".to_owned(), String::new()]
        );
        for line in [
            "- **Opened:** 2026-11-21 03:12:00",
            "- **Lasted:** 40m",
            "- **Users:** 55",
            "- **Reported by:** mia",
            "- **Solution:** new \\*fuse\\*",
            "- **Time spent:** 5m",
            "- 2 × reached from pdu-r12a: a -x-\\> b",
            "- 2026-11-21 03:12:00 **root changed** (2 times) \\<b\\> came",
            "## Actions",
        ] {
            assert!(lines.iter().any(|it| it == line), "{line}\n{lines:#?}");
        }
        for absent in ["Workaround", "Response", "[x]"] {
            assert!(!lines.iter().any(|it| it.contains(absent)), "nothing is made up");
        }
        let at = "2026-11-21T03:20:00.000Z";
        let done = json!({"at": at, "by": "ann", "note": "room *1*"});
        record["sheet"]["major"] = json!({"declared_at": at, "by": "rules", "because": "P1",
            "stood_down_at": null, "roles": [{"role": "incident_manager", "who": "ann",
            "team": null, "since": at, "by": "plan shop"}], "plan": {"name": "shop", "open": 1,
            "told": [], "link": null, "checklist": [{"text": "call", "done": done},
            {"text": "tell", "done": null}]}});
        record["sheet"]["actions"] = json!([{"number": 1, "text": "new strip", "owner": "dana",
            "due_at": "2026-12-02T00:00:00.000Z", "overdue": false, "reminded": "nobody",
            "by": "ann", "added_at": at, "done": done}]);
        let lines = post_mortem(&from_value(record).unwrap());
        for line in [
            "- **Declared:** 2026-11-21 03:20:00 by rules: P1",
            "- **incident manager:** ann, since 2026-11-21 03:20:00, by plan shop",
            "- **Plan:** shop, 1 of 2 items open",
            "- [x] 1. call (2026-11-21 03:20:00, ann: room \\*1\\*)",
            "- [ ] 2. tell",
            "- [x] 1. new strip (dana, until 2026-12-02 00:00:00) (2026-11-21 03:20:00, ann: room \\*1\\*)",
        ] {
            assert!(lines.iter().any(|it| it == line), "{line}\n{lines:#?}");
        }
    }
}
