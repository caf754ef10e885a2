//! The machine the server runs on.

use std::net::IpAddr;
use std::path::Path;

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

/// Bytes of memory of this machine, where the system tells.
#[must_use]
pub fn memory() -> Option<u64> {
    #[cfg(target_os = "linux")]
    return nix::sys::sysinfo::sysinfo().ok().map(|info| info.ram_total());
    #[cfg(not(target_os = "linux"))]
    None
}

/// Bytes that may still be written below a directory, where the system tells.
#[must_use]
pub fn free_space(directory: &Path) -> Option<u64> {
    let disk = nix::sys::statvfs::statvfs(directory).ok()?;
    let bytes = u128::from(disk.blocks_available()) * u128::from(disk.fragment_size());
    Some(u64::try_from(bytes).unwrap_or(u64::MAX))
}
