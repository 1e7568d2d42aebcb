//! `waybill order explain`: what an order waits for, until when, and what may be done.

use std::process::ExitCode;

use serde_json::Value;

use crate::cli::output::{self, plain};
use crate::client::{Client, ClientError};

/// # Errors
/// What kept the command from being done.
pub async fn run(client: &mut Client, path: &str, json: bool) -> Result<ExitCode, ClientError> {
    let explanation = client.get(&format!("{path}/explain")).await?.body;
    if json {
        output::json(&explanation);
    } else {
        output::line(shown(&explanation));
    }
    Ok(ExitCode::SUCCESS)
}

fn shown(explanation: &Value) -> String {
    let mut text = format!(
        "{}\nsince       {}",
        plain(&explanation["summary"]),
        plain(&explanation["since"])
    );
    let reasons = explanation["waitsFor"].as_array();
    for reason in reasons.into_iter().flatten() {
        let kind = plain(&reason["kind"]);
        text.push_str(&format!("\n\n{kind:12}{}", plain(&reason["detail"])));
        if !reason["until"].is_null() {
            text.push_str(&format!("\n{:12}until {}", "", plain(&reason["until"])));
        }
        let advice = plain(&reason["advice"]);
        if !advice.is_empty() {
            text.push_str(&format!("\n{:12}{advice}", ""));
        }
    }
    let actions = explanation["actions"].as_array();
    let actions: Vec<String> = actions.into_iter().flatten().map(plain).collect();
    if !actions.is_empty() {
        text.push_str(&format!("\n\nyou may     {}", actions.join(", ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_reason_stands_with_its_time_and_what_to_do() {
        let explanation = json!({
            "summary": "The order is backordered: 3 of MUG-1 (line 1) have no source yet.",
            "since": "2026-05-04T10:00:00Z",
            "waitsFor": [{
                "kind": "stock",
                "detail": "3 of MUG-1 (line 1) have no source yet",
                "until": "2026-06-01T00:00:00Z",
                "advice": "add stock",
            }],
            "nextAt": "2026-06-01T00:00:00Z",
            "actions": ["cancel", "cancel_line"],
        });
        let lines: Vec<String> = shown(&explanation).lines().map(str::to_owned).collect();
        assert_eq!(
            lines,
            [
                "The order is backordered: 3 of MUG-1 (line 1) have no source yet.",
                "since       2026-05-04T10:00:00Z",
                "",
                "stock       3 of MUG-1 (line 1) have no source yet",
                "            until 2026-06-01T00:00:00Z",
                "            add stock",
                "",
                "you may     cancel, cancel_line",
            ]
        );
    }
}
