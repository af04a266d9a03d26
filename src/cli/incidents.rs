//! `incidentd incidents`: list, show. What is done with them is in `handle`.

use core::time::Duration;

use clap::{Args, Subcommand};

use crate::http::wire::assignment::Assignment;
use crate::http::wire::{Help, Incident, IncidentRecord, LeftOut, Page, Resolved, Time, Why};
use crate::model::time::Brief;

use super::Session;
use super::client::Server;
use super::clocks;
use super::failure::Failure;
use super::paging::{Paging, more};
use super::print::{self, NOTHING, Table, or_nothing};
use super::{export, handle, major, report, satisfaction, sheet, transfers};

/// Where incidents are.
pub(super) const PATH: [&str; 3] = ["api", "v1", "incidents"];

/// What to do with incidents.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// List incidents, the newest first
    Ls(List),
    /// Show one incident with its reasons, its records and its timeline
    Show {
        /// Its number, as in INC-1042
        incident: String,
        /// Show how its deadlines came about instead
        #[arg(long)]
        clock: bool,
    },
    /// Write a draft of its review
    Export(export::Command),
    /// List what reviews still want to be done, over all incidents
    Actions(major::List),
    /// Total who hands incidents on, and how often they come back as misrouted
    Transfers(transfers::Command),
    /// Total how content people are with what became of their incidents
    Satisfaction(satisfaction::Command),
    /// Report that something is wrong: joins what is open about it, or opens a new one
    Report(report::Command),
    /// Do something with incidents
    #[command(flatten)]
    Handle(handle::Command),
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
    #[command(flatten)]
    paging: Paging,
}

/// Does it.
///
/// # Errors
/// As the daemon refuses.
pub async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    let server = session.connect()?;
    match command {
        Command::Ls(list) => ls(session, &server, &list).await,
        Command::Show { incident, clock: true } => clocks::show(session, &server, &incident).await,
        Command::Show { incident, clock: false } => show(session, &server, &incident).await,
        Command::Actions(list) => major::list(session, &server, &list).await,
        Command::Export(command) => export::run(session, &server, command).await,
        Command::Transfers(command) => transfers::run(session, &server, command).await,
        Command::Satisfaction(command) => satisfaction::run(session, &server, command).await,
        Command::Report(command) => report::run(session, &server, command).await,
        Command::Handle(command) => handle::run(session, &server, command).await,
    }
}

/// Returns the path of an incident, or of something below it.
pub(super) fn at<'a>(incident: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    PATH.iter().copied().chain([incident]).chain(rest.iter().copied()).collect()
}

async fn ls(session: &Session, server: &Server, list: &List) -> Result<(), Failure> {
    let paging = list.paging.query();
    let mut query = vec![("state", &*list.state)];
    query.extend(list.filter.iter().map(|filter| ("filter", &**filter)));
    query.extend(paging.iter().map(|(name, value)| (*name, &**value)));
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
            or_nothing(owner(incident)),
            incident.members.to_string(),
            next(incident, page.now),
            incident.title.clone(),
        ]);
    }
    table
}

/// Returns the state; `·q` marks one of which nobody is told, because all that fires is held back.
fn state(incident: &Incident) -> String {
    format!("{}{}", incident.state, if incident.quiet { print::QUIET } else { "" })
}

/// Returns who has it, else whom it was given to.
fn owner(incident: &Incident) -> Option<&str> {
    let holder = incident.acknowledged.as_ref().map(|holder| &*holder.by);
    holder.or(incident.assignee.as_deref())
}

/// Says until when somebody has it.
fn ends(incident: &Incident, now: Time) -> Option<String> {
    let until = print::until(incident.acknowledged.as_ref()?.until, now);
    let what = if incident.waits_for.is_some() { "hold" } else { "ack" };
    Some(format!("{what} ends {until}"))
}

/// Returns what happens next if nobody does anything.
fn next(incident: &Incident, now: Time) -> String {
    if let Some(ends) = ends(incident, now) {
        return ends;
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
    let quiet = if page.items.iter().any(|one| one.quiet) { " · q = quiet" } else { "" };
    format!("{count} shown · {waiting} {needs} ack{quiet}{}", more(page.next.as_deref()))
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
    lines.extend(sheet::facts(&incident.sheet, record.now).lines(""));
    lines.extend(help(&record.help).lines(""));
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

fn help(help: &Help) -> Table {
    let Help { workaround, cause, runbook, fixed_in, links } = help;
    let mut table = Table::bare();
    for (name, text) in
        [("workaround", workaround), ("cause", cause), ("runbook", runbook), ("fixed in", fixed_in)]
    {
        if let Some(text) = text {
            table.row([name.into(), text.clone()]);
        }
    }
    for (name, link) in links {
        table.row([name.clone(), link.clone()]);
    }
    table
}

fn facts(incident: &Incident, now: Time) -> Table {
    let mut table = Table::bare();
    let mut fact = |name: &str, value: String| table.row([name.into(), value]);
    fact("priority", incident.sum.clone());
    if let Some(category) = &incident.category {
        fact("category", category.clone());
    }
    fact("team", or_nothing(incident.team.as_deref()));
    let ends = ends(incident, now).map(|ends| format!(", {ends}")).unwrap_or_default();
    fact("owner", format!("{}{ends}", owner(incident).unwrap_or(NOTHING)));
    if let Some(what) = &incident.waits_for {
        fact("waits for", format!("a {what}"));
    }
    if incident.quiet {
        let until = incident.known_error.as_ref().and_then(|known| known.quiet_until);
        let why = match until {
            Some(until) => format!("known, nobody is told until {} UTC", print::clock(until, now)),
            None => "all that fires of it is silenced or inhibited: nobody is told".into(),
        };
        fact("quiet", why);
    }
    if let Some(known) = &incident.known_error {
        let exceeded = known.exceeded.as_ref().map(|why| format!("; {why}")).unwrap_or_default();
        fact("known error", format!("{} by rule {}{exceeded}", known.id, known.rule));
    }
    let age = print::span(incident.opened_at, now);
    fact("opened", format!("{} UTC, {age} ago", print::clock(incident.opened_at, now)));
    if let Some(Resolved { at, by }) = &incident.resolved {
        let by = by.as_ref().map_or("by itself".into(), |by| format!("by {by}"));
        fact("resolved", format!("{} UTC {by}", print::clock(*at, now)));
    }
    fact("alerts", format!("{}, {} firing", incident.members, incident.firing));
    for (name, value) in desk(incident, now) {
        fact(name, value);
    }
    fact("response", response(incident, now));
    fact("resolution", resolution(incident, now));
    for step in &incident.next {
        let at = step.at.map_or_else(|| "paused".into(), |at| print::until(at, now));
        fact("next", format!("{at}  {}  {}", step.ladder, step.action));
    }
    for (name, other) in [("part of", &incident.parent), ("seen before", &incident.recurrence_of)] {
        if let Some(other) = other {
            fact(name, other.clone());
        }
    }
    if !incident.changes.is_empty() {
        fact("changes", incident.changes.join(", "));
    }
    if let Some(storm) = &incident.storm {
        let over = storm.ended_at.map(|at| format!(", over at {} UTC", print::clock(at, now)));
        fact("storm", format!("{}{}", storm.key, over.unwrap_or_default()));
    }
    for suspect in &incident.suspects {
        fact("suspect", suspect.text.clone());
    }
    if let Some(at) = incident.update_at {
        fact("next update", limit(at, now));
    }
    if !incident.apart_from.is_empty() {
        fact("split from", incident.apart_from.join(", "));
    }
    fact("version", incident.version.to_string());
    table
}

/// Returns who was handed it and who helps, what it is held to, and who hears of it.
fn desk(incident: &Incident, now: Time) -> Vec<(&'static str, String)> {
    let open = incident.assignments.iter().filter(|it| it.until.is_none());
    let mut facts: Vec<_> = open
        .map(|it| {
            let name = if it.part == "convened" { "helps" } else { "handed to" };
            (name, assigned(it, now))
        })
        .collect();
    facts.extend(incident.call.iter().map(|link| ("call", link.clone())));
    facts.extend(incident.agreement.iter().map(|name| ("agreement", name.clone())));
    facts.extend(
        incident.promise.iter().map(|promise| {
            ("promised", format!("{}, by {}", limit(promise.due_at, now), promise.by))
        }),
    );
    if !incident.subscribers.is_empty() {
        facts.push(("subscribers", incident.subscribers.join(", ")));
    }
    facts
}

/// Says to whom it was handed, by whom, and whether they have confirmed it.
fn assigned(it: &Assignment, now: Time) -> String {
    let who = it.person.as_deref().or(it.team.as_deref());
    let state = match (&it.accepted_by, it.accepted_at, it.due_at) {
        (Some(by), Some(at), _) => format!("confirmed by {by} {} UTC", print::clock(at, now)),
        (_, _, Some(due_at)) => format!("to be confirmed {}", limit(due_at, now)),
        (_, _, None) => "not confirmed".into(),
    };
    let said = [("tried", &it.tried), ("known", &it.known), ("next", &it.next)];
    let said = said.into_iter().filter(|(_, text)| !text.is_empty());
    let said = said.fold(String::new(), |all, (what, text)| format!("{all}; {what}: {text}"));
    let why = if it.because.is_empty() { String::new() } else { format!(": {}", it.because) };
    format!("{}, line {}, by {}{why}{said}, {state}", or_nothing(who), it.line, it.sent_by)
}

/// What a clock shows that nobody is held to while nobody is told.
const PAUSED: &str = "paused, nobody is told";

fn response(incident: &Incident, now: Time) -> String {
    if incident.quiet {
        return PAUSED.into();
    }
    match incident.response.stopped_at {
        Some(at) => format!("stopped {} UTC", print::clock(at, now)),
        None => limit(incident.response.due_at, now),
    }
}

/// The resolution clock with its limit, or since when it stands, and how long it has stood.
fn resolution(incident: &Incident, now: Time) -> String {
    if incident.quiet {
        return PAUSED.into();
    }
    let clock = &incident.resolution;
    let runs = match (clock.due_at, clock.stands_since) {
        (_, Some(since)) => format!("stands since {} UTC", print::clock(since, now)),
        (Some(due_at), None) => limit(due_at, now),
        (None, None) => NOTHING.into(),
    };
    match clock.stood_ms {
        0 => runs,
        ms => format!("{runs}, stood {}", Brief(Duration::from_millis(ms))),
    }
}

fn limit(due_at: Time, now: Time) -> String {
    let at = print::clock(due_at, now);
    if due_at <= now {
        format!("over the limit of {at} UTC")
    } else {
        format!("{}, {at} UTC", print::until(due_at, now))
    }
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
    if let Some(percent) = why.on_map.filter(|percent| *percent < ON_MAP_LOW) {
        lines.push(format!("  only {percent} % of members are on the map of the CMDB"));
    }
    lines.extend(left_out(&why.left_out));
    lines
}

/// Below that share of members with relations, in percent, the CMDB has little to explain them by.
const ON_MAP_LOW: u8 = 60;

/// The block that says what is not part of it on purpose.
pub fn left_out(all: &[LeftOut]) -> Vec<String> {
    let mut table = Table::bare();
    for LeftOut { incident, what, reason } in all {
        table.row([or_nothing(incident.as_deref()), format!("{what} {NOTHING} {reason}")]);
    }
    let head = (!all.is_empty()).then(|| "Left out on purpose".to_owned());
    head.into_iter().chain(table.lines("  ")).collect()
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
    use crate::http::wire::change::Answered;

    /// An incident as the API shows it, four minutes after it was opened.
    pub(in crate::cli) fn sample(changes: &Value) -> Value {
        let mut incident = json!({
            "id": "INC-1042", "state": "new", "title": "Power lost in rack R12: 2 dependants",
            "priority": "P2", "impact": "high", "urgency": "medium",
            "sum": "P2 = impact high (service checkout, tier 1) × urgency medium", "pages": true,
            "category": null, "rule": "datacenter/rack-power", "key": null,
            "root": {"alert": "9f31c20a77de41b2", "ci": "pdu-r12a"}, "team": "dc-ops",
            "parent": null, "recurrence_of": null, "assignee": null, "acknowledged": null,
            "waits_for": null, "quiet": false, "apart_from": [], "resolved": null,
            "storm": null, "suspects": [], "update_at": null,
            "closed_at": null, "awaiting_verification": false,
            "opened_at": "2026-11-21T03:12:00.000Z", "active_at": "2026-11-21T03:12:20.000Z",
            "clear_since": null, "wait_until": null, "members": 3, "firing": 3,
            "response": {"started_at": "2026-11-21T03:12:00.000Z",
                "due_at": "2026-11-21T03:22:00.000Z", "stopped_at": null, "round": 1},
            "resolution": {"due_at": "2026-11-21T11:12:00.000Z", "stood_ms": 0, "stands_since": null},
            "next": [
                {"ladder": "hierarchical", "at": "2026-11-21T03:22:00.000Z", "action": "dc-lead"},
                {"ladder": "functional", "at": null, "action": "next line"},
            ],
            "revision": 3, "version": 2, "rules_version": "00000000000000aa", "topology_version": 1,
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
    fn the_why_block_names_root_rule_and_reasons() {
        let Answered { incident, now, duplicate: _ } = read(&json!({}));
        let block: Why = serde_json::from_value(json!({
            "root": "pdu-r12a", "alert": "PduOutputOff", "since": "2026-11-21T03:11:58.000Z",
            "rule": {"name": "datacenter/rack-power", "file": "rules/power.yaml", "line": 5, "summary": ""},
            "reasons": [{"count": 2, "reason": "reached from pdu-r12a",
                "example": "pdu-r12a -powers-> srv-0412 -hosts-> vm-88"},
                {"count": 2, "reason": "joined by hand: m.ito", "example": "same rack"}],
            "left_out": [
                {"incident": "INC-7", "what": "srv-0413 DiskFull",
                    "reason": "began 2h before the root (lookback is 5m)"},
                {"incident": null, "what": "3 alerts of it", "reason": "silenced by ann \"patching\""}],
            "on_map": 59, "priority": "",
        }))
        .unwrap();
        assert_eq!(
            why(&incident, &block, now),
            [
                "Why are these 3 alerts one incident?",
                "  root  pdu-r12a  PduOutputOff  03:11:58  rule datacenter/rack-power  (rules/power.yaml:5)",
                "     2  reached from pdu-r12a:  pdu-r12a -powers-> srv-0412 -hosts-> vm-88",
                "     2  joined by hand: m.ito:  same rack",
                "  only 59 % of members are on the map of the CMDB",
                "Left out on purpose",
                "  INC-7  srv-0413 DiskFull – began 2h before the root (lookback is 5m)",
                "  –      3 alerts of it – silenced by ann \"patching\"",
            ]
        );
    }
}
