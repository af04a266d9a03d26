//! Plays a plan: every event is applied, stored, checked; crashes come where the seed says.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use incidentd::engine::State;
use incidentd::engine::changes::Saved;
use incidentd::engine::context::Context;
use incidentd::engine::event::Event;
use incidentd::engine::order::Command;
use incidentd::lab::image::Image;
use incidentd::model::audit::Seal;
use incidentd::model::labels::{FNV_OFFSET, fnv};
use incidentd::model::notice::NoticeState;
use incidentd::model::time::Timestamp;

use crate::bulletins::Follower;
use crate::invariants;
use crate::plan::{Dice, START, Step, context, plan};

/// Where the process dies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Crashes {
    /// Nowhere.
    None,
    /// After an event was applied and before it was stored; its sender tries again.
    Lost,
    /// After an event was stored and before it was answered; its sender tries again, too.
    Unanswered,
}

/// What is left at the end.
pub struct End {
    pub image: Image,
    pub steps: u64,
    pub crashes: u64,
}

struct Sim {
    ctx: Context,
    state: State,
    image: Image,
    crashes: Crashes,
    crash_dice: Dice,
    follower: Follower,
    steps: u64,
    crashed: u64,
}

/// Plays a seed.
pub fn play(seed: u64, crashes: Crashes) -> End {
    let ctx = context();
    let state = State::restore(Saved::default(), &ctx, START);
    let mut sim = Sim {
        ctx,
        state,
        image: Image::default(),
        crashes,
        crash_dice: Dice::new(!seed),
        follower: Follower::default(),
        steps: 0,
        crashed: 0,
    };
    let mut channel = Dice::new(seed ^ 0x5eed);
    let mut broker = Dice::new(seed ^ 0xb01e);
    for step in plan(seed) {
        sim.happen(&step, seed);
        sim.deliver(&mut channel, step.at, seed);
        sim.publish(&mut broker, step.at, seed);
    }
    End { image: sim.image, steps: sim.steps, crashes: sim.crashed }
}

impl Sim {
    fn happen(&mut self, step: &Step, seed: u64) {
        self.steps += 1;
        let before = self.image.incidents.clone();
        self.state.apply(&self.ctx, &step.event, step.at);
        if self.crashes == Crashes::Lost && self.crash_dice.roll(4) == 0 {
            self.crash();
            self.state.apply(&self.ctx, &step.event, step.at);
        }
        self.commit(seed);
        let crashes = self.crashes == Crashes::Unanswered && self.crash_dice.roll(4) == 0;
        if crashes && has_sender(&step.event) {
            self.crash();
            self.state.apply(&self.ctx, &step.event, step.at);
            self.commit(seed);
        }
        invariants::check(&self.ctx, &before, &self.image).unwrap_or_else(|broken| {
            panic!(
                "seed {seed}, step {}: {broken}\nby {:#?}\nafter {:#?}\n{:#?}",
                self.steps, step.event, before, self.image.timeline
            )
        });
    }

    /// Dies and comes back at once, with what is stored.
    fn crash(&mut self) {
        self.crashed += 1;
        let now = self.image.counters.now.max(START);
        self.state = State::restore(self.image.saved(), &self.ctx, now);
    }

    fn commit(&mut self, seed: u64) {
        let changes = self.state.drain(&self.ctx);
        self.image.apply(&changes);
        self.follower
            .follow(&changes, &self.image)
            .unwrap_or_else(|broken| panic!("seed {seed}, step {}: {broken}", self.steps));
    }

    /// Lets the broker take some of what waits, or not.
    fn publish(&mut self, broker: &mut Dice, at: Timestamp, seed: u64) {
        if broker.roll(3) > 0 {
            return;
        }
        let some = usize::try_from(broker.roll(9)).unwrap();
        let bulletins = self.image.bulletins.keys().copied().take(some).collect();
        let at = at.max(self.state.now());
        self.happen(&Step { at, event: Event::Published { bulletins } }, seed);
    }

    /// Lets channels take what is due, or not.
    fn deliver(&mut self, channel: &mut Dice, at: Timestamp, seed: u64) {
        let at = at.max(self.state.now());
        let due: Vec<_> = self
            .image
            .notices
            .values()
            .filter(|notice| notice.state == NoticeState::Pending && notice.due_at <= at)
            .cloned()
            .collect();
        for notice in due {
            let name = notice.channel_name().into();
            let event = match channel.roll(6) {
                0 => Event::Failed {
                    notice: notice.id,
                    channel: name,
                    error: "503".into(),
                    retry_in: Some(Duration::from_secs(30)),
                },
                1 => Event::Failed {
                    notice: notice.id,
                    channel: name,
                    error: "410".into(),
                    retry_in: None,
                },
                _ => Event::Delivered { notice: notice.id, channel: name, thread: None },
            };
            self.happen(&Step { at, event }, seed);
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
        | Event::Reconfigured
        | Event::TopologyChanged(_)
        | Event::Tick => false,
    }
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
