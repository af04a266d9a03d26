//! The arguments of listings that come page by page, and the line that says how to go on.

use clap::Args;

/// Which part of a longer list.
#[derive(Clone, Debug, Args)]
pub struct Paging {
    /// How many, up to 1000
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// Where to go on, as the line below a longer list says
    #[arg(long)]
    cursor: Option<String>,
}

impl Paging {
    /// Returns what the API calls them.
    pub fn query(&self) -> Vec<(&'static str, String)> {
        let cursor = self.cursor.iter().map(|cursor| ("cursor", cursor.clone()));
        core::iter::once(("limit", self.limit.to_string())).chain(cursor).collect()
    }
}

/// Says how to go on behind a page; nothing on the last one.
pub fn more(next: Option<&str>) -> String {
    next.map(|next| format!(" · more: --cursor {next}")).unwrap_or_default()
}
