//! Responses that are slow, broken off or damaged.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::Crc;
use futures_util::stream::{self, Stream};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::Response;
use hyper::body::{Frame, Incoming};
use hyper::header::HeaderName;

use super::super::http::{Answer, Failed, full};

/// A response whose body arrives in pieces of this many bytes, with pauses.
pub(super) async fn slow(response: Response<Incoming>, bytes: usize, pause: Duration) -> Answer {
    let pieces = |body: Bytes| {
        stream::unfold(body, move |mut left| async move {
            if left.is_empty() {
                return None;
            }
            tokio::time::sleep(pause).await;
            let piece = left.split_to(bytes.clamp(1, left.len()));
            Some((Ok(Frame::data(piece)), left))
        })
    };
    with_body(response, pieces).await
}

/// A response of which this many bytes of the body arrive before the connection ends.
pub(super) async fn truncated(response: Response<Incoming>, bytes: usize) -> Answer {
    let pieces = |mut body: Bytes| {
        body.truncate(bytes);
        stream::unfold(Some(body), |body| async move {
            if let Some(body) = body {
                return Some((Ok(Frame::data(body)), None));
            }
            // Lets the body be written before the connection breaks.
            tokio::task::yield_now().await;
            Some((Err("closed within an answer".into()), None))
        })
    };
    with_body(response, pieces).await
}

/// A successful response with one changed bit and the checksum of the original ("Checking object
/// integrity": `x-amz-checksum-crc32`, base64 of the four bytes).
pub(super) async fn damaged(response: Response<Incoming>) -> Answer {
    let (mut head, body) = response.into_parts();
    let mut body = body.collect().await?.to_bytes().to_vec();
    if head.status.is_success() {
        let mut crc = Crc::new();
        crc.update(&body);
        let checksum = STANDARD.encode(crc.sum().to_be_bytes());
        let name = HeaderName::from_static("x-amz-checksum-crc32");
        head.headers.insert(name, checksum.parse()?);
        let middle = body.len() / 2;
        body[middle] ^= 1;
    }
    Ok(Response::from_parts(head, full(body)))
}

async fn with_body<S>(response: Response<Incoming>, pieces: impl FnOnce(Bytes) -> S) -> Answer
where
    S: Stream<Item = Result<Frame<Bytes>, Failed>> + Send + 'static,
{
    let (head, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    let body = StreamBody::new(pieces(body)).boxed_unsync();
    Ok(Response::from_parts(head, body))
}
