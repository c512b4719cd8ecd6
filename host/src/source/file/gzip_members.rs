//! The members of a gzip file, one after the other.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// The content of all members. Zeros behind a member end the file, since some tools fill a file up to the size of
/// a block. Other bytes that are no member are an error.
pub(super) struct GzipMembers<R> {
    /// `None` while a member is replaced, and after the end.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> GzipMembers<R> {
    /// Reads members from a reader that is at the beginning of the first one.
    pub(super) fn new(input: R) -> Self {
        Self {
            member: Some(GzDecoder::new(input)),
        }
    }

    /// Begins the next member, if there is one.
    fn next_member(&mut self) -> io::Result<()> {
        let Some(mut input) = self.member.take().map(GzDecoder::into_inner) else {
            return Ok(());
        };
        match first_byte(&mut input)? {
            None => {}
            Some(0) => only_zeros(&mut input)?,
            Some(MAGIC_FIRST) => self.member = Some(GzDecoder::new(input)),
            Some(_) => return Err(trailing_bytes()),
        }
        Ok(())
    }
}

/// The first byte of each member.
const MAGIC_FIRST: u8 = 0x1f;

fn first_byte(input: &mut impl BufRead) -> io::Result<Option<u8>> {
    loop {
        match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            filled => return Ok(filled?.first().copied()),
        }
    }
}

fn only_zeros(input: &mut impl BufRead) -> io::Result<()> {
    while first_byte(input)?.is_some() {
        let filled = input.fill_buf()?;
        if filled.iter().any(|&byte| byte != 0) {
            return Err(trailing_bytes());
        }
        let zeros = filled.len();
        input.consume(zeros);
    }
    Ok(())
}

fn trailing_bytes() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "after the end of its gzip content come bytes that are neither gzip nor zeros; everything before them was \
         read; remove them: run `gzip -dc FILE | gzip > NEW`, then rename NEW to FILE",
    )
}

impl<R: BufRead> Read for GzipMembers<R> {
    fn read(&mut self, content: &mut [u8]) -> io::Result<usize> {
        if content.is_empty() {
            return Ok(0);
        }
        while let Some(member) = &mut self.member {
            let read = member.read(content)?;
            if read > 0 {
                return Ok(read);
            }
            self.next_member()?;
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Write as _};

    use super::*;

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    /// Reads with buffers of one byte and of many.
    fn read(file: &[u8]) -> io::Result<String> {
        let mut bytewise = String::new();
        let one = GzipMembers::new(BufReader::with_capacity(1, file)).read_to_string(&mut bytewise);
        let mut content = String::new();
        GzipMembers::new(file).read_to_string(&mut content)?;
        one?;
        assert_eq!(bytewise, content);
        Ok(content)
    }

    #[test]
    fn members_follow_each_other_and_zeros_end_the_file() {
        let members = [gzip("one "), gzip(""), gzip("two")].concat();
        assert_eq!(read(&members).unwrap(), "one two");
        for zeros in [1, 511, 100_000] {
            let padded = [members.clone(), vec![0; zeros]].concat();
            assert_eq!(read(&padded).unwrap(), "one two");
        }
    }

    #[test]
    fn other_bytes_behind_a_member_are_an_error() {
        for trailing in [
            &b"text"[..],
            b"\0\0text",
            b"\0\0\x1f\x8b",
            b"\x1f",
            b"\x1ftext that is long enough",
        ] {
            let file = [gzip("one").as_slice(), trailing].concat();
            assert!(read(&file).is_err(), "{trailing:?}");
        }
        let file = [gzip("one").as_slice(), &[0, 0], &gzip("two")].concat();
        let error = read(&file).unwrap_err().to_string();
        assert!(error.contains("neither gzip nor zeros"), "{error}");
    }
}
