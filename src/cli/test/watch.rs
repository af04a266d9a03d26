//! `--watch`: plays the tests again whenever a file changed, until somebody presses Ctrl-C.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::watch_folder::Watch;

use super::super::failure::Failure;
use super::super::{Session, files, print};
use super::Args;

/// Plays once, and again for each change. What is wrong with the files is told and waited out.
///
/// # Errors
/// When the signal of Ctrl-C cannot be had.
pub(super) async fn run(session: &Session, args: &Args) -> Result<(), Failure> {
    let (hint, mut hints) = mpsc::channel(1);
    let mut watch = Watch::new(args.paths.clone(), hint, |error| {
        print::talk(format_args!("changes go unnoticed: {error}"));
    });
    // Asked for before anything is printed: from then on no Ctrl-C is lost.
    let mut interrupts = signal(SignalKind::interrupt())
        .map_err(|error| Failure::Findings(format!("Ctrl-C cannot be waited for: {error}")))?;
    let mut last = None;
    loop {
        let read = files::read(&args.paths);
        // A hint is no change: other files of the folder, or the same text written again.
        if last.as_ref() != Some(&read) {
            let played = read.clone().and_then(|files| super::once(session, args, &files));
            if let Some(failure) = played.err().filter(|failure| !failure.to_string().is_empty()) {
                print::talk(format_args!("incidentd: {failure}"));
            }
            session.say("waiting for changes; Ctrl-C ends");
            last = Some(read);
        }
        tokio::select! {
            _ = interrupts.recv() => return Ok(()),
            Some(()) = hints.recv() => {
                watch.settle(&mut hints).await;
                watch.renew();
            }
        }
    }
}
