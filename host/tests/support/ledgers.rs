//! Reads and changes the ledgers of a lake in a folder: documents of their own, and groups.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::lake::tree;

/// The documents of the folder of the ledgers, by their paths.
fn documents(lake: &Path) -> BTreeMap<PathBuf, Value> {
    let folder = lake.join("_sluice/ledger");
    let files = tree(&folder).into_iter();
    let documents = files.filter(|(name, _)| name.ends_with(".json"));
    documents
        .map(|(name, text)| {
            let document = serde_json::from_slice(&text);
            (
                folder.join(&name),
                document.unwrap_or_else(|why| panic!("{name}: {why}")),
            )
        })
        .collect()
}

fn grouped(document: &Value) -> Option<&serde_json::Map<String, Value>> {
    document["ledgers"].as_object()
}

/// All ledgers, by their shards.
pub(crate) fn ledgers(lake: &Path) -> BTreeMap<String, Value> {
    let mut ledgers = BTreeMap::new();
    for document in documents(lake).into_values() {
        let own = document["shard"]
            .as_str()
            .map(|shard| (shard.to_owned(), document.clone()));
        let grouped = grouped(&document).into_iter().flatten();
        let grouped = grouped.map(|(shard, ledger)| (shard.clone(), ledger.clone()));
        for (shard, ledger) in own.into_iter().chain(grouped) {
            assert!(
                ledgers.insert(shard.clone(), ledger).is_none(),
                "{shard} twice"
            );
        }
    }
    ledgers
}

/// The only ledger of a lake.
pub(crate) fn only_ledger(lake: &Path) -> Value {
    let ledgers = ledgers(lake);
    assert_eq!(ledgers.len(), 1, "{:?}", ledgers.keys());
    ledgers.into_values().next().unwrap()
}

/// Changes the ledger of a shard in its group.
pub(crate) fn edit_ledger(lake: &Path, shard: &str, change: impl FnOnce(&mut Value)) {
    for (path, mut document) in documents(lake) {
        if grouped(&document).is_some_and(|ledgers| ledgers.contains_key(shard)) {
            change(&mut document["ledgers"][shard]);
            fs::write(path, document.to_string()).unwrap();
            return;
        }
    }
    panic!("no group has the ledger of {shard}");
}

/// The path of the first group.
pub(crate) fn first_group(lake: &Path) -> PathBuf {
    lake.join("_sluice/ledger/groups/00000001.json")
}
