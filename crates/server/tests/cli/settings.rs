//! The file `.env` in the folder in which a command is typed.

use super::typed::Person;

#[tokio::test]
async fn an_env_file_with_a_byte_order_mark_counts_from_its_first_line() {
    let person = Person::new();
    let file = person.home().join(".env");
    std::fs::write(&file, "\u{feff}LOG_LEVEL=error\nPORT=4711\n").expect("written");
    let settings = person.types(&["config", "dump", "--json"]).await.json();
    assert_eq!(settings["log.level"]["value"], "error");
    assert!(
        settings["server.listen"].to_string().contains("4711"),
        "{settings}"
    );
}

#[tokio::test]
async fn an_odd_name_in_an_env_file_is_an_error_that_names_its_line() {
    let person = Person::new();
    let file = person.home().join(".env");
    std::fs::write(
        &file,
        "PORT=4711\nDATABASE\u{200b}_URL=postgres://hush@h/x\n",
    )
    .expect("written");
    let told = person.types(&["config", "dump"]).await;
    assert_eq!(told.code, 1, "{told:?}");
    assert!(
        told.err.contains(".env line 2") && !told.err.contains("hush"),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_settings_file_that_is_no_bounded_text_is_refused_at_once() {
    let person = Person::new();
    let told = person
        .types(&["config", "dump", "--config", "/dev/zero"])
        .await;
    assert_eq!(told.code, 1, "{told:?}");
    assert!(told.err.contains("no regular file"), "{told:?}");
    let file = person.home().join(".env");
    std::fs::write(&file, "PORT=4711\nLOG_LEVEL=in\0fo\n").expect("written");
    let told = person.types(&["config", "dump"]).await;
    assert_eq!(told.code, 1, "{told:?}");
    assert!(told.err.contains("line 2 has a NUL byte"), "{told:?}");
}

#[tokio::test]
async fn a_relay_without_a_broker_is_refused_with_what_to_do() {
    let person = Person::new();
    for command in [&["serve"][..], &["config", "check"]] {
        let flags = ["--profile", "demo", "--roles", "api,relay"];
        let told = person.types(&[command, &flags].concat()).await;
        assert_ne!(told.code, 0, "{told:?}");
        let all = format!("{}{}", told.out, told.err);
        assert!(
            all.contains("roles = relay") && all.contains("choose one with WAYBILL_BROKER"),
            "{told:?}"
        );
    }
    assert!(
        !person.home().join("waybill-data").exists(),
        "nothing was opened"
    );
}
