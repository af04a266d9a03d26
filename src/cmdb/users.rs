//! The users of a service, as its CI names them: who speaks for them, and who of them wants to hear of
//! major incidents. Whether a name means somebody is for the rules to say.

use super::rows::CiRow;

/// The attributes that name them; of `subscribers` several, with commas between them.
const ATTRIBUTES: [&str; 2] = ["contact", "subscribers"];

/// Yields the contacts and addresses of a service's users, as they are written; none of anything else.
pub fn users(ci: &CiRow) -> impl Iterator<Item = &str> {
    let named = ATTRIBUTES.iter().filter(|_| ci.is_service());
    let lists = named.filter_map(|name| ci.attribute(name));
    lists.flat_map(|list| list.split(',')).map(str::trim).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::labels::Labels;

    #[test]
    fn the_users_of_a_service_are_read_from_two_attributes() {
        for (class, contact, subscribers, expected) in [
            ("service", "sue", "", &["sue"][..]),
            ("service", "", " a@x.org,, bob ", &["a@x.org", "bob"]),
            ("service", "sue", "bob", &["sue", "bob"]),
            ("server", "sue", "bob", &[]),
        ] {
            let attributes = [("contact", contact), ("subscribers", subscribers)];
            let ci = CiRow {
                name: "x".into(),
                class: class.into(),
                attributes: attributes.into_iter().collect(),
                labels: Labels::empty(),
            };
            assert_eq!(users(&ci).collect::<Vec<_>>(), expected, "{class} {contact} {subscribers}");
        }
    }
}
