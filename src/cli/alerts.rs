//! `incidentd alerts`: list, show, send.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::http::wire::change::Accepted;
use crate::http::wire::{Alert, AlertRecord, Page, Time};

use super::Session;
use super::client::Server;
use super::failure::Failure;
use super::paging::{Paging, more};
use super::print::{self, NOTHING, Table, or_nothing};

/// Where alerts are.
const PATH: [&str; 3] = ["api", "v1", "alerts"];

/// What to do with alerts.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// List alerts
    Ls(List),
    /// Show one alert with its leases and its earlier firings
    Show {
        /// Its fingerprint: 16 hexadecimal digits
        fingerprint: String,
    },
    /// List the firing alerts that no CI is found for, with what would find it
    Unbound,
    /// Send one alert, as a monitoring tool would
    Send(Send),
}

/// What to list.
#[derive(Clone, Debug, Args)]
pub struct List {
    /// Matchers on labels, as in 'severity="critical", ci.class="db"'
    #[arg(value_name = "MATCHERS")]
    filter: Vec<String>,
    /// firing, ended or all
    #[arg(long, default_value = "firing")]
    state: String,
    /// Only those that a silence or a window holds back
    #[arg(long)]
    silenced: bool,
    /// Only those that another alert inhibits
    #[arg(long)]
    inhibited: bool,
    #[command(flatten)]
    paging: Paging,
}

/// What to send.
#[derive(Clone, Debug, Args)]
pub struct Send {
    /// Labels, as in alertname=DiskFull ci=db-3
    #[arg(required = true, value_name = "NAME=VALUE")]
    labels: Vec<String>,
    /// Its severity, such as critical or warning
    #[arg(long)]
    severity: Option<String>,
    /// An annotation, as in summary='disk is full'
    #[arg(long = "annotation", value_name = "NAME=TEXT")]
    annotations: Vec<String>,
    /// Say that it is over
    #[arg(long)]
    resolved: bool,
    /// The source to send it as; one of the format `native`
    #[arg(long, default_value = "native")]
    source: String,
}

/// Does it.
///
/// # Errors
/// As the daemon refuses.
pub async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    let server = session.connect()?;
    match command {
        Command::Ls(list) => ls(session, &server, &list).await,
        Command::Show { fingerprint } => {
            let path: Vec<&str> = PATH.iter().copied().chain([bare(&fingerprint)]).collect();
            let answer = server.get(&path, &[]).await?;
            session.show(&answer, |answer| {
                for line in record(&answer.read()?) {
                    print::data(line);
                }
                Ok(())
            })
        }
        Command::Unbound => super::unbound::run(session, &server).await,
        Command::Send(send) => {
            let answer = server.post(&["ingest", &send.source], &body(&send)?).await?;
            session.show(&answer, |answer| {
                session.say(&sent(&answer.read()?));
                Ok(())
            })
        }
    }
}

/// Cuts off the prefix under which alerts are named beside incidents.
pub fn bare(fingerprint: &str) -> &str {
    fingerprint.strip_prefix("alert:").unwrap_or(fingerprint)
}

async fn ls(session: &Session, server: &Server, list: &List) -> Result<(), Failure> {
    let paging = list.paging.query();
    let mut query = vec![("state", &*list.state)];
    query.extend(list.silenced.then_some(("silenced", "true")));
    query.extend(list.inhibited.then_some(("inhibited", "true")));
    query.extend(list.filter.iter().map(|filter| ("filter", &**filter)));
    query.extend(paging.iter().map(|(name, value)| (*name, &**value)));
    let answer = server.get(&PATH, &query).await?;
    session.show(&answer, |answer| {
        let page: Page<Alert> = answer.read()?;
        let footer = format!("{} shown{}", page.items.len(), more(page.next.as_deref()));
        session.list(table(&page), &footer);
        Ok(())
    })
}

fn table(page: &Page<Alert>) -> Table {
    let heads = ["FINGERPRINT", "STATE", "AGE", "SEVERITY", "SEEN", "CI", "INCIDENT", "ALERT"];
    let mut table = Table::new(&heads);
    for alert in &page.items {
        table.row([
            alert.fingerprint.clone(),
            state(alert),
            print::span(alert.starts_at, page.now),
            or_nothing(Some(&alert.severity)),
            alert.occurrences.to_string(),
            or_nothing(alert.ci.as_deref()),
            or_nothing(alert.incident.as_deref()),
            title(alert),
        ]);
    }
    table
}

/// Returns an alert's state, marked where something holds it back: `firing·q`.
fn state(alert: &Alert) -> String {
    let is_held_back = !alert.silenced_by.is_empty() || !alert.inhibited_by.is_empty();
    let mark = if is_held_back { print::QUIET } else { "" };
    format!("{}{mark}", alert.state)
}

/// Returns an alert's name and the labels that set it apart.
pub fn title(alert: &Alert) -> String {
    let name = alert.labels.get("alertname").map_or(NOTHING, |name| name);
    let others = alert
        .labels
        .iter()
        .filter(|(name, _)| !["alertname", "severity", "ci"].contains(&name.as_str()));
    let others: Vec<String> = others.map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{name}  {}", others.join(" ")).trim_end().to_owned()
}

fn record(record: &AlertRecord) -> Vec<String> {
    let (alert, now) = (&record.alert, record.now);
    let mut facts = Table::bare();
    let mut fact = |name: &str, value: String| facts.row([name.into(), value]);
    fact("labels", pairs(&alert.labels));
    if let Some(added) = &alert.added {
        fact("added", format!("{} by {}", pairs(&added.labels), added.rules.join(", ")));
        for (name, link) in &added.links {
            fact(name, link.clone());
        }
    }
    fact("severity", or_nothing(Some(&alert.severity)));
    fact("ci", or_nothing(alert.ci.as_deref()));
    fact("bound", record.sought.text.clone());
    fact(
        "incident",
        match (&alert.incident, &alert.record) {
            (Some(incident), Some(record)) if incident != record => {
                format!("{incident}, as {record}")
            }
            (Some(incident), _) => incident.clone(),
            (None, _) => NOTHING.into(),
        },
    );
    if let Some(join) = &record.join {
        fact("because", join.text.clone());
    }
    fact("firing", firing(alert, now));
    if !alert.silenced_by.is_empty() {
        fact("silenced by", alert.silenced_by.join(", "));
    }
    if !alert.inhibited_by.is_empty() {
        let by = alert.inhibited_by.iter().map(|by| format!("{} (rule {})", by.alert, by.rule));
        fact("inhibited by", by.collect::<Vec<_>>().join(", "));
    }
    for (name, text) in &alert.annotations {
        fact(name, text.clone());
    }
    let mut lines = vec![print::clean(&format!("{}  {}", alert.fingerprint, title(alert)))];
    lines.extend(facts.lines(""));
    if !alert.leases.is_empty() {
        let mut leases = Table::new(&["SOURCE", "HOLDS IT UNTIL", "SET BY"]);
        for lease in &alert.leases {
            let set_by = if lease.explicit { "the sender" } else { "the source's lease" };
            let until = format!("{} UTC", print::clock(lease.until, now));
            leases.row([lease.source.clone(), until, set_by.into()]);
        }
        lines.push(String::new());
        lines.extend(leases.lines(""));
    }
    if !record.episodes.is_empty() {
        let mut episodes = Table::new(&["EPISODE", "BEGAN", "ENDED", "SEEN", "INCIDENT"]);
        for past in &record.episodes {
            episodes.row([
                past.episode.to_string(),
                print::clock(past.starts_at, now),
                past.ended_at.map_or(NOTHING.into(), |at| print::clock(at, now)),
                past.occurrences.to_string(),
                or_nothing(past.incident.as_deref()),
            ]);
        }
        lines.push(String::new());
        lines.extend(episodes.lines(""));
    }
    lines
}

fn firing(alert: &Alert, now: Time) -> String {
    let since = print::clock(alert.starts_at, now);
    let until = alert.ended_at.map(|at| format!(" until {} UTC", print::clock(at, now)));
    let (episode, seen) = (alert.episode, alert.occurrences);
    let until = until.unwrap_or_else(|| " UTC".into());
    format!("since {since}{until}, episode {episode}, seen {seen} times")
}

fn pairs(labels: &BTreeMap<String, String>) -> String {
    let pairs = labels.iter().map(|(name, value)| format!("{name}={value:?}"));
    pairs.collect::<Vec<_>>().join(", ")
}

/// Builds the body of a delivery in our own format.
fn body(send: &Send) -> Result<serde_json::Value, Failure> {
    let mut alert = json!({
        "status": if send.resolved { "resolved" } else { "firing" },
        "labels": map(&send.labels)?,
        "annotations": map(&send.annotations)?,
    });
    if let (Some(severity), Some(fields)) = (&send.severity, alert.as_object_mut()) {
        fields.insert("severity".into(), json!(severity));
    }
    Ok(alert)
}

fn map(pairs: &[String]) -> Result<BTreeMap<&str, &str>, Failure> {
    let mut map = BTreeMap::new();
    for pair in pairs {
        let Some((name, value)) = pair.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(Failure::Usage(format!("`{pair}` is no NAME=VALUE")));
        };
        if map.insert(name, value).is_some() {
            return Err(Failure::Usage(format!("`{name}` is given twice")));
        }
    }
    Ok(map)
}

fn sent(accepted: &Accepted) -> String {
    let what = [
        (accepted.began, "it fires"),
        (accepted.ended, "it ended"),
        (accepted.updated, "it fired already and was updated"),
        (accepted.repeated, "it was known already and is counted"),
        (accepted.dropped, "a rule leaves it out; nothing of it is kept"),
        (accepted.overflowed, "it is beyond what its source may hold; see `quarantine ls`"),
    ];
    let what =
        what.iter().find(|(count, _)| *count > 0).map_or("nothing changed", |(_, text)| text);
    let rules: Vec<&str> = accepted.dropped_by.keys().map(String::as_str).collect();
    let by = if rules.is_empty() { String::new() } else { format!(" ({})", rules.join(", ")) };
    format!("accepted: {what}{by}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_up_to_the_first_equals_sign() {
        let pairs = ["a=1".to_owned(), "b=x=y".to_owned(), "c=".to_owned()];
        let map = map(&pairs).unwrap();
        assert_eq!(map.into_iter().collect::<Vec<_>>(), [("a", "1"), ("b", "x=y"), ("c", "")]);
    }

    #[test]
    fn what_is_no_pair_is_refused_by_name() {
        for (pairs, message) in [
            (&["a"][..], "`a` is no NAME=VALUE"),
            (&["=x"], "`=x` is no NAME=VALUE"),
            (&["a=1", "a=2"], "`a` is given twice"),
        ] {
            let pairs: Vec<String> = pairs.iter().map(|&pair| pair.into()).collect();
            assert_eq!(map(&pairs).unwrap_err().to_string(), message);
        }
    }
}
