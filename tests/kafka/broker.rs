//! A real Apache Kafka on loopback: one node in `KRaft` mode, started, killed and started again, with
//! four doors: open, TLS with SCRAM, TLS with a client's certificate, and tokens. And Kafka's own tools.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::common::{free_address, wait_for};
use crate::producer;

/// Who may enter by SCRAM.
pub const USER: &str = "incidentd";

/// Its password.
pub const PASSWORD: &str = "correct-horse-battery-staple";

/// A broker with its folder; it ends when this is dropped or the test program ends.
pub struct Broker {
    dir: tempfile::TempDir,
    /// The door that is open to all.
    pub open: SocketAddr,
    /// The door with TLS where SCRAM-SHA-512 is asked for.
    pub scram: SocketAddr,
    /// The door with TLS where a certificate is asked for.
    pub mutual: SocketAddr,
    /// The door where a token is asked for (OAUTHBEARER, unsigned), again and again.
    pub token: SocketAddr,
    child: Option<Child>,
}

/// What a lag tool says of one partition.
#[derive(Clone, Debug)]
pub struct Row {
    /// The topic.
    pub topic: String,
    /// The offset that the group was told.
    pub offset: i64,
    /// Records between it and the end.
    pub lag: i64,
}

/// Where `.ci/kafka` has put Kafka.
fn libs() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("kafka/libs")
}

/// True when there is a Kafka to start.
pub fn is_fetched() -> bool {
    libs().with_file_name("pom.xml").exists()
}

/// Runs one of Kafka's classes. `setpriv` ends it with the thread that starts it: nothing stays
/// behind when the tests are killed.
fn java(class: &str, heap: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "java", heap, "-XX:+UseSerialGC"]);
    command.args(["-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]);
    command.arg("-cp").arg(libs().join("*")).arg(class).stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&output.stdout);
    assert!(output.status.success(), "{command:?}: {said}{}", text(&output.stderr));
    said
}

impl Broker {
    /// Starts one with an empty log and a cluster id of its own.
    pub fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let [open, scram, mutual, token, controller] = [(); 5].map(|()| free_address());
        let mut broker = Self { dir, open, scram, mutual, token, child: None };
        broker.certify();
        broker.configure(controller);
        let format = ["format", "--config", "server.properties", "--add-scram"];
        let user = format!("SCRAM-SHA-512=[name={USER},password={PASSWORD}]");
        // Sixteen bytes in base64, others for each broker.
        let id = format!("incidentd-test-{:05}-A", open.port());
        let mut storage = java("kafka.tools.StorageTool", "-Xmx64m");
        run(storage.current_dir(broker.dir.path()).args(format).args([&user, "--cluster-id", &id]));
        broker.start_again();
        broker
    }

    /// Makes an authority, and certificates of the broker and of a client.
    fn certify(&self) {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "authority");
        let key = KeyPair::generate().unwrap();
        self.write("ca.pem", &params.self_signed(&key).unwrap().pem());
        let authority = Issuer::new(params, key);
        for name in ["broker", "client"] {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
            params.distinguished_name.push(DnType::CommonName, name);
            let pem = params.signed_by(&key, &authority).unwrap().pem();
            self.write(&format!("{name}.key"), &key.serialize_pem());
            self.write(&format!("{name}.pem"), &pem);
            self.write(&format!("{name}.both.pem"), &format!("{}{pem}", key.serialize_pem()));
        }
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.file(name), text).unwrap();
    }

    /// A file of the broker's: `ca.pem`, `client.pem`, `client.key`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn configure(&self, controller: SocketAddr) {
        let Self { open, scram, mutual, token, .. } = self;
        let dir = self.dir.path().display();
        let properties = format!(
            "process.roles=broker,controller\n\
             node.id=1\n\
             controller.quorum.voters=1@{controller}\n\
             listeners=OPEN://{open},SCRAM://{scram},MUTUAL://{mutual},TOKEN://{token},CONTROLLER://{controller}\n\
             listener.security.protocol.map=OPEN:PLAINTEXT,SCRAM:SASL_SSL,MUTUAL:SSL,TOKEN:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT\n\
             inter.broker.listener.name=OPEN\n\
             controller.listener.names=CONTROLLER\n\
             ssl.keystore.type=PEM\n\
             ssl.keystore.location={dir}/broker.both.pem\n\
             ssl.truststore.type=PEM\n\
             ssl.truststore.location={dir}/ca.pem\n\
             listener.name.mutual.ssl.client.auth=required\n\
             listener.name.scram.sasl.enabled.mechanisms=SCRAM-SHA-512\n\
             listener.name.scram.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;\n\
             listener.name.token.sasl.enabled.mechanisms=OAUTHBEARER\n\
             listener.name.token.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"broker\";\n\
             listener.name.token.oauthbearer.connections.max.reauth.ms=3600000\n\
             log.dirs={dir}/data\n\
             auto.create.topics.enable=false\n\
             offsets.topic.replication.factor=1\n\
             offsets.topic.num.partitions=1\n\
             group.initial.rebalance.delay.ms=0\n"
        );
        self.write("server.properties", &properties);
    }

    /// Starts it where it was killed, and waits until it answers.
    pub fn start_again(&mut self) {
        let log =
            std::fs::File::options().create(true).append(true).open(self.file("log")).unwrap();
        let mut command = java("kafka.Kafka", "-Xmx384m");
        command.current_dir(self.dir.path()).arg("server.properties");
        self.child = Some(command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap());
        let mut asking = Command::new("kcat");
        asking.args(["-L", "-m", "1", "-b", &self.open.to_string()]);
        wait_for("the broker's answer", || {
            if let Some(status) = self.child.as_mut().unwrap().try_wait().unwrap() {
                panic!("the broker ended, {status}:\n{}", self.log());
            }
            let output = asking.output().unwrap_or_else(|error| panic!("kcat: {error}; .ci/kafka"));
            Some(()).filter(|()| output.status.success())
        });
    }

    /// Kills the process where it stands.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            drop(child.kill());
            drop(child.wait());
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.file("log")).unwrap_or_default()
    }

    /// Runs one of Kafka's own tools and returns what it prints.
    pub fn tool(&self, class: &str, args: &[&str]) -> String {
        let mut tool = java(class, "-Xmx64m");
        run(tool.args(["--bootstrap-server", &self.open.to_string()]).args(args))
    }

    /// What `kafka-consumer-groups` says of a group.
    pub fn group(&self, group: &str) -> Vec<Row> {
        let class = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
        let said = self.tool(class, &["--describe", "--offsets", "--group", group]);
        let row = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [_, topic, _partition, offset, _end, lag, ..] = words.as_slice() else {
                return None;
            };
            let (offset, lag) = (offset.parse().ok()?, lag.parse().ok()?);
            Some(Row { topic: (*topic).to_owned(), offset, lag })
        };
        said.lines().filter_map(row).collect()
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        ClientConfig::new().set("bootstrap.servers", self.open.to_string()).create().unwrap()
    }

    /// Makes a topic.
    pub fn make_topic(&self, name: &str, partitions: i32) {
        assert!(self.try_to_make_topic(name, partitions), "there is a topic {name}");
    }

    /// Makes a topic; false when there is one of this name.
    pub fn try_to_make_topic(&self, name: &str, partitions: i32) -> bool {
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        done(self.admin().create_topics([&topic], &options())).iter().all(Result::is_ok)
    }

    /// Makes a topic of one partition that is a table, compacted as fast as a broker does.
    pub fn make_table(&self, name: &str) {
        let options_of = [
            ("cleanup.policy", "compact"),
            ("segment.ms", "100"),
            ("min.cleanable.dirty.ratio", "0.01"),
            ("delete.retention.ms", "600000"),
        ];
        let topic = NewTopic::new(name, 1, TopicReplication::Fixed(1));
        let topic = options_of.into_iter().fold(topic, |topic, (key, value)| topic.set(key, value));
        assert!(done(self.admin().create_topics([&topic], &options())).iter().all(Result::is_ok));
    }

    /// Deletes a topic.
    pub fn delete_topic(&self, name: &str) {
        for gone in done(self.admin().delete_topics(&[name], &options())) {
            gone.unwrap();
        }
    }

    /// Gives a topic more partitions.
    pub fn widen_topic(&self, name: &str, partitions: usize) {
        let wider = NewPartitions::new(name, partitions);
        for made in done(self.admin().create_partitions([&wider], &options())) {
            made.unwrap();
        }
    }

    /// Deletes what lies before an offset, as retention does.
    pub fn truncate(&self, topic: &str, partition: i32, before: i64) {
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(topic, partition, Offset::Offset(before)).unwrap();
        done(self.admin().delete_records(&offsets, &options()));
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(Duration::from_secs(20)))
}

/// Waits for an answer of the broker.
fn done<T>(answer: impl Future<Output = rdkafka::error::KafkaResult<T>>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(answer).unwrap()
}

/// What the other tests rest on.
pub fn the_tools_of_kafka_see_what_was_produced(broker: &Broker) {
    broker.make_topic("tools", 2);
    let records = (0..10).map(|n| producer::Record::new(format!("key-{n}"), "{}"));
    producer::produce(broker, "tools", records);
    producer::kcat(broker, "tools", &["{\"a\": 1}", "{\"b\": 2}"]);
    let class = "org.apache.kafka.tools.GetOffsetShell";
    let said = broker.tool(class, &["--topic", "tools"]);
    let ends = said.lines().filter_map(|line| line.rsplit(':').next()?.trim().parse::<i64>().ok());
    assert_eq!(ends.sum::<i64>(), 12, "{said}");
}
