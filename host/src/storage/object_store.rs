//! The files of a registry.

use futures_util::future::BoxFuture;

/// The result of a file operation; the error is the message of the file system or of S3.
pub type FileResult<T> = Result<T, String>;

/// Files by name: a folder, or a prefix of a bucket.
pub trait Files: Send + Sync {
    /// Creates a file; an existing one is not changed.
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
    ) -> BoxFuture<'a, FileResult<ConditionalRead>>;

    /// Writes a file if it still is the version that was `seen`, or if it does not exist and none was.
    /// Returns `false` if it has changed.
    ///
    /// # Errors
    /// Why it could not be written.
    fn swap<'a>(
        &'a self,
        name: &'a str,
        content: &'a [u8],
        seen: Option<&'a Version>,
    ) -> BoxFuture<'a, FileResult<bool>>;

    /// Lists the files in a folder.
    ///
    /// # Errors
    /// Why it could not be read.
    fn list<'a>(&'a self, folder: &'a str) -> BoxFuture<'a, FileResult<Vec<String>>>;

    /// Removes a file, if it exists.
    ///
    /// # Errors
    /// Why it could not be removed.
    fn remove<'a>(&'a self, name: &'a str) -> BoxFuture<'a, FileResult<()>>;
}

/// The result of a read.
pub enum Found {
    /// There is no such file.
    Nothing,
    /// It is too large: its size in bytes.
    TooLarge(u64),
    /// Its content.
    Content(Vec<u8>),
}

/// A version of a file: its `ETag`, or its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(pub String);

/// The result of a conditional read.
pub enum ConditionalRead {
    /// The file has not changed.
    Unchanged,
    /// There is no such file.
    Nothing,
    /// Its new content and version.
    Content(Vec<u8>, Version),
}
