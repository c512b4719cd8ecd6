use super::*;

use jaq_core::load;

use crate::program::Program;
use crate::value::Val;

/// The rewritten program in the notation of Rust.
fn rewritten(program: &str) -> (String, Shortcuts) {
    let mut names = Shortcuts::default();
    let term = load::parse(program, |parser| parser.term()).unwrap();
    (format!("{:?}", names.rewrite(term)), names)
}

#[test]
fn members_and_objects_get_filters() {
    let (term, names) = rewritten("{a, b: .c.a, \"d\": $x, $y} | .a");
    assert!(
        term.contains("!object0") && term.contains("!member0"),
        "{term}"
    );
    assert_eq!(names.members, ["a".into(), "c".into()]);
    let object: Box<[Box<str>]> = ["a", "b", "d", "y"].map(Into::into).into();
    assert_eq!(names.objects, [object]);
}

#[test]
fn what_is_not_constant_stays() {
    for program in [
        ".[0]",
        ".a[0]",
        ".a?",
        ".[.b]",
        "{(.a): 1}",
        "{\"a\\(1)\": 1}",
        "{}",
        ".a.b[]",
    ] {
        let (term, _) = rewritten(program);
        assert!(
            term.starts_with("Path(") || term.starts_with("Obj("),
            "{program}: {term}"
        );
    }
}

#[test]
fn a_program_with_many_names_uses_both_ways() {
    let names = 0..100;
    let text: Vec<_> = names.map(|name| format!("{{m{name}: .n{name}}}")).collect();
    let text = text.join(" + ");
    let program = Program::compile(&text).unwrap();
    let value = program.run(Val::Null).next().unwrap().unwrap();
    assert_eq!(value.length().unwrap(), Val::Int(100));
}

#[test]
fn combinations_have_the_order_of_sums() {
    let outputs = |text: &str| -> Vec<String> {
        let program = Program::compile(text).unwrap();
        program
            .run(Val::Null)
            .map(|value| value.unwrap().to_string())
            .collect()
    };
    let short = outputs("{a: (1, 2), b: 0, c: (3, 4)}");
    assert_eq!(short, outputs("{a: (1, 2)} + {b: 0} + {c: (3, 4)}"));
    assert_eq!(short.len(), 4);
    assert_eq!(outputs("{a: 1, b: empty}"), [""; 0]);
    assert_eq!(outputs("[limit(2; {a: repeat(1), b: 2})] | length"), ["2"]);
    assert_eq!(outputs("{a: 1, a: 2}"), [r#"{"a":2}"#]);
}
