//! Plays a plan: every event is applied, stored, checked; crashes come where the seed says.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use incidentd::engine::State;
use incidentd::engine::changes::{Changes, Saved};
use incidentd::engine::context::Context;
use incidentd::engine::event::Event;
use incidentd::engine::order::Command;
use incidentd::lab::image::Image;
use incidentd::model::audit::Seal;
use incidentd::model::labels::{FNV_OFFSET, fnv};
use incidentd::model::time::Timestamp;

use crate::bulletins::Follower;
use crate::channels::Channels;
use crate::invariants::{self, Before, Sealed};
use crate::plan::{Dice, START, Step, context, plan};

/// Turns after which what is to be done at once has to be done.
const TURNS_MAX: u32 = 1_000;

/// Where the process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crashes {
    /// Nowhere.
    None,
    /// Before what it decided is on the disk; all senders try again.
    Lost,
    /// After some of what it decided is on the disk and before it was answered; all senders try again,
    /// also those whose messages were stored.
    Unanswered,
}

/// What is left at the end.
pub struct End {
    pub image: Image,
    pub steps: u64,
    pub crashes: u64,
}

struct Sim {
    seed: u64,
    ctx: Context,
    state: State,
    /// What is on the disk.
    image: Image,
    crashes: Crashes,
    crash_dice: Dice,
    follower: Follower,
    sealed: Sealed,
    channels: Channels,
    steps: u64,
    crashed: u64,
}

/// Plays a seed.
pub fn play(seed: u64, crashes: Crashes) -> End {
    watched(seed, crashes, &mut |_, _| {})
}

/// Plays a seed and shows what is stored after each steps of its plan that came together.
pub fn watched(seed: u64, crashes: Crashes, watch: &mut dyn FnMut(&[Step], &Image)) -> End {
    let ctx = context();
    let state = State::restore(Saved::default(), &ctx, START);
    let mut sim = Sim {
        seed,
        ctx,
        state,
        image: Image::default(),
        crashes,
        crash_dice: Dice::new(!seed),
        follower: Follower::default(),
        sealed: Sealed::default(),
        channels: Channels::new(seed),
        steps: 0,
        crashed: 0,
    };
    let mut broker = Dice::new(seed ^ 0xb01e);
    let mut mailbox = Dice::new(seed ^ 0xba7c);
    let steps = plan(seed);
    let mut rest = &steps[..];
    while let Some(first) = rest.first() {
        if first.starts {
            sim.start(first.at);
        }
        let most = *mailbox.pick(&[1, 1, 1, 2, 3, 4]);
        let (together, later) = rest.split_at(waiting(rest, most));
        rest = later;
        let written = mailbox.roll(together.len() as u64);
        sim.happen(together.split_at(usize::try_from(written).unwrap()));
        sim.deliver();
        sim.publish(&mut broker);
        watch(together, &sim.image);
    }
    End { image: sim.image, steps: sim.steps, crashes: sim.crashed }
}

/// Returns how many of the next steps wait at once, while a commit is being written: what comes within
/// seconds, and of each sender one delivery, who waits for the answer.
fn waiting(steps: &[Step], most: usize) -> usize {
    let Some(first) = steps.first() else { return 0 };
    let until = first.at.plus(Duration::from_secs(20));
    let mut senders: BTreeSet<&str> = sender(&first.event).into_iter().collect();
    let mut count = 1;
    for step in steps.iter().take(most).skip(1) {
        if step.starts || step.at >= until {
            break;
        }
        if sender(&step.event).is_some_and(|it| !senders.insert(it)) {
            break;
        }
        count += 1;
    }
    count
}

fn sender(event: &Event) -> Option<&str> {
    if let Event::Consumed(batch) = event {
        return Some(&batch.partition.source);
    }
    event.alerts().map(|(source, _)| &**source)
}

impl Sim {
    /// Lets steps happen that come together, all at the time of the last: the first ones are still being
    /// written when the others are decided on.
    fn happen(&mut self, (written, decided): (&[Step], &[Step])) {
        let Some(now) = decided.last().map(|step| step.at) else { return };
        let batches: Vec<&[Step]> =
            [written, decided].into_iter().filter(|batch| !batch.is_empty()).collect();
        self.steps += batches.iter().map(|batch| batch.len() as u64).sum::<u64>();
        let mut before = Before::default();
        let mut changes = self.decide(&batches, now);
        let dies = self.crashes != Crashes::None && self.crash_dice.roll(4) == 0;
        if dies && self.crashes == Crashes::Lost {
            self.crash();
            changes = self.decide(&batches, now);
        }
        if dies && self.crashes == Crashes::Unanswered {
            // A write is there as a whole or, being torn, not at all; and none without those before it.
            let kept = 1 + self.crash_dice.roll(batches.len() as u64);
            let (stored, torn) = batches.split_at(usize::try_from(kept).unwrap());
            changes.truncate(stored.len());
            self.commit(&mut before, &changes);
            let again = stored.iter().copied().flatten().filter(|step| has_sender(&step.event));
            // Whoever sees that something else came in between looks first.
            let alone = stored.len() == 1 && stored[0].len() == 1;
            let again = again.filter(|step| alone || !is_by_hand(&step.event));
            if stored.len() < batches.len() || again.clone().count() > 0 {
                self.crash();
            }
            changes = again.map(|step| self.take(core::slice::from_ref(step), now)).collect();
            changes.extend(self.decide(torn, now));
        }
        self.commit(&mut before, &changes);
        self.go_on(&mut before, now);
        let sealed = self.sealed.follow(&self.image);
        let checked = sealed.and_then(|()| invariants::check(&self.ctx, &before, &self.image));
        checked.unwrap_or_else(|broken| {
            panic!(
                "seed {}, step {}: {broken}\nby {batches:#?}\nafter {before:#?}\n{:#?}",
                self.seed, self.steps, self.image.timeline
            )
        });
    }

    fn decide(&mut self, batches: &[&[Step]], now: Timestamp) -> Vec<Changes> {
        batches.iter().map(|batch| self.take(batch, now)).collect()
    }

    /// Decides on a batch.
    fn take(&mut self, batch: &[Step], now: Timestamp) -> Changes {
        for step in batch {
            self.state.apply(&self.ctx, &step.event, now);
        }
        self.state.drain(&self.ctx)
    }

    /// Does what is still to be done at once, as the daemon does when nothing comes.
    fn go_on(&mut self, before: &mut Before, now: Timestamp) {
        for _ in 0..TURNS_MAX {
            if self.state.next_due().is_none_or(|due| due > now) {
                return;
            }
            let turn = Step::at(now, Event::Tick);
            let changes = self.take(core::slice::from_ref(&turn), now);
            self.commit(before, &[changes]);
        }
        panic!("seed {}, step {}: it is never done", self.seed, self.steps);
    }

    /// Dies and comes back at once, with what is stored.
    fn crash(&mut self) {
        self.crashed += 1;
        let now = self.image.counters.now.max(START);
        self.state = State::restore(self.image.saved(), &self.ctx, now);
    }

    /// Was stopped, and starts; what that changed is on the disk before anything else happens.
    fn start(&mut self, now: Timestamp) {
        self.state = State::restore(self.image.saved(), &self.ctx, now);
        self.channels.forget();
        let changes = self.take(&[Step::at(now, Event::Tick)], now);
        self.commit(&mut Before::default(), &[changes]);
    }

    fn commit(&mut self, before: &mut Before, all: &[Changes]) {
        for changes in all {
            before.note(changes, &self.image);
            self.image.apply(changes);
            self.follower.follow(changes, &self.image).unwrap_or_else(|broken| {
                panic!("seed {}, step {}: {broken}", self.seed, self.steps)
            });
        }
    }

    /// Lets the broker take some of what waits, or not.
    fn publish(&mut self, broker: &mut Dice) {
        if broker.roll(3) > 0 {
            return;
        }
        let some = usize::try_from(broker.roll(9)).unwrap();
        let bulletins = self.image.bulletins.keys().copied().take(some).collect();
        self.happen((&[], &[Step::at(self.state.now(), Event::Published { bulletins })]));
    }

    /// Lets channels take what is due, and hears what they say of it.
    fn deliver(&mut self) {
        let now = self.state.now();
        for event in self.channels.send(&self.image, now) {
            self.happen((&[], &[Step::at(now, event)]));
        }
    }
}

/// True when somebody outside sends an event again who got no answer; what a channel reported is not
/// repeated, the notice is.
fn has_sender(event: &Event) -> bool {
    match event {
        Event::Received { .. }
        | Event::Retry { .. }
        | Event::Once { .. }
        | Event::ByLink { .. }
        | Event::Consumed(_)
        | Event::Afterwards { .. }
        | Event::DropQuarantined(_) => true,
        // What a person says twice is done twice, unless the order carries a key.
        Event::Handle(order) => {
            matches!(order.command, Command::Acknowledge { .. } | Command::Resolve(_))
        }
        Event::Report(_)
        | Event::Silence { .. }
        | Event::Unsilence { .. }
        | Event::PlanChanges { .. }
        | Event::PlanOverrides { .. }
        | Event::DropOverride { .. }
        | Event::Audit { .. }
        | Event::Delivered { .. }
        | Event::Failed { .. }
        | Event::Withheld { .. }
        | Event::Published { .. }
        | Event::Quarantine(_)
        | Event::Replay { .. }
        | Event::Halt { .. }
        | Event::Seek { .. }
        | Event::Forget { .. }
        | Event::TopologyChanged(_)
        | Event::RulesChanged(_)
        | Event::Tick => false,
    }
}

/// True for what a person wants, and numbers by nothing.
fn is_by_hand(event: &Event) -> bool {
    matches!(event, Event::Handle(_) | Event::Retry { .. } | Event::DropQuarantined(_))
}

/// Hashes all that is stored, to the last bit.
pub fn digest(image: &Image) -> u64 {
    fnv(FNV_OFFSET, format!("{image:?}").as_bytes())
}

/// Returns what must not depend on a message coming twice: everything but counters of messages and
/// the lines that tell of the second one.
pub fn essence(image: &Image) -> Image {
    let mut image = image.clone();
    for row in image.alerts.values_mut().chain(image.episodes.values_mut()) {
        row.state.revision = 0;
        row.state.occurrences = 0;
    }
    for incident in image.incidents.values_mut() {
        incident.revision = 0;
        incident.timeline_len = 0;
        incident.version = 0;
    }
    image.timeline = BTreeMap::new();
    image.bulletins = BTreeMap::new();
    image.counters.bulletins = 0;
    image.audit = BTreeMap::new();
    image.counters.batch = 0;
    (image.counters.audited, image.counters.seal) = (0, Seal::default());
    for notice in image.notices.values_mut() {
        notice.attempts = 0;
        notice.last_error = String::new();
    }
    image.policies.values_mut().for_each(|policy| *policy = Arc::clone(policy));
    image
}
