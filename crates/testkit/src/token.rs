//! HS256 tokens, signed by hand (RFC 7515, RFC 2104), so that a test can also make the broken ones
//! and the server's own library is not judged by itself.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// One of the secrets that `demo` accepts.
pub const DEMO_SECRET: &str = "dev-secret-key-change-in-production";

/// A token that `demo` accepts, with these scopes (`"order:create order:read"`), for the default tenant.
pub fn demo(scope: &str) -> String {
    sign(
        &json!({"alg": "HS256", "typ": "JWT"}),
        &json!({"clientId": "testkit", "scope": scope}),
        DEMO_SECRET.as_bytes(),
    )
}

/// A token that `demo` accepts for everything, of this tenant and client.
pub fn demo_for(tenant: &str, client: &str) -> String {
    let claims = json!({"clientId": client, "tenant": tenant, "scope": "admin"});
    sign(
        &json!({"alg": "HS256", "typ": "JWT"}),
        &claims,
        DEMO_SECRET.as_bytes(),
    )
}

/// A secret of a server that is not `demo`.
pub const OWN_SECRET: &str = "9f2c51c0a5f8a6b1d5f8e1b5a9e04c77d1f7c0a39a5be4c21f04e6f9b7a8d310";

/// A token with all claims, signed with [`OWN_SECRET`]; it ends at `exp`, in seconds since 1970.
pub fn complete(tenant: &str, scope: &str, exp: u64) -> String {
    let claims = json!({
        "iss": "order-processing-system", "aud": "order-api", "exp": exp,
        "sub": "testkit", "tenant": tenant, "scope": scope,
    });
    sign(
        &json!({"alg": "HS256", "typ": "JWT"}),
        &claims,
        OWN_SECRET.as_bytes(),
    )
}

/// The end of a token that outlives every test: the year 2100.
pub const FAR_AWAY: u64 = 4_102_444_800;

/// The time so many seconds from now, for the end of a token, in seconds since 1970.
pub fn in_seconds(seconds: u64) -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "the end of a token is held against the clock of a real server"
    )]
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs()) + seconds
}

/// Any header and any claims, with an HS256 signature also if the header names another algorithm.
pub fn sign(header: &Value, claims: &Value, secret: &[u8]) -> String {
    sign_text(&header.to_string(), &claims.to_string(), secret)
}

/// The same for texts that need not be JSON.
pub fn sign_text(header: &str, claims: &str, secret: &[u8]) -> String {
    let signed = format!(
        "{}.{}",
        base64url(header.as_bytes()),
        base64url(claims.as_bytes())
    );
    let signature = hmac_sha256(secret, signed.as_bytes());
    format!("{signed}.{}", base64url(&signature))
}

/// RFC 4648 §5, without padding.
pub fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().fold(0u32, |n, &b| n << 8 | u32::from(b)) << (8 * (3 - chunk.len()));
        for digit in 0..=chunk.len() {
            text.push(char::from(
                DIGITS[(group >> (18 - 6 * digit)) as usize & 63],
            ));
        }
    }
    text
}

fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    const BLOCK: usize = 64;
    let mut block = [0; BLOCK];
    if key.len() > BLOCK {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new()
        .chain_update(block.map(|b| b ^ 0x36))
        .chain_update(message)
        .finalize();
    Sha256::new()
        .chain_update(block.map(|b| b ^ 0x5c))
        .chain_update(inner)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    #[test]
    fn the_hmac_gives_the_results_of_rfc_4231() {
        let long_key = [0xaa; 131];
        assert_eq!(
            hex(&hmac_sha256(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            hex(&hmac_sha256(
                &long_key,
                b"Test Using Larger Than Block-Size Key - Hash Key First"
            )),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn base64url_has_no_padding_and_the_safe_alphabet() {
        let texts: Vec<String> = ["", "f", "fo", "foo", "foob"]
            .iter()
            .map(|t| base64url(t.as_bytes()))
            .collect();
        assert_eq!(texts, ["", "Zg", "Zm8", "Zm9v", "Zm9vYg"]);
        assert_eq!(base64url(&[0xfb, 0xff]), "-_8");
    }
}
