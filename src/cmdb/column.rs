//! A column of a table with millions of rows, most of whose values are few: who says so, until when,
//! which import confirmed it. A value that all rows have takes no room, one of a few hundred takes a
//! byte in each row, one of a few thousand takes two; where there are more, each row has its own.

use core::hash::Hash;
use std::collections::HashMap;

use foldhash::fast::FixedState;

/// The values of rows, in the form that takes the least room.
#[derive(Clone, Debug)]
pub(super) struct Column<T> {
    /// How many rows there are.
    len: usize,
    form: Form<T>,
    /// Where a listed value is in the list; nothing where there is no list, or the column is finished.
    /// Only asked, never iterated.
    places: HashMap<T, u16, FixedState>,
}

#[derive(Clone, Debug)]
enum Form<T> {
    /// All rows have this value.
    Same(T),
    /// The values there are, and the place of each row's in that list.
    Byte(Vec<T>, Vec<u8>),
    /// The same, where a byte does not suffice.
    Word(Vec<T>, Vec<u16>),
    /// Each row has its own.
    Own(Vec<T>),
}

impl<T: Clone + Eq + Hash> Column<T> {
    /// A column without rows; `any` is some value.
    pub(super) fn new(any: T) -> Self {
        Self { len: 0, form: Form::Same(any), places: HashMap::default() }
    }

    /// Adds a row.
    pub(super) fn push(&mut self, value: &T) {
        if self.len == 0 {
            self.form = Form::Same(value.clone());
        }
        while !self.takes(value) {
            self.widen();
        }
        self.len += 1;
    }

    /// Adds a row, if its value fits into the form.
    fn takes(&mut self, value: &T) -> bool {
        match &mut self.form {
            Form::Same(same) => *same == *value,
            Form::Byte(list, rows) => {
                let place = place(list, &mut self.places, value, u8::MAX.into());
                rows.extend(place.and_then(|place| u8::try_from(place).ok()));
                place.is_some()
            }
            Form::Word(list, rows) => {
                let place = place(list, &mut self.places, value, u16::MAX);
                rows.extend(place);
                place.is_some()
            }
            Form::Own(rows) => {
                rows.push(value.clone());
                true
            }
        }
    }

    /// Changes into the next wider form.
    fn widen(&mut self) {
        self.form = match core::mem::replace(&mut self.form, Form::Own(Vec::new())) {
            Form::Same(same) => {
                self.places.insert(same.clone(), 0);
                Form::Byte(vec![same], vec![0; self.len])
            }
            Form::Byte(list, rows) => Form::Word(list, rows.into_iter().map(u16::from).collect()),
            Form::Word(list, rows) => {
                self.places = HashMap::default();
                // None is missing: a row has the place of a value that is listed.
                let values = rows.into_iter().filter_map(|at| list.get(usize::from(at)).cloned());
                Form::Own(values.collect())
            }
            own @ Form::Own(_) => own,
        };
    }

    /// Gives back the room for further rows.
    pub(super) fn finish(&mut self) {
        self.places = HashMap::default();
        match &mut self.form {
            Form::Same(_) => {}
            Form::Byte(_, rows) => rows.shrink_to_fit(),
            Form::Word(_, rows) => rows.shrink_to_fit(),
            Form::Own(rows) => rows.shrink_to_fit(),
        }
    }

    /// Returns the value of a row.
    pub(super) fn get(&self, row: usize) -> Option<&T> {
        match &self.form {
            Form::Same(same) => (row < self.len).then_some(same),
            Form::Byte(list, rows) => list.get(usize::from(*rows.get(row)?)),
            Form::Word(list, rows) => list.get(usize::from(*rows.get(row)?)),
            Form::Own(rows) => rows.get(row),
        }
    }

    /// Yields all values that there are, some of them more than once.
    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        let all = match &self.form {
            Form::Same(same) => core::slice::from_ref(same),
            Form::Byte(list, _) | Form::Word(list, _) | Form::Own(list) => list,
        };
        all.iter().take(if self.len == 0 { 0 } else { all.len() })
    }
}

/// Returns the place of a value in a list, which it joins if it is new; nothing where its place would
/// be beyond the highest.
fn place<T: Clone + Eq + Hash>(
    list: &mut Vec<T>,
    places: &mut HashMap<T, u16, FixedState>,
    value: &T,
    highest: u16,
) -> Option<u16> {
    if let Some(known) = places.get(value) {
        return Some(*known);
    }
    let place = u16::try_from(list.len()).ok().filter(|place| *place <= highest)?;
    list.push(value.clone());
    places.insert(value.clone(), place);
    Some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_its_value_in_whatever_form() {
        let form = |column: &Column<u32>| match &column.form {
            Form::Same(_) => "same",
            Form::Byte(..) => "byte",
            Form::Word(..) => "word",
            Form::Own(_) => "own",
        };
        for (values, rows, expected) in [
            (1, 0, "same"),
            (1, 1_000, "same"),
            (2, 1_000, "byte"),
            (256, 1_000, "byte"),
            (257, 1_000, "word"),
            (65_536, 70_000, "word"),
            (65_537, 70_000, "own"),
        ] {
            // The first value comes often before the others do.
            let value = |row: u32| if row < 100 { 7 } else { 7 + row % values };
            let mut column = Column::new(0);
            (0..rows).for_each(|row| column.push(&value(row)));
            assert_eq!(form(&column), expected, "{values} values");
            for row in 0..rows {
                assert_eq!(column.get(row as usize), Some(&value(row)), "{values} values");
            }
            assert_eq!(column.get(rows as usize), None);
            column.finish();
            assert!(rows == 0 || column.get(rows as usize - 1) == Some(&value(rows - 1)));
            let mut all: Vec<u32> = column.values().copied().collect();
            all.sort_unstable();
            all.dedup();
            let mut wanted: Vec<u32> = (0..rows).map(value).collect();
            wanted.sort_unstable();
            wanted.dedup();
            assert_eq!(all, wanted, "{values} values");
        }
    }
}
