//! The settings of messages, and queues that do not fit them.

use super::received::Received;
use super::{LEAST_PACK_BYTES, PACKED, QUEUE_BYTES, land, try_land};
use crate::support::lake;
use crate::support::program::{Place, Ran};

#[test]
fn settings_that_cannot_work_are_named_before_anything_is_written() {
    let bytes = |value| ["--bus-messages", "packed", "--bus-message-bytes", value];
    let cases: [(&[&str], &[&str]); 7] = [
        (&bytes("16383"), &["bus_message_bytes", "16383", "16384"]),
        (&bytes("1048577"), &["bus_message_bytes", "1048576"]),
        (&bytes("many"), &["--bus-message-bytes"]),
        (
            &["--bus-message-bytes", "65536"],
            &["bus_message_bytes", "--bus-messages packed"],
        ),
        (
            &["--bus-messages", "events", "--bus-message-bytes", "65536"],
            &["bus_message_bytes", "--bus-messages packed"],
        ),
        (
            &["--bus-messages", "objects", "--bus-message-bytes", "65536"],
            &["bus_message_bytes", "--bus-messages packed"],
        ),
        (&["--bus-messages", "packs"], &["packs", "packed"]),
    ];
    for (args, parts) in cases {
        let place = Place::new();
        place.write("events.ndjson", "{}\n");
        place.try_land(args).failed(2, parts);
        assert!(!place.lake().exists() && !place.bus().exists(), "{args:?}");
    }
}

/// Whatever says that messages are packed would be ignored.
#[test]
fn messages_of_a_kind_without_a_bus_are_wrong_usage() {
    let without_bus = [
        "run",
        "--source",
        "file:events.ndjson",
        "--lake",
        "file:lake",
    ];
    let packed = Some("packed");
    let cases: [(Option<&str>, &[&str], &str); 5] = [
        (None, &["--bus-messages", "packed"], "bus_messages: "),
        (
            None,
            &["--bus", "none", "--bus-messages", "packed"],
            "bus_messages: ",
        ),
        (
            None,
            &["--bus-messages", "packed", "--bus-message-bytes", "65536"],
            "bus_messages: ",
        ),
        (None, &["--bus-messages", "objects"], "bus_messages: "),
        (packed, &[], "SLUICE_BUS_MESSAGES: "),
    ];
    for (variable, args, key) in cases {
        let place = Place::new();
        place.write("events.ndjson", "{}\n");
        let mut command = place.command(&[&without_bus[..], args].concat());
        command.envs(variable.map(|value| ("SLUICE_BUS_MESSAGES", value)));
        let ran = Ran::from(command.output().unwrap());
        ran.failed(2, &[key, "no bus", "--bus sqs:QUEUE", "leave this out"]);
        assert!(!place.lake().exists(), "{args:?}");
    }
}

/// They use a bus only if it is a flag, so a flag for its messages would be ignored; the environment and the file are meant for
/// `run`.
#[test]
fn a_replay_and_a_redrive_reject_flags_for_messages_without_a_bus() {
    let replay = [
        "replay",
        "--source",
        "file:events.ndjson",
        "--lake",
        "file:other",
    ];
    let redrive = [
        "redrive",
        "--lake",
        "file:lake",
        "--transform",
        "builtin:copy",
    ];
    let packed = ["--bus-messages", "packed"];
    let sized = [&packed[..], &["--bus-message-bytes", "65536"]].concat();
    let off = [&packed[..], &["--bus", "none"]].concat();
    let place = Place::new();
    place.write("events.ndjson", "broken\n");
    place.land(&[]);
    let run = |command: &[&str], flags: &[&str]| {
        let mut command = place.command(&[command, flags].concat());
        command.env("SLUICE_BUS", "file:bus");
        command.env("SLUICE_BUS_MESSAGES", "packed");
        Ran::from(command.output().unwrap())
    };
    let seen = || (place.path("other").exists(), lake::tree(&place.lake()));
    for command in [&replay[..], &redrive] {
        let before = seen();
        for flags in [&packed[..], &sized, &sized[2..], &off] {
            let parts = [": there is no bus", "--bus sqs:QUEUE", "leave this out"];
            run(command, flags).failed(2, &parts);
        }
        assert_eq!(seen(), before);
        run(command, &[]).succeeded();
    }
}

/// A worker finishes a chunk without a bus in the environment of all others, and a file can be for runs of all kinds.
#[test]
fn a_bus_that_is_turned_off_leaves_the_messages_of_the_environment_and_the_file_alone() {
    let run = |args: &[&str], variables: &[(&str, &str)]| {
        let place = Place::new();
        place.write("events.ndjson", "{}\n");
        place.write("sluice.toml", "bus_messages = 'packed'\n");
        let landing = [
            "run",
            "--source",
            "file:events.ndjson",
            "--lake",
            "file:lake",
        ];
        let mut command = place.command(&[&landing[..], args].concat());
        command.envs(variables.iter().copied());
        Ran::from(command.output().unwrap()).succeeded();
    };
    let packed = ("SLUICE_BUS_MESSAGES", "packed");
    run(&["--bus", "none"], &[packed]);
    run(&[], &[packed, ("SLUICE_BUS", "none")]);
    run(&["--bus-messages", "events"], &[]);
    run(&[], &[]);
}

#[test]
fn the_settings_can_be_variables_and_lines_of_the_file() {
    let cloud = PACKED.with_file(300, QUEUE_BYTES);
    let mut command = super::file_run(&cloud, &[]);
    command.env("SLUICE_BUS_MESSAGES", "packed");
    command.env("SLUICE_BUS_MESSAGE_BYTES", "16384");
    Ran::from(command.output().unwrap()).succeeded();
    let received = Received::of(&cloud);
    assert!(received.largest() <= LEAST_PACK_BYTES && received.len() < 100);

    let cloud = PACKED.with_file(300, QUEUE_BYTES);
    let file = "bus_messages = 'packed'\nbus_message_bytes = 16384\n";
    cloud.place.write("sluice.toml", file);
    land(&cloud, &[]);
    let received = Received::of(&cloud);
    assert!(received.largest() <= LEAST_PACK_BYTES && received.len() < 100);
}

#[test]
fn a_queue_that_takes_no_such_messages_is_rejected_before_anything_is_written() {
    let large = ["--bus-messages", "packed", "--bus-message-bytes", "65536"];
    let cases: [(usize, &[&str], [&str; 3]); 2] = [
        (
            8_192,
            &large[..2],
            ["8192", "16384", "--bus-messages events"],
        ),
        (20_000, &large, ["20000", "65536", "--bus-message-bytes"]),
    ];
    for (queue_bytes, args, parts) in cases {
        let cloud = PACKED.with_file(10, queue_bytes);
        let ran = try_land(&cloud, args);
        ran.failed(1, &[&["the queue bus"][..], &parts].concat());
        assert!(lake::all_events(&cloud.lake()).is_empty());
        assert!(!cloud.lake().join("_sluice/ledger").exists());
        assert!(cloud.sqs.messages(PACKED.queue).is_empty());
    }
}

#[test]
fn packed_messages_have_256_kib_unless_the_queue_takes_less() {
    for (queue_bytes, expected) in [(20_000, 15_000..=20_000), (1 << 20, 200_000..=262_144)] {
        let cloud = PACKED.with_file(5_000, queue_bytes);
        land(&cloud, &PACKED.arguments());
        let largest = Received::of(&cloud).largest();
        assert!(expected.contains(&largest), "{largest}");
    }
}
