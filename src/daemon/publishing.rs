//! Prepares what tells other systems of incidents, where the settings name a topic for it.

use std::sync::Arc;

use tokio::sync::watch;

use super::{Base, DaemonError};
use crate::kafka::cloudevent::Origin;
use crate::kafka::publisher::{Parts, Publisher, Publishing};
use crate::mailbox::Mailbox;
use crate::notify::ChannelError;

/// What the publisher goes by: changes with each commit, is true while nothing may be sent, is true once
/// the daemon stops.
pub(super) type Signs = (watch::Receiver<u64>, watch::Receiver<bool>, watch::Receiver<bool>);

/// Makes the publisher, where there is to be one; says also how it goes.
///
/// # Errors
/// When the cluster's settings cannot be used.
pub(super) fn prepare(
    base: &Base<'_>,
    mailbox: Mailbox,
    (durable, held, stopped): Signs,
) -> Result<(Option<Publisher>, watch::Receiver<Publishing>), DaemonError> {
    let (state, publishing) = watch::channel(Publishing::Off);
    let Some(to) = base.settings.events.to.clone() else { return Ok((None, publishing)) };
    let public_url = base.settings.http.public_url.as_ref().map(reqwest::Url::as_str);
    let origin = Origin::new(&base.store.installation()?, public_url);
    let store = Arc::clone(base.store);
    let reader =
        move |after, limit| store.view().bulletins(after, limit).map_err(|error| error.to_string());
    let (reader, metrics) = (Arc::new(reader), Arc::clone(base.metrics));
    let parts = Parts { to, origin, reader, mailbox, durable, held, state, metrics, stopped };
    let refused = |error| ChannelError { name: "events".into(), error: Box::new(error) };
    let publisher = Publisher::new(parts).map_err(refused)?;
    Ok((Some(publisher), publishing))
}
