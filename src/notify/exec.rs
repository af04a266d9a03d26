//! The channel `exec`: a notice as JSON on the standard input of a program, for gateways that speak
//! nothing else (SMS, pagers).
//!
//! The program is started by its list of arguments, by no shell, in an environment of its own and a
//! process group of its own; what it writes is thrown away. 0 is done, 75 (`EX_TEMPFAIL` of
//! sysexits.h) or a signal means later, anything else never. After the time-out the whole group is
//! killed.

use core::fmt;
use core::time::Duration;
use std::io::{ErrorKind, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tracing::debug;

use super::channel::{Failure, Message, Taken};
use super::post::{json, passing};
use super::webhook::body;
use crate::settings::receivers::Exec as Setting;

/// Where scripts look for their interpreter; everything else of our environment may be a secret.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// What a program says that could not do it now (`EX_TEMPFAIL`).
const LATER: i32 = 75;

/// A program.
pub(super) struct Exec {
    command: Vec<String>,
    timeout: Duration,
}

/// Not: the arguments. One may be a secret.
impl fmt::Debug for Exec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exec").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// A running group; killed when nobody waits for it any more.
struct Group(Option<Pid>);

impl Group {
    fn kill(&mut self) {
        if let Some(group) = self.0.take()
            && let Err(error) = kill_process_group(group, Signal::KILL)
        {
            debug!(%error, "a program of a channel was gone before it was killed");
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Exec {
    pub(super) fn new(setting: &Setting) -> Self {
        Self { command: setting.command.clone(), timeout: setting.timeout }
    }

    pub(super) async fn send(&self, message: &Message<'_>) -> Result<Taken, Failure> {
        let mut child = self.start()?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let input = json(&body(message))?;
        let (reap, reaped) = oneshot::channel::<()>();
        let mut group = Group(pid);
        let (tell, ended) = oneshot::channel();
        let program = spawn_blocking(move || {
            feed(&mut child, &input);
            // It is waited for and not yet reaped: its number stays its own until nobody can kill
            // by it any more.
            if let Some(pid) = pid {
                let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
                if let Err(error) = waitid(WaitId::Pid(pid), options) {
                    debug!(%error, "a program of a channel cannot be waited for");
                }
            }
            // Not: errors. Whoever waits may have gone.
            tell.send(()).ok();
            reaped.blocking_recv().ok();
            child.wait()
        });
        let in_time = timeout(self.timeout, ended).await.is_ok();
        if in_time {
            group.0 = None;
        } else {
            group.kill();
        }
        drop(reap);
        let status = program.await.map_err(|_| passing("could not be waited for".into()))?;
        if !in_time {
            return Err(passing(format!("not done within {:?}, killed", self.timeout)));
        }
        judge(status.map_err(|_| passing("could not be waited for".into()))?)
    }

    fn start(&self) -> Result<Child, Failure> {
        let [program, arguments @ ..] = &*self.command else {
            return Err(Failure::Refused("the command is empty".into()));
        };
        let started = Command::new(program)
            .args(arguments)
            .env_clear()
            .env("PATH", PATH)
            .env("LANG", "C.UTF-8")
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        started.map_err(|error| {
            let said = format!("cannot be started: {}", error.kind());
            let is_final = [ErrorKind::NotFound, ErrorKind::PermissionDenied];
            if is_final.contains(&error.kind()) { Failure::Refused(said) } else { passing(said) }
        })
    }
}

/// Hands over the notice. A program that does not read it to its end may be done all the same.
fn feed(child: &mut Child, input: &[u8]) {
    if let Some(mut stdin) = child.stdin.take()
        && let Err(error) = stdin.write_all(input)
    {
        debug!(%error, "a program of a channel did not read all of its notice");
    }
}

fn judge(status: ExitStatus) -> Result<Taken, Failure> {
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(Taken::said("ended with 0".into())),
        (Some(LATER), _) => Err(passing(format!("ended with {LATER}, which means later"))),
        (Some(code), _) => Err(Failure::Refused(format!("ended with {code}"))),
        (None, Some(signal)) => Err(passing(format!("ended by signal {signal}"))),
        (None, None) => Err(passing("ended without a code".into())),
    }
}
