//! Joins alerts with the newer states that were written beside them.
//!
//! Both families are in order of the slot, so one pass over each does it: no look-up per
//! alert.

use core::ops::ControlFlow;

use rocksdb::ReadOptions;

use super::StoreError;
use super::codec::{Malformed, Row};
use super::schema::Family;
use super::view::View;
use crate::model::alert::AlertState;

/// An alert as it is stored.
pub(super) struct Stored<'a> {
    pub(super) key: &'a [u8],
    pub(super) value: &'a [u8],
    /// The value of its touch.
    touch: Option<&'a [u8]>,
}

impl Stored<'_> {
    /// Names this record in an error.
    pub(super) fn refused(&self, reason: Malformed) -> StoreError {
        StoreError::record(Family::Alerts, self.key, reason)
    }

    /// Brings the state stored with the alert up to date.
    pub(super) fn freshen(&self, state: &mut AlertState) -> Result<(), StoreError> {
        let Some(value) = self.touch else { return Ok(()) };
        let touch = AlertState::read(self.key, value)
            .map_err(|reason| StoreError::record(Family::Touches, self.key, reason))?;
        newer(state, touch);
        Ok(())
    }
}

/// Takes the touched state if it is the newer one.
pub(super) fn newer(state: &mut AlertState, touch: AlertState) {
    if touch.revision > state.revision {
        *state = touch;
    }
}

/// Shows alerts in the order of their slots until `visit` breaks. Both options, for alerts
/// and for touches, have to be the same.
///
/// # Errors
/// When a touch has no alert: then a record was lost.
pub(super) fn each(
    view: &View<'_>,
    [alerts, touches]: [ReadOptions; 2],
    visit: &mut dyn FnMut(&Stored<'_>) -> Result<ControlFlow<()>, StoreError>,
) -> Result<(), StoreError> {
    let mut alerts = view.scan(Family::Alerts, alerts);
    let mut touches = view.scan(Family::Touches, touches);
    alerts.seek_to_first();
    touches.seek_to_first();
    while let Some((key, value)) = alerts.item() {
        if touches.key().is_some_and(|touched| touched < key) {
            break;
        }
        let touch = touches.item().filter(|(touched, _)| *touched == key).map(|(_, value)| value);
        if visit(&Stored { key, value, touch })?.is_break() {
            return Ok(());
        }
        if touch.is_some() {
            touches.next();
        }
        alerts.next();
    }
    for status in [alerts.status(), touches.status()] {
        status.map_err(StoreError::Read)?;
    }
    match touches.key() {
        None => Ok(()),
        Some(key) => {
            let reason = Malformed::Damaged("its alert is missing".into());
            Err(StoreError::record(Family::Touches, key, reason))
        }
    }
}
