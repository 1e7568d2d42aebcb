//! `waybill order create`: a small order from arguments, or any order from a file.
//!
//! Every order is sent with an idempotency key; where none is given a random one is made and shown,
//! so that a request whose answer was lost can be repeated without ordering twice.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

use bytes::Bytes;
use clap::Args;
use http::{HeaderName, HeaderValue, Method};
use serde_json::{Value, json};

use super::show;
use crate::cli::cell::Cell;
use crate::cli::load::random_key;
use crate::cli::output;
use crate::client::{Client, ClientError};

/// No order file is read beyond this; the server's own limit is lower by default.
const LONGEST_FILE_BYTES: u64 = 64 * 1024 * 1024;

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  waybill order create --sku MUG-1 --quantity 2 --price 12.90
  waybill order create --sku MUG-1 --price 12.90 --sku POT-3 --price 39.00 --customer c-17
  waybill order create --file order.json
  cat order.json | waybill order create --file - --key web-8812")]
pub struct CreateArgs {
    /// What is ordered; repeat it, with --price (and --quantity), for further lines
    #[arg(long, required_unless_present = "file")]
    pub sku: Vec<String>,
    /// Units of each line (1 when left out)
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub quantity: Vec<u32>,
    /// Unit price of each line, for example 12.90
    #[arg(long)]
    pub price: Vec<String>,
    /// ISO 4217
    #[arg(long, default_value = "EUR")]
    pub currency: String,
    /// The customer's id
    #[arg(long)]
    pub customer: Option<String>,
    /// The whole order as JSON from a file, - for standard input
    #[arg(long, conflicts_with_all = ["sku", "quantity", "price", "customer", "currency"])]
    pub file: Option<PathBuf>,
    /// The idempotency key: the same key makes the same order once
    #[arg(long)]
    pub key: Option<String>,
}

pub async fn run(
    client: &mut Client,
    args: &CreateArgs,
    json: bool,
) -> Result<ExitCode, ClientError> {
    let body = match &args.file {
        Some(file) => read_order(file)?,
        None => Bytes::from(args.order()?.to_string()),
    };
    let key = args.key.clone().unwrap_or_else(new_key);
    let value = HeaderValue::from_str(&key).map_err(|_| {
        ClientError::usage(
            format!(
                "--key {} holds characters that no header may hold",
                Cell::new(&key)
            ),
            "use letters, digits and -",
        )
    })?;
    let headers = [(HeaderName::from_static("idempotency-key"), value)];
    let answer = match client
        .send(Method::POST, "/v1/orders", Some(body), &headers)
        .await
    {
        Ok(answer) => answer,
        Err(error @ (ClientError::Timeout { .. } | ClientError::Broken { .. })) => {
            return Err(ClientError::KeyUnknown {
                key,
                source: Box::new(error),
            });
        }
        Err(error) => return Err(error),
    };
    let replayed = answer
        .headers
        .get("idempotent-replayed")
        .is_some_and(|value| value == "true");
    if json {
        // One shape: the order as `order get` prints it.
        output::json(&answer.body);
        return Ok(ExitCode::SUCCESS);
    }
    let id = answer.body["id"].as_str().unwrap_or("ID");
    let again = if replayed {
        "\nthis key was used before: it is the same order, not a new one"
    } else {
        ""
    };
    output::line(format!(
        "{}\nkey         {}{again}\nnext: waybill order watch {}",
        show::order(&answer.body),
        Cell::new(&key),
        Cell::new(id)
    ));
    Ok(ExitCode::SUCCESS)
}

impl CreateArgs {
    fn order(&self) -> Result<Value, ClientError> {
        let lines = self.sku.len();
        if self.price.len() != lines {
            return Err(ClientError::usage(
                format!("{lines} × --sku but {} × --price", self.price.len()),
                "give each sku its unit price: --sku MUG-1 --price 12.90",
            ));
        }
        if !self.quantity.is_empty() && self.quantity.len() != lines {
            return Err(ClientError::usage(
                format!("{lines} × --sku but {} × --quantity", self.quantity.len()),
                "give each sku its quantity, or none of them (then it is 1)",
            ));
        }
        let quantities = self.quantity.iter().copied().chain(std::iter::repeat(1));
        let lines: Vec<Value> = self
            .sku
            .iter()
            .zip(&self.price)
            .zip(quantities)
            .map(|((sku, price), quantity)| json!({"sku": sku, "quantity": quantity, "unitPrice": price}))
            .collect();
        let mut order = json!({"currency": self.currency, "lines": lines});
        if let Some(customer) = &self.customer {
            order["customer"] = json!({"id": customer});
        }
        Ok(order)
    }
}

/// Reads the order without checking it; the server does.
fn read_order(file: &PathBuf) -> Result<Bytes, ClientError> {
    let failed = |source| ClientError::File {
        path: file.display().to_string(),
        source,
    };
    let mut bytes = Vec::new();
    if file.as_os_str() == "-" {
        std::io::stdin()
            .lock()
            .take(LONGEST_FILE_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
    } else {
        let open = std::fs::File::open(file).map_err(failed)?;
        open.take(LONGEST_FILE_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
    }
    if bytes.len() as u64 > LONGEST_FILE_BYTES {
        return Err(failed(std::io::Error::other(format!(
            "longer than {LONGEST_FILE_BYTES} bytes"
        ))));
    }
    Ok(bytes.into())
}

/// A random key. It is not seeded, because an interactive command need not be repeatable.
fn new_key() -> String {
    let key = random_key(&mut rand::make_rng::<rand::rngs::StdRng>());
    String::from_utf8_lossy(&key).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::tests::typed;
    use super::*;
    use crate::cli::exit::Exit;
    use crate::client::fake_server::FakeAnswer;

    const CREATED: &str = r#"{"id":"018f","orderNumber":"WB-000001","status":"confirmed","currency":"EUR","total":"25.80",
        "lines":[{"id":"1","sku":"MUG-1","ordered":2,"reserved":2,"unitPrice":"12.90"}]}"#;

    #[tokio::test]
    async fn an_order_from_arguments_is_sent_with_a_key_of_its_own() {
        let words = [
            "create",
            "--sku",
            "MUG-1",
            "--quantity",
            "2",
            "--price",
            "12.90",
            "--customer",
            "c-17",
        ];
        let (outcome, asked) = typed(&words, |request| {
            let key: uuid::Uuid = request.header("idempotency-key").parse().unwrap();
            assert_eq!(key.get_version_num(), 4);
            FakeAnswer::json(201, CREATED)
        })
        .await;
        assert_eq!(outcome.unwrap(), ExitCode::SUCCESS);
        let body = asked[0].strip_prefix("POST /v1/orders ").unwrap();
        let expected = json!({"currency":"EUR","customer":{"id":"c-17"},
            "lines":[{"sku":"MUG-1","quantity":2,"unitPrice":"12.90"}]});
        assert_eq!(serde_json::from_str::<Value>(body).unwrap(), expected);
    }

    #[tokio::test]
    async fn a_file_is_sent_byte_for_byte_under_the_key_given() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("order.json");
        std::fs::write(&file, "{ \"total\": 29.70 }").unwrap();
        let words = [
            "create",
            "--file",
            file.to_str().unwrap(),
            "--key",
            "web-8812",
        ];
        let (outcome, asked) = typed(&words, |request| {
            assert_eq!(request.header("idempotency-key"), "web-8812");
            FakeAnswer::json(201, CREATED).with("idempotent-replayed", "true")
        })
        .await;
        assert_eq!(outcome.unwrap(), ExitCode::SUCCESS);
        assert_eq!(asked, ["POST /v1/orders { \"total\": 29.70 }"]);
    }

    #[tokio::test]
    async fn prices_and_quantities_must_match_the_skus() {
        for words in [
            &["create", "--sku", "A", "--sku", "B", "--price", "1"][..],
            &[
                "create",
                "--sku",
                "A",
                "--price",
                "1",
                "--quantity",
                "1",
                "--quantity",
                "2",
            ],
        ] {
            let (outcome, asked) = typed(words, |_| FakeAnswer::json(500, "")).await;
            assert_eq!(outcome.unwrap_err().exit(), Exit::Usage);
            assert!(asked.is_empty());
        }
    }
}
