//! Writes a token to a file that only its owner can read, for commands on the same machine.

use std::io::Write;
use std::path::Path;

/// In the data folder of `demo`.
pub const ADMIN_TOKEN_FILE: &str = "admin.token";

/// Writes the token with mode 0600. The file appears whole or not at all, and was never readable by
/// others, also when an older one with another mode stood in its place.
///
/// # Errors
/// The file cannot be written.
pub fn write_token_file(path: &Path, token: &str) -> std::io::Result<()> {
    let fresh = path.with_extension("token.new");
    match std::fs::remove_file(&fresh) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&fresh)?;
    writeln!(file, "{token}")?;
    drop(file);
    std::fs::rename(&fresh, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn the_file_is_readable_by_its_owner_alone_also_if_it_replaces_another() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(ADMIN_TOKEN_FILE);
        std::fs::write(&path, "old").expect("written");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).expect("set");
        write_token_file(&path, "a.b.c").expect("written");
        assert_eq!(std::fs::read_to_string(&path).expect("read"), "a.b.c\n");
        assert_eq!(
            std::fs::metadata(&path)
                .expect("there")
                .permissions()
                .mode()
                & 0o777,
            0o600
        );
    }
}
