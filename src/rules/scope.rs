//! What a template sees of an incident.
//!
//! `labels` and `root` answer every name, with nothing for what they do not have, as in matchers;
//! every other unknown name is an error, found when the rules are loaded.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, Value};

use crate::model::incident::Suspect;
use crate::model::labels::Labels;

/// The fields of a scope.
pub(super) const FIELDS: &[&str] = &[
    "labels",
    "root",
    "group",
    "dependants",
    "members",
    "rule",
    "incident",
    "priority",
    "stats",
    "suspects",
];

/// Names of dependants that a template can get at; the count is of all.
pub const DEPENDANTS_MAX: usize = 20;

/// What a template sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Name of the rule.
    pub rule: Box<str>,
    /// Number of the incident.
    pub incident: Box<str>,
    /// Its priority; may be empty while it is not known.
    pub priority: Box<str>,
    /// Labels of the root's alert.
    pub labels: Labels,
    /// The root's CI.
    pub root: RootScope,
    /// What the members have in common, under a `group` rule: name and value.
    pub group: Vec<(Box<str>, Box<str>)>,
    /// Names of the dependants, the first [`DEPENDANTS_MAX`] of them.
    pub dependants: Vec<Box<str>>,
    /// How many dependants there are.
    pub dependants_count: usize,
    /// How many members there are.
    pub members: usize,
    /// How many CIs they are on, among those that are held.
    pub cis: usize,
    /// CIs that explain most of them, the likeliest first.
    pub suspects: Vec<Suspect>,
}

/// The root's CI; the alert's name and no class where it is bound to none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RootScope {
    /// Its name.
    pub name: Box<str>,
    /// Its class.
    pub class: Box<str>,
    /// Its attributes.
    pub attributes: Vec<(Box<str>, Box<str>)>,
}

impl Scope {
    /// Returns the scope as the template engine takes it.
    pub(super) fn value(&self) -> Value {
        let root = &self.root;
        let own = [("name".into(), root.name.clone()), ("class".into(), root.class.clone())];
        let attributes = root.attributes.iter().cloned().chain(own).collect();
        let labels = self.labels.iter().map(|(n, v)| (n.into(), v.into())).collect();
        let [rule, incident, priority] =
            [&self.rule, &self.incident, &self.priority].map(|text| Value::from(&**text));
        let names = self.dependants.iter().take(DEPENDANTS_MAX).cloned().collect();
        let count = self.dependants_count;
        Value::from(BTreeMap::from([
            ("labels", open(labels, None)),
            ("root", open(attributes, Some(root.name.clone()))),
            (
                "group",
                Value::from_object(Pairs {
                    list: self.group.clone(),
                    name: None,
                    missing: Missing::Unknown,
                }),
            ),
            ("dependants", Value::from_object(Names { names, count })),
            ("members", Value::from(self.members)),
            ("stats", stats(self.members, self.cis)),
            ("suspects", self.suspects.iter().map(suspect).collect()),
            ("rule", rule),
            ("incident", incident),
            ("priority", priority),
        ]))
    }

    /// Returns a scope in which every name that may be there is there, to try templates out.
    pub(super) fn specimen(group: Option<&[&str]>) -> Value {
        let pairs = group.unwrap_or(&[]).iter().map(|n| ((*n).into(), (*n).into())).collect();
        let dependants =
            Names { names: vec!["dependant".into(); DEPENDANTS_MAX], count: DEPENDANTS_MAX };
        Value::from(BTreeMap::from([
            ("labels", anything(None)),
            ("root", anything(Some("root".into()))),
            (
                "group",
                Value::from_object(Pairs { list: pairs, name: None, missing: Missing::Unknown }),
            ),
            ("dependants", Value::from_object(dependants)),
            ("members", Value::from(2)),
            ("stats", stats(2, 2)),
            ("suspects", [specimen_suspect()].iter().map(suspect).collect()),
            ("rule", Value::from("namespace/rule")),
            ("incident", Value::from("INC-1")),
            ("priority", Value::from("P3")),
        ]))
    }
}

fn stats(alerts: usize, cis: usize) -> Value {
    Value::from(BTreeMap::from([("alerts", Value::from(alerts)), ("cis", Value::from(cis))]))
}

/// Returns a suspect as templates see it; printed as it reads elsewhere.
pub(super) fn suspect(it: &Suspect) -> Value {
    let number = |name: &str, of: u32| (name.into(), of.to_string().into());
    let list = vec![
        ("name".into(), (&*it.ci).into()),
        number("explains", it.explains),
        number("of", it.of),
    ];
    let name = Some(it.to_string().into());
    Value::from_object(Pairs { list, name, missing: Missing::Unknown })
}

/// A suspect to try templates out with.
pub(super) fn specimen_suspect() -> Suspect {
    Suspect { ci: "suspect".into(), explains: 2, of: 2, change: None }
}

/// Makes a value that answers every name with that name, to try templates out.
pub(super) fn anything(name: Option<Box<str>>) -> Value {
    Value::from_object(Pairs { list: Vec::new(), name, missing: Missing::ItsName })
}

/// Makes a value of pairs that answers every name, with nothing for what it does not have.
pub(super) fn open(pairs: Vec<(Box<str>, Box<str>)>, name: Option<Box<str>>) -> Value {
    Value::from_object(Pairs { list: pairs, name, missing: Missing::Empty })
}

/// What a name that is not there stands for.
#[derive(Clone, Copy, Debug)]
enum Missing {
    Empty,
    ItsName,
    Unknown,
}

/// Names with values; printed as `name`, if it has one.
#[derive(Debug)]
struct Pairs {
    list: Vec<(Box<str>, Box<str>)>,
    name: Option<Box<str>>,
    missing: Missing,
}

impl Object for Pairs {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let key = key.as_str()?;
        let value = self.list.iter().find(|(name, _)| &**name == key).map(|(_, value)| &**value);
        match (value, self.missing) {
            (Some(value), _) => Some(Value::from(value)),
            (None, Missing::Empty) => Some(Value::from("")),
            (None, Missing::ItsName) => Some(Value::from(key)),
            (None, Missing::Unknown) => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.list.iter().map(|(name, _)| Value::from(&**name)).collect())
    }

    fn render(self: &Arc<Self>, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        if let Some(name) = &self.name {
            return f.write_str(name);
        }
        for (i, (name, value)) in self.list.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{name}={value:?}")?;
        }
        Ok(())
    }
}

/// Some names of a larger number; its length is that number.
#[derive(Debug)]
struct Names {
    names: Vec<Box<str>>,
    count: usize,
}

impl Object for Names {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.names.get(key.as_usize()?).map(|name| Value::from(&**name))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.names.iter().map(|name| Value::from(&**name)).collect())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.count)
    }

    fn render(self: &Arc<Self>, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.names.join(", "))?;
        match self.count.saturating_sub(self.names.len()) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
