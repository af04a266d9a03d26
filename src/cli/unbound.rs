//! `incidentd alerts unbound`: what no CI is found for.

use crate::http::wire::binding::{UnboundGroup, UnboundReport};

use super::Session;
use super::client::Server;
use super::failure::Failure;
use super::print::{self, or_nothing};

pub(super) async fn run(session: &Session, server: &Server) -> Result<(), Failure> {
    let answer = server.get(&["api", "v1", "alerts", "unbound"], &[]).await?;
    session.show(&answer, |answer| {
        let report: UnboundReport = answer.read()?;
        for line in lines(&report) {
            print::data(print::clean(&line));
        }
        let UnboundReport { bound, ambiguous, unbound, version, .. } = report;
        session.say(&format!(
            "{unbound} unbound, {ambiguous} ambiguous, {bound} bound firing alerts \
             (CMDB version {version})"
        ));
        Ok(())
    })
}

/// The unbound groups, and behind them the ambiguous ones.
fn lines(report: &UnboundReport) -> Vec<String> {
    let mut lines = Vec::new();
    for outcome in ["unbound", "ambiguous"] {
        let groups = report.groups.iter().filter(|group| group.outcome == outcome);
        groups.for_each(|one| lines.extend(group(one)));
    }
    if report.more > 0 {
        lines.push(format!("{} alerts of further makes are not listed", report.more));
    }
    lines
}

fn group(group: &UnboundGroup) -> Vec<String> {
    let UnboundGroup { outcome, count, sources, labels, example, sought, hints, remedy } = group;
    let from = or_nothing(Some(&sources.join(", ")));
    let example = example.iter().map(|(name, value)| format!("{name}={value:?}"));
    let mut lines = vec![
        format!("{count} {outcome} from {from} with {}", labels.join(", ")),
        format!("  such as {}", example.collect::<Vec<_>>().join(", ")),
        format!("  {}", sought.text),
        format!("  {remedy}"),
    ];
    let others = hints.iter().skip(1);
    lines.extend(others.map(|hint| format!("  or, for {}:  {}", hint.ci, hint.key)));
    lines
}
