//! What people are told of bad rule files.

use insta::assert_snapshot;

use super::render::{Form, render};
use super::{SourceFile, load};

/// Loads bad files from `tests/data/rules` and returns what people are told.
macro_rules! told {
    ($($name:literal),+) => {{
        let files =
            [$(SourceFile {
            name: $name.into(),
            text: include_str!(concat!("../../tests/data/rules/", $name)).into(),
        }),+];
        let told = render(Form::Human, &load(&files).diagnostics, &files);
        unexplained(&told)
    }};
}

/// Leaves out where codes are explained, which a test of its own shows.
fn unexplained(told: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for line in told.lines() {
        if !line.trim_start().starts_with("= see: ") {
            kept.push(line);
        } else if kept.last().is_some_and(|above| above.trim() == "|") {
            kept.pop();
        }
    }
    kept.join("\n")
}

#[test]
fn the_first_finding_of_a_code_says_where_it_is_explained() {
    let text = "version: 2\nnamespace: n\nlifecycle: {linger: 5}\nversoin: 1\n";
    let files = [SourceFile { name: "f.yaml".into(), text: text.into() }];
    let told = render(Form::Human, &load(&files).diagnostics, &files);
    let see: Vec<&str> = told.lines().filter(|line| line.contains("see:")).collect();
    assert_eq!(
        see,
        ["  = see: incidentd explain-code R0107", "  = see: incidentd explain-code R0101"]
    );
}

#[test]
fn yaml_that_cannot_be_read_is_said_to_be_so() {
    assert_snapshot!(told!("syntax-braces.yaml", "syntax-tab.yaml", "syntax-twice.yaml"), @r###"
    error[R0001]: template without quotes
     --> syntax-braces.yaml:7:23
      |
    7 |     incident: {title: {{ labels.alertname }}}
      |                       ^^^^^^^^^^^^^^^^^^^^^^ YAML reads braces as a mapping
      |
      = help: put a template in quotes   write   incident: {title: '{{ labels.alertname }}'}

    error[R0001]: a tab at the beginning of a line
     --> syntax-tab.yaml:4:1
      |
    4 |     - name: orders
      | ^ YAML takes no tabs here
      |
      = help: indent with spaces

    error[R0002]: key `namespace` is given twice
     --> syntax-twice.yaml:3:1
      |
    2 | namespace: shop
      | --------- first given here
    3 | namespace: shoe
      | ^^^^^^^^^ given again here
      |
      = help: keep one of them, or make them one list
    "###);
}

#[test]
fn wrong_fields_and_values_are_all_named_at_once() {
    assert_snapshot!(told!("fields.yaml"), @r###"
    error[R0102]: a rule file needs `namespace`
     --> fields.yaml:1:1
      |
    1 | version: 2
      | ^^^^^^^

    error[R0107]: the version of this file is not known
     --> fields.yaml:1:10
      |
    1 | version: 2
      |          ^ expected 1

    error[R0102]: a rule needs `when`
     --> fields.yaml:3:5
      |
    3 |   - name: orders
      |     ^^^^

    error[R0101]: unknown field `wehn` in a rule
     --> fields.yaml:5:5
      |
    5 |     wehn: 'service="orders"'
      |     ^^^^
      |
      = help: did you mean `when`?   write   when: 'service="orders"'

    error[R0201]: `service` is given twice
     --> fields.yaml:6:27
      |
    6 |     group: {by: [service, service], window: 5}
      |                           ^^^^^^^

    error[R0107]: `5` is not a span of time
     --> fields.yaml:6:45
      |
    6 |     group: {by: [service, service], window: 5}
      |                                             ^ expected one like 45s, 5m, 1h30m or 7d

    error[R0102]: a rule needs `name`
     --> fields.yaml:7:5
      |
    7 |   - owner: shop
      |     ^^^^^

    error[R0107]: list of 0 lines
     --> fields.yaml:8:11
      |
    8 |     when: []
      |           ^ expected 1 to 64 lines of matchers
      |
      = help: for all alerts write   'alertname!=""'

    error[R0107]: found a list
     --> fields.yaml:9:12
      |
    9 |     group: []
      |            ^ expected `group` as a mapping, `key: value`

    error[R0101]: unknown field `colour` in a rule file
      --> fields.yaml:10:1
       |
    10 | colour: red
       | ^^^^^^
       |
       = help: known here: version, namespace, rules, tests, teams, contacts, policies, calendars, rotations, mappings, lookups, templates, agreements, routing, plans, defaults, priorities, lifecycle, binding, closing, majors, reports
    "###);
}

#[test]
fn a_bad_matcher_has_a_caret_under_its_mistake() {
    assert_snapshot!(told!("matchers.yaml"), @r###"
    error[R0103]: unknown operator `=>`, expected one of `=`, `!=`, `=~`, `!~`
     --> matchers.yaml:7:19
      |
    7 |       - 'severity => "minor"'
      |                   ^^
      |
      = help: did you mean `=`?   write   - 'severity = "minor"'

    error[R0103]: `'` quotes nothing here
     --> matchers.yaml:8:12
      |
    8 |       - "it''s=1"
      |            ^
      |
      = help: quote with double quotes: "…"

    error[R0104]: `(` is never closed
     --> matchers.yaml:9:25
      |
    9 |       - 'instance=~"web-(1|2"'
      |                         ^
      |
      = help: add `)`; for the character itself write `\(`

    error[R0103]: found `or` behind the value `"a"`, expected `,` or the end
      --> matchers.yaml:10:25
       |
    10 |     unless: "team=\"a\" or team=\"b\""
       |                         ^^
       |
       = help: for alternatives write a pattern: team=~"one|other"
    "###);
}

#[test]
fn a_rule_has_one_kind_that_we_know() {
    assert_snapshot!(told!("kinds.yaml"), @r###"
    error[R0105]: rule has no kind
     --> kinds.yaml:8:5
      |
    8 |   - name: none
      |     ^^^^
      |
      = help: give it one of `drop:`, `enrich:`, `quiet:`, `inhibit:`, `absence:`, `group:`, `sequence:`, `topology:`, `storm:`, `related:` or `known_error:`

    error[R0105]: rule has two kinds
      --> kinds.yaml:15:15
       |
    15 |     topology: {follow: [powers]}
       |               ^
       |
       = help: make it two rules, one with `group:` and one with `topology:`
    "###);
}

#[test]
fn what_gathers_over_time_is_told_what_is_wrong_with_it() {
    assert_snapshot!(told!("gather.yaml"), @r###"
    error[R0107]: `1h` is out of range
     --> gather.yaml:7:67
      |
    7 |     storm: {per: [site], enter: {distinct: ci, count: 10, within: 1h}, leave: {below: 5, for: 10m}}
      |                                                                   ^^ expected 1s to 30m

    error[R0230]: it ends below 11 and begins at 10
      --> gather.yaml:11:79
       |
    11 |     storm: {per: [site], enter: {distinct: ci, count: 10, within: 1m}, leave: {below: 11}}
       |                                                                               ^ expected `below` to be at most `count`
       |
       = help: a storm that begins must not end at once: lower `below`

    error[R0107]: unknown value `later`
      --> gather.yaml:12:32
       |
    12 |     incident: {notify: {first: later, repeat: 5s}}
       |                                ^^^^^ expected now or wait

    error[R0107]: `5s` is out of range
      --> gather.yaml:12:47
       |
    12 |     incident: {notify: {first: later, repeat: 5s}}
       |                                               ^^ expected 1m to 7d

    error[R0231]: a sequence with 1 step
      --> gather.yaml:16:35
       |
    16 |     sequence: {by: [site], steps: [{name: only, when: 'a="b"'}], within: 5m}
       |                                   ^ expected 2 to 8
       |
       = help: for alerts in any order use   group:

    error[R0232]: `rule` is a label of the alert that is raised
      --> gather.yaml:20:29
       |
    20 |     absence: {for: 5m, per: [cluster, rule], expected: [{cluster: a}]}
       |                             ^
       |
       = help: tell the alerts apart by other labels; `when` can pick one name

    error[R0232]: its fields are not those of `per`
      --> gather.yaml:20:57
       |
    20 |     absence: {for: 5m, per: [cluster, rule], expected: [{cluster: a}]}
       |                                                         ^ expected cluster, rule
       |
       = help: give each field of `per` one value, and no other

    error[R0232]: a source is expected whatever it sends
      --> gather.yaml:23:11
       |
    23 |     when: 'alertname="Dog"'
       |           ^^^^^^^^^^^^^^^^^
       |
       = help: leave `when` out, or `source`

    error[R0232]: a source has no labels
      --> gather.yaml:24:42
       |
    24 |     absence: {for: 5m, source: bus, per: [cluster]}
       |                                          ^
       |
       = help: leave `per` and `expected` out, or `source`
    "###);
}

#[test]
fn a_bad_template_has_a_caret_under_its_mistake() {
    assert_snapshot!(told!("templates.yaml"), @r###"
    error[R0204]: unknown field `alertname` in a template
     --> templates.yaml:9:18
      |
    9 |       title: '{{ alertname }} on {{ root.name }}'
      |                  ^^^^^^^^^ expected labels, root, group, dependants, members, rule, incident, priority, stats or suspects
      |
      = help: a label is `labels.alertname`, an attribute of the root's CI `root.alertname`

    error[R0207]: template is written in the syntax of Go
      --> templates.yaml:15:32
       |
    15 |     incident: {title: "It's {{ .Labels.alertname }}"}
       |                                ^^^^^^^^^^^^^^^^^ expected a field by its name
       |
       = help: did you mean `labels.alertname`?   write   incident: {title: "It's {{ labels.alertname }}"}

    error[R0204]: `group` has no field `rack`
      --> templates.yaml:20:33
       |
    20 |     incident: {title: '{{ group.rack }} {{ labels.x | shout }}', assign: '{{ labels.team'}
       |                                 ^^^^ expected service
       |
       = help: `group` has what stands in `by`: service

    error[R0205]: syntax error: unexpected end of input, expected end of variable block
      --> templates.yaml:20:85
       |
    20 |     incident: {title: '{{ group.rack }} {{ labels.x | shout }}', assign: '{{ labels.team'}
       |                                                                                     ^^^^
    "###);
}

#[test]
fn names_that_mean_nothing_are_told_what_they_are_like() {
    assert_snapshot!(told!("references.yaml"), @r###"
    error[R0202]: team `platfrom` is not defined
     --> references.yaml:4:33
      |
    4 |   shop: {members: [anna], next: platfrom, manager: bert}
      |                                 ^^^^^^^^
      |
      = help: did you mean `platform`?   write   shop: {members: [anna], next: platform, manager: bert}

    error[R0202]: contact `bert` is not defined
     --> references.yaml:4:52
      |
    4 |   shop: {members: [anna], next: platfrom, manager: bert}
      |                                                    ^^^^
      |
      = help: known: anna, default

    error[R0202]: team `shpo` is not defined
     --> references.yaml:9:43
      |
    9 |   fast: {functional: [{after: 5m, notify: 'team:shpo'}]}
      |                                           ^^^^^^^^^^^
      |
      = help: did you mean `shop`?   write   fast: {functional: [{after: 5m, notify: 'team:shop'}]}

    error[R0202]: team `shopp` is not defined
      --> references.yaml:10:18
       |
    10 | defaults: {team: shopp, contact: ann}
       |                  ^^^^^
       |
       = help: did you mean `shop`?   write   defaults: {team: shop, contact: ann}

    error[R0202]: contact `ann` is not defined
      --> references.yaml:10:34
       |
    10 | defaults: {team: shopp, contact: ann}
       |                                  ^^^
       |
       = help: did you mean `anna`?   write   defaults: {team: shopp, contact: anna}

    warning[R0202]: owner `shp` of rule `shop/orders` is not a team
      --> references.yaml:13:12
       |
    13 |     owner: shp
       |            ^^^
       |
       = help: did you mean `shop`?   write   owner: shop

    warning[R0206]: relation `powered` is not known; nothing is followed by it
      --> references.yaml:15:25
       |
    15 |     topology: {follow: [powered]}
       |                         ^^^^^^^
       |
       = help: did you mean `powers`?   write   topology: {follow: [powers]}

    error[R0202]: team `platfom` is not defined
      --> references.yaml:16:24
       |
    16 |     incident: {assign: platfom, policy: fats}
       |                        ^^^^^^^
       |
       = help: did you mean `platform`?   write   incident: {assign: platform, policy: fats}

    error[R0202]: policy `fats` is not defined
      --> references.yaml:16:41
       |
    16 |     incident: {assign: platfom, policy: fats}
       |                                         ^^^^
       |
       = help: did you mean `fast`?   write   incident: {assign: platfom, policy: fast}
    "###);
}

#[test]
fn rules_that_wait_for_each_other_are_named() {
    assert_snapshot!(told!("order.yaml"), @r###"
    error[R0203]: `before` and `after` form a circle
     --> order.yaml:8:14
      |
    8 |     before: [stock, strock]
      |              ^^^^^ part of it, or behind it: shop/orders, shop/stock
      |
      = help: take away one of the `before` and `after` of these rules

    error[R0202]: rule `shop/strock` is not defined
     --> order.yaml:8:21
      |
    8 |     before: [stock, strock]
      |                     ^^^^^^
      |
      = help: did you mean `shop/stock`?   write   before: [stock, stock]
    "###);
}

#[test]
fn a_step_that_cannot_be_taken_is_told_why() {
    assert_snapshot!(told!("policies.yaml"), @r###"
    error[R0107]: a step repeats that is not the last
     --> policies.yaml:5:9
      |
    5 |       - {after: 5m, notify: assigned, repeat: 5m}
      |         ^
      |
      = help: move `repeat` to the last step of the ladder

    error[R0107]: a step falls due before the one above it
     --> policies.yaml:6:9
      |
    6 |       - {after: 1m, notify: 'team:shop'}
      |         ^
      |
      = help: order the steps by time

    error[R0202]: team `shop` is not defined
     --> policies.yaml:6:29
      |
    6 |       - {after: 1m, notify: 'team:shop'}
      |                             ^^^^^^^^^^^
      |
      = help: no team is defined

    error[R0107]: `50` is no share of a limit
     --> policies.yaml:7:14
      |
    7 |       - {at: 50, reassign: next_line}
      |              ^^ expected 0% to 1000%
      |
      = help: for a time write   after: 15m

    error[R0102]: a step needs either `after` or `at`
     --> policies.yaml:8:10
      |
    8 |       - {at: 50%, after: 1h, reassign: first_line}
      |          ^^
      |
      = help: write `after: 15m`, or `at: 50%` for a share of the limit

    error[R0107]: found the text `first_line`
     --> policies.yaml:8:40
      |
    8 |       - {at: 50%, after: 1h, reassign: first_line}
      |                                        ^^^^^^^^^^ expected `next_line`

    error[R0107]: unknown target `boss`
      --> policies.yaml:10:28
       |
    10 |       - {at: 100%, notify: boss}
       |                            ^^^^ expected assigned, lead, manager, team:NAME or contact:NAME

    error[R0102]: policy `idle` has no steps
      --> policies.yaml:11:10
       |
    11 |   idle: {functional: []}
       |          ^^^^^^^^^^
       |
       = help: give it one, for example   functional: [{after: 0s, notify: assigned}]

    error[R0107]: `soon` is not a span of time
      --> policies.yaml:14:17
       |
    14 |       - {after: soon, notify: assigned}
       |                 ^^^^ expected one like 45s, 5m, 1h30m or 7d
    "###);
}

#[test]
fn what_is_given_twice_is_shown_in_both_places() {
    assert_snapshot!(told!("duplicates.yaml", "duplicates-more.yaml"), @r###"
    error[R0107]: `reopen` is longer than `close_after`
     --> duplicates-more.yaml:2:13
      |
    2 | lifecycle: {linger: 2m, close_after: 1m}
      |             ^^^^^^ a closed incident cannot be reopened
      |
      = help: make `close_after` at least as long as `reopen`

    error[R0201]: section `lifecycle` is given twice
     --> duplicates.yaml:3:1
      |
    3 | lifecycle: {linger: 1m}
      | ^^^^^^^^^ given again here
      |
     ::: duplicates-more.yaml:2:1
      |
    2 | lifecycle: {linger: 2m, close_after: 1m}
      | --------- first given here
      |
      = help: keep one of them

    error[R0201]: rule `shop/orders` is given twice
     --> duplicates.yaml:9:11
      |
    5 |   - name: orders
      |           ------ first given here
    ...
    9 |   - name: orders
      |           ^^^^^^ given again here
      |
      = help: keep one of them
    "###);
}

#[test]
fn tests_are_checked_like_rules() {
    assert_snapshot!(told!("tests.yaml"), @r###"
    error[R0107]: `yesterday` is no point in time
     --> tests.yaml:5:12
      |
    5 |     start: yesterday
      |            ^^^^^^^^^ expected one like 2026-11-21T02:00:00+01:00[Europe/Berlin]

    error[T0101]: relation to an unknown CI `srv-1`
     --> tests.yaml:8:19
      |
    8 |       relations: [orders -runs_on-> srv-1]
      |                   ^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: add it under `cis:`

    error[R0107]: an alert that fires needs its labels
      --> tests.yaml:10:24
       |
    10 |       - {at: 0s, fire: 'alertname=~"A"'}
       |                        ^^^^^^^^^^^^^^^^ expected `name="value"` for each label, and nothing but `=`

    error[R0107]: a step does 2 things
      --> tests.yaml:11:10
       |
    11 |       - {at: 1s, fire: 'alertname="A"', clear: 'alertname="A"'}
       |          ^^ expected exactly one of `fire`, `clear`, `report`, `silence`, `change`, `ack`, `unack`, `note`, `claim`, `assign`, `escalate`, `return`, `convene`, `priority`, `update`, `subscribe`, `unsubscribe`, `hold`, `resolve`, `reopen`, `close`, `merge`, `split`, `set`, `classify`, `time`, `confirm`, `reject`, `cancel`, `declare_major`, `stand_down`

    error[R0107]: `1x` is not a span of time
      --> tests.yaml:12:14
       |
    12 |       - {at: 1x, ack: {by: anna}}
       |              ^^ expected one like 45s, 5m, 1h30m or 7d

    error[R0102]: `ack` needs `root`
      --> tests.yaml:12:24
       |
    12 |       - {at: 1x, ack: {by: anna}}
       |                        ^^

    error[R0107]: `0` is out of range
      --> tests.yaml:14:28
       |
    14 |       - {every: 1s, times: 0, fire: 'a="{{ n }}"'}
       |                            ^ expected a whole number from 1 to 10000

    error[R0205]: undefined value: `m` is undefined
      --> tests.yaml:15:44
       |
    15 |       - {every: 1s, times: 3, fire: 'a="{{ m }}"'}
       |                                            ^

    error[R0202]: rule `shop/nothing` is not defined
      --> tests.yaml:18:28
       |
    18 |         incidents: [{rule: shop/nothing, state: ack, priority: P5, page: []}]
       |                            ^^^^^^^^^^^^
       |
       = help: no rule is defined

    error[R0107]: unknown value `ack`
      --> tests.yaml:18:49
       |
    18 |         incidents: [{rule: shop/nothing, state: ack, priority: P5, page: []}]
       |                                                 ^^^ expected new, acknowledged, in_progress, on_hold, resolved, closed or cancelled

    error[R0107]: unknown value `P5`
      --> tests.yaml:18:64
       |
    18 |         incidents: [{rule: shop/nothing, state: ack, priority: P5, page: []}]
       |                                                                ^^ expected P1, P2, P3 or P4
       |
       = help: did you mean `P1`?   write   incidents: [{rule: shop/nothing, state: ack, priority: P1, page: []}]

    error[R0101]: unknown field `page` in an expected incident
      --> tests.yaml:18:68
       |
    18 |         incidents: [{rule: shop/nothing, state: ack, priority: P5, page: []}]
       |                                                                    ^^^^
       |
       = help: did you mean `pages`?   write   incidents: [{rule: shop/nothing, state: ack, priority: P5, pages: []}]
    "###);
}

#[test]
fn a_bad_message_has_a_caret_under_its_mistake_even_in_a_block() {
    assert_snapshot!(told!("messages.yaml"), @r###"
    error[R0107]: found the text `anna at example.com`
     --> messages.yaml:3:35
      |
    3 |   anna: {channels: [mail], email: anna at example.com, templates: short}
      |                                   ^^^^^^^^^^^^^^^^^^^ expected one address such as anna@example.com

    error[R0202]: set of templates `short` is not defined
     --> messages.yaml:3:67
      |
    3 |   anna: {channels: [mail], email: anna at example.com, templates: short}
      |                                                                   ^^^^^
      |
      = help: known: brief, loud, default

    error[R0204]: unknown field `prio` in a message
     --> messages.yaml:6:19
      |
    6 |     subject: '[{{ prio }}] {{ id }}'
      |                   ^^^^ expected kind, contact, because, id, state, open, title, priority, sum, team, rule, since, age, known_error, workaround, cause, runbook, fixed_in, links, services, members, firing, labels, alerts, more, suspects, last_time, ack_url, escalate_url, resolve_url, asked, confirm_url, reject_url, reporter, call, also or also_more
      |
      = help: a label of the root's alert is `labels.prio`

    error[R0204]: undefined value: `alert.name` is undefined
     --> messages.yaml:9:35
      |
    9 |       {% for alert in alerts %}{{ alert.name }}
      |                                   ^^^^^^^^^^
      |
      = help: one of `alerts` has labels and summary; one of `links` has name and url; one of `also` has id, priority, state, title, since and age; one of `suspects` has name, explains and of

    error[R0205]: engine ran out of fuel
      --> messages.yaml:11:50
       |
    11 |     html: '{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}'
       |                                                  ^^^^^^^^^^^ takes more than 100000 steps

    error[R0205]: it writes more than 65536 bytes
      --> messages.yaml:12:17
       |
    12 |   loud: {text: '{% for a in range(99999) %}aaaaaaaaaaaaaaaaa{% endfor %}', sms: x}
       |                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    error[R0101]: unknown field `sms` in a set of templates
      --> messages.yaml:12:76
       |
    12 |   loud: {text: '{% for a in range(99999) %}aaaaaaaaaaaaaaaaa{% endfor %}', sms: x}
       |                                                                            ^^^
       |
       = help: known here: subject, text, html
    "###);
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is one text")]
fn what_can_never_hold_and_who_is_never_asked_is_shown_with_its_counterpart() {
    assert_snapshot!(told!("never.yaml"), @r###"
    warning[R0302]: no test expects an incident of rule `shop/both`
     --> never.yaml:6:11
      |
    6 |   - name: both
      |           ^^^^
      |
      = help: add a test whose `expect` has   rule: shop/both

    warning[R0202]: owner `shopp` of rule `shop/both` is not a team
     --> never.yaml:7:12
      |
    7 |     owner: shopp
      |            ^^^^^
      |
      = help: did you mean `shop`?   write   owner: shop

    warning[R0106]: `service="stock"` can never hold together with `service="orders"`
      --> never.yaml:10:25
       |
     9 |       - 'service="orders", team="a"'
       |          ---------------- this must hold as well
    10 |       - "region=\"eu\", service=\"stock\""
       |                         ^^^^^^^^^^^^^^^^^ never true
       |
       = help: all lines of `when` must hold; for alternatives write   service=~"orders|stock"

    warning[R0302]: no test expects an incident of rule `shop/empty`
      --> never.yaml:12:11
       |
    12 |   - name: empty
       |           ^^^^^
       |
       = help: add a test whose `expect` has   rule: shop/empty

    warning[R0106]: `a!=""` can never hold together with `a=""`
      --> never.yaml:14:30
       |
    14 |     when: ['a=""', 'b="1"', 'a!=""']
       |             ----             ^^^^^ never true
       |             |
       |             this must hold as well
       |
       = help: all lines of `when` must hold

    warning[R0302]: no test expects an incident of rule `shop/spared`
      --> never.yaml:16:11
       |
    16 |   - name: spared
       |           ^^^^^^
       |
       = help: add a test whose `expect` has   rule: shop/spared

    warning[R0106]: the rule can never match: this line of `unless` holds wherever `when` does
      --> never.yaml:20:9
       |
    18 |     when: 'severity="critical"'
       |            ------------------- `when` begins here
    19 |     unless:
    20 |       - 'severity!="info"'
       |         ^^^^^^^^^^^^^^^^^^ takes out everything
       |
       = help: take the line away, or make it narrower than `when`

    warning[R0106]: this line of `unless` can never hold where `when` does
      --> never.yaml:21:9
       |
    18 |     when: 'severity="critical"'
       |            ------------------- `when` begins here
    ...
    21 |       - 'severity="info"'
       |         ^^^^^^^^^^^^^^^^^ takes out nothing
       |
       = help: take the line away

    warning[R0106]: `team=~"b.*|c"` can never hold together with `team="a"`
      --> never.yaml:22:20
       |
    22 |       - 'team="a", team=~"b.*|c"'
       |          --------  ^^^^^^^^^^^^^ never true
       |          |
       |          this must hold as well

    warning[R0106]: `b="2"` can never hold together with `b="1"`
      --> never.yaml:24:66
       |
    24 |     topology: {follow: [powers], never_absorb: ['a="1"', 'b="1", b="2"']}
       |                                                           -----  ^^^^^ never true
       |                                                           |
       |                                                           this must hold as well

    warning[R0302]: no test expects an incident of rule `shop/wide`
      --> never.yaml:25:11
       |
    25 |   - name: wide
       |           ^^^^
       |
       = help: add a test whose `expect` has   rule: shop/wide

    warning[R0208]: rule `shop/wider` is never asked: `shop/wide` takes all its alerts
      --> never.yaml:29:11
       |
    25 |   - name: wide
       |           ---- this one is asked first
    ...
    29 |   - name: wider
       |           ^^^^^
       |
       = help: give it the first turn:   before: wide

    warning[R0302]: no test expects an incident of rule `shop/wider`
      --> never.yaml:29:11
       |
    29 |   - name: wider
       |           ^^^^^
       |
       = help: add a test whose `expect` has   rule: shop/wider
    "###);
}

#[test]
fn a_caret_stands_under_its_mistake_in_whatever_way_the_text_is_written() {
    assert_snapshot!(told!("places.yaml"), @r###"
    error[R0104]: `(` is never closed
     --> places.yaml:9:24
      |
    9 |         instance=~"web-(1|2"
      |                        ^
      |
      = help: add `)`; for the character itself write `\(`

    error[R0104]: the range `z-a` runs backwards
      --> places.yaml:12:20
       |
    12 |         service=~"[z-a]"
       |                    ^^^
       |
       = help: write `a-z`

    error[R0104]: `**` repeats a repetition
      --> places.yaml:14:20
       |
    14 |          path=~"\\d**"'
       |                    ^^
       |
       = help: write one of them; for the character itself put a backslash before it

    error[R0103]: unknown operator `=>`, expected one of `=`, `!=`, `=~`, `!~`
      --> places.yaml:15:33
       |
    15 |       - "path=~\"\\\\d+\", site => \"x\""
       |                                 ^^
       |
       = help: did you mean `=`?   write   - "path=~\"\\\\d+\", site = \"x\""

    error[R0204]: unknown field `rooot` in a template
      --> places.yaml:20:12
       |
    20 |         {{ rooot.name }}
       |            ^^^^^ expected labels, root, group, dependants, members, rule, incident, priority, stats or suspects
       |
       = help: did you mean `root`?   write   {{ root.name }}

    error[R0103]: unknown operator `==`, expected one of `=`, `!=`, `=~`, `!~`
      --> places.yaml:24:11
       |
    24 |       team==a
       |           ^^
       |
       = help: did you mean `=`?   write   team=a

    error[R0205]: unknown filter: filter shout is unknown
      --> places.yaml:27:18
       |
    27 |       labels.y | shout }}"}
       |                  ^^^^^

    error[R0107]: found the text `no`
      --> places.yaml:29:54
       |
    29 |   - {labels: instance, attributes: name, strip_port: no}
       |                                                      ^^ expected `true` or `false`
       |
       = help: `no` is a text in YAML 1.2; did you mean `false`?   write   - {labels: instance, attributes: name, strip_port: false}
    "###);
}

#[test]
fn a_rule_cannot_come_before_or_after_one_of_another_kind() {
    assert_snapshot!(told!("across-kinds.yaml"), @r###"
    error[R0240]: `after` names a rule of kind `topology`, and this one is of kind `group`
     --> across-kinds.yaml:7:13
      |
    7 |     after: [rack, stock]
      |             ^^^^ expected a rule of the same kind
    8 |     group: {by: service}
    9 |   - name: rack
      |           ---- the other rule
      |
      = help: kinds apply in an order of their own, `group` before `topology`: leave this out
    "###);
}
