//! Messages say what is wrong once, and what to do.

use crate::local::events;
use crate::support::lake;
use crate::support::program::{Place, Ran};

fn place(content: impl AsRef<[u8]>) -> Place {
    let place = Place::new();
    place.write("events.ndjson", content);
    place
}

#[test]
fn a_cause_is_said_once() {
    let place = place(events(0..3));
    place.write("lake", "a file");
    for args in [
        &["--source", "file:nowhere.ndjson", "--lake", "file:other"][..],
        &["--transform", "nowhere.wasm", "--lake", "file:other"],
        &["--transform-config", "nowhere.json", "--lake", "file:other"],
        &[],
    ] {
        let ran = place.try_land(args);
        assert_ne!(ran.code, Some(0), "{ran:?}");
        let said = ran.stderr.matches("(os error").count();
        assert!(said <= 1, "{ran:?}");
    }
}

/// Lines that are no records, and the command that makes records of them.
#[test]
fn a_file_that_is_not_newline_delimited_json_is_named_with_the_command_that_converts_it() {
    let rows: Vec<_> = events(0..3).lines().map(str::to_owned).collect();
    for (content, format, command) in [
        (
            format!("[\n{}\n]\n", rows.join(",\n")),
            "a JSON array",
            "jq -c '.[]'",
        ),
        (
            format!("[{}]\n", rows.join(",")),
            "a JSON array",
            "jq -c '.[]'",
        ),
        (
            "{\n  \"event_name\": \"a:b\",\n  \"created_at\": 1\n}\n".to_owned(),
            "line breaks inside of objects",
            "jq -c .",
        ),
        (
            "event_name,created_at\na:b,1\n".to_owned(),
            "CSV",
            "mlr --icsv --ojsonl cat",
        ),
    ] {
        let place = place(&content);
        let ran = place.try_land(&["--final"]).succeeded();
        let warnings = ran
            .stderr
            .lines()
            .filter(|line| line.contains("it looks like"));
        let warnings: Vec<_> = warnings.collect();
        let [warning] = warnings[..] else {
            panic!("{content}: {ran:?}");
        };
        for part in ["events.ndjson", format, command] {
            assert!(warning.contains(part), "{part}: {warning}");
        }
        let again = place.try_land(&["--final"]).succeeded();
        assert!(!again.stderr.contains("it looks like"), "{again:?}");
    }
}

/// Such a file needs no conversion, but a setting; with it, nothing is warned of.
#[test]
fn a_file_whose_lines_are_arrays_is_named_with_the_setting_that_reads_it() {
    let rows: Vec<_> = events(0..4).lines().map(str::to_owned).collect();
    let arrays = format!("[{},{}]\n[{}, {}]\n", rows[0], rows[1], rows[2], rows[3]);
    let copy = ["--transform", "builtin:copy"];
    let ran = place(&arrays).try_land(&copy).succeeded();
    let expected = "2 lines of this file are no JSON objects: it looks like lines with a JSON array each; if each line \
                    holds an array of records, give `--record-format array`";
    assert!(ran.stderr.contains(expected), "{ran:?}");
    assert!(!ran.stderr.contains("jq -c"), "{ran:?}");
    for content in [arrays.as_str(), "[1,2]\n[3]\n", "[1,\n2]\n"] {
        let array = [&copy[..], &["--record-format", "array"]].concat();
        let ran = place(content).try_land(&array).succeeded();
        assert!(!ran.stderr.contains("it looks like"), "{content}: {ran:?}");
    }
    // With the setting, only the end of the line is missing.
    let array = ["--record-format", "array", "--log-level", "info"];
    let one = place(arrays.lines().next().unwrap()).try_land(&array);
    let one = one.succeeded();
    assert!(!one.stderr.contains("it looks like"), "{one:?}");
    assert!(one.stderr.contains("--final takes it"), "{one:?}");
}

/// A file without a line feed is one last line, which is left for the next run.
#[test]
fn a_file_of_one_line_without_an_end_is_named_with_the_command_that_converts_it() {
    let rows: Vec<_> = events(0..3).lines().map(str::to_owned).collect();
    for (content, format, command) in [
        (
            format!("[{}]", rows.join(",")),
            "a JSON array",
            "jq -c '.[]'",
        ),
        (rows.join("\r") + "\r", "carriage return", "tr '\\r' '\\n'"),
    ] {
        let place = place(&content);
        let text = ["--summary", "text", "--log-level", "info"];
        let ran = place.try_land(&text).succeeded();
        for part in ["events.ndjson", "it looks like", format, command] {
            assert!(ran.stderr.contains(part), "{part}: {ran:?}");
        }
        for output in [&ran.stdout, &ran.stderr] {
            assert!(!output.contains("--final"), "{ran:?}");
        }
        assert!(ran.stdout.contains("left for the next run: events.ndjson"));
    }
}

#[test]
fn the_warning_has_the_number_of_lines_and_bytes_are_called_nothing() {
    let ran = place("id,name\n1,a\n2,b\n").try_land(&[]).succeeded();
    let counted = "3 lines of this file are no JSON objects: it looks like CSV";
    assert!(ran.stderr.contains(counted), "{ran:?}");
    let ran = place(b"\0asm\x01,\xff;\t\n".as_slice()).try_land(&[]);
    let ran = ran.succeeded();
    assert!(!ran.stderr.contains("it looks like"), "{ran:?}");
}

#[test]
fn a_file_of_records_is_not_called_anything_else() {
    let place = place(format!("{}not json, at all\n[1]\n", events(0..3)));
    let ran = place.try_land(&[]).succeeded();
    assert!(!ran.stderr.contains("it looks like"), "{ran:?}");
}

#[test]
fn milliseconds_are_called_so_in_quarantine() {
    let place =
        place("{\"event_uuid\":\"u\",\"event_name\":\"a:b\",\"created_at\":1767225600500}\n");
    place.land(&[]);
    let [quarantined] = &lake::quarantine(&place.lake())[..] else {
        panic!("one record in quarantine");
    };
    assert_eq!(quarantined.reason, "invalid_field");
    assert!(
        quarantined.message.contains("created_at"),
        "{quarantined:?}"
    );
    assert!(
        quarantined.message.contains("looks like milliseconds"),
        "{quarantined:?}"
    );
}

#[test]
fn shares_are_percentages_too() {
    let place = place("");
    let generate = |share: &str, to: &str| {
        let args = [
            "generate",
            "--events",
            "1000",
            "--malformed",
            share,
            "--to",
            to,
        ];
        place.run(&args)
    };
    generate("5%", "file:percent.ndjson").succeeded();
    generate("0.05", "file:number.ndjson").succeeded();
    let read = |name| std::fs::read(place.path(name)).unwrap();
    assert_eq!(read("percent.ndjson"), read("number.ndjson"));
    generate("5", "-").failed(2, &["--malformed", "5% or 0.05"]);
}

#[test]
fn the_transform_configuration_can_be_a_table_of_the_file() {
    let base = "source = 'file:events.ndjson'\nlake = 'file:lake'\n";
    for (table, code, parts) in [
        ("[transform_config]\npartition_by = ['date']\n", 0, &[][..]),
        ("[transform-config]\npartition_by = ['date']\n", 0, &[]),
        (
            "[transform_config]\npartition_bye = ['date']\n",
            2,
            &["sluice.toml:3: transform_config: ", "partition_bye"],
        ),
        (
            "[transform_config]\nshare = inf\n",
            2,
            &["sluice.toml:3: transform_config: ", "share"],
        ),
    ] {
        let place = place(events(0..3));
        place.write("sluice.toml", format!("{base}{table}"));
        let ran: Ran = place.run(&["run"]);
        if code != 0 {
            ran.failed(code, parts);
            continue;
        }
        ran.succeeded();
        let objects = lake::tree(&place.lake()).into_keys();
        let dated = objects
            .filter(|path| path.contains("date=2026-01-01"))
            .count();
        assert!(dated > 0, "{table}");
    }
}
