//! The files that rules are read from.

/// One rule file as text; reading the disk is not this module's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Its name as people know it, a path as a rule.
    pub name: String,
    /// Its content.
    pub text: String,
}
