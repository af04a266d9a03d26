//! `incidentd kafka`: how far topics are read, and what to do about a partition that is halted.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::http::wire::kafka::{Position, Positions, Sought};

use super::Session;
use super::failure::Failure;
use super::print::{self, Table};

/// What to do with what is read from Kafka.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// List how far each partition is read
    Ls,
    /// Let halted partitions of a source go on from where they stand
    Resume(Resume),
    /// Have a partition read on from elsewhere: what lies between is not read, or is read again
    Seek(Seek),
}

/// Which partitions go on.
#[derive(Clone, Debug, Args)]
pub struct Resume {
    /// The source
    source: String,
    /// Only those of this topic
    #[arg(long)]
    topic: Option<String>,
    /// Only this one
    #[arg(long, requires = "topic")]
    partition: Option<u32>,
    /// Who says so
    #[arg(long = "as", value_name = "NAME", env = "USER", default_value = "")]
    by: String,
}

/// Where a partition goes on.
#[derive(Clone, Debug, Args)]
pub struct Seek {
    /// The source
    source: String,
    /// The topic
    #[arg(long)]
    topic: String,
    /// The partition's number
    #[arg(long)]
    partition: u32,
    /// beginning, end or an offset
    #[arg(long, value_name = "WHERE")]
    to: String,
    /// Who says so
    #[arg(long = "as", value_name = "NAME", env = "USER", default_value = "")]
    by: String,
}

/// Does it.
///
/// # Errors
/// As the daemon refuses.
pub async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    let server = session.connect()?;
    let path = ["api", "v1", "kafka"];
    match command {
        Command::Ls => {
            let answer = server.get(&path, &[]).await?;
            session.show(&answer, |answer| {
                let positions: Positions = answer.read()?;
                let footer = format!("{} shown", positions.items.len());
                session.list(table(&positions), &footer);
                for halted in positions.items.iter().filter(|it| it.why.is_some()) {
                    session.say(&print::clean(&told(halted)));
                }
                Ok(())
            })
        }
        Command::Resume(wish) => {
            let positions: Positions = server.get(&path, &[]).await?.read()?;
            let chosen: Vec<Value> = positions
                .items
                .iter()
                .filter(|it| wish.covers(it))
                .map(|it| wish.body(it))
                .collect();
            if chosen.is_empty() {
                session.say("nothing of that is halted");
            }
            for body in chosen {
                seek(session, &body).await?;
            }
            Ok(())
        }
        Command::Seek(Seek { source, topic, partition, to, by }) => {
            let body = json!({
                "source": source, "topic": topic, "partition": partition, "to": to, "by": by,
            });
            seek(session, &body).await
        }
    }
}

async fn seek(session: &Session, body: &Value) -> Result<(), Failure> {
    let answer = session.connect()?.post(&["api", "v1", "kafka", "seek"], body).await?;
    session.show(&answer, |answer| {
        let Sought { partition, next } = answer.read()?;
        let to = body.get("to").and_then(Value::as_str).filter(|to| to.parse::<u64>().is_err());
        let place = to.map_or_else(|| format!("offset {next}"), |to| format!("its {to}"));
        session.say(&format!("{partition} is read on from {place}"));
        Ok(())
    })
}

impl Resume {
    fn covers(&self, it: &Position) -> bool {
        it.state == "halted"
            && it.source == self.source
            && self.topic.as_ref().is_none_or(|topic| *topic == it.topic)
            && self.partition.is_none_or(|number| number == it.partition)
    }

    fn body(&self, it: &Position) -> Value {
        json!({
            "source": it.source, "topic": it.topic, "partition": it.partition, "by": self.by,
        })
    }
}

fn table(positions: &Positions) -> Table {
    let mut table = Table::new(&["SOURCE", "TOPIC", "PARTITION", "NEXT", "LAG", "STATE", "FOR"]);
    for it in &positions.items {
        let lag = it.lag.map(|lag| lag.to_string());
        let since = it.halted_at.map(|at| print::span(at, positions.now));
        table.row([
            it.source.clone(),
            it.topic.clone(),
            it.partition.to_string(),
            it.next.to_string(),
            print::or_nothing(lag.as_deref()),
            it.state.clone(),
            print::or_nothing(since.as_deref()),
        ]);
    }
    table
}

fn told(it: &Position) -> String {
    let why = it.why.as_deref().unwrap_or("");
    format!("{}/{} of source {}: {why}", it.topic, it.partition, it.source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_halted_goes_on_as_far_as_it_is_named() {
        let position = |topic: &str, partition, state: &str| Position {
            source: "s".into(),
            topic: topic.into(),
            partition,
            next: 7,
            lag: Some(3),
            cluster: String::new(),
            state: state.into(),
            halted_at: None,
            why: None,
        };
        let all =
            [position("a", 0, "halted"), position("a", 1, "halted"), position("b", 0, "late")];
        let wish = |topic: Option<&str>, partition| Resume {
            source: "s".into(),
            topic: topic.map(Into::into),
            partition,
            by: "mia".into(),
        };
        for (wish, covered) in [
            (wish(None, None), 2),
            (wish(Some("a"), None), 2),
            (wish(Some("a"), Some(1)), 1),
            (wish(Some("b"), None), 0),
        ] {
            assert_eq!(all.iter().filter(|it| wish.covers(it)).count(), covered, "{wish:?}");
        }
    }
}
