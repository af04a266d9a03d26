//! What correlation learns from the alerts it sees; see `engine::related`.

/// What something was learned about, in the order of the store's keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LearnedKey {
    /// All alerts together.
    All,
    /// Alerts of one name.
    Name(Box<str>),
    /// One place, by its hash.
    Place(u64),
    /// Alerts of one source, by their label `job`; empty for all sources together.
    Source(Box<str>),
    /// All alerts without a CI together.
    Unbound,
}

/// What was learned; what does not apply is 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LearnedRow {
    /// Alerts that joined an open incident; of a label pair those that carried it.
    pub joined: u32,
    /// Alerts that opened an incident; of a place the incidents that touched it.
    pub opened: u32,
    /// How long alerts fired or were quiet, the last 64, in milliseconds, oldest first.
    pub intervals_ms: Vec<u32>,
    /// Whether alerts were seen to end.
    pub resolves: bool,
}
