//! Metrics for Prometheus: `incidentd_<area>_<what>_<unit>`, a struct for each area.
//!
//! Every series is there at 0 from the start, so that a rate is right from the first event on. Label
//! values come from enums and from the names of configured sources and channels, never from an alert.

use core::fmt;
use core::time::Duration;

use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::{
    Error, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

use super::doors::Doors;
use super::kafka::Kafka;
use crate::engine::bindings::Bindings;
use crate::engine::reply::Received;
use crate::model::credit::{CREDITS, Counts};
use crate::model::escalation::Ladder;
use crate::model::notice::NoticeKind;
use crate::model::priority::words;
use crate::model::silence::SilenceState;
use crate::model::time::Timestamp;

use super::events::Events;
use super::stream::Stream;
use super::upkeep::{Backup, Canary, Disk, Retention};

/// The Alertmanager whose API is served beside ours; its clients switch features by it, and karma
/// reads it off a metric.
pub const ALERTMANAGER_VERSION: &str = "0.34.0";

/// What the CMDB can say of an alert.
const BINDINGS: [&str; 3] = ["bound", "ambiguous", "unbound"];

/// All metrics of the process.
#[derive(Debug)]
pub struct Metrics {
    /// What senders post.
    pub ingest: Ingest,
    /// What happens at the doors.
    pub doors: Doors,
    /// What the engine does.
    pub engine: Engine,
    /// What goes to people.
    pub notify: Notify,
    /// The rule set.
    pub rules: Rules,
    /// Copies of the store.
    pub backup: Backup,
    /// What is forgotten.
    pub retention: Retention,
    /// Room on the disk.
    pub disk: Disk,
    /// The alert of our own.
    pub canary: Canary,
    /// What is read from Kafka.
    pub kafka: Kafka,
    /// The stream of changes.
    pub stream: Stream,
    /// Events about incidents, on their way to other systems.
    pub events: Events,
    clock_steps: IntCounter,
    registry: Registry,
}

/// What senders post.
#[derive(Debug)]
pub struct Ingest {
    requests: IntCounterVec,
    alerts: IntCounterVec,
}

/// What the engine does.
#[derive(Debug)]
pub struct Engine {
    /// Events that one commit held.
    pub batch_events: Histogram,
    /// How long a commit took, its fsync included, in seconds.
    pub commit_seconds: Histogram,
    /// Events that wait.
    pub mailbox_events: IntGauge,
    /// Incidents that are neither resolved nor closed.
    pub open_incidents: IntGauge,
    /// Alerts in memory.
    pub held_alerts: IntGauge,
    /// Alerts that fire and are held back by a silence.
    pub silenced_alerts: IntGauge,
    /// Alerts that fire and are inhibited by another.
    pub inhibited_alerts: IntGauge,
    silences: IntGaugeVec,
    bindings: IntCounterVec,
    /// Entries put on the audit trail.
    pub audit_entries: IntCounter,
    /// Incidents that were given back as misrouted.
    pub returned: IntCounter,
    escalations: IntCounterVec,
}

/// What goes to people.
#[derive(Debug)]
pub struct Notify {
    /// Notices that are to be sent.
    pub pending_notices: IntGauge,
    /// Templates that failed at run time.
    pub template_failures: IntCounter,
    /// 1 while nothing is sent after a restore.
    pub outbox_held: IntGauge,
    notices: IntCounterVec,
    tests: IntCounterVec,
}

/// The rule set.
#[derive(Debug)]
pub struct Rules {
    /// 1 when the last load was accepted, else 0: then older rules are in force.
    pub last_reload_successful: IntGauge,
    /// When the last load was accepted, in seconds since 1970.
    pub last_reload_success: IntGauge,
    /// Rules in force.
    pub loaded_rules: IntGauge,
    reloads: IntCounterVec,
    credits: IntCounterVec,
}

/// The first digit of an HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusClass {
    /// Done.
    Ok,
    /// Redirected; incidentd never does.
    Redirect,
    /// The sender is wrong.
    Client,
    /// incidentd cannot now.
    Server,
}

/// What became of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An episode began.
    Began,
    /// An episode ended.
    Ended,
    /// Its lease, text or severity changed.
    Updated,
    /// It was only counted.
    Repeated,
    /// A rule leaves them out.
    Dropped,
    /// It is beyond what its source may hold, and in the quarantine.
    Overflowed,
    /// It could not be taken.
    Refused,
}

/// What became of an attempt to deliver a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The channel took it.
    Sent,
    /// The channel did not take it.
    Failed,
    /// It was given up.
    Dead,
    /// It was no longer needed.
    Withheld,
}

/// How a load of rules ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// The new rules are in force.
    Accepted,
    /// They have errors; the old ones stay.
    Refused,
}

words!(StatusClass, Ok = "2xx", Redirect = "3xx", Client = "4xx", Server = "5xx");
words!(
    Outcome,
    Began = "began",
    Ended = "ended",
    Updated = "updated",
    Repeated = "repeated",
    Dropped = "dropped",
    Overflowed = "overflowed",
    Refused = "refused"
);
words!(Delivery, Sent = "sent", Failed = "failed", Dead = "dead", Withheld = "withheld");
words!(Reload, Accepted = "accepted", Refused = "refused");

impl StatusClass {
    /// Returns the class of a status.
    pub fn of(status: u16) -> Self {
        match status {
            0..=299 => Self::Ok,
            300..=399 => Self::Redirect,
            400..=499 => Self::Client,
            500.. => Self::Server,
        }
    }
}

impl Metrics {
    /// Makes all metrics, for sources and channels of these names.
    ///
    /// # Errors
    /// When two metrics share a name, which the tests rule out.
    pub fn new(sources: &[&str], channels: &[&str]) -> Result<Self, Error> {
        let registry = Registry::new();
        registry.register(Box::new(ProcessCollector::for_self()))?;
        let build = Opts::new("incidentd_build_info", "1, labelled with the version that runs.")
            .const_label("version", env!("CARGO_PKG_VERSION"));
        add(&registry, IntGauge::with_opts(build)?)?.set(1);
        let api = "1, labelled with the version of Alertmanager whose API is served.";
        let api =
            Opts::new("alertmanager_build_info", api).const_label("version", ALERTMANAGER_VERSION);
        add(&registry, IntGauge::with_opts(api)?)?.set(1);
        Ok(Self {
            ingest: Ingest::new(&registry, sources)?,
            doors: Doors::new(&registry, sources)?,
            engine: Engine::new(&registry)?,
            notify: Notify::new(&registry, channels)?,
            rules: Rules::new(&registry)?,
            backup: Backup::new(&registry)?,
            retention: Retention::new(&registry)?,
            disk: Disk::new(&registry)?,
            canary: Canary::new(&registry)?,
            kafka: Kafka::new(&registry)?,
            stream: Stream::new(&registry)?,
            events: Events::new(&registry)?,
            clock_steps: add(
                &registry,
                IntCounter::new(
                    "incidentd_clock_steps_total",
                    "How often the wall clock was set by more than 5 s.",
                )?,
            )?,
            registry,
        })
    }

    /// Notes how often the wall clock was seen to be set so far.
    pub fn clock_stepped(&self, steps: u64) {
        self.clock_steps.inc_by(steps.saturating_sub(self.clock_steps.get()));
    }

    /// Writes all metrics in Prometheus' text format.
    ///
    /// # Errors
    /// When a metric cannot be written, which the tests rule out.
    pub fn encode(&self) -> Result<String, Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

impl Ingest {
    fn new(registry: &Registry, sources: &[&str]) -> Result<Self, Error> {
        use Outcome as O;
        use StatusClass as S;
        let requests = Opts::new(
            "incidentd_ingest_requests_total",
            "Deliveries answered, by source and class of the status.",
        );
        let classes = [S::Ok, S::Client, S::Server].map(|class| class.to_string());
        let alerts = Opts::new(
            "incidentd_ingest_alerts_total",
            "Alerts received, by source and what became of them.",
        );
        let outcomes =
            [O::Began, O::Ended, O::Updated, O::Repeated, O::Dropped, O::Overflowed, O::Refused]
                .map(|o| o.to_string());
        Ok(Self {
            requests: family(
                registry,
                requests,
                [("source", sources), ("status", &refs(&classes))],
            )?,
            alerts: family(registry, alerts, [("source", sources), ("outcome", &refs(&outcomes))])?,
        })
    }

    /// Counts an answer to a configured source.
    pub fn answered(&self, source: &str, status: u16) {
        let class = StatusClass::of(status).to_string();
        self.requests.with_label_values(&[source, &class]).inc();
    }

    /// Counts alerts of a configured source.
    pub fn count(&self, source: &str, outcome: Outcome, alerts: u64) {
        self.alerts.with_label_values(&[source, &outcome.to_string()]).inc_by(alerts);
    }

    /// Counts what the engine made of a delivery of a configured source.
    pub fn received(&self, source: &str, received: &Received) {
        let refused = u64::try_from(received.refused.len()).unwrap_or(u64::MAX);
        for (outcome, alerts) in [
            (Outcome::Began, received.began.into()),
            (Outcome::Ended, received.ended.into()),
            (Outcome::Updated, received.updated.into()),
            (Outcome::Repeated, received.repeated.into()),
            (Outcome::Dropped, received.dropped.values().copied().map(u64::from).sum()),
            (Outcome::Overflowed, received.overflowed.into()),
            (Outcome::Refused, refused),
        ] {
            self.count(source, outcome, alerts);
        }
    }
}

impl Engine {
    fn new(registry: &Registry) -> Result<Self, Error> {
        // 1 to 32,768 events; 0.5 ms to 8 s: an fsync takes from below 1 ms to seconds on a sick disk.
        let batch = HistogramOpts::new(
            "incidentd_engine_batch_events",
            "Events (deliveries, commands, reports, ticks) that one commit held.",
        )
        .buckets(prometheus::exponential_buckets(1.0, 2.0, 16)?);
        let commit = HistogramOpts::new(
            "incidentd_engine_commit_seconds",
            "How long a commit took, its fsync included.",
        )
        .buckets(prometheus::exponential_buckets(0.0005, 2.0, 15)?);
        let escalations = Opts::new(
            "incidentd_engine_escalations_total",
            "Steps of escalation policies that fired, by ladder.",
        );
        let bindings = Opts::new(
            "incidentd_engine_bindings_total",
            "Alerts that first came since the start, by whether the CMDB has one CI for them, \
             several (ambiguous: they are bound to none), or none.",
        );
        let ladders = [Ladder::Functional, Ladder::Hierarchical].map(|ladder| ladder.to_string());
        Ok(Self {
            batch_events: add(registry, Histogram::with_opts(batch)?)?,
            commit_seconds: add(registry, Histogram::with_opts(commit)?)?,
            mailbox_events: gauge(
                registry,
                "incidentd_engine_mailbox_events",
                "Events that wait for the engine.",
            )?,
            open_incidents: gauge(
                registry,
                "incidentd_engine_open_incidents",
                "Incidents that are neither resolved nor closed.",
            )?,
            held_alerts: gauge(
                registry,
                "incidentd_engine_held_alerts",
                "Alerts held in memory: firing, or ended not long ago.",
            )?,
            silenced_alerts: gauge(
                registry,
                "incidentd_engine_silenced_alerts",
                "Alerts that fire and are held back by a silence.",
            )?,
            inhibited_alerts: gauge(
                registry,
                "incidentd_engine_inhibited_alerts",
                "Alerts that fire and are inhibited by another.",
            )?,
            silences: silences(registry)?,
            bindings: family(registry, bindings, [("outcome", &BINDINGS)])?,
            audit_entries: add(
                registry,
                IntCounter::new(
                    "incidentd_engine_audit_entries_total",
                    "Entries put on the audit trail since the start.",
                )?,
            )?,
            returned: add(
                registry,
                IntCounter::new(
                    "incidentd_engine_returned_total",
                    "Incidents given back as misrouted since the start.",
                )?,
            )?,
            escalations: family(registry, escalations, [("ladder", &refs(&ladders))])?,
        })
    }

    /// Notes a commit of so many events that took so long.
    pub fn committed(&self, events: u32, took: Duration) {
        self.batch_events.observe(f64::from(events));
        self.commit_seconds.observe(took.as_secs_f64());
    }

    /// Notes what the CMDB said of alerts since the start.
    pub fn bindings(&self, all: &Bindings) {
        for (outcome, count) in BINDINGS.into_iter().zip([all.bound, all.ambiguous, all.unbound]) {
            let counter = self.bindings.with_label_values(&[outcome]);
            counter.inc_by(count.saturating_sub(counter.get()));
        }
    }

    /// Notes how many silences are in a state.
    pub fn silences(&self, state: SilenceState, silences: i64) {
        self.silences.with_label_values(&[&state.to_string()]).set(silences);
    }

    /// Counts a step that fired.
    pub fn escalated(&self, ladder: Ladder) {
        self.escalations.with_label_values(&[&ladder.to_string()]).inc();
    }
}

impl Notify {
    fn new(registry: &Registry, channels: &[&str]) -> Result<Self, Error> {
        use Delivery as D;
        use NoticeKind as K;
        let notices = Opts::new(
            "incidentd_notify_notices_total",
            "Attempts to deliver notices, by channel, kind of notice and what became of them.",
        );
        let tests = Opts::new(
            "incidentd_notify_tests_total",
            "Test messages that people asked for, by channel and what became of them.",
        );
        let kinds = [K::Page, K::Ticket, K::Update].map(|kind| kind.to_string());
        let results = [D::Sent, D::Failed, D::Dead, D::Withheld].map(|result| result.to_string());
        let labels = [("channel", channels), ("kind", &refs(&kinds)), ("result", &refs(&results))];
        Ok(Self {
            pending_notices: gauge(
                registry,
                "incidentd_notify_pending_notices",
                "Notices that are to be sent, now or after a failure.",
            )?,
            template_failures: add(
                registry,
                IntCounter::new(
                    "incidentd_notify_template_failures_total",
                    "Templates of messages that failed at run time; the built-in text was sent.",
                )?,
            )?,
            outbox_held: gauge(
                registry,
                "incidentd_notify_outbox_held",
                "1 while nothing is sent after a restore, else 0.",
            )?,
            notices: family(registry, notices, labels)?,
            tests: family(
                registry,
                tests,
                [
                    ("channel", channels),
                    ("result", &refs(&[D::Sent, D::Failed].map(|r| r.to_string()))),
                ],
            )?,
        })
    }

    /// Counts a test message, which is no notice.
    pub fn tested(&self, channel: &str, result: Delivery) {
        self.tests.with_label_values(&[channel, &result.to_string()]).inc();
    }

    /// Counts what became of an attempt; `channel` is a configured one.
    pub fn count(&self, channel: &str, kind: NoticeKind, result: Delivery) {
        self.notices.with_label_values(&[channel, &kind.to_string(), &result.to_string()]).inc();
    }
}

impl Rules {
    fn new(registry: &Registry) -> Result<Self, Error> {
        let reloads =
            Opts::new("incidentd_rules_reloads_total", "Loads of the rule files, by result.");
        let credits = Opts::new(
            "incidentd_rules_credits_total",
            "What came of all rules since the start; of each rule by `incidentd rules stats`.",
        );
        let kinds = CREDITS.map(|what| what.to_string());
        let results = [Reload::Accepted, Reload::Refused].map(|result| result.to_string());
        Ok(Self {
            last_reload_successful: gauge(
                registry,
                "incidentd_rules_last_reload_successful",
                "1 when the last load of the rule files was accepted, else 0.",
            )?,
            last_reload_success: gauge(
                registry,
                "incidentd_rules_last_reload_success_timestamp_seconds",
                "When the last load of the rule files was accepted, in seconds since 1970.",
            )?,
            loaded_rules: gauge(registry, "incidentd_rules_loaded_rules", "Rules in force.")?,
            reloads: family(registry, reloads, [("result", &refs(&results))])?,
            credits: family(registry, credits, [("credit", &refs(&kinds))])?,
        })
    }

    /// Notes that so many rules are in force since `now`, by the wall clock.
    pub fn accepted(&self, rules: usize, now: Timestamp) {
        self.reloads.with_label_values(&[&Reload::Accepted.to_string()]).inc();
        self.last_reload_successful.set(1);
        self.last_reload_success.set(now.millis() / 1_000);
        self.loaded_rules.set(i64::try_from(rules).unwrap_or(i64::MAX));
    }

    /// Counts what came of rules within a batch.
    pub fn credited(&self, counts: &Counts) {
        for (what, count) in counts.each().filter(|(_, count)| *count > 0) {
            self.credits.with_label_values(&[&what.to_string()]).inc_by(count);
        }
    }

    /// Notes that a load was refused; what was in force still is.
    pub fn refused(&self) {
        self.reloads.with_label_values(&[&Reload::Refused.to_string()]).inc();
        self.last_reload_successful.set(0);
    }
}

pub(super) fn counter(registry: &Registry, name: &str, help: &str) -> Result<IntCounter, Error> {
    add(registry, IntCounter::new(name, help)?)
}

pub(super) fn add<C: Collector + Clone + 'static>(
    registry: &Registry,
    metric: C,
) -> Result<C, Error> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn silences(registry: &Registry) -> Result<IntGaugeVec, Error> {
    let opts = Opts::new("incidentd_engine_silences", "Silences that are held, by state.");
    let gauges = add(registry, IntGaugeVec::new(opts, &["state"])?)?;
    for state in [SilenceState::Active, SilenceState::Pending, SilenceState::Expired] {
        gauges.get_metric_with_label_values(&[&state.to_string()])?;
    }
    Ok(gauges)
}

pub(super) fn gauge(registry: &Registry, name: &str, help: &str) -> Result<IntGauge, Error> {
    add(registry, IntGauge::new(name, help)?)
}

/// Makes a counter for every combination of the labels' values.
pub(super) fn family<'a, const N: usize>(
    registry: &Registry,
    opts: Opts,
    labels: [(&str, &[&'a str]); N],
) -> Result<IntCounterVec, Error> {
    let counters = add(registry, IntCounterVec::new(opts, &labels.map(|(name, _)| name))?)?;
    let mut rows: Vec<Vec<&'a str>> = vec![Vec::new()];
    for (_, values) in labels {
        let with = |row: &[&'a str], value: &'a str| [row, &[value]].concat();
        let longer = rows.iter().flat_map(|row| values.iter().map(|value| with(row, value)));
        rows = longer.collect();
    }
    for row in rows {
        counters.get_metric_with_label_values(&row)?;
    }
    Ok(counters)
}

pub(super) fn refs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics() -> Metrics {
        Metrics::new(&["alertmanager", "native"], &["log", "chat"]).unwrap()
    }

    /// Yields name with labels, and value, of every series of ours.
    fn series(metrics: &Metrics) -> Vec<(String, String)> {
        let text = metrics.encode().unwrap();
        let lines = text.lines().filter(|line| line.starts_with("incidentd_"));
        lines.filter_map(|l| l.rsplit_once(' ')).map(|(n, v)| (n.into(), v.into())).collect()
    }

    #[test]
    fn every_series_is_there_at_zero_before_anything_happened() {
        let series = series(&metrics());
        for (name, count) in [
            ("incidentd_ingest_requests_total{", 2 * 3),
            ("incidentd_ingest_alerts_total{", 2 * 7),
            ("incidentd_notify_notices_total{", 2 * 3 * 4),
            ("incidentd_engine_escalations_total{", 2),
            ("incidentd_rules_reloads_total{", 2),
            ("incidentd_engine_commit_seconds_count", 1),
            ("incidentd_engine_batch_events_count", 1),
            ("incidentd_engine_mailbox_events", 1),
            ("incidentd_engine_silences{", 3),
            ("incidentd_engine_bindings_total{", 3),
            ("incidentd_engine_silenced_alerts", 1),
            ("incidentd_engine_inhibited_alerts", 1),
            ("incidentd_engine_audit_entries_total", 1),
            ("incidentd_engine_returned_total", 1),
            ("incidentd_notify_pending_notices", 1),
            ("incidentd_notify_template_failures_total", 1),
            ("incidentd_notify_tests_total{", 2 * 2),
            ("incidentd_stream_", 3),
        ] {
            let found: Vec<_> = series.iter().filter(|(n, _)| n.starts_with(name)).collect();
            assert_eq!(found.len(), count, "{name}");
            assert!(found.iter().all(|(_, value)| value == "0"), "{found:?}");
        }
        let version = format!("incidentd_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
        assert!(series.contains(&(version, "1".into())));
    }

    #[test]
    fn what_happens_is_counted_where_it_belongs() {
        let metrics = metrics();
        metrics.ingest.answered("native", 202);
        metrics.ingest.answered("native", 503);
        let received = Received { began: 3, repeated: 2, ..Received::default() };
        metrics.ingest.received("alertmanager", &received);
        metrics.notify.count("chat", NoticeKind::Page, Delivery::Withheld);
        metrics.engine.escalated(Ladder::Hierarchical);
        metrics.engine.silences(SilenceState::Pending, 4);
        metrics.engine.bindings(&Bindings { bound: 2, ambiguous: 0, unbound: 5 });
        metrics.engine.bindings(&Bindings { bound: 3, ambiguous: 1, unbound: 5 });
        metrics.engine.committed(5, Duration::from_millis(250));
        metrics.rules.accepted(7, Timestamp::from_millis(1_700_000_000_999));
        metrics.rules.refused();
        metrics.clock_stepped(2);
        metrics.clock_stepped(3);
        let series = series(&metrics);
        for (name, value) in [
            ("incidentd_ingest_requests_total{source=\"native\",status=\"2xx\"}", "1"),
            ("incidentd_ingest_requests_total{source=\"native\",status=\"5xx\"}", "1"),
            ("incidentd_ingest_alerts_total{outcome=\"began\",source=\"alertmanager\"}", "3"),
            ("incidentd_ingest_alerts_total{outcome=\"repeated\",source=\"alertmanager\"}", "2"),
            (
                "incidentd_notify_notices_total{channel=\"chat\",kind=\"page\",result=\"withheld\"}",
                "1",
            ),
            ("incidentd_engine_escalations_total{ladder=\"hierarchical\"}", "1"),
            ("incidentd_engine_silences{state=\"pending\"}", "4"),
            ("incidentd_engine_bindings_total{outcome=\"bound\"}", "3"),
            ("incidentd_engine_bindings_total{outcome=\"ambiguous\"}", "1"),
            ("incidentd_engine_bindings_total{outcome=\"unbound\"}", "5"),
            ("incidentd_engine_batch_events_sum", "5"),
            ("incidentd_engine_commit_seconds_sum", "0.25"),
            ("incidentd_rules_last_reload_successful", "0"),
            ("incidentd_rules_loaded_rules", "7"),
            ("incidentd_rules_last_reload_success_timestamp_seconds", "1700000000"),
            ("incidentd_clock_steps_total", "3"),
        ] {
            assert!(
                series.contains(&(name.into(), value.into())),
                "{name} is not {value}: {series:#?}"
            );
        }
    }

    #[test]
    fn the_process_itself_is_measured() {
        assert!(metrics().encode().unwrap().contains("\nprocess_resident_memory_bytes "));
    }
}
