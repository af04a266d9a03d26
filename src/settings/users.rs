//! Sections `[users.NAME]`: people and tools that use the API, each with a token and a role.

use core::fmt;
use std::sync::Arc;

use super::credential;
use super::secret::Secret;
use super::section::Section;
use crate::model::priority::words;

/// What somebody may do; each role may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Look.
    Viewer,
    /// Answer incidents, send alerts.
    Operator,
    /// Replace the CMDB, reload, and whatever changes things for everybody.
    Admin,
}

words!(Role, Viewer = "viewer", Operator = "operator", Admin = "admin");

/// Somebody who uses the API.
#[derive(Clone, Debug)]
pub struct User {
    /// The name that goes on timelines.
    pub name: Arc<str>,
    /// What they may do.
    pub role: Role,
    /// Their tokens: one, or two while one replaces the other.
    pub tokens: Vec<Secret<Box<[u8]>>>,
}

/// The longest name, in bytes: it goes on timelines.
const NAME_LEN_MAX: usize = 64;

pub(super) fn read(section: &mut Section<'_>) -> User {
    let own = section.short_name().to_owned();
    let fits = |text: &str| (1..=NAME_LEN_MAX).contains(&text.len());
    let name = if section.has("name") {
        let expected = format!("a name of 1 to {NAME_LEN_MAX} bytes");
        section.text("name", &expected, |text| fits(text).then(|| text.to_owned()))
    } else {
        Some(own)
    };
    User {
        name: name.unwrap_or_default().into(),
        role: section.word("role", Role::Viewer),
        tokens: credential::read(section, "secrets", credential::token),
    }
}
