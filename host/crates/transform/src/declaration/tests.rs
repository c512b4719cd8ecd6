use super::*;

fn declared(reads: Vec<Read>, writes: Vec<Write>) -> Result<Declaration, String> {
    Declaration::new(reads, writes, Metadata::NONE)
}

#[test]
fn numbers_are_places() {
    let (a, b) = (Read::value(0, "a"), Read::kind(1, "b"));
    assert!(declared(vec![a, b], vec![Write::new(0, "a")]).is_ok());
    let error = declared(vec![b, a], vec![]).unwrap_err();
    assert_eq!(
        error,
        "reads: `b` has the number 1, but place 0 in the list"
    );
    let error = declared(vec![a], vec![Write::new(1, "x")]).unwrap_err();
    assert_eq!(
        error,
        "writes: `x` has the number 1, but place 0 in the list"
    );
}

#[test]
fn a_member_is_declared_once() {
    let error = declared(vec![Read::value(0, "a"), Read::kind(1, "a")], vec![]).unwrap_err();
    assert_eq!(error, "reads: `a` is declared more than once");
}

#[test]
fn a_declaration_keeps_to_the_limits_of_the_contract() {
    let writes = |number| Write::owned(number, format!("w{number}"));
    assert!(declared(vec![], (0..256).map(writes).collect()).is_ok());
    let error = declared(vec![], (0..257).map(writes).collect()).unwrap_err();
    assert_eq!(error, "the transform has 257 writes, more than 256");
    let long = |bytes| declared(vec![Read::owned(0, "x".repeat(bytes))], vec![]);
    assert!(long(1_024).is_ok());
    assert!(long(1_025).unwrap_err().contains("longer than 1024 bytes"));
}

#[test]
fn a_constant_is_declared_if_place_name_and_kind_agree() {
    let reads = [Read::value(0, "a"), Read::kind(1, "b")];
    assert!(reads.iter().all(|read| read.is_in(&reads)));
    let built = Read::owned(0, ["", "a"].concat()).expecting("a letter");
    assert!(built.is_in(&reads));
    for wrong in [
        Read::value(0, "secret"),
        Read::value(0, ""),
        Read::value(1, "a"),
        Read::value(2, "a"),
        Read::value(1, "b"),
        Read::kind(0, "a"),
    ] {
        assert!(!wrong.is_in(&reads), "{wrong:?}");
    }
    let writes = [Write::new(0, "a"), Write::new(1, "b")];
    assert!(Write::owned(1, "b".to_owned()).is_in(&writes));
    for wrong in [Write::new(0, "b"), Write::new(1, "a"), Write::new(2, "b")] {
        assert!(!wrong.is_in(&writes), "{wrong:?}");
    }
}

#[test]
fn a_name_is_quoted_if_it_could_be_overlooked() {
    for name in ["event_name", "$ref", "a.b", "é", "user-id", "it's", "a:b"] {
        assert_eq!(
            Read::owned(0, name.to_owned()).shown_name().to_string(),
            name
        );
    }
    for (name, shown) in [
        ("", r#""""#),
        (" ", r#"" ""#),
        ("event name", r#""event name""#),
        ("a\n", r#""a\n""#),
        ("a\u{7f}\0", r#""a\u{7f}\0""#),
        ("a\u{a0}", r#""a\u{a0}""#),
        ("\"a\"", r#""\"a\"""#),
    ] {
        assert_eq!(
            Write::owned(0, name.to_owned()).shown_name().to_string(),
            shown
        );
    }
    let error = declared(vec![Read::value(0, ""), Read::kind(1, "")], vec![]).unwrap_err();
    assert_eq!(error, "reads: `\"\"` is declared more than once");
    let missing = crate::Rejection::missing(&Read::value(0, ""));
    assert_eq!(missing.message(), "\"\": missing");
    let invalid = crate::Rejection::invalid(&Read::value(0, "a b"), "too long");
    assert_eq!(invalid.message(), "\"a b\": too long");
    let duplicate = crate::Rejection::duplicate(&Read::value(0, "ab"));
    assert_eq!(duplicate.message(), "ab: found more than once");
}

#[test]
fn metadata_is_a_set() {
    let both = Metadata::SHARD | Metadata::ARRIVED_AT;
    assert!(both.contains(Metadata::SHARD) && both.contains(Metadata::NONE));
    assert!(!both.contains(Metadata::PARTITION_KEY));
    assert!(!Metadata::SHARD.contains(both));
    let mut grown = Metadata::NONE;
    grown |= Metadata::SHARD;
    grown |= Metadata::ARRIVED_AT;
    assert_eq!(grown, both);
}
