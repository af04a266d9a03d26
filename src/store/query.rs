//! Lists in pages.
//!
//! A request looks at [`SCAN_MAX`] records at most, so that a filter which nothing passes cannot
//! hold a thread: a page may then have fewer items than its limit, even none, and still a cursor
//! to go on from.

use core::fmt;
use core::ops::ControlFlow;

use rocksdb::{IteratorMode, ReadOptions};

use super::codec::Row;
use super::read::row;
use super::schema::{self, Family};
use super::view::View;
use super::{StoreError, overlay};
use crate::engine::changes::AlertRow;
use crate::model::incident::{Incident, IncidentId};
use crate::model::notice::{Notice, NoticeState};
use crate::model::progress::StateName;

/// Records one request looks at: some tenth of a second's work.
pub const SCAN_MAX: usize = 50_000;

/// Bytes of the longest cursor; all keys that are one are shorter.
const CURSOR_LEN_MAX: usize = 32;

/// Part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What is in it.
    pub items: Vec<T>,
    /// Where the next page begins; `None` when nothing is left.
    pub next: Option<Cursor>,
}

/// A place in a list, which means something to the store only. It stays where it is whatever is
/// added to the list or taken from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(Box<[u8]>);

/// Which incidents.
#[derive(Clone)]
pub struct IncidentQuery<'a> {
    /// Only those in one of these states; empty for any. A subordinate is never open, whatever its
    /// own state says: it is found under `resolved`, under `closed`, or without a state.
    pub states: &'a [StateName],
    /// Where the page begins; `None` for the first one.
    pub after: Option<Cursor>,
    /// How many at most; at least one.
    pub limit: usize,
    /// What else they have to satisfy.
    pub filter: &'a dyn Fn(&Incident) -> Result<bool, StoreError>,
}

/// Which alerts.
#[derive(Clone)]
pub struct AlertQuery<'a> {
    /// Only firing ones, or only ended ones; `None` for both.
    pub firing: Option<bool>,
    /// Where the page begins; `None` for the first one.
    pub after: Option<Cursor>,
    /// How many at most; at least one.
    pub limit: usize,
    /// What else they have to satisfy.
    pub filter: &'a dyn Fn(&AlertRow) -> bool,
}

/// Which notices.
#[derive(Clone, Debug)]
pub struct NoticeQuery {
    /// Only those in this state; `None` for any.
    pub state: Option<NoticeState>,
    /// Only those about this incident; `None` for any.
    pub incident: Option<IncidentId>,
    /// Where the page begins; `None` for the first one.
    pub after: Option<Cursor>,
    /// How many at most; at least one.
    pub limit: usize,
}

impl fmt::Debug for IncidentQuery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, after, limit, filter: _ } = self;
        write!(f, "incidents: states {states:?}, after {after:?}, limit {limit}")
    }
}

impl fmt::Debug for AlertQuery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { firing, after, limit, filter: _ } = self;
        write!(f, "alerts: firing {firing:?}, after {after:?}, limit {limit}")
    }
}

impl View<'_> {
    /// Returns incidents, the newest first.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn incidents(&self, query: &IncidentQuery<'_>) -> Result<Page<Incident>, StoreError> {
        let mut options = ReadOptions::default();
        if let Some(Cursor(key)) = &query.after {
            options.set_iterate_upper_bound(&**key);
        }
        let family = family(query.states);
        let mut page = Filling::new(query.limit);
        for entry in self.entries(family, options, IteratorMode::End) {
            let (key, value) = entry?;
            if page.is_full() {
                return Ok(page.cut());
            }
            let incident = if family == Family::Incidents {
                row(&key, &value)?
            } else {
                self.indexed(family, &key)?
            };
            let fits = is_in(&incident, query.states) && (query.filter)(&incident)?;
            page.offer(&key, fits.then_some(incident));
        }
        Ok(page.end())
    }

    /// Returns incidents, closed ones too, whose review still wants something to be done, by number.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn followed(&self) -> Result<Vec<Incident>, StoreError> {
        let all = self.entries(Family::Followed, ReadOptions::default(), IteratorMode::Start);
        all.map(|entry| entry.and_then(|(key, _)| self.indexed(Family::Followed, &key))).collect()
    }

    /// Returns notices that are not delivered, in the order of their ids.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn notices(&self, query: &NoticeQuery) -> Result<Page<Notice>, StoreError> {
        let mut options = behind(query.after.as_ref());
        if let Some(incident) = query.incident {
            let first = schema::number(incident.0);
            let begins = query.after.as_ref().is_none_or(|Cursor(after)| **after < first[..]);
            if begins {
                options.set_iterate_lower_bound(first);
            }
            options.set_iterate_upper_bound(schema::number(incident.0.saturating_add(1)));
        }
        let mut page = Filling::new(query.limit);
        for entry in self.entries(Family::Notices, options, IteratorMode::Start) {
            let (key, value) = entry?;
            if page.is_full() {
                return Ok(page.cut());
            }
            let notice: Notice = row(&key, &value)?;
            let fits = query.state.is_none_or(|state| state == notice.state);
            page.offer(&key, fits.then_some(notice));
        }
        Ok(page.end())
    }

    /// Returns alerts that are held, in the order of their slots.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn alerts(&self, query: &AlertQuery<'_>) -> Result<Page<AlertRow>, StoreError> {
        let mut page = Filling::new(query.limit);
        let mut full = false;
        overlay::each(
            self,
            [behind(query.after.as_ref()), behind(query.after.as_ref())],
            &mut |stored| {
                full = page.is_full();
                if full {
                    return Ok(ControlFlow::Break(()));
                }
                let mut row =
                    AlertRow::read(stored.key, stored.value).map_err(|r| stored.refused(r))?;
                stored.freshen(&mut row.state)?;
                let fits = query.firing.is_none_or(|firing| firing == row.state.fires());
                page.offer(stored.key, (fits && (query.filter)(&row)).then_some(row));
                Ok(ControlFlow::Continue(()))
            },
        )?;
        Ok(if full { page.cut() } else { page.end() })
    }
}

/// Options for what lies behind a cursor.
pub(super) fn behind(after: Option<&Cursor>) -> ReadOptions {
    let mut options = ReadOptions::default();
    if let Some(Cursor(key)) = after {
        // The least key above it.
        options.set_iterate_lower_bound([&**key, &[0]].concat());
    }
    options
}

/// The shortest list that has them all.
fn family(states: &[StateName]) -> Family {
    if states.is_empty() || states.iter().any(|state| state.is_over()) {
        Family::Incidents
    } else if states.contains(&StateName::Resolved) {
        Family::Unclosed
    } else {
        Family::Open
    }
}

fn is_in(incident: &Incident, states: &[StateName]) -> bool {
    let counts = incident.parent.is_none() || !incident.progress.is_open();
    states.is_empty() || counts && states.contains(&incident.progress.name())
}

/// A page on the way.
pub(super) struct Filling<T> {
    items: Vec<T>,
    limit: usize,
    seen: usize,
    last: Box<[u8]>,
}

impl<T> Filling<T> {
    pub(super) fn new(limit: usize) -> Self {
        Self { items: Vec::new(), limit: limit.max(1), seen: 0, last: Box::default() }
    }

    pub(super) fn is_full(&self) -> bool {
        self.items.len() >= self.limit || self.seen >= SCAN_MAX
    }

    pub(super) fn offer(&mut self, key: &[u8], item: Option<T>) {
        self.items.extend(item);
        self.seen += 1;
        self.last = key.into();
    }

    /// There is more.
    pub(super) fn cut(self) -> Page<T> {
        Page { items: self.items, next: Some(Cursor(self.last)) }
    }

    /// There is nothing more.
    pub(super) fn end(self) -> Page<T> {
        Page { items: self.items, next: None }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&schema::hex(&self.0))
    }
}

/// The text is no cursor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a cursor; give back what `next` of the page before said, as it is")]
pub struct NotACursor(pub String);

impl core::str::FromStr for Cursor {
    type Err = NotACursor;

    /// Reads what was printed.
    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let byte = |pair: &[u8]| match pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        };
        let bytes: Option<Box<[u8]>> = text.as_bytes().chunks(2).map(byte).collect();
        bytes
            .filter(|bytes| (1..=CURSOR_LEN_MAX).contains(&bytes.len()))
            .map(Self)
            .ok_or_else(|| NotACursor(text.chars().take(2 * CURSOR_LEN_MAX).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_printed() {
        let cursor = Cursor([0, 0x9F, 0xFF].into());
        assert_eq!(cursor.to_string(), "009fff");
        assert_eq!("009fff".parse(), Ok(cursor));
        let long = "00".repeat(CURSOR_LEN_MAX + 1);
        for bad in ["", "0", "0g", "+1", "é", "009fff ", &long] {
            assert!(bad.parse::<Cursor>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_page_is_full_at_its_limit_or_after_the_most_records_looked_at() {
        let mut page = Filling::new(0);
        page.offer(&[1], Some('a'));
        assert!(page.is_full(), "a limit of 0 would never come to an end");

        let mut page = Filling::<char>::new(10);
        for _ in 1..SCAN_MAX {
            page.offer(&[7], None);
        }
        assert!(!page.is_full());
        page.offer(&[8], None);
        assert!(page.is_full());
        assert_eq!(page.cut(), Page { items: vec![], next: Some(Cursor([8].into())) });
    }
}
