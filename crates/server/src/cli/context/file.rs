//! The file of contexts: server addresses and tokens of one user.
//!
//! It lies in the user's configuration folder (`$XDG_CONFIG_HOME/waybill/contexts.toml`, by default below
//! `~/.config`). Invariants: only its owner may read it, or it is not read; it is replaced as a whole, so a reader
//! never sees half of it; the tokens in it are never printed.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::client::ClientError;
use crate::config::Secret;

/// A longer file is refused.
const LONGEST_FILE_BYTES: u64 = 1024 * 1024;
const LONGEST_NAME_BYTES: usize = 64;

/// All contexts of a user.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Contexts {
    /// The one that is used where a command names none.
    pub current: Option<String>,
    #[serde(default)]
    contexts: BTreeMap<String, Context>,
}

/// A server, and the token for it.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    pub url: String,
    #[serde(serialize_with = "in_clear")]
    pub token: Option<Secret>,
}

/// The file is where the token is kept, so there it is not redacted.
#[expect(clippy::ref_option, reason = "the signature serde asks for")]
fn in_clear<S: serde::Serializer>(
    token: &Option<Secret>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    token.as_ref().map(Secret::expose).serialize(serializer)
}

impl Contexts {
    /// Reads the file; one that does not exist holds no context.
    ///
    /// # Errors
    /// It cannot be read, others may read it, or it is not such a file.
    pub fn load() -> Result<Self, ClientError> {
        match path() {
            Some(path) => Self::read(&path),
            None => Ok(Self::default()),
        }
    }

    fn read(path: &Path) -> Result<Self, ClientError> {
        let meta = match std::fs::metadata(path) {
            Ok(meta) => meta,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(wrong(path, error.to_string())),
        };
        let mode = meta.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let why = format!(
                "others may read or write it (mode {mode:03o}), and it holds tokens: chmod 600 it, and make new tokens if somebody could have read it"
            );
            return Err(wrong(path, why));
        }
        if meta.len() > LONGEST_FILE_BYTES {
            return Err(wrong(
                path,
                format!("longer than {LONGEST_FILE_BYTES} bytes"),
            ));
        }
        let text = std::fs::read_to_string(path).map_err(|error| wrong(path, error.to_string()))?;
        // The parser's own message would show the line, and with it a token.
        toml::from_str(&text)
            .map_err(|error| wrong(path, format!("not understood: {}", error.message())))
    }

    /// Writes the file anew.
    ///
    /// # Errors
    /// There is no place for it, or it cannot be written.
    pub fn save(&self) -> Result<(), ClientError> {
        let path = path().ok_or_else(|| {
            ClientError::usage(
                "there is no place for the contexts: neither XDG_CONFIG_HOME nor HOME is set",
                "set HOME, or give --url and --token with each command",
            )
        })?;
        let text = toml::to_string(self).map_err(|error| wrong(&path, error.to_string()))?;
        replace(&path, text.as_bytes()).map_err(|error| wrong(&path, error.to_string()))
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.contexts.keys().map(String::as_str)
    }

    pub fn all(&self) -> impl Iterator<Item = (&str, &Context)> {
        self.contexts
            .iter()
            .map(|(name, context)| (&**name, context))
    }

    /// The context of this name.
    ///
    /// # Errors
    /// There is none; the message says which there are.
    pub fn named(&self, name: &str) -> Result<&Context, ClientError> {
        self.contexts.get(name).ok_or_else(|| {
            let names: Vec<&str> = self.names().collect();
            let fix = if names.is_empty() {
                format!("there are none; waybill context set {name} --url URL makes it")
            } else {
                format!("there are: {}", names.join(", "))
            };
            let name = name.to_owned();
            ClientError::NoContext { name, fix }
        })
    }

    /// Puts a context in; the first one is used from then on.
    ///
    /// # Errors
    /// It cannot have that name.
    pub fn put(&mut self, name: &str, context: Context) -> Result<(), ClientError> {
        let fits = (1..=LONGEST_NAME_BYTES).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        if !fits {
            return Err(ClientError::usage(
                "a context cannot have this name",
                format!("use letters, digits, ., _ and -, {LONGEST_NAME_BYTES} at most"),
            ));
        }
        self.contexts.insert(name.to_owned(), context);
        self.current.get_or_insert_with(|| name.to_owned());
        Ok(())
    }

    /// Takes a context out.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn remove(&mut self, name: &str) -> Result<(), ClientError> {
        self.named(name)?;
        self.contexts.remove(name);
        self.current.take_if(|current| current == name);
        Ok(())
    }
}

fn wrong(path: &Path, why: String) -> ClientError {
    ClientError::Contexts {
        path: path.display().to_string(),
        why,
    }
}

/// Where the file lies; `None` where the user has no folder. A relative `XDG_CONFIG_HOME` is ignored, as its
/// specification says.
fn path() -> Option<PathBuf> {
    let folder = |name: &str| {
        let folder = PathBuf::from(std::env::var_os(name)?);
        folder.is_absolute().then_some(folder)
    };
    let folder =
        folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")))?;
    Some(folder.join("waybill").join("contexts.toml"))
}

/// Writes beside the file and renames, so that it is there as a whole or as it was.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let beside = folder.join(format!(".contexts.{}.new", std::process::id()));
    let written = write_new(&beside, bytes).and_then(|()| std::fs::rename(&beside, path));
    if written.is_err() {
        // A leftover temporary file would hold tokens.
        let _ = std::fs::remove_file(&beside);
    }
    written
}

fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
