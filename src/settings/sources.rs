//! Sections `[sources.NAME]`: who sends alerts, how they are read, and how they prove who they are.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use super::credential;
use super::secret::Secret;
use super::section::Section;
use super::topic;
use crate::ingest::{Format, SourceFormat};
use crate::model::partition::Edge;
use crate::model::priority::words;

/// A configured sender.
#[derive(Clone, Debug)]
pub struct Source {
    /// What it sends.
    pub format: SourceFormat,
    /// How long its alerts fire after their last word, where it names no end.
    pub lease: Duration,
    /// How it proves who it is.
    pub auth: Auth,
    /// Deliveries a second that it may send; 0 for any number.
    pub rate_max: u32,
    /// Where its records are read from, besides what is posted.
    pub kafka: Option<Topics>,
}

/// Topics that a source's records are read from.
#[derive(Clone, Debug)]
pub struct Topics {
    /// The name of the cluster.
    pub cluster: Arc<str>,
    /// Their names.
    pub topics: Vec<Arc<str>>,
    /// Where to begin in a partition that was never read.
    pub start: Edge,
    /// What is around the records.
    pub envelope: Envelope,
    /// What the records are.
    pub carries: Carries,
}

/// What the records of a source's topics are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carries {
    /// Alerts.
    Alerts,
    /// A table of CIs and relations.
    Cmdb,
    /// A table of planned changes.
    Changes,
}

words!(Carries, Alerts = "alerts", Cmdb = "cmdb", Changes = "changes");

/// What is around the records of a topic, where their headers do not say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// Nothing.
    None,
    /// `CloudEvents` in structured mode.
    CloudEvents,
}

words!(Envelope, None = "none", CloudEvents = "cloudevents");

/// Topics that one source may read.
const TOPICS_MAX: usize = 100;

/// How a source proves who it is. Of two secrets each will do.
#[derive(Clone, Debug)]
pub enum Auth {
    /// It does not.
    None,
    /// `Authorization: Bearer` with one of these.
    Bearer(Vec<Secret<Box<[u8]>>>),
    /// `Authorization: Basic` with this name and one of these.
    Basic {
        /// The name.
        user: Box<str>,
        /// The passwords.
        passwords: Vec<Secret<Box<[u8]>>>,
    },
    /// A signature over the body with one of these.
    Signed {
        /// Where the signature stands and what it is made over.
        style: Style,
        /// The keys.
        keys: Vec<Secret<Box<[u8]>>>,
    },
}

/// Where a signature stands and what it is made over; always HMAC-SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `X-Hub-Signature-256`, over the body.
    Github,
    /// `X-Slack-Signature`, over `v0:{time}:{body}`.
    Slack,
    /// `X-PagerDuty-Signature`, version 1, over the body.
    Pagerduty,
    /// Standard Webhooks: `webhook-signature`, over `{id}.{time}.{body}`.
    Standard,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Bearer,
    Basic,
    Github,
    Slack,
    Pagerduty,
    Standard,
}

words!(
    Kind,
    Bearer = "bearer",
    Basic = "basic",
    Github = "github",
    Slack = "slack",
    Pagerduty = "pagerduty",
    Standard = "standard"
);

const HOUR: Duration = Duration::from_hours(1);

impl Source {
    /// True when it sends alerts: others cannot be posted, and what they hold in the quarantine is not
    /// read again as alerts.
    pub fn sends_alerts(&self) -> bool {
        self.kafka.as_ref().is_none_or(|topics| topics.carries == Carries::Alerts)
    }
}

pub(super) fn read(section: &mut Section<'_>) -> Source {
    let carries = if section.has("carries") {
        section.word("carries", Carries::Alerts)
    } else {
        Carries::Alerts
    };
    if carries != Carries::Alerts {
        return table(section, carries);
    }
    let format = section.text("format", SourceFormat::EXPECTED, SourceFormat::parse);
    // Not: taken. Where there is none the settings are refused.
    let format = format.unwrap_or(SourceFormat::Known(Format::Native));
    let lease = if section.has("lease") {
        section.duration("lease", Duration::from_mins(1)..=30 * 24 * HOUR)
    } else {
        match format {
            SourceFormat::Known(Format::AlertmanagerApi) => Duration::from_mins(5),
            SourceFormat::Known(Format::Alertmanager | Format::Native)
            | SourceFormat::Mapped(_) => 24 * HOUR,
        }
    };
    let rate_max =
        if section.has("rate_max") { section.number("rate_max", 0..=1_000_000) } else { 0 };
    Source { format, lease, auth: auth(section), rate_max, kafka: topics(section) }
}

/// Reads a source whose topics are a table: it has no format, sends nothing else, and begins at the
/// beginning, so keys that say otherwise are unknown here.
fn table(section: &mut Section<'_>, carries: Carries) -> Source {
    Source {
        format: SourceFormat::Known(Format::Native),
        lease: Duration::ZERO,
        auth: Auth::None,
        rate_max: 0,
        kafka: read_from(section, carries),
    }
}

fn topics(section: &mut Section<'_>) -> Option<Topics> {
    if section.has("cluster") { read_from(section, Carries::Alerts) } else { None }
}

fn read_from(section: &mut Section<'_>, carries: Carries) -> Option<Topics> {
    let cluster = section.cluster("cluster").map(|(name, _)| name);
    let listed = section.list("topics")?;
    let wrong = listed.iter().find(|topic| !topic::is_name(topic));
    let help = "write topics = [\"alerts\"], each with letters, digits, `.`, `_` and `-`";
    if let Some(wrong) = wrong {
        let message = format!("found `{wrong}`, expected the name of a topic");
        section.refuse("K004", "topics", message, help);
    } else if listed.is_empty() || listed.len() > TOPICS_MAX {
        let message = format!("found {} topics, expected 1 to {TOPICS_MAX}", listed.len());
        section.refuse("K004", "topics", message, help);
    }
    let start = match carries {
        Carries::Alerts => section.word("start", Edge::End),
        Carries::Cmdb | Carries::Changes => Edge::Beginning,
    };
    let envelope = if section.has("envelope") {
        section.word("envelope", Envelope::None)
    } else {
        Envelope::None
    };
    let topics = listed.into_iter().map(Arc::from).collect();
    Some(Topics { cluster: cluster?, topics, start, envelope, carries })
}

fn auth(section: &mut Section<'_>) -> Auth {
    if !section.has("auth") {
        return Auth::None;
    }
    let kind = section.word("auth", Kind::Bearer);
    let signed = |section: &mut Section<'_>, style, take| Auth::Signed {
        style,
        keys: credential::read(section, "secrets", take),
    };
    match kind {
        Kind::Bearer => Auth::Bearer(credential::read(section, "secrets", credential::token)),
        Kind::Basic => {
            let name = |text: &str| {
                (!text.is_empty() && !text.contains(':')).then(|| Box::<str>::from(text))
            };
            let user = section.text("user", "a name without `:`", name).unwrap_or_default();
            Auth::Basic { user, passwords: credential::read(section, "secrets", credential::any) }
        }
        Kind::Github => signed(section, Style::Github, credential::any),
        Kind::Slack => signed(section, Style::Slack, credential::any),
        Kind::Pagerduty => signed(section, Style::Pagerduty, credential::any),
        Kind::Standard => signed(section, Style::Standard, credential::standard),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::from_file;

    fn source(keys: &str) -> String {
        format!("[kafka.clusters.main]\nbrokers = ['kafka:9092']\n[sources.t]\n{keys}")
    }

    #[test]
    fn a_source_says_what_its_topics_carry_and_a_table_is_read_from_its_beginning() {
        let read = |keys: &str| {
            let settings = from_file(&source(keys)).unwrap();
            let topics = settings.sources["t"].kafka.clone().unwrap();
            (topics.carries, topics.start, topics.envelope, settings.sources["t"].sends_alerts())
        };
        let topics = "cluster = 'main'\ntopics = ['t']\n";
        for (keys, carries, start, envelope) in [
            ("carries = 'cmdb'", Carries::Cmdb, Edge::Beginning, Envelope::None),
            (
                "carries = 'changes'\nenvelope = 'cloudevents'",
                Carries::Changes,
                Edge::Beginning,
                Envelope::CloudEvents,
            ),
            (
                "carries = 'alerts'\nformat = 'native'\nstart = 'end'",
                Carries::Alerts,
                Edge::End,
                Envelope::None,
            ),
            ("format = 'native'\nstart = 'end'", Carries::Alerts, Edge::End, Envelope::None),
        ] {
            let sends = carries == Carries::Alerts;
            assert_eq!(
                read(&format!("{topics}{keys}")),
                (carries, start, envelope, sends),
                "{keys}"
            );
        }
    }

    #[test]
    fn what_means_nothing_for_a_table_is_refused_by_its_key() {
        let topics = "cluster = 'main'\ntopics = ['t']\n";
        for (keys, key) in [
            (
                format!("{topics}carries = 'cis'\nformat = 'native'\nstart = 'end'"),
                "sources.t.carries",
            ),
            ("carries = 'cmdb'\ntopics = ['t']".into(), "sources.t.cluster"),
            ("carries = 'cmdb'\ncluster = 'main'".into(), "sources.t.topics"),
            (format!("{topics}carries = 'cmdb'\nformat = 'native'"), "sources.t.format"),
            (format!("{topics}carries = 'changes'\nstart = 'end'"), "sources.t.start"),
            (format!("{topics}carries = 'cmdb'\nlease = '1h'"), "sources.t.lease"),
            (format!("{topics}carries = 'cmdb'\nauth = 'bearer'"), "sources.t.auth"),
        ] {
            let found = from_file(&source(&keys)).unwrap_err();
            let keys_of: Vec<&str> = found.iter().map(|it| &*it.key).collect();
            assert_eq!(keys_of, [key], "{keys}: {found:?}");
        }
    }
}
