//! The checked, compiled rule set: what the engine asks.
//!
//! Nothing in it can fail any more, except that a template may meet data it was not tried with.
//! See `check.rs` for how it is made.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::agreements::Agreement;
use super::calendar::{Calendar, Times};
use super::closing::Closing;
use super::condition::{Conditions, Verdict};
use super::contact::Contact;
use super::counters::Counters;
use super::index::Index;
use super::intake::Phase;
use super::kinds::Kind;
use super::kinds::inhibit::{Inhibit, Sources, sources_of};
use super::majors::Majors;
use super::messages::Messages;
use super::places::Places;
use super::plans::Plan;
use super::priorities::Priorities;
use super::reporting::Reporting;
use super::rotation::Rotation;
use super::routing::Route;
use super::scope::Scope;
use super::sections::{Lifecycle, Team};
use super::subject::Subject;
use super::template::{Template, Templates};
use crate::cmdb::{BindingKey, CiRow};
use crate::ingest::mapping::Mapping;
use crate::ingest::{self, Decoded, Reject, SourceFormat, Terms};
use crate::model::escalation::Policy;
use crate::model::priority::{Impact, Priority, Urgency, words};

/// All rules with everything they refer to.
#[derive(Clone, Debug)]
pub struct RuleSet {
    /// Identifies the content: FNV-1a 64 over names and texts of the files, in order of the names.
    pub version: u64,
    /// Hash of all sections of the files but `rules` and `tests`, in order of the files' names.
    pub sections: u64,
    /// In the order in which they are asked: by name, except where `before` or `after` says
    /// otherwise.
    pub rules: Vec<Rule>,
    /// Teams by name.
    pub teams: BTreeMap<Box<str>, Team>,
    /// People by name.
    pub contacts: BTreeMap<Box<str>, Contact>,
    /// The team of incidents that no other team has.
    pub default_team: Option<Box<str>>,
    /// The person for whom notices are when there is no team; always one of `contacts`.
    pub default_contact: Box<str>,
    /// Times that count, by name.
    pub calendars: BTreeMap<Box<str>, Arc<Calendar>>,
    /// Who has the shift, by name.
    pub rotations: BTreeMap<Box<str>, Rotation>,
    /// How foreign JSON becomes alerts, by name.
    pub mappings: BTreeMap<Box<str>, Mapping>,
    /// Escalation policies by name; there is always one named `default`.
    pub policies: BTreeMap<Box<str>, Arc<Policy>>,
    /// How impact, urgency and priority are found, and what follows from the priority.
    pub priorities: Priorities,
    /// What was agreed for some services, in order: the first that covers one holds.
    pub agreements: Vec<Agreement>,
    /// Which team of which line gets what, in order: the first that fits holds.
    pub routing: Vec<Route>,
    /// The team that gets back what was misrouted; the default team without one.
    pub desk: Option<Box<str>>,
    /// How long incidents linger, can be reopened, and are remembered.
    pub lifecycle: Lifecycle,
    /// How alerts find their CIs, in order.
    pub binding: Vec<BindingKey>,
    /// How incidents may end, and what has to be written for that.
    pub closing: Closing,
    /// Which incidents are major ones.
    pub majors: Majors,
    /// What is done in one, in order: the first plan that fits holds.
    pub plans: Vec<Plan>,
    /// How reporters who are no contacts hear of their incidents.
    pub reporting: Reporting,
    /// Rules without effect, in the order in which they would be asked.
    pub(super) shadows: Vec<Rule>,
    pub(super) shadow_index: Index,
    pub(super) places: Places,
    pub(super) templates: Templates,
    pub(super) messages: Messages,
    pub(super) index: Index,
    pub(super) intake: Phase,
    pub(super) sources: Sources,
    pub(super) counters: Counters,
    pub(super) asks_around: bool,
    /// Places in `rules` by name.
    pub(super) names: BTreeMap<Arc<str>, usize>,
    pub(super) default_policy: Arc<Policy>,
}

impl RuleSet {
    /// Reads a body as its source's format says.
    ///
    /// # Errors
    /// When nothing of it can be read; 503 where there is no such mapping, so that the sender tries
    /// again.
    pub fn decode(
        &self,
        format: &SourceFormat,
        body: &[u8],
        terms: &Terms<'_>,
    ) -> Result<Decoded, Reject> {
        let name = match format {
            SourceFormat::Known(format) => return ingest::decode(*format, body, terms),
            SourceFormat::Mapped(name) => name,
        };
        // No rules come into force without it.
        let missing = || {
            let message = format!("the rules in force have no mapping `{name}`");
            Reject::Schema { code: 503, message }
        };
        self.mappings.get(&**name).ok_or_else(missing)?.decode(body, terms)
    }

    /// Returns the rules that match, in order; without those that are asked at the intake.
    pub fn matching<'a>(&'a self, subject: &Subject<'_>) -> Vec<&'a Rule> {
        let candidates = self.index.candidates(subject).into_iter();
        candidates
            .filter_map(|at| self.rules.get(at))
            .filter(|rule| !rule.kind.is_intake() && rule.matches(subject))
            .collect()
    }

    /// Returns the rules of kind `inhibit` of which an alert is a source, in order.
    pub fn inhibiting(&self, subject: &Subject<'_>) -> Vec<(&Arc<str>, &Inhibit)> {
        sources_of(&self.rules, &self.sources, subject)
    }

    /// True when some rule is of kind `inhibit`.
    pub fn can_inhibit(&self) -> bool {
        !self.sources.is_empty()
    }

    /// Returns the counters that the rules' conditions ask.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// True when what a rule says of an alert can depend on what is around it.
    pub fn asks_around(&self) -> bool {
        self.asks_around
    }

    /// Returns a rule by its name, `namespace/name`.
    pub fn find(&self, name: &str) -> Option<&Rule> {
        self.names.get(name).and_then(|at| self.rules.get(*at))
    }

    /// Returns the rules with `shadow: true`: none of them is among `rules`, nor among those that
    /// match, and nothing may follow from one.
    pub fn shadows(&self) -> &[Rule] {
        &self.shadows
    }

    /// Returns the rules without effect that match, in order.
    pub fn shadows_matching<'a>(&'a self, subject: &Subject<'_>) -> Vec<&'a Rule> {
        let candidates = self.shadow_index.candidates(subject).into_iter();
        let rules = candidates.filter_map(|at| self.shadows.get(at));
        rules.filter(|rule| rule.matches(subject)).collect()
    }

    /// Returns a rule by its name, be it a shadow.
    pub fn any(&self, name: &str) -> Option<&Rule> {
        self.find(name).or_else(|| self.shadows.iter().find(|rule| &*rule.name == name))
    }

    /// Returns where a part of a section stands, or the nearest part around it that is given:
    /// `priorities.impact.high`, else `priorities.impact`, else `priorities`.
    pub fn place(&self, path: &str) -> Option<&Place> {
        self.places.find(path)
    }

    /// Renders a template of one of the rules to one line of at most 1 KiB.
    ///
    /// # Errors
    /// In words, when it meets a value of a kind it was not made for.
    pub fn render(&self, template: &Template, scope: &Scope) -> Result<String, String> {
        self.templates.render(template, scope)
    }

    /// Returns the calendar that is meant.
    pub fn calendar<'a>(&'a self, times: &'a Times) -> Option<&'a Calendar> {
        match times {
            Times::Named(name) => self.calendars.get(name).map(|calendar| &**calendar),
            Times::Own(calendar) => Some(calendar),
        }
    }

    /// Returns the policy of a rule, the default one where the rule names none.
    pub fn policy_of(&self, rule: Option<&Rule>) -> &Arc<Policy> {
        rule.and_then(|rule| rule.incident.policy.as_ref())
            .and_then(|name| self.policies.get(name))
            .unwrap_or(&self.default_policy)
    }
}

/// Where something stands in the rule files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Name of the file.
    pub file: Arc<str>,
    /// Line, counted from 1.
    pub line: u32,
}

/// Writes `rules/power.yaml:5`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// One entry of a rule file.
#[derive(Clone, Debug)]
pub struct Rule {
    /// `namespace/name`.
    pub name: Arc<str>,
    /// Where it stands.
    pub place: Place,
    /// Hash of its name and text, but for comments and layout: two rules of equal hash say the same
    /// as long as the other sections do, see [`RuleSet::sections`].
    pub said: u64,
    /// Who answers for it.
    pub owner: Option<Box<str>>,
    /// What it is for, in one line; may be empty.
    pub summary: Box<str>,
    /// What it does.
    pub kind: Kind,
    /// True when it is asked and counted, and nothing follows from it.
    pub shadow: bool,
    /// What its incidents are like.
    pub incident: IncidentSpec,
    /// When its incidents are over.
    pub resolve: ResolveSpec,
    pub(super) when: Conditions,
    pub(super) unless: Conditions,
}

impl Rule {
    /// True when an alert is one of those the rule is about.
    pub fn matches(&self, subject: &Subject<'_>) -> bool {
        self.kind.is_about_alerts()
            && self.when.all_hold(subject)
            && !self.unless.any_holds(subject)
    }

    /// True when what it says of an alert depends on what else fires, the time, or services.
    pub(super) fn asks_around(&self) -> bool {
        self.when.asks_around() || self.unless.asks_around()
    }

    /// Returns what each of its matchers says of an alert, for people who ask why. Those of `unless`
    /// begin with that word: the rule matches when none of its lines holds.
    pub fn verdicts(&self, subject: &Subject<'_>) -> Vec<Verdict> {
        let unless = self.unless.verdicts(subject).map(|verdict| {
            let matcher = format!("unless {}", verdict.matcher);
            Verdict { matcher, ..verdict }
        });
        self.when.verdicts(subject).chain(unless).collect()
    }

    /// Returns all its conditions, each list with its key: those of `when`, `unless` and its kind.
    pub fn conditions(&self) -> Vec<(&'static str, &Conditions)> {
        let mut all = vec![("when", &self.when), ("unless", &self.unless)];
        all.extend(self.kind.conditions());
        all
    }

    /// True when some alert of this CI could match: asks only the matchers of `when` on `ci.…`.
    pub fn could_root(&self, ci: &CiRow) -> bool {
        self.when.could_hold_on(ci)
    }
}

/// What a rule's incidents are like; what is not said is found out by the engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IncidentSpec {
    /// What is broken, in one line.
    pub title: Option<Template>,
    /// The team that gets it; nothing when it renders to nothing.
    pub assign: Option<Template>,
    /// What kind of thing is broken.
    pub category: Option<Box<str>>,
    /// Its priority, whatever impact and urgency say.
    pub priority: Option<Priority>,
    /// How fast it must be dealt with, whatever the severities say.
    pub urgency: Option<Urgency>,
    /// How much is hurt, whatever the topology says.
    pub impact: Option<Impact>,
    /// The escalation policy, by name.
    pub policy: Option<Box<str>>,
    /// When people hear of them, beside what the policy says.
    pub notify: NotifySpec,
}

/// When people hear of a rule's incidents, beside what the policy says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotifySpec {
    /// When the first notice goes out.
    pub first: FirstNotice,
    /// How often everybody who was told hears how an open incident stands.
    pub repeat: Option<Duration>,
}

/// When the first notice of an incident goes out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FirstNotice {
    /// At once, though a cause could show itself.
    Now,
    /// After the `wait` of the topology rules whose cause could show itself.
    #[default]
    Wait,
}

words!(FirstNotice, Now = "now", Wait = "wait");

/// When a rule's incidents are over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResolveSpec {
    /// Which alerts must have cleared.
    pub when: ResolveWhen,
    /// How long they must stay clear; the general time when not given.
    pub linger: Option<Duration>,
}

/// Which alerts must have cleared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResolveWhen {
    /// All of them.
    #[default]
    AllClear,
    /// The root's; what still fires then goes on as an incident of its own.
    RootClears,
}

words!(ResolveWhen, AllClear = "all_clear", RootClears = "root_clears");
