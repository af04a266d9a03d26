//! The engine on a virtual clock: what rule tests and the simulator run. The production code decides;
//! this folder only tells it what happens when. Pure: no disk, no network, no clock.

#[cfg(test)]
mod doors;
pub mod image;
pub mod rule_tests;
#[cfg(test)]
mod scenarios;
pub mod world;
