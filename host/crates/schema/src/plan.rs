//! A schema, prepared for the mapping of many events.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use json_scan::Text;

use crate::column_type::ColumnType;
use crate::schema::Column;
use crate::text::decode;

/// How values of a type are mapped.
#[derive(Clone, Debug)]
pub(crate) enum TypePlan {
    /// A type without parts.
    Scalar(ColumnType),
    List(Box<TypePlan>),
    Struct(StructPlan),
    Map(Box<TypePlan>),
}

/// How the members of an object become columns.
#[derive(Clone, Debug)]
pub(crate) struct StructPlan {
    /// The types of the columns, in their order.
    pub(crate) types: Vec<TypePlan>,
    pub(crate) object: ObjectPlan,
}

/// The members of an object that lead to columns.
#[derive(Clone, Debug, Default)]
pub(crate) struct ObjectPlan {
    pub(crate) members: Vec<MemberPlan>,
    /// The positions of members by their names.
    index: HashMap<Box<[u8]>, usize, BuildHasherDefault<NameHasher>>,
}

/// A quick hash. Only names of the schema are in the table, so names of events cannot make it slow.
#[derive(Clone, Copy, Debug, Default)]
struct NameHasher(u64);

impl NameHasher {
    fn add(&mut self, word: u64) {
        /// An odd number without a pattern.
        const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(FACTOR);
    }
}

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        words
            .iter()
            .for_each(|word| self.add(u64::from_le_bytes(*word)));
        let mut last = [0; 8];
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        self.add(u64::from_le_bytes(last));
    }

    fn finish(&self) -> u64 {
        // Tables take the lowest bits, and the highest ones are the best.
        self.0.rotate_left(26)
    }
}

/// A member of an object that leads to columns.
#[derive(Clone, Debug)]
pub(crate) struct MemberPlan {
    pub(crate) name: String,
    pub(crate) target: Target,
}

/// What a member leads to.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// The column at this position.
    Column(usize),
    /// An object with members that lead to columns.
    Object(ObjectPlan),
}

impl TypePlan {
    fn new(column_type: &ColumnType) -> Self {
        match column_type {
            ColumnType::List(item) => Self::List(Box::new(Self::new(item))),
            ColumnType::Map(value) => Self::Map(Box::new(Self::new(value))),
            ColumnType::Struct(columns) => Self::Struct(StructPlan::new(columns)),
            scalar => Self::Scalar(scalar.clone()),
        }
    }
}

impl StructPlan {
    pub(crate) fn new(columns: &[Column]) -> Self {
        let mut object = ObjectPlan::default();
        for (position, column) in columns.iter().enumerate() {
            object.insert(column.path(), position);
        }
        Self {
            types: columns
                .iter()
                .map(|column| TypePlan::new(column.column_type()))
                .collect(),
            object,
        }
    }
}

impl ObjectPlan {
    /// Adds a column. No path of a schema is the beginning of another one.
    fn insert(&mut self, path: &[String], column: usize) {
        let Some((name, rest)) = path.split_first() else {
            return;
        };
        let members = &mut self.members;
        let position = *self.index.entry(name.as_bytes().into()).or_insert_with(|| {
            members.push(MemberPlan {
                name: name.clone(),
                target: match rest {
                    [] => Target::Column(column),
                    _ => Target::Object(Self::default()),
                },
            });
            members.len() - 1
        });
        if let Some(MemberPlan {
            target: Target::Object(inner),
            ..
        }) = self.members.get_mut(position)
        {
            inner.insert(rest, column);
        }
    }

    /// The position of the member with this name.
    pub(crate) fn find(&self, name: Text<'_>) -> Option<usize> {
        match name.escaped {
            false => self.position(name.raw),
            true => self.position(decode(name)?.as_bytes()),
        }
    }

    fn position(&self, name: &[u8]) -> Option<usize> {
        /// So many names are compared more quickly than one is hashed.
        const FEW: usize = 8;
        match self.members.len() {
            0..=FEW => {
                let mut members = self.members.iter();
                members.position(|member| member.name.as_bytes() == name)
            }
            _ => self.index.get(name).copied(),
        }
    }

    /// The columns that members of the object lead to.
    pub(crate) fn columns(&self) -> Vec<usize> {
        let columns = self.members.iter().flat_map(|member| match &member.target {
            Target::Column(column) => vec![*column],
            Target::Object(inner) => inner.columns(),
        });
        columns.collect()
    }
}
