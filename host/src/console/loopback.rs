//! Where the console listens: on this machine's loopback addresses, 127.0.0.1 and, if the machine has IPv6, `[::1]`.
//!
//! A browser looks for a name below `localhost` at both (RFC 6761, 6.3), and at `[::1]` first. If the console left that
//! address free, a program of another user could listen there and would get the token.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};

/// How often another free port is looked for.
const FREE_PORTS_TRIED: usize = 10;

/// The listening sockets, with one port.
pub(super) struct Loopback {
    v4: TcpListener,
    v6: Option<TcpListener>,
}

impl Loopback {
    /// Listens on a port; 0 takes a free one.
    ///
    /// # Errors
    /// The port is in use on one of the addresses, or must not be used.
    pub(super) async fn bind(port: u16) -> io::Result<Self> {
        let mut found = Self::bind_both(port).await;
        // A free port of one address can be in use on the other one.
        for _ in 0..FREE_PORTS_TRIED {
            match &found {
                Err(error) if port == 0 && error.kind() == ErrorKind::AddrInUse => {}
                _ => break,
            }
            found = Self::bind_both(port).await;
        }
        found
    }

    async fn bind_both(port: u16) -> io::Result<Self> {
        let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let port = v4.local_addr()?.port();
        let v6 = match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
            Ok(v6) => Some(v6),
            Err(error) if error.kind() == ErrorKind::AddrInUse => return Err(error),
            // The machine has no such address, so nobody else listens on it either.
            Err(_) => None,
        };
        Ok(Self { v4, v6 })
    }

    pub(super) fn port(&self) -> io::Result<u16> {
        Ok(self.v4.local_addr()?.port())
    }
}

impl Listener for Loopback {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        let v4 = Listener::accept(&mut self.v4);
        match &mut self.v6 {
            Some(v6) => tokio::select! {
                accepted = v4 => accepted,
                accepted = Listener::accept(v6) => accepted,
            },
            None => v4.await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.v4.local_addr()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program that listens on the other address of the name would get what is meant for the console.
    #[tokio::test]
    async fn both_addresses_must_be_free() {
        let Ok(taken) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await else {
            return; // A machine without IPv6.
        };
        let port = taken.local_addr().unwrap().port();
        let refused = Loopback::bind(port).await.err().map(|error| error.kind());
        assert_eq!(refused, Some(ErrorKind::AddrInUse));
        drop(taken);
        let mut bound = Loopback::bind(port).await.unwrap();
        assert_eq!(bound.port().unwrap(), port);
        let addresses: [SocketAddr; 2] = [
            (Ipv4Addr::LOCALHOST, port).into(),
            (Ipv6Addr::LOCALHOST, port).into(),
        ];
        for address in addresses {
            let (connected, (_, peer)) = tokio::join!(TcpStream::connect(address), bound.accept());
            assert_eq!(connected.unwrap().local_addr().unwrap(), peer);
        }
    }
}
