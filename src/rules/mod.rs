//! Rule files: from text to a checked, compiled set of rules, with the tests that stand in them.
//!
//! Pure: reading the disk is the shell's business, playing the tests is `lab`'s. Reading order:
//! `set` is what comes out; `check` makes it of files, with `rule`, `sections`, `closing`, `majors`, `plans`,
//! `priorities`, `policies`, `order` and `testcase` for their parts, and `kinds` for what rules do; `yaml` and
//! `reader` are below those, `diagnostics`, `codes`, `render` and `sarif` beside them; `advice` warns
//! of what works and is hardly meant. Matchers: `subject`, `matcher`, `number`, `parser`,
//! `comparison`, `classic`. Conditions: `condition`, `line`, `compound`, `counter`, `around`, `index`
//! with `handles`, `needles` and `shelf`.
//! Templates: `template`, `scope`, `messages`. Civil time: `calendar`, `rotation`.

mod advice;
mod agreements;
mod around;
mod binding;
mod calendar;
mod charset;
mod check;
pub mod classic;
mod closing;
pub mod codes;
mod comparison;
mod compound;
pub mod condition;
mod contact;
mod counter;
mod counters;
mod cursor;
mod delta;
pub mod diagnostics;
pub mod edit;
mod expectation;
mod handles;
pub mod index;
mod intake;
mod kinds;
pub mod lexer;
mod line;
pub mod lines;
mod lookups;
mod majors;
mod mappings;
pub mod matcher;
mod matcher_places;
mod messages;
mod needles;
mod number;
mod order;
pub mod parser;
pub mod pattern;
mod places;
mod plain;
mod plans;
mod policies;
mod priorities;
mod reach;
mod reader;
mod references;
pub mod render;
mod reporting;
mod rotation;
mod routing;
mod rule;
mod sarif;
mod scope;
mod sections;
mod set;
mod shadow;
mod shelf;
mod silence;
mod source;
pub mod subject;
mod suggest;
mod template;
pub mod testcase;
#[cfg(test)]
mod tests;
mod text;
mod timeline;
#[cfg(test)]
mod told;
mod translate;
mod wish;
mod yaml;

// What the engine and the shells ask for by name; they need not know in which file it stands.
pub use agreements::Agreement;
pub use around::Around;
pub use calendar::zone::Zone;
pub use calendar::{Calendar, Times};
pub use check::{Loaded, load};
pub use closing::{Ask, Closing, NO_REPLY, Requirement};
pub use condition::{Condition, Verdict};
pub use contact::{Contact, PageBudget};
pub use counter::{CounterId, Tallied};
pub use counters::Counters;
pub use delta::RulesDelta;
pub use diagnostics::{Diagnostic, Fix, Severity};
pub use intake::{Added, Dropped, KnownErrorText};
pub use kinds::Kind;
pub use kinds::absence::{Absence, RULE};
pub use kinds::group::Group;
pub use kinds::inhibit::{Inhibit, InhibitSource, Reach};
pub use kinds::known_error::{KeepQuiet, KnownErrorKind, PER_DAY_MAX};
pub use kinds::quiet::{Every, Quiet, Stretch, Window};
pub use kinds::related::Related;
pub use kinds::sequence::{RootStep, Sequence};
pub use kinds::storm::{StormKind, Suspects};
pub use kinds::topology::{Delay, TopologyKind};
pub use majors::Majors;
pub use messages::{Audience, IncidentLine, MessageScope, Part};
pub use plans::Plan;
pub use priorities::{Limit, PageWhen, Priorities, Threshold};
pub use reporting::Reporting;
pub use rotation::{OnCall, Rotation, Shift};
pub use routing::{Asked, Route, Routed, Seen};
pub use scope::{DEPENDANTS_MAX, RootScope, Scope};
pub use sections::{Lifecycle, Team, Turns};
pub use set::{
    FirstNotice, IncidentSpec, NotifySpec, Place, ResolveSpec, ResolveWhen, Rule, RuleSet,
};
pub use silence::{in_silence, spell};
pub use source::SourceFile;
pub use subject::{Field, Subject};
pub use template::Template;
pub use testcase::TestCase;
pub use text::duration;
pub use timeline::alert_labels;
