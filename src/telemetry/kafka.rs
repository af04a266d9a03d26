//! Metrics of what is read from Kafka.

use std::collections::BTreeMap;

use prometheus::{Error, IntCounterVec, IntGaugeVec, Opts, Registry};
use tokio::sync::watch;

use super::metrics::add;
use crate::engine::reply::Consumption;
use crate::model::partition::Partition;

/// What becomes of a record.
const OUTCOMES: [&str; 3] = ["read", "repeated", "unreadable"];

/// What becomes of CIs and relations by a topic that is a table of them.
const DEEDS: [&str; 3] = ["added", "changed", "removed"];

/// What is read from Kafka, by source.
#[derive(Debug)]
pub struct Kafka {
    sources: Vec<String>,
    connected: IntGaugeVec,
    lag: IntGaugeVec,
    halted: IntGaugeVec,
    late: IntGaugeVec,
    records: IntCounterVec,
    rows: IntCounterVec,
    waiting: IntGaugeVec,
    /// Where partitions end, as far as that is known.
    ends: watch::Sender<BTreeMap<Partition, u64>>,
}

/// What became of CIs and relations by rows of a topic, and how many relations of it wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// New ones.
    pub added: usize,
    /// Those of which something is other than before.
    pub changed: usize,
    /// Those that are gone.
    pub removed: usize,
    /// Relations that wait for a CI or for their type.
    pub waiting: usize,
}

/// How it is with one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Records that are not read yet.
    pub lag: u64,
    /// Partitions that wait for a person.
    pub halted: usize,
    /// Partitions that read a backlog.
    pub late: usize,
}

impl Kafka {
    pub(super) fn new(registry: &Registry) -> Result<Self, Error> {
        let gauges = |name: &str, help: &str| {
            add(registry, IntGaugeVec::new(Opts::new(name, help), &["source"])?)
        };
        let records = Opts::new(
            "incidentd_kafka_records_total",
            "Records taken, by source and what became of them.",
        );
        let rows = Opts::new(
            "incidentd_kafka_cmdb_rows_total",
            "CIs and relations that a topic changed, by source and what became of them.",
        );
        Ok(Self {
            sources: Vec::new(),
            connected: gauges(
                "incidentd_kafka_connected",
                "1 while the brokers that a source is read from answer, else 0.",
            )?,
            lag: gauges("incidentd_kafka_lag_records", "Records of a source not read yet.")?,
            halted: gauges(
                "incidentd_kafka_halted_partitions",
                "Partitions of a source that are not read on until a person says so.",
            )?,
            late: gauges(
                "incidentd_kafka_late_partitions",
                "Partitions of a source whose records are from a backlog.",
            )?,
            records: add(registry, IntCounterVec::new(records, &["source", "outcome"])?)?,
            rows: add(registry, IntCounterVec::new(rows, &["source", "outcome"])?)?,
            waiting: gauges(
                "incidentd_kafka_waiting_relations",
                "Relations of a source's topics that wait for a CI or for their type.",
            )?,
            ends: watch::Sender::new(BTreeMap::new()),
        })
    }

    /// Has series for these sources, which are read from Kafka.
    ///
    /// # Errors
    /// When a label is not as it was registered, which the tests rule out.
    pub fn expect(&mut self, sources: &[&str]) -> Result<(), Error> {
        for source in sources {
            for gauges in [&self.connected, &self.lag, &self.halted, &self.late, &self.waiting] {
                gauges.get_metric_with_label_values(&[source])?;
            }
            for outcome in OUTCOMES {
                self.records.get_metric_with_label_values(&[source, outcome])?;
            }
            for deed in DEEDS {
                self.rows.get_metric_with_label_values(&[source, deed])?;
            }
        }
        self.sources = sources.iter().map(|name| (*name).to_owned()).collect();
        Ok(())
    }

    /// Notes that the brokers of a source answer.
    pub fn connected(&self, source: &str) {
        self.connected.with_label_values(&[source]).set(1);
    }

    /// Notes that they do not.
    pub fn away(&self, source: &str) {
        self.connected.with_label_values(&[source]).set(0);
        self.end_at(source, BTreeMap::new());
    }

    /// Notes where the partitions of a source end: the offset of the next record that comes.
    pub fn end_at(&self, source: &str, partitions: BTreeMap<Partition, u64>) {
        self.ends.send_modify(|all| {
            all.retain(|partition, _| *partition.source != *source);
            all.extend(partitions);
        });
    }

    /// Returns where a partition ends; nothing while no broker says so.
    pub fn end(&self, partition: &Partition) -> Option<u64> {
        self.ends.borrow().get(partition).copied()
    }

    /// Notes how it is with a source.
    pub fn stands(&self, source: &str, standing: Standing) {
        let number = |items: usize| i64::try_from(items).unwrap_or(i64::MAX);
        let lag = i64::try_from(standing.lag).unwrap_or(i64::MAX);
        self.lag.with_label_values(&[source]).set(lag);
        self.halted.with_label_values(&[source]).set(number(standing.halted));
        self.late.with_label_values(&[source]).set(number(standing.late));
    }

    /// Counts `records` of which this became.
    pub fn consumed(&self, source: &str, records: usize, done: &Consumption) {
        let all = u64::try_from(records).unwrap_or(u64::MAX);
        let (repeated, unreadable) = (u64::from(done.repeated), u64::from(done.unreadable));
        let read = all.saturating_sub(repeated + unreadable);
        for (outcome, count) in OUTCOMES.iter().zip([read, repeated, unreadable]) {
            self.records.with_label_values(&[source, outcome]).inc_by(count);
        }
    }

    /// Counts what a change of the CMDB by a source's topics did.
    pub fn table(&self, source: &str, table: &Table) {
        let Table { added, changed, removed, waiting } = *table;
        for (deed, count) in DEEDS.iter().zip([added, changed, removed]) {
            self.rows.with_label_values(&[source, deed]).inc_by(count as u64);
        }
        let waiting = i64::try_from(waiting).unwrap_or(i64::MAX);
        self.waiting.with_label_values(&[source]).set(waiting);
    }

    /// Returns a line for each source that says how it is with it.
    pub fn lines(&self) -> String {
        let line = |source: &String| {
            let value = |of: &IntGaugeVec| of.with_label_values(&[source]).get();
            let link = if value(&self.connected) == 1 { "connected" } else { "not connected" };
            let (lag, halted) = (value(&self.lag), value(&self.halted));
            format!(
                "kafka source {source}: {link}, {lag} records to read, {halted} partitions halted\n"
            )
        };
        self.sources.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_has_its_line() {
        let registry = Registry::new();
        let mut kafka = Kafka::new(&registry).unwrap();
        kafka.expect(&["a", "b"]).unwrap();
        let series: usize = registry.gather().iter().map(|f| f.get_metric().len()).sum();
        assert_eq!(series, 2 * (5 + 3 + 3), "every series is there at zero");
        kafka.connected("b");
        kafka.stands("b", Standing { lag: 7, halted: 1, late: 0 });
        assert_eq!(
            kafka.lines(),
            "kafka source a: not connected, 0 records to read, 0 partitions halted\n\
             kafka source b: connected, 7 records to read, 1 partitions halted\n"
        );
        let partition =
            |source: &str, number| Partition { source: source.into(), topic: "t".into(), number };
        kafka.end_at("a", [(partition("a", 0), 3), (partition("a", 1), 0)].into());
        kafka.end_at("b", [(partition("b", 0), 9)].into());
        kafka.end_at("a", [(partition("a", 0), 2)].into());
        let ends =
            [("a", 0), ("a", 1), ("b", 0)].map(|(of, number)| kafka.end(&partition(of, number)));
        assert_eq!(ends, [Some(2), None, Some(9)]);
        kafka.away("b");
        assert_eq!(kafka.end(&partition("b", 0)), None, "who is away says nothing");
        let done = Consumption { unreadable: 2, repeated: 1, ..Consumption::default() };
        kafka.consumed("a", 10, &done);
        let count = |outcome| kafka.records.with_label_values(&["a", outcome]).get();
        assert_eq!(OUTCOMES.map(count), [7, 1, 2]);
        let table = Table { added: 3, changed: 2, removed: 1, waiting: 4 };
        kafka.table("b", &table);
        kafka.table("b", &table);
        let count = |deed| kafka.rows.with_label_values(&["b", deed]).get();
        assert_eq!(DEEDS.map(count), [6, 4, 2]);
        assert_eq!(kafka.waiting.with_label_values(&["b"]).get(), 4);
    }
}
