//! VendorA and VendorB, which the demo runs in its own process.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use waybill_domain::text::Vendor;

use crate::cli::vendor_mock::own_stock;
use crate::clock::SystemClock;
use crate::config::Settings;
use crate::http::listen::{self, BindError};
use crate::random::Entropy;
use crate::vendor_mock::{Faults, Mock, serve};

/// Their names and the ports they have if those are free.
const VENDORS: [(&str, u16); 2] = [("VendorA", 3001), ("VendorB", 3002)];

/// Vendors that answer until they are dropped.
#[derive(Default)]
pub struct DemoVendors {
    /// What is said of each in the banner.
    pub shown: Vec<String>,
    serving: JoinSet<std::io::Result<()>>,
}

impl DemoVendors {
    /// Starts those for which the settings have no address, and enters their addresses into the settings.
    ///
    /// # Errors
    /// The machine has no port, or no randomness.
    pub fn start(settings: &mut Settings) -> Result<Self, Box<dyn std::error::Error>> {
        let mut vendors = Self::default();
        let addresses = [
            &mut settings.vendors.vendor_a_url,
            &mut settings.vendors.vendor_b_url,
        ];
        for ((name, port), address) in VENDORS.into_iter().zip(addresses) {
            if !address.is_empty() {
                vendors.shown.push(format!("{name} at {address}"));
                continue;
            }
            let (listener, at) = bound(port)?;
            *address = format!("http://{at}");
            let instead = if at.port() == port {
                String::new()
            } else {
                format!(" (port {port} is busy)")
            };
            vendors
                .shown
                .push(format!("{name} at http://{at}{instead}"));
            let name = Vendor::stored(name);
            let (clock, entropy) = (Arc::new(SystemClock), Arc::new(Entropy::from_os()?));
            let stock = own_stock(&name);
            let mock = Mock::new(name, at.port(), stock, Faults::default(), clock, entropy);
            let serving = serve(vec![listener], Arc::new(mock), CancellationToken::new());
            vendors.serving.spawn(serving);
        }
        Ok(vendors)
    }
}

/// A listener at the port, or at another one if that is busy.
fn bound(port: u16) -> Result<(TcpListener, SocketAddr), BindError> {
    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut listeners = listen::bind(&[wanted]).or_else(|_| listen::bind(&[any]))?;
    let listener = listeners.remove(0);
    let at = listener.local_addr().map_err(|source| BindError {
        address: any,
        source,
    })?;
    Ok((listener, at))
}
