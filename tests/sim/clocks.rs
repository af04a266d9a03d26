//! The clocks of the machine: they go, are set, and sleep; and the daemon's own time, which production's
//! [`Slew`] makes of them.

use core::time::Duration;

use incidentd::clock::Slew;
use incidentd::model::time::Timestamp;

use crate::plan::{Dice, START};

/// The clocks of the machine. Senders and people go by its wall clock; the daemon's own time follows it
/// slowly, as [`Slew`] says.
pub struct Clocks {
    /// Counts through suspend and cannot be set.
    boot: Duration,
    pub wall: Timestamp,
    slew: Slew,
    /// The daemon's own time.
    pub now: Timestamp,
}

/// What the daemon did meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// It waited, or slept with the machine.
    Up,
    /// It was not there.
    Down,
}

impl Clocks {
    pub fn new() -> Self {
        let boot = Duration::from_secs(1);
        Self { boot, wall: START, slew: Slew::start(None, boot, START), now: START }
    }

    /// Lets time pass: mostly seconds, at times an hour or a day in which the machine slept, or minutes
    /// to hours without the daemon. At times the wall clock is set, by an hour or a day, to and fro.
    pub fn pass(&mut self, dice: &mut Dice) -> Passed {
        let what = dice.roll(120);
        let span = match what {
            0 | 1 => Duration::from_hours(24),
            2 | 3 => Duration::from_hours(1),
            8 => Duration::from_mins(dice.roll(150)),
            9..=24 => Duration::from_secs(60 * (1 + dice.roll(20))),
            _ => Duration::from_millis(dice.roll(20_000)),
        };
        self.boot += span;
        self.wall = self.wall.plus(span);
        self.wall = match what {
            4 => self.wall.minus(Duration::from_hours(24)),
            5 => self.wall.plus(Duration::from_hours(24)),
            6 => self.wall.minus(Duration::from_hours(1)),
            7 => self.wall.plus(Duration::from_hours(1)),
            _ => self.wall,
        };
        let passed = if what == 8 { Passed::Down } else { Passed::Up };
        if passed == Passed::Down {
            self.slew = Slew::start(Some(self.now), self.boot, self.wall);
        }
        self.now = self.slew.advance(self.boot, self.wall);
        passed
    }
}
