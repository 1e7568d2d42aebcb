//! An nginx in front of a Waybill, with the configuration that is shipped.
//!
//! Owns one nginx: its folder, its process, its port. Nothing outside of its folder is written.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::guarded::{Guarded, Server, on_a_free_port};
use crate::unavailable::Unavailable;

/// Where Debian puts it, which is in the PATH of root alone.
const DEBIAN: &str = "/usr/sbin/nginx";

/// One nginx.
pub struct Nginx {
    port: u16,
    folder: TempDir,
    running: Option<Guarded>,
}

impl Nginx {
    /// Runs this configuration of the `http` section, with its port and the server behind it replaced.
    pub fn in_front_of(behind: SocketAddr, configuration: &str) -> Result<Self, Unavailable> {
        Self::start(behind, configuration).map_err(|e| Unavailable::new("nginx", format!("{e:#}")))
    }

    fn start(behind: SocketAddr, configuration: &str) -> Result<Self> {
        program()?;
        let mut nginx = Self {
            port: 0,
            folder: tempfile::Builder::new()
                .prefix("waybill-nginx-")
                .tempdir()?,
            running: None,
        };
        on_a_free_port(&nginx.log(), |port| {
            nginx.port = port;
            let site = configuration
                .replace("listen 8080;", &format!("listen 127.0.0.1:{port};"))
                .replace("server 127.0.0.1:3000;", &format!("server {behind};"));
            std::fs::write(nginx.file(), main(nginx.folder.path(), &site))?;
            nginx.begin()
        })?;
        Ok(nginx)
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("nginx.log")
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("nginx.conf")
    }

    fn begin(&mut self) -> Result<()> {
        let server = Server {
            program: program()?,
            arguments: vec!["-c".into(), self.file().into()],
            environment: Vec::new(),
            account: None,
            stop: "TERM",
            folder: self.folder.path().into(),
            log: self.log(),
        };
        let port = self.port;
        let listens = || TcpStream::connect(("127.0.0.1", port)).is_ok();
        self.running = Some(Guarded::ready(&server, listens)?);
        Ok(())
    }

    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }
}

/// What Debian's own nginx.conf has around a site, within one folder.
fn main(folder: &Path, site: &str) -> String {
    let folder = folder.display();
    let user = match rustix::process::geteuid().is_root() {
        true => "user root;\n",
        false => "",
    };
    format!(
        "{user}daemon off;\nmaster_process off;\npid {folder}/nginx.pid;\nerror_log stderr;\nevents {{ worker_connections 256; }}\n\
         http {{\naccess_log off;\nclient_body_temp_path {folder}/body;\nproxy_temp_path {folder}/proxy;\n\
         fastcgi_temp_path {folder}/fastcgi;\nuwsgi_temp_path {folder}/uwsgi;\nscgi_temp_path {folder}/scgi;\n{site}\n}}\n"
    )
}

fn program() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path).map(|folder| folder.join("nginx"));
    in_path
        .chain([DEBIAN.into()])
        .find(|program| program.exists())
        .context("`nginx` is neither in the PATH nor in /usr/sbin; install nginx")
}
