//! A server of Iceberg's REST catalog API.
//!
//! A commit is one request with its requirements, and the server checks them. What the server says about access to files
//! (`config`, vended credentials, remote signing) is not used: files are read and written with the program's own credentials.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use iceberg::{Catalog, CatalogBuilder as _, Error, ErrorKind};
use iceberg_catalog_rest::{
    REST_CATALOG_PROP_URI, REST_CATALOG_PROP_WAREHOUSE, RestCatalogBuilder,
};

use super::super::warehouse::Warehouse;
use super::super::warehouse_files::WarehouseFiles;
use super::CATALOG_NAME;
use super::guarded::{Call, Guarded, Service};
use super::location::RestLocation;

/// The variable with the token.
const TOKEN: &str = "SLUICE_TABLE_CATALOG_TOKEN";

/// The time for a connection, and for a request.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// What the client says about an answer that it cannot read.
const UNREADABLE: &str = "Failed to parse response from rest catalog server";

/// The most characters of an answer in an error.
const ANSWER_MAX: usize = 200;

/// The catalog of a server. Nothing is asked of it yet.
pub(super) async fn open(
    name: String,
    server: &RestLocation,
    warehouse: &Warehouse,
) -> anyhow::Result<Arc<dyn Catalog>> {
    // This client has no cryptography of its own, but takes that of the process.
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let _unless_there_is_one = provider.install_default();
    let client = reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        .build()?;
    let token = std::env::var(TOKEN).ok().filter(|token| !token.is_empty());
    let properties = [
        (REST_CATALOG_PROP_URI, Some(server.uri.clone())),
        (REST_CATALOG_PROP_WAREHOUSE, server.warehouse.clone()),
        ("token", token),
    ];
    let properties = properties.into_iter();
    let properties = properties.filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let catalog = RestCatalogBuilder::default()
        .with_client(client)
        .with_storage_factory(WarehouseFiles::of(warehouse))
        .load(CATALOG_NAME, properties.collect::<HashMap<_, _>>());
    Ok(Guarded::of(name, catalog.await?, Server))
}

#[derive(Debug)]
struct Server;

impl Service for Server {
    fn explain(&self, _: Call, error: &Error) -> Option<(ErrorKind, String)> {
        if error.kind() != ErrorKind::Unexpected {
            return None;
        }
        let text = error.to_string();
        let advice = unreadable(error.message(), &text).or_else(|| advice(&text))?;
        Some((ErrorKind::Unexpected, advice))
    }
}

/// What to do about an answer that is none of a catalog: the reason, and the beginning of what it was.
fn unreadable(message: &str, text: &str) -> Option<String> {
    if message != UNREADABLE {
        return None;
    }
    let (answer, reason) = text.rsplit_once(UNREADABLE)?;
    let reason = reason.trim_start_matches(", source: ");
    let answer = answer.split_once("json: ").map_or("", |(_, answer)| answer);
    let answer = match answer.trim_start().starts_with('{') {
        // That of a catalog can have credentials.
        true => "a JSON object".to_owned(),
        false => shortened(answer.trim_end_matches(" } => ")),
    };
    Some(format!(
        "its answer is none of an Iceberg REST catalog ({reason}); check the URI. The answer was: {answer}"
    ))
}

/// The beginning of an answer, in one line.
fn shortened(answer: &str) -> String {
    let line: Vec<_> = answer.split_whitespace().collect();
    let line = line.join(" ");
    match line.char_indices().nth(ANSWER_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// What to do about an error of a server.
fn advice(text: &str) -> Option<String> {
    let Some((_, status)) = text.split_once("status: ") else {
        let is_lost = text.contains("Failed to execute http request");
        return is_lost.then(|| {
            let cause = text.split_once("source: ").map_or(text, |(_, cause)| cause);
            format!("no answer ({cause}); check the URI, the network, and that the server runs")
        });
    };
    let status = status.split(',').next().unwrap_or(status).trim();
    let what = match status.get(..3)? {
        "401" => format!("set {TOKEN} to a token that the server takes"),
        "403" => "allow it to the owner of the token".to_owned(),
        "404" => {
            "the URI has no Iceberg REST catalog, or it does not have this function".to_owned()
        }
        "429" | "500" | "502" | "503" | "504" => "run the command again".to_owned(),
        _ => "the server has refused the request".to_owned(),
    };
    let said = text.split_once("json: ").map(|(_, said)| said);
    let said = said.and_then(|said| said.split(" }").next());
    Some(match said {
        Some(said) => {
            let said = shortened(said);
            format!("the server has answered {status}: {said}; {what}")
        }
        None => format!("the server has answered {status}; {what}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_what_to_do() {
        let answer = |status: &str| {
            let error = Error::new(ErrorKind::Unexpected, "Received response")
                .with_context("status", status)
                .with_context("headers", "{}");
            advice(&error.to_string()).unwrap()
        };
        assert!(answer("401 Unauthorized").contains(TOKEN));
        assert!(answer("403 Forbidden").contains("allow it"));
        assert!(answer("404 Not Found").contains("404 Not Found"));
        assert!(answer("503 Service Unavailable").contains("again"));
        let page = format!("<html>\n status: 401 {}</html>", "x".repeat(5_000));
        let error = Error::new(ErrorKind::Unexpected, UNREADABLE)
            .with_context("json", page)
            .with_source(anyhow::anyhow!("expected value at line 1"));
        let why = unreadable(error.message(), &error.to_string()).unwrap();
        assert!(why.contains("(expected value at line 1)"), "{why}");
        assert!(
            why.contains("The answer was: <html> status: 401 xxx"),
            "{why}"
        );
        assert!(why.ends_with("xxx…") && why.len() < 400, "{why}");
        let other = Error::new(ErrorKind::Unexpected, "s3://b/x does not exist");
        assert_eq!(unreadable(other.message(), &other.to_string()), None);
        assert_eq!(advice(&other.to_string()), None);
    }
}
