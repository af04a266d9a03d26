//! Routing: which team of which line gets an incident, by its category or the class of its CI.

use std::collections::BTreeMap;

use super::codes;
use super::reader::{Noun, Reader};
use super::sections::reference;
use super::set::RuleSet;
use super::yaml::Node;
use crate::model::priority::Priority;

/// Routes of all files: more is a mistake.
const ROUTES_MAX: usize = 500;

/// The lines of support.
const LINES: [&str; 4] = ["line1", "line2", "line3", "line4"];

/// Where incidents of a kind go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Of these categories; of any where there are none.
    categories: Vec<Box<str>>,
    /// On CIs of these classes; on any where there are none.
    classes: Vec<Box<str>>,
    /// The team of each line, 1 to 4; at least one.
    teams: BTreeMap<u8, Box<str>>,
    /// The line to start at for what was never seen before.
    novel: Option<u8>,
    /// The line to start at by priority: emergencies skip those before it.
    priorities: BTreeMap<Priority, u8>,
}

/// What is asked of an incident to find its team.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Its category.
    pub category: Option<&'a str>,
    /// The class of its root's CI.
    pub class: Option<&'a str>,
    /// Its priority.
    pub priority: Priority,
    /// Whether the like was seen before.
    pub seen: Seen,
    /// The line that its known error needs.
    pub known: Option<u8>,
}

/// Whether something was seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// As far as anybody remembers, never.
    Never,
    /// It was.
    Before,
}

/// A team with its line and why it is that one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routed {
    /// The team.
    pub team: Box<str>,
    /// Why, in words.
    pub because: String,
}

impl RuleSet {
    /// Returns the team that the first route that fits says; nothing where none fits.
    pub fn route(&self, asked: &Asked<'_>) -> Option<Routed> {
        let route = self.routing.iter().find(|route| route.fits(asked))?;
        let (line, why) = route.start(asked);
        // A line without a team is that of the next one, else of the last.
        let team = route.teams.range(line..).next().or_else(|| route.teams.iter().next_back());
        let (line, team) = team?;
        let what = match (asked.category, asked.class) {
            (Some(category), _) if !route.categories.is_empty() => format!("category {category}"),
            (_, Some(class)) if !route.classes.is_empty() => format!("class {class}"),
            _ => "every incident".into(),
        };
        let because = format!("routing of {what}, line {line}{why}");
        Some(Routed { team: team.clone(), because })
    }

    /// Returns the team of the line after a team's: by the route that fits and has it, else the one
    /// that the team itself names.
    pub fn next_line(&self, asked: &Asked<'_>, team: Option<&str>) -> Option<Box<str>> {
        let routed = self.routing.iter().find(|route| route.fits(asked)).and_then(|route| {
            let (line, _) = route.teams.iter().find(|(_, it)| Some(&***it) == team)?;
            route.teams.range(line + 1..).next().map(|(_, team)| team.clone())
        });
        routed.or_else(|| self.teams.get(team?)?.next.clone())
    }
}

impl Route {
    fn fits(&self, asked: &Asked<'_>) -> bool {
        let one_of = |names: &[Box<str>], name: Option<&str>| {
            names.is_empty() || names.iter().any(|it| Some(&**it) == name)
        };
        one_of(&self.categories, asked.category) && one_of(&self.classes, asked.class)
    }

    /// Returns the line to start at: the highest of those that something asks for.
    fn start(&self, asked: &Asked<'_>) -> (u8, String) {
        let priority = asked.priority;
        let novel = self.novel.filter(|_| asked.seen == Seen::Never && asked.known.is_none());
        [
            (novel, "never seen before".to_owned()),
            (asked.known, "its known error".to_owned()),
            (self.priorities.get(&priority).copied(), format!("{priority}")),
        ]
        .into_iter()
        .filter_map(|(line, why)| Some((line?, format!(", for {why}"))))
        .max_by_key(|(line, _)| *line)
        .unwrap_or((1, String::new()))
    }
}

/// Reads the section `routing`: a list, of which the first that fits holds.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<Route>> {
    let items = reader.list(node)?;
    if items.len() > ROUTES_MAX {
        reader
            .error(codes::VALUE, node.span, format!("{} routes", items.len()))
            .label(format!("expected at most {ROUTES_MAX}"));
        return None;
    }
    Some(items.iter().filter_map(|item| one(reader, item)).collect())
}

fn one(reader: &mut Reader<'_>, node: &Node) -> Option<Route> {
    let mut fields = reader.map(node, "a route")?;
    let names = |reader: &mut Reader<'_>, node: &Node| {
        Some(reader.names(node)?.into_iter().map(|(name, _)| name).collect())
    };
    let categories = fields.read(reader, "category", names).unwrap_or_default();
    let classes = fields.read(reader, "class", names).unwrap_or_default();
    let mut teams = BTreeMap::new();
    for (line, name) in (1..).zip(LINES) {
        if let Some(team) = fields.read(reader, name, |r, n| reference(r, n, Noun::Team)) {
            teams.insert(line, team);
        }
    }
    let (mut novel, mut priorities) = (None, BTreeMap::new());
    if let Some(start) = fields.get("start") {
        let mut starts = reader.map(start, "`start`")?;
        let line = |r: &mut Reader<'_>, n: &Node| r.number(n, 1..=4);
        novel = starts.read(reader, "novel", line);
        for (name, priority) in
            super::priorities::NAMES.into_iter().zip(crate::model::priority::PRIORITIES)
        {
            if let Some(line) = starts.read(reader, name, line) {
                priorities.insert(priority, line);
            }
        }
        starts.finish(reader);
    }
    fields.finish(reader);
    if teams.is_empty() {
        reader
            .error(codes::ROUTE, node.span, "a route leads to no team")
            .help("name one for each line, for example   line1: desk");
        return None;
    }
    Some(Route { categories, classes, teams, novel, priorities })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{SourceFile, load};

    const TEXT: &str = "
version: 1
contacts: {anna: {channels: log}}
teams:
  desk: {members: anna, next: apps}
  net1: {members: anna}
  net2: {members: anna, line: 2}
  net3: {members: anna, line: 3}
  apps: {members: anna}
routing:
  - {category: network, line1: net1, line2: net2, line3: net3, start: {novel: 3, P1: 2}}
  - {class: [switch, router], line2: net2}
  - {line1: desk}
";

    #[test]
    fn the_first_route_that_fits_says_the_team_and_the_line_to_start_at() {
        use Priority::{P1, P3};
        use Seen::{Before, Never};

        let loaded = load(&[SourceFile { name: "t.yaml".into(), text: TEXT.into() }]);
        let rules = loaded.set.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics));
        for (category, class, priority, seen, known, expected) in [
            (Some("network"), None, P3, Before, None, "net1"),
            (Some("network"), None, P1, Before, None, "net2"),
            (Some("network"), None, P1, Never, None, "net3"),
            (Some("network"), None, P3, Never, Some(1), "net1"),
            (Some("network"), None, P3, Before, Some(2), "net2"),
            (None, Some("switch"), P3, Before, None, "net2"),
            (Some("power"), Some("server"), P1, Never, Some(4), "desk"),
        ] {
            let asked = Asked { category, class, priority, seen, known };
            let routed = rules.route(&asked).unwrap();
            assert_eq!(&*routed.team, expected, "{asked:?}");
        }
        let asked = Asked {
            category: Some("network"),
            class: None,
            priority: P1,
            seen: Never,
            known: None,
        };
        assert_eq!(
            rules.route(&asked).unwrap().because,
            "routing of category network, line 3, for never seen before"
        );
        for (team, next) in
            [("net1", Some("net2")), ("net3", None), ("desk", Some("apps")), ("apps", None)]
        {
            assert_eq!(rules.next_line(&asked, Some(team)).as_deref(), next, "{team}");
        }
    }
}
