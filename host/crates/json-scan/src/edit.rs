//! Sets and removes members of an object in one pass over its bytes.
//!
//! All occurrences of a member that is set or removed are cut, each with one comma. Members that are set are
//! appended behind the last value. All other bytes stay as they are.

use std::ops::Range;

use crate::members::{MemberNames, Outline};

/// The most members that the edits of a record may visit, in all of its events: the occurrences of members that can be
/// set or removed. It bounds the time that edits take.
pub const CUTS_MAX: usize = 1 << 18;

/// What happens to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit<'v> {
    /// It stays as it is.
    Keep,
    /// Its value becomes this JSON text.
    Set(&'v [u8]),
    /// It is removed.
    Remove,
}

impl Edit<'_> {
    #[inline(always)]
    fn cuts(self) -> bool {
        self != Edit::Keep
    }
}

/// An object that has been scanned for the members of [`MemberNames`]: its text and its outline.
#[derive(Clone, Copy, Debug)]
pub struct Object<'a> {
    /// The text.
    pub text: &'a [u8],
    /// The outline of this text.
    pub outline: Outline<'a>,
}

impl Object<'static> {
    /// The object without members.
    pub const EMPTY: Self = Self {
        text: b"{}",
        outline: Outline {
            end: 1,
            count: 0,
            written: &[],
        },
    };
}

impl Object<'_> {
    /// The length of the edited text, bytes.
    #[inline(always)]
    #[must_use]
    pub fn edited_length<'v>(
        &self,
        names: &MemberNames,
        edit: impl Fn(usize) -> Edit<'v>,
    ) -> usize {
        let mut length = self.text.len();
        let mut kept = self.outline.count;
        if !self.outline.written.is_empty() {
            self.for_each_cut(&edit, |cut| length -= cut.len());
            kept -= self.cut_members(&edit);
        }
        let mut comma = kept > 0;
        for write in 0..names.writes() {
            if let Edit::Set(value) = edit(write) {
                length += names.prefix(write).len() + value.len() - usize::from(!comma);
                comma = true;
            }
        }
        length
    }

    /// Appends the edited text. `edit` gives the edit of each member that can be set or removed.
    #[inline(always)]
    pub fn append_edited<'v>(
        &self,
        names: &MemberNames,
        edit: impl Fn(usize) -> Edit<'v>,
        out: &mut Vec<u8>,
    ) {
        let mut from = 0;
        let mut kept = self.outline.count;
        if !self.outline.written.is_empty() {
            self.for_each_cut(&edit, |cut| {
                out.extend_from_slice(&self.text[from..cut.start]);
                from = cut.end;
            });
            kept -= self.cut_members(&edit);
        }
        out.extend_from_slice(&self.text[from..self.outline.end.max(from)]);
        let mut comma = kept > 0;
        for write in 0..names.writes() {
            if let Edit::Set(value) = edit(write) {
                let prefix = names.prefix(write);
                append(if comma { prefix } else { &prefix[1..] }, out);
                append(value, out);
                comma = true;
            }
        }
        append(&self.text[self.outline.end.max(from)..], out);
    }

    /// Checks that `events` events of this object are not too much work.
    ///
    /// # Errors
    /// The fault in words.
    pub fn check_cuts(&self, events: usize) -> Result<(), String> {
        let members = self.outline.written.len();
        if members <= CUTS_MAX && members.saturating_mul(events) <= CUTS_MAX {
            return Ok(());
        }
        Err(format!(
            "events of the record: {events}, members in it that the transform can set or remove: {members}; the \
             product may be {CUTS_MAX} at most"
        ))
    }

    fn cut_members<'v>(&self, edit: &impl Fn(usize) -> Edit<'v>) -> usize {
        let written = self.outline.written.iter();
        written
            .filter(|member| edit(member.write.into()).cuts())
            .count()
    }

    /// The ranges to leave out, in order and without overlaps. If a member before it is kept, a cut begins where
    /// that member ends, with the comma between; otherwise it ends where the next member begins.
    #[cold]
    fn for_each_cut<'v>(
        &self,
        edit: &impl Fn(usize) -> Edit<'v>,
        mut cut: impl FnMut(Range<usize>),
    ) {
        let mut before = 0;
        for member in self.outline.written {
            if !edit(member.write.into()).cuts() {
                continue;
            }
            let keeps_before = member.number > before;
            before += 1;
            let range = if keeps_before {
                member.previous_end..member.end
            } else {
                member.start..member.next
            };
            cut(range.start as usize..range.end as usize);
        }
    }
}

/// Writes bytes to the beginning of `out`, which becomes the rest. What does not fit is left out. Few bytes are
/// copied without a call, which would cost more than the copy.
#[inline(always)]
pub fn put(bytes: &[u8], out: &mut &mut [u8]) {
    let Some((place, rest)) = std::mem::take(out).split_at_mut_checked(bytes.len()) else {
        return;
    };
    match bytes.len() {
        1 => place[0] = bytes[0],
        4..8 => put_overlapping::<4>(bytes, place),
        8..=16 => put_overlapping::<8>(bytes, place),
        17..=32 => put_overlapping::<16>(bytes, place),
        _ => place.copy_from_slice(bytes),
    }
    *out = rest;
}

/// Writes `N` to `2 * N` bytes: the first `N`, and the last `N` over what they share with the first.
#[inline(always)]
fn put_overlapping<const N: usize>(bytes: &[u8], place: &mut [u8]) {
    if let (Some(from), Some(to)) = (bytes.first_chunk::<N>(), place.first_chunk_mut()) {
        *to = *from;
    }
    if let (Some(from), Some(to)) = (bytes.last_chunk::<N>(), place.last_chunk_mut()) {
        *to = *from;
    }
}

/// Appends a few bytes. A call to copy them would cost more than the copy.
#[inline(always)]
pub fn append(bytes: &[u8], out: &mut Vec<u8>) {
    match bytes.len() {
        1 => out.push(bytes[0]),
        4..8 => append_overlapping::<4>(bytes, out),
        8..=16 => append_overlapping::<8>(bytes, out),
        17..=32 => append_overlapping::<16>(bytes, out),
        _ => out.extend_from_slice(bytes),
    }
}

/// Appends `N` to `2 * N` bytes: the first `N`, and the last `N` over what they share with the first.
#[inline(always)]
fn append_overlapping<const N: usize>(bytes: &[u8], out: &mut Vec<u8>) {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<N>(), bytes.last_chunk::<N>()) {
        out.extend_from_slice(first);
        out.truncate(out.len() + bytes.len() - 2 * N);
        out.extend_from_slice(last);
    }
}

#[cfg(test)]
mod tests;
