//! Tries the clusters of Kafka and the topics that are read.

use crate::kafka::examine::{self, Found};
use crate::settings::Settings;

use super::Finding;

/// What to do beside what the finding says.
const REMEDY: &str = "until then nothing is read from there; webhooks are taken all the same";

/// Tries all of them, one after the other.
pub(super) async fn examine(settings: Settings) -> Vec<Finding> {
    if settings.clusters.is_empty() {
        return Vec::new();
    }
    let look = move || examine::examine(&settings.clusters, &settings.sources);
    let Ok(said) = tokio::task::spawn_blocking(look).await else { return Vec::new() };
    said.into_iter()
        .map(|said| match said {
            Found::Good(message) => Finding::ok("kafka", message),
            Found::Doubtful(message, remedy) => Finding::warning("kafka", message, &remedy),
            Found::Wrong(message) => Finding::error("kafka", message, REMEDY),
        })
        .collect()
}
