//! The frames of a Zstandard file, one after the other (RFC 8878, section 3).

use std::io::{self, BufRead, Read};

use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation as _, OutBuffer};

/// The largest window that a frame may need, as a power of two: 128 MiB, what `zstd --long` uses without a number.
/// The window is memory of this process, so a file must not choose it freely.
const WINDOW_LOG_MAX: u32 = 27;

/// The magic number of a frame.
const MAGIC: u32 = 0xfd2f_b528;

/// The magic numbers of skippable frames differ in their lowest four bits.
const SKIPPABLE_MAGIC: u32 = 0x184d_2a50;

/// The content of all frames. Skippable frames, such as those of `pzstd`, are skipped.
pub(super) struct ZstdFrames<R> {
    input: R,
    decoder: Decoder<'static>,
    /// The bytes of `input` that are read.
    read: u64,
    /// Where the frame begins.
    frame_at: u64,
    in_frame: bool,
    /// The header of the frame, which was read to check its window.
    header: Vec<u8>,
    /// The decoder may have more content without more input.
    has_more: bool,
}

impl<R: BufRead> ZstdFrames<R> {
    /// Reads frames from a reader that is at the beginning of the first one.
    pub(super) fn new(input: R) -> io::Result<Self> {
        let mut decoder = Decoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX))?;
        Ok(Self {
            input,
            decoder,
            read: 0,
            frame_at: 0,
            in_frame: false,
            header: Vec::new(),
            has_more: false,
        })
    }

    /// Begins the next frame with content; `false` at the end of the file.
    fn begin_frame(&mut self) -> io::Result<bool> {
        while let Some(magic) = self.magic()? {
            if magic & !0xf == SKIPPABLE_MAGIC {
                self.skip_frame()?;
            } else if magic == MAGIC {
                self.read_header()?;
                self.decoder.reinit()?;
                self.in_frame = true;
                return Ok(true);
            } else {
                return Err(
                    self.invalid("no zstd frame begins there; is something appended to the file?")
                );
            }
        }
        Ok(false)
    }

    fn magic(&mut self) -> io::Result<Option<u32>> {
        self.frame_at = self.read;
        self.header.clear();
        if at_end(&mut self.input)? {
            return Ok(None);
        }
        Ok(Some(u32::from_le_bytes(self.take()?)))
    }

    fn skip_frame(&mut self) -> io::Result<()> {
        let size = u64::from(u32::from_le_bytes(self.take()?));
        let skipped = io::copy(&mut self.input.by_ref().take(size), &mut io::sink())?;
        self.read += skipped;
        if skipped < size {
            return Err(self.cut_off());
        }
        Ok(())
    }

    /// Reads the header and checks the window that the frame needs.
    fn read_header(&mut self) -> io::Result<()> {
        let [descriptor] = self.take()?;
        let single_segment = descriptor & 0b10_0000 != 0;
        let mut window = 0;
        if !single_segment {
            let [byte] = self.take()?;
            let base = 1_u64 << (10 + (byte >> 3));
            window = base + base / 8 * u64::from(byte & 0b111);
        }
        match descriptor & 0b11 {
            0 => {}
            1 => drop(self.take::<1>()?),
            2 => drop(self.take::<2>()?),
            _ => drop(self.take::<4>()?),
        }
        // Without a window of its own, a frame needs one for all of its content.
        if single_segment {
            window = match descriptor >> 6 {
                0 => u64::from(self.take::<1>()?[0]),
                1 => 256 + u64::from(u16::from_le_bytes(self.take()?)),
                2 => u64::from(u32::from_le_bytes(self.take()?)),
                _ => u64::from_le_bytes(self.take()?),
            };
        }
        self.check(window)
    }

    fn check(&self, window: u64) -> io::Result<()> {
        if window <= 1 << WINDOW_LOG_MAX {
            return Ok(());
        }
        let log = u64::BITS - (window - 1).leading_zeros();
        Err(self.invalid(&format!(
            "it needs a window of {} MiB to decompress, and the limit is {} MiB; decompress the file first with \
             `zstd -dc --long={log}`, or compress it with `zstd --long={WINDOW_LOG_MAX}` or less",
            window.div_ceil(1 << 20),
            (1 << WINDOW_LOG_MAX) >> 20,
        )))
    }

    /// Takes the next bytes of the header.
    fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.input.read_exact(&mut bytes).map_err(|error| {
            let is_end = error.kind() == io::ErrorKind::UnexpectedEof;
            if is_end { self.cut_off() } else { error }
        })?;
        self.read += N as u64;
        self.header.extend(bytes);
        Ok(bytes)
    }

    /// Decompresses a part of the frame; 0 if it takes more input or the frame is done.
    fn decompress(&mut self, content: &mut [u8]) -> io::Result<usize> {
        let from_header = !self.header.is_empty();
        let input = if self.has_more {
            &[][..]
        } else if from_header {
            &self.header
        } else {
            self.input.fill_buf()?
        };
        let is_empty = input.is_empty();
        let mut compressed = InBuffer::around(input);
        let mut output = OutBuffer::around(content);
        let hint = self.decoder.run(&mut compressed, &mut output);
        let (used, written) = (compressed.pos(), output.pos());
        let hint = hint.map_err(|error| self.invalid(&error.to_string()))?;
        if from_header && !self.has_more {
            self.header.drain(..used);
        } else {
            self.input.consume(used);
            self.read += used as u64;
        }
        self.in_frame = hint != 0;
        let cut_off = self.in_frame && is_empty && !self.has_more && written == 0;
        self.has_more = self.in_frame && written == content.len();
        if cut_off {
            Err(self.cut_off())
        } else {
            Ok(written)
        }
    }

    fn invalid(&self, why: &str) -> io::Error {
        let message = format!("zstd frame at byte {}: {why}", self.frame_at);
        io::Error::new(io::ErrorKind::InvalidData, message)
    }

    fn cut_off(&self) -> io::Error {
        let message = format!(
            "the file ends inside of the zstd frame at byte {}",
            self.frame_at
        );
        io::Error::new(io::ErrorKind::UnexpectedEof, message)
    }
}

fn at_end(input: &mut impl BufRead) -> io::Result<bool> {
    loop {
        match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            filled => return Ok(filled?.is_empty()),
        }
    }
}

impl<R: BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, content: &mut [u8]) -> io::Result<usize> {
        if content.is_empty() {
            return Ok(0);
        }
        while self.in_frame || self.begin_frame()? {
            let written = self.decompress(content)?;
            if written > 0 {
                return Ok(written);
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn frame(text: &str) -> Vec<u8> {
        zstd::encode_all(text.as_bytes(), 1).unwrap()
    }

    fn skippable(low: u32, size: usize) -> Vec<u8> {
        let mut frame = (SKIPPABLE_MAGIC + low).to_le_bytes().to_vec();
        frame.extend(u32::try_from(size).unwrap().to_le_bytes());
        frame.resize(8 + size, 0x28);
        frame
    }

    /// A frame of one uncompressed block with this window descriptor.
    fn windowed(descriptor: u8, text: &str) -> Vec<u8> {
        let mut frame = MAGIC.to_le_bytes().to_vec();
        frame.extend([0, descriptor]);
        let block = u32::try_from(text.len() << 3 | 1).unwrap();
        frame.extend(&block.to_le_bytes()[..3]);
        frame.extend(text.as_bytes());
        frame
    }

    /// Reads with buffers of one byte and of many.
    fn read(file: &[u8]) -> io::Result<String> {
        let mut bytewise = String::new();
        let input = BufReader::with_capacity(1, file);
        let one = ZstdFrames::new(input)?.read_to_string(&mut bytewise);
        let mut content = String::new();
        ZstdFrames::new(file)?.read_to_string(&mut content)?;
        one?;
        assert_eq!(bytewise, content);
        Ok(content)
    }

    #[test]
    fn frames_follow_each_other_and_skippable_ones_are_skipped() {
        let long = "long ".repeat(100_000);
        let file = [
            skippable(0, 4),
            frame("one "),
            frame(""),
            skippable(15, 0),
            skippable(7, 70_000),
            frame(&long),
            skippable(1, 3),
        ]
        .concat();
        assert_eq!(read(&file).unwrap(), format!("one {long}"));
        assert_eq!(read(&skippable(0, 9)).unwrap(), "");
    }

    #[test]
    fn a_file_that_is_cut_off_is_an_error_wherever_it_is_cut() {
        let file = [skippable(0, 4), frame("one"), frame("two")].concat();
        let ends = [0, 12, 12 + frame("one").len(), file.len()];
        for length in 0..=file.len() {
            let result = read(&file[..length]);
            assert_eq!(result.is_ok(), ends.contains(&length), "{length}");
        }
    }

    #[test]
    fn a_window_is_accepted_up_to_the_limit_and_named_above_it() {
        let descriptor = |log: u8, eighths: u8| (log - 10) << 3 | eighths;
        assert_eq!(read(&windowed(descriptor(27, 0), "text")).unwrap(), "text");
        for (log, eighths, window, long) in [(27, 1, "144 MiB", 28), (31, 0, "2048 MiB", 31)] {
            let file = [frame("one"), windowed(descriptor(log, eighths), "text")].concat();
            let error = read(&file).unwrap_err().to_string();
            let at = format!("byte {}", frame("one").len());
            for part in [&at, window, "128 MiB", &format!("--long={long}")] {
                assert!(error.contains(part), "{part} is not in {error}");
            }
        }
        let mut whole = MAGIC.to_le_bytes().to_vec();
        whole.extend([0b1010_0000]);
        whole.extend((200_u32 << 20).to_le_bytes());
        let error = read(&whole).unwrap_err().to_string();
        assert!(error.contains("200 MiB"), "{error}");
    }

    #[test]
    fn bytes_behind_a_frame_are_an_error() {
        for trailing in [&b"text"[..], &[0; 12], b"\x28"] {
            let file = [&frame("one"), trailing].concat();
            assert!(read(&file).is_err(), "{trailing:?}");
        }
    }
}
