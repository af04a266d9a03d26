//! Impact, urgency and priority.

use prost::Message;

use super::{Malformed, Word, numbered};
use crate::model::priority::{Assessment, Impact, Loss, Priority, Urgency};
use crate::model::time::Timestamp;

numbered!(Impact: Low = 1, Medium = 2, High = 3);
numbered!(Urgency: Low = 1, Medium = 2, High = 3);
numbered!(Priority: P1 = 1, P2 = 2, P3 = 3, P4 = 4);

#[derive(Clone, PartialEq, Message)]
pub(super) struct AssessmentMessage {
    #[prost(uint32, tag = "1")]
    impact: u32,
    #[prost(uint32, tag = "2")]
    urgency: u32,
    #[prost(uint32, tag = "3")]
    priority: u32,
    #[prost(string, tag = "4")]
    sum: String,
    #[prost(bool, tag = "5")]
    pages: bool,
    /// Nothing in an older release, which knew no loss but that of service.
    #[prost(bool, tag = "6")]
    redundancy: bool,
    #[prost(int64, optional, tag = "7")]
    until: Option<i64>,
}

impl From<&Assessment> for AssessmentMessage {
    fn from(assessment: &Assessment) -> Self {
        Self {
            impact: assessment.impact.number(),
            urgency: assessment.urgency.number(),
            priority: assessment.priority.number(),
            sum: assessment.sum.clone(),
            pages: assessment.pages,
            redundancy: assessment.loss == Loss::Redundancy,
            until: assessment.until.map(Timestamp::millis),
        }
    }
}

impl TryFrom<AssessmentMessage> for Assessment {
    type Error = Malformed;

    fn try_from(message: AssessmentMessage) -> Result<Self, Malformed> {
        Ok(Self {
            impact: Impact::of(message.impact)?,
            urgency: Urgency::of(message.urgency)?,
            priority: Priority::of(message.priority)?,
            sum: message.sum,
            pages: message.pages,
            loss: if message.redundancy { Loss::Redundancy } else { Loss::Service },
            until: message.until.map(Timestamp::from_millis),
        })
    }
}
