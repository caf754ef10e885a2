//! The machine the server runs on.

use std::net::IpAddr;

/// Addresses of this machine.
#[must_use]
pub fn own_addresses() -> Vec<IpAddr> {
    let Ok(interfaces) = nix::ifaddrs::getifaddrs() else {
        return Vec::new();
    };
    let storages = interfaces.filter_map(|interface| interface.address);
    storages
        .filter_map(|storage| {
            let ipv4 = storage.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
            ipv4.or_else(|| storage.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
        })
        .collect()
}
