//! Archives of which something is missing, twice there, or damaged.

use super::*;
use crate::support::cloud::SHARD;

const OTHER_SHARD: &str = "shardId-000000000001";

fn shard(id: &str) -> String {
    format!("{STREAM}-{id}")
}

/// An archive of two shards with several objects each, and the objects of the first one.
fn archive() -> (Cloud, Vec<PathBuf>) {
    let cloud = archived(2, 600);
    let objects = objects_of(&cloud.place, &shard(SHARD));
    assert!(objects.len() > 2, "{objects:?}");
    (cloud, objects)
}

/// The records of a lake by the shards of their objects.
fn shards(lake: &Path) -> Vec<String> {
    let shards = landed(lake).into_keys().filter_map(|key| {
        let (folder, _) = key.strip_prefix("_sluice/chunks/")?.split_once('/')?;
        Some(folder.to_owned())
    });
    let mut shards: Vec<_> = shards.collect();
    shards.sort();
    shards.dedup();
    shards
}

/// Asserts that the replay fails because of the first shard, names `parts`, and lands the other one.
fn fails_alone(cloud: &Cloud, lake: &str, parts: &[&str]) {
    let ran = replay(cloud, &SOURCE, lake, &BATCHES);
    let ran = ran.failed(1, &["1 of 2 sources failed"]);
    for part in parts {
        assert!(ran.stderr.contains(part), "{part:?} is not in {ran:#?}");
    }
    assert_eq!(shards(&lake_of(cloud, lake)), [shard(OTHER_SHARD)]);
}

#[test]
fn a_gap_names_the_objects_around_it_and_ends_when_it_is_filled() {
    let (cloud, objects) = archive();
    without(&objects[1], || {
        let parts = [
            name(&objects[0]),
            name(&objects[2]),
            "the records in between are missing",
        ];
        fails_alone(&cloud, "other", &parts);
    });
    let rest = replay(&cloud, &SOURCE, "other", &BATCHES).summary();
    assert_eq!(
        rest.count("records") + rest.count("already_committed"),
        1_201
    );
    replay(&cloud, &SOURCE, "whole", &BATCHES).succeeded();
    assert!(landed(&lake_of(&cloud, "other")) == landed(&lake_of(&cloud, "whole")));
}

#[test]
fn objects_of_two_runs_are_not_landed_twice() {
    let (cloud, objects) = archive();
    // Another worker has divided the records otherwise, in an archive of its own.
    let other = [
        "--archive",
        "file:elsewhere",
        "--lake",
        "s3://bucket/elsewhere",
    ];
    let stream = ["run", "--source", "kinesis:events", "--exit-when-caught-up"];
    run(&cloud, &[&stream[..], &other].concat()).succeeded();
    let elsewhere = cloud.place.path("elsewhere").join(shard(SHARD));
    for entry in fs::read_dir(elsewhere).unwrap() {
        let path = entry.unwrap().path();
        let target = objects[0].with_file_name(path.file_name().unwrap());
        if path.is_file() && !target.exists() {
            fs::copy(path, target).unwrap();
        }
    }
    let folder = format!("archive/{}", shard(SHARD));
    fails_alone(&cloud, "other", &["two runs", &folder]);
}

#[test]
fn a_damaged_object_is_named_and_nothing_of_it_is_landed() {
    let (cloud, objects) = archive();
    let whole = fs::read(&objects[0]).unwrap();
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    for content in [&damaged[..], &whole[..whole.len() / 2], &b"{}"[..]] {
        fs::write(&objects[0], content).unwrap();
        let place = objects[0].strip_prefix(cloud.place.path("")).unwrap();
        let parts = [place.to_str().unwrap(), "restore the object"];
        fails_alone(&cloud, "other", &parts);
    }
    fs::write(&objects[0], whole).unwrap();
    replay(&cloud, &SOURCE, "other", &BATCHES).succeeded();
}

#[test]
fn what_has_expired_is_said_and_files_of_others_are_counted() {
    let (cloud, objects) = archive();
    for name in ["archive/readme.txt", "archive/events/notes.json"] {
        cloud.place.write(name, "mine");
    }
    fs::remove_file(&objects[0]).unwrap();
    let ran = replay(&cloud, &SOURCE, "other", &[]).succeeded();
    for part in [
        "2 files in the archive that Sluice has not written, such as events/notes.json",
        "have expired from the archive or were never in it",
    ] {
        assert!(ran.stderr.contains(part), "{part:?} is not in {ran:#?}");
    }
    let check = ["config", "check", "--lake", "s3://bucket/other"];
    let ran = run(&cloud, &[&check[..], &SOURCE].concat()).succeeded();
    assert!(ran.stdout.contains("2 files in the archive"), "{ran:?}");
}

/// A lake that has landed a part of what expired cannot go on behind it.
#[test]
fn what_comes_next_must_not_have_expired() {
    let (cloud, objects) = archive();
    let (first, last) = (&objects[0], objects.last().unwrap());
    let between = &objects[1..objects.len() - 1];
    for object in between {
        fs::remove_file(object).unwrap();
    }
    without(last, || {
        replay(&cloud, &SOURCE, "other", &BATCHES).succeeded();
    });
    fs::remove_file(first).unwrap();
    let ran = replay(&cloud, &SOURCE, "other", &BATCHES);
    let parts = [
        "1 of 2 sources failed",
        name(last),
        "restore the objects before it",
    ];
    ran.failed(1, &parts);
}

#[test]
fn an_archive_lies_apart_from_what_the_run_writes() {
    let place = Place::new();
    for (source, more, part) in [
        ("archive:file:lake/x", &[][..], "lies in the lake"),
        ("archive:file:.", &[][..], "holds the lake"),
        ("archive:file:bus", &[][..], "is also the bus"),
        ("archive:x", &[][..], "did you mean `file:x`?"),
        (
            "archive:file:x",
            &["--lease", "5s"][..],
            "only a stream has this",
        ),
        ("archive:file:x", &["--final"][..], "leave this out"),
    ] {
        let args = [&["--source", source], more].concat();
        place.try_land(&args).failed(2, &[part]);
    }
    let two = ["--source", "archive:file:x", "--source", "file:y"];
    place.try_land(&two).failed(2, &["cannot be combined"]);
    let none = ["--source", "archive:file:x"];
    place.try_land(&none).failed(1, &["has no objects"]);
}
