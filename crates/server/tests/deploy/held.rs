//! A transaction that another client leaves open in the database.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};

/// A `psql` in the middle of a transaction. It ends with its input, also when a test fails.
pub struct Held {
    psql: Child,
    input: ChildStdin,
    /// The process of the database that serves it.
    pub process: String,
}

impl Held {
    /// Begins a transaction that sees one moment, and runs these statements in it.
    pub fn begin(url: &str, statements: &str) -> Self {
        let mut psql = Command::new("psql")
            .args(["-XAtq", url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("psql runs");
        let mut input = psql.stdin.take().expect("piped");
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ;";
        writeln!(input, "{begin} {statements} SELECT pg_backend_pid();").expect("it reads");
        let mut process = String::new();
        let output = psql.stdout.as_mut().expect("piped");
        BufReader::new(output)
            .read_line(&mut process)
            .expect("it answers");
        let process = process.trim().to_owned();
        assert!(!process.is_empty(), "psql ended: {statements}");
        Self {
            psql,
            input,
            process,
        }
    }

    /// Rolls it back.
    pub fn end(self) {
        let Self {
            mut psql, input, ..
        } = self;
        drop(input);
        psql.wait().expect("it ends");
    }
}
