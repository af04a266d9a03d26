//! Looks at this machine: rules, the data folder, its disk, its witness, the address.

use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;

use crate::daemon::data_dir::DataDir;
use crate::daemon::disk::{self, Zone};
use crate::daemon::reload::{Ties, compile};
use crate::rules::{self, Severity};
use crate::settings::{Problem, Settings};
use crate::store::witness::{Testimony, Witness, judge};
use crate::store::{Store, StoreError};

use super::super::files;
use super::{Finding, Runs};

/// Turns a problem of the settings into a finding.
pub(super) fn problem(found: &Problem) -> Finding {
    let Problem { code, file, key, message, help } = found;
    Finding::error("settings", format!("{file}: {key}: {message} [{code}]"), help)
}

/// Looks at everything here.
pub(super) fn examine(settings: &Settings, runs: Runs) -> Vec<Finding> {
    let dir = DataDir::of(settings);
    let mut findings = rule_files(settings);
    findings.push(folder(&dir));
    findings.push(room(settings, &dir));
    findings.push(store(&dir, runs));
    if runs == Runs::No {
        findings.push(address(settings));
    }
    findings
}

/// The remedy where settings and rule files name what the other does not have.
const TIES: &str = "add what is missing to the settings or the rule files";

fn rule_files(settings: &Settings) -> Vec<Finding> {
    let dir = &settings.rules.dir;
    let files = match files::read(std::slice::from_ref(dir)) {
        Ok(files) => files,
        Err(error) => {
            let remedy = "set rules.dir to the folder of the rule files; without one only what is built in decides";
            let mut findings = vec![Finding::warning("rules", error.to_string(), remedy)];
            let refused = compile(&[], &Ties::of(settings)).err();
            findings.extend(refused.map(|it| Finding::error("rules", it.message, TIES)));
            return findings;
        }
    };
    let loaded = rules::load(&files);
    let mut findings: Vec<Finding> = loaded
        .diagnostics
        .iter()
        .map(|it| {
            let place = format!("{}:{}:{}: {}", it.file, it.line, it.column, it.message);
            let help =
                if it.help.is_empty() { "incidentd check shows the place" } else { &it.help };
            match it.severity {
                Severity::Error => Finding::error("rules", place, help),
                Severity::Warning => Finding::warning("rules", place, help),
            }
        })
        .collect();
    match compile(&files, &Ties::of(settings)) {
        Ok(set) => {
            let count =
                format!("{}: {} rules of {} files", dir.display(), set.rules.len(), files.len());
            findings.push(Finding::ok("rules", count));
        }
        Err(refused) if refused.diagnostics.is_empty() => {
            findings.push(Finding::error("rules", refused.message, TIES));
        }
        Err(_) => {}
    }
    findings
}

/// The data folder belongs to one user alone, and so does the store in it.
fn folder(dir: &DataDir) -> Finding {
    let Ok(root) = dir.root.metadata() else {
        let message = format!("{} does not exist", dir.root.display());
        return Finding::warning("data", message, "the first start makes it; see storage.dir");
    };
    let Ok(store) = dir.store.metadata() else {
        return Finding::ok("data", format!("{}: no store yet", dir.root.display()));
    };
    let path = dir.store.display();
    if store.mode() & 0o077 != 0 {
        let message = format!("{path}: others may look inside (mode {:o})", store.mode() & 0o777);
        return Finding::error("data", message, &format!("chmod 700 {path}"));
    }
    if store.uid() != root.uid() {
        let message =
            format!("{path} belongs to user {}, its folder to {}", store.uid(), root.uid());
        let remedy = format!("chown -R {} {path}", root.uid());
        return Finding::error("data", message, &remedy);
    }
    Finding::ok("data", format!("{path}: user {}'s alone", store.uid()))
}

fn room(settings: &Settings, dir: &DataDir) -> Finding {
    let there = dir.root.ancestors().find(|path| path.exists());
    let free = match there.map_or_else(|| disk::free(".".as_ref()), disk::free) {
        Ok(free) => free,
        Err(error) => {
            let remedy = "look at the folder's file system: df";
            return Finding::error("disk", format!("{}: {error}", dir.root.display()), remedy);
        }
    };
    let limits = settings.disk;
    let message = format!("{} MiB free", free >> 20);
    let remedy = "make room: older backups, [backup] keep, [retention]; or lower [disk] soft_free";
    match Zone::of(free, limits, Zone::Normal) {
        _ if !disk::may_start(free, limits) => {
            Finding::error("disk", format!("{message}: too little to start"), remedy)
        }
        Zone::Hard | Zone::Soft => {
            Finding::error("disk", format!("{message}: deliveries are refused"), remedy)
        }
        Zone::Normal if free < limits.soft.saturating_mul(4) => {
            Finding::warning("disk", format!("{message}: near to the soft limit"), remedy)
        }
        Zone::Normal => Finding::ok("disk", message),
    }
}

/// Compares the store with its witness; while the daemon runs, it has done that itself.
fn store(dir: &DataDir, runs: Runs) -> Finding {
    let path = dir.witness.display();
    let testimony = match Witness::read(&dir.witness) {
        Ok(testimony) => testimony,
        Err(error) => {
            let remedy = "run as the daemon's user, or as root";
            return Finding::error("store", format!("{path}: {error}"), remedy);
        }
    };
    let said = match testimony {
        Testimony::Mark(mark) => format!("the witness saw commit {}", mark.batch),
        Testimony::Missing if !dir.store.exists() => return Finding::ok("store", "none yet"),
        Testimony::Missing => "there is no witness".into(),
        Testimony::Damaged => "the witness is damaged".into(),
    };
    let remedy = "incidentd db restore BACKUP, or serve --accept-loss without what is lost";
    match Store::open_to_read(&dir.store) {
        Ok(store) => {
            let compared = store
                .identity()
                .and_then(|id| Ok((id, store.view().counters()?.batch)))
                .map(|(id, batch)| judge(id, batch, testimony).map(|_| batch));
            match compared {
                Ok(Ok(batch)) => Finding::ok("store", format!("ends at commit {batch}; {said}")),
                Ok(Err(loss)) => Finding::error("store", loss.to_string(), remedy),
                Err(error) => Finding::error("store", error.to_string(), remedy),
            }
        }
        Err(StoreError::Locked { .. }) => match (testimony, runs) {
            (Testimony::Mark(_), _) => Finding::ok("store", format!("in use; {said}")),
            (_, Runs::Yes | Runs::No) => {
                let remedy = "restart the daemon, which writes it anew or says what is wrong";
                Finding::error("store", format!("in use; {said}"), remedy)
            }
        },
        Err(_) if !dir.store.join("CURRENT").exists() => {
            Finding::error("store", format!("{} is gone; {said}", dir.store.display()), remedy)
        }
        Err(error) => Finding::error("store", error.to_string(), remedy),
    }
}

/// Where no daemon answers, nobody else may have its address.
fn address(settings: &Settings) -> Finding {
    let address = settings.http.listen;
    match TcpListener::bind(address) {
        Ok(_) => Finding::ok("address", format!("{address} is free")),
        Err(error) => {
            let remedy = format!(
                "ss -ltnp 'sport = :{}' shows who has it; or set http.listen",
                address.port()
            );
            Finding::error("address", format!("{address}: {error}"), &remedy)
        }
    }
}
