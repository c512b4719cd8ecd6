//! Where in a shard its newest chunks begin, narrowed list by list.

use sluice_engine::record::SequenceNumber;

use super::listing::Listing;
use crate::layout::object_key::ChunkName;
use crate::ledger::heads::LedgerHead;

/// The digits of a number that tell places apart. Those before are the same in all numbers of the span. 30 digits can be
/// multiplied by the number of names of a page within 128 bits.
const DIGITS: usize = 30;

/// The most lists that look for a place.
const LISTS_MAX: u32 = 24;

/// A list from the middle of the span is made at least once in this many: it halves the span, whatever is estimated.
const HALVING: u32 = 3;

/// A span of places in a shard. A list from its low end has as many manifests as are wanted, perhaps more than a page; one
/// from its high end has too few.
pub(super) struct Span<'a> {
    head: &'a LedgerHead,
    /// The digits that all places begin with.
    prefix: String,
    digits: usize,
    zeros: usize,
    low: u128,
    high: u128,
    /// The last committed record.
    end: u128,
    /// The distance between chunks, by the last list.
    distance: u128,
    /// How many chunks a list should have: between those that are wanted and a page.
    target: u128,
    lists: u32,
}

impl<'a> Span<'a> {
    /// The span behind the first page of a list. `None` if its names do not sort as numbers do.
    pub(super) fn new(first: &Listing<'a>) -> Option<Self> {
        let head = first.head;
        let begin = first.oldest.as_ref()?.name.first.padded();
        let end = head.last.padded();
        if begin.len() != end.len() {
            return None;
        }
        let pairs = begin.bytes().zip(end.bytes());
        let common = pairs.take_while(|(begin, end)| begin == end).count();
        let digits = DIGITS.min(end.len() - common);
        let target = first.wanted.most.midpoint(first.count);
        let mut span = Self {
            head,
            prefix: end.get(..common)?.to_owned(),
            digits,
            zeros: end.len() - common - digits,
            low: 0,
            high: 0,
            end: 0,
            distance: 0,
            target: u128::try_from(target).ok()?,
            lists: 0,
        };
        span.end = span.place(head.last)?;
        span.high = span.end;
        span.narrow_to_page(first)?;
        Some(span)
    }

    /// The place of a record in the span.
    fn place(&self, record: SequenceNumber) -> Option<u128> {
        let number = record.padded();
        let digits = number.strip_prefix(&self.prefix)?.get(..self.digits)?;
        digits.parse().ok()
    }

    /// The name after which a list from a place begins.
    fn name(&self, place: u128) -> Option<String> {
        let (prefix, digits, zeros) = (&self.prefix, self.digits, self.zeros);
        let number = format!("{prefix}{place:0digits$}{:0<zeros$}", "");
        let number = number.parse().ok()?;
        ChunkName::manifests_after(&self.head.shard, number, self.head.last)
    }

    /// From where to list next: the place and the name. `None` if the place cannot be narrowed further.
    pub(super) fn next_place(&mut self) -> Option<(u128, String)> {
        self.lists += 1;
        if self.low >= self.high || self.lists > LISTS_MAX {
            return None;
        }
        let middle = self.low.midpoint(self.high);
        let back = self.distance.saturating_mul(self.target);
        let estimated = self.end.saturating_sub(back).max(self.low);
        let is_estimated = estimated < self.high && !self.lists.is_multiple_of(HALVING);
        let place = if is_estimated { estimated } else { middle };
        Some((place, self.name(place)?))
    }

    /// Narrows the span by a list from a place, which has too few or too many manifests.
    pub(super) fn narrow(&mut self, place: u128, listing: &Listing<'_>) {
        let count = u128::try_from(listing.count).unwrap_or(u128::MAX);
        if !listing.has_more {
            self.high = place;
            self.distance = ((self.end - place) / count.max(1)).max(1);
        } else if self.narrow_to_page(listing).is_none() {
            // No name of the page is that of a committed chunk.
            self.low = place.max(self.low);
        }
    }

    /// Narrows the span to begin with the newest manifests of a page, behind which there are more.
    fn narrow_to_page(&mut self, page: &Listing<'_>) -> Option<()> {
        let (first, last) = page.ends_of_newest()?;
        let oldest = page.oldest.as_ref()?.name.first;
        let low = self.place(first.first)?;
        let length = self.place(last.first)?.saturating_sub(self.place(oldest)?);
        let gaps = u128::try_from(page.count).ok()?.saturating_sub(1);
        self.low = low.max(self.low);
        self.distance = (length / gaps.max(1)).max(1);
        Some(())
    }

    /// The name after which as many manifests come as are wanted, and as few more as were found.
    pub(super) fn lowest_name(&self) -> Option<String> {
        self.name(self.low)
    }
}
