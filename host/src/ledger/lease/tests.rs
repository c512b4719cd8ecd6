//! What an owner learns from the answers of the store.

use sluice_engine::record::ShardId;

use super::*;

fn found(owner: &str) -> Versioned {
    let ledger = Ledger::new(ShardId::new("shard").unwrap());
    Versioned {
        ledger: ledger.assign_to(owner).with_nonce("0".into()),
        etag: Some("zero".into()),
    }
}

fn step(lease: &Lease) -> Swap {
    let begin = |ledger: &Ledger| Ok(ledger.begin_at(7));
    lease.swap(begin, "1".into()).unwrap()
}

#[test]
fn a_write_that_was_done_is_what_is_known() {
    let mut lease = Lease::new("me", found("me"));
    let swap = step(&lease);
    assert_eq!(swap.seen.as_deref(), Some("zero"));
    lease.done(swap.clone(), Some("one".into()));
    assert_eq!(lease.known(), &swap.done(Some("one".into())));
}

#[test]
fn a_write_whose_answer_was_lost_is_found_again() {
    let mut lease = Lease::new("me", found("me"));
    let swap = step(&lease);
    let done = swap.clone().done(Some("one".into()));
    assert_eq!(
        lease.resolve_conflict(&swap, done.clone()),
        Ok(Resolved::Done)
    );
    assert_eq!(lease.known(), &done);
}

#[test]
fn a_request_of_another_worker_costs_a_second_attempt() {
    let mut lease = Lease::new("me", found("me"));
    let noted = Versioned {
        ledger: found("me").ledger.request_for("another"),
        etag: Some("noted".into()),
    };
    let swap = step(&lease);
    assert_eq!(lease.resolve_conflict(&swap, noted), Ok(Resolved::Retry));
    assert_eq!(step(&lease).seen.as_deref(), Some("noted"));
}

#[test]
fn a_fenced_out_worker_takes_no_step() {
    for (ledger, by) in [
        (found("another").ledger, Some("another")),
        (found("me").ledger.give_back(), None),
    ] {
        let mut lease = Lease::new("me", found("me"));
        let now = Versioned { ledger, etag: None };
        let conflict = lease.resolve_conflict(&step(&lease), now).unwrap_err();
        assert_eq!(conflict.owner(), by);
        assert_eq!(lease.known(), &found("me"));
    }
}

#[test]
fn a_lease_is_acquired_with_the_first_step() {
    let lease = Lease::acquire("me", found("another"));
    let swap = step(&lease);
    assert_eq!(swap.next.owner(), Some("me"));
    assert_eq!(swap.next.lease().unwrap().fence, 2);
    assert_eq!(swap.seen.as_deref(), Some("zero"));
}
