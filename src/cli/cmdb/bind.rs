//! `cmdb bind`: which CI labels lead to, asked of the daemon or worked out here from files.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use crate::engine::context::{Context, Limits};
use crate::http::api::binding::explanation;
use crate::http::wire::binding::{BindingExplanation, LookedUp};
use crate::model::few::few;
use crate::model::labels::Labels;
use crate::rules::alert_labels;

use super::super::failure::Failure;
use super::super::print::{self, Table};
use super::super::{Output, Session, explain, what_if};
use super::PATH;

/// Which labels.
#[derive(Clone, Debug, Args)]
pub struct Bind {
    /// Labels of an alert, as in 'instance="web-1:9100", job="node"'
    labels: String,
    /// Ask no daemon: this CMDB is used
    #[arg(long, value_name = "FILE")]
    cmdb: Option<PathBuf>,
    /// Ask no daemon: the keys of these rule files are used, those of rules/base when left out
    #[arg(long, value_name = "PATH", requires = "cmdb")]
    rules: Vec<PathBuf>,
}

pub(super) async fn run(session: &Session, args: &Bind) -> Result<(), Failure> {
    let labels = alert_labels(&args.labels)
        .map_err(|error| Failure::Usage(format!("`{}` is no alert: {error}", args.labels)))?;
    if let Some(cmdb) = &args.cmdb {
        let told = alone(cmdb, &args.rules, &labels)?;
        match session.output {
            Output::Json => {
                let text = serde_json::to_string(&told);
                print::data(text.map_err(|error| Failure::Findings(error.to_string()))?);
            }
            Output::Table => lines(&told).iter().for_each(print::data),
        }
        return Ok(());
    }
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let query: Vec<(&str, &str)> = pairs.iter().map(|pair| ("label", &**pair)).collect();
    let answer = session.connect()?.get(&[&PATH[..], &["bind"]].concat(), &query).await?;
    session.show(&answer, |answer| {
        lines(&answer.read()?).iter().for_each(print::data);
        Ok(())
    })
}

/// Works it out with nothing there but a CMDB and rules.
fn alone(
    cmdb: &PathBuf,
    rules: &[PathBuf],
    labels: &Labels,
) -> Result<BindingExplanation, Failure> {
    let set = what_if::rules_of(rules)?;
    let topology = Arc::new(what_if::cmdb(cmdb)?);
    let ctx = Context::new(Arc::new(set), topology, Limits::default());
    Ok(explanation(&ctx, labels))
}

/// A line for each step tried, and what came of them.
fn lines(told: &BindingExplanation) -> Vec<String> {
    let mut table = Table::new(&["TRIED", "VALUE", "COMPARED WITH", "FOUND"]);
    for step in &told.sought.tried {
        table.row([step.by.clone(), step.values.join(", "), step.compared.clone(), found(step)]);
    }
    let mut lines = table.lines("");
    lines.push(String::new());
    lines.push(print::clean(&explain::bound(told.binding.as_ref(), &told.sought)));
    lines
}

fn found(step: &LookedUp) -> String {
    if let Some(label) = &step.lacks {
        return format!("nothing: the alert has no label {label}");
    }
    if step.count == 0 { "no CI".into() } else { few(&step.found, step.count) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_daemon_each_step_is_told_with_its_outcome() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let rules = file(
            "r.yaml",
            "version: 1\nnamespace: t\nbinding:\n  - {labels: [[instance, node]], attributes: [[name, fqdn]], strip_port: true}\n",
        );
        let cmdb = file(
            "c.yaml",
            "cis: {web-1: {class: server}, a: {class: vm, fqdn: x}, b: {class: vm, fqdn: x}}",
        );
        for (labels, expected) in [
            (
                "instance=\"db:1\", node=\"web-1\"",
                [
                    "TRIED         VALUE  COMPARED WITH              FOUND",
                    "label ci             the CI's name              nothing: the alert has no label ci",
                    "key instance  db     name or fqdn (strip_port)  no CI",
                    "key node      web-1  name or fqdn (strip_port)  web-1",
                    "",
                    "ci=web-1  class=server  (by key node)",
                ]
                .as_slice(),
            ),
            (
                "ci=\"no\", instance=\"x:1\"",
                &[
                    "TRIED         VALUE  COMPARED WITH              FOUND",
                    "label ci      no     the CI's name              no CI",
                    "key instance  x      name or fqdn (strip_port)  a, b",
                    "",
                    "ambiguous by key instance: a, b; bound to none of them",
                ],
            ),
            (
                "job=\"node\"",
                &[
                    "TRIED         VALUE  COMPARED WITH              FOUND",
                    "label ci             the CI's name              nothing: the alert has no label ci",
                    "key instance         name or fqdn (strip_port)  nothing: the alert has no label instance",
                    "key node             name or fqdn (strip_port)  nothing: the alert has no label node",
                    "",
                    "no CI: it has no label by which CIs are recognised",
                ],
            ),
        ] {
            let told = alone(&cmdb, std::slice::from_ref(&rules), &alert_labels(labels).unwrap()).unwrap();
            assert_eq!(lines(&told), expected, "{labels}");
        }
    }
}
