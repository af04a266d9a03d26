//! Prints what became of a replay.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use crate::http::wire::Time;
use crate::lab::replay::{Comparison, Difference, Opened, Outcome, Totals};

use super::super::Session;
use super::super::print::{self, NOTHING, Table, clean};

/// The document of one set of rules.
#[derive(Serialize)]
struct Document<'a> {
    alerts: Vec<Alert>,
    incidents: Vec<Incident<'a>>,
}

/// Where an alert of a line ended up.
#[derive(Serialize)]
struct Alert {
    index: u64,
    record: Option<u64>,
    incident: Option<u64>,
}

#[derive(Serialize)]
struct Incident<'a> {
    number: u64,
    root: Option<&'a str>,
    suspects: Vec<&'a str>,
    members: u64,
    opened: String,
    resolved: Option<String>,
    priority: String,
}

/// Writes the document of one set of rules.
pub(super) fn outcome(outcome: &Outcome) -> String {
    let alert = |it: &crate::lab::replay::Placed| Alert {
        index: it.line,
        record: it.record,
        incident: it.incident,
    };
    let document = Document {
        alerts: outcome.alerts.iter().map(alert).collect(),
        incidents: outcome.incidents.iter().map(incident).collect(),
    };
    // Not: an error. All of it are numbers and texts.
    serde_json::to_string(&document).unwrap_or_default()
}

fn incident(it: &Opened) -> Incident<'_> {
    Incident {
        number: it.number,
        root: it.root.as_deref(),
        suspects: it.suspects.iter().map(Arc::as_ref).collect(),
        members: it.members,
        opened: it.opened_at.to_string(),
        resolved: it.resolved_at.map(|at| at.to_string()),
        priority: it.priority.to_string(),
    }
}

/// Prints the incidents of one set of rules, and how many there are.
pub(super) fn table(session: &Session, outcome: &Outcome) {
    let mut table = Table::new(&["ID", "P", "OPENED", "FOR", "ALERTS", "PAGED", "TITLE"]);
    for it in &outcome.incidents {
        let lasted = it.resolved_at.map(|end| print::span(Time(it.opened_at), Time(end)));
        table.row([
            format!("INC-{}", it.number),
            it.priority.to_string(),
            it.opened_at.to_string(),
            lasted.unwrap_or_else(|| NOTHING.into()),
            it.members.to_string(),
            it.paged.as_ref().map_or(NOTHING, |paged| &paged.target).into(),
            it.title.clone(),
        ]);
    }
    let Totals { alerts, incidents, pages } = Totals::of(outcome);
    session.list(table, &format!("{alerts} alerts, {incidents} incidents, {pages} of them paged"));
}

/// Returns the table of two sets of rules and, below it, everything that was missed or is new.
pub(super) fn side_by_side(of: &Comparison) -> Vec<String> {
    let Comparison { before, after, missed, new_pages } = of;
    let mut lines = vec![row("", ["before", "after", ""])];
    for (what, old, new) in [
        ("alerts", before.alerts, after.alerts),
        ("incidents", before.incidents, after.incidents),
        ("pages", before.pages, after.pages),
    ] {
        lines.push(row(what, [&grouped(old), &grouped(new), &change(old, new)]));
    }
    let missed_count = missed.len() as u64;
    lines.push(row("missed (P1/P2)", ["0", &grouped(missed_count), &change(0, missed_count)]));
    let new_count = new_pages.len() as u64;
    lines.push(row("new pages", ["0", &grouped(new_count), &change(0, new_count)]));
    let listed = |mark: &'static str, list: &[Difference]| -> Vec<String> {
        list.iter().map(|it| clean(&format!("{mark} {it}"))).collect()
    };
    lines.extend(listed("! missed", missed));
    lines.extend(listed("+ new", new_pages));
    lines
}

fn row(what: &str, [before, after, change]: [&str; 3]) -> String {
    format!("{what:<16}{before:>12}{after:>11}{change:>11}").trim_end().to_owned()
}

/// Writes a number with a space between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

fn change(old: u64, new: u64) -> String {
    match new.cmp(&old) {
        core::cmp::Ordering::Equal => String::new(),
        core::cmp::Ordering::Less => format!("−{}", grouped(old - new)),
        core::cmp::Ordering::Greater => format!("+{}", grouped(new - old)),
    }
}

/// Writes two sets of rules side by side for programs.
pub(super) fn comparison(of: &Comparison) -> Value {
    let totals =
        |of: &Totals| json!({"alerts": of.alerts, "incidents": of.incidents, "pages": of.pages});
    let difference = |it: &Difference| {
        json!({
            "number": it.number,
            "title": it.title,
            "priority": it.priority.to_string(),
            "paged": &*it.target,
            "paged_at": it.paged_at.to_string(),
            "index": it.line,
            "other": it.other,
            "other_rule": it.other_rule.as_deref(),
        })
    };
    json!({
        "before": totals(&of.before),
        "after": totals(&of.after),
        "missed": of.missed.iter().map(difference).collect::<Vec<_>>(),
        "new_pages": of.new_pages.iter().map(difference).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::priority::Priority;
    use crate::model::time::Timestamp;

    #[test]
    fn two_sets_of_rules_stand_side_by_side() {
        let missed = Difference {
            number: 12,
            title: "db-3 DiskFull".into(),
            priority: Priority::P1,
            target: "dba".into(),
            paged_at: Timestamp::EPOCH,
            line: 6,
            other: Some(3),
            other_rule: Some("ops/fra1-storm".into()),
        };
        let comparison = Comparison {
            before: Totals { alerts: 4_812, incidents: 211, pages: 96 },
            after: Totals { alerts: 4_812, incidents: 37, pages: 1_000_022 },
            missed: vec![missed],
            new_pages: Vec::new(),
        };
        assert_eq!(
            side_by_side(&comparison),
            [
                "                      before      after",
                "alerts                 4 812      4 812",
                "incidents                211         37       −174",
                "pages                     96  1 000 022   +999 926",
                "missed (P1/P2)             0          1         +1",
                "new pages                  0          0",
                "! missed INC-12 (P1, dba) db-3 DiskFull, line 7: in INC-3 of ops/fra1-storm, which called nobody in time",
            ]
        );
    }
}
