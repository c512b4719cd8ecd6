use super::*;

#[test]
fn each_definition_can_be_compiled() {
    for name in prelude::all_names() {
        // With a wrong number of arguments, the definition is compiled, and the call is the only fault.
        let program = format!("[{name}]");
        if let Err(error) = Program::compile(&program) {
            let expected = format!(
                "program: line 1, column 2 (`[{name}]`): there is no filter `{name}/0`; it takes another number of \
                 arguments"
            );
            assert_eq!(error, expected);
        }
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
