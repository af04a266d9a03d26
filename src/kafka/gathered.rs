//! Rows of topics that hold a CMDB, gathered until they are one change of it.

use core::time::Duration;
use std::collections::BTreeMap;

use super::flow::Taken;
use super::reader::Place;
use crate::clock;
use crate::cmdb::Said;
use crate::engine::event::{Content, Record};

/// How long no row may have come before those that came are one change.
const SETTLED: Duration = Duration::from_millis(500);

/// How long rows are gathered that go on coming.
const AGE_MAX: Duration = Duration::from_secs(10);

/// Rows, and bytes of their keys and values, after which they are one change, however many more there
/// are: what is held of them is some four times as much.
const ROWS_MAX: usize = 100_000;
const BYTES_MAX: usize = 32 << 20;

/// Rows that are not handed on yet.
#[derive(Default)]
pub(super) struct Gathered {
    /// What they say, and where each stands in `parts` with its record.
    pub(super) said: Vec<Said>,
    pub(super) rows: Vec<(Place, usize, Taken)>,
    /// All records of each partition, in their order.
    pub(super) parts: BTreeMap<Place, Vec<Record>>,
    /// Records that go to the quarantine.
    pub(super) bad: Vec<(Place, Taken, String)>,
    pub(super) bytes: usize,
    /// When the first and the last came.
    pub(super) began: Duration,
    pub(super) heard: Duration,
    /// Until when nothing is made, unless there is no room for more.
    pub(super) rests: Duration,
}

impl Gathered {
    /// Counts the records.
    pub(super) fn records(&self) -> usize {
        self.parts.values().map(Vec::len).sum()
    }

    pub(super) fn is_due(&self, now: Duration) -> bool {
        if self.parts.is_empty() {
            return false;
        }
        let is_full = self.said.len() >= ROWS_MAX || self.bytes >= BYTES_MAX;
        let is_whole = now >= self.heard + SETTLED || now >= self.began + AGE_MAX;
        is_full || (is_whole && now >= self.rests)
    }

    pub(super) fn add(&mut self, place: Place, taken: Taken, read: Result<Said, Content>) {
        let now = clock::monotonic();
        if self.parts.is_empty() {
            self.began = now;
        }
        self.heard = now;
        self.bytes += taken.len();
        let records = self.parts.entry(place.clone()).or_default();
        let (offset, mark) = taken.seen(|raw| (raw.offset, raw.mark()));
        match read {
            Ok(said) => {
                self.said.push(said);
                self.rows.push((place, records.len(), taken));
                records.push(Record { offset, mark, content: Content::Nothing });
            }
            Err(content) => {
                self.bad.push((place, taken, reason(&content)));
                records.push(Record { offset, mark, content });
            }
        }
    }

    /// Forgets what came of a partition: it is read from elsewhere, or not any more.
    pub(super) fn forget(&mut self, place: &Place) {
        if self.parts.remove(place).is_none() {
            return;
        }
        let said = core::mem::take(&mut self.said).into_iter();
        let rows = core::mem::take(&mut self.rows).into_iter();
        for (said, row) in said.zip(rows).filter(|(_, (of, ..))| of != place) {
            self.said.push(said);
            self.rows.push(row);
        }
        self.bad.retain(|(of, ..)| of != place);
    }

    /// Takes rows out that do not go with the rest.
    pub(super) fn refuse(
        &mut self,
        refused: Vec<(usize, String)>,
        unreadable: impl Fn(&Taken, String) -> Content,
    ) {
        let mut refused = refused.into_iter().peekable();
        let said = core::mem::take(&mut self.said).into_iter();
        let rows = core::mem::take(&mut self.rows).into_iter();
        for (at, (said, (place, index, taken))) in said.zip(rows).enumerate() {
            let Some((_, why)) = refused.next_if(|(refused, _)| *refused == at) else {
                self.said.push(said);
                self.rows.push((place, index, taken));
                continue;
            };
            let content = unreadable(&taken, why);
            let why = reason(&content);
            let record = self.parts.get_mut(&place).and_then(|records| records.get_mut(index));
            if let Some(record) = record {
                record.content.clone_from(&content);
            }
            self.bad.push((place, taken, why));
        }
    }
}

fn reason(content: &Content) -> String {
    match content {
        Content::Unreadable(what) => what.reason.clone(),
        Content::Alerts { .. } | Content::Planned { .. } | Content::Nothing => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::quarantine::{Cause, Unhandled};

    fn unreadable(_: &Taken, reason: String) -> Content {
        Content::Unreadable(Box::new(Unhandled {
            source: "t".into(),
            format: "cmdb".into(),
            cause: Cause::Unreadable,
            reason,
            content_type: "".into(),
            body: [][..].into(),
            origin: None,
        }))
    }

    fn gathered(rows: &[(&str, u64, &str)]) -> Gathered {
        let mut gathered = Gathered::default();
        for (topic, offset, key) in rows {
            let taken = Taken::made(*offset, key, None);
            let read = match *key {
                "" => Err(unreadable(&taken, "no key".into())),
                key => Ok(Said::CiGone(key.into())),
            };
            gathered.add(((*topic).into(), 0), taken, read);
        }
        gathered
    }

    /// What is said, and the offsets of each partition with those set aside marked.
    fn words(gathered: &Gathered) -> (Vec<String>, Vec<String>) {
        let said = gathered.said.iter().map(|said| format!("{said:?}"));
        let offset = |record: &Record| {
            let mark = if matches!(record.content, Content::Nothing) { "" } else { "!" };
            format!("{}{mark}", record.offset)
        };
        let part = |((topic, _), records): (&Place, &Vec<Record>)| {
            format!("{topic} {}", records.iter().map(offset).collect::<Vec<_>>().join(" "))
        };
        (said.collect(), gathered.parts.iter().map(part).collect())
    }

    #[test]
    fn rows_are_one_change_once_they_rest_or_are_many() {
        let mut rows = gathered(&[("a", 1, "x")]);
        (rows.began, rows.heard) = (Duration::from_secs(100), Duration::from_secs(105));
        let is_due = |rows: &Gathered, ms| rows.is_due(Duration::from_millis(ms));
        for (ms, due) in [(105_000, false), (105_499, false), (105_500, true)] {
            assert_eq!(is_due(&rows, ms), due, "{ms}");
        }
        rows.heard = Duration::from_millis(109_999);
        assert!(!is_due(&rows, 109_999) && is_due(&rows, 110_000), "rows that go on coming");
        rows.rests = Duration::from_mins(2);
        assert!(!is_due(&rows, 119_999) && is_due(&rows, 120_000), "the last one cost much");
        rows.bytes = BYTES_MAX;
        assert!(is_due(&rows, 105_000), "there is no room for more");
        assert!(!is_due(&Gathered::default(), 1_000_000));
    }

    #[test]
    fn what_does_not_go_with_the_rest_is_set_aside_at_its_offset() {
        let mut rows = gathered(&[("a", 1, "x"), ("b", 7, "y"), ("a", 3, ""), ("a", 4, "z")]);
        assert_eq!(words(&rows).1, ["a 1 3! 4", "b 7"]);
        rows.refuse(vec![(0, "wrong".into()), (2, "worse".into())], unreadable);
        assert_eq!(
            words(&rows),
            (vec![r#"CiGone("y")"#.into()], vec!["a 1! 3! 4!".into(), "b 7".into()])
        );
        let bad: Vec<&str> = rows.bad.iter().map(|(_, _, why)| &**why).collect();
        assert_eq!(bad, ["no key", "wrong", "worse"]);
    }

    #[test]
    fn of_a_partition_that_is_read_from_elsewhere_nothing_is_kept() {
        let mut rows = gathered(&[("a", 1, "x"), ("b", 7, "y"), ("a", 3, ""), ("b", 8, "z")]);
        rows.forget(&("a".into(), 0));
        let said = vec![r#"CiGone("y")"#.into(), r#"CiGone("z")"#.into()];
        assert_eq!(words(&rows), (said, vec!["b 7 8".into()]));
        assert!(rows.bad.is_empty());
        rows.refuse(vec![(1, "wrong".into())], unreadable);
        assert_eq!(words(&rows).1, ["b 7 8!"]);
    }
}
