//! The hosts that `NO_PROXY` excludes from proxying.
//!
//! reqwest's own matcher ignores ports, does not apply `*` to IP addresses and does not know bracketed IPv6 addresses, so
//! the entries are matched here. They are separated by commas or white space:
//!
//! - `*`: every host
//! - `example.com`, `.example.com` or `*.example.com`: the host and its subdomains
//! - `10.1.2.3`, `::1` or `[::1]`: an IP address
//! - `10.0.0.0/8`, `fd00::/8` or `[fd00::]/8`: a range of IP addresses
//! - any of these followed by `:PORT`, if an IPv6 address is in brackets: the same, for that port only
//!
//! Names are not resolved: an entry with an IP address does not match a host name. Entries that are none of these match
//! nothing.

use std::net::IpAddr;

use ipnet::IpNet;
use reqwest::Url;

/// A parsed `NO_PROXY` value.
#[derive(Debug, Default)]
pub(crate) struct NoProxy(Vec<Entry>);

#[derive(Debug, PartialEq)]
struct Entry {
    hosts: Hosts,
    /// `None` means every port.
    port: Option<u16>,
}

#[derive(Debug, PartialEq)]
enum Hosts {
    All,
    /// A domain in lower case, without leading or trailing dots.
    Domain(String),
    Network(IpNet),
}

impl NoProxy {
    pub(crate) fn parse(list: &str) -> Self {
        let entries = list.split(|char: char| char == ',' || char.is_whitespace());
        Self(entries.filter_map(Entry::parse).collect())
    }

    /// Returns whether requests for this URL are sent directly.
    pub(crate) fn contains(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else { return false };
        let host = host.trim_matches(['[', ']']).trim_end_matches('.');
        let address = host.parse::<IpAddr>().ok().map(|address| address.to_canonical());
        self.0.iter().any(|entry| {
            (entry.port.is_none() || entry.port == url.port_or_known_default())
                && match (&entry.hosts, address) {
                    (Hosts::All, _) => true,
                    (Hosts::Network(network), Some(address)) => network.contains(&address),
                    (Hosts::Domain(domain), None) => is_in_domain(host, domain),
                    _ => false,
                }
        })
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        if let Some(network) = parse_network(text) {
            return Some(Self { hosts: Hosts::Network(network), port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            None => (text, None),
            Some((host, port)) => (host, Some(port.parse().ok()?)),
        };
        let hosts = match parse_network(host) {
            Some(network) => Hosts::Network(network),
            None if host == "*" => Hosts::All,
            None => Hosts::Domain(parse_domain(host)?),
        };
        Some(Self { hosts, port })
    }
}

/// Parses an IP address, or an address and a prefix length. An IPv6 address may be in brackets.
fn parse_network(text: &str) -> Option<IpNet> {
    let text = match text.strip_prefix('[') {
        None => text.to_owned(),
        Some(rest) => {
            let (address, prefix) = rest.split_once(']')?;
            if !prefix.is_empty() && !prefix.starts_with('/') {
                return None;
            }
            format!("{address}{prefix}")
        }
    };
    match text.parse::<IpAddr>() {
        Ok(address) => Some(address.to_canonical().into()),
        Err(_) => text.parse().ok(),
    }
}

/// Parses a domain and normalizes it as the host of a URL.
fn parse_domain(text: &str) -> Option<String> {
    let domain = text.strip_prefix("*.").unwrap_or(text).trim_matches('.');
    if domain.is_empty() || domain.contains(['*', '/', ':', '@', '?', '#', '[', ']']) {
        return None;
    }
    Some(Url::parse(&format!("http://{domain}/")).ok()?.host_str()?.to_owned())
}

fn is_in_domain(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_direct(list: &str, url: &str) -> bool {
        NoProxy::parse(list).contains(&Url::parse(url).unwrap())
    }

    #[test]
    fn every_form_of_entry_is_matched() {
        for (list, direct, proxied) in [
            ("*", &["http://a.example", "http://10.1.2.3", "https://[::1]:8443"][..], &[][..]),
            (
                "Example.com",
                &["http://example.com", "https://a.b.example.com:1", "http://EXAMPLE.com./x"],
                &["http://notexample.com", "http://example.com.evil", "http://10.1.2.3"],
            ),
            (
                ".example.com",
                &["http://example.com", "http://a.example.com"],
                &["http://aexample.com"],
            ),
            ("*.example.com", &["http://a.example.com"], &["http://example.org"]),
            ("example.com.", &["http://example.com"], &["http://com"]),
            ("bücher.example", &["http://bücher.example"], &["http://bucher.example"]),
            (
                "example.com:8080",
                &["http://example.com:8080", "https://a.example.com:8080"],
                &["http://example.com", "https://example.com:8081"],
            ),
            ("example.com:443", &["https://example.com"], &["http://example.com"]),
            ("*:80", &["http://a.example", "http://10.0.0.1"], &["https://a.example"]),
            ("10.1.2.3", &["http://10.1.2.3:5"], &["http://10.1.2.30", "http://10.1.2.3.example"]),
            ("10.1.2.3:5", &["http://10.1.2.3:5"], &["http://10.1.2.3"]),
            (
                "10.1.0.0/16",
                &["http://10.1.255.1"],
                &["http://10.2.0.1", "http://[::1]", "http://a"],
            ),
            ("10.1.2.3/16", &["http://10.1.255.1"], &["http://10.2.0.1"]),
            ("10.1.0.0/16:81", &["http://10.1.0.1:81"], &["http://10.1.0.1"]),
            (
                "::1",
                &["http://[::1]", "http://[0:0:0::1]:9"],
                &["http://[::2]", "http://127.0.0.1"],
            ),
            ("[::1]", &["http://[::1]:7"], &["http://[::2]"]),
            ("[::1]:80", &["http://[::1]"], &["http://[::1]:81"]),
            ("fd00::/8", &["http://[fd12::3]"], &["http://[fe80::1]"]),
            ("[fd00::]/8", &["http://[fd12::3]"], &["http://[fe80::1]"]),
            ("[fd00::/8]:80", &["http://[fd12::3]"], &["http://[fd12::3]:81"]),
            ("10.1.2.3", &["http://[::ffff:10.1.2.3]"], &[]),
            ("::ffff:10.1.2.3", &["http://10.1.2.3"], &[]),
            ("localhost", &["http://localhost:1"], &["http://127.0.0.1"]),
        ] {
            for url in direct {
                assert!(is_direct(list, url), "NO_PROXY={list} {url}");
            }
            for url in proxied {
                assert!(!is_direct(list, url), "NO_PROXY={list} {url}");
            }
        }
    }

    #[test]
    fn entries_are_separated_by_commas_or_white_space() {
        for list in
            ["a.example,b.example", " a.example , b.example ", "a.example b.example", ",b.example,"]
        {
            assert!(is_direct(list, "http://b.example"), "{list}");
            assert!(!is_direct(list, "http://c.example"), "{list}");
        }
    }

    #[test]
    fn invalid_entries_match_nothing() {
        for list in [
            "",
            ",",
            ".",
            "*.",
            "a*",
            "10.0.0.0/33",
            "example.com:port",
            ":80",
            "[::1",
            "http://example.com",
            "a/b",
        ] {
            for url in ["http://example.com", "http://10.0.0.1", "http://a"] {
                assert!(!is_direct(list, url), "NO_PROXY={list} {url}");
            }
        }
    }
}
