//! How the record of an incident is shown: every field that is set, and what its end waits for.

use core::time::Duration;

use crate::http::wire::Time;
use crate::http::wire::desk::{Confirmation, Reclassified, Report, Sheet, Spent};
use crate::model::time::Brief;

use super::major;
use super::print::{self, Table};

/// Reporters that are named one by one.
const REPORTS_MAX: usize = 10;

/// Returns a row for each thing that is known.
pub fn facts(sheet: &Sheet, now: Time) -> Table {
    let mut table = Table::bare();
    let mut fact = |name: &str, value: String| table.row([name.into(), value]);
    if let Some(it) = &sheet.major {
        let at = print::clock(it.declared_at, now);
        let over = it.stood_down_at.map(|at| format!(", until {} UTC", print::clock(at, now)));
        let over = over.unwrap_or_default();
        fact("major", format!("since {at} UTC{over} by {}: {}", it.by, it.because));
        for (name, value) in major::facts(it, now) {
            fact(name, value);
        }
    }
    for it in &sheet.actions {
        fact("action", major::action(it, now));
    }
    if !["", "fault"].contains(&&*sheet.nature) && !sheet.fields.contains_key("nature") {
        fact("nature", sheet.nature.clone());
    }
    for (name, value) in &sheet.fields {
        fact(&name.replace('_', " "), value.clone());
    }
    for Reclassified { at, by, from, to, because } in &sheet.reclassified {
        let from = from.as_deref().unwrap_or("nothing");
        let at = print::clock(*at, now);
        fact("reclassified", format!("from {from} to {to} by {by}, {at} UTC: {because}"));
    }
    if !sheet.cis.is_empty() {
        fact("cis", sheet.cis.join(", "));
    }
    if !sheet.services.is_empty() {
        let users =
            if sheet.users > 0 { format!(", {} users", sheet.users) } else { String::new() };
        fact("services", format!("{}{users}", sheet.services.join(", ")));
    }
    if !sheet.spent.is_empty() {
        let each: Vec<String> = sheet.spent.iter().map(spent).collect();
        let all = Brief(Duration::from_millis(sheet.spent_ms));
        fact("time spent", format!("{all}: {}", each.join(", ")));
    }
    for report in sheet.reports.iter().take(REPORTS_MAX) {
        fact("reported", reported(report, now));
    }
    if let Some(more) = sheet.reports.len().checked_sub(REPORTS_MAX).filter(|more| *more > 0) {
        fact("reported", format!("and by {more} more"));
    }
    if let Some(at) = sheet.verify_at {
        fact("verified", format!("{}, at {} UTC", print::until(at, now), print::clock(at, now)));
    }
    for line in sheet.confirmation.iter().flat_map(|it| confirmation(it, now)) {
        fact("is it over", line);
    }
    if let Some(by) = &sheet.cancelled_by {
        fact("cancelled", format!("by {by}"));
    }
    table
}

fn spent(it: &Spent) -> String {
    let line = it.line.map(|line| format!(" (line {line})")).unwrap_or_default();
    format!("{} {}{line}", it.by, Brief(Duration::from_millis(it.ms)))
}

fn reported(it: &Report, now: Time) -> String {
    let place = it.place.as_ref().map(|place| format!(", {place}")).unwrap_or_default();
    let contact = it.contact.as_ref().map(|contact| format!(", {contact}")).unwrap_or_default();
    let at = print::clock(it.at, now);
    format!("{at} UTC by {}{place}{contact} ({}): {}", it.reporter, it.channel, it.title)
}

fn confirmation(it: &Confirmation, now: Time) -> Vec<String> {
    let mut lines = Vec::new();
    if !it.asked.is_empty() {
        let due = match it.due_at {
            Some(at) => format!("; without an answer closed {}", print::until(at, now)),
            None => "; never closed without an answer".into(),
        };
        lines.push(format!("{} asked{due}", it.asked.join(", ")));
    }
    if !it.confirmed.is_empty() {
        lines.push(format!("yes: {}", it.confirmed.join(", ")));
    }
    if let Some(said) = &it.disagreement {
        lines.push(format!("no, says {}: {}", said.by, said.because));
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn every_field_that_is_set_is_shown() {
        let sheet: Sheet = from_value(json!({
            "nature": "fault",
            "fields": {"closure_code": "fixed", "location": "fra1"},
            "reclassified": [{"at": "2026-11-21T03:12:00.000Z", "by": "ann", "from": null,
                "to": "network", "because": "the switch"}],
            "spent": [{"by": "ann", "line": 1, "ms": 2_700_000},
                {"by": "bob", "line": null, "ms": 60_000}],
            "spent_ms": 2_760_000,
            "cis": ["sw-1"], "services": ["shop"], "users": 1200,
            "reports": [{"at": "2026-11-21T03:12:00.000Z", "alert": "0", "title": "shop slow",
                "reporter": "mia", "place": "Berlin", "contact": "4711", "by": "ann",
                "channel": "phone"}],
            "verify_at": "2026-11-21T03:26:00.000Z",
            "confirmation": {"asked_at": "2026-11-21T03:12:00.000Z",
                "due_at": "2026-11-21T04:16:00.000Z", "asked": ["mia"], "confirmed": ["mia"],
                "disagreement": {"at": "2026-11-21T03:12:00.000Z", "by": "eva", "because": "slow"}},
            "cancelled_by": "zoe",
            "major": {"declared_at": "2026-11-21T03:12:00.000Z", "by": "rules",
                "because": "its priority is P1", "stood_down_at": "2026-11-21T03:13:00.000Z"},
        }))
        .unwrap();
        let now = from_value(json!("2026-11-21T03:16:00.000Z")).unwrap();
        assert_eq!(
            facts(&sheet, now).lines(""),
            [
                "major         since 03:12:00 UTC, until 03:13:00 UTC by rules: its priority is P1",
                "closure code  fixed",
                "location      fra1",
                "reclassified  from nothing to network by ann, 03:12:00 UTC: the switch",
                "cis           sw-1",
                "services      shop, 1200 users",
                "time spent    46m: ann 45m (line 1), bob 1m",
                "reported      03:12:00 UTC by mia, Berlin, 4711 (phone): shop slow",
                "verified      in 10m, at 03:26:00 UTC",
                "is it over    mia asked; without an answer closed in 1h",
                "is it over    yes: mia",
                "is it over    no, says eva: slow",
                "cancelled     by zoe",
            ]
        );
        assert!(facts(&Sheet::default(), now).is_empty());
    }
}
