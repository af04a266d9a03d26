//! The bounded door into the engine: everything that changes the state goes through it.
//!
//! Work is answered after it is on disk, never before. Who works it off is `daemon::driver`.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::cmdb::Revision;
use crate::engine::context::Context;
use crate::engine::event::{Consumed, Event, Reply};
use crate::engine::rebind::Forecast;
use crate::rules::RuleSet;

/// Something for the engine's thread to do.
#[derive(Debug)]
pub enum Work {
    /// Let an event happen.
    Event(Event),
    /// Put another topology in the place of the present one.
    Topology(Box<NewTopology>),
    /// Decide by other rules from now on.
    Rules(Arc<RuleSet>),
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

impl NewTopology {
    /// True when it can take the place of what is in force.
    pub fn follows(&self, in_force: &Context) -> bool {
        self.base.topology.version() == in_force.topology.version()
            && Arc::ptr_eq(&self.base.rules, &in_force.rules)
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
pub struct Mailbox(mpsc::Sender<Letter>);

/// Makes a mailbox that holds at most `letters_max` letters.
pub fn mailbox(letters_max: usize) -> (Mailbox, mpsc::Receiver<Letter>) {
    let (sender, receiver) = mpsc::channel(letters_max);
    (Mailbox(sender), receiver)
}

impl Mailbox {
    /// Brings work if there is room and waits until it is committed.
    ///
    /// # Errors
    /// [`Busy::Full`] when nothing was taken, [`Busy::Stopped`] when the outcome is not known.
    pub async fn submit(&self, work: Work) -> Result<Reply, Busy> {
        let (reply, answer) = oneshot::channel();
        self.0.try_send(Letter { work, reply }).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => Busy::Full,
            mpsc::error::TrySendError::Closed(_) => Busy::Stopped,
        })?;
        answer.await.map_err(|_| Busy::Stopped)
    }

    /// Brings work if there is room, and leaves; the answer comes by what is returned.
    ///
    /// # Errors
    /// The work back when there is no room or nobody to do it.
    pub fn post(&self, work: Work) -> Result<oneshot::Receiver<Reply>, (Busy, Box<Work>)> {
        let (reply, answer) = oneshot::channel();
        match self.0.try_send(Letter { work, reply }) {
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
        self.0.send(Letter { work, reply }).await.map_err(|_| Busy::Stopped)?;
        answer.await.map_err(|_| Busy::Stopped)
    }

    /// Returns how many letters wait.
    pub fn depth(&self) -> usize {
        self.0.max_capacity() - self.0.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_mailbox_takes_nothing_and_says_so() {
        let (mailbox, mut letters) = mailbox(1);
        let first = tokio::spawn({
            let mailbox = mailbox.clone();
            async move { mailbox.submit(Work::Event(Event::Tick)).await }
        });
        while mailbox.depth() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(mailbox.submit(Work::Event(Event::Tick)).await, Err(Busy::Full));
        letters.recv().await.unwrap().reply.send(Reply::Done).unwrap();
        assert_eq!(first.await.unwrap(), Ok(Reply::Done));
        drop(letters);
        assert_eq!(mailbox.submit(Work::Event(Event::Tick)).await, Err(Busy::Stopped));
    }
}
