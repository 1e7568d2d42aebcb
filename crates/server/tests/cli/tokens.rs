//! `waybill token`: it signs nothing that a server refuses.

use serde_json::json;
use waybill_testkit::token;

use super::typed::Person;

#[tokio::test]
async fn what_a_server_would_refuse_is_not_signed() {
    let person = Person::new();
    let make = ["token", "--profile", "demo", "--scope", "order:read"];
    let long = "s".repeat(3_000);
    for (flag, text, why) in [
        (
            "--subject",
            "",
            "the subject must be a name of 1 to 128 bytes",
        ),
        (
            "--subject",
            &long,
            "the subject must be a name of 1 to 128 bytes",
        ),
        (
            "--tenant",
            "a\nb",
            "the tenant must be a name of 1 to 128 bytes",
        ),
        ("--scope", "order:fly", "order:fly"),
    ] {
        let told = person.types(&[&make[..], &[flag, text]].concat()).await;
        assert_eq!(told.code, 2, "{told:?}");
        assert!(told.out.is_empty() && told.err.contains(why), "{told:?}");
    }
    assert_eq!(person.types(&make).await.code, 0);
}

#[tokio::test]
async fn an_expiry_beyond_the_calendar_is_shown_as_the_number_that_it_is() {
    for exp in [json!(253_402_300_799_u64), json!(1e30)] {
        let made = token::sign(
            &json!({"alg": "HS256", "typ": "JWT"}),
            &json!({"sub": "a", "exp": exp}),
            token::DEMO_SECRET.as_bytes(),
        );
        let person = Person::new().with("WAYBILL_TOKEN", &made);
        let told = person.types(&["token", "inspect"]).await;
        let shown = told.out.lines().find(|line| line.starts_with("exp "));
        let words = shown.expect("the claim").split_whitespace().count();
        assert_eq!(words, 2, "the number and no time: {told:?}");
    }
}
