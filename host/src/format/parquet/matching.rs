//! Compares the rows of an object with those that events map to.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io;

use sluice_engine::digest::Digest;
use sluice_schema::{ColumnValue, is_same_event};

use super::reading::TableRow;
use super::{RowOrigin, TableSchema};

impl TableSchema {
    /// Finds the event of each row of an object: the one in its place, or else another one; `None` if there is none. It is
    /// the row of an event if each column has the value that the mapping gives, and `_rest` is the same JSON object. So a
    /// value that only `_rest` has, although a column has room for it, is a difference.
    ///
    /// # Errors
    /// The object is damaged, is not of this schema, or its rows name another origin.
    pub fn match_rows(
        &self,
        object: &[u8],
        origin: RowOrigin<'_>,
        events: &[&[u8]],
    ) -> io::Result<Vec<Option<usize>>> {
        let mut matches = Vec::with_capacity(events.len());
        let mut positions: Option<HashMap<Digest, Vec<usize>>> = None;
        self.for_each_row(object, origin, |row| {
            let is_row_of =
                |at: &usize| (events.get(*at)).is_some_and(|event| self.row_of(event).is(&row));
            let in_place = Some(matches.len()).filter(is_row_of);
            matches.push(in_place.or_else(|| {
                // Only of an object that was changed: the row can be that of another event.
                let positions = positions.get_or_insert_with(|| self.positions(events));
                positions.get(&row.key())?.iter().copied().find(is_row_of)
            }));
            Ok(())
        })?;
        Ok(matches)
    }

    /// The row that an event of valid JSON maps to.
    fn row_of<'e>(&self, event: &'e [u8]) -> TableRow<'e> {
        match self.mapper.map_valid(event) {
            Ok(row) => TableRow {
                values: row.values,
                rest: row.rest.map(Cow::Owned),
            },
            // With `--lake-json any`, an event can be any value.
            Err(_) => TableRow {
                values: vec![None; self.schema.columns().len()],
                rest: Some(String::from_utf8_lossy(event)),
            },
        }
    }

    fn positions(&self, events: &[&[u8]]) -> HashMap<Digest, Vec<usize>> {
        let mut positions: HashMap<_, Vec<_>> = HashMap::new();
        for (position, event) in events.iter().enumerate() {
            let key = self.row_of(event).key();
            positions.entry(key).or_default().push(position);
        }
        positions
    }
}

impl TableRow<'_> {
    fn is(&self, other: &TableRow<'_>) -> bool {
        let is_same_rest = match (self.rest.as_deref(), other.rest.as_deref()) {
            (Some(one), Some(other)) => {
                one == other || is_same_event(one.as_bytes(), other.as_bytes())
            }
            (one, other) => one == other,
        };
        is_same_rest && are_same(&self.values, &other.values)
    }

    /// A digest that rows which are the same share: of their values, and of `_rest` with its numbers rounded.
    fn key(&self) -> Digest {
        let rest = self.rest.as_deref().map(serde_json::from_str);
        let rest: Option<serde_json::Value> = rest.and_then(Result::ok);
        let values = &self.values;
        Digest::of(format!("{values:?} {}", rest.unwrap_or_default()).as_bytes())
    }
}

fn are_same(one: &[Option<ColumnValue<'_>>], other: &[Option<ColumnValue<'_>>]) -> bool {
    let mut pairs = one.iter().zip(other);
    one.len() == other.len() && pairs.all(|(one, other)| is_same(one.as_ref(), other.as_ref()))
}

/// Whether both are the same value, bit by bit: 0 is not -0.
fn is_same(one: Option<&ColumnValue<'_>>, other: Option<&ColumnValue<'_>>) -> bool {
    match (one, other) {
        (Some(ColumnValue::Double(one)), Some(ColumnValue::Double(other))) => {
            one.to_bits() == other.to_bits()
        }
        (Some(ColumnValue::List(one)), Some(ColumnValue::List(other)))
        | (Some(ColumnValue::Struct(one)), Some(ColumnValue::Struct(other))) => {
            are_same(one, other)
        }
        (Some(ColumnValue::Map(one)), Some(ColumnValue::Map(other))) => {
            let mut pairs = one.iter().zip(other);
            one.len() == other.len()
                && pairs.all(|((name, one), (other_name, other))| {
                    name == other_name && is_same(one.as_ref(), other.as_ref())
                })
        }
        (one, other) => one == other,
    }
}
