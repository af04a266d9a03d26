//! `incidentd cmdb`: replaces the topology by that of a file.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::http::wire::cmdb::Import;

use super::client::{Answer, Server};
use super::failure::Failure;
use super::{Output, Session, print};

/// What to do with the CMDB.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Replace the CMDB by a file (YAML or JSON), after showing what changes
    Import(ImportArgs),
}

/// The arguments of `import`.
#[derive(Clone, Debug, Args)]
pub struct ImportArgs {
    /// The file
    file: PathBuf,
    /// Do not ask
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
    /// Only show what would change
    #[arg(long)]
    dry_run: bool,
}

/// Does it.
///
/// # Errors
/// As the daemon refuses, or when nobody agrees.
pub async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    let Command::Import(args) = command;
    let name = args.file.display().to_string();
    let text = read(&args.file)?;
    let server = session.connect()?;
    if args.yes {
        return done(session, &put(&server, &name, text, "false").await?);
    }
    let answer = put(&server, &name, text.clone(), "true").await?;
    let import: Import = answer.read()?;
    if args.dry_run || import.same {
        return done(session, &answer);
    }
    print::talk(import.difference.trim_end());
    match print::ask("Replace the CMDB?") {
        Some(true) => done(session, &put(&server, &name, text, "false").await?),
        Some(false) => Err(Failure::Findings("nothing was changed".into())),
        None => Err(Failure::Usage("nothing was changed; nobody to ask: add --yes".into())),
    }
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))
}

async fn put(server: &Server, file: &str, text: Vec<u8>, dry_run: &str) -> Result<Answer, Failure> {
    server.put(&["api", "v1", "cmdb"], &[("dry_run", dry_run), ("file", file)], text).await
}

fn done(session: &Session, answer: &Answer) -> Result<(), Failure> {
    if session.output == Output::Json {
        print::data(&answer.0);
        return Ok(());
    }
    let import: Import = answer.read()?;
    if import.same {
        session.say("the CMDB holds this already");
        return Ok(());
    }
    session.say(import.difference.trim_end());
    let verb = if import.dry_run { "would hold" } else { "holds" };
    session.say(&format!("the CMDB {verb} {} CIs, {} relations", import.cis, import.relations));
    Ok(())
}
