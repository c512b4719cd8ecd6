use super::*;

fn written(value: &Val) -> String {
    let mut out = Vec::new();
    leniently(value, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn floats_are_short_and_whole_ones_are_integers() {
    for (float, text) in [
        (0.0, "0"),
        (-0.0, "0"),
        (5.0, "5"),
        (-2.5, "-2.5"),
        (0.1 + 0.2, "0.30000000000000004"),
        (1e16, "10000000000000000"),
        (1e17, "1e17"),
        (1.5e300, "1.5e300"),
        (1e-5, "0.00001"),
        (2.5e-7, "2.5e-7"),
        (f64::NAN, "null"),
        (f64::INFINITY, "1.7976931348623157e308"),
    ] {
        assert_eq!(written(&Val::Float(float)), text);
    }
}

#[test]
fn an_event_has_no_numbers_that_json_does_not_have() {
    for float in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let value: Val = [Val::Int(1), Val::Float(float)].into_iter().collect();
        let rejection = strictly(&value, &mut Vec::new()).unwrap_err();
        assert_eq!(rejection.code, "jq_error");
    }
}

#[test]
fn a_message_shows_the_beginning_of_a_value() {
    assert_eq!(shown(&Val::text("é\"")), "\"é\\\"\"");
    let long: Val = (0..100_000_usize).map(Val::from).collect();
    let text = shown(&long);
    assert!(text.starts_with("[0,1,2,") && text.ends_with('…'), "{text}");
    assert!(text.len() <= SHOWN_MAX_BYTES + '…'.len_utf8());
    let text = shown(&Val::text(&"é".repeat(1_000)));
    assert!(text.len() <= SHOWN_MAX_BYTES + '…'.len_utf8());
}
