//! `incidentd notify`: notices that are not delivered, and whether channels work.

use clap::{ArgGroup, Args, Subcommand};

use crate::http::wire::notices::{Retried, Retry as Wish, Test as TestWish, Tested, Tests};
use crate::http::wire::{Notice, Page};

use super::Session;
use super::failure::Failure;
use super::name::Name;
use super::print::{self, Table, or_nothing};

/// What to do with notices.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// List notices that are not delivered yet
    Ls(List),
    /// Send a test message to a contact, or by a channel, and show how it was taken
    Test(Test),
    /// Send notices once more that were given up
    Retry(Retry),
    /// Let go of what is held after a restore: it is sent now
    Release,
}

/// What to list.
#[derive(Clone, Debug, Args)]
pub struct List {
    /// Only those that were given up
    #[arg(long, conflicts_with = "pending")]
    dead: bool,
    /// Only those that are still tried
    #[arg(long)]
    pending: bool,
    /// Only those about this incident
    #[arg(long, value_name = "ID")]
    incident: Option<String>,
    /// How many, up to 1000
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// Where to go on, as the list before said
    #[arg(long)]
    cursor: Option<String>,
}

/// Whom to send a test message.
#[derive(Clone, Debug, Args)]
pub struct Test {
    /// A contact of the rule files, or a channel of the settings
    #[arg(value_name = "CONTACT|CHANNEL")]
    to: String,
    /// Show the message and send nothing
    #[arg(long)]
    dry_run: bool,
}

/// What to send once more.
#[derive(Clone, Debug, Args)]
#[command(group = ArgGroup::new("which").required(true))]
pub struct Retry {
    /// The notice, such as INC-1042/3
    #[arg(group = "which")]
    id: Option<String>,
    /// All that were given up
    #[arg(long, group = "which")]
    dead: bool,
    #[command(flatten)]
    name: Name,
}

/// Does it.
///
/// # Errors
/// As the daemon refuses; findings, when a test message was not delivered.
pub async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    match command {
        Command::Ls(list) => ls(session, &list).await,
        Command::Test(wish) => test(session, wish).await,
        Command::Retry(wish) => retry(session, wish).await,
        Command::Release => {
            session.connect()?.post(&["api", "v1", "outbox", "release"], &()).await?;
            session.say("released: what is pending is sent now");
            Ok(())
        }
    }
}

async fn ls(session: &Session, list: &List) -> Result<(), Failure> {
    let limit = list.limit.to_string();
    let state = match (list.dead, list.pending) {
        (true, _) => Some("dead"),
        (false, true) => Some("pending"),
        (false, false) => None,
    };
    let optional = [
        ("state", state),
        ("incident", list.incident.as_deref()),
        ("cursor", list.cursor.as_deref()),
    ];
    let given = optional.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let query: Vec<_> = [("limit", &*limit)].into_iter().chain(given).collect();
    let answer = session.connect()?.get(&["api", "v1", "notices"], &query).await?;
    session.show(&answer, |answer| {
        let page: Page<Notice> = answer.read()?;
        let dead = page.items.iter().filter(|notice| notice.state == "dead").count();
        let more = page.next.as_ref().map(|next| format!(" · more with --cursor {next}"));
        let more = more.unwrap_or_default();
        let footer = format!("{} shown · {dead} dead{more}", page.items.len());
        session.list(table(&page), &footer);
        Ok(())
    })
}

async fn test(session: &Session, wish: Test) -> Result<(), Failure> {
    let body = TestWish { to: wish.to, dry_run: wish.dry_run };
    let answer = session.connect()?.post(&["api", "v1", "notices", "test"], &body).await?;
    let tests: Tests = answer.read()?;
    session.show(&answer, |_| {
        tests.items.iter().for_each(|tested| print::data(print::clean(&told(tested))));
        Ok(())
    })?;
    let failed = tests.items.iter().filter(|tested| tested.outcome == "failed").count();
    match failed {
        0 => Ok(()),
        failed => Err(Failure::Findings(format!(
            "{failed} of {} channels did not take the test message",
            tests.items.len()
        ))),
    }
}

fn told(tested: &Tested) -> String {
    let Tested { channel, subject, text, outcome, answer } = tested;
    match &**outcome {
        "dry_run" => format!("{channel}: would send \"{subject}\": {text}"),
        outcome => format!("{channel}: {outcome}: {answer}"),
    }
}

async fn retry(session: &Session, wish: Retry) -> Result<(), Failure> {
    let body = Wish { id: wish.id, dead: wish.dead, by: wish.name.by };
    let answer = session.connect()?.post(&["api", "v1", "notices", "retry"], &body).await?;
    session.show(&answer, |answer| {
        let retried: Retried = answer.read()?;
        session.say(&retold(&retried));
        Ok(())
    })
}

fn retold(retried: &Retried) -> String {
    let mut told = Vec::new();
    for id in &retried.pending {
        told.push(format!("{id} is sent again"));
    }
    for id in &retried.withheld {
        told.push(format!("{id} is put away: nobody has to answer any more"));
    }
    if told.is_empty() { "nothing was given up".into() } else { told.join("\n") }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_message_is_told_with_how_it_was_taken() {
        let tested = |outcome: &str, answer: &str| Tested {
            channel: "chat".into(),
            subject: "[TEST] x".into(),
            text: "TEST".into(),
            outcome: outcome.into(),
            answer: answer.into(),
        };
        for (outcome, answer, line) in [
            ("delivered", "answered 200 OK", "chat: delivered: answered 200 OK"),
            ("failed", "no connection", "chat: failed: no connection"),
            ("dry_run", "", "chat: would send \"[TEST] x\": TEST"),
        ] {
            assert_eq!(told(&tested(outcome, answer)), line);
        }
    }

    #[test]
    fn what_is_sent_again_is_told_from_what_nobody_needs() {
        let retried = Retried { pending: vec!["INC-1/1".into()], withheld: vec!["INC-2/1".into()] };
        let lines = "INC-1/1 is sent again\nINC-2/1 is put away: nobody has to answer any more";
        assert_eq!(retold(&retried), lines);
        let none = Retried { pending: Vec::new(), withheld: Vec::new() };
        assert_eq!(retold(&none), "nothing was given up");
    }
}
