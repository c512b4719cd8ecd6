//! News of lakes that are written as runs write them.

mod histories;
mod lake;

use std::fs;

use self::lake::{Lake, RECORDS, Table, manifest, sequence};
use super::*;
use crate::ledger::Range;

fn ranges(news: &News) -> Vec<(String, SequenceNumber)> {
    let chunks = news.chunks.iter().map(|chunk| &chunk.manifest);
    chunks
        .map(|manifest| (manifest.shard.to_string(), manifest.range.first))
        .collect()
}

fn expected(chunks: &[(&str, u128)]) -> Vec<(String, SequenceNumber)> {
    let chunks = chunks.iter();
    chunks
        .map(|(shard, first)| ((*shard).to_owned(), sequence(*first)))
        .collect()
}

/// A lake of one shard with three chunks.
async fn three_chunks() -> (Lake, ShardId) {
    let mut lake = Lake::new();
    let shard = lake.add_shard("s", 0, false);
    for _ in 0..3 {
        lake.commit(&shard, &[2]).await;
    }
    (lake, shard)
}

/// The error of a reader that knows nothing, whose message has these parts.
async fn fails(lake: &Lake, since: &Watermark, parts: &[&str]) -> NewsError {
    let error = lake.reader().read(since, Limit::NONE).await.unwrap_err();
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "{part}: {text}");
    }
    error
}

#[tokio::test]
async fn what_is_committed_is_read_once_the_oldest_first() {
    let mut lake = Lake::new();
    let (a, b) = (lake.add_shard("a", 0, false), lake.add_shard("b", 0, true));
    for shard in [&b, &b, &a, &b, &a] {
        lake.commit(shard, &[1, 2]).await;
    }
    lake.commit(&a, &[]).await;
    for (key, folder) in [
        ("_sluice/ledger/notes.txt", "_sluice/ledger"),
        ("_sluice/ledger/.tmp/1/s.json", "_sluice/ledger/.tmp/1"),
        ("_sluice/chunks/a/copy.json", "_sluice/chunks/a"),
        ("_sluice/chunks/other/copy.json", "_sluice/chunks/other"),
    ] {
        fs::create_dir_all(lake.path(folder)).unwrap();
        fs::write(lake.path(key), "{}").unwrap();
    }
    let mut table = Table::default();
    let mut reader = lake.reader();
    let news = reader.read(&table.watermark, Limit::NONE).await.unwrap();
    let all = [("b", 0), ("b", 7), ("a", 0), ("b", 14), ("a", 7)];
    assert_eq!(ranges(&news), expected(&all));
    assert_eq!((news.events, news.event_bytes, news.objects), (15, 150, 10));
    assert_eq!((news.empty_chunks, news.documents), (1, 2));
    assert_eq!(news.oldest_put_at, Some(news.chunks[0].put_at));
    assert!(news.is_all && news.ledgers.len() == 2);
    let waiting = &news.waiting[&a];
    assert_eq!((waiting.chunks, waiting.records), (3, 3 * RECORDS));
    assert_eq!(waiting.committed, sequence(16));
    assert_eq!(waiting.oldest_put_at, news.chunks[2].put_at);
    table.commit(news);
    table.assert_has_all(&lake);
    let news = reader.read(&table.watermark, Limit::NONE).await.unwrap();
    assert!(news.chunks.is_empty() && news.waiting.is_empty() && news.oldest_put_at.is_none());
}

#[tokio::test]
async fn a_lake_without_ledgers_has_no_documents() {
    let lake = Lake::new();
    let mut reader = lake.reader();
    let news = reader
        .read(&Watermark::default(), Limit::NONE)
        .await
        .unwrap();
    assert_eq!((news.documents, news.is_all), (0, true));
}

#[tokio::test]
async fn a_chunk_that_is_not_committed_is_no_news() {
    let (mut lake, shard) = three_chunks().await;
    lake.pin(&shard, &[9]).await;
    lake.put_manifest(&shard);
    let mut table = Table::default();
    let mut reader = lake.reader();
    let news = reader.read(&table.watermark, Limit::NONE).await.unwrap();
    assert_eq!(ranges(&news), expected(&[("s", 0), ("s", 7), ("s", 14)]));
    table.commit(news);
    lake.commit_pending(&shard).await;
    let news = reader.read(&table.watermark, Limit::NONE).await.unwrap();
    assert_eq!(ranges(&news), expected(&[("s", 21)]));
    table.commit(news);
    table.assert_has_all(&lake);
}

#[tokio::test]
async fn a_range_that_was_given_up_is_no_chunk_and_lost_records_are_no_gap() {
    let (mut lake, shard) = three_chunks().await;
    lake.pin(&shard, &[9]).await;
    lake.put_manifest(&shard);
    lake.lose(&shard).await;
    lake.commit(&shard, &[1]).await;
    lake.lose(&shard).await;
    lake.commit(&shard, &[1]).await;
    let mut table = Table::default();
    let news = lake.reader().read(&table.watermark, Limit::NONE).await;
    let news = news.unwrap();
    let all = [("s", 0), ("s", 7), ("s", 14), ("s", 68), ("s", 115)];
    assert_eq!(ranges(&news), expected(&all));
    table.commit(news);
    table.assert_has_all(&lake);
}

#[tokio::test]
async fn a_manifest_that_is_missing_is_named_by_its_records() {
    for (missing, records) in [
        (0, "the records up to 2,"),
        (1, "the records after 2 up to 9,"),
        (2, "the records after 9 up to 16,"),
    ] {
        let (lake, shard) = three_chunks().await;
        let key = lake.committed()[&shard][missing].key();
        fs::remove_file(lake.path(&key)).unwrap();
        let parts = ["shard s", "_sluice/chunks/s/", records, "restore it"];
        let error = fails(&lake, &Watermark::default(), &parts).await;
        assert!(matches!(error, NewsError::MissingManifest { .. }));
    }
}

#[tokio::test]
async fn a_limit_leaves_what_is_behind_it_unread() {
    let (lake, shard) = three_chunks().await;
    let key = lake.committed()[&shard][1].key();
    fs::write(lake.path(&key), "{}").unwrap();
    let limit = Limit {
        event_bytes: 20,
        ..Limit::NONE
    };
    // One read at once, so that none is ahead of the limit.
    let mut reader = NewsReader::new(lake.store(), 1);
    let mut table = Table::default();
    let news = reader.read(&table.watermark, limit).await;
    assert!(matches!(news, Err(NewsError::Manifest { .. })), "{news:?}");
    let whole = lake.committed()[&shard][1].json();
    fs::write(lake.path(&key), whole).unwrap();
    for (first, is_all) in [(0, false), (7, false), (14, true)] {
        let news = reader.read(&table.watermark, limit).await.unwrap();
        assert_eq!(ranges(&news), expected(&[("s", first)]));
        assert_eq!(
            (news.is_all, news.ledgers.len()),
            (is_all, usize::from(is_all))
        );
        table.commit(news);
    }
}

#[tokio::test]
async fn a_manifest_that_cannot_be_used_is_named() {
    let (mut lake, shard) = three_chunks().await;
    let chunks = lake.committed()[&shard].clone();
    let second = lake.path(&chunks[1].key());
    let spaced = [&b" "[..], &chunks[1].json()].concat();
    let unlinked = manifest(&shard, chunks[1].range, None, &[2]);
    for (content, why) in [
        (b"{}".to_vec(), "missing field"),
        (chunks[0].json(), "another chunk"),
        (spaced, "its bytes"),
        (unlinked.json(), "its chunk follows no record"),
    ] {
        fs::write(&second, content).unwrap();
        let parts = [second.to_str().unwrap(), why, "restore it"];
        let error = fails(&lake, &Watermark::default(), &parts).await;
        assert!(matches!(error, NewsError::Manifest { .. }), "{error}");
    }
    fs::write(&second, chunks[1].json()).unwrap();
    // Another chunk with records of the first one.
    let range = Range {
        first: sequence(1),
        last: sequence(5),
        count: 2,
    };
    lake.write_manifest(&manifest(&shard, range, None, &[2]));
    let parts = ["records 1 to 5", "up to the record 2", "audit --quick"];
    let error = fails(&lake, &Watermark::default(), &parts).await;
    assert!(matches!(error, NewsError::Overlap { .. }), "{error}");
    fs::remove_file(lake.path(&manifest(&shard, range, None, &[2]).key())).unwrap();
    // One that goes on beyond what is committed.
    let range = Range {
        first: sequence(16),
        last: sequence(30),
        count: 2,
    };
    lake.write_manifest(&manifest(&shard, range, Some(sequence(9)), &[2]));
    let parts = ["records 16 to 30", "up to 16 only"];
    let error = fails(&lake, &Watermark::default(), &parts).await;
    assert!(matches!(error, NewsError::Overlap { .. }), "{error}");
}

#[tokio::test]
async fn a_damaged_ledger_is_named() {
    for is_grouped in [false, true] {
        let mut lake = Lake::new();
        let shard = lake.add_shard("s", 0, is_grouped);
        lake.commit(&shard, &[1]).await;
        let document = lake.document(&shard);
        let path = lake.path(&document);
        fs::write(&path, "{}").unwrap();
        let parts = [path.to_str().unwrap(), "version", "restore"];
        let error = fails(&lake, &Watermark::default(), &parts).await;
        assert!(matches!(error, NewsError::Ledger { .. }));
    }
}

#[tokio::test]
async fn another_lake_than_that_of_the_table_is_refused() {
    let (mut lake, shard) = three_chunks().await;
    let mut table = Table::default();
    let news = lake.reader().read(&table.watermark, Limit::NONE).await;
    table.commit(news.unwrap());
    let document = lake.path(&lake.document(&shard));
    let older = fs::read(&document).unwrap();
    lake.commit(&shard, &[1]).await;
    let mut ahead = Table::default();
    let news = lake.reader().read(&ahead.watermark, Limit::NONE).await;
    ahead.commit(news.unwrap());
    fs::write(&document, older).unwrap();
    let parts = ["up to 23", "only up to 16", "table rebuild"];
    let error = fails(&lake, &ahead.watermark, &parts).await;
    assert!(matches!(error, NewsError::Behind { .. }));
    // An older ledger is no error if the table is not ahead of it.
    let news = lake.reader().read(&table.watermark, Limit::NONE).await;
    assert!(news.unwrap().chunks.is_empty());
    fs::remove_file(&document).unwrap();
    let error = fails(
        &lake,
        &table.watermark,
        &["s.json is missing", "another lake"],
    )
    .await;
    assert!(matches!(error, NewsError::MissingLedger { .. }));
    table.watermark.ledgers.clear();
    let error = fails(&lake, &table.watermark, &["the shard s", "no ledger"]).await;
    assert!(matches!(error, NewsError::UnknownShard { .. }));
}

#[tokio::test]
async fn ledgers_that_have_not_changed_are_not_read() {
    let mut lake = Lake::new();
    let shards: Vec<_> = (0..20)
        .map(|number| lake.add_shard(&format!("s-{number}"), 0, number >= 10))
        .collect();
    for shard in &shards {
        lake.commit(shard, &[1]).await;
    }
    let store = lake.store();
    let mut reader = NewsReader::new(store.clone(), 4);
    let mut table = Table::default();
    let news = reader.read(&table.watermark, Limit::NONE).await.unwrap();
    // Ten ledgers and a group; one list of all manifests, since there are more shards than it has pages.
    assert_eq!((news.documents, store.take_reads()), (11, (2, 31)));
    table.commit(news);
    let with_tags = table.watermark.clone();
    table.watermark.ledgers.clear();
    for (mut reader, since) in [
        (NewsReader::new(store.clone(), 4), &with_tags),
        (reader, &table.watermark),
    ] {
        let before = reader.read(since, Limit::NONE).await.unwrap();
        let reads = store.take_reads();
        let news = reader.read(since, Limit::NONE).await.unwrap();
        assert_eq!(news.ledgers, before.ledgers);
        assert_eq!(news.shards, since.shards);
        assert_eq!(store.take_reads(), (1, 0), "{reads:?}");
    }
    // A new chunk of a shard: one ledger, one list, one manifest.
    for shard in [&shards[3], &shards[13]] {
        lake.commit(shard, &[1]).await;
        let mut reader = NewsReader::new(store.clone(), 4);
        let news = reader.read(&with_tags, Limit::NONE).await.unwrap();
        assert_eq!(news.chunks.last().unwrap().manifest.shard, *shard);
        let (_, reads) = store.take_reads();
        assert_eq!(reads, 2 * news.chunks.len());
    }
}

#[tokio::test]
async fn a_reader_that_follows_reads_each_document_and_manifest_once() {
    let (mut lake, shard) = three_chunks().await;
    lake.commit(&shard, &[]).await;
    let store = lake.store();
    let mut reader = NewsReader::new(store.clone(), 4);
    let since = Watermark::default();
    let news = reader.read(&since, Limit::NONE).await.unwrap();
    assert_eq!(store.take_reads(), (2, 5));
    let again = reader.read(&since, Limit::NONE).await.unwrap();
    assert_eq!(store.take_reads(), (1, 0));
    assert_eq!(ranges(&again), ranges(&news));
    assert_eq!((again.empty_chunks, &again.ledgers), (1, &news.ledgers));
    lake.commit(&shard, &[1]).await;
    let more = reader.read(&since, Limit::NONE).await.unwrap();
    assert_eq!(store.take_reads(), (2, 2));
    assert_eq!((more.chunks.len(), more.empty_chunks), (4, 1));
}

#[tokio::test]
async fn a_reader_whose_watermark_goes_back_reads_again() {
    let (lake, _) = three_chunks().await;
    let mut reader = lake.reader();
    let mut table = Table::default();
    for _ in 0..2 {
        let news = reader.read(&table.watermark, Limit::NONE).await.unwrap();
        table.commit(news);
    }
    // Somebody has rolled the table back, or it is built again.
    let news = reader.read(&Watermark::default(), Limit::NONE).await;
    assert_eq!(news.unwrap().chunks.len(), 3);
}

#[tokio::test]
async fn numbers_of_several_widths_are_in_order() {
    for first in [u128::from(u64::MAX) - 8, 10_u128.pow(38) - 8] {
        let mut lake = Lake::new();
        let shard = lake.add_shard("s", first, false);
        let mut table = Table::default();
        let mut reader = lake.reader();
        for _ in 0..5 {
            lake.commit(&shard, &[1]).await;
            let news = reader.read(&table.watermark, Limit::NONE).await.unwrap();
            table.commit(news);
        }
        table.assert_has_all(&lake);
        let limit = Limit {
            event_bytes: 0,
            objects: 0,
        };
        let mut again = Table::default();
        for _ in 0..5 {
            let news = lake.reader().read(&again.watermark, limit).await.unwrap();
            assert_eq!(news.chunks.len(), 1);
            again.commit(news);
        }
        again.assert_has_all(&lake);
    }
}

#[tokio::test]
async fn no_shard_waits_for_the_newer_chunks_of_others() {
    let mut lake = Lake::new();
    let (busy, quiet) = (lake.add_shard("a", 0, false), lake.add_shard("z", 0, false));
    lake.commit(&busy, &[1]).await;
    lake.commit(&quiet, &[1]).await;
    let limit = Limit {
        objects: 2,
        ..Limit::NONE
    };
    let mut table = Table::default();
    let mut reader = lake.reader();
    for _ in 0..5 {
        lake.commit(&busy, &[1, 1]).await;
        lake.commit(&busy, &[1, 1]).await;
    }
    let news = reader.read(&table.watermark, limit).await.unwrap();
    assert_eq!(ranges(&news), expected(&[("a", 0), ("z", 0)]));
    table.commit(news);
    assert_eq!(table.watermark.shards[&quiet].chunks, 1);
}

/// A builder reads news in a task, so the future must be `Send`.
#[test]
fn news_are_read_in_a_task() {
    fn is_send<T: Send>(_: &T) {}
    let lake = Lake::new();
    let (mut reader, since) = (lake.reader(), Watermark::default());
    is_send(&reader.read(&since, Limit::NONE));
}
