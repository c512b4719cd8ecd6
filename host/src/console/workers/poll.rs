//! A poll of a worker: its `/status`.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Url, redirect};

use super::status::WorkerStatus;
use super::url::WorkerUrl;

/// The time for a connection, and for a request.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The largest page that is read, bytes. That of a worker with thousands of shards is a tenth of it.
const PAGE_MAX: usize = 16 << 20;

/// A client of HTTP. It asks only the addresses that were given: neither a proxy nor where a redirect leads to.
///
/// # Errors
/// Certificates of this machine that cannot be read.
pub(super) fn client() -> anyhow::Result<Client> {
    // This client has no cryptography of its own, but takes that of the process.
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let _unless_there_is_one = provider.install_default();
    let client = Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .build()?;
    Ok(client)
}

/// Polls a worker.
///
/// # Errors
/// What is wrong, and what to do if there is an answer.
pub(super) async fn poll(client: &Client, url: &WorkerUrl) -> Result<Arc<WorkerStatus>, String> {
    let status = page(client, url.page("/status")).await?;
    let status = serde_json::from_slice(&status).map_err(|error| {
        format!("its /status is not that of a worker of this version: {error}; check the address and the worker's version")
    })?;
    Ok(Arc::new(status))
}

/// The content of a page.
async fn page(client: &Client, url: Url) -> Result<Vec<u8>, String> {
    let path = url.path().to_owned();
    let mut response = client.get(url).send().await.map_err(no_answer)?;
    let status = response.status();
    if status != reqwest::StatusCode::OK {
        return Err(format!(
            "it answers {path} with {status}; check that this is the address of a worker's metrics"
        ));
    }
    let mut content = Vec::new();
    while let Some(part) = response.chunk().await.map_err(no_answer)? {
        content.extend_from_slice(&part);
        if content.len() > PAGE_MAX {
            return Err(format!(
                "its {path} is larger than {} MiB; check the address",
                PAGE_MAX >> 20
            ));
        }
    }
    Ok(content)
}

/// Why there is no answer. What to do about it is the same for all workers, so it is said once, by the page.
fn no_answer(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", REQUEST_TIMEOUT.as_secs());
    }
    let error = anyhow::Error::new(error.without_url());
    // The errors above the last one name the parts of the client.
    format!("no answer: {}", error.root_cause())
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::get;
    use tokio::net::TcpListener;

    use super::super::status::tests::STATUS;
    use super::*;

    /// A server with this page.
    async fn served(status: (StatusCode, String)) -> WorkerUrl {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let pages = Router::new().route("/status", get(move || async move { status }));
        tokio::spawn(async move { axum::serve(listener, pages).await });
        url.parse().unwrap()
    }

    async fn failed(url: &WorkerUrl) -> String {
        let polled = poll(&client().unwrap(), url).await;
        polled.err().unwrap()
    }

    #[tokio::test]
    async fn a_poll_reads_the_status() {
        let url = served((StatusCode::OK, STATUS.to_owned())).await;
        let status = poll(&client().unwrap(), &url).await.unwrap();
        assert_eq!((status.ready, status.totals.events), (true, 12));
    }

    #[tokio::test]
    async fn what_is_no_worker_is_named_with_advice() {
        let not_found = (StatusCode::NOT_FOUND, String::new());
        let error = failed(&served(not_found).await).await;
        assert!(
            error.contains("/status with 404") && error.contains("check that"),
            "{error}"
        );
        for other in ["{\"a\":1}", &STATUS[..500], "<html>"] {
            let other = (StatusCode::OK, other.to_owned());
            let error = failed(&served(other).await).await;
            assert!(error.contains("not that of a worker"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_worker_that_has_ended_does_not_answer_and_the_client_is_not_named() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let error = failed(&url.parse().unwrap()).await;
        assert!(error.starts_with("no answer: "), "{error}");
        for part in ["client", "tcp connect", "check"] {
            assert!(!error.contains(part), "{part}: {error}");
        }
    }
}
