//! Templates of titles and the like: compiled and tried out at load, so that a slip is found then
//! and not at night.
//!
//! A template's text comes from rule files only; what alerts say is data and is never compiled.
//! See `scope.rs` for what a template sees.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value};

use super::codes::{self, Code};
use super::diagnostics::{Span, nearest};
use super::lookups::{self, Tables};
use super::plain::Plain;
use super::scope::{FIELDS, Scope, anything, open};
use super::subject::Subject;
use super::text::{alternatives, listed};

/// Steps one rendering may take; the shipped titles take some twenty.
const FUEL: u64 = 10_000;
/// Bytes of a rendered text; what is longer is cut.
const TEXT_BYTES_MAX: usize = 1_024;
/// Bytes of a template's source.
const SOURCE_BYTES_MAX: usize = 4_096;

/// A template that has been compiled by the rule set it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    source: Box<str>,
    /// The same taken apart, where that is all there is to it.
    plain: Option<Plain>,
}

impl Template {
    /// Returns its source.
    pub fn source(&self) -> &str {
        &self.source
    }
}

/// The fields of a template that is rendered of an alert alone.
const INTAKE_FIELDS: [&str; 2] = ["labels", "ci"];

/// What a template may use.
struct Known<'a> {
    fields: &'a [&'a str],
    /// The fields of `group`, for rules that have one.
    group: Option<&'a [&'a str]>,
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    pub(super) code: &'static Code,
    /// The stretch of the source it is about.
    pub(super) part: Span,
    pub(super) message: String,
    pub(super) label: String,
    pub(super) help: String,
    /// What to write in the place of the stretch, where that is certain.
    pub(super) instead: Option<String>,
}

/// All templates of a rule set.
#[derive(Clone, Debug)]
pub(super) struct Templates {
    env: Environment<'static>,
}

impl Templates {
    pub(super) fn new() -> Self {
        let mut env = Environment::new();
        env.set_undefined_behavior(UndefinedBehavior::Strict);
        env.set_auto_escape_callback(|_| AutoEscape::None);
        env.set_fuel(Some(FUEL));
        env.set_debug(true);
        env.remove_global("debug");
        // The tables are read beside the templates: until then every row has every field.
        env.add_function(lookups::FUNCTION, |_: &str, _: Value| anything(None));
        Self { env }
    }

    /// Gives templates the tables that they look up.
    pub(super) fn set_lookups(&mut self, tables: Tables) {
        self.env.add_function(lookups::FUNCTION, lookups::function(tables));
    }

    /// Compiles a template and tries it out. `group` names the fields of `group`, for rules that
    /// have one.
    pub(super) fn add(&mut self, source: &str, group: Option<&[&str]>) -> Result<Template, Flaw> {
        let known: Vec<&str> =
            FIELDS.iter().copied().filter(|name| *name != "group" || group.is_some()).collect();
        self.compile(source, &Known { fields: &known, group }, Scope::specimen(group))
    }

    /// Compiles a template that is rendered of an alert alone, and tries it out.
    pub(super) fn add_intake(&mut self, source: &str) -> Result<Template, Flaw> {
        let known = Known { fields: &INTAKE_FIELDS, group: None };
        let specimen = INTAKE_FIELDS.map(|name| (name, anything(Some(name.into()))));
        self.compile(source, &known, Value::from(BTreeMap::from(specimen)))
    }

    fn compile(
        &mut self,
        source: &str,
        known: &Known<'_>,
        specimen: Value,
    ) -> Result<Template, Flaw> {
        if source.len() > SOURCE_BYTES_MAX {
            let message = format!("template is {} bytes long", source.len());
            let label = format!("expected at most {SOURCE_BYTES_MAX}");
            return Err(Flaw { label, ..flaw(&codes::TEMPLATE, source, "", message) });
        }
        if let Some(flaw) = go_syntax(source) {
            return Err(flaw);
        }
        self.env
            .add_template_owned(source.to_owned(), source.to_owned())
            .map_err(|error| explain(&error, source, FUEL))?;
        self.undefined(source, known)?;
        match self.env.get_template(source).and_then(|t| t.render(specimen)) {
            // A label's value may be a number in truth, which the specimen's is not.
            Err(error) if error.kind() != ErrorKind::InvalidOperation => {
                Err(explain(&error, source, FUEL))
            }
            Ok(_) | Err(_) => Ok(Template { source: source.into(), plain: Plain::of(source) }),
        }
    }

    /// Finds names that no incident has.
    fn undefined(&self, source: &str, known: &Known<'_>) -> Result<(), Flaw> {
        let Known { fields: known, group } = *known;
        let Ok(template) = self.env.get_template(source) else { return Ok(()) };
        let globals: BTreeSet<&str> = self.env.globals().map(|(name, _)| name).collect();
        let names: BTreeSet<String> = template.undeclared_variables(true).into_iter().collect();
        for name in &names {
            let (first, rest) = name.split_once('.').unwrap_or((name, ""));
            if !known.contains(&first) && !globals.contains(first) {
                let message = format!("unknown field `{first}` in a template");
                let label = format!("expected {}", alternatives(known));
                let (ci, whose) = if known.contains(&"ci") {
                    ("ci", "its CI")
                } else {
                    ("root", "the root's CI")
                };
                let near = nearest(first, known.iter().copied());
                let help = near.map_or_else(
                    || {
                        format!(
                            "a label is `labels.{first}`, an attribute of {whose} `{ci}.{first}`"
                        )
                    },
                    |near| format!("did you mean `{near}`?"),
                );
                let instead = near.map(Into::into);
                let flaw = flaw(&codes::UNDEFINED, source, first, message);
                return Err(Flaw { label, help, instead, ..flaw });
            }
            let field = rest.split('.').next().unwrap_or("");
            let keys = group.filter(|_| first == "group" && !field.is_empty());
            if let Some(keys) = keys.filter(|keys| !keys.contains(&field)) {
                let message = format!("`group` has no field `{field}`");
                let label = format!("expected {}", alternatives(keys));
                let help = format!("`group` has what stands in `by`: {}", listed(keys));
                return Err(Flaw {
                    label,
                    help,
                    ..flaw(&codes::UNDEFINED, source, field, message)
                });
            }
        }
        Ok(())
    }

    /// Renders a template to one line of at most [`TEXT_BYTES_MAX`] bytes.
    pub(super) fn render(&self, template: &Template, scope: &Scope) -> Result<String, String> {
        if let Some(plain) = &template.plain {
            return Ok(one_line(&plain.render(|name| scope.labels.get(name).unwrap_or(""))));
        }
        let template = self.env.get_template(&template.source).map_err(|error| describe(&error))?;
        let text = template.render(scope.value()).map_err(|error| describe(&error))?;
        Ok(one_line(&text))
    }

    /// Renders a template of an alert alone to one line of at most [`TEXT_BYTES_MAX`] bytes.
    pub(super) fn render_intake(
        &self,
        template: &Template,
        subject: &Subject<'_>,
    ) -> Result<String, String> {
        if let Some(plain) = &template.plain {
            return Ok(one_line(&plain.render(|name| subject.label(name))));
        }
        let pairs = |pairs: &mut dyn Iterator<Item = (&str, &str)>| {
            pairs.map(|(name, value)| (name.into(), value.into())).collect()
        };
        let ci = subject.ci.map_or_else(Box::default, |ci| Box::from(&*ci.name));
        let scope = Value::from(BTreeMap::from([
            ("labels", open(pairs(&mut subject.all_labels()), None)),
            ("ci", open(pairs(&mut subject.all_attributes()), Some(ci))),
        ]));
        let template = self.env.get_template(&template.source).map_err(|error| describe(&error))?;
        Ok(one_line(&template.render(scope).map_err(|error| describe(&error))?))
    }

    /// Renders a source that is used once, with a single number `n`.
    pub(super) fn number(source: &str, n: u32) -> Result<String, Flaw> {
        let env = Self::new().env;
        let scope = Value::from(BTreeMap::from([("n", n)]));
        env.render_str(source, scope).map_err(|error| explain(&error, source, FUEL))
    }
}

fn one_line(text: &str) -> String {
    let mut line: String =
        text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.len() > TEXT_BYTES_MAX {
        let cut = (0..=TEXT_BYTES_MAX - 3).rev().find(|at| line.is_char_boundary(*at));
        line.truncate(cut.unwrap_or(0));
        line.push('…');
    }
    line
}

/// Says something about the first occurrence of a word in a source; about all of it if there is none.
pub(super) fn flaw(code: &'static Code, source: &str, word: &str, message: String) -> Flaw {
    let start = source.find(word).filter(|_| !word.is_empty());
    let part = match start {
        Some(start) => Span { start, end: start + word.len() },
        None => Span { start: 0, end: source.len() },
    };
    Flaw { code, part, message, label: String::new(), help: String::new(), instead: None }
}

/// Says what is wrong with a source, and where; `fuel` is how many steps it might take.
pub(super) fn explain(error: &Error, source: &str, fuel: u64) -> Flaw {
    let mut flaw = flaw(&codes::TEMPLATE, source, "", describe(error));
    if let Some(range) = error.range().filter(|range| source.get(range.clone()).is_some()) {
        // What is missing at the end is shown at the last character.
        let last = source.char_indices().next_back().map_or(0, |(at, _)| at);
        flaw.part = Span { start: range.start.min(last), end: range.end.max(range.start + 1) };
    }
    if error.kind() == ErrorKind::OutOfFuel {
        flaw.label = format!("takes more than {fuel} steps");
    }
    flaw
}

/// Says what is wrong, in a line.
pub(super) fn describe(error: &Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

/// Recognises templates of Go, as Prometheus and Alertmanager use them.
pub(super) fn go_syntax(source: &str) -> Option<Flaw> {
    for (start, _) in source.match_indices("{{") {
        let inside = source.get(start + 2..)?.trim_start_matches(['-', ' ']);
        let inside = inside.get(..inside.find("}}").unwrap_or(inside.len()))?.trim();
        let first = inside.split(' ').next().unwrap_or("");
        let is_go = inside.starts_with(['.', '$'])
            || ["range", "end", "if", "else", "with", "define", "template"].contains(&first)
            || inside.contains(" .Labels");
        if is_go {
            let message = "template is written in the syntax of Go".to_owned();
            let flaw = flaw(&codes::GO_TEMPLATE, source, inside, message);
            let label = "expected a field by its name".into();
            return Some(match translated(inside) {
                Some(field) if !inside.contains(' ') => {
                    let help = format!("did you mean `{field}`?");
                    Flaw { label, help, instead: Some(field), ..flaw }
                }
                Some(field) => Flaw { label, help: format!("write   {{{{ {field} }}}}"), ..flaw },
                None => Flaw { label, help: GO_HELP.into(), ..flaw },
            });
        }
    }
    None
}

/// Help for what has no counterpart in one word.
const GO_HELP: &str = "write a label as {{ labels.NAME }}, a condition as {% if … %} … {% endif %}";

/// Returns the field that a label of Go's templates is here.
fn translated(inside: &str) -> Option<String> {
    for prefix in ["$labels.", ".Labels.", ".CommonLabels.", ".GroupLabels."] {
        let name = inside.split(prefix).nth(1).unwrap_or("");
        let name = name.split(|c: char| c != '_' && !c.is_alphanumeric()).next().unwrap_or("");
        if !name.is_empty() {
            return Some(format!("labels.{name}"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::incident::Suspect;
    use crate::model::labels::Labels;
    use crate::rules::scope::RootScope;

    fn scope() -> Scope {
        let labels = Labels::build(&mut [("instance", "a:1"), ("evil", "{{ 7 * 7 }}")]).unwrap();
        Scope {
            rule: "ns/r".into(),
            incident: "INC-7".into(),
            priority: "P2".into(),
            labels,
            root: RootScope {
                name: "pdu-r12a".into(),
                class: "pdu".into(),
                attributes: vec![("rack".into(), "R12".into())],
            },
            group: vec![("site".into(), "fra1".into())],
            dependants: (0..20).map(|i| format!("srv-{i}").into()).collect(),
            dependants_count: 37,
            members: 38,
            cis: 31,
            suspects: vec![Suspect { ci: "sw-2".into(), explains: 30, of: 31, change: None }],
        }
    }

    #[test]
    fn a_title_is_rendered_from_what_the_incident_has() {
        for (source, text) in [
            (
                "Power lost in rack {{ root.rack }}: {{ dependants | length }} dependants",
                "Power lost in rack R12: 37 dependants",
            ),
            ("{{ root }} {{ root.name }} {{ root.class }}", "pdu-r12a pdu-r12a pdu"),
            ("[{{ root.nothing }}{{ labels.nothing }}]", "[]"),
            ("{{ labels.instance }} {{ labels['instance'] }}", "a:1 a:1"),
            ("{{ incident }} {{ rule }} {{ priority }} {{ members }}", "INC-7 ns/r P2 38"),
            ("{{ dependants | first }} {{ dependants[1] }}", "srv-0 srv-1"),
            (
                "{% for d in dependants %}{{ d[4:] }},{% endfor %}",
                "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,",
            ),
            ("{{ labels.evil }}", "{{ 7 * 7 }}"),
            ("{{ group.site }} {{ group }}", "fra1 site=\"fra1\""),
            ("<{{ 'a<b' }}>", "<a<b>"),
            ("a\nb\t", "a b"),
            ("{{ labels.instance | replace(':', ' ') | upper }}", "A 1"),
            ("no template", "no template"),
        ] {
            let mut templates = Templates::new();
            let template = templates.add(source, Some(&["site"])).unwrap();
            assert_eq!(templates.render(&template, &scope()).as_deref(), Ok(text), "{source}");
        }
    }

    proptest! {
        #[test]
        fn what_is_put_together_is_what_the_engine_renders(
            source in prop::collection::vec(
                prop::sample::select(vec![
                    "{{ labels.a }}", "{{labels.severity}}", "{{ labels.ci }}", "{{ labels.none }}",
                    "{{ labels.b | upper }}", "{{ ci.name }}", "{# no #}", "{% if labels.a %}x{% endif %}",
                    "{", "}", "}}", "%}", "-", " ", "\n", "\t", "ü", "text", "\u{1}",
                ]),
                0..6,
            ),
            values in prop::array::uniform3("[a-z{}\n ]{0,3}"),
        ) {
            let source = source.concat();
            let mut templates = Templates::new();
            let Ok(template) = templates.add_intake(&source) else { return Ok(()) };
            let slow = Template { plain: None, ..template.clone() };
            let [a, b, ci] = &values;
            let labels = Labels::build(&mut [("a", a), ("b", b), ("ci", ci)]).unwrap();
            let subject = Subject::new(&labels, "major", None);
            prop_assert_eq!(
                templates.render_intake(&template, &subject),
                templates.render_intake(&slow, &subject)
            );
            let scope = Scope { labels, ..scope() };
            let Ok(template) = templates.add(&source, None) else { return Ok(()) };
            let slow = Template { plain: None, ..template.clone() };
            prop_assert_eq!(templates.render(&template, &scope), templates.render(&slow, &scope));
        }
    }

    #[test]
    fn a_flaw_is_found_when_it_is_loaded() {
        for (source, code, part) in [
            ("a {{ instance }}", "R0204", "instance"),
            ("a {{ group.site }}", "R0204", "group"),
            ("{% if false %}{{ rooot.name }}{% endif %}", "R0204", "rooot"),
            ("{{ .Labels.instance }}", "R0207", ".Labels.instance"),
            ("{{ $labels.instance }}", "R0207", "$labels.instance"),
            ("{{ range .Alerts }}{{ end }}", "R0207", "range .Alerts"),
            ("{{ labels.a | nope }}", "R0205", "nope"),
            ("a {{ labels.a", "R0205", ""),
            (
                "{% for i in range(9999) %}x{% for j in range(9999) %}{% endfor %}{% endfor %}",
                "R0205",
                "",
            ),
        ] {
            let flaw = Templates::new().add(source, None).unwrap_err();
            assert_eq!(flaw.code.id, code, "{source}: {flaw:?}");
            if !part.is_empty() {
                assert_eq!(flaw.part.of(source), part, "{source}: {flaw:?}");
            }
        }
        let flaw = Templates::new().add("{{ group.rack }}", Some(&["site"])).unwrap_err();
        assert_eq!((flaw.code.id, &*flaw.label), ("R0204", "expected site"));
    }

    #[test]
    fn a_label_may_be_used_as_a_number() {
        assert!(Templates::new().add("{{ labels.value | float * 2 }}", None).is_ok());
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let mut templates = Templates::new();
        let template = templates.add(&"ü".repeat(600), None).unwrap();
        let text = templates.render(&template, &scope()).unwrap();
        assert!(text.len() <= TEXT_BYTES_MAX && text.ends_with("ü…"), "{}", text.len());
    }
}
