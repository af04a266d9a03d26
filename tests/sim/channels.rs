//! Channels: some take a notice, some refuse it, some are gone for a while; some answer late, some twice.

use core::time::Duration;

use incidentd::engine::event::Event;
use incidentd::lab::image::Image;
use incidentd::model::notice::{Notice, NoticeId, NoticeState};
use incidentd::model::time::Timestamp;

use crate::plan::Dice;

/// All channels, and what they have not answered yet.
pub struct Channels {
    dice: Dice,
    /// Answers on their way, each with how many times is still listened before it comes.
    late: Vec<(u64, NoticeId, Event)>,
    /// For how many more times nothing can be reached.
    gone: u64,
}

impl Channels {
    pub fn new(seed: u64) -> Self {
        Self { dice: Dice::new(seed ^ 0x5eed), late: Vec::new(), gone: 0 }
    }

    /// Sends what is due and is not on its way; returns what is answered now.
    pub fn send(&mut self, image: &Image, now: Timestamp) -> Vec<Event> {
        for (left, _, _) in &mut self.late {
            *left = left.saturating_sub(1);
        }
        let mut answers: Vec<Event> = self
            .late
            .extract_if(.., |(left, _, _)| *left == 0)
            .map(|(_, _, event)| event)
            .collect();
        self.gone = self.gone.saturating_sub(1);
        if self.dice.roll(100) == 0 {
            self.gone = 1 + self.dice.roll(12);
        }
        let is_due = |it: &&Notice| it.state == NoticeState::Pending && it.due_at <= now;
        for notice in image.notices.values().filter(is_due) {
            if self.late.iter().any(|(_, id, _)| *id == notice.id) {
                continue;
            }
            let answer = self.answer(notice);
            let when = self.dice.roll(12);
            if when <= 1 {
                self.late.push((1 + self.dice.roll(6), notice.id, answer.clone()));
            }
            if when != 0 {
                answers.push(answer);
            }
        }
        answers
    }

    /// The daemon was stopped: nobody listens to what is answered.
    pub fn forget(&mut self) {
        self.late.clear();
    }

    fn answer(&mut self, notice: &Notice) -> Event {
        let (id, channel) = (notice.id, notice.channel_name().into());
        let failed = |error: &str, retry_in: Option<u64>| Event::Failed {
            notice: id,
            channel: Box::clone(&channel),
            error: error.into(),
            retry_in: retry_in.map(Duration::from_secs),
        };
        match self.dice.roll(6) {
            _ if self.gone > 0 => failed("connection refused", Some(30)),
            0 => failed("503", Some(30)),
            1 => failed("410", None),
            _ => Event::Delivered { notice: id, channel, thread: None },
        }
    }
}
