//! `incidentd oncall override|swap|overrides`: who stands in on call by a person's word.

use clap::{Args, Subcommand};

use crate::http::wire::Time;
use crate::http::wire::overrides::{NewOverride, NewSwap, Override, Overrides};

use super::client::{Answer, Server};
use super::failure::Failure;
use super::name::Name;
use super::print::{self, Table, or_nothing};
use super::{Output, Session};

/// Where they are.
const PATH: [&str; 4] = ["api", "v1", "oncall", "overrides"];
const SWAPS: [&str; 4] = ["api", "v1", "oncall", "swaps"];

/// Who is to stand in.
#[derive(Clone, Debug, Args)]
pub struct Put {
    /// The team
    team: String,
    /// The contact who is to be called
    #[arg(long, value_name = "CONTACT")]
    who: String,
    /// When it begins, such as 2026-12-24T18:00:00+01:00; now when left out
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Time>,
    /// When it ends
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Time,
    #[command(flatten)]
    word: Word,
}

/// Who trades a shift with whom.
#[derive(Clone, Debug, Args)]
pub struct Swap {
    /// The team
    team: String,
    /// Whose shift the other takes
    #[arg(value_name = "CONTACT")]
    contact: String,
    /// The other
    #[arg(value_name = "WITH")]
    with: String,
    /// A time within the shift that is given away; their present or next one when left out
    #[arg(long, value_name = "TIME", value_parser = time)]
    shift: Option<Time>,
    /// A time within the shift of the other that is got for it; their next one when left out
    #[arg(long = "for", value_name = "TIME", value_parser = time)]
    for_shift: Option<Time>,
    #[command(flatten)]
    word: Word,
}

/// In whose name, and why.
#[derive(Clone, Debug, Args)]
pub struct Word {
    #[command(flatten)]
    name: Name,
    /// Why
    #[arg(short = 'm', long = "note", value_name = "TEXT", default_value = "")]
    note: String,
}

/// What to do with overrides.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// List who stands in now or later
    Ls {
        /// Only those of this team
        #[arg(long)]
        team: Option<String>,
        /// Those of the last month that are over as well
        #[arg(long)]
        past: bool,
    },
    /// Take an override back: whose shift it was has it again
    Drop {
        /// Its number
        number: u64,
        /// In whose name
        #[command(flatten)]
        name: Name,
    },
}

fn time(text: &str) -> Result<Time, String> {
    let read: Result<Time, _> = serde_json::from_value(text.into());
    read.map_err(|_| "expected a time such as 2026-12-24T18:00:00+01:00".into())
}

/// Lets somebody stand in.
///
/// # Errors
/// As the daemon refuses.
pub(super) async fn put(session: &Session, server: &Server, put: Put) -> Result<(), Failure> {
    let Put { team, who: contact, from, to, word: Word { name: Name { by }, note } } = put;
    let body = NewOverride { by, team, contact, from, to, note };
    show(session, &server.post(&PATH, &body).await?)
}

/// Lets two people trade a shift each.
///
/// # Errors
/// As the daemon refuses.
pub(super) async fn swap(session: &Session, server: &Server, swap: Swap) -> Result<(), Failure> {
    let Swap { team, contact, with, shift, for_shift, word: Word { name: Name { by }, note } } =
        swap;
    let body = NewSwap { by, team, contact, with, shift, for_shift, note };
    show(session, &server.post(&SWAPS, &body).await?)
}

/// Lists them or takes one back.
///
/// # Errors
/// As the daemon refuses.
pub(super) async fn run(
    session: &Session,
    server: &Server,
    command: Command,
) -> Result<(), Failure> {
    match command {
        Command::Ls { team, past } => {
            let mut query = Vec::new();
            query.extend(team.as_deref().map(|team| ("team", team)));
            query.extend(past.then_some(("past", "true")));
            show(session, &server.get(&PATH, &query).await?)
        }
        Command::Drop { number, name: Name { by } } => {
            let number = number.to_string();
            let path: Vec<&str> = PATH.into_iter().chain([&*number]).collect();
            let answer = server.delete(&path, &[("by", &*by)]).await?;
            if session.output == Output::Table {
                session.say(&format!("override {number} is dropped"));
            }
            show(session, &answer)
        }
    }
}

fn show(session: &Session, answer: &Answer) -> Result<(), Failure> {
    session.show(answer, |answer| {
        let page: Overrides = answer.read()?;
        session.list(table(&page.items), "");
        warn(&warnings(&page.items));
        Ok(())
    })
}

/// Says which overrides call nobody.
pub(super) fn warnings(overrides: &[Override]) -> Vec<String> {
    let loose = overrides.iter().filter_map(|it| Some((it, it.problem.as_deref()?)));
    let line = |(it, problem): (&Override, &str)| {
        let Override { number, team, .. } = it;
        format!(
            "override {number} of {team}: {problem}; drop it with `incidentd oncall overrides drop {number}`"
        )
    };
    loose.map(line).collect()
}

/// Shows warnings beside what is answered.
pub(super) fn warn(lines: &[String]) {
    for line in lines {
        print::talk(format!("warning: {}", print::clean(line)));
    }
}

/// Asks the daemon which overrides call nobody; nothing when it cannot be asked.
pub(super) async fn loose(server: &Server) -> Vec<String> {
    let answer = server.get(&PATH, &[]).await.ok();
    let page = answer.and_then(|answer| answer.read::<Overrides>().ok());
    page.map(|page| warnings(&page.items)).unwrap_or_default()
}

fn table(overrides: &[Override]) -> Table {
    let mut table = Table::new(&["NUMBER", "TEAM", "FROM", "UNTIL", "ON CALL", "BY", "NOTE"]);
    for it in overrides {
        table.row([
            it.number.to_string(),
            it.team.clone(),
            it.from_local.clone(),
            it.to_local.clone(),
            it.contact.clone(),
            it.by.clone(),
            or_nothing(Some(&it.note)),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Timestamp;

    #[test]
    fn overrides_are_listed_and_those_that_call_nobody_are_named() {
        let at = Time(Timestamp::EPOCH);
        let sound = Override {
            number: 7,
            team: "shop".into(),
            contact: "anna".into(),
            from: at,
            to: at,
            from_local: "09:00 CET".into(),
            to_local: "17:00 CET".into(),
            by: "mia".into(),
            made_at: at,
            note: String::new(),
            problem: None,
        };
        let loose =
            Override { number: 8, problem: Some("no contact anna".into()), ..sound.clone() };
        assert_eq!(
            table(std::slice::from_ref(&sound)).to_string(),
            "NUMBER  TEAM  FROM       UNTIL      ON CALL  BY   NOTE\n\
             7       shop  09:00 CET  17:00 CET  anna     mia  –"
        );
        assert_eq!(
            warnings(&[sound, loose]),
            [
                "override 8 of shop: no contact anna; drop it with `incidentd oncall overrides drop 8`"
            ]
        );
        assert!(time("tomorrow").is_err());
        assert_eq!(time("1970-01-01T01:00:00+01:00"), Ok(at));
    }
}
