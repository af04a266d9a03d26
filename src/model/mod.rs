//! The words of the domain as plain data.
//!
//! Nothing here decides, reads a clock, does I/O or knows a wire format: every other folder speaks
//! in these types and this folder imports none of them. Read `labels` and `alert` first, then
//! `incident`, `notice` and `silence`.

pub mod affected;
pub mod alert;
pub mod assignment;
pub mod audit;
pub mod bulletin;
pub mod change;
pub mod closure;
pub mod credit;
pub mod delivery;
pub mod escalation;
pub mod few;
pub mod incident;
pub mod journal;
pub mod labels;
pub mod learned;
pub mod leases;
pub mod link;
pub mod major;
pub mod names;
pub mod notice;
pub mod on_call;
pub mod partition;
pub mod priority;
pub mod progress;
pub mod quarantine;
pub mod rare;
pub mod report;
pub mod review;
pub mod satisfaction;
pub mod shapes;
pub mod sheet;
pub mod short;
pub mod silence;
pub mod terms;
pub mod time;
pub mod timeline;
pub mod transfers;
