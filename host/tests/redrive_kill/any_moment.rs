//! A redrive is killed twenty times, then two redrives work at once while a run lands new records, and are killed too.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

use super::lake::{FIXED_FIRST, QUARANTINED_ONE_IN, SECOND, THIRD, TestLake, fixed_first};
use crate::support::cloud::Service::S3;
use testkit::proxy::{Fault, Rule};

/// The seed of the kills; a failure prints it.
const SEED: u64 = 20_261_127;

const RECORDS: u64 = 100_000;

/// The records of the run that lands while two redrives work.
const MORE: u64 = 20_000;

const KILLS: usize = 20;

/// How long a killed redrive is given before it is checked that it still runs.
const A_MOMENT: Duration = Duration::from_millis(10);

/// The redrive after the first fix.
const AFTER_FIRST_FIX: [&str; 4] = ["--id", "first-fix", "--reason", FIXED_FIRST];

/// The redrives after the second fix.
const AT_ONCE: [&str; 2] = ["one", "two"];

/// After the first fix, all records are in one place.
fn is_after_first_fix(lake: &TestLake) {
    let quarantined = RECORDS / QUARANTINED_ONE_IN - fixed_first(0..RECORDS);
    lake.is_proven(RECORDS - quarantined, quarantined);
    let step = 3 * QUARANTINED_ONE_IN;
    let is_landed = |id: &u64| !id.is_multiple_of(QUARANTINED_ONE_IN) || id.is_multiple_of(step);
    lake.has_events_of(is_landed, RECORDS);
}

/// Two redrives with all that is left in their lists work at once. They are killed a few times, while a run lands new
/// records. In the end, all records have landed.
fn lands_all_by_two_redrives(lake: &mut TestLake, rng: &mut Pcg64Mcg, usual: Duration) {
    let all = RECORDS + MORE;
    let run = lake.run_of("more.ndjson", RECORDS..all);
    let run = lake.start(run, "run.log");
    for kill in 0..3 {
        let redrives = AT_ONCE.map(|id| lake.start(lake.redrive(THIRD, &["--id", id]), id));
        let delay = usual.mul_f64(rng.random_range(0.2..1.0));
        println!("kill {kill} of two redrives after {delay:?}");
        thread::sleep(delay);
        drop(redrives);
    }
    let redrives = AT_ONCE.map(|id| lake.start(lake.redrive(THIRD, &["--id", id]), id));
    for (redrive, id) in redrives.into_iter().zip(AT_ONCE) {
        lake.ends_well(redrive, id);
    }
    lake.ends_well(run, "run.log");
    lake.redrive_the_rest(THIRD);
    lake.is_proven(all, 0);
    lake.has_events_of(|_| true, all);
    #[cfg(feature = "table")]
    lake.table_has(all);
}

/// Asserts equality without printing all bytes.
fn same(found: &BTreeMap<String, Vec<u8>>, expected: &BTreeMap<String, Vec<u8>>) {
    let keys = |landed: &BTreeMap<String, Vec<u8>>| landed.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(found), keys(expected));
    for (key, bytes) in expected {
        assert!(found[key] == *bytes, "{key} differs");
    }
}

#[test]
fn kills_of_redrives_change_nothing_in_a_folder() {
    let mut lake = TestLake::in_folder();
    lake.cloud.place.install();
    lake.land_first(0..RECORDS);
    let mut rng = Pcg64Mcg::seed_from_u64(SEED);
    lake.continue_in_copy("lake", "lake-0");
    let begun = Instant::now();
    let whole = lake.redrive_all(SECOND, &AFTER_FIRST_FIX);
    let usual = begun.elapsed();
    println!("seed {SEED}, a redrive takes {usual:?}");
    assert_eq!(whole.count("records"), fixed_first(0..RECORDS));
    let expected = lake.landed();
    is_after_first_fix(&lake);

    let mut kills = 0;
    for number in 1.. {
        lake.continue_in_copy("lake", &format!("lake-{number}"));
        while kills < KILLS {
            let mut redrive = lake.start(lake.redrive(SECOND, &AFTER_FIRST_FIX), "killed.log");
            thread::sleep(usual.mul_f64(rng.random_range(0.2..0.8)));
            if redrive.0.try_wait().unwrap().is_some() {
                lake.ends_well(redrive, "killed.log");
                break;
            }
            kills += 1;
        }
        lake.redrive_all(SECOND, &AFTER_FIRST_FIX);
        same(&lake.landed(), &expected);
        if kills == KILLS {
            break;
        }
    }
    is_after_first_fix(&lake);
    lands_all_by_two_redrives(&mut lake, &mut rng, usual);
}

/// Checks the permissions that a redrive has used: it deletes nothing, and replaces only ledgers, in the version that it has
/// read.
fn writes_as_it_may(lake: &TestLake) {
    let writes = lake.cloud.proxy(S3).seen().into_iter();
    let writes: Vec<_> = writes
        .filter(|seen| !["GET", "HEAD"].contains(&seen.method.as_str()))
        .collect();
    assert!(!writes.is_empty());
    for write in writes {
        assert_eq!(write.method, "PUT", "{write:?}");
        let condition = write.condition.as_deref().unwrap_or_default();
        let is_new = condition == "if-none-match: *";
        let is_ledger = write.path.contains("/lake/_sluice/ledger/");
        assert!(
            is_new || (is_ledger && condition.starts_with("if-match: ")),
            "{write:?}"
        );
    }
}

#[test]
fn kills_of_redrives_change_nothing_in_s3_where_nothing_may_be_deleted() {
    let mut lake = TestLake::in_s3();
    lake.cloud.place.install();
    lake.land_first(0..RECORDS);
    let proxy = lake.cloud.proxy(S3);
    let denied = Rule::new(Fault::s3(403, "AccessDenied"));
    for method in ["DELETE", "POST"] {
        proxy.add(denied.clone().method(method).always());
    }
    proxy.forget_seen();
    let mut rng = Pcg64Mcg::seed_from_u64(SEED);
    for kill in 0..KILLS {
        let fault = match rng.random() {
            true => Fault::Hold,
            false => Fault::HoldAnswer,
        };
        let rule = Rule::new(fault);
        // While it lists what is quarantined, at its first claim, and at one of a few hundred requests after that.
        let rule = match kill {
            0..3 => rule.nth(rng.random_range(1..60)),
            3 => rule.method("PUT").path("/claims/"),
            _ => rule.nth(rng.random_range(5..30)),
        };
        println!("seed {SEED}, kill {kill}: {rule:?}");
        let held = proxy.add(rule);
        let mut killed = lake.start(lake.redrive(SECOND, &AFTER_FIRST_FIX), "killed.log");
        killed.until(|| proxy.wait_for_hits(held, 1, A_MOMENT));
        drop(killed);
        proxy.remove(held);
        proxy.release_held();
    }
    lake.redrive_all(SECOND, &AFTER_FIRST_FIX);
    writes_as_it_may(&lake);
    is_after_first_fix(&lake);
    lake.cloud.proxy(S3).forget_seen();
    let begun = Instant::now();
    lake.redrive_all(SECOND, &["--dry-run"]);
    let usual = begun.elapsed();
    lands_all_by_two_redrives(&mut lake, &mut rng, usual);
}
