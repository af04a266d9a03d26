//! `incidentd incidents`: list, show, acknowledge, resolve.

use clap::{Args, Subcommand};

use crate::http::wire::change::{Acknowledge, Answered, Resolve};
use crate::http::wire::{Incident, IncidentRecord, Page, Time, Why};

use super::Session;
use super::client::Server;
use super::failure::Failure;
use super::print::{self, NOTHING, Table, or_nothing};

/// Where incidents are.
const PATH: [&str; 3] = ["api", "v1", "incidents"];

/// What to do with incidents.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// List incidents, the newest first
    Ls(List),
    /// Show one incident with its reasons, its records and its timeline
    Show {
        /// Its number, as in INC-1042
        incident: String,
    },
    /// Say that somebody is on it: stops its escalation until the acknowledgement lapses
    Ack {
        /// Numbers, as in INC-1042
        #[arg(required = true)]
        incidents: Vec<String>,
        /// How long it holds, as in 30m; the priority's own time when left out
        #[arg(long = "for", value_name = "TIME")]
        hold: Option<String>,
        /// Who says it, and what
        #[command(flatten)]
        word: Word,
    },
    /// Say that service is restored
    Resolve {
        /// Numbers, as in INC-1042
        #[arg(required = true)]
        incidents: Vec<String>,
        /// Who says it, and what
        #[command(flatten)]
        word: Word,
    },
}

/// What to list.
#[derive(Clone, Debug, Args)]
pub struct List {
    /// Matchers on the root alert's labels, on priority, state and team, as in 'priority="P1"'
    #[arg(value_name = "MATCHERS")]
    filter: Vec<String>,
    /// open, all, or states separated by commas
    #[arg(long, default_value = "open")]
    state: String,
    /// How many, up to 1000
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// Where to go on, as the line below a longer list says
    #[arg(long)]
    cursor: Option<String>,
}

/// Who says something.
#[derive(Clone, Debug, Args)]
pub struct Word {
    /// In whose name
    #[arg(
        long = "as",
        value_name = "NAME",
        env = "USER",
        hide_env_values = true,
        default_value = "cli"
    )]
    by: String,
    /// What there is to say
    #[arg(short, long = "message", value_name = "TEXT", default_value = "")]
    message: String,
}

/// Does it.
///
/// # Errors
/// As the daemon refuses.
pub async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    let server = session.connect()?;
    match command {
        Command::Ls(list) => ls(session, &server, &list).await,
        Command::Show { incident } => show(session, &server, &incident).await,
        Command::Ack { incidents, hold, word } => {
            let body = Acknowledge { by: word.by, hold, note: word.message };
            for incident in &incidents {
                let answer = server.post(&at(incident, &["ack"]), &body).await?;
                session.show(&answer, |answer| {
                    let Answered { incident, now, duplicate: _ } = answer.read()?;
                    session.say(&acknowledged(&incident, now));
                    Ok(())
                })?;
            }
            Ok(())
        }
        Command::Resolve { incidents, word } => {
            let body = Resolve { by: word.by, note: word.message };
            for incident in &incidents {
                let answer = server.post(&at(incident, &["resolve"]), &body).await?;
                session.show(&answer, |answer| {
                    session.say(&resolved(&answer.read::<Answered>()?.incident));
                    Ok(())
                })?;
            }
            Ok(())
        }
    }
}

fn at<'a>(incident: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    PATH.iter().copied().chain([incident]).chain(rest.iter().copied()).collect()
}

async fn ls(session: &Session, server: &Server, list: &List) -> Result<(), Failure> {
    let limit = list.limit.to_string();
    let mut query = vec![("state", &*list.state), ("limit", &*limit)];
    query.extend(list.filter.iter().map(|filter| ("filter", &**filter)));
    query.extend(list.cursor.iter().map(|cursor| ("cursor", &**cursor)));
    let answer = server.get(&PATH, &query).await?;
    session.show(&answer, |answer| {
        let page: Page<Incident> = answer.read()?;
        session.list(table(&page), &footer(&page));
        Ok(())
    })
}

async fn show(session: &Session, server: &Server, incident: &str) -> Result<(), Failure> {
    let answer = server.get(&at(incident, &[]), &[]).await?;
    session.show(&answer, |answer| {
        for line in record(&answer.read()?) {
            print::data(line);
        }
        Ok(())
    })
}

fn table(page: &Page<Incident>) -> Table {
    let heads = ["ID", "P", "STATE", "AGE", "OWNER", "ALERTS", "NEXT ESCALATION", "TITLE"];
    let mut table = Table::new(&heads);
    for incident in &page.items {
        table.row([
            incident.id.clone(),
            incident.priority.clone(),
            state(incident),
            print::span(incident.opened_at, page.now),
            or_nothing(incident.acknowledged.as_ref().map(|ack| &*ack.by)),
            incident.members.to_string(),
            next(incident, page.now),
            incident.title.clone(),
        ]);
    }
    table
}

/// Returns an incident's state, marked while nobody is told of it: `new·q`.
fn state(incident: &Incident) -> String {
    let mark = if incident.quiet { print::QUIET } else { "" };
    format!("{}{mark}", incident.state)
}

/// Returns what happens next if nobody does anything.
fn next(incident: &Incident, now: Time) -> String {
    if let Some(ack) = &incident.acknowledged {
        return format!("ack ends {}", print::until(ack.until, now));
    }
    let due = incident.next.iter().find_map(|step| step.at.map(|at| (at, &step.action)));
    match due {
        Some((at, action)) => format!("{}  {action}", print::until(at, now)),
        None => NOTHING.into(),
    }
}

fn footer(page: &Page<Incident>) -> String {
    let count = page.items.len();
    let waiting = page.items.iter().filter(|one| one.state == "new" && !one.quiet).count();
    let needs = if waiting == 1 { "needs" } else { "need" };
    let more = page.next.as_ref().map(|next| format!(" · more: --cursor {next}"));
    let quiet = if page.items.iter().any(|one| one.quiet) { " · q = quiet" } else { "" };
    format!("{count} shown · {waiting} {needs} ack{quiet}{}", more.unwrap_or_default())
}

/// Says what an acknowledgement did.
fn acknowledged(incident: &Incident, now: Time) -> String {
    let Some(ack) = &incident.acknowledged else { return format!("{} acked", incident.id) };
    let until = print::clock(ack.until, now);
    let paused = incident.next.iter().find(|step| step.at.is_none());
    let paused = paused.map(|step| format!(" · escalation to {} paused", step.action));
    format!("{} acked by {} until {until} UTC{}", incident.id, ack.by, paused.unwrap_or_default())
}

/// Says what a resolution did.
fn resolved(incident: &Incident) -> String {
    let by = incident.resolved.as_ref().and_then(|resolved| resolved.by.as_deref());
    let verify = if incident.awaiting_verification {
        format!(
            " · {} of {} alerts still fire: awaiting verification",
            incident.firing, incident.members
        )
    } else {
        String::new()
    };
    format!("{} {} by {}{verify}", incident.id, incident.state, by.unwrap_or(NOTHING))
}

fn record(record: &IncidentRecord) -> Vec<String> {
    let incident = &record.incident;
    let mut lines = vec![print::clean(&format!(
        "{}  {}  {}  {}",
        incident.id,
        incident.priority,
        state(incident),
        incident.title
    ))];
    lines.extend(facts(incident, record.now).lines(""));
    lines.push(String::new());
    lines.extend(why(incident, &record.why, record.now));
    if !record.subordinates.is_empty() {
        lines.push(String::new());
        lines.extend(subordinates(record).lines(""));
    }
    lines.push(String::new());
    let mut timeline = Table::new(&["TIME", "WHAT", "N", "WHY"]);
    for entry in &record.timeline {
        let path = entry.path.as_ref().map(|path| format!("  ({path})")).unwrap_or_default();
        timeline.row([
            print::clock(entry.at, record.now),
            entry.what.clone(),
            entry.count.to_string(),
            format!("{}{path}", entry.text),
        ]);
    }
    lines.extend(timeline.lines(""));
    lines
}

fn facts(incident: &Incident, now: Time) -> Table {
    let mut table = Table::bare();
    let mut fact = |name: &str, value: String| table.row([name.into(), value]);
    fact("priority", incident.sum.clone());
    let owner = incident.acknowledged.as_ref();
    fact("team", or_nothing(incident.team.as_deref()));
    fact(
        "owner",
        owner.map_or(NOTHING.into(), |ack| {
            format!("{}, ack ends {}", ack.by, print::until(ack.until, now))
        }),
    );
    let age = print::span(incident.opened_at, now);
    fact("opened", format!("{} UTC, {age} ago", print::clock(incident.opened_at, now)));
    fact("alerts", format!("{}, {} firing", incident.members, incident.firing));
    let response = &incident.response;
    fact(
        "response",
        match response.stopped_at {
            Some(at) => format!("stopped {} UTC", print::clock(at, now)),
            None => format!(
                "{}, {} UTC",
                print::until(response.due_at, now),
                print::clock(response.due_at, now)
            ),
        },
    );
    for step in &incident.next {
        let at = step.at.map_or_else(|| "paused".into(), |at| print::until(at, now));
        fact("next", format!("{at}  {}  {}", step.ladder, step.action));
    }
    for (name, other) in [("part of", &incident.parent), ("seen before", &incident.recurrence_of)] {
        if let Some(other) = other {
            fact(name, other.clone());
        }
    }
    table
}

/// The block that says why alerts are one incident.
pub fn why(incident: &Incident, why: &Why, now: Time) -> Vec<String> {
    let mut lines = vec![match incident.members {
        1 => "Why is this alert an incident?".into(),
        many => format!("Why are these {many} alerts one incident?"),
    }];
    let mut table = Table::bare();
    let rule = why.rule.as_ref().map_or_else(
        || "no rule applies: nothing open explained it".into(),
        |rule| match rule.line {
            0 => format!("rule {}  (no longer loaded)", rule.name),
            line => format!("rule {}  ({}:{line})", rule.name, rule.file),
        },
    );
    let since = why.since.map_or(NOTHING.into(), |at| print::clock(at, now));
    table.row(["root".into(), format!("{}  {}  {since}  {rule}", why.root, why.alert)]);
    for reason in &why.reasons {
        let example = if reason.example.is_empty() {
            String::new()
        } else {
            format!(":  {}", reason.example)
        };
        table.row([format!("{:>4}", reason.count), format!("{}{example}", reason.reason)]);
    }
    lines.extend(table.lines("  "));
    lines
}

fn subordinates(record: &IncidentRecord) -> Table {
    let mut table = Table::new(&["RECORD", "STATE", "SEVERITY", "JOINED", "ALERT", "WHY"]);
    for member in &record.subordinates {
        let alert = member.alert.as_ref();
        let name = alert.map(|alert| {
            let name = alert.labels.get("alertname").map_or("", |name| name);
            format!("{name} {}", alert.ci.as_deref().unwrap_or("")).trim().to_owned()
        });
        table.row([
            member.id.clone(),
            alert.map_or_else(|| member.kind.clone(), |alert| alert.state.clone()),
            or_nothing(alert.map(|alert| &*alert.severity)),
            print::clock(member.joined_at, record.now),
            or_nothing(name.as_deref()),
            member.join.text.clone(),
        ]);
    }
    table
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// An incident as the API shows it, four minutes after it was opened.
    pub(in crate::cli) fn sample(changes: &Value) -> Value {
        let mut incident = json!({
            "id": "INC-1042", "state": "new", "title": "Power lost in rack R12: 2 dependants",
            "priority": "P2", "impact": "high", "urgency": "medium",
            "sum": "P2 = impact high (service checkout, tier 1) × urgency medium", "pages": true,
            "category": null, "rule": "datacenter/rack-power", "key": null,
            "root": {"alert": "9f31c20a77de41b2", "ci": "pdu-r12a"}, "team": "dc-ops",
            "parent": null, "recurrence_of": null, "acknowledged": null, "resolved": null,
            "closed_at": null, "awaiting_verification": false, "quiet": false,
            "opened_at": "2026-11-21T03:12:00.000Z", "active_at": "2026-11-21T03:12:20.000Z",
            "clear_since": null, "wait_until": null, "members": 3, "firing": 3,
            "response": {"started_at": "2026-11-21T03:12:00.000Z",
                "due_at": "2026-11-21T03:22:00.000Z", "stopped_at": null, "round": 1},
            "next": [
                {"ladder": "hierarchical", "at": "2026-11-21T03:22:00.000Z", "action": "dc-lead"},
                {"ladder": "functional", "at": null, "action": "next line"},
            ],
            "revision": 3, "rules_version": "00000000000000aa", "topology_version": 1,
            "now": "2026-11-21T03:16:00.000Z",
        });
        for (name, value) in changes.as_object().unwrap() {
            incident[name] = value.clone();
        }
        incident
    }

    fn read(changes: &Value) -> Answered {
        serde_json::from_value(sample(changes)).unwrap()
    }

    #[test]
    fn a_line_of_the_list_says_what_happens_next() {
        let acknowledged = json!({"state": "acknowledged", "id": "INC-7", "next": [],
            "acknowledged": {"by": "m.ito", "until": "2026-11-21T03:24:00.000Z"}});
        let resolved = json!({"state": "resolved", "id": "INC-6", "next": []});
        let quiet = json!({"quiet": true, "id": "INC-5", "next": []});
        let items =
            [json!({}), acknowledged, resolved, quiet].map(|changes| read(&changes).incident);
        let page = Page { items: items.into(), next: None, now: read(&json!({})).now };
        assert_eq!(
            table(&page).lines(""),
            [
                "ID        P   STATE         AGE  OWNER  ALERTS  NEXT ESCALATION  TITLE",
                "INC-1042  P2  new           4m   –      3       in 6m  dc-lead   Power lost in rack R12: 2 dependants",
                "INC-7     P2  acknowledged  4m   m.ito  3       ack ends in 8m   Power lost in rack R12: 2 dependants",
                "INC-6     P2  resolved      4m   –      3       –                Power lost in rack R12: 2 dependants",
                "INC-5     P2  new·q         4m   –      3       –                Power lost in rack R12: 2 dependants",
            ]
        );
        assert_eq!(footer(&page), "4 shown · 1 needs ack · q = quiet");
        let next = Some("0a".into());
        assert_eq!(
            footer(&Page { next, ..page }),
            "4 shown · 1 needs ack · q = quiet · more: --cursor 0a"
        );
    }

    #[test]
    fn an_answer_is_confirmed_with_what_it_did() {
        let Answered { incident, now, duplicate: _ } = read(&json!({"state": "acknowledged",
            "acknowledged": {"by": "m.ito", "until": "2026-11-21T03:46:00.000Z"},
            "next": [{"ladder": "hierarchical", "at": null, "action": "dc-lead"}]}));
        assert_eq!(
            acknowledged(&incident, now),
            "INC-1042 acked by m.ito until 03:46:00 UTC · escalation to dc-lead paused"
        );
        let resolution = json!({"at": "2026-11-21T03:16:00.000Z", "by": "m.ito"});
        let over = json!({"state": "resolved", "resolved": resolution});
        assert_eq!(resolved(&read(&over).incident), "INC-1042 resolved by m.ito");
        let early =
            json!({"state": "resolved", "resolved": resolution, "awaiting_verification": true});
        assert_eq!(
            resolved(&read(&early).incident),
            "INC-1042 resolved by m.ito · 3 of 3 alerts still fire: awaiting verification"
        );
    }

    #[test]
    fn the_why_block_names_root_rule_and_reasons() {
        let Answered { incident, now, duplicate: _ } = read(&json!({}));
        let block: Why = serde_json::from_value(json!({
            "root": "pdu-r12a", "alert": "PduOutputOff", "since": "2026-11-21T03:11:58.000Z",
            "rule": {"name": "datacenter/rack-power", "file": "rules/power.yaml", "line": 5, "summary": ""},
            "reasons": [{"count": 2, "reason": "reached from pdu-r12a",
                "example": "pdu-r12a -powers-> srv-0412 -hosts-> vm-88"}],
            "priority": "",
        }))
        .unwrap();
        assert_eq!(
            why(&incident, &block, now),
            [
                "Why are these 3 alerts one incident?",
                "  root  pdu-r12a  PduOutputOff  03:11:58  rule datacenter/rack-power  (rules/power.yaml:5)",
                "     2  reached from pdu-r12a:  pdu-r12a -powers-> srv-0412 -hosts-> vm-88",
            ]
        );
    }
}
