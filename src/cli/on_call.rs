//! `incidentd oncall`: who is called now, who comes next, and when nobody has the shift. Who stands in
//! by command is in `overrides`.

use clap::{Args, Subcommand};

use crate::http::wire::on_call::{OnCallPage, OnCallShift, TeamOnCall};

use super::client::Server;
use super::failure::Failure;
use super::print::{self, Table, or_nothing};
use super::{Output, Session, overrides};

/// Where it is.
const PATH: [&str; 3] = ["api", "v1", "oncall"];

/// Days in which the next shift and holes are looked for.
const YEAR: u16 = 366;

/// What to know about who is on call.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Say who is called for each team
    Now(Question),
    /// Say who has the next shift, and when it begins
    Next(Question),
    /// List the shifts to come
    Show {
        /// What is asked about
        #[command(flatten)]
        question: Question,
        /// How many days of them, up to 366
        #[arg(long, default_value_t = 28)]
        days: u16,
    },
    /// List the times of the next year at which nobody has the shift; fails when there are any
    Gaps(Question),
    /// Let somebody have the shift of a team for a time
    Override(overrides::Put),
    /// Let two people of a team trade a shift each
    Swap(overrides::Swap),
    /// List overrides, or take one back
    #[command(subcommand)]
    Overrides(overrides::Command),
}

/// What is asked about.
#[derive(Clone, Debug, Args)]
pub struct Question {
    /// Only this team
    #[arg(long)]
    team: Option<String>,
    /// Another time than now, such as 2026-12-24T18:00:00+01:00
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
}

/// Asks.
///
/// # Errors
/// As the daemon refuses, or when there are gaps and these are asked for.
pub async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    let server = session.connect()?;
    match command {
        Command::Now(question) => {
            list(session, &server, (&question, YEAR), now).await?;
        }
        Command::Next(question) => {
            list(session, &server, (&question, YEAR), next).await?;
        }
        Command::Show { question, days } => {
            list(session, &server, (&question, days), shifts).await?;
        }
        Command::Override(put) => overrides::put(session, &server, put).await?,
        Command::Swap(swap) => overrides::swap(session, &server, swap).await?,
        Command::Overrides(command) => overrides::run(session, &server, command).await?,
        Command::Gaps(question) => {
            let page = list(session, &server, (&question, YEAR), gaps).await?;
            let count = page.items.iter().flat_map(holes).count();
            if count > 0 {
                return Err(Failure::Findings(format!("{count} times without anybody on call")));
            }
        }
    }
    Ok(())
}

async fn list(
    session: &Session,
    server: &Server,
    (question, days): (&Question, u16),
    table: fn(&OnCallPage) -> Table,
) -> Result<OnCallPage, Failure> {
    let days = days.to_string();
    let mut query = vec![("days", &*days)];
    query.extend(question.team.as_deref().map(|team| ("team", team)));
    query.extend(question.at.as_deref().map(|at| ("at", at)));
    let answer = server.get(&PATH, &query).await?;
    let page: OnCallPage = answer.read()?;
    match session.output {
        Output::Json => print::data(&answer.0),
        Output::Table => session.list(table(&page), ""),
    }
    Ok(page)
}

fn now(page: &OnCallPage) -> Table {
    let mut table = Table::new(&["TEAM", "LINE", "ON CALL", "UNTIL", "BECAUSE"]);
    for team in &page.items {
        // What lasts as long as was asked for has no end that is known.
        let until = team.shifts.first().filter(|_| team.shifts.len() > 1);
        table.row([
            team.team.clone(),
            team.line.to_string(),
            team.contact.clone(),
            or_nothing(until.map(|shift| &*shift.until_local)),
            team.because.clone(),
        ]);
    }
    table
}

fn next(page: &OnCallPage) -> Table {
    let mut table = Table::new(&["TEAM", "NOW", "NEXT", "FROM", "IN"]);
    for team in &page.items {
        let next = team.shifts.get(1);
        table.row([
            team.team.clone(),
            team.contact.clone(),
            or_nothing(next.map(holder)),
            or_nothing(next.map(|shift| &*shift.from_local)),
            or_nothing(next.map(|shift| print::until(shift.from, page.at)).as_deref()),
        ]);
    }
    table
}

fn shifts(page: &OnCallPage) -> Table {
    rows(page, |team| team.shifts.iter().collect())
}

fn gaps(page: &OnCallPage) -> Table {
    rows(page, |team| holes(team).collect())
}

fn rows(page: &OnCallPage, of: fn(&TeamOnCall) -> Vec<&OnCallShift>) -> Table {
    let mut table = Table::new(&["TEAM", "FROM", "UNTIL", "ON CALL"]);
    for team in &page.items {
        for shift in of(team) {
            table.row([
                team.team.clone(),
                shift.from_local.clone(),
                shift.until_local.clone(),
                holder(shift).into(),
            ]);
        }
    }
    table
}

fn holes(team: &TeamOnCall) -> impl Iterator<Item = &OnCallShift> {
    team.shifts.iter().filter(|shift| shift.contact.is_none())
}

fn holder(shift: &OnCallShift) -> &str {
    shift.contact.as_deref().unwrap_or("nobody")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::wire::Time;
    use crate::model::time::Timestamp;

    fn page() -> OnCallPage {
        let shift = |contact: Option<&str>, from: i64, until: i64| OnCallShift {
            contact: contact.map(Into::into),
            from: Time(Timestamp::from_millis(from * 3_600_000)),
            until: Time(Timestamp::from_millis(until * 3_600_000)),
            from_local: format!("{from}:00 CET"),
            until_local: format!("{until}:00 CET"),
        };
        let team = |team: &str, shifts| TeamOnCall {
            team: team.into(),
            line: 1,
            contact: "anna".into(),
            because: "so".into(),
            rotation: None,
            zone: None,
            shifts,
        };
        let at = Time(Timestamp::EPOCH);
        let shifts = vec![shift(Some("anna"), 0, 2), shift(None, 2, 3), shift(Some("bert"), 3, 9)];
        OnCallPage { items: vec![team("shop", shifts), team("web", Vec::new())], at, now: at }
    }

    #[test]
    fn each_question_has_its_columns() {
        for (table, expected) in [
            (
                now(&page()),
                "TEAM  LINE  ON CALL  UNTIL     BECAUSE\nshop  1     anna     2:00 CET  so\nweb   1     anna     –         so",
            ),
            (
                next(&page()),
                "TEAM  NOW   NEXT    FROM      IN\nshop  anna  nobody  2:00 CET  in 2h\nweb   anna  –       –         –",
            ),
            (gaps(&page()), "TEAM  FROM      UNTIL     ON CALL\nshop  2:00 CET  3:00 CET  nobody"),
        ] {
            assert_eq!(table.to_string(), expected);
        }
        assert_eq!(shifts(&page()).lines("").len(), 4);
    }
}
