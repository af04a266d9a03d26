//! Calendars over the leaps of clocks: by table where they are known, by law where they are not.

use proptest::prelude::*;

use super::*;
use crate::rules::source::SourceFile;
use crate::rules::{RuleSet, load};

fn time(text: &str) -> Timestamp {
    Timestamp::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn set(calendars: &str) -> RuleSet {
    let text = format!("version: 1\ncalendars: {{{calendars}}}\n");
    let loaded = load(&[SourceFile { name: "c.yaml".into(), text }]);
    loaded.set.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
}

fn calendar(text: &str) -> Calendar {
    (*set(&format!("x: {text}")).calendars["x"]).clone()
}

fn codes_of(calendars: &str) -> Vec<(&'static str, String)> {
    let text = format!("version: 1\ncalendars: {{{calendars}}}\n");
    let loaded = load(&[SourceFile { name: "c.yaml".into(), text }]);
    assert!(loaded.set.is_none(), "{calendars}");
    let told = |d: &crate::rules::Diagnostic| format!("{} {} {}", d.message, d.label, d.help);
    loaded.diagnostics.iter().map(|d| (d.code.id, told(d))).collect()
}

const OFFICE: &str = "{zone: Europe/Berlin, hours: [{days: [mon-fri], from: '09:00', to: '17:00'}], \
                      holidays: ['2026-12-25', '01-01']}";

#[test]
fn hours_are_those_of_the_zone_and_half_open() {
    let office = calendar(OFFICE);
    for (at, covered) in [
        ("2026-11-20T07:59:59.999Z", false),
        ("2026-11-20T08:00:00Z", true),
        ("2026-11-20T15:59:59.999Z", true),
        ("2026-11-20T16:00:00Z", false),
        ("2026-11-21T10:00:00Z", false),
        ("2026-07-01T07:00:00Z", true),
        ("2026-07-01T15:00:00Z", false),
        ("2026-12-25T10:00:00Z", false),
        ("2025-12-25T10:00:00Z", true),
        ("2026-01-01T10:00:00Z", false),
        ("2027-01-01T10:00:00Z", false),
    ] {
        assert_eq!(office.covers(time(at)), covered, "{at}");
    }
    assert_eq!(
        office.next_change(time("2026-11-20T16:00:00Z")),
        Some(time("2026-11-23T08:00:00Z"))
    );
    assert_eq!(
        office.next_change(time("2026-12-24T12:00:00Z")),
        Some(time("2026-12-24T16:00:00Z"))
    );
    assert_eq!(
        office.next_change(time("2026-12-24T16:00:00Z")),
        Some(time("2026-12-28T08:00:00Z"))
    );
}

#[test]
fn a_night_belongs_to_the_day_on_which_it_begins() {
    let night = calendar("{zone: UTC, hours: [{days: fri, from: '22:00', to: '06:00'}]}");
    for (at, covered) in [
        ("2026-11-20T21:59:00Z", false),
        ("2026-11-20T22:00:00Z", true),
        ("2026-11-21T05:59:00Z", true),
        ("2026-11-21T06:00:00Z", false),
        ("2026-11-20T05:00:00Z", false),
    ] {
        assert_eq!(night.covers(time(at)), covered, "{at}");
    }
}

#[test]
fn clocks_that_leap_bend_the_hours_and_break_nothing() {
    let hours = |zone: &str, from: &str, to: &str| {
        calendar(&format!("{{zone: {zone}, hours: [{{from: '{from}', to: '{to}'}}]}}"))
    };
    // 2026-03-29 02:00 CET is 03:00 CEST; 2026-10-25 03:00 CEST is 02:00 CET.
    let berlin = |from, to| hours("Europe/Berlin", from, to);
    for (calendar, from, until) in [
        (berlin("02:30", "04:00"), "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"),
        (berlin("01:00", "02:30"), "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"),
        (berlin("02:30", "04:00"), "2026-10-25T00:30:00Z", "2026-10-25T03:00:00Z"),
        (berlin("01:00", "02:30"), "2026-10-24T23:00:00Z", "2026-10-25T01:30:00Z"),
        // Half an hour back at 02:00 +11, forward at 02:00 +10:30.
        (
            hours("Australia/Lord_Howe", "01:00", "03:00"),
            "2026-04-04T14:00:00Z",
            "2026-04-04T16:30:00Z",
        ),
        (
            hours("Australia/Lord_Howe", "01:00", "03:00"),
            "2026-10-03T14:30:00Z",
            "2026-10-03T16:00:00Z",
        ),
        (hours("Asia/Kolkata", "09:00", "10:00"), "2026-05-05T03:30:00Z", "2026-05-05T04:30:00Z"),
        // There was no 2018-11-04 00:00.
        (
            hours("America/Sao_Paulo", "00:00", "01:30"),
            "2018-11-04T03:00:00Z",
            "2018-11-04T03:30:00Z",
        ),
    ] {
        let before = time(from).minus(Duration::from_millis(1));
        assert!(!calendar.covers(before) && calendar.covers(time(from)), "{calendar} {from}");
        assert_eq!(calendar.next_change(before), Some(time(from)), "{calendar}");
        assert_eq!(calendar.next_change(time(from)), Some(time(until)), "{calendar} {from}");
    }
    // Samoa went from the 29th to the 31st of December 2011.
    let friday = calendar("{zone: Pacific/Apia, hours: [{days: fri, from: '08:00', to: '12:00'}]}");
    let thursday = time("2011-12-30T00:00:00Z");
    assert_eq!(friday.next_change(thursday), Some(time("2012-01-05T18:00:00Z")));
}

#[test]
fn working_time_stands_still_outside_of_the_hours() {
    let office = calendar(OFFICE);
    for (start, hours, end) in [
        ("2026-11-20T15:00:00Z", 0, "2026-11-20T15:00:00Z"),
        ("2026-11-20T15:00:00Z", 1, "2026-11-20T16:00:00Z"),
        ("2026-11-20T15:00:00Z", 2, "2026-11-23T09:00:00Z"),
        ("2026-11-21T00:00:00Z", 8, "2026-11-23T16:00:00Z"),
        ("2026-11-20T08:00:00Z", 27, "2026-11-25T11:00:00Z"),
        ("2026-12-24T08:00:00Z", 16, "2026-12-28T16:00:00Z"),
    ] {
        let working = Duration::from_hours(hours);
        assert_eq!(office.after(time(start), working), time(end), "{start} and {hours} h");
        assert_eq!(office.between(time(start), time(end)), working);
    }
    let always = calendar("{zone: UTC}");
    assert_eq!(always.next_change(time("2026-11-20T15:00:00Z")), None);
    let week = Duration::from_hours(24 * 7);
    assert_eq!(always.after(Timestamp::EPOCH, week), Timestamp::EPOCH.plus(week));
}

#[test]
fn a_calendar_includes_others_except_on_its_own_days_off() {
    let set = set(&format!(
        "all: {{zone: Europe/Berlin, include: [office, sale], holidays: ['2026-11-20']}}, \
         office: {OFFICE}, sale: {{zone: UTC, hours: [{{days: sat, from: '10:00', to: '14:00'}}]}}"
    ));
    for (at, covered) in [
        ("2026-11-19T10:00:00Z", true),
        ("2026-11-20T10:00:00Z", false),
        ("2026-11-21T10:00:00Z", true),
        ("2026-11-21T14:00:00Z", false),
        ("2026-12-25T10:00:00Z", false),
    ] {
        assert_eq!(set.calendars["all"].covers(time(at)), covered, "{at}");
    }
    assert!(set.calendars["office"].covers(time("2026-11-20T10:00:00Z")));
    let told = "Europe/Berlin without 1 days; mon-fri 09:00-17:00 Europe/Berlin without 3 days; sat 10:00-14:00 UTC without 1 days";
    assert_eq!(set.calendars["all"].to_string(), told);
}

#[test]
fn hours_of_a_zone_in_which_it_is_still_yesterday_are_not_passed_over() {
    let set = set("all: {zone: UTC, include: [east, west]}, \
         east: {zone: Australia/Lord_Howe, hours: [{days: wed, from: '07:23', to: '07:24'}]}, \
         west: {zone: Asia/Kathmandu, hours: [{days: wed, from: '00:00', to: '01:53'}]}");
    let now = time("2022-10-24T13:00:00Z");
    let (west, east) = (time("2022-10-25T18:15:00Z"), time("2022-10-25T20:23:00Z"));
    assert_eq!(set.calendars["all"].next_change(now), Some(west));
    assert_eq!(set.calendars["east"].next_change(now), Some(east));
}

#[test]
fn what_is_wrong_with_a_calendar_is_told_with_the_remedy() {
    for (text, code, says) in [
        ("a: {zone: Europe/Berlln}", "R0213", "did you mean `Europe/Berlin`?"),
        ("a: {zone: Middle/Earth}", "R0213", "`Middle/Earth` is not known"),
        ("a: {hours: [{from: '1:00', to: '02:00'}]}", "R0102", "needs `zone`"),
        ("a: {zone: UTC, hours: [{from: '9:00', to: '17:00'}]}", "R0107", "`9:00` is no time"),
        ("a: {zone: UTC, hours: [{from: '09:00', to: '24:01'}]}", "R0107", "at most '24:00'"),
        ("a: {zone: UTC, hours: [{from: '09:00', to: '09:00'}]}", "R0107", "'00:00', to: '24:00'"),
        ("a: {zone: UTC, hours: [{days: [monday], from: '09:00', to: '10:00'}]}", "R0107", "`mon`"),
        ("a: {zone: UTC, hours: []}", "R0107", "expected 1 to 64"),
        ("a: {zone: UTC, holidays: ['2026-02-29']}", "R0107", "`2026-02-29` is no date"),
        ("a: {zone: UTC, include: [b]}", "R0202", "calendar `b` is not defined"),
        ("a: {zone: UTC, include: b}, b: {zone: UTC, include: a}", "R0211", "a -> b -> a"),
        ("a: {zone: UTC, hour: []}", "R0101", "did you mean `hours`?"),
    ] {
        let found = codes_of(text);
        let hit = found.iter().any(|(id, told)| *id == code && told.contains(says));
        assert!(hit, "{text}: {found:#?}");
    }
}

#[test]
fn calendars_that_double_each_other_are_refused_before_they_are_many() {
    let first = [("a", "'01-01'"), ("b", "'01-02'")];
    let first = first.map(|(name, off)| format!("{name}0: {{zone: UTC, holidays: {off}}}"));
    let more = (1..28).flat_map(|n| {
        let include = format!("zone: UTC, include: [a{0}, b{0}]", n - 1);
        [format!("a{n}: {{{include}, holidays: '02-{n:02}'}}"), format!("b{n}: {{{include}}}")]
    });
    let all: Vec<String> = first.into_iter().chain(more).collect();
    assert!(codes_of(&all.join(", ")).iter().any(|(code, _)| *code == "R0211"));
}

const ZONES: [&str; 8] = [
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Casablanca",
];

fn part() -> impl Strategy<Value = Part> {
    let hours = (1..128_u8, 0..DAY_MINUTES, 1..=DAY_MINUTES)
        .prop_map(|(days, from, length)| Hours { days: Days(days), from, until: from + length });
    let zone = proptest::sample::select(&ZONES[..]).prop_map(|name| Zone::find(name).unwrap());
    let off = (1..=12_i8, 1..=28_i8).prop_map(|(month, day)| Holiday::Yearly(month, day));
    (zone, prop::collection::vec(hours, 1..3), prop::collection::btree_set(off, 0..3))
        .prop_map(|(zone, hours, holidays)| Part { zone, hours, holidays })
}

fn any_calendar() -> impl Strategy<Value = Calendar> {
    prop::collection::vec(part(), 1..3).prop_map(|parts| Calendar { parts })
}

/// Between 2005 and 2030, often at a leap.
fn any_time() -> impl Strategy<Value = Timestamp> {
    let leap = (proptest::sample::select(&ZONES[..]), 0..25_i64, -200..200_i64).prop_map(
        |(name, year, minutes)| {
            let tz = time_zone(name);
            let from = jiff::Timestamp::from_second(1_104_537_600 + year * 31_557_600).unwrap();
            let leap = tz.following(from).next().map_or(from, |leap| leap.timestamp());
            Timestamp::from_millis(leap.as_millisecond() + minutes * 60_000)
        },
    );
    prop_oneof![leap, (1_104_537_600_000..1_893_456_000_000_i64).prop_map(Timestamp::from_millis)]
}

fn time_zone(name: &str) -> jiff::tz::TimeZone {
    jiff::tz::TimeZoneDatabase::bundled().get(name).unwrap()
}

proptest! {
    #[test]
    fn nothing_changes_before_the_next_change_and_it_does_then(
        calendar in any_calendar(), now in any_time(), share in 0.0..1.0_f64,
    ) {
        let covered = calendar.covers(now);
        if let Some(next) = calendar.next_change(now) {
            prop_assert!(next > now);
            prop_assert_eq!(calendar.covers(next), !covered);
            let within = now.plus(next.since(now).mul_f64(share).saturating_sub(Duration::from_millis(1)));
            prop_assert_eq!(calendar.covers(within), covered, "{} {}", calendar, within);
        }
    }

    #[test]
    fn exactly_the_working_time_lies_before_its_end(
        calendar in any_calendar(), start in any_time(), minutes in 0..200_u64,
    ) {
        let working = Duration::from_mins(minutes);
        let end = calendar.after(start, working);
        // A minute a week does not make hours within the years that are searched.
        prop_assume!(end < horizon(start));
        prop_assert_eq!(calendar.between(start, end), working);
        if end > start {
            let before = end.minus(Duration::from_millis(1));
            prop_assert!(calendar.between(start, before) < working, "{} {}", calendar, end);
        }
    }

    #[test]
    fn away_from_leaps_the_clock_on_the_wall_says_what_is_covered(
        part in part(), now in any_time(),
    ) {
        let near = Duration::from_hours(48);
        let tz = time_zone(part.zone.name());
        let from = jiff::Timestamp::from_millisecond(now.minus(near).millis()).unwrap();
        let until = jiff::Timestamp::from_millisecond(now.plus(near).millis()).unwrap();
        prop_assume!(tz.following(from).next().is_none_or(|leap| leap.timestamp() > until));
        let local = part.zone.local(now);
        let minute = u16::try_from(local.hour()).unwrap() * 60 + u16::try_from(local.minute()).unwrap();
        let off = |date: Date| part.holidays.contains(&Holiday::Yearly(date.month(), date.day()));
        let today = local.date();
        let yesterday = today.yesterday().unwrap();
        let expected = part.hours.iter().any(|hours| {
            let at = |date: Date, minute: u16| {
                !off(date) && hours.days.has(date.weekday()) && hours.from <= minute && minute < hours.until
            };
            at(today, minute) || at(yesterday, minute + DAY_MINUTES)
        });
        let calendar = Calendar { parts: vec![part] };
        prop_assert_eq!(calendar.covers(now), expected, "{} {}", calendar, now);
    }
}
