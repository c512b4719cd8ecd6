//! What was seen, path by path.

use std::collections::HashMap;

use super::kind::ValueKind;
use super::node::Node;
use crate::column_type::ColumnType;
use crate::path::push_member;

/// What was seen of the events of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeReport {
    /// The type; `""` of events without one. `None` stands for all types beyond the bound.
    pub event_type: Option<String>,
    /// The number of events.
    pub events: u64,
    /// Whether there can be more events of this type, among those of further types: with more types than are told apart,
    /// threads can tell different ones apart.
    pub is_partial: bool,
    /// The paths, each after the one that it is in.
    pub paths: Vec<PathReport>,
    /// The number of values whose paths are not told apart: because there are too many paths, names that are too long or
    /// no text of Unicode, or too many levels.
    pub untracked: u64,
}

/// What was seen at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathReport {
    /// The path.
    pub path: String,
    /// The type of its column; `None` if it gets none.
    pub column_type: Option<ColumnType>,
    /// Why it gets no column.
    pub no_column: Option<String>,
    /// The number of values, with null.
    pub present: u64,
    /// The number of events or objects in which there could be a value; `None` of items and values of maps.
    pub out_of: Option<u64>,
    /// How many values have which kind.
    pub kinds: Vec<(ValueKind, u64)>,
    /// The first value of each kind.
    pub examples: Vec<Example>,
    /// The most digits of numbers before the point.
    pub whole_digits: u64,
    /// The fewest and the most digits after the point, of numbers with a point.
    pub fraction_digits: Option<(usize, usize)>,
}

/// The first value of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The kind.
    pub kind: ValueKind,
    /// The beginning of its text.
    pub text: String,
}

impl PathReport {
    /// The values that are not of the column's type, by kind.
    #[must_use]
    pub fn conflicts(&self) -> Vec<(ValueKind, u64)> {
        let Some(column_type) = &self.column_type else {
            return Vec::new();
        };
        let kinds = self
            .kinds
            .iter()
            .filter(|(kind, _)| *kind != ValueKind::Null);
        match column_type {
            // All of them are in the column, and their kinds are why.
            ColumnType::Json => {
                let kinds: Vec<_> = kinds.copied().collect();
                if kinds.len() > 1 { kinds } else { Vec::new() }
            }
            _ => kinds
                .filter(|(kind, _)| !can_hold(column_type, *kind))
                .copied()
                .collect(),
        }
    }
}

/// Whether a column that was chosen by what was seen holds values of a kind.
fn can_hold(column_type: &ColumnType, kind: ValueKind) -> bool {
    use ValueKind::{Date, Decimal, Double, List, Long, Number, Object, String, Timestamp, Uuid};
    match column_type {
        ColumnType::Boolean => kind == ValueKind::Boolean,
        ColumnType::Long => kind == Long,
        ColumnType::Double | ColumnType::Decimal { .. } => {
            matches!(kind, Long | Double | Decimal | Number)
        }
        ColumnType::String => matches!(kind, String | Timestamp | Date | Uuid),
        ColumnType::Timestamp { .. } => kind == Timestamp,
        ColumnType::Date => kind == Date,
        ColumnType::Uuid => kind == Uuid,
        ColumnType::Binary => false,
        ColumnType::Json => true,
        ColumnType::List(_) => kind == List,
        ColumnType::Struct(_) | ColumnType::Map(_) => kind == Object,
    }
}

pub(super) fn of_type(event_type: Option<&str>, event: &Node) -> TypeReport {
    let mut report = TypeReport {
        event_type: event_type.map(ToOwned::to_owned),
        events: event.count(),
        is_partial: false,
        paths: Vec::new(),
        untracked: event.all_untracked(),
    };
    report.add_parts(event, "", 0);
    report
}

impl TypeReport {
    fn add_parts(&mut self, node: &Node, path: &str, level: usize) {
        if let Some(item) = &node.item {
            self.add(item, &format!("{path}[]"), None, level, None);
        }
        if let Some(value) = node.map_value(level) {
            self.add(&value, &format!("{path}{{}}"), None, level, None);
            return;
        }
        // Of tens of thousands of names, most get no column.
        let (_, without) = node.columns(level);
        let without: HashMap<_, _> = without.into_iter().collect();
        for (name, member) in &node.members.list {
            let mut path = path.to_owned();
            push_member(&mut path, name);
            let out_of = Some(node.count_of(ValueKind::Object));
            let no_column = without.get(name).cloned();
            self.add(member, &path, out_of, level, no_column);
        }
    }

    fn add(
        &mut self,
        node: &Node,
        path: &str,
        out_of: Option<u64>,
        level: usize,
        no_column: Option<String>,
    ) {
        let kinds = ValueKind::ALL.map(|kind| (kind, node.count_of(kind)));
        let examples = node.examples.iter().map(|(kind, text)| Example {
            kind: *kind,
            text: text.to_string(),
        });
        let column_type = node.column_type(level + 1).filter(|_| no_column.is_none());
        let has_parts = matches!(
            column_type,
            Some(ColumnType::List(_) | ColumnType::Struct(_) | ColumnType::Map(_))
        );
        self.paths.push(PathReport {
            path: path.to_owned(),
            column_type,
            no_column,
            present: node.count(),
            out_of,
            kinds: kinds.into_iter().filter(|(_, count)| *count > 0).collect(),
            examples: examples.collect(),
            whole_digits: node.digits.whole,
            fraction_digits: node.digits.fraction.map(|(most, fewest)| (fewest, most)),
        });
        if has_parts {
            self.add_parts(node, path, level + 1);
        }
    }
}
