//! Section `majors`: which incidents are major ones, who hears of them first, and what holds for them
//! where their response plan says nothing else.

use core::time::Duration;

use super::reader::{DAY, Fields, HOUR, MINUTE, Noun, Reader};
use super::sections::references;
use super::yaml::Node;
use crate::model::priority::Priority;
use crate::model::review::Patience;

/// The bounds of the time from one update to the next, and the longest watch and patience.
const UPDATE_MIN: Duration = MINUTE;
const UPDATE_MAX: Duration = DAY;
const WATCH_MAX: Duration = Duration::from_hours(7 * 24);
const PATIENCE_MAX: Duration = Duration::from_hours(90 * 24);

/// Which incidents are major ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Majors {
    /// Those of these priorities; none, where none is named. A person can declare any.
    pub priorities: Vec<Priority>,
    /// Contacts who are paged when one is declared.
    pub management: Vec<Box<str>>,
    /// From one update to the next.
    pub update_every: Duration,
    /// How long one is watched after its resolution; zero for not at all.
    pub watch: Duration,
    /// When an overdue corrective action goes up.
    pub patience: Patience,
}

impl Default for Majors {
    fn default() -> Self {
        Self {
            priorities: Vec::new(),
            management: Vec::new(),
            update_every: 30 * MINUTE,
            watch: HOUR,
            patience: Patience::default(),
        }
    }
}

/// Reads the section `majors`.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<Majors> {
    let mut fields = reader.map(node, "`majors`")?;
    let general = Majors::default();
    let priorities = priorities(reader, &mut fields);
    let management = fields.read(reader, "management", |r, n| references(r, n, Noun::Contact));
    let (update_every, watch) = clocks(reader, &mut fields);
    let patience = fields.read(reader, "overdue", patience);
    fields.finish(reader);
    Some(Majors {
        priorities,
        management: management.unwrap_or_default(),
        update_every: update_every.unwrap_or(general.update_every),
        watch: watch.unwrap_or(general.watch),
        patience: patience.unwrap_or_default(),
    })
}

/// Reads `priorities`: none where it is not given.
pub(super) fn priorities(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Vec<Priority> {
    let read = fields.read(reader, "priorities", |r, n| {
        let items = r.one_or_many(n)?;
        Some(items.iter().filter_map(|item| r.word(item)).collect())
    });
    read.unwrap_or_default()
}

/// Reads `update_every` and `watch`.
pub(super) fn clocks(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'_>,
) -> (Option<Duration>, Option<Duration>) {
    let every = fields.read(reader, "update_every", |r, n| r.duration(n, UPDATE_MIN..=UPDATE_MAX));
    (every, fields.read(reader, "watch", |r, n| r.duration(n, Duration::ZERO..=WATCH_MAX)))
}

fn patience(reader: &mut Reader<'_>, node: &Node) -> Option<Patience> {
    let mut fields = reader.map(node, "`overdue`")?;
    let mut patience = Patience::default();
    for (name, span) in [("lead", &mut patience.lead), ("manager", &mut patience.manager)] {
        let read = fields.read(reader, name, |r, n| r.duration(n, Duration::ZERO..=PATIENCE_MAX));
        *span = read.unwrap_or(*span);
    }
    // The manager hears of it after the lead, whatever the defaults of the two are.
    patience.manager = patience.manager.max(patience.lead);
    fields.finish(reader);
    Some(patience)
}
