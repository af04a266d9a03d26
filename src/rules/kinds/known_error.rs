//! Kind `known_error`: an incident whose cause is known, with what helps until it is mended.
//!
//! It may be kept quiet, within bounds: beyond them it pages, whatever its priority.

use core::time::Duration;

use crate::model::time::Timestamp;
use crate::rules::calendar::read::{date, hours};
use crate::rules::calendar::{Times, zone::Zone};
use crate::rules::codes;
use crate::rules::diagnostics::{self, Diagnostic, Span};
use crate::rules::reader::{DAY, HOUR, MINUTE, Reader};
use crate::rules::rule::{intake_template, line};
use crate::rules::set::RuleSet;
use crate::rules::source::SourceFile;
use crate::rules::template::{Template, Templates};
use crate::rules::yaml::{Node, Value};

/// How often a known error may be kept quiet in 24 hours: each time is remembered.
pub const PER_DAY_MAX: u8 = 99;
/// The longest `fixed_in`, in bytes.
const FIXED_IN_BYTES_MAX: usize = 256;
/// How long before its end a known error is warned of.
const WARNED: Duration = Duration::from_hours(14 * 24);

/// A recorded cause with what helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownErrorKind {
    /// What people call it, as in `KE-0142`.
    pub id: Box<str>,
    /// What helps until it is mended.
    pub workaround: Template,
    /// Why it happens.
    pub cause: Option<Template>,
    /// Where to read on.
    pub runbook: Option<Template>,
    /// What it will be gone with.
    pub fixed_in: Option<Box<str>>,
    /// From when on the rule no longer matches.
    pub expires: Option<Expiry>,
    /// Within which bounds nobody is told.
    pub keep_quiet: Option<KeepQuiet>,
    /// The line of support that knows how to help, 1 to 4; the first without one.
    pub line: Option<u8>,
}

/// The end of a known error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// The end of its last day, exclusive.
    pub at: Timestamp,
    /// Its last day as written.
    pub last_day: Box<str>,
    span: Span,
}

/// The bounds within which nobody is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeepQuiet {
    /// How old an incident may become.
    pub max_age: Duration,
    /// How many of them there may be in 24 hours, 1 to [`PER_DAY_MAX`].
    pub max_per_day: u8,
    /// When; always where there are none.
    pub hours: Option<Times>,
}

impl KnownErrorKind {
    /// True from the end of its last day on.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.expires.as_ref().is_some_and(|expiry| expiry.at <= now)
    }
}

/// Reads the value of `known_error:`.
pub(in crate::rules) fn read(
    reader: &mut Reader<'_>,
    node: &Node,
    templates: &mut Templates,
) -> Option<KnownErrorKind> {
    let mut fields = reader.map(node, "`known_error`")?;
    let id = fields.need(reader, "id").and_then(|n| {
        let text = reader.text(n)?;
        reader.name(text, n.span)
    });
    let workaround =
        fields.need(reader, "workaround").and_then(|n| intake_template(reader, templates, n));
    let cause = fields.get("cause").and_then(|n| intake_template(reader, templates, n));
    let runbook = fields.get("runbook").and_then(|n| intake_template(reader, templates, n));
    let fixed_in = fields.read(reader, "fixed_in", |r, n| line(r, n, FIXED_IN_BYTES_MAX));
    let support = fields.read(reader, "line", |r, n| r.number(n, 1..=4));
    let hours_node = fields.get("hours");
    let times = hours_node.and_then(|n| hours(reader, n));
    let expires = fields.read(reader, "expires", |r, n| expiry(r, n, hours_node));
    let mut keep_quiet = fields.read(reader, "keep_quiet", keep_quiet);
    match (&mut keep_quiet, hours_node) {
        (Some(keep_quiet), _) => keep_quiet.hours = times,
        (None, Some(node)) if !fields.has("keep_quiet") => reader
            .error(codes::NO_EFFECT, node.span, "`hours` has no effect without `keep_quiet`")
            .help("add   keep_quiet: {max_age: 4h, max_per_day: 3}   or leave `hours` out"),
        (None, _) => {}
    }
    fields.finish(reader);
    let (id, workaround) = (id?, workaround?);
    let line = support;
    Some(KnownErrorKind { id, workaround, cause, runbook, fixed_in, expires, keep_quiet, line })
}

fn keep_quiet(reader: &mut Reader<'_>, node: &Node) -> Option<KeepQuiet> {
    let mut fields = reader.map(node, "`keep_quiet`")?;
    let max_age = fields.read(reader, "max_age", |r, n| r.duration(n, MINUTE..=7 * DAY));
    let max_per_day = fields.read(reader, "max_per_day", |r, n| r.number(n, 1..=PER_DAY_MAX));
    fields.finish(reader);
    let max_age = max_age.unwrap_or(4 * HOUR);
    Some(KeepQuiet { max_age, max_per_day: max_per_day.unwrap_or(3), hours: None })
}

/// Reads the last day, in the zone of `hours` where that names one, else in UTC.
fn expiry(reader: &mut Reader<'_>, node: &Node, hours: Option<&Node>) -> Option<Expiry> {
    let last_day = date(reader, node)?;
    let zone = hours.and_then(|node| match &node.value {
        Value::Map(entries) => entries.iter().find(|(key, _)| &*key.name == "zone"),
        Value::Null | Value::Text(_) | Value::List(_) => None,
    });
    let zone = zone.and_then(|(_, node)| match &node.value {
        Value::Text(name) => Zone::find(name),
        Value::Null | Value::List(_) | Value::Map(_) => None,
    });
    let zone = zone.or_else(|| Zone::find("UTC"))?;
    let at = zone.first(last_day.tomorrow().unwrap_or(last_day), 0);
    Some(Expiry { at, last_day: last_day.to_string().into(), span: node.span })
}

impl RuleSet {
    /// Warns of known errors that end within a fortnight, or have ended, at `now`.
    pub fn expiring(&self, files: &[SourceFile], now: Timestamp) -> Vec<Diagnostic> {
        let dated = self.rules.iter().filter_map(|rule| {
            let kind = rule.kind.known_error()?;
            Some((rule, kind, kind.expires.as_ref()?))
        });
        let soon = dated.filter(|(_, _, expiry)| expiry.at <= now.plus(WARNED));
        let warned = soon.filter_map(|(rule, kind, expiry)| {
            let file = files.iter().find(|file| file.name == *rule.place.file)?;
            let (id, day) = (&kind.id, &expiry.last_day);
            let days = expiry.at.since(now).as_secs() / DAY.as_secs();
            let message = match days {
                _ if expiry.at <= now => format!("known error {id} has expired ({day})"),
                0 => format!("known error {id} expires today ({day})"),
                1 => format!("known error {id} expires in 1 day ({day})"),
                days => format!("known error {id} expires in {days} days ({day})"),
            };
            let fixed = kind.fixed_in.as_deref().map_or_else(
                || "once it is mended".to_owned(),
                |fixed| format!("once {fixed} is everywhere"),
            );
            let warning = Diagnostic::error(codes::EXPIRES, file, expiry.span, message).warning();
            Some(warning.help(format!("extend `expires`, or delete the rule {fixed}")))
        });
        let mut warned: Vec<Diagnostic> = warned.collect();
        let files: Vec<&SourceFile> = files.iter().collect();
        diagnostics::place(&mut warned, &files);
        warned
    }
}
