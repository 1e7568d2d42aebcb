//! The sources of settings, read before any value is checked, so that a test can pass its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::errors::ConfigErrors;
use super::file_text;
use super::role::RoleSettings;

/// The unparsed sources. The defaults and the profiles are compiled in and not part of them.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// A configuration file: its path as the operator knows it, and its text.
    pub file: Option<(PathBuf, String)>,
    /// The text of `.env` in the working folder.
    pub dotenv: Option<String>,
    pub environment: BTreeMap<String, String>,
    pub flags: Vec<Flag>,
    /// The roles that the settings may name, with their sections.
    pub roles: Vec<RoleSettings>,
}

/// A command-line flag that sets a key.
#[derive(Debug, Clone)]
pub struct Flag {
    /// As the operator wrote it: `--listen`.
    pub name: &'static str,
    /// The key it sets: `server.listen`.
    pub key: String,
    pub text: String,
}

impl Sources {
    /// Reads this process's environment, `.env` and the file: `config` if given, which must exist, else
    /// `./waybill.toml` if there is one.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn of_process(config: Option<&Path>) -> Result<Self, ConfigErrors> {
        let mut errors = ConfigErrors::default();
        let mut read = |path: &Path, required: bool| match file_text::read(path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !required => None,
            Err(error) => {
                errors.push(
                    format!("file {}", path.display()),
                    "",
                    None,
                    error.to_string(),
                );
                None
            }
        };
        let path = config.unwrap_or(Path::new("./waybill.toml"));
        let file = read(path, config.is_some()).map(|text| (path.to_owned(), text));
        let dotenv = read(Path::new(".env"), false);
        // Names and values that are not UTF-8 cannot be settings of ours.
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        errors.into_result(Self {
            file,
            dotenv,
            environment,
            flags: Vec::new(),
            roles: Vec::new(),
        })
    }

    /// For a build with these roles. Without roles, none can be named and none has settings.
    #[must_use]
    pub fn with_roles(mut self, roles: Vec<RoleSettings>) -> Self {
        self.roles = roles;
        self
    }

    /// Adds a flag; one that was not given (`None`, no values) adds nothing.
    #[must_use]
    pub fn flag(
        mut self,
        name: &'static str,
        key: impl Into<String>,
        text: impl Into<String>,
    ) -> Self {
        self.flags.push(Flag {
            name,
            key: key.into(),
            text: text.into(),
        });
        self
    }

    /// Adds a flag that may be repeated.
    #[must_use]
    pub fn flags(self, name: &'static str, key: &str, texts: &[String]) -> Self {
        if texts.is_empty() {
            self
        } else {
            self.flag(name, key, texts.join(","))
        }
    }
}
