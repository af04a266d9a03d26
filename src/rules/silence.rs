//! What a silence matches, compiled: Alertmanager's meaning, on labels alone.

use super::condition::Condition;
use super::matcher::{Matcher, Test};
use super::pattern::{Pattern, PatternError};
use super::subject::Field;
use crate::model::silence::SilenceMatcher;

impl Condition {
    /// Compiles the matchers of a silence. Every name is a label's, whatever it looks like.
    ///
    /// # Errors
    /// The first pattern that is none, with its matcher's place in the list.
    pub fn of_silence(matchers: &[SilenceMatcher]) -> Result<Self, (usize, PatternError)> {
        let compile = |(at, it): (usize, &SilenceMatcher)| {
            let pattern = || Pattern::new(&it.value).map_err(|error| (at, error));
            let test = match (it.is_regex, it.is_equal) {
                (false, true) => Test::Equal(it.value.clone()),
                (false, false) => Test::NotEqual(it.value.clone()),
                (true, true) => Test::Matches(pattern()?),
                (true, false) => Test::NotMatches(pattern()?),
            };
            Ok(Matcher::new(Field::Label(it.name.clone()), test))
        };
        matchers.iter().enumerate().map(compile).collect::<Result<_, _>>().map(Self::new)
    }
}
