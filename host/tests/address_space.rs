//! Environments that limit the address space of a process: instances are allocated on demand, with the same results.

use std::process::Command;

use sluice::ENRICH;
use sluice_engine::precompiled;
use sluice_engine::runtime::{Allocation, engine_with};
use sluice_release::admission::{Release, validate};
use sluice_release::bundle::ReleaseBundle;

use crate::local::events;
use crate::support::guests::rogue;
use crate::support::lake;
use crate::support::outcomes::{
    CallMode, batch, limits, record_outcomes, rogue_by_batch, rogue_by_record, run,
};
use crate::support::program::{Place, Ran};

/// What the warning says once.
const WARNING: &str = "ulimit -v unlimited";

/// Lands `events.ndjson` in a process that can use this much address space, KiB.
fn land_within(place: &Place, kib: u64, more: &[&str]) -> Ran {
    let program = place.command(&Place::landing(more));
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -v {kib} && exec \"$0\" \"$@\"")]);
    command.arg(program.get_program()).args(program.get_args());
    command.current_dir(program.get_current_dir().unwrap());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.output().unwrap().into()
}

fn landed_with_a_warning(ran: Ran) {
    let ran = ran.succeeded();
    assert_eq!(ran.stderr.matches(WARNING).count(), 1, "{ran:#?}");
}

#[test]
fn a_file_lands_with_the_same_bytes_if_address_space_is_limited() {
    let text = events(0..3_000) + "{}\nno json\n";
    let (usual, limited) = (Place::new(), Place::new());
    for place in [&usual, &limited] {
        place.write("events.ndjson", &text);
    }
    // The names of objects do not depend on the folder.
    let named = ["--source-name", "events"];
    let ran = usual.try_land(&named).succeeded();
    assert!(!ran.stderr.contains(WARNING), "{ran:#?}");
    landed_with_a_warning(land_within(&limited, 8_000_000, &named));
    assert_eq!(lake::objects(&limited.lake()), lake::objects(&usual.lake()));
    assert_eq!(limited.land(&named).count("records"), 0);
}

/// A process with one thread could reserve its pool within this limit, one with 16 threads cannot. The code must
/// fit the program, not the process that compiles it.
#[test]
fn a_component_is_compiled_for_the_program_that_runs_it() {
    let place = Place::new();
    place.write("events.ndjson", "many_events 2\nreject this\nallocate\n");
    place.write("rules.wasm", &rogue().by_batch);
    let more = ["--transform", "rules.wasm", "--threads", "16"];
    landed_with_a_warning(land_within(&place, 200_000_000, &more));
    assert_eq!(lake::all_events(&place.lake()).len(), 2);
    let reasons = lake::quarantine(&place.lake()).into_iter();
    let reasons: Vec<_> = reasons.map(|record| record.reason).collect();
    assert_eq!(reasons, ["not_wanted", "out_of_memory"]);
}

fn on_demand(component: &[u8]) -> Release {
    let engine = engine_with(Allocation::OnDemand, 1).unwrap();
    assert_eq!(Allocation::of(&engine), Allocation::OnDemand);
    let bundle = ReleaseBundle::new(component.to_vec(), "{}").unwrap();
    validate(&engine, &bundle, &limits()).unwrap()
}

#[test]
fn each_result_is_the_same_in_instances_on_demand() {
    let records = batch(&[
        "many_events 3",
        "reject this",
        "allocate",
        "trap",
        "recurse",
        "big_output 200",
        "huge",
        "garbage",
        "drop",
        "partition a/b",
    ]);
    for (component, usual) in [
        (&rogue().by_batch, rogue_by_batch()),
        (&rogue().by_record, rogue_by_record()),
    ] {
        let release = on_demand(component);
        let of = |release| record_outcomes(&records, &run(release, &records, CallMode::Usual));
        assert_eq!(of(&release), of(usual));
    }
}

#[test]
fn a_component_that_is_precompiled_for_a_pool_is_compiled_again_on_demand() {
    let folder = tempfile::tempdir().unwrap();
    let [pooling, on_demand] = [Allocation::Pooling, Allocation::OnDemand]
        .map(|allocation| engine_with(allocation, 1).unwrap());
    let compiled = precompiled::compile(&pooling, ENRICH).unwrap();
    std::fs::write(precompiled::path(folder.path(), ENRICH), compiled).unwrap();
    assert!(precompiled::load(&pooling, folder.path(), ENRICH).is_some());
    assert!(precompiled::load(&on_demand, folder.path(), ENRICH).is_none());
}

#[test]
fn too_little_address_space_is_said() {
    let place = Place::new();
    place.write("events.ndjson", events(0..3));
    for kib in [200_000, 400_000, 800_000] {
        land_within(&place, kib, &[]).failed(1, &["the limit of address space is", "ulimit -v"]);
    }
}
