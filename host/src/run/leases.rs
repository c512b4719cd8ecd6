//! Which shards a worker should have: pure, so that every worker comes to the same view of what is
//! fair. Ledgers are the only thing that workers share.

use std::collections::{BTreeMap, BTreeSet};

/// A shard that is to be worked on, as its ledger shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Who holds it; none where it was given back or its lease is not renewed any more.
    pub owner: Option<String>,
    /// Who has asked for it.
    pub wanted_by: Option<String>,
}

/// What a worker should do, as indexes of the views.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moves {
    /// Take these, which are free.
    pub take: Vec<usize>,
    /// Ask the holder of this one for it.
    pub ask: Option<usize>,
    /// Give these up, after their chunk.
    pub give: Vec<usize>,
}

/// What `me` should do. The shares of any two workers differ by one shard at most when everyone has
/// done so.
#[must_use]
pub fn moves(me: &str, views: &[View]) -> Moves {
    let mut held: BTreeMap<&str, Vec<usize>> = BTreeMap::from([(me, Vec::new())]);
    let mut workers = BTreeSet::from([me]);
    for (index, view) in views.iter().enumerate() {
        if let Some(owner) = view.owner.as_deref() {
            held.entry(owner).or_default().push(index);
            workers.insert(owner);
            workers.extend(view.wanted_by.as_deref());
        }
    }
    let least = views.len() / workers.len();
    let most = views.len().div_ceil(workers.len());
    let mine = held.remove(me).unwrap_or_default();
    let free = (0..views.len()).filter(|index| views[*index].owner.is_none());
    let take: Vec<_> = free.take(most.saturating_sub(mine.len())).collect();
    let ask = if take.is_empty() && mine.len() < least {
        let richest = held.into_values().max_by_key(Vec::len).unwrap_or_default();
        let asked = |index: &usize| views[*index].wanted_by.as_deref() == Some(me);
        let free_to_ask = |index: &usize| views[*index].wanted_by.is_none();
        if richest.len() > least && !views.iter().any(|v| v.wanted_by.as_deref() == Some(me)) {
            richest
                .into_iter()
                .find(|index| free_to_ask(index) && !asked(index))
        } else {
            None
        }
    } else {
        None
    };
    let wanted = |index: &usize| {
        views[*index]
            .wanted_by
            .as_deref()
            .is_some_and(|by| by != me)
    };
    let surplus = mine.len().saturating_sub(least);
    let give = mine.into_iter().filter(wanted).take(surplus).collect();
    Moves { take, ask, give }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Lets workers act in turn until nobody has anything to do.
    fn settle(mut views: Vec<View>, workers: &[String]) -> Vec<View> {
        for _ in 0..views.len() * workers.len() * 4 + 4 {
            let before = views.clone();
            for me in workers {
                let moves = moves(me, &views);
                for index in moves.take {
                    views[index].owner = Some(me.clone());
                    views[index].wanted_by = None;
                }
                if let Some(index) = moves.ask {
                    views[index].wanted_by = Some(me.clone());
                }
                for index in moves.give {
                    views[index].owner = None;
                    views[index].wanted_by = None;
                }
            }
            if views == before {
                return views;
            }
        }
        panic!("the workers never come to rest: {views:?}");
    }

    #[test]
    fn a_lone_worker_takes_everything() {
        let free = View {
            owner: None,
            wanted_by: None,
        };
        assert_eq!(moves("a", &vec![free; 3]).take, [0, 1, 2]);
        assert_eq!(moves("a", &[]), Moves::default());
    }

    proptest! {
        #[test]
        fn workers_come_to_equal_shares(
            owners in proptest::collection::vec(proptest::option::of(0usize..4), 0..20),
            count in 1usize..4,
        ) {
            let workers: Vec<_> = (0..count).map(|w| w.to_string()).collect();
            let views = owners
                .into_iter()
                .map(|owner| View {
                    owner: owner.filter(|owner| *owner < count).map(|owner| owner.to_string()),
                    wanted_by: None,
                })
                .collect();
            let settled = settle(views, &workers);
            let share = |w: &String| settled.iter().filter(|v| v.owner.as_ref() == Some(w)).count();
            let shares: Vec<_> = workers.iter().map(share).collect();
            prop_assert_eq!(shares.iter().sum::<usize>(), settled.len());
            let (least, most) = (shares.iter().min().unwrap(), shares.iter().max().unwrap());
            prop_assert!(most - least <= 1, "{:?}", shares);
        }
    }
}
