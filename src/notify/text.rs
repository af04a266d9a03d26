//! A notice as text for people: fills the scope of its templates. Alerts' texts are data: they never
//! become a template, a line of their own or a control character.

use super::Briefing;
use crate::model::incident::{Incident, Suspect};
use crate::model::notice::Notice;
use crate::model::progress::Progress;
use crate::model::time::{Brief, Timestamp};
use crate::rules::{Audience, IncidentLine, MessageScope, Part, RuleSet};

/// Alerts that are named one by one; a page is read on a phone.
const ALERTS_MAX: usize = 8;

/// Incidents of a digest that are named one by one.
const ALSO_MAX: usize = 20;

/// Characters of any one text that came from outside.
const FIELD_MAX: usize = 300;

/// Characters of any one text of a rule; a template writes at most 1 KiB.
const SAID_MAX: usize = 1_024;

/// A message for people, in the forms that channels want.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wording {
    /// One line.
    pub(super) subject: String,
    pub(super) text: String,
    /// `None` when there is nothing but the plain text.
    pub(super) html: Option<String>,
}

/// Addresses by which the reader answers; empty where there is nothing to answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answers {
    pub(super) acknowledge: String,
    pub(super) escalate: String,
    pub(super) resolve: String,
    pub(super) confirm: String,
    pub(super) reject: String,
}

/// A text with what went wrong on the way to it.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) text: Wording,
    /// Templates that failed, in words; something simpler stands in their place.
    pub(super) flaws: Vec<String>,
}

/// Writes a notice at `now`. Where a template fails the built-in one stands in, and where even that
/// fails, or the incident cannot be read, a plain text: a page always goes out.
pub(super) fn write(
    rules: &RuleSet,
    notice: &Notice,
    (briefing, answers): (Option<&Briefing>, &Answers),
    now: Timestamp,
) -> Written {
    let Some(briefing) = briefing else {
        let first = format!("{} {}", notice.kind, notice.id.incident);
        return Written { text: plain(notice, first), flaws: Vec::new() };
    };
    let scope = MessageScope {
        ack_url: answers.acknowledge.clone(),
        escalate_url: answers.escalate.clone(),
        resolve_url: answers.resolve.clone(),
        confirm_url: answers.confirm.clone(),
        reject_url: answers.reject.clone(),
        reader: if is_reporter(rules, &notice.contact) {
            Audience::Reporter
        } else {
            Audience::Contact
        },
        ..scope(notice, briefing, now)
    };
    let mut flaws = Vec::new();
    let mut part = |part| {
        let wished = rules.message(&notice.contact, part, &scope);
        wished.or_else(|flaw| {
            flaws.push(flaw);
            rules.built_in_message(part, &scope)
        })
    };
    let (subject, text, html) = (part(Part::Subject), part(Part::Text), part(Part::Html));
    let line = &scope.incident;
    let simple = plain(notice, format!("{} {}: {}", line.priority, line.id, line.title));
    let mut text = Wording {
        subject: subject.unwrap_or(simple.subject),
        text: text.unwrap_or(simple.text),
        html: html.ok(),
    };
    for flaw in &flaws {
        text.text.extend(["\n(", flaw, ")"]);
    }
    Written { text, flaws }
}

fn scope(notice: &Notice, briefing: &Briefing, now: Timestamp) -> MessageScope {
    let Briefing { incident, alerts, services, help, also, last_time } = briefing;
    let named = alerts.iter().take(ALERTS_MAX);
    let labels = alerts.first().map(|(labels, _)| labels.iter());
    let count =
        |all: usize, shown: usize| u32::try_from(all.saturating_sub(shown)).unwrap_or(u32::MAX);
    let more = incident.members.saturating_sub(count(named.len(), 0));
    MessageScope {
        kind: notice.kind.to_string(),
        contact: one_line(&notice.contact),
        because: one_line(&notice.because),
        incident: line(incident, now),
        open: incident.progress.is_open() && incident.parent.is_none(),
        sum: one_line(&incident.assessment.sum),
        last_time: long_line(last_time),
        ack_url: String::new(),
        escalate_url: String::new(),
        resolve_url: String::new(),
        confirm_url: String::new(),
        reject_url: String::new(),
        asked: asked(notice, incident),
        reader: Audience::Contact,
        call: incident.assignments.call.as_deref().map(long_line).unwrap_or_default(),
        team: incident.team.as_deref().map(one_line).unwrap_or_default(),
        rule: incident.rule.as_deref().unwrap_or_default().into(),
        known_error: incident.known_error.as_ref().map(|it| one_line(&it.id)).unwrap_or_default(),
        workaround: long_line(&help.known.workaround),
        cause: long_line(&help.known.cause),
        runbook: long_line(&help.known.runbook),
        fixed_in: one_line(&help.known.fixed_in),
        links: help.links.iter().map(|(name, url)| (one_line(name), long_line(url))).collect(),
        services: services.iter().map(|name| one_line(name)).collect(),
        members: incident.members,
        firing: incident.firing,
        labels: labels
            .into_iter()
            .flatten()
            .map(|(name, value)| (one_line(name).into(), one_line(value).into()))
            .collect(),
        alerts: named
            .map(|(labels, summary)| (one_line(&labels.to_string()), one_line(summary)))
            .collect(),
        more,
        suspects: incident
            .suspects
            .iter()
            .map(|it| Suspect { ci: one_line(&it.ci).into(), ..it.clone() })
            .collect(),
        also: also.iter().take(ALSO_MAX).map(|incident| line(incident, now)).collect(),
        also_more: count(notice.also.len(), also.len().min(ALSO_MAX))
            .saturating_add(notice.also_more),
    }
}

/// True for somebody who reported something and is no contact of the rules.
pub(super) fn is_reporter(rules: &RuleSet, contact: &str) -> bool {
    !rules.contacts.contains_key(contact) && rules.reporting.channel_to(contact).is_some()
}

/// True where the reader's word is waited for.
pub(super) fn asked(notice: &Notice, incident: &Incident) -> bool {
    let confirmation = incident.closure.confirmation.as_ref();
    incident.parent.is_none()
        && matches!(incident.progress, Progress::Resolved { .. })
        && confirmation.is_some_and(|it| it.waits_for(&notice.contact))
}

fn line(incident: &Incident, now: Timestamp) -> IncidentLine {
    IncidentLine {
        id: incident.id.to_string(),
        state: incident.progress.name().to_string(),
        title: one_line(&incident.title),
        priority: incident.assessment.priority.to_string(),
        since: incident.opened_at.to_string(),
        age: Brief(now.since(incident.opened_at)).to_string(),
    }
}

fn plain(notice: &Notice, first: String) -> Wording {
    let text = format!(
        "{first}\nFor {}: {}\n\nincidentd incidents show {}",
        one_line(&notice.contact),
        one_line(&notice.because),
        notice.id.incident
    );
    Wording { subject: first, text, html: None }
}

/// Returns a message that says it is a test, for whoever is to see whether a channel works.
pub(super) fn test(contact: &str, channel: &str, now: Timestamp) -> Wording {
    let (contact, channel) = (one_line(contact), one_line(channel));
    let subject = format!("[TEST] incidentd reaches {contact} by {channel}");
    let text = format!(
        "TEST: a person asked at {now} whether {contact} is reached by {channel}. Nothing is \
         broken, and nobody has to answer."
    );
    Wording { subject, text, html: None }
}

/// Makes one printable line of a text from outside: no line break in it can pretend to be ours, no
/// control or direction character can change what a reader sees.
fn one_line(text: &str) -> String {
    line_of(text, FIELD_MAX)
}

/// Makes one printable line of what rules say; a command that is cut would do harm.
fn long_line(text: &str) -> String {
    line_of(text, SAID_MAX)
}

fn line_of(text: &str, chars_max: usize) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut line: String =
        text.chars().take(chars_max).map(|c| if hidden(c) { ' ' } else { c }).collect();
    if text.chars().nth(chars_max).is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::incident::{KnownError, RecordId};
    use crate::model::labels::Labels;
    use crate::model::notice::NoticeKind;
    use crate::notify::tests::{briefing, page};
    use crate::rules::{KnownErrorText, SourceFile, load};

    const NOW: Timestamp = Timestamp::from_millis(240_000);

    /// Loads rules with these templates.
    fn rules(templates: &str) -> RuleSet {
        let text = format!("version: 1\ntemplates:\n  {templates}\n");
        let loaded = load(&[SourceFile { name: "t.yaml".into(), text }]);
        loaded.set.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
    }

    fn written(rules: &RuleSet, notice: &Notice, briefing: Option<&Briefing>) -> Written {
        write(rules, notice, (briefing, &Answers::default()), NOW)
    }

    fn text_of(notice: &Notice, briefing: Option<&Briefing>) -> String {
        written(&RuleSet::builtin(), notice, briefing).text.text
    }

    #[test]
    fn a_page_says_what_is_broken_since_when_for_whom_and_why_this_person_gets_it() {
        let text = text_of(&page(1042, 3), Some(&briefing(1042)));
        insta::assert_snapshot!(text, @r#"
        P2 INC-1042 (new): Power lost in rack R12, since 1970-01-01T00:00:00.000Z (4m ago), hits checkout. For m.ito: on call for dc-ops
        Last time: INC-977, 12d ago: resolved after 42m: by m.ito: strip replaced
        P2 = impact high (service checkout, tier 1) × urgency medium
        38 alerts, 37 firing; team dc-ops; rule datacenter/rack-power

        - Output 3 of pdu-r12a is off  alertname="PduOutputOff", ci="pdu-r12a"
        and 37 more

        incidentd incidents ack INC-1042
        incidentd incidents show INC-1042
        "#);
    }

    #[test]
    fn what_helps_stands_in_the_text_whole_and_on_lines_of_its_own() {
        let mut told = briefing(1042);
        told.incident.known_error = Some(KnownError {
            id: "KE-0142".into(),
            rule: "ledger/ke".into(),
            quiet_until: None,
            exceeded: None,
        });
        told.help.known = KnownErrorText {
            workaround: "systemctl restart ledger\n".to_owned() + &"x".repeat(400),
            cause: String::new(),
            runbook: "https://wiki.example/ke-0142".into(),
            fixed_in: "ledger 7.4".into(),
        };
        told.help.links = vec![("graphs".into(), "https://graphs.example/?a=<b>".into())];
        let written = written(&RuleSet::builtin(), &page(1042, 3), Some(&told)).text;
        let lines: Vec<&str> = written.text.lines().skip(1).take(8).collect();
        assert_eq!(
            lines,
            [
                &*format!("Known error KE-0142: systemctl restart ledger {}", "x".repeat(400)),
                "Runbook: https://wiki.example/ke-0142",
                "Fixed in: ledger 7.4",
                "Last time: INC-977, 12d ago: resolved after 42m: by m.ito: strip replaced",
                "P2 = impact high (service checkout, tier 1) × urgency medium",
                "38 alerts, 37 firing; team dc-ops; rule datacenter/rack-power",
                "graphs: https://graphs.example/?a=<b>",
                "",
            ]
        );
        let html = written.html.unwrap();
        assert!(
            html.contains("<b>KE-0142</b>: systemctl") && html.contains("a=&lt;b&gt;"),
            "{html}"
        );
    }

    #[test]
    fn links_stand_where_the_reader_can_answer_and_nothing_of_last_time_in_an_update() {
        let answers = Answers {
            acknowledge: "https://i/l/a".into(),
            escalate: "https://i/l/e".into(),
            resolve: "https://i/l/r".into(),
            ..Answers::default()
        };
        let told = briefing(1042);
        let rules = RuleSet::builtin();
        let page = write(&rules, &page(1042, 3), (Some(&told), &answers), NOW).text;
        let last: Vec<&str> = page.text.lines().rev().take(5).collect();
        assert_eq!(
            last,
            [
                "incidentd incidents show INC-1042",
                "incidentd incidents ack INC-1042",
                "Resolve: https://i/l/r",
                "Escalate: https://i/l/e",
                "Acknowledge: https://i/l/a",
            ]
        );
        let html = page.html.unwrap();
        assert!(
            html.contains("<a href=\"https:&#x2f;&#x2f;i&#x2f;l&#x2f;a\">Acknowledge</a>"),
            "{html}"
        );
        let update = Notice { kind: NoticeKind::Update, ..crate::notify::tests::page(1042, 4) };
        let text = text_of(&update, Some(&told));
        assert!(!text.contains("Last time") && !text.contains("Resolve:"), "{text}");
    }

    #[test]
    fn whoever_is_asked_answers_by_link_or_else_by_command() {
        use crate::model::closure::{Confirmation, Reached};
        let mut told = briefing(1042);
        told.incident.progress = Progress::Resolved { at: NOW, by: None, had: None };
        told.incident.closure.confirmation = Some(Confirmation {
            asked_at: NOW,
            due_at: None,
            asked: vec!["Tom".into()],
            reached: vec![Reached { contact: "m.ito".into(), name: "Tom".into() }],
            confirmed: Vec::new(),
            disagreement: None,
        });
        let update = Notice { kind: NoticeKind::Update, ..page(1042, 4) };
        let text = text_of(&update, Some(&told));
        let commands = "incidentd incidents confirm INC-1042\n\
                        incidentd incidents reject INC-1042 -m WHY\n";
        assert!(text.contains(commands), "{text}");
        let (confirm, reject) = ("https://i/l/c".into(), "https://i/l/n".into());
        let answers = Answers { confirm, reject, ..Answers::default() };
        let by_link = write(&RuleSet::builtin(), &update, (Some(&told), &answers), NOW).text;
        let links = "Fixed: https://i/l/c\nNot fixed: https://i/l/n\n";
        assert!(by_link.text.contains(links), "{}", by_link.text);
        assert!(!by_link.text.contains("incidents confirm"), "{}", by_link.text);
        let other = Notice { contact: "eva".into(), ..update };
        assert!(!text_of(&other, Some(&told)).contains("incidents confirm"), "nobody asks eva");
    }

    #[test]
    fn who_reported_it_and_is_no_contact_reads_what_matters_to_them() {
        let loaded = load(&[SourceFile {
            name: "t.yaml".into(),
            text: "version: 1\nreports: {channel: mail}\n".into(),
        }]);
        let rules = loaded.set.unwrap();
        let because = "we have your report: it is INC-1042, team dc-ops has it".into();
        let contact = "tom@x.org".into();
        let notice = Notice { kind: NoticeKind::Update, contact, because, ..page(1042, 4) };
        let answers = Answers {
            confirm: "https://i/l/c".into(),
            reject: "https://i/l/n".into(),
            ..Answers::default()
        };
        let told = Briefing { also: vec![briefing(7).incident], ..briefing(1042) };
        let notice = Notice { also: vec![RecordId(7)], ..notice };
        let Written { text, flaws } = write(&rules, &notice, (Some(&told), &answers), NOW);
        assert!(flaws.is_empty(), "{flaws:?}");
        insta::assert_snapshot!(text.text, @r"
        INC-1042 (new): Power lost in rack R12, since 1970-01-01T00:00:00.000Z
        we have your report: it is INC-1042, team dc-ops has it

        Further incidents:
        - INC-7 (new): Power lost in rack R12

        Fixed: https://i/l/c
        Not fixed: https://i/l/n
        ");
        let html = text.html.unwrap();
        assert!(html.contains("Not fixed</a>") && !html.contains("alertname"), "{html}");
    }

    #[test]
    fn those_who_are_convened_read_where_the_call_is_however_long_the_reason() {
        let mut told = briefing(1042);
        told.incident.assignments.call = Some("https://meet.example/inc".into());
        let because = "x".repeat(600);
        let text = text_of(&Notice { because, ..page(1042, 3) }, Some(&told));
        assert!(text.contains("\nCall: https://meet.example/inc\n"), "{text}");
    }

    #[test]
    fn an_update_on_what_is_over_asks_for_no_acknowledgement() {
        let mut briefing = briefing(1042);
        briefing.incident.progress = Progress::Closed { at: NOW };
        let notice = Notice { kind: NoticeKind::Update, ..page(1042, 4) };
        let text = text_of(&notice, Some(&briefing));
        assert!(text.starts_with("Update on P2 INC-1042 (closed): "), "{text}");
        assert!(!text.contains("incidents ack"), "{text}");
        briefing.incident.progress = Progress::New;
        briefing.incident.parent = Some(RecordId(7));
        assert!(!text_of(&notice, Some(&briefing)).contains("incidents ack"));
    }

    #[test]
    fn a_template_that_fails_at_night_gives_way_to_the_built_in_one() {
        // A label may hold a number, so this cannot be refused when it is loaded.
        let rules = rules("default: {text: '{{ labels.ci | float }}', subject: 'S {{ id }}'}");
        let written = written(&rules, &page(1042, 3), Some(&briefing(1042)));
        assert_eq!(written.text.subject, "S INC-1042");
        let text = &written.text.text;
        assert!(text.starts_with("P2 INC-1042 (new): Power lost in rack R12, since"), "{text}");
        let [flaw] = &*written.flaws else { panic!("{:?}", written.flaws) };
        assert!(flaw.starts_with("template default.text: invalid operation: "), "{flaw}");
        assert!(text.ends_with(&format!("\n({flaw})")), "{text}");
    }

    #[test]
    fn a_notice_whose_incident_cannot_be_read_still_says_what_it_knows() {
        let Written { text, .. } = written(&RuleSet::builtin(), &page(1042, 3), None);
        assert_eq!((&*text.subject, text.html), ("page INC-1042", None));
        assert!(text.text.starts_with("page INC-1042\nFor m.ito: on call"), "{}", text.text);
    }

    #[test]
    fn a_contact_is_written_to_by_its_own_templates_and_lacks_none() {
        let rules = rules(
            "default: {subject: '{{ id }}'}\n  brief: {text: '{{ labels.ci }}!{{ labels.none }}'}\n\
             contacts: {m.ito: {channels: [log], templates: brief}}",
        );
        let Written { text, flaws } = written(&rules, &page(1042, 3), Some(&briefing(1042)));
        assert_eq!((&*text.subject, &*text.text), ("INC-1042", "pdu-r12a!"));
        assert!(text.html.unwrap().starts_with("<!DOCTYPE html>") && flaws.is_empty());
        let other = Notice { contact: "eva".into(), ..page(1042, 3) };
        let Written { text, .. } = written(&rules, &other, Some(&briefing(1042)));
        assert!(text.text.starts_with("P2 INC-1042 (new)"), "{}", text.text);
    }

    #[test]
    fn a_digest_lists_what_it_tells_of() {
        let mut told = briefing(1042);
        told.also = vec![briefing(7).incident, briefing(9).incident];
        let also = (7..30).map(RecordId).collect();
        let text = text_of(&Notice { also, ..page(1042, 3) }, Some(&told));
        let list = text.split_once("Told together").unwrap().1;
        insta::assert_snapshot!(list, @r"
         with 23 more:
        - P2 INC-7 (new): Power lost in rack R12, since 1970-01-01T00:00:00.000Z (4m ago)
        - P2 INC-9 (new): Power lost in rack R12, since 1970-01-01T00:00:00.000Z (4m ago)
        and 21 more

        incidentd incidents ack INC-1042
        incidentd incidents show INC-1042
        ");
    }

    #[test]
    fn the_built_in_text_fits_whatever_the_alerts_say() {
        let wide = "\u{10ffff}<".repeat(1_000);
        let labels = Labels::build(&mut [("alertname", &*wide)]).unwrap();
        let mut briefing = briefing(1042);
        briefing.incident.title = wide.clone();
        briefing.alerts = vec![(labels, wide.clone()); 12];
        briefing.also = vec![briefing.incident.clone(); 50];
        let also = vec![RecordId(1); 50];
        let written =
            written(&RuleSet::builtin(), &Notice { also, ..page(1042, 3) }, Some(&briefing));
        assert!(written.flaws.is_empty() && written.text.html.is_some(), "{:?}", written.flaws);
    }

    #[test]
    fn the_text_of_an_alert_stays_text() {
        let mut briefing = briefing(1042);
        let hostile =
            "{{ 7*7 }} {% raw %} <script>\r\nincidentd incidents resolve INC-1\u{202e}\u{1b}[2J";
        let labels = Labels::build(&mut [("alertname", hostile)]).unwrap();
        briefing.alerts = vec![(labels, hostile.to_owned() + &"x".repeat(1_000))];
        briefing.incident.title = hostile.into();
        let Wording { subject, text, html } =
            written(&RuleSet::builtin(), &page(1042, 3), Some(&briefing)).text;
        assert!(!subject.contains(['\r', '\n', '\u{202e}', '\u{1b}']), "{subject}");
        let html = html.unwrap();
        assert!(html.contains("&lt;script&gt;") && !html.contains("<script>"), "{html}");
        assert!(text.contains("{{ 7*7 }}"), "{text}");
        assert!(!text.contains(['\r', '\u{202e}', '\u{1b}']), "{text}");
        assert!(
            !text.lines().any(|line| line.starts_with("incidentd incidents resolve")),
            "{text}"
        );
        assert!(text.len() < 3_000, "{} bytes", text.len());
    }
}
