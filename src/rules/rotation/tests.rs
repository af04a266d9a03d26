//! Rotations: by table what files say, by law what every clock does to them.

use proptest::prelude::*;

use super::*;
use crate::rules::calendar::zone::DAY_MINUTES;
use crate::rules::{Severity, load};

fn time(text: &str) -> Timestamp {
    Timestamp::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

const PEOPLE: &str =
    "contacts: {anna: {channels: log}, bert: {channels: log}, carla: {channels: log}}\n";

fn file(sections: &str) -> SourceFile {
    SourceFile { name: "r.yaml".into(), text: format!("version: 1\n{PEOPLE}{sections}\n") }
}

fn set(sections: &str) -> RuleSet {
    let loaded = load(&[file(sections)]);
    loaded.set.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
}

const ROTATIONS: &str = "
calendars:
  weekend: {zone: Europe/Berlin, hours: [{days: [sat, sun], from: '00:00', to: '24:00'}]}
rotations:
  shop:
    zone: Europe/Berlin
    layers:
      - {members: [anna, bert], every: 1w, handover: {day: mon, at: '09:00'}, start: 2026-01-05}
      - {members: carla, every: 1d, handover: {at: '00:00'}, start: 2026-02-01, hours: weekend}
    overrides:
      - {from: 2026-12-24T09:00, to: 2026-12-26T09:00, contact: carla}
teams:
  shop: {members: [bert, anna], on_call: shop}
  plain: {members: [carla]}
";

#[test]
fn the_shift_changes_at_the_hour_on_the_wall() {
    let set = set(ROTATIONS);
    for (at, contact) in [
        ("2026-01-05T07:59:59.999Z", None),
        ("2026-01-05T08:00:00Z", Some("anna")),
        ("2026-01-12T07:59:59.999Z", Some("anna")),
        ("2026-01-12T08:00:00Z", Some("bert")),
        // Summer: nine o'clock comes an hour earlier.
        ("2026-03-30T06:59:59.999Z", Some("bert")),
        ("2026-03-30T07:00:00Z", Some("anna")),
        ("2026-10-26T07:59:59.999Z", Some("bert")),
        ("2026-10-26T08:00:00Z", Some("anna")),
        // A weekend before the second layer began, and one after.
        ("2026-01-31T12:00:00Z", Some("bert")),
        ("2026-02-07T12:00:00Z", Some("carla")),
        ("2026-02-08T22:59:59.999Z", Some("carla")),
        ("2026-02-08T23:00:00Z", Some("anna")),
        ("2026-12-24T07:59:59.999Z", Some("anna")),
        ("2026-12-24T08:00:00Z", Some("carla")),
    ] {
        assert_eq!(set.rotations["shop"].on_call(time(at)), contact, "{at}");
    }
}

#[test]
fn a_team_without_anybody_on_call_has_its_first_member() {
    let set = set(ROTATIONS);
    for (team, at, contact, hole) in [
        ("shop", "2026-01-05T08:00:00Z", "anna", None),
        ("shop", "2026-01-05T07:00:00Z", "bert", Some("shop")),
        ("plain", "2026-01-05T07:00:00Z", "carla", None),
        ("nobody", "2026-01-05T07:00:00Z", "default", None),
    ] {
        assert_eq!(set.on_call(team, time(at)), OnCall { contact, hole }, "{team} {at}");
    }
}

#[test]
fn shifts_follow_each_other_and_holes_are_warned_of() {
    let set = set(ROTATIONS);
    let shifts =
        set.rotations["shop"].shifts(time("2026-01-01T00:00:00Z"), time("2026-02-08T00:00:00Z"));
    let told: Vec<_> =
        shifts.iter().map(|it| (it.contact.as_deref(), it.until.to_string())).collect();
    let expected = [
        (None, "2026-01-05T08:00:00.000Z"),
        (Some("anna"), "2026-01-12T08:00:00.000Z"),
        (Some("bert"), "2026-01-19T08:00:00.000Z"),
        (Some("anna"), "2026-01-26T08:00:00.000Z"),
        (Some("bert"), "2026-01-31T23:00:00.000Z"),
        (Some("carla"), "2026-02-01T23:00:00.000Z"),
        (Some("bert"), "2026-02-02T08:00:00.000Z"),
        (Some("anna"), "2026-02-06T23:00:00.000Z"),
        (Some("carla"), "2026-02-08T00:00:00.000Z"),
    ];
    assert_eq!(told, expected.map(|(contact, until)| (contact, until.to_owned())));

    let files = [file(ROTATIONS)];
    assert_eq!(set.gaps(&files, time("2026-01-05T08:00:00Z")), []);
    let gaps = set.gaps(&files, time("2026-01-01T00:00:00Z"));
    let [gap] = &gaps[..] else { panic!("{gaps:#?}") };
    assert_eq!((gap.code.id, gap.severity, gap.line), ("R0307", Severity::Warning, 8));
    assert_eq!(gap.label, "from 2026-01-01 01:00 CET to 2026-01-05 09:00 CET");
}

#[test]
fn what_is_wrong_with_a_rotation_is_told_with_the_remedy() {
    let one = |layer: &str| format!("rotations: {{r: {{zone: UTC, layers: [{{{layer}}}]}}}}");
    let good = "members: anna, handover: {at: '09:00'}, start: 2026-01-05";
    let two = |more: &str| format!("rotations: {{r: {{zone: UTC, layers: [{{{good}}}], {more}}}}}");
    for (text, code, says) in [
        (one("members: anna, handover: {at: '09:00'}"), "R0102", "a layer needs `start`"),
        (one("members: anna, start: 2026-01-05"), "R0102", "a layer needs `handover`"),
        (one("members: ann, handover: {at: '09:00'}, start: 2026-01-05"), "R0202", "`anna`?"),
        (one(&format!("{good}, every: 3x")), "R0107", "such as 1d or 2w"),
        (one(&format!("{good}, every: 0d")), "R0107", "such as 1d or 2w"),
        (one(&format!("{good}, hours: never")), "R0202", "calendar `never` is not defined"),
        (
            one("members: anna, handover: {day: mon, at: '09:00'}, start: 2026-01-07"),
            "R0214",
            "2026-01-07 is a wed the hand-over is on mon write   start: 2026-01-05",
        ),
        (
            one("members: anna, every: 3d, handover: {day: mon, at: '09:00'}, start: 2026-01-05"),
            "R0214",
            "write `every` in weeks",
        ),
        (
            two("overrides: [{from: 2026-01-07T09:00, to: 2026-01-07, contact: anna}]"),
            "R0107",
            "swap `from` and `to`",
        ),
        (two("overrides: [{from: 9, to: 2026-01-07, contact: anna}]"), "R0107", "T09:00"),
        ("teams: {t: {members: anna, on_call: r}}".into(), "R0202", "rotation `r` is not defined"),
        ("rotations: {r: {zone: UTC, layers: []}}".into(), "R0107", "expected 1 to 16"),
    ] {
        let loaded = load(&[file(&text)]);
        assert!(loaded.set.is_none(), "{text}");
        let told = |d: &Diagnostic| format!("{} {} {}", d.message, d.label, d.help);
        let hit = loaded.diagnostics.iter().any(|d| d.code.id == code && told(d).contains(says));
        assert!(hit, "{text}: {:#?}", loaded.diagnostics);
    }
}

#[test]
fn what_covers_another_is_warned_of_and_what_follows_it_is_not() {
    let layers = |second: &str| {
        format!(
            "rotations: {{r: {{zone: UTC, layers: [{{members: anna, handover: {{at: '09:00'}}, \
             start: 2026-01-05}}, {{members: bert, handover: {{at: '09:00'}}, {second}}}]}}}}"
        )
    };
    let overrides = |to: &str| {
        format!(
            "rotations: {{r: {{zone: UTC, layers: [{{members: anna, handover: {{at: '09:00'}}, \
             start: 2026-01-05}}], overrides: [{{from: 2026-02-01, to: {to}, contact: bert}}, \
             {{from: 2026-02-03, to: 2026-02-05, contact: carla}}]}}}}"
        )
    };
    for (text, warned) in [
        (layers("start: 2026-01-05"), Some("layer 1 of rotation `r` is never asked")),
        (layers("start: 2026-03-05"), None),
        (layers("start: 2026-01-05, hours: {zone: UTC, between: ['09:00', '17:00']}"), None),
        (overrides("2026-02-04"), Some("bert and carla stand in at the same time")),
        (overrides("2026-02-03"), None),
    ] {
        let found = load(&[file(&text)]).diagnostics;
        let told: Vec<_> = found.iter().map(|d| (d.code.id, &*d.message)).collect();
        let expected: Vec<_> = warned.into_iter().map(|message| ("R0308", message)).collect();
        assert_eq!(told, expected, "{text}");
    }
}

const ZONES: [&str; 12] = [
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/Sao_Paulo",
    "America/Havana",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Gaza",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Africa/Casablanca",
];

fn any_layer() -> impl Strategy<Value = Layer> {
    let start = (2008..2012_i16, 1..=12_i8, 1..=28_i8)
        .prop_map(|(year, month, day)| jiff::civil::date(year, month, day));
    (1..4_usize, 1..15_i64, 0..DAY_MINUTES, start).prop_map(|(count, days, at, start)| {
        let members = (0..count).map(|n| format!("p{n}").into()).collect();
        Layer { members, days, start, at, hours: None }
    })
}

fn rotation(zone: &str, layers: Vec<Layer>) -> Rotation {
    let zone = Zone::find(zone).unwrap();
    Rotation { zone, layers, overrides: Vec::new(), file: "".into(), span: Span::default() }
}

proptest! {
    /// Ten years: the hand-overs are where the clock on the wall says, or at the leap that skips
    /// them, and who has the shift is who is next.
    #[test]
    fn whoever_is_next_has_the_shift_from_one_hand_over_to_the_next(
        zone in proptest::sample::select(&ZONES[..]), layer in any_layer(),
        at_ms in 1_199_145_600_000..1_514_764_800_000_i64,
    ) {
        let now = Timestamp::from_millis(at_ms);
        let rotation = rotation(zone, vec![layer.clone()]);
        let dates = (0_i64..).map(|turn| layer.start.saturating_add((turn * layer.days).days()));
        let past = dates.take_while(|date| rotation.zone.first(*date, layer.at) <= now).count();
        let expected = past.checked_sub(1).map(|turn| &*layer.members[turn % layer.members.len()]);
        prop_assert_eq!(rotation.on_call(now), expected, "{} {} {:?}", zone, now, layer);
    }

    #[test]
    fn shifts_have_no_gap_and_no_overlap(
        zone in proptest::sample::select(&ZONES[..]),
        layers in prop::collection::vec(any_layer(), 1..3),
        at_ms in 1_199_145_600_000..1_514_764_800_000_i64, days in 1..400_u64,
    ) {
        let from = Timestamp::from_millis(at_ms);
        let until = from.plus(Duration::from_hours(24 * days));
        let rotation = rotation(zone, layers);
        let shifts = rotation.shifts(from, until);
        prop_assert_eq!(shifts.first().map(|shift| shift.from), Some(from));
        prop_assert_eq!(shifts.last().map(|shift| shift.until), Some(until));
        for pair in shifts.windows(2) {
            prop_assert_eq!(pair[0].until, pair[1].from);
            prop_assert_ne!(&pair[0].contact, &pair[1].contact);
        }
        for shift in &shifts {
            prop_assert!(shift.from < shift.until);
            for at in [shift.from, shift.until.minus(Duration::from_millis(1))] {
                prop_assert_eq!(rotation.on_call(at), shift.contact.as_deref(), "{} {}", zone, at);
            }
        }
    }
}
