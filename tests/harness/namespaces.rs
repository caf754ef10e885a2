//! Network namespaces that hang on one bridge: servers in them can be cut off from each other by the kernel. Needs iproute2 and the right to
//! make them.

use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

/// Namespaces by number. They go when this is dropped.
#[derive(Debug)]
pub struct Namespaces {
    /// What all their names begin with.
    prefix: String,
    subnet: u8,
    count: usize,
}

impl Namespaces {
    /// Makes so many, each with an address that the others and this process reach.
    ///
    /// # Errors
    /// They cannot be made here. Nothing is left behind then.
    pub fn new(count: usize) -> Result<Self, String> {
        let id = std::process::id();
        // Two programs at once have different processes, and with them most likely different networks.
        let all = Self { prefix: format!("tt{id}"), subnet: u8::try_from(id % 250).unwrap_or(0), count };
        all.make()?;
        Ok(all)
    }

    fn make(&self) -> Result<(), String> {
        let bridge = self.bridge();
        ip(&format!("link add {bridge} type bridge"))?;
        ip(&format!("address add {}/24 dev {bridge}", self.host(0)))?;
        ip(&format!("link set {bridge} up"))?;
        for number in 0..self.count {
            let (name, outside) = (self.name(number), format!("{}v{number}", self.prefix));
            ip(&format!("netns add {name}"))?;
            ip(&format!("link add {outside} type veth peer name eth0 netns {name}"))?;
            ip(&format!("link set {outside} master {bridge} up"))?;
            ip(&format!("-n {name} address add {}/24 dev eth0", self.address(number)))?;
            ip(&format!("-n {name} link set eth0 up"))?;
            ip(&format!("-n {name} link set lo up"))?;
        }
        Ok(())
    }

    fn bridge(&self) -> String {
        format!("{}b", self.prefix)
    }

    fn host(&self, number: usize) -> Ipv4Addr {
        Ipv4Addr::new(10, 213, self.subnet, u8::try_from(number + 1).unwrap_or(u8::MAX))
    }

    /// Name of one.
    pub fn name(&self, number: usize) -> String {
        format!("{}n{number}", self.prefix)
    }

    /// Address of one.
    pub fn address(&self, number: usize) -> IpAddr {
        self.host(number + 1).into()
    }

    /// Whatever is sent from one to the other vanishes from now on.
    ///
    /// # Panics
    /// Panics when the system refuses.
    pub fn cut(&self, from: usize, to: usize) {
        self.route("add", from, to);
    }

    /// Undoes [`Namespaces::cut`].
    ///
    /// # Panics
    /// Panics when the system refuses.
    pub fn mend(&self, from: usize, to: usize) {
        self.route("delete", from, to);
    }

    fn route(&self, action: &str, from: usize, to: usize) {
        ip(&format!("-n {} route {action} blackhole {}/32", self.name(from), self.address(to)))
            .unwrap_or_else(|fault| panic!("{fault}"));
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        // What was not made cannot be removed.
        for number in 0..self.count {
            let _ = ip(&format!("netns delete {}", self.name(number)));
        }
        let _ = ip(&format!("link delete {}", self.bridge()));
    }
}

fn ip(arguments: &str) -> Result<(), String> {
    let output = Command::new("ip").args(arguments.split(' ')).output();
    let output = output.map_err(|fault| format!("ip cannot be started: {fault}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("ip {arguments}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
