//! Reads what the engine goes on from, in passes from end to end over what is held.

use core::ops::ControlFlow;

use rocksdb::IteratorMode;

use super::codec::alert::HeadMessage;
use super::schema::Family;
use super::view::View;
use super::{Store, StoreError, codec, overlay, read};
use crate::cmdb::Topology;
use crate::engine::changes::Saved;
use crate::model::alert::AlertState;
use crate::model::incident::Incident;
use crate::model::labels::Labels;

impl Store {
    /// Returns everything the engine needs, and the topology where one was ever stored. A new store
    /// gives the default of the first.
    ///
    /// # Errors
    /// When something cannot be read, or one record speaks of another that is missing.
    pub fn load(&self) -> Result<(Saved, Option<Topology>), StoreError> {
        Ok((self.saved()?, self.view().topology()?))
    }

    /// Returns everything the engine needs beside the topology.
    ///
    /// # Errors
    /// As for [`Store::load`].
    pub fn saved(&self) -> Result<Saved, StoreError> {
        let view = self.view();
        let incident = |family: Family| {
            let view = &view;
            move |entry: Result<read::Pair, StoreError>| {
                entry.and_then(|(key, _)| view.indexed(family, &key))
            }
        };
        let all = |family| view.entries(family, read::bulk(), IteratorMode::Start);
        let unclosed = all(Family::Unclosed).map(incident(Family::Unclosed));
        let mut incidents = unclosed.collect::<Result<Vec<Incident>, _>>()?;
        for followed in all(Family::Followed).map(incident(Family::Followed)) {
            let followed = followed?;
            // One that is not closed is there already.
            if followed.progress.name().is_over() {
                incidents.push(followed);
            }
        }
        incidents.sort_by_key(|incident| incident.id);
        Ok(Saved {
            alerts: alerts(&view)?,
            incidents,
            notices: view.all()?,
            policies: view.all()?,
            recurrences: view.all()?,
            silences: view.all()?,
            planned: view.all()?,
            overrides: view.all()?,
            deliveries: view.all()?,
            positions: view.all()?,
            quarantine: view.quarantine_heads()?,
            learned: view.all()?,
            bulletins: view.bulletin_heads()?,
            credits: view.all()?,
            counters: view.counters()?,
        })
    }
}

fn alerts(view: &View<'_>) -> Result<Vec<(Labels, AlertState)>, StoreError> {
    let mut alerts = Vec::new();
    each_alert(view, &mut |labels, state| alerts.push((labels, state)))?;
    Ok(alerts)
}

/// Shows all alerts that are held, without their text, in the order of their fingerprints.
pub(super) fn each_alert(
    view: &View<'_>,
    visit: &mut dyn FnMut(Labels, AlertState),
) -> Result<(), StoreError> {
    overlay::each(view, [read::bulk(), read::bulk()], &mut |stored| {
        let head = codec::decode(stored.value).and_then(HeadMessage::restore);
        let (labels, mut state) = head.map_err(|reason| stored.refused(reason))?;
        stored.freshen(&mut state)?;
        visit(labels, state);
        Ok(ControlFlow::Continue(()))
    })
}
