//! Sets up the logs: one event, one line.
//!
//! JSON (an object of `timestamp`, `level`, `target`, `message` and the event's own fields, all at one
//! level) or, on a terminal, lines for a person; with `log.folder` also `combined.log` and `error.log`,
//! always JSON. Lines go to stderr, because stdout belongs to what a command prints. Invariant: a line
//! break or an escape sequence in a value never becomes one in the log; secrets are of types that do not
//! show themselves. The files are opened for appending and grow until the machine's log rotation renames them; SIGHUP
//! opens them anew ([`reopen`]).

use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::Subscriber;
use tracing::field::Field;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::Registry;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;

use crate::config::{Log, LogFormat};

type AnyLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Why there are no logs.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("log.folder: cannot write {path}: {source}", path = path.display())]
    Folder {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("logs were set up before in this process")]
    Twice,
}

/// Sets up the logs of this process, once.
///
/// # Errors
/// The folder cannot be written, or logs were set up before.
pub fn install(log: &Log) -> Result<(), LogError> {
    let terminal = io::stderr().is_terminal();
    let human = match log.format {
        LogFormat::Auto => terminal,
        LogFormat::Human => true,
        LogFormat::Json => false,
    };
    let subscriber = subscriber(
        log,
        Style {
            human,
            color: terminal,
        },
        io::stderr,
    )?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::Twice)
}

#[derive(Clone, Copy)]
struct Style {
    human: bool,
    color: bool,
}

fn subscriber<W>(
    log: &Log,
    style: Style,
    writer: W,
) -> Result<impl Subscriber + Send + Sync, LogError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let level = level(log);
    let first = if style.human {
        fmt::layer()
            .with_ansi(style.color)
            .fmt_fields(debug_fn(write_field).delimited(" "))
            .with_writer(writer)
            .with_filter(ours_at(level))
            .boxed()
    } else {
        json(writer, level)
    };
    let mut layers = vec![first];
    if !log.folder.is_empty() {
        let folder = Path::new(&log.folder);
        layers.push(json(LogFile::open(folder, "combined.log")?, level));
        layers.push(json(
            LogFile::open(folder, "error.log")?,
            level.min(LevelFilter::ERROR),
        ));
    }
    Ok(tracing_subscriber::registry().with(layers))
}

fn json<W>(writer: W, level: LevelFilter) -> AnyLayer
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(writer)
        .with_filter(ours_at(level))
        .boxed()
}

/// A field for a person. The library escapes messages, but not what a field displays.
fn write_field(to: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> std::fmt::Result {
    if field.name() != "message" {
        write!(to, "{}=", field.name())?;
    }
    for c in format!("{value:?}").chars() {
        if c.is_control() {
            write!(to, "{}", c.escape_default())?;
        } else {
            to.write_char(c)?;
        }
    }
    Ok(())
}

/// Our own events at the level asked for, those of libraries only from `warn` on: at `debug` they
/// would bury ours, and may show what a client sent.
fn ours_at(level: LevelFilter) -> Targets {
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        // deadpool warns for each connection of its pool when the database is unavailable; the store logs that once.
        .with_target("deadpool", level.min(LevelFilter::ERROR))
        // lapin warns with the whole message when one is returned.
        .with_target("lapin", level.min(LevelFilter::ERROR))
        .with_target("waybill", level)
}

fn level(log: &Log) -> LevelFilter {
    log.level
        .parse()
        .expect("the settings allow the names of levels and nothing else")
}

/// The log files of this process, to be opened anew when they were renamed.
static FILES: Mutex<Vec<LogFile>> = Mutex::new(Vec::new());

/// Reopens every log file; returns their number. A line is written either into the former file or into the new one.
///
/// # Errors
/// A file cannot be opened; that one and those after it stay open as they are.
pub fn reopen() -> Result<usize, LogError> {
    let files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
    for file in files.iter() {
        file.reopen()?;
    }
    Ok(files.len())
}

/// A file that lines are appended to.
#[derive(Clone)]
struct LogFile {
    path: PathBuf,
    file: Arc<Mutex<File>>,
}

impl LogFile {
    fn open(folder: &Path, name: &str) -> Result<Self, LogError> {
        let path = folder.join(name);
        let file = std::fs::create_dir_all(folder).and_then(|()| append(&path));
        let file = file.map_err(|source| LogError::Folder {
            path: path.clone(),
            source,
        })?;
        let opened = Self {
            path,
            file: Arc::new(Mutex::new(file)),
        };
        let mut files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
        files.push(opened.clone());
        Ok(opened)
    }

    fn reopen(&self) -> Result<(), LogError> {
        let file = append(&self.path).map_err(|source| LogError::Folder {
            path: self.path.clone(),
            source,
        })?;
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = file;
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogFile {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(self.file.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The file for as long as one line is written.
struct Line<'a>(MutexGuard<'a, File>);

impl io::Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Other users of the machine cannot read it.
fn append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true).mode(0o640).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Profile, Secret, Settings};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no panic").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Lines {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().expect("no panic").clone()).expect("text")
        }
    }

    fn log(level: &str, folder: &str) -> Log {
        let mut log = Settings::of_profile(Profile::Standard).log;
        log.level = level.into();
        log.folder = folder.into();
        log
    }

    fn written(log: &Log, human: bool, write: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let style = Style {
            human,
            color: false,
        };
        let subscriber = subscriber(log, style, move || writer.clone()).expect("set up");
        tracing::subscriber::with_default(subscriber, write);
        lines.text()
    }

    #[test]
    fn a_json_line_is_one_object_with_its_fields_at_the_top() {
        let text = written(&log("info", ""), false, || {
            let _span = tracing::info_span!("batch", size = 3).entered();
            tracing::info!(
                order_id = "018f",
                attempts = 2,
                "order\n{{\"level\":\"forged\"}}"
            );
        });
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["order_id"], "018f");
        assert_eq!(line["attempts"], 2);
        assert_eq!(line["message"], "order\n{\"level\":\"forged\"}");
        assert!(line["timestamp"].is_string() && line["target"].is_string());
    }

    #[test]
    fn a_human_line_keeps_escape_sequences_harmless() {
        let text = written(
            &log("info", ""),
            true,
            || tracing::info!(sku = %"\u{1b}[31mred\nx", lines = 2, "checked\n{}", 1),
        );
        let shown = "checked\\n1 sku=\\u{1b}[31mred\\nx lines=2\n";
        assert!(text.ends_with(shown), "{text}");
    }

    #[test]
    fn the_level_is_for_us_and_libraries_speak_from_warn_on() {
        let text = written(&log("debug", ""), false, || {
            tracing::debug!("ours");
            tracing::trace!("too fine");
            tracing::debug!(target: "hyper", "theirs, fine");
            tracing::warn!(target: "hyper", "theirs, grave");
            tracing::debug!(target: "waybill_store", "the store's");
        });
        let messages: Vec<_> = text
            .lines()
            .map(|line| {
                serde_json::from_str::<serde_json::Value>(line).expect("JSON")["message"].clone()
            })
            .collect();
        assert_eq!(messages, ["ours", "theirs, grave", "the store's"]);
        assert_eq!(
            written(&log("off", ""), false, || tracing::error!("hush")),
            ""
        );
    }

    #[test]
    fn a_folder_also_gets_all_lines_and_the_errors_apart() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("logs");
        written(&log("info", path.to_str().expect("text")), true, || {
            tracing::info!("fine");
            tracing::error!("bad");
        });
        let read = |name: &str| std::fs::read_to_string(path.join(name)).expect("written");
        assert_eq!(read("combined.log").lines().count(), 2);
        assert!(read("error.log").contains("bad") && !read("error.log").contains("fine"));
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let log = log("info", file.path().to_str().expect("text"));
        let error = subscriber(
            &log,
            Style {
                human: false,
                color: false,
            },
            io::sink,
        )
        .err()
        .expect("refused");
        assert!(error.to_string().contains("combined.log"), "{error}");
    }

    #[test]
    fn settings_in_a_log_line_show_no_secret() {
        let mut settings = Settings::of_profile(Profile::Demo);
        settings.store.url = Secret::new("postgres://u:hush@h/x");
        let text = written(&log("info", ""), false, || {
            tracing::info!(?settings, "started");
        });
        assert!(
            text.contains("redacted") && !text.contains("hush") && !text.contains("your-secret")
        );
    }
}
