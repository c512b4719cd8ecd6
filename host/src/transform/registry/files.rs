//! What a registry is kept in.

use futures_util::future::BoxFuture;

/// A file of a registry cannot be written or read, as the place of it says.
pub type FileResult<T> = Result<T, String>;

/// Files by name: a folder, or a prefix of a bucket.
pub trait Files: Send + Sync {
    /// Creates a file that is not there yet; one that is there stays as it is.
    ///
    /// # Errors
    /// Why it could not be written.
    fn create<'a>(&'a self, name: &'a str, content: &'a [u8]) -> BoxFuture<'a, FileResult<()>>;

    /// Reads a file, unless it is larger than `max` bytes.
    ///
    /// # Errors
    /// Why it could not be read.
    fn read<'a>(&'a self, name: &'a str, max: usize) -> BoxFuture<'a, FileResult<Found>>;

    /// Reads a file, unless it still is the version that was `seen`.
    ///
    /// # Errors
    /// Why it could not be read.
    fn get_if_changed<'a>(
        &'a self,
        name: &'a str,
        seen: Option<&'a Version>,
    ) -> BoxFuture<'a, FileResult<IfChanged>>;

    /// Writes a file that still is the version that was `seen`; none is one that is not there. `false`
    /// where it has changed since.
    ///
    /// # Errors
    /// Why it could not be written.
    fn swap<'a>(
        &'a self,
        name: &'a str,
        content: &'a [u8],
        seen: Option<&'a Version>,
    ) -> BoxFuture<'a, FileResult<bool>>;

    /// The names of the files in a folder.
    ///
    /// # Errors
    /// Why they could not be read.
    fn list<'a>(&'a self, folder: &'a str) -> BoxFuture<'a, FileResult<Vec<String>>>;

    /// Removes a file; one that is not there is removed already.
    ///
    /// # Errors
    /// Why it could not be removed.
    fn remove<'a>(&'a self, name: &'a str) -> BoxFuture<'a, FileResult<()>>;
}

/// A file that was to be read.
pub enum Found {
    /// There is none.
    Nothing,
    /// It has more bytes than are taken: so many.
    TooLarge(u64),
    /// What it holds.
    Content(Vec<u8>),
}

/// What names one state of a file: its `ETag`, or its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(pub String);

/// The answer of [`Files::get_if_changed`].
pub enum IfChanged {
    /// The file still is the version that was seen.
    Unchanged,
    /// There is none.
    Nothing,
    /// What it holds now.
    Content(Vec<u8>, Version),
}
