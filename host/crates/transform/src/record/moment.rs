//! The moments of a record.

use json_scan::Kind;

use super::{Record, check_wants_value};
use crate::declaration::Read;
use crate::rejection::Rejection;
use crate::time::Timestamp;

impl Record<'_> {
    /// The moment of a number of seconds since 1970, or of a value in the format that the read is declared with
    /// ([`Read::with_time_format`]).
    ///
    /// # Errors
    /// The rejection of the record if the member is missing or repeated, if it is no number or no value in the format, or
    /// if the moment is not in the years 0000 to 9999.
    #[inline]
    #[track_caller]
    pub fn time(&self, read: &Read) -> Result<Timestamp, Rejection> {
        check_wants_value(read);
        if !read.is_seconds_in(self.reads) {
            // Numbers, not a moment, so that the words of a moment in seconds stay in registers.
            let (seconds, nanos) = self.formatted_time(read)?;
            return Timestamp::new_near(seconds, nanos, self.last_day)
                .map_err(|_| Rejection::out_of_range(self.declared(read), &[]));
        }
        let number = self.declared_of_kind(read, Kind::Number)?;
        Timestamp::parse_near(number, self.last_day)
            .map_err(|_| Rejection::out_of_range(self.declared(read), number))
    }

    /// As [`time`](Self::time); `None` if the member is missing or `null`.
    ///
    /// # Errors
    /// The rejection of the record for any other value that is no moment, or if the member is repeated.
    #[inline]
    #[track_caller]
    pub fn optional_time(&self, read: &Read) -> Result<Option<Timestamp>, Rejection> {
        self.optional(read, Self::time)
    }

    /// Seconds and nanoseconds, in range, of a read that has a format other than seconds or is declared with one.
    #[cold]
    #[inline(never)]
    #[track_caller]
    fn formatted_time(&self, read: &Read) -> Result<(i64, u32), Rejection> {
        let value = self.item(read);
        let declared = self.declared(read);
        let Some(value) = value else {
            return Err(Rejection::missing(declared));
        };
        if self.has_repeated(read) {
            return Err(Rejection::duplicate(declared));
        }
        let moment = declared.time_format().seconds_and_nanos(value);
        moment.map_err(|error| Rejection::time(declared, value, error))
    }
}

#[cfg(test)]
mod tests;
