//! Bugs on purpose, to show that the tests can fail: `make planted`.
//!
//! Only with the feature `planted`, which nothing that is shipped has, is there any: the variable
//! `INCIDENTD_PLANTED` then names the one that is on. Without the feature every question is answered
//! `false` by the compiler, and nothing of it is in the program. The list, and which tests catch which,
//! is in `tests/faults/planted`.

/// True while the bug of this name is on.
macro_rules! planted {
    ($bug:literal) => {
        $crate::planted::is_on($bug)
    };
}

#[cfg(not(feature = "planted"))]
pub(crate) const fn is_on(_bug: &str) -> bool {
    false
}

#[cfg(feature = "planted")]
pub(crate) fn is_on(bug: &str) -> bool {
    static ON: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "no setting: nobody is to find it")]
    let on = ON.get_or_init(|| std::env::var("INCIDENTD_PLANTED").ok());
    on.as_deref() == Some(bug)
}
