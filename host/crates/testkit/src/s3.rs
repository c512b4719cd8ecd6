//! S3 over a temporary directory. The crate `s3s` provides the protocol and its signatures.

mod objects;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

use http_body_util::BodyExt as _;
use hyper::Request;
use hyper::body::Incoming;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tempfile::TempDir;

use self::objects::{KEYS_PER_PAGE, Objects};
use super::http::{Answer, Server, collected};
use super::{KEY_ID, SECRET_KEY, sdk_config};

/// A running S3. It stops when it is dropped, and its objects are deleted.
pub struct S3 {
    /// Its URL.
    pub endpoint: String,
    _server: Server,
    keys_per_page: Arc<AtomicI32>,
    /// The directory with a directory for each bucket.
    pub root: PathBuf,
    /// Deletes the directory, after the server is dropped.
    _temporary: Option<TempDir>,
}

impl S3 {
    /// Starts an S3 without buckets.
    pub fn start() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        Self::start_in(temporary.path().to_owned(), Some(temporary))
    }

    /// Starts an S3 that keeps its objects in a directory.
    pub fn start_at(root: PathBuf) -> Self {
        Self::start_in(root, None)
    }

    fn start_in(root: PathBuf, temporary: Option<TempDir>) -> Self {
        let keys_per_page = Arc::new(AtomicI32::new(KEYS_PER_PAGE));
        let objects = Objects::new(&root, keys_per_page.clone());
        let mut builder = S3ServiceBuilder::new(objects);
        builder.set_auth(SimpleAuth::from_single(KEY_ID, SECRET_KEY));
        let service = builder.build();
        let server = Server::start(move |request| {
            let service = service.clone();
            // A request that arrived completely is executed completely, even if its client
            // disconnects.
            async move { tokio::spawn(serve(service, request)).await? }
        });
        Self {
            endpoint: server.endpoint().to_owned(),
            _server: server,
            keys_per_page,
            root,
            _temporary: temporary,
        }
    }

    /// Limits the keys of a page of `ListObjectsV2`.
    pub fn keys_per_page(&self, keys: i32) {
        self.keys_per_page.store(keys, Relaxed);
    }

    /// Creates a bucket and returns its directory.
    pub fn bucket(&self, name: &str) -> PathBuf {
        let directory = self.root.join(name);
        fs::create_dir(&directory).unwrap();
        directory
    }

    /// A client of this S3.
    pub fn client(&self) -> aws_sdk_s3::Client {
        client(&self.endpoint)
    }
}

/// A client of an S3 at this URL, which can be that of a proxy.
pub fn client(endpoint: &str) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(&sdk_config(endpoint)).force_path_style(true);
    aws_sdk_s3::Client::from_conf(config.build())
}

async fn serve(service: S3Service, request: Request<Incoming>) -> Answer {
    let (head, body) = request.into_parts();
    let body = collected(body).await?;
    let request = Request::from_parts(head, s3s::Body::from(body));
    let answer = service.call(request).await;
    let answer = answer.map_err(|error| format!("{error:?}"))?;
    Ok(answer.map(|body| body.map_err(Into::into).boxed_unsync()))
}
