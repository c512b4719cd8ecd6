//! Finds the members of an event that the rules need, in one pass over the text.

use std::ops::Range;

use json_scan::{Expected, Kind, Scanner, Text, Value};

/// A field that the transform reads.
#[derive(Default)]
pub(super) struct Field<'a> {
    /// Its value; the first one if the field is repeated.
    pub(super) value: Option<Value<'a>>,
    pub(super) repeated: bool,
}

impl<'a> Field<'a> {
    #[inline(always)]
    fn fill(&mut self, value: Value<'a>) {
        if self.value.is_some() {
            self.repeated = true;
        } else {
            self.value = Some(value);
        }
    }
}

/// The result of a pass over an object.
#[derive(Default)]
pub(super) struct Members<'a> {
    pub(super) event_uuid: Field<'a>,
    pub(super) event_name: Field<'a>,
    pub(super) created_at: Field<'a>,
    /// The ranges to leave out, which hold the replaced fields. They are in order and do not
    /// overlap.
    pub(super) cuts: Vec<Range<usize>>,
    /// The end of the last value.
    pub(super) end: usize,
    /// Whether any member so far is kept.
    keeps: bool,
    /// The start of a cut that lasts until the next member. Nothing before it is kept, so it
    /// removes the comma after the field instead of the one before.
    open_cut: Option<usize>,
}

/// The meaning of a key.
enum Key {
    EventUuid,
    EventName,
    CreatedAt,
    /// A field that is replaced.
    Replaced,
    Other,
}

impl<'a> Members<'a> {
    /// Scans the whole text and collects the members of an object. For any other value, returns its
    /// kind.
    #[inline(always)]
    pub(super) fn scan(&mut self, scanner: &mut Scanner<'a, '_>) -> Result<Option<Kind>, Expected> {
        scanner.skip_space();
        let other = if scanner.take(b'{') {
            self.object(scanner)?;
            None
        } else {
            Some(scanner.value()?.kind)
        };
        scanner.end()?;
        Ok(other)
    }

    /// Reads an object after its opening brace.
    #[inline(always)]
    fn object(&mut self, scanner: &mut Scanner<'a, '_>) -> Result<(), Expected> {
        scanner.skip_space();
        if scanner.take(b'}') {
            return Ok(());
        }
        loop {
            let start = scanner.at();
            let key = scanner.key()?;
            let value = scanner.value()?;
            self.add(start, key, value, scanner.at());
            if !scanner.more_members()? {
                return Ok(());
            }
        }
    }

    #[inline(always)]
    fn add(&mut self, start: usize, key: Text<'a>, value: Value<'a>, end: usize) {
        if let Some(cut) = self.open_cut.take() {
            self.cuts.push(cut..start);
        }
        match Key::of(key) {
            Key::EventUuid => self.event_uuid.fill(value),
            Key::EventName => self.event_name.fill(value),
            Key::CreatedAt => self.created_at.fill(value),
            Key::Replaced => {
                self.remove(start, end);
                self.end = end;
                return;
            }
            Key::Other => {}
        }
        self.keeps = true;
        self.end = end;
    }

    #[cold]
    fn remove(&mut self, start: usize, end: usize) {
        if self.keeps {
            self.cuts.push(self.end..end);
        } else {
            self.open_cut = Some(start);
        }
    }
}

impl Key {
    #[inline(always)]
    fn of(key: Text<'_>) -> Self {
        if key.escaped {
            return Self::of_escaped(key);
        }
        Self::of_plain(key.raw)
    }

    #[cold]
    fn of_escaped(key: Text<'_>) -> Self {
        match key.decode() {
            Some(decoded) => Self::of_plain(decoded.as_bytes()),
            None => Self::Other,
        }
    }

    /// Arrays of a known length are compared as words, without a call.
    #[inline(always)]
    fn of_plain(key: &[u8]) -> Self {
        if let Ok(key) = <&[u8; 10]>::try_from(key) {
            return match key {
                b"event_uuid" => Self::EventUuid,
                b"event_name" => Self::EventName,
                b"created_at" => Self::CreatedAt,
                b"event_type" => Self::Replaced,
                _ => Self::Other,
            };
        }
        let replaced = <&[u8; 13]>::try_from(key).is_ok_and(|key| key == b"event_subtype")
            || <&[u8; 16]>::try_from(key).is_ok_and(|key| key == b"created_datetime");
        if replaced {
            Self::Replaced
        } else {
            Self::Other
        }
    }
}
