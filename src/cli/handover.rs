//! `incidentd incidents escalate|return|convene|priority|update|subscribe`: who has it, how pressing
//! it is, and who hears of it.

use clap::{Args, Subcommand};

use crate::http::wire::handle::{
    Convene, Escalate, Prioritise, Return, Said, Subscription, Update, Wish,
};

use super::handle::{Which, Word};
use super::name::Name;

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Hand it to the next line, which has not answered yet; say why with -m
    Escalate {
        /// Which incidents
        #[command(flatten)]
        which: Which,
        /// team:NAME or contact:NAME instead of the next line
        #[arg(long, value_name = "TARGET")]
        to: Option<String>,
        /// What is handed on with it
        #[command(flatten)]
        handover: Handover,
        /// Who says it, and why
        #[command(flatten)]
        word: Word,
    },
    /// Give it back as misrouted, to whoever had it before or the service desk; say why with -m
    Return {
        /// Which incidents
        #[command(flatten)]
        which: Which,
        /// What is handed on with it
        #[command(flatten)]
        handover: Handover,
        /// Who says it, and why
        #[command(flatten)]
        word: Word,
    },
    /// Call several teams to help, in one call; say why with -m
    Convene {
        /// Its number, as in INC-1042
        incident: String,
        /// Names of teams
        #[arg(required = true, value_name = "TEAM")]
        teams: Vec<String>,
        /// Where they talk: a link
        #[arg(long, value_name = "URL")]
        link: Option<String>,
        /// What they have to know
        #[command(flatten)]
        handover: Handover,
        /// Who says it, and why
        #[command(flatten)]
        word: Word,
    },
    /// Give it a priority until that is lifted; say why with --because
    Priority {
        /// Its number, as in INC-1042
        incident: String,
        /// P1 to P4
        #[arg(required_unless_present = "auto", value_name = "PRIORITY")]
        priority: Option<String>,
        /// Lift it: as computed again
        #[arg(long, conflicts_with = "priority")]
        auto: bool,
        /// Who says it, and why
        #[command(flatten)]
        word: Word,
    },
    /// Say how it stands: everybody hears it who was told, and the next update is promised
    Update {
        /// Its number, as in INC-1042
        incident: String,
        /// How it stands
        text: String,
        /// When they hear next, as in 30m; after the same time again when left out
        #[arg(long, value_name = "TIME")]
        update_in: Option<String>,
        /// In whose name
        #[command(flatten)]
        name: Name,
    },
    /// Let a team or a person hear of it without being called
    Subscribe(Subscribe),
    /// Let a team or a person hear of it no more, unless they are called
    Unsubscribe(Subscribe),
}

/// Who is to hear of what.
#[derive(Clone, Debug, Args)]
pub struct Subscribe {
    /// Which incidents
    #[command(flatten)]
    which: Which,
    /// team:NAME or contact:NAME
    #[arg(long, value_name = "TARGET")]
    who: String,
    /// Who says it, and what
    #[command(flatten)]
    word: Word,
}

/// What whoever gets it has to know.
#[derive(Clone, Debug, Args)]
pub struct Handover {
    /// What was tried
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    tried: String,
    /// What is known
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    known: String,
    /// What comes next
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    next: String,
}

impl Handover {
    /// Returns it as the API wants it.
    pub(super) fn said(self) -> Said {
        Said { tried: self.tried, known: self.known, next: self.next }
    }
}

/// Returns what to handle and the wish as the API wants it.
pub(super) fn wish(command: Command) -> (Which, Wish) {
    match command {
        Command::Escalate {
            which,
            to,
            handover,
            word: Word { name: Name { by }, message: note },
        } => {
            let (handover, expected_version) = (handover.said(), which.expected);
            (which, Wish::Escalate(Escalate { by, to, handover, note, expected_version }))
        }
        Command::Return { which, handover, word: Word { name: Name { by }, message: note } } => {
            let (handover, expected_version) = (handover.said(), which.expected);
            (which, Wish::Return(Return { by, handover, note, expected_version }))
        }
        Command::Convene {
            incident,
            teams,
            link,
            handover,
            word: Word { name: Name { by }, message: note },
        } => {
            let handover = handover.said();
            let convene = Convene { by, teams, link, handover, note, expected_version: None };
            (Which::one(incident), Wish::Convene(convene))
        }
        Command::Priority {
            incident,
            priority,
            auto: _,
            word: Word { name: Name { by }, message: note },
        } => {
            let it = Prioritise { by, priority, note, expected_version: None };
            (Which::one(incident), Wish::Priority(it))
        }
        Command::Update { incident, text, update_in, name: Name { by } } => {
            let update = Update { by, update_in, note: text, expected_version: None };
            (Which::one(incident), Wish::Update(update))
        }
        Command::Subscribe(it) => subscription(it, Wish::Subscribe),
        Command::Unsubscribe(it) => subscription(it, Wish::Unsubscribe),
    }
}

fn subscription(it: Subscribe, kind: fn(Subscription) -> Wish) -> (Which, Wish) {
    let Subscribe { which, who, word: Word { name: Name { by }, message: note } } = it;
    let expected_version = which.expected;
    (which, kind(Subscription { by, who, note, expected_version }))
}
