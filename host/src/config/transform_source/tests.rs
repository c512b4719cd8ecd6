use super::*;

fn chosen(jq: &str, config: &str) -> Result<TransformChoice, String> {
    TransformChoice::new(None, Some(jq), config).map_err(|error| error.to_string())
}

#[test]
fn built_in_transforms_are_named_with_a_prefix() {
    for builtin in Builtin::ALL {
        let source: TransformSource = builtin.to_string().parse().unwrap();
        assert_eq!(source, TransformSource::Builtin(builtin));
        assert_eq!(source.read().unwrap(), builtin.component());
    }
    let file: TransformSource = "./builtin:jq".parse().unwrap();
    assert_eq!(file.file(), Some(Path::new("./builtin:jq")));
    assert!("".parse::<TransformSource>().is_err());
}

#[test]
fn an_unknown_built_in_transform_lists_those_that_there_are() {
    for (name, hint) in [
        ("enrch", "; did you mean `enrich`?"),
        ("copi", "; did you mean `copy`?"),
        ("python", ""),
        ("", ""),
    ] {
        let error = format!("builtin:{name}").parse::<TransformSource>();
        let expected = format!(
            "there is no built-in transform `{name}`; there are builtin:enrich, builtin:jq, builtin:copy{hint}"
        );
        assert_eq!(error.unwrap_err(), expected);
    }
}

#[test]
fn a_file_with_the_name_of_a_built_in_transform_gets_a_hint() {
    let error = TransformSource::File("copy".into()).read().unwrap_err();
    assert_eq!(error.key, "transform");
    assert!(
        error.why.ends_with("; did you mean `builtin:copy`?"),
        "{error}"
    );
    let error = TransformSource::File("rules.wasm".into())
        .read()
        .unwrap_err();
    assert!(!error.why.contains("did you mean"), "{error}");
}

#[test]
fn nothing_given_is_the_enrichment() {
    let choice = TransformChoice::new(None, None, "{}").unwrap();
    assert_eq!(choice.name(), "builtin:enrich");
    assert_eq!(choice.config, "{}");
    assert_eq!(choice.file(), None);
}

#[test]
fn a_program_is_text_or_a_file() {
    let text = chosen(".a.jq | .b", "{}").unwrap();
    assert_eq!(text.source, TransformSource::Builtin(Builtin::Jq));
    assert_eq!(text.config, r#"{"program":".a.jq | .b"}"#);
    assert_eq!(text.name(), "builtin:jq");

    let folder = tempfile::tempdir().unwrap();
    for name in ["rules.jq", "rules"] {
        let path = folder.path().join(name);
        std::fs::write(&path, ".x\n").unwrap();
        let path_text = path.to_str().unwrap();
        let file = chosen(path_text, r#"{"partition_by":["x"]}"#).unwrap();
        assert_eq!(file.config, r#"{"partition_by":["x"],"program":".x\n"}"#);
        assert_eq!(file.name(), format!("builtin:jq with {path_text}"));
        assert_eq!(file.file(), Some(path.as_path()));
    }
    let path = folder.path().join("rules.jq");
    let as_transform = TransformSource::File(path.clone());
    let by_name = TransformChoice::new(Some(as_transform), None, "{}").unwrap();
    assert_eq!(by_name, chosen(path.to_str().unwrap(), "{}").unwrap());
}

#[test]
fn what_cannot_be_a_program_says_why() {
    for (program, config, key, why) in [
        ("nowhere.jq", "{}", "jq", "cannot read nowhere.jq: "),
        (".a.jq", "{}", "jq", "put it into parentheses: (.a.jq)"),
        (" ", "{}", "jq", "the program is empty"),
        (
            ".",
            r#"{"program":"."}"#,
            "transform_config",
            "give one of them",
        ),
        (".", "{", "transform_config", "not a JSON object"),
        (
            ".",
            "nowhere.json",
            "transform_config",
            "neither a JSON object nor",
        ),
    ] {
        let error = TransformChoice::new(None, Some(program), config).unwrap_err();
        assert_eq!(error.key, key, "{program}");
        assert!(error.why.contains(why), "{error}");
    }
    let both = TransformChoice::new(Some(TransformSource::default()), Some("."), "{}");
    assert_eq!(both.unwrap_err().key, "jq");
}

#[test]
fn a_rejected_program_is_an_error_of_the_setting_that_gave_it() {
    let choice = chosen(".", "{}").unwrap();
    assert_eq!(choice.wrong_setting("program: line 1"), "jq");
    assert_eq!(choice.wrong_setting("partition_by: no"), "transform_config");
    let choice = TransformChoice::new(None, None, r#"{"program":"x"}"#).unwrap();
    assert_eq!(choice.wrong_setting("program: no"), "transform_config");
}
