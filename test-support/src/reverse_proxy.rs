//! nginx and Caddy in front of a server, from the files in `deploy/proxies` or with a configuration of the test.

use std::fs;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::free_address::free_address;
use crate::installed::{Installed, until_end_of_input};
use crate::within;

const NGINX: Installed =
    Installed { name: "nginx", package: "nginx-light", variable: "LESS_TEST_NGINX", tests: "behind_" };

const CADDY: Installed =
    Installed { name: "caddy", package: "caddy", variable: "LESS_TEST_CADDY", tests: "behind_" };

/// Reverse proxy on a loopback port. Ends when it is dropped, or with the process.
#[derive(Debug)]
pub struct ReverseProxy {
    address: SocketAddr,
    shell: Child,
    _folder: TempDir,
}

impl ReverseProxy {
    /// Starts nginx. `configuration` returns the content of its `http` block for the address to listen on.
    ///
    /// # Panics
    /// If there is no nginx; the message says how to get it.
    pub async fn nginx(configuration: impl FnOnce(SocketAddr) -> String) -> Self {
        let (folder, address) = (folder(), free_address());
        let at = folder.path().display();
        let paths: Vec<String> = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {at}/{name};"))
            .into();
        // Workers of root run as a user that cannot enter the folder.
        let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
        let text = format!(
            "{user} daemon off; worker_processes 1; pid {at}/pid; error_log {at}/error.log;\n\
             events {{ worker_connections 256; }}\nhttp {{ access_log off; {}\n{} }}\n",
            paths.join(" "),
            configuration(address),
        );
        let file = folder.path().join("nginx.conf");
        fs::write(&file, text).expect("a configuration");
        let mut command = until_end_of_input(&NGINX.path());
        command.arg("-p").arg(folder.path()).arg("-c").arg(&file);
        Self::start(command, address, folder).await
    }

    /// Starts Caddy. `configuration` returns its Caddyfile, without global options, for the address to listen on.
    ///
    /// # Panics
    /// If there is no Caddy; the message says how to get it.
    pub async fn caddy(configuration: impl FnOnce(SocketAddr) -> String) -> Self {
        let (folder, address) = (folder(), free_address());
        let file = folder.path().join("Caddyfile");
        let global = "{\n\tadmin off\n\tauto_https off\n\tskip_install_trust\n}\n";
        fs::write(&file, format!("{global}{}", configuration(address))).expect("a configuration");
        let mut command = until_end_of_input(&CADDY.path());
        command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&file);
        for variable in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
            command.env(variable, folder.path());
        }
        Self::start(command, address, folder).await
    }

    async fn start(mut command: Command, address: SocketAddr, folder: TempDir) -> Self {
        let log = folder.path().join("log");
        let output = fs::File::create(&log).expect("a log");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(output).current_dir("/");
        let shell = command.spawn().expect("a shell");
        let mut proxy = Self { address, shell, _folder: folder };
        within("the proxy", async {
            while TcpStream::connect(address).await.is_err() {
                let ended = proxy.shell.try_wait().expect("a process");
                assert!(ended.is_none(), "the proxy ended: {}", fs::read_to_string(&log).unwrap_or_default());
                tokio::task::yield_now().await;
            }
        })
        .await;
        proxy
    }

    /// Address on which it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for ReverseProxy {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        drop(self.shell.wait());
    }
}

fn folder() -> TempDir {
    tempfile::Builder::new().prefix("less-sync-proxy-").tempdir().expect("a folder")
}
