//! Objects of the lake, which pointers and messages about objects name.

use std::io::Read as _;

use anyhow::{Context as _, bail};
use aws_sdk_s3::Client;
use flate2::read::MultiGzDecoder;

/// Reads objects of the lake, in S3 or in a folder.
pub(crate) struct Lake {
    s3: Client,
    /// The object that was read last: pointers to one object follow each other.
    last: Option<LastObject>,
}

struct LastObject {
    url: String,
    lines: Vec<String>,
}

impl Lake {
    /// A reader with a client of the S3 that has the objects.
    pub(crate) fn new(s3: Client) -> Self {
        Self { s3, last: None }
    }

    /// The events of an object, `s3://BUCKET/KEY` or `file:PATH`, as text.
    ///
    /// # Errors
    /// The object cannot be read, or has no lines.
    pub(crate) async fn lines(&mut self, url: &str) -> anyhow::Result<&[String]> {
        let object = match self.last.take() {
            Some(last) if last.url == url => last,
            _ => self.read(url).await.with_context(|| url.to_owned())?,
        };
        Ok(&self.last.insert(object).lines)
    }

    async fn read(&self, url: &str) -> anyhow::Result<LastObject> {
        let content = match url.strip_prefix("file:") {
            Some(path) => std::fs::read(path)?,
            None => self.get(url).await?,
        };
        let text = String::from_utf8(decode(url, &content)?)?;
        Ok(LastObject {
            url: url.to_owned(),
            lines: text.split_terminator('\n').map(str::to_owned).collect(),
        })
    }

    async fn get(&self, url: &str) -> anyhow::Result<Vec<u8>> {
        let place = url
            .strip_prefix("s3://")
            .and_then(|url| url.split_once('/'));
        let (bucket, key) = place.context("the URL is none of S3")?;
        let object = self.s3.get_object().bucket(bucket).key(key).send().await?;
        Ok(object.body.collect().await?.to_vec())
    }
}

/// The extension says how an object is encoded.
fn decode(url: &str, content: &[u8]) -> anyhow::Result<Vec<u8>> {
    if url.ends_with(".ndjson.zst") {
        Ok(zstd::decode_all(content)?)
    } else if url.ends_with(".ndjson.gz") {
        let mut lines = Vec::new();
        MultiGzDecoder::new(content).read_to_end(&mut lines)?;
        Ok(lines)
    } else if url.ends_with(".ndjson") {
        Ok(content.to_owned())
    } else {
        bail!(
            "the object has no lines: docs/consumers.md says how to read an event from a row of Parquet"
        )
    }
}
