//! `incidentd changes`: planned changes.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::http::wire::Page;
use crate::http::wire::planned::{NewChanges, Planned, PlannedChange, PlannedRecord};

use super::client::Answer;
use super::failure::Failure;
use super::name::Name;
use super::print::{self, Table, or_nothing};
use super::{Output, Session};

/// Where they are.
const PATH: [&str; 3] = ["api", "v1", "changes"];

/// What to do with planned changes.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// List planned changes
    Ls(List),
    /// Show one
    Show {
        /// Its number, as in CHG-123
        number: String,
    },
    /// Take changes in from a file, after showing what would be other than before
    Import(Import),
}

/// What to list.
#[derive(Clone, Debug, Args)]
pub struct List {
    /// States with commas between them, as in `planned,in_progress`, or all
    #[arg(long, default_value = "all")]
    state: String,
    /// Only those of this CI
    #[arg(long, value_name = "NAME")]
    ci: Option<String>,
    /// How many, up to 1000
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// Where to go on, as the line below a longer list says
    #[arg(long)]
    cursor: Option<String>,
}

/// What to take in.
#[derive(Clone, Debug, Args)]
pub struct Import {
    /// The file, YAML or JSON: `changes: [{number, cis, from, to, state, owner, summary}]`
    file: PathBuf,
    /// These are all there are: others are planned no more
    #[arg(long)]
    replace: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    name: Name,
}

/// What stands in a file.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    changes: Vec<PlannedChange>,
}

/// Does it.
///
/// # Errors
/// As the daemon refuses, or when the file cannot be read.
pub async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    match command {
        Command::Ls(list) => ls(session, &list).await,
        Command::Show { number } => {
            let path: Vec<&str> = PATH.iter().copied().chain([&*number]).collect();
            let answer = session.connect()?.get(&path, &[]).await?;
            session.show(&answer, |answer| {
                show(&answer.read()?).lines("").iter().for_each(print::data);
                Ok(())
            })
        }
        Command::Import(import) => take(session, import).await,
    }
}

async fn ls(session: &Session, list: &List) -> Result<(), Failure> {
    let limit = list.limit.to_string();
    let mut query = vec![("state", &*list.state), ("limit", &*limit)];
    query.extend(list.ci.as_deref().map(|ci| ("ci", ci)));
    query.extend(list.cursor.as_deref().map(|cursor| ("cursor", cursor)));
    let answer = session.connect()?.get(&PATH, &query).await?;
    session.show(&answer, |answer| {
        let page: Page<PlannedChange> = answer.read()?;
        let more = page.next.as_ref().map(|next| format!(" · more: --cursor {next}"));
        let footer = format!("{} shown{}", page.items.len(), more.unwrap_or_default());
        session.list(table(&page.items), &footer);
        Ok(())
    })
}

fn table(changes: &[PlannedChange]) -> Table {
    let mut table = Table::new(&["NUMBER", "STATE", "FROM", "TO", "OWNER", "CIS", "WHAT"]);
    for change in changes {
        table.row([
            change.number.clone(),
            change.state.clone(),
            change.from.to_string(),
            change.to.to_string(),
            or_nothing(Some(&change.owner)),
            or_nothing(Some(&change.cis.join(", "))),
            change.summary.clone(),
        ]);
    }
    table
}

fn show(record: &PlannedRecord) -> Table {
    let change = &record.change;
    let mut facts = Table::bare();
    let active = if record.active { ", now" } else { "" };
    for (name, value) in [
        ("number", change.number.clone()),
        ("state", format!("{}{active}", change.state)),
        ("from", change.from.to_string()),
        ("to", change.to.to_string()),
        ("cis", or_nothing(Some(&change.cis.join(", ")))),
        ("owner", or_nothing(Some(&change.owner))),
        ("summary", or_nothing(Some(&change.summary))),
    ] {
        facts.row([name.into(), value]);
    }
    facts
}

async fn take(session: &Session, import: Import) -> Result<(), Failure> {
    let name = import.file.display().to_string();
    let text = std::fs::read_to_string(&import.file)
        .map_err(|error| Failure::Usage(format!("{name}: {error}")))?;
    let file: File = serde_saphyr::from_str(&text)
        .map_err(|error| Failure::Usage(format!("{name}: {error}")))?;
    let (by, replace, changes) = (import.name.by, import.replace, file.changes);
    let mut body = NewChanges { by, replace, dry_run: !import.yes, changes };
    let server = session.connect()?;
    if import.yes {
        return done(session, &server.post(&PATH, &body).await?);
    }
    let answer = server.post(&PATH, &body).await?;
    body.dry_run = false;
    let planned: Planned = answer.read()?;
    if planned.difference.is_empty() {
        return done(session, &answer);
    }
    lines(&planned).for_each(print::talk);
    match print::ask("Plan this?") {
        Some(true) => done(session, &server.post(&PATH, &body).await?),
        Some(false) => Err(Failure::Findings("nothing was changed".into())),
        None => Err(Failure::Usage("nothing was changed; nobody to ask: add --yes".into())),
    }
}

fn lines(planned: &Planned) -> impl Iterator<Item = String> {
    let unknown = planned.unknown_cis.iter();
    let unknown = unknown.map(|ci| format!("! the CMDB has no CI `{ci}`"));
    planned.difference.iter().cloned().chain(unknown).map(|line| print::clean(&line))
}

fn done(session: &Session, answer: &Answer) -> Result<(), Failure> {
    if session.output == Output::Json {
        print::data(&answer.0);
        return Ok(());
    }
    let planned: Planned = answer.read()?;
    lines(&planned).for_each(|line| session.say(&line));
    let Planned { added, changed, removed, .. } = planned;
    session.say(&format!("{added} added, {changed} changed, {removed} removed"));
    Ok(())
}
