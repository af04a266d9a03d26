//! From rows as they were written to checked rows, or to everything that is wrong with them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::problem::{Place, Problem, nearest, shorten};
use super::relation::{RelationType, Types};
use super::rows::{
    ATTRIBUTES_MAX, CIS_MAX, CiRow, NAME_LEN_MAX, RELATIONS_MAX, RelationRow, Rows, SHAPES_MAX,
    VALUE_LEN_MAX,
};

/// Unknown CIs for which a like name is looked for: each costs a pass over all names.
const GUESSES_MAX: usize = 20;

/// Rows with the places where they were written.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    pub(super) types: Vec<(Place, RelationType)>,
    pub(super) cis: Vec<(Place, CiRow)>,
    pub(super) relations: Vec<(Place, RelationRow)>,
    /// What is known to be wrong already.
    pub(super) problems: Vec<Problem>,
}

impl From<&Rows> for Draft {
    fn from(rows: &Rows) -> Self {
        fn placeless<T: Clone>(rows: &[T]) -> Vec<(Place, T)> {
            rows.iter().map(|row| (Place::default(), row.clone())).collect()
        }
        Self {
            types: placeless(&rows.types),
            cis: placeless(&rows.cis),
            relations: placeless(&rows.relations),
            problems: Vec::new(),
        }
    }
}

impl Draft {
    /// Checks, sorts and joins; the problems come in order of their places.
    pub(super) fn check(mut self) -> Result<(Types, Rows), Vec<Problem>> {
        let (types, own) = self.check_types();
        let cis = self.check_cis();
        let relations = self.check_relations(&types, &cis);
        if self.problems.is_empty() {
            Ok((types, Rows { types: own, cis, relations }))
        } else {
            self.problems.sort();
            self.problems.dedup();
            Err(self.problems)
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

    fn check_cis(&mut self) -> Vec<CiRow> {
        let mut drafts = core::mem::take(&mut self.cis);
        if drafts.len() > CIS_MAX {
            let message = format!("{} CIs, must be at most {CIS_MAX}", drafts.len());
            self.problems.push(Problem::new(Place::default(), "C009", "cis", message));
        }
        drafts.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));
        let mut classes = BTreeSet::<Arc<str>>::new();
        let mut shapes = BTreeSet::<Vec<Box<str>>>::new();
        let mut cis: Vec<CiRow> = Vec::with_capacity(drafts.len());
        for (place, mut ci) in drafts {
            self.check_lengths(place, &ci);
            if !ci.name.is_empty() && cis.last().is_some_and(|last| last.name == ci.name) {
                let message = format!("CI `{}` is given twice", shorten(&ci.name));
                let help = "keep one of the two".into();
                self.problems.push(Problem::new(place, "C003", &ci.name, message).help(help));
                continue;
            }
            match classes.get(&ci.class) {
                Some(known) => ci.class = Arc::clone(known),
                None => _ = classes.insert(Arc::clone(&ci.class)),
            }
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
        let attributes = ci.attributes.iter().map(|(name, value)| (&**name, &**value));
        for (name, value) in attributes.chain(&ci.labels) {
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
        for (what, text) in [("a name", &ci.name), ("a class", &ci.class)] {
            if text.is_empty() {
                let message = format!("CI `{}` needs {what}", shorten(&ci.name));
                self.problems.push(Problem::new(place, "C011", &ci.name, message));
            }
        }
    }

    fn check_relations(&mut self, types: &Types, cis: &[CiRow]) -> Vec<RelationRow> {
        let drafts = core::mem::take(&mut self.relations);
        if drafts.len() > RELATIONS_MAX {
            let message = format!("{} relations, must be at most {RELATIONS_MAX}", drafts.len());
            self.problems.push(Problem::new(Place::default(), "C009", "relations", message));
        }
        let mut check = RelationCheck { types, cis, guesses: 0, problems: &mut self.problems };
        let mut relations: Vec<RelationRow> =
            drafts.into_iter().filter_map(|(place, row)| check.normalise(place, &row)).collect();
        relations.sort();
        relations.dedup();
        relations
    }
}

struct RelationCheck<'a> {
    types: &'a Types,
    cis: &'a [CiRow],
    guesses: usize,
    problems: &'a mut Vec<Problem>,
}

impl RelationCheck<'_> {
    /// Turns a relation into the direction in which harm spreads.
    fn normalise(&mut self, place: Place, row: &RelationRow) -> Option<RelationRow> {
        let from = self.end(place, row, &row.from);
        let to = self.end(place, row, &row.to);
        let Some(kind) = self.types.find(&row.relation) else {
            let message = format!("unknown relation type `{}`", shorten(&row.relation));
            let help = match self.types.nearest(&row.relation) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "declare it under `relation_types:`".into(),
            };
            self.problems.push(Problem::new(place, "C005", &row.to_string(), message).help(help));
            return None;
        };
        let (from, to) = (from?, to?);
        if from == to {
            let message = format!("`{}` cannot suffer from itself", shorten(&from));
            let help = "delete this relation".into();
            self.problems.push(Problem::new(place, "C007", &row.to_string(), message).help(help));
            return None;
        }
        let relation = kind.spreads();
        let (from, to) = if *row.relation == *relation { (from, to) } else { (to, from) };
        Some(RelationRow { from, relation: relation.into(), to })
    }

    /// Finds the CI at one end; its name is shared.
    fn end(&mut self, place: Place, row: &RelationRow, name: &str) -> Option<Arc<str>> {
        if let Ok(at) = self.cis.binary_search_by(|ci| (*ci.name).cmp(name)) {
            return self.cis.get(at).map(|ci| Arc::clone(&ci.name));
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
