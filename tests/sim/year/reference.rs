//! One incident the naive way: what happened to it is written down, and whenever somebody asks what
//! is due that is worked out anew from there. Nothing is planned ahead, nothing is moved.

use super::people::{People, Times};

/// Milliseconds since 1970.
pub type Ms = i64;

const MINUTE: Ms = 60_000;
const HOUR: Ms = 60 * MINUTE;
const DAY: Ms = 24 * HOUR;

/// How long it must stay clear.
const LINGER: Ms = 10 * MINUTE;

/// When a step falls due on its clock.
#[derive(Clone, Copy, Debug)]
enum Due {
    After(Ms),
    Share(i64),
}

/// Whom a step tells, or that it hands the incident on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Assigned,
    Lead,
    Manager,
    Team(&'static str),
    Contact(&'static str),
    NextLine,
}

/// For what a step is.
#[derive(Clone, Copy, Debug)]
enum Only {
    All,
    Urgent,
    Island,
    Answered,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    due: Due,
    to: To,
    repeat: Option<Ms>,
    only: Only,
}

const fn step(due: Due, to: To) -> Step {
    Step { due, to, repeat: None, only: Only::All }
}

const fn again(due: Due, to: To, every: Ms) -> Step {
    Step { due, to, repeat: Some(every), only: Only::All }
}

const fn only(due: Due, to: To, only: Only) -> Step {
    Step { due, to, repeat: None, only }
}

/// The ladders of a policy: functional, hierarchical, resolution, acceptance.
type Policy = [&'static [Step]; 4];

const USUAL: Policy = [
    &[
        step(Due::After(0), To::Assigned),
        step(Due::Share(40), To::Assigned),
        step(Due::Share(75), To::NextLine),
        step(Due::Share(110), To::Assigned),
        step(Due::Share(130), To::NextLine),
    ],
    &[step(Due::Share(50), To::Lead), again(Due::Share(100), To::Manager, 30 * MINUTE)],
    &[step(Due::Share(75), To::Assigned), again(Due::Share(100), To::Manager, 3 * HOUR)],
    &[step(Due::Share(50), To::Assigned), step(Due::Share(100), To::Lead)],
];

const FIXED: Policy = [
    &[
        step(Due::After(0), To::Assigned),
        step(Due::After(10 * MINUTE), To::Team("sun")),
        only(Due::After(25 * MINUTE), To::Team("apac"), Only::Island),
        only(Due::After(25 * MINUTE), To::Team("amer"), Only::Urgent),
        again(Due::After(HOUR), To::Team("ring"), HOUR),
    ],
    &[
        step(Due::After(2 * HOUR), To::Contact("chief")),
        again(Due::After(6 * HOUR), To::Manager, 8 * HOUR),
    ],
    &[
        only(Due::After(6 * HOUR), To::Contact("max"), Only::Answered),
        again(Due::Share(150), To::Lead, DAY),
    ],
    &[
        step(Due::After(7 * MINUTE), To::Assigned),
        again(Due::After(40 * MINUTE), To::Lead, 2 * HOUR),
    ],
];

/// The limits of a priority: response, resolution, and how long an acknowledgement lasts.
fn limit(priority: usize) -> [Ms; 3] {
    match priority {
        1 => [15 * MINUTE, 4 * HOUR, 30 * MINUTE],
        2 => [30 * MINUTE, 8 * HOUR, HOUR],
        3 => [4 * HOUR, 27 * HOUR, 8 * HOUR],
        _ => [10 * HOUR, 45 * HOUR, DAY],
    }
}

/// When the clocks of response and resolution run.
fn times(priority: usize) -> [Option<Times>; 2] {
    match priority {
        1 => [None, None],
        2 => [Some(Times::Nights); 2],
        3 => [Some(Times::Office); 2],
        _ => [Some(Times::Island), Some(Times::Office)],
    }
}

/// The time within which a team has to confirm that it was handed an incident.
fn acceptance(priority: usize, team: &str) -> Ms {
    match (priority, People::line(team)) {
        (1, 1) => 5 * MINUTE,
        (1, 2) => 10 * MINUTE,
        (1, _) => 20 * MINUTE,
        _ => limit(priority)[0],
    }
}

/// How far people have got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    New,
    /// Somebody has answered, until then.
    Acknowledged(Ms),
    /// Somebody works on it, until then.
    Working(Ms),
    /// Work waits, until then.
    OnHold(Ms),
    Resolved,
}

/// Where one ladder stands.
#[derive(Clone, Copy, Debug, Default)]
struct Rung {
    /// Steps that were taken.
    taken: usize,
    /// When the repeating one was last, or its clock went on after that.
    last: Option<Ms>,
}

/// What the timeline has to say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Told {
    pub incident: u64,
    /// Which ladder, or what else.
    pub what: &'static str,
    /// Whom it names.
    pub target: String,
    /// Who is called; nobody where nobody is.
    pub who: Option<String>,
}

/// One incident.
#[derive(Clone, Debug)]
pub struct Case {
    pub number: u64,
    policy: &'static Policy,
    opened: Ms,
    pub priority: usize,
    pub team: &'static str,
    /// Who claimed it, if it is somebody who can be called.
    assignee: Option<&'static str>,
    pub progress: Progress,
    /// When the response clock began; whether it stands.
    round: Ms,
    answered: bool,
    rungs: [Rung; 3],
    /// When its team was handed it, whether that was confirmed, and how far that ladder is.
    handed: (Ms, bool, Rung),
    holds: Vec<(Ms, Ms)>,
    held_since: Option<Ms>,
    pub clear_since: Option<Ms>,
    /// When it last became other than by time: what is overdue by that is overdue since then.
    pub changed: Ms,
}

const LADDERS: [&str; 3] = ["functional", "hierarchical", "resolution"];

impl Case {
    pub fn new(
        number: u64,
        opened: Ms,
        (usual, priority, team): (bool, usize, &'static str),
    ) -> Self {
        Self {
            number,
            policy: if usual { &USUAL } else { &FIXED },
            opened,
            priority,
            team,
            assignee: None,
            progress: Progress::New,
            round: opened,
            answered: false,
            rungs: [Rung::default(); 3],
            handed: (opened, false, Rung::default()),
            holds: Vec::new(),
            held_since: None,
            clear_since: None,
            changed: opened,
        }
    }

    pub fn is_open(&self) -> bool {
        self.progress != Progress::Resolved
    }

    /// The first moment at which so much has passed since `from` that counts. Found by halving: asked
    /// is only what has passed at a time.
    fn passed(
        people: &People,
        times: Option<Times>,
        (from, span): (Ms, Ms),
        holds: &[(Ms, Ms)],
    ) -> Ms {
        let counted = |from: Ms, until: Ms| match times {
            Some(times) => {
                let hours = people.hours(times);
                hours.before(until) - hours.before(from)
            }
            None => until - from,
        };
        let at = |until: Ms| {
            let held = holds.iter().filter(|(since, _)| *since < until);
            let held = held.map(|(since, end)| counted(*since, until.min(*end))).sum::<Ms>();
            counted(from, until) - held
        };
        let (mut low, mut high) = (from, from + 60 * DAY);
        while low < high {
            let middle = low + (high - low) / 2;
            if at(middle) >= span { high = middle } else { low = middle + 1 }
        }
        low
    }

    /// When the next step of a ladder is due; 3 is that of whoever was handed it.
    fn step_due(&self, people: &People, ladder: usize) -> Option<(Step, Ms)> {
        let [answering, mending] = times(self.priority);
        let [to_answer, to_mend, _] = limit(self.priority);
        let (runs, reached, from, times, limit, holds) = match ladder {
            0 | 1 => {
                (!self.answered, self.rungs[ladder], self.round, answering, to_answer, &[][..])
            }
            2 => {
                let runs = self.held_since.is_none();
                let holds = &*self.holds;
                (runs, self.rungs[2], self.opened, mending, to_mend, holds)
            }
            _ => {
                let (since, confirmed, reached) = self.handed;
                let runs = !confirmed && self.progress == Progress::New;
                let limit = acceptance(self.priority, self.team);
                (runs, reached, since.max(self.round), answering, limit, &[][..])
            }
        };
        let step = *self.policy[ladder].get(reached.taken)?;
        if !runs || !self.is_open() {
            return None;
        }
        let due = match (reached.last, step.repeat, step.due) {
            (Some(last), Some(every), _) => Self::passed(people, times, (last, every), &[]),
            (_, _, Due::After(span)) => Self::passed(people, times, (from, span), holds),
            (_, _, Due::Share(percent)) => {
                Self::passed(people, times, (from, limit * percent / 100), holds)
            }
        };
        Some((step, due))
    }

    /// When anything at all is due.
    pub fn due(&self, people: &People) -> Option<Ms> {
        if !self.is_open() {
            return None;
        }
        let steps = (0..4).filter_map(|ladder| self.step_due(people, ladder));
        let ends = match self.progress {
            Progress::Acknowledged(until) | Progress::Working(until) | Progress::OnHold(until) => {
                Some(until)
            }
            Progress::New | Progress::Resolved => None,
        };
        let clears = self.clear_since.map(|since| since + LINGER);
        steps.map(|(_, due)| due).chain(ends).chain(clears).min()
    }

    /// Lets everything happen that is due, and says what has to be told.
    pub fn advance(&mut self, people: &People, now: Ms) -> Vec<Told> {
        let mut told = Vec::new();
        while self.due(people).is_some_and(|due| due <= now) {
            if self.clear_since.is_some_and(|since| since + LINGER <= now) {
                self.progress = Progress::Resolved;
                break;
            }
            self.lapse(now, &mut told);
            for ladder in 0..4 {
                self.climb(people, ladder, now, &mut told);
            }
        }
        told
    }

    fn say(&self, what: &'static str, target: &str, who: Option<&str>) -> Told {
        Told { incident: self.number, what, target: target.into(), who: who.map(Into::into) }
    }

    fn lapse(&mut self, now: Ms, told: &mut Vec<Told>) {
        match self.progress {
            Progress::Acknowledged(until) | Progress::Working(until) if until <= now => {
                told.push(self.say("lapse", "", None));
                self.progress = Progress::New;
                self.restart(now);
            }
            Progress::OnHold(until) if until <= now => {
                told.push(self.say("hold ended", "", None));
                self.go_on(now);
            }
            Progress::New
            | Progress::Acknowledged(_)
            | Progress::Working(_)
            | Progress::OnHold(_)
            | Progress::Resolved => {}
        }
    }

    /// Goes up a ladder as far as time has; only the highest step tells anybody.
    fn climb(&mut self, people: &People, ladder: usize, now: Ms, told: &mut Vec<Told>) {
        let mut highest = None;
        while let Some((step, due)) = self.step_due(people, ladder).filter(|(_, due)| *due <= now) {
            let rung = if ladder < 3 { &mut self.rungs[ladder] } else { &mut self.handed.2 };
            match step.repeat {
                Some(_) => rung.last = Some(now),
                None => rung.taken += 1,
            }
            let target = match step.to {
                To::Assigned | To::NextLine => "assigned".into(),
                To::Lead => "lead".into(),
                To::Manager => "manager".into(),
                To::Team(team) => format!("team:{team}"),
                To::Contact(name) => format!("contact:{name}"),
            };
            if !self.holds(people, step.only, now) {
                told.push(self.say("passed over", &target, None));
                continue;
            }
            if step.to == To::NextLine
                && let Some(next) = People::next(self.team)
            {
                self.team = next;
                self.assignee = None;
                self.handed = (now, false, Rung::default());
            }
            highest = Some((step.to, target, due));
        }
        if let Some((to, target, _)) = highest {
            let what = LADDERS.get(ladder).copied().unwrap_or("acceptance");
            let who = self.who(people, to, now);
            told.push(self.say(what, &target, Some(who)));
        }
    }

    fn holds(&self, people: &People, only: Only, now: Ms) -> bool {
        match only {
            Only::All => true,
            Only::Urgent => self.priority <= 2,
            Only::Island => people.hours(Times::Island).covers(now),
            Only::Answered => {
                matches!(self.progress, Progress::Acknowledged(_) | Progress::Working(_))
            }
        }
    }

    fn who(&self, people: &People, to: To, now: Ms) -> &'static str {
        match to {
            To::Assigned | To::NextLine => {
                let team = || people.on_call(self.team, self.number, now);
                self.assignee.unwrap_or_else(team)
            }
            To::Lead => People::lead(self.team),
            To::Manager => People::manager(self.team),
            To::Team(team) => people.on_call(team, self.number, now),
            To::Contact(name) => name,
        }
    }

    /// Begins the response clock anew, and the time of whoever was handed it.
    fn restart(&mut self, now: Ms) {
        (self.round, self.answered) = (now, false);
        self.rungs[0] = Rung::default();
        self.rungs[1] = Rung::default();
        let (since, confirmed, _) = self.handed;
        self.handed = (if confirmed { now } else { since }, false, Rung::default());
    }

    fn run(&mut self, now: Ms) {
        if let Some(since) = self.held_since.take() {
            self.holds.push((since, now));
            if let Some(last) = &mut self.rungs[2].last {
                // A repeat comes a whole interval after the clock went on.
                *last = now;
            }
        }
    }

    fn go_on(&mut self, now: Ms) {
        self.run(now);
        self.progress = Progress::Working(now + limit(self.priority)[2]);
    }

    fn answer(&mut self) {
        self.answered = true;
        self.handed.1 = true;
    }

    pub fn acknowledge(&mut self, now: Ms, hold: Option<Ms>) {
        self.answer();
        let until = now + hold.unwrap_or(limit(self.priority)[2]);
        let works = matches!(self.progress, Progress::Working(_));
        self.progress =
            if works { Progress::Working(until) } else { Progress::Acknowledged(until) };
    }

    pub fn claim(&mut self, now: Ms, who: Option<&'static str>) {
        self.answer();
        self.assignee = who;
        self.go_on(now);
    }

    pub fn give_back(&mut self, now: Ms) {
        self.run(now);
        self.progress = Progress::New;
        self.restart(now);
    }

    pub fn hand_on(&mut self, now: Ms, team: &'static str) {
        self.team = team;
        self.assignee = None;
        self.handed = (now, false, Rung::default());
        self.give_back(now);
    }

    pub fn hold(&mut self, now: Ms, until: Ms) {
        self.held_since.get_or_insert(now);
        self.progress = Progress::OnHold(until);
    }

    pub fn resolve(&mut self) {
        self.progress = Progress::Resolved;
    }
}
