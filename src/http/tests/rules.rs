//! The rules in force and what came of them, as programs read it.

use super::world::World;

const RULES: &str = r#"
version: 1
namespace: t
contacts: {default: {channels: [log]}}
rules:
  - name: zone
    when: ['zone!=""']
    group: {by: [zone]}
  - name: site
    summary: One site is one incident.
    when: ['site!=""']
    group: {by: [site]}
    before: zone
  - name: host
    shadow: true
    when: ['host!=""']
    group: {by: [host]}
  - name: power
    when: ['alertname="PduOutputOff"', 'ci.class="pdu"']
    topology: {follow: [powers]}
"#;

#[tokio::test]
async fn rules_are_listed_in_the_order_in_which_they_are_asked() {
    let world = World::with_rules(RULES);
    world.fire(&[("site", "fra"), ("host", "a")]).await;
    world.fire(&[("site", "fra"), ("host", "a"), ("n", "2")]).await;
    let page = world.get("/api/v1/rules").await;
    assert_eq!(page.status, 200, "{}", page.text);
    let items = page.json()["items"].as_array().unwrap().clone();
    let told: Vec<String> = items
        .iter()
        .map(|it| {
            let of = |name: &str| it["credits"][name].clone();
            let counts = (of("matched"), of("opened"), of("absorbed"), of("would_absorb"));
            format!("{} {} {} {counts:?}", it["kind"], it["turn"], it["name"])
        })
        .collect();
    let nothing = "(Number(0), Number(0), Number(0), Number(0))";
    assert_eq!(
        told,
        [
            "\"group\" 1 \"t/site\" (Number(2), Number(1), Number(1), Number(0))".into(),
            format!("\"group\" 2 \"t/zone\" {nothing}"),
            "\"group\" 3 \"t/host\" (Number(2), Number(0), Number(0), Number(1))".into(),
            format!("\"topology\" 1 \"t/power\" {nothing}"),
        ]
    );
    let metrics = world.get("/metrics").await.text;
    assert!(metrics.contains("incidentd_rules_credits_total{credit=\"absorbed\"}"), "{metrics}");
    let one = world.get("/api/v1/rules?kind=topology").await;
    let items = one.json()["items"].as_array().unwrap().len();
    assert_eq!((one.at("/items/0/name"), items), ("t/power".into(), 1));
}

#[tokio::test]
async fn a_rule_is_shown_with_what_it_looks_at_and_its_neighbours() {
    let world = World::with_rules(RULES);
    let shown = world.get("/api/v1/rules/t%2Fzone").await;
    for (place, value) in [
        ("/name", "t/zone"),
        ("/file", "rules/t.yaml"),
        ("/asked_after", "t/site"),
        ("/asked_before", "t/host"),
        ("/matchers/0", "when zone!=\"\""),
        ("/policy", "default"),
        ("/last", "null"),
    ] {
        assert_eq!(shown.at(place), value, "{place}: {}", shown.text);
    }
    assert_eq!(world.get("/api/v1/rules/t%2Fhost").await.at("/shadow"), "true");
    let missing = world.get("/api/v1/rules/t%2Fnone").await;
    assert_eq!(missing.status, 404);
    assert_eq!(missing.at("/message"), "no rule is called t/none; `incidentd rules ls` lists them");
}
