//! What a transform reads and writes.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

use json_scan::members::MemberNames;

use crate::time::TimeFormat;

/// The contract's limit of the members that a transform reads, and of those that it writes.
const MEMBERS_MAX: usize = 256;
/// The contract's limit of a member's name.
const NAME_MAX_BYTES: usize = 1_024;

/// A member of the record that a transform reads.
///
/// Define it as a constant. Its number is its place in the list that [`Transform::reads`] returns.
///
/// [`Transform::reads`]: crate::Transform::reads
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    number: u32,
    name: &'static str,
    wants_value: bool,
    expecting: Option<&'static str>,
    time_format: TimeFormat,
    fingerprint: u64,
    /// That of the fingerprint, if moments are seconds. So one comparison checks both.
    time_fingerprint: u64,
}

impl Read {
    /// A member whose value the transform reads.
    pub const fn value(number: u32, name: &'static str) -> Self {
        Self::new(number, name, true, fingerprint(OF_VALUE, name))
    }

    /// A member of which the transform only needs to know whether it is there and of which kind it is. This costs
    /// less than [`value`](Self::value) if values are long.
    pub const fn kind(number: u32, name: &'static str) -> Self {
        Self::new(number, name, false, fingerprint(OF_KIND, name))
    }

    const fn new(number: u32, name: &'static str, wants_value: bool, fingerprint: u64) -> Self {
        Self {
            number,
            name,
            wants_value,
            expecting: None,
            time_format: TimeFormat::Seconds,
            fingerprint,
            time_fingerprint: fingerprint,
        }
    }

    /// A member whose name is known at run time only, such as one of the configuration. The memory of the name is never
    /// freed, so call this in `configure` only.
    pub fn owned(number: u32, name: String) -> Self {
        Self::value(number, name.leak())
    }

    /// Sets the words for the value that is expected, for the message of a rejection: `a number of seconds since 1970`.
    #[must_use]
    pub const fn expecting(mut self, words: &'static str) -> Self {
        self.expecting = Some(words);
        self
    }

    /// Gives the member another name, such as one of the configuration. If `reads` returns this read, the constant that it
    /// was made of reads the member with the new name, at no cost. The memory of the name is never freed, so call this in
    /// `configure` only. For [`Rejection::invalid`](crate::Rejection::invalid), use this read: it has the name for the
    /// message.
    #[must_use]
    pub fn with_name(mut self, name: String) -> Self {
        self.name = name.leak();
        self
    }

    /// Sets how the member writes a moment, and the words for it. If `reads` returns this read,
    /// [`Record::time`](crate::Record::time) reads moments of this format with the constant that it was made of too. By
    /// default, a moment is a number of seconds.
    #[must_use]
    pub const fn with_time_format(mut self, format: TimeFormat) -> Self {
        self.time_format = format;
        self.expecting = Some(format.words());
        self.time_fingerprint = match format {
            TimeFormat::Seconds => self.fingerprint,
            _ => !self.fingerprint,
        };
        self
    }

    /// The place in the list of reads.
    #[inline(always)]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// The member's name, without escapes.
    #[inline(always)]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether the transform reads the value, and not only its kind.
    #[inline(always)]
    pub const fn wants_value(&self) -> bool {
        self.wants_value
    }

    /// The name in a message.
    pub(crate) const fn shown_name(&self) -> ShownName<'static> {
        ShownName(self.name)
    }

    pub(crate) const fn words(&self) -> Option<&'static str> {
        self.expecting
    }

    pub(crate) const fn time_format(&self) -> TimeFormat {
        self.time_format
    }

    /// Whether `declared` has this read at the place that its number says.
    #[inline(always)]
    pub(crate) fn is_in(&self, declared: &[Self]) -> bool {
        let found = declared.get(self.number as usize);
        found.is_some_and(|found| found.fingerprint == self.fingerprint)
    }

    /// Whether `declared` has this read at the place that its number says, and its moments are seconds for both.
    #[inline(always)]
    pub(crate) fn is_seconds_in(&self, declared: &[Self]) -> bool {
        let found = declared.get(self.number as usize);
        matches!(self.time_format, TimeFormat::Seconds)
            && found.is_some_and(|found| found.time_fingerprint == self.fingerprint)
    }
}

/// A member of the event that a transform sets or removes.
///
/// Define it as a constant. Its number is its place in the list that [`Transform::writes`] returns. Members that are
/// set are written in this order.
///
/// [`Transform::writes`]: crate::Transform::writes
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Write {
    number: u32,
    name: &'static str,
    fingerprint: u64,
}

impl Write {
    /// The member `name`.
    pub const fn new(number: u32, name: &'static str) -> Self {
        Self {
            number,
            name,
            fingerprint: fingerprint(OF_WRITE, name),
        }
    }

    /// A member whose name is known at run time only, such as one of the configuration. The memory of the name is never
    /// freed, so call this in `configure` only.
    pub fn owned(number: u32, name: String) -> Self {
        Self::new(number, name.leak())
    }

    /// The place in the list of writes.
    #[inline(always)]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// The member's name, without escapes.
    #[inline(always)]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The name in a message.
    pub(crate) const fn shown_name(&self) -> ShownName<'static> {
        ShownName(self.name)
    }

    /// Whether `declared` has this write at the place that its number says.
    #[inline(always)]
    pub(crate) fn is_in(&self, declared: &[Self]) -> bool {
        let found = declared.get(self.number as usize);
        found.is_some_and(|found| found.fingerprint == self.fingerprint)
    }
}

/// A name in a message. It is quoted if a reader could not see it or where it ends: if it is empty, or has a quote,
/// white space or control characters.
#[derive(Clone, Copy)]
pub(crate) struct ShownName<'a>(pub(crate) &'a str);

impl fmt::Display for ShownName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let odd = |c: char| c == '"' || c.is_whitespace() || c.is_control();
        if self.0.is_empty() || self.0.contains(odd) {
            write!(f, "{:?}", self.0)
        } else {
            f.write_str(self.0)
        }
    }
}

/// What [`fingerprint`] begins with.
const OF_VALUE: u64 = 0xcbf2_9ce4_8422_2325;
const OF_KIND: u64 = !OF_VALUE;
const OF_WRITE: u64 = OF_VALUE.rotate_left(32);

/// A number that stands for a name (FNV-1a). It is checked with each use of a constant, so that a wrong number of a
/// constant cannot read or write another member. For a constant, it is computed when the transform is compiled; to
/// compare it costs less than to compare names, whose text can have several addresses. Only names that are made for it
/// have the same number.
const fn fingerprint(start: u64, name: &str) -> u64 {
    let (mut hash, mut rest) = (start, name.as_bytes());
    while let [byte, behind @ ..] = rest {
        hash = (hash ^ *byte as u64).wrapping_mul(0x0100_0000_01b3);
        rest = behind;
    }
    hash
}

/// What a transform wants to know about a record, besides its members: `Metadata::SHARD | Metadata::ARRIVED_AT`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metadata(u8);

impl Metadata {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// [`Record::partition_key`](crate::Record::partition_key)
    pub const PARTITION_KEY: Self = Self(1);
    /// [`Record::sequence_number`](crate::Record::sequence_number)
    pub const SEQUENCE_NUMBER: Self = Self(2);
    /// [`Record::shard`](crate::Record::shard)
    pub const SHARD: Self = Self(4);
    /// [`Record::arrived_at`](crate::Record::arrived_at)
    pub const ARRIVED_AT: Self = Self(8);

    /// Whether all of `other` is a part of this.
    #[inline]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The bits of the contract's flags.
    #[cfg(target_arch = "wasm32")]
    pub(crate) const fn bits(self) -> u8 {
        self.0
    }
}

impl BitOr for Metadata {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Metadata {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

/// The members and the metadata that a configured transform declares.
#[derive(Clone, Debug)]
pub struct Declaration {
    pub(crate) reads: Vec<Read>,
    pub(crate) writes: Vec<Write>,
    pub(crate) metadata: Metadata,
}

impl Declaration {
    /// Checks what the contract demands of a declaration.
    pub(crate) fn new(
        reads: Vec<Read>,
        writes: Vec<Write>,
        metadata: Metadata,
    ) -> Result<Self, String> {
        let read = reads.iter().map(|read| (read.number, read.name));
        check("reads", read)?;
        let written = writes.iter().map(|write| (write.number, write.name));
        check("writes", written)?;
        Ok(Self {
            reads,
            writes,
            metadata,
        })
    }

    /// The members that are read, in the order of their numbers.
    pub fn reads(&self) -> &[Read] {
        &self.reads
    }

    /// The members that are set or removed, in the order of their numbers.
    pub fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// The metadata that is read.
    pub fn metadata(&self) -> Metadata {
        self.metadata
    }

    pub(crate) fn names(&self) -> MemberNames {
        let reads: Vec<_> = self.reads.iter().map(|read| read.name).collect();
        let writes: Vec<_> = self.writes.iter().map(|write| write.name).collect();
        MemberNames::new(&reads, &writes)
    }
}

fn check(
    list: &str,
    members: impl ExactSizeIterator<Item = (u32, &'static str)>,
) -> Result<(), String> {
    if members.len() > MEMBERS_MAX {
        return Err(format!(
            "the transform has {} {list}, more than {MEMBERS_MAX}",
            members.len()
        ));
    }
    let mut names = Vec::new();
    for (place, (number, name)) in members.enumerate() {
        let shown = ShownName(name);
        if number as usize != place {
            return Err(format!(
                "{list}: `{shown}` has the number {number}, but place {place} in the list"
            ));
        }
        if name.len() > NAME_MAX_BYTES {
            return Err(format!(
                "{list}[{place}]: the name is longer than {NAME_MAX_BYTES} bytes"
            ));
        }
        if names.contains(&name) {
            return Err(format!("{list}: `{shown}` is declared more than once"));
        }
        names.push(name);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
