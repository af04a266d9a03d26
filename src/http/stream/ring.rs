//! The last commits as the stream tells them, kept so that a client can go on where it stopped.
//!
//! Bounded by commits and by changes; what falls out is answered with a gap, after which the client
//! looks at everything anew. No client is waited for, and none has a queue of its own.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::engine::changes::Changes;
use crate::model::incident::{Incident, IncidentId};
use crate::model::timeline::Entry;

use super::super::wire::Time;
use super::super::wire::stream::{Brief, Happened, IncidentChange};

/// Commits that are kept: at a handful a second, some minutes for a client to come back.
const COMMITS_MAX: usize = 1_024;

/// Changes that all kept commits may hold together. Each takes about half a kilobyte, so this bounds
/// the ring to some 4 MiB; a storm shortens it.
const CHANGES_MAX: usize = 8_192;

/// What the last commits changed, the oldest first.
#[derive(Debug)]
pub(super) struct Ring {
    commits: VecDeque<Arc<Commit>>,
    /// Changes in all of them together.
    changes: usize,
    /// Everything after this commit is kept.
    floor: u64,
    /// The last commit, whether it changed an incident or not.
    latest: u64,
}

/// What one commit changed.
#[derive(Debug)]
struct Commit {
    seq: u64,
    changes: Vec<(IncidentId, IncidentChange)>,
}

/// What there is for a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Nothing is kept of what it missed.
    Gap {
        /// The last commit.
        seq: u64,
    },
    /// What changed, one entry for each incident, in the order of their numbers.
    Changes {
        /// The last commit.
        seq: u64,
        /// The changes.
        changes: Vec<IncidentChange>,
    },
}

impl Ring {
    /// Begins behind a commit.
    pub(super) fn after(seq: u64) -> Self {
        Self { commits: VecDeque::new(), changes: 0, floor: seq, latest: seq }
    }

    /// Takes a commit in; true when it changed an incident.
    pub(super) fn push(&mut self, changes: &Changes) -> bool {
        let commit = Commit { seq: changes.counters.batch, changes: told(changes) };
        let is_news = !commit.changes.is_empty();
        self.keep(commit);
        is_news
    }

    fn keep(&mut self, commit: Commit) {
        self.latest = commit.seq;
        if commit.changes.is_empty() {
            return;
        }
        self.changes += commit.changes.len();
        self.commits.push_back(Arc::new(commit));
        while self.changes > CHANGES_MAX || self.commits.len() > COMMITS_MAX {
            let Some(oldest) = self.commits.pop_front() else { break };
            self.changes -= oldest.changes.len();
            self.floor = oldest.seq;
        }
    }

    /// True when a client that knows everything up to `seq` is to be told something.
    pub(super) fn is_ahead_of(&self, seq: u64) -> bool {
        self.is_gap(seq) || self.commits.back().is_some_and(|last| last.seq > seq)
    }

    /// A commit that is still to come means another store: numbers of commits only grow.
    fn is_gap(&self, seq: u64) -> bool {
        seq < self.floor || seq > self.latest
    }

    /// Returns the commits after `seq`; an error with the last one when some are no longer kept.
    fn since(&self, seq: u64) -> Result<(u64, Vec<Arc<Commit>>), u64> {
        if self.is_gap(seq) {
            return Err(self.latest);
        }
        let first = self.commits.partition_point(|commit| commit.seq <= seq);
        Ok((self.latest, self.commits.range(first..).cloned().collect()))
    }
}

/// Returns what a client that knows everything up to `seq` is to be told. `ring` is looked at for a
/// moment only: the committer waits for it.
pub(super) fn news(ring: &tokio::sync::watch::Receiver<Ring>, seq: Option<u64>) -> News {
    let kept = match seq {
        Some(seq) => ring.borrow().since(seq),
        None => Err(ring.borrow().latest),
    };
    match kept {
        Err(seq) => News::Gap { seq },
        Ok((seq, commits)) => News::Changes { seq, changes: merge(&commits) },
    }
}

/// Makes one change of all that befell an incident: its newest state, and everything in between.
fn merge(commits: &[Arc<Commit>]) -> Vec<IncidentChange> {
    let mut merged = BTreeMap::<IncidentId, IncidentChange>::new();
    for (id, change) in commits.iter().flat_map(|commit| &commit.changes) {
        match merged.get_mut(id) {
            None => _ = merged.insert(*id, change.clone()),
            Some(whole) => {
                whole.seq = change.seq;
                whole.incident.clone_from(&change.incident);
                whole.happened.extend_from_slice(&change.happened);
            }
        }
    }
    merged.into_values().collect()
}

/// Tells what a commit changed of each incident.
fn told(changes: &Changes) -> Vec<(IncidentId, IncidentChange)> {
    let seq = changes.counters.batch;
    let change = |id: IncidentId, incident| {
        let id_text = id.to_string();
        (id, IncidentChange { id: id_text, seq, incident, happened: Vec::new() })
    };
    let mut told: BTreeMap<IncidentId, IncidentChange> =
        changes.incidents_gone.iter().map(|id| change(*id, None)).collect();
    told.extend(changes.incidents.iter().map(|it| change(it.id, Some(brief(it)))));
    for (id, _, entry) in &changes.timeline {
        // Invariant: an incident counts the entries of its timeline, so it changed as well.
        if let Some(change) = told.get_mut(id) {
            change.happened.push(happened(entry));
        }
    }
    told.into_iter().collect()
}

fn brief(incident: &Incident) -> Brief {
    Brief {
        revision: incident.revision,
        state: incident.progress.name().to_string(),
        title: incident.title.clone(),
        priority: incident.assessment.priority.to_string(),
        ci: incident.root.ci.as_deref().map(Into::into),
        team: incident.team.as_deref().map(Into::into),
        holder: incident.progress.holder().map(|(by, _)| by.into()),
        parent: incident.parent.map(|parent| parent.to_string()),
        members: incident.members,
        firing: incident.firing,
        opened_at: Time(incident.opened_at),
        active_at: Time(incident.active_at),
    }
}

fn happened(entry: &Entry) -> Happened {
    Happened {
        at: Time(entry.at),
        what: entry.what.to_string(),
        count: entry.count,
        text: entry.text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Timestamp;

    /// A commit that changed one incident.
    fn commit(seq: u64, id: u64, what: &str) -> (u64, (IncidentId, IncidentChange)) {
        let happened = Happened {
            at: Time(Timestamp::EPOCH),
            what: what.into(),
            count: 1,
            text: String::new(),
        };
        let id = crate::model::incident::RecordId(id);
        let change =
            IncidentChange { id: id.to_string(), seq, incident: None, happened: vec![happened] };
        (seq, (id, change))
    }

    fn ring(commits: impl IntoIterator<Item = (u64, (IncidentId, IncidentChange))>) -> Ring {
        let mut ring = Ring::after(10);
        for (seq, change) in commits {
            ring.keep(Commit { seq, changes: vec![change] });
        }
        ring
    }

    fn told(ring: Ring, since: Option<u64>) -> News {
        news(&tokio::sync::watch::channel(ring).1, since)
    }

    #[test]
    fn a_client_is_told_what_it_missed_or_that_it_missed_something() {
        let seen = |since| {
            let ring = ring([commit(11, 1, "opened"), commit(13, 2, "opened")]);
            assert!(ring.is_ahead_of(since) == (since != 13), "{since}");
            match told(ring, Some(since)) {
                News::Gap { seq } => Err(seq),
                News::Changes { seq, changes } => {
                    Ok((seq, changes.iter().map(|one| one.seq).collect::<Vec<_>>()))
                }
            }
        };
        for (since, expected) in [
            (9, Err(13)),
            (10, Ok((13, vec![11, 13]))),
            (11, Ok((13, vec![13]))),
            (12, Ok((13, vec![13]))),
            (13, Ok((13, vec![]))),
            (14, Err(13)),
        ] {
            assert_eq!(seen(since), expected, "since {since}");
        }
        assert_eq!(told(ring([]), None), News::Gap { seq: 10 }, "a new client looks first");
    }

    #[test]
    fn changes_of_one_incident_are_told_together_in_their_order() {
        let commits = [
            commit(11, 7, "opened"),
            commit(12, 3, "opened"),
            commit(13, 7, "joined"),
            commit(14, 7, "resolved"),
        ];
        let News::Changes { seq: 14, changes } = told(ring(commits), Some(10)) else {
            panic!("nothing was missed")
        };
        let told: Vec<_> = changes
            .iter()
            .map(|one| (&*one.id, one.seq, one.happened.iter().map(|it| &*it.what).collect()))
            .collect::<Vec<(_, _, Vec<&str>)>>();
        assert_eq!(
            told,
            [("INC-3", 12, vec!["opened"]), ("INC-7", 14, vec!["opened", "joined", "resolved"])]
        );
    }

    #[test]
    fn the_ring_forgets_the_oldest_commits_and_says_so() {
        let last = 10 + COMMITS_MAX as u64 + 5;
        let ring = ring((11..=last).map(|seq| commit(seq, seq, "opened")));
        assert_eq!(ring.commits.len(), COMMITS_MAX);
        assert_eq!((ring.floor, ring.changes), (15, COMMITS_MAX));
        assert!(ring.since(15).is_ok());
        assert_eq!(ring.since(14).unwrap_err(), last);
    }

    #[test]
    fn a_commit_larger_than_the_ring_is_a_gap_for_everybody() {
        let mut ring = Ring::after(10);
        let (_, change) = commit(11, 1, "joined");
        ring.keep(Commit { seq: 11, changes: vec![change; CHANGES_MAX + 1] });
        assert_eq!((ring.commits.len(), ring.changes), (0, 0));
        assert!(ring.is_ahead_of(10));
        assert_eq!(ring.since(10).unwrap_err(), 11);
    }
}
