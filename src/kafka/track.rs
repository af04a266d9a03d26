//! Where to begin in a partition, or why not to: decided by what is stored and what the broker says.
//!
//! A record that counts and is gone is never jumped over: the partition is halted, and a person says
//! from where it is to be read.

use crate::model::partition::Position;

/// What the broker says of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// The id of the cluster; empty when it does not say.
    pub(super) cluster: Box<str>,
    /// The offset of the oldest record there is.
    pub(super) low: u64,
    /// The offset that the next record gets.
    pub(super) high: u64,
}

/// What to do with a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Read from this offset.
    Read(u64),
    /// Read the record before the next one first: it must have this mark.
    Compare {
        /// Its offset.
        at: u64,
        /// Its mark.
        mark: u64,
    },
    /// Nothing, it waits for a person.
    Halted,
    /// It cannot be read on, for this reason.
    Halt(String),
}

/// Decides how to go on with a partition that was read before.
pub(super) fn judge(position: &Position, extent: &Extent) -> Verdict {
    let Position { partition, cluster, next, mark, halted, .. } = position;
    let Extent { low, high, .. } = extent;
    if halted.is_some() {
        return Verdict::Halted;
    }
    let is_another = !cluster.is_empty() && !extent.cluster.is_empty();
    if is_another && *cluster != extent.cluster {
        let what = format!(
            "the brokers belong to cluster {}, and it was read from cluster {cluster}",
            extent.cluster
        );
        return Verdict::Halt(with_remedy(&what, position));
    }
    if next < low {
        let what = format!(
            "{} records from offset {next} on are gone before they were read; the oldest is {low} \
             (retention, or somebody deleted records)",
            low - next
        );
        return Verdict::Halt(with_remedy(&what, position));
    }
    if next > high {
        let what = format!(
            "it ends at offset {high}, and was read up to {next}: topic `{}` was made anew, or the \
             broker lost records",
            partition.topic
        );
        return Verdict::Halt(with_remedy(&what, position));
    }
    match mark {
        Some(mark) if next > low => Verdict::Compare { at: next - 1, mark: *mark },
        Some(_) | None => Verdict::Read(*next),
    }
}

/// Says that the record before the next one is another than was read.
pub(super) fn made_anew(position: &Position) -> String {
    let what = format!(
        "at offset {} stands another record than was read there: topic `{}` was made anew",
        position.next.saturating_sub(1),
        position.partition.topic
    );
    with_remedy(&what, position)
}

/// Says that the partition is not there any more.
pub(super) fn missing(position: &Position) -> String {
    let topic = &position.partition.topic;
    let what = format!("topic `{topic}` has no such partition any more");
    with_remedy(&what, position)
}

fn with_remedy(what: &str, position: &Position) -> String {
    let it = &position.partition;
    format!(
        "{what}; say from where to go on: incidentd kafka seek {} --topic {} --partition {} --to \
         beginning|end|OFFSET",
        it.source, it.topic, it.number
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::partition::{Halted, Partition};
    use crate::model::time::Timestamp;

    fn position(next: u64, mark: Option<u64>) -> Position {
        Position {
            partition: Partition { source: "s".into(), topic: "t".into(), number: 3 },
            cluster: "c".into(),
            next,
            edge: None,
            mark,
            turn: 0,
            is_late: false,
            halted: None,
            minute: 0,
            good: 0,
            bad: 0,
        }
    }

    #[test]
    fn a_partition_is_read_on_only_where_nothing_is_missing() {
        for (cluster, next, mark, (low, high), expected) in [
            ("c", 5, None, (0, 9), Ok(Verdict::Read(5))),
            ("c", 5, None, (5, 5), Ok(Verdict::Read(5))),
            ("", 5, None, (5, 9), Ok(Verdict::Read(5))),
            ("c", 5, Some(7), (0, 9), Ok(Verdict::Compare { at: 4, mark: 7 })),
            ("c", 5, Some(7), (4, 5), Ok(Verdict::Compare { at: 4, mark: 7 })),
            ("c", 5, Some(7), (5, 9), Ok(Verdict::Read(5))),
            ("c", 0, Some(7), (0, 9), Ok(Verdict::Read(0))),
            ("c", 5, None, (6, 9), Err("1 records from offset 5 on are gone")),
            ("c", 5, None, (0, 4), Err("it ends at offset 4, and was read up to 5")),
            ("d", 5, None, (0, 9), Err("cluster d, and it was read from cluster c")),
        ] {
            let extent = Extent { cluster: cluster.into(), low, high };
            let found = judge(&position(next, mark), &extent);
            match (found, expected) {
                (Verdict::Halt(why), Err(says)) => {
                    let remedy = "kafka seek s --topic t --partition 3 --to";
                    assert!(why.contains(says) && why.contains(remedy), "{why}");
                }
                (found, expected) => assert_eq!(Ok(found), expected),
            }
        }
        let halted = Some(Halted { at: Timestamp::EPOCH, why: "x".into() });
        let extent = Extent { cluster: "d".into(), low: 0, high: 0 };
        let found = judge(&Position { halted, ..position(5, None) }, &extent);
        assert_eq!(found, Verdict::Halted);
    }
}
