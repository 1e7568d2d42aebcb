//! The tables of `docs/events.md`, between `<!-- table: NAME -->` and `<!-- end -->`.

use std::fmt::Write;

use waybill_broker::message::Topic;

use crate::document::{self, SHAPES};
use crate::samples::Form;
use crate::words;

/// The page with each of its tables made anew.
pub fn with_tables(page: &str) -> String {
    let mut out = String::new();
    let mut rest = page;
    while let Some((before, after)) = rest.split_once("<!-- table: ") {
        let (name, after) = after.split_once(" -->").expect("the name of a table ends");
        let (_, after) = after.split_once("<!-- end -->").expect("a table ends");
        let _ = write!(
            out,
            "{before}<!-- table: {name} -->\n{}<!-- end -->",
            table(name)
        );
        rest = after;
    }
    out + rest
}

fn table(name: &str) -> String {
    match name {
        "topics" => topics(),
        "types" => types(),
        "attributes" => attributes(),
        other => panic!("there is no table {other}"),
    }
}

fn topics() -> String {
    let mut out = String::from("| events | Kafka | RabbitMQ | SQS |\n|---|---|---|---|\n");
    for topic in Topic::ALL {
        let mut events: Vec<String> = Form::ALL
            .iter()
            .filter(|form| Topic::of(form.aggregate()) == topic)
            .map(|form| format!("`{}.*`", form.aggregate()))
            .collect();
        events.dedup();
        let _ = write!(out, "| {} |", events.join(", "));
        for (broker, _) in SHAPES {
            let _ = write!(out, " `{}` |", document::address(broker, topic));
        }
        out.push('\n');
    }
    out
}

fn types() -> String {
    let mut out = String::from("| `data` | types |\n|---|---|\n");
    for form in Form::ALL {
        let kinds: Vec<String> = form.kinds().map(|kind| format!("`{kind}`")).collect();
        let _ = writeln!(out, "| `{}` | {} |", form.name(), kinds.join(", "));
    }
    out
}

fn attributes() -> String {
    let mut out = String::from("| attribute | what it says |\n|---|---|\n");
    for (name, text) in words::ATTRIBUTES {
        let _ = writeln!(out, "| `{name}` | {text} |");
    }
    out
}
