//! Section `plans`: what is done in a major incident, by its category and priority. A list, of which
//! the first that fits holds; an incident keeps the plan that it was declared with.

use core::time::Duration;

use super::codes;
use super::diagnostics::Diagnostic;
use super::majors::{self, Majors};
use super::policies;
use super::reader::{Noun, Reader};
use super::rule::line;
use super::sections::{ENTRIES_MAX, references};
use super::set::RuleSet;
use super::yaml::Node;
use crate::model::escalation::Target;
use crate::model::major::Role;
use crate::model::priority::Priority;

/// Plans of all files, and items of a checklist: more is a mistake.
const PLANS_MAX: usize = 200;
const ITEMS_MAX: usize = 50;

/// The longest item, and the longest link, in bytes: people read them on a phone.
const ITEM_BYTES_MAX: usize = 300;
const LINK_BYTES_MAX: usize = 1_000;

/// What is done in a major incident.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// What people call it.
    pub name: Box<str>,
    /// For incidents of these categories; of any where there are none.
    categories: Vec<Box<str>>,
    /// For incidents of these priorities; of any where there are none.
    priorities: Vec<Priority>,
    /// Who gets which role; a team stands for whoever has its shift then.
    pub roles: Vec<(Role, Target)>,
    /// Who is called.
    pub page: Vec<Target>,
    /// Who is told, and hears of it from then on.
    pub tell: Vec<Target>,
    /// Teams that are called to help, together.
    pub convene: Vec<Box<str>>,
    /// Where people talk.
    pub link: Option<Box<str>>,
    /// From one update to the next; as the section `majors` says where it is not given.
    pub update_every: Option<Duration>,
    /// How long the incident is watched after its resolution; likewise.
    pub watch: Option<Duration>,
    /// What is to be done, in order.
    pub checklist: Vec<Box<str>>,
}

impl Plan {
    fn fits(&self, category: Option<&str>, priority: Priority) -> bool {
        let named = self.categories.is_empty()
            || self.categories.iter().any(|name| Some(&**name) == category);
        named && self.is_for(priority)
    }

    fn is_for(&self, priority: Priority) -> bool {
        self.priorities.is_empty() || self.priorities.contains(&priority)
    }
}

impl RuleSet {
    /// Returns the first plan for an incident of a category and a priority.
    pub fn plan(&self, category: Option<&str>, priority: Priority) -> Option<&Plan> {
        self.plans.iter().find(|plan| plan.fits(category, priority))
    }
}

/// Reads the section `plans`.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<Plan>> {
    let items = reader.list(node)?;
    if items.len() > PLANS_MAX {
        reader
            .error(codes::VALUE, node.span, format!("{} plans", items.len()))
            .label(format!("expected at most {PLANS_MAX}"));
        return None;
    }
    Some(items.iter().filter_map(|item| one(reader, item)).collect())
}

fn one(reader: &mut Reader<'_>, node: &Node) -> Option<Plan> {
    let mut fields = reader.map(node, "a plan")?;
    let name = fields.need(reader, "name").and_then(|n| {
        let text = reader.text(n)?;
        let name = reader.name(text, n.span)?;
        reader.define(Noun::Plan, &name, n.span);
        Some(name)
    });
    let categories = fields.read(reader, "category", |reader, node| {
        Some(reader.names(node)?.into_iter().map(|(name, _)| name).collect())
    });
    let priorities = majors::priorities(reader, &mut fields);
    let roles = fields.read(reader, "roles", roles);
    let page = fields.read(reader, "page", targets);
    let tell = fields.read(reader, "tell", targets);
    let convene = fields.read(reader, "convene", |r, n| references(r, n, Noun::Team));
    let link = fields.read(reader, "link", |r, n| line(r, n, LINK_BYTES_MAX));
    let (update_every, watch) = majors::clocks(reader, &mut fields);
    let checklist = fields.need(reader, "checklist").and_then(|n| checklist(reader, n));
    fields.finish(reader);
    Some(Plan {
        name: name?,
        categories: categories.unwrap_or_default(),
        priorities,
        roles: roles.unwrap_or_default(),
        page: page.unwrap_or_default(),
        tell: tell.unwrap_or_default(),
        convene: convene.unwrap_or_default(),
        link,
        update_every,
        watch,
        checklist: checklist?,
    })
}

fn roles(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<(Role, Target)>> {
    let mut fields = reader.map(node, "`roles`")?;
    let manager = fields.read(reader, "incident_manager", target);
    let coordinators = fields.read(reader, "coordinators", targets).unwrap_or_default();
    let communication = fields.read(reader, "communication", target);
    fields.finish(reader);
    let manager = manager.map(|who| (Role::IncidentManager, who)).into_iter();
    let coordinators = coordinators.into_iter().map(|who| (Role::Coordinator, who));
    let communication = communication.map(|who| (Role::Communication, who));
    Some(manager.chain(coordinators).chain(communication).collect())
}

fn targets(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<Target>> {
    let items = reader.one_or_many(node)?;
    if items.is_empty() || items.len() > ENTRIES_MAX {
        reader
            .error(codes::VALUE, node.span, format!("list of {} targets", items.len()))
            .label(format!("expected 1 to {ENTRIES_MAX}"));
        return None;
    }
    Some(items.iter().filter_map(|item| target(reader, item)).collect())
}

/// Reads a team or a contact. Not: `assigned`, `lead` or `manager`. When a major incident is declared
/// nobody may have it yet.
fn target(reader: &mut Reader<'_>, node: &Node) -> Option<Target> {
    let text = reader.text(node)?;
    if text.contains(':') {
        return policies::target(reader, node);
    }
    reader
        .error(codes::VALUE, node.span, format!("`{text}` is no target of a plan"))
        .label("expected `team:NAME` or `contact:NAME`");
    None
}

fn checklist(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<Box<str>>> {
    let items = reader.one_or_many(node)?;
    if items.is_empty() || items.len() > ITEMS_MAX {
        reader
            .error(codes::VALUE, node.span, format!("checklist of {} items", items.len()))
            .label(format!("expected 1 to {ITEMS_MAX}"));
        return None;
    }
    let lines = items.iter().filter_map(|item| line(reader, item, ITEM_BYTES_MAX));
    Some(lines.collect())
}

/// Warns of priorities whose major incidents may have no plan.
pub(super) fn warn(reader: &mut Reader<'_>, majors: Option<&Majors>, plans: &[Plan]) {
    let Some(majors) = majors else { return };
    let Some(spot) = reader.defined_at(Noun::Section, "majors") else { return };
    let pressing = [Priority::P1];
    let classes = match (&*majors.priorities, &*majors.management) {
        ([], []) => return,
        // A person declares what the rules do not: it is likely to be as pressing as can be.
        ([], _) => &pressing[..],
        (named, _) => named,
    };
    for priority in classes {
        let some: Vec<&Plan> = plans.iter().filter(|plan| plan.is_for(*priority)).collect();
        if some.iter().any(|plan| plan.categories.is_empty()) {
            continue;
        }
        let only = some.iter().flat_map(|plan| &plan.categories).map(|name| &**name);
        let only: Vec<&str> = only.collect();
        let message = if only.is_empty() {
            format!("a major incident of {priority} has no response plan")
        } else {
            let only = only.join(", ");
            format!("a major incident of {priority} has a response plan only in {only}")
        };
        let help = "add one under `plans`, last and without `category`: name and checklist suffice";
        let problem = Diagnostic::error(codes::NO_PLAN, spot.file, spot.span, message).help(help);
        reader.diagnostics.push(problem.warning());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{Loaded, SourceFile, load};

    const PEOPLE: &str = "version: 1\ncontacts: {ann: {channels: log}}\n\
        teams: {net: {members: ann}, db: {members: ann}}\n";

    fn loaded(text: &str) -> Loaded {
        load(&[SourceFile { name: "f.yaml".into(), text: format!("{PEOPLE}{text}\n") }])
    }

    fn told(text: &str) -> Vec<String> {
        let told = loaded(text).diagnostics.into_iter();
        told.map(|d| format!("{} {} {}", d.code.id, d.message, d.label).trim().into()).collect()
    }

    #[test]
    fn the_first_plan_that_fits_is_chosen_by_category_and_priority() {
        let text = "plans:
  - {name: pay, category: [payment, cards], priorities: P1, checklist: [a]}
  - {name: pay-2, category: payment, checklist: [b]}
  - {name: rest, priorities: [P1, P2], checklist: [c]}";
        let rules = loaded(text).set.unwrap();
        for (category, priority, plan) in [
            (Some("payment"), Priority::P1, Some("pay")),
            (Some("cards"), Priority::P1, Some("pay")),
            (Some("cards"), Priority::P2, Some("rest")),
            (Some("payment"), Priority::P2, Some("pay-2")),
            (Some("payment"), Priority::P4, Some("pay-2")),
            (Some("power"), Priority::P2, Some("rest")),
            (None, Priority::P1, Some("rest")),
            (None, Priority::P3, None),
        ] {
            let found = rules.plan(category, priority).map(|plan| &*plan.name);
            assert_eq!(found, plan, "{category:?} {priority}");
        }
    }

    #[test]
    fn a_plan_says_who_does_what_and_by_when() {
        let text = "plans:
  - name: all
    roles: {incident_manager: 'contact:ann', coordinators: ['team:net'], communication: 'team:db'}
    page: 'contact:ann'
    tell: ['team:db']
    convene: [net, db]
    link: https://talk.example/p1
    update_every: 15m
    watch: 2h
    checklist: [open the call, '  tell   support ']";
        let rules = loaded(text).set.unwrap();
        let plan = rules.plan(None, Priority::P1).unwrap();
        let given: Vec<_> = plan.roles.iter().map(|(role, who)| format!("{role} {who}")).collect();
        assert_eq!(
            given,
            ["incident_manager contact:ann", "coordinator team:net", "communication team:db"]
        );
        let of = |targets: &[Target]| targets.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            (of(&plan.page), of(&plan.tell)),
            (vec!["contact:ann".into()], vec!["team:db".into()])
        );
        assert_eq!(plan.convene, ["net".into(), "db".into()]);
        assert_eq!(plan.link.as_deref(), Some("https://talk.example/p1"));
        let minutes = |n| Some(Duration::from_mins(n));
        assert_eq!((plan.update_every, plan.watch), (minutes(15), minutes(120)));
        assert_eq!(plan.checklist, ["open the call".into(), "tell support".into()]);
    }

    #[test]
    fn what_a_plan_cannot_be_is_told_with_what_it_can() {
        for (plan, problem) in [
            ("{name: p}", "R0102 a plan needs `checklist`"),
            ("{checklist: [a]}", "R0102 a plan needs `name`"),
            ("{name: p, checklist: []}", "R0107 checklist of 0 items expected 1 to 50"),
            (
                "{name: p, checklist: [a], page: [ann]}",
                "R0107 `ann` is no target of a plan expected `team:NAME` or `contact:NAME`",
            ),
            (
                "{name: p, checklist: [a], tell: ['contact:eva']}",
                "R0202 contact `eva` is not defined",
            ),
            ("{name: p, checklist: [a], convene: [web]}", "R0202 team `web` is not defined"),
            (
                "{name: p, checklist: [a], roles: {incident_manager: manager}}",
                "R0107 `manager` is no target of a plan expected `team:NAME` or `contact:NAME`",
            ),
            (
                "{name: p, checklist: [a], update_every: 1s}",
                "R0107 `1s` is out of range expected 1m to 1d",
            ),
            (
                "{name: p, checklist: [a], watch: 8d}",
                "R0107 `8d` is out of range expected 0s to 7d",
            ),
        ] {
            assert_eq!(told(&format!("plans: [{plan}]")), [problem], "{plan}");
        }
        let twice = told("plans: [{name: p, checklist: [a]}, {name: p, checklist: [b]}]");
        assert!(twice[0].starts_with("R0201 plan `p`"), "{twice:?}");
    }

    #[test]
    fn a_class_of_major_incidents_without_a_plan_is_warned_of() {
        let none = |priority| format!("R0280 a major incident of {priority} has no response plan");
        for (text, expected) in [
            ("majors: {priorities: [P1, P2]}", vec![none("P1"), none("P2")]),
            ("majors: {management: ann}", vec![none("P1")]),
            ("majors: {priorities: P1}\nplans: [{name: p, checklist: a}]", vec![]),
            (
                "majors: {priorities: [P1, P2]}\nplans: [{name: p, priorities: P1, checklist: a}]",
                vec![none("P2")],
            ),
            (
                "majors: {priorities: P1}\nplans: [{name: p, category: [net, db], checklist: a}]",
                vec!["R0280 a major incident of P1 has a response plan only in net, db".into()],
            ),
            ("plans: [{name: p, category: net, checklist: a}]", vec![]),
            ("majors: {watch: 2h}", vec![]),
        ] {
            assert_eq!(told(text), expected, "{text}");
        }
    }

    #[test]
    fn what_holds_without_a_plan_can_be_set() {
        let majors = |text: &str| loaded(text).set.unwrap().majors.clone();
        let of = |it: &Majors| (it.update_every, it.watch, it.patience.lead, it.patience.manager);
        let hours = Duration::from_hours;
        let general = (Duration::from_mins(30), hours(1), hours(24), hours(72));
        assert_eq!(of(&majors("")), general);
        let text = "majors: {update_every: 1h, watch: 0s, overdue: {lead: 5d, manager: 4d}}";
        assert_eq!(of(&majors(text)), (hours(1), hours(0), hours(120), hours(120)));
    }
}
