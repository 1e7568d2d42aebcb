//! One PostgreSQL for a whole run of tests, which are many processes: says its connection string and its
//! process id, a line each, and runs until stdin ends. A deadlock in its log makes this fail, with the
//! statements in it. `scripts/test` uses it.

use std::io::{Read, stdin};

use anyhow::Result;
use waybill_testkit::postgres::{Postgres, ServerOptions};

fn main() -> Result<()> {
    let server = Postgres::start(ServerOptions::default())?;
    println!("{}\n{}", server.url("postgres"), server.pid()?);
    // No input is expected; an error counts as its end.
    let _ = stdin().read_to_end(&mut Vec::new());
    server.finish()
}
