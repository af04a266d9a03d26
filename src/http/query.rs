//! Reads a request's query and its bounds; unknown names are refused, not ignored.

use axum::extract::Query;
use axum::http::Uri;

use super::error::Problem;

/// The most entries of a page, and the usual number.
const LIMIT_MAX: usize = 1_000;
const LIMIT_DEFAULT: usize = 100;

/// The names and values of a query, in order.
#[derive(Debug)]
pub struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// Reads the query of `uri`, of which only the names in `known` are taken.
    ///
    /// # Errors
    /// 400 when it cannot be decoded or holds another name.
    pub fn read(uri: &Uri, known: &[&str]) -> Result<Self, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|error| Problem::bad_request(error.body_text()))?;
        match pairs.iter().find(|(name, _)| !known.contains(&&**name)) {
            Some((name, _)) => Err(Problem::bad_request(format!(
                "unknown parameter `{name}`, expected one of {}",
                known.join(", ")
            ))),
            None => Ok(Self(pairs)),
        }
    }

    /// Yields the values of `name`.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(given, _)| given == name).map(|(_, value)| &**value)
    }

    /// Returns the value of `name`, which may be given once.
    ///
    /// # Errors
    /// 400 when it is given more often.
    pub fn one(&self, name: &str) -> Result<Option<&str>, Problem> {
        let mut values = self.all(name);
        let first = values.next();
        match values.next() {
            Some(_) => Err(Problem::bad_request(format!("parameter `{name}` is given twice"))),
            None => Ok(first),
        }
    }

    /// Returns how many entries the page is to have.
    ///
    /// # Errors
    /// 400 when it is no number between 1 and 1,000.
    pub fn limit(&self) -> Result<usize, Problem> {
        let Some(text) = self.one("limit")? else { return Ok(LIMIT_DEFAULT) };
        let number = text.parse().ok().filter(|number| (1..=LIMIT_MAX).contains(number));
        number.ok_or_else(|| {
            let message = format!("limit is `{text}`, must be between 1 and {LIMIT_MAX}");
            Problem::bad_request(message)
        })
    }

    /// Returns the value of a switch: given without a value or as `true`, or not.
    ///
    /// # Errors
    /// 400 when it is something else.
    pub fn switch(&self, name: &str) -> Result<bool, Problem> {
        match self.one(name)? {
            None | Some("false") => Ok(false),
            Some("" | "true") => Ok(true),
            Some(other) => {
                Err(Problem::bad_request(format!("{name} is `{other}`, must be `true` or `false`")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(query: &str) -> Result<Pairs, Problem> {
        let uri = format!("/x?{query}").parse().unwrap();
        Pairs::read(&uri, &["filter", "limit", "dry_run"])
    }

    #[test]
    fn a_repeated_parameter_keeps_its_order() {
        let pairs = pairs("filter=a%3D%22b%22&limit=7&filter=c+d").unwrap();
        assert_eq!(pairs.all("filter").collect::<Vec<_>>(), ["a=\"b\"", "c d"]);
        assert_eq!(pairs.limit(), Ok(7));
        assert!(pairs.one("filter").is_err());
    }

    #[test]
    fn what_is_not_understood_is_refused_by_name() {
        for (query, message) in [
            ("stat=open", "unknown parameter `stat`, expected one of filter, limit, dry_run"),
            ("limit=0", "limit is `0`, must be between 1 and 1000"),
            ("limit=1001", "limit is `1001`, must be between 1 and 1000"),
            ("limit=x", "limit is `x`, must be between 1 and 1000"),
            ("limit=1&limit=2", "parameter `limit` is given twice"),
            ("dry_run=yes", "dry_run is `yes`, must be `true` or `false`"),
        ] {
            let refused = pairs(query).and_then(|pairs| {
                pairs.limit()?;
                pairs.switch("dry_run")
            });
            assert_eq!(refused.unwrap_err().message, message);
        }
    }

    #[test]
    fn a_page_has_a_hundred_entries_unless_told_otherwise() {
        assert_eq!(pairs("").unwrap().limit(), Ok(100));
        assert_eq!(pairs("limit=1000").unwrap().limit(), Ok(1_000));
        assert_eq!(pairs("dry_run").unwrap().switch("dry_run"), Ok(true));
    }
}
