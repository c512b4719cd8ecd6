use super::*;

#[test]
fn each_definition_can_be_compiled() {
    for (name, arguments) in prelude::signatures() {
        let dots = vec!["."; arguments].join("; ");
        let call = match arguments {
            0 => name.to_owned(),
            _ => format!("{name}({dots})"),
        };
        assert!(Program::compile(&call).is_ok(), "{call}");
    }
}

#[test]
fn a_program_with_several_faults_lists_the_first_ones() {
    let error = Program::compile("a1, a2, a3, a4").unwrap_err();
    assert!(
        error.contains("`a1/0`") && error.contains("`a3/0`"),
        "{error}"
    );
    assert!(error.ends_with("; and 1 more"), "{error}");
}

#[test]
fn a_program_runs_up_to_its_first_error() {
    let program = Program::compile("1, error(\"x\"), 2").unwrap();
    let mut values = program.run(Val::Null);
    assert_eq!(values.next().unwrap().unwrap(), Val::Int(1));
    assert_eq!(values.next().unwrap().unwrap_err().message(), "x");
}

#[test]
fn a_program_can_call_the_documented_filters_and_no_others() {
    let documented = include_str!("../../../../../docs/jq.md");
    let (_, rest) = documented.split_once("<!-- filters -->").unwrap();
    let (listed, _) = rest.split_once("<!-- end of filters -->").unwrap();
    let listed: Vec<_> = listed.split('`').skip(1).step_by(2).collect();
    let all = natives::signatures().chain(prelude::signatures());
    let all = all.map(|(name, arguments)| match arguments {
        0 => name.to_owned(),
        _ => format!("{name}/{arguments}"),
    });
    let others: Vec<_> = all
        .filter(|name| !listed.contains(&name.as_str()))
        .collect();
    assert_eq!(others, [""; 0]);
    for (name, _) in natives::INTERNAL {
        assert!(Program::compile(name).is_err(), "{name}");
    }
}

#[test]
fn a_fault_at_the_end_shows_its_line() {
    for program in [".a |\n  .b +", ".a |\n  .b +\n\n  "] {
        let error = Program::compile(program).unwrap_err();
        let expected = "program: line 2, column 7 (`.b +`): expected term, found the end";
        assert_eq!(error, expected);
    }
}

#[test]
fn an_unknown_filter_gets_a_suggestion() {
    for (program, end) in [
        ("lenght", "; did you mean `length`?"),
        ("map(.a; .b)", "; there is `map/1`"),
        ("upcase", "; did you mean `ascii_upcase`?"),
        ("def enrich: .; enirch", "; did you mean `enrich`?"),
        (
            "def mine(f): f; mine",
            "; it is defined elsewhere or with another number of arguments",
        ),
        ("nonsens", "no filter `nonsens/0`"),
        ("xy", "no filter `xy/0`"),
    ] {
        let error = Program::compile(program).unwrap_err();
        assert!(error.ends_with(end), "{program}: {error}");
    }
}
