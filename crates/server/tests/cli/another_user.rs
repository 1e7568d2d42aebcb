//! `waybill verify` by a user who may not write the data folder, or not read it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Output;

use tempfile::TempDir;
use tokio::process::Command;
use waybill_testkit::server::Start;
use waybill_testkit::unavailable::{Unavailable, or_skip};

use super::typed::WAYBILL;

/// The user `nobody`; a number needs no entry in the list of users.
const NOBODY: u32 = 65_534;

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
}

/// A stopped store, and the program where every user may run it.
struct Place {
    folder: TempDir,
}

impl Place {
    async fn with_a_store() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let owner = fs::metadata(folder.path()).expect("it is there").uid();
        let other = "only root may run a program as another user";
        let root = (owner == 0).then_some(());
        or_skip(root.ok_or(Unavailable::new("second user", other)))?;
        let mut shop = Start::demo(WAYBILL).ready().await.expect("it starts");
        assert!(shop.stop().await.expect("it stops").success());
        let place = Self { folder };
        chmod(place.folder.path(), 0o755);
        fs::copy(WAYBILL, place.program()).expect("copied");
        chmod(&place.program(), 0o755);
        fs::create_dir(place.data()).expect("made");
        for entry in fs::read_dir(shop.data()).expect("its data") {
            let file = entry.expect("an entry").path();
            if file.is_file() {
                let name = file.file_name().expect("a name");
                fs::copy(&file, place.data().join(name)).expect("copied");
            }
        }
        Some(place)
    }

    fn program(&self) -> PathBuf {
        self.folder.path().join("waybill")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn set_modes(&self, folder: u32, file: u32) {
        for entry in fs::read_dir(self.data()).expect("its data") {
            chmod(&entry.expect("an entry").path(), file);
        }
        chmod(&self.data(), folder);
    }

    async fn verified_by_another_user(&self) -> Output {
        let mut verify = Command::new(self.program());
        verify.env_clear().current_dir("/").uid(NOBODY).gid(NOBODY);
        verify.arg("verify").arg("--data").arg(self.data());
        verify.output().await.expect("it runs")
    }
}

#[tokio::test]
async fn a_store_that_may_be_read_and_not_written_is_verified_without_writing() {
    let Some(place) = Place::with_a_store().await else {
        return;
    };
    place.set_modes(0o755, 0o644);
    let output = place.verified_by_another_user().await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(shown.contains("everything adds up"), "{shown}");
}

#[tokio::test]
async fn a_store_that_may_not_be_read_is_named_with_its_owner_and_the_way_out() {
    let Some(place) = Place::with_a_store().await else {
        return;
    };
    // What may be read of the folder and of its files; and what is named.
    let file = place.data().join("waybill.db");
    for (folder, named) in [(0o755, file), (0o700, place.data())] {
        place.set_modes(folder, 0o600);
        let output = place.verified_by_another_user().await;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let complaint = String::from_utf8_lossy(&output.stderr);
        for told in [
            &*named.to_string_lossy(),
            "run the command as root: sudo waybill",
        ] {
            assert!(complaint.contains(told), "{told}: {complaint}");
        }
    }
}
