//! The shapes of the CMDB: CIs, relations, ways, findings, and what an import changes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Alert, Time};
use crate::cmdb::{Facts, Problem};

/// How much the CMDB holds.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CmdbCounts {
    /// Counts the changes.
    pub version: u64,
    /// CIs by class.
    pub classes: BTreeMap<String, usize>,
    /// CIs.
    pub cis: usize,
    /// Relations.
    pub relations: usize,
}

/// What an import or an edit changes or would change.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Import {
    /// True when nothing was changed.
    pub dry_run: bool,
    /// True when the CMDB says this already.
    pub same: bool,
    /// The version that it makes; the one in force where nothing changes.
    pub version: u64,
    /// The difference in words.
    pub difference: String,
    /// CIs and relations that go.
    pub removed: usize,
    /// What `expect_removed` has to say, where so many go that a person has to agree.
    pub expect_removed: Option<usize>,
    /// What it breaks.
    pub warnings: Vec<Finding>,
    /// CIs afterwards.
    pub cis: usize,
    /// Relations afterwards.
    pub relations: usize,
}

/// Several files of one import.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FileSet {
    /// At least one.
    pub files: Vec<CmdbFile>,
}

/// A file of an import.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CmdbFile {
    /// What it is called in messages.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// Something that is or looks wrong.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// The file, where there is one.
    pub file: String,
    /// Line from 1; 0 when it is not known.
    pub line: u32,
    /// Column from 1; 0 when it is not known.
    pub column: u32,
    /// As in `C002`.
    pub code: String,
    /// `error` or `warning`.
    pub level: String,
    /// The CI, relation or field in question.
    pub item: String,
    /// What was found.
    pub message: String,
    /// What to do; may be empty.
    pub help: String,
    /// All of it on one line.
    pub text: String,
}

impl From<&Problem> for Finding {
    fn from(found: &Problem) -> Self {
        Self {
            file: found.file.clone(),
            line: found.line,
            column: found.column,
            code: found.code.into(),
            level: found.level().word().into(),
            item: found.item.clone(),
            message: found.message.clone(),
            help: found.help.clone(),
            text: found.to_string(),
        }
    }
}

/// What looks wrong in the CMDB.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Findings {
    /// The version that was looked through; nothing for a file.
    pub version: Option<u64>,
    /// No more than a hundred of each code.
    pub findings: Vec<Finding>,
    /// How many there are of each code.
    pub counts: BTreeMap<String, usize>,
}

/// A CI.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ci {
    /// Its name.
    pub name: String,
    /// What it is.
    pub class: String,
    /// All else that is known of it.
    pub attributes: BTreeMap<String, String>,
    /// What an alert carries that speaks of it.
    pub labels: BTreeMap<String, String>,
}

/// A relation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"from": "storefront", "type": "depends_on", "to": "mail"}))]
#[serde(deny_unknown_fields)]
pub struct Relation {
    /// A CI; in answers the cause.
    pub from: String,
    /// Either name of a type; in answers the one that reads from the cause.
    #[serde(rename = "type")]
    pub relation: String,
    /// A CI; in answers the sufferer.
    pub to: String,
    /// Who says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// From when on it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Time>,
    /// Until when it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Time>,
    /// When its source last said so; the time of the change where that is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_at: Option<Time>,
}

impl Relation {
    /// Returns what is known of it.
    pub fn facts(&self) -> Facts {
        let time = |time: Option<Time>| time.map(|Time(time)| time);
        Facts {
            source: self.source.as_deref().unwrap_or_default().into(),
            valid_from: time(self.valid_from),
            valid_until: time(self.valid_until),
            seen_at: time(self.seen_at),
        }
    }
}

/// A CI with what hangs on it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CiRecord {
    /// The CI.
    #[serde(flatten)]
    pub ci: Ci,
    /// The version of the CMDB.
    pub version: u64,
    /// Relations to what it suffers from.
    pub causes: Vec<Relation>,
    /// Relations to what suffers from it.
    pub sufferers: Vec<Relation>,
    /// Relations there are, listed or not.
    pub relations: usize,
    /// Firing alerts that are bound to it.
    pub alerts: Vec<Alert>,
    /// True when not all alerts were looked at.
    pub alerts_more: bool,
    /// The incidents of these alerts.
    pub incidents: Vec<String>,
    /// The daemon's time.
    pub now: Time,
}

/// A whole CI, to be put in the place of what there is.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"class": "pdu", "attributes": {"rack": "R12"}}))]
#[serde(deny_unknown_fields)]
pub struct CiBody {
    /// What it is.
    pub class: String,
    /// All else that is known of it.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// What an alert carries that speaks of it.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// Changes to a CI; `null` takes an attribute or a label away.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CiPatch {
    /// What it is.
    #[serde(default)]
    pub class: Option<String>,
    /// Attributes to set or to take away.
    #[serde(default)]
    pub attributes: BTreeMap<String, Option<String>>,
    /// Labels to set or to take away.
    #[serde(default)]
    pub labels: BTreeMap<String, Option<String>>,
}

/// The shortest ways on which harm spreads from one CI to another.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Paths {
    /// The cause.
    pub from: String,
    /// The sufferer.
    pub to: String,
    /// Relations on each way.
    pub hops: u8,
    /// How many such ways there are.
    pub count: u64,
    /// The first of them, written from the cause to the sufferer.
    pub paths: Vec<String>,
    /// The relations on these, each once, with what is known of them.
    #[serde(default)]
    pub relations: Vec<Relation>,
    /// The daemon's time.
    pub now: Time,
    /// True when the search was cut short: there may be a way all the same.
    pub truncated: bool,
}

/// What suffers when a CI fails.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Impact {
    /// The CI.
    pub ci: String,
    /// The CIs that fail with it.
    #[serde(default)]
    pub also: Vec<String>,
    /// CIs that are hit, those that were asked for left out.
    pub cis: usize,
    /// The same by distance, the nearest first.
    pub hops: Vec<Hop>,
    /// The services among them: by tier, then by name.
    pub services: Vec<ServiceHit>,
    /// CIs that stand with less redundancy, by name.
    #[serde(default)]
    pub weakened: Vec<Weakened>,
    /// Users of these services together.
    pub users: u64,
    /// True when the search was cut short: more CIs may suffer.
    pub truncated: bool,
}

/// The CIs at one distance.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Hop {
    /// Relations away.
    pub hops: u8,
    /// How many there are.
    pub count: usize,
    /// The first of them.
    pub cis: Vec<String>,
}

/// A service that suffers.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ServiceHit {
    /// Its name.
    pub name: String,
    /// How much it matters, 1 the most.
    pub tier: Option<u32>,
    /// People who use it.
    pub users: Option<u64>,
    /// The team that has it.
    pub owner: Option<String>,
    /// Relations away.
    pub hops: u8,
    /// A shortest way to it.
    pub path: String,
}

/// A CI that still stands, with fewer causes of a relation type than it has.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Weakened {
    /// Its name.
    pub name: String,
    /// The relation type, as it is written from the CI.
    pub relation: String,
    /// How many of them stand.
    pub left: u32,
    /// How many there are.
    pub of: u32,
}

/// The last changes of the CMDB.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct History {
    /// The newest first.
    pub items: Vec<Change>,
    /// The daemon's time.
    pub now: Time,
}

/// A change of the CMDB.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// The version that it made.
    pub version: u64,
    /// When.
    pub at: Time,
    /// Who says so.
    pub by: String,
    /// What was done.
    pub what: String,
    /// CIs that were new.
    pub cis_added: u64,
    /// CIs that were gone.
    pub cis_removed: u64,
    /// Attributes that changed.
    pub attributes: u64,
    /// Relations that were new.
    pub relations_added: u64,
    /// Relations that were gone.
    pub relations_removed: u64,
    /// Relations whose source or validity changed.
    #[serde(default)]
    pub relations_changed: u64,
    /// Relations that were only confirmed.
    #[serde(default)]
    pub confirmed: u64,
}
