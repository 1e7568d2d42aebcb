//! The files that secrets came from: other users of the machine must not be able to read them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::check::Check;
use crate::config::{Loaded, Origin, Sources};

/// Settings that hold a secret.
const SECRETS: [&str; 3] = ["auth.secrets", "store.url", "store.listen_url"];

/// Looks at the file and at `.env`, as far as a secret was read from them.
pub fn look(sources: &Sources, loaded: &Loaded) -> Vec<Check> {
    let given = |is: fn(&Origin) -> bool| {
        let mut origins = SECRETS.iter().filter_map(|key| loaded.origins.get(*key));
        origins.any(is)
    };
    let mut checks = vec![];
    if let Some((path, _)) = &sources.file
        && given(|origin| matches!(origin, Origin::File(_)))
    {
        checks.extend(file(path));
    }
    if sources.dotenv.is_some() && given(|origin| matches!(origin, Origin::DotEnv(_))) {
        checks.extend(file(Path::new(".env")));
    }
    checks
}

fn file(path: &Path) -> Option<Check> {
    const NAME: &str = "secrets";
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    let found = format!("{} holds a secret, mode {mode:04o}", path.display());
    if mode & 0o007 == 0 {
        return Some(Check::ok(NAME, found));
    }
    let advice = format!(
        "every user of this machine may use it: chmod o= {}, and change the secret if others have accounts here",
        path.display()
    );
    Some(Check::warn(NAME, found, advice))
}
