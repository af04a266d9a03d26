//! Takes rule files into force: at the start, and again on SIGHUP, on request, and when they changed.
//!
//! A set with errors never takes the place of one without: it is told, counted, and left. Files are
//! read and compiled here, off the engine's thread, which only gets the finished set.

use core::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::spawn_blocking;
use tracing::{error, info, warn};

use crate::clock;
use crate::http::operate::{Calls, Reloaded, RulesRefused};
use crate::ingest::SourceFormat;
use crate::mailbox::{Mailbox, Work};
use crate::rules::render::short;
use crate::rules::{self, RuleSet, Severity, SourceFile};
use crate::settings::Settings;
use crate::settings::channels::Channel;
use crate::telemetry::metrics::Metrics;

use super::next::ready_rules;
use super::wait_for;
use crate::engine::context::Context;
use crate::engine::reply::Reply;
use crate::store::Store;
use crate::watch_folder::Watch;

/// How often rules are made ready anew because the CMDB changed meanwhile.
const ATTEMPTS_MAX: usize = 10;

/// Where the rule files are, and how they are read.
#[derive(Clone)]
pub struct RuleFiles {
    /// The folder to watch, if they are in one.
    pub folder: Option<PathBuf>,
    /// Reads them as they are now; may block on the disk. Says why it cannot.
    pub read: Arc<dyn Fn() -> Result<Vec<SourceFile>, String> + Send + Sync>,
}

impl fmt::Debug for RuleFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuleFiles").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// What settings and rule files need of each other.
#[derive(Clone, Debug, Default)]
pub struct Ties {
    /// Names of the channels that are set up.
    pub channels: Vec<Box<str>>,
    /// Names of those that are of kind email.
    pub mail: Vec<Box<str>>,
    /// Sources that are read by a mapping, each with the mapping's name.
    pub mapped: Vec<(Arc<str>, Arc<str>)>,
}

impl Ties {
    /// Returns those of these settings.
    pub fn of(settings: &Settings) -> Self {
        let mapped = settings.sources.iter().filter_map(|(name, source)| match &source.format {
            SourceFormat::Mapped(mapping) => Some((Arc::clone(name), Arc::clone(mapping))),
            SourceFormat::Known(_) => None,
        });
        let of_mail = settings.channels.iter().filter(|(_, it)| matches!(it, Channel::Email(_)));
        Self {
            channels: settings.channels.keys().cloned().collect(),
            mail: of_mail.map(|(name, _)| name.clone()).collect(),
            mapped: mapped.collect(),
        }
    }
}

/// Makes a rule set of files, for a daemon with these settings.
///
/// # Errors
/// When the files have errors, or a contact names a channel that is not set up (a page to nowhere
/// must be found before it is due), or a source is read by a mapping that is not there. Warnings are
/// for whoever writes rules and are left out.
pub fn compile(files: &[SourceFile], ties: &Ties) -> Result<RuleSet, RulesRefused> {
    let mut loaded = rules::load(files);
    loaded.diagnostics.retain(|found| found.severity == Severity::Error);
    let Some(set) = loaded.set else {
        let message = match loaded.diagnostics.len() {
            1 => "1 error in the rules".into(),
            count => format!("{count} errors in the rules"),
        };
        return Err(RulesRefused { message, diagnostics: loaded.diagnostics });
    };
    let loose = [
        unknown_channels(&set, &ties.channels),
        unknown_mappings(&set, &ties.mapped),
        no_mail(&set, &ties.mail),
    ];
    let loose: Vec<String> = loose.into_iter().flatten().collect();
    if loose.is_empty() {
        return Ok(set);
    }
    Err(RulesRefused { message: loose.join("; "), diagnostics: Vec::new() })
}

fn unknown_mappings(rules: &RuleSet, mapped: &[(Arc<str>, Arc<str>)]) -> Option<String> {
    let missing: Vec<String> = mapped
        .iter()
        .filter(|(_, mapping)| !rules.mappings.contains_key(&**mapping))
        .map(|(source, mapping)| format!("source `{source}` is read by the mapping `{mapping}`"))
        .collect();
    let known: Vec<&str> = rules.mappings.keys().map(|name| &**name).collect();
    let known = if known.is_empty() { "no mapping".into() } else { known.join(", ") };
    (!missing.is_empty()).then(|| {
        format!(
            "{}; the rule files have {known}; add it to `mappings:` or correct [sources.NAME]",
            missing.join(", ")
        )
    })
}

fn unknown_channels(rules: &RuleSet, known: &[Box<str>]) -> Option<String> {
    let named = rules
        .contacts
        .iter()
        .flat_map(|(contact, it)| it.named_channels().map(move |channel| (contact, channel)));
    let missing: Vec<String> = named
        .filter(|(_, channel)| !known.contains(channel))
        .map(|(contact, channel)| format!("contact `{contact}` names the channel `{channel}`"))
        .collect();
    (!missing.is_empty()).then(|| {
        format!(
            "{}; the settings have {}; add a section [channels.NAME] or correct the rule file",
            missing.join(", "),
            known.join(", ")
        )
    })
}

/// Says so when people who report something are written to by what sends no mail.
fn no_mail(rules: &RuleSet, mail: &[Box<str>]) -> Option<String> {
    let channel = rules.reporting.channel.as_ref().filter(|name| !mail.contains(name))?;
    let known = if mail.is_empty() { "none".into() } else { mail.join(", ") };
    Some(format!(
        "`reports` names the channel `{channel}`, which is none of kind email; the settings have \
         {known}; add a section [channels.{channel}] with kind = \"email\" or correct the rule file"
    ))
}

/// The task that loads the rules again.
pub(super) struct Reloader {
    pub(super) files: RuleFiles,
    /// What the settings need of the rules.
    pub(super) ties: Arc<Ties>,
    pub(super) mailbox: Mailbox,
    pub(super) metrics: Arc<Metrics>,
    pub(super) store: Arc<Store>,
    /// What is in force.
    pub(super) context: watch::Receiver<Arc<Context>>,
    /// The version in force.
    pub(super) in_force: u64,
}

/// What came out of looking at the files once more.
type Answer = Result<Reloaded, RulesRefused>;

impl Reloader {
    /// Loads on SIGHUP, on calls and on changes of the folder until the daemon stops.
    pub(super) async fn run(mut self, mut calls: Calls<Answer>, stopped: watch::Receiver<bool>) {
        let stopped = wait_for(stopped);
        tokio::pin!(stopped);
        let (hint, mut hints) = mpsc::channel(1);
        let mut folder = Watch::new(self.files.folder.iter().cloned().collect(), hint, |error| {
            warn!(%error, "changes of rule files go unnoticed; SIGHUP loads them");
        });
        let mut seen = self.read().await.ok();
        let mut hangups = match signal(SignalKind::hangup()) {
            Ok(hangups) => Some(hangups),
            Err(error) => {
                warn!(%error, "SIGHUP cannot be listened for; POST /-/reload loads rules all the same");
                None
            }
        };
        loop {
            let hangup = async {
                match &mut hangups {
                    Some(hangups) => hangups.recv().await,
                    None => core::future::pending().await,
                }
            };
            let reply: Option<oneshot::Sender<Answer>> = tokio::select! {
                () = &mut stopped => return,
                Some(reply) = calls.recv() => Some(reply),
                _ = hangup => None,
                Some(()) = hints.recv() => {
                    folder.settle(&mut hints).await;
                    let now = self.read().await.ok();
                    // A hint is only a hint: what counts is the content.
                    if now.is_none() || now == seen {
                        continue;
                    }
                    None
                }
            };
            let read = self.read().await;
            seen = read.as_ref().ok().cloned();
            let answer = self.take(read).await;
            folder.renew();
            if let Some(reply) = reply {
                // Whoever asked may have gone away; what was done stays done.
                drop(reply.send(answer));
            }
        }
    }

    async fn read(&self) -> Result<Vec<SourceFile>, String> {
        let read = Arc::clone(&self.files.read);
        spawn_blocking(move || read()).await.unwrap_or_else(|error| Err(error.to_string()))
    }

    async fn take(&mut self, read: Result<Vec<SourceFile>, String>) -> Answer {
        let answer = self.load(read).await;
        match &answer {
            Ok(it) => {
                self.metrics.rules.accepted(it.rules, clock::wall());
                info!(
                    rules = it.rules,
                    files = it.files,
                    version = it.version,
                    same = it.same,
                    "rules are loaded"
                );
            }
            Err(refused) => {
                self.metrics.rules.refused();
                for found in &refused.diagnostics {
                    error!(problem = short(found).trim_end(), "a rule file has an error");
                }
                error!(why = refused.message, "rules are refused; those in force stay");
            }
        }
        answer
    }

    async fn load(&mut self, read: Result<Vec<SourceFile>, String>) -> Answer {
        let refuse = |message: String| RulesRefused { message, diagnostics: Vec::new() };
        let files = read.map_err(refuse)?;
        let (count, ties) = (files.len(), Arc::clone(&self.ties));
        let compiled = spawn_blocking(move || compile(&files, &ties)).await;
        let set = compiled.map_err(|error| refuse(error.to_string()))??;
        let (version, rules) = (set.version, set.rules.len());
        let same = version == self.in_force;
        if !same {
            self.bring(Arc::new(set)).await.map_err(refuse)?;
            self.in_force = version;
        }
        Ok(Reloaded { version: format!("{version:016x}"), rules, files: count, same })
    }

    /// Has the engine decide by these rules. What they mean for the alerts is worked out here, so that
    /// events do not wait for it; where the CMDB changed meanwhile, again.
    async fn bring(&self, rules: Arc<RuleSet>) -> Result<(), String> {
        for _ in 0..ATTEMPTS_MAX {
            let (store, rules) = (Arc::clone(&self.store), Arc::clone(&rules));
            let base = Arc::clone(&self.context.borrow());
            let made = spawn_blocking(move || ready_rules(&store, base, rules)).await;
            let new = made.map_err(|error| error.to_string())??;
            // Held until the engine is done with them, so that it is not the one to free them.
            let used = (Arc::clone(&new.base), Arc::clone(&new.forecast));
            let reply = self.mailbox.deliver(Work::Rules(Box::new(new))).await;
            // Where it takes long to free them nothing waits for it.
            drop(spawn_blocking(move || drop(used)));
            if reply.map_err(|busy| busy.to_string())? != Reply::Outdated {
                return Ok(());
            }
        }
        Err("the CMDB changes faster than this can follow; try again".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> [SourceFile; 1] {
        [SourceFile { name: "a.yaml".into(), text: text.into() }]
    }

    #[test]
    fn rules_with_an_error_or_a_way_to_nowhere_are_refused_with_the_remedy() {
        let head = "version: 1\nnamespace: t\n";
        let ties = Ties { channels: vec!["log".into()], mail: Vec::new(), mapped: Vec::new() };
        for (text, says) in [
            ("rules: [{name: x, wehn: []}]", "errors in the rules"),
            ("contacts: {a: {channels: [pager]}}", "the settings have log; add a section"),
        ] {
            let refused = compile(&file(&format!("{head}{text}\n")), &ties).unwrap_err();
            assert!(refused.message.contains(says), "{refused:?}");
        }
        let good = format!("{head}contacts: {{a: {{channels: [log]}}}}\n");
        assert!(compile(&file(&good), &ties).is_ok());
        let reports = file(&format!("{head}reports: {{channel: log}}\n"));
        let refused = compile(&reports, &ties).unwrap_err().message;
        assert!(refused.contains("`log`, which is none of kind email; the settings have none"));
        assert!(compile(&reports, &Ties { mail: vec!["log".into()], ..ties }).is_ok());
    }

    #[test]
    fn rules_without_the_mapping_of_a_source_are_refused_with_the_remedy() {
        let ties = Ties {
            channels: vec!["log".into()],
            mail: Vec::new(),
            mapped: vec![("shop".into(), "old".into())],
        };
        for (mappings, says) in [
            ("{}", Some("the rule files have no mapping; add it to `mappings:`")),
            ("{ols: {labels: {a: b}}}", Some("source `shop` is read by the mapping `old`")),
            ("{old: {labels: {a: b}}}", None),
        ] {
            let set = compile(&file(&format!("version: 1\nmappings: {mappings}\n")), &ties);
            let refused = set.err().map(|refused| refused.message);
            assert_eq!(refused.is_some(), says.is_some(), "{mappings}: {refused:?}");
            let said = refused.unwrap_or_default();
            assert!(says.is_none_or(|says| said.contains(says)), "{mappings}: {said}");
        }
    }
}
