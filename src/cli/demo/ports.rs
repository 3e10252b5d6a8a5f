//! The four ports of the demo, taken before anything starts.

use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
};

use super::{Options, configuration::Addresses};

/// Every port that cannot be had.
#[derive(Debug)]
pub(super) struct PortsTaken(Vec<PortTaken>);

#[derive(Debug)]
struct PortTaken {
    option: &'static str,
    port: u16,
    error: io::Error,
}

/// The sockets of the issuer and the upstream, and where everything is.
pub(super) struct Ports {
    /// The issuer's socket.
    pub(super) issuer: TcpListener,
    /// The upstream's socket.
    pub(super) upstream: TcpListener,
    /// Where the four parts are; the gateway binds its own two.
    pub(super) addresses: Addresses,
}

impl Ports {
    /// Takes the ports that `options` ask for.
    ///
    /// The gateway's two are bound here as well, and let go again. Its configuration names them
    /// before it exists, so 0 has to become a number first; and its own sockets share their port
    /// (`SO_REUSEPORT`), so a second demo would not notice the first.
    ///
    /// # Errors
    /// [`PortsTaken`] with every port that is in use.
    pub(super) fn take(options: &Options) -> Result<Self, PortsTaken> {
        let taken = (
            bind("--port", options.port),
            bind("--admin-port", options.admin_port),
            bind("--issuer-port", options.issuer_port),
            bind("--upstream-port", options.upstream_port),
        );
        match taken {
            (Ok(gateway), Ok(admin), Ok(issuer), Ok(upstream)) => Ok(Self {
                addresses: Addresses {
                    gateway: gateway.1,
                    admin: admin.1,
                    issuer: issuer.1,
                    upstream: upstream.1,
                },
                issuer: issuer.0,
                upstream: upstream.0,
            }),
            (gateway, admin, issuer, upstream) => Err(PortsTaken(
                [gateway, admin, issuer, upstream]
                    .into_iter()
                    .filter_map(Result::err)
                    .collect(),
            )),
        }
    }
}

impl fmt::Display for PortsTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for PortTaken {
            option,
            port,
            error,
        } in &self.0
        {
            if error.kind() == io::ErrorKind::AddrInUse {
                writeln!(f, "port {port} is in use ({option})")?;
            } else {
                writeln!(f, "cannot listen on port {port} ({option}): {error}")?;
            }
        }
        f.write_str("Name another port with these options; 0 takes any free one.")
    }
}

impl std::error::Error for PortsTaken {}

fn bind(option: &'static str, port: u16) -> Result<(TcpListener, SocketAddr), PortTaken> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .and_then(|listener| {
            let address = listener.local_addr()?;
            Ok((listener, address))
        })
        .map_err(|error| PortTaken {
            option,
            port,
            error,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_takes_four_different_free_ports() {
        let ports = Ports::take(&Options::on_free_ports()).unwrap();
        let Addresses {
            gateway,
            admin,
            issuer,
            upstream,
        } = ports.addresses;
        let all = std::collections::HashSet::from([gateway, admin, issuer, upstream]);
        assert_eq!(all.len(), 4);
        assert!(all.iter().all(|address| address.port() != 0));
    }

    #[test]
    fn every_port_in_use_is_named_with_its_option() {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = other.local_addr().unwrap().port();
        let options = Options {
            port,
            upstream_port: port,
            ..Options::on_free_ports()
        };
        let message = Ports::take(&options).err().unwrap().to_string();
        assert_eq!(
            message,
            format!(
                "port {port} is in use (--port)\nport {port} is in use (--upstream-port)\n\
                 Name another port with these options; 0 takes any free one."
            )
        );
    }

    #[test]
    fn one_port_for_two_parts_is_in_use() {
        let port = {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            free.local_addr().unwrap().port()
        };
        let options = Options {
            port,
            admin_port: port,
            ..Options::on_free_ports()
        };
        assert!(Ports::take(&options).is_err());
    }
}
