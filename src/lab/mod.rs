//! The engine on a virtual clock: what rule tests, replays, explanations and the simulator run. The production code decides;
//! this folder only tells it what happens when. Pure: no disk, no network, no clock.

#[cfg(test)]
mod afterwards;
pub mod alone;
#[cfg(test)]
mod budgets;
#[cfg(test)]
mod bulletins;
#[cfg(test)]
mod closing;
#[cfg(test)]
mod consuming;
#[cfg(test)]
mod consuming_changes;
#[cfg(test)]
mod credits;
#[cfg(test)]
mod doors;
#[cfg(test)]
mod doubted;
#[cfg(test)]
mod ends;
#[cfg(test)]
mod gathering;
#[cfg(test)]
mod handling;
mod held_back;
pub mod image;
#[cfg(test)]
mod inhibition;
#[cfg(test)]
mod intake;
#[cfg(test)]
mod known_errors;
#[cfg(test)]
mod legs;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod lines;
#[cfg(test)]
mod majors;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod on_call;
#[cfg(test)]
mod outage;
#[cfg(test)]
mod overdue;
#[cfg(test)]
mod quiet;
#[cfg(test)]
mod redundancy;
#[cfg(test)]
mod related;
#[cfg(test)]
mod reload;
pub mod replay;
#[cfg(test)]
mod reporters;
#[cfg(test)]
mod reports;
pub mod rule_tests;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod silences;
#[cfg(test)]
mod story;
#[cfg(test)]
mod upkeep;
#[cfg(test)]
mod users;
pub mod what_if;
pub mod world;
