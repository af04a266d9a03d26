//! `incidentd audit`: who did what, and whether the trail is whole.

use clap::{Args, Subcommand};

use crate::http::wire::audit::{AuditPage, Entry};
use crate::model::audit::{Broken, Chain, Seal};

use super::client::Server;
use super::failure::Failure;
use super::print::{self, Table, or_nothing};
use super::{Output, Session};

/// Where the audit trail is.
const PATH: [&str; 3] = ["api", "v1", "audit"];

/// Entries that are asked for at a time when all are.
const PAGE: &str = "1000";

/// What to do with the audit trail.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// List entries in their order
    Ls(List),
    /// Compute every seal anew: has an entry been changed, removed or moved?
    Verify(Verify),
}

/// What to list.
#[derive(Clone, Debug, Args)]
pub struct List {
    /// Begin behind this entry
    #[arg(long, default_value_t = 0, value_name = "SEQ")]
    after: u64,
    /// How many, up to 1000
    #[arg(long, default_value_t = 100)]
    limit: u32,
}

/// What to compare with.
#[derive(Clone, Debug, Args)]
pub struct Verify {
    /// A seal that was kept elsewhere; without it nobody can tell that the end was cut off
    #[arg(long, value_name = "SEAL")]
    head: Option<Seal>,
}

/// Does it.
///
/// # Errors
/// As the daemon refuses, or when the trail is not whole.
pub async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    let server = session.connect()?;
    match command {
        Command::Ls(list) => ls(session, &server, &list).await,
        Command::Verify(verify) => self::verify(session, &server, &verify).await,
    }
}

async fn ls(session: &Session, server: &Server, list: &List) -> Result<(), Failure> {
    let (after, limit) = (list.after.to_string(), list.limit.to_string());
    let answer = server.get(&PATH, &[("after", &after), ("limit", &limit)]).await?;
    session.show(&answer, |answer| {
        let page: AuditPage = answer.read()?;
        let mut table = Table::new(&["SEQ", "TIME", "WHO", "WHAT", "OBJECT", "DETAIL"]);
        for entry in &page.items {
            table.row([
                entry.seq.to_string(),
                print::clock(entry.at, page.now),
                entry.by.clone(),
                entry.action.clone(),
                or_nothing(Some(&entry.object)),
                or_nothing(Some(&entry.detail)),
            ]);
        }
        let more = page.next.map(|next| format!(" · more: --after {next}")).unwrap_or_default();
        let footer = format!("{} shown of {}{more}", page.items.len(), page.count);
        session.list(table, &footer);
        Ok(())
    })
}

async fn verify(session: &Session, server: &Server, verify: &Verify) -> Result<(), Failure> {
    let mut trail = Trail::new(verify.head);
    let mut after = Some(0_u64);
    while let Some(from) = after {
        let from = from.to_string();
        let answer = server.get(&PATH, &[("after", &from), ("limit", PAGE)]).await?;
        after = trail.take(answer.read()?).map_err(|broken| {
            Failure::Findings(format!("{broken}; compare with a backup of before"))
        })?;
    }
    let Chain { seq, seal } = trail.whole().map_err(Failure::Findings)?;
    if session.output == Output::Json {
        print::data(serde_json::json!({"count": seq, "head": seal}));
    } else {
        session.say(&format!("{seq} entries, every seal fits"));
        session.say(&format!("head {seal}"));
    }
    Ok(())
}

/// The trail as far as it was followed.
struct Trail {
    chain: Chain,
    /// What the trail says of itself.
    told: Chain,
    /// A seal that is looked for; nothing once it was found.
    sought: Option<Seal>,
}

impl Trail {
    fn new(head: Option<Seal>) -> Self {
        let sought = head.filter(|seal| *seal != Seal::default());
        Self { chain: Chain::default(), told: Chain::default(), sought }
    }

    /// Follows a page and returns where the next one begins.
    fn take(&mut self, page: AuditPage) -> Result<Option<u64>, Broken> {
        self.told = Chain { seq: page.count, seal: page.head };
        for entry in page.items {
            self.follow(entry)?;
        }
        Ok(page.next)
    }

    fn follow(&mut self, entry: Entry) -> Result<(), Broken> {
        self.chain.follow(&entry.into())?;
        self.sought = self.sought.filter(|sought| *sought != self.chain.seal);
        Ok(())
    }

    /// Returns the end of the trail, or says what is missing there.
    fn whole(self) -> Result<Chain, String> {
        let Self { chain, told, sought } = self;
        if chain != told {
            let (seq, count) = (chain.seq, told.seq);
            return Err(format!(
                "the trail ends with entry {seq}, but it should have {count} with the head {}",
                told.seal
            ));
        }
        match sought {
            Some(seal) => Err(format!(
                "no entry has the seal {seal}: the trail was cut off or written anew; it has {} entries and the head {}",
                chain.seq, chain.seal
            )),
            None => Ok(chain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::wire::Time;
    use crate::model::audit::AuditEntry;
    use crate::model::time::Timestamp;

    fn entries(count: u64) -> Vec<AuditEntry> {
        let mut before = Seal::default();
        let sealed = |seq| {
            let at = Timestamp::from_millis(5);
            let (by, action, object) = ("ann".into(), "claimed".into(), "INC-1".into());
            let (detail, seal) = (String::new(), Seal::default());
            let mut entry = AuditEntry { seq, at, by, action, object, detail, seal };
            entry.seal = entry.seal_after(before);
            before = entry.seal;
            entry
        };
        (1..=count).map(sealed).collect()
    }

    fn verified(
        entries: &[AuditEntry],
        told: &AuditEntry,
        head: Option<Seal>,
    ) -> Result<u64, String> {
        let mut trail = Trail::new(head);
        for some in entries.chunks(2) {
            let page = AuditPage {
                items: some.iter().cloned().map(Into::into).collect(),
                next: None,
                count: told.seq,
                head: told.seal,
                now: Time(Timestamp::EPOCH),
            };
            trail.take(page).map_err(|broken| broken.to_string())?;
        }
        trail.whole().map(|chain| chain.seq)
    }

    #[test]
    fn a_trail_that_was_tampered_with_is_told_by_its_first_bad_entry() {
        let all = entries(5);
        let last = &all[4];
        assert_eq!(verified(&all, last, None), Ok(5));
        assert_eq!(verified(&all, last, Some(all[2].seal)), Ok(5), "it has grown since");
        let mut changed = all.clone();
        changed[3].by = "eve".into();
        assert!(verified(&changed, last, None).unwrap_err().starts_with("entry 4 was changed"));
        let cut = &all[..3];
        assert!(verified(cut, last, None).unwrap_err().starts_with("the trail ends with entry 3"));
        let head = Some(last.seal);
        assert!(verified(cut, &all[2], head).unwrap_err().starts_with("no entry has the seal"));
        assert_eq!(verified(cut, &all[2], None), Ok(3), "which only the seal kept elsewhere tells");
    }
}
