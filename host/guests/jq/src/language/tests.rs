use super::DEPTH_MAX;
use crate::program::Program;
use crate::value::Val;

/// The values of a program for `null`, up to an error.
fn values(program: &str) -> Vec<String> {
    let program =
        Program::compile(program).unwrap_or_else(|error| panic!("{program:.200}: {error}"));
    let values = program.run(Val::Null).map_while(Result::ok);
    values.map(|value| value.to_string()).collect()
}

fn check(cases: &[(&str, &[&str])]) {
    for (program, expected) in cases {
        assert_eq!(values(program), *expected, "{program}");
    }
}

#[test]
fn a_parameter_is_a_filter_too() {
    check(&[
        ("def f($p): p; f(1, 2)", &["1", "2", "1", "2"]),
        ("def f($p): [$p, p]; f(1)", &["[1,1]"]),
        ("def f($p; $q): [p, $q]; f(1; 2)", &["[1,2]"]),
        ("def f($length): [7] | length; f(3)", &["3"]),
        ("def f($p): def g: p; g; [5] | f(.[0])", &["5"]),
        ("def f($p): $p | p; 1 | f(. + 1)", &["3"]),
        (
            "def f($n): if n > 90 then n else f($n + 1) end; f(0)",
            &["91"],
        ),
    ]);
}

#[test]
fn a_pattern_can_bind_a_member_and_take_it_apart() {
    check(&[
        (r#"{"a": [1]} as {$a: [$b]} | [$a, $b]"#, &["[[1],1]"]),
        (
            r#"[{"a": {"b": 2}}] as [{$a: {$b}}] | [$a, $b]"#,
            &[r#"[{"b":2},2]"#],
        ),
        (
            r#"reduce ({"a": [1]}, {"a": [2]}) as {$a: [$b]} (0; . + $b + ($a | length))"#,
            &["5"],
        ),
        (r#""x\({"a": [1]} as {$a: [$b]} | $b)""#, &[r#""x1""#]),
        (r#""k" as $k | {$k: 1}"#, &[r#"{"k":1}"#]),
    ]);
}

#[test]
fn a_fold_goes_on_with_the_last_value_or_null() {
    check(&[
        ("reduce range(4) as $i (0; empty)", &["null"]),
        ("reduce range(4) as $i (0; . + $i, 5)", &["5"]),
        (
            "reduce range(3) as $i (0, 10; if $i == 1 then empty else . + 1 end)",
            &["1", "1"],
        ),
        ("[foreach range(4) as $i (0; empty; .)]", &["[]"]),
        (
            "[foreach range(4) as $i (0; . + $i, . * 2; .)]",
            &["[0,0,1,0,2,0,3,0]"],
        ),
        (
            "[foreach range(2) as $i (0; . + $i, 7; ., -.)]",
            &["[0,0,7,-7,8,-8,7,-7]"],
        ),
        ("reduce range(3) as $i (false; select(.))", &["null"]),
        ("reduce range(3) as $i (0; isvalid(1, 2))", &["true"]),
        ("def null: 5; reduce range(3) as $i (0; empty)", &["null"]),
        (
            "[path(reduce (\"a\", \"b\") as $k (.; .[$k]?))]",
            &[r#"[["a","b"]]"#],
        ),
        (
            "[label $f | foreach range(9) as $i (0; . + $i; if . > 4 then ., break $f else . end)]",
            &["[0,1,3,6]"],
        ),
    ]);
}

#[test]
fn a_fold_with_a_wrong_number_of_arguments_is_a_fault() {
    for program in [
        "foreach 1 as $x (0; 1, 2; 3; 4)",
        "reduce 1 as $x (0; 1, 2; 3)",
        "foreach 1 as $x (0)",
    ] {
        let error = Program::compile(program).unwrap_err();
        assert!(error.contains("there is no filter `"), "{program}: {error}");
    }
}

#[test]
fn what_can_be_a_path_can_be_updated() {
    check(&[
        ("{} | .a[]? |= 5", &["{}"]),
        ("{} | (.a | select(. != null) | .b) |= 5", &["{}"]),
        ("{} | (.a | objects).b += 5", &["{}"]),
        ("{} | .a.b? |= 5", &[r#"{"a":{"b":5}}"#]),
        ("{} | (.a | .b) |= 5", &[r#"{"a":{"b":5}}"#]),
        (
            r#"{"a": 1} | def f(p): p |= 5; f(.a), f(.b[]?)"#,
            &[r#"{"a":5}"#, r#"{"a":1}"#],
        ),
        ("[1, 2] | (label $f | .[] | ., break $f) |= 9", &["[9,2]"]),
        ("[1, 2] | (try .[0] catch .) |= 9", &["[9,2]"]),
        ("[1, [2, 3]] | (.. | numbers) |= . + 1", &["[2,[3,4]]"]),
        ("[1, 2, 3] | (.[] | select(. != 2)) |= empty", &["[2]"]),
        ("[[1], [2]] | (.[] | first) |= 9", &["[[9],[9]]"]),
        ("[1] | try (\"x\" |= 1) catch \"no\"", &[r#""no""#]),
        (r#"{"a": 1} | (.a)? |= 5"#, &[r#"{"a":5}"#]),
        (r#"{"a": 1} | (.a.b)? |= 5"#, &[r#"{"a":1}"#]),
        (r#"{"a": 1} | (.a | .b)? = 5"#, &[r#"{"a":1}"#]),
        ("[1, null, 3] | (.[] | numbers)? += 1", &["[2,null,4]"]),
        ("try ([1] | (.[0])? |= error(\"x\")) catch .", &[r#""x""#]),
        ("[1, 2, 3] | first(.[]) |= 9", &["[9,2,3]"]),
        ("[1, 2, 3] | last(.[]) |= 9", &["[1,2,9]"]),
        ("[1, 2, 3] | limit(2; .[]) |= 9", &["[9,9,3]"]),
        ("[1, 2, 3] | skip(2; .[]) |= 9", &["[1,2,9]"]),
        ("[1, 2, 3] | limit(2; .[]) |= empty", &["[3]"]),
        ("[1, 2, 3] | first(.[] | select(. > 9)) |= 9", &["[1,2,3]"]),
        (
            "[1, 2] | try (first(error(\"x\")) |= 1) catch .",
            &[r#""x""#],
        ),
    ]);
}

#[test]
fn selections_give_the_same_values_as_before() {
    check(&[
        (
            "[limit(2; 1, 2, 3)], [limit(0; 1)], [limit(-1; 1)], [limit(1.5; 1, 2, 3)]",
            &["[1,2]", "[]", "[]", "[1,2]"],
        ),
        (
            "[skip(1; 1, 2, 3)], [skip(0; 1)], [skip(-1; 1)]",
            &["[2,3]", "[1]", "[1]"],
        ),
        (
            "first(1, error(\"x\")), [last(1, 2)], [first(empty)], [last(empty)]",
            &["1", "[2]", "[]", "[]"],
        ),
        ("[limit(3; repeat(1))]", &["[1,1,1]"]),
        ("try skip(1; error(\"x\"), 1) catch .", &[r#""x""#]),
        ("try limit(\"a\"; 1) catch \"no\"", &[r#""no""#]),
        (
            "[(1, error(\"x\"), 2)?], (label $out | (1, break $out, 2)?)",
            &["[1]", "1"],
        ),
        (
            ".a = 1 | [(1, error(\"x\"), 2)?], (label $out | (1, break $out, 2)?)",
            &["[1]", "1"],
        ),
    ]);
}

/// Runs a test with more stack: the frames of a build without optimisation are large.
fn with_large_stack(test: fn()) {
    let thread = std::thread::Builder::new().stack_size(256 << 20);
    thread.spawn(test).unwrap().join().unwrap();
}

#[test]
fn long_chains_have_the_values_of_short_ones() {
    with_large_stack(check_long_chains);
}

fn check_long_chains() {
    let count = 900;
    let pipes = vec![". + 1"; count].join(" | ");
    assert_eq!(values(&format!("0 | {pipes}")), ["900"]);
    let numbers = (0..count).map(|number| number.to_string());
    let numbers: Vec<_> = numbers.collect();
    assert_eq!(values(&numbers.join(", ")), numbers);
    let bound = (0..50).map(|number| format!("{number} as $x{number} | . + $x{number}"));
    let bound: Vec<_> = bound.collect();
    assert_eq!(values(&format!("0 | {}", bound.join(" | "))), ["1225"]);
    // The last step of a long chain is a tail call.
    let counted = "def f: if . >= 30000 then . else . + 1 | . | . | . | . | . | . | . | . | . | . | f end; 0 | f";
    assert_eq!(values(counted), ["30000"]);
}

#[test]
fn what_is_too_deep_is_a_fault_with_its_place() {
    with_large_stack(check_depth);
}

fn check_depth() {
    let sum = vec![".a"; 2000].join(" + ");
    let error = Program::compile(&format!(".b |\n{sum}")).unwrap_err();
    assert!(error.starts_with("program: line "), "{error}");
    assert!(error.contains("terms are nested"), "{error}");
    let chain = vec![".a"; 2000].join(" |\n");
    let error = Program::compile(&chain).unwrap_err();
    assert!(error.contains("line 1000, column 4 (`.a |`)"), "{error}");
    assert!(error.contains("more than 1000 steps"), "{error}");
    let deepest = DEPTH_MAX - 2;
    let nested = format!("{}1{}", "[".repeat(deepest), "]".repeat(deepest));
    assert!(Program::compile(&nested).is_ok());
}

#[test]
fn a_constant_regular_expression_is_checked_with_the_program() {
    for (program, part) in [
        (".a |\n  test(\"a(?=b)\")", "line 2, column 3"),
        ("gsub(\"(\"; \"x\")", "line 1, column 1"),
        ("test(\"a\"; \"q\")", "`q` is none of"),
        ("[match(\"\\\\1\")]", "backreferences are not supported"),
        ("sub(\"a\"; \"b\"; \"q\")", "`q` is none of"),
    ] {
        let error = Program::compile(program).unwrap_err();
        assert!(error.contains(part), "{program}: {error}");
    }
    check(&[
        ("def test(f): f; test(\"(\")", &[r#""(""#]),
        (
            "try (\"a\" | test(\"(\" + \"\")) catch \"no\"",
            &[r#""no""#],
        ),
        ("\"a(b\" | split(\"(\")", &[r#"["a","b"]"#]),
    ]);
}
