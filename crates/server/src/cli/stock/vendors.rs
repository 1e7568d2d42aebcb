//! `waybill stock sync` and `waybill stock aggregate`: stock of vendors.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::super::exit::Exit;
use super::super::output::{self, table};
use super::super::vendors::vendor_table;
use crate::client::{Client, ClientError, Query, path_segment};

#[derive(Args, Debug)]
pub struct SyncArgs {
    /// Only this vendor
    pub vendor: Option<String>,
}

#[derive(Args, Debug)]
pub struct AggregateArgs {
    /// Only this sku (may be repeated)
    #[arg(long)]
    pub sku: Vec<String>,
}

/// Rows of one page, the most that a server gives by default.
const PAGE: &str = "100";

/// Has the stock of one vendor or of all read now. Exit code 6 when one could not be read.
pub async fn sync(
    client: &mut Client,
    args: &SyncArgs,
    json: bool,
) -> Result<ExitCode, ClientError> {
    let path = match &args.vendor {
        Some(vendor) => format!("/v1/vendors/{}/sync", path_segment(vendor)),
        None => "/v1/stock/sync".to_owned(),
    };
    let result = client.post(&path, None).await?.body;
    let vendors = result["items"].as_array().map(Vec::as_slice);
    let vendors = vendors.unwrap_or_default();
    let all_read = vendors.iter().all(|v| v["stock"]["error"].is_null());
    if json {
        output::json(&result);
    } else if vendors.is_empty() {
        output::line("no vendor is enabled\nnext: waybill vendors add NAME URL");
    } else {
        output::line(vendor_table(vendors));
        if result["done"] != true {
            output::line("some are still being read\nnext: waybill vendors list");
        }
    }
    Ok(Exit::from(all_read).into())
}

/// Units of a sku over all vendors.
#[derive(Default)]
struct Sum {
    vendors: u64,
    on_hand: i64,
    reserved: i64,
    available: i64,
}

/// Sums the stock of each sku over all vendors.
pub async fn aggregate(
    client: &mut Client,
    args: &AggregateArgs,
    json: bool,
) -> Result<ExitCode, ClientError> {
    let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
    let mut after: Option<String> = None;
    loop {
        let query = args
            .sku
            .iter()
            .fold(Query::default(), |query, sku| query.with("sku", Some(sku)))
            .with("after", after.as_ref())
            .with("limit", Some(PAGE));
        let page = client.get(&query.after_path("/v1/stock")).await?.body;
        for row in page["items"].as_array().into_iter().flatten() {
            let units = |name: &str| row[name].as_i64().unwrap_or_default();
            let sku = row["sku"].as_str().unwrap_or_default().to_owned();
            let sum = sums.entry(sku).or_default();
            sum.vendors += 1;
            sum.on_hand += units("onHand");
            sum.reserved += units("reserved");
            sum.available += units("available");
        }
        after = page["next"].as_str().map(str::to_owned);
        if after.is_none() {
            break;
        }
    }
    print(&sums, json);
    Ok(Exit::Done.into())
}

fn print(sums: &BTreeMap<String, Sum>, json: bool) {
    if json {
        let rows = sums.iter().map(|(sku, sum)| {
            json!({"sku": sku, "vendors": sum.vendors, "onHand": sum.on_hand, "reserved": sum.reserved,
                "available": sum.available})
        });
        output::json(&json!({"items": rows.collect::<Vec<Value>>()}));
        return;
    }
    let rows: Vec<Vec<String>> = sums
        .iter()
        .map(|(sku, sum)| {
            let numbers = [sum.on_hand, sum.reserved, sum.available];
            let mut row = vec![sku.clone(), sum.vendors.to_string()];
            row.extend(numbers.map(|number| number.to_string()));
            row
        })
        .collect();
    if rows.is_empty() {
        output::line(
            "nothing is tracked here\nnext: waybill stock set SKU COUNT, or waybill vendors add",
        );
        return;
    }
    let titles = ["sku", "vendors", "on hand", "reserved", "available"];
    output::line(table(&titles, &rows));
}
