//! The names of all ledgers of a lake, by their beginnings and ends.

use std::collections::{BTreeSet, HashMap};

use sluice_engine::record::ShardId;

/// The shards that have a ledger.
#[derive(Default)]
pub(super) struct Listed {
    shards: BTreeSet<ShardId>,
    /// The shards by the last part of their names, which is the digest of the first line of a file.
    by_head: HashMap<String, Vec<ShardId>>,
}

impl Listed {
    pub(super) fn new(shards: BTreeSet<ShardId>) -> Self {
        let mut listed = Self::default();
        for shard in shards {
            listed.insert(shard);
        }
        listed
    }

    pub(super) fn insert(&mut self, shard: ShardId) {
        if self.shards.insert(shard.clone()) {
            let head = last_part(shard.as_str()).to_owned();
            self.by_head.entry(head).or_default().push(shard);
        }
    }

    pub(super) fn contains(&self, shard: &ShardId) -> bool {
        self.shards.contains(shard)
    }

    /// The shards whose names begin with `begin`, which could be a name.
    pub(super) fn beginning_with<'a>(
        &'a self,
        begin: &'a str,
    ) -> impl Iterator<Item = &'a ShardId> {
        let from = ShardId::new(begin).ok();
        let from = from.map(|from| self.shards.range(from..));
        let shards = from.into_iter().flatten();
        shards.take_while(move |shard| shard.as_str().starts_with(begin))
    }

    /// The shards of files whose names end with `suffix`, a hyphen and a digest.
    pub(super) fn ending_with(&self, suffix: &str) -> &[ShardId] {
        let shards = self.by_head.get(last_part(suffix));
        shards.map_or(&[], Vec::as_slice)
    }
}

/// What comes after the last hyphen.
fn last_part(name: &str) -> &str {
    name.rsplit_once('-').map_or(name, |(_, last)| last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_found_by_both_ends_of_their_names() {
        let names = ["a-1-x", "a-1-y", "a-10-x", "a-2-x", "b-1-xx"];
        let shard = |name: &str| ShardId::new(name).unwrap();
        let mut listed = Listed::new(names.map(shard).into());
        listed.insert(shard("a-1-z"));
        listed.insert(shard("a-1-z"));
        let begins = |begin| {
            let shards = listed.beginning_with(begin);
            shards.map(ShardId::as_str).collect::<Vec<_>>()
        };
        assert_eq!(begins("a-1-"), ["a-1-x", "a-1-y", "a-1-z"]);
        assert_eq!(begins("c-"), Vec::<&str>::new());
        let ends = |end| {
            let shards = listed.ending_with(end).iter();
            shards.map(ShardId::as_str).collect::<Vec<_>>()
        };
        assert_eq!(ends("-x"), ["a-1-x", "a-10-x", "a-2-x"]);
        assert_eq!(ends("-z"), ["a-1-z"]);
        assert_eq!(ends("-none"), Vec::<&str>::new());
        assert!(listed.contains(&shard("b-1-xx")) && !listed.contains(&shard("b-1-x")));
    }
}
