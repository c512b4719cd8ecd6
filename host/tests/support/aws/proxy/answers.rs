//! Answers that do not come as they should.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::Response;
use hyper::body::{Frame, Incoming};

use super::super::http::{Answer, Failed};

/// An answer whose body comes in pieces of so many bytes, with pauses.
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

/// An answer of which only so many bytes of the body come, and then the end of the connection.
pub(super) async fn truncated(response: Response<Incoming>, bytes: usize) -> Answer {
    let pieces = |mut body: Bytes| {
        body.truncate(bytes);
        stream::unfold(Some(body), |body| async move {
            if let Some(body) = body {
                return Some((Ok(Frame::data(body)), None));
            }
            // Lets what there is be written before the connection breaks.
            tokio::task::yield_now().await;
            Some((Err("closed within an answer".into()), None))
        })
    };
    with_body(response, pieces).await
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
