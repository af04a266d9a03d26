//! Brokers of Kafka on loopback for tests: librdkafka's own, which need nothing installed.

use core::time::Duration;
use std::sync::Arc;

use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::contract::Meeting;
use crate::settings::channels::{Channel, Kafka};
use crate::settings::kafka::{Cluster, Mechanism, Sasl};
use crate::settings::secret::Secret;
use crate::settings::topic::Topic;

/// The topic of [`channel`].
pub(super) const TOPIC: &str = "notices";

/// Returns a channel whose broker does this, and the broker's address. It is there until the process
/// ends.
pub(super) fn channel(meeting: Meeting, timeout: Duration) -> (Channel, String) {
    let mock = MockCluster::new(1).unwrap();
    mock.create_topic(TOPIC, 1, 1).unwrap();
    let says = |error| mock.request_errors(RDKafkaApiKey::Produce, &[error; 100]);
    match meeting {
        Meeting::Takes => {}
        Meeting::PutsOff => says(RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS),
        Meeting::Refuses => says(RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED),
        Meeting::Hangs => mock.broker_round_trip_time(-1, Duration::from_mins(1)).unwrap(),
        Meeting::Closes | Meeting::Resets => {
            says(RDKafkaRespErr::RD_KAFKA_RESP_ERR__TRANSPORT);
        }
        Meeting::IsNotThere => mock.broker_down(-1).unwrap(),
    }
    // The broker has no passwords; where there is none to ask, one may be set.
    let sasl = (meeting == Meeting::IsNotThere).then(|| Sasl::Password {
        mechanism: Mechanism::ScramSha512,
        user: "u".into(),
        password: Secret::new("t0ken".into()),
    });
    let address = mock.bootstrap_servers();
    core::mem::forget(mock);
    let cluster = Cluster {
        brokers: vec![address.clone()],
        tls: None,
        sasl,
        options: std::collections::BTreeMap::new(),
    };
    let to = Topic { cluster: "main".into(), reached: Arc::new(cluster), topic: TOPIC.into() };
    (Channel::Kafka(Kafka { to, timeout }), address)
}
