//! Kind `group`: gathers alerts with equal values.

use core::time::Duration;

use crate::rules::codes;
use crate::rules::reader::{DAY, MINUTE, Reader};
use crate::rules::subject::{CI, Field};
use crate::rules::text::shortened;
use crate::rules::yaml::Node;

/// Fields of one group.
const FIELDS_MAX: usize = 8;

/// Gathers alerts with equal values within a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What must be equal.
    pub by: Vec<Field>,
    /// How long after the incident's last activity an alert still joins; half-open.
    pub window: Duration,
    /// How old an incident may be that alerts still join; half-open.
    pub max_age: Duration,
}

/// Reads the value of `group:`.
pub(in crate::rules) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<Group> {
    let mut entries = reader.map(node, "`group`")?;
    let by = entries.need(reader, "by").and_then(|n| fields(reader, n));
    let second = Duration::from_secs(1);
    let window = entries.read(reader, "window", |r, n| r.duration(n, second..=7 * DAY));
    let max_age = entries.read(reader, "max_age", |r, n| r.duration(n, second..=30 * DAY));
    entries.finish(reader);
    Some(Group { by: by?, window: window.unwrap_or(5 * MINUTE), max_age: max_age.unwrap_or(DAY) })
}

/// Reads the fields by which something is told apart: labels, `ci.` attributes, `ci`.
pub(in crate::rules) fn fields(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<Field>> {
    let items = reader.one_or_many(node)?;
    let mut fields: Vec<Field> = Vec::with_capacity(items.len());
    for item in items {
        let Some(text) = reader.text(item) else { continue };
        if reader.name(text, item.span).is_none() {
            continue;
        }
        match Field::parse(text) {
            Ok(Field::Label(name)) if &*name == CI => fields.push(Field::Ci("name".into())),
            Ok(field) => fields.push(field),
            Err(error) => reader.error(codes::VALUE, item.span, error.message).help(error.help),
        }
        let last = fields.last().map(Field::key);
        let before = fields.len().saturating_sub(1);
        if fields.iter().take(before).any(|field| Some(field.key()) == last) {
            let message = format!("`{}` is given twice", shortened(text));
            reader.error(codes::DUPLICATE, item.span, message);
        }
    }
    if items.is_empty() || items.len() > FIELDS_MAX {
        reader
            .error(codes::VALUE, node.span, format!("list of {} fields", items.len()))
            .label(format!("expected 1 to {FIELDS_MAX}"));
    }
    Some(fields)
}
