//! `incidentd rules`: the rules that a running daemon decides by, and which of them earn their keep.

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::http::operate::Reloaded;
use crate::http::wire::Time;
use crate::http::wire::rules::{RuleRecord, RuleRow, RulesPage};

use super::failure::Failure;
use super::print::{self, NOTHING, Table, or_nothing};
use super::{Session, known_error, overrides};

/// Where they are.
const PATH: [&str; 3] = ["api", "v1", "rules"];

/// What to do with the rules.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// List the rules in the order in which they are asked
    Ls(Which),
    /// Show a rule: what it looks at, when it is asked, and what came of it
    Show {
        /// Its full name, as in datacenter/rack-power
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Say what came of each rule: what it gathered, held back and spared, and where it was wrong
    Stats(Which),
    /// Load the rule files again; bad ones change nothing
    Reload,
    /// Write a rule that knows the cause of an incident from now on
    KnownError {
        /// The incident, for example INC-7
        incident: String,
    },
}

/// Which rules to list.
#[derive(Clone, Debug, Args)]
pub struct Which {
    /// Only rules of this kind, such as group
    #[arg(long)]
    kind: Option<String>,
}

/// Does it.
///
/// # Errors
/// All findings, when the rules cannot be used; else as the daemon refuses.
pub async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    match command {
        Command::Ls(which) => list(session, &which, order).await,
        Command::Stats(which) => list(session, &which, stats).await,
        Command::Show { name } => {
            let [api, v1, rules] = PATH;
            let answer = session.connect()?.get(&[api, v1, rules, &name], &[]).await?;
            session.show(&answer, |answer| {
                record(&answer.read()?).iter().for_each(print::data);
                Ok(())
            })
        }
        Command::KnownError { incident } => known_error(session, &incident).await,
        Command::Reload => {
            let server = session.connect()?;
            let answer = server.post(&["-", "reload"], &Value::Null).await?;
            overrides::warn(&overrides::loose(&server).await);
            session.show(&answer, |answer| {
                let Reloaded { version, rules, files, same } = answer.read()?;
                let same = if same { ", the same as before" } else { "" };
                session.say(&format!(
                    "{rules} rules of {files} files are in force, version {version}{same}"
                ));
                Ok(())
            })
        }
    }
}

async fn known_error(session: &Session, incident: &str) -> Result<(), Failure> {
    let answer = session.connect()?.get(&["api", "v1", "incidents", incident], &[]).await?;
    session.show(&answer, |answer| {
        print::data(known_error::rule_of(&answer.read()?)?.trim_end());
        Ok(())
    })
}

async fn list(
    session: &Session,
    which: &Which,
    table: fn(&RulesPage) -> Table,
) -> Result<(), Failure> {
    let query: Vec<_> = which.kind.iter().map(|kind| ("kind", &**kind)).collect();
    let answer = session.connect()?.get(&PATH, &query).await?;
    session.show(&answer, |answer| {
        let page: RulesPage = answer.read()?;
        session
            .list(table(&page), &format!("{} rules, version {}", page.items.len(), page.version));
        Ok(())
    })
}

/// The rules in the order in which they are asked.
fn order(page: &RulesPage) -> Table {
    let mut table = Table::new(&["KIND", "TURN", "RULE", "OWNER", "WHERE", "SUMMARY"]);
    for rule in &page.items {
        table.row([
            rule.kind.clone(),
            rule.turn.to_string(),
            name(rule),
            or_nothing(rule.owner.as_deref()),
            format!("{}:{}", rule.file, rule.line),
            rule.summary.clone(),
        ]);
    }
    table
}

fn stats(page: &RulesPage) -> Table {
    let heads =
        ["RULE", "KIND", "LAST", "MATCHED", "OPENED", "ABSORBED", "HELD", "SPARED", "SPLIT"];
    let mut table = Table::new(&heads);
    for rule in &page.items {
        let of = &rule.credits;
        // What a shadow would have done stands where others have what they did.
        let (absorbed, held) = if rule.shadow {
            (format!("({})", of.would_absorb), format!("({})", of.would_hold_back))
        } else {
            (of.absorbed.to_string(), of.held_back.to_string())
        };
        table.row([
            name(rule),
            rule.kind.clone(),
            ago(rule.last, page.now),
            of.matched.to_string(),
            of.opened.to_string(),
            absorbed,
            held,
            of.spared.to_string(),
            of.split.to_string(),
        ]);
    }
    table
}

fn name(rule: &RuleRow) -> String {
    let mark = if rule.shadow { " (shadow)" } else { "" };
    format!("{}{mark}", rule.name)
}

fn ago(last: Option<Time>, now: Time) -> String {
    last.map_or_else(|| NOTHING.into(), |last| print::span(last, now))
}

fn record(record: &RuleRecord) -> Vec<String> {
    let rule = &record.rule;
    let mut lines = vec![format!("{}  {}:{}", name(rule), rule.file, rule.line)];
    let mut table = Table::bare();
    let mut row = |name: &str, value: String| table.row([name.into(), value]);
    row("summary", or_nothing(Some(&rule.summary)));
    row("owner", or_nothing(rule.owner.as_deref()));
    row("kind", rule.kind.clone());
    row("policy", record.policy.clone());
    row("asked after", or_nothing(record.asked_after.as_deref()));
    row("asked before", or_nothing(record.asked_before.as_deref()));
    for matcher in &record.matchers {
        row("matcher", matcher.clone());
    }
    row("last", rule.last.map_or_else(|| "never".into(), |at| at.to_string()));
    let of = &rule.credits;
    let counts = [
        ("matched", of.matched),
        ("opened", of.opened),
        ("absorbed", of.absorbed),
        ("spared", of.spared),
        ("held back", of.held_back),
        ("split", of.split),
    ];
    let would = [("would absorb", of.would_absorb), ("would hold back", of.would_hold_back)];
    for (what, count) in counts.into_iter().chain(would.into_iter().filter(|_| rule.shadow)) {
        row(what, count.to_string());
    }
    lines.extend(table.lines("  ").iter().map(|line| print::clean(line)));
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(name: &str, kind: &str, shadow: &Value) -> Value {
        json!({"name": name, "kind": kind, "turn": 1, "shadow": shadow, "owner": null,
            "summary": "", "file": "rules/a.yaml", "line": 5, "last": "2026-11-21T03:12:00.000Z",
            "credits": {"matched": 9, "opened": 1, "absorbed": 3, "spared": 2, "held_back": 0,
                "split": 1, "would_absorb": 4, "would_hold_back": 0}})
    }

    #[test]
    fn rules_are_told_with_what_came_of_them() {
        let items =
            json!([rule("a/g", "group", &false.into()), rule("a/s", "topology", &true.into())]);
        let page = json!({"items": items, "version": "", "now": "2026-11-21T03:16:00.000Z"});
        let page: RulesPage = serde_json::from_value(page).unwrap();
        assert_eq!(
            stats(&page).to_string(),
            "RULE          KIND      LAST  MATCHED  OPENED  ABSORBED  HELD  SPARED  SPLIT\n\
             a/g           group     4m    9        1       3         0     2       1\n\
             a/s (shadow)  topology  4m    9        1       (4)       (0)   2       1"
        );
        assert_eq!(
            order(&page).lines("")[1],
            "group     1     a/g           –      rules/a.yaml:5"
        );
    }
}
