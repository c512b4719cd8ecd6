use proptest::prelude::*;

use super::*;
use crate::testing::{TestEvent, Tester};
use crate::{Description, Transform, Write};

/// Lands each record in the partition of the members that its configuration lists: `column=member,…`.
#[derive(Debug)]
struct ByMembers(PartitionBy);

impl Transform for ByMembers {
    fn describe() -> Description {
        Description {
            name: "by-members",
            version: "0.0.0",
            summary: "",
            config_schema: "",
        }
    }

    fn configure(config: &str) -> Result<Self, String> {
        let names = config.split(',').filter(|pair| !pair.is_empty());
        let names = names.map(|pair| pair.split_once('=').unwrap());
        let names = names.map(|(column, member)| (column.to_owned(), member.to_owned()));
        PartitionBy::new(names.collect()).map(Self)
    }

    fn reads(&self) -> Vec<Read> {
        self.0.reads()
    }

    fn writes(&self) -> Vec<Write> {
        Vec::new()
    }

    fn transform(&self, record: &Record<'_>, events: &mut Events) -> Result<(), Rejection> {
        self.0.begin_event(Routes::LAKE, record, events)?;
        Ok(())
    }
}

fn tester(config: &str) -> Tester<ByMembers> {
    Tester::new(config).unwrap()
}

fn run(config: &str, record: &str) -> Result<TestEvent, Rejection> {
    let events = tester(config).transform(record)?;
    let [event] = events.try_into().unwrap();
    Ok(event)
}

fn partition(config: &str, record: &str) -> String {
    run(config, record).unwrap().partition
}

/// The code and the message of the rejection.
fn rejected(config: &str, record: &str) -> String {
    let rejection = run(config, record).unwrap_err();
    format!("{}: {}", rejection.code(), rejection.message())
}

#[test]
fn texts_numbers_and_booleans_are_values() {
    for (json, value) in [
        (r#""lesson""#, "lesson"),
        (r#""a/b \u00e9\n""#, "a%2Fb é%0A"),
        (r#""\ud83d\ude00""#, "😀"),
        ("1", "1"),
        ("1.50", "1.50"),
        ("-9007199254740993e+2", "-9007199254740993e+2"),
        ("true", "true"),
        ("false", "false"),
    ] {
        let record = format!(r#"{{"n":[1,{{"m":2}}], "m" : {json} }}"#);
        let event = run("c=m", &record).unwrap();
        assert_eq!(event.partition, format!("c={value}"), "{json}");
        assert_eq!(event.json, record);
    }
}

#[test]
fn columns_have_the_order_of_the_configuration() {
    let record = r#"{"b":2,"a":"1","eventType":"x"}"#;
    assert_eq!(partition("", record), "");
    assert_eq!(partition("a=a,b=b", record), "a=1/b=2");
    assert_eq!(partition("b=b,a=a", record), "b=2/a=1");
    assert_eq!(partition("event_type=eventType", record), "event_type=x");
    // A column can have the name of another member.
    assert_eq!(partition("a=b,b=a", record), "a=2/b=1");
}

#[test]
fn members_without_a_value_are_rejected() {
    let missing = "missing_partition_field: m: missing, and events are partitioned by it";
    assert_eq!(rejected("c=m", r#"{"M":1}"#), missing);
    let null = "missing_partition_field: m: null, and events are partitioned by it";
    assert_eq!(rejected("c=m", r#"{"m":null}"#), null);
    // The first column decides.
    assert!(rejected("a=a,b=b", r#"{"b":[]}"#).contains(" a: missing"));
}

#[test]
fn values_that_cannot_be_a_partition_are_rejected() {
    for (json, why) in [
        (
            "{}",
            "expected a text, a number or a boolean, found an object",
        ),
        (
            "[1]",
            "expected a text, a number or a boolean, found an array",
        ),
        (
            r#""""#,
            "the text is empty, which readers take for no value",
        ),
        (
            r#""__HIVE_DEFAULT_PARTITION\u005f_""#,
            "the text is __HIVE_DEFAULT_PARTITION__, which readers take for no value",
        ),
        (
            r#""\ud800""#,
            "expected text, found an unpaired surrogate escape",
        ),
    ] {
        let record = format!(r#"{{"my m":{json}}}"#);
        let expected = format!("invalid_partition_field: \"my m\": {why}");
        assert_eq!(rejected("c=my m", &record), expected);
    }
}

#[test]
fn a_repeated_member_is_rejected() {
    let expected = "duplicate_field: m: found more than once";
    assert_eq!(rejected("c=m", r#"{"m":1,"\u006d":null}"#), expected);
}

#[test]
fn a_value_that_is_too_long_for_a_path_is_rejected() {
    let record = |value: &str| format!(r#"{{"m":"{value}"}}"#);
    for (letter, longest) in [("x", 253), ("/", 84), ("é", 126)] {
        let path = partition("c=m", &record(&letter.repeat(longest)));
        assert!((254..=255).contains(&path.len()), "{path}");
        let message = rejected("c=m", &record(&letter.repeat(longest + 1)));
        let why = "bytes in a path as c=…, 255 at most are allowed";
        assert!(
            message.starts_with("invalid_partition_field: m: the text takes 25"),
            "{message}"
        );
        assert!(message.ends_with(why), "{message}");
    }
    let numbers = format!(r#"{{"m":{}}}"#, "1".repeat(300));
    assert!(rejected("c=m", &numbers).contains("takes 302 bytes"));
}

#[test]
fn a_path_that_is_too_long_is_rejected() {
    let record = |last: usize| {
        let [long, last] = [250, last].map(|length| "x".repeat(length));
        format!(r#"{{"a":"{long}","b":"{long}","c":"{last}"}}"#)
    };
    let config = "a=a,b=b,c=c";
    // Two of 252, one of 118, and two slashes.
    assert_eq!(partition(config, &record(116)).len(), 624);
    let expected =
        "invalid_partition_field: the partition takes 625 bytes as a path, 624 at most are allowed";
    assert_eq!(rejected(config, &record(117)), expected);
    let pairs = [
        ("a", "x".repeat(250)),
        ("b", "x".repeat(250)),
        ("c", "x".repeat(116)),
    ];
    assert_eq!(check_path(&pairs), Ok(()));
    assert_eq!(check_path::<&str, &str>(&[]), Ok(()));
}

#[test]
fn a_value_of_any_column() {
    let value = |json: &'static str| partition_value("c", "m", Some(json.as_bytes()));
    assert_eq!(value(r#""é""#).unwrap(), "é");
    assert_eq!(value(r#""\u00e9""#).unwrap(), "é");
    assert_eq!(value("1.0").unwrap(), "1.0");
    let by = PartitionBy::new(vec![("c".to_owned(), "m".to_owned())]).unwrap();
    let [column] = by.columns() else {
        panic!("one column")
    };
    assert_eq!((column.name(), column.member()), ("c", "m"));
    assert_eq!(
        column.value(None).unwrap_err().code(),
        "missing_partition_field"
    );
    assert_eq!(column.value(Some(b"true")).unwrap(), "true");
}

#[test]
fn a_text_of_any_column() {
    assert_eq!(check_text("c", "m", b"x"), Ok(()));
    let long = "y".repeat(253);
    assert_eq!(check_text("c", "m", long.as_bytes()), Ok(()));
    for text in ["", EMPTY_VALUE, &(long + "y")] {
        let rejection = check_text("c", "m", text.as_bytes()).unwrap_err();
        assert_eq!(rejection.code(), "invalid_partition_field");
        assert!(
            rejection.message().starts_with("m: the text "),
            "{rejection:?}"
        );
    }
}

#[test]
fn configurations_that_are_wrong_name_their_item() {
    let fails = |config: &str, expected: &str| {
        let error = Tester::<ByMembers>::new(config).unwrap_err();
        assert_eq!(error, expected, "{config}");
    };
    let column = "a column is a lower case letter, followed by up to 63 lower case letters, digits and underscores";
    fails(
        "a=a,eventType=eventType",
        &format!(
            "partition_by[1]: \"eventType\" is no column: {column}; give the column a name: \
             {{\"column\": \"…\", \"member\": \"eventType\"}}"
        ),
    );
    let long = "a".repeat(65);
    for name in ["", "Type", "_type", "1a", "a-b", "é", &long] {
        let expected = format!("partition_by[0]: {name:?} is no column: {column}");
        fails(&format!("{name}=m"), &expected);
    }
    fails(
        "a=a,a=b",
        "partition_by[1]: the column \"a\" is given twice",
    );
    fails(
        "a=m,b=m",
        "partition_by[1]: the member \"m\" is given twice",
    );
    let nine = "a=a,b=b,c=c,d=d,e=e,f=f,g=g,h=h,i=i";
    fails(
        nine,
        "partition_by: there are 9 columns, 8 at most are allowed",
    );
    assert!(Tester::<ByMembers>::new(&nine[..31]).is_ok());
    assert!(Tester::<ByMembers>::new(&format!("{}=m", "a".repeat(64))).is_ok());
}

proptest! {
    /// What these rules accept, those of the host accept too; the tester has them.
    #[test]
    fn no_partition_is_an_invalid_output(a in "[a-z/%é\u{0}-\u{1f}\"]{0,140}", b in any::<String>(), n in 0..3_usize) {
        let mut record = b"{\"a\":".to_vec();
        crate::json::quote(&a, &mut record);
        record.extend_from_slice(b",\"b\":");
        crate::json::quote(&b.repeat(1 + 4 * n), &mut record);
        record.extend_from_slice(b",\"c\":");
        crate::json::quote(&"c".repeat(100 * n), &mut record);
        record.push(b'}');
        if let Err(rejection) = tester("a=a,b=b,c=c").transform(&record) {
            prop_assert_eq!(rejection.code(), "invalid_partition_field");
        }
    }
}
