//! The texts of messages: templates of subject, text and HTML, in named sets.
//!
//! A set of the rule files may leave parts out: those are taken from the set `default`, and from
//! what is built in where that has none. Everything is compiled and tried out at load. A template
//! that fails all the same is the caller's to replace: [`RuleSet::built_in_message`] is always there.
//! See `scope.rs` for what a template sees.

use std::collections::BTreeSet;
use std::io;

use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};

use super::codes;
use super::diagnostics::nearest;
use super::reader::Reader;
use super::rule::flawed;
use super::set::RuleSet;
use super::template::{Flaw, describe, explain, flaw, go_syntax};
use super::text::alternatives;
use super::yaml::Node;

mod scope;

pub use scope::{Audience, IncidentLine, MessageScope};

/// The set of the rule files that holds for all who name no other.
pub(super) const DEFAULT: &str = "default";

/// Steps one message may take; the built-in ones take some thousand when a digest is long.
const FUEL: u64 = 100_000;
/// Bytes of one template.
const SOURCE_BYTES_MAX: usize = 32 << 10;

/// A part of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// One line: the subject of a mail.
    Subject,
    /// For people who read it as text.
    Text,
    /// The same with mark-up; values are escaped.
    Html,
}

const PARTS: [Part; 3] = [Part::Subject, Part::Text, Part::Html];

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Text => "text",
            Self::Html => "html",
        }
    }

    /// Names of rule files begin with a letter or digit: no set can have this one.
    fn built_in_name(self) -> &'static str {
        match self {
            Self::Subject => "/built-in.subject",
            Self::Text => "/built-in.text",
            Self::Html => "/built-in.html",
        }
    }

    fn built_in(self) -> &'static str {
        match self {
            Self::Subject => include_str!("subject.txt"),
            Self::Text => include_str!("text.txt"),
            Self::Html => include_str!("html.html"),
        }
    }

    /// Bytes of what may come out; the built-in templates keep to it whatever the alerts say.
    fn bytes_max(self) -> usize {
        match self {
            Self::Subject => 1 << 10,
            Self::Text => 64 << 10,
            Self::Html => 256 << 10,
        }
    }
}

/// All templates of messages of a rule set, compiled.
#[derive(Clone, Debug)]
pub(super) struct Messages {
    env: Environment<'static>,
    /// Names of the compiled templates, `set.part`.
    names: BTreeSet<String>,
}

impl Default for Messages {
    #[expect(clippy::expect_used, reason = "the text is part of the program")]
    fn default() -> Self {
        let mut env = Environment::new();
        env.set_undefined_behavior(UndefinedBehavior::Strict);
        env.set_auto_escape_callback(|name| {
            let part = name.rsplit('.').next();
            if part == Some(Part::Html.name()) { AutoEscape::Html } else { AutoEscape::None }
        });
        env.set_fuel(Some(FUEL));
        env.set_debug(true);
        env.remove_global("debug");
        // Without it no text can be doubled again and again.
        env.remove_global("namespace");
        for part in PARTS {
            env.add_template(part.built_in_name(), part.built_in())
                .expect("the built-in templates are tried out by a test");
        }
        Self { env, names: BTreeSet::new() }
    }
}

impl Messages {
    /// Compiles a template and tries it out.
    fn add(&mut self, set: &str, part: Part, source: &str) -> Result<(), Flaw> {
        if source.len() > SOURCE_BYTES_MAX {
            let message = format!("template is {} bytes long", source.len());
            let label = format!("expected at most {SOURCE_BYTES_MAX}");
            return Err(Flaw { label, ..flaw(&codes::TEMPLATE, source, "", message) });
        }
        if let Some(flaw) = go_syntax(source) {
            return Err(flaw);
        }
        let name = key(set, part);
        self.env
            .add_template_owned(name.clone(), source.to_owned())
            .map_err(|error| explain(&error, source, FUEL))?;
        self.undefined(&name, source)?;
        for specimen in scope::specimens() {
            match self.render(&name, part, &specimen) {
                // A label's value may be a number in truth, which the specimen's is not.
                Err(error) if error.kind() != ErrorKind::InvalidOperation => {
                    return Err(failed(&error, part, source));
                }
                Ok(_) | Err(_) => {}
            }
        }
        self.names.insert(name);
        Ok(())
    }

    /// Finds names that no message has.
    fn undefined(&self, name: &str, source: &str) -> Result<(), Flaw> {
        let Ok(template) = self.env.get_template(name) else { return Ok(()) };
        let globals: BTreeSet<&str> = self.env.globals().map(|(name, _)| name).collect();
        let names: BTreeSet<String> = template.undeclared_variables(false).into_iter().collect();
        let unknown = names
            .iter()
            .find(|name| !scope::FIELDS.contains(&&***name) && !globals.contains(&***name));
        let Some(unknown) = unknown else { return Ok(()) };
        let message = format!("unknown field `{unknown}` in a message");
        let label = format!("expected {}", alternatives(scope::FIELDS));
        let near = nearest(unknown, scope::FIELDS.iter().copied());
        let instead = near.map(Into::into);
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("a label of the root's alert is `labels.{unknown}`"),
        };
        Err(Flaw { label, help, instead, ..flaw(&codes::UNDEFINED, source, unknown, message) })
    }

    fn render(&self, name: &str, part: Part, scope: &MessageScope) -> Result<String, Error> {
        let mut written = Capped { bytes: Vec::new(), max: part.bytes_max() };
        self.env.get_template(name)?.render_captured_to(scope.value(), &mut written)?;
        let text = String::from_utf8_lossy(&written.bytes);
        Ok(match part {
            Part::Subject => text.split_whitespace().collect::<Vec<_>>().join(" "),
            Part::Text | Part::Html => text.trim_end().to_owned(),
        })
    }
}

impl RuleSet {
    /// Renders a part of a message by the template of a contact's set.
    ///
    /// # Errors
    /// The template's name and what is wrong with it, in words: it met what it was not tried with.
    pub fn message(
        &self,
        contact: &str,
        part: Part,
        scope: &MessageScope,
    ) -> Result<String, String> {
        let set = self.contacts.get(contact).and_then(|contact| contact.templates.as_deref());
        let names = [set, Some(DEFAULT)].into_iter().flatten().map(|set| key(set, part));
        match names.into_iter().find(|name| self.messages.names.contains(name)) {
            Some(name) => self
                .messages
                .render(&name, part, scope)
                .map_err(|error| format!("template {name}: {}", reason(&error, part))),
            None => self.built_in_message(part, scope),
        }
    }

    /// Renders a part of a message by the built-in template.
    ///
    /// # Errors
    /// In words, when it is too long.
    pub fn built_in_message(&self, part: Part, scope: &MessageScope) -> Result<String, String> {
        let text = self.messages.render(part.built_in_name(), part, scope);
        text.map_err(|error| format!("the built-in template: {}", reason(&error, part)))
    }
}

/// Reads one set.
pub(super) fn read(
    reader: &mut Reader<'_>,
    messages: &mut Messages,
    node: &Node,
    set: &str,
) -> Option<()> {
    let mut fields = reader.map(node, "a set of templates")?;
    for part in PARTS {
        let Some(node) = fields.get(part.name()) else { continue };
        let Some(source) = reader.text(node) else { continue };
        if let Err(flaw) = messages.add(set, part, source) {
            flawed(reader, node.span, source, flaw);
        }
    }
    fields.finish(reader);
    Some(())
}

fn key(set: &str, part: Part) -> String {
    format!("{set}.{}", part.name())
}

/// Says what is wrong with a template that failed on a specimen.
fn failed(error: &Error, part: Part, source: &str) -> Flaw {
    let flaw = explain(error, source, FUEL);
    if error.kind() == ErrorKind::UndefinedError {
        return Flaw { code: &codes::UNDEFINED, help: scope::LISTS.into(), ..flaw };
    }
    Flaw { message: reason(error, part), ..flaw }
}

fn reason(error: &Error, part: Part) -> String {
    if error.kind() == ErrorKind::WriteFailure {
        return format!("it writes more than {} bytes", part.bytes_max());
    }
    describe(error)
}

/// Takes so many bytes and no more.
struct Capped {
    bytes: Vec<u8>,
    max: usize,
}

impl io::Write for Capped {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + part.len() > self.max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
