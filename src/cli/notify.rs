//! `incidentd notify`: notices that are not delivered.

use clap::{Args, Subcommand};

use crate::http::wire::{Notice, Page};

use super::Session;
use super::failure::Failure;
use super::print::{self, Table, or_nothing};

/// What to do with notices.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// List notices that are not delivered yet
    Ls(List),
    /// Let go of what is held after a restore: it is sent now
    Release,
}

/// What to list.
#[derive(Clone, Debug, Args)]
pub struct List {
    /// Only those that were given up
    #[arg(long)]
    dead: bool,
    /// How many, up to 1000
    #[arg(long, default_value_t = 100)]
    limit: u32,
}

/// Does it.
///
/// # Errors
/// As the daemon refuses.
pub async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    let list = match command {
        Command::Ls(list) => list,
        Command::Release => {
            session.connect()?.post(&["api", "v1", "outbox", "release"], &()).await?;
            session.say("released: what is pending is sent now");
            return Ok(());
        }
    };
    let limit = list.limit.to_string();
    let mut query = vec![("limit", &*limit)];
    if list.dead {
        query.push(("state", "dead"));
    }
    let answer = session.connect()?.get(&["api", "v1", "notices"], &query).await?;
    session.show(&answer, |answer| {
        let page: Page<Notice> = answer.read()?;
        let dead = page.items.iter().filter(|notice| notice.state == "dead").count();
        let footer = format!("{} shown · {dead} dead", page.items.len());
        session.list(table(&page), &footer);
        Ok(())
    })
}

fn table(page: &Page<Notice>) -> Table {
    let heads = ["ID", "KIND", "STATE", "AGE", "TRIES", "NEXT", "TO", "CHANNEL", "LAST ERROR"];
    let mut table = Table::new(&heads);
    for notice in &page.items {
        let pending = notice.state == "pending";
        let next = pending.then(|| print::until(notice.due_at, page.now));
        table.row([
            notice.id.clone(),
            notice.kind.clone(),
            notice.state.clone(),
            print::span(notice.created_at, page.now),
            notice.attempts.to_string(),
            or_nothing(next.as_deref()),
            notice.contact.clone(),
            notice.channel.clone(),
            or_nothing(Some(&notice.last_error)),
        ]);
    }
    table
}
