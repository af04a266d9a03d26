//! Asks the running daemon how it is: readiness, metrics, what was given up, what found no CI.

use crate::clock;
use crate::http::wire::cmdb::CmdbCounts;
use crate::http::wire::{Alert, Notice, Page};

use super::super::Session;
use super::super::client::Server;
use super::super::failure::Failure;
use super::super::overrides;
use super::{Finding, Runs};

/// Asks everything; says whether anybody answered.
pub(super) async fn examine(session: &Session, findings: &mut Vec<Finding>) -> Runs {
    let server = match session.connect() {
        Ok(server) => server,
        Err(error) => {
            findings.push(Finding::error("server", error.to_string(), "correct --server"));
            return Runs::No;
        }
    };
    let metrics = match server.get(&["metrics"], &[]).await {
        Ok(answer) => answer.0,
        Err(error) => {
            let remedy = "systemctl start incidentd; journalctl -u incidentd says why it ended; or name it with --server";
            findings.push(Finding::error("server", error.to_string(), remedy));
            return Runs::No;
        }
    };
    findings.push(ready(&server).await);
    findings.extend(judge(&metrics));
    findings.extend(given_up(&server).await);
    findings.extend(unbound(&server).await);
    let remedy = "incidentd oncall overrides ls; drop it, or bring the contact back";
    let loose = overrides::loose(&server).await.into_iter();
    findings.extend(loose.map(|it| Finding::warning("oncall", it, remedy)));
    Runs::Yes
}

async fn ready(server: &Server) -> Finding {
    match server.get(&["readyz"], &[]).await {
        Ok(answer) => {
            let lines: Vec<&str> = answer.0.lines().skip(1).collect();
            Finding::ok("server", format!("ready; {}", lines.join("; ")))
        }
        Err(Failure::Unreachable { cause, .. }) => {
            Finding::error("server", format!("not ready: {cause}"), "see the daemon's log")
        }
        Err(error) => Finding::error("server", error.to_string(), "see the daemon's log"),
    }
}

/// Returns the sum of a metric's series that have `label`, if there is any.
fn sum(metrics: &str, name: &str, label: &str) -> Option<f64> {
    let of = |line: &str| {
        let (series, value) = line.rsplit_once(' ')?;
        let (found, labels) = series.split_once('{').unwrap_or((series, ""));
        (found == name && labels.contains(label)).then(|| value.parse::<f64>().ok())?
    };
    metrics.lines().filter_map(of).reduce(|sum, value| sum + value)
}

/// Reads what metrics say.
fn judge(metrics: &str) -> Vec<Finding> {
    let is = |name, label| sum(metrics, name, label).is_some_and(|value| value > 0.0);
    let mut findings = Vec::new();
    if sum(metrics, "incidentd_rules_last_reload_successful", "") == Some(0.0) {
        let remedy = "incidentd rules reload names every error; the rules before are in force";
        findings.push(Finding::error("rules", "the last load was refused", remedy));
    }
    if is("incidentd_notify_outbox_held", "") {
        let remedy = "compare what is open with what people know, then incidentd notify release";
        findings.push(Finding::error("outbox", "held since a restore: nobody is called", remedy));
    }
    if is("incidentd_clock_steps_total", "") {
        let remedy = "timedatectl; chronyc tracking: deadlines are kept, times shown follow slowly";
        findings.push(Finding::warning(
            "clock",
            "was set by more than 5 s since the start",
            remedy,
        ));
    }
    if is("incidentd_backup_failures_total", "") {
        let remedy = "incidentd db backup says why";
        findings.push(Finding::warning("backup", "could not be made since the start", remedy));
    }
    findings.extend(backup_age(metrics));
    findings.extend(descriptors(metrics));
    findings
}

fn backup_age(metrics: &str) -> Option<Finding> {
    let made = sum(metrics, "incidentd_backup_last_success_timestamp_seconds", "")?;
    #[expect(clippy::cast_precision_loss, reason = "days are what counts")]
    let hours = (clock::wall().millis() as f64 / 1_000.0 - made) / 3_600.0;
    (made > 0.0 && hours > 48.0).then(|| {
        let message = format!("the last one is {hours:.0} hours old");
        Finding::warning("backup", message, "incidentd db backup; see [backup] every")
    })
}

fn descriptors(metrics: &str) -> Option<Finding> {
    let (open, limit) =
        (sum(metrics, "process_open_fds", "")?, sum(metrics, "process_max_fds", "")?);
    let remedy = "raise LimitNOFILE in the unit (systemctl edit incidentd), or ulimit -n";
    if limit < 1_024.0 {
        let message = format!(
            "the daemon may open {limit} files; 256 are the store's, each connection is one"
        );
        return Some(Finding::warning("files", message, remedy));
    }
    (open > 0.8 * limit)
        .then(|| Finding::error("files", format!("{open} of {limit} files are open"), remedy))
}

async fn given_up(server: &Server) -> Option<Finding> {
    let query = [("state", "dead"), ("limit", "1000")];
    let answer = server.get(&["api", "v1", "notices"], &query).await.ok()?;
    let dead = answer.read::<Page<Notice>>().ok()?.items.len();
    (dead > 0).then(|| {
        let message = format!("{dead} were given up: their people do not know");
        let remedy = "incidentd notify ls --dead says whom and why; call them, mend the channel";
        Finding::error("notices", message, remedy)
    })
}

async fn unbound(server: &Server) -> Option<Finding> {
    let cmdb = server.get(&["api", "v1", "cmdb"], &[]).await.ok()?;
    if cmdb.read::<CmdbCounts>().ok()?.cis == 0 {
        let remedy =
            "incidentd cmdb import FILE; without it no cause is found through the topology";
        return Some(Finding::warning("cmdb", "is empty", remedy));
    }
    let query = [("state", "firing"), ("limit", "1000")];
    let page: Page<Alert> = server.get(&["api", "v1", "alerts"], &query).await.ok()?.read().ok()?;
    let without = page.items.iter().filter(|alert| alert.ci.is_none()).count();
    share(without, page.items.len())
}

/// Judges how many of the firing alerts found no CI.
fn share(without: usize, of: usize) -> Option<Finding> {
    (of >= 10 && without * 2 > of).then(|| {
        let message = format!("{without} of {of} firing alerts belong to no CI");
        let remedy = "incidentd explain ALERT shows what was tried; add `binding:` to the rules or labels to the CIs";
        Finding::warning("cmdb", message, remedy)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(metrics: &str) -> Vec<&'static str> {
        judge(metrics).into_iter().map(|found| found.check).collect()
    }

    #[test]
    fn metrics_say_what_is_wrong() {
        let good = "incidentd_rules_last_reload_successful 1\nincidentd_notify_outbox_held 0\n\
                    incidentd_clock_steps_total 0\nprocess_open_fds 20\nprocess_max_fds 1024\n\
                    incidentd_backup_last_success_timestamp_seconds 0\n";
        assert_eq!(told(good), Vec::<&str>::new());
        for (from, to, check) in [
            ("successful 1", "successful 0", "rules"),
            ("held 0", "held 1", "outbox"),
            ("steps_total 0", "steps_total 2", "clock"),
            ("open_fds 20", "open_fds 1000", "files"),
            ("max_fds 1024", "max_fds 256", "files"),
            ("timestamp_seconds 0", "timestamp_seconds 1700000000", "backup"),
        ] {
            assert_eq!(told(&good.replace(from, to)), [check], "{to}");
        }
    }

    #[test]
    fn most_alerts_should_find_their_ci() {
        for (without, of, bad) in [(0, 0, false), (9, 9, false), (5, 10, false), (6, 10, true)] {
            assert_eq!(share(without, of).is_some(), bad, "{without} of {of}");
        }
    }

    #[test]
    fn series_of_one_label_are_summed() {
        let text =
            "# TYPE a counter\na{x=\"1\",y=\"2\"} 3\na{x=\"1\",y=\"3\"} 4\nab 9\na{x=\"2\"} 5\n";
        assert_eq!(sum(text, "a", "x=\"1\""), Some(7.0));
        assert_eq!(sum(text, "a", ""), Some(12.0));
        assert_eq!(sum(text, "c", ""), None);
    }
}
