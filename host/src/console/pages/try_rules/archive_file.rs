//! An archive file with a folder of files, in the format ustar ("POSIX.1-2017", `pax`, ustar Interchange Format).

use sluice_release::cases::FilesByName;

/// The size of a header, and of the blocks of a content.
const BLOCK: usize = 512;

/// The bytes of an archive. Names are those of cases, which are short, and files are smaller than 8 GiB.
pub(super) fn tar(folder: &str, files: &FilesByName) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, content) in files {
        archive.extend_from_slice(&header(&format!("{folder}/{name}"), content.len()));
        archive.extend_from_slice(content);
        archive.resize(archive.len().next_multiple_of(BLOCK), 0);
    }
    archive.resize(archive.len() + 2 * BLOCK, 0);
    archive
}

fn header(path: &str, bytes: usize) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, text: &str| {
        header[at..at + text.len()].copy_from_slice(text.as_bytes());
    };
    put(0, path);
    put(100, "0000644");
    put(108, "0000000");
    put(116, "0000000");
    put(124, &format!("{bytes:011o}"));
    put(136, "00000000000");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\u{0}00");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\u{0} ").as_bytes());
    header
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn tar_reads_what_was_written() {
        use std::io::Write as _;
        let files = FilesByName::from([
            ("a-1.in.json".to_owned(), b"{}\n".to_vec()),
            ("a-1.out.ndjson".to_owned(), vec![b'x'; 513]),
        ]);
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new("tar")
            .args(["-x", "-C"])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(&tar("cases", &files)).unwrap();
        drop(input);
        assert!(child.wait().unwrap().success());
        let read = sluice_release::cases::read(&folder.path().join("cases"));
        assert_eq!(read.unwrap(), files);
    }
}
