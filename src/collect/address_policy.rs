//! Which addresses a file may be fetched from: the server, which is not trusted, must not make us ask our own network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressPolicy {
    /// Hosts of the public internet, by https.
    Public,
    /// This machine too, and by http: the API itself is here.
    Local,
}

/// Without the address: it is a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the server gave a download address that is not https; it is not asked")]
    Scheme,
    #[error("the server gave a download address with a user name in it; it is not asked")]
    Credentials,
    #[error("the server gave a download address within a private network; it is not asked")]
    Private,
}

impl AddressPolicy {
    pub fn check(self, url: &Url) -> Result<(), Refused> {
        let named_local = matches!(url.host(), Some(Host::Domain(name)) if is_localhost(name));
        let ip = match url.host() {
            Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
            Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
            Some(Host::Domain(_)) => None,
            None => return Err(Refused::Scheme),
        };
        let is_loopback = named_local || ip.is_some_and(|ip| unmapped(ip).is_loopback());
        match url.scheme() {
            "https" => {}
            "http" if self == AddressPolicy::Local && is_loopback => {}
            _ => return Err(Refused::Scheme),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused::Credentials);
        }
        if (named_local && self == AddressPolicy::Public) || ip.is_some_and(|ip| !self.allows(ip)) {
            return Err(Refused::Private);
        }
        Ok(())
    }

    pub fn allows(self, ip: IpAddr) -> bool {
        let ip = unmapped(ip);
        is_public(ip) || (self == AddressPolicy::Local && ip.is_loopback())
    }
}

fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// The IPv4 address that an IPv6 one stands for: mapped (RFC 4291, 2.5.5), NAT64 (RFC 6052) or 6to4 (RFC 3056).
fn unmapped(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    let s = v6.segments();
    let four = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match s {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            four(high, low)
        }
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => four(high, low),
        [0x2002, high, low, ..] => four(high, low),
        _ => ip,
    }
}

/// None of the special-purpose addresses (RFC 6890).
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b)) // shared by carriers
        || (a == 198 && (18..20).contains(&b)) // benchmarks
        || (a == 192 && b == 0 && c == 0);
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let first = ip.segments()[0];
    let special = ip.is_loopback()
        || ip.is_unspecified()
        || ip.is_multicast()
        || ip.segments()[..3] == [0x64, 0xff9b, 1] // NAT64 of a network's own (RFC 8215)
        || first & 0xfe00 == 0xfc00 // unique local
        || first & 0xffc0 == 0xfe80 // link-local
        || first & 0xffc0 == 0xfec0; // site-local, as it was once
    !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_internet_is_asked_and_this_machine_where_the_api_is_here() {
        use Refused::{Credentials, Private, Scheme};
        for (url, public, local) in [
            ("https://x.webexcontent.com/a.csv?Signature=s", Ok(()), Ok(())),
            ("https://93.184.216.34/a", Ok(()), Ok(())),
            ("http://x.webexcontent.com/a", Err(Scheme), Err(Scheme)),
            ("ftp://x.webexcontent.com/a", Err(Scheme), Err(Scheme)),
            ("file:///etc/passwd", Err(Scheme), Err(Scheme)),
            ("data:text/csv,a", Err(Scheme), Err(Scheme)),
            ("https://u:p@x.webexcontent.com/a", Err(Credentials), Err(Credentials)),
            ("http://127.0.0.1:8/a", Err(Scheme), Ok(())),
            ("http://localhost:8/a", Err(Scheme), Ok(())),
            ("http://[::1]:8/a", Err(Scheme), Ok(())),
            ("https://127.0.0.1/a", Err(Private), Ok(())),
            ("https://localhost./a", Err(Private), Ok(())),
            ("https://2130706433/a", Err(Private), Ok(())),
            ("https://10.0.0.1/a", Err(Private), Err(Private)),
            ("http://10.0.0.1/a", Err(Scheme), Err(Scheme)),
            ("https://169.254.169.254/latest", Err(Private), Err(Private)),
            ("https://192.168.1.1/a", Err(Private), Err(Private)),
            ("https://0.0.0.0/a", Err(Private), Err(Private)),
            ("https://100.64.0.1/a", Err(Private), Err(Private)),
            ("https://[fe80::1]/a", Err(Private), Err(Private)),
            ("https://[fd00::1]/a", Err(Private), Err(Private)),
            ("https://[::ffff:10.0.0.1]/a", Err(Private), Err(Private)),
            ("https://[64:ff9b::a00:1]/a", Err(Private), Err(Private)),
            ("https://[2002:a00:1::]/a", Err(Private), Err(Private)),
            ("https://[64:ff9b:1::808:808]/a", Err(Private), Err(Private)),
        ] {
            let parsed = url.parse().unwrap();
            assert_eq!(AddressPolicy::Public.check(&parsed), public, "{url}");
            assert_eq!(AddressPolicy::Local.check(&parsed), local, "{url}");
        }
        for (ip, local) in [("127.0.0.1", true), ("10.1.2.3", false), ("8.8.8.8", true)] {
            assert_eq!(AddressPolicy::Local.allows(ip.parse().unwrap()), local, "{ip}");
        }
    }
}
