//! The metadata files of tables.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::super::http::Failed;
use super::super::rpc::Failure;
use super::super::s3::S3;
use super::super::{KEY_ID, REGION, SECRET_KEY};
use super::failure;

/// Where the files of tables are.
pub(super) struct Files {
    /// Below which URI a table gets its location, if it comes without one. It has no slash at its end.
    root: String,
    /// The service for files in buckets.
    s3: Option<Service>,
}

struct Service {
    endpoint: String,
    client: aws_sdk_s3::Client,
}

fn failed(why: impl Into<Failed>) -> Failure {
    failure(500, "InternalServerError", why.into().to_string())
}

/// The path of a file, which other programs name by its URI, by `file:` and its path, or by its path.
fn path(uri: &str) -> Option<PathBuf> {
    let path = uri.strip_prefix("file:").unwrap_or(uri);
    let path = path.strip_prefix("//").unwrap_or(path);
    path.starts_with('/').then(|| path.into())
}

/// The bucket and the key of a file.
fn object(uri: &str) -> Option<(&str, &str)> {
    uri.strip_prefix("s3://")?.split_once('/')
}

impl Files {
    pub(super) fn in_folder(folder: &Path) -> Self {
        Self {
            root: format!("file://{}", folder.display()),
            s3: None,
        }
    }

    pub(super) fn in_bucket(s3: &S3, uri: &str) -> Self {
        Self {
            root: uri.trim_end_matches('/').to_owned(),
            s3: Some(Service {
                endpoint: s3.endpoint.clone(),
                client: s3.client(),
            }),
        }
    }

    /// The URI of something below the root.
    pub(super) fn uri_of(&self, key: &str) -> String {
        format!("{}/{key}", self.root)
    }

    /// What a reader of a table needs to read its files.
    pub(super) fn config(&self) -> Value {
        let Some(Service { endpoint, .. }) = &self.s3 else {
            return json!({});
        };
        json!({
            "s3.endpoint": endpoint,
            "s3.region": REGION,
            "client.region": REGION,
            "s3.access-key-id": KEY_ID,
            "s3.secret-access-key": SECRET_KEY,
            "s3.path-style-access": "true",
        })
    }

    fn client(&self) -> Result<&aws_sdk_s3::Client, Failure> {
        let client = self.s3.as_ref().map(|service| &service.client);
        client.ok_or_else(|| failed("a table in a bucket, and no service for it"))
    }

    /// Writes a new file.
    pub(super) async fn put(&self, uri: &str, content: Vec<u8>) -> Result<(), Failure> {
        if let Some(path) = path(uri) {
            let folder = path.parent().unwrap_or(Path::new("/"));
            fs::create_dir_all(folder).map_err(failed)?;
            return fs::write(&path, content).map_err(failed);
        }
        let (bucket, key) = object(uri).ok_or_else(|| failed(format!("{uri} is no file")))?;
        let put = self.client()?.put_object().bucket(bucket).key(key);
        let put = put.if_none_match("*").body(content.into()).send().await;
        put.map(drop)
            .map_err(|error| failed(format!("{uri}: {error:?}")))
    }

    /// Removes all files of a folder.
    pub(super) async fn remove_folder(&self, uri: &str) -> Result<(), Failure> {
        if let Some(path) = path(uri) {
            return fs::remove_dir_all(path).map_err(failed);
        }
        let (bucket, key) = object(uri).ok_or_else(|| failed(format!("{uri} is no folder")))?;
        let client = self.client()?;
        let prefix = format!("{}/", key.trim_end_matches('/'));
        let list = client.list_objects_v2().bucket(bucket).prefix(prefix);
        let mut pages = list.into_paginator().send();
        let error = |error: aws_sdk_s3::Error| failed(format!("{uri}: {error:?}"));
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|why| error(why.into()))?;
            keys.extend(
                page.contents()
                    .iter()
                    .filter_map(|object| object.key())
                    .map(str::to_owned),
            );
        }
        for key in keys {
            let removed = client.delete_object().bucket(bucket).key(key).send().await;
            removed.map_err(|why| error(why.into()))?;
        }
        Ok(())
    }
}
