//! Exit codes: each reason has its own.

use super::canned::Canned;
use super::typed::Person;

#[tokio::test]
async fn every_reason_to_fail_has_an_exit_code_of_its_own() {
    for (status, code) in [
        ("200 OK", 0),
        ("400 Bad Request", 4),
        ("401 Unauthorized", 4),
        ("403 Forbidden", 4),
        ("404 Not Found", 3),
        ("409 Conflict", 4),
        ("429 Too Many Requests", 5),
        ("503 Service Unavailable", 5),
    ] {
        let server = Canned::answers(status, "", r#"{"code":"c","title":"t","items":[]}"#).await;
        let told = Person::at(&server.url, "t").types(&["order", "list"]).await;
        assert_eq!(told.code, code, "{status}: {told:?}");
    }
    let person = Person::at("http://127.0.0.1:1", "t");
    for (line, code) in [
        ("order list", 5),
        ("order list --nonsense", 2),
        ("order create --sku a", 2),
        ("token --scope nonsense --profile demo", 2),
        ("order create --file missing.json", 1),
        ("config check", 6),
        ("config dump --set nonsense=1", 1),
        ("verify --data missing", 1),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let told = person.types(&words).await;
        assert_eq!(told.code, code, "{line}: {told:?}");
    }
}
