//! Sorts entries in bounded memory: what does not fit is written to local files, each sorted, which are merged.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::PathBuf;

use rayon::slice::ParallelSliceMut as _;

use super::entry::KeyEntry;

/// The most files that are merged at once.
const MERGED_MAX: usize = 64;

/// The buffer of each file that is open, bytes.
const BUFFER_BYTES: usize = 32 << 10;

/// The least number of entries in memory.
const ENTRIES_MIN: usize = 64;

/// Sorts entries.
#[derive(Debug)]
pub(in crate::table) struct KeySorter {
    folder: PathBuf,
    entries: Vec<KeyEntry>,
    entries_max: usize,
    /// The files, each sorted.
    runs: Vec<PathBuf>,
    /// The number of files so far, which names the next one.
    files: u64,
}

/// A file of sorted entries that is being written.
#[derive(Debug)]
pub(in crate::table) struct Run {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Run {
    /// Adds the next entry, which is not before the last one.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(in crate::table) fn push(&mut self, entry: &KeyEntry) -> io::Result<()> {
        entry.write(&mut self.file)
    }
}

impl KeySorter {
    /// A sorter that has this many bytes of entries in memory, and the others in files of a folder.
    pub(in crate::table) fn new(folder: PathBuf, memory: u64) -> Self {
        let entries = usize::try_from(memory).unwrap_or(usize::MAX) / size_of::<KeyEntry>();
        Self {
            folder,
            entries: Vec::new(),
            entries_max: entries.max(ENTRIES_MIN),
            runs: Vec::new(),
            files: 0,
        }
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(in crate::table) fn add(&mut self, entry: KeyEntry) -> io::Result<()> {
        self.entries.push(entry);
        match self.entries.len() >= self.entries_max {
            true => self.spill(),
            false => Ok(()),
        }
    }

    /// Begins a file of entries that come sorted.
    ///
    /// # Errors
    /// It cannot be created.
    pub(in crate::table) fn begin_run(&mut self) -> io::Result<Run> {
        let path = self.folder.join(format!("keys-{:06}.run", self.files));
        self.files += 1;
        let file = BufWriter::with_capacity(BUFFER_BYTES, File::create(&path)?);
        Ok(Run { path, file })
    }

    /// Ends a file.
    ///
    /// # Errors
    /// It cannot be written.
    pub(in crate::table) fn end_run(&mut self, mut run: Run) -> io::Result<()> {
        run.file.flush()?;
        self.runs.push(run.path);
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        if self.entries.is_empty() {
            return Ok(());
        }
        self.entries.par_sort_unstable();
        let entries = std::mem::take(&mut self.entries);
        let mut run = self.begin_run()?;
        entries.iter().try_for_each(|entry| run.push(entry))?;
        self.end_run(run)?;
        self.entries = entries;
        self.entries.clear();
        Ok(())
    }

    /// Calls `each` with all entries in their order. The files are removed.
    ///
    /// # Errors
    /// A file cannot be read or written, or an error of `each`.
    pub(in crate::table) fn finish(
        mut self,
        mut each: impl FnMut(&KeyEntry) -> io::Result<()>,
    ) -> io::Result<()> {
        if self.runs.is_empty() {
            self.entries.par_sort_unstable();
            return self.entries.iter().try_for_each(each);
        }
        self.spill()?;
        self.entries = Vec::new();
        while self.runs.len() > MERGED_MAX {
            let some: Vec<_> = self.runs.drain(..MERGED_MAX).collect();
            let mut run = self.begin_run()?;
            merge(&some, |entry| run.push(entry))?;
            self.end_run(run)?;
        }
        merge(&self.runs, &mut each)
    }
}

/// Calls `each` with the entries of sorted files in their order, and removes the files.
fn merge(runs: &[PathBuf], mut each: impl FnMut(&KeyEntry) -> io::Result<()>) -> io::Result<()> {
    let open = |path: &PathBuf| Ok(BufReader::with_capacity(BUFFER_BYTES, File::open(path)?));
    let mut files: Vec<_> = runs.iter().map(open).collect::<io::Result<_>>()?;
    let mut next = BinaryHeap::new();
    for (number, file) in files.iter_mut().enumerate() {
        next.extend(KeyEntry::read(file)?.map(|entry| Reverse((entry, number))));
    }
    while let Some(Reverse((entry, number))) = next.pop() {
        each(&entry)?;
        let after = KeyEntry::read(&mut files[number])?;
        next.extend(after.map(|entry| Reverse((entry, number))));
    }
    runs.iter().try_for_each(fs::remove_file)
}
