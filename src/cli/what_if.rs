//! `incidentd explain` of an alert that never came: asked of the daemon, or worked out here from rule
//! files and a CMDB file with nothing else there.

use core::time::Duration;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;

use crate::clock::Clock;
use crate::cmdb::{Topology, import};
use crate::engine::changes::{Counters, Saved};
use crate::engine::context::{Context, Limits};
use crate::http::api::what_if;
use crate::http::wire::Time;
use crate::http::wire::what_if::{Question, RuleFile, WhatIf, WouldBe};
use crate::lab::what_if::Hypothesis;
use crate::model::labels::Labels;
use crate::model::time::Brief;
use crate::rules::render::{Form, render};
use crate::rules::{RuleSet, Severity, SourceFile, alert_labels, load};

use super::client::Answer;
use super::failure::Failure;
use super::print::{self, Table, or_nothing};
use super::{Output, Session, explain, files};

/// Rules that are used when none are named and no daemon is asked.
const SHIPPED: &str = "rules/base";

/// What turns a question about what is into one about what could be.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Options {
    /// A label with another value, as in severity=critical; without a value it is taken away
    #[arg(long = "set", value_name = "LABEL=VALUE", conflicts_with = "test")]
    pub set: Vec<String>,
    /// Say what kept this rule from applying
    #[arg(long, value_name = "RULE", conflicts_with = "test")]
    pub why_not: Option<String>,
    /// Ask no daemon: only the rules, and this CMDB, are there
    #[arg(long, value_name = "FILE", conflicts_with = "test")]
    pub cmdb: Option<PathBuf>,
    /// Ask no daemon: only the rules are there
    #[arg(long, conflicts_with = "test")]
    pub offline: bool,
}

/// An alert that is written out, in JSON.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    labels: BTreeMap<String, String>,
    #[serde(default)]
    severity: Option<String>,
}

/// Reads an alert: `-` for JSON on standard input, else its labels as in `alertname="X", ci="a"`.
/// `None` when `what` names one instead.
///
/// # Errors
/// When it is neither.
pub fn written(what: &str) -> Result<Option<Question>, Failure> {
    if what == "-" {
        let text = std::io::read_to_string(std::io::stdin());
        let text = text.map_err(|error| Failure::Usage(format!("standard input: {error}")))?;
        let example = r#"{"labels": {"alertname": "DiskFull"}, "severity": "critical"}"#;
        let written: Written = serde_json::from_str(&text).map_err(|error| {
            Failure::Usage(format!("standard input: {error}; expected one like {example}"))
        })?;
        let Written { labels, severity } = written;
        return Ok(Some(Question { labels, severity, ..Question::default() }));
    }
    if !what.contains('=') {
        return Ok(None);
    }
    let labels = alert_labels(what)
        .map_err(|error| Failure::Usage(format!("`{what}` is no alert: {error}")))?;
    let labels = labels.iter().map(|(name, value)| (name.into(), value.into())).collect();
    Ok(Some(Question { labels, ..Question::default() }))
}

/// Answers the question and shows what would be.
///
/// # Errors
/// When rules or CMDB cannot be used, or as the daemon refuses.
pub async fn run(
    session: &Session,
    mut question: Question,
    options: &Options,
    rules: &[PathBuf],
) -> Result<(), Failure> {
    for text in &options.set {
        let (name, value) = text.split_once('=').ok_or_else(|| {
            Failure::Usage(format!("--set `{text}` is no label, expected LABEL=VALUE"))
        })?;
        question.labels.insert(name.into(), value.into());
    }
    question.why_not.clone_from(&options.why_not);
    if options.offline || options.cmdb.is_some() {
        let answer = alone(&question, options, rules)?;
        match session.output {
            Output::Json => {
                let text = serde_json::to_string(&answer);
                print::data(text.map_err(|error| Failure::Findings(error.to_string()))?);
            }
            Output::Table => lines(&answer).iter().for_each(print::data),
        }
        return Ok(());
    }
    if !rules.is_empty() {
        let read = files::read(rules)?.into_iter();
        let files = read.map(|SourceFile { name, text }| RuleFile { name, text });
        question.rules = Some(files.collect());
    }
    let answer: Answer = session.connect()?.post(&["api", "v1", "explain"], &question).await?;
    session.show(&answer, |answer| {
        lines(&answer.read()?).iter().for_each(print::data);
        Ok(())
    })
}

/// Works it out with nothing there but rules and a CMDB.
fn alone(question: &Question, options: &Options, rules: &[PathBuf]) -> Result<WhatIf, Failure> {
    if question.alert.is_some() {
        let message =
            "without a daemon no alert is known; write its labels out, as in 'ci=\"db-3\"'";
        return Err(Failure::Usage(message.into()));
    }
    let set = rules_of(rules)?;
    let topology = Arc::new(options.cmdb.as_ref().map_or_else(|| Ok(Topology::empty()), cmdb)?);
    let ctx = Context::new(Arc::new(set), topology, Limits::default());
    let rule = question.why_not.as_deref().map(|name| {
        let missing = || Failure::NotFound(format!("no rule is called {name}"));
        ctx.rules.any(name).ok_or_else(missing)
    });
    let rule = rule.transpose()?;
    let now = Clock::start(None).now();
    let mut pairs: Vec<(&str, &str)> =
        question.labels.iter().map(|(name, value)| (&**name, &**value)).collect();
    pairs.retain(|(_, value)| !value.is_empty());
    let labels = Labels::build(&mut pairs).map_err(|error| Failure::Usage(error.to_string()))?;
    let severity = question.severity.as_deref().map(Into::into);
    let hypothesis = Hypothesis { labels, severity, instead_of: None };
    let saved = Saved { counters: Counters { now, ..Counters::default() }, ..Saved::default() };
    let outcome = crate::lab::what_if::what_if(&ctx, saved, &hypothesis, rule);
    let refused = || Failure::Findings("the engine would not take the alert".into());
    Ok(what_if::told(&ctx, &outcome.ok_or_else(refused)?, Time(now)))
}

/// Reads rules without a daemon: the shipped ones where none are named.
pub(super) fn rules_of(rules: &[PathBuf]) -> Result<RuleSet, Failure> {
    let shipped = [PathBuf::from(SHIPPED)];
    let files = files::read(if rules.is_empty() { &shipped } else { rules })?;
    let mut loaded = load(&files);
    loaded.set.ok_or_else(|| {
        loaded.diagnostics.retain(|found| found.severity == Severity::Error);
        print::talk(render(Form::Human, &loaded.diagnostics, &files).trim_end());
        Failure::Configuration("the rules have errors".into())
    })
}

/// Reads a CMDB without a daemon.
pub(super) fn cmdb(file: &PathBuf) -> Result<Topology, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))?;
    let refused = |problems: Vec<String>| Failure::Configuration(problems.join("\n"));
    let rows = import::read_any(&text, &file.display().to_string())
        .map_err(|problems| refused(problems.iter().map(ToString::to_string).collect()))?;
    Topology::build(1, &rows)
        .map_err(|problems| refused(problems.iter().map(ToString::to_string).collect()))
}

/// What would become of an alert, stage by stage.
pub fn lines(it: &WhatIf) -> Vec<String> {
    let name = it.labels.get("alertname").map_or("an alert", |name| &**name);
    let ci = it.binding.as_ref().map(|binding| &*binding.ci);
    let head = format!(
        "{name}  {}  severity={}  if it came now",
        or_nothing(ci),
        or_nothing(Some(&it.severity))
    );
    let mut lines = vec![print::clean(&head)];
    for (number, (stage, text, below)) in (1..).zip(stages(it)) {
        lines.push(print::clean(&format!("{number:>2} {stage:<12}{text}")));
        lines.extend(below.iter().map(|line| print::clean(&format!("     {line}"))));
    }
    lines.extend(it.why_not.as_ref().map(|why| print::clean(&format!("Why not? {why}"))));
    lines
}

type Stage = (&'static str, String, Vec<String>);

fn stages(it: &WhatIf) -> Vec<Stage> {
    let held_back = it.held_back_by.join("; ");
    let held_back = if held_back.is_empty() { "nothing holds it back".into() } else { held_back };
    let none = if it.rules.is_empty() { "none are loaded" } else { "" };
    let because = it.join.as_ref().map_or(String::new(), |join| format!(": {}", join.text));
    let path = it.join.as_ref().and_then(|join| join.path.clone());
    let mut stages = vec![
        ("dedup", format!("fingerprint {}, a new episode", it.fingerprint), Vec::new()),
        ("bind", explain::bound(it.binding.as_ref(), &it.sought), Vec::new()),
        ("suppress", held_back, Vec::new()),
        ("rules", none.into(), rules(it).lines("")),
    ];
    let Some(incident) = &it.incident else {
        stages.push(("correlate", "no incident".into(), Vec::new()));
        return stages;
    };
    let opens = if incident.opens { "opens" } else { "joins" };
    let company = it.company.iter().map(|other| format!("with {other}"));
    stages.push((
        "correlate",
        format!("{opens} {}{because}", incident.id),
        path.into_iter().chain(company).collect(),
    ));
    let category = incident.category.as_deref().unwrap_or("no category: no rule says one");
    stages.extend([
        ("classify", category.to_owned(), Vec::new()),
        ("prioritise", incident.sum.clone(), Vec::new()),
        ("assign", or_nothing(incident.team.as_deref()), Vec::new()),
        ("escalate", escalate(incident), plan(it).lines("")),
    ]);
    if let Some(alone) = &it.alone {
        stages.push(("alone", explain::alone(alone), Vec::new()));
    }
    stages
}

fn escalate(incident: &WouldBe) -> String {
    format!("policy {}, if nobody answers", or_nothing(incident.policy.as_deref()))
}

fn plan(it: &WhatIf) -> Table {
    let mut table = Table::bare();
    for call in &it.plan {
        let after = format!("after {}", Brief(Duration::from_millis(call.after_ms)));
        table.row([after, call.kind.clone(), call.target.clone()]);
    }
    if table.is_empty() {
        table.row(["nobody is told".into()]);
    }
    table
}

fn rules(it: &WhatIf) -> Table {
    let mut table = Table::bare();
    for tried in &it.rules {
        let (verdict, reason) = match (tried.applied, tried.matched) {
            (true, _) => ("APPLIED", String::new()),
            (false, true) => ("matched", format!("{}:{}", tried.rule.file, tried.rule.line)),
            (false, false) => ("no", explain::failed(tried).unwrap_or_default()),
        };
        table.row([tried.kind.clone(), tried.rule.name.clone(), verdict.into(), reason]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_written_as_labels_and_anything_else_is_a_name() {
        for (what, labels) in [
            ("9f31c20a77de41b2", None),
            ("INC-7", None),
            (r#"alertname="X", ci="srv-1""#, Some(2)),
            ("alertname=X", Some(1)),
        ] {
            let found = written(what).unwrap();
            assert_eq!(found.map(|it| it.labels.len()), labels, "{what}");
        }
        for bad in ["a=~\"b\"", "a=", "=b"] {
            assert_eq!(written(bad).unwrap_err().code(), 2, "{bad}");
        }
    }

    #[test]
    fn without_a_daemon_the_rules_and_a_cmdb_suffice() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let rules = file(
            "r.yaml",
            "version: 1\nnamespace: t\nteams: {dc: {members: [ann]}}\ncontacts: {ann: {channels: [log]}}\nrules:\n  - name: power\n    owner: dc\n    when: 'alertname=\"PduOff\"'\n    topology: {follow: powers}\n  - name: site\n    when: 'site!=\"\"'\n    group: {by: site}\n",
        );
        let cmdb = file(
            "c.yaml",
            "cis: {pdu-1: {class: pdu}, srv-1: {class: server, owner: dc}}\nrelations: [pdu-1 -powers-> srv-1]\n",
        );
        let options = Options { cmdb: Some(cmdb), ..Options::default() };
        let mut question =
            written(r#"alertname="NodeDown", ci="srv-1", severity="critical""#).unwrap().unwrap();
        question.why_not = Some("t/power".into());
        let answer = alone(&question, &options, &[rules]).unwrap();
        let told = lines(&answer);
        let begins = |line: &str, with: &str| assert!(line.starts_with(with), "{with}: {told:#?}");
        begins(&told[0], "NodeDown  srv-1  severity=critical  if it came now");
        begins(&told[2], " 2 bind        ci=srv-1  class=server");
        begins(&told[3], " 3 suppress    nothing holds it back");
        begins(&told[5], "     group     t/site   no  site!=\"\"  ✗  (value \"\")");
        begins(&told[7], " 5 correlate   opens INC-1: opened the incident");
        begins(&told[10], " 8 assign      dc");
        assert!(
            told.iter().any(|line| line.contains("dc") && line.contains("after 0s")),
            "{told:#?}"
        );
        begins(told.last().unwrap(), "Why not? no cause fires on what it could suffer from: pdu-1");
        question.why_not = Some("t/none".into());
        assert_eq!(alone(&question, &options, &[]).unwrap_err().code(), 4, "of the shipped rules");
    }
}
