//! How calendars are written in rule files: the section `calendars`, and times in the place where
//! they are needed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;

use super::zone::{self, DAY_MINUTES};
use super::{ALL_DAY, Calendar, Days, Holiday, Hours, Part, Times};
use crate::rules::codes;
use crate::rules::diagnostics::{Diagnostic, nearest};
use crate::rules::reader::{Fields, Noun, Reader, Spot};
use crate::rules::sections::reference;
use crate::rules::text::shortened;
use crate::rules::yaml::{Node, Value};

/// Days of the week as they are written.
pub(in crate::rules) const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// Hours, and calendars that are included: more is a mistake.
const ENTRIES_MAX: usize = 64;
/// Calendars that one is made of in the end: each may double what the next includes.
const PARTS_MAX: usize = 64;
/// Days off of one calendar.
pub(super) const HOLIDAYS_MAX: usize = 200;

/// A calendar as it stands in the file, before others are included.
#[derive(Debug)]
pub(in crate::rules) struct Draft<'f> {
    own: Calendar,
    holidays: BTreeSet<Holiday>,
    include: Vec<(Box<str>, Spot<'f>)>,
}

/// Reads one entry of `calendars`.
pub(in crate::rules) fn draft<'f>(reader: &mut Reader<'f>, node: &Node) -> Option<Draft<'f>> {
    let mut fields = reader.map(node, "a calendar")?;
    let zone = fields.need(reader, "zone").and_then(|n| zone::read(reader, n));
    let include = fields.read(reader, "include", include).unwrap_or_default();
    let hours = fields.read(reader, "hours", windows);
    let holidays = fields.read(reader, "holidays", holidays).unwrap_or_default();
    fields.finish(reader);
    let all_day = || if include.is_empty() { vec![ALL_DAY] } else { Vec::new() };
    let hours = hours.unwrap_or_else(all_day);
    let part = Part { zone: zone?, hours, holidays: holidays.clone() };
    Some(Draft { own: Calendar { parts: vec![part] }, holidays, include })
}

fn include<'f>(reader: &mut Reader<'f>, node: &Node) -> Option<Vec<(Box<str>, Spot<'f>)>> {
    let file = reader.file;
    let names = reader.names(node)?;
    for (name, span) in &names {
        reader.refer(Noun::Calendar, name, *span);
    }
    Some(names.into_iter().map(|(name, span)| (name, Spot { file, span })).collect())
}

/// Reads times in place: the name of a calendar, or `{zone, days, between: ['01:30', '05:15']}` with
/// `holidays`, where all days are meant when `days` is not given.
pub(in crate::rules) fn hours(reader: &mut Reader<'_>, node: &Node) -> Option<Times> {
    if let Value::Text(_) = node.value {
        return reference(reader, node, Noun::Calendar).map(Times::Named);
    }
    let mut fields = reader.map(node, "times")?;
    let zone = fields.need(reader, "zone").and_then(|n| zone::read(reader, n));
    let days = days_of(reader, &mut fields);
    let between = fields.need(reader, "between").and_then(|n| between(reader, n));
    let holidays = fields.read(reader, "holidays", holidays).unwrap_or_default();
    fields.finish(reader);
    let (from, until) = between?;
    let hours = vec![Hours { days: days?, from, until }];
    let part = Part { zone: zone?, hours, holidays };
    Some(Times::Own(Arc::new(Calendar { parts: vec![part] })))
}

/// Reads hours of a zone that stands elsewhere.
fn windows(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<Hours>> {
    let items = reader.list(node)?;
    if items.is_empty() || items.len() > ENTRIES_MAX {
        reader
            .error(codes::VALUE, node.span, format!("list of {} hours", items.len()))
            .label(format!("expected 1 to {ENTRIES_MAX}"));
        return None;
    }
    Some(items.iter().filter_map(|item| window(reader, item)).collect())
}

fn window(reader: &mut Reader<'_>, node: &Node) -> Option<Hours> {
    let mut fields = reader.map(node, "hours")?;
    let days = days_of(reader, &mut fields);
    let from = fields.need(reader, "from").and_then(|n| minute(reader, n));
    let to_node = fields.need(reader, "to");
    let to = to_node.and_then(|n| minute(reader, n));
    fields.finish(reader);
    let (from, until) = order(reader, to_node?, from?, to?)?;
    Some(Hours { days: days?, from, until })
}

fn between(reader: &mut Reader<'_>, node: &Node) -> Option<(u16, u16)> {
    let [from, to] = reader.list(node)? else {
        reader.expected(node, "two times of day, ['01:30', '05:15']");
        return None;
    };
    let (start, end) = (minute(reader, from), minute(reader, to));
    order(reader, to, start?, end?)
}

/// Returns beginning and end; an end that is not later is one of the next day.
fn order(reader: &mut Reader<'_>, node: &Node, from: u16, to: u16) -> Option<(u16, u16)> {
    if from == DAY_MINUTES || from == to {
        reader
            .error(codes::VALUE, node.span, "hours that end when they begin")
            .label("expected another time")
            .help("write the whole day as   from: '00:00', to: '24:00'");
        return None;
    }
    Some((from, if to > from { to } else { to + DAY_MINUTES }))
}

/// Reads `09:00` to minutes; `24:00` is the end of the day.
pub(in crate::rules) fn minute(reader: &mut Reader<'_>, node: &Node) -> Option<u16> {
    let text = reader.text(node)?;
    let number = |text: &str| match text.as_bytes() {
        [b'0'..=b'9', b'0'..=b'9'] => text.parse::<u16>().ok(),
        _ => None,
    };
    let read = text.split_once(':').and_then(|(hour, minute)| {
        let minute = number(minute).filter(|minute| *minute < 60)?;
        Some(number(hour)? * 60 + minute).filter(|minute| *minute <= DAY_MINUTES)
    });
    if read.is_none() {
        reader
            .error(codes::VALUE, node.span, format!("`{}` is no time of day", shortened(text)))
            .label("expected one like '09:00', at most '24:00'");
    }
    read
}

fn days_of(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Days> {
    if !fields.has("days") {
        // So that the field is known, and suggested.
        fields.get("days");
        return Some(ALL_DAY.days);
    }
    fields.read(reader, "days", days)
}

pub(in crate::rules) fn days(reader: &mut Reader<'_>, node: &Node) -> Option<Days> {
    let items = reader.one_or_many(node)?;
    let mut days = 0;
    for item in items {
        let text = reader.text(item)?;
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last) = (day(reader, item, first)?, day(reader, item, last)?);
        let length = (last + DAYS.len() - first) % DAYS.len();
        for step in 0..=length {
            days |= 1 << ((first + step) % DAYS.len());
        }
    }
    if days == 0 {
        reader.expected(node, "at least one day, [mon-fri]");
        return None;
    }
    Some(Days(days))
}

/// Reads a day of the week, Monday as 0.
pub(in crate::rules) fn day(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<usize> {
    let lower = name.trim().to_lowercase();
    let found = DAYS.iter().position(|day| *day == lower);
    if found.is_none() {
        let problem = reader
            .error(codes::VALUE, node.span, format!("`{}` is no day", shortened(name)))
            .label("expected mon, tue, wed, thu, fri, sat, sun or a range such as mon-fri");
        let short: String = lower.chars().take(3).collect();
        let near = DAYS.into_iter().find(|day| *day == short).or_else(|| nearest(&lower, DAYS));
        if let Some(near) = near {
            problem.help(format!("did you mean `{near}`?"));
        }
    }
    found
}

fn holidays(reader: &mut Reader<'_>, node: &Node) -> Option<BTreeSet<Holiday>> {
    let items = reader.one_or_many(node)?;
    if items.len() > HOLIDAYS_MAX {
        reader
            .error(codes::VALUE, node.span, format!("list of {} days", items.len()))
            .label(format!("expected at most {HOLIDAYS_MAX}"));
        return None;
    }
    Some(items.iter().filter_map(|item| holiday(reader, item)).collect())
}

fn holiday(reader: &mut Reader<'_>, node: &Node) -> Option<Holiday> {
    let text = reader.text(node)?;
    let once = text.parse::<Date>().ok().filter(|_| text.len() == "2026-12-25".len());
    // A leap year, so that 02-29 is a day.
    let yearly = || format!("2024-{text}").parse::<Date>().ok().filter(|_| text.len() == 5);
    let read = once
        .map(Holiday::Once)
        .or_else(|| yearly().map(|date| Holiday::Yearly(date.month(), date.day())));
    if read.is_none() {
        reader
            .error(codes::VALUE, node.span, format!("`{}` is no date", shortened(text)))
            .label("expected one like 2026-12-25, or 12-25 for every year");
    }
    read
}

/// Reads a date, `2026-01-05`.
pub(in crate::rules) fn date(reader: &mut Reader<'_>, node: &Node) -> Option<Date> {
    let text = reader.text(node)?;
    let date = text.parse::<Date>().ok().filter(|_| text.len() == "2026-01-05".len());
    if date.is_none() {
        reader
            .error(codes::VALUE, node.span, format!("`{}` is no date", shortened(text)))
            .label("expected one like 2026-01-05");
    }
    date
}

/// Joins calendars with those that they include; one that includes itself in the end is an error.
pub(in crate::rules) fn join(
    reader: &mut Reader<'_>,
    drafts: &BTreeMap<Box<str>, Draft<'_>>,
) -> BTreeMap<Box<str>, Arc<Calendar>> {
    let mut done = BTreeMap::new();
    for name in drafts.keys() {
        resolve(reader, drafts, &mut done, &mut vec![name]);
    }
    done
}

/// Joins the calendar at the end of `path`, after those that it includes.
fn resolve<'d>(
    reader: &mut Reader<'_>,
    drafts: &'d BTreeMap<Box<str>, Draft<'_>>,
    done: &mut BTreeMap<Box<str>, Arc<Calendar>>,
    path: &mut Vec<&'d str>,
) {
    let Some((name, draft)) = path.last().and_then(|name| Some((*name, drafts.get(*name)?))) else {
        return;
    };
    if done.contains_key(name) {
        return;
    }
    let mut calendar = draft.own.clone();
    for (other, spot) in &draft.include {
        if path.contains(&&**other) {
            let message = format!("calendar `{name}` includes itself");
            let label = format!("{} -> {other}", path.join(" -> "));
            let problem = Diagnostic::error(codes::CALENDARS, spot.file, spot.span, message);
            reader.diagnostics.push(problem.label(label).help("take one of them out"));
            continue;
        }
        path.push(other);
        resolve(reader, drafts, done, path);
        path.pop();
        if let Some(other) = done.get(other) {
            calendar.include(other, &draft.holidays);
        }
        if calendar.parts.len() > PARTS_MAX {
            let message = format!("calendar `{name}` includes more than {PARTS_MAX} others");
            reader.diagnostics.push(Diagnostic::error(
                codes::CALENDARS,
                spot.file,
                spot.span,
                message,
            ));
            calendar.parts.truncate(PARTS_MAX);
            break;
        }
    }
    done.insert(name.into(), Arc::new(calendar));
}
