//! The `filter` parameters of listings: matchers as in rule files, all of which must hold.

use crate::engine::changes::AlertRow;
use crate::engine::context::Context;
use crate::engine::stored::Seen;
use crate::model::incident::Incident;
use crate::rules::matcher::Matcher;
use crate::rules::parser;
use crate::rules::subject::Field;

use super::super::error::Problem;
use super::super::query::Pairs;

/// Matchers of one request; each may bring a pattern that takes a fifth of a millisecond to compile.
pub(super) const MATCHERS_MAX: usize = 100;

/// Matchers that must all hold.
#[derive(Debug)]
pub struct Filter(Vec<Matcher>);

impl Filter {
    /// Reads the parameters named `filter`.
    ///
    /// # Errors
    /// 400 with what is wrong and where.
    pub fn read(pairs: &Pairs) -> Result<Self, Problem> {
        Self::of(pairs.all("filter"))
    }

    /// Reads texts of matchers, each of one or several.
    ///
    /// # Errors
    /// 400 with what is wrong and where.
    pub fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Self, Problem> {
        let mut matchers = Vec::new();
        for text in texts {
            let parsed = parser::parse(text)
                .map_err(|error| Problem::bad_request(format!("filter `{text}`: {error}")))?;
            matchers.extend(parsed);
            if matchers.len() > MATCHERS_MAX {
                let message = format!("more than {MATCHERS_MAX} matchers, ask for fewer at a time");
                return Err(Problem::bad_request(message));
            }
        }
        Ok(Self(matchers))
    }

    /// True when nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True when an alert is asked for.
    pub fn takes(&self, row: &AlertRow, context: &Context) -> bool {
        let seen = context.seen(row);
        let subject = seen.subject();
        self.0.iter().all(|matcher| matcher.holds(&subject))
    }

    /// True when an incident is asked for: by its root alert, its priority, its state, its team.
    pub fn takes_incident(
        &self,
        incident: &Incident,
        root: Option<&AlertRow>,
        context: &Context,
    ) -> bool {
        let seen = root.map(|row| context.seen(row));
        let subject = seen.as_ref().map(Seen::subject);
        self.0.iter().all(|matcher| match own(incident, matcher.field()) {
            Some(value) => matcher.test().passes(&value),
            None => match &subject {
                Some(subject) => matcher.holds(subject),
                None => matcher.test().passes(""),
            },
        })
    }
}

/// Returns what an incident itself says of a label; these three win over those of its root alert.
fn own(incident: &Incident, field: &Field) -> Option<String> {
    match field {
        Field::Label(name) => match &**name {
            "priority" => Some(incident.assessment.priority.to_string()),
            "state" => Some(incident.progress.name().to_string()),
            "team" => Some(incident.team.as_deref().unwrap_or("").into()),
            _ => None,
        },
        Field::Ci(_) | Field::Service(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_so_many_matchers_and_no_more() {
        for (texts, each, is_taken) in
            [(MATCHERS_MAX, 1, true), (1, MATCHERS_MAX, true), (2, MATCHERS_MAX, false)]
        {
            let text = vec!["a=~\"b.*\""; each].join(",");
            let filter = Filter::of(std::iter::repeat_n(&*text, texts));
            assert_eq!(filter.is_ok(), is_taken, "{texts} of {each}");
        }
    }
}
