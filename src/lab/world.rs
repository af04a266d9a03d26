//! A small world around the engine: time that jumps from deadline to deadline, a disk in memory,
//! and channels that take every message at once.

use super::image::Image;
use crate::engine::State;
use crate::engine::changes::{Changes, Saved};
use crate::engine::context::Context;
use crate::engine::event::{Event, Reply};
use crate::model::notice::{Notice, NoticeKind, NoticeState};
use crate::model::time::Timestamp;

/// Where a world puts what changed.
pub trait Disk {
    /// Takes a batch of changes as a whole.
    fn take(&mut self, changes: Changes);

    /// Learns that a notice reached its person.
    fn deliver(&mut self, notice: &Notice);
}

/// Keeps everything, in plain maps.
#[derive(Debug, Default)]
pub struct Everything {
    image: Image,
    sent: Vec<Notice>,
}

impl Disk for Everything {
    fn take(&mut self, changes: Changes) {
        self.image.apply(&changes);
    }

    fn deliver(&mut self, notice: &Notice) {
        self.sent.push(notice.clone());
    }
}

/// The engine with everything it talks to.
#[derive(Debug)]
pub struct World<D = Everything> {
    ctx: Context,
    state: State,
    disk: D,
}

impl World {
    /// Begins an empty world at `start`.
    pub fn new(ctx: Context, start: Timestamp) -> Self {
        Self::on(Everything::default(), ctx, start)
    }

    /// Returns all that is stored.
    pub fn image(&self) -> &Image {
        &self.disk.image
    }

    /// Returns every notice that was delivered, in order.
    pub fn sent(&self) -> &[Notice] {
        &self.disk.sent
    }

    /// Yields the delivered pages.
    pub fn pages(&self) -> impl Iterator<Item = &Notice> {
        self.sent().iter().filter(|notice| notice.kind == NoticeKind::Page)
    }
}

impl<D: Disk> World<D> {
    /// Begins an empty world at `start` on a disk of one's own.
    pub fn on(disk: D, ctx: Context, start: Timestamp) -> Self {
        let state = State::restore(Saved::default(), &ctx, start);
        Self { ctx, state, disk }
    }

    /// Returns the time of the last event.
    pub fn now(&self) -> Timestamp {
        self.state.now()
    }

    /// Returns what the engine decides by.
    pub fn context(&self) -> &Context {
        &self.ctx
    }

    /// Returns what was made of the changes so far.
    pub fn disk_mut(&mut self) -> &mut D {
        &mut self.disk
    }

    /// Ends it and returns what was made of the changes.
    pub fn into_disk(self) -> D {
        self.disk
    }

    /// Lets one event happen at `at`, after all deadlines until then.
    pub fn event(&mut self, event: &Event, at: Timestamp) -> Reply {
        self.meet_deadlines(at);
        self.step(event, at)
    }

    /// Lets time pass until `to`, stopping at every deadline on the way.
    pub fn advance(&mut self, to: Timestamp) {
        self.meet_deadlines(to);
        self.step(&Event::Tick, to);
    }

    fn meet_deadlines(&mut self, to: Timestamp) {
        while let Some(due) = self.state.next_due().filter(|due| *due <= to) {
            let at = due.max(self.now());
            self.step(&Event::Tick, at);
        }
    }

    fn step(&mut self, event: &Event, at: Timestamp) -> Reply {
        let reply = self.state.apply(&self.ctx, event, at);
        self.commit();
        while let Some(notice) = self.waiting(at) {
            let channel = notice.channel_name().into();
            self.disk.deliver(&notice);
            self.state.apply(&self.ctx, &Event::Delivered { notice: notice.id, channel }, at);
            self.commit();
        }
        reply
    }

    fn commit(&mut self) {
        self.disk.take(self.state.drain(&self.ctx));
    }

    /// Returns the first notice that is to be sent by now.
    fn waiting(&self, at: Timestamp) -> Option<Notice> {
        let due = |notice: &&Notice| notice.state == NoticeState::Pending && notice.due_at <= at;
        self.state.notices().find(due).cloned()
    }
}
