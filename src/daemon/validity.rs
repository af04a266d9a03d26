//! Builds the topology anew when a relation begins or ceases to hold.
//!
//! The rows stay as they are: only what is followed changes, as a version of its own, so that an
//! incident can tell by which relations it was decided on.

use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tracing::{error, info};

use super::next::ready;
use super::wait_for;
use crate::clock::Clock;
use crate::cmdb::{Change, Delta, RelationRow, Revision, Rows, Topology};
use crate::engine::context::Context;
use crate::engine::reply::Reply;
use crate::mailbox::{Mailbox, NewTopology, Work};
use crate::model::few::few;
use crate::model::time::Timestamp;
use crate::store::Store;

/// The longest it sleeps: the wall clock may be set.
const SLEEP_MAX: Duration = Duration::from_mins(1);

/// How long it waits after it could not do its work.
const AGAIN: Duration = Duration::from_secs(5);

/// How long what the engine has taken may need to be in force for all.
const SETTLE: Duration = Duration::from_millis(200);

/// Relations named in the history.
const NAMED_MAX: usize = 2;

/// Who the history says made such a version.
const BY: &str = "incidentd";

/// The task that watches for the next time.
pub(super) struct Watchman {
    pub(super) store: Arc<Store>,
    pub(super) clock: Arc<Clock>,
    pub(super) mailbox: Mailbox,
    /// What is in force.
    pub(super) context: watch::Receiver<Arc<Context>>,
}

impl Watchman {
    /// Builds the topology anew whenever it has to be, until the daemon stops.
    pub(super) async fn run(mut self, stopped: watch::Receiver<bool>) {
        let stopped = wait_for(stopped);
        tokio::pin!(stopped);
        loop {
            let base = Arc::clone(&self.context.borrow_and_update());
            let now = self.clock.now();
            let due = base.topology.next_bound().map(|bound| bound.since(now));
            let wait = match due {
                Some(Duration::ZERO) => self.renew(base, now).await,
                Some(due) => due.min(SLEEP_MAX),
                None => SLEEP_MAX,
            };
            tokio::select! {
                () = &mut stopped => return,
                Ok(()) = self.context.changed() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Brings the next version to the engine; returns how long to wait where it was not taken.
    async fn renew(&self, base: Arc<Context>, now: Timestamp) -> Duration {
        let store = Arc::clone(&self.store);
        let made = spawn_blocking(move || next(&store, base, now)).await;
        let made = made.map_err(|error| error.to_string()).and_then(|made| made);
        let new = match made {
            Ok(new) => new,
            Err(error) => {
                error!(%error, "relations that begin or cease to hold are not followed so");
                return AGAIN;
            }
        };
        let (version, what) = (new.revision.change.version, new.revision.change.what.clone());
        // Held until the engine is done with them, so that it is not the one to free them.
        let used = (Arc::clone(&new.base), Arc::clone(&new.forecast));
        let reply = self.mailbox.deliver(Work::Topology(Box::new(new))).await;
        drop(used);
        match reply {
            Ok(Reply::Done) => {
                info!(version, %what, "the topology is built anew");
                SETTLE
            }
            // Rules or the CMDB changed meanwhile: what is in force then is looked at.
            Ok(_) => SETTLE,
            Err(_) => AGAIN,
        }
    }
}

/// Builds the next version of the same rows, as they hold now.
fn next(store: &Store, base: Arc<Context>, now: Timestamp) -> Result<NewTopology, String> {
    let rows = base.topology.rows();
    let version = base.topology.version() + 1;
    let topology = Topology::at(version, rows, now)
        .map_err(|problems| problems.first().map(ToString::to_string).unwrap_or_default())?;
    let (count, what) = turned(&base.topology, &topology);
    let same = Delta::between(&Rows::default(), &Rows::default());
    let mut change = Change::new(version, now, BY, &what);
    change.relations_changed = count as u64;
    ready(store, base, (topology, Revision { delta: same, change }))
}

/// Says which relations began and which ceased to hold, and how many these are.
fn turned(old: &Topology, new: &Topology) -> (usize, String) {
    let asleep = |topology: &Topology| -> BTreeSet<RelationRow> {
        topology.dormant().iter().cloned().collect()
    };
    let (before, after) = (asleep(old), asleep(new));
    let begun: Vec<&RelationRow> = before.difference(&after).collect();
    let ended: Vec<&RelationRow> = after.difference(&before).collect();
    let words: Vec<String> = [(&begun, "holds from now on"), (&ended, "holds no more")]
        .iter()
        .filter(|(rows, _)| !rows.is_empty())
        .map(|(rows, what)| {
            let named: Vec<String> = rows.iter().take(NAMED_MAX).map(ToString::to_string).collect();
            format!("{}: {what}", few(&named, rows.len()))
        })
        .collect();
    (begun.len() + ended.len(), words.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmdb::import;

    #[test]
    fn what_begins_and_what_ends_is_named() {
        let rows = import::read(
            "{cis: {a: {class: vm}, b: {class: vm}, c: {class: vm}, d: {class: vm}}, relations: [
              {relation: a -hosts-> b, valid_from: 1970-01-01T00:00:10Z},
              {relation: a -hosts-> c, valid_until: 1970-01-01T00:00:10Z},
              {relation: b -hosts-> c, valid_until: 1970-01-01T00:00:10Z},
              {relation: b -hosts-> d, valid_until: 1970-01-01T00:00:10Z}]}",
            "test",
        );
        let at = |second: i64| {
            Topology::at(1, rows.clone().unwrap(), Timestamp::from_millis(second * 1000)).unwrap()
        };
        let words = "a -hosts-> b: holds from now on; \
                     a -hosts-> c, b -hosts-> c and 1 more: holds no more";
        assert_eq!(turned(&at(9), &at(10)), (4, words.into()));
        assert_eq!(turned(&at(10), &at(11)), (0, String::new()));
    }
}
