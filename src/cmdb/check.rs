//! From rows as they were written to checked rows, or to everything that is wrong with them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::facts::{FactsShared, SOURCE_LEN_MAX};
use super::needs::{self, NEEDS};
use super::problem::{PROBLEMS_MAX, Place, Problem, nearest, shorten, told};
use super::relation::{RelationType, Types, is_type_name};
use super::rows::{
    ATTRIBUTES_MAX, CIS_MAX, CiRow, NAME_LEN_MAX, RELATIONS_MAX, RelationRow, Rows, SHAPES_MAX,
    VALUE_LEN_MAX,
};

/// Unknown CIs for which a like name is looked for: each costs a pass over all names.
const GUESSES_MAX: usize = 20;

/// What a CI has beside its attributes, so that no attribute can have the name.
const FIELDS: [&str; 3] = ["name", "class", "labels"];

/// The tiers of a service, 1 for what matters most.
const TIERS: [&str; 4] = ["1", "2", "3", "4"];

/// Rows with the places where they were written.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    pub(super) types: Vec<(Place, RelationType)>,
    pub(super) cis: Vec<(Place, Arc<CiRow>)>,
    pub(super) relations: Vec<(Place, RelationRow)>,
    /// CIs to take away; means something in a merge only.
    pub(super) cis_gone: Vec<(Place, Box<str>)>,
    /// Relations to take away; means something in a merge only.
    pub(super) relations_gone: Vec<(Place, RelationRow)>,
    /// What is known to be wrong already.
    pub(super) problems: Vec<Problem>,
}

impl From<Rows> for Draft {
    fn from(rows: Rows) -> Self {
        fn placeless<T>(rows: Vec<T>) -> Vec<(Place, T)> {
            rows.into_iter().map(|row| (Place::default(), row)).collect()
        }
        Self {
            types: placeless(rows.types),
            cis: placeless(rows.cis),
            relations: placeless(rows.relations),
            ..Self::default()
        }
    }
}

impl Draft {
    /// True when there is nothing in it, not even a problem.
    pub(super) fn is_empty(&self) -> bool {
        let Self { types, cis, relations, cis_gone, relations_gone, problems } = self;
        let rows = types.len() + cis.len() + relations.len();
        rows + cis_gone.len() + relations_gone.len() + problems.len() == 0
    }

    /// Checks, sorts and joins; the problems come in order of their places.
    pub(super) fn check(mut self) -> Result<(Types, Rows), Vec<Problem>> {
        self.check_removals();
        let (types, own) = self.check_types();
        let cis = self.check_cis(&types);
        // Without all CIs their relations would be wrong for nothing.
        let relations =
            if self.is_full() { Vec::new() } else { self.check_relations(&types, &cis) };
        if self.problems.is_empty() {
            Ok((types, Rows { types: own, cis, relations }))
        } else {
            Err(told(self.problems))
        }
    }

    /// True when so much is wrong that the rest need not be looked at.
    pub(super) fn is_full(&self) -> bool {
        self.problems.len() > PROBLEMS_MAX
    }

    /// What is to be taken away has been by now where it is a merge.
    fn check_removals(&mut self) {
        let cis = self.cis_gone.iter().map(|(place, name)| (*place, name.to_string()));
        let relations = self.relations_gone.iter().map(|(place, row)| (*place, row.to_string()));
        for (place, item) in cis.chain(relations) {
            let message = format!("`{}` is to be removed from a whole CMDB", shorten(&item));
            let help = "leave it out, or import the file in mode merge".into();
            self.problems.push(Problem::new(place, "C011", &item, message).help(help));
        }
    }

    fn check_types(&mut self) -> (Types, Vec<RelationType>) {
        let mut types = Types::built_in();
        let mut own = Vec::new();
        for (place, new) in core::mem::take(&mut self.types) {
            match types.add(place, new.clone()) {
                Ok(true) => own.push(new),
                Ok(false) => {}
                Err(problem) => self.problems.push(problem),
            }
        }
        own.sort();
        (types, own)
    }

    fn check_cis(&mut self, types: &Types) -> Vec<Arc<CiRow>> {
        let mut drafts = core::mem::take(&mut self.cis);
        if drafts.len() > CIS_MAX {
            let message = format!("{} CIs, must be at most {CIS_MAX}", drafts.len());
            self.problems.push(Problem::new(Place::default(), "C009", "cis", message));
        }
        drafts.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));
        let mut classes = BTreeSet::<Arc<str>>::new();
        let mut shapes = BTreeSet::<Vec<Box<str>>>::new();
        let mut cis: Vec<Arc<CiRow>> = Vec::with_capacity(drafts.len());
        for (place, mut ci) in drafts {
            if self.is_full() {
                break;
            }
            self.check_lengths(place, &ci);
            self.check_names(place, &ci);
            self.check_values(place, &ci, types);
            if !ci.name.is_empty() && cis.last().is_some_and(|last| last.name == ci.name) {
                let message = format!("CI `{}` is given twice", shorten(&ci.name));
                let help = "keep one of the two".into();
                self.problems.push(Problem::new(place, "C003", &ci.name, message).help(help));
                continue;
            }
            share_class(&mut ci, &mut classes);
            let shape: Vec<Box<str>> = ci.labels.iter().map(|(name, _)| name.into()).collect();
            let full = shapes.len() > SHAPES_MAX || shape.is_empty();
            if !full && shapes.insert(shape) && shapes.len() > SHAPES_MAX {
                let message =
                    format!("the CIs have more than {SHAPES_MAX} different sets of label names");
                let help = "recognise CIs of one class by the same labels".into();
                self.problems.push(Problem::new(place, "C009", &ci.name, message).help(help));
            }
            cis.push(ci);
        }
        cis
    }

    fn check_lengths(&mut self, place: Place, ci: &CiRow) {
        let mut limit = |what: &str, len: usize, max: usize| {
            if len > max {
                let name = shorten(&ci.name);
                let message =
                    format!("{what} of CI `{name}` has {len} bytes, must be at most {max}");
                self.problems.push(Problem::new(place, "C009", &ci.name, message));
            }
        };
        limit("the name", ci.name.len(), NAME_LEN_MAX);
        limit("the class", ci.class.len(), NAME_LEN_MAX);
        for (name, value) in ci.attributes.iter().chain(&ci.labels) {
            limit("the name of an attribute or label", name.len(), NAME_LEN_MAX);
            limit(&format!("`{}`", shorten(name)), value.len(), VALUE_LEN_MAX);
        }
        for (what, count) in [("attributes", ci.attributes.len()), ("labels", ci.labels.len())] {
            if count > ATTRIBUTES_MAX {
                let name = shorten(&ci.name);
                let message =
                    format!("CI `{name}` has {count} {what}, must be at most {ATTRIBUTES_MAX}");
                self.problems.push(Problem::new(place, "C009", &ci.name, message));
            }
        }
        if ci.name.is_empty() {
            self.problems.push(nameless(place));
        }
        if ci.class.is_empty() {
            let message = format!("CI `{}` needs a class", shorten(&ci.name));
            self.problems.push(Problem::new(place, "C011", &ci.name, message));
        }
    }

    fn check_names(&mut self, place: Place, ci: &CiRow) {
        let attributes = ci.attributes.iter().map(|(name, _)| name);
        let labels = ci.labels.iter().map(|(name, _)| name);
        for name in [&*ci.name, &*ci.class].into_iter().chain(attributes).chain(labels) {
            if name.chars().any(char::is_control) {
                let message = format!("the name {:?} holds a control character", shorten(name));
                let help = "use letters that can be seen".into();
                self.problems.push(Problem::new(place, "C016", &ci.name, message).help(help));
            }
        }
        for name in FIELDS.iter().filter(|name| ci.attributes.get(name).is_some()) {
            let message = format!("`{name}` of CI `{}` is no attribute", shorten(&ci.name));
            let help = "it is a field beside the attributes".into();
            self.problems.push(Problem::new(place, "C011", &ci.name, message).help(help));
        }
    }

    /// Checks the attributes that mean something to us; see the table in `rules/README.md`.
    fn check_values(&mut self, place: Place, ci: &CiRow, types: &Types) {
        let name = shorten(&ci.name);
        let mut wrong = |message: String, help: String| {
            self.problems.push(Problem::new(place, "C031", &ci.name, message).help(help));
        };
        let value = |attribute| ci.attributes.get(attribute);
        if let Some(tier) = value("tier").filter(|tier| !TIERS.contains(tier)) {
            let message = format!("the tier of CI `{name}` is `{}`", shorten(tier));
            wrong(message, "write 1 to 4, 1 for what matters most".into());
        }
        if let Some(users) = value("users").filter(|users| users.parse::<u64>().is_err()) {
            let message = format!("the users of CI `{name}` are `{}`", shorten(users));
            wrong(message, "write how many people it serves, a whole number without unit".into());
        }
        if let Some(Err((message, help))) = value(NEEDS).map(|needs| needs::read(needs, types)) {
            wrong(format!("what CI `{name}` needs cannot be read: {}", shorten(&message)), help);
        }
    }

    fn check_relations(&mut self, types: &Types, cis: &[Arc<CiRow>]) -> Vec<RelationRow> {
        let drafts = core::mem::take(&mut self.relations);
        if drafts.len() > RELATIONS_MAX {
            let message = format!("{} relations, must be at most {RELATIONS_MAX}", drafts.len());
            self.problems.push(Problem::new(Place::default(), "C009", "relations", message));
        }
        let names = if drafts.is_empty() {
            Vec::new()
        } else {
            cis.iter().map(|ci| Arc::from(&*ci.name)).collect()
        };
        let mut check =
            RelationCheck { types, cis, names, guesses: 0, problems: &mut self.problems };
        let mut relations: Vec<(RelationRow, Place)> = Vec::with_capacity(drafts.len());
        for (place, row) in drafts {
            if check.problems.len() > PROBLEMS_MAX {
                break;
            }
            relations.extend(check.normalise(place, &row).map(|row| (row, place)));
        }
        relations.sort();
        let mut shared = FactsShared::default();
        let mut kept: Vec<RelationRow> = Vec::with_capacity(relations.len());
        for (mut row, place) in relations {
            row.facts = shared.share(row.facts.take());
            match kept.last().filter(|last| last.ends() == row.ends()) {
                None => kept.push(row),
                Some(last) if last.facts == row.facts => {}
                Some(_) => self.problems.push(contradiction(place, &row)),
            }
        }
        kept
    }
}

/// Says that a CI has no name.
pub(super) fn nameless(place: Place) -> Problem {
    Problem::new(place, "C011", "", "CI `` needs a name".into())
}

fn contradiction(place: Place, row: &RelationRow) -> Problem {
    let item = row.to_string();
    let message =
        format!("`{}` is given twice, with another source, validity or age", shorten(&item));
    Problem::new(place, "C003", &item, message).help("keep one of the two".into())
}

/// Lets a CI's class share its text with those known already.
pub(super) fn share_class(ci: &mut Arc<CiRow>, known: &mut BTreeSet<Arc<str>>) {
    match known.get(&ci.class) {
        Some(class) if Arc::ptr_eq(class, &ci.class) => {}
        Some(class) => Arc::make_mut(ci).class = Arc::clone(class),
        None => _ = known.insert(Arc::clone(&ci.class)),
    }
}

/// The names of two CIs.
type Ends = (Arc<str>, Arc<str>);

struct RelationCheck<'a> {
    types: &'a Types,
    cis: &'a [Arc<CiRow>],
    /// The text of the names, for all relations of a CI.
    names: Vec<Arc<str>>,
    guesses: usize,
    problems: &'a mut Vec<Problem>,
}

impl RelationCheck<'_> {
    /// Turns a relation into the direction in which harm spreads.
    fn normalise(&mut self, place: Place, row: &RelationRow) -> Option<RelationRow> {
        let from = self.end(place, row, &row.from);
        let to = self.end(place, row, &row.to);
        let kind = self.types.find(&row.relation);
        if kind.is_none() && row.can_wait() && is_type_name(&row.relation) {
            let (from, to) = self.apart(place, row, (from?, to?))?;
            self.check_facts(place, row);
            return Some(RelationRow { from, to, ..row.clone() });
        }
        let Some(kind) = kind else {
            let message = format!("unknown relation type `{}`", shorten(&row.relation));
            let help = match self.types.nearest(&row.relation) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "declare it under `relation_types:`".into(),
            };
            self.problems.push(Problem::new(place, "C005", &row.to_string(), message).help(help));
            return None;
        };
        let (from, to) = self.apart(place, row, (from?, to?))?;
        let relation = kind.spreads();
        let (from, to) = if *row.relation == *relation { (from, to) } else { (to, from) };
        self.check_facts(place, row);
        Some(RelationRow { from, relation: relation.into(), to, facts: row.facts.clone() })
    }

    /// Refuses a relation from a CI to itself.
    fn apart(&mut self, place: Place, row: &RelationRow, ends: Ends) -> Option<Ends> {
        if ends.0 != ends.1 {
            return Some(ends);
        }
        let message = format!("`{}` cannot suffer from itself", shorten(&ends.0));
        let help = "delete this relation".into();
        self.problems.push(Problem::new(place, "C007", &row.to_string(), message).help(help));
        None
    }

    fn check_facts(&mut self, place: Place, row: &RelationRow) {
        let Some(facts) = row.facts.as_deref() else { return };
        let mut wrong = |message: String, help: &str| {
            let problem = Problem::new(place, "C030", &row.to_string(), message);
            self.problems.push(problem.help(help.into()));
        };
        let len = facts.source.len();
        if len > SOURCE_LEN_MAX {
            let message = format!("the source has {len} bytes, must be at most {SOURCE_LEN_MAX}");
            wrong(message, "name the system, such as `netbox`");
        }
        if facts.source.chars().any(char::is_control) {
            let source = shorten(&facts.source);
            let message = format!("the source {source:?} holds a control character");
            wrong(message, "use letters that can be seen");
        }
        if let (Some(from), Some(until)) = (facts.valid_from, facts.valid_until)
            && until <= from
        {
            let message = format!("the relation is valid from {from} until {until}: never");
            wrong(message, "let `valid_until` come after `valid_from`");
        }
    }

    /// Checks the name of a CI that is waited for.
    fn absent(&mut self, place: Place, row: &RelationRow, name: &str) -> Option<Arc<str>> {
        let fits = (1..=NAME_LEN_MAX).contains(&name.len()) && !name.chars().any(char::is_control);
        if fits {
            return Some(name.into());
        }
        let message = format!("{:?} cannot be the name of a CI", shorten(name));
        let help = format!("write 1 to {NAME_LEN_MAX} bytes without control characters");
        self.problems.push(Problem::new(place, "C016", &row.to_string(), message).help(help));
        None
    }

    /// Finds the CI at one end; its name is shared.
    fn end(&mut self, place: Place, row: &RelationRow, name: &str) -> Option<Arc<str>> {
        if let Ok(at) = self.cis.binary_search_by(|ci| (*ci.name).cmp(name)) {
            return self.names.get(at).map(Arc::clone);
        }
        if row.can_wait() {
            return self.absent(place, row, name);
        }
        self.guesses += 1;
        let near = (self.guesses <= GUESSES_MAX)
            .then(|| nearest(name, self.cis.iter().map(|ci| &*ci.name)))
            .flatten();
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "add it under `cis:`".into(),
        };
        let message = format!("relation to an unknown CI `{}`", shorten(name));
        self.problems.push(Problem::new(place, "C006", &row.to_string(), message).help(help));
        None
    }
}
