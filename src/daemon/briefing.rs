//! Reads from the store what a notice tells of its incident.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::watch;
use tracing::warn;

use crate::cmdb::{CiId, Topology};
use crate::engine::changes::AlertRow;
use crate::engine::context::Context;
use crate::model::incident::{Incident, IncidentId};
use crate::model::labels::Labels;
use crate::model::notice::Notice;
use crate::model::time::Brief;
use crate::model::timeline::Happening;
use crate::notify::{Briefing, Reader};
use crate::store::{Store, StoreError, View};

/// Alerts a notice tells of.
const ALERTS_MAX: usize = 12;

/// Services a notice names; the sum of the priority counts all.
const SERVICES_MAX: usize = 5;

/// Entries of the last incident's timeline that are looked through for its end.
const TIMELINE_MAX: usize = 1_000;

/// Further incidents of a digest that are read.
const ALSO_MAX: usize = 20;

/// Returns the notifier's way to committed incidents; rules and topology say for
/// whom they are bad and what helps.
pub(super) fn reader(store: Arc<Store>, context: watch::Receiver<Arc<Context>>) -> Reader {
    Arc::new(move |notice| {
        let context = Arc::clone(&context.borrow());
        read(&store, &context, notice).unwrap_or_else(|error| {
            warn!(%error, notice.id = %notice.id, "an incident cannot be read for a notice");
            None
        })
    })
}

fn read(store: &Store, context: &Context, notice: &Notice) -> Result<Option<Briefing>, StoreError> {
    let view = store.view();
    let Some(incident) = view.incident(notice.id.incident)? else { return Ok(None) };
    let root = view.alert(incident.root.alert)?;
    let help = context.help(&incident, root.as_ref());
    let members = view.members(incident.id, ALERTS_MAX)?;
    let others = members.into_iter().filter_map(|member| member.alert);
    let others = others.filter(|alert| alert.fingerprint != incident.root.alert);
    let alerts: Vec<AlertRow> = root.into_iter().chain(others).take(ALERTS_MAX).collect();
    let own = incident.root.ci.iter();
    let cis = own.chain(alerts.iter().filter_map(|alert| alert.ci.as_ref()));
    let services = services(&context.topology, cis.map(|name| &**name));
    let also = also(&view, &notice.also)?;
    let last_time = last_time(&view, context, &incident)?;
    let alerts = alerts.iter().map(|alert| {
        (context.seen(alert).subject().labels.clone(), line(&alert.details.annotations))
    });
    Ok(Some(Briefing { alerts: alerts.collect(), incident, services, help, also, last_time }))
}

/// Returns the names of the services that suffer with these CIs: the lowest tier first.
fn services<'a>(topology: &Topology, cis: impl Iterator<Item = &'a str>) -> Vec<String> {
    let cis: BTreeSet<CiId> = cis.filter_map(|name| topology.find(name)).collect();
    let cis: Vec<CiId> = cis.into_iter().collect();
    let ranked = topology.outage(&cis).services(topology).into_iter().map(|service| {
        let ci = topology.ci(service);
        let tier = ci.attribute("tier").and_then(|tier| tier.parse().ok());
        (tier.unwrap_or(u32::MAX), ci.name.to_string())
    });
    let ranked: BTreeSet<(u32, String)> = ranked.collect();
    ranked.into_iter().take(SERVICES_MAX).map(|(_, name)| name).collect()
}

/// Says how the same trouble ended the last time, or that it did not come as far as we remember.
fn last_time(
    view: &View<'_>,
    context: &Context,
    incident: &Incident,
) -> Result<String, StoreError> {
    let remembered = Brief(context.rules.lifecycle.recurrence);
    let Some(id) = incident.recurrence_of else {
        return Ok(format!("not seen in the last {remembered}"));
    };
    let Some(last) = view.incident(id)? else { return Ok(format!("{id}, forgotten by now")) };
    let timeline = view.timeline(id, TIMELINE_MAX)?;
    let end = timeline.iter().rev().find(|entry| entry.what == Happening::Resolved);
    let Some(end) = end else { return Ok(format!("{id}, of which no end is known")) };
    let (ago, took) =
        (Brief(incident.opened_at.since(end.at)), Brief(end.at.since(last.opened_at)));
    Ok(format!("{id}, {ago} ago: resolved after {took}: {}", end.text))
}

fn also(view: &View<'_>, ids: &[IncidentId]) -> Result<Vec<Incident>, StoreError> {
    let read = ids.iter().take(ALSO_MAX).map(|id| view.incident(*id));
    Ok(read.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// Returns one line of text about an alert, from the annotations people fill for that.
fn line(annotations: &Labels) -> String {
    let text = ["summary", "description", "message"].iter().find_map(|name| annotations.get(name));
    text.and_then(|text| text.lines().next()).unwrap_or("").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmdb::import;

    #[test]
    fn the_services_that_suffer_are_named_the_most_important_first() {
        let rows = import::read(
            "cis: {strip: {class: pdu}, a: {class: server}, b: {class: server}, \
             wiki: {class: service}, shop: {class: service, tier: 1}, docs: {class: service, tier: 2}}\n\
             relations: [strip -powers-> a, a -runs-> wiki, a -runs-> shop, b -runs-> docs]",
            "cmdb.yaml",
        );
        let topology = Topology::build(1, &rows.unwrap()).unwrap();
        for (cis, named) in [
            (&["strip"][..], &["shop", "wiki"][..]),
            (&["b", "a", "unknown"], &["shop", "docs", "wiki"]),
            (&[], &[]),
        ] {
            assert_eq!(services(&topology, cis.iter().copied()), named, "{cis:?}");
        }
    }
}
