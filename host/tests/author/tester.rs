//! A `Tester` of the SDK decides on a record as the host does: the same events, or the same reason for quarantine.

use proptest::prelude::*;
use proptest::sample::select;
use sluice_engine::bindings::exports::sluice::transform::fields as contract;
use sluice_engine::bindings::exports::sluice::transform::rules;
use sluice_engine::limits::Limits;
use sluice_engine::native::NativeFields;
use sluice_engine::record::{Batch, Position, Record as SourceRecord, SequenceNumber, ShardId};
use sluice_transform::fields::{FieldBatch, transform_fields};
use sluice_transform::testing::Tester;
use sluice_transform::{
    Configured, Description, Destination, Events, Read, Record, Rejection, Routes, Transform, Write,
};

const BUS_ONLY: Read = Read::value(0, "bus_only");
const GIVEN: Read = Read::value(1, "given");
/// The names and the values of partition columns.
const COLUMNS: [(Read, Read); 3] = [
    (Read::value(2, "name0"), Read::value(3, "value0")),
    (Read::value(4, "name1"), Read::value(5, "value1")),
    (Read::value(6, "name2"), Read::value(7, "value2")),
];

const TAKEN: Write = Write::new(0, "taken");
const GIVEN_REMOVED: Write = Write::new(1, "given");

/// Makes an event with the partition that the record names.
#[derive(Debug)]
struct AsTold;

impl Transform for AsTold {
    fn describe() -> Description {
        Description {
            name: "as-told",
            version: "1.0.0",
            summary: "Makes an event as a record says",
            config_schema: "",
        }
    }

    fn configure(_config: &str) -> Result<Self, String> {
        Ok(Self)
    }

    fn reads(&self) -> Vec<Read> {
        let columns = COLUMNS.into_iter().flat_map(<[Read; 2]>::from);
        [BUS_ONLY, GIVEN].into_iter().chain(columns).collect()
    }

    fn writes(&self) -> Vec<Write> {
        vec![TAKEN, GIVEN_REMOVED]
    }

    fn transform(&self, record: &Record<'_>, events: &mut Events) -> Result<(), Rejection> {
        let mut columns = Vec::new();
        for (name, value) in &COLUMNS {
            if let Some(name) = record.optional_text(name)? {
                columns.push((name, record.text(value)?));
            }
        }
        let columns: Vec<_> = columns
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        let bus_only = record.optional_boolean(&BUS_ONLY)?.unwrap_or_default();
        let routes = if bus_only { Routes::BUS } else { Routes::LAKE };
        let mut event = events.event(routes, &columns);
        if let Some(json) = record.raw(&GIVEN) {
            event.set_json(&TAKEN, json).remove(&GIVEN_REMOVED);
        }
        Ok(())
    }
}

/// Events with their partition and whether they go to the lake, or the code and the message of quarantine.
type Outcome = Result<Vec<(String, String, bool)>, (String, String)>;

fn by_tester(record: &[u8]) -> Outcome {
    let tester = Tester::<AsTold>::new("{}").unwrap();
    match tester.transform(record) {
        Ok(events) => Ok(events
            .into_iter()
            .map(|event| {
                (
                    event.json,
                    event.partition,
                    event.routes.contains(Routes::LAKE),
                )
            })
            .collect()),
        Err(rejection) => Err(rejection.into_parts()),
    }
}

fn by_host(record: &[u8]) -> Outcome {
    let configured = Configured::<AsTold>::new("{}").unwrap();
    let host = NativeFields::new(declaration(&configured), Limits::default()).unwrap();
    let mut batch = Batch::new(ShardId::new("shardId-000000000000").unwrap());
    let sequence: SequenceNumber = "0".parse().unwrap();
    batch.push(SourceRecord {
        data: record,
        partition_key: "sample",
        position: Position {
            sequence,
            sub: None,
        },
        arrived_at: 0,
    });
    let transformed = host
        .run(&batch, |fields| edits(&configured, &fields))
        .unwrap();
    if let [quarantined] = &transformed.quarantined[..] {
        let reason = &quarantined.reason;
        return Err((reason.code.to_string(), reason.message.clone()));
    }
    let events = transformed.events.iter();
    let text = |data: &[u8]| String::from_utf8(data.to_vec()).unwrap();
    Ok(events
        .map(|event| {
            let path = transformed.partitions[event.partition as usize].to_string();
            (text(transformed.event_data(event)), path, event.routes.lake)
        })
        .collect())
}

fn declaration(configured: &Configured<AsTold>) -> contract::Declaration {
    let declaration = configured.declaration();
    let reads = declaration.reads().iter().map(|read| contract::Read {
        name: read.name().to_owned(),
        wanted: contract::Wanted::Value,
    });
    let writes = declaration.writes().iter();
    contract::Declaration {
        reads: reads.collect(),
        writes: writes.map(|write| write.name().to_owned()).collect(),
        metadata: contract::Metadata::empty(),
    }
}

fn edits(
    configured: &Configured<AsTold>,
    fields: &contract::FieldBatch<'_>,
) -> contract::EditBatch {
    let batch = FieldBatch {
        records: fields.records,
        values: fields.values,
        ends: fields.ends,
        repeated: fields.repeated,
        ..FieldBatch::default()
    };
    let edits = transform_fields(configured, &batch);
    let rejections = edits.rejections.into_iter();
    contract::EditBatch {
        event_counts: edits.event_counts,
        values: edits.values,
        ends: edits.ends,
        removed: edits.removed,
        empty_events: edits.empty_events,
        destinations: edits.destinations.into_iter().map(destination).collect(),
        destination_indexes: edits.destination_indexes,
        rejections: rejections.map(|(at, it)| (at, rejection(it))).collect(),
    }
}

fn destination(destination: Destination) -> contract::Destination {
    let lake = destination.routes.contains(Routes::LAKE);
    contract::Destination {
        partition: destination.partition,
        routes: if lake {
            rules::Routes::LAKE
        } else {
            rules::Routes::BUS
        },
    }
}

fn rejection(rejection: Rejection) -> rules::Rejection {
    let (code, message) = rejection.into_parts();
    rules::Rejection { code, message }
}

/// Checks that both decide the same, and returns it.
fn compare(record: &str) -> Outcome {
    let outcome = by_tester(record.as_bytes());
    assert_eq!(outcome, by_host(record.as_bytes()), "{record}");
    outcome
}

/// A record that names these columns.
fn with_columns(columns: &[(&str, &str)]) -> String {
    let members = columns.iter().enumerate().map(|(place, (name, value))| {
        let [name, value] = [name, value].map(|text| serde_json::to_string(text).unwrap());
        format!(r#""name{place}":{name},"value{place}":{value}"#)
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

#[test]
fn the_longest_partitions_are_those_of_the_host() {
    let code = |columns: &[(&str, &str)]| compare(&with_columns(columns)).map_err(|(code, _)| code);
    let invalid = Err("invalid_output".to_owned());
    for (fits, too_long) in [
        ("x".repeat(253), "x".repeat(254)),
        ("%".repeat(84), "%".repeat(84) + "xx"),
        ("é".repeat(126), "é".repeat(127)),
    ] {
        assert!(code(&[("a", &fits)]).is_ok(), "{fits}");
        assert_eq!(code(&[("a", &too_long)]), invalid, "{too_long}");
    }
    let long = "x".repeat(250);
    for (rest, fits) in [(116, true), (117, false)] {
        let rest = "x".repeat(rest);
        let columns = [("a", &*long), ("b", &*long), ("c", &*rest)];
        assert_eq!(code(&columns).is_ok(), fits);
    }
    for (name, fits) in [("a".repeat(64), true), ("a".repeat(65), false)] {
        assert_eq!(code(&[(&name, "x")]).is_ok(), fits);
    }
}

#[test]
fn the_profile_of_the_lake_is_that_of_the_host() {
    let not_interoperable = |record: &str| {
        let outcome = compare(record);
        outcome.is_err_and(|(code, _)| code == "not_interoperable")
    };
    assert!(not_interoperable(r#"{"n":1e400}"#));
    assert!(not_interoperable(r#"{"given":"\ud800"}"#));
    assert!(!not_interoperable(r#"{"bus_only":true,"n":1e400}"#));
    assert!(!not_interoperable(r#"{"given":1,"given":2}"#));
}

/// Any JSON string.
fn text(text: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    text.prop_map(|text| serde_json::to_string(&text).unwrap())
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[ab]",
        1 => "[a-z]{60,66}",
        1 => "[A-Za-z0-9_/ é]{0,4}",
    ]
}

fn value() -> impl Strategy<Value = String> {
    let any_text = prop::collection::vec(any::<char>(), 0..20);
    let special = select(vec!["", "__HIVE_DEFAULT_PARTITION__", "a/b%", "\u{7f}\t"]);
    prop_oneof![
        2 => any_text.prop_map(String::from_iter),
        2 => special.prop_map(str::to_owned),
        1 => "[a-z]{180,260}",
        1 => "[/%é]{60,130}",
    ]
}

/// JSON values, of which readers of a lake fail on some.
fn json() -> impl Strategy<Value = String> {
    let values = [
        "1",
        "null",
        "[1,\n{}]",
        r#""\ud83d\ude00""#,
        r#"{"a":1,"b":2}"#,
        "1e400",
        r#""\udc00""#,
        r#"{"a":1,"A":2}"#,
        "1234567890123456789012345678901234567890",
        "1e-10000",
    ];
    let deep = Just(100).prop_map(|levels| "[".repeat(levels) + &"]".repeat(levels));
    prop_oneof![20 => select(values.to_vec()).prop_map(str::to_owned), 1 => deep]
}

fn member() -> impl Strategy<Value = String> {
    let column = (0..3_u8, text(name()), text(value()));
    let usual = ["1", "true", r#""x""#].map(str::to_owned).to_vec();
    prop_oneof![
        6 => column.prop_map(|(place, name, value)| {
            format!("\"name{place}\":{name},\n\"value{place}\": {value}")
        }),
        2 => (select(vec!["given", "taken", "other", "Taken"]), json())
            .prop_map(|(name, json)| format!("\"{name}\" :\r\n{json}")),
        2 => (select(vec!["given", "taken", "other", "bus_only"]), select(usual))
            .prop_map(|(name, json)| format!("\"{name}\":{json}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn each_record_has_the_outcome_that_the_host_gives_it(
        members in prop::collection::vec(member(), 0..5),
        end in prop_oneof![20 => Just("}"), 1 => Just(""), 1 => Just("}]")],
    ) {
        let _ = compare(&format!("{{{}{end}", members.join(",")));
    }
}
