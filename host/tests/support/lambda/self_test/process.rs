//! The other program: a function built with AWS's own client of the Runtime API. Its event says
//! what it does.

use std::env;
use std::fs;
use std::process;
use std::thread;

use aws_config::BehaviorVersion;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::Function;

/// The function, in a folder of its own.
pub(super) fn function(variables: &[(&str, &str)]) -> (Function, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let command = command();
    let command: Vec<_> = command.iter().map(String::as_str).collect();
    let function = Function::start(&command, variables, folder.path());
    (function, folder)
}

/// What runs the function.
pub(super) fn command() -> [String; 5] {
    let program = env::current_exe().unwrap();
    let name = concat!(module_path!(), "::the_function");
    let name = name.split_once("::").unwrap().1;
    [
        program.to_str().unwrap(),
        "--exact",
        name,
        "--ignored",
        "--nocapture",
    ]
    .map(ToOwned::to_owned)
}

#[tokio::test]
#[ignore = "runs as another program"]
async fn the_function() {
    if env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        return;
    }
    println!("it begins");
    lambda_runtime::run(service_fn(handle)).await.unwrap();
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Diagnostic> {
    let (event, context) = event.into_parts();
    if let Some(records) = event.get("Records") {
        return Ok(failures(records));
    }
    match event["do"].as_str() {
        Some("describe") => Ok(json!({
            "pid": process::id(),
            "folder": env::current_dir().unwrap(),
            "variables": env::vars().map(|(name, value)| (name, json!(value))).collect::<serde_json::Map<_, _>>(),
            "request": context.request_id,
            "deadline": context.deadline,
        })),
        Some("log") => {
            println!("out {}", event["say"]);
            eprintln!("err {}", event["say"]);
            Ok(Value::Null)
        }
        Some("fail") => Err(Diagnostic {
            error_type: "Oops".into(),
            error_message: "it failed".into(),
        }),
        Some("touch and hang") => {
            fs::write(event["file"].as_str().unwrap(), "").unwrap();
            loop {
                thread::park();
            }
        }
        Some("list") => Ok(json!(list(event["bucket"].as_str().unwrap()).await)),
        Some("exit") => process::exit(3),
        _ => Ok(event),
    }
}

/// The keys in a bucket, which is opened with the settings in the environment.
async fn list(bucket: &str) -> Vec<String> {
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let client = aws_sdk_s3::config::Builder::from(&config).force_path_style(true);
    let client = aws_sdk_s3::Client::from_conf(client.build());
    let listed = client.list_objects_v2().bucket(bucket).send().await;
    let objects = listed.unwrap().contents.unwrap_or_default().into_iter();
    objects.filter_map(|object| object.key).collect()
}

/// Reports the records whose key is `bad`.
fn failures(records: &Value) -> Value {
    let records = records.as_array().unwrap().iter();
    let bad = records.filter(|record| record["kinesis"]["partitionKey"] == "bad");
    let bad = bad.map(|record| json!({ "itemIdentifier": record["kinesis"]["sequenceNumber"] }));
    json!({ "batchItemFailures": bad.collect::<Vec<_>>() })
}
