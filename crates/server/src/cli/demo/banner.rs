//! What a person sees when the demo is ready: where it is, what is unsafe about it, what to paste next.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::moves::Counts;
use crate::auth::ADMIN_TOKEN_FILE;
use crate::observe::figures;

/// Where `--data` need not be said.
const DEFAULT_DATA: &str = "./waybill-data";

/// Everything the text is made of.
pub struct Banner {
    pub took: Duration,
    /// Absolute, so that what is pasted elsewhere finds it.
    pub data: PathBuf,
    pub address: SocketAddr,
    /// Where it answers too.
    pub second_port: Option<u16>,
    /// Orders found in the data folder.
    pub orders_before: i64,
    /// Tokens are checked with the caller's own `JWT_SECRET`.
    pub own_secret: bool,
    /// How this program was called.
    pub program: String,
    /// VendorA and VendorB, each with its address.
    pub vendors: Vec<String>,
    /// Makes this start's key differ from the last one's.
    pub key: String,
}

impl Banner {
    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// For a machine: one line, once requests are answered.
    pub fn ready_line(&self) -> Value {
        let url = self.url();
        json!({
            "ready": true,
            "version": env!("CARGO_PKG_VERSION"),
            "pid": std::process::id(),
            "url": url,
            "data": self.data,
            "tokenFile": self.data.join(ADMIN_TOKEN_FILE),
            "readyMs": figures::millis(self.took),
            "ordersBefore": self.orders_before,
            "vendors": self.vendors,
        })
    }

    /// For a person.
    pub fn text(&self) -> String {
        let mut text = self.head();
        text.push_str("\nPaste these into another terminal, in this order:\n");
        for (number, (what, command)) in self.steps().iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = write!(text, "\n{}. {what}\n   {command}\n", number + 1);
        }
        text.push_str("\nCtrl-C stops it. Orders, as they move:\n");
        text
    }

    fn head(&self) -> String {
        let url = self.url();
        let secrets = if self.own_secret {
            "tokens need no expiry"
        } else {
            "tokens are checked with secrets that everyone knows, and need no expiry"
        };
        let before = match self.orders_before {
            0 => "new".to_owned(),
            1 => "1 order from before; --fresh empties it".to_owned(),
            n => format!("{n} orders from before; --fresh empties it"),
        };
        format!(
            "waybill {version} is ready after {took} ms\n\
             \n\
             data     {data} ({before})\n\
             unsafe   {secrets}; skus that are not tracked are\n\
             \x20        promised by a simulated inventory service. So it listens on this machine only.\n\
             \n\
             API      {url}/v1 and {url}/api{second}\n\
             docs     {url}/docs\n\
             metrics  {url}/metrics\n\
             health   {url}/health\n\
             {vendors}",
            second = self
                .second_port
                .map_or(String::new(), |port| format!(", also on port {port}")),
            vendors = self
                .vendors
                .iter()
                .map(|at| format!("vendor   {at}\n"))
                .collect::<String>(),
            version = env!("CARGO_PKG_VERSION"),
            took = self.took.as_millis(),
            data = self.data.display(),
        )
    }

    fn steps(&self) -> [(&'static str, String); 5] {
        let url = self.url();
        let token = quoted(&self.data.join(ADMIN_TOKEN_FILE));
        let place = format!(
            "{url}/api/orders -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' \
             -H 'Idempotency-Key: {key}' -d '{{\"customerId\":\"customer-123\",\"items\":[{{\"productId\":\"product-456\",\"quantity\":2,\"price\":29.99}}]}}'",
            key = self.key
        );
        let program = &self.program;
        [
            (
                "place an order",
                format!(
                    "TOKEN=$(cat {token}); ORDER=$(curl -s {place} | tee /dev/stderr | sed -E 's/.*\"orderId\":\"([^\"]+)\".*/\\1/'); echo"
                ),
            ),
            (
                "watch it travel: each step as it happens, delivered within 16 s (Ctrl-C ends the watching)",
                format!(
                    "curl -N -H \"Authorization: Bearer $TOKEN\" {url}/v1/orders/$ORDER/stream"
                ),
            ),
            (
                "send it again with the same key: the same order, and the header Idempotent-Replayed",
                format!("curl -si {place}; echo"),
            ),
            (
                "load a server of its own, kill -9 it again and again, and count what was lost",
                format!("{program} demo break"),
            ),
            (
                "sell 10,000 units of one thing to 256 buyers who want more",
                format!("{program} demo flash"),
            ),
        ]
    }
}

/// What is said at the end: how far it came, and how to go on.
pub fn farewell(counts: Option<&Counts>, data: &str) -> String {
    let counts = counts
        .map(|counts| format!(": {counts}"))
        .unwrap_or_default();
    let program = program();
    let option = if data == DEFAULT_DATA {
        String::new()
    } else {
        format!(" --data {}", quoted(Path::new(data)))
    };
    format!(
        "\nstopped{counts}\nEverything that was answered is kept in {data}.\n  go on        {program} demo{option}\n  begin anew   {program} demo{option} --fresh\n  check it     {program} verify{option}"
    )
}

/// A path as a POSIX shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    if text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"/._-+@:".contains(&b))
    {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// How the reader can call this program again: as it was called, if that was by a path.
pub fn program() -> String {
    std::env::args()
        .next()
        .filter(|called| called.contains('/'))
        .map_or_else(|| "waybill".to_owned(), |called| quoted(Path::new(&called)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn banner() -> Banner {
        Banner {
            took: Duration::from_millis(84),
            data: "/srv/my data".into(),
            address: "127.0.0.1:3000".parse().unwrap(),
            second_port: Some(8000),
            orders_before: 0,
            own_secret: false,
            program: "waybill".into(),
            vendors: vec!["VendorA at http://127.0.0.1:3001".into()],
            key: "try-1".into(),
        }
    }

    #[test]
    fn the_text_says_where_it_is_what_is_unsafe_and_what_to_paste() {
        let text = banner().text();
        for part in [
            "ready after 84 ms",
            "/srv/my data (new)",
            "secrets that everyone knows",
            "http://127.0.0.1:3000/api, also on port 8000",
            "http://127.0.0.1:3000/docs",
            "vendor   VendorA at http://127.0.0.1:3001",
            "1. place an order\n   TOKEN=$(cat '/srv/my data/admin.token');",
            "-H 'Idempotency-Key: try-1'",
            "curl -N ",
            "waybill demo break",
            "waybill demo flash",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn both_orders_that_are_pasted_are_the_same() {
        let [place, _, again, ..] = banner().steps();
        let order = |line: &str| line.split_once("curl -s").map(|(_, rest)| rest.to_owned());
        let (first, second) = (order(&place.1).unwrap(), order(&again.1).unwrap());
        // The body stands between the first pair of quotes after -d.
        let body = |text: &str| {
            let quoted = text.split(" -d '").nth(1)?;
            quoted.split('\'').next().map(str::to_owned)
        };
        assert!(body(&first).is_some_and(|body| body.contains("productId")));
        assert_eq!(body(&first), body(&second));
    }

    #[test]
    fn the_machine_gets_address_and_token_file() {
        let line = banner().ready_line();
        assert_eq!(line["url"], "http://127.0.0.1:3000");
        assert_eq!(line["tokenFile"], "/srv/my data/admin.token");
    }
}
