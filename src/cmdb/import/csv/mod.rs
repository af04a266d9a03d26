//! CSV: tables of CIs, of relations and of relation types, told apart by their headers.
//!
//! As in RFC 4180, with `,`, `;` or a tab between the cells, whichever makes sense of the header. A
//! reader of our own and not a crate: it says the column of each cell, tells an empty text (`""`)
//! from none, and refuses a quote that is never closed, which would swallow the rest of a table.

use core::iter::Peekable;
use core::str::Chars;
use std::sync::Arc;

use crate::cmdb::check::{Draft, nameless};
use crate::cmdb::facts::Facts;
use crate::cmdb::problem::{Place, Problem, nearest, shorten};
use crate::cmdb::relation::{End, RelationType};
use crate::cmdb::rows::{CiRow, RelationRow};
use crate::model::labels::Labels;
use crate::model::time::Timestamp;

/// What may stand between cells.
const SEPARATORS: [char; 3] = [',', ';', '\t'];

/// A column with this before its name holds a label.
pub(in crate::cmdb) const LABEL: &str = "label:";

/// A column with this before its name holds an attribute, whatever that name is.
pub(in crate::cmdb) const ATTRIBUTE: &str = "attribute:";

/// The columns of a table of relations; `type` is another word for `relation`.
pub(in crate::cmdb) const RELATION_COLUMNS: [&str; 7] =
    ["from", "relation", "to", "source", "valid_from", "valid_until", "seen_at"];

/// The columns of a table of relation types.
pub(in crate::cmdb) const TYPE_COLUMNS: [&str; 3] = ["relation_type", "converse", "suffers"];

/// The code of a header that cannot be used, and of a record that cannot be read.
const HEADER: &str = "C020";
const RECORD: &str = "C021";

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cell {
    place: Place,
    text: String,
    quoting: Quoting,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quoting {
    Plain,
    Quoted,
}

impl Cell {
    /// Returns it as the name of a column.
    fn name(&self) -> &str {
        if self.quoting == Quoting::Quoted { &self.text } else { self.text.trim() }
    }

    /// Returns what it says: nothing where it is empty without being quoted.
    fn says(&self) -> Option<&str> {
        (!self.text.is_empty() || self.quoting == Quoting::Quoted).then_some(&*self.text)
    }
}

/// What the records of a table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Table {
    Cis,
    Relations,
    Types,
}

/// True when a text begins like one of our tables.
pub(super) fn is_csv(text: &str) -> bool {
    header(text).is_some()
}

/// Reads a table; what is wrong with it is among the draft's problems.
pub(super) fn read(text: &str) -> Draft {
    let mut draft = Draft::default();
    let Some((table, mut records)) = header(text) else {
        let message = "the header is neither of CIs nor of relations".into();
        let help = "begin with `name,class,…`, `from,relation,to,…` or \
                    `relation_type,converse,suffers`, with `,`, `;` or tabs between them";
        let place = Place { line: 1, column: 1 };
        draft.problems.push(Problem::new(place, HEADER, "", message).help(help.into()));
        return draft;
    };
    let Some(head) = records.record(&mut draft.problems) else { return draft };
    let columns = columns(table, &head, &mut draft.problems);
    while !draft.is_full()
        && let Some(cells) = records.record(&mut draft.problems)
    {
        if cells.len() != columns.len() {
            draft.problems.push(another_length(&cells, columns.len()));
            continue;
        }
        let record: Vec<(&str, &Cell)> = columns.iter().map(|it| &**it).zip(&cells).collect();
        match table {
            Table::Cis => add_ci(&mut draft, &record),
            Table::Relations => add_relation(&mut draft, &record),
            Table::Types => add_type(&mut draft, &record),
        }
    }
    draft
}

fn another_length(cells: &[Cell], expected: usize) -> Problem {
    let place = cells.get(expected).or(cells.last()).map(|cell| cell.place).unwrap_or_default();
    let message = format!("the record has {} cells, the header has {expected}", cells.len());
    let help = "write `\"…\"` around a cell that holds a separator".into();
    Problem::new(place, RECORD, "", message).help(help)
}

/// Finds out what the table is of, and what stands between its cells.
fn header(text: &str) -> Option<(Table, Records<'_>)> {
    SEPARATORS.into_iter().find_map(|separator| {
        let records = Records::new(text, separator);
        let head = records.clone().record(&mut Vec::new())?;
        let has = |name: &str| head.iter().any(|cell| cell.name() == name);
        let table = if has("from") && has("to") && (has("relation") || has("type")) {
            Table::Relations
        } else if TYPE_COLUMNS.iter().all(|name| has(name)) {
            Table::Types
        } else if (has("name") || has("id")) && head.len() > 1 {
            Table::Cis
        } else {
            return None;
        };
        Some((table, records))
    })
}

/// Returns the name of each column; the empty one where nothing may stand below it.
fn columns(table: Table, head: &[Cell], problems: &mut Vec<Problem>) -> Vec<String> {
    let known: &[&str] = match table {
        Table::Cis => &[],
        Table::Relations => &RELATION_COLUMNS,
        Table::Types => &TYPE_COLUMNS,
    };
    let mut columns: Vec<String> = Vec::with_capacity(head.len());
    for cell in head {
        let name = match (table, cell.name()) {
            (Table::Cis, "id") => "name",
            (Table::Relations, "type") => "relation",
            (_, name) => name,
        };
        let mut wrong = |message: String, help: String| {
            problems.push(Problem::new(cell.place, HEADER, name, message).help(help));
        };
        if !name.is_empty() && columns.iter().any(|known| known == name) {
            let message = format!("column `{}` is given twice", shorten(name));
            wrong(message, "keep one of the two".into());
        } else if !known.is_empty() && !name.is_empty() && !known.contains(&name) {
            let message = format!("unknown column `{}`", shorten(name));
            wrong(
                message,
                match nearest(name, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known are {}", known.join(", ")),
                },
            );
        }
        columns.push(name.into());
    }
    columns
}

/// Returns what the record says in a column.
fn cell<'a>(record: &[(&str, &'a Cell)], name: &str) -> Option<&'a Cell> {
    record.iter().find(|(column, _)| *column == name).map(|(_, cell)| *cell)
}

fn text<'a>(record: &[(&str, &'a Cell)], name: &str) -> &'a str {
    cell(record, name).and_then(Cell::says).unwrap_or("")
}

fn place(record: &[(&str, &Cell)], name: &str) -> Place {
    let first = record.first().map(|(_, cell)| cell.place);
    cell(record, name).map(|cell| cell.place).or(first).unwrap_or_default()
}

fn add_ci(draft: &mut Draft, record: &[(&str, &Cell)]) {
    let (at, name) = (place(record, "name"), text(record, "name"));
    if name.is_empty() {
        return draft.problems.push(nameless(at));
    }
    let (mut attributes, mut labels) = (Vec::new(), Vec::new());
    for (column, cell) in record {
        let Some(value) = cell.says().filter(|_| !["name", "class"].contains(column)) else {
            continue;
        };
        if column.is_empty() {
            let message = format!("`{}` stands in a column without a name", shorten(value));
            let help = "name the column in the header".into();
            draft.problems.push(Problem::new(cell.place, RECORD, name, message).help(help));
        } else if let Some(label) = column.strip_prefix(LABEL) {
            labels.push((label, value));
        } else {
            let attribute = column.strip_prefix(ATTRIBUTE).unwrap_or(column);
            attributes.push((attribute, value));
        }
    }
    let labels = Labels::build(&mut labels).unwrap_or_else(|error| {
        draft.problems.push(Problem::new(at, "C009", name, error.to_string()));
        Labels::empty()
    });
    let class = Arc::from(text(record, "class"));
    let attributes = attributes.into_iter().collect();
    draft.cis.push((at, Arc::new(CiRow { name: name.into(), class, attributes, labels })));
}

fn add_relation(draft: &mut Draft, record: &[(&str, &Cell)]) {
    let [from, relation, to] = ["from", "relation", "to"].map(|name| text(record, name));
    let at = place(record, "from");
    for (name, value) in [("from", from), ("relation", relation), ("to", to)] {
        if value.is_empty() {
            let message = format!("the relation has no `{name}`");
            let help = "give each relation both its ends and its type".into();
            draft.problems.push(Problem::new(place(record, name), "C008", "", message).help(help));
        }
    }
    if [from, relation, to].contains(&"") {
        return;
    }
    let mut time = |name: &str| time(cell(record, name)?, name, &mut draft.problems);
    let facts = Facts {
        source: text(record, "source").into(),
        valid_from: time("valid_from"),
        valid_until: time("valid_until"),
        seen_at: time("seen_at"),
    };
    let mut row = RelationRow::new(from, relation, to);
    row.facts = (!facts.is_empty()).then(|| Arc::new(facts));
    draft.relations.push((at, row));
}

fn time(cell: &Cell, name: &str, problems: &mut Vec<Problem>) -> Option<Timestamp> {
    let text = cell.says()?;
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(Timestamp::from_millis(time.as_millisecond()));
    }
    let message = format!("`{name}` is `{}`, which is no time", shorten(text));
    let help = "write it as RFC 3339, as in 2026-01-31T08:00:00Z".into();
    problems.push(Problem::new(cell.place, "C030", name, message).help(help));
    None
}

fn add_type(draft: &mut Draft, record: &[(&str, &Cell)]) {
    let [name, converse, suffers] = TYPE_COLUMNS.map(|column| text(record, column));
    let suffers = match suffers {
        "from" => End::From,
        "to" => End::To,
        other => {
            let message = format!("`suffers` is `{}`, must be from or to", shorten(other));
            let help = "name the end that suffers when the other fails".into();
            let at = place(record, "suffers");
            draft.problems.push(Problem::new(at, "C010", name, message).help(help));
            return;
        }
    };
    let new = RelationType { name: name.into(), converse: converse.into(), suffers };
    draft.types.push((place(record, "relation_type"), new));
}

/// The records of a text, one after the other.
#[derive(Clone, Debug)]
struct Records<'a> {
    rest: Peekable<Chars<'a>>,
    at: Place,
    separator: char,
}

impl<'a> Records<'a> {
    fn new(text: &'a str, separator: char) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self { rest: text.chars().peekable(), at: Place { line: 1, column: 1 }, separator }
    }

    /// Returns the next record that is no blank line.
    fn record(&mut self, problems: &mut Vec<Problem>) -> Option<Vec<Cell>> {
        loop {
            self.rest.peek()?;
            let mut cells = vec![self.cell(problems)];
            while self.rest.next_if_eq(&self.separator).is_some() {
                self.at.column += 1;
                cells.push(self.cell(problems));
            }
            self.line_end();
            let blank = cells.len() == 1 && cells.iter().all(|it| it.says().is_none_or(is_blank));
            if !blank {
                return Some(cells);
            }
        }
    }

    fn cell(&mut self, problems: &mut Vec<Problem>) -> Cell {
        let place = self.at;
        let quoted = self.rest.peek() == Some(&'"');
        let text = if quoted { self.quoted(problems) } else { self.plain(problems) };
        let quoting = if quoted { Quoting::Quoted } else { Quoting::Plain };
        Cell { place, text, quoting }
    }

    /// Reads up to the end of the cell.
    fn plain(&mut self, problems: &mut Vec<Problem>) -> String {
        let (mut text, mut quote) = (String::new(), None);
        while let Some(c) = self.rest.next_if(|c| *c != self.separator && !"\r\n".contains(*c)) {
            if c == '"' {
                quote = quote.or(Some(self.at));
            }
            self.at.column += 1;
            text.push(c);
        }
        if let Some(place) = quote {
            let message = "a quote in a cell that is not quoted".into();
            let help = "write the whole cell as `\"…\"` and each quote in it twice".into();
            problems.push(Problem::new(place, RECORD, "", message).help(help));
        }
        text
    }

    /// Reads a cell in quotes.
    fn quoted(&mut self, problems: &mut Vec<Problem>) -> String {
        let (begins, mut text) = (self.at, String::new());
        self.rest.next();
        self.at.column += 1;
        loop {
            let Some(c) = self.rest.peek().copied() else {
                let message = "the quote is never closed".into();
                let help = "close it with `\"`; write a quote inside of a cell twice".into();
                problems.push(Problem::new(begins, RECORD, "", message).help(help));
                return text;
            };
            if "\r\n".contains(c) {
                text.extend(self.line_end());
                continue;
            }
            self.rest.next();
            self.at.column += 1;
            if c != '"' {
                text.push(c);
            } else if self.rest.next_if_eq(&'"').is_some() {
                self.at.column += 1;
                text.push('"');
            } else {
                break;
            }
        }
        let place = self.at;
        if !self.plain(&mut Vec::new()).is_empty() {
            let message = "text behind the quote that closes the cell".into();
            let help = "write a quote inside of a cell twice".into();
            problems.push(Problem::new(place, RECORD, "", message).help(help));
        }
        text
    }

    /// Reads the end of a line and returns what it is written as; nothing at the end of the text.
    fn line_end(&mut self) -> Option<&'static str> {
        let end = match self.rest.next_if(|c| "\r\n".contains(*c))? {
            '\r' if self.rest.next_if_eq(&'\n').is_some() => "\r\n",
            '\r' => "\r",
            _ => "\n",
        };
        self.at = Place { line: self.at.line.saturating_add(1), column: 1 };
        Some(end)
    }
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

#[cfg(test)]
mod tests;
