//! The order of sending: each channel by itself, pages first, then by due time. Pure.
//!
//! A channel that hangs holds up nobody but itself.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::incident::RecordId;
use crate::model::notice::{Notice, NoticeId, NoticeKind};
use crate::model::time::Timestamp;

/// Attempts at one channel at a time; reliability.md, "Outbox".
const CONCURRENCY: usize = 4;

const KINDS: [NoticeKind; 3] = [NoticeKind::Page, NoticeKind::Ticket, NoticeKind::Update];

/// Pending notices. Each is here at most once, so there are never more than the store holds.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: BTreeMap<NoticeId, Notice>,
    lanes: BTreeMap<Box<str>, Lane>,
}

/// One channel.
#[derive(Debug, Default)]
struct Lane {
    /// Invariant: holds exactly the notices of `waiting` that are for this channel.
    order: BTreeSet<(NoticeKind, Timestamp, NoticeId)>,
    /// Attempts under way.
    sending: usize,
}

impl Queue {
    /// Adds a notice, in place of an earlier version of it. The next version of one that was taken
    /// may come before [`Self::done`]: its attempt has been reported by then.
    pub(super) fn put(&mut self, notice: Notice) {
        self.remove(notice.id);
        let lane = self.lanes.entry(notice.channel_name().into()).or_default();
        lane.order.insert((notice.kind, notice.due_at, notice.id));
        self.waiting.insert(notice.id, notice);
    }

    /// Takes a notice that is due and whose channel has room; it counts as being sent until
    /// [`Self::done`].
    pub(super) fn take(&mut self, now: Timestamp) -> Option<Notice> {
        let mut lanes = self.lanes.values_mut().filter(|lane| lane.sending < CONCURRENCY);
        let (lane, id) = lanes.find_map(|lane| lane.next(now).map(|id| (lane, id)))?;
        lane.sending += 1;
        self.remove(id)
    }

    /// Ends the attempt at a taken notice.
    pub(super) fn done(&mut self, notice: &Notice) {
        let name = notice.channel_name();
        if let Some(lane) = self.lanes.get_mut(name) {
            lane.sending = lane.sending.saturating_sub(1);
            if lane.sending == 0 && lane.order.is_empty() {
                self.lanes.remove(name);
            }
        }
    }

    /// Returns how long it is until the next notice falls due at a channel with room.
    pub(super) fn wait(&self, now: Timestamp) -> Option<Duration> {
        let lanes = self.lanes.values().filter(|lane| lane.sending < CONCURRENCY);
        let firsts = lanes.flat_map(|lane| KINDS.into_iter().filter_map(|kind| lane.first(kind)));
        firsts.map(|(due_at, _)| due_at.since(now)).min()
    }

    /// Returns how many notices wait, those being sent not counted.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    fn remove(&mut self, id: NoticeId) -> Option<Notice> {
        let notice = self.waiting.remove(&id)?;
        if let Some(lane) = self.lanes.get_mut(notice.channel_name()) {
            lane.order.remove(&(notice.kind, notice.due_at, notice.id));
        }
        Some(notice)
    }
}

impl Lane {
    fn next(&self, now: Timestamp) -> Option<NoticeId> {
        let mut firsts = KINDS.into_iter().filter_map(|kind| self.first(kind));
        firsts.find(|(due_at, _)| *due_at <= now).map(|(_, id)| id)
    }

    fn first(&self, kind: NoticeKind) -> Option<(Timestamp, NoticeId)> {
        const LEAST: NoticeId = NoticeId { incident: RecordId(0), seq: 0 };
        let mut rest = self.order.range((kind, Timestamp::from_millis(i64::MIN), LEAST)..);
        rest.next().filter(|(k, _, _)| *k == kind).map(|(_, due_at, id)| (*due_at, *id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(seq: u32, kind: NoticeKind, channel: &str, due_ms: i64) -> Notice {
        Notice {
            kind,
            due_at: Timestamp::from_millis(due_ms),
            channels: vec![channel.into()],
            ..crate::notify::tests::page(1, seq)
        }
    }

    fn take_all(queue: &mut Queue, now_ms: i64) -> Vec<u32> {
        let now = Timestamp::from_millis(now_ms);
        core::iter::from_fn(|| queue.take(now)).map(|notice| notice.id.seq).collect()
    }

    #[test]
    fn pages_go_first_and_nothing_goes_before_its_time() {
        let mut queue = Queue::default();
        for (seq, kind, due_ms) in [
            (1, NoticeKind::Update, 0),
            (2, NoticeKind::Ticket, 0),
            (3, NoticeKind::Page, 9),
            (4, NoticeKind::Page, 8),
            (5, NoticeKind::Page, 11),
        ] {
            queue.put(notice(seq, kind, "a", due_ms));
        }
        assert_eq!(queue.wait(Timestamp::from_millis(-5)), Some(Duration::from_millis(5)));
        assert_eq!(take_all(&mut queue, 10), [4, 3, 2, 1]);
        assert_eq!(queue.len(), 1);
    }

    #[test]
    fn a_channel_takes_four_at_a_time_and_holds_up_no_other() {
        let mut queue = Queue::default();
        for seq in 1..=6 {
            queue.put(notice(seq, NoticeKind::Page, "hangs", 0));
        }
        queue.put(notice(7, NoticeKind::Page, "works", 5));
        assert_eq!(take_all(&mut queue, 0), [1, 2, 3, 4]);
        assert_eq!(queue.wait(Timestamp::EPOCH), Some(Duration::from_millis(5)));
        assert_eq!(take_all(&mut queue, 5), [7]);
        assert_eq!(queue.wait(Timestamp::EPOCH), None);
        queue.done(&notice(1, NoticeKind::Page, "hangs", 0));
        assert_eq!(take_all(&mut queue, 5), [5]);
    }

    #[test]
    fn a_later_version_takes_the_place_of_the_earlier() {
        let mut queue = Queue::default();
        queue.put(notice(1, NoticeKind::Page, "a", 0));
        queue.put(notice(1, NoticeKind::Page, "b", 20));
        assert_eq!((take_all(&mut queue, 19), queue.len()), (vec![], 1));
        let taken = queue.take(Timestamp::from_millis(20)).unwrap();
        assert_eq!(taken.channel_name(), "b");
        // The next version may come before the attempt is over, and the attempt's end is no end of it.
        queue.put(notice(1, NoticeKind::Page, "b", 30));
        queue.done(&taken);
        assert_eq!(take_all(&mut queue, 30), [1]);
    }
}
