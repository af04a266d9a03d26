//! Rows of every kind from a seed, for tests. Equal seeds give equal rows.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "random bits are cut off on purpose"
)]

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::codec::Word;
use crate::cmdb::{Change, CiRow, End, Facts, RelationRow, RelationType, Rows};
use crate::engine::changes::{AlertRow, Counters, MemberOf, MemberRow, Recurrence};
use crate::model::affected::Affected;
use crate::model::alert::{AlertState, Details, Inhibitor, Join, Lease, Path, Slot, SourceId};
use crate::model::assignment::{Accepted, Assignment, Assignments, Handover, Part, Verdict};
use crate::model::audit::{AuditEntry, Seal};
use crate::model::bulletin::{Bulletin, BulletinField, BulletinKind, Flags, Happened, Outline};
use crate::model::change::{Change as PlannedChange, ChangeState};
use crate::model::closure::{Closure, Confirmation, Disagreement, Reached};
use crate::model::credit::{Counts, Credits};
use crate::model::delivery::DeliveryId;
use crate::model::escalation::{Action, Due, Only, Policy, PolicyHash, Rung, Step, Target};
use crate::model::incident::{
    Incident, KnownError, Likely, Paged, RecordId, ResolutionClock, ResponseClock, Root, Storm,
    Suspect, SuspectChange, Thread,
};
use crate::model::journal::JournalEntry;
use crate::model::labels::{Fingerprint, Labels};
use crate::model::learned::{LearnedKey, LearnedRow};
use crate::model::link;
use crate::model::major::{Done, Holder, Item, Major, ResponsePlan, Role};
use crate::model::notice::{Notice, NoticeId, NoticeKind, NoticeState};
use crate::model::on_call::Override;
use crate::model::partition::{Edge, Halted, Partition, Position};
use crate::model::priority::{Assessment, Impact, Loss, Priority, Urgency};
use crate::model::progress::{Progress, StateName, WaitsFor};
use crate::model::quarantine::{Cause, Origin, QuarantineId, Quarantined, Unhandled};
use crate::model::report::{Report, Reporter};
use crate::model::review::{CorrectiveAction, Overdue};
use crate::model::sheet::{Field, Reclassified, Sheet, Spent};
use crate::model::silence::{Silence, SilenceId, SilenceMatcher};
use crate::model::terms::{ByHand, InState, Promise, Reminded, Supplier, Terms};
use crate::model::time::Timestamp;
use crate::model::timeline::{Entry, Happening};

/// `SplitMix64`.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(super) fn flip(&mut self) -> bool {
        self.below(2) == 0
    }

    /// A number of any size, small ones as likely as large ones.
    pub(super) fn number(&mut self) -> u64 {
        let shift = self.below(64);
        self.next() >> shift
    }

    fn count(&mut self) -> u32 {
        let shift = self.below(32);
        (self.next() >> 32 >> shift) as u32
    }

    fn time(&mut self) -> Timestamp {
        Timestamp::from_millis(self.next() as i64 >> self.below(64))
    }

    fn record(&mut self) -> RecordId {
        RecordId(self.number())
    }

    pub(super) fn text(&mut self) -> String {
        let letters = ['a', 'Z', '7', ' ', '"', '\n', 'é', '\u{1F525}'];
        self.list(6, |dice| letters[dice.below(8) as usize]).into_iter().collect()
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.flip() { Some(make(self)) } else { None }
    }

    fn list<T>(&mut self, len_max: u64, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(len_max + 1)).map(|_| make(self)).collect()
    }

    /// A word by its number; numbers that are not given are passed over.
    fn word<W: Word>(&mut self, words: u64) -> W {
        loop {
            if let Ok(word) = W::of(1 + self.below(words) as u32) {
                return word;
            }
        }
    }

    pub(super) fn labels(&mut self) -> Labels {
        let pairs = self.pairs();
        let mut pairs: Vec<(&str, &str)> = pairs.iter().map(|(n, v)| (&**n, &**v)).collect();
        Labels::build(&mut pairs).unwrap()
    }

    fn pairs(&mut self) -> BTreeMap<Box<str>, Box<str>> {
        self.list(5, |dice| (dice.text().into(), dice.text().into())).into_iter().collect()
    }

    fn path(&mut self) -> Path {
        let steps = self.list(4, |dice| (dice.text().into(), dice.text().into()));
        Path { from: self.text().into(), steps }
    }

    pub(super) fn state(&mut self) -> AlertState {
        AlertState {
            slot: Slot(self.count()),
            revision: self.count(),
            episode: self.count(),
            record: self.maybe(Self::record),
            incident: self.maybe(Self::record),
            starts_at: self.time(),
            ended_at: self.maybe(Self::time),
            end_heard_at: self.time(),
            first_seen: self.time(),
            last_seen: self.time(),
            occurrences: self.count(),
            severity: self.maybe(|dice| (&*dice.text()).into()),
            leases: self
                .list(3, |dice| Lease {
                    source: SourceId(dice.count() as u16),
                    began: dice.time(),
                    until: dice.time(),
                    explicit: dice.flip(),
                })
                .into_iter()
                .collect(),
            silenced_by: self.list(2, Self::silence_id).into(),
            inhibited_by: self
                .list(2, |dice| Inhibitor {
                    alert: Fingerprint(dice.number()),
                    rule: dice.text().into(),
                })
                .into(),
        }
    }

    pub(super) fn alert(&mut self) -> AlertRow {
        let details = Details { annotations: self.labels(), generator_url: self.text().into() };
        AlertRow {
            fingerprint: Fingerprint(self.number()),
            labels: self.labels(),
            details: Arc::new(details),
            ci: self.maybe(|dice| dice.text().into()),
            state: self.state(),
        }
    }

    fn join(&mut self) -> Join {
        let rule = Arc::from(self.text());
        match self.below(11) {
            0 => Join::Own,
            9 => Join::LastLeg { rule, ci: self.text().into() },
            10 => Join::Reported { ci: self.text().into() },
            8 => Join::Related {
                rule,
                place: self.text().into(),
                silence_ms: self.number(),
                expected_ms: self.maybe(Self::number),
                confidence: self.below(100) as u8,
            },
            1 => Join::Group { rule, key: self.text().into() },
            2 => Join::Dependant {
                rule,
                path: self.path(),
                after_ms: self.time().millis(),
                expected_ms: self.maybe(Self::number),
                confidence: self.below(100) as u8,
            },
            3 => Join::Cause { rule, confidence: self.below(100) as u8 },
            4 => Join::ByHand { by: self.text().into(), note: self.text().into() },
            5 => Join::Storm { rule, key: self.text().into() },
            6 => Join::Sequence { rule, steps: self.text().into() },
            _ => Join::Outlived { former: self.record() },
        }
    }

    pub(super) fn member(&mut self) -> MemberRow {
        let what = if self.flip() {
            MemberOf::Incident
        } else {
            MemberOf::Alert { fingerprint: Fingerprint(self.next()), episode: self.count() }
        };
        MemberRow {
            incident: self.record(),
            record: self.record(),
            what,
            joined_at: self.time(),
            join: self.join(),
        }
    }

    fn progress(&mut self) -> Progress {
        let by = Box::from(self.text());
        match self.below(7) {
            0 => Progress::New,
            6 => Progress::Cancelled { at: self.time(), by },
            1 => Progress::Acknowledged { by, until: self.time() },
            2 => Progress::InProgress { by, until: self.time() },
            4 => Progress::OnHold { by, waits_for: self.word::<WaitsFor>(3), until: self.time() },
            3 => Progress::Resolved {
                at: self.time(),
                by: self.maybe(|_| by),
                had: self.maybe(|dice| dice.text().into()),
            },
            _ => Progress::Closed { at: self.time() },
        }
    }

    fn rung(&mut self) -> Rung {
        let (step, repeats) = (self.count(), self.count());
        Rung { step, repeats, due_at: self.maybe(Self::time), last_at: self.maybe(Self::time) }
    }

    fn assessment(&mut self) -> Assessment {
        Assessment {
            impact: self.word::<Impact>(3),
            urgency: self.word::<Urgency>(3),
            priority: self.word::<Priority>(4),
            sum: self.text(),
            pages: self.flip(),
            loss: if self.flip() { Loss::Redundancy } else { Loss::Service },
            until: self.maybe(Self::time),
        }
    }

    fn assignments(&mut self) -> Assignments {
        Assignments {
            list: self.list(3, Self::assignment),
            returned: self.count(),
            call: self.maybe(|dice| dice.text().into()),
        }
    }

    fn assignment(&mut self) -> Assignment {
        Assignment {
            team: self.maybe(|dice| dice.text().into()),
            line: self.below(5) as u8,
            person: self.maybe(|dice| dice.text().into()),
            part: self.word::<Part>(2),
            from: self.time(),
            sent_by: self.text().into(),
            handover: Handover {
                because: self.text().into(),
                tried: self.text().into(),
                known: self.text().into(),
                next: self.text().into(),
            },
            due_at: self.maybe(Self::time),
            accepted: self.maybe(|dice| Accepted { at: dice.time(), by: dice.text().into() }),
            until: self.maybe(Self::time),
            verdict: self.maybe(|dice| dice.word::<Verdict>(3)),
            rung: self.rung(),
        }
    }

    fn terms(&mut self) -> Terms {
        Terms {
            agreement: self.maybe(|dice| dice.text().into()),
            by_hand: self.maybe(|dice| ByHand {
                priority: dice.word::<Priority>(4),
                by: dice.text().into(),
                because: dice.text().into(),
                told: dice.maybe(|dice| dice.word::<Priority>(4)),
            }),
            promise: self.maybe(|dice| Promise {
                by: dice.text().into(),
                due_at: dice.time(),
                every: dice.span(),
                reminded: dice.word::<Reminded>(3),
            }),
            subscribers: self.list(3, |dice| dice.text().into()),
            in_state: self.maybe(|dice| InState {
                state: dice.word::<StateName>(7),
                since: dice.time(),
                due_at: dice.maybe(Self::time),
                told_at: dice.maybe(Self::time),
            }),
            supplier: self
                .maybe(|dice| Supplier { since: dice.time(), due_at: dice.maybe(Self::time) }),
        }
    }

    fn known_error(&mut self) -> KnownError {
        KnownError {
            id: self.text().into(),
            rule: self.text().into(),
            quiet_until: self.maybe(Self::time),
            exceeded: self.maybe(|dice| dice.text().into()),
        }
    }

    pub(super) fn incident(&mut self) -> Incident {
        Incident {
            id: self.record(),
            revision: self.count(),
            progress: self.progress(),
            parent: self.maybe(Self::record),
            title: self.text(),
            category: self.maybe(|dice| dice.text().into()),
            rule: self.maybe(|dice| dice.text().into()),
            key: self.maybe(|dice| dice.text().into()),
            root: Root {
                alert: Fingerprint(self.next()),
                ci: self.maybe(|dice| dice.text().into()),
            },
            assessment: self.assessment(),
            team: self.maybe(|dice| dice.text().into()),
            opened_at: self.time(),
            active_at: self.time(),
            clear_since: self.maybe(Self::time),
            members: self.count(),
            firing: self.count(),
            response: ResponseClock {
                started_at: self.time(),
                due_at: self.time(),
                stopped_at: self.maybe(Self::time),
                round: self.count(),
            },
            wait_until: self.maybe(Self::time),
            policy: PolicyHash(self.next()),
            functional: self.rung(),
            hierarchical: self.rung(),
            recurrence_of: self.maybe(Self::record),
            awaiting_verification: self.flip(),
            timeline_len: self.count(),
            notices: self.count(),
            told: self.list(3, |dice| dice.text().into()),
            threads: self.list(2, Self::thread),
            paged: self.list(2, Self::paged),
            links_used: self.list(2, |dice| (dice.count(), dice.word::<link::Action>(5))),
            version: self.count(),
            assignee: self.maybe(|dice| dice.text().into()),
            assignments: self.assignments(),
            terms: self.terms(),
            resolution: ResolutionClock {
                due_at: self.time(),
                stood_ms: self.number(),
                stands_since: self.maybe(Self::time),
                stood: self.list(2, |dice| (dice.time(), dice.time())),
            },
            resolving: self.rung(),
            quiet: self.flip(),
            known_error: self.maybe(Self::known_error),
            apart_from: self.list(2, Self::record),
            changes: self.list(2, |dice| dice.text().into()),
            storm: self.maybe(Self::storm),
            suspects: self.list(3, Self::suspect),
            ranked_at: self.count(),
            likely: self.likely(),
            update_at: self.maybe(Self::time),
            sheet: self.sheet(),
            affected: self.affected(),
            reports: self.list(2, Self::report),
            closure: self.closure(),
            major: self.maybe(Self::major),
            actions: self.list(3, Self::corrective_action),
            group_rule: self.maybe(|dice| dice.text().into()),
            rules_version: self.next(),
            topology_version: self.number(),
        }
    }

    fn sheet(&mut self) -> Sheet {
        let fields = self.list(4, |dice| (dice.word::<Field>(21), dice.text().into()));
        let reclassified = self.list(2, |dice| Reclassified {
            at: dice.time(),
            by: dice.text().into(),
            from: dice.maybe(|dice| dice.text().into()),
            to: dice.text().into(),
            because: dice.text().into(),
        });
        let spent = self.list(2, |dice| Spent {
            by: dice.text().into(),
            line: dice.below(5) as u8,
            ms: dice.number(),
        });
        Sheet::restore(fields, reclassified, spent)
    }

    fn affected(&mut self) -> Affected {
        Affected {
            cis: self.list(2, Self::text).iter().collect(),
            services: self.list(2, Self::text).iter().collect(),
            users: self.number(),
        }
    }

    fn report(&mut self) -> Report {
        Report {
            at: self.time(),
            alert: Fingerprint(self.next()),
            title: self.text().into(),
            reporter: Reporter {
                name: self.text().into(),
                place: self.maybe(|dice| dice.text().into()),
                contact: self.maybe(|dice| dice.text().into()),
            },
            by: self.text().into(),
            channel: self.text().into(),
        }
    }

    fn major(&mut self) -> Major {
        Major {
            declared_at: self.time(),
            by: self.text().into(),
            because: self.text().into(),
            stood_down_at: self.maybe(Self::time),
            plan: self.maybe(|dice| ResponsePlan {
                name: dice.text().into(),
                checklist: dice.list(3, |dice| Item {
                    text: dice.text().into(),
                    done: dice.maybe(Self::done),
                }),
                told: dice.list(2, |dice| dice.text().into()),
                link: dice.maybe(|dice| dice.text().into()),
            }),
            roles: self.list(3, |dice| Holder {
                role: dice.word::<Role>(3),
                who: dice.text().into(),
                team: dice.maybe(|dice| dice.text().into()),
                since: dice.time(),
                by: dice.text().into(),
            }),
            called: self.list(2, |dice| dice.text().into()),
            update_every: self.span(),
            watch: self.span(),
            watch_until: self.maybe(Self::time),
            users: self.list(2, |dice| dice.text().into()),
        }
    }

    fn done(&mut self) -> Done {
        Done { at: self.time(), by: self.text().into(), note: self.text().into() }
    }

    fn corrective_action(&mut self) -> CorrectiveAction {
        CorrectiveAction {
            text: self.text().into(),
            owner: self.text().into(),
            due_at: self.time(),
            by: self.text().into(),
            added_at: self.time(),
            reminded: self.word::<Overdue>(4),
            done: self.maybe(Self::done),
        }
    }

    fn closure(&mut self) -> Closure {
        let confirmation = self.maybe(|dice| Confirmation {
            asked_at: dice.time(),
            due_at: dice.maybe(Self::time),
            asked: dice.list(2, |dice| dice.text().into()),
            reached: dice
                .list(2, |dice| Reached { contact: dice.text().into(), name: dice.text().into() }),
            confirmed: dice.list(2, |dice| dice.text().into()),
            disagreement: dice.maybe(|dice| Disagreement {
                at: dice.time(),
                by: dice.text().into(),
                because: dice.text().into(),
            }),
        });
        Closure { verify_at: self.maybe(Self::time), confirmation }
    }

    fn thread(&mut self) -> Thread {
        Thread {
            channel: self.text().into(),
            contact: self.text().into(),
            place: self.text().into(),
            message: self.text().into(),
        }
    }

    fn paged(&mut self) -> Paged {
        Paged { contact: self.text().into(), at: self.time(), seq: self.count() }
    }

    fn suspect(&mut self) -> Suspect {
        Suspect {
            ci: self.text().into(),
            explains: self.count(),
            of: self.count(),
            change: self.maybe(|dice| SuspectChange {
                number: dice.text().into(),
                ci: dice.text().into(),
                before_ms: dice.number(),
            }),
        }
    }

    fn likely(&mut self) -> Likely {
        Likely {
            places: self.list(3, |dice| (dice.next(), dice.time())),
            parts_at: self.maybe(Self::time),
            perhaps: self.list(2, Self::record),
        }
    }

    fn storm(&mut self) -> Storm {
        Storm {
            rule: self.text().into(),
            key: self.text().into(),
            began_at: self.time(),
            calm_since: self.maybe(Self::time),
            ended_at: self.maybe(Self::time),
        }
    }

    pub(super) fn entry(&mut self) -> Entry {
        Entry {
            at: self.time(),
            what: self.word::<Happening>(125),
            count: self.count(),
            text: self.text(),
            path: self.maybe(Self::path),
        }
    }

    pub(super) fn notice(&mut self) -> Notice {
        Notice {
            id: NoticeId { incident: self.record(), seq: self.count() },
            kind: self.word::<NoticeKind>(3),
            target: self.text().into(),
            contact: self.text().into(),
            channels: self.list(3, |dice| dice.text().into()),
            channel: self.count(),
            because: self.text(),
            also: self.list(3, Self::record),
            also_more: self.count(),
            created_at: self.time(),
            state: self.word::<NoticeState>(2),
            due_at: self.time(),
            attempts: self.count(),
            last_error: self.text(),
        }
    }

    fn span(&mut self) -> Duration {
        Duration::from_millis(self.number())
    }

    fn step(&mut self) -> Step {
        let due =
            if self.flip() { Due::After(self.span()) } else { Due::Share(self.count() as u16) };
        let action = match self.below(6) {
            0 => Action::NextLine,
            1 => Action::Notify(Target::Assigned),
            2 => Action::Notify(Target::Manager),
            5 => Action::Notify(Target::Lead),
            3 => Action::Notify(Target::Team(self.text().into())),
            _ => Action::Notify(Target::Contact(self.text().into())),
        };
        let only = Only {
            priorities: self.list(2, |dice| dice.word::<Priority>(4)),
            states: self.list(2, |dice| dice.word::<StateName>(7)),
            hours: self.maybe(|dice| dice.text().into()),
        };
        Step { due, action, repeat: self.maybe(Self::span), only }
    }

    pub(super) fn policy(&mut self) -> (PolicyHash, Arc<Policy>) {
        let policy = Policy {
            name: self.text().into(),
            functional: self.list(3, Self::step),
            hierarchical: self.list(3, Self::step),
            resolution: self.list(3, Self::step),
            acceptance: self.list(3, Self::step),
        };
        (PolicyHash(self.number()), Arc::new(policy))
    }

    pub(super) fn recurrence(&mut self) -> (u64, Recurrence) {
        (self.number(), Recurrence { incident: self.record(), resolved_at: self.time() })
    }

    pub(super) fn delivery(&mut self) -> (DeliveryId, Timestamp) {
        let id = u128::from(self.next()) << 64 | u128::from(self.next());
        (DeliveryId(id.to_be_bytes()), self.time())
    }

    pub(super) fn position(&mut self) -> Position {
        let halted = |dice: &mut Self| Halted { at: dice.time(), why: dice.text().into() };
        Position {
            partition: Partition {
                source: self.text().into(),
                topic: self.text().into(),
                number: self.next() as u32,
            },
            cluster: self.text().into(),
            next: self.next(),
            edge: self.maybe(|dice| dice.word::<Edge>(2)),
            mark: self.maybe(Self::next),
            turn: self.next() as u32,
            is_late: self.flip(),
            halted: self.maybe(halted),
            minute: self.next(),
            good: self.next() as u32,
            bad: self.next() as u32,
        }
    }

    pub(super) fn quarantined(&mut self) -> Quarantined {
        Quarantined {
            id: QuarantineId(self.number()),
            at: self.time(),
            what: Unhandled {
                source: self.text().into(),
                format: self.text().into(),
                cause: self.word::<Cause>(3),
                reason: self.text(),
                content_type: self.text().into(),
                body: self.list(9, |dice| dice.next() as u8).into(),
                origin: self.maybe(|dice| Origin {
                    topic: dice.text().into(),
                    partition: dice.next() as u32,
                    offset: dice.next(),
                }),
            },
        }
    }

    pub(super) fn bulletin(&mut self) -> Bulletin {
        Bulletin {
            seq: self.number(),
            incident: self.record(),
            kind: self.word::<BulletinKind>(12),
            at: self.time(),
            by: self.maybe(|dice| dice.text().into()),
            changed: self.list(4, |dice| dice.word::<BulletinField>(16)),
            happened: self.list(3, |dice| Happened {
                what: dice.word::<Happening>(109),
                count: dice.count(),
                text: dice.text(),
            }),
            version: self.count(),
            revision: self.count(),
            outline: self.outline(),
        }
    }

    fn outline(&mut self) -> Outline {
        Outline {
            state: self.word::<StateName>(7),
            title: self.text(),
            priority: self.word::<Priority>(4),
            impact: self.word::<Impact>(3),
            urgency: self.word::<Urgency>(3),
            category: self.maybe(|dice| dice.text().into()),
            team: self.maybe(|dice| dice.text().into()),
            assignee: self.maybe(|dice| dice.text().into()),
            holder: self.maybe(|dice| dice.text().into()),
            ci: self.maybe(|dice| dice.text().into()),
            parent: self.maybe(Self::record),
            members: self.count(),
            firing: self.count(),
            flags: Flags { major: self.flip(), quiet: self.flip() },
            known_error: self.maybe(|dice| dice.text().into()),
            opened_at: self.time(),
        }
    }

    pub(super) fn learned(&mut self) -> (LearnedKey, LearnedRow) {
        let key = match self.below(5) {
            0 => LearnedKey::All,
            1 => LearnedKey::Unbound,
            2 => LearnedKey::Name(self.text().into()),
            3 => LearnedKey::Source(self.text().into()),
            _ => LearnedKey::Place(self.number()),
        };
        let intervals_ms = self.list(4, |dice| dice.next() as u32);
        let (joined, opened) = (self.next() as u32, self.next() as u32);
        (key, LearnedRow { joined, opened, intervals_ms, resolves: self.flip() })
    }

    pub(super) fn counters(&mut self) -> Counters {
        Counters {
            next_record: self.number(),
            batch: self.number(),
            now: self.time(),
            sources: self.list(4, |dice| dice.text().into()),
            quarantined: self.number(),
            journaled: self.number(),
            audited: self.number(),
            seal: self.seal(),
            listening_since: self.time(),
            bulletins: self.number(),
        }
    }

    pub(super) fn journal(&mut self) -> JournalEntry {
        JournalEntry {
            seq: self.number(),
            at: self.time(),
            source: self.text().into(),
            labels: self.labels(),
            severity: self.maybe(|dice| dice.text().into()),
            starts_at: self.time(),
            ended_at: self.maybe(Self::time),
        }
    }

    fn seal(&mut self) -> Seal {
        let bytes: Vec<u8> = (0..4).flat_map(|_| self.next().to_be_bytes()).collect();
        Seal(bytes.try_into().unwrap())
    }

    fn silence_id(&mut self) -> SilenceId {
        SilenceId((u128::from(self.next()) << 64) | u128::from(self.next()))
    }

    pub(super) fn silence(&mut self) -> Silence {
        Silence {
            id: self.silence_id(),
            matchers: self.list(3, |dice| SilenceMatcher {
                name: dice.text().into(),
                value: dice.text().into(),
                is_regex: dice.flip(),
                is_equal: dice.flip(),
            }),
            cis: self.list(3, |dice| dice.text().into()),
            rule: self.maybe(|dice| dice.text().into()),
            source: self.maybe(|dice| dice.text().into()),
            starts_at: self.time(),
            ends_at: self.time(),
            updated_at: self.time(),
            created_by: self.text().into(),
            comment: self.text().into(),
            annotations: self.labels(),
        }
    }

    pub(super) fn planned_change(&mut self) -> PlannedChange {
        use ChangeState::{Approved, Cancelled, Done, InProgress, Planned};
        PlannedChange {
            number: self.text().into(),
            cis: self.list(3, |dice| dice.text().into()),
            starts_at: self.time(),
            ends_at: self.time(),
            state: [Planned, Approved, InProgress, Done, Cancelled][self.below(5) as usize],
            owner: self.text().into(),
            summary: self.text().into(),
            source: self.text().into(),
        }
    }

    pub(super) fn override_(&mut self) -> Override {
        Override {
            number: self.number(),
            team: self.text().into(),
            from: self.time(),
            until: self.time(),
            contact: self.text().into(),
            by: self.text().into(),
            made_at: self.time(),
            note: self.text().into(),
        }
    }

    pub(super) fn credits(&mut self) -> Credits {
        Credits {
            rule: self.text().into(),
            last: self.time(),
            counts: Counts(core::array::from_fn(|_| self.number())),
        }
    }

    pub(super) fn audit(&mut self) -> AuditEntry {
        AuditEntry {
            seq: self.number(),
            at: self.time(),
            by: self.text().into(),
            action: self.text().into(),
            object: self.text().into(),
            detail: self.text(),
            seal: self.seal(),
        }
    }

    /// Rows of few names, so that one set has much in common with the next; sorted and without
    /// duplicates, as checked rows are.
    pub(super) fn rows(&mut self) -> Rows {
        let name = |dice: &mut Self| format!("ci {}", dice.below(8));
        let cis: BTreeMap<String, Arc<CiRow>> = self
            .list(8, |dice| {
                let name = name(dice);
                Arc::new(dice.ci(&name))
            })
            .into_iter()
            .map(|ci| (ci.name.to_string(), ci))
            .collect();
        let mut relations = self.list(8, |dice| RelationRow {
            from: name(dice).into(),
            relation: if dice.flip() { "runs".into() } else { "powers".into() },
            to: name(dice).into(),
            facts: dice.facts().map(Arc::new),
        });
        relations.sort();
        relations.dedup_by(|a, b| a.ends() == b.ends());
        let types: BTreeMap<Box<str>, RelationType> = self
            .list(3, Self::relation_type)
            .into_iter()
            .map(|relation| (relation.name.clone(), relation))
            .collect();
        let (types, cis) = (types.into_values().collect(), cis.into_values().collect());
        Rows { types, cis, relations }
    }

    fn facts(&mut self) -> Option<Facts> {
        let facts = Facts {
            source: if self.flip() { self.text().into() } else { Arc::from("") },
            valid_from: self.maybe(Self::time),
            valid_until: self.maybe(Self::time),
            seen_at: self.maybe(Self::time),
        };
        (!facts.is_empty()).then_some(facts)
    }

    pub(super) fn change(&mut self, version: u64) -> Change {
        Change {
            version,
            at: self.time(),
            by: self.text().into(),
            what: self.text().into(),
            cis_added: self.number(),
            cis_removed: self.number(),
            attributes: self.number(),
            relations_added: self.number(),
            relations_removed: self.number(),
            relations_changed: self.number(),
            confirmed: self.number(),
        }
    }

    pub(super) fn ci(&mut self, name: &str) -> CiRow {
        CiRow {
            name: name.into(),
            class: self.text().into(),
            attributes: self.pairs().into_iter().collect(),
            labels: self.labels(),
        }
    }

    pub(super) fn relation_type(&mut self) -> RelationType {
        RelationType {
            name: self.text().into(),
            converse: self.text().into(),
            suffers: self.word::<End>(2),
        }
    }
}
