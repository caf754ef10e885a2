//! A nats-server of one test.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running nats-server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Server {
    pub(crate) fn start(binary: &OsStr, root: &Path, config: &str) -> Self {
        let ports = root.join(format!("ports-{}", std::fs::read_dir(root).unwrap().count()));
        std::fs::create_dir(&ports).unwrap();
        let path = root.join("server.conf");
        std::fs::write(&path, config).unwrap();
        let mut command = Command::new(binary);
        command.arg("-c").arg(&path).arg("--ports_file_dir").arg(&ports);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut server = Self { child, port: 0 };
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(port) = port_in(&ports) {
                server.port = port;
                return server;
            }
            assert!(Instant::now() < deadline, "nats-server did not start");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it in order, or at once.
    pub(crate) fn stop(mut self, at_once: bool) {
        if at_once {
            self.child.kill().unwrap();
        } else {
            let pid = self.child.id().to_string();
            assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        }
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn port_in(ports: &Path) -> Option<u16> {
    let file = std::fs::read_dir(ports).ok()?.flatten().find(|entry| entry.path().extension().is_some())?;
    let text = std::fs::read_to_string(file.path()).ok()?;
    let value: serde_json::Value = serde_json::from_str(&text).ok()?;
    let url = value["nats"][0].as_str()?;
    url.rsplit(':').next()?.parse().ok()
}
