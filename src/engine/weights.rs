//! The constants of the rule kind `related`, with what they mean and what they are.
//!
//! One set for every recording: they were chosen on a handful of recordings and on many variants of
//! them, and `make quality` shows how far the result moves with each. They are no options of rules:
//! whoever wants more or less joined turns `odds`. Read `related::score` for the formula.

/// What the likelihood of belonging together is made of, and what blame is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// The silence that matters, in ticks: how fast the likelihood falls with it.
    pub pace: f64,
    /// The power of that fall. A heavy tail (Lomax): what burns slowly keeps its late alerts.
    pub tail: f64,
    /// How much further a silence may be for each relation in between: harm takes time to spread.
    pub spread: f64,
    /// How much a relation in between speaks against belonging together.
    pub distance: f64,
    /// The age, in ticks, from which an incident draws in less and less.
    pub age: f64,
    /// By how much time passes slower for alerts at a place where the incident still burns, 0 to 1.
    pub hold: f64,
    /// How much it speaks against an incident that nothing of it fires any more.
    pub calm: f64,
    /// How much an alert's usual role says, as opener or follower; half where the incident burns.
    pub role: f64,
    /// How much less a place says that every incident touches.
    pub familiarity: f64,
    /// How far apart two places of one system are that the topology knows no way between, in
    /// relations: the map is never complete, and no path does not mean no relation.
    pub system: f64,
    /// How far an alert is from those it names that depend on another it names, in relations: from
    /// the caller, when a call is slow.
    pub caller: f64,
    /// How far apart two alerts without a CI are that share a value which every alert carries, in
    /// relations; a rare value is nearer in proportion.
    pub common_value: f64,
    /// How much of the blame for what a CI suffers goes on to each it depends on, is carried or
    /// powered by, 0 to 1. What a service runs on is itself and gets the whole.
    pub blame: f64,
    /// What the next alert of the same place says to its blame, against the one before it, 0 to 1.
    pub repeated: f64,
    /// What an alert that only informs says, against one that warns, 0 to 1.
    pub informs: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            pace: 1.5,
            tail: 1.75,
            spread: 2.0,
            distance: 0.8,
            age: 2.0,
            hold: 0.35,
            calm: 1.0,
            role: 0.75,
            familiarity: 0.2,
            system: 1.25,
            caller: 0.5,
            common_value: 1.0,
            blame: 0.4,
            repeated: 0.4,
            informs: 0.6,
        }
    }
}
