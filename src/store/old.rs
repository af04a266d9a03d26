//! Finds what may be forgotten: what has been over for long.

use rocksdb::{IteratorMode, ReadOptions};

use super::StoreError;
use super::codec::Row;
use super::codec::alert::Episode;
use super::query::{Cursor, Filling, Page, SCAN_MAX};
use super::read::row;
use super::schema::Family;
use super::view::View;
use crate::engine::event::PastEpisode;
use crate::model::incident::{Incident, IncidentId};
use crate::model::progress::Progress;
use crate::model::time::Timestamp;

impl View<'_> {
    /// Returns the oldest incidents that were closed before `before`, at most `limit`.
    ///
    /// Numbers are given in the order of opening, so it looks at none opened since then, and at no
    /// more than a page's worth of records.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn closed_before(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<IncidentId>, StoreError> {
        let mut found = Vec::new();
        let entries = self.entries(Family::Incidents, ReadOptions::default(), IteratorMode::Start);
        for entry in entries.take(SCAN_MAX) {
            let (key, value) = entry?;
            let incident: Incident = row(&key, &value)?;
            if incident.opened_at >= before || found.len() >= limit {
                break;
            }
            let over = matches!(
                incident.progress,
                Progress::Closed { at } | Progress::Cancelled { at, .. } if at < before
            );
            if over {
                found.push(incident.id);
            }
        }
        Ok(found)
    }

    /// Returns past episodes that ended before `before`, in the order of their alerts, at most
    /// `limit` in a page.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn ended_before(
        &self,
        before: Timestamp,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<PastEpisode>, StoreError> {
        let mut page = Filling::new(limit);
        for entry in
            self.entries(Family::Episodes, super::query::behind(after), IteratorMode::Start)
        {
            let (key, value) = entry?;
            if page.is_full() {
                return Ok(page.cut());
            }
            let read = Episode::read(&key, &value);
            let Episode(it) =
                read.map_err(|reason| StoreError::record(Family::Episodes, &key, reason))?;
            let past = PastEpisode {
                alert: it.fingerprint,
                episode: it.state.episode,
                incident: it.state.incident,
            };
            page.offer(&key, (it.state.end_heard_at < before).then_some(past));
        }
        Ok(page.end())
    }
}
