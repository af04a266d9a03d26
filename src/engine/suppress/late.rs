//! Holds back the pages of a source that reads a backlog: what began and ended while nobody listened
//! is recorded and wakes nobody.
//!
//! It is a silence like any other, of all that only this source says. It ends when the source has
//! caught up, and what still fires then is told at once, as one digest per person. It ends by itself
//! after [`HELD_MAX`]: a backlog that never ends must not keep people from learning anything.

use core::time::Duration;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::windows::{finish, put};
use crate::engine::State;
use crate::engine::context::Context;
use crate::model::labels::Labels;
use crate::model::silence::{Silence, SilenceId};
use crate::model::time::Timestamp;

/// How long pages wait for a source to catch up.
const HELD_MAX: Duration = Duration::from_mins(15);

/// Begins to hold back what this source says.
pub(in crate::engine) fn begin(
    state: &mut State,
    ctx: &Context,
    source: &Arc<str>,
    now: Timestamp,
) {
    let id = id_of(source);
    // What a former one still holds is let go first, so that it is not held twice as long.
    finish(state, ctx, id, now);
    put(
        state,
        Silence {
            id,
            matchers: Vec::new(),
            cis: Vec::new(),
            rule: None,
            source: Some(Arc::clone(source)),
            starts_at: now,
            ends_at: now.plus(HELD_MAX),
            updated_at: now,
            created_by: "incidentd".into(),
            comment: format!(
                "source {source} reads what came while it was not read; what still fires after \
                 that is told at once"
            )
            .into(),
            annotations: Labels::empty(),
        },
    );
}

/// The source has caught up: tells what still fires.
pub(in crate::engine) fn end(state: &mut State, ctx: &Context, source: &str, now: Timestamp) {
    finish(state, ctx, id_of(source), now);
}

/// Each source has one, always the same.
fn id_of(source: &str) -> SilenceId {
    let mut hash = Sha256::new();
    hash.update("late ");
    hash.update(source);
    let mut half = [0; 16];
    half.iter_mut().zip(hash.finalize()).for_each(|(to, from)| *to = from);
    SilenceId(u128::from_be_bytes(half))
}
