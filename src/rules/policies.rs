//! Escalation policies: how their ladders are read.

use core::time::Duration;
use std::sync::Arc;

use super::codes;
use super::reader::{DAY, MINUTE, Noun, Reader};
use super::sections::reference;
use super::text::{alternatives, shortened};
use super::yaml::Node;
use crate::model::escalation::{Action, Due, Only, Policy, Step, Target};
use crate::model::priority::NotAWord;

/// The name of the policy that is in force where a rule names none.
pub(super) const DEFAULT: &str = "default";
/// Steps of one ladder.
const STEPS_MAX: usize = 32;
/// The latest step, as a share of its clock's limit.
const PERCENT_MAX: u16 = 1_000;

/// The policy without any rule file: page, pass on at three quarters of the response limit; at the
/// limit and every half hour from then the manager hears of it. Whoever is handed it and confirms
/// nothing is called again at half of the acceptance limit, at the limit their lead is. When three quarters
/// of the resolution limit are gone whoever has it hears of that, at the limit the manager does.
pub(super) fn default_policy() -> Policy {
    let step = |due, action, repeat| Step { due, action, repeat, only: Only::default() };
    let notify = |due, target, repeat| step(due, Action::Notify(target), repeat);
    let next_line = step(Due::Share(75), Action::NextLine, None);
    Policy {
        name: DEFAULT.into(),
        functional: vec![notify(Due::After(Duration::ZERO), Target::Assigned, None), next_line],
        hierarchical: vec![notify(Due::Share(100), Target::Manager, Some(30 * MINUTE))],
        resolution: vec![
            notify(Due::Share(75), Target::Assigned, None),
            notify(Due::Share(100), Target::Manager, None),
        ],
        acceptance: vec![
            notify(Due::Share(50), Target::Assigned, None),
            notify(Due::Share(100), Target::Lead, None),
        ],
    }
}

pub(super) fn read(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Arc<Policy>> {
    let mut fields = reader.map(node, "a policy")?;
    let before = reader.diagnostics.len();
    let functional = fields.read(reader, "functional", ladder).unwrap_or_default();
    let hierarchical = fields.read(reader, "hierarchical", ladder).unwrap_or_default();
    let resolution = fields.read(reader, "resolution", ladder).unwrap_or_default();
    let acceptance = fields.read(reader, "acceptance", acceptance).unwrap_or_default();
    let span = fields.span;
    fields.finish(reader);
    let ladders = [&functional, &hierarchical, &resolution, &acceptance];
    // Steps that could not be read have been told of.
    let is_read = reader.diagnostics.len() == before;
    if is_read && ladders.iter().all(|steps| steps.is_empty()) {
        reader
            .error(codes::MISSING, span, format!("policy `{name}` has no steps"))
            .help("give it one, for example   functional: [{after: 0s, notify: assigned}]");
    }
    Some(Arc::new(Policy { name: name.into(), functional, hierarchical, resolution, acceptance }))
}

/// Reads the ladder of whoever is handed an incident: that they are is told without a step.
fn acceptance(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<Step>> {
    let steps = ladder(reader, node)?;
    if steps.iter().any(|step| matches!(step.due, Due::After(Duration::ZERO) | Due::Share(0))) {
        reader
            .error(codes::ACCEPTANCE, node.span, "a step of `acceptance` is due at once")
            .label("whoever is handed an incident is told so anyway")
            .help("give it a time, for example   at: 50%");
    }
    Some(steps)
}

fn ladder(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<Step>> {
    let items = reader.list(node)?;
    if items.len() > STEPS_MAX {
        reader
            .error(codes::VALUE, node.span, format!("a ladder of {} steps", items.len()))
            .label(format!("expected at most {STEPS_MAX}"));
        return None;
    }
    let mut steps: Vec<Step> = Vec::with_capacity(items.len());
    for (i, item) in items.iter().enumerate() {
        let Some(step) = step(reader, item) else { continue };
        if step.repeat.is_some() && i + 1 < items.len() {
            reader
                .error(codes::VALUE, item.span, "a step repeats that is not the last")
                .help("move `repeat` to the last step of the ladder");
        }
        if steps.last().is_some_and(|before| is_earlier(step.due, before.due)) {
            reader
                .error(codes::VALUE, item.span, "a step falls due before the one above it")
                .help("order the steps by time");
        }
        steps.push(step);
    }
    Some(steps)
}

/// True when it is certain, whatever the limit, that `due` comes first.
fn is_earlier(due: Due, other: Due) -> bool {
    match (due, other) {
        (Due::After(a), Due::After(b)) => a < b,
        (Due::Share(a), Due::Share(b)) => a < b,
        (Due::After(a), Due::Share(b)) => a.is_zero() && b > 0,
        (Due::Share(a), Due::After(b)) => a == 0 && !b.is_zero(),
    }
}

fn step(reader: &mut Reader<'_>, node: &Node) -> Option<Step> {
    let mut fields = reader.map(node, "a step")?;
    let after = fields.read(reader, "after", |r, n| r.duration(n, Duration::ZERO..=30 * DAY));
    let share = fields.read(reader, "at", percent);
    let notify = fields.read(reader, "notify", target);
    let reassign = fields.read(reader, "reassign", |r, n| {
        let known = r.text(n)? == "next_line";
        if !known {
            r.expected(n, "`next_line`");
        }
        known.then_some(())
    });
    let repeat = fields.read(reader, "repeat", |r, n| r.duration(n, MINUTE..=30 * DAY));
    let only = fields.read(reader, "only", only).unwrap_or_default();
    let given = |name| fields.has(name);
    let one_time = given("after") != given("at");
    let one_action = given("notify") != given("reassign");
    let span = fields.span;
    fields.finish(reader);
    if !one_time {
        reader
            .error(codes::MISSING, span, "a step needs either `after` or `at`")
            .help("write `after: 15m`, or `at: 50%` for a share of the limit");
    }
    if !one_action {
        reader
            .error(codes::MISSING, span, "a step needs either `notify` or `reassign`")
            .help("write `notify: assigned` or `reassign: next_line`");
    }
    let due = match (after, share) {
        (Some(after), None) => Due::After(after),
        (None, Some(share)) => Due::Share(share),
        (Some(_), Some(_)) | (None, None) => return None,
    };
    let action = match (notify, reassign) {
        (Some(target), None) => Action::Notify(target),
        (None, Some(())) => Action::NextLine,
        (Some(_), Some(())) | (None, None) => return None,
    };
    Some(Step { due, action, repeat, only })
}

/// Reads for what a step is taken.
fn only(reader: &mut Reader<'_>, node: &Node) -> Option<Only> {
    let mut fields = reader.map(node, "`only`")?;
    let span = fields.span;
    let only = Only {
        priorities: fields.read(reader, "priority", words).unwrap_or_default(),
        states: fields.read(reader, "state", words).unwrap_or_default(),
        hours: fields.read(reader, "hours", |r, n| reference(r, n, Noun::Calendar)),
    };
    fields.finish(reader);
    if only == Only::default() {
        reader
            .error(codes::MISSING, span, "`only` says nothing")
            .help("write   only: {priority: [P1, P2]}, `state` or `hours`");
    }
    Some(only)
}

fn words<T: core::str::FromStr<Err = NotAWord>>(
    reader: &mut Reader<'_>,
    node: &Node,
) -> Option<Vec<T>> {
    let items = reader.one_or_many(node)?;
    Some(items.iter().filter_map(|item| reader.word(item)).collect())
}

fn percent(reader: &mut Reader<'_>, node: &Node) -> Option<u16> {
    let text = reader.text(node)?;
    let share = text.strip_suffix('%').and_then(|number| number.trim().parse().ok());
    let share = share.filter(|share| *share <= PERCENT_MAX);
    if share.is_none() {
        let message = format!("`{}` is no share of a limit", shortened(text));
        reader
            .error(codes::VALUE, node.span, message)
            .label(format!("expected 0% to {PERCENT_MAX}%"))
            .help("for a time write   after: 15m");
    }
    share
}

pub(super) fn target(reader: &mut Reader<'_>, node: &Node) -> Option<Target> {
    let text = reader.text(node)?;
    let name = |reader: &mut Reader<'_>, name: &str, noun| {
        let name = reader.name(name, node.span)?;
        reader.refer(noun, &name, node.span);
        Some(name)
    };
    match text.split_once(':') {
        None if text == "assigned" => Some(Target::Assigned),
        None if text == "manager" => Some(Target::Manager),
        None if text == "lead" => Some(Target::Lead),
        Some(("team", team)) => name(reader, team, Noun::Team).map(Target::Team),
        Some(("contact", contact)) => name(reader, contact, Noun::Contact).map(Target::Contact),
        _ => {
            let known = ["assigned", "lead", "manager", "team:NAME", "contact:NAME"];
            reader
                .error(codes::VALUE, node.span, format!("unknown target `{}`", shortened(text)))
                .label(format!("expected {}", alternatives(&known)));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::escalation::{Only, Target};
    use crate::model::priority::Priority;
    use crate::model::progress::StateName;
    use crate::rules::{SourceFile, load};

    #[test]
    fn acceptance_and_what_a_step_is_only_for_are_read() {
        let read = |step: &str| {
            let text = format!(
                "version: 1\ncalendars: {{c: {{zone: UTC}}}}\n\
                 policies: {{default: {{acceptance: [{{{step}}}]}}}}"
            );
            let loaded = load(&[SourceFile { name: "t.yaml".into(), text }]);
            let problem = loaded.diagnostics.first().map(|it| it.message.clone());
            loaded.set.map(|set| set.policies["default"].acceptance[0].clone()).ok_or(problem)
        };
        let step = read("at: 50%, notify: lead, only: {priority: P1, state: [new], hours: c}");
        let step = step.unwrap();
        let only = Only {
            priorities: vec![Priority::P1],
            states: vec![StateName::New],
            hours: Some("c".into()),
        };
        assert_eq!(step.only, only);
        assert_eq!(step.action, super::Action::Notify(Target::Lead));
        assert_eq!(read("after: 5m, notify: lead").unwrap().only, Only::default());
        for (bad, problem) in [
            ("after: 0s, notify: lead", "a step of `acceptance` is due at once"),
            ("at: 0%, notify: lead", "a step of `acceptance` is due at once"),
            ("at: 5%, notify: lead, only: {}", "`only` says nothing"),
            ("at: 5%, notify: lead, only: {hours: d}", "calendar `d` is not defined"),
        ] {
            let told = read(bad).unwrap_err().unwrap_or_default();
            assert!(told.starts_with(problem.split('`').next().unwrap()), "{bad}: {told}");
        }
    }

    #[test]
    fn turns_have_no_effect_beside_a_rotation() {
        let text = "version: 1\ncontacts: {a: {channels: log}}\n\
            rotations: {r: {zone: UTC, layers: [{members: a, start: 2026-01-05, handover: {at: '09:00'}}]}}\n\
            teams: {t: {members: a, on_call: r, turns: by_incident}}";
        let loaded = load(&[SourceFile { name: "t.yaml".into(), text: text.into() }]);
        let codes: Vec<_> = loaded.diagnostics.iter().map(|it| it.code.id).collect();
        assert_eq!(codes, ["R0222"]);
    }
}
