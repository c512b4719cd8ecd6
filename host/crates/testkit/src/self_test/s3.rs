use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::primitives::ByteStream;

use super::super::s3::S3;

#[tokio::test]
async fn puts_lists_and_gets() {
    let s3 = S3::start();
    let directory = s3.bucket("lake");
    let client = s3.client();
    for key in ["a/1", "a/2", "b"] {
        let put = client.put_object().bucket("lake").key(key);
        put.body(ByteStream::from_static(b"content"))
            .send()
            .await
            .unwrap();
    }
    assert_eq!(std::fs::read(directory.join("a/1")).unwrap(), b"content");
    let list = client.list_objects_v2().bucket("lake").prefix("a/");
    let listed = list.send().await.unwrap();
    let keys: Vec<_> = listed.contents().iter().filter_map(|o| o.key()).collect();
    assert_eq!(keys, ["a/1", "a/2"]);
    let got = client.get_object().bucket("lake").key("b").send().await;
    let body = got.unwrap().body.collect().await.unwrap();
    assert_eq!(body.to_vec(), b"content");
    let none = client.get_object().bucket("lake").key("c").send().await;
    assert_eq!(none.unwrap_err().code(), Some("NoSuchKey"));
}

#[tokio::test]
async fn gives_a_range_of_the_version_that_is_asked_for() {
    let s3 = S3::start();
    s3.bucket("lake");
    let client = s3.client();
    let put = |content: &'static [u8]| {
        let put = client.put_object().bucket("lake").key("a b");
        put.body(ByteStream::from_static(content)).send()
    };
    put(b"0123456789").await.unwrap();
    let listed = client.list_objects_v2().bucket("lake").send().await;
    let listed = listed.unwrap();
    let etag = listed.contents()[0].e_tag().unwrap();
    let get = |range: &str| {
        let get = client.get_object().bucket("lake").key("a b");
        get.if_match(etag).range(range).send()
    };
    let got = get("bytes=3-5").await.unwrap();
    assert_eq!(got.content_range(), Some("bytes 3-5/10"));
    assert_eq!(got.body.collect().await.unwrap().to_vec(), b"345");
    put(b"abc").await.unwrap();
    let error = get("bytes=0-1").await.unwrap_err();
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 412);
}

#[tokio::test]
async fn accepts_a_stream_with_a_trailing_checksum() {
    let s3 = S3::start();
    let directory = s3.bucket("lake");
    let content = vec![7; 3 << 20];
    let file = s3.root.join("content");
    std::fs::write(&file, &content).unwrap();
    let body = ByteStream::from_path(&file).await.unwrap();
    let put = s3.client().put_object().bucket("lake").key("k").body(body);
    put.send().await.unwrap();
    assert_eq!(std::fs::read(directory.join("k")).unwrap(), content);
}

#[tokio::test]
async fn only_the_first_put_creates() {
    let s3 = S3::start();
    s3.bucket("lake");
    let client = s3.client();
    let put = |content: &'static [u8]| {
        let put = client.put_object().bucket("lake").key("lock");
        put.if_none_match("*")
            .body(ByteStream::from_static(content))
            .send()
    };
    let puts = futures_util::future::join_all((0..8).map(|_| put(b"x"))).await;
    assert_eq!(puts.iter().filter(|put| put.is_ok()).count(), 1);
    for error in puts.into_iter().filter_map(Result::err) {
        assert_eq!(error.code(), Some("PreconditionFailed"));
        assert_eq!(error.raw_response().unwrap().status().as_u16(), 412);
    }
}

#[tokio::test]
async fn a_put_needs_the_current_etag() {
    let s3 = S3::start();
    s3.bucket("lake");
    let client = s3.client();
    let put = |content: &'static [u8]| {
        let put = client.put_object().bucket("lake").key("head");
        put.body(ByteStream::from_static(content))
    };
    let first = put(b"1").send().await.unwrap();
    let tag = first.e_tag().unwrap().to_owned();
    let racing = (0..8).map(|_| put(b"2").if_match(&tag).send());
    let puts = futures_util::future::join_all(racing).await;
    assert_eq!(puts.iter().filter(|put| put.is_ok()).count(), 1);
    let failed = puts.into_iter().find_map(Result::err).unwrap();
    assert_eq!(failed.raw_response().unwrap().status().as_u16(), 412);
    let got = client.get_object().bucket("lake").key("head").send().await;
    assert_ne!(got.unwrap().e_tag(), Some(tag.as_str()));
}
