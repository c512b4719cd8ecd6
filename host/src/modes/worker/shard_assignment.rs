//! Which shards a worker should own. Pure, so that all workers agree on what is fair: they share
//! nothing but ledgers.

use std::cmp::Reverse;
use std::collections::BTreeMap;

/// An open shard, as its ledger shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardView {
    /// Its owner; `None` where it was given back or its lease has expired.
    pub owner: Option<String>,
    /// The worker that requests it, while the lease is valid.
    pub requested_by: Option<String>,
}

/// What a worker should do, as indexes of the views.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assignment {
    /// Take these free shards.
    pub take: Vec<usize>,
    /// Request this one from its owner.
    pub request: Option<usize>,
    /// Give these back after their current chunk.
    pub give: Vec<usize>,
}

/// What the worker `me` should do. All owners and requesters of shards count as workers; shares are
/// equal, and the remainder goes to the first by name. A worker gives back what is over its share and
/// takes free shards up to it. One that owns none requests a shard, so that it counts.
#[must_use]
pub fn assign(me: &str, views: &[ShardView]) -> Assignment {
    let mut owned: BTreeMap<&str, Vec<usize>> = BTreeMap::from([(me, Vec::new())]);
    for (index, view) in views.iter().enumerate() {
        if let Some(owner) = view.owner.as_deref() {
            owned.entry(owner).or_default().push(index);
        }
        if let Some(requester) = view.requested_by.as_deref() {
            owned.entry(requester).or_default();
        }
    }
    let rank = owned.keys().take_while(|worker| **worker != me).count();
    let share = views.len() / owned.len() + usize::from(rank < views.len() % owned.len());
    let mine = &owned[me];
    let requester = |index: usize| views[index].requested_by.as_deref();
    let free = (0..views.len()).filter(|index| views[*index].owner.is_none());
    let take: Vec<_> = free.take(share.saturating_sub(mine.len())).collect();
    let requested = (0..views.len()).any(|index| requester(index) == Some(me));
    let request = if mine.is_empty() && take.is_empty() && share > 0 && !requested {
        let mut others: Vec<_> = owned.values().collect();
        others.sort_by_key(|shards| Reverse(shards.len()));
        let others = others.into_iter().flatten().copied();
        others.into_iter().find(|index| requester(*index).is_none())
    } else {
        None
    };
    let mut give = mine.clone();
    give.sort_by_key(|index| requester(*index).is_none());
    give.truncate(mine.len().saturating_sub(share));
    Assignment {
        take,
        request,
        give,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Lets workers act in turn until no worker has anything to do.
    fn act_until_stable(mut views: Vec<ShardView>, workers: &[String]) -> Vec<ShardView> {
        for _ in 0..views.len() * workers.len() * 4 + 4 {
            let before = views.clone();
            for me in workers {
                let assignment = assign(me, &views);
                for index in assignment.take {
                    views[index].owner = Some(me.clone());
                    views[index].requested_by = None;
                }
                if let Some(index) = assignment.request {
                    views[index].requested_by = Some(me.clone());
                }
                for index in assignment.give {
                    views[index].owner = None;
                }
            }
            if views == before {
                return views;
            }
        }
        panic!("the workers never agree: {views:?}");
    }

    #[test]
    fn a_lone_worker_takes_everything() {
        let free = ShardView {
            owner: None,
            requested_by: None,
        };
        assert_eq!(assign("a", &vec![free; 3]).take, [0, 1, 2]);
        assert_eq!(assign("a", &[]), Assignment::default());
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
                .map(|owner| ShardView {
                    owner: owner.filter(|owner| *owner < count).map(|owner| owner.to_string()),
                    requested_by: None,
                })
                .collect();
            let stable = act_until_stable(views, &workers);
            let share = |w: &String| stable.iter().filter(|v| v.owner.as_ref() == Some(w)).count();
            let shares: Vec<_> = workers.iter().map(share).collect();
            prop_assert_eq!(shares.iter().sum::<usize>(), stable.len());
            let (least, most) = (shares.iter().min().unwrap(), shares.iter().max().unwrap());
            prop_assert!(most - least <= 1, "{:?}", shares);
        }
    }
}
