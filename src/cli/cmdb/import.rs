//! `cmdb import` and `cmdb diff`.

use crate::cli::name::Name;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::http::wire::cmdb::{self, CmdbFile, FileSet};

use super::super::client::{Answer, Server};
use super::super::failure::Failure;
use super::super::{Output, Session, print};
use super::{PATH, read};

/// The arguments of `import`.
#[derive(Clone, Debug, Args)]
pub struct Import {
    #[command(flatten)]
    source: Diff,
    /// Do not ask
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
    /// Only show what would change
    #[arg(long)]
    dry_run: bool,
    /// How many CIs and relations go; has to be said where they are many
    #[arg(long, value_name = "N")]
    expect_removed: Option<usize>,
    #[command(flatten)]
    name: Name,
}

/// What to compare.
#[derive(Clone, Debug, Args)]
pub struct Diff {
    /// Files, in any form; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What the files are
    #[arg(long, value_enum, default_value_t = Mode::Replace)]
    mode: Mode,
    /// How the files are written
    #[arg(long, value_enum, default_value_t = Form::Auto)]
    format: Form,
    /// Whose word they are: only what this source said before is taken away [default: the whole
    /// CMDB, and for Kubernetes `kubernetes`, with a cluster `kubernetes/CLUSTER`]
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// The cluster that Kubernetes' objects are in: part of their CIs' names and labels, so that
    /// several clusters fit into one CMDB
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
}

/// How files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Told by each file
    Auto,
    /// Ours: YAML or JSON
    Yaml,
    /// Tables of CIs (`name,class,…`) and of relations (`from,relation,to,…`)
    Csv,
    /// What `kubectl get nodes,pods,services,endpoints,… -A -o json` prints
    Kubernetes,
}

impl Form {
    fn word(self) -> Option<&'static str> {
        match self {
            Self::Auto => None,
            Self::Yaml => Some("yaml"),
            Self::Csv => Some("csv"),
            Self::Kubernetes => Some("kubernetes"),
        }
    }
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// The whole CMDB: what is not in it goes
    Replace,
    /// Changes: nothing goes but what stands under `remove:`
    Merge,
}

impl Mode {
    fn word(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::Merge => "merge",
        }
    }
}

/// Shows what an import would change.
pub(super) async fn diff(session: &Session, args: Diff) -> Result<(), Failure> {
    let put = Put::new(session, &args)?;
    let answer = put.send(&[("dry_run", "true")]).await?;
    if session.output == Output::Json {
        print::data(&answer.0);
        return Ok(());
    }
    let import: cmdb::Import = answer.read()?;
    show(&import).for_each(|line| print::data(print::clean(&line)));
    if import.same {
        session.say("the CMDB holds this already");
    } else {
        session.say(&format!("apply with:  {}", apply(&args, &import)));
    }
    Ok(())
}

/// Imports, after it was agreed to.
pub(super) async fn run(session: &Session, args: Import) -> Result<(), Failure> {
    let put = Put::new(session, &args.source)?;
    let expected = args.expect_removed.map(|count| count.to_string());
    let mut terms = vec![("by", &*args.name.by)];
    terms.extend(expected.as_deref().map(|count| ("expect_removed", count)));
    if args.yes {
        return done(session, &put.send(&terms).await?);
    }
    let answer = put.send(&[("dry_run", "true")]).await?;
    let import: cmdb::Import = answer.read()?;
    if args.dry_run || import.same {
        return done(session, &answer);
    }
    show(&import).for_each(|line| print::talk(print::clean(&line)));
    if import.expect_removed.is_some_and(|removed| args.expect_removed != Some(removed)) {
        let line = apply(&args.source, &import);
        return Err(Failure::Conflict(format!("much would be removed; apply with:  {line}")));
    }
    // What was agreed to must still be what is done.
    let version = import.version.saturating_sub(1).to_string();
    terms.push(("expect_version", &version));
    match print::ask("Change the CMDB?") {
        Some(true) => done(session, &put.send(&terms).await?),
        Some(false) => Err(Failure::Findings("nothing was changed".into())),
        None => Err(Failure::Usage("nothing was changed; nobody to ask: add --yes".into())),
    }
}

/// Files on their way to the daemon.
struct Put {
    server: Server,
    terms: Vec<(&'static str, String)>,
    /// Their content type.
    kind: &'static str,
    body: Vec<u8>,
}

impl Put {
    fn new(session: &Session, source: &Diff) -> Result<Self, Failure> {
        let server = session.connect()?;
        let mut terms = vec![("mode", source.mode.word().to_owned())];
        terms.extend(source.format.word().map(|word| ("format", word.to_owned())));
        terms.extend(source.source.clone().map(|source| ("source", source)));
        terms.extend(source.cluster.clone().map(|cluster| ("cluster", cluster)));
        if let [file] = &*source.files {
            terms.push(("file", file.display().to_string()));
            let kind = "application/octet-stream";
            return Ok(Self { server, terms, kind, body: read(file)? });
        }
        let file = |path: &PathBuf| {
            let name = path.display().to_string();
            let text = String::from_utf8(read(path)?);
            let text = text.map_err(|error| Failure::Usage(format!("{name}: {error}")))?;
            Ok(CmdbFile { name, text })
        };
        let files = source.files.iter().map(file).collect::<Result<_, Failure>>()?;
        let body = serde_json::to_vec(&FileSet { files })
            .map_err(|error| Failure::Findings(error.to_string()))?;
        Ok(Self { server, terms, kind: "application/vnd.incidentd.files+json", body })
    }

    async fn send(&self, terms: &[(&str, &str)]) -> Result<Answer, Failure> {
        let mut query: Vec<(&str, &str)> =
            self.terms.iter().map(|(name, value)| (*name, &**value)).collect();
        query.extend(terms);
        self.server.put(&PATH, &query, (self.kind, self.body.clone())).await
    }
}

/// Yields the difference and what it breaks.
fn show(import: &cmdb::Import) -> impl Iterator<Item = String> {
    let warnings = import.warnings.iter();
    let warnings = warnings.map(|warning| format!("! {} ({})", warning.message, warning.code));
    import.difference.lines().map(ToOwned::to_owned).chain(warnings)
}

/// Returns the command that does it.
fn apply(source: &Diff, import: &cmdb::Import) -> String {
    let files: Vec<String> = source.files.iter().map(|file| file.display().to_string()).collect();
    let mut line = format!("incidentd cmdb import {}", files.join(" "));
    let mut option = |name: &str, value: Option<String>| {
        line.extend(value.map(|value| format!(" --{name} {value}")));
    };
    option("mode", (source.mode == Mode::Merge).then(|| "merge".into()));
    option("format", source.format.word().map(Into::into));
    option("source", source.source.as_ref().map(|source| format!("{source:?}")));
    option("cluster", source.cluster.as_ref().map(|cluster| format!("{cluster:?}")));
    option("expect-removed", import.expect_removed.map(|removed| removed.to_string()));
    line
}

fn done(session: &Session, answer: &Answer) -> Result<(), Failure> {
    if session.output == Output::Json {
        print::data(&answer.0);
        return Ok(());
    }
    let import: cmdb::Import = answer.read()?;
    if import.same {
        session.say("the CMDB holds this already");
        return Ok(());
    }
    show(&import).for_each(|line| session.say(&print::clean(&line)));
    let verb = if import.dry_run { "would hold" } else { "holds" };
    let cmdb::Import { cis, relations, version, .. } = import;
    session.say(&format!("the CMDB {verb} {cis} CIs, {relations} relations (version {version})"));
    Ok(())
}
