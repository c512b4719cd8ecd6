//! What a holder learns from the answers of the store.

use super::*;
use crate::record::ShardId;

fn found(owner: &str) -> Versioned {
    let ledger = Ledger::new(ShardId::new("shard").unwrap());
    Versioned {
        ledger: ledger.taken_by(owner).with_nonce("0".into()),
        etag: Some("zero".into()),
    }
}

fn step(holding: &Holding) -> Swap {
    let begun = |ledger: &Ledger| Ok(ledger.begun_at(7));
    holding.swap(begun, "1".into()).unwrap()
}

#[test]
fn a_write_that_was_done_is_what_is_known() {
    let mut holding = Holding::taken("me", found("me"));
    let swap = step(&holding);
    assert_eq!(swap.seen.as_deref(), Some("zero"));
    holding.done(swap.clone(), Some("one".into()));
    assert_eq!(holding.known(), &swap.done(Some("one".into())));
}

#[test]
fn a_write_whose_answer_was_lost_is_found_again() {
    let mut holding = Holding::taken("me", found("me"));
    let swap = step(&holding);
    let done = swap.clone().done(Some("one".into()));
    assert_eq!(holding.refused(&swap, done.clone()), Ok(Settled::Done));
    assert_eq!(holding.known(), &done);
}

#[test]
fn a_note_of_another_costs_a_second_attempt() {
    let mut holding = Holding::taken("me", found("me"));
    let noted = Versioned {
        ledger: found("me").ledger.requested_by("another"),
        etag: Some("noted".into()),
    };
    let swap = step(&holding);
    assert_eq!(holding.refused(&swap, noted), Ok(Settled::TakeAgain));
    assert_eq!(step(&holding).seen.as_deref(), Some("noted"));
}

#[test]
fn who_was_overtaken_takes_no_step() {
    for (ledger, by) in [
        (found("another").ledger, "another"),
        (found("me").ledger.given_back(), "nobody"),
    ] {
        let mut holding = Holding::taken("me", found("me"));
        let now = Versioned { ledger, etag: None };
        let overtaken = holding.refused(&step(&holding), now).unwrap_err();
        assert_eq!(overtaken.by(), by);
        assert_eq!(holding.known(), &found("me"));
    }
}

#[test]
fn what_is_assumed_is_taken_with_the_first_step() {
    let holding = Holding::assumed("me", found("another"));
    let swap = step(&holding);
    assert_eq!(swap.next.owner(), Some("me"));
    assert_eq!(swap.next.lease().unwrap().fence, 2);
    assert_eq!(swap.seen.as_deref(), Some("zero"));
}
