//! Relation types: two names for one relation, and which end suffers when the other fails.
//!
//! A relation is kept in the direction in which harm spreads: `vm -hosted_on-> srv` and
//! `srv -hosts-> vm` are both held as `srv -hosts-> vm`.

use std::collections::BTreeMap;

use super::problem::{Place, Problem, nearest, shorten};

/// Relation types there can be, built-in ones included: a [`RelationSet`] has a bit for each.
pub const TYPES_MAX: usize = 64;

/// Bytes in the name of a relation type.
const TYPE_NAME_LEN_MAX: usize = 64;

/// The end of a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// The one written first.
    From,
    /// The one written last.
    To,
}

/// One kind of relation under its two names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RelationType {
    /// As in `from -name-> to`.
    pub name: Box<str>,
    /// As in `to -converse-> from`.
    pub converse: Box<str>,
    /// Which end of `from -name-> to` suffers when the other fails.
    pub suffers: End,
}

impl RelationType {
    /// Returns the name that reads from the cause to the sufferer.
    pub fn spreads(&self) -> &str {
        match self.suffers {
            End::From => &self.converse,
            End::To => &self.name,
        }
    }

    /// Returns the name that reads from the sufferer to the cause.
    pub fn suffered(&self) -> &str {
        match self.suffers {
            End::From => &self.name,
            End::To => &self.converse,
        }
    }

    /// True when both say the same of the same names, in whichever order.
    fn same(&self, other: &Self) -> bool {
        self.spreads() == other.spreads() && self.suffered() == other.suffered()
    }
}

/// The types that every topology has: in each pair the `from` end of the first name suffers.
const BUILT_IN: [(&str, &str); 7] = [
    ("depends_on", "supports"),
    ("runs_on", "runs"),
    ("hosted_on", "hosts"),
    ("powered_by", "powers"),
    ("connected_by", "connects"),
    ("part_of", "contains"),
    ("supplied_by", "supplies"),
];

/// A set of relation types of one topology.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RelationSet(u64);

impl RelationSet {
    /// True when no relation is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// True when relations of the type with this place in the table are in it.
    pub(super) fn has(self, kind: u8) -> bool {
        1u64.checked_shl(kind.into()).is_some_and(|bit| self.0 & bit != 0)
    }

    fn add(&mut self, kind: u8) {
        self.0 |= 1u64.checked_shl(kind.into()).unwrap_or(0);
    }
}

/// All relation types of one topology, found by either name.
#[derive(Clone, Debug)]
pub(super) struct Types {
    /// Its own ones behind the built-in ones; never more than [`TYPES_MAX`].
    list: Vec<RelationType>,
    /// Each name with the type's place in `list`.
    names: BTreeMap<Box<str>, u8>,
}

impl Types {
    /// Holds the built-in types.
    pub(super) fn built_in() -> Self {
        let mut types = Self { list: Vec::new(), names: BTreeMap::new() };
        for (name, converse) in BUILT_IN {
            types.put(RelationType {
                name: name.into(),
                converse: converse.into(),
                suffers: End::From,
            });
        }
        types
    }

    /// Returns how many types there are.
    pub(super) fn count(&self) -> u8 {
        // Invariant: at most TYPES_MAX types.
        u8::try_from(self.list.len()).unwrap_or(u8::MAX)
    }

    /// Returns the types beyond the built-in ones, sorted.
    pub(super) fn own(&self) -> Vec<RelationType> {
        let mut own: Vec<RelationType> = self.list.iter().skip(BUILT_IN.len()).cloned().collect();
        own.sort();
        own
    }

    /// Adds a type of the CMDB's own; true when it was not there before.
    pub(super) fn add(&mut self, place: Place, new: RelationType) -> Result<bool, Problem> {
        let wrong = |code, message: String| Err(Problem::new(place, code, &new.name, message));
        for name in [&new.name, &new.converse] {
            if !is_type_name(name) {
                return wrong(
                    "C010",
                    format!(
                        "`{}` is no name for a relation type, expected up to {TYPE_NAME_LEN_MAX} \
                         letters, digits and `_`",
                        shorten(name)
                    ),
                );
            }
            if let Some(known) = self.find(name) {
                if known.same(&new) {
                    return Ok(false);
                }
                let (a, b) = (known.spreads(), known.suffered());
                let message = format!(
                    "relation type `{name}` exists already: cause -{a}-> sufferer, \
                     sufferer -{b}-> cause"
                );
                return wrong("C010", message);
            }
        }
        if new.name == new.converse {
            let message = format!("relation type `{}` is its own converse", new.name);
            return wrong("C010", message);
        }
        if self.list.len() >= TYPES_MAX {
            let message = format!("more than {TYPES_MAX} relation types (built-in ones included)");
            return wrong("C009", message);
        }
        self.put(new);
        Ok(true)
    }

    /// Returns the type with this name or converse.
    pub(super) fn find(&self, name: &str) -> Option<&RelationType> {
        self.get(self.kind(name)?)
    }

    /// Returns the place of the type with this name or converse.
    pub(super) fn kind(&self, name: &str) -> Option<u8> {
        self.names.get(name).copied()
    }

    /// Returns the type at a place.
    pub(super) fn get(&self, kind: u8) -> Option<&RelationType> {
        self.list.get(usize::from(kind))
    }

    /// Returns the known name most like this one.
    pub(super) fn nearest(&self, name: &str) -> Option<&str> {
        nearest(name, self.names.keys().map(|name| &**name))
    }

    /// Collects the types with these names; unknown names add nothing.
    pub(super) fn set<'a>(&self, names: impl Iterator<Item = &'a str>) -> RelationSet {
        let mut set = RelationSet::default();
        for kind in names.filter_map(|name| self.kind(name)) {
            set.add(kind);
        }
        set
    }

    /// Collects all types.
    pub(super) fn all(&self) -> RelationSet {
        self.set(self.names.keys().map(|name| &**name))
    }

    fn put(&mut self, new: RelationType) {
        // Invariant: at most TYPES_MAX types, so that a place fits.
        let Ok(kind) = u8::try_from(self.list.len()) else { return };
        self.names.insert(new.name.clone(), kind);
        self.names.insert(new.converse.clone(), kind);
        self.list.push(new);
    }
}

/// True for what can be the name of a relation type.
pub(super) fn is_type_name(name: &str) -> bool {
    (1..=TYPE_NAME_LEN_MAX).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Splits `from -relation-> to` into its three names.
///
/// The names of CIs may hold hyphens and spaces; the first ` -word->` is the relation.
pub(super) fn parse(text: &str) -> Option<(&str, &str, &str)> {
    for (at, _) in text.match_indices(" -") {
        let (from, rest) = text.split_at_checked(at)?;
        let Some((relation, to)) = rest.get(2..)?.split_once("->") else { continue };
        let (from, to) = (from.trim(), to.trim());
        if is_type_name(relation) && !from.is_empty() && !to.is_empty() {
            return Some((from, relation, to));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relation_type(name: &str, converse: &str, suffers: End) -> RelationType {
        RelationType { name: name.into(), converse: converse.into(), suffers }
    }

    #[test]
    fn a_relation_is_split_at_its_arrow() {
        for (text, parts) in [
            ("pdu-r12a -powers-> srv-1", Some(("pdu-r12a", "powers", "srv-1"))),
            ("a b -runs->c -runs-> d", Some(("a b", "runs", "c -runs-> d"))),
            ("a -x y-> b -runs-> c", Some(("a -x y-> b", "runs", "c"))),
            ("a-b - c -hosted_on-> shop/d", Some(("a-b - c", "hosted_on", "shop/d"))),
            ("a-powers->b", None),
            ("a -powers-> ", None),
            (" -powers-> b", None),
            ("a --> b", None),
            ("a powers b", None),
            ("", None),
        ] {
            assert_eq!(parse(text), parts, "{text}");
        }
    }

    #[test]
    fn harm_spreads_to_the_end_that_suffers() {
        let types = Types::built_in();
        for (cause_to_sufferer, back) in
            [("powers", "powered_by"), ("runs", "runs_on"), ("supports", "depends_on")]
        {
            for name in [cause_to_sufferer, back] {
                let found = types.find(name).unwrap();
                assert_eq!((found.spreads(), found.suffered()), (cause_to_sufferer, back));
            }
        }
        let feeds = relation_type("feeds", "fed_by", End::To);
        assert_eq!((feeds.spreads(), feeds.suffered()), ("feeds", "fed_by"));
    }

    #[test]
    fn a_type_declared_again_must_say_the_same() {
        for (name, converse, suffers, expected) in [
            ("feeds", "fed_by", End::To, Ok(true)),
            ("powers", "powered_by", End::To, Ok(false)),
            ("powered_by", "powers", End::From, Ok(false)),
            ("powers", "powered_by", End::From, Err("C010")),
            ("powers", "fed_by", End::To, Err("C010")),
            ("feeds", "feeds", End::To, Err("C010")),
            ("feeds it", "fed_by", End::To, Err("C010")),
            ("", "fed_by", End::To, Err("C010")),
        ] {
            let added =
                Types::built_in().add(Place::default(), relation_type(name, converse, suffers));
            assert_eq!(added.map_err(|p| p.code), expected, "{name} {converse}");
        }
    }

    #[test]
    fn the_sixty_fifth_type_is_refused_and_all_others_have_a_bit() {
        let mut types = Types::built_in();
        for i in BUILT_IN.len()..TYPES_MAX {
            let new = relation_type(&format!("r{i}"), &format!("s{i}"), End::To);
            assert_eq!(types.add(Place::default(), new), Ok(true));
        }
        let refused = types.add(Place::default(), relation_type("x", "y", End::To));
        assert_eq!(refused.map_err(|p| p.code), Err("C009"));
        assert_eq!(types.all(), RelationSet(u64::MAX));
        let last = types.set(["s63", "unknown"].into_iter());
        assert_eq!((last, last.has(63), last.has(62)), (RelationSet(1 << 63), true, false));
        assert!(types.set(["unknown"].into_iter()).is_empty());
    }
}
