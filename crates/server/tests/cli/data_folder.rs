//! A data folder in which a link or folder is in the place of a file that Waybill makes.

use std::time::Duration;

use tokio::time::timeout;

use super::typed::Person;

#[tokio::test]
async fn a_lock_file_that_is_a_link_keeps_the_server_from_starting_and_its_target_is_kept() {
    let person = Person::new();
    let data = person.home().join("data");
    std::fs::create_dir(&data).expect("made");
    let precious = person.home().join("precious");
    std::fs::write(&precious, "kept").expect("written");
    std::os::unix::fs::symlink(&precious, data.join("waybill.lock")).expect("linked");
    let words = ["demo", "--listen", "127.0.0.1:0", "--data", "data"];
    let ended = timeout(Duration::from_secs(30), person.types(&words)).await;
    let told = ended.expect("it does not start");
    assert_eq!(told.code, 1, "{told:?}");
    assert!(told.err.contains("it is a symbolic link"), "{told:?}");
    assert_eq!(std::fs::read_to_string(&precious).expect("read"), "kept");
}
