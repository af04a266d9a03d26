//! Other rules come into force while incidents are open.

use core::time::Duration;
use std::sync::Arc;

use super::story::{DISK, PDU, RULES, START, Story, after};
use crate::engine::context::Context;
use crate::model::notice::NoticeKind;
use crate::rules::{RuleSet, SourceFile, load};

fn rules(default: &str) -> Arc<RuleSet> {
    let text = format!("{RULES}policies:\n  default: {{functional: [{default}]}}\n");
    let loaded = load(&[SourceFile { name: "t.yaml".into(), text }]);
    Arc::new(loaded.set.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics)))
}

#[test]
fn an_open_incident_keeps_the_policy_it_began_with() {
    let mut story = Story::new();
    let ctx = story.world.context();
    let (topology, limits) = (Arc::clone(&ctx.topology), ctx.limits);
    let slow = rules("{after: 10m, notify: assigned}");
    story.world = super::world::World::new(Context::new(slow, topology, limits), START);
    story.fire(0, PDU);
    let quick = rules("{after: 1m, notify: assigned}");
    story.world.reload(quick, START.plus(Duration::from_secs(30)));
    story.fire(40, DISK);
    story.wait(599);
    assert_eq!(story.told(NoticeKind::Page), ["INC-2 default"], "only the later one is quick");
    story.wait(600);
    assert_eq!(story.world.sent().len(), 2);
    assert_eq!(story.world.sent()[1].created_at, after(600));
}
