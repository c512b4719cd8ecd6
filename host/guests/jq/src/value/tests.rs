use std::cmp::Ordering;

use proptest::prelude::*;

use super::*;

fn object(members: &[(&str, i64)]) -> Object {
    let members = members.iter();
    Object::of(members.map(|(name, value)| (Text::from(*name), Val::Int(*value))))
}

#[test]
fn kinds_have_an_order() {
    let ordered = [
        Val::Null,
        Val::Bool(false),
        Val::Bool(true),
        Val::Float(f64::NAN),
        Val::Int(-1),
        Val::Float(0.5),
        Val::Int(1),
        Val::text(""),
        Val::text("a"),
        Val::from_iter([]),
        Val::from_iter([Val::Null]),
        Val::object(object(&[])),
        Val::object(object(&[("a", 2)])),
        Val::object(object(&[("b", 1)])),
    ];
    for pair in ordered.windows(2) {
        assert_eq!(pair[0].cmp(&pair[1]), Ordering::Less, "{pair:?}");
        assert_eq!(pair[1].cmp(&pair[0]), Ordering::Greater, "{pair:?}");
    }
    let nan = Val::Float(f64::NAN);
    assert!(nan != nan.clone() && nan < nan.clone());
    assert_eq!(nan.cmp(&nan), Ordering::Equal);
}

#[test]
fn integers_and_floats_have_one_order() {
    let large = 9_007_199_254_740_992;
    let ordered = [
        Val::Float(f64::MIN),
        Val::Int(i64::MIN),
        Val::Float(-2.5),
        Val::Int(-2),
        Val::Float(-1.5),
        Val::Int(2),
        Val::Float(2.5),
        Val::Int(large - 1),
        Val::Float(large as f64),
        Val::Int(large + 1),
        Val::Float((large + 2) as f64),
        Val::Int(i64::MAX),
        Val::Float(i64::MAX as f64),
        Val::of_number_text("9223372036854775809"),
        Val::of_number_text("18446744073709551615"),
        Val::Float(18_446_744_073_709_551_616.0),
        Val::of_number_text("18446744073709551617"),
        Val::of_number_text("100000000000000000000000"),
        Val::Float(f64::MAX),
    ];
    for (at, left) in ordered.iter().enumerate() {
        for (other, right) in ordered.iter().enumerate() {
            assert_eq!(left.cmp(right), at.cmp(&other), "{left:?} {right:?}");
        }
    }
    assert_eq!(Val::Int(large), Val::Float(large as f64));
    assert_eq!(Val::Int(0), Val::Float(-0.0));
}

#[test]
fn integers_become_floats_when_they_do_not_fit() {
    let max = Val::Int(i64::MAX);
    assert!(matches!(
        (max.clone() + Val::Int(1)).unwrap(),
        Val::Float(_)
    ));
    assert!(matches!((max * Val::Int(2)).unwrap(), Val::Float(_)));
    assert!(matches!((-Val::Int(i64::MIN)).unwrap(), Val::Float(_)));
    assert_eq!((Val::Int(i64::MIN) % Val::Int(-1)).unwrap(), Val::Int(0));
    assert!(matches!(
        (Val::Int(7) / Val::Int(2)).unwrap(),
        Val::Float(_)
    ));
    assert!(matches!((Val::Int(8) / Val::Int(2)).unwrap(), Val::Int(4)));
}

#[test]
fn parts_of_texts_share_them_or_are_copied() {
    let whole = Text::from("a text that is not short");
    let part = |from, to| whole.sub(&whole.as_str()[from..to]);
    assert_eq!(part(2, 6).as_str(), "text");
    assert_eq!(part(2, 22).as_str(), "text that is not sho");
    assert_eq!(part(0, 0).as_str(), "");
    let short = Text::from("short");
    assert_eq!(short.sub(&short.as_str()[1..]).as_str(), "hort");
    assert_eq!(Text::from_utf8(b"a\xffb".to_vec()).as_str(), "a\u{fffd}b");
}

#[test]
fn appending_does_not_change_another_value() {
    let text = Text::from("a text that is not short");
    let other = text.clone();
    let longer = text.append(b", and longer");
    assert_eq!(other.as_str(), "a text that is not short");
    assert_eq!(longer.as_str(), "a text that is not short, and longer");
    assert_eq!(longer.append(b"!").as_str().len(), 37);
    assert_eq!(Text::from("a").append(b"b").as_str(), "ab");
}

proptest! {
    #[test]
    fn an_object_is_a_list_of_members(steps in prop::collection::vec((0..40_u8, any::<bool>()), 0..120)) {
        let mut found = Object::default();
        let mut expected: Vec<(String, i64)> = Vec::new();
        for (number, (name, is_set)) in (0..).zip(steps) {
            let name = format!("name {name}");
            let place = expected.iter().position(|(known, _)| *known == name);
            if is_set {
                found.set(Text::from(name.as_str()), Val::Int(number));
                match place {
                    Some(place) => expected[place].1 = number,
                    None => expected.push((name, number)),
                }
            } else {
                found.remove(name.as_bytes());
                if let Some(place) = place {
                    expected.remove(place);
                }
            }
            let members = found.iter().map(|(name, _)| name.as_str().to_owned());
            let names: Vec<_> = expected.iter().map(|(name, _)| name.clone()).collect();
            prop_assert_eq!(members.collect::<Vec<_>>(), names);
            for (name, value) in &expected {
                prop_assert_eq!(found.get(name.as_bytes()), Some(&Val::Int(*value)));
            }
        }
    }
}
