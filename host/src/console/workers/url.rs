//! The address of a worker.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;

/// The address of a worker's metrics: a scheme, a host and perhaps a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::console) struct WorkerUrl(Url);

impl WorkerUrl {
    /// The address of one of its pages, such as `/status`.
    pub(super) fn page(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(path);
        url
    }
}

impl fmt::Display for WorkerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl FromStr for WorkerUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse(text).map(Self).map_err(|why| {
            format!("{why}; give the address of a worker's metrics, such as http://127.0.0.1:9464")
        })
    }
}

fn parse(text: &str) -> Result<Url, String> {
    let lower = text.to_ascii_lowercase();
    if !lower.starts_with("http://") && !lower.starts_with("https://") {
        return Err("it begins with neither http:// nor https://".into());
    }
    let url = Url::parse(text).map_err(|error| format!("it is not a URL ({error})"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it has a user or a password, which a worker does not ask for".into());
    }
    if url.path() != "/" {
        return Err(format!(
            "it has the path {}, and a worker's pages are at the root",
            url.path()
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it has a query or a fragment".into());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_scheme_a_host_and_perhaps_a_port() {
        for (text, shown) in [
            ("http://127.0.0.1:9464", "http://127.0.0.1:9464"),
            ("https://worker.internal/", "https://worker.internal"),
            ("http://[::1]:9464/", "http://[::1]:9464"),
        ] {
            let url: WorkerUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(url.page("/status").as_str(), format!("{shown}/status"));
        }
    }

    #[test]
    fn other_addresses_are_rejected_with_the_reason() {
        for (text, why) in [
            ("127.0.0.1:9464", "neither http:// nor https://"),
            ("file:///etc/passwd", "neither http:// nor https://"),
            ("http://", "not a URL"),
            ("http://host:port", "not a URL"),
            ("http://user@host:9464", "a user or a password"),
            ("http://host:9464/metrics", "the path /metrics"),
            ("http://host:9464/?a=b", "a query"),
        ] {
            let error = text.parse::<WorkerUrl>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
            assert!(error.contains("such as http://127.0.0.1:9464"), "{error}");
        }
    }
}
