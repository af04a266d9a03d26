//! Plays recorded alerts through a set of rules, in virtual time, on the production engine.
//!
//! Nobody answers in a replay and nothing is silenced: what comes out is what the rules alone make
//! of the alerts. Read `ledger` for what is kept of it, `compare` for two sets of rules side by side.

mod compare;
mod ledger;
mod run;
#[cfg(test)]
mod tests;

use core::time::Duration;
use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::cmdb::Topology;
use crate::engine::context::{Context, Limits};
use crate::engine::event::Event;
use crate::engine::reply::Reply;
use crate::engine::weights::Weights;
use crate::ingest::recorded::Recorded;
use crate::model::alert::{Occurrence, Signal};
use crate::model::labels::Fingerprint;
use crate::model::time::Timestamp;
use crate::rules::RuleSet;

pub use compare::{Comparison, Difference, Totals, compare};
pub use ledger::Paged;
use ledger::Slot;
use run::Run;

/// How long is played beyond the last line, so that waits and lingers come to their end.
const TAIL: Duration = Duration::from_hours(1);

/// The source of what names none.
const SOURCE: &str = "replay";

/// One set of rules at play.
#[derive(Debug)]
pub struct Replay {
    rules: Arc<RuleSet>,
    topology: Arc<Topology>,
    weights: Weights,
    /// Begins with the first line, at its time.
    run: Option<Run>,
    fed: Vec<Fed>,
    /// Under which source each alert began: the same has to end it.
    held_by: HashMap<Fingerprint, Arc<str>, RandomState>,
    anonymous: Arc<str>,
}

/// An alert of a line.
#[derive(Clone, Copy, Debug)]
struct Fed {
    line: u64,
    /// The episode it belongs to; none where the engine refused it.
    slot: Option<Slot>,
}

/// What became of the alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Every alert of every line, in their order.
    pub alerts: Vec<Placed>,
    /// The incidents that are part of no other, by number.
    pub incidents: Vec<Opened>,
    /// Episodes that began.
    pub began: u64,
}

/// Where an alert of a line ended up, after all adoptions and splits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The line, from 0; several alerts of one message have the same.
    pub line: u64,
    /// The number of its record; none when it is in no incident.
    pub record: Option<u64>,
    /// The number of the incident that is part of no other.
    pub incident: Option<u64>,
}

/// An incident that is part of no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Its number.
    pub number: u64,
    /// The CI of its root; none where the root is bound to none.
    pub root: Option<Arc<str>>,
    /// CIs that may be the cause, the likeliest first.
    pub suspects: Vec<Arc<str>>,
    /// Episodes of alerts that belong to it, those of its subordinates included.
    pub members: u64,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it was resolved; none while it is open.
    pub resolved_at: Option<Timestamp>,
    /// Its last priority.
    pub priority: crate::model::priority::Priority,
    /// What is broken, in one line.
    pub title: String,
    /// The rule it is handled under.
    pub rule: Option<Arc<str>>,
    /// The first page for it or for what became part of it.
    pub paged: Option<Paged>,
    /// The alert of the input that its root's episode began with.
    root_fed: Option<u64>,
}

impl Replay {
    /// Prepares to play with these rules on this topology.
    pub fn new(rules: Arc<RuleSet>, topology: Arc<Topology>) -> Self {
        let anonymous = SOURCE.into();
        let (fed, held_by) = (Vec::new(), HashMap::default());
        let weights = Weights::default();
        Self { rules, topology, weights, run: None, fed, held_by, anonymous }
    }

    /// Weighs likelihood by other constants than those in force.
    #[must_use]
    pub fn weighed(mut self, weights: Weights) -> Self {
        self.weights = weights;
        self
    }

    /// Lets a line happen, after everything that fell due before it. Lines are taken in their order:
    /// one that is earlier than the one before it happens at the time of that.
    pub fn feed(&mut self, line: u64, recorded: &Recorded) {
        let mut run = self.run.take().unwrap_or_else(|| self.begin(recorded.at));
        for occurrence in &recorded.occurrences {
            let source = self.source(recorded, occurrence);
            let at = recorded.at.max(run.now());
            let number = self.fed.len() as u64;
            let occurrences = vec![occurrence.clone()];
            let reply = run.event(&Event::Received { source, occurrences }, at);
            let taken = matches!(&reply, Reply::Received(received) if received.refused.is_empty());
            let slot = run.ledger.place(occurrence.fingerprint, number);
            self.fed.push(Fed { line, slot: slot.filter(|_| taken) });
        }
        self.run = Some(run);
    }

    fn begin(&self, start: Timestamp) -> Run {
        // Not: the limit of a source. What was recorded was let in.
        let limits = Limits { alerts_per_source: u32::MAX, ..Limits::default() };
        let mut ctx = Context::new(Arc::clone(&self.rules), Arc::clone(&self.topology), limits);
        ctx.weights = self.weights;
        Run::new(ctx, start)
    }

    /// Returns who says so. Only the source that holds an alert can end it, and who ends one in the
    /// journal is the last of several.
    fn source(&mut self, recorded: &Recorded, occurrence: &Occurrence) -> Arc<str> {
        let Some(named) = recorded.source.as_deref() else { return Arc::clone(&self.anonymous) };
        match occurrence.signal {
            Signal::Firing { .. } => {
                let held = self.held_by.entry(occurrence.fingerprint);
                Arc::clone(held.or_insert_with(|| named.into()))
            }
            Signal::Resolved { .. } => {
                self.held_by.remove(&occurrence.fingerprint).unwrap_or_else(|| named.into())
            }
        }
    }

    /// Plays an hour on and says what became of everything.
    pub fn finish(self) -> Outcome {
        let Some(mut run) = self.run else { return Outcome::default() };
        let end = run.now().plus(TAIL);
        run.event(&Event::Tick, end);
        let ledger = run.ledger;
        let placed = |fed: &Fed| ledger.placed(fed.line, fed.slot);
        Outcome {
            alerts: self.fed.iter().map(placed).collect(),
            incidents: ledger.incidents(),
            began: ledger.began(),
        }
    }
}
