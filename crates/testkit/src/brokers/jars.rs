//! Programs that come as jars.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

/// The class path of a program: every jar of its folder.
pub fn class_path(program: &str) -> Result<OsString> {
    let folder = cache()?.join("jars").join(program);
    if !folder.is_dir() {
        bail!(
            "its jars are not in {}; scripts/test fetches them with Maven",
            folder.display()
        );
    }
    let mut path = OsString::from(folder);
    path.push("/*");
    Ok(path)
}

/// The Java that is in the PATH.
pub fn java() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut candidates = std::env::split_paths(&path).map(|folder| folder.join("java"));
    candidates.find(|program| program.exists()).context(
        "there is no `java` in the PATH; on Debian: apt-get install openjdk-17-jre-headless",
    )
}

fn cache() -> Result<PathBuf> {
    if let Some(cache) = std::env::var_os("WAYBILL_CACHE") {
        return Ok(cache.into());
    }
    let home = std::env::var_os("HOME").context("neither WAYBILL_CACHE nor HOME is set")?;
    Ok(PathBuf::from(home).join(".cache/waybill"))
}
