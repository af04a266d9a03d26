//! Gets the next topology, or the next rules, ready, beside the engine: what is decided by with them,
//! and what they mean for the alerts that are held.

use std::sync::Arc;

use crate::cmdb::{Revision, Topology};
use crate::engine::context::Context;
use crate::engine::rebind::Forecast;
use crate::mailbox::{NewRules, NewTopology};
use crate::rules::RuleSet;
use crate::store::Store;

/// Alerts that may be left for the engine to bind by itself, each some microseconds.
const UNTOLD_MAX: usize = 1_000;

/// Passes over the alerts until only so many are left; in a storm there are always new ones.
const PASSES_MAX: usize = 4;

/// Makes what the engine takes over of a topology that was made of `base`.
///
/// # Errors
/// When the alerts cannot be read.
pub(super) fn ready(
    store: &Store,
    base: Arc<Context>,
    (topology, revision): (Topology, Revision),
) -> Result<NewTopology, String> {
    let rules = Arc::clone(&base.rules);
    let context = Arc::new(Context::new(rules, Arc::new(topology), base.limits));
    let forecast = Forecast::new(&base.topology, &context.topology);
    let forecast = Arc::new(foretold(store, [&base, &context], forecast)?);
    let revision = Arc::new(revision);
    Ok(NewTopology { base, context, forecast, revision, read: Vec::new() })
}

/// Makes what the engine takes over of rules that are to take the place of those of `base`.
///
/// # Errors
/// When the alerts cannot be read.
pub(super) fn ready_rules(
    store: &Store,
    base: Arc<Context>,
    rules: Arc<RuleSet>,
) -> Result<NewRules, String> {
    let context = Arc::new(Context::new(rules, Arc::clone(&base.topology), base.limits));
    let forecast = Forecast::of_rules(&base, &context);
    let forecast = Arc::new(foretold(store, [&base, &context], forecast)?);
    Ok(NewRules { base, context, forecast })
}

fn foretold(
    store: &Store,
    contexts: [&Context; 2],
    mut forecast: Forecast,
) -> Result<Forecast, String> {
    for _ in 0..PASSES_MAX {
        let told = store.view().foretell(contexts, &mut forecast);
        if told.map_err(|error| error.to_string())? <= UNTOLD_MAX {
            break;
        }
    }
    Ok(forecast)
}
