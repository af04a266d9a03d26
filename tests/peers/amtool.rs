//! Debian's amtool against a real incidentd and a real Alertmanager: the same commands, and the same
//! answers but for ids and for times that depend on the clock.

use std::path::Path;
use std::process::Command;

use regex::Regex;
use serde_json::Value;
use tempfile::TempDir;

use super::common::{Client, Daemon, free_address, wait_for};
use super::{Peer, write};

const CONFIGURATION: &str = "route: {receiver: default}\nreceivers: [{name: default}]\n";

/// Both, with what replaces the parts of their answers that cannot be alike.
struct Pair {
    dir: TempDir,
    _daemon: Daemon,
    _alertmanager: Peer,
    /// Of incidentd, then of Alertmanager.
    urls: [String; 2],
    replaced: Vec<(Regex, &'static str)>,
    compared: usize,
}

/// What amtool did: exit code, output, errors.
type Told = (i32, String, String);

impl Pair {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "alertmanager.yml", CONFIGURATION);
        let daemon = Daemon::start(dir.path());
        let address = free_address();
        let alertmanager = Peer::start(
            "prometheus-alertmanager",
            dir.path(),
            &[
                "--config.file=alertmanager.yml".into(),
                "--storage.path=alertmanager".into(),
                format!("--web.listen-address={address}"),
                "--cluster.listen-address=".into(),
            ],
        );
        let mut up = Client::new(address);
        wait_for("Alertmanager's being ready", || {
            up.try_send("GET", "/-/ready", "").ok().filter(|answer| answer.status == 200)
        });
        let replaced = [
            (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID"),
            // The tests name the years 2001 and 2099; whatever else is from the clock.
            (r"20[1-8]\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| UTC)", "TIME"),
            (r"(?m)^Warning: amtool version .*\n", ""),
            // Since 0.28 of Alertmanager it is the other way round.
            ("silence invalid:", "invalid silence:"),
            (r"127\.0\.0\.1:\d+", "HOST"),
            (" +", " "),
        ];
        Self {
            urls: [daemon.address, address].map(|address| format!("http://{address}")),
            replaced: replaced.map(|(pattern, by)| (Regex::new(pattern).unwrap(), by)).into(),
            dir,
            _daemon: daemon,
            _alertmanager: alertmanager,
            compared: 0,
        }
    }

    fn amtool(&self, url: &str, args: &[&str]) -> Told {
        let mut command = Command::new("amtool");
        command.env("HOME", self.dir.path()).current_dir(self.dir.path());
        command.arg(format!("--alertmanager.url={url}")).args(args);
        let output = command.output().unwrap_or_else(|error| panic!("amtool: {error}"));
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
    }

    fn normalised(&self, (code, out, err): Told) -> Told {
        let plain = |text: String| {
            let replace =
                |text: String, (what, by): &(Regex, &str)| what.replace_all(&text, *by).into();
            self.replaced.iter().fold(text, replace)
        };
        (code, plain(out), plain(err))
    }

    /// Gives both a command in their own words and holds their answers against each other; returns
    /// what each of them printed.
    #[track_caller]
    fn each(&mut self, args: [&[&str]; 2]) -> [String; 2] {
        let [ours, theirs] = [0, 1].map(|at| self.amtool(&self.urls[at], args[at]));
        let printed = [ours.1.clone(), theirs.1.clone()];
        assert_eq!(self.normalised(ours), self.normalised(theirs), "amtool {:?}", args[0]);
        self.compared += 1;
        printed
    }

    /// The same with the same words; true when they did it.
    #[track_caller]
    fn both(&mut self, line: &str) -> [String; 2] {
        let args: Vec<&str> = line.split(' ').collect();
        self.each([&args, &args])
    }

    /// Makes a silence and returns its ids.
    #[track_caller]
    fn silence(&mut self, line: &str) -> [String; 2] {
        self.both(&format!("silence add {line}")).map(|printed| {
            assert_eq!(printed.trim().len(), 36, "{line} made no silence: {printed}");
            printed.trim().to_owned()
        })
    }

    /// Lists alerts and silences in every form.
    #[track_caller]
    fn list(&mut self) {
        for form in ["simple", "extended", "json"] {
            for line in
                ["alert query", "alert query -s", "alert query -a -s -i -u", "silence query"]
            {
                self.both(&format!("-o {form} {line}"));
            }
        }
    }
}

/// How many things an answer in JSON lists.
fn count(printed: &[String; 2]) -> usize {
    serde_json::from_str::<Vec<Value>>(&printed[0]).unwrap().len()
}

#[test]
fn amtool_says_of_incidentd_what_it_says_of_alertmanager() {
    let mut pair = Pair::start();
    alerts(&mut pair);
    let [disk, window] = silences(&mut pair);
    changes(&mut pair, &disk, &window);
    imports(&mut pair);
    about_itself(&mut pair);
    println!("amtool: {} commands had the same outcome on both", pair.compared);
}

fn alerts(pair: &mut Pair) {
    pair.both("alert query");
    for line in [
        "alertname=DiskFull ci=db-3 severity=critical --annotation=summary=full --generator-url=http://x/?a=b",
        "Loner node=a --start=2001-01-02T00:00:00Z --end=2099-01-01T00:00:00Z",
        "alertname=Minor severity=info site=fra1 --start=2001-01-03T00:00:00Z",
        "alertname=Over --end=2001-01-01T00:00:00Z",
        "alertname=Wrong --start=2099-01-01T00:00:00Z --end=2001-01-01T00:00:00Z",
        "alertname=Wrong nothing",
        "alertname=Wrong --generator-url=nothing",
    ] {
        pair.both(&format!("alert add {line}"));
    }
    pair.list();
    assert_eq!(count(&pair.both("-o json alert query")), 3, "one is over, the others are wrong");
    for line in [
        "DiskFull",
        "alertname=DiskFull",
        "alertname=\"DiskFull\"",
        "alertname=~Disk.*|Loner",
        "alertname!~Disk.*|Loner",
        "severity!=critical",
        "severity=",
        "severity=critical ci=db-3",
        "severity=critical ci=db-4",
        "alertname=~(",
        "--receiver=default",
        "--receiver=def.*",
        "--receiver=def",
        "--inhibited",
        "--unprocessed",
        "--active --inhibited",
    ] {
        pair.both(&format!("-o json alert query {line}"));
    }
}

fn silences(pair: &mut Pair) -> [[String; 2]; 2] {
    let disk = pair.silence("alertname=DiskFull -c planned -a mia -d 2h");
    let window = pair.silence("alertname=~Lon.* node!=b -c later -a ann --start=2099-01-01T00:00:00Z --end=2099-01-02T00:00:00Z");
    pair.silence("Minor site!~ham.* -c now -a mia --end=2099-01-01T00:00:00Z");
    for line in [
        "alertname= -c empty",
        "alertname=~.* -c all",
        "alertname=A -c past --start=2001-01-01T00:00:00Z --end=2001-01-02T00:00:00Z",
        "alertname=A -c backwards --start=2099-01-02T00:00:00Z --end=2099-01-01T00:00:00Z",
        "alertname=A -d 1h",
        "-c nothing",
    ] {
        pair.both(&format!("silence add {line}"));
    }
    pair.list();
    assert_eq!(count(&pair.both("-o json alert query -s")), 2);
    assert_eq!(count(&pair.both("-o json alert query")), 1);
    for line in [
        "alertname=DiskFull",
        "DiskFull",
        "alertname=~DiskFull",
        "alertname=~Lon.*",
        "alertname=~Lon.* node!=b",
        "alertname=~Lon.* node=b",
        "--created-by=mia",
        "--within=3h",
        "--expired",
        "-q",
    ] {
        pair.both(&format!("-o json silence query {line}"));
    }
    [disk, window]
}

fn changes(pair: &mut Pair, disk: &[String; 2], window: &[String; 2]) {
    let of = |ids: &[String; 2], line: &str| [0, 1].map(|at| line.replace("ID", &ids[at]));
    let each = |pair: &mut Pair, ids: &[String; 2], line: &str| {
        let [ours, theirs] = of(ids, line);
        let [ours, theirs]: [Vec<&str>; 2] =
            [ours.split(' ').collect(), theirs.split(' ').collect()];
        pair.each([&ours, &theirs])
    };
    let longer = each(pair, disk, "-o json silence update ID -d 4h -c longer");
    assert!([0, 1].iter().all(|at| longer[*at].contains(&disk[*at])), "in place: {longer:?}");
    each(pair, window, "-o json silence update ID --end=2099-01-03T00:00:00Z");
    each(pair, window, "-o json silence update ID --start=2099-01-04T00:00:00Z");
    each(pair, disk, "-o json silence query --id=ID");
    pair.list();
    each(pair, disk, "silence expire ID");
    each(pair, disk, "silence expire ID");
    pair.both("silence expire nope");
    pair.both("silence update f81d4fae-7dec-11d0-a765-00a0c91e6bf6 -d 1h");
    for form in ["simple", "extended", "json"] {
        pair.both(&format!("-o {form} silence query --expired"));
    }
    pair.list();
    // An expired silence comes back as another one.
    let again = each(pair, disk, "-o json silence update ID -d 9999h");
    assert!([0, 1].iter().all(|at| !again[*at].contains(&disk[*at])), "{again:?}");
    pair.list();
}

/// Each takes what the other exported, under ids it does not know.
fn imports(pair: &mut Pair) {
    let exported = pair.both("-o json silence query");
    for (file, export) in ["ours.json", "theirs.json"].into_iter().zip(&exported) {
        write(pair.dir.path(), file, export);
    }
    let before = count(&exported);
    // One worker: the ids are printed in the order of the file.
    pair.each([
        &["silence", "import", "-w", "1", "theirs.json"],
        &["silence", "import", "-w", "1", "ours.json"],
    ]);
    assert_eq!(count(&pair.both("-o json silence query")), 2 * before);
    // Their own, under ids that they know: in place.
    pair.each([
        &["silence", "import", "-w", "1", "ours.json"],
        &["silence", "import", "-w", "1", "theirs.json"],
    ]);
    pair.each([
        &["silence", "import", "--force", "-w", "1", "ours.json"],
        &["silence", "import", "--force", "-w", "1", "theirs.json"],
    ]);
    write(pair.dir.path(), "bad.json", "[{\"matchers\": []}]");
    pair.both("silence import -w 1 bad.json");
    pair.list();
}

fn about_itself(pair: &mut Pair) {
    for line in [
        "cluster show",
        "-o extended cluster show",
        "config routes show",
        "config routes test alertname=DiskFull",
    ] {
        pair.both(line);
    }
    let (code, shown, _) = pair.amtool(&pair.urls[0], &["config", "show"]);
    assert!(code == 0 && shown.contains("- name: \"default\""), "{shown}");
    let whole = Path::new("shown.yml");
    write(pair.dir.path(), "shown.yml", &shown);
    let checked = ["check-config", whole.to_str().unwrap()];
    assert_eq!(pair.amtool(&pair.urls[0], &checked).0, 0, "Alertmanager would take it");
}
