//! `cmdb show`, `ls`, `path`, `impact` and `log`.

use std::collections::BTreeMap;

use clap::Args;

use crate::http::wire::Page;
use crate::http::wire::cmdb::{self, CiRecord, CmdbCounts, History, Paths, Relation};
use crate::model::time::Timestamp;

use super::super::client::{Answer, Server};
use super::super::failure::Failure;
use super::super::print::{self, NOTHING, Table, or_nothing};
use super::super::{Session, alerts};
use super::PATH;

/// Which CIs.
#[derive(Clone, Debug, Args)]
pub struct List {
    /// Matchers on attributes, as in 'class="server", rack=~"R1.*"'
    #[arg(value_name = "MATCHERS")]
    filter: Vec<String>,
    /// Only those that have this in their name, an attribute or a label
    #[arg(long)]
    text: Option<String>,
    /// How many, up to 1000
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// Where to go on, as the line below a longer list says
    #[arg(long)]
    cursor: Option<String>,
}

/// Between which CIs.
#[derive(Clone, Debug, Args)]
pub struct Ways {
    /// A CI
    from: String,
    /// Another
    to: String,
    /// Relations on the way, up to 32
    #[arg(long, default_value_t = 8)]
    max_hops: u8,
    /// Show the others of the same length too, up to 20
    #[arg(long)]
    all: bool,
}

/// Of which CIs.
#[derive(Clone, Debug, Args)]
pub struct Impact {
    /// The CIs: what fails when all of them fail
    #[arg(required = true, num_args = 1..=100, value_name = "CI")]
    names: Vec<String>,
    /// Relations followed, up to 32
    #[arg(long, default_value_t = 8)]
    max_hops: u8,
}

async fn get(server: &Server, path: &[&str], query: &[(&str, &str)]) -> Result<Answer, Failure> {
    server.get(&[&PATH[..], path].concat(), query).await
}

pub(super) async fn counts(session: &Session) -> Result<(), Failure> {
    let answer = get(&session.connect()?, &[], &[]).await?;
    session.show(&answer, |answer| {
        let counts: CmdbCounts = answer.read()?;
        let mut table = Table::new(&["CLASS", "CIS"]);
        for (class, count) in &counts.classes {
            table.row([class.clone(), count.to_string()]);
        }
        let CmdbCounts { cis, relations, version, .. } = counts;
        session.list(table, &format!("{cis} CIs, {relations} relations (version {version})"));
        Ok(())
    })
}

pub(super) async fn list(session: &Session, args: &List) -> Result<(), Failure> {
    let limit = args.limit.to_string();
    let mut query = vec![("limit", &*limit)];
    query.extend(args.filter.iter().map(|filter| ("filter", &**filter)));
    query.extend(args.text.iter().map(|text| ("text", &**text)));
    query.extend(args.cursor.iter().map(|cursor| ("cursor", &**cursor)));
    let answer = get(&session.connect()?, &["cis"], &query).await?;
    session.show(&answer, |answer| {
        let page: Page<cmdb::Ci> = answer.read()?;
        let mut table = Table::new(&["CI", "CLASS", "ATTRIBUTES"]);
        for ci in &page.items {
            table.row([ci.name.clone(), ci.class.clone(), pairs(&ci.attributes)]);
        }
        let more = page.next.as_ref().map(|next| format!(" · more: --cursor {next:?}"));
        session.list(table, &format!("{} shown{}", page.items.len(), more.unwrap_or_default()));
        Ok(())
    })
}

fn pairs(pairs: &BTreeMap<String, String>) -> String {
    let pairs = pairs.iter().map(|(name, value)| format!("{name}={value}"));
    pairs.collect::<Vec<_>>().join(" ")
}

pub(super) async fn one(session: &Session, name: &str) -> Result<(), Failure> {
    let answer = get(&session.connect()?, &["cis", name], &[]).await?;
    session.show(&answer, |answer| {
        for line in record(&answer.read()?) {
            print::data(line);
        }
        Ok(())
    })
}

fn record(record: &CiRecord) -> Vec<String> {
    let mut facts = Table::bare();
    facts.row(["class".into(), record.ci.class.clone()]);
    for (name, value) in &record.ci.attributes {
        facts.row([name.clone(), value.clone()]);
    }
    if !record.ci.labels.is_empty() {
        facts.row(["labels".into(), pairs(&record.ci.labels)]);
    }
    let incidents = record.incidents.join(", ");
    facts.row(["incidents".into(), or_nothing(Some(&incidents))]);
    let mut lines = vec![print::clean(&record.ci.name)];
    lines.extend(facts.lines(""));
    let mut relations = |head: &str, rows: &[Relation]| {
        if !rows.is_empty() {
            lines.extend([String::new(), head.to_owned()]);
            let line = |row: &Relation| relation(row, record.now.0);
            lines.extend(rows.iter().map(|row| format!("  {}", print::clean(&line(row)))));
        }
    };
    relations("suffers from", &record.causes);
    relations("suffer from it", &record.sufferers);
    let shown = record.causes.len() + record.sufferers.len();
    if record.relations > shown {
        lines.push(format!("  … {} more", record.relations - shown));
    }
    if !record.alerts.is_empty() {
        lines.extend([String::new(), "firing".to_owned()]);
        let mut table = Table::bare();
        for alert in &record.alerts {
            let incident = or_nothing(alert.incident.as_deref());
            let age = print::span(alert.starts_at, record.now);
            table.row([alert.fingerprint.clone(), age, incident, alerts::title(alert)]);
        }
        lines.extend(table.lines("  "));
    }
    if record.alerts_more {
        lines.push("  … there may be more alerts: not all were looked at".into());
    }
    lines
}

/// Writes a relation with what is known of it.
fn relation(row: &Relation, now: Timestamp) -> String {
    let way = format!("{} -{}-> {}", row.from, row.relation, row.to);
    match row.facts() {
        facts if facts.is_empty() => way,
        facts => format!("{way}  ({})", facts.words(now)),
    }
}

pub(super) async fn path(session: &Session, args: &Ways) -> Result<(), Failure> {
    let server = session.connect()?;
    let hops = args.max_hops.to_string();
    let ask = async |from: &str, to: &str| {
        get(&server, &["path"], &[("from", from), ("to", to), ("max_hops", &hops)]).await
    };
    let mut answer = ask(&args.from, &args.to).await?;
    let mut paths: Paths = answer.read()?;
    if paths.count == 0 {
        // People name the two ends in either order; a way always reads from the cause.
        let other = ask(&args.to, &args.from).await?;
        let others: Paths = other.read()?;
        if others.count > 0 {
            (answer, paths) = (other, others);
        }
    }
    if paths.count == 0 {
        let (a, b) = (&args.from, &args.to);
        let cut = if paths.truncated { "; the search was cut short" } else { "" };
        let message = format!("no way between {a} and {b} within {hops} hops{cut}");
        return Err(Failure::Findings(message));
    }
    session.show(&answer, |_| {
        let shown = if args.all { paths.paths.len() } else { 1 };
        let mut table = Table::bare();
        for (at, path) in paths.paths.iter().take(shown).enumerate() {
            table.row([path.clone(), format!("  {}", note(&paths, at + 1))]);
        }
        table.lines("").iter().for_each(print::data);
        let shown = paths.paths.iter().take(shown).map(String::as_str);
        for line in known(&paths, &shown.collect::<Vec<_>>()) {
            print::data(print::clean(&line));
        }
        Ok(())
    })
}

/// Lists the relations on some ways of which something is known.
fn known(paths: &Paths, shown: &[&str]) -> Vec<String> {
    let known = paths.relations.iter().filter(|row| !row.facts().is_empty());
    let on_way = known.filter(|row| {
        let way = format!("{} -{}-> {}", row.from, row.relation, row.to);
        shown.iter().any(|path| path.contains(&way))
    });
    on_way.map(|row| format!("  {}", relation(row, paths.now.0))).collect()
}

/// Says of a way how long it is and which of how many.
fn note(paths: &Paths, at: usize) -> String {
    let plural = |count: u64| if count == 1 { "" } else { "s" };
    let (hops, count) = (paths.hops, paths.count);
    format!("{hops} hop{}, {at} of {count} path{}", plural(hops.into()), plural(count))
}

pub(super) async fn impact(session: &Session, args: &Impact) -> Result<(), Failure> {
    let hops = args.max_hops.to_string();
    let server = session.connect()?;
    let Some((first, also)) = args.names.split_first() else { return Ok(()) };
    let mut query = vec![("max_hops", &*hops)];
    query.extend(also.iter().map(|name| ("also", &**name)));
    let answer = get(&server, &["impact", first], &query).await?;
    session.show(&answer, |answer| {
        for line in impact_lines(&answer.read()?) {
            print::data(line);
        }
        Ok(())
    })
}

fn impact_lines(impact: &cmdb::Impact) -> Vec<String> {
    let (cis, services, users) = (impact.cis, impact.services.len(), impact.users);
    let cut = if impact.truncated { ", and more: the search was cut short" } else { "" };
    let failed = match &*impact.also {
        [] => format!("{} fails", impact.ci),
        also => format!("{} and {} fail", impact.ci, also.join(", ")),
    };
    let mut lines = vec![print::clean(&format!(
        "when {failed}, {cis} CIs suffer: {services} services, {users} users{cut}"
    ))];
    for it in &impact.weakened {
        let line =
            format!("weakened: {} has {} of {} {} left", it.name, it.left, it.of, it.relation);
        lines.push(print::clean(&line));
    }
    let mut near = Table::new(&["HOPS", "CIS", "WHICH"]);
    for hop in &impact.hops {
        let more = if hop.count > hop.cis.len() { ", …" } else { "" };
        let names = format!("{}{more}", hop.cis.join(", "));
        near.row([hop.hops.to_string(), hop.count.to_string(), names]);
    }
    let mut hit = Table::new(&["SERVICE", "TIER", "USERS", "OWNER", "HOPS", "WAY"]);
    let number = |number: Option<u64>| number.map_or(NOTHING.into(), |number| number.to_string());
    for service in &impact.services {
        hit.row([
            service.name.clone(),
            number(service.tier.map(u64::from)),
            number(service.users),
            or_nothing(service.owner.as_deref()),
            service.hops.to_string(),
            service.path.clone(),
        ]);
    }
    for table in [near, hit].iter().filter(|table| !table.is_empty()) {
        lines.push(String::new());
        lines.extend(table.lines(""));
    }
    lines
}

pub(super) async fn log(session: &Session) -> Result<(), Failure> {
    let answer = get(&session.connect()?, &["history"], &[]).await?;
    session.show(&answer, |answer| {
        let history: History = answer.read()?;
        let mut table =
            Table::new(&["VERSION", "AT (UTC)", "BY", "CIS", "ATTRIBUTES", "RELATIONS", "WHAT"]);
        for change in &history.items {
            table.row([
                change.version.to_string(),
                print::clock(change.at, history.now),
                change.by.clone(),
                format!("+{} -{}", change.cis_added, change.cis_removed),
                format!("~{}", change.attributes),
                relations(change),
                change.what.clone(),
            ]);
        }
        session.list(table, &format!("{} changes", history.items.len()));
        Ok(())
    })
}

fn relations(change: &cmdb::Change) -> String {
    let cmdb::Change { relations_added, relations_removed, .. } = change;
    let changed = match change.relations_changed {
        0 => String::new(),
        changed => format!(" ~{changed}"),
    };
    format!("+{relations_added} -{relations_removed}{changed}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::wire::Time;

    #[test]
    fn relations_are_shown_with_what_is_known_of_them() {
        let row = |source: Option<&str>| Relation {
            from: "pdu".into(),
            relation: "powers".into(),
            to: "srv".into(),
            source: source.map(Into::into),
            valid_from: None,
            valid_until: None,
            seen_at: source.map(|_| Time(Timestamp::EPOCH)),
        };
        let now = Timestamp::from_millis(3 * 86_400_000);
        assert_eq!(relation(&row(None), now), "pdu -powers-> srv");
        let said = "pdu -powers-> srv  (netbox, confirmed 3d ago)";
        assert_eq!(relation(&row(Some("netbox")), now), said);
        let mut paths = Paths {
            from: "pdu".into(),
            to: "srv".into(),
            hops: 1,
            count: 1,
            paths: vec!["pdu -powers-> srv".into()],
            relations: vec![row(Some("netbox"))],
            now: Time(now),
            truncated: false,
        };
        assert_eq!(known(&paths, &["pdu -powers-> srv"]), [format!("  {said}")]);
        assert_eq!(known(&paths, &["pdu -powers-> vm"]), [""; 0], "of a way that is not shown");
        paths.relations = vec![row(None)];
        assert_eq!(known(&paths, &["pdu -powers-> srv"]), [""; 0], "nothing is known");
    }

    #[test]
    fn an_impact_names_what_fails_and_what_only_loses_redundancy() {
        let impact = cmdb::Impact {
            ci: "strip-a".into(),
            also: vec!["node-1".into(), "node-2".into()],
            cis: 3,
            hops: Vec::new(),
            services: Vec::new(),
            weakened: vec![cmdb::Weakened {
                name: "srv-1".into(),
                relation: "powered_by".into(),
                left: 1,
                of: 2,
            }],
            users: 0,
            truncated: false,
        };
        assert_eq!(
            impact_lines(&impact),
            [
                "when strip-a and node-1, node-2 fail, 3 CIs suffer: 0 services, 0 users",
                "weakened: srv-1 has 1 of 2 powered_by left",
            ]
        );
    }

    #[test]
    fn a_way_says_how_long_it_is_and_which_of_how_many() {
        let paths = |hops, count| Paths {
            from: String::new(),
            to: String::new(),
            hops,
            count,
            paths: Vec::new(),
            relations: Vec::new(),
            now: Time(Timestamp::EPOCH),
            truncated: false,
        };
        assert_eq!(note(&paths(3, 2), 1), "3 hops, 1 of 2 paths");
        assert_eq!(note(&paths(1, 1), 1), "1 hop, 1 of 1 path");
    }
}
