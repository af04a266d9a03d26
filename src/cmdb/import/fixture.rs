//! What a CMDB file holds, as written: the serde form, which rule files embed for their tests.

use core::fmt::Display;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::node::{Node, Text, Value};
use crate::cmdb::check::Draft;
use crate::cmdb::facts::Facts;
use crate::cmdb::needs::NEEDS;
use crate::cmdb::problem::{Place, Problem, nearest, shorten};
use crate::cmdb::relation::{self, End, RelationType};
use crate::cmdb::rows::{CiRow, RelationRow};
use crate::model::labels::Labels;
use crate::model::time::Timestamp;

/// How a relation is written.
const RELATION_FORM: &str = "write `cause -powers-> sufferer`, or {from: …, type: …, to: …}";

/// What may be said of a relation.
const RELATION_FIELDS: [&str; 8] =
    ["from", "type", "to", "relation", "source", "valid_from", "valid_until", "seen_at"];

/// A CMDB as written, with the places of its parts and what is already known to be wrong.
#[derive(Clone, Debug, Default)]
pub struct Fixture {
    cis: Vec<Ci>,
    relations: Vec<(Place, RelationRow)>,
    types: Vec<(Place, RelationType)>,
    cis_gone: Vec<(Place, Box<str>)>,
    relations_gone: Vec<(Place, RelationRow)>,
    /// Who says so of the relations that do not tell.
    source: Box<str>,
    problems: Vec<Problem>,
}

/// Values by name: attributes or labels.
type Pairs = BTreeMap<Box<str>, Text>;

#[derive(Clone, Debug)]
struct Ci {
    place: Place,
    name: Text,
    class: Text,
    attributes: Pairs,
    labels: Pairs,
}

impl Fixture {
    /// Puts numbers and booleans back as they are spelled in the source.
    pub(super) fn respelled(mut self, source: &str) -> Self {
        for ci in &mut self.cis {
            ci.name.respell(source);
            ci.class.respell(source);
            let pairs = ci.attributes.values_mut().chain(ci.labels.values_mut());
            pairs.for_each(|value| value.respell(source));
        }
        self
    }

    /// Turns it into rows to be checked.
    pub(super) fn draft(&self) -> Draft {
        let mut draft = Draft {
            types: self.types.clone(),
            cis: Vec::with_capacity(self.cis.len()),
            relations: self.relations.clone(),
            cis_gone: self.cis_gone.clone(),
            relations_gone: self.relations_gone.clone(),
            problems: self.problems.clone(),
        };
        self.name_source(&mut draft.relations);
        for ci in &self.cis {
            let mut pairs: Vec<(&str, &str)> =
                ci.labels.iter().map(|(name, value)| (&**name, &*value.text)).collect();
            let labels = Labels::build(&mut pairs).unwrap_or_else(|error| {
                let text = error.to_string();
                draft.problems.push(Problem::new(ci.place, "C009", &ci.name.text, text));
                Labels::empty()
            });
            let attributes = ci.attributes.iter();
            let row = CiRow {
                name: (&*ci.name.text).into(),
                class: Arc::from(&*ci.class.text),
                attributes: attributes.map(|(name, v)| (name.clone(), v.text.clone())).collect(),
                labels,
            };
            draft.cis.push((ci.place, Arc::new(row)));
        }
        draft
    }

    fn name_source(&self, relations: &mut [(Place, RelationRow)]) {
        if self.source.is_empty() {
            return;
        }
        let bare = Arc::new(Facts { source: (*self.source).into(), ..Facts::default() });
        for (_, row) in relations {
            match &row.facts {
                None => row.facts = Some(Arc::clone(&bare)),
                Some(facts) => row.facts = Some(Arc::new(bare.under(facts))),
            }
        }
    }
}

// From nodes to parts. A part that cannot be read leaves a problem and nothing else.
impl Fixture {
    /// Adds a CI; in a list its name is its `id`, else its `name`.
    pub(super) fn add_ci(&mut self, key: Option<Node>, body: Node) {
        let mut place = body.place;
        let mut fields = self.mapping("a CI", body);
        let name = key.or_else(|| take(&mut fields, "id")).or_else(|| take(&mut fields, "name"));
        let name = name.and_then(|name| {
            place = name.place;
            self.scalar("the name of a CI", name)
        });
        let class = take(&mut fields, "class").and_then(|class| self.scalar("a class", class));
        let labels = take(&mut fields, "labels").map(|labels| self.mapping("labels", labels));
        let needs = take(&mut fields, NEEDS).and_then(|needs| self.needs(needs));
        let mut attributes = self.pairs(fields);
        attributes.extend(needs.map(|needs| (NEEDS.into(), needs)));
        // Other tools' CIs have a short name beside their identity, which is what we call the name.
        if let Some(short) = attributes.remove("name") {
            attributes.entry("short_name".into()).or_insert(short);
        }
        let labels = self.pairs(labels.unwrap_or_default());
        let (name, class) = (name.unwrap_or_default(), class.unwrap_or_default());
        self.cis.push(Ci { place, name, class, attributes, labels });
    }

    /// Reads what a CI needs: a mapping of relation types, or the text that this is kept as.
    fn needs(&mut self, node: Node) -> Option<Text> {
        if !matches!(node.value, Value::Map(_)) {
            return self.scalar("`needs`", node);
        }
        let fields = self.mapping("`needs`", node);
        let pairs = self.pairs(fields);
        let pairs: Vec<String> =
            pairs.iter().map(|(relation, need)| format!("{relation}: {}", need.text)).collect();
        Some(Text::of(pairs.join(", ")))
    }

    /// Adds a CI to those to be taken away, by its name.
    pub(super) fn remove_ci(&mut self, node: Node) {
        let place = node.place;
        let name = self.scalar("the name of a CI", node);
        self.cis_gone.extend(name.map(|name| (place, name.text)));
    }

    /// Adds a relation to those to be taken away.
    pub(super) fn remove_relation(&mut self, node: Node) {
        let row = self.relation(node);
        self.relations_gone.extend(row);
    }

    /// Adds a relation, written as a text or as an object.
    pub(super) fn add_relation(&mut self, node: Node) {
        let row = self.relation(node);
        self.relations.extend(row);
    }

    fn relation(&mut self, node: Node) -> Option<(Place, RelationRow)> {
        let (place, kind) = (node.place, node.kind());
        let row = match node.value {
            Value::Text(Text { text, .. }) => match relation::parse(&text) {
                Some((from, relation, to)) => Ok(RelationRow::new(from, relation, to)),
                None => Err(format!("`{}` is no relation", shorten(&text))),
            },
            Value::Map(_) => self.relation_of_fields(node),
            Value::Nothing | Value::List => Err(format!("{kind} is no relation")),
        };
        match row {
            Ok(row) => Some((place, row)),
            Err(message) => {
                let problem = Problem::new(place, "C008", "", message);
                self.problems.push(problem.help(RELATION_FORM.into()));
                None
            }
        }
    }

    /// Reads a relation with its parts as fields, or with `relation: 'cause -powers-> sufferer'`, and
    /// what is known of it.
    fn relation_of_fields(&mut self, node: Node) -> Result<RelationRow, String> {
        let mut fields = self.mapping("a relation", node);
        let facts = self.facts(&mut fields);
        let relation = take(&mut fields, "type").or_else(|| take(&mut fields, "relation"));
        let parts = [take(&mut fields, "from"), relation, take(&mut fields, "to")];
        for field in fields {
            self.refuse("a relation", &RELATION_FIELDS, field.place, &field.name);
        }
        let mut row =
            match parts.map(|part| part.and_then(|part| self.scalar("part of a relation", part))) {
                [Some(from), Some(relation), Some(to)] => {
                    RelationRow::new(&from.text, &relation.text, &to.text)
                }
                [None, Some(Text { text, .. }), None] => match relation::parse(&text) {
                    Some((from, relation, to)) => RelationRow::new(from, relation, to),
                    None => return Err(format!("`{}` is no relation", shorten(&text))),
                },
                _ => return Err("a relation lacks an end or its type".into()),
            };
        row.facts = (!facts.is_empty()).then(|| Arc::new(facts));
        Ok(row)
    }

    fn facts(&mut self, fields: &mut Vec<Field>) -> Facts {
        let source = take(fields, "source").and_then(|node| self.scalar("a source", node));
        let mut time = |name| {
            let node = take(fields, name)?;
            let place = node.place;
            let text = self.scalar(name, node)?.text;
            let time = text.parse::<jiff::Timestamp>();
            if time.is_err() {
                let message = format!("`{name}` is `{}`, which is no time", shorten(&text));
                let help = "write it as RFC 3339, as in 2026-01-31T08:00:00Z".into();
                self.problems.push(Problem::new(place, "C030", name, message).help(help));
            }
            time.ok().map(|time| Timestamp::from_millis(time.as_millisecond()))
        };
        let (valid_from, valid_until) = (time("valid_from"), time("valid_until"));
        let seen_at = time("seen_at");
        let source = source.map(|source| source.text.into()).unwrap_or_default();
        Facts { source, valid_from, valid_until, seen_at }
    }

    /// Names who says so of the relations that do not tell.
    pub(super) fn set_source(&mut self, node: Node) {
        if let Some(source) = self.scalar("a source", node) {
            self.source = source.text;
        }
    }

    /// Adds a relation type, written as `name: {converse: …, suffers: from | to}`.
    pub(super) fn add_type(&mut self, key: Node, body: Node) {
        const FIELDS: [&str; 2] = ["converse", "suffers"];
        let place = key.place;
        let Some(Text { text: name, .. }) = self.scalar("the name of a relation type", key) else {
            return;
        };
        let mut fields = self.mapping("a relation type", body);
        let [converse, suffers] = FIELDS.map(|field| {
            take(&mut fields, field).and_then(|node| self.scalar("part of a relation type", node))
        });
        for field in fields {
            self.refuse("a relation type", &FIELDS, field.place, &field.name);
        }
        let suffers = suffers.and_then(|suffers| match &*suffers.text {
            "from" => Some(End::From),
            "to" => Some(End::To),
            _ => None,
        });
        let (Some(Text { text: converse, .. }), Some(suffers)) = (converse, suffers) else {
            let short = shorten(&name);
            let message = format!("relation type `{short}` is not declared wholly");
            let help = format!("write `{short}: {{converse: …, suffers: to}}` (or from)");
            return self.problems.push(Problem::new(place, "C010", &name, message).help(help));
        };
        self.types.push((place, RelationType { name, converse, suffers }));
    }

    /// Reads a mapping with scalar keys, each of which may stand once; nothing is an empty one.
    fn mapping(&mut self, what: &str, node: Node) -> Vec<Field> {
        let kind = node.kind();
        let mut fields = Vec::new();
        match node.value {
            Value::Map(pairs) => {
                let mut seen = BTreeSet::new();
                for (key, value) in pairs {
                    let place = key.place;
                    let Some(name) = self.scalar("a key", key) else { continue };
                    if seen.insert(name.text.clone()) {
                        fields.push(Field { place, name, value });
                    } else {
                        self.given_twice(place, &name);
                    }
                }
            }
            Value::Nothing => {}
            Value::Text(_) | Value::List => {
                let message = format!("expected a mapping for {what}, found {kind}");
                self.problems.push(Problem::new(node.place, "C011", what, message));
            }
        }
        fields
    }

    /// Reads scalars by name; those that say nothing are left out.
    fn pairs(&mut self, fields: Vec<Field>) -> Pairs {
        let mut pairs = Pairs::new();
        for Field { name: Text { text: name, .. }, value, .. } in fields {
            if matches!(value.value, Value::Nothing) {
                continue;
            }
            if let Some(value) = self.scalar(format_args!("`{name}`"), value) {
                pairs.insert(name, value);
            }
        }
        pairs
    }

    /// Reads a text, number or boolean.
    pub(super) fn scalar(&mut self, what: impl Display, node: Node) -> Option<Text> {
        let (place, kind) = (node.place, node.kind());
        if let Value::Text(text) = node.value {
            return Some(text);
        }
        let what = shorten(&what.to_string());
        let message = format!("expected a text, a number or a boolean for {what}, found {kind}");
        self.problems.push(Problem::new(place, "C011", &what, message));
        None
    }

    /// Reports a key that stands twice in one mapping.
    pub(super) fn given_twice(&mut self, place: Place, key: &Text) {
        let message = format!("`{}` is given twice", shorten(&key.text));
        let help = "keep one of the two".into();
        self.problems.push(Problem::new(place, "C003", &key.text, message).help(help));
    }

    /// Reports a field that means nothing here.
    pub(super) fn refuse(&mut self, what: &str, known: &[&str], place: Place, key: &Text) {
        let message = format!("unknown field `{}` of {what}", shorten(&key.text));
        let help = match nearest(&key.text, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known are {}", known.join(", ")),
        };
        self.problems.push(Problem::new(place, "C011", &key.text, message).help(help));
    }
}

/// One entry of a mapping.
struct Field {
    place: Place,
    name: Text,
    value: Node,
}

/// Takes the field with this name.
fn take(fields: &mut Vec<Field>, name: &str) -> Option<Node> {
    let at = fields.iter().position(|field| &*field.name.text == name)?;
    Some(fields.remove(at).value)
}
