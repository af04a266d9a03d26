//! `incidentd quarantine`: what could not be read or handled.

use clap::{Args, Subcommand};
use serde_json::json;

use crate::http::wire::Page;
use crate::http::wire::change::Accepted;
use crate::http::wire::quarantine::{Dropped, Record, Whole};

use super::Session;
use super::failure::Failure;
use super::print::{self, Table};

/// Where it is.
const PATH: [&str; 3] = ["api", "v1", "quarantine"];

/// What to do with the quarantine.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// List its records, the oldest first
    Ls(List),
    /// Show one record with what was sent
    Show {
        /// Its number
        id: String,
    },
    /// Read records again under the present settings; what is taken in leaves
    Replay {
        /// Their numbers
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Drop records for good
    Drop {
        /// Their numbers
        #[arg(required = true)]
        ids: Vec<String>,
    },
}

/// What to list.
#[derive(Clone, Debug, Args)]
pub struct List {
    /// How many, up to 1000
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// Where to go on, as the line below a longer list says
    #[arg(long)]
    cursor: Option<String>,
}

/// Does it.
///
/// # Errors
/// As the daemon refuses.
pub async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    let server = session.connect()?;
    match command {
        Command::Ls(list) => {
            let limit = list.limit.to_string();
            let mut query = vec![("limit", &*limit)];
            query.extend(list.cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let answer = server.get(&PATH, &query).await?;
            session.show(&answer, |answer| {
                let page: Page<Record> = answer.read()?;
                let more = page.next.as_ref().map(|next| format!(" · more: --cursor {next}"));
                let footer = format!("{} shown{}", page.items.len(), more.unwrap_or_default());
                session.list(table(&page), &footer);
                Ok(())
            })
        }
        Command::Show { id } => {
            let answer = server.get(&at(&id, &[]), &[]).await?;
            session.show(&answer, |answer| {
                show(&answer.read()?).iter().for_each(print::data);
                Ok(())
            })
        }
        Command::Replay { ids } => {
            for id in &ids {
                let answer = server.post(&at(id, &["replay"]), &json!({})).await?;
                session.show(&answer, |answer| {
                    session.say(&replayed(id, &answer.read()?));
                    Ok(())
                })?;
            }
            Ok(())
        }
        Command::Drop { ids } => {
            for id in &ids {
                let answer = server.delete(&at(id, &[]), &[]).await?;
                session.show(&answer, |answer| {
                    session.say(&format!("record {} dropped", answer.read::<Dropped>()?.id));
                    Ok(())
                })?;
            }
            Ok(())
        }
    }
}

fn at<'a>(id: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    PATH.iter().copied().chain([id]).chain(rest.iter().copied()).collect()
}

fn table(page: &Page<Record>) -> Table {
    let mut table = Table::new(&["ID", "AGE", "SOURCE", "CAUSE", "BYTES", "REASON"]);
    for record in &page.items {
        table.row([
            record.id.to_string(),
            print::span(record.at, page.now),
            record.source.clone(),
            record.cause.clone(),
            record.bytes.to_string(),
            record.reason.clone(),
        ]);
    }
    table
}

fn show(whole: &Whole) -> Vec<String> {
    let record = &whole.record;
    let mut facts = Table::bare();
    for (name, value) in [
        ("source", &record.source),
        ("format", &record.format),
        ("cause", &record.cause),
        ("reason", &record.reason),
        ("content type", &record.content_type),
    ] {
        facts.row([name.into(), print::or_nothing(Some(value))]);
    }
    if let Some(it) = &record.kafka {
        let place = format!("{}/{} offset {}", it.topic, it.partition, it.offset);
        facts.row(["kafka".into(), place]);
    }
    let at = record.at;
    let mut lines = vec![format!("record {}  {at}  {} bytes", record.id, record.bytes)];
    lines.extend(facts.lines(""));
    lines.push(String::new());
    match (&whole.body, &whole.body_base64) {
        (Some(text), _) => lines.extend(text.lines().map(print::clean)),
        (None, base64) => {
            lines.push(format!("not text, in base64: {}", base64.as_deref().unwrap_or("")));
        }
    }
    lines
}

fn replayed(id: &str, taken: &Accepted) -> String {
    let Accepted { accepted, began, ended, overflowed, .. } = taken;
    let again = if *overflowed > 0 {
        format!(", {overflowed} are beyond the source's limit again")
    } else {
        String::new()
    };
    let left_out = taken.rejected.len();
    let left_out =
        if left_out > 0 { format!(", {left_out} could not be read") } else { String::new() };
    format!(
        "record {id} taken in: {accepted} alerts, {began} began, {ended} ended{again}{left_out}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::wire::Time;
    use crate::http::wire::quarantine::Origin;
    use crate::model::time::Timestamp;

    #[test]
    fn what_was_sent_is_shown_without_what_drives_a_terminal() {
        let record = Record {
            id: 7,
            at: Time(Timestamp::EPOCH),
            source: "shop".into(),
            format: "native".into(),
            cause: "unreadable".into(),
            reason: "line 1".into(),
            content_type: String::new(),
            bytes: 6,
            kafka: Some(Origin { topic: "t".into(), partition: 3, offset: 12 }),
        };
        let body = Some("{\u{1b}[2J\nx".to_owned());
        let whole = Whole { record, body, body_base64: None };
        let lines = show(&whole);
        assert_eq!(lines[0], "record 7  1970-01-01T00:00:00.000Z  6 bytes");
        assert!(lines.iter().any(|line| line.contains("t/3 offset 12")), "{lines:?}");
        assert_eq!(lines[lines.len() - 2..], ["{ [2J", "x"]);
        let whole = Whole { body: None, body_base64: Some("/w==".into()), ..whole };
        assert_eq!(show(&whole).pop().unwrap(), "not text, in base64: /w==");
    }

    #[test]
    fn what_came_of_a_replay_is_told() {
        let taken = Accepted { accepted: 3, began: 2, ..Accepted::default() };
        assert_eq!(replayed("7", &taken), "record 7 taken in: 3 alerts, 2 began, 0 ended");
        let taken = Accepted { overflowed: 1, ..taken };
        assert!(replayed("7", &taken).ends_with("1 are beyond the source's limit again"));
    }
}
