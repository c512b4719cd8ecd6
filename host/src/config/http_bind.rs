//! The address of the HTTP server for metrics and health.

use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// Where a run exposes metrics and health over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpBind {
    /// Nowhere.
    Off,
    /// At this address, or nowhere if it is in use.
    IfFree(SocketAddr),
    /// At this address; the run fails if it is in use.
    At(SocketAddr),
}

impl HttpBind {
    /// The default of a worker, which only this machine can reach.
    #[must_use]
    pub fn worker_default() -> Self {
        const PORT: u16 = 9464;
        Self::IfFree((Ipv4Addr::LOCALHOST, PORT).into())
    }
}

impl FromStr for HttpBind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::Off),
            address => address.parse().map(Self::At).map_err(|_| {
                "expected none, or an address and a port such as 127.0.0.1:9464".into()
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_port() {
        for address in ["127.0.0.1:0", "0.0.0.0:9464", "[::1]:9464"] {
            let at = HttpBind::At(address.parse().unwrap());
            assert_eq!(address.parse(), Ok(at));
        }
        assert_eq!("none".parse(), Ok(HttpBind::Off));
        for wrong in ["", "9464", ":9464", "localhost:9464", "127.0.0.1", "off"] {
            let error = wrong.parse::<HttpBind>().unwrap_err();
            assert!(error.contains("127.0.0.1:9464"), "{wrong:?}: {error}");
        }
    }
}
