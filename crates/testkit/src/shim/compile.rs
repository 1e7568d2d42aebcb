//! The preload libraries, compiled where and when they are needed.
//!
//! Owns the compiler's call and the place of what it makes: once per content, in the target folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

/// One library: its main source, which bears its name, and all texts it is compiled from.
pub(super) struct Library {
    pub name: &'static str,
    /// Name and text.
    pub sources: &'static [(&'static str, &'static str)],
}

impl Library {
    /// Compiles it unless this very text was compiled before; the path is absolute.
    pub fn compiled(&self) -> Result<PathBuf> {
        let folder = target_folder()?.join(format!("{}-shim-{}", self.name, self.content()));
        let library = folder.join(format!("{}.so", self.name));
        if library.exists() {
            return Ok(library);
        }
        // Tests run side by side: each compiles in a folder of its own, and the rename decides who was first.
        std::fs::create_dir_all(&folder)?;
        let own = tempfile::tempdir_in(&folder)?;
        for (name, text) in self.sources {
            std::fs::write(own.path().join(name), text)?;
        }
        let fresh = own.path().join("fresh.so");
        compile(&own.path().join(format!("{}.c", self.name)), &fresh)?;
        std::fs::rename(&fresh, &library)?;
        Ok(library)
    }

    fn content(&self) -> String {
        let mut hash = Sha256::new();
        for (name, text) in self.sources {
            hash.update(name);
            hash.update(text);
        }
        let hash = hash.finalize();
        let bytes = hash.iter().take(8);
        bytes.fold(String::new(), |s, byte| format!("{s}{byte:02x}"))
    }
}

fn compile(source: &Path, library: &Path) -> Result<()> {
    let output = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()))
        .args(["-std=gnu11", "-O2", "-Wall", "-Wextra"])
        .args(["-fPIC", "-shared", "-fvisibility=hidden", "-o"])
        .arg(library)
        .arg(source)
        .arg("-lpthread")
        .output()
        .context("the tests with a disk or a clock of their own need a C compiler: install `cc` or name one in CC")?;
    ensure!(
        output.status.success(),
        "{} does not compile:\n{}",
        source.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// The folder that cargo builds into: test programs run from `<target>/<profile>/deps`.
fn target_folder() -> Result<PathBuf> {
    let program = std::env::current_exe()?.canonicalize()?;
    let folder = program
        .ancestors()
        .find(|p| p.ends_with("deps"))
        .and_then(Path::parent)
        .or(program.parent());
    Ok(folder
        .context("the test program has no folder")?
        .to_path_buf())
}
