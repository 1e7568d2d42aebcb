//! Reads a file of settings: text of a regular file, of a bounded size.
//!
//! Devices and pipes are refused, because reading one may never end; a NUL shows that a file is not text.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

/// The largest file of settings; the compiled-in one, with every key and its meaning, has a fortieth of it.
const LONGEST_BYTES: u64 = 1 << 20;

/// Reads the file; a link to a regular file is one.
///
/// # Errors
/// It cannot be read, is no regular file, is longer than 1 MiB, or is not UTF-8 text without NUL.
pub fn read(path: &Path) -> io::Result<String> {
    let wrong = |why: String| Err(io::Error::new(io::ErrorKind::InvalidData, why));
    // Without O_NONBLOCK opening a named pipe waits for a writer.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return wrong("it is no regular file".into());
    }
    let mut text = String::new();
    file.take(LONGEST_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST_BYTES {
        return wrong(format!("it is longer than {LONGEST_BYTES} bytes"));
    }
    if let Some(at) = text.find('\0') {
        let line = text[..at].matches('\n').count() + 1;
        return wrong(format!("line {line} has a NUL byte; it is no text"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bounded_text_of_a_regular_file_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("waybill.toml");
        let told = |path: &Path| read(path).map_err(|error| error.to_string());
        std::fs::write(&path, "a = 1\n").expect("written");
        assert_eq!(told(&path), Ok("a = 1\n".into()));
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).expect("linked");
        assert_eq!(told(&link), Ok("a = 1\n".into()));
        for (content, why) in [
            ("a = 1\nb = \0\n".to_owned(), "line 2 has a NUL byte"),
            ("#".repeat((1 << 20) + 1), "longer than 1048576 bytes"),
        ] {
            std::fs::write(&path, content).expect("written");
            let refused = told(&path).expect_err("refused");
            assert!(refused.contains(why), "{refused}");
        }
        let pipe = folder.path().join("pipe");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, mode).expect("a pipe");
        for path in [Path::new("/dev/zero"), &pipe, folder.path()] {
            assert_eq!(told(path), Err("it is no regular file".into()));
        }
    }
}
