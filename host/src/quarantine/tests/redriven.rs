//! What redrives have taken out of quarantine.

use std::fs;

use sluice_engine::digest::Digest;

use super::lake::{Chunk, Lake, shard};
use super::{all, list, position};
use crate::quarantine::{Quarantine, QuarantineFilter, QuarantineObject};
use crate::redrive::{RedriveId, claim_key};

/// A lake with two objects that one redrive lists. It has claimed both, and committed the first of their three records
/// and a part of the rest.
async fn half_redriven() -> (Lake, Vec<QuarantineObject>) {
    let mut lake = Lake::new();
    lake.commit(&Chunk {
        lines: &[("1", "trap")],
        ..Chunk::default()
    });
    lake.commit(&Chunk {
        first: 10,
        last: 19,
        lines: &[("11", "trap"), ("12", "trap")],
        ..Chunk::default()
    });
    let objects = all(&lake).await;
    let id = lake.begin_redrive("r1", &[&objects[0], &objects[1]]);
    for object in &objects {
        lake.claim(&id, object);
    }
    // The second record is quarantined again.
    lake.commit(&Chunk {
        shard: "redrive-r1",
        first: 0,
        last: 1,
        release: b"new",
        lines: &[("11", "missing_field")],
        of: Some("s"),
        ..Chunk::default()
    });
    (lake, objects)
}

#[tokio::test]
async fn what_a_redrive_has_committed_is_not_quarantined_in_the_old_place() {
    let (lake, _) = half_redriven().await;
    let found = all(&lake).await;
    let found: Vec<_> = found
        .iter()
        .map(|it| {
            (
                it.shard.as_str(),
                it.redriven,
                it.remaining(),
                it.is_redriven(),
            )
        })
        .collect();
    let expected = [
        ("redrive-r1", 0, 1, false),
        ("s", 1, 0, true),
        ("s", 1, 1, false),
    ];
    assert_eq!(found, expected);
}

/// The redrive could not read the first object, and went on. Then the claim of a process that was frozen arrived.
#[tokio::test]
async fn an_object_that_was_claimed_too_late_is_still_quarantined() {
    let mut lake = Lake::new();
    for first in [0, 10] {
        lake.commit(&Chunk {
            first,
            last: first + 9,
            lines: &[("1", "trap"), ("2", "trap")],
            ..Chunk::default()
        });
    }
    let objects = all(&lake).await;
    let id = lake.begin_redrive("r1", &[&objects[0], &objects[1]]);
    for object in &objects {
        lake.claim(&id, object);
    }
    lake.commit(&Chunk {
        shard: "redrive-r1",
        first: 2,
        last: 3,
        release: b"new",
        ..Chunk::default()
    });
    let list = list(&lake, &QuarantineFilter::default()).await;
    let found = list.objects.iter();
    let found: Vec<_> = found
        .map(|it| (it.redriven, it.is_left_behind, it.claimed_by.clone()))
        .collect();
    assert_eq!(found, [(0, true, Some(id.clone())), (2, false, Some(id))]);
    let [problem] = &list.problems[..] else {
        panic!("{:?}", list.problems)
    };
    let claim = claim_key(&objects[0].key).unwrap();
    assert!(problem.to_string().contains(&claim), "{problem}");
}

#[tokio::test]
async fn an_object_whose_claim_is_lost_is_not_free() {
    let (lake, objects) = half_redriven().await;
    for object in &objects {
        let claim = claim_key(&object.key).unwrap();
        fs::remove_file(lake.path(&claim)).unwrap();
    }
    let found = list(&lake, &QuarantineFilter::default()).await;
    assert_eq!(found.problems.len(), objects.len());
    let claimed = |it: &&QuarantineObject| it.claimed_by.is_some();
    assert_eq!(found.objects.iter().filter(claimed).count(), objects.len());
    for problem in found.problems {
        assert!(problem.place.contains("/claims/"), "{problem:?}");
        assert!(problem.why.contains("restore it"), "{problem:?}");
    }
}

#[tokio::test]
async fn a_listed_object_that_is_not_claimed_stays_where_it_is() {
    let mut lake = Lake::new();
    lake.commit(&Chunk {
        lines: &[("1", "trap")],
        ..Chunk::default()
    });
    let objects = all(&lake).await;
    lake.begin_redrive("r1", &[&objects[0]]);
    let found = all(&lake).await;
    assert!(
        found
            .iter()
            .all(|it| it.redriven == 0 && it.claimed_by.is_none())
    );
}

/// Without the list, nobody knows what the redrive has landed.
#[tokio::test]
async fn a_redrive_with_a_ledger_and_without_a_list_is_an_error() {
    let (lake, _) = half_redriven().await;
    let id: RedriveId = "r1".parse().unwrap();
    fs::remove_file(lake.path(&id.key())).unwrap();
    let list = Quarantine::list(&lake.store(), &QuarantineFilter::default(), 4).await;
    let error = list.unwrap_err().to_string();
    assert!(error.contains(&id.key()), "{error}");
    assert!(error.contains("restore it"), "{error}");
}

#[tokio::test]
async fn of_several_redrives_that_list_an_object_the_claim_decides() {
    let (lake, objects) = half_redriven().await;
    lake.begin_redrive("r2", &[&objects[0]]);
    let owners = |found: Vec<QuarantineObject>| -> Vec<_> {
        let owners = found.into_iter().filter_map(|it| it.claimed_by);
        owners.map(|id| id.to_string()).collect()
    };
    assert_eq!(owners(all(&lake).await), ["r1", "r1"]);
    lake.claim(&"r2".parse().unwrap(), &objects[0]);
    let found = all(&lake).await;
    assert_eq!(found[1].redriven, 0);
    assert_eq!(owners(found), ["r2", "r1"]);
    // A claim of a redrive that does not list the object is a problem.
    lake.claim(&"r3".parse().unwrap(), &objects[0]);
    let list = list(&lake, &QuarantineFilter::default()).await;
    assert!(
        list.problems[0].to_string().contains("r3"),
        "{:?}",
        list.problems
    );
}

#[tokio::test]
async fn a_record_is_followed_through_redrives() {
    let (lake, _) = half_redriven().await;
    let quarantine = Quarantine::open(&lake.store(), 4).await.unwrap();
    let history = async |text| {
        quarantine
            .history(&shard("s"), position(text))
            .await
            .unwrap()
    };

    let landed = history("1").await;
    assert_eq!(landed.problems, []);
    let [place] = &landed.places[..] else {
        panic!("{landed:?}")
    };
    assert!(!place.is_current());
    let chunk = place.redriven.as_ref().unwrap().chunk.as_ref().unwrap();
    assert_eq!(chunk.release, Digest::of(b"new"));
    assert!(!chunk.is_quarantined_again);

    let again = history("11").await;
    let [old, new] = &again.places[..] else {
        panic!("{again:?}")
    };
    assert!(!old.is_current() && new.is_current());
    let redriven = old.redriven.as_ref().unwrap();
    assert_eq!(redriven.ordinal, Some(1));
    assert!(redriven.chunk.as_ref().unwrap().is_quarantined_again);
    assert_eq!(new.record().unwrap().reason, "missing_field");
    assert!(new.redriven.is_none());

    let waiting = history("12").await;
    let [place] = &waiting.places[..] else {
        panic!("{waiting:?}")
    };
    assert!(place.is_current());
    let redriven = place.redriven.as_ref().unwrap();
    assert!(redriven.ordinal == Some(2) && redriven.chunk.is_none());

    assert!(history("13").await.places.is_empty());
    let other = quarantine.history(&shard("t"), position("1")).await;
    assert!(other.unwrap().places.is_empty());
}

#[tokio::test]
async fn an_object_that_may_have_the_record_and_cannot_be_read_is_a_problem() {
    let (lake, objects) = half_redriven().await;
    lake.write(&objects[0].key, "damaged");
    let quarantine = Quarantine::open(&lake.store(), 4).await.unwrap();
    let history = quarantine
        .history(&shard("s"), position("1"))
        .await
        .unwrap();
    assert!(history.places.is_empty());
    let problem = history.problems[0].to_string();
    assert!(problem.contains(&objects[0].key), "{problem}");
}
