//! Which shards a worker should have: pure, so that every worker comes to the same view of what is
//! fair. Ledgers are the only thing that workers share.

use std::cmp::Reverse;
use std::collections::BTreeMap;

/// A shard that is to be worked on, as its ledger shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Who holds it; none where it was given back or its lease is not renewed any more.
    pub owner: Option<String>,
    /// Who has asked for it, as long as the lease counts.
    pub requested_by: Option<String>,
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

/// What `me` should do. Everyone who holds a shard or has asked for one counts as a worker; shares are
/// equal, and what does not divide goes to the first by name. A worker gives up what is over its share
/// and takes what is free up to it. One that has nothing asks for a shard, which makes it count.
#[must_use]
pub fn moves(me: &str, views: &[View]) -> Moves {
    let mut held: BTreeMap<&str, Vec<usize>> = BTreeMap::from([(me, Vec::new())]);
    for (index, view) in views.iter().enumerate() {
        if let Some(owner) = view.owner.as_deref() {
            held.entry(owner).or_default().push(index);
        }
        if let Some(asker) = view.requested_by.as_deref() {
            held.entry(asker).or_default();
        }
    }
    let rank = held.keys().take_while(|worker| **worker != me).count();
    let share = views.len() / held.len() + usize::from(rank < views.len() % held.len());
    let mine = &held[me];
    let asker = |index: usize| views[index].requested_by.as_deref();
    let free = (0..views.len()).filter(|index| views[*index].owner.is_none());
    let take: Vec<_> = free.take(share.saturating_sub(mine.len())).collect();
    let asked = (0..views.len()).any(|index| asker(index) == Some(me));
    let ask = if mine.is_empty() && take.is_empty() && share > 0 && !asked {
        let mut others: Vec<_> = held.values().collect();
        others.sort_by_key(|shards| Reverse(shards.len()));
        let others = others.into_iter().flatten().copied();
        others.into_iter().find(|index| asker(*index).is_none())
    } else {
        None
    };
    let mut give = mine.clone();
    give.sort_by_key(|index| asker(*index).is_none());
    give.truncate(mine.len().saturating_sub(share));
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
                    views[index].requested_by = None;
                }
                if let Some(index) = moves.ask {
                    views[index].requested_by = Some(me.clone());
                }
                for index in moves.give {
                    views[index].owner = None;
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
            requested_by: None,
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
                    requested_by: None,
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
