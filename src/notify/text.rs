//! A notice as text for people. Alerts' texts are data: they never become a template, a line of
//! their own or a control character.

use minijinja::{Environment, UndefinedBehavior, context};

use super::Briefing;
use crate::model::notice::Notice;
use crate::model::time::{Brief, Timestamp};

/// The template of every notice.
const TEMPLATE: &str = include_str!("notice.txt");

/// Alerts that are named one by one; a page is read on a phone.
const ALERTS_MAX: usize = 8;

/// Characters of any one text that came from outside.
const FIELD_MAX: usize = 300;

/// Steps a template may take: hundreds of times what ours takes.
const FUEL: u64 = 100_000;

/// Writes notices.
#[derive(Debug)]
pub(super) struct Writer {
    environment: Environment<'static>,
    template: &'static str,
}

impl Default for Writer {
    fn default() -> Self {
        Self::new(TEMPLATE)
    }
}

impl Writer {
    fn new(template: &'static str) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        Self { environment, template }
    }

    /// Writes a notice. A template that fails, or an incident that cannot be read, still gives a
    /// plain one.
    pub(super) fn write(
        &self,
        notice: &Notice,
        briefing: Option<&Briefing>,
        now: Timestamp,
    ) -> String {
        match briefing.map(|briefing| (briefing, self.render(notice, briefing, now))) {
            Some((_, Ok(text))) => text,
            Some((briefing, Err(error))) => {
                let incident = &briefing.incident;
                let first = format!(
                    "{} {}: {}",
                    incident.assessment.priority,
                    incident.id,
                    one_line(&incident.title)
                );
                format!("{first}\n{}\n(the template failed: {error})", plain(notice))
            }
            None => format!("{} {}\n{}", notice.kind, notice.id.incident, plain(notice)),
        }
    }

    fn render(
        &self,
        notice: &Notice,
        briefing: &Briefing,
        now: Timestamp,
    ) -> Result<String, minijinja::Error> {
        let Briefing { incident, alerts, services } = briefing;
        let lines: Vec<_> = alerts
            .iter()
            .take(ALERTS_MAX)
            .map(|(labels, summary)| {
                context! { labels => one_line(&labels.to_string()), summary => one_line(summary) }
            })
            .collect();
        let named = u32::try_from(lines.len()).unwrap_or(u32::MAX);
        let scope = context! {
            kind => notice.kind.to_string(),
            contact => one_line(&notice.contact),
            because => one_line(&notice.because),
            id => incident.id.to_string(),
            state => incident.progress.name().to_string(),
            open => incident.progress.is_open() && incident.parent.is_none(),
            title => one_line(&incident.title),
            priority => incident.assessment.priority.to_string(),
            sum => one_line(&incident.assessment.sum),
            team => incident.team.as_deref().map(one_line),
            rule => incident.rule.as_deref(),
            since => incident.opened_at.to_string(),
            age => Brief(now.since(incident.opened_at)).to_string(),
            services => services.iter().map(|name| one_line(name)).collect::<Vec<_>>(),
            members => incident.members,
            firing => incident.firing,
            alerts => lines,
            more => incident.members.saturating_sub(named),
        };
        self.environment.render_str(self.template, scope)
    }
}

fn plain(notice: &Notice) -> String {
    format!(
        "For {}: {}\n\nincidentd incidents show {}",
        one_line(&notice.contact),
        one_line(&notice.because),
        notice.id.incident
    )
}

/// Makes one printable line of a text from outside: no line break in it can pretend to be ours, no
/// control or direction character can change what a reader sees.
fn one_line(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut line: String =
        text.chars().take(FIELD_MAX).map(|c| if hidden(c) { ' ' } else { c }).collect();
    if text.chars().nth(FIELD_MAX).is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::incident::{Progress, RecordId};
    use crate::model::labels::Labels;
    use crate::model::notice::NoticeKind;
    use crate::notify::tests::{briefing, page};

    const NOW: Timestamp = Timestamp::from_millis(240_000);

    #[test]
    fn a_page_says_what_is_broken_since_when_for_whom_and_why_this_person_gets_it() {
        let text = Writer::default().write(&page(1042, 3), Some(&briefing(1042)), NOW);
        insta::assert_snapshot!(text, @r#"
        P2 INC-1042 (new): Power lost in rack R12, since 1970-01-01T00:00:00.000Z (4m ago), hits checkout. For m.ito: on call for dc-ops
        P2 = impact high (service checkout, tier 1) × urgency medium
        38 alerts, 37 firing; team dc-ops; rule datacenter/rack-power

        - Output 3 of pdu-r12a is off  alertname="PduOutputOff", ci="pdu-r12a"
        and 37 more

        incidentd incidents ack INC-1042
        incidentd incidents show INC-1042
        "#);
    }

    #[test]
    fn an_update_on_what_is_over_asks_for_no_acknowledgement() {
        let mut briefing = briefing(1042);
        briefing.incident.progress = Progress::Closed { at: NOW };
        let notice = Notice { kind: NoticeKind::Update, ..page(1042, 4) };
        let text = Writer::default().write(&notice, Some(&briefing), NOW);
        assert!(text.starts_with("Update on P2 INC-1042 (closed): "), "{text}");
        assert!(!text.contains("incidents ack"), "{text}");
        briefing.incident.progress = Progress::New;
        briefing.incident.parent = Some(RecordId(7));
        assert!(!Writer::default().write(&notice, Some(&briefing), NOW).contains("incidents ack"));
    }

    #[test]
    fn a_broken_template_still_gives_a_plain_page() {
        for template in [
            "{{ nothing_like_it }}",
            "{% for",
            "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
        ] {
            let text = Writer::new(template).write(&page(1042, 3), Some(&briefing(1042)), NOW);
            assert!(
                text.starts_with("P2 INC-1042: Power lost in rack R12\nFor m.ito: on call"),
                "{text}"
            );
            assert!(text.contains("the template failed: "), "{text}");
        }
        let text = Writer::default().write(&page(1042, 3), None, NOW);
        assert!(text.starts_with("page INC-1042\nFor m.ito: on call"), "{text}");
    }

    #[test]
    fn the_text_of_an_alert_stays_text() {
        let mut briefing = briefing(1042);
        let hostile = "{{ 7*7 }} {% raw %}\r\nincidentd incidents resolve INC-1\u{202e}\u{1b}[2J";
        let labels = Labels::build(&mut [("alertname", hostile)]).unwrap();
        briefing.alerts = vec![(labels, hostile.to_owned() + &"x".repeat(1_000))];
        briefing.incident.title = hostile.into();
        let text = Writer::default().write(&page(1042, 3), Some(&briefing), NOW);
        assert!(text.contains("{{ 7*7 }}"), "{text}");
        assert!(!text.contains(['\r', '\u{202e}', '\u{1b}']), "{text}");
        assert!(
            !text.lines().any(|line| line.starts_with("incidentd incidents resolve")),
            "{text}"
        );
        assert!(text.len() < 3_000, "{} bytes", text.len());
    }
}
