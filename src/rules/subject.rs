//! What matchers look at: an alert with the CI it is bound to, and the fields of the two.
//!
//! Never decides anything. Read `matcher` next.

use core::fmt;

use super::around::Around;
use crate::cmdb::CiRow;
use crate::model::alert::SEVERITY;
use crate::model::labels::Labels;

/// The label that names an alert's CI.
pub const CI: &str = "ci";

/// Attributes that every CI has beside those listed in its row.
const OWN_ATTRIBUTES: [&str; 2] = ["name", "class"];

/// An alert as matchers see it. What is missing has the value `""`, as in Alertmanager.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Its labels as they were sent.
    pub labels: &'a Labels,
    /// Labels that rules added, or put in the place of those.
    pub added: &'a [(Box<str>, Box<str>)],
    /// The severity in force, which is what the label `severity` is taken to hold.
    pub severity: &'a str,
    /// The CI it is bound to; its name stands in for a missing label `ci`.
    pub ci: Option<&'a CiRow>,
    /// What is around it; without it the alert is taken to be alone, at no known time.
    pub around: Option<&'a dyn Around>,
}

impl<'a> Subject<'a> {
    /// Puts an alert and its CI together.
    pub fn new(labels: &'a Labels, severity: &'a str, ci: Option<&'a CiRow>) -> Self {
        Self { labels, added: &[], severity, ci, around: None }
    }

    /// Puts the alert amid what is around it.
    #[must_use]
    pub fn amid(self, around: &'a dyn Around) -> Self {
        Self { around: Some(around), ..self }
    }

    /// Returns the value of a label.
    pub fn label(&self, name: &str) -> &'a str {
        if name == SEVERITY {
            return self.severity;
        }
        match self.written(name) {
            None | Some("") if name == CI => self.ci.map_or("", |ci| &ci.name),
            value => value.unwrap_or(""),
        }
    }

    /// Returns the value that a label was sent with, or that a rule gave it; nothing stands in for it.
    pub fn written(&self, name: &str) -> Option<&'a str> {
        let added = self.added.iter().find(|(known, _)| **known == *name);
        added.map(|(_, value)| &**value).or_else(|| self.labels.get(name))
    }

    /// Returns the value of one of the CI's attributes.
    pub fn attribute(&self, name: &str) -> &'a str {
        self.ci.and_then(|ci| ci.attribute(name)).unwrap_or("")
    }

    /// Yields the value of an attribute for each service that suffers when the CI fails; `""` once
    /// when none does.
    pub fn services(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let services = self.around.map_or(&[][..], |around| around.services());
        let none = services.is_empty().then_some("");
        services.iter().map(move |ci| ci.attribute(name).unwrap_or("")).chain(none)
    }

    /// Yields each label for which [`label`](Self::label) has a value, once.
    pub fn all_labels(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let stand_in = [(SEVERITY, self.label(SEVERITY)), (CI, self.label(CI))];
        let added = self.added;
        let replaced = move |name: &str| added.iter().any(|(known, _)| **known == *name);
        let sent = self.labels.iter().filter(move |(name, _)| !replaced(name));
        let others = sent.chain(added.iter().map(|(name, value)| (&**name, &**value)));
        let others = others.filter(|(name, _)| ![SEVERITY, CI].contains(name));
        others.chain(stand_in).filter(|(_, value)| !value.is_empty())
    }

    /// Yields each attribute for which [`attribute`](Self::attribute) has a value, once.
    pub fn all_attributes(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let own = OWN_ATTRIBUTES.map(|name| (name, self.attribute(name)));
        let listed = self.ci.into_iter().flat_map(|ci| ci.attributes.iter());
        let listed = listed.filter(|(name, _)| !OWN_ATTRIBUTES.contains(name));
        own.into_iter().chain(listed).filter(|(_, value)| !value.is_empty())
    }
}

/// Something of a subject that has a value: what a matcher compares and a group is made by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// A label, by its name.
    Label(Box<str>),
    /// An attribute of the CI, by its name without the prefix `ci.`.
    Ci(Box<str>),
    /// An attribute of the services that suffer when the CI fails, without the prefix `service.`.
    /// There may be several, so that only conditions of rules can ask for it.
    Service(Box<str>),
}

/// An unquoted name is no field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NotAField {
    /// What is wrong with it.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

impl Field {
    /// Reads a name in a condition of a rule: as [`parse`](Self::parse), and with the prefix
    /// `service.` it is an attribute of the services.
    ///
    /// # Errors
    /// When it has a prefix of which an alert has no attributes, or nothing behind its prefix.
    pub fn in_rule(name: &str) -> Result<Self, NotAField> {
        match name.strip_prefix("service.") {
            Some(attribute) if !attribute.is_empty() => Ok(Self::Service(attribute.into())),
            Some(_) => Err(NotAField {
                message: "`service.` names no attribute".into(),
                help: "write one, for example service.tier".into(),
            }),
            None => Self::parse(name),
        }
    }

    /// Reads a name that was written without quotes: with the prefix `ci.` it is an attribute, else
    /// a label.
    ///
    /// # Errors
    /// When it has a prefix of which an alert has no attributes, or nothing behind its prefix.
    pub fn parse(name: &str) -> Result<Self, NotAField> {
        let refuse = |message: String, instead: &str| {
            let help = format!("{instead}; if it is a label's name, quote it: \"{name}\"");
            Err(NotAField { message, help })
        };
        match name.split_once('.') {
            Some(("ci", "")) => {
                refuse("`ci.` names no attribute".into(), "write one, for example ci.class")
            }
            Some(("ci", attribute)) => Ok(Self::Ci(attribute.into())),
            Some(("service", attribute)) => refuse(
                format!(
                    "`{name}` can have several values: only conditions of rules can ask for it"
                ),
                &format!("ask the alert's own CI: ci.{attribute}"),
            ),
            Some(("root", attribute)) => refuse(
                format!(
                    "`{name}` has no value yet when an alert is matched: its root is found later"
                ),
                &format!("ask the alert's own CI: ci.{attribute}"),
            ),
            _ => Ok(Self::Label(name.into())),
        }
    }

    /// Returns the name under which templates find it in `group`.
    pub fn key(&self) -> &str {
        match self {
            Self::Ci(name) if &**name == "name" => CI,
            Self::Label(name) | Self::Ci(name) | Self::Service(name) => name,
        }
    }

    /// Returns its value; `""` when it is missing. Of several services it is that of the first.
    pub fn value<'a>(&self, subject: &Subject<'a>) -> &'a str {
        match self {
            Self::Label(name) => subject.label(name),
            Self::Ci(name) => subject.attribute(name),
            Self::Service(name) => subject.services(name).next().unwrap_or(""),
        }
    }
}

/// Writes a label's name as it is, and `ci.` or `service.` before an attribute's. Quotes are a
/// matcher's business.
impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label(name) => f.write_str(name),
            Self::Ci(name) => write!(f, "{CI}.{name}"),
            Self::Service(name) => write!(f, "service.{name}"),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::calendar::Times;
    use super::super::counter::CounterId;
    use super::*;

    /// A CI of class `pdu` named `pdu-1`, with these other attributes.
    pub(in super::super) fn pdu(attributes: &[(&str, &str)]) -> CiRow {
        let attributes = attributes.iter().copied().collect();
        CiRow { name: "pdu-1".into(), class: "pdu".into(), attributes, labels: Labels::empty() }
    }

    /// Only these services suffer; nothing else is known.
    #[derive(Debug)]
    pub(in super::super) struct Hurt<'a, const N: usize>(pub(in super::super) [&'a CiRow; N]);

    impl<const N: usize> Around for Hurt<'_, N> {
        fn covers(&self, _: &Times) -> Option<bool> {
            None
        }

        fn services(&self) -> &[&CiRow] {
            &self.0
        }

        fn count(&self, _: CounterId, _: &str) -> Option<usize> {
            None
        }
    }

    #[test]
    fn a_field_of_services_has_a_value_for_each_and_one_where_none_suffers() {
        let labels = Labels::empty();
        let (one, other) = (pdu(&[("tier", "1")]), pdu(&[]));
        let subject = Subject::new(&labels, "", None);
        let values = |subject: Subject<'_>| subject.services("tier").map(str::to_owned).collect();
        let (both, first) = (Hurt([&other, &one]), Hurt([&one]));
        let values: [Vec<String>; 4] =
            [subject, subject.amid(&Hurt([])), subject.amid(&first), subject.amid(&both)]
                .map(values);
        assert_eq!(values, [vec![""], vec![""], vec!["1"], vec!["", "1"]]);
    }

    #[test]
    fn a_field_has_one_value_and_nothing_when_it_is_missing() {
        let labels = Labels::build(&mut [("a", "1"), ("severity", "minor")]).unwrap();
        let named = Labels::build(&mut [("ci", "other")]).unwrap();
        let empty = Labels::build(&mut [("ci", "")]).unwrap();
        let (severity, ci) = ("critical", pdu(&[("rack", "R12")]));
        let bound = Subject::new(&labels, severity, Some(&ci));
        let unbound = Subject { ci: None, ..bound };
        let renamed = Subject { labels: &named, ..bound };
        let unnamed = Subject { labels: &empty, ..bound };
        for (subject, field, value) in [
            (bound, "a", "1"),
            (bound, "b", ""),
            (bound, "severity", "critical"),
            (bound, "ci", "pdu-1"),
            (bound, "ci.name", "pdu-1"),
            (bound, "ci.class", "pdu"),
            (bound, "ci.rack", "R12"),
            (bound, "ci.a", ""),
            (unbound, "ci", ""),
            (unbound, "ci.class", ""),
            (renamed, "ci", "other"),
            (renamed, "ci.name", "pdu-1"),
            (unnamed, "ci", "pdu-1"),
        ] {
            assert_eq!(Field::parse(field).unwrap().value(&subject), value, "{field}");
        }
    }

    #[test]
    fn all_values_are_those_of_the_fields() {
        // Names that could come twice: from the row and from the list of attributes, and so on.
        let ci = pdu(&[("class", "shadowed"), ("empty", ""), ("rack", "R12")]);
        let label_sets: [&[(&str, &str)]; 3] =
            [&[("a", "1")], &[("ci", "x"), ("severity", "minor")], &[("b", "")]];
        for pairs in label_sets {
            let labels = Labels::build(&mut pairs.to_vec()).unwrap();
            let added = [("a".into(), "2".into()), ("city".into(), "Rome".into())];
            let sets = [("", None, &[][..]), ("critical", Some(&ci), &[]), ("", None, &added)];
            for (severity, ci, added) in sets {
                let subject = Subject { added, ..Subject::new(&labels, severity, ci) };
                assert_eq!(subject.label("a") == "2", !added.is_empty());
                let mut names: Vec<&str> = vec!["a", "b", "ci", "city", "severity"];
                names.retain(|name| !subject.label(name).is_empty());
                let mut all: Vec<_> = subject.all_labels().collect();
                all.sort_unstable();
                assert_eq!(all, names.iter().map(|n| (*n, subject.label(n))).collect::<Vec<_>>());
                let mut all: Vec<_> = subject.all_attributes().collect();
                all.sort_unstable();
                let bound = [("class", "pdu"), ("name", "pdu-1"), ("rack", "R12")];
                assert_eq!(all, if ci.is_some() { &bound[..] } else { &[] });
            }
        }
    }

    #[test]
    fn a_prefix_says_whose_attribute_it_is() {
        for (name, expected) in [
            ("ci.rack", Some(Field::Ci("rack".into()))),
            ("ci", Some(Field::Label("ci".into()))),
            ("k8s.pod", Some(Field::Label("k8s.pod".into()))),
            ("ci.", None),
            ("root.rack", None),
            ("service.", None),
            ("service.tier", None),
        ] {
            assert_eq!(Field::parse(name).ok(), expected, "{name}");
            if let Some(field) = expected {
                assert_eq!(Field::in_rule(name), Ok(field.clone()));
                assert_eq!(field.to_string(), name);
            }
        }
        let service = Field::in_rule("service.tier").unwrap();
        assert_eq!(service, Field::Service("tier".into()));
        assert_eq!(service.to_string(), "service.tier");
        assert!(Field::in_rule("service.").unwrap_err().message.contains("names no attribute"));
        assert!(Field::in_rule("root.rack").is_err());
    }
}
