//! Decides what happens. One pure function, [`State::apply`]: synchronous, total, deterministic.
//!
//! No clock, disk, socket, log, random number or hash order: time is an argument, ids are counters,
//! and what is to be stored or sent leaves as [`changes::Changes`]. Production, rule tests and the
//! simulator run this same code. Reading order: `event` (what can happen), `state` with `alerts`,
//! `lookup`, `alike`, `cases` and `live` (what is held), `pending` with `ids` (what changed), `ahead`
//! (what is read before it is asked for); then the stages: `deduplicate` with `ending`, `suppress`,
//! `correlate` with `matched`, `opening` and `roots`, `known_error`, `topology` with `walks` and `sure`, `gather`, `related`,
//! `suspects` and `unite`, `prioritise` with `terms`, `assign`, `escalate` with `deadlines`,
//! `acceptance`, `promise` and `waiting`, `notices` with `receipts` and `standing`, `resolve` with
//! `verify` and `confirm`; what comes by Kafka: `consume`; what rules ask about the rest: `around`,
//! `census`; who is called: `overrides`; what people do: `handle` with `transfer`, `regroup`, `desk`
//! with `afterwards`, `major` with `response`, `watch` and `review` with `followed`, `report` with
//! `reporters`, `planning`, `audit`; what came of rules: `credit`, `shadow` and `why_not`; last
//! `auditor`, `drain`, `restore`, `rebind` and `retain`; beside them `sparse` and `lately`, in which
//! several of these find things, `stored` and `clocks`, for whoever shows what there is, and `stages`,
//! for whoever takes the time.

mod acceptance;
mod affected;
pub mod afterwards;
mod ahead;
mod alerts;
mod alike;
mod around;
mod assign;
mod audit;
mod auditor;
pub mod bindings;
mod budget;
pub mod bulletins;
mod canary;
mod cases;
mod census;
pub mod changes;
mod cis;
pub mod clocks;
mod confirm;
mod consume;
pub mod context;
mod correlate;
mod credit;
pub mod deadlines;
mod deduplicate;
mod deliveries;
mod describe;
mod desk;
mod drain;
mod ending;
mod escalate;
pub mod event;
mod followed;
mod gather;
mod handle;
mod ids;
mod journal;
mod known_error;
mod lately;
mod live;
mod lookup;
mod major;
mod matched;
mod notices;
mod opening;
pub mod order;
mod overrides;
pub mod own;
mod pending;
mod planning;
mod prioritise;
mod promise;
mod quarantine;
mod reason;
pub mod rebind;
mod receipts;
mod redundancy;
pub mod refusal;
mod regroup;
mod related;
pub mod reply;
mod report;
mod reporters;
mod resolve;
mod response;
mod restore;
mod retain;
mod review;
mod roots;
mod shadow;
mod sparse;
pub mod stages;
mod standing;
mod state;
pub mod stored;
mod suppress;
mod sure;
mod suspects;
mod tally;
mod terms;
mod threads;
pub mod timers;
mod topology;
mod transfer;
#[cfg(test)]
pub(crate) mod trap;
mod unite;
mod users;
mod verify;
mod waiting;
mod walks;
mod watch;
pub mod weights;
mod why_not;

use std::sync::Arc;

use changes::{Changes, Saved};
use context::Context;
use event::Event;
use rebind::Forecast;
use reply::{Received, Reply};
use stages::Stages;
use timers::Timer;

pub use alerts::SavedAlert;
pub use assign::NextLine;
pub use restore::{DEAF_AFTER, derive};
pub use state::State;
pub use timers::Parked;
pub use why_not::Tried;

use crate::model::alert::Occurrence;
use crate::model::incident::IncidentId;
use crate::model::notice::CANARY;
use crate::model::progress::Progress;
use crate::model::review::next_due;
use crate::model::terms::Promise;
use crate::model::time::Timestamp;

/// Old signatures are dropped when an hour begins.
const HOUR_MS: i64 = 3_600_000;

impl State {
    /// Goes on from stored rows at `now`; an empty [`Saved`] is the beginning.
    pub fn restore(mut saved: Saved, ctx: &Context, now: Timestamp) -> Self {
        derive(&mut saved.alerts, ctx);
        Self::go_on(saved, ctx, now)
    }

    /// Like [`State::restore`], for stored alerts that [`derive()`] has seen with the same context.
    pub fn go_on(saved: Saved, ctx: &Context, now: Timestamp) -> Self {
        let mut state = restore::restore(saved, ctx, now);
        state.counters.now = state.counters.now.max(now);
        state
    }

    /// Lets one event happen at `now`, after everything that fell due until then.
    ///
    /// Time never goes back: an earlier `now` counts as that of the last event. What changed is held
    /// until [`State::drain`]; nothing of it may be seen before that is stored.
    pub fn apply(&mut self, ctx: &Context, event: &Event, now: Timestamp) -> Reply {
        self.apply_watched(ctx, event, now, &mut ())
    }

    /// Like [`State::apply`]; says how far the alerts of a delivery have got. For whoever takes the
    /// time.
    pub fn apply_watched(
        &mut self,
        ctx: &Context,
        event: &Event,
        now: Timestamp,
        stages: &mut impl Stages,
    ) -> Reply {
        let before = self.counters.now;
        let now = now.max(before);
        self.counters.now = now;
        if now.millis() / HOUR_MS > before.millis() / HOUR_MS {
            let keep = ctx.rules.lifecycle.recurrence.max(known_error::COUNTED);
            resolve::prune_recurrences(self, keep, now);
            deliveries::prune(self, ctx, now);
            planning::prune(self, now);
            overrides::prune(self, now);
            budget::prune(self, now);
            self.afterwards.prune(now);
            gather::prune(self, ctx, now);
            credit::prune(self, ctx, now);
            auditor::audit(self, ctx, now);
        }
        bulletins::prune(self, ctx, now);
        self.run_timers(ctx, now);
        // Before the event: another topology is taken over with nothing else to do.
        rebind::let_go(self);
        rebind::review(self, ctx, now);
        let reply = self.handle(ctx, event, now, stages);
        prioritise::settle(self, ctx, now);
        suppress::inhibit::settle(self, ctx, now);
        self.reschedule(ctx);
        // What came too late for its own deadline, a lease that had ended on its way.
        self.run_timers(ctx, now);
        reply
    }

    /// Takes all that changed since the last time, to be stored as a whole.
    pub fn drain(&mut self, ctx: &Context) -> Changes {
        drain::drain(self, ctx)
    }

    #[expect(clippy::too_many_lines, reason = "an arm for each event, and nothing else")]
    fn handle(
        &mut self,
        ctx: &Context,
        event: &Event,
        now: Timestamp,
        stages: &mut impl Stages,
    ) -> Reply {
        match event {
            Event::Received { source, occurrences } if **source == *CANARY => {
                return Reply::Received(canary::receive(self, occurrences, now));
            }
            Event::Received { source, occurrences } => {
                return Reply::Received(self.receive(ctx, (source, occurrences), now, stages));
            }
            Event::Handle(order) => return handle::handle(self, ctx, order, now),
            Event::Report(filing) => return report::file(self, ctx, filing, now),
            Event::ByLink { notice, action, order } => {
                return handle::by_link(self, ctx, (notice.seq, *action), order, now);
            }
            Event::Afterwards { record, order } => {
                return afterwards::carry_out(self, ctx, (record, order), now);
            }
            Event::Silence { silence, replaces } => {
                return suppress::silence(self, ctx, silence, *replaces, now);
            }
            Event::PlanChanges { changes, rest, by } => {
                return planning::plan(self, ctx, (changes, *rest, by), now);
            }
            Event::PlanOverrides { stand_ins, by, note } => {
                return overrides::plan(self, ctx, (stand_ins, by, note), now);
            }
            Event::DropOverride { number, by } => {
                return overrides::drop(self, *number, by, now);
            }
            Event::Unsilence { id, by } => return suppress::unsilence(self, ctx, *id, by, now),
            Event::Audit { by, action, object, detail } => {
                let detail = detail.clone();
                audit::note(self, now, audit::Deed { by, action, object, detail });
            }
            Event::Delivered { notice, channel, thread } => {
                let thread = thread.as_ref().map(|(place, message)| (&**place, &**message));
                receipts::delivered(self, *notice, (channel, thread), now);
            }
            Event::Failed { notice, channel, error, retry_in } => {
                let failure =
                    receipts::Failure { notice: *notice, channel, error, retry_in: *retry_in };
                receipts::failed(self, &failure, now);
            }
            Event::Published { bulletins } => bulletins::published(self, bulletins),
            Event::Withheld { notice, because } => receipts::withheld(self, *notice, because, now),
            Event::Once { delivery, event } => {
                return deliveries::once(self, ctx, *delivery, event, now);
            }
            Event::Quarantine(what) => {
                gather::absence::heard_source(self, ctx, &what.source, now);
                return Reply::Quarantined(quarantine::add(self, ctx, what, now));
            }
            Event::Replay { id, source, occurrences } => {
                return quarantine::replay(self, ctx, *id, (source, occurrences), now);
            }
            Event::Consumed(batch) => return consume::consume(self, ctx, batch, now),
            Event::Halt { partition, why } => {
                return consume::halt(self, ctx, (partition, why), now);
            }
            Event::Seek { partition, to, by } => {
                return consume::seek(self, ctx, (partition, *to, by), now);
            }
            Event::DropQuarantined(id) => return quarantine::remove(self, *id),
            Event::Retry { notices, by } => return receipts::retry(self, notices, by, now),
            Event::Forget { incidents, episodes, journal_before } => {
                self.pending.journal_before = *journal_before;
                return Reply::Forgotten(retain::forget(self, incidents, episodes, now));
            }
            Event::TopologyChanged(forecast) => {
                let changed = rebind::rebind(self, ctx, forecast);
                shadow::reindex(self, ctx);
                suppress::reconfigure(self, ctx, now);
                if ctx.rules.can_inhibit() {
                    suppress::inhibit::rebound(self, ctx, &changed);
                }
            }
            Event::RulesChanged(forecast) => rebind::rerule(self, ctx, forecast, now),
            Event::Tick => {}
        }
        Reply::Done
    }

    /// True when the records of a batch are the next ones of a partition that is read.
    pub fn is_next(&self, batch: &event::Consumed) -> bool {
        consume::is_next(self, batch)
    }

    fn receive(
        &mut self,
        ctx: &Context,
        (source, occurrences): (&Arc<str>, &[Occurrence]),
        now: Timestamp,
        stages: &mut impl Stages,
    ) -> Received {
        gather::absence::heard_source(self, ctx, source, now);
        let id = self.source(source);
        let by = deduplicate::Delivery { ctx, source: id, source_name: source, now };
        deduplicate::receive(self, &by, occurrences, stages)
    }

    /// Looks at every alert and every open incident anew.
    fn reconfigure(&mut self, ctx: &Context, forecast: &Forecast, now: Timestamp) {
        restore::reindex(self, ctx, forecast);
        suppress::reconfigure(self, ctx, now);
        let open: Vec<IncidentId> =
            self.incidents.keys().copied().filter(|id| self.is_open(*id)).collect();
        for id in &open {
            known_error::review(self, ctx, *id, now);
        }
        self.pending.unsettled.extend(open);
    }

    fn run_timers(&mut self, ctx: &Context, now: Timestamp) {
        while let Some((at, timer)) = self.timers.take_due(now) {
            #[cfg(test)]
            trap::due(self, timer);
            match timer {
                Timer::Alert(alert) => ending::due(self, ctx, alert, at, now),
                Timer::Incident(id) => self.incident_due(ctx, id, now),
                Timer::Silence(id) => suppress::due(self, ctx, id, at, now),
                Timer::Windows => suppress::planned::due(self, ctx, at),
                Timer::Watch(key) => gather::absence::due(self, ctx, key, at, now),
            }
            prioritise::settle(self, ctx, now);
            suppress::inhibit::settle(self, ctx, now);
            self.reschedule(ctx);
        }
    }

    fn incident_due(&mut self, ctx: &Context, id: IncidentId, now: Timestamp) {
        if let Some(case) = self.incidents.get_mut(&id) {
            case.timer = None;
            self.pending.rescheduled.insert(id);
        } else if let Some(followed) = self.followed.get_mut(&id) {
            followed.timer = None;
            self.pending.rescheduled.insert(id);
        }
        review::take_due(self, ctx, id, now);
        if !self.is_open(id) {
            verify::take_due(self, ctx, id, now);
            watch::take_due(self, id, now);
            if self.closes_at(ctx, id).is_some_and(|at| at <= now) {
                confirm::close_silently(self, ctx, id, now);
            }
            return;
        }
        gather::storm::end_if_due(self, ctx, id, now);
        let Some(case) = self.incidents.get(&id) else { return };
        if resolve::resolves_at(self, ctx, &case.record).is_some_and(|at| at <= now) {
            resolve::by_itself(self, ctx, id, now);
            return;
        }
        if related::part_if_due(self, ctx, id, now) {
            return;
        }
        known_error::due(self, ctx, id, now);
        prioritise::due(self, id, now);
        escalate::expire(self, ctx, id, now);
        escalate::take_due(self, ctx, id, now);
        acceptance::take_due(self, ctx, id, now);
        promise::take_due(self, ctx, id, now);
        waiting::take_due(self, ctx, id, now);
        standing::take_due(self, ctx, id, now);
        standing::plan(self, ctx, id, now);
    }

    fn closes_at(&self, ctx: &Context, id: IncidentId) -> Option<Timestamp> {
        let record = &self.incidents.get(&id)?.record;
        match record.progress {
            Progress::Resolved { at, .. } if record.parent.is_none() => {
                if record.awaiting_verification {
                    return None;
                }
                let usual = at.plus(ctx.rules.lifecycle.close_after);
                let closes_at = confirm::closes_at(record, usual)?;
                Some(watch::until(record).map_or(closes_at, |until| closes_at.max(until)))
            }
            Progress::New
            | Progress::Acknowledged { .. }
            | Progress::InProgress { .. }
            | Progress::OnHold { .. }
            | Progress::Resolved { .. }
            | Progress::Closed { .. }
            | Progress::Cancelled { .. } => None,
        }
    }

    /// Sets the timer of every changed incident to its next deadline.
    fn reschedule(&mut self, ctx: &Context) {
        while let Some(id) = self.pending.rescheduled.pop_first() {
            schedule(self, ctx, id);
        }
    }
}

/// Sets an incident's timer to its next deadline.
fn schedule(state: &mut State, ctx: &Context, id: IncidentId) {
    let next = next_deadline(state, ctx, id);
    let timer = match state.incidents.get_mut(&id) {
        Some(case) => Some(&mut case.timer),
        None => state.followed.get_mut(&id).map(|followed| &mut followed.timer),
    };
    let Some(timer) = timer.filter(|timer| **timer != next) else { return };
    if let Some(old) = core::mem::replace(timer, next) {
        state.timers.unset(old, Timer::Incident(id));
    }
    if let Some(at) = next {
        state.timers.set(at, Timer::Incident(id));
    }
}

/// Returns when something of an incident falls due next.
fn next_deadline(state: &State, ctx: &Context, id: IncidentId) -> Option<Timestamp> {
    let record = state.record(id)?;
    let action = next_due(&record.actions, ctx.rules.majors.patience);
    if !state.is_open(id) {
        let others = [record.closure.verify_at, watch::until(record), state.closes_at(ctx, id)];
        return others.into_iter().chain([action]).flatten().min();
    }
    let lapses = record.progress.holder().map(|(_, until)| until);
    let resolves = resolve::resolves_at(state, ctx, record);
    let accepts = record.assignments.next_due();
    let steps =
        [record.functional.due_at, record.hierarchical.due_at, record.resolving.due_at, accepts];
    let promised = record.terms.promise.as_ref().and_then(Promise::next_due);
    let storm_ends = gather::storm::ends_at(ctx, record);
    let quiet_until = record.known_error.as_ref().and_then(|known| known.quiet_until);
    let supplier = record.terms.supplier.and_then(|it| it.due_at);
    let in_state = record.terms.in_state.and_then(|it| it.due_at);
    let (parts, again) = (record.likely.parts_at, record.assessment.until);
    let others = [lapses, resolves, storm_ends, record.update_at, quiet_until, parts, again];
    let terms = [promised, supplier, in_state, action];
    let others = others.into_iter().chain(terms);
    steps.into_iter().chain(others).flatten().min()
}
