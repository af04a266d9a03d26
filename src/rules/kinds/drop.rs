//! Kind `drop`: leaves an alert out before anything is made of it.

use crate::rules::reader::Reader;
use crate::rules::rule::line;
use crate::rules::yaml::Node;

/// The longest reason, in bytes.
const REASON_BYTES_MAX: usize = 512;

/// Leaves alerts out: nothing of them is kept but a count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drop {
    /// Why nobody needs them, in one line.
    pub reason: Box<str>,
}

/// Reads the value of `drop:`.
pub(in crate::rules) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<Drop> {
    let mut fields = reader.map(node, "`drop`")?;
    let reason = fields.need(reader, "reason").and_then(|n| line(reader, n, REASON_BYTES_MAX));
    let span = fields.span;
    fields.finish(reader);
    let reason = reason?;
    if reason.is_empty() {
        reader
            .error(crate::rules::codes::VALUE, span, "a drop rule without a reason")
            .help("say why nobody needs these alerts, for example   reason: staging");
        return None;
    }
    Some(Drop { reason })
}
