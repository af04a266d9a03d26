//! How rotations are written in rule files.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;

use super::{Layer, Override, Rotation, Rotations};
use crate::model::time::Timestamp;
use crate::rules::calendar::read::{self as civil, DAYS};
use crate::rules::calendar::zone::{self, Zone};
use crate::rules::calendar::{Calendar, Times};
use crate::rules::codes;
use crate::rules::diagnostics::{Diagnostic, Span};
use crate::rules::reader::{Fields, Noun, Reader};
use crate::rules::sections::{reference, references};
use crate::rules::text::shortened;
use crate::rules::yaml::Node;

/// Layers of a rotation, and its overrides: more is a mistake.
const LAYERS_MAX: usize = 16;
const OVERRIDES_MAX: usize = 200;
/// Days from one hand-over to the next.
const DAYS_MAX: u16 = 365;

/// A rotation as it stands in the file; calendars may come later.
#[derive(Debug)]
pub(in crate::rules) struct Draft {
    rotation: Rotation,
    /// The hours of each layer.
    hours: Vec<Option<Times>>,
}

/// Reads one entry of `rotations`.
pub(in crate::rules) fn draft(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Draft> {
    let mut fields = reader.map(node, "a rotation")?;
    let zone = fields.need(reader, "zone").and_then(|n| zone::read(reader, n));
    let layers = fields.need(reader, "layers").and_then(|n| layers(reader, n, name));
    let overrides = fields.read(reader, "overrides", |r, n| match &zone {
        Some(zone) => overrides(r, n, zone),
        None => None,
    });
    let span = fields.span;
    fields.finish(reader);
    let (layers, hours) = layers?.into_iter().unzip();
    let overrides = overrides.unwrap_or_default();
    let file = reader.file.name.as_str().into();
    let rotation = Rotation { zone: zone?, layers, overrides, file, span };
    Some(Draft { rotation, hours })
}

/// Gives the layers their calendars.
pub(in crate::rules) fn join(
    drafts: BTreeMap<Box<str>, Draft>,
    calendars: &BTreeMap<Box<str>, Arc<Calendar>>,
) -> Rotations {
    let joined = drafts.into_iter().map(|(name, draft)| {
        let Draft { mut rotation, hours } = draft;
        for (layer, times) in rotation.layers.iter_mut().zip(hours) {
            layer.hours = times.and_then(|times| match times {
                Times::Named(name) => calendars.get(&name).cloned(),
                Times::Own(calendar) => Some(calendar),
            });
        }
        (name, rotation)
    });
    joined.collect()
}

type Layers = Vec<(Layer, Option<Times>)>;

fn layers(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Layers> {
    let items = reader.list(node)?;
    if items.is_empty() || items.len() > LAYERS_MAX {
        reader
            .error(codes::VALUE, node.span, format!("list of {} layers", items.len()))
            .label(format!("expected 1 to {LAYERS_MAX}"));
        return None;
    }
    let mut layers: Layers = Vec::with_capacity(items.len());
    for item in items {
        let Some((layer, hours)) = layer(reader, item) else { continue };
        let hides = |(below, _): &(Layer, Option<Times>)| below.start >= layer.start;
        if hours.is_none()
            && let Some(below) = layers.iter().position(hides)
        {
            let message = format!("layer {} of rotation `{name}` is never asked", below + 1);
            let label = "this one has somebody at all times, and later layers come first";
            let help = "give this layer `hours`, or put it before the others";
            warn(reader, item.span, message, (label.into(), help));
        }
        layers.push((layer, hours));
    }
    Some(layers)
}

fn warn(reader: &mut Reader<'_>, span: Span, message: String, (label, help): (String, &str)) {
    let problem = Diagnostic::error(codes::OVERLAP, reader.file, span, message);
    reader.diagnostics.push(problem.label(label).help(help).warning());
}

fn layer(reader: &mut Reader<'_>, node: &Node) -> Option<(Layer, Option<Times>)> {
    let mut fields = reader.map(node, "a layer")?;
    let members = fields.need(reader, "members").and_then(|n| references(reader, n, Noun::Contact));
    let days = fields.read(reader, "every", every);
    let start_node = fields.need(reader, "start");
    let start = start_node.and_then(|n| civil::date(reader, n));
    let handover = fields.need(reader, "handover").and_then(|n| handover(reader, n));
    let hours = fields.read(reader, "hours", civil::hours);
    let given = fields.has("every");
    fields.finish(reader);
    let days = if given { days? } else { DEFAULT_DAYS };
    let (start, (day, at)) = (start?, handover?);
    if let Some(day) = day {
        begins_on(reader, start_node?, start, day)?;
        if days % 7 != 0 {
            reader
                .error(codes::HANDOVER, node.span, format!("a hand-over every {days} days"))
                .label(format!("cannot always be on {}", name_of(day)))
                .help("leave `day` out, or write `every` in weeks");
            return None;
        }
    }
    Some((Layer { members: members?, days, start, at, hours: None }, hours))
}

/// A week, as most people take turns.
const DEFAULT_DAYS: i64 = 7;

fn name_of(day: usize) -> &'static str {
    DAYS.get(day).copied().unwrap_or_default()
}

fn begins_on(reader: &mut Reader<'_>, node: &Node, start: Date, day: usize) -> Option<()> {
    let is = usize::try_from(start.weekday().to_monday_zero_offset()).ok()?;
    if is == day {
        return Some(());
    }
    let before = i64::try_from((is + DAYS.len() - day) % DAYS.len()).ok()?;
    let near = start.saturating_sub(jiff::ToSpan::days(before));
    reader
        .error(codes::HANDOVER, node.span, format!("{start} is a {}", name_of(is)))
        .label(format!("the hand-over is on {}", name_of(day)))
        .help(format!("write   start: {near}"));
    None
}

/// Reads `1d` or `2w` to days.
fn every(reader: &mut Reader<'_>, node: &Node) -> Option<i64> {
    let text = reader.text(node)?;
    let unit = |unit, days: u16| {
        let number: u16 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(days).filter(|days| (1..=DAYS_MAX).contains(days))
    };
    let days = unit('d', 1).or_else(|| unit('w', 7));
    if days.is_none() {
        reader
            .error(codes::VALUE, node.span, format!("`{}` is no turn", shortened(text)))
            .label(format!("expected days or weeks such as 1d or 2w, at most {DAYS_MAX}d"));
    }
    days.map(i64::from)
}

/// Reads `{day: mon, at: '09:00'}`.
fn handover(reader: &mut Reader<'_>, node: &Node) -> Option<(Option<usize>, u16)> {
    let mut fields = reader.map(node, "`handover`")?;
    let day = fields.read(reader, "day", |r, n| {
        let text = r.text(n)?;
        civil::day(r, n, text)
    });
    let at = fields.need(reader, "at").and_then(|n| civil::minute(reader, n));
    let bad_day = fields.has("day") && day.is_none();
    fields.finish(reader);
    (!bad_day).then_some((day, at?))
}

fn overrides(reader: &mut Reader<'_>, node: &Node, zone: &Zone) -> Option<Vec<Override>> {
    let items = reader.list(node)?;
    if items.len() > OVERRIDES_MAX {
        reader
            .error(codes::VALUE, node.span, format!("list of {} overrides", items.len()))
            .label(format!("expected at most {OVERRIDES_MAX}"));
        return None;
    }
    let mut read: Vec<Override> = Vec::with_capacity(items.len());
    for item in items {
        let Some(it) = one(reader, item, zone) else { continue };
        if let Some(other) = read.iter().find(|o| o.from < it.until && it.from < o.until) {
            let message = format!("{} and {} stand in at the same time", other.contact, it.contact);
            let (from, until) = (it.from.max(other.from), it.until.min(other.until));
            let label = format!("from {} to {}", zone.show(from), zone.show(until));
            warn(reader, item.span, message, (label, "the later one in the list has the shift"));
        }
        read.push(it);
    }
    Some(read)
}

fn one(reader: &mut Reader<'_>, node: &Node, zone: &Zone) -> Option<Override> {
    let mut fields = reader.map(node, "an override")?;
    let from = moment(reader, &mut fields, "from", zone);
    let until = moment(reader, &mut fields, "to", zone);
    let contact = fields.need(reader, "contact");
    let contact = contact.and_then(|n| reference(reader, n, Noun::Contact));
    let span = fields.span;
    fields.finish(reader);
    let (from, until) = (from?, until?);
    if until <= from {
        reader
            .error(codes::VALUE, span, "an override ends before it begins")
            .help("swap `from` and `to`");
        return None;
    }
    Some(Override { from, until, contact: contact? })
}

fn moment(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'_>,
    name: &'static str,
    zone: &Zone,
) -> Option<Timestamp> {
    let node = fields.need(reader, name)?;
    let text = reader.text(node)?;
    let time = text.parse::<jiff::civil::DateTime>().ok().filter(|time| time.second() == 0);
    let Some(time) = time else {
        reader
            .error(codes::VALUE, node.span, format!("`{}` is no time", shortened(text)))
            .label("expected one like 2026-12-24T09:00, in the rotation's zone");
        return None;
    };
    let minute = i16::from(time.hour()) * 60 + i16::from(time.minute());
    Some(zone.first(time.date(), u16::try_from(minute).unwrap_or(0)))
}
