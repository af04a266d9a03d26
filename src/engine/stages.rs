//! Says how far an alert has got on its way through the stages, to whoever takes the time.

/// Hears of each alert whose episode begins; whoever does not care costs nothing.
pub trait Stages {
    /// What the next few alerts will be asked for is about to be read ahead.
    fn reads_ahead(&mut self) {}

    /// It was; they are taken in next, one by one.
    fn read_ahead(&mut self) {}

    /// It is taken in: deduplicated, bound to its CI, enriched and recorded. It is correlated next.
    fn taken_in(&mut self) {}

    /// It has its incident, or is held back, and all indexes know. What follows for incidents, once
    /// an event, comes next: suspects, priority, team, clocks.
    fn correlated(&mut self) {}
}

/// Does not care.
impl Stages for () {}
