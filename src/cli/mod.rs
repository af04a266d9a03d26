//! The command line: one file per command.
//!
//! Commands that ask a running daemon go through its API and nothing else; `-o json` prints what the
//! API said, unchanged. Only `print` writes to the terminal.

pub mod alerts;
pub mod audit;
pub mod changes;
pub mod check;
pub mod client;
mod clocks;
pub mod cmdb;
pub mod config;
pub mod db;
pub mod desk;
pub mod doctor;
pub mod explain;
pub mod explain_code;
pub mod explain_test;
pub mod export;
pub mod failure;
pub mod files;
pub mod generate;
pub mod handle;
pub mod handled;
mod handover;
pub mod incidents;
pub mod kafka;
pub mod known_error;
pub mod major;
pub mod name;
pub mod notify;
pub mod on_call;
pub mod overrides;
pub mod paging;
pub mod print;
pub mod quarantine;
pub mod quiet;
pub mod replay;
pub mod report;
pub mod rules;
pub mod serve;
pub mod sheet;
pub mod test;
mod transfers;
pub mod unbound;
pub mod what_if;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use client::{Answer, Keys, Server};
use failure::Failure;

/// Stands between monitoring tools and the people on call.
#[derive(Debug, Parser)]
#[command(name = "incidentd", version, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    session: Session,
    #[command(subcommand)]
    command: Command,
}

/// What holds for every command that asks a daemon.
#[derive(Clone, Debug, Args)]
pub struct Session {
    /// Address of the daemon
    #[arg(
        short,
        long,
        global = true,
        value_name = "URL",
        env = "INCIDENTD_SERVER",
        default_value = "http://127.0.0.1:9494"
    )]
    server: String,
    /// File with the token to show; the whole file, without the line's end
    #[arg(long, global = true, value_name = "FILE", env = "INCIDENTD_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// PEM file with certificates to trust beside the system's
    #[arg(long, global = true, value_name = "FILE", env = "INCIDENTD_CA_FILE")]
    ca_file: Option<PathBuf>,
    /// How to print
    #[arg(short, long, global = true, value_enum, default_value_t = Output::Table)]
    output: Output,
    /// Leave out the heads of columns and the line below a list
    #[arg(long, global = true)]
    no_headers: bool,
    /// Print nothing but data and errors
    #[arg(short, long, global = true)]
    quiet: bool,
}

/// How answers are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people: aligned columns
    Table,
    /// For programs: what the API said
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon
    Serve(serve::Args),
    /// Check rule files
    Check(check::Args),
    /// Play the tests inside rule files
    Test(test::Args),
    /// Play recorded alerts through rules, or through two sets of them
    Replay(replay::Args),
    /// Say why an alert or an incident is what it is
    Explain(explain::Args),
    /// Say what the code of a finding means, with a bad and a good example
    ExplainCode(explain_code::Args),
    /// List, show and answer incidents
    #[command(visible_alias = "inc", subcommand)]
    Incidents(incidents::Command),
    /// List, show and send alerts
    #[command(subcommand)]
    Alerts(alerts::Command),
    /// Silence alerts for a time, list and end silences
    #[command(subcommand)]
    Quiet(quiet::Command),
    /// Tell who did what, and prove it
    #[command(subcommand)]
    Audit(audit::Command),
    /// Look at planned changes, or take them in
    #[command(subcommand)]
    Changes(changes::Command),
    /// Change, show and check the CMDB
    #[command(subcommand)]
    Cmdb(cmdb::Command),
    /// Look after the rules in force
    #[command(subcommand)]
    Rules(rules::Command),
    /// Look after what could not be read or handled
    #[command(subcommand)]
    Quarantine(quarantine::Command),
    /// Say who is on call
    #[command(name = "oncall", subcommand)]
    OnCall(on_call::Command),
    /// See how far Kafka topics are read, and let halted partitions go on
    #[command(subcommand)]
    Kafka(kafka::Command),
    /// Look after notices
    #[command(subcommand)]
    Notify(notify::Command),
    /// Look after the store
    #[command(subcommand)]
    Db(db::Command),
    /// Show settings
    #[command(subcommand)]
    Config(config::Command),
    /// Say what is wrong with this installation
    Doctor(doctor::Args),
    /// Print the completion of a shell
    Completion(generate::Completion),
    /// Print the manual page
    Man,
    /// Print the version
    Version,
}

impl Session {
    fn connect(&self) -> Result<Server, Failure> {
        let keys = Keys { token: self.token_file.as_deref(), ca: self.ca_file.as_deref() };
        Server::new(&self.server, &keys)
    }

    /// Prints an answer: as it came, or as `people` want it.
    fn show(
        &self,
        answer: &Answer,
        people: impl FnOnce(&Answer) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        match self.output {
            Output::Json => {
                print::data(&answer.0);
                Ok(())
            }
            Output::Table => people(answer),
        }
    }

    /// Prints a list and, below it, what `footer` says.
    fn list(&self, table: print::Table, footer: &str) {
        let table = if self.no_headers { table.headless() } else { table };
        for line in table.lines("") {
            print::data(line);
        }
        if !self.no_headers && !self.quiet && !footer.is_empty() {
            print::data(footer);
        }
    }

    /// Says what was done.
    fn say(&self, text: &str) {
        if !self.quiet {
            print::data(text);
        }
    }
}

/// Does what the command line says and returns the exit code.
pub fn run(cli: Cli) -> ExitCode {
    let Cli { session, command } = cli;
    let done = match command {
        Command::Serve(args) => serve::run(&args),
        Command::Check(args) => check::run(&session, &args),
        Command::Test(args) => test::run(&session, &args),
        Command::ExplainCode(args) => explain_code::run(&session, &args),
        Command::Db(command) => db::run(&session, command),
        Command::Config(command) => config::run(&session, command),
        Command::Doctor(args) => doctor::run(&session, &args),
        Command::Completion(args) => generate::completion(&args),
        Command::Man => generate::man(),
        Command::Version => {
            print::data(concat!("incidentd ", env!("CARGO_PKG_VERSION")));
            Ok(())
        }
        Command::Replay(args) => wait(replay::run(&session, &args)),
        Command::Explain(args) => wait(explain::run(&session, &args)),
        Command::Incidents(command) => wait(incidents::run(&session, command)),
        Command::Alerts(command) => wait(alerts::run(&session, command)),
        Command::Quiet(command) => wait(quiet::run(&session, command)),
        Command::Audit(command) => wait(audit::run(&session, command)),
        Command::Changes(command) => wait(changes::run(&session, command)),
        Command::Cmdb(command) => wait(cmdb::run(&session, command)),
        Command::Rules(command) => wait(rules::run(&session, command)),
        Command::Kafka(command) => wait(kafka::run(&session, command)),
        Command::Quarantine(command) => wait(quarantine::run(&session, command)),
        Command::OnCall(command) => wait(on_call::run(&session, command)),
        Command::Notify(command) => wait(notify::run(&session, command)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.to_string().is_empty() {
                print::talk(format_args!("incidentd: {failure}"));
            }
            failure.into()
        }
    }
}

/// Runs a command that talks to the daemon.
fn wait<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::Findings(format!("cannot start: {error}")))?.block_on(command)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_contradicts_itself_is_no_command() {
        for line in [
            "quiet ls --all --pending",
            "replay",
            "replay x --from 2h",
            "replay x --to 2h",
            "replay x --fail-on-missed",
            "quiet add --for 2h -m nothing",
            "quiet add a=b --for 2h",
            "quiet add a=b -m forever",
            "quiet add a=b --for 2h -m x --start soon",
            "quiet end",
            "quiet end x --all-mine",
            "explain",
            "explain INC-7 --test x.yaml:3",
            "explain INC-7 --at 3m",
            "explain --test x.yaml:3 --set a=b",
            "test --watch --update",
        ] {
            let words = std::iter::once("incidentd").chain(line.split(' '));
            assert!(Cli::try_parse_from(words).is_err(), "{line}");
        }
    }

    /// As in the documentation.
    const DOCUMENTED: &[&str] = &[
        "serve --config x.toml --data-dir d --listen 127.0.0.1:1 --rules r",
        "serve --demo",
        "check rules --format short",
        "check rules --format sarif --deny-warnings",
        "explain-code R0103",
        "explain-code -o json",
        "replay night.jsonl --rules rules/base --cmdb topology.json -o json",
        "replay --from 2h --to 1h --against git:HEAD~1 --fail-on-missed",
        "replay - --against old --skip-bad",
        "explain INC-7",
        "explain alertname=\"X\",ci=\"srv-1\" --why-not datacenter/rack-power",
        "explain 9f31c20a77de41b2 --set severity=critical --rules rules -o json",
        "explain - --cmdb topology.json",
        "explain a=b --offline --rules rules",
        "explain --test rules/base/group.yaml:30 --rules rules/base --at 60s -o json",
        "test rules --filter power --coverage --junit out.xml",
        "test rules/base --update",
        "test --watch",
        "explain 9f31c20a77de41b2 -o json",
        "inc ls",
        "incidents ls --state all --limit 5 severity=\"critical\"",
        "inc show INC-1042",
        "inc ack INC-1042 --for 30m -m on-site --as m.ito",
        "inc resolve INC-1042 -m done --as m.ito",
        "inc ack site=\"fra1\" --yes",
        "inc claim INC-1042 --expected 3",
        "inc assign INC-1042 INC-1043 --to team:linux",
        "inc hold INC-1042 --waits-for supplier --for 4h",
        "inc merge INC-1043 --into INC-1042",
        "inc split INC-1042 INC-1044 INC-1045",
        "inc set INC-1042 location=fra1 solution=x --expected 3",
        "inc classify INC-1042 --category network --because x",
        "inc time INC-1042 45m --by m.ito",
        "inc resolve INC-1042 --code fixed --cause hardware --spent 45m",
        "inc report --title x --ci srv-1 --as mia --contact mia --place Berlin",
        "inc confirm INC-1042 --satisfaction 5",
        "inc reject INC-1042 --because slow",
        "inc cancel INC-1042 --because drill",
        "inc declare-major INC-1042 --because x",
        "inc stand-down INC-1042 --because x",
        "inc check INC-1042 3 -m done",
        "inc role INC-1042 communication --to dana --as m.ito",
        "inc action INC-1042 add text --owner dana --due 2026-12-01",
        "inc action INC-1042 done 1 -m tested",
        "inc actions --overdue -o json",
        "inc export INC-1042 --post-mortem",
        "inc close severity=\"info\" --dry-run",
        "inc transfers --by team --since 30d",
        "alerts ls --state firing",
        "alerts send alertname=X ci=srv-1 --severity critical",
        "alerts ls --silenced",
        "alerts unbound",
        "quiet ls --all -o json",
        "quiet add alertname=~\"Disk.*\" --for 2h -m disks --start 2026-11-21T22:00:00Z",
        "quiet add --ci pdu-r12a --for 2h -m power --as m.ito",
        "quiet end f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        "quiet end --all-mine",
        "audit ls --after 7",
        "audit verify --head 57831661d03998f301b4deaa23a2ec3f426436770565682661693a5a47d40f71",
        "cmdb import x.yaml --yes",
        "cmdb import x.yaml --mode merge --expect-removed 12 --as mia",
        "cmdb diff x.yaml",
        "cmdb bind instance=\"web-1:9100\",job=\"node\"",
        "cmdb bind a=b --cmdb c.yaml --rules rules/base -o json",
        "cmdb show",
        "cmdb show srv-1",
        "cmdb ls class=\"server\" --text R12",
        "cmdb path pdu-r12a svc-checkout --max-hops 4 --all",
        "cmdb impact pdu-r12a",
        "cmdb impact pdu-r12a pdu-r12b --max-hops 3",
        "cmdb lint",
        "cmdb lint x.yaml -o json",
        "cmdb export --format json",
        "cmdb log",
        "quarantine ls --limit 5",
        "quarantine show 7",
        "quarantine replay 7 8 --token-file t --ca-file c",
        "quarantine drop 7",
        "kafka ls",
        "kafka resume metrics --topic alerts --partition 0 --as mia",
        "kafka seek metrics --topic alerts --partition 0 --to beginning",
        "notify ls --dead",
        "notify ls --pending --incident INC-7 --cursor 00ff",
        "notify test anna --dry-run",
        "notify retry INC-1042/3 --as m.ito",
        "notify retry --dead",
        "rules ls --kind group",
        "rules show datacenter/rack-power -o json",
        "rules stats",
        "rules reload",
        "db verify",
        "db verify data/backups/x -o json",
        "db backup",
        "db backup --offline --data-dir d",
        "db restore x --config c.toml",
        "db compact",
        "db stats x",
        "serve --accept-loss --release-outbox",
        "notify release",
        "doctor --config c.toml -o json",
        "completion bash",
        "man",
        "config default",
        "config show --config x.toml --origin --listen 127.0.0.1:1",
        "version",
    ];

    #[test]
    fn the_documented_commands_are_understood() {
        for line in DOCUMENTED {
            let words = std::iter::once("incidentd").chain(line.split(' '));
            let cli = Cli::try_parse_from(words);
            assert!(
                cli.is_ok(),
                "{line}: {}",
                cli.err().map(|e| e.to_string()).unwrap_or_default()
            );
        }
    }
}
