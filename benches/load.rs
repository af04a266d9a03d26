//! The load that benchmarks use: alerts of ten labels, 64 a delivery, in groups of a hundred.
#![allow(dead_code, unreachable_pub, reason = "each benchmark uses its own part")]

use core::fmt::Write;

/// Alerts of one delivery; what older versions of Prometheus send at most.
pub const BATCH: usize = 64;

/// Alerts that share an incident.
const GROUP: usize = 100;

/// Labels that every alert has.
pub const LABELS: usize = 10;

/// One rule that makes an incident of every hundred alerts.
pub const RULES: &str = "
version: 1
namespace: load
rules:
  - name: service
    owner: nobody
    summary: What one service says is one incident.
    when: ['service!=\"\"']
    group: {by: [service], window: 1h}
";

/// As whom a delivery is written.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// Our own JSON.
    Native,
    /// What Prometheus posts to Alertmanager's API.
    Alertmanager,
}

/// What alerts and their deliveries look like.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub form: Form,
    /// Alerts of one delivery.
    pub batch: usize,
    /// Alerts that name the same service.
    pub group: usize,
    /// Labels of an alert, at least [`LABELS`].
    pub labels: usize,
    /// CIs that alerts come from, those of a service from neighbours; 0 for alerts that name none.
    pub cis: usize,
}

impl Shape {
    /// What benchmarks of a part send.
    pub const USUAL: Self =
        Self { form: Form::Native, batch: BATCH, group: GROUP, labels: LABELS, cis: 0 };

    /// Returns the delivery of this number.
    pub fn body(self, delivery: usize) -> String {
        let more = match self.form {
            Form::Native => "",
            Form::Alertmanager => {
                r#","startsAt":"2026-11-21T08:00:00.000Z","generatorURL":"http://prometheus-0.monitoring:9090/graph?g0.expr=latency&g0.tab=1""#
            }
        };
        let mut body = String::from("[");
        for n in delivery * self.batch..(delivery + 1) * self.batch {
            let comma = if body.len() == 1 { "" } else { "," };
            let labels = self.labels(n);
            let written =
                write!(body, r#"{comma}{{"labels":{labels},"annotations":{ANNOTATIONS}{more}}}"#);
            assert!(written.is_ok(), "a string takes everything");
        }
        body.push(']');
        body
    }

    /// Returns the labels of alert `n` as JSON.
    fn labels(self, n: usize) -> String {
        let service = n / self.group;
        let place = match self.cis {
            0 => r#""region":"fra1""#.to_owned(),
            cis => format!(r#""ci":"ci-{:07}""#, (service * 61 + n % self.group % 61) % cis),
        };
        let mut text = format!(
            concat!(
                r#"{{"alertname":"HighLatency","cluster":"eu-central-1","namespace":"shop-{}","#,
                r#""service":"service-{}","pod":"service-{}-7d9c5b6f4-{:06}","instance":"10.{}.{}.{}:9090","#,
                r#""job":"kubernetes-pods","severity":"warning","team":"platform",{}"#
            ),
            n / 10_000,
            service,
            service,
            n,
            n / 65_536 % 256,
            n / 256 % 256,
            n % 256,
            place,
        );
        for more in LABELS..self.labels {
            let written = write!(text, r#","label_{more}":"value-{more}""#);
            assert!(written.is_ok(), "a string takes everything");
        }
        text.push('}');
        text
    }
}

const ANNOTATIONS: &str = r#"{"summary":"p99 latency is above 500 ms","description":"The 99th percentile has been above its limit for ten minutes","runbook_url":"https://runbooks.example/high-latency"}"#;

/// Returns delivery `batch` for the source `native`.
pub fn native_body(batch: usize) -> String {
    Shape::USUAL.body(batch)
}
