use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_pcg::Pcg64Mcg;
use sluice_schema::Schema;
use sluice_storage::folder::FolderStore;

use super::arrival::TIMES_MAX;
use super::documents::part_name;
use super::*;
use crate::layout::chunk::ArrivalTimes;
use crate::table::documents::TableDocuments;
use crate::table::known_keys::KnownKeys;

fn time(min: u64, max: u64) -> Arrival {
    Arrival { min, max }
}

fn new(key: u128, arrived: Arrival, line: u64) -> KeyEntry {
    KeyEntry {
        key,
        is_new: true,
        arrived,
        object: 1,
        line,
    }
}

fn rule(window_ms: u64) -> DedupeRule {
    DedupeRule::new("k", Duration::from_millis(window_ms)).unwrap()
}

fn schema(columns: &str) -> Schema {
    Schema::parse(format!("{{\"version\":1,\"columns\":[{columns}]}}").as_bytes()).unwrap()
}

#[test]
fn events_are_near_if_they_can_have_arrived_within_less_than_the_window() {
    for (one, other, is_near) in [
        (time(10, 20), time(15, 16), true),
        (time(10, 20), time(119, 130), true),
        (time(10, 20), time(120, 130), false),
        (time(10, 20), time(10, 20), true),
        (time(10, 20), Arrival::UNKNOWN, true),
    ] {
        assert_eq!(one.is_near(other, 100), is_near, "{one:?} {other:?}");
        assert_eq!(other.is_near(one, 100), is_near, "{one:?} {other:?}");
    }
    let of = |min, max| Arrival::of(Some(ArrivalTimes { min, max }));
    assert_eq!(of(3, 9), time(3, 9));
    assert_eq!([of(0, 9), Arrival::of(None)], [Arrival::UNKNOWN; 2]);
}

/// A time is near one of the joined times if it is near one of those before, and few are left.
#[test]
fn times_are_joined_without_a_loss() {
    let all = vec![time(300, 310), time(10, 20), time(15, 40), time(139, 140)];
    let joined = Arrival::joined(all, 100);
    assert_eq!(joined, [time(10, 140), time(300, 310)]);

    let apart: Vec<_> = (0..1_000)
        .map(|at| time(1_000 * at, 1_000 * at + 9))
        .collect();
    let few = Arrival::joined(apart.clone(), 100);
    assert!(few.len() <= TIMES_MAX, "{}", few.len());
    let is_within = |one: &Arrival| {
        let mut few = few.iter();
        few.any(|time| time.min <= one.min && one.max <= time.max)
    };
    assert!(apart.iter().all(is_within));
    let first_64 = apart[..TIMES_MAX].to_vec();
    assert_eq!(Arrival::joined(first_64.clone(), 100), first_64);
}

/// What sorted events come to: the lines that are kept.
fn kept(mut entries: Vec<KeyEntry>, window: u64) -> Vec<u64> {
    entries.sort_unstable();
    let mut choice = Choice::new(window);
    let kept = entries.iter().filter(|entry| choice.keeps(entry));
    kept.map(|entry| entry.line).collect()
}

#[test]
fn a_row_of_the_table_comes_before_new_events_of_its_key() {
    let row = |key, at| KeyEntry::row(key, time(at, at));
    let at = |key, at, line| new(key, time(at, at), line);
    assert_eq!(
        kept(vec![at(1, 5, 7), row(1, 50), at(2, 5, 8)], 100),
        [0, 8]
    );
    assert_eq!(kept(vec![at(1, 5, 7), row(1, 105)], 100), [0, 7]);
    assert_eq!(kept(vec![at(1, 5, 7), row(1, 104)], 100), [0]);
    // The third one is near no row, since the second one is none.
    let chain = vec![at(1, 1, 1), at(1, 90, 2), at(1, 101, 3), at(1, 170, 4)];
    assert_eq!(kept(chain, 100), [1, 3]);
}

proptest! {
    #[test]
    fn of_each_key_no_two_rows_are_near_and_each_dropped_event_is_near_a_row(
        events in proptest::collection::vec((0..4_u128, 0..60_u64, 0..9_u64), 0..60),
        window in 1..30_u64,
    ) {
        let numbered = (0..).zip(events);
        let entries: Vec<_> = numbered
            .map(|(line, (key, min, span))| new(key, time(min, min + span), line))
            .collect();
        let kept = kept(entries.clone(), window);
        let is_kept = |entry: &KeyEntry| kept.contains(&entry.line);
        for entry in &entries {
            let near = entries.iter().filter(|other| {
                let is_other = other.line != entry.line && other.key == entry.key;
                is_other && is_kept(other) && other.arrived.is_near(entry.arrived, window)
            });
            prop_assert_eq!(near.count() == 0, is_kept(entry), "{:?}", entry);
        }
    }
}

proptest! {
    /// Rows of the table may be near each other, if somebody else wrote them, and stay rows.
    #[test]
    fn an_event_is_decided_on_as_if_all_rows_of_its_key_were_compared(
        events in proptest::collection::vec((0..3_u128, any::<bool>(), 0..60_u64, 0..30_u64), 0..60),
        unknown in 0..60_usize,
        window in 1..30_u64,
    ) {
        let numbered = (0..).zip(events);
        let mut entries: Vec<_> = numbered
            .map(|(line, (key, is_new, min, span))| {
                let entry = new(key, time(min, min + span), line);
                KeyEntry { is_new, ..entry }
            })
            .collect();
        if let Some(entry) = entries.get_mut(unknown) {
            entry.arrived = Arrival::UNKNOWN;
        }
        entries.sort_unstable();
        let (mut choice, mut rows) = (Choice::new(window), Vec::<KeyEntry>::new());
        for entry in &entries {
            let is_near = rows
                .iter()
                .any(|row| row.key == entry.key && row.arrived.is_near(entry.arrived, window));
            prop_assert_eq!(choice.is_near_row(entry), is_near, "{:?}", entry);
            let is_kept = !entry.is_new || !is_near;
            prop_assert_eq!(choice.keeps(entry), is_kept, "{:?}", entry);
            if is_kept {
                rows.push(*entry);
            }
        }
    }
}

#[test]
fn entries_are_sorted_whatever_fits_into_memory() {
    let mut rng = Pcg64Mcg::seed_from_u64(1);
    let mut entries: Vec<_> = (0..10_000)
        .map(|line| {
            let arrived = time(rng.random_range(0..9), u64::MAX);
            let entry = new(rng.random_range(0..3_000), arrived, line);
            let is_new = rng.random_bool(0.5);
            KeyEntry { is_new, ..entry }
        })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    // One file for each 64 entries are more than are merged at once.
    for memory in [1, 100_000, 1 << 30] {
        let mut sorter = KeySorter::new(folder.path().to_owned(), memory);
        for entry in &entries {
            sorter.add(*entry).unwrap();
        }
        let files = folder.path().read_dir().unwrap().count();
        assert_eq!(files == 0, memory > 100_000, "{files}");
        let mut sorted = Vec::new();
        sorter
            .finish(|entry| {
                sorted.push(*entry);
                Ok(())
            })
            .unwrap();
        entries.sort_unstable();
        assert!(sorted == entries);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
        entries.reverse();
    }
}

#[test]
fn a_rule_is_read_as_it_is_written() {
    for window in ["1ms", "2h", "1day 3h", "400days"] {
        let window = humantime::parse_duration(window).unwrap();
        let rule = DedupeRule::new("event_uuid", window).unwrap();
        let properties = HashMap::from(rule.properties());
        assert_eq!(DedupeRule::of(&properties), Ok(Some(rule)));
    }
    assert_eq!(DedupeRule::of(&HashMap::new()), Ok(None));
    let [key, window] = rule(5).properties();
    for half in [key.clone(), window.clone()] {
        assert!(DedupeRule::of(&HashMap::from([half])).is_err());
    }
    let wrong = (window.0, "soon".to_owned());
    let error = DedupeRule::of(&HashMap::from([key, wrong])).unwrap_err();
    assert!(
        error.contains("sluice.dedupe.window is \"soon\""),
        "{error}"
    );
    assert!(DedupeRule::new("k", Duration::from_micros(999)).is_err());
}

#[test]
fn a_key_is_a_column_of_a_type_with_one_value_for_each_notation() {
    let columns =
        r#"{"name":"k","type":"uuid"},{"name":"d","type":"double"},{"name":"s","type":"string"}"#;
    let schema = schema(columns);
    assert_eq!(rule(1).position(&schema), Some(1));
    let of = |key: &str| DedupeRule::new(key, Duration::from_secs(1)).unwrap();
    for key in ["d", "x"] {
        let error = of(key).check(&schema).unwrap_err();
        assert!(error.ends_with("those are: k, s"), "{error}");
    }
}

fn keys_of(attempt: &str, arrived: Arrival, keys: u64) -> AttemptKeys {
    AttemptKeys {
        attempt: attempt.to_owned(),
        arrived_at: vec![arrived],
        keys,
        dropped: 1,
    }
}

/// Writes the keys of an attempt.
async fn put(documents: &TableDocuments, attempt: &str, keys: &[u128], arrived: Arrival) {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = KeysWriter::new(folder.path().to_owned());
    for key in keys {
        writer.push(*key, arrived).unwrap();
    }
    let (count, files) = writer.finish().unwrap();
    assert_eq!(count, keys.len() as u64);
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let content = std::fs::read(&file).unwrap();
        let put = documents.put_duplicates(attempt, name, content).await;
        put.unwrap();
    }
}

/// The keys that are loaded for events of a time, with the number of rows that have each.
async fn loaded(known: &KnownKeys, arrived: Arrival) -> Result<BTreeMap<u128, u64>, String> {
    let folder = tempfile::tempdir().unwrap();
    let mut sorter = KeySorter::new(folder.path().to_owned(), 1);
    let load = known.load(vec![arrived], &mut sorter).await;
    load.map_err(|error| format!("{error:?}"))?;
    let mut found = BTreeMap::new();
    let each = |entry: &KeyEntry| {
        assert!(!entry.is_new);
        *found.entry(entry.key).or_default() += 1;
        Ok(())
    };
    sorter.finish(each).unwrap();
    Ok(found)
}

#[tokio::test]
async fn keys_of_committed_attempts_are_loaded_if_they_are_near() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(FolderStore::shared(folder.path().to_owned()));
    let documents = TableDocuments::new(store, "table");
    let mut mark = KeysMark::new(rule(100));
    let mut sealed = 0;
    for number in 0..600_u64 {
        let (attempt, arrived) = (format!("a{number}"), time(1_000 * number, 1_000 * number));
        put(&documents, &attempt, &[number.into(), 10_000], arrived).await;
        if let Some(attempts) = mark.add(keys_of(&attempt, arrived, 2)) {
            let put = documents.put_sealed_attempts(&attempt, &attempts).await;
            put.unwrap();
            sealed += attempts.len();
        }
    }
    assert_eq!((mark.sealed.len(), sealed), (2, 512));
    assert_eq!(mark.dropped(), 600);
    // What was never committed does not count.
    put(&documents, "void", &[7], time(0, 0)).await;

    let known = KnownKeys::new(documents.clone(), mark.clone());
    let of = |keys: &[(u128, u64)]| Ok(keys.iter().copied().collect::<BTreeMap<_, _>>());
    assert_eq!(
        loaded(&known, time(3_000, 3_000)).await,
        of(&[(3, 1), (10_000, 1)])
    );
    assert_eq!(
        loaded(&known, time(598_000, 598_901)).await,
        of(&[(598, 1), (599, 1), (10_000, 2)])
    );
    assert_eq!(loaded(&known, time(1_100, 1_900)).await, of(&[]));
    assert_eq!(loaded(&known, Arrival::UNKNOWN).await.unwrap().len(), 601);

    // A document that is missing or damaged is an error, and so is one with other keys.
    let path = folder
        .path()
        .join(documents.duplicates_folder("a3"))
        .join(part_name(0));
    let whole = std::fs::read(&path).unwrap();
    let other = folder
        .path()
        .join(documents.duplicates_folder("void"))
        .join(part_name(0));
    let mut changed = whole.clone();
    changed[whole.len() - 1] ^= 1;
    for content in [
        &whole[..whole.len() - 1],
        &changed,
        &std::fs::read(other).unwrap(),
    ] {
        std::fs::write(&path, content).unwrap();
        let error = loaded(&known, time(3_000, 3_000)).await.unwrap_err();
        assert!(
            error.contains("Damaged") && error.contains("a3/keys-00000.zst"),
            "{error}"
        );
    }
    std::fs::remove_file(&path).unwrap();
    let error = loaded(&known, time(3_000, 3_000)).await.unwrap_err();
    assert!(error.contains("Missing"), "{error}");
    assert_eq!(
        loaded(&known, time(4_000, 4_000)).await,
        of(&[(4, 1), (10_000, 1)])
    );
}
