//! Tokens that must be refused, each with its reason, and tokens that must be accepted.

use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};

use super::*;
use crate::auth::MintError;
use crate::auth::{NewToken, Scope, Scopes, mint};
use crate::clock::MICROS_PER_SECOND;
use crate::config::{Millis, Profile, Secret, Settings, SigningSecret};

const NOW_S: i64 = 1_780_000_000;
const NOW: i64 = NOW_S * MICROS_PER_SECOND;
const KEY: &str = "0123456789abcdef0123456789abcdef";
const OTHER: &str = "fedcba9876543210fedcba9876543210";

fn auth(strict: bool) -> Auth {
    let secret = |kid: &str, secret: &str| SigningSecret {
        kid: kid.into(),
        secret: Secret::new(secret),
    };
    let mut auth = Settings::of_profile(Profile::Standard).auth;
    auth.strict_claims = strict;
    auth.secrets = vec![secret("new", KEY), secret("old", OTHER)];
    auth
}

fn claims() -> Value {
    json!({ "iss": "order-processing-system", "aud": "order-api", "clientId": "shop", "tenant": "acme",
            "scope": "order:create order:read", "iat": NOW_S - 10, "exp": NOW_S + 600 })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().expect("an object").remove(name);
    claims
}

/// A token of any header and payload, signed with HS256 also if the header names another algorithm.
fn sign(header: &str, payload: &str, key: &str) -> String {
    let message = format!(
        "{}.{}",
        base64(header.as_bytes()),
        base64(payload.as_bytes())
    );
    let key = EncodingKey::from_secret(key.as_bytes());
    let signature =
        jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).expect("signed");
    format!("{message}.{signature}")
}

fn token(claims: &Value) -> String {
    sign(r#"{"alg":"HS256","typ":"JWT"}"#, &claims.to_string(), KEY)
}

/// RFC 4648 section 5, without padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk
            .iter()
            .fold(0u32, |group, byte| group << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            text.push(char::from(
                ALPHABET[(group >> (18 - 6 * place) & 63) as usize],
            ));
        }
    }
    text
}

fn strict(token: &str) -> Result<Arc<Identity>, TokenError> {
    Verifier::new(&auth(true)).verify(token, NOW)
}

fn lax(token: &str) -> Result<Arc<Identity>, TokenError> {
    Verifier::new(&auth(false)).verify(token, NOW)
}

fn refused(token: &str) -> TokenError {
    let (strict, lax) = (
        strict(token).expect_err("refused"),
        lax(token).expect_err("refused"),
    );
    assert_eq!(strict, lax, "laxness forgives missing claims only");
    strict
}

#[test]
fn a_good_token_gives_subject_tenant_and_scopes() {
    let identity = strict(&token(&claims())).expect("accepted");
    assert_eq!(
        (identity.subject.as_str(), identity.tenant.as_str()),
        ("shop", "acme")
    );
    assert!(identity.may(Scope::OrderCreate) && !identity.may(Scope::OrderCancel));
    assert_eq!(
        strict(&token(&without("tenant"))).expect("accepted").tenant,
        "default"
    );
}

#[test]
fn the_subject_is_the_first_of_client_id_sub_user_id_and_id() {
    let named = json!({ "id": "d", "userId": 7, "sub": "b", "clientId": "a" });
    let subject = |without: &[&str]| {
        let mut claims = named.clone();
        without.iter().for_each(|name| {
            claims.as_object_mut().expect("an object").remove(*name);
        });
        lax(&token(&claims)).map(|identity| identity.subject.clone())
    };
    assert_eq!(subject(&[]).as_deref(), Ok("a"));
    assert_eq!(subject(&["clientId"]).as_deref(), Ok("b"));
    assert_eq!(subject(&["clientId", "sub"]).as_deref(), Ok("7"));
    assert_eq!(subject(&["clientId", "sub", "userId"]).as_deref(), Ok("d"));
    assert_eq!(
        subject(&["clientId", "sub", "userId", "id"]),
        Err(TokenError::MissingClaim("sub"))
    );
}

#[test]
fn a_bare_token_of_an_old_script_may_do_what_old_scripts_do_where_that_is_allowed() {
    let bare = token(&json!({ "sub": "user-123", "iat": 1_763_247_479 }));
    let identity = lax(&bare).expect("accepted");
    assert_eq!(identity.scopes, Scopes::WITHOUT_CLAIM);
    assert_eq!(identity.until_micros, i64::MAX, "it has no end");
    assert_eq!(strict(&bare), Err(TokenError::MissingClaim("exp")));
}

#[test]
fn each_missing_claim_is_named_when_claims_are_strict() {
    for name in ["exp", "iss", "aud", "scope"] {
        assert_eq!(
            strict(&token(&without(name))),
            Err(TokenError::MissingClaim(name))
        );
        assert!(lax(&token(&without(name))).is_ok(), "{name}");
    }
}

#[test]
fn a_claim_that_is_present_must_be_right_even_when_it_may_be_missing() {
    assert_eq!(
        refused(&token(&with("iss", json!("someone")))),
        TokenError::WrongIssuer
    );
    assert_eq!(
        refused(&token(&with("aud", json!("other-api")))),
        TokenError::WrongAudience
    );
    assert_eq!(
        refused(&token(&with("aud", json!(["a", "b"])))),
        TokenError::WrongAudience
    );
    assert_eq!(
        refused(&token(&with("aud", json!([])))),
        TokenError::WrongAudience
    );
    assert!(strict(&token(&with("aud", json!(["a", "order-api"])))).is_ok());
    let malformed = [
        ("exp", json!(null)),
        ("exp", json!((NOW_S + 600).to_string())),
        ("exp", json!(-1)),
        ("exp", json!(1e300)),
        ("exp", json!(u64::MAX)),
        ("exp", json!(NOW_S * 1_000_000)),
        ("exp", json!([NOW_S + 600])),
        ("nbf", json!("now")),
        ("iat", json!({})),
        ("iss", json!(1)),
        ("aud", json!([1])),
        ("aud", json!({ "order-api": true })),
        ("scope", json!(["order:read"])),
        ("clientId", json!("")),
        ("clientId", json!("a\nb")),
        ("sub", json!("x".repeat(129))),
        ("userId", json!(-1)),
        ("tenant", json!("")),
        ("tenant", json!(null)),
    ];
    for (name, value) in malformed {
        assert_eq!(
            refused(&token(&with(name, value.clone()))),
            TokenError::Malformed,
            "{name} {value}"
        );
    }
}

#[test]
fn times_are_held_against_our_clock_with_little_skew() {
    assert_eq!(
        refused(&token(&with("exp", json!(NOW_S - 31)))),
        TokenError::Expired
    );
    assert_eq!(refused(&token(&with("exp", json!(0)))), TokenError::Expired);
    assert!(strict(&token(&with("exp", json!(NOW_S - 29)))).is_ok());
    assert!(strict(&token(&with("exp", json!(NOW_S as f64 + 0.5)))).is_ok());
    assert_eq!(
        refused(&token(&with("nbf", json!(NOW_S + 31)))),
        TokenError::NotYetValid
    );
    assert_eq!(
        refused(&token(&with("iat", json!(NOW_S + 31)))),
        TokenError::NotYetValid
    );
}

#[test]
fn an_expired_token_is_refused_though_it_was_remembered() {
    let verifier = Verifier::new(&auth(true));
    let token = token(&claims());
    assert!(verifier.verify(&token, NOW).is_ok());
    assert!(
        verifier
            .verify(&token, NOW + 629 * MICROS_PER_SECOND)
            .is_ok()
    );
    assert_eq!(
        verifier.verify(&token, NOW + 630 * MICROS_PER_SECOND),
        Err(TokenError::Expired)
    );
}

#[test]
fn only_hs256_is_taken_also_if_the_header_names_another() {
    for alg in [
        "none", "None", "NONE", "nOnE", "HS384", "HS512", "RS256", "ES256", "EdDSA", "hs256", "",
    ] {
        let header = json!({ "alg": alg, "typ": "JWT" }).to_string();
        assert_eq!(
            refused(&sign(&header, &claims().to_string(), KEY)),
            TokenError::Malformed,
            "{alg}"
        );
    }
    let unsigned = format!(
        "{}.{}.",
        base64(br#"{"alg":"none"}"#),
        base64(claims().to_string().as_bytes())
    );
    assert_eq!(refused(&unsigned), TokenError::Malformed);
    assert_eq!(
        refused(&sign(r#"{"typ":"JWT"}"#, &claims().to_string(), KEY)),
        TokenError::Malformed
    );
}

#[test]
fn a_header_that_demands_more_or_is_of_another_kind_is_refused() {
    for header in [
        r#"{"alg":"HS256","crit":["exp"],"exp":1}"#,
        r#"{"alg":"HS256","crit":[]}"#,
        r#"{"alg":"HS256","typ":"refresh+jwt"}"#,
        r#"{"alg":"HS256","alg":"none"}"#,
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"alg":"HS256","kid":"new","kid":"old"}"#,
        r#"{"alg":"HS256","kid":7}"#,
    ] {
        assert_eq!(
            refused(&sign(header, &claims().to_string(), KEY)),
            TokenError::Malformed,
            "{header}"
        );
    }
    assert!(
        strict(&sign(
            r#"{"alg":"HS256","typ":"at+jwt"}"#,
            &claims().to_string(),
            KEY
        ))
        .is_ok()
    );
    assert!(strict(&sign(r#"{"alg":"HS256"}"#, &claims().to_string(), KEY)).is_ok());
}

#[test]
fn a_claim_that_stands_twice_is_refused() {
    let whole = claims().to_string();
    let twice = whole.replacen('{', r#"{"tenant":"other","#, 1);
    assert_eq!(
        refused(&sign(r#"{"alg":"HS256"}"#, &twice, KEY)),
        TokenError::Malformed
    );
}

#[test]
fn a_wrong_key_and_a_changed_token_are_refused() {
    let header = r#"{"alg":"HS256"}"#;
    let wrong = sign(
        header,
        &claims().to_string(),
        "another secret that is not configured",
    );
    assert_eq!(refused(&wrong), TokenError::BadSignature);
    assert_eq!(
        refused(&sign(header, &claims().to_string(), "")),
        TokenError::BadSignature
    );
    let good = token(&claims());
    let (message, signature) = good.rsplit_once('.').expect("three parts");
    let (head, _) = message.split_once('.').expect("two parts");
    let forged = base64(with("tenant", json!("victim")).to_string().as_bytes());
    assert_eq!(
        refused(&format!("{head}.{forged}.{signature}")),
        TokenError::BadSignature
    );
    assert_eq!(refused(&format!("{message}.")), TokenError::BadSignature);
    assert_eq!(
        refused(&format!("{message}.{}", &signature[..40])),
        TokenError::BadSignature
    );
}

#[test]
fn a_kid_is_looked_up_exactly() {
    let signed = |kid: &str, key: &str| {
        sign(
            &json!({ "alg": "HS256", "kid": kid }).to_string(),
            &claims().to_string(),
            key,
        )
    };
    assert!(strict(&signed("new", KEY)).is_ok());
    assert!(strict(&signed("old", OTHER)).is_ok());
    assert_eq!(refused(&signed("new", OTHER)), TokenError::BadSignature);
    for kid in [
        "retired",
        "",
        "NEW",
        "new ",
        "../../dev/null",
        "/etc/passwd",
        "new' OR '1'='1",
        "new\u{0}",
    ] {
        assert_eq!(refused(&signed(kid, KEY)), TokenError::UnknownKey, "{kid}");
    }
}

#[test]
fn a_token_without_a_kid_may_be_of_any_secret_in_use() {
    assert!(strict(&sign(r#"{"alg":"HS256"}"#, &claims().to_string(), OTHER)).is_ok());
    let mut none = auth(true);
    none.secrets.clear();
    assert_eq!(
        Verifier::new(&none).verify(&token(&claims()), NOW),
        Err(TokenError::UnknownKey)
    );
}

#[test]
fn what_is_no_token_is_malformed() {
    let good = token(&claims());
    let (message, signature) = good.rsplit_once('.').expect("three parts");
    let padded = format!("{message}.{signature}=");
    let standard = format!("{}.{signature}", message.replacen("ey", "e+", 1));
    let broken = sign(r#"{"alg":"HS256"}"#, "{", KEY);
    let list = sign(r#"{"alg":"HS256"}"#, "[]", KEY);
    let cases = [
        ".",
        "..",
        "...",
        "a",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        "\u{fc}.\u{fc}.\u{fc}",
    ];
    for text in
        cases
            .into_iter()
            .chain([&padded[..], &standard, &broken, &list, &format!("{good}.x")])
    {
        assert_eq!(refused(text), TokenError::Malformed, "{text}");
    }
    assert_eq!(refused(""), TokenError::Missing);
}

#[test]
fn a_huge_token_is_refused_unread() {
    let huge = token(&with("sub", json!("x".repeat(9_000))));
    assert_eq!(refused(&huge), TokenError::TooLarge { limit: 8_192 });
}

#[test]
fn the_scheme_is_bearer_in_any_case() {
    assert_eq!(bearer("Bearer a.b.c"), Some("a.b.c"));
    assert_eq!(bearer("bEARER  a.b.c "), Some("a.b.c"));
    for header in ["", "Bearer", "Bearer ", "Basic a", "a.b.c", "Bearera.b.c"] {
        assert_eq!(bearer(header), None, "{header}");
    }
}

#[test]
fn a_minted_token_is_accepted_until_it_ends() {
    let auth = auth(true);
    let scopes = Scopes::of_claim("admin");
    let new = NewToken {
        subject: "ops",
        tenant: "acme",
        scopes,
        lifetime: Millis::new(3_600_000),
    };
    let minted = mint(&auth, &new, NOW).expect("there is a secret");
    let verifier = Verifier::new(&auth);
    let identity = verifier.verify(&minted, NOW).expect("accepted");
    assert_eq!(
        *identity,
        Identity {
            subject: "ops".into(),
            tenant: "acme".into(),
            scopes,
            until_micros: NOW + 3_630 * MICROS_PER_SECOND,
        }
    );
    assert_eq!(
        verifier.verify(&minted, NOW + 3_630 * MICROS_PER_SECOND),
        Err(TokenError::Expired)
    );
    let unconfigured = Auth {
        secrets: Vec::new(),
        ..auth
    };
    assert_eq!(mint(&unconfigured, &new, NOW), Err(MintError::NoSecret));
}

#[test]
fn what_a_verifier_would_refuse_is_not_signed() {
    let auth = auth(true);
    let scopes = Scopes::of_claim("admin");
    let long = "s".repeat(3_000);
    for (subject, tenant, what) in [
        ("", "acme", "subject"),
        (long.as_str(), "acme", "subject"),
        ("a\nb", "acme", "subject"),
        ("ops", "", "tenant"),
        ("ops", long.as_str(), "tenant"),
    ] {
        let new = NewToken {
            subject,
            tenant,
            scopes,
            lifetime: Millis::new(3_600_000),
        };
        assert_eq!(mint(&auth, &new, NOW), Err(MintError::Name { what }));
    }
}
