//! Orders from before metadata was checked, which strict readers of JSON cannot read.

use super::canned::Canned;
use super::typed::Person;

#[tokio::test]
async fn an_order_that_cannot_be_read_hides_no_other() {
    let page = r#"{"items":[{"id":"1","orderNumber":"WB-1","metadata":{"n":1e400}},
        {"id":"2","orderNumber":"WB-2","customer":{"id":"x\ud83d"}},{"id":"3","orderNumber":"WB-3"}],"next":null}"#;
    let server = Canned::answers("200 OK", "", page).await;
    let person = Person::at(&server.url, "t");
    let told = person.types(&["order", "list"]).await;
    assert_eq!(told.code, 0, "{told:?}");
    for number in ["WB-1", "WB-2", "WB-3", "x\\ud83d"] {
        assert!(told.out.contains(number), "{number}: {told:?}");
    }
    assert!(told.err.contains("2 values"), "{told:?}");
    let page = person.types(&["order", "list", "--json"]).await.json();
    assert_eq!(page["items"][0]["metadata"]["n"], "1e400");
    assert_eq!(page["items"].as_array().map(Vec::len), Some(3));
}
