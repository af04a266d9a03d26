//! `incidentd incidents show --clock`: how each deadline came about.

use core::time::Duration;

use crate::http::wire::clocks::{ClockDerivation, ClockPart, Clocks};
use crate::model::time::Brief;

use super::Session;
use super::client::Server;
use super::failure::Failure;
use super::incidents::at;
use super::print;

/// Shows the clocks of an incident.
///
/// # Errors
/// As the daemon refuses.
pub(super) async fn show(
    session: &Session,
    server: &Server,
    incident: &str,
) -> Result<(), Failure> {
    let answer = server.get(&at(incident, &["clocks"]), &[]).await?;
    session.show(&answer, |answer| {
        for line in lines(&answer.read()?) {
            print::data(line);
        }
        Ok(())
    })
}

fn lines(all: &Clocks) -> Vec<String> {
    let mut lines = Vec::new();
    for it in &all.clocks {
        let limit = Brief(Duration::from_millis(it.limit_ms));
        let calendar = it.calendar.as_ref().map(|times| format!(", {times}")).unwrap_or_default();
        let head = format!("{}: {limit} ({}{calendar})", it.clock, it.source);
        lines.push(print::clean(&head));
        for part in &it.parts {
            lines.push(format!("  {}", piece(part)));
        }
        lines.push(format!("  {}", result(it)));
    }
    lines
}

fn piece(part: &ClockPart) -> String {
    let ClockPart { from, until, what } = part;
    let span = Brief(until.0.since(from.0));
    format!("{from}  {until}  {:<12}  {span}", what.replace('_', " "))
}

fn result(it: &ClockDerivation) -> String {
    match (&it.due_at, &*it.standing) {
        (Some(due_at), standing) => format!("= due {due_at}: {standing}"),
        (None, standing) => format!("= no deadline while it {standing}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_deadline_is_shown_with_what_it_is_made_of() {
        let all: Clocks = serde_json::from_value(json!({
            "incident": "INC-1", "now": "2026-11-21T03:16:00.000Z",
            "clocks": [
                {"clock": "resolution", "from": "2026-11-21T03:00:00.000Z", "limit_ms": 7_200_000,
                 "source": "P2 by agreement gold", "calendar": "calendar office",
                 "due_at": "2026-11-21T06:00:00.000Z", "standing": "runs", "parts": [
                    {"from": "2026-11-21T03:00:00.000Z", "until": "2026-11-21T04:00:00.000Z", "what": "runs"},
                    {"from": "2026-11-21T04:00:00.000Z", "until": "2026-11-21T05:00:00.000Z", "what": "out_of_hours"},
                    {"from": "2026-11-21T05:00:00.000Z", "until": "2026-11-21T06:00:00.000Z", "what": "runs"}]},
                {"clock": "response", "from": "2026-11-21T03:00:00.000Z", "limit_ms": 60_000,
                 "source": "P2 by the general limits", "calendar": null, "due_at": null,
                 "standing": "stands", "parts": []}]
        }))
        .unwrap();
        assert_eq!(
            lines(&all),
            [
                "resolution: 2h (P2 by agreement gold, calendar office)",
                "  2026-11-21T03:00:00.000Z  2026-11-21T04:00:00.000Z  runs          1h",
                "  2026-11-21T04:00:00.000Z  2026-11-21T05:00:00.000Z  out of hours  1h",
                "  2026-11-21T05:00:00.000Z  2026-11-21T06:00:00.000Z  runs          1h",
                "  = due 2026-11-21T06:00:00.000Z: runs",
                "response: 1m (P2 by the general limits)",
                "  = no deadline while it stands",
            ]
        );
    }
}
