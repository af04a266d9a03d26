//! Deliveries and commands that were done.

use prost::Message;

use super::{Malformed, Row, keyed};
use crate::model::delivery::DeliveryId;
use crate::model::time::Timestamp;
use crate::store::schema::Family;

/// When it was done.
#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct DeliveryMessage {
    #[prost(int64, tag = "1")]
    done_at: i64,
}

impl Row for (DeliveryId, Timestamp) {
    const FAMILY: Family = Family::Deliveries;
    type Message = DeliveryMessage;

    fn key(&self) -> impl AsRef<[u8]> {
        self.0.0
    }

    fn message(&self) -> DeliveryMessage {
        DeliveryMessage { done_at: self.1.millis() }
    }

    fn restore(key: &[u8], message: DeliveryMessage) -> Result<Self, Malformed> {
        let key = keyed(key.try_into().ok())?;
        Ok((DeliveryId(key), Timestamp::from_millis(message.done_at)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::frozen;
    use super::*;

    #[test]
    fn the_bytes_of_a_delivery_stay_as_they_are() {
        let row = (DeliveryId([7; 16]), Timestamp::from_millis(1_700_000_000_001));
        frozen(&row, &[7; 16], b"\x01\x08\x81\xd0\x95\xff\xbc1");
    }
}
