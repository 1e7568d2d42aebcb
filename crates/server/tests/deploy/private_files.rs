//! Addresses stand in a data folder: what Waybill makes is its owner's alone, and `doctor` says so when it is not. What
//! cannot be read is named, with its owner and the way out.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use waybill_testkit::server::{Start, Waybill};

use super::WAYBILL;

fn mode(path: &Path) -> u32 {
    let found = std::fs::metadata(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    found.permissions().mode() & 0o777
}

async fn said(app: &Waybill, words: &[&str]) -> String {
    let mut command = app.command(words[0]);
    let output = command.args(&words[1..]).output().await.expect("it runs");
    let (out, err) = (output.stdout, output.stderr);
    String::from_utf8_lossy(&[out, err].concat()).into_owned()
}

#[tokio::test]
async fn a_data_folder_that_waybill_makes_is_its_owners_alone_and_doctor_reports_one_that_is_not() {
    let mut app = Start::demo(WAYBILL).prepared().expect("a folder");
    // A folder of a name that is not there, also two levels deep.
    let data = app.home().join("made/by-waybill");
    let folder = data.to_str().expect("text").to_owned();
    let migrated = said(&app, &["migrate", "--data", &folder]).await;
    assert!(data.join("waybill.db").exists(), "{migrated}");
    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(&data.join("waybill.db")), 0o600);

    app.start().await.expect("ready");
    app.seed("MUG-1", 1).await.expect("counted");
    for name in ["waybill.db", "waybill.db-wal", "waybill.db-shm"] {
        assert_eq!(mode(&app.data().join(name)), 0o600, "{name}");
    }

    let doctor = ["doctor", "--profile", "demo", "--data", &folder];
    let fine = said(&app, &doctor).await;
    assert!(fine.contains("ok    access"), "{fine}");
    std::fs::set_permissions(&data, Permissions::from_mode(0o755)).expect("ours");
    let database = data.join("waybill.db");
    std::fs::set_permissions(&database, Permissions::from_mode(0o644)).expect("ours");
    let open = said(&app, &doctor).await;
    let advice = format!("chmod 700 {folder} && chmod 600 {folder}/waybill.db*");
    assert!(
        open.contains("warn  access") && open.contains(&advice),
        "{open}"
    );
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named_with_its_owner_and_the_way_out() {
    let app = Start::demo(WAYBILL).prepared().expect("a folder");
    let data = app.home().join("other");
    std::fs::create_dir(&data).expect("a folder");
    let file = data.join("waybill.db");
    std::fs::write(
        &file,
        "no database at all, but long enough to be read as one".repeat(20),
    )
    .expect("written");
    let folder = data.to_str().expect("text");
    for command in ["verify", "status"] {
        let told = said(&app, &[command, "--data", folder]).await;
        for word in [
            file.to_str().expect("text"),
            "belongs to",
            "no SQLite database",
            "--data",
        ] {
            assert!(told.contains(word), "{command}: {told}");
        }
    }
}
