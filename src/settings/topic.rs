//! The keys `cluster` and `topic`: a topic of a configured cluster of Kafka that is written to.

use std::sync::Arc;

use super::kafka::Cluster;
use super::section::Section;

/// The longest name of a topic that brokers take.
const NAME_MAX: usize = 249;

/// A topic.
#[derive(Clone, Debug)]
pub struct Topic {
    /// The name of the cluster's section.
    pub cluster: Arc<str>,
    /// How the cluster is reached.
    pub reached: Arc<Cluster>,
    /// The topic's name.
    pub topic: Box<str>,
}

/// Reads both keys.
pub(super) fn read(section: &mut Section<'_>) -> Option<Topic> {
    let cluster = section.cluster("cluster");
    let expected = "the name of a topic: up to 249 letters, digits, `.`, `-` and `_`";
    let topic = section.text("topic", expected, |text| is_name(text).then(|| text.into()));
    let ((cluster, reached), topic) = (cluster?, topic?);
    Some(Topic { cluster, reached, topic })
}

/// True for what brokers take as the name of a topic.
pub(super) fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    (1..=NAME_MAX).contains(&text.len()) && text.bytes().all(plain) && text != "." && text != ".."
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::from_file;

    #[test]
    fn the_name_of_a_topic_is_one_that_brokers_take() {
        for (text, is_one) in [
            ("incidents", true),
            ("a.b-c_D9", true),
            (&*"x".repeat(249), true),
            (&*"x".repeat(250), false),
            ("", false),
            (".", false),
            ("..", false),
            ("a b", false),
            ("a/b", false),
        ] {
            assert_eq!(is_name(text), is_one, "{text}");
        }
    }
    const MAIN: &str = "[kafka.clusters.main]\nbrokers = ['kafka:9092']\n";

    #[test]
    fn events_go_nowhere_until_a_topic_is_named() {
        let events = |text: &str| from_file(text).unwrap().events;
        assert!(events(MAIN).to.is_none());
        let to = events(&format!("{MAIN}[events]\ncluster = 'main'\ntopic = 'incidents'"));
        let to = to.to.unwrap();
        assert_eq!((&*to.cluster, &*to.topic), ("main", "incidents"));
        assert_eq!(to.reached.brokers, ["kafka:9092"]);
    }

    #[test]
    fn a_topic_without_its_cluster_is_refused_by_the_key_that_is_wrong() {
        let events = |keys: &str| format!("{MAIN}[events]\n{keys}");
        let channel = |keys: &str| format!("{MAIN}[channels.c]\nkind = 'kafka'\n{keys}");
        for (text, code, key, says) in [
            (events("topic = 't'"), "K003", "events.cluster", "[kafka.clusters.NAME]: main"),
            (events("cluster = 'main'"), "K003", "events.topic", "the name of a topic"),
            (
                events("cluster = 'mian'\ntopic = 't'"),
                "K004",
                "events.cluster",
                "found `mian`, expected the name of a section [kafka.clusters.NAME]: main",
            ),
            (
                "[events]\ncluster = 'a'\ntopic = 't'".into(),
                "K004",
                "events.cluster",
                "of which there is none",
            ),
            (channel("cluster = 'main'"), "K003", "channels.c.topic", "the name of a topic"),
            (
                channel("cluster = 'main'\ntopic = 'a b'"),
                "K004",
                "channels.c.topic",
                "found `a b`, expected the name of a topic",
            ),
            (channel("cluster = 'x'\ntopic = 't'"), "K004", "channels.c.cluster", "found `x`"),
        ] {
            let found = from_file(&text).unwrap_err();
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert_eq!((found[0].code, &*found[0].key), (code, key), "{text}");
            assert!(found[0].message.contains(says), "{text}: {}", found[0].message);
        }
        // A cluster with a problem of its own is told once.
        let found = from_file(
            "[kafka.clusters.main]\nbrokers = []\n[events]\ncluster = 'main'\ntopic = 't'",
        );
        let keys: Vec<String> = found.unwrap_err().into_iter().map(|it| it.key).collect();
        assert_eq!(keys, ["kafka.clusters.main.brokers"]);
    }
}
