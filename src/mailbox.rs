//! The bounded door into the engine: everything that changes the state goes through it.
//!
//! Work is answered after it is on disk, never before. Who works it off is `daemon::driver`. There are
//! two queues, because alerts come by the ten thousand and people one by one: what brings alerts waits
//! in the one, and whatever people and channels say in the other, which is always worked off first. So
//! an acknowledgement in a storm waits for the batch that is being worked on, not for the storm.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::cmdb::Revision;
use crate::engine::context::Context;
use crate::engine::event::{Consumed, Event};
use crate::engine::rebind::Forecast;
use crate::engine::reply::Reply;

/// Something for the engine's thread to do.
#[derive(Debug)]
pub enum Work {
    /// Let an event happen.
    Event(Event),
    /// Put another topology in the place of the present one.
    Topology(Box<NewTopology>),
    /// Decide by other rules from now on.
    Rules(Box<NewRules>),
}

/// A topology that is ready to be decided by: all that takes long is done.
#[derive(Debug)]
pub struct NewTopology {
    /// The version and the rules that it was made for; it is taken only while both are in force.
    pub base: Arc<Context>,
    /// What to decide by from then on.
    pub context: Arc<Context>,
    /// What it means for the alerts.
    pub forecast: Arc<Forecast>,
    /// What to store.
    pub revision: Arc<Revision>,
    /// The records that it was made of; none of them counts unless it is taken.
    pub read: Vec<Consumed>,
}

/// Rules that are ready to be decided by: all that takes long is done.
#[derive(Debug)]
pub struct NewRules {
    /// What they were made for; they are taken only while it is in force.
    pub base: Arc<Context>,
    /// What to decide by from then on.
    pub context: Arc<Context>,
    /// What it means for the alerts.
    pub forecast: Arc<Forecast>,
}

impl Work {
    /// True for what sources bring, which has to stay in its order and may be much.
    pub(crate) fn is_intake(&self) -> bool {
        match self {
            Self::Event(event) => brings_alerts(event),
            Self::Topology(_) | Self::Rules(_) => false,
        }
    }
}

fn brings_alerts(event: &Event) -> bool {
    match event {
        Event::Once { event, .. } => brings_alerts(event),
        // A halt is about what comes behind the records that were read before it.
        Event::Received { .. } | Event::Quarantine(_) | Event::Consumed(_) | Event::Halt { .. } => {
            true
        }
        Event::Handle(_)
        | Event::Report(_)
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
        | Event::ByLink { .. }
        | Event::Afterwards { .. }
        | Event::Replay { .. }
        | Event::Seek { .. }
        | Event::DropQuarantined(_)
        | Event::Retry { .. }
        | Event::Forget { .. }
        | Event::TopologyChanged(_)
        | Event::RulesChanged(_)
        | Event::Tick => false,
    }
}

/// Work with the way back.
#[derive(Debug)]
pub struct Letter {
    /// What to do.
    pub work: Work,
    /// Where the answer goes; dropped without one when the outcome is not known.
    pub reply: oneshot::Sender<Reply>,
}

/// Why work was not taken, or its outcome is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Busy {
    /// The mailbox is full: nothing was taken, try again soon.
    #[error("the engine has as much work queued as it may; try again soon")]
    Full,
    /// The engine has stopped, or its commit failed: what became of the work is not known.
    #[error("the engine has stopped; whether the work was done is not known")]
    Stopped,
}

/// The sending side, shared by all who bring work.
#[derive(Clone, Debug)]
pub struct Mailbox {
    intake: mpsc::Sender<Letter>,
    orders: mpsc::Sender<Letter>,
}

/// The receiving side, the engine's.
#[derive(Debug)]
pub struct Letters {
    intake: mpsc::Receiver<Letter>,
    orders: mpsc::Receiver<Letter>,
}

/// Makes a mailbox each of whose two queues holds at most `letters_max` letters.
pub fn mailbox(letters_max: usize) -> (Mailbox, Letters) {
    let (intake_in, intake) = mpsc::channel(letters_max);
    let (orders_in, orders) = mpsc::channel(letters_max);
    (Mailbox { intake: intake_in, orders: orders_in }, Letters { intake, orders })
}

impl Mailbox {
    /// Brings work if there is room and waits until it is committed.
    ///
    /// # Errors
    /// [`Busy::Full`] when nothing was taken, [`Busy::Stopped`] when the outcome is not known.
    pub async fn submit(&self, work: Work) -> Result<Reply, Busy> {
        let answer = self.post(work).map_err(|(busy, _)| busy)?;
        answer.await.map_err(|_| Busy::Stopped)
    }

    /// Brings work if there is room, and leaves; the answer comes by what is returned.
    ///
    /// # Errors
    /// The work back when there is no room or nobody to do it.
    pub fn post(&self, work: Work) -> Result<oneshot::Receiver<Reply>, (Busy, Box<Work>)> {
        let (reply, answer) = oneshot::channel();
        match self.queue(&work).try_send(Letter { work, reply }) {
            Ok(()) => Ok(answer),
            Err(mpsc::error::TrySendError::Full(letter)) => {
                Err((Busy::Full, Box::new(letter.work)))
            }
            Err(mpsc::error::TrySendError::Closed(letter)) => {
                Err((Busy::Stopped, Box::new(letter.work)))
            }
        }
    }

    /// Brings work that must not be turned away, waiting for room: the outcome of a delivery.
    ///
    /// # Errors
    /// [`Busy::Stopped`] when the outcome is not known.
    pub async fn deliver(&self, work: Work) -> Result<Reply, Busy> {
        let (reply, answer) = oneshot::channel();
        self.queue(&work).send(Letter { work, reply }).await.map_err(|_| Busy::Stopped)?;
        answer.await.map_err(|_| Busy::Stopped)
    }

    fn queue(&self, work: &Work) -> &mpsc::Sender<Letter> {
        if work.is_intake() { &self.intake } else { &self.orders }
    }
}

impl Letters {
    /// Waits for a letter, for an order first; `None` when nobody can send any more.
    pub async fn recv(&mut self) -> Option<Letter> {
        tokio::select! {
            biased;
            Some(letter) = self.orders.recv() => Some(letter),
            Some(letter) = self.intake.recv() => Some(letter),
            else => None,
        }
    }

    /// Takes the orders that wait, in their order; those that come meanwhile are for the next time.
    pub fn take_orders(&mut self) -> impl Iterator<Item = Letter> {
        (0..self.orders.len()).map_while(|_| self.orders.try_recv().ok())
    }

    /// Takes the next letter that brings alerts, if one waits.
    pub fn take_intake(&mut self) -> Option<Letter> {
        self.intake.try_recv().ok()
    }

    /// Waits outside of a runtime, for the engines of tests.
    #[cfg(test)]
    pub(crate) fn blocking_recv(&mut self) -> Option<Letter> {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(self.recv())
    }

    /// Returns how many letters wait.
    pub fn waiting(&self) -> usize {
        self.intake.len() + self.orders.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(source: &str) -> Work {
        Work::Event(Event::Received { source: source.into(), occurrences: Vec::new() })
    }

    #[tokio::test]
    async fn a_full_mailbox_takes_nothing_and_says_so() {
        let (mailbox, mut letters) = mailbox(1);
        let first = mailbox.post(Work::Event(Event::Tick)).unwrap();
        assert_eq!(mailbox.submit(Work::Event(Event::Tick)).await, Err(Busy::Full));
        letters.recv().await.unwrap().reply.send(Reply::Done).unwrap();
        assert_eq!(first.await, Ok(Reply::Done));
        drop(letters);
        assert_eq!(mailbox.submit(Work::Event(Event::Tick)).await, Err(Busy::Stopped));
    }

    #[tokio::test]
    async fn whoever_brings_alerts_takes_no_room_from_people_and_comes_after_them() {
        let (mailbox, mut letters) = mailbox(2);
        mailbox.post(received("first")).unwrap();
        mailbox.post(received("second")).unwrap();
        assert_eq!(mailbox.post(received("third")).unwrap_err().0, Busy::Full);
        mailbox.post(Work::Event(Event::Tick)).unwrap();
        mailbox.post(Work::Event(Event::Tick)).unwrap();
        assert_eq!(letters.waiting(), 4);
        let first = letters.recv().await.unwrap();
        assert!(matches!(first.work, Work::Event(Event::Tick)), "{first:?}");
        assert_eq!(letters.take_orders().count(), 1);
        for expected in ["first", "second"] {
            let letter = letters.take_intake().unwrap();
            assert!(
                matches!(&letter.work, Work::Event(Event::Received { source, .. }) if **source == *expected),
                "{letter:?}"
            );
        }
        assert!(letters.take_intake().is_none() && letters.waiting() == 0);
        drop(mailbox);
        assert!(letters.recv().await.is_none(), "nobody can send any more");
    }

    #[tokio::test]
    async fn a_delivery_under_an_id_is_intake_and_an_order_under_one_is_not() {
        let under_an_id = |event| {
            let delivery = crate::model::delivery::DeliveryId::of("s", "1");
            Work::Event(Event::Once { delivery, event: Box::new(event) })
        };
        let Work::Event(alerts) = received("s") else { unreachable!("made above") };
        assert!(under_an_id(alerts).is_intake());
        assert!(!under_an_id(Event::Tick).is_intake());
    }
}
