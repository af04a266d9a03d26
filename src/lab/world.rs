//! A small world around the engine: time that jumps from deadline to deadline, a disk in memory,
//! and channels that take every message at once.

use std::sync::Arc;

use super::image::Image;
use crate::cmdb::Topology;
use crate::engine::State;
use crate::engine::changes::Saved;
use crate::engine::context::Context;
use crate::engine::event::Event;
use crate::engine::rebind::{Forecast, Told};
use crate::engine::reply::Reply;
use crate::model::labels::Fingerprint;
use crate::model::notice::{Notice, NoticeKind, NoticeState};
use crate::model::time::Timestamp;
use crate::rules::Subject;

/// The engine with everything it talks to.
#[derive(Debug)]
pub struct World {
    ctx: Context,
    state: State,
    image: Image,
    sent: Vec<Notice>,
    #[cfg(test)]
    holds: bool,
}

/// Builds what is decided by anew with the relations that hold at a time.
fn context_at(ctx: &Context, version: u64, at: Timestamp) -> Option<Context> {
    // Rows of a topology make one: they were checked.
    let topology = Topology::at(version, ctx.topology.rows(), at).ok()?;
    Some(Context::new(Arc::clone(&ctx.rules), Arc::new(topology), ctx.limits))
}

impl World {
    /// Begins an empty world at `start`, with the relations that hold then.
    pub fn new(ctx: Context, start: Timestamp) -> Self {
        let ctx = if ctx.topology.is_dated() {
            let version = ctx.topology.version();
            context_at(&ctx, version, start).unwrap_or(ctx)
        } else {
            ctx
        };
        let state = State::restore(Saved::default(), &ctx, start);
        Self {
            ctx,
            state,
            image: Image::default(),
            sent: Vec::new(),
            #[cfg(test)]
            holds: false,
        }
    }

    /// Returns the time of the last event.
    pub fn now(&self) -> Timestamp {
        self.state.now()
    }

    /// Returns all that is stored.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// Returns how many closed incidents are held for what their reviews want.
    #[cfg(test)]
    pub(super) fn followed(&self) -> usize {
        self.state.followed().count()
    }

    /// Returns what the engine decides by.
    pub fn context(&self) -> &Context {
        &self.ctx
    }

    /// Asks something about an alert amid what is around it now; `None` when it is not held.
    pub fn ask_about<R>(
        &self,
        alert: Fingerprint,
        ask: impl FnOnce(&Subject<'_>) -> R,
    ) -> Option<R> {
        self.state.ask_about(&self.ctx, alert, ask)
    }

    /// Returns every notice that was delivered, in order.
    pub fn sent(&self) -> &[Notice] {
        &self.sent
    }

    /// Yields the delivered pages.
    pub fn pages(&self) -> impl Iterator<Item = &Notice> {
        self.sent.iter().filter(|notice| notice.kind == NoticeKind::Page)
    }

    /// Lets one event happen at `at`, after all deadlines until then.
    pub fn event(&mut self, event: &Event, at: Timestamp) -> Reply {
        self.advance(at);
        self.step(event, at)
    }

    /// Lets time pass until `to`, stopping at every deadline on the way.
    pub fn advance(&mut self, to: Timestamp) {
        loop {
            let deadline = self.next_due().filter(|due| *due <= to);
            let bound = self.ctx.topology.next_bound().filter(|bound| *bound <= to);
            let Some(due) = deadline.into_iter().chain(bound).min() else { break };
            let at = due.max(self.now());
            let version = self.ctx.topology.version() + 1;
            let new =
                bound.filter(|bound| *bound <= at).map(|_| context_at(&self.ctx, version, at));
            match new.flatten() {
                Some(new) => self.rebuild(new, at),
                None => _ = self.step(&Event::Tick, at),
            }
        }
        self.step(&Event::Tick, to);
    }

    /// Returns when something falls due next, or a notice that was held back goes out.
    fn next_due(&self) -> Option<Timestamp> {
        let waits = |it: &&Notice| it.state == NoticeState::Pending && it.due_at > self.now();
        let held = self.image.notices.values().filter(waits);
        held.map(|notice| notice.due_at).chain(self.state.next_due()).min()
    }

    /// Puts other rules in force.
    #[cfg(test)]
    pub(super) fn reload(&mut self, rules: Arc<crate::rules::RuleSet>, at: Timestamp) {
        self.advance(at);
        let topology = Arc::clone(&self.ctx.topology);
        let new = Context::new(rules, topology, self.ctx.limits);
        let forecast = self.foretold(&new, Forecast::of_rules(&self.ctx, &new));
        self.ctx = new;
        self.step(&Event::RulesChanged(Arc::new(forecast)), at);
        // What other rules touch is decided on in turns that are due at once.
        self.advance(at);
    }

    /// Puts another topology in force, as the daemon does.
    pub(super) fn rebuild(&mut self, new: Context, at: Timestamp) {
        let forecast = Forecast::new(&self.ctx.topology, &new.topology);
        let forecast = self.foretold(&new, forecast);
        self.ctx = new;
        self.step(&Event::TopologyChanged(Arc::new(forecast)), at);
    }

    /// Foretells what becomes of all alerts.
    fn foretold(&self, new: &Context, mut forecast: Forecast) -> Forecast {
        for row in self.image.alerts.values() {
            let told = Told { labels: &row.labels, severity: row.state.severity.as_deref() };
            forecast.foretell([&self.ctx, new], row.labels.fingerprint(), told);
        }
        forecast
    }

    /// Starts anew from what is stored.
    #[cfg(test)]
    pub(super) fn restart(&mut self, at: Timestamp) {
        self.state = State::restore(self.image.saved(), &self.ctx, at);
        self.advance(at);
    }

    /// Has the channels take nothing from now on.
    #[cfg(test)]
    pub(super) fn hold_deliveries(&mut self) {
        self.holds = true;
    }

    /// Returns how many alerts fire and are inhibited.
    #[cfg(test)]
    pub(super) fn inhibited(&self) -> usize {
        self.state.alerts_inhibited()
    }

    fn step(&mut self, event: &Event, at: Timestamp) -> Reply {
        let reply = self.state.apply(&self.ctx, event, at);
        self.commit();
        self.deliver(at);
        reply
    }

    fn commit(&mut self) {
        let changes = self.state.drain(&self.ctx);
        self.image.apply(&changes);
    }

    fn deliver(&mut self, at: Timestamp) {
        #[cfg(test)]
        if self.holds {
            return;
        }
        loop {
            let due =
                |notice: &&Notice| notice.state == NoticeState::Pending && notice.due_at <= at;
            let Some(notice) = self.image.notices.values().find(due).cloned() else { return };
            let channel = notice.channel_name().into();
            let delivered = Event::Delivered { notice: notice.id, channel, thread: None };
            self.sent.push(notice);
            self.state.apply(&self.ctx, &delivered, at);
            self.commit();
        }
    }
}
