//! The engine at play, with its deadlines, and channels that take every message at once.
//!
//! As [`super::super::world`], but what changed is taken once for each line and not after each
//! deadline: nobody looks in between, and it is a good part of the time a replay takes.

use super::ledger::Ledger;
use crate::engine::State;
use crate::engine::changes::Saved;
use crate::engine::context::Context;
use crate::engine::event::Event;
use crate::engine::reply::Reply;
use crate::model::notice::{Notice, NoticeState};
use crate::model::time::Timestamp;

#[derive(Debug)]
pub(super) struct Run {
    ctx: Context,
    state: State,
    pub(super) ledger: Ledger,
    /// Notices that were delivered and that the ledger does not know of.
    sent: Vec<Notice>,
}

impl Run {
    pub(super) fn new(ctx: Context, start: Timestamp) -> Self {
        let state = State::restore(Saved::default(), &ctx, start);
        Self { ctx, state, ledger: Ledger::default(), sent: Vec::new() }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.state.now()
    }

    /// Lets one event happen at `at`, after all deadlines until then.
    pub(super) fn event(&mut self, event: &Event, at: Timestamp) -> Reply {
        while let Some(due) = self.next_due().filter(|due| *due <= at) {
            let due = due.max(self.now());
            self.step(&Event::Tick, due);
        }
        let reply = self.step(event, at);
        self.ledger.take(self.state.drain(&self.ctx));
        for notice in self.sent.drain(..) {
            self.ledger.deliver(&notice);
        }
        reply
    }

    /// Returns when something falls due next, or a notice that was held back goes out.
    fn next_due(&self) -> Option<Timestamp> {
        let waits = |it: &&Notice| it.state == NoticeState::Pending && it.due_at > self.now();
        let held = self.state.notices().filter(waits);
        held.map(|notice| notice.due_at).chain(self.state.next_due()).min()
    }

    fn step(&mut self, event: &Event, at: Timestamp) -> Reply {
        let reply = self.state.apply(&self.ctx, event, at);
        while let Some(notice) = self.waiting(at) {
            let channel = notice.channel_name().into();
            let delivered = Event::Delivered { notice: notice.id, channel, thread: None };
            self.state.apply(&self.ctx, &delivered, at);
            self.sent.push(notice);
        }
        reply
    }

    fn waiting(&self, at: Timestamp) -> Option<Notice> {
        let due = |notice: &&Notice| notice.state == NoticeState::Pending && notice.due_at <= at;
        self.state.notices().find(due).cloned()
    }
}
