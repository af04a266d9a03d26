//! `incidentd incidents report`: somebody says that something is wrong.

use clap::Args;

use crate::http::wire::desk::{Filed, Filing};

use super::Session;
use super::client::Server;
use super::desk::pair;
use super::failure::Failure;
use super::incidents::PATH;
use super::name::Name;
use super::print;

/// What is wrong, and who says so.
#[derive(Clone, Debug, Args)]
pub struct Command {
    /// What is wrong, in one line; of two reports with the same title, CI and labels it is one
    #[arg(long, value_name = "TEXT")]
    title: String,
    /// The same at length
    #[arg(short, long = "message", value_name = "TEXT", default_value = "")]
    description: String,
    /// The CI it is about
    #[arg(long, value_name = "NAME")]
    ci: Option<String>,
    /// The service it is about
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// Further labels for the rules
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = pair)]
    labels: Vec<(String, String)>,
    /// How bad it is: critical, major, minor
    #[arg(long, value_name = "WORD")]
    severity: Option<String>,
    /// What kind of thing is broken
    #[arg(long, value_name = "NAME")]
    category: Option<String>,
    /// Fields of the record, as in `nature=service_request` or `location=fra1`
    #[arg(long = "set", value_name = "FIELD=VALUE", value_parser = pair)]
    fields: Vec<(String, String)>,
    /// Who has it reported, where that is somebody else
    #[arg(long = "for", value_name = "NAME")]
    reporter: Option<String>,
    /// Where they are
    #[arg(long, value_name = "TEXT")]
    place: Option<String>,
    /// How they can be reached: a contact of the rules, or an e-mail address; they hear how it goes
    #[arg(long, value_name = "TEXT")]
    contact: Option<String>,
    /// How it came in, as in phone
    #[arg(long, value_name = "WORD", default_value = "cli")]
    channel: String,
    #[command(flatten)]
    name: Name,
}

impl From<Command> for Filing {
    fn from(it: Command) -> Self {
        Self {
            title: it.title,
            description: it.description,
            ci: it.ci,
            service: it.service,
            labels: it.labels.into_iter().collect(),
            severity: it.severity,
            category: it.category,
            fields: it.fields.into_iter().collect(),
            reporter: it.reporter,
            place: it.place,
            contact: it.contact,
            channel: Some(it.channel),
            by: it.name.by,
        }
    }
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
    let answer = server.post(&PATH, &Filing::from(command)).await?;
    session.show(&answer, |answer| {
        session.say(&said(&answer.read()?));
        Ok(())
    })
}

/// Says in one line what became of a report: the incident, its state, and who has it.
fn said(filed: &Filed) -> String {
    let Some(incident) = &filed.incident else {
        let why = filed.held_back.as_deref().unwrap_or("it was reported before");
        return print::clean(&format!("taken, but nobody is told: {why}"));
    };
    let what = match filed.how.as_deref() {
        Some("new") => "opened",
        Some("same") => "is about the same, you are noted there",
        Some("similar") => "is likely to be the cause, your report is part of it",
        Some(_) | None => "has it already",
    };
    let team = incident.team.as_ref().map(|team| format!("team {team}"));
    let holder = incident.acknowledged.as_ref().map(|holder| holder.by.clone());
    let who = holder.or(team).map_or_else(String::new, |who| format!(", {who} has it"));
    let quiet = filed.held_back.as_ref().map(|why| format!("; nobody is told: {why}"));
    let (id, state) = (&incident.id, &incident.state);
    print::clean(&format!("{id} {what} · {state}{who}{}", quiet.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::incidents::tests::sample;
    use super::*;

    #[test]
    fn a_reporter_is_told_the_state_and_who_has_it() {
        let held = json!({"state": "acknowledged",
            "acknowledged": {"by": "m.ito", "until": "2026-11-21T03:24:00.000Z"}});
        let open = || sample(&json!({}));
        for (incident, how, held_back, line) in [
            (open(), json!("new"), json!(null), "INC-1042 opened · new, team dc-ops has it"),
            (
                sample(&held),
                json!("same"),
                json!(null),
                "INC-1042 is about the same, you are noted there · acknowledged, m.ito has it",
            ),
            (
                open(),
                json!("similar"),
                json!("silenced by x"),
                "INC-1042 is likely to be the cause, your report is part of it · new, team dc-ops \
                 has it; nobody is told: silenced by x",
            ),
            (
                json!(null),
                json!("new"),
                json!("silenced by x"),
                "taken, but nobody is told: silenced by x",
            ),
        ] {
            let filed = json!({"how": how, "incident": incident, "held_back": held_back,
                "duplicate": false, "now": "2026-11-21T03:16:00.000Z"});
            assert_eq!(said(&serde_json::from_value(filed).unwrap()), line);
        }
    }
}
