//! The embedded store: its folder, its file, its schema.

use std::path::Path;

use waybill_store::sqlite::{Inspection, inspect};

use super::check::Check;
use crate::config::Settings;

/// The database file within the data folder.
const DATABASE: &str = "waybill.db";

/// Looks at the data folder.
pub fn look(settings: &Settings) -> Vec<Check> {
    let folder = Path::new(&settings.store.data);
    let mut checks = vec![store(folder)];
    if let Ok(Some(found)) = inspect(folder) {
        checks.push(schema(&found));
        checks.push(log(&found, u64::from(settings.store.wal_limit_mib) << 20));
    }
    checks.extend(readers(&folder.join(DATABASE)));
    checks
}

fn store(folder: &Path) -> Check {
    const NAME: &str = "store";
    match inspect(folder) {
        Ok(Some(found)) => Check::ok(
            NAME,
            format!(
                "embedded, SQLite {}, {} MiB in {}",
                found.library,
                found.database_bytes >> 20,
                folder.display()
            ),
        ),
        Ok(None) => new_one(folder),
        Err(error) => Check::bad(
            NAME,
            error.to_string(),
            "see who owns the folder and what else uses it; keep it as it is until then, or restore a backup",
        ),
    }
}

/// Whether a store could be made in this folder; there is none yet.
fn new_one(folder: &Path) -> Check {
    const NAME: &str = "store";
    let nearest = folder.ancestors().find(|f| f.exists());
    let nearest = nearest.unwrap_or(Path::new("."));
    if rustix::fs::access(nearest, rustix::fs::Access::WRITE_OK).is_ok() {
        let found = format!("embedded, none yet; will be made in {}", folder.display());
        return Check::ok(NAME, found);
    }
    let found = format!("{} may not be written", nearest.display());
    Check::bad(
        NAME,
        found,
        "give the folder to the user that runs Waybill, or choose another with --data",
    )
}

fn schema(found: &Inspection) -> Check {
    const NAME: &str = "schema";
    let Inspection { schema, known, .. } = found;
    if !found.usable {
        return Check::bad(
            NAME,
            format!("{schema}, of a newer version; this one knows up to {known}"),
            "run the newer version, or restore a backup from before it",
        );
    }
    if schema < known {
        let found = format!("{schema}; the next start copies the store and makes it {known}");
        return Check::ok(NAME, found);
    }
    Check::ok(NAME, format!("{schema}"))
}

fn log(found: &Inspection, limit_bytes: u64) -> Check {
    const NAME: &str = "log";
    if found.journal != "wal" {
        return Check::warn(
            NAME,
            format!("the journal is {}, not wal", found.journal),
            "somebody has changed it; the next start sets it back",
        );
    }
    let found_bytes = format!("write-ahead log of {} MiB", found.wal_bytes >> 20);
    if found.wal_bytes > limit_bytes {
        let advice = "something reads the database for long, a tool or a backup: end it, then the log is used up and begins anew";
        return Check::warn(NAME, found_bytes, advice);
    }
    Check::ok(NAME, found_bytes)
}

/// Checks that other users cannot read the database, because it holds names and addresses.
fn readers(database: &Path) -> Option<Check> {
    use std::os::unix::fs::PermissionsExt;
    let mode_of = |path: &Path| Some(std::fs::metadata(path).ok()?.permissions().mode() & 0o777);
    let folder = database.parent().unwrap_or(database);
    let (mode, around) = (mode_of(database)?, mode_of(folder)?);
    // A folder that others cannot enter keeps them from every file in it.
    if mode & 0o007 == 0 || around & 0o007 == 0 {
        let found = format!("database {mode:04o}, folder {around:04o}");
        return Some(Check::ok("access", found));
    }
    Some(Check::warn(
        "access",
        format!("mode {mode:04o}: every user of this machine may read names and addresses"),
        format!(
            "chmod 700 {0} && chmod 600 {0}/waybill.db*",
            folder.display()
        ),
    ))
}
