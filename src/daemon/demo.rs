//! A story on the sample CMDB, so that a newcomer has something to see: twelve machines of a rack fall
//! silent, the power strip above them says why, a cause that is known calls nobody, a database falls
//! behind slowly, power comes back.
//!
//! Goes through the doors like everybody else.

use core::time::Duration;
use std::net::SocketAddr;
use std::path::PathBuf;

use tracing::warn;

/// The sample CMDB: a small shop.
pub const CMDB: &str = include_str!("../../config/demo/cmdb.yaml");

/// What the rules are beside the shipped ones: a cause that is known, and less patience.
pub const RULES: (&str, &str) =
    ("config/demo/rules.yaml", include_str!("../../config/demo/rules.yaml"));

/// The story: what is posted to the source `native`, and how long after the start.
const ACTS: [(Duration, &str); 7] = [
    (Duration::from_secs(1), include_str!("../../config/demo/1-machines.json")),
    (Duration::from_secs(3), include_str!("../../config/demo/2-disk.json")),
    (Duration::from_secs(6), include_str!("../../config/demo/3-strip.json")),
    (Duration::from_secs(10), include_str!("../../config/demo/4-known.json")),
    (Duration::from_secs(15), include_str!("../../config/demo/5-lag.json")),
    (Duration::from_secs(30), include_str!("../../config/demo/6-lag-grows.json")),
    (Duration::from_secs(50), include_str!("../../config/demo/7-power-is-back.json")),
];

/// The act after which there is most to see.
const POWER: usize = 2;

/// Where the play is given.
#[derive(Debug)]
pub struct Stage {
    /// The folder of its store.
    pub dir: PathBuf,
    /// Told each line the audience is to read.
    pub say: fn(&str),
}

/// Fills the CMDB, plays the fault and says what to try.
pub(super) async fn play(stage: Stage, address: SocketAddr) {
    let say = stage.say;
    let client = reqwest::Client::new();
    let url = format!("http://{address}/api/v1/cmdb?by=demo&file=config/demo/cmdb.yaml");
    let import = client.put(&url).header("content-type", "application/yaml").body(CMDB);
    match import.send().await.and_then(reqwest::Response::error_for_status) {
        Ok(_) => {}
        Err(error) => warn!(%error, "the sample CMDB was not taken"),
    }
    say(&format!(
        "incidentd is listening on http://{address}; this is a played fault on a sample CMDB"
    ));
    let url = format!("http://{address}/ingest/native");
    let mut passed = Duration::ZERO;
    for (number, (at, body)) in ACTS.into_iter().enumerate() {
        tokio::time::sleep(at.saturating_sub(passed)).await;
        passed = at;
        let request = client.post(&url).header("content-type", "application/json").body(body);
        if let Err(error) = request.send().await {
            warn!(%error, "an act of the play was not taken");
        }
        if number == POWER {
            say(&scene(address));
        }
    }
    say(
        "Power is back: the thirteen alerts of INC-1 are over, and it is resolved in three seconds.",
    );
}

fn scene(address: SocketAddr) -> String {
    let default = address == SocketAddr::from(([127, 0, 0, 1], 9494));
    let server = if default { String::new() } else { format!(" -s http://{address}") };
    let program = std::env::current_exe().ok();
    let program = program.as_deref().map_or("incidentd".into(), |path| path.to_string_lossy());
    format!(
        "
Twelve machines of rack R12 fell silent, one disk filled up, then the power strip reported itself.
Fourteen alerts, two incidents, and one page for the strip, with the path as the reason. Try, in
another terminal:

  {program} incidents ls{server}
      two open incidents: the power strip with its 13 alerts, and the disk that has nothing to do with it
  {program} incidents show INC-1{server}
      why these alerts are one incident, its priority with the sum, its timeline, who was paged
  {program} incidents ls --state all{server}
      in four seconds a third one, marked quiet: its cause is known, and `show` says what helps
  {program} incidents ack INC-1{server}
      stops the escalation; then `incidents show` again
  {program} incidents check INC-1 1 -m 'dana leads'{server}
      it is a major incident: ticks the first item of its response plan, which `show` lists
  {program} explain INC-1{server}
      every stage, and what each alert would have been alone
  {program} cmdb impact pdu-r12a{server}
      who suffers when the strip fails
  {program} quiet add --ci pdu-r12a --for 2h -m 'power work'{server}
      a window on the strip and all that depends on it

In ten seconds a database begins to fall behind, a little, then badly; in forty power comes back.

The API: http://{address}/api/v1/incidents   metrics: http://{address}/metrics   Ctrl-C ends it."
    )
}
