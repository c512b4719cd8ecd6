//! Splits decoded data into records. What a record holds is not checked here: a broken one costs itself alone.

use std::ops::Range;

use crate::ledger::decoding::RecordFormat;

/// The most records that a record of the source may hold.
pub(super) const RECORDS_MAX: usize = 100_000;

/// The ranges of the records in `data`, in order.
///
/// # Errors
/// What is wrong with the data as a whole.
pub(super) fn split(data: &[u8], format: RecordFormat) -> Result<Vec<Range<usize>>, String> {
    let records = match format {
        RecordFormat::Json => {
            let is_blank = data.trim_ascii().is_empty();
            (!is_blank).then_some(0..data.len()).into_iter().collect()
        }
        RecordFormat::Lines => collect(Lines { data, at: 0 }.map(Ok))?,
        RecordFormat::Concatenated => collect(Values { data, at: 0 }.map(Ok))?,
        RecordFormat::Array if data.trim_ascii().is_empty() => Vec::new(),
        RecordFormat::Array => collect(Items::new(data)?)?,
    };
    Ok(records)
}

fn collect(
    found: impl Iterator<Item = Result<Range<usize>, String>>,
) -> Result<Vec<Range<usize>>, String> {
    let mut records = Vec::new();
    for record in found {
        if records.len() == RECORDS_MAX {
            return Err(format!("the record holds more than {RECORDS_MAX} records"));
        }
        records.push(record?);
    }
    Ok(records)
}

/// The lines that are not blank, without white space around them.
struct Lines<'a> {
    data: &'a [u8],
    at: usize,
}

impl Iterator for Lines<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        while self.at < self.data.len() {
            let rest = &self.data[self.at..];
            let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let line = trimmed(self.data, self.at..self.at + length);
            self.at += length + 1;
            if !line.is_empty() {
                return Some(line);
            }
        }
        None
    }
}

/// JSON values one after another. What is no value is a record up to the next white space or bracket.
struct Values<'a> {
    data: &'a [u8],
    at: usize,
}

impl Iterator for Values<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let rest = &self.data[self.at..];
        let blank = rest.iter().take_while(|byte| byte.is_ascii_whitespace());
        let start = self.at + blank.count();
        if start == self.data.len() {
            return None;
        }
        let end = start + value_len(&self.data[start..]);
        self.at = end;
        Some(start..end)
    }
}

/// The length of the value at the beginning of `data`, at least 1. A value that does not end takes all.
fn value_len(data: &[u8]) -> usize {
    match data[0] {
        b'{' | b'[' | b'"' => nested_len(data).unwrap_or(data.len()),
        _ => {
            let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'{' | b'[' | b'"');
            let length = data[1..].iter().position(ends);
            length.map_or(data.len(), |length| length + 1)
        }
    }
}

/// The length of the object, array or string at the beginning of `data`; `None` if it does not end.
fn nested_len(data: &[u8]) -> Option<usize> {
    let mut at = 0;
    let mut depth = 0_usize;
    while at < data.len() {
        match data[at] {
            b'"' => at += string_len(&data[at..])? - 1,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// The length of the string at the beginning of `data`, with its quotes; `None` if it does not end.
fn string_len(data: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', data.get(at..)?)?;
        if data[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// The items of an array.
struct Items<'a> {
    data: &'a [u8],
    /// Where the next item begins, with white space before it; `None` after the last.
    at: Option<usize>,
    /// The place of the closing bracket.
    end: usize,
}

impl<'a> Items<'a> {
    fn new(data: &'a [u8]) -> Result<Self, String> {
        let all = trimmed(data, 0..data.len());
        let array = &data[all.clone()];
        if array.first() != Some(&b'[') {
            return Err("the record is not a JSON array".into());
        }
        if nested_len(array) != Some(array.len()) || array.last() != Some(&b']') {
            return Err("the JSON array of the record does not end where its data ends".into());
        }
        let (start, end) = (all.start + 1, all.end - 1);
        let is_empty = data[start..end].trim_ascii().is_empty();
        Ok(Self {
            data,
            at: (!is_empty).then_some(start),
            end,
        })
    }
}

impl Iterator for Items<'_> {
    type Item = Result<Range<usize>, String>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.at?;
        let length = item_len(&self.data[start..self.end]);
        let end = start + length;
        self.at = (end < self.end).then_some(end + 1);
        Some(Ok(trimmed(self.data, start..end)))
    }
}

/// The length up to the comma behind the first item, or to the end.
fn item_len(data: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while at < data.len() {
        match data[at] {
            b'"' => match string_len(&data[at..]) {
                Some(length) => at += length - 1,
                None => return data.len(),
            },
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    data.len()
}

/// The range without white space at its ends.
fn trimmed(data: &[u8], range: Range<usize>) -> Range<usize> {
    let part = &data[range.clone()];
    let start = range.start + (part.len() - part.trim_ascii_start().len());
    let end = start + part.trim_ascii().len();
    start..end
}
