//! Warnings: what can be used and is hardly meant.
//!
//! Looks only at what has been read. See `reach` for what matchers mean together, and `shadow` for
//! what rules do to each other.

use std::collections::{BTreeMap, BTreeSet};

use super::check::{Content, RELATIONS};
use super::codes;
use super::condition::{Condition, Conditions};
use super::diagnostics::{Diagnostic, Span};
use super::matcher::Matcher;
use super::matcher_places::LinePlace;
use super::plans;
use super::reach::{MATCHERS_MAX, Reach};
use super::reader::Reader;
use super::references;
use super::rule::Draft;
use super::shadow;
use super::source::SourceFile;
use super::suggest::meant;
use super::testcase::Expectation;

/// Notes what should be looked at. `order` is the order in which the rules are asked.
pub(super) fn advise(reader: &mut Reader<'_>, content: &Content<'_>, order: &[usize]) {
    // Where something is wrong already, the test may be just what could not be read.
    let failed = !reader.diagnostics.is_empty();
    relations(reader, content);
    owners(reader, content);
    for (file, draft) in &content.rules {
        reader.diagnostics.extend(never_true(file, draft));
    }
    if !failed {
        untested(reader, content);
        let rules = content.rules.iter().map(|(_, draft)| &draft.rule);
        references::warn(reader, rules, &content.policies);
        plans::warn(reader, content.majors.as_ref(), &content.plans);
    }
    for shadow::Shadowed { rule, by } in shadow::find(&content.rules, order) {
        let (Some((file, rule)), Some((other, by))) =
            (content.rules.get(rule), content.rules.get(by))
        else {
            continue;
        };
        let name = by.rule.name.rsplit('/').next().unwrap_or("");
        let message = format!(
            "rule `{}` is never asked: `{}` takes all its alerts",
            rule.rule.name, by.rule.name
        );
        reader.diagnostics.push(
            warning(codes::SHADOWED, file, rule.span, message)
                .help(format!("give it the first turn:   before: {name}"))
                .related(other, by.span, "this one is asked first"),
        );
    }
}

fn warning(code: codes::Code, file: &SourceFile, span: Span, message: String) -> Diagnostic {
    Diagnostic::error(code, file, span, message).warning()
}

fn relations(reader: &mut Reader<'_>, content: &Content<'_>) {
    let own = content.tests.iter().flat_map(|test| &test.cmdb.types);
    let own = own.flat_map(|t| [&*t.name, &*t.converse]);
    let known: BTreeSet<&str> = RELATIONS.into_iter().chain(own).collect();
    for (file, draft) in &content.rules {
        for (relation, span) in &draft.follow {
            if known.contains(&**relation) {
                continue;
            }
            let message = format!("relation `{relation}` is not known; nothing is followed by it");
            let problem = warning(codes::UNKNOWN_RELATION, file, *span, message);
            let near = reader.suggestions.nearest(relation, known.iter().copied());
            reader.diagnostics.push(match near {
                Some(near) => meant(problem, file, relation, near),
                None => problem.help("declare it under `relation_types:` in the `cmdb:` of a test"),
            });
        }
    }
}

fn owners(reader: &mut Reader<'_>, content: &Content<'_>) {
    // Many rules have one owner: what a name is like is asked once.
    let mut asked: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    for (file, draft) in &content.rules {
        let name = &draft.rule.name;
        let Some(owner) = draft.rule.owner.as_deref() else {
            let problem =
                warning(codes::NO_OWNER, file, draft.span, format!("rule `{name}` has no owner"));
            let help = "say who answers for it, for example   owner: dc-ops";
            reader.diagnostics.push(problem.help(help));
            continue;
        };
        if content.teams.contains_key(owner) {
            continue;
        }
        // An owner need not be a team of ours, but is likely to be one that is so alike.
        let teams = content.teams.keys().map(|name| &**name);
        let near = *asked.entry(owner).or_insert_with(|| reader.suggestions.nearest(owner, teams));
        if let Some(near) = near {
            let message = format!("owner `{owner}` of rule `{name}` is not a team");
            let span = draft.owner.unwrap_or(draft.span);
            let problem = warning(codes::REFERENCE, file, span, message);
            reader.diagnostics.push(meant(problem, file, owner, near));
        }
    }
}

fn untested(reader: &mut Reader<'_>, content: &Content<'_>) {
    let expected: BTreeSet<&str> = content
        .tests
        .iter()
        .flat_map(|test| &test.expect)
        .flat_map(|e| [&e.incidents, &e.incidents_include])
        .flatten()
        .flat_map(|list| &list.value)
        .filter_map(|incident| incident.rule.as_ref()?.value.as_deref())
        .chain(content.tests.iter().flat_map(|test| &test.expect).flat_map(holding_back))
        .chain(expected_storms(content))
        .collect();
    let incidents = content.tests.iter().flat_map(|test| &test.expect);
    let incidents = incidents.flat_map(|e| [&e.incidents, &e.incidents_include]).flatten();
    let known: BTreeSet<&str> = incidents
        .flat_map(|list| &list.value)
        .filter_map(|incident| incident.known_error.as_ref()?.value.as_deref())
        .collect();
    for (file, draft) in &content.rules {
        let name = &*draft.rule.name;
        let kind = &draft.rule.kind;
        let is_known = kind.known_error().is_some_and(|kind| known.contains(&*kind.id));
        // A shadow does nothing that a test could expect.
        let is_asked = !kind.is_intake() && !draft.rule.shadow;
        if is_asked && !is_known && !expected.contains(name) {
            let (what, how) = if kind.opens() {
                ("an incident", format!("rule: {name}"))
            } else {
                ("anything", format!("silent: {{{name}: [NAME]}}"))
            };
            let message = format!("no test expects {what} of rule `{name}`");
            let help = format!("add a test whose `expect` has   {how}");
            reader.diagnostics.push(warning(codes::NO_TEST, file, draft.span, message).help(help));
        }
    }
}

/// Yields the rules whose storms tests expect: a key begins with the name of its rule.
fn expected_storms<'a>(content: &'a Content<'_>) -> impl Iterator<Item = &'a str> {
    let expected = content.tests.iter().flat_map(|test| &test.expect);
    let storms = expected.filter_map(|e| e.storms.as_ref()).flat_map(|list| &list.value);
    let keys = storms.filter_map(|storm| storm.key.as_deref());
    keys.filter_map(|key| {
        let name = key.split_inclusive('/').take(2).map(str::len).sum::<usize>();
        Some(key.get(..name)?.trim_end_matches('/'))
    })
}

/// Yields the rules that an expectation says hold alerts back.
fn holding_back(expectation: &Expectation) -> impl Iterator<Item = &str> {
    expectation.silent.iter().map(|silent| &*silent.rule)
}

/// Finds what can never hold in a rule: in its `when`, in a line of `unless` or `never_absorb`, or
/// between the two.
fn never_true(file: &SourceFile, draft: &Draft) -> Vec<Diagnostic> {
    let rule = &draft.rule;
    let mut found = Vec::new();
    let when = Listed::of(&rule.when, &draft.places.when);
    if let Some(problem) = when.contradiction(file) {
        return vec![problem.help(when_help(&rule.when))];
    }
    let reach = Reach::of(rule.when.matchers());
    for (line, place) in rule.unless.lines().iter().zip(&draft.places.unless) {
        let Some(line) = line.plain() else { continue };
        let own = Listed::line(line, place).contradiction(file);
        let with_when = || beside(file, line, place, (reach.as_ref()?, when.span(file, 0)?));
        found.extend(own.or_else(with_when));
    }
    let lists = rule.kind.conditions().into_iter();
    for (_, list) in lists.filter(|(name, _)| *name == "never_absorb") {
        for (line, place) in list.lines().iter().zip(&draft.places.never_absorb) {
            let Some(line) = line.plain() else { continue };
            found.extend(Listed::line(line, place).contradiction(file));
        }
    }
    found
}

/// Says what a line of `unless` is beside a `when`: without effect, or more than the rule can bear.
fn beside(
    file: &SourceFile,
    line: &Condition,
    place: &LinePlace,
    (reach, when): (&Reach<'_>, Span),
) -> Option<Diagnostic> {
    let (message, label, help) = if reach.implies_all(line) {
        (
            "the rule can never match: this line of `unless` holds wherever `when` does",
            "takes out everything",
            "take the line away, or make it narrower than `when`",
        )
    } else if reach.excludes(line) {
        (
            "this line of `unless` can never hold where `when` does",
            "takes out nothing",
            "take the line away",
        )
    } else {
        return None;
    };
    let problem = warning(codes::NEVER_TRUE, file, place.line(), message.into());
    Some(problem.label(label).help(help).related(file, when, "`when` begins here"))
}

/// Proposes the pattern that was meant where `when` asks for several values of one label.
fn when_help(when: &Conditions) -> String {
    let general = "all lines of `when` must hold";
    let mut reach = Reach::default();
    let clash = when.matchers().enumerate().find_map(|(at, m)| Some((reach.add(at, m).err()?, m)));
    let values = clash.and_then(|(earlier, matcher)| {
        let earlier = when.matchers().nth(earlier)?;
        let mut values = earlier.test().values()?;
        values.extend(matcher.test().values()?);
        let plain = |v: &&str| !v.is_empty() && v.chars().all(|c| c.is_alphanumeric() || c == '-');
        (values.len() <= 4 && values.iter().all(plain)).then_some((matcher.field(), values))
    });
    match values {
        Some((field, values)) => {
            format!("{general}; for alternatives write   {field}=~\"{}\"", values.join("|"))
        }
        None => general.into(),
    }
}

/// Matchers that must hold together, each with its line and its number in it.
struct Listed<'m>(Vec<(&'m Matcher, &'m LinePlace, [usize; 2])>);

impl<'m> Listed<'m> {
    fn of(conditions: &'m Conditions, places: &'m [LinePlace]) -> Self {
        let lines = conditions.lines().iter().zip(places);
        let plain = lines.filter_map(|(line, place)| Some((line.plain()?, place)));
        Self(plain.flat_map(|(line, place)| Self::line(line, place).0).collect())
    }

    fn line(line: &'m Condition, place: &'m LinePlace) -> Self {
        let count = line.matchers().len();
        let placed = |(at, matcher)| (matcher, place, [at, count]);
        Self(line.matchers().iter().enumerate().map(placed).collect())
    }

    fn span(&self, file: &SourceFile, at: usize) -> Option<Span> {
        self.0.get(at).map(|(_, place, [at, count])| place.matcher(file, *at, *count))
    }

    /// Returns the first matcher that can never hold together with an earlier one.
    fn contradiction(&self, file: &SourceFile) -> Option<Diagnostic> {
        let mut reach = Reach::default();
        let all = || self.0.iter().take(MATCHERS_MAX).enumerate();
        let (at, earlier) = all().find_map(|(at, (m, ..))| Some((at, reach.add(at, m).err()?)))?;
        let ((matcher, ..), (other, ..)) = (self.0.get(at)?, self.0.get(earlier)?);
        let message = format!("`{matcher}` can never hold together with `{other}`");
        Some(
            warning(codes::NEVER_TRUE, file, self.span(file, at)?, message)
                .label("never true")
                .related(file, self.span(file, earlier)?, "this must hold as well"),
        )
    }
}
