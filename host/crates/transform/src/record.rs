//! A record as the members that a transform has declared.

use std::borrow::Cow;

use json_scan::{Kind, Text};

use crate::bytes::find;
use crate::declaration::{Metadata, Read};
use crate::number_text::NumberText;
use crate::raw_text::RawText;
use crate::rejection::Rejection;
use crate::time::LastDay;

mod moment;

/// The metadata of all records of a batch, as the contract packs them. A list that the transform has not declared can
/// be empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct MetadataLists<'a> {
    /// The partition keys, concatenated.
    pub partition_keys: &'a str,
    /// One end offset in `partition_keys` for each record.
    pub partition_key_ends: &'a [u32],
    /// The sequence numbers, concatenated.
    pub sequence_numbers: &'a str,
    /// One end offset in `sequence_numbers` for each record.
    pub sequence_number_ends: &'a [u32],
    /// The arrival times, milliseconds since 1970.
    pub arrived_at: &'a [u64],
    /// The shard of all records.
    pub shard: &'a str,
}

/// One record: the members and the metadata that the transform has declared.
///
/// A method for a value of some kind rejects the record if the member is missing, is repeated or has another kind. Its
/// `optional_` variant returns `None` if the member is missing or `null`.
///
/// # Panics
/// Methods that take a read panic if the transform has not declared it, or has declared another one with its number.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    /// The declared reads.
    pub(crate) reads: &'a [Read],
    pub(crate) declared_metadata: Metadata,
    /// The text that has the values of the reads, from `starts` up to `ends`. An empty value is a missing member.
    pub(crate) text: &'a [u8],
    pub(crate) starts: &'a [u32],
    pub(crate) ends: &'a [u32],
    /// Items whose member is repeated. The first read is the item `first_item`.
    pub(crate) repeated: &'a [u32],
    pub(crate) first_item: u32,
    pub(crate) last_day: &'a LastDay,
    pub(crate) metadata: &'a MetadataLists<'a>,
    /// Its place in the lists of metadata.
    pub(crate) index: usize,
}

impl<'a> Record<'a> {
    /// The JSON text of a value, byte for byte; `None` if the member is missing. Of a member that is repeated, it is
    /// the first value.
    ///
    /// # Panics
    /// If the read is declared by [`Read::kind`]. So do all methods that return values.
    #[inline]
    #[track_caller]
    pub fn raw(&self, read: &Read) -> Option<&'a [u8]> {
        check_wants_value(read);
        self.item(read)
    }

    /// The kind of a value; `None` if the member is missing. Of a member that is repeated, it is that of the first
    /// value.
    #[inline]
    #[track_caller]
    pub fn kind(&self, read: &Read) -> Option<Kind> {
        self.item(read).map(kind_of)
    }

    /// Whether the record has a member more than once.
    #[inline(always)]
    #[track_caller]
    pub fn is_repeated(&self, read: &Read) -> bool {
        self.check_read(read);
        self.has_repeated(read)
    }

    #[inline(always)]
    fn has_repeated(&self, read: &Read) -> bool {
        !self.repeated.is_empty() && self.repeated.contains(&(self.first_item + read.number()))
    }

    /// Checks that the record has a member exactly once, with a value of this kind.
    ///
    /// # Errors
    /// The rejection of the record if it does not.
    #[inline]
    #[track_caller]
    pub fn require(&self, read: &Read, kind: Kind) -> Result<(), Rejection> {
        self.of_kind(read, kind).map(|_| ())
    }

    /// The text of a string, decoded. If it has no escapes, it is borrowed.
    ///
    /// # Errors
    /// The rejection of the record if the member is missing, repeated or no string, or if the string has an unpaired
    /// surrogate escape, which is no text.
    #[inline]
    #[track_caller]
    pub fn text(&self, read: &Read) -> Result<Cow<'a, str>, Rejection> {
        let raw = self.string(read)?;
        if find(raw, b'\\', 0).is_none() {
            return Ok(from_utf8(raw));
        }
        let text = Text { raw, escaped: true };
        match text.decode() {
            Some(text) => Ok(Cow::Owned(text)),
            None => Err(Rejection::unpaired_surrogate(self.declared(read))),
        }
    }

    /// The text of a string as it is in the record, with its escapes. This costs less than [`text`](Self::text).
    ///
    /// # Errors
    /// As for `text`.
    #[inline]
    #[track_caller]
    pub fn raw_text(&self, read: &Read) -> Result<RawText<'a>, Rejection> {
        let raw = self.string(read)?;
        RawText::of_string(raw).ok_or_else(|| Rejection::unpaired_surrogate(self.declared(read)))
    }

    /// A number, as its digits are in the record.
    ///
    /// # Errors
    /// The rejection of the record if the member is missing, repeated or no number.
    #[inline]
    #[track_caller]
    pub fn number(&self, read: &Read) -> Result<NumberText<'a>, Rejection> {
        self.value(read, Kind::Number).map(NumberText)
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// The rejection of the record if the member is missing, repeated or no boolean.
    #[inline]
    #[track_caller]
    pub fn boolean(&self, read: &Read) -> Result<bool, Rejection> {
        self.value(read, Kind::Boolean)
            .map(|value| value.starts_with(b"t"))
    }

    /// As [`text`](Self::text); `None` if the member is missing or `null`.
    ///
    /// # Errors
    /// The rejection of the record for any other value that is no text, or if the member is repeated.
    #[inline]
    #[track_caller]
    pub fn optional_text(&self, read: &Read) -> Result<Option<Cow<'a, str>>, Rejection> {
        self.optional(read, Self::text)
    }

    /// As [`raw_text`](Self::raw_text); `None` if the member is missing or `null`.
    ///
    /// # Errors
    /// The rejection of the record for any other value that is no text, or if the member is repeated.
    #[inline]
    #[track_caller]
    pub fn optional_raw_text(&self, read: &Read) -> Result<Option<RawText<'a>>, Rejection> {
        self.optional(read, Self::raw_text)
    }

    /// As [`number`](Self::number); `None` if the member is missing or `null`.
    ///
    /// # Errors
    /// The rejection of the record for any other value that is no number, or if the member is repeated.
    #[inline]
    #[track_caller]
    pub fn optional_number(&self, read: &Read) -> Result<Option<NumberText<'a>>, Rejection> {
        self.optional(read, Self::number)
    }

    /// As [`boolean`](Self::boolean); `None` if the member is missing or `null`.
    ///
    /// # Errors
    /// The rejection of the record for any other value that is no boolean, or if the member is repeated.
    #[inline]
    #[track_caller]
    pub fn optional_boolean(&self, read: &Read) -> Result<Option<bool>, Rejection> {
        self.optional(read, Self::boolean)
    }

    /// The Kinesis partition key; empty if the source has none (a file).
    ///
    /// # Panics
    /// If the transform has not declared [`Metadata::PARTITION_KEY`].
    #[track_caller]
    pub fn partition_key(&self) -> &'a str {
        self.check_declared(Metadata::PARTITION_KEY, "PARTITION_KEY");
        let lists = self.metadata;
        packed(lists.partition_keys, lists.partition_key_ends, self.index)
    }

    /// The position of the record in its shard, a decimal number; for a file, the offset of its first byte.
    ///
    /// # Panics
    /// If the transform has not declared [`Metadata::SEQUENCE_NUMBER`].
    #[track_caller]
    pub fn sequence_number(&self) -> &'a str {
        self.check_declared(Metadata::SEQUENCE_NUMBER, "SEQUENCE_NUMBER");
        let lists = self.metadata;
        packed(
            lists.sequence_numbers,
            lists.sequence_number_ends,
            self.index,
        )
    }

    /// The shard that the record came from.
    ///
    /// # Panics
    /// If the transform has not declared [`Metadata::SHARD`].
    #[track_caller]
    pub fn shard(&self) -> &'a str {
        self.check_declared(Metadata::SHARD, "SHARD");
        self.metadata.shard
    }

    /// When the source received the record: milliseconds since 1970, or 0 if the source does not know (a file).
    ///
    /// # Panics
    /// If the transform has not declared [`Metadata::ARRIVED_AT`].
    #[track_caller]
    pub fn arrived_at(&self) -> u64 {
        self.check_declared(Metadata::ARRIVED_AT, "ARRIVED_AT");
        let times = self.metadata.arrived_at;
        times.get(self.index).copied().unwrap_or_default()
    }

    #[track_caller]
    fn check_declared(&self, metadata: Metadata, name: &str) {
        assert!(
            self.declared_metadata.contains(metadata),
            "`Metadata::{name}` is read, but `metadata` does not return it"
        );
    }

    #[inline(always)]
    #[track_caller]
    fn check_read(&self, read: &Read) {
        if !read.is_in(self.reads) {
            undeclared(read);
        }
    }

    /// The read as the transform has declared it, with the name of the configuration. It is for messages.
    fn declared<'r>(&'r self, read: &'r Read) -> &'r Read {
        self.reads.get(read.number() as usize).unwrap_or(read)
    }

    #[inline(always)]
    #[track_caller]
    fn item(&self, read: &Read) -> Option<&'a [u8]> {
        self.check_read(read);
        self.declared_item(read)
    }

    /// The value of a read that was found to be declared.
    #[inline(always)]
    #[track_caller]
    fn declared_item(&self, read: &Read) -> Option<&'a [u8]> {
        let number = read.number() as usize;
        let (Some(&start), Some(&end)) = (self.starts.get(number), self.ends.get(number)) else {
            undeclared(read);
        };
        let item = self.text.get(start as usize..end as usize);
        item.filter(|item| !item.is_empty())
    }

    #[inline(always)]
    #[track_caller]
    fn of_kind(&self, read: &Read, kind: Kind) -> Result<&'a [u8], Rejection> {
        self.check_read(read);
        self.declared_of_kind(read, kind)
    }

    #[inline(always)]
    #[track_caller]
    fn declared_of_kind(&self, read: &Read, kind: Kind) -> Result<&'a [u8], Rejection> {
        match self.declared_item(read) {
            Some(value) if kind_of(value) == kind && !self.has_repeated(read) => Ok(value),
            value => Err(self.unfit(read, kind, value)),
        }
    }

    #[cold]
    fn unfit(&self, read: &Read, expected: Kind, value: Option<&[u8]>) -> Rejection {
        let read = self.declared(read);
        match value {
            None => Rejection::missing(read),
            Some(_) if self.has_repeated(read) => Rejection::duplicate(read),
            Some(value) => Rejection::kind(read, expected.text(), kind_of(value)),
        }
    }

    #[inline(always)]
    #[track_caller]
    fn value(&self, read: &Read, kind: Kind) -> Result<&'a [u8], Rejection> {
        check_wants_value(read);
        self.of_kind(read, kind)
    }

    /// The characters between the quotes.
    #[inline(always)]
    #[track_caller]
    fn string(&self, read: &Read) -> Result<&'a [u8], Rejection> {
        let value = self.value(read, Kind::String)?;
        Ok(value.get(1..value.len() - 1).unwrap_or_default())
    }

    #[inline(always)]
    #[track_caller]
    fn optional<V>(
        &self,
        read: &Read,
        value: impl FnOnce(&Self, &Read) -> Result<V, Rejection>,
    ) -> Result<Option<V>, Rejection> {
        // Checked here, because a panic of `value` would not have the place of the caller.
        check_wants_value(read);
        match self.item(read) {
            None => Ok(None),
            Some(item) if kind_of(item) == Kind::Null && !self.has_repeated(read) => Ok(None),
            Some(_) => value(self, read).map(Some),
        }
    }
}

/// The text of bytes that are UTF-8, since the record is.
#[inline]
pub(crate) fn from_utf8(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

/// The kind of a value, which its first byte tells.
#[inline(always)]
pub(crate) fn kind_of(value: &[u8]) -> Kind {
    match value.first() {
        Some(b'"') => Kind::String,
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        Some(b't' | b'f') => Kind::Boolean,
        Some(b'n') => Kind::Null,
        _ => Kind::Number,
    }
}

pub(crate) fn packed<'a>(texts: &'a str, ends: &[u32], index: usize) -> &'a str {
    let end = |index: usize| ends.get(index).copied().unwrap_or_default() as usize;
    let start = index.checked_sub(1).map_or(0, end);
    texts.get(start..end(index)).unwrap_or_default()
}

#[inline(always)]
#[track_caller]
fn check_wants_value(read: &Read) {
    if !read.wants_value() {
        kind_only(read);
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn undeclared(read: &Read) -> ! {
    let (name, number) = (read.shown_name(), read.number());
    panic!("`{name}` is read, but is not the item {number} of the list that `reads` returns");
}

#[cold]
#[inline(never)]
#[track_caller]
fn kind_only(read: &Read) -> ! {
    panic!(
        "the value of `{}` is read, but only its kind is declared",
        read.shown_name()
    );
}

#[cfg(test)]
mod tests;
