//! Somebody who knows of incidents only what the bulletins say.

use std::collections::BTreeMap;

use incidentd::engine::changes::Changes;
use incidentd::lab::image::Image;
use incidentd::model::bulletin::{BULLETIN_FIELDS, Bulletin, BulletinField, BulletinKind, Outline};
use incidentd::model::incident::IncidentId;
use incidentd::model::progress::StateName;

/// What was told so far.
#[derive(Default)]
pub struct Follower {
    told: BTreeMap<IncidentId, Outline>,
    last: u64,
}

impl Follower {
    /// Takes the bulletins of a commit, whose image then says nothing else.
    pub fn follow(&mut self, changes: &Changes, image: &Image) -> Result<(), String> {
        for bulletin in &changes.bulletins {
            self.take(bulletin)?;
        }
        for incident in image.incidents.values() {
            let told = self.told.get(&incident.id);
            if told != Some(&Outline::of(incident)) {
                return Err(format!("{} is {incident:#?}, told was {told:#?}", incident.id));
            }
        }
        Ok(())
    }

    fn take(&mut self, bulletin: &Bulletin) -> Result<(), String> {
        if bulletin.seq != self.last + 1 {
            return Err(format!("bulletin {} follows {}", bulletin.seq, self.last));
        }
        self.last = bulletin.seq;
        let is_first = !self.told.contains_key(&bulletin.incident);
        if is_first != (bulletin.kind == BulletinKind::Opened) {
            return Err(format!("the first bulletin is not the one of the opening: {bulletin:#?}"));
        }
        let before = self.told.insert(bulletin.incident, bulletin.outline.clone());
        let now = &bulletin.outline;
        let differ = |before: Outline| -> Vec<BulletinField> {
            let differs = |field: &BulletinField| said(&before, *field) != said(now, *field);
            BULLETIN_FIELDS.into_iter().filter(differs).collect()
        };
        let expected = before.map_or_else(Vec::new, differ);
        if expected != bulletin.changed {
            return Err(format!("{expected:?} changed: {bulletin:#?}"));
        }
        let over = [
            (BulletinKind::Closed, StateName::Closed),
            (BulletinKind::Cancelled, StateName::Cancelled),
        ];
        match over.iter().find(|(kind, _)| *kind == bulletin.kind) {
            Some((_, state)) if *state != now.state => Err(format!("not over: {bulletin:#?}")),
            _ => Ok(()),
        }
    }
}

/// Says what an outline says of a field.
fn said(of: &Outline, field: BulletinField) -> String {
    use BulletinField as F;
    match field {
        F::State => of.state.to_string(),
        F::Title => of.title.clone(),
        F::Priority => of.priority.to_string(),
        F::Impact => of.impact.to_string(),
        F::Urgency => of.urgency.to_string(),
        F::Category => format!("{:?}", of.category),
        F::Team => format!("{:?}", of.team),
        F::Assignee => format!("{:?}", of.assignee),
        F::Holder => format!("{:?}", of.holder),
        F::Ci => format!("{:?}", of.ci),
        F::Parent => format!("{:?}", of.parent),
        F::Members => of.members.to_string(),
        F::Firing => of.firing.to_string(),
        F::Major => of.flags.major.to_string(),
        F::Quiet => of.flags.quiet.to_string(),
        F::KnownError => format!("{:?}", of.known_error),
    }
}
