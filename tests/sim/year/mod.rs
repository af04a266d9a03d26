//! A simulated year: rotations in three zones with both changes of their clocks (one of half an
//! hour), calendars with holidays, clocks that stand, policies with all four ladders, people who
//! answer, claim, wait, hand on and resolve at random, and a daemon that is down for minutes to a day.
//!
//! Beside the engine goes a naive model of each incident ([`reference`], with wall clocks of its own in
//! [`civil`]). Whatever the engine does is compared with what the model says at that moment: each
//! step once, never early, at most 2 s late while the daemon is up and 5 s after it starts; after an
//! outage the highest overdue step of each ladder once; and it calls whoever has the shift then.
//!
//! `cargo test --test sim year` plays two years with 150 incidents each, in seconds;
//! `YEARS=20 cargo test --test sim year` plays so many with 1,000 each; `SEED=3` one of these alone.

mod civil;
mod people;
mod reference;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use incidentd::cmdb::Topology;
use incidentd::engine::State;
use incidentd::engine::changes::{Changes, Saved};
use incidentd::engine::context::{Context, Limits};
use incidentd::engine::event::Event;
use incidentd::engine::order::{Command, Ending, Order};
use incidentd::engine::reply::Reply;
use incidentd::lab::image::Image;
use incidentd::model::alert::{Details, Occurrence, Signal};
use incidentd::model::assignment::Handover;
use incidentd::model::escalation::Target;
use incidentd::model::incident::RecordId;
use incidentd::model::labels::Labels;
use incidentd::model::notice::NoticeState;
use incidentd::model::priority::Priority;
use incidentd::model::progress::WaitsFor;
use incidentd::model::time::Timestamp;
use incidentd::model::timeline::Happening;
use incidentd::rules::{self, SourceFile};

use crate::plan::Dice;
use civil::day;
use people::People;
use reference::{Case, Ms, Progress, Told};

const SECOND: Ms = 1_000;
const MINUTE: Ms = 60 * SECOND;
const HOUR: Ms = 60 * MINUTE;
const DAY: Ms = 24 * HOUR;

const BEGINS: Ms = day(2026, 1, 6) * DAY;
const ENDS: Ms = day(2027, 1, 6) * DAY;

/// The days of all leaps of the three zones.
const LEAPS: [i64; 6] = [
    day(2026, 3, 29),
    day(2026, 10, 25),
    day(2026, 3, 8),
    day(2026, 11, 1),
    day(2026, 4, 5),
    day(2026, 10, 4),
];

/// How late anything may be while the daemon is up, and after it started.
const LATE_MAX: Ms = 2 * SECOND;
const STARTED_MAX: Ms = 5 * SECOND;

const TEAMS: [&str; 5] = ["emea", "amer", "apac", "ring", "sun"];
const SEVERITIES: [&str; 3] = ["critical", "warning", "info"];
/// People who claim, and whether they can be called.
const CLAIMANTS: [(&str, bool); 4] = [("mia", false), ("b1", true), ("n2", true), ("h3", true)];

/// How long somebody takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// However long.
    Any,
    /// Up to days.
    Long,
}

/// What is to happen.
#[derive(Clone, Copy, Debug)]
enum What {
    Open,
    /// Somebody does something with an incident; so many more times after this.
    Act(u64, u64),
    Resolve(u64),
    /// The daemon is down for so long.
    Down(Ms),
}

/// What a year came to.
#[derive(Debug, Default)]
struct Sum {
    told: BTreeMap<&'static str, u64>,
    outages: u64,
    latest: Ms,
    events: u64,
}

struct Year {
    seed: u64,
    dice: Dice,
    people: People,
    ctx: Context,
    state: State,
    image: Image,
    cases: BTreeMap<u64, Case>,
    /// What is due by the model, by time.
    due: BTreeSet<(Ms, u64)>,
    queue: BTreeMap<(Ms, u64), What>,
    queued: u64,
    opened: u64,
    started: Ms,
    sum: Sum,
}

fn at(ms: Ms) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn signed(n: u64) -> Ms {
    Ms::try_from(n).unwrap()
}

fn context() -> Context {
    let text = include_str!("rules.yaml").into();
    let loaded = rules::load(&[SourceFile { name: "rules.yaml".into(), text }]);
    let set = loaded.set.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics));
    Context::new(Arc::new(set), Arc::new(Topology::empty()), Limits::default())
}

fn labels(number: u64, (usual, severity, team): (bool, &str, &str)) -> Labels {
    let policy = if usual { "usual" } else { "fixed" };
    let number = number.to_string();
    let mut labels = [
        ("alertname", "Down"),
        ("n", &*number),
        ("policy", policy),
        ("severity", severity),
        ("team", team),
    ];
    Labels::build(&mut labels).unwrap()
}

/// Plays a year with so many incidents.
fn play(seed: u64, incidents: u64) -> Sum {
    let ctx = context();
    let mut dice = Dice::new(seed);
    let state = State::restore(Saved::default(), &ctx, at(BEGINS));
    let mut queue = BTreeMap::new();
    for n in 0..incidents {
        let somewhere =
            BEGINS + DAY + signed(dice.roll((ENDS - BEGINS - 20 * DAY).cast_unsigned()));
        // Every third around a leap of some clock, where it is most likely to go wrong.
        let leap = (*dice.pick(&LEAPS) - 2) * DAY + signed(dice.roll(3 * 86_400_000));
        queue.insert((if n % 3 == 0 { leap } else { somewhere }, n), What::Open);
    }
    for n in 0..60 {
        let when = BEGINS + signed(dice.roll((ENDS - BEGINS).cast_unsigned()));
        let long =
            [10 * MINUTE, 10 * MINUTE, 6 * HOUR, DAY][usize::try_from(dice.roll(4)).unwrap()];
        let long = MINUTE + signed(dice.roll(long.cast_unsigned()));
        queue.insert((when, incidents + n), What::Down(long));
    }
    let mut year = Year {
        seed,
        dice,
        people: People::new(),
        ctx,
        state,
        image: Image::default(),
        cases: BTreeMap::new(),
        due: BTreeSet::new(),
        queue,
        queued: incidents + 60,
        opened: 0,
        started: BEGINS,
        sum: Sum::default(),
    };
    year.pass();
    year.sum
}

impl Year {
    fn pass(&mut self) {
        while let Some(((when, key), what)) = self.queue.pop_first() {
            if when > ENDS {
                break;
            }
            // The daemon wakes a little after the time, as daemons do.
            let late = signed(self.dice.roll(1_500));
            let due = self.state.next_due().map(|due| due.millis() + late);
            match due.filter(|due| *due < when) {
                Some(due) => {
                    self.queue.insert((when, key), what);
                    let now = due.max(self.state.now().millis());
                    self.step(&Event::Tick, now, |_| None);
                }
                None => self.happen(what, when.max(self.state.now().millis())),
            }
        }
    }

    fn plan(&mut self, after: Ms, now: Ms, what: What) {
        self.queued += 1;
        self.queue.insert((now + after, self.queued), what);
    }

    fn happen(&mut self, what: What, now: Ms) {
        match what {
            What::Open => self.open(now),
            What::Act(number, left) => self.act(number, left, now),
            What::Resolve(number) => {
                if self.is_open(number, now) {
                    self.order(number, now, Command::Resolve(Ending::default()), Case::resolve);
                }
            }
            What::Down(long) => self.go_down(now, long),
        }
    }

    /// Stops the daemon; who wanted something meanwhile wants it again later.
    fn go_down(&mut self, now: Ms, long: Ms) {
        self.sum.outages += 1;
        let up = now + long;
        let waiting: Vec<_> = self.queue.range(..(up + SECOND, 0)).map(|(key, _)| *key).collect();
        for (n, key) in waiting.into_iter().enumerate() {
            let what = self.queue.remove(&key).unwrap();
            self.queue.insert((up + 5 * SECOND + signed(n as u64), key.1), what);
        }
        self.state = State::restore(self.image.saved(), &self.ctx, at(up));
        self.started = up;
        let first = up + signed(self.dice.roll(STARTED_MAX.cast_unsigned()));
        self.step(&Event::Tick, first, |_| None);
    }

    fn is_open(&mut self, number: u64, now: Ms) -> bool {
        self.step(&Event::Tick, now, |_| None);
        self.cases[&number].is_open()
    }

    fn open(&mut self, now: Ms) {
        self.opened += 1;
        let usual = self.dice.roll(2) == 0;
        let priority = usize::try_from(self.dice.roll(3)).unwrap();
        let team = *self.dice.pick(&TEAMS);
        let of = (usual, SEVERITIES[priority], team);
        let event = Self::signal(
            labels(self.opened, of),
            now,
            Signal::Firing { until: at(ENDS + 365 * DAY), explicit: true },
        );
        let mut number = 0;
        self.step(&event, now, |year| {
            number = year.image.incidents.keys().next_back().unwrap().0;
            year.cases.insert(number, Case::new(number, now, (usual, priority + 1, team)));
            Some(number)
        });
        let left = self.dice.roll(9);
        let after = self.while_(if left == 0 { Pace::Long } else { Pace::Any });
        self.plan(after, now, What::Act(number, left));
    }

    fn signal(labels: Labels, now: Ms, signal: Signal) -> Event {
        let details = Details { annotations: Labels::empty(), generator_url: "".into() };
        let occurrence = Occurrence {
            fingerprint: labels.fingerprint(),
            labels,
            signal,
            starts_at: at(now),
            severity: None,
            details: Arc::new(details),
        };
        Event::Received { source: "test".into(), occurrences: vec![occurrence] }
    }

    /// A while: minutes, hours, or days.
    fn while_(&mut self, pace: Pace) -> Ms {
        let most = match self.dice.roll(5) {
            _ if pace == Pace::Long => 3 * DAY,
            0 => 3 * DAY,
            1 | 2 => 8 * HOUR,
            _ => 40 * MINUTE,
        };
        SECOND + signed(self.dice.roll(most.cast_unsigned()))
    }

    fn clear(&mut self, number: u64, now: Ms) {
        let row = self.image.members_of(RecordId(number)).first().map(|row| row.labels.clone());
        let signal = Signal::Resolved { at: at(now) };
        let event = Self::signal(row.unwrap(), now, signal);
        self.step(&event, now, |year| {
            year.cases.get_mut(&number).unwrap().clear_since.get_or_insert(now);
            Some(number)
        });
        if self.dice.roll(2) == 0 {
            let after = signed(self.dice.roll(15 * 60_000));
            self.plan(after, now, What::Resolve(number));
        }
    }

    fn act(&mut self, number: u64, left: u64, now: Ms) {
        if !self.is_open(number, now) {
            return;
        }
        if left == 0 {
            return self.clear(number, now);
        }
        self.do_something(number, now);
        let after = self.while_(Pace::Any);
        self.plan(after, now, What::Act(number, left - 1));
    }

    fn do_something(&mut self, number: u64, now: Ms) {
        let case = &self.cases[&number];
        let (team, priority) = (case.team, case.priority);
        let stands = matches!(case.progress, Progress::OnHold(_));
        let is_new = case.progress == Progress::New;
        match self.dice.roll(10) {
            0 | 1 if !stands => {
                let own = self.dice.roll(2) == 0;
                let hold = own.then(|| MINUTE * (1 + signed(self.dice.roll(600))));
                let given = hold.map(|ms| Duration::from_millis(ms.cast_unsigned()));
                let command = Command::Acknowledge { hold: given, update_in: None };
                self.order(number, now, command, |case| case.acknowledge(now, hold));
            }
            2 | 3 => {
                let (by, callable) = *self.dice.pick(&CLAIMANTS);
                let who = callable.then_some(by);
                self.order_by(by, (number, now, Command::Claim), |case| case.claim(now, who));
            }
            4 | 8 | 9 if !is_new => {
                let most = [HOUR, 3 * DAY][usize::try_from(self.dice.roll(2)).unwrap()];
                let until = now + MINUTE + signed(self.dice.roll(most.cast_unsigned()));
                let waits_for = *self.dice.pick(&[WaitsFor::Supplier, WaitsFor::Change]);
                let command = Command::Hold { waits_for, until: at(until) };
                self.order(number, now, command, |case| case.hold(now, until));
            }
            5 if !is_new => {
                self.order(number, now, Command::Unacknowledge, |case| case.give_back(now));
            }
            6 => {
                let to = People::next(team).filter(|_| self.dice.roll(2) == 0);
                let to = to.unwrap_or_else(|| TEAMS[usize::try_from(self.dice.roll(5)).unwrap()]);
                let target = Some(Target::Team(to.into()));
                let command = Command::Escalate { to: target, handover: Handover::default() };
                self.order(number, now, command, |case| case.hand_on(now, to));
            }
            _ => {
                let other = usize::try_from(self.dice.roll(3)).unwrap() + 1;
                let other = if other >= priority { other + 1 } else { other };
                let word = [Priority::P1, Priority::P2, Priority::P3, Priority::P4][other - 1];
                let command = Command::Prioritise { priority: Some(word) };
                self.order(number, now, command, |case| case.priority = other);
            }
        }
    }

    fn order(&mut self, number: u64, now: Ms, command: Command, model: impl FnOnce(&mut Case)) {
        self.order_by("mia", (number, now, command), model);
    }

    fn order_by(
        &mut self,
        by: &str,
        (number, now, command): (u64, Ms, Command),
        model: impl FnOnce(&mut Case),
    ) {
        let (incident, by, note) = (RecordId(number), by.into(), "because".into());
        let order = Order { incident, by, expected: None, note, command };
        let reply = self.step(&Event::Handle(order.clone()), now, |year| {
            model(year.cases.get_mut(&number).unwrap());
            Some(number)
        });
        assert!(matches!(reply, Reply::Handled(_)), "seed {}: {order:?}: {reply:?}", self.seed);
    }

    /// Lets an event happen in the engine and in the model, and compares what both tell.
    fn step(
        &mut self,
        event: &Event,
        now: Ms,
        model: impl FnOnce(&mut Self) -> Option<u64>,
    ) -> Reply {
        self.sum.events += 1;
        let reply = self.state.apply(&self.ctx, event, at(now));
        let changes = self.state.drain(&self.ctx);
        self.image.apply(&changes);
        let mut expected = self.advance(now);
        if let Some(number) = model(self) {
            self.due.retain(|(_, other)| *other != number);
            let case = self.cases.get_mut(&number).unwrap();
            case.changed = now;
            expected.extend(case.advance(&self.people, now));
            self.due.extend(case.due(&self.people).map(|due| (due, number)));
        }
        self.compare(&changes, &expected, (event, now));
        self.deliver(now);
        reply
    }

    /// Lets everything happen in the model that is due.
    fn advance(&mut self, now: Ms) -> Vec<Told> {
        let mut told = Vec::new();
        while let Some((due, number)) = self.due.first().copied().filter(|(due, _)| *due <= now) {
            self.due.pop_first();
            let case = self.cases.get_mut(&number).unwrap();
            let (since, most) = if due < self.started {
                (self.started, STARTED_MAX)
            } else {
                (due.max(case.changed), LATE_MAX)
            };
            let late = now - since;
            assert!(late <= most, "seed {}: INC-{number} at {due} is {late} ms late", self.seed);
            self.sum.latest = self.sum.latest.max(late);
            told.extend(case.advance(&self.people, now));
            self.due.extend(case.due(&self.people).map(|due| (due, number)));
        }
        told
    }

    fn compare(&mut self, changes: &Changes, expected: &[Told], (event, now): (&Event, Ms)) {
        let mut told: Vec<Told> = Vec::new();
        for (id, _, entry) in &changes.timeline {
            let Some((what, target)) = read(entry.what, &entry.text) else { continue };
            told.push(Told { incident: id.0, what, target: target.into(), who: None });
        }
        let mut wanted: Vec<Told> =
            expected.iter().map(|it| Told { who: None, ..it.clone() }).collect();
        told.sort();
        wanted.sort();
        let explain = || {
            let of = |it: &Told| format!("{it:?} {:#?}", self.cases[&it.incident]);
            let differ = told.iter().filter(|it| !wanted.contains(it));
            let differ = differ.chain(wanted.iter().filter(|it| !told.contains(it)));
            let cases: Vec<String> = differ.map(of).collect();
            format!("seed {} at {} by {event:?}: {cases:#?}", self.seed, at(now))
        };
        assert!(told == wanted, "told {told:#?}\nexpected {wanted:#?}\n{}", explain());
        for it in expected {
            *self.sum.told.entry(it.what).or_default() += 1;
            let Some(who) = &it.who else { continue };
            let mut notices = changes.notices.iter().filter(|n| n.id.incident.0 == it.incident);
            assert!(
                notices.any(|notice| *notice.contact == **who),
                "{it:?} is to call {who}: {:#?}\n{}",
                changes.notices,
                explain()
            );
        }
        let of_teams = changes.notices.iter().filter(|it| TEAMS.contains(&&*it.target));
        for notice in of_teams.filter(|it| it.created_at == at(now)) {
            let who = self.people.on_call(&notice.target, notice.id.incident.0, now);
            assert_eq!(*notice.contact, *who, "{notice:#?} at {}", at(now));
        }
    }

    /// Channels take everything at once.
    fn deliver(&mut self, now: Ms) {
        let pending = |state: NoticeState| state == NoticeState::Pending;
        let due = self.image.notices.values().filter(|it| pending(it.state)).cloned();
        for notice in due.collect::<Vec<_>>() {
            let channel = notice.channel_name().into();
            let event = Event::Delivered { notice: notice.id, channel, thread: None };
            self.state.apply(&self.ctx, &event, at(now));
            let changes = self.state.drain(&self.ctx);
            self.image.apply(&changes);
        }
    }
}

/// Returns what a line of a timeline says of a step, and whom it names.
fn read(what: Happening, text: &str) -> Option<(&'static str, &str)> {
    let kinds = [
        (Happening::EscalatedFunctional, "functional"),
        (Happening::EscalatedHierarchical, "hierarchical"),
        (Happening::EscalatedResolution, "resolution"),
        (Happening::EscalatedAcceptance, "acceptance"),
        (Happening::PassedOver, "passed over"),
        (Happening::AckExpired, "lapse"),
        (Happening::HoldEnded, "hold ended"),
    ];
    let (_, name) = kinds.into_iter().find(|(kind, _)| *kind == what)?;
    if matches!(what, Happening::AckExpired | Happening::HoldEnded) {
        return Some((name, ""));
    }
    // What a person hands on by hand is of the same kind, and no step.
    let target = text.strip_prefix("step for ")?.split(' ').next()?;
    Some((name, target.trim_end_matches(':')))
}

#[expect(clippy::disallowed_methods, reason = "how long to play is the caller's wish")]
fn seeds() -> (Vec<u64>, u64) {
    let number = |name| std::env::var(name).ok().map(|it| it.parse::<u64>().expect("a number"));
    let (years, incidents) = match number("YEARS") {
        Some(years) => (years, 1_000),
        None => (2, 150),
    };
    (number("SEED").map_or_else(|| (0..years).collect(), |seed| vec![seed]), incidents)
}

#[test]
#[expect(clippy::print_stdout, reason = "figures for people")]
fn every_step_of_a_year_is_taken_once_in_its_time_and_calls_whoever_has_the_shift() {
    let (seeds, incidents) = seeds();
    for seed in seeds {
        let sum = play(seed, incidents);
        println!("seed {seed}: {sum:?}");
        let all = [
            "functional",
            "hierarchical",
            "resolution",
            "acceptance",
            "passed over",
            "lapse",
            "hold ended",
        ];
        for what in all {
            let count = sum.told.get(what).copied().unwrap_or(0);
            assert!(count >= incidents / 20, "seed {seed}: {what} only {count} times");
        }
    }
}

/// Yields every ten minutes of the year, and each minute of the day before and after a leap.
fn moments() -> impl Iterator<Item = Ms> {
    let all = (BEGINS..ENDS).step_by(600_000);
    let near = LEAPS.iter().flat_map(|leap| ((leap - 1) * DAY..(leap + 1) * DAY).step_by(60_000));
    all.chain(near)
}

#[test]
fn rotations_and_calendars_are_those_of_the_wall_clock_all_year() {
    let (ctx, people) = (context(), People::new());
    let times = [
        ("office", people::Times::Office),
        ("island", people::Times::Island),
        ("weekend", people::Times::Weekend),
        ("nights", people::Times::Nights),
    ];
    for now in moments() {
        for team in ["emea", "amer", "apac", "sun"] {
            let who = ctx.rules.on_call(team, at(now)).contact;
            assert_eq!(who, people.on_call(team, 0, now), "{team} at {}", at(now));
        }
        for (name, times) in times {
            let covers = ctx.rules.calendars[name].covers(at(now));
            assert_eq!(covers, people.hours(times).covers(now), "{name} at {}", at(now));
        }
    }
}

/// Returns the teams for which hand-overs that are found like this call another at some moment.
fn differ(finds: civil::Finds) -> Vec<&'static str> {
    let (ctx, faulty) = (context(), People::with(finds));
    let teams = ["emea", "amer", "apac"].into_iter();
    let another =
        |team: &str, now| ctx.rules.on_call(team, at(now)).contact != faulty.on_call(team, 0, now);
    teams.filter(|team| moments().any(|now| another(team, now))).collect()
}

#[test]
fn a_year_tells_an_old_offset_and_a_skipped_hour_that_is_taken_as_it_is() {
    assert_eq!(differ(civil::Zone::first), Vec::<&str>::new());
    assert_eq!(differ(civil::by_the_first_offset), ["emea", "amer", "apac"]);
    assert_eq!(differ(civil::as_if_it_were_shown), ["emea", "apac"], "amer hands over by day");
}
