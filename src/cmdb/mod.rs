//! The CMDB: what there is, what suffers when it fails, and which of it an alert speaks of.
//!
//! Rows are what is imported, stored and compared; a [`Topology`] is built from them once and never
//! changes. Nothing here reads a file or a clock, and nothing guesses: an ambiguous alert stays
//! unbound, a bad CMDB is refused whole with all its problems. Read `rows` first, then `relation`,
//! `topology` and `walk`; `bind` leads from alerts to CIs, `import` from text to rows.

mod age;
mod attributes;
mod bind;
mod check;
mod column;
mod delta;
mod diff;
mod edges;
mod edit;
mod export;
mod export_csv;
mod facts;
mod history;
pub mod import;
mod independent;
mod known;
mod lint;
mod making;
mod merge;
mod names;
mod near;
mod needs;
mod outage;
mod paths;
mod places;
mod problem;
mod relation;
mod rows;
mod table;
mod topology;
mod unbound;
mod users;
mod walk;

// The folder's words are few and used everywhere: they are named `cmdb::Topology`, not by file.
pub use attributes::Attributes;
pub use bind::{Answer, Binder, Binding, BindingKey, Bound, Found, Normalise, Tried, WAYS_MAX};
pub use delta::{Delta, Edits};
pub use diff::{Difference, REMOVED_MAX, REMOVED_SHARE, Side, diff};
pub use edit::{Edit, edit};
pub use export::{json, yaml};
pub use export_csv::{Table, csv};
pub use facts::{Facts, FactsShared, SOURCE_LEN_MAX, topic_source};
pub use history::{Change, HISTORY_MAX, Revision};
pub use lint::{Lint, lint, lint_change};
pub use making::Making;
pub use near::{RELATION, Ties, WHOLE};
pub use needs::NEEDS;
pub use outage::{Outage, Weakened};
pub use paths::{Ways, ways};
pub use places::Places;
pub use problem::{Level, Problem};
pub use relation::{End, RelationSet, RelationType, TYPES_MAX};
pub use rows::{
    ATTRIBUTES_MAX, CIS_MAX, CiId, CiRow, NAME_LEN_MAX, RELATIONS_MAX, RelationRow, Rows,
    SHAPES_MAX, VALUE_LEN_MAX,
};
pub use table::{Said, Taken, take};
pub use topology::Topology;
pub use unbound::{Counts, Group, Hint, Unbound};
pub use users::users;
pub use walk::{Step, Toward, Walk};
