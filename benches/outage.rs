//! A storm: a row of racks says 100,000 things in a minute, and a critical alert outside it comes in
//! the midst.
#![allow(unreachable_pub, reason = "a module of a benchmark")]

use std::sync::Arc;
use std::time::Duration;

use incidentd::clock;
use incidentd::cmdb::Topology;
use incidentd::engine::State;
use incidentd::engine::changes::Saved;
use incidentd::engine::context::Context;
use incidentd::engine::event::Event;
use incidentd::model::incident::IncidentId;
use incidentd::model::labels::Labels;
use incidentd::model::notice::{Notice, NoticeKind, NoticeState};
use incidentd::model::time::Timestamp;
use incidentd::rules::SourceFile;

use super::{START, context, estate, line, received};

const ALERTS: usize = 100_000;
const CIS: usize = 10_000;
const MINUTE: Duration = Duration::from_mins(1);

/// Which of the alerts is the one outside the storm.
const OUTSIDE: usize = 60_000;

const STORM: &str = concat!("version: 1\nnamespace: ops\n", include_str!("row-storm.yaml"));

/// Who was paged for what, and when in the storm's own time.
struct Page {
    incident: IncidentId,
    at: Timestamp,
}

/// Prints what becomes of the storm. The engine's work is done as it falls due: what comes while it
/// is busy waits.
pub fn measure() {
    let topology = Arc::new(Topology::new(1, estate::rows(CIS)).unwrap());
    let ctx = context(&rules(), &topology);
    let mut state = State::restore(Saved::default(), &ctx, START);
    let mut pages = Vec::new();
    let (mut free_at, mut outside_paged_after, mut busy) = (Duration::ZERO, None, Duration::ZERO);
    let arrival = |n: usize| MINUTE * u32::try_from(n).unwrap() / u32::try_from(ALERTS).unwrap();
    let outside = arrival(OUTSIDE);
    for n in 0..ALERTS {
        let arrives = arrival(n);
        let at = START.plus(arrives);
        let event = received(alert(n), at);
        let began = clock::monotonic();
        step(&mut state, &ctx, &event, at, &mut pages);
        let took = clock::monotonic().saturating_sub(began);
        busy += took;
        free_at = free_at.max(arrives) + took;
        let own = pages.iter().skip(1).find(|page| page.at >= START.plus(outside));
        if n >= OUTSIDE && outside_paged_after.is_none() && own.is_some() {
            outside_paged_after = Some(free_at.saturating_sub(outside));
        }
    }
    let end = START.plus(MINUTE * 5);
    pass_time(&mut state, &ctx, end, &mut pages);
    let storms = state.incidents().filter(|it| it.storm.is_some() && it.parent.is_none());
    let open = state.incidents().filter(|it| it.parent.is_none()).count();
    let storm: Vec<IncidentId> = storms.map(|it| it.id).collect();
    let of_storm = pages.iter().filter(|page| storm.contains(&page.incident)).count();
    line(&format!("storm of {ALERTS} alerts in a minute: incidents"), &(open - 1).to_string(), "1");
    line("  pages for it", &of_storm.to_string(), "1");
    line("  pages in all", &pages.len().to_string(), "2");
    let after = outside_paged_after
        .map_or("never".into(), |it| format!("{:.2} ms", it.as_secs_f64() * 1e3));
    line("  the critical alert outside it is paged after", &after, "5 s");
    line("  the engine is busy for", &format!("{:.2} s", busy.as_secs_f64()), "60 s");
}

/// All that is shipped, and the storm.
fn rules() -> Vec<SourceFile> {
    let mut files = vec![SourceFile { name: "storm.yaml".into(), text: STORM.into() }];
    let shipped = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/rules/base")).unwrap();
    for file in shipped.map(|entry| entry.unwrap().path()) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        files.push(SourceFile { name, text: std::fs::read_to_string(&file).unwrap() });
    }
    files
}

/// A fifth of the CIs are of the row.
fn alert(n: usize) -> Labels {
    if n == OUTSIDE {
        let mut pairs = [("alertname", "VaultOpen"), ("ci", "vault"), ("severity", "critical")];
        return Labels::build(&mut pairs).unwrap();
    }
    let (name, ci) = (format!("Alarm{}", n / (CIS / 5)), format!("ci-{:07}", n % (CIS / 5)));
    let mut pairs = [
        ("alertname", &*name),
        ("ci", &*ci),
        ("row", "row-7"),
        ("severity", "warning"),
        ("team", "platform"),
    ];
    Labels::build(&mut pairs).unwrap()
}

fn step(state: &mut State, ctx: &Context, event: &Event, at: Timestamp, pages: &mut Vec<Page>) {
    pass_time(state, ctx, at, pages);
    state.apply(ctx, event, at);
    deliver(state, ctx, at, pages);
}

fn pass_time(state: &mut State, ctx: &Context, to: Timestamp, pages: &mut Vec<Page>) {
    while let Some(due) = state.next_due().filter(|due| *due <= to) {
        state.apply(ctx, &Event::Tick, due);
        deliver(state, ctx, due, pages);
    }
}

fn deliver(state: &mut State, ctx: &Context, at: Timestamp, pages: &mut Vec<Page>) {
    std::hint::black_box(state.drain(ctx));
    let pending = |notice: &&Notice| notice.state == NoticeState::Pending && notice.due_at <= at;
    loop {
        let Some(notice) = state.notices().find(pending).cloned() else { return };
        let (id, channel) = (notice.id, notice.channel_name().into());
        if notice.kind == NoticeKind::Page {
            pages.push(Page { incident: id.incident, at });
        }
        state.apply(ctx, &Event::Delivered { notice: id, channel, thread: None }, at);
        std::hint::black_box(state.drain(ctx));
    }
}
