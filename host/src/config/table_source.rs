//! Where the schema of Parquet objects comes from.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::ConfigError;
use super::target::check_s3;
use crate::format::parquet::TableSchema;

/// The schema of the objects of a run, or where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableSource {
    /// The schema of a file, or that of the built-in transform.
    Known(Arc<TableSchema>),
    /// An object in S3, which a run reads when it starts.
    Object(SchemaObject),
}

/// The address of an object in S3 that holds a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaObject {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
}

impl TableSource {
    /// Parses `s3://BUCKET/KEY`, or reads the file of this name.
    ///
    /// # Errors
    /// A file that cannot be read or is no schema, or an address without an object.
    pub fn parse(target: &Path) -> Result<Self, ConfigError> {
        let address = target.to_str().and_then(|text| text.strip_prefix("s3://"));
        match address {
            Some(address) => SchemaObject::parse(address).map(Self::Object),
            None => read(target).map(Self::Known),
        }
    }

    /// The object that a run reads when it starts.
    #[must_use]
    pub fn object(&self) -> Option<&SchemaObject> {
        match self {
            Self::Known(_) => None,
            Self::Object(object) => Some(object),
        }
    }
}

/// The schema of the built-in transform.
impl Default for TableSource {
    fn default() -> Self {
        Self::Known(TableSchema::builtin())
    }
}

impl SchemaObject {
    /// Parses `BUCKET/KEY`.
    fn parse(address: &str) -> Result<Self, ConfigError> {
        let (bucket, key) = address.split_once('/').unwrap_or((address, ""));
        let target = format!("s3://{address}");
        if bucket.is_empty() || key.is_empty() || key.ends_with('/') {
            let why = format!("{target:?} names no object; give s3://BUCKET/KEY, or a file");
            return Err(ConfigError::new("schema", why));
        }
        check_s3("schema", &target, bucket, key)?;
        Ok(Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        })
    }
}

impl fmt::Display for SchemaObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

fn read(file: &Path) -> Result<Arc<TableSchema>, ConfigError> {
    let name = file.display();
    let document = std::fs::read(file).map_err(|error| {
        let why = format!("cannot read {name}: {error}");
        ConfigError::new("schema", why)
    })?;
    parse_schema(&document, &name)
}

/// The schema of a document at this place.
///
/// # Errors
/// A document that is no schema, as the setting `schema`.
pub fn parse_schema(
    document: &[u8],
    place: &dyn fmt::Display,
) -> Result<Arc<TableSchema>, ConfigError> {
    let schema = TableSchema::parse(document);
    schema
        .map(Arc::new)
        .map_err(|error| ConfigError::new("schema", format!("{place}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(target: &str) -> Result<TableSource, String> {
        TableSource::parse(Path::new(target)).map_err(|error| error.to_string())
    }

    #[test]
    fn an_object_is_not_read_and_is_written_as_it_was_given() {
        for target in [
            "s3://bucket/schema.json",
            "s3://bucket/a//b.json",
            "s3://my.bucket-1/ä b",
        ] {
            let source = parse(target).unwrap();
            assert_eq!(source.object().unwrap().to_string(), target);
        }
        assert_eq!(TableSource::default().object(), None);
    }

    #[test]
    fn an_address_without_an_object_is_rejected() {
        for target in [
            "s3://",
            "s3://bucket",
            "s3://bucket/",
            "s3://bucket/folder/",
            "s3:///key",
        ] {
            let error = parse(target).unwrap_err();
            let part = format!("schema: {target:?} names no object; give s3://BUCKET/KEY");
            assert!(error.starts_with(&part), "{error}");
        }
        let error = parse("s3://Bucket/key").unwrap_err();
        assert!(error.contains("is not the name of a bucket"), "{error}");
        let error = parse("s3://bucket/../key").unwrap_err();
        assert!(error.starts_with("schema: "), "{error}");
    }

    #[test]
    fn a_file_that_does_not_exist_is_named() {
        let error = parse("no-such-folder/schema.json").unwrap_err();
        let part = "schema: cannot read no-such-folder/schema.json: ";
        assert!(error.starts_with(part), "{error}");
    }
}
