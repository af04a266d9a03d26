//! `incidentd incidents satisfaction`: how content people are with what became of their incidents.

use clap::{Args, ValueEnum};

use crate::http::wire::satisfaction::Satisfaction;

use super::Session;
use super::client::Server;
use super::failure::Failure;
use super::print::{self, NOTHING, Table};

/// Where the totals are.
const PATH: [&str; 3] = ["api", "v1", "satisfaction"];

/// What to total.
#[derive(Clone, Debug, Args)]
pub struct Command {
    /// By the team that had them last, or by each service that suffered
    #[arg(long, value_enum, default_value = "team")]
    by: By,
    /// How far back the incidents were opened, as in 30d
    #[arg(long, value_name = "TIME", default_value = "90d")]
    since: String,
}

/// By what satisfaction is totalled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum By {
    /// A team
    Team,
    /// A service
    Service,
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
        By::Team => "team",
        By::Service => "service",
    };
    let answer = server.get(&PATH, &[("by", by), ("since", &command.since)]).await?;
    session.show(&answer, |answer| {
        let totals: Satisfaction = answer.read()?;
        session.list(table(&totals), &footer(&totals));
        Ok(())
    })
}

fn table(totals: &Satisfaction) -> Table {
    let mut table = Table::new(&["NAME", "ENDED", "ANSWERED", "MEAN", "1", "2", "3", "4", "5"]);
    for it in &totals.items {
        let mean = it.mean.map_or_else(|| NOTHING.into(), |mean| format!("{mean:.2}"));
        let head = [print::clean(&it.name), it.ended.to_string(), it.answered.to_string(), mean];
        let grade = |at: usize| it.grades.get(at).copied().unwrap_or(0).to_string();
        let [name, ended, answered, mean] = head;
        let [one, two, three, four, five] = [0, 1, 2, 3, 4].map(grade);
        table.row([name, ended, answered, mean, one, two, three, four, five]);
    }
    table
}

fn footer(totals: &Satisfaction) -> String {
    let Satisfaction { since, incidents, complete, .. } = totals;
    let cut = if *complete { "" } else { "; there were more, the newest are counted" };
    format!(
        "1 not content at all … 5 very content · {incidents} incidents opened since {since}{cut}"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_mean_is_shown_and_what_nobody_spoke_of_has_none() {
        let totals: Satisfaction = serde_json::from_value(json!({
            "items": [
                {"name": "shop", "ended": 3, "answered": 2, "mean": 4.5, "grades": [0, 0, 0, 1, 1]},
                {"name": "net", "ended": 1, "answered": 0, "mean": null, "grades": [0, 0, 0, 0, 0]}
            ],
            "since": "2026-11-21T03:16:00.000Z", "incidents": 5, "complete": false,
            "now": "2026-11-21T03:16:00.000Z"
        }))
        .unwrap();
        assert!(footer(&totals).ends_with("the newest are counted"));
        let shown = format!("{:?}", table(&totals));
        assert!(shown.contains("4.50") && shown.contains(NOTHING), "{shown}");
    }
}
