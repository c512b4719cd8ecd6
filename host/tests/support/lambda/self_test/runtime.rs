use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::super::runtime::{RuntimeApi, State, TRACE};
use super::super::{FunctionError, PAYLOAD_MAX_BYTES, function_arn};

const NEXT: &str = "invocation/next";
const LONG: Duration = Duration::from_secs(60);

type Error = Box<dyn std::error::Error + Send + Sync>;

async fn send(
    api: &RuntimeApi,
    request: Request<BoxBody<Bytes, Error>>,
) -> Result<Response<Incoming>, Error> {
    let stream = TcpStream::connect(api.address()).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?)
}

fn request(
    api: &RuntimeApi,
    method: &str,
    path: &str,
    body: BoxBody<Bytes, Error>,
) -> Request<BoxBody<Bytes, Error>> {
    Request::builder()
        .method(method)
        .uri(format!("/2018-06-01/runtime/{path}"))
        .header("host", api.address())
        .body(body)
        .unwrap()
}

fn full(body: impl Into<Bytes>) -> BoxBody<Bytes, Error> {
    let body = Full::new(body.into());
    body.map_err(|never| match never {}).boxed()
}

async fn get(api: &RuntimeApi, path: &str) -> Response<Incoming> {
    let request = request(api, "GET", path, full(""));
    send(api, request).await.unwrap()
}

async fn post(api: &RuntimeApi, path: &str, body: impl Into<Bytes>) -> StatusCode {
    let request = request(api, "POST", path, full(body));
    send(api, request).await.unwrap().status()
}

async fn body(response: Response<Incoming>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

/// A runtime that processes the request `id`.
async fn at_work(id: &str) -> RuntimeApi {
    let api = RuntimeApi::start();
    api.offer(id, &json!({}), LONG);
    assert_eq!(get(&api, NEXT).await.status(), 200);
    api
}

fn outcome(api: &RuntimeApi) -> Option<Result<Value, FunctionError>> {
    api.wait(Duration::ZERO, State::take_outcome)
}

#[tokio::test]
async fn the_next_event_is_waited_for_and_says_what_it_is() {
    let api = RuntimeApi::start();
    let event = json!({ "Records": [] });
    let offering = async {
        while api
            .wait(Duration::ZERO, |state| state.is_asking().then_some(()))
            .is_none()
        {
            tokio::task::yield_now().await;
        }
        assert!(
            api.wait(Duration::ZERO, |state| state.first_asked())
                .is_some()
        );
        api.offer("one", &event, LONG);
    };
    let (response, ()) = tokio::join!(get(&api, NEXT), offering);
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("lambda-runtime-aws-request-id"), "one");
    assert_eq!(
        header("lambda-runtime-invoked-function-arn"),
        function_arn()
    );
    assert_eq!(header("lambda-runtime-trace-id"), TRACE);
    let deadline_ms = header("lambda-runtime-deadline-ms").parse().unwrap();
    let deadline = chrono::DateTime::from_timestamp_millis(deadline_ms).unwrap();
    let left = deadline - chrono::Utc::now();
    assert!(
        left.num_seconds() <= 60 && left.num_seconds() > -60,
        "{left}"
    );
    assert_eq!(body(response).await, event.to_string());
    assert_eq!(post(&api, "invocation/one/response", "{}").await, 202);
    assert_eq!(outcome(&api), Some(Ok(json!({}))));
    assert_eq!(outcome(&api), None);
}

#[tokio::test]
async fn only_the_current_request_can_be_answered_and_only_once() {
    let api = at_work("one").await;
    assert_eq!(post(&api, "invocation/other/response", "1").await, 400);
    assert_eq!(post(&api, "invocation/other/error", "{}").await, 400);
    assert_eq!(outcome(&api), None);
    assert_eq!(post(&api, "invocation/one/response", "1").await, 202);
    assert_eq!(post(&api, "invocation/one/response", "2").await, 400);
    assert_eq!(post(&api, "invocation/one/error", "{}").await, 400);
    assert_eq!(outcome(&api), Some(Ok(json!(1))));
    let idle = RuntimeApi::start();
    assert_eq!(post(&idle, "invocation/one/response", "1").await, 400);
}

#[tokio::test]
async fn the_next_event_comes_only_after_the_response() {
    let api = at_work("one").await;
    api.offer("two", &json!(2), LONG);
    let second = get(&api, NEXT).await;
    assert_eq!(second.status(), 403);
    let answer: Value = serde_json::from_slice(&body(second).await).unwrap();
    assert_eq!(answer["errorType"], "InvalidStateTransition");
    assert_eq!(post(&api, "invocation/one/response", "1").await, 202);
    assert_eq!(body(get(&api, NEXT).await).await, "2");
}

#[tokio::test]
async fn a_response_may_come_in_chunks_be_empty_or_be_no_json() {
    let chunked = |id: &'static str, chunks: &'static [&'static str]| async move {
        let api = at_work(id).await;
        let frames = chunks.iter().map(|chunk| Ok(Frame::data((*chunk).into())));
        let body = StreamBody::new(futures_util::stream::iter(frames.collect::<Vec<_>>()));
        let path = format!("invocation/{id}/response");
        let request = request(&api, "POST", &path, BodyExt::boxed(body));
        assert_eq!(send(&api, request).await.unwrap().status(), 202);
        outcome(&api).unwrap().unwrap()
    };
    assert_eq!(chunked("a", &["[1,", "2]"]).await, json!([1, 2]));
    assert_eq!(chunked("b", &[]).await, Value::Null);
    assert_eq!(chunked("c", &["no ", "JSON"]).await, "no JSON");
}

#[tokio::test]
async fn a_response_of_more_than_six_megabytes_fails_the_invocation() {
    let text = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    let api = at_work("one").await;
    let path = "invocation/one/response";
    assert_eq!(post(&api, path, text(PAYLOAD_MAX_BYTES)).await, 202);
    assert!(outcome(&api).unwrap().is_ok());
    let api = at_work("one").await;
    assert_eq!(post(&api, path, text(PAYLOAD_MAX_BYTES + 1)).await, 413);
    let error = outcome(&api).unwrap().unwrap_err();
    assert_eq!(error.error_type, "Function.ResponseSizeTooLarge");
}

#[tokio::test]
async fn an_error_has_its_type_from_the_body_or_the_header() {
    let api = at_work("one").await;
    let sent = r#"{"errorType":"Oops","errorMessage":"it failed"}"#;
    assert_eq!(post(&api, "invocation/one/error", sent).await, 202);
    assert_eq!(outcome(&api), Some(Err(super::error())));
    let api = at_work("one").await;
    let mut request = request(&api, "POST", "invocation/one/error", full("oh"));
    let kind = "Function.Oh".parse().unwrap();
    request
        .headers_mut()
        .insert("lambda-runtime-function-error-type", kind);
    assert_eq!(send(&api, request).await.unwrap().status(), 202);
    let error = outcome(&api).unwrap().unwrap_err();
    assert_eq!(error, FunctionError::new("Function.Oh", ""));
}

#[tokio::test]
async fn an_initialization_fails_before_the_first_event_only() {
    let api = RuntimeApi::start();
    let sent = r#"{"errorType":"Oops","errorMessage":"it failed"}"#;
    assert_eq!(post(&api, "init/error", sent).await, 202);
    let error = api.wait(Duration::ZERO, |state| state.init_error().cloned());
    assert_eq!(error, Some(super::error()));
    let api = at_work("one").await;
    assert_eq!(post(&api, "init/error", sent).await, 403);
}

#[tokio::test]
async fn other_paths_do_not_exist() {
    let api = RuntimeApi::start();
    assert_eq!(get(&api, "invocation/one/response").await.status(), 404);
    assert_eq!(get(&api, "restore/next").await.status(), 404);
    assert_eq!(post(&api, NEXT, "").await, 404);
}
