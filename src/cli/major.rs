//! `incidentd incidents check|role|action|actions`: the response to a major incident, and what its
//! review wants to be done.

use clap::{Args, Subcommand};

use crate::http::wire::Time;
use crate::http::wire::handle::Wish;
use crate::http::wire::major::{
    AddAction, Appoint, Check, CorrectiveAction, FinishAction, Major, OpenAction, OpenActions,
    RoleHolder,
};

use super::Session;
use super::client::Server;
use super::failure::Failure;
use super::handle::{Which, Word};
use super::name::Name;
use super::print::{self, Table};

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Tick an item of its response plan
    Check {
        /// Its number, as in INC-1042
        incident: String,
        /// The item's number, as `show` lists them
        item: u32,
        /// Who says it, and what
        #[command(flatten)]
        word: Word,
    },
    /// Give somebody a role in a major incident: `incident_manager`, `coordinator` or `communication`
    Role {
        /// Its number, as in INC-1042
        incident: String,
        /// Which
        role: String,
        /// A contact, or team:NAME for whoever has its shift
        #[arg(long, value_name = "WHO")]
        to: String,
        /// Who says it, and what
        #[command(flatten)]
        word: Word,
    },
    /// Say what its review wants to be done, or that it is; also once it is closed
    Action {
        /// Its number, as in INC-1042
        incident: String,
        /// What
        #[command(subcommand)]
        what: Action,
    },
}

/// What to do with a corrective action.
#[derive(Clone, Debug, Subcommand)]
pub enum Action {
    /// Somebody has to do something by a day
    Add {
        /// What
        text: String,
        /// A contact, or team:NAME
        #[arg(long, value_name = "WHO")]
        owner: String,
        /// A day, until its end in UTC, or a time, as in 2026-12-01 or 2026-12-01T09:00:00Z
        #[arg(long, value_name = "WHEN")]
        due: String,
        /// Who says it, and what
        #[command(flatten)]
        word: Word,
    },
    /// It is done
    Done {
        /// The action's number, as `show` and `actions` list them
        number: u32,
        /// Who says it, and what
        #[command(flatten)]
        word: Word,
    },
}

/// What to list.
#[derive(Clone, Debug, Args)]
pub struct List {
    /// Only those whose time is over
    #[arg(long)]
    overdue: bool,
}

/// Returns a target as the API wants it: a bare name is a contact.
fn target(name: String) -> String {
    if name.contains(':') { name } else { format!("contact:{name}") }
}

impl Command {
    /// Returns what to handle and the wish as the API wants it.
    pub(super) fn wish(self) -> (Which, Wish) {
        let expected_version = None;
        match self {
            Self::Check { incident, item, word: Word { name: Name { by }, message: note } } => {
                (Which::one(incident), Wish::Check(Check { by, item, note, expected_version }))
            }
            Self::Role { incident, role, to, word: Word { name: Name { by }, message: note } } => {
                let to = target(to);
                let appoint = Appoint { by, role, to, note, expected_version };
                (Which::one(incident), Wish::Role(appoint))
            }
            Self::Action { incident, what } => (Which::one(incident), what.wish()),
        }
    }
}

impl Action {
    fn wish(self) -> Wish {
        let expected_version = None;
        match self {
            Self::Add { text, owner, due, word: Word { name: Name { by }, message: note } } => {
                let owner = target(owner);
                Wish::Action(AddAction { by, text, owner, due, note, expected_version })
            }
            Self::Done { number, word: Word { name: Name { by }, message: note } } => {
                Wish::ActionDone(FinishAction { by, number, note, expected_version })
            }
        }
    }
}

/// Lists what reviews still want to be done.
///
/// # Errors
/// As the daemon refuses.
pub(super) async fn list(session: &Session, server: &Server, list: &List) -> Result<(), Failure> {
    let query = list.overdue.then_some(("overdue", "true"));
    let answer = server.get(&["api", "v1", "actions"], query.as_slice()).await?;
    session.show(&answer, |answer| {
        let open: OpenActions = answer.read()?;
        session.list(table(&open), &footer(&open));
        Ok(())
    })
}

fn table(open: &OpenActions) -> Table {
    let mut table = Table::new(&["ID", "N", "DUE", "OWNER", "REMINDED", "ACTION"]);
    for OpenAction { incident, action, .. } in &open.items {
        table.row([
            incident.clone(),
            action.number.to_string(),
            due(action, open.now),
            action.owner.clone(),
            action.reminded.clone(),
            action.text.clone(),
        ]);
    }
    table
}

fn due(action: &CorrectiveAction, now: Time) -> String {
    if action.overdue {
        format!("{} overdue", print::span(action.due_at, now))
    } else {
        print::until(action.due_at, now)
    }
}

fn footer(open: &OpenActions) -> String {
    let overdue = open.items.iter().filter(|item| item.action.overdue).count();
    format!("{} open · {overdue} overdue", open.items.len())
}

/// Returns rows on the plan, the roles and the watch of a major incident.
pub(super) fn facts(major: &Major, now: Time) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if let Some(until) = major.watch_until {
        facts.push(("watched", print::until(until, now)));
    }
    for RoleHolder { role, who, team, .. } in &major.roles {
        let of = team.as_ref().map(|team| format!(" ({team})")).unwrap_or_default();
        facts.push(("role", format!("{}: {who}{of}", role.replace('_', " "))));
    }
    let Some(plan) = &major.plan else { return facts };
    let link = plan.link.as_ref().map(|link| format!(", {link}")).unwrap_or_default();
    let (open, all) = (plan.open, plan.checklist.len());
    facts.push(("plan", format!("{}, {open} of {all} open{link}", plan.name)));
    for (item, number) in plan.checklist.iter().zip(1..) {
        let text = match &item.done {
            None => format!("[ ] {number}. {}", item.text),
            Some(done) => {
                let at = print::clock(done.at, now);
                format!("[x] {number}. {} ({} {at} UTC{})", item.text, done.by, note(&done.note))
            }
        };
        facts.push(("item", text));
    }
    facts
}

fn note(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

/// Says how it stands with a corrective action.
pub(super) fn action(it: &CorrectiveAction, now: Time) -> String {
    let head = format!("{}. {} ({})", it.number, it.text, it.owner);
    match &it.done {
        Some(done) => {
            let at = print::clock(done.at, now);
            format!("{head}, done by {} {at} UTC{}", done.by, note(&done.note))
        }
        None => format!("{head}, {}", due(it, now)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    const NOW: &str = "2026-11-21T03:16:00.000Z";

    #[test]
    fn plan_and_roles_are_shown_with_what_is_open() {
        let major: Major = from_value(json!({
            "declared_at": NOW, "by": "rules", "because": "x", "stood_down_at": null,
            "watch_until": "2026-11-21T04:16:00.000Z",
            "roles": [{"role": "incident_manager", "who": "ann", "team": "net", "since": NOW,
                "by": "plan p"}],
            "plan": {"name": "p", "open": 1, "told": [], "link": "https://x", "checklist": [
                {"text": "open the call", "done": {"at": NOW, "by": "mia", "note": "room 1"}},
                {"text": "tell support", "done": null}]},
        }))
        .unwrap();
        let now = from_value(json!(NOW)).unwrap();
        let lines: Vec<String> =
            facts(&major, now).into_iter().map(|(name, value)| format!("{name} {value}")).collect();
        assert_eq!(
            lines,
            [
                "watched in 1h",
                "role incident manager: ann (net)",
                "plan p, 1 of 2 open, https://x",
                "item [x] 1. open the call (mia 03:16:00 UTC: room 1)",
                "item [ ] 2. tell support",
            ]
        );
    }

    #[test]
    fn actions_are_listed_with_who_is_late() {
        let one = |number: u32, due_at: &str, overdue: bool| {
            json!({"incident": "INC-7", "title": "t", "state": "closed", "action": {
                "number": number, "text": "new strip", "owner": "dana", "due_at": due_at,
                "overdue": overdue, "reminded": "owner", "by": "mia", "added_at": NOW,
                "done": null}})
        };
        let late = one(1, "2026-11-20T03:16:00.000Z", true);
        let items = json!([late, one(2, "2026-11-23T03:16:00.000Z", false)]);
        let open: OpenActions = from_value(json!({"items": items, "now": NOW})).unwrap();
        assert_eq!(
            table(&open).lines(""),
            [
                "ID     N  DUE         OWNER  REMINDED  ACTION",
                "INC-7  1  1d overdue  dana   owner     new strip",
                "INC-7  2  in 2d       dana   owner     new strip",
            ]
        );
        assert_eq!(footer(&open), "2 open · 1 overdue");
        let mut done = open.items[0].action.clone();
        done.done = from_value(json!({"at": NOW, "by": "dana", "note": ""})).unwrap();
        assert_eq!(action(&done, open.now), "1. new strip (dana), done by dana 03:16:00 UTC");
        assert_eq!(action(&open.items[0].action, open.now), "1. new strip (dana), 1d overdue");
    }

    #[test]
    fn a_bare_name_is_a_contact() {
        assert_eq!(target("dana".into()), "contact:dana");
        assert_eq!(target("team:net".into()), "team:net");
    }
}
