//! Reads typed values out of YAML nodes and notes every problem on the way.
//!
//! It never stops at a problem: what cannot be read is `None` and the reading goes on, so that one
//! run shows all there is to mend. See `check.rs` for what is read with it.

use core::fmt::Display;
use core::ops::RangeInclusive;
use core::str::FromStr;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::codes::{self, Code};
use super::counter::{Counter, CounterId};
use super::diagnostics::{Diagnostic, Fix, Span};
use super::lines::Lines;
use super::source::SourceFile;
use super::suggest::{Suggestions, meant};
use super::text::{alternatives, duration, listed, shortened};
use super::yaml::{Key, Node, Value, quoted};
use crate::model::priority::NotAWord;
use crate::model::time::Brief;

/// A minute, an hour and a day, for the bounds of spans.
pub(super) const MINUTE: Duration = Duration::from_mins(1);
pub(super) const HOUR: Duration = Duration::from_hours(1);
pub(super) const DAY: Duration = Duration::from_hours(24);

/// The longest name of a rule, a team or anything else, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// What names can stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Noun {
    Rule,
    Team,
    Contact,
    Policy,
    Section,
    Templates,
    Calendar,
    Rotation,
    Mapping,
    Table,
    Agreement,
    Plan,
}

impl Noun {
    fn word(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Team => "team",
            Self::Contact => "contact",
            Self::Policy => "policy",
            Self::Section => "section",
            Self::Templates => "set of templates",
            Self::Calendar => "calendar",
            Self::Rotation => "rotation",
            Self::Mapping => "mapping",
            Self::Table => "table",
            Self::Agreement => "agreement",
            Self::Plan => "plan",
        }
    }
}

/// A stretch of one of the files.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot<'f> {
    pub(super) file: &'f SourceFile,
    pub(super) span: Span,
}

/// A name that has to be defined somewhere.
#[derive(Clone, Debug)]
struct Reference<'f> {
    noun: Noun,
    name: Box<str>,
    spot: Spot<'f>,
}

/// The file being read, and what has been found in all files so far.
#[derive(Debug)]
pub(super) struct Reader<'f> {
    pub(super) file: &'f SourceFile,
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) suggestions: Suggestions,
    /// Memory that the patterns of the current file take so far, in bytes.
    pub(super) patterns_size: usize,
    lines: Lines<'f>,
    defined: BTreeMap<(Noun, Box<str>), Spot<'f>>,
    references: Vec<Reference<'f>>,
    /// What the conditions of all rules count, each once.
    pub(super) counters: Vec<Arc<Counter>>,
}

/// Different counters of one rule set: an alert is looked at by each that could count it.
const COUNTERS_MAX: usize = 256;

impl<'f> Reader<'f> {
    pub(super) fn new(file: &'f SourceFile) -> Self {
        Self {
            file,
            diagnostics: Vec::new(),
            suggestions: Suggestions::default(),
            patterns_size: 0,
            lines: Lines::of(&file.text),
            defined: BTreeMap::new(),
            references: Vec::new(),
            counters: Vec::new(),
        }
    }

    /// Goes on with another file.
    pub(super) fn open(&mut self, file: &'f SourceFile) {
        self.file = file;
        self.lines = Lines::of(&file.text);
        self.patterns_size = 0;
    }

    /// Returns line and column of the beginning of a stretch of the current file.
    pub(super) fn position(&self, span: Span) -> (u32, u32) {
        self.lines.position(span.start)
    }

    /// Returns the counter that counts so, adding it if there is none yet.
    pub(super) fn counter(
        &mut self,
        counter: Counter,
        span: Span,
    ) -> Option<(CounterId, Arc<Counter>)> {
        let known = self.counters.iter().position(|known| **known == counter);
        let id = known.unwrap_or(self.counters.len());
        if id >= COUNTERS_MAX {
            self.error(codes::VALUE, span, format!("more than {COUNTERS_MAX} different counts"))
                .help("count the same things where you can, and compare with different numbers");
            return None;
        }
        if known.is_none() {
            self.counters.push(Arc::new(counter));
        }
        self.counters.get(id).map(|counter| (CounterId(id), Arc::clone(counter)))
    }

    /// Notes a problem of the current file.
    pub(super) fn error(&mut self, code: Code, span: Span, message: impl Into<String>) -> Note<'_> {
        self.diagnostics.push(Diagnostic::error(code, self.file, span, message));
        Note(&mut self.diagnostics)
    }

    /// Notes that a name is given its meaning here; twice is a problem.
    pub(super) fn define(&mut self, noun: Noun, name: &str, span: Span) {
        let spot = Spot { file: self.file, span };
        if let Some(first) = self.defined.get(&(noun, name.into())) {
            let message = format!("{} `{name}` is given twice", noun.word());
            let (file, span) = (first.file, first.span);
            let problem = Diagnostic::error(codes::DUPLICATE, self.file, spot.span, message)
                .label("given again here")
                .help("keep one of them")
                .related(file, span, "first given here");
            self.diagnostics.push(problem);
        } else {
            self.defined.insert((noun, name.into()), spot);
        }
    }

    /// Notes that a name must be defined somewhere in the files.
    pub(super) fn refer(&mut self, noun: Noun, name: &str, span: Span) {
        let spot = Spot { file: self.file, span };
        self.references.push(Reference { noun, name: name.into(), spot });
    }

    /// Returns where a name is given its meaning.
    pub(super) fn defined_at(&self, noun: Noun, name: &str) -> Option<Spot<'f>> {
        self.defined.get(&(noun, name.into())).copied()
    }

    /// Notes all references to what no file defines. `built_in` is defined without any file.
    pub(super) fn resolve(&mut self, built_in: &[(Noun, &str)]) {
        let mut known: BTreeMap<Noun, Vec<&str>> = BTreeMap::new();
        for (noun, name) in
            self.defined.keys().map(|(n, name)| (*n, &**name)).chain(built_in.iter().copied())
        {
            known.entry(noun).or_default().push(name);
        }
        for reference in core::mem::take(&mut self.references) {
            let Reference { noun, name, spot } = reference;
            if self.defined.contains_key(&(noun, name.clone()))
                || built_in.contains(&(noun, &*name))
            {
                continue;
            }
            let known = known.get(&noun).map_or(&[][..], Vec::as_slice);
            let word = noun.word();
            let message = format!("{word} `{name}` is not defined");
            let problem = Diagnostic::error(codes::REFERENCE, spot.file, spot.span, message);
            let near = self.suggestions.nearest(&name, known.iter().copied());
            self.diagnostics.push(match near {
                Some(near) => meant(problem, spot.file, &name, near),
                None if known.is_empty() => problem.help(format!("no {word} is defined")),
                None => problem.help(format!("known: {}", listed(known))),
            });
        }
    }

    /// Reads a mapping.
    pub(super) fn map<'n>(&mut self, node: &'n Node, what: &'static str) -> Option<Fields<'n>> {
        match &node.value {
            Value::Map(entries) => {
                // A mapping in block form has no sign of its own: it is shown by its first key.
                let span = entries.first().map_or(node.span, |(key, _)| key.span);
                Some(Fields { what, span, entries, asked: Vec::new() })
            }
            Value::Null | Value::Text(_) | Value::List(_) => {
                self.expected(node, &format!("{what} as a mapping, `key: value`"));
                None
            }
        }
    }

    /// Reads a sequence.
    pub(super) fn list<'n>(&mut self, node: &'n Node) -> Option<&'n [Node]> {
        match &node.value {
            Value::List(items) => Some(items),
            Value::Null | Value::Text(_) | Value::Map(_) => {
                self.expected(node, "a list, `[a, b]`");
                None
            }
        }
    }

    /// Reads a sequence, or one value that stands for a sequence of one.
    pub(super) fn one_or_many<'n>(&mut self, node: &'n Node) -> Option<&'n [Node]> {
        match &node.value {
            Value::List(items) => Some(items),
            Value::Text(_) => Some(core::slice::from_ref(node)),
            Value::Null | Value::Map(_) => {
                self.expected(node, "a text or a list of texts");
                None
            }
        }
    }

    /// Reads a scalar.
    pub(super) fn text<'n>(&mut self, node: &'n Node) -> Option<&'n str> {
        match &node.value {
            Value::Text(text) => Some(text),
            Value::Null | Value::List(_) | Value::Map(_) => {
                self.expected(node, "a text");
                None
            }
        }
    }

    /// Reads the name of something: letters, digits and `_ - . / : @`, beginning with the first two.
    pub(super) fn name(&mut self, text: &str, span: Span) -> Option<Box<str>> {
        let ok = |c: char| c.is_alphanumeric() || "_-./:@".contains(c);
        if text.len() <= NAME_BYTES_MAX
            && text.starts_with(char::is_alphanumeric)
            && text.chars().all(ok)
        {
            return Some(text.into());
        }
        self.error(codes::VALUE, span, format!("`{}` is not a name", shortened(text)))
            .label(format!(
                "expected up to {NAME_BYTES_MAX} letters, digits and `_ - . / : @`, beginning with a letter or digit"
            ));
        None
    }

    /// Reads a list of names, or one.
    pub(super) fn names(&mut self, node: &Node) -> Option<Vec<(Box<str>, Span)>> {
        let items = self.one_or_many(node)?;
        let mut names = Vec::with_capacity(items.len());
        for item in items {
            let Some(text) = self.text(item) else { continue };
            names.extend(self.name(text, item.span).map(|name| (name, item.span)));
        }
        Some(names)
    }

    /// Reads one of the words of an enum.
    pub(super) fn word<T: FromStr<Err = NotAWord>>(&mut self, node: &Node) -> Option<T> {
        let text = self.text(node)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(NotAWord { given, words }) => {
                let lower = given.to_lowercase();
                let same = words.iter().find(|word| word.to_lowercase() == lower).copied();
                let near = same.or_else(|| self.suggestions.nearest(&given, words.iter().copied()));
                let message = format!("unknown value `{}`", shortened(&given));
                let problem = Diagnostic::error(codes::VALUE, self.file, node.span, message)
                    .label(format!("expected {}", alternatives(words)));
                self.diagnostics.push(match near {
                    Some(near) => meant(problem, self.file, &given, near),
                    None => problem,
                });
                None
            }
        }
    }

    /// Reads a whole number.
    pub(super) fn number<T>(&mut self, node: &Node, range: RangeInclusive<T>) -> Option<T>
    where
        T: FromStr + PartialOrd + Display,
    {
        let text = self.text(node)?;
        if let Some(number) = text.parse().ok().filter(|number| range.contains(number)) {
            return Some(number);
        }
        self.error(codes::VALUE, node.span, format!("`{}` is out of range", shortened(text)))
            .label(format!("expected a whole number from {} to {}", range.start(), range.end()));
        None
    }

    /// Reads a span of time.
    pub(super) fn duration(
        &mut self,
        node: &Node,
        range: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        let text = self.text(node)?;
        let Some(duration) = duration(text) else {
            self.error(
                codes::VALUE,
                node.span,
                format!("`{}` is not a span of time", shortened(text)),
            )
            .label("expected one like 45s, 5m, 1h30m or 7d");
            return None;
        };
        if range.contains(&duration) {
            return Some(duration);
        }
        self.error(codes::VALUE, node.span, format!("`{text}` is out of range")).label(format!(
            "expected {} to {}",
            Brief(*range.start()),
            Brief(*range.end())
        ));
        None
    }

    /// Says how to mend the last problem noted.
    pub(super) fn mend(&mut self, span: Span, replacement: &str, help: String) {
        Note(&mut self.diagnostics).fix(span, replacement).help(help);
    }

    /// Notes that something else was expected at a node.
    pub(super) fn expected(&mut self, node: &Node, what: &str) {
        let found = match &node.value {
            Value::Null => "nothing".into(),
            Value::Text(text) => format!("the text `{}`", shortened(text)),
            Value::List(_) => "a list".into(),
            Value::Map(_) => "a mapping".into(),
        };
        let file = self.file;
        let written = node.span.of(&file.text);
        let braces = matches!(node.value, Value::Map(_)) && written.starts_with("{{");
        let problem = self
            .error(codes::VALUE, node.span, format!("found {found}"))
            .label(format!("expected {what}"));
        if braces {
            problem
                .fix(node.span, quoted(written))
                .help("put a template in quotes: YAML reads braces as a mapping");
        }
    }
}

/// Lets the last problem noted be said in more detail.
pub(super) struct Note<'r>(&'r mut Vec<Diagnostic>);

impl Note<'_> {
    pub(super) fn label(self, label: impl Into<String>) -> Self {
        if let Some(last) = self.0.last_mut() {
            last.label = label.into();
        }
        self
    }

    pub(super) fn help(self, help: impl Into<String>) {
        if let Some(last) = self.0.last_mut() {
            last.help = help.into();
        }
    }

    pub(super) fn fix(self, span: Span, replacement: impl Into<String>) -> Self {
        if let Some(last) = self.0.last_mut() {
            last.fix = Some(Fix { span, replacement: replacement.into() });
        }
        self
    }
}

/// The entries of a mapping; remembers which fields were asked for, so that it knows the rest.
#[derive(Debug)]
pub(super) struct Fields<'n> {
    what: &'static str,
    pub(super) span: Span,
    entries: &'n [(Key, Node)],
    asked: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// Returns the key and value of a field, though the value may be nothing.
    pub(super) fn entry(&mut self, name: &'static str) -> Option<&'n (Key, Node)> {
        if !self.asked.contains(&name) {
            self.asked.push(name);
        }
        self.entries.iter().find(|(key, _)| &*key.name == name)
    }

    /// Returns the value of a field, if it has one.
    pub(super) fn get(&mut self, name: &'static str) -> Option<&'n Node> {
        self.entry(name).map(|(_, node)| node).filter(|node| node.value != Value::Null)
    }

    /// Reads a field, if it is there.
    pub(super) fn read<'f, T>(
        &mut self,
        reader: &mut Reader<'f>,
        name: &'static str,
        read: impl FnOnce(&mut Reader<'f>, &'n Node) -> Option<T>,
    ) -> Option<T> {
        self.get(name).and_then(|node| read(reader, node))
    }

    /// Returns the value of a field that must be there.
    pub(super) fn need(&mut self, reader: &mut Reader<'_>, name: &'static str) -> Option<&'n Node> {
        let node = self.get(name);
        if node.is_none() {
            reader.error(codes::MISSING, self.span, format!("{} needs `{name}`", self.what));
        }
        node
    }

    /// True when a field has a value.
    pub(super) fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|(key, node)| &*key.name == name && node.value != Value::Null)
    }

    /// Yields all entries, when any name will do.
    pub(super) fn all(&self) -> impl Iterator<Item = &'n (Key, Node)> + use<'n> {
        self.entries.iter()
    }

    /// Notes the fields that nobody asked for.
    pub(super) fn finish(self, reader: &mut Reader<'_>) {
        for (key, _) in self.entries {
            if self.asked.contains(&&*key.name) {
                continue;
            }
            let message = format!("unknown field `{}` in {}", shortened(&key.name), self.what);
            let near = reader.suggestions.nearest(&key.name, self.asked.iter().copied());
            let problem = Diagnostic::error(codes::UNKNOWN_FIELD, reader.file, key.span, message);
            reader.diagnostics.push(match near {
                Some(near) => meant(problem, reader.file, &key.name, near),
                None => problem.help(format!("known here: {}", listed(&self.asked))),
            });
        }
    }
}
