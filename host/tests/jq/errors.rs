//! What is wrong with a configuration and where in the program.

use serde_json::{Value, json};

use super::{program, try_release};

/// The error of a configuration.
fn error(config: &Value) -> String {
    match try_release(config) {
        Ok(_) => panic!("{config} is accepted"),
        Err(error) => error.to_string(),
    }
}

fn program_error(program: &str) -> String {
    error(&json!({ "program": program }))
}

#[test]
fn a_fault_of_a_program_has_its_line_and_its_column() {
    for (program, parts) in [
        (
            ".a |\n  nonsens",
            [
                "program: line 2, column 3 (`nonsens`): ",
                "no filter `nonsens/0`",
            ],
        ),
        (
            "map(.x) | mpa(.y)",
            ["line 1, column 11", "did you mean `map`?"],
        ),
        ("map(.a; .b)", ["line 1, column 1", "no filter `map/2`"]),
        (".a | $x", ["line 1, column 6", "no variable `$x`"]),
        (".a | (", ["line 1, column", "expected"]),
        (".a +", ["line 1, column 5", "found the end"]),
        (
            ".a |\n  (.b +\n\n",
            ["line 2, column 8 (`(.b +`)", "found the end"],
        ),
        ("lenght", ["line 1, column 1", "did you mean `length`?"]),
        (
            "downcase",
            ["line 1, column 1", "did you mean `ascii_downcase`?"],
        ),
        (
            "def enrich: .; enirch",
            ["line 1, column 16", "did you mean `enrich`?"],
        ),
        (
            "sub(\"a\")",
            ["no filter `sub/1`", "; there is `sub/2` and `sub/3`"],
        ),
        ("if .a then 1", ["line 1, column", "expected"]),
        ("\"abc", ["line 1, column", "closing quote"]),
        (".a ~ .b", ["line 1, column 4", "found `~`"]),
        ("{a: 1", ["line 1, column", "expected"]),
        ("break $out", ["line 1, column 7", "no label"]),
        ("@nope", ["line 1, column 1", "no filter `@nope/0`"]),
    ] {
        let error = program_error(program);
        for part in parts {
            assert!(
                error.contains(part),
                "{program}: {part:?} is not in {error}"
            );
        }
    }
    let many = program_error("a1 | a2 | a3 | a4 | a5");
    assert!(
        many.contains("a3/0") && many.contains("and 2 more"),
        "{many}"
    );
}

#[test]
fn a_fault_of_a_constant_regular_expression_is_one_of_the_program() {
    for (program, part) in [
        (
            "test(\"a(?=b)\")",
            "the regular expression \"a(?=b)\", character 2: look-around, including look-ahead and look-behind, is not supported",
        ),
        (
            "gsub(\"(.)\\\\1\"; \"\")",
            "character 4: backreferences are not supported",
        ),
        ("[match(\"(\"; \"g\")]", "character 1: unclosed group"),
        (
            "test(\"a\"; \"z\")",
            "`z` is none of g, i, l, n, p, s and x",
        ),
        ("test(\"\\\\w{1000}\")", "is too large"),
    ] {
        let error = program_error(&format!(".a |\n{program}"));
        assert!(
            error.contains("program: line 2, column "),
            "{program}: {error}"
        );
        assert!(error.contains(part), "{program}: {error}");
    }
}

#[test]
fn what_only_the_transform_itself_uses_cannot_be_called() {
    for internal in [
        "error_empty",
        "path_value(.)",
        "min_by_or_empty(.)",
        "encode_base64",
        "escape_html",
        "key_values",
        "matches(\"a\"; \"\")",
        "split_(\"a\"; \"\")",
        "split_matches(\"a\"; \"\")",
        "ilogb",
        "main",
    ] {
        let error = program_error(internal);
        assert!(
            error.contains("there is no filter `"),
            "{internal}: {error}"
        );
    }
    program("def error_empty: 1; def main: .; {a: error_empty} | main");
}

#[test]
fn what_is_not_in_a_record_is_refused_with_the_reason() {
    for (program, reason) in [
        ("now", "there is no clock"),
        ("now | todate", "there is no clock"),
        ("env", "there is no environment"),
        ("env.HOME", "there is no environment"),
        ("$ENV", "there is no environment"),
        ("$ENV.HOME", "there is no environment"),
        ("input", "no other inputs"),
        ("[inputs]", "no other inputs"),
        ("input_line_number", "no other inputs"),
        ("input_filename", "no other inputs"),
        ("$__loc__", "no file and no command line"),
        ("$ARGS", "no file and no command line"),
        ("localtime", "no local time zone"),
        ("strflocaltime(\"%H\")", "no local time zone"),
        ("halt", "cannot end the host"),
        ("halt_error", "cannot end the host"),
        ("halt_error(1)", "cannot end the host"),
        ("debug", "no output but its events"),
        ("debug(.a)", "no output but its events"),
        ("stderr", "no output but its events"),
        ("get_search_list", "there are no modules"),
        ("random", "no random numbers"),
    ] {
        let error = program_error(&format!(".a |\n{program}"));
        assert!(
            error.contains("program: line 2, column "),
            "{program}: {error}"
        );
        assert!(error.contains("is not allowed; "), "{program}: {error}");
        assert!(error.contains(reason), "{program}: {error}");
    }
    for program in [
        "import \"a\" as a; .",
        "include \"a\"; .",
        "import \"a\" as $a; .",
    ] {
        let error = program_error(program);
        assert!(error.contains("there are no modules"), "{program}: {error}");
    }
}

#[test]
fn a_program_can_define_what_it_does_not_get() {
    program("def now: 5; def env: {}; def debug: .; {a: now, b: env} | debug");
}

#[test]
fn each_filter_of_the_documentation_is_there() {
    let documented = include_str!("../../../docs/jq.md");
    let (_, rest) = documented.split_once("<!-- filters -->").unwrap();
    let (listed, _) = rest.split_once("<!-- end of filters -->").unwrap();
    let filters: Vec<_> = listed.split('`').skip(1).step_by(2).collect();
    assert!(filters.len() > 100, "{}", filters.len());
    let calls: Vec<_> = filters.iter().map(|filter| call(filter)).collect();
    program(&format!("[{}]", calls.join(", ")));
}

/// A call of `name` or `name/2`.
fn call(filter: &str) -> String {
    match filter.split_once('/') {
        None => filter.to_owned(),
        Some((name, count)) => {
            let arguments = vec!["."; count.parse().unwrap()];
            format!("{name}({})", arguments.join("; "))
        }
    }
}

#[test]
fn a_wrong_configuration_is_refused() {
    for (config, part) in [
        (json!({}), "program: the field is missing"),
        (json!({"program": ""}), "program: "),
        (json!({"program": 1}), "program: "),
        (json!({"program": ".", "x": 1}), "x: there is no such field"),
        (
            json!({"program": ".", "partition_by": ["a b"]}),
            "partition_by",
        ),
        (
            json!({"program": ".", "partition_by": ["a", "a"]}),
            "partition_by",
        ),
        (json!({"program": ".", "partition_by": "a"}), "partition_by"),
        (json!({"program": ".", "routes": []}), "routes"),
        (json!({"program": ".", "routes": ["sea"]}), "routes"),
    ] {
        let error = error(&config);
        assert!(error.contains(part), "{config}: {error}");
    }
}
