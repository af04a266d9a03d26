//! `GET /api/v2/status` and `GET /api/v2/receivers`.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use serde_json::{Value, json};

use super::Refused;
use super::query::Parameters;
use crate::http::App;
use crate::http::wire::alertmanager::{Name, Receiver};
use crate::rules::RuleSet;
use crate::telemetry::metrics::ALERTMANAGER_VERSION;

pub(super) async fn status(State(app): State<Arc<App>>) -> Json<Value> {
    let original = configuration(&app.doors.context.borrow().rules);
    Json(json!({
        "cluster": {"status": "disabled", "peers": []},
        "versionInfo": {
            "version": ALERTMANAGER_VERSION,
            "revision": concat!("incidentd-", env!("CARGO_PKG_VERSION")),
            "branch": "",
            "buildUser": "",
            "buildDate": "",
            "goVersion": "",
        },
        "config": {"original": original},
        "uptime": app.started.to_string(),
    }))
}

pub(super) async fn receivers(
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Json<Vec<Receiver>>, Refused> {
    let asked = Parameters::read(&uri)?.receivers()?;
    let context = Arc::clone(&app.doors.context.borrow());
    let names = names(&context.rules).into_iter().filter(|name| asked.takes(name));
    Ok(Json(names.map(|name| Receiver { name: name.into(), labels: Name::of(name) }).collect()))
}

/// Returns the names of all who can be told: contacts and teams.
fn names(rules: &RuleSet) -> BTreeSet<&str> {
    rules.contacts.keys().chain(rules.teams.keys()).map(|name| &**name).collect()
}

/// Writes the least configuration that an Alertmanager would accept with these receivers, so that
/// `amtool config show` and `amtool config routes` have something to read.
fn configuration(rules: &RuleSet) -> String {
    let team = rules.default_team.as_deref().unwrap_or(&rules.default_contact);
    let receivers: Vec<String> =
        names(rules).into_iter().map(|name| format!("- name: {}\n", Value::from(name))).collect();
    format!(
        "# incidentd decides by its own rule files; these are the receivers it knows\n\
         route:\n  receiver: {}\nreceivers:\n{}",
        Value::from(team),
        receivers.concat()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_names_every_receiver() {
        let mut rules = RuleSet::builtin();
        let person = rules.contacts["default"].clone();
        rules.contacts.insert("db \"x\"".into(), person);
        let text = configuration(&rules);
        assert!(text.contains("route:\n  receiver: \"default\"\nreceivers:\n"), "{text}");
        assert!(text.contains("\n- name: \"db \\\"x\\\"\"\n- name: \"default\"\n"), "{text}");
    }
}
