//! Reads recorded alerts line by line and hands each to every set of rules at play.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use crate::ingest::recorded;
use crate::lab::replay::Replay;
use crate::model::time::Timestamp;

use super::super::client::Server;
use super::super::failure::Failure;
use super::super::print;

/// The most a line may hold, in bytes: a webhook message of many alerts.
const LINE_BYTES_MAX: usize = 64 << 20;

/// Bad lines that are listed; more are counted.
const LISTED_MAX: usize = 20;

/// Lines on their way into the replays.
#[derive(Debug, Default)]
pub(super) struct Lines {
    replays: Vec<Replay>,
    /// Lines so far, empty and bad ones included.
    count: u64,
    name: String,
    /// The first of those that could not be read, in words.
    listed: Vec<String>,
    bad: u64,
}

impl Lines {
    /// Prepares to play with these.
    pub(super) fn new(replays: Vec<Replay>) -> Self {
        Self { replays, ..Self::default() }
    }

    /// Returns what the lines were played with.
    pub(super) fn into_replays(self) -> Vec<Replay> {
        self.replays
    }

    /// Plays a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn file(&mut self, path: &Path) -> Result<(), Failure> {
        self.name = path.display().to_string();
        if path.as_os_str() == "-" {
            self.name = "standard input".into();
            return self.read(std::io::stdin().lock());
        }
        let refused = |error| Failure::Usage(format!("{}: {error}", path.display()));
        self.read(BufReader::new(std::fs::File::open(path).map_err(refused)?))
    }

    fn read(&mut self, mut from: impl BufRead) -> Result<(), Failure> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let mut bounded = from.by_ref().take(LINE_BYTES_MAX as u64 + 1);
            let read = bounded.read_until(b'\n', &mut line);
            let len = read.map_err(|error| Failure::Usage(format!("{}: {error}", self.name)))?;
            if len == 0 {
                return Ok(());
            }
            if len > LINE_BYTES_MAX {
                let (name, number) = (&self.name, self.count + 1);
                let message = format!("{name}:{number}: is longer than {LINE_BYTES_MAX} bytes");
                return Err(Failure::Usage(message));
            }
            self.line(&line);
        }
    }

    /// Plays what the daemon recorded.
    ///
    /// # Errors
    /// As the daemon refuses, or when the connection breaks off.
    pub(super) async fn journal(
        &mut self,
        server: &Server,
        from: Timestamp,
        to: Option<Timestamp>,
    ) -> Result<(), Failure> {
        self.name = "the journal".into();
        let (from, to) = (from.to_string(), to.map(|to| to.to_string()));
        let mut query = vec![("from", &*from)];
        query.extend(to.as_deref().map(|to| ("to", to)));
        let path = ["api", "v1", "journal"];
        server.lines(&path, &query, &mut |line| self.line(line)).await
    }

    fn line(&mut self, line: &[u8]) {
        let index = self.count;
        self.count += 1;
        let text = core::str::from_utf8(line).map_err(|error| format!("is no UTF-8: {error}"));
        let recorded = match text.map(str::trim) {
            Ok("") => return,
            Ok(text) => recorded::read(text),
            Err(why) => Err(why),
        };
        match recorded {
            Ok(recorded) => {
                for replay in &mut self.replays {
                    replay.feed(index, &recorded);
                }
            }
            Err(why) => {
                self.bad += 1;
                if self.listed.len() < LISTED_MAX {
                    self.listed.push(format!(
                        "{}:{}: {}",
                        self.name,
                        index + 1,
                        print::clean(&why)
                    ));
                }
            }
        }
    }

    /// Says which lines were bad.
    ///
    /// # Errors
    /// When any was and they are not to be left out.
    pub(super) fn judge(&self, skip_bad: Skip) -> Result<(), Failure> {
        if self.bad == 0 {
            return Ok(());
        }
        let more = match self.bad - self.listed.len() as u64 {
            0 => String::new(),
            more => format!("\n… and {more} more lines"),
        };
        let words = format!("{}{more}", self.listed.join("\n"));
        match skip_bad {
            Skip::Bad => {
                print::talk(format_args!("{words}\n{} lines were left out", self.bad));
                Ok(())
            }
            Skip::Nothing => {
                let help = "correct them, or leave them out with --skip-bad";
                Err(Failure::Usage(format!("{words}\n{} lines cannot be read; {help}", self.bad)))
            }
        }
    }
}

/// What is done about lines that cannot be read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Skip {
    /// They are left out.
    Bad,
    /// They fail the replay.
    Nothing,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_lines_are_listed_with_their_numbers_and_a_bound() {
        let mut lines = Lines { name: "x".into(), ..Lines::default() };
        let good = r#"{"labels":{"a":"1"},"startsAt":"2022-08-22T03:54:19Z"}"#;
        let text = format!("{good}\n\n{}\u{7}{{}}", "[]\n".repeat(21));
        lines.read(text.as_bytes()).unwrap();
        assert_eq!((lines.count, lines.bad), (24, 22));
        let words = lines.judge(Skip::Nothing).unwrap_err().to_string();
        assert!(words.starts_with("x:3: is no JSON object; "), "{words}");
        assert!(words.contains("\nx:22: ") && !words.contains("\nx:23: "), "{words}");
        assert!(words.contains("… and 2 more lines\n22 lines cannot be read; correct"), "{words}");
        assert!(lines.judge(Skip::Bad).is_ok());
    }
}
