//! `incidentd quiet`: silences and windows.

use clap::{Args, Subcommand};

use crate::http::wire::Page;
use crate::http::wire::Time;
use crate::http::wire::silence::{NewSilence, Silence, Silenced};

use super::Session;
use super::client::Server;
use super::failure::Failure;
use super::name::Name;
use super::print::{self, Table, or_nothing};

/// Where silences are.
const PATH: [&str; 3] = ["api", "v1", "silences"];

/// What to do with silences and windows.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// List silences and windows that hold or are to come
    Ls(List),
    /// Keep alerts from opening incidents and from paging for a time
    Add(Add),
    /// End silences and windows now; what still fires is told at once
    End(End),
}

/// What to list.
#[derive(Clone, Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "three switches that exclude each other")]
pub struct List {
    /// Only those that are over, up to five days ago
    #[arg(long, conflicts_with_all = ["pending", "all"])]
    expired: bool,
    /// Only those to come
    #[arg(long, conflicts_with = "all")]
    pending: bool,
    /// All of them
    #[arg(long)]
    all: bool,
    /// How many, up to 1000
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// Where to go on, as the line below a longer list says
    #[arg(long)]
    cursor: Option<String>,
}

/// What to keep quiet.
#[derive(Clone, Debug, Args)]
pub struct Add {
    /// Matchers on labels, as in 'alertname=~"Disk.*", site="fra1"'; all must hold
    #[arg(value_name = "MATCHERS", required_unless_present = "ci")]
    matchers: Vec<String>,
    /// Make it a window on this CI and what depends on it
    #[arg(long, value_name = "NAME")]
    ci: Option<String>,
    /// How long it lasts, as in 2h
    #[arg(long = "for", value_name = "TIME")]
    lasts: String,
    /// When it begins, as in 2026-11-21T22:00:00Z; now when left out
    #[arg(long, value_name = "WHEN", value_parser = time)]
    start: Option<Time>,
    /// Why
    #[arg(short, long = "message", value_name = "TEXT")]
    message: String,
    /// In whose name
    #[command(flatten)]
    name: Name,
}

/// What is to be heard again.
#[derive(Clone, Debug, Args)]
pub struct End {
    /// Ids, as `quiet ls` shows them
    #[arg(value_name = "ID", required_unless_present = "all_mine")]
    ids: Vec<String>,
    /// All that are in your name and not over
    #[arg(long, conflicts_with = "ids")]
    all_mine: bool,
    /// In whose name
    #[command(flatten)]
    name: Name,
}

/// Reads a point in time.
fn time(text: &str) -> Result<Time, String> {
    serde_json::from_value(serde_json::Value::from(text))
        .map_err(|_| "expected a time like 2026-11-21T22:00:00Z".into())
}

/// Does it.
///
/// # Errors
/// As the daemon refuses.
pub async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    let server = session.connect()?;
    match command {
        Command::Ls(list) => ls(session, &server, &list).await,
        Command::Add(add) => {
            let body = NewSilence {
                by: add.name.by,
                comment: add.message,
                matchers: add.matchers,
                ci: add.ci,
                starts_at: add.start,
                ends_at: None,
                lasts: Some(add.lasts),
                replaces: None,
            };
            let answer = server.post(&PATH, &body).await?;
            session.show(&answer, |answer| {
                session.say(&added(&answer.read()?));
                Ok(())
            })
        }
        Command::End(end) => {
            let ids = if end.all_mine { mine(&server, &end.name.by).await? } else { end.ids };
            for id in &ids {
                let path: Vec<&str> = PATH.iter().copied().chain([&**id]).collect();
                let answer = server.delete(&path, &[("by", &end.name.by)]).await?;
                session.show(&answer, |answer| {
                    let Silenced { silence, now } = answer.read()?;
                    let at = print::clock(silence.ends_at, now);
                    session.say(&format!("{} ended at {at} UTC", silence.id));
                    Ok(())
                })?;
            }
            if ids.is_empty() {
                print::talk(format_args!("nothing is quiet in the name of {}", end.name.by));
            }
            Ok(())
        }
    }
}

async fn ls(session: &Session, server: &Server, list: &List) -> Result<(), Failure> {
    let state = match (list.expired, list.pending, list.all) {
        (true, _, _) => "expired",
        (_, true, _) => "pending",
        (_, _, true) => "all",
        (false, false, false) => "active,pending",
    };
    let limit = list.limit.to_string();
    let mut query = vec![("state", state), ("limit", &*limit)];
    query.extend(list.cursor.iter().map(|cursor| ("cursor", &**cursor)));
    let answer = server.get(&PATH, &query).await?;
    session.show(&answer, |answer| {
        let page: Page<Silence> = answer.read()?;
        let more = page.next.as_ref().map(|next| format!(" · more: --cursor {next}"));
        let footer = format!("{} shown{}", page.items.len(), more.unwrap_or_default());
        session.list(table(page), &footer);
        Ok(())
    })
}

/// Returns the ids of all that is in somebody's name and not over.
async fn mine(server: &Server, name: &str) -> Result<Vec<String>, Failure> {
    let mut ids = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut query = vec![("by", name), ("limit", "1000")];
        query.extend(cursor.iter().map(|cursor| ("cursor", &**cursor)));
        let page: Page<Silence> = server.get(&PATH, &query).await?.read()?;
        ids.extend(page.items.into_iter().map(|silence| silence.id));
        cursor = page.next;
        if cursor.is_none() {
            return Ok(ids);
        }
    }
}

/// What ends first stands first, what is over last.
fn table(page: Page<Silence>) -> Table {
    let now = page.now;
    let mut items = page.items;
    items.sort_by_key(|silence| (silence.state == "expired", silence.ends_at));
    let mut table = Table::new(&["ID", "STATE", "BEGINS", "ENDS", "BY", "WHAT", "WHY"]);
    for silence in &items {
        table.row([
            silence.id.clone(),
            silence.state.clone(),
            when(silence.starts_at, now),
            when(silence.ends_at, now),
            or_nothing(Some(&silence.created_by)),
            what(silence),
            silence.comment.clone(),
        ]);
    }
    table
}

/// Returns when something is or was: `in 2h`, `5m ago`.
fn when(at: Time, now: Time) -> String {
    if at <= now { format!("{} ago", print::span(at, now)) } else { print::until(at, now) }
}

/// Says what is quiet.
fn what(silence: &Silence) -> String {
    let window = match &*silence.cis {
        [] => None,
        [ci] => Some(format!("{ci} and what depends on it")),
        cis => Some(format!("{} CIs and what depends on them", cis.len())),
    };
    let rule = silence.rule.iter().map(|rule| format!("what rule {rule} matches"));
    window
        .into_iter()
        .chain(rule)
        .chain([silence.matchers.join(", ")])
        .filter(|text| !text.is_empty())
        .collect::<Vec<_>>()
        .join(", ")
}

fn added(silenced: &Silenced) -> String {
    let Silenced { silence, now } = silenced;
    let from = if silence.starts_at <= *now {
        String::new()
    } else {
        format!(" from {}", print::clock(silence.starts_at, *now))
    };
    let until = print::clock(silence.ends_at, *now);
    format!("{} quiet{from} until {until} UTC: {}", silence.id, what(silence))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silence(changes: &serde_json::Value) -> Silenced {
        let mut silence = serde_json::json!({
            "id": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "state": "active",
            "matchers": ["alertname=~\"Disk.*\"", "site=\"fra1\""], "ci": null,
            "starts_at": "2026-11-21T03:00:00.000Z", "ends_at": "2026-11-21T05:00:00.000Z",
            "updated_at": "2026-11-21T03:00:00.000Z", "created_by": "m.ito",
            "comment": "new disk", "now": "2026-11-21T03:16:00.000Z",
        });
        for (name, value) in changes.as_object().unwrap() {
            silence[name] = value.clone();
        }
        serde_json::from_value(silence).unwrap()
    }

    #[test]
    fn a_line_of_the_list_says_what_is_quiet_until_when_and_why() {
        let window = serde_json::json!({"state": "pending", "cis": ["pdu-r12a"], "matchers": [],
            "starts_at": "2026-11-21T04:00:00.000Z", "ends_at": "2026-11-21T04:30:00.000Z"});
        let over = serde_json::json!({"state": "expired", "ends_at": "2026-11-21T03:10:00.000Z"});
        let all = [over, serde_json::json!({}), window].map(|changes| silence(&changes));
        let now = all[0].now;
        let items = all.into_iter().map(|one| one.silence).collect();
        assert_eq!(
            table(Page { items, next: None, now }).headless().lines(""),
            [
                "f81d4fae-7dec-11d0-a765-00a0c91e6bf6  pending  in 44m   in 1h   m.ito  pdu-r12a and what depends on it   new disk",
                "f81d4fae-7dec-11d0-a765-00a0c91e6bf6  active   16m ago  in 1h   m.ito  alertname=~\"Disk.*\", site=\"fra1\"  new disk",
                "f81d4fae-7dec-11d0-a765-00a0c91e6bf6  expired  16m ago  6m ago  m.ito  alertname=~\"Disk.*\", site=\"fra1\"  new disk",
            ]
        );
    }

    #[test]
    fn what_was_made_is_confirmed_with_its_times() {
        let id = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
        let what = "alertname=~\"Disk.*\", site=\"fra1\"";
        let now = silence(&serde_json::json!({}));
        assert_eq!(added(&now), format!("{id} quiet until 05:00:00 UTC: {what}"));
        let later = silence(&serde_json::json!({"starts_at": "2026-11-21T04:00:00.000Z"}));
        assert_eq!(added(&later), format!("{id} quiet from 04:00:00 until 05:00:00 UTC: {what}"));
    }

    #[test]
    fn a_start_is_a_point_in_time() {
        assert_eq!(
            time("2026-11-21T22:00:00+01:00").unwrap().to_string(),
            "2026-11-21T21:00:00.000Z"
        );
        assert!(time("22:00").is_err());
    }
}
