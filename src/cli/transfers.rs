//! `incidentd incidents transfers`: who hands incidents on, and how often they come back.

use clap::{Args, ValueEnum};

use crate::http::wire::transfers::Transfers;

use super::Session;
use super::client::Server;
use super::failure::Failure;
use super::print::{self, Table};

/// Where the totals are.
const PATH: [&str; 3] = ["api", "v1", "transfers"];

/// What to total.
#[derive(Clone, Debug, Args)]
pub struct Command {
    /// By who sent them, or by the team that got them
    #[arg(long, value_enum, default_value = "sender")]
    by: By,
    /// How far back the incidents were opened, as in 30d
    #[arg(long, value_name = "TIME", default_value = "90d")]
    since: String,
}

/// By what transfers are totalled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum By {
    /// A person, a rule or the policy
    Sender,
    /// A team
    Team,
}

/// Does it.
///
/// # Errors
/// As the daemon refuses.
pub(super) async fn run(
    session: &Session,
    server: &Server,
    command: Command,
) -> Result<(), Failure> {
    let by = match command.by {
        By::Sender => "sender",
        By::Team => "team",
    };
    let answer = server.get(&PATH, &[("by", by), ("since", &command.since)]).await?;
    session.show(&answer, |answer| {
        let totals: Transfers = answer.read()?;
        session.list(table(&totals), &footer(&totals));
        Ok(())
    })
}

fn table(totals: &Transfers) -> Table {
    let heads = ["NAME", "TRANSFERS", "ACCEPTED", "RETURNED", "PASSED ON", "MISROUTED"];
    let mut table = Table::new(&heads);
    for it in &totals.items {
        let share = u64::from(it.returned) * 100 / u64::from(it.transfers.max(1));
        table.row([
            print::clean(&it.name),
            it.transfers.to_string(),
            it.accepted.to_string(),
            it.returned.to_string(),
            it.passed_on.to_string(),
            format!("{share} %"),
        ]);
    }
    table
}

fn footer(totals: &Transfers) -> String {
    let Transfers { since, incidents, complete, .. } = totals;
    let cut = if *complete { "" } else { "; there were more, the newest are counted" };
    format!("{incidents} incidents opened since {since}{cut}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_share_that_came_back_is_shown_and_what_is_not_counted_is_said() {
        let totals: Transfers = serde_json::from_value(json!({
            "items": [{"name": "ann", "transfers": 3, "accepted": 1, "returned": 2, "passed_on": 0}],
            "since": "2026-11-21T03:16:00.000Z", "incidents": 5, "complete": false,
            "now": "2026-11-21T03:16:00.000Z"
        }))
        .unwrap();
        let told = footer(&totals);
        assert!(told.starts_with("5 incidents") && told.ends_with("the newest are counted"));
        assert!(format!("{:?}", table(&totals)).contains("66 %"));
    }
}
