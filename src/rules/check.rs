//! Loads rule files as a whole: reads each, joins their sections, settles the order of the rules.
//!
//! A rule set comes out only when nothing at all is wrong; otherwise everything that is wrong.

use core::hash::{BuildHasher, Hash, Hasher};
use std::collections::BTreeMap;
use std::sync::Arc;

use foldhash::quality::FixedState;

use super::advice;
use super::agreements;
use super::binding;
use super::calendar::{self, Calendar};
use super::closing::{self, Closing};
use super::codes;
use super::contact::{self, Contact};
use super::counter::Counter;
use super::counters::Counters;
use super::diagnostics::{self, Diagnostic, Severity};
use super::index::Index;
use super::intake::Phase;
use super::kinds::inhibit::Sources;
use super::lookups::{self, Tables};
use super::majors::{self, Majors};
use super::mappings;
use super::messages::{self, Messages};
use super::order;
use super::places::Places;
use super::plans::{self, Plan};
use super::policies;
use super::priorities::{self, Priorities};
use super::reader::{Fields, Noun, Reader};
use super::references;
use super::reporting::{self, Reporting};
use super::rotation;
use super::routing::{self, Route};
use super::rule::{self, Draft};
use super::sections::{self, Defaults, Lifecycle, Team};
use super::set::{Rule, RuleSet};
use super::source::SourceFile;
use super::template::Templates;
use super::testcase::{self, TestCase};
use super::yaml;
use crate::cmdb::BindingKey;
use crate::ingest::mapping::Mapping;
use crate::model::escalation::Policy;

/// The version of the form of rule files.
const VERSION: &str = "1";
/// The contact that is always there, and its channel.
const DEFAULT_CONTACT: &str = "default";
const DEFAULT_CHANNEL: &str = "log";

/// The relations that need no declaration, by both names.
pub(super) const RELATIONS: [&str; 14] = [
    "connected_by",
    "connects",
    "contains",
    "depends_on",
    "hosted_on",
    "hosts",
    "part_of",
    "powered_by",
    "powers",
    "runs",
    "runs_on",
    "supplied_by",
    "supplies",
    "supports",
];

/// What came of loading.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The rules; `None` when there is any error.
    pub set: Option<RuleSet>,
    /// The tests of all files that could be read.
    pub tests: Vec<TestCase>,
    /// Everything that was found, in order of files and places.
    pub diagnostics: Vec<Diagnostic>,
    /// How many rules were found, good or bad.
    pub rules: usize,
}

/// What all files together hold.
#[derive(Debug, Default)]
pub(super) struct Content<'f> {
    pub(super) rules: Vec<(&'f SourceFile, Draft)>,
    rules_seen: usize,
    pub(super) tests: Vec<TestCase>,
    pub(super) teams: BTreeMap<Box<str>, Team>,
    contacts: BTreeMap<Box<str>, Contact>,
    pub(super) policies: BTreeMap<Box<str>, Arc<Policy>>,
    calendar_drafts: BTreeMap<Box<str>, calendar::read::Draft<'f>>,
    calendars: BTreeMap<Box<str>, Arc<Calendar>>,
    counters: Vec<Arc<Counter>>,
    rotations: BTreeMap<Box<str>, rotation::read::Draft>,
    mappings: BTreeMap<Box<str>, Mapping>,
    messages: Messages,
    lookups: Tables,
    defaults: Option<Defaults>,
    priorities: Option<Priorities>,
    lifecycle: Option<Lifecycle>,
    binding: Option<Vec<BindingKey>>,
    closing: Option<Closing>,
    pub(super) majors: Option<Majors>,
    pub(super) plans: Vec<Plan>,
    reporting: Option<Reporting>,
    agreements: Vec<(Box<str>, agreements::Draft)>,
    routing: Vec<Route>,
    places: Places,
}

/// Checks and compiles all rule files together. Their order does not matter.
pub fn load(files: &[SourceFile]) -> Loaded {
    let mut sorted: Vec<&SourceFile> = files.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let nothing = SourceFile { name: String::new(), text: String::new() };
    let mut reader = Reader::new(sorted.first().copied().unwrap_or(&nothing));
    let mut content = Content::default();
    let mut templates = Templates::new();
    let mut sections = sections_hasher();
    for file in &sorted {
        reader.open(file);
        match yaml::parse(file) {
            Ok(node) if node.value == yaml::Value::Null => {}
            Ok(node) => {
                hash_sections(&node, &mut sections);
                read(&mut reader, &mut content, &mut templates, &node);
            }
            Err(problem) => reader.diagnostics.push(*problem),
        }
    }
    content.calendars = calendar::read::join(&mut reader, &content.calendar_drafts);
    reader.resolve(&[
        (Noun::Contact, DEFAULT_CONTACT),
        (Noun::Policy, policies::DEFAULT),
        (Noun::Templates, messages::DEFAULT),
    ]);
    references::check(&mut reader, &content.teams);
    let order = order::settle(&mut reader, &content.rules);
    advice::advise(&mut reader, &content, &order);
    let mut diagnostics = reader.diagnostics;
    diagnostics::place(&mut diagnostics, &sorted);
    diagnostics.sort_by(|a, b| (&a.file, a.span, a.code.id).cmp(&(&b.file, b.span, b.code.id)));
    let tests = core::mem::take(&mut content.tests);
    let rules = content.rules_seen;
    let failed = diagnostics.iter().any(|d| d.severity == Severity::Error);
    content.counters = reader.counters;
    let identity = (version(&sorted), sections.finish());
    let set = (!failed).then(|| assemble(content, templates, &order, identity));
    Loaded { set, tests, diagnostics, rules }
}

impl RuleSet {
    /// Returns the set without any rule file: one contact with the channel `log`, and defaults.
    pub fn builtin() -> Self {
        let identity = (version(&[]), sections_hasher().finish());
        assemble(Content::default(), Templates::new(), &[], identity)
    }
}

/// FNV-1a 64 over names and texts, each followed by the byte 0xFF, which no text holds.
fn version(files: &[&SourceFile]) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    files
        .iter()
        .flat_map(|file| [&file.name, &file.text])
        .fold(0xcbf2_9ce4_8422_2325, |hash, text| step(text.bytes().fold(hash, step), 0xFF))
}

fn sections_hasher() -> impl Hasher {
    FixedState::with_seed(0).build_hasher()
}

/// Hashes the sections of a file that are neither rules nor their tests.
fn hash_sections(root: &yaml::Node, hasher: &mut impl Hasher) {
    let yaml::Value::Map(entries) = &root.value else { return };
    let others = ["version", "namespace", "rules", "tests"];
    for (key, node) in entries.iter().filter(|(key, _)| !others.contains(&&*key.name)) {
        key.name.hash(hasher);
        node.hash_said(hasher);
    }
}

fn read<'f>(
    reader: &mut Reader<'f>,
    content: &mut Content<'f>,
    templates: &mut Templates,
    node: &yaml::Node,
) {
    let Some(mut fields) = reader.map(node, "a rule file") else { return };
    if let Some(version) = fields.need(reader, "version")
        && reader.text(version).is_some_and(|text| text != VERSION)
    {
        reader
            .error(codes::VALUE, version.span, "the version of this file is not known")
            .label(format!("expected {VERSION}"));
    }
    let namespace = fields.read(reader, "namespace", |r, n| {
        let text = r.text(n)?;
        let name = r.name(text, n.span)?;
        if name.contains('/') {
            r.error(codes::VALUE, n.span, "a namespace has no `/`");
        }
        Some(name)
    });
    if fields.has("rules") && namespace.is_none() {
        fields.need(reader, "namespace");
    }
    let namespace = namespace.as_deref().unwrap_or("?");
    for node in fields.read(reader, "rules", Reader::list).unwrap_or_default() {
        content.rules_seen += 1;
        if let Some(draft) = rule::read(reader, templates, node, namespace) {
            content.rules.push((reader.file, draft));
        }
    }
    for node in fields.read(reader, "tests", Reader::list).unwrap_or_default() {
        content.tests.extend(testcase::read(reader, node, namespace));
    }
    read_sections(reader, content, &mut fields);
    content.places.add(reader.file, node);
    fields.finish(reader);
}

/// Reads the sections that are no rules: mappings may be spread over files, the rest is given once.
fn read_sections<'f>(reader: &mut Reader<'f>, content: &mut Content<'f>, fields: &mut Fields<'_>) {
    if let Some(teams) =
        fields.read(reader, "teams", |r, n| sections::named(r, n, Noun::Team, sections::team))
    {
        content.teams.extend(teams);
    }
    if let Some(contacts) = fields.read(reader, "contacts", |r, n| {
        sections::named(r, n, Noun::Contact, |r, n, _| contact::read(r, n))
    }) {
        content.contacts.extend(contacts);
    }
    if let Some(policies) =
        fields.read(reader, "policies", |r, n| sections::named(r, n, Noun::Policy, policies::read))
    {
        content.policies.extend(policies);
    }
    if let Some(calendars) = fields.read(reader, "calendars", |r, n| {
        sections::named(r, n, Noun::Calendar, |r, n, _| calendar::read::draft(r, n))
    }) {
        content.calendar_drafts.extend(calendars);
    }
    if let Some(rotations) = fields.read(reader, "rotations", |r, n| {
        sections::named(r, n, Noun::Rotation, rotation::read::draft)
    }) {
        content.rotations.extend(rotations);
    }
    if let Some(mappings) = fields.read(reader, "mappings", |r, n| {
        sections::named(r, n, Noun::Mapping, |r, n, _| mappings::read(r, n))
    }) {
        content.mappings.extend(mappings);
    }
    if let Some(tables) = fields.read(reader, "lookups", |r, n| {
        sections::named(r, n, Noun::Table, |r, n, _| lookups::read(r, n))
    }) {
        content.lookups.extend(tables);
    }
    let messages = &mut content.messages;
    fields.read(reader, "templates", |r, n| {
        sections::named(r, n, Noun::Templates, |r, n, set| messages::read(r, messages, n, set))
    });
    content
        .agreements
        .extend(fields.read(reader, "agreements", agreements::read).into_iter().flatten());
    content.routing.extend(fields.read(reader, "routing", routing::read).into_iter().flatten());
    content.plans.extend(fields.read(reader, "plans", plans::read).into_iter().flatten());
    for name in ["defaults", "priorities", "lifecycle", "binding", "closing", "majors", "reports"] {
        if let Some((key, _)) = fields.entry(name) {
            reader.define(Noun::Section, name, key.span);
        }
    }
    let Content { defaults, priorities, lifecycle, binding, closing, majors, reporting, .. } =
        content;
    keep(defaults, fields.read(reader, "defaults", sections::defaults));
    keep(priorities, fields.read(reader, "priorities", priorities::read));
    keep(lifecycle, fields.read(reader, "lifecycle", sections::lifecycle));
    keep(binding, fields.read(reader, "binding", binding::binding));
    keep(closing, fields.read(reader, "closing", closing::read));
    keep(majors, fields.read(reader, "majors", majors::read));
    keep(reporting, fields.read(reader, "reports", reporting::read));
}

fn keep<T>(slot: &mut Option<T>, given: Option<T>) {
    if slot.is_none() {
        *slot = given;
    }
}

fn assemble(
    content: Content<'_>,
    mut templates: Templates,
    order: &[usize],
    (version, sections): (u64, u64),
) -> RuleSet {
    let mut drafts: Vec<Option<Rule>> =
        content.rules.into_iter().map(|(_, draft)| Some(draft.rule)).collect();
    let (shadows, rules): (Vec<Rule>, Vec<Rule>) = order
        .iter()
        .filter_map(|at| drafts.get_mut(*at).and_then(Option::take))
        .partition(|rule| rule.shadow);
    templates.set_lookups(content.lookups);
    let defaults = content.defaults.unwrap_or_default();
    let default_contact = defaults.contact.unwrap_or_else(|| DEFAULT_CONTACT.into());
    let mut contacts = content.contacts;
    if !contacts.contains_key(&default_contact) {
        let channels = vec![DEFAULT_CHANNEL.into()];
        let contact = Contact { channels, ..Contact::default() };
        contacts.insert(default_contact.clone(), contact);
    }
    let priorities = content.priorities.unwrap_or_default();
    let agreements = content.agreements.into_iter();
    let agreements = agreements.map(|(name, draft)| draft.complete(name, &priorities)).collect();
    let mut policies = content.policies;
    let default_policy = policies
        .entry(policies::DEFAULT.into())
        .or_insert_with(|| Arc::new(policies::default_policy()));
    RuleSet {
        version,
        sections,
        intake: Phase::build(&rules),
        index: Index::build(rules.iter().map(|rule| &rule.when)),
        sources: Sources::build(&rules),
        counters: Counters::new(content.counters),
        asks_around: rules.iter().chain(&shadows).any(Rule::asks_around),
        names: rules.iter().enumerate().map(|(at, rule)| (Arc::clone(&rule.name), at)).collect(),
        rules,
        shadow_index: Index::build(shadows.iter().map(|rule| &rule.when)),
        shadows,
        teams: content.teams,
        contacts,
        default_team: defaults.team,
        default_contact,
        default_policy: Arc::clone(default_policy),
        rotations: rotation::read::join(content.rotations, &content.calendars),
        calendars: content.calendars,
        mappings: content.mappings,
        policies,
        agreements,
        routing: content.routing,
        desk: defaults.desk,
        priorities,
        lifecycle: content.lifecycle.unwrap_or_default(),
        binding: content.binding.unwrap_or_else(binding::default_binding),
        closing: content.closing.unwrap_or_default(),
        majors: content.majors.unwrap_or_default(),
        plans: content.plans,
        reporting: content.reporting.unwrap_or_default(),
        places: content.places,
        templates,
        messages: content.messages,
    }
}
