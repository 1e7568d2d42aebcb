//! Clients as `/v1/clients` reads and shows them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waybill_domain::client::Client;
use waybill_domain::time::Time;

/// A new client.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ClientRequest)]
pub struct NewBody {
    /// The name it gives as `client_id`: 1 to 64 letters, digits, `.`, `_` and `-`; unique in the store.
    #[schema(example = "shop-frontend")]
    pub id: String,
    /// What its tokens may do; at least one scope.
    #[schema(value_type = Vec<super::super::schemas::ScopeName>, example = json!(["order:create", "order:read"]))]
    pub scopes: Vec<String>,
}

/// What becomes of the secrets that are live.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = ClientRotation)]
pub struct RotateBody {
    /// Whether every earlier secret ends at once, because others may know it. Otherwise the newest of them stays live
    /// until the next rotation.
    #[serde(default)]
    pub revoke_old: bool,
}

/// What ends.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = ClientRevocation)]
pub struct RevokeBody {
    /// Whether only the older of two secrets ends and the client stays.
    #[serde(default)]
    pub old_secret_only: bool,
}

/// A live secret; the secret itself is kept nowhere.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ClientSecret)]
pub struct SecretView {
    /// When it was made.
    #[schema(value_type = super::super::schemas::Timestamp)]
    created_at: Time,
}

/// A client of the token endpoint.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Client)]
pub struct ClientView<'a> {
    /// What it gives as `client_id`.
    id: &'a str,
    /// What its tokens may do.
    scopes: Vec<&'a str>,
    /// Its live secrets, the newest first; none when it is revoked.
    secrets: Vec<SecretView>,
    /// When it was made.
    #[schema(value_type = super::super::schemas::Timestamp)]
    created_at: Time,
    /// When it was revoked; null while it may have tokens.
    #[schema(value_type = Option<super::super::schemas::Timestamp>)]
    revoked_at: Option<Time>,
    /// Counts its changes.
    version: i64,
}

impl<'a> ClientView<'a> {
    pub fn of(client: &'a Client) -> Self {
        let live = client.live().into_iter().flatten();
        let times = [Some(client.newest), client.older].into_iter().flatten();
        let secrets = live.zip(times).map(|(_, secret)| SecretView {
            created_at: secret.created_at,
        });
        Self {
            id: client.id.as_str(),
            scopes: client.scopes.split(' ').collect(),
            secrets: secrets.collect(),
            created_at: client.created_at,
            revoked_at: client.revoked_at,
            version: client.version,
        }
    }
}

/// A client with the secret that was made for it. Its members are listed again, because the schema of a nested one that
/// is spread would need `allOf`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ClientWithSecret)]
pub struct IssuedView<'a> {
    /// What it gives as `client_id`.
    id: &'a str,
    /// The new secret. Null in a replayed answer, because it is kept nowhere.
    #[schema(example = "wbs_b0xTt3kXH2y1J2oYh0v5m7w9Q4u6R8s1T3v5x7z9A1c")]
    secret: Option<&'a str>,
    /// What to do about the secret.
    note: &'static str,
    /// What its tokens may do.
    scopes: Vec<&'a str>,
    /// Its live secrets, the newest first.
    secrets: Vec<SecretView>,
    /// When it was made.
    #[schema(value_type = super::super::schemas::Timestamp)]
    created_at: Time,
    /// When it was revoked; null while it may have tokens.
    #[schema(value_type = Option<super::super::schemas::Timestamp>)]
    revoked_at: Option<Time>,
    /// Counts its changes.
    version: i64,
}

impl<'a> IssuedView<'a> {
    /// The first answer.
    pub fn first(client: &'a Client, secret: &'a str) -> Self {
        let note = "the secret is shown this once; keep it where the client reads it";
        Self::new(client, Some(secret), note)
    }

    /// What the same request is answered again. It is stored with the request's key, so it has no secret.
    pub fn again(client: &'a Client) -> Self {
        let note =
            "the secret was shown in the first answer only; rotate the client to get another";
        Self::new(client, None, note)
    }

    fn new(client: &'a Client, secret: Option<&'a str>, note: &'static str) -> Self {
        let ClientView {
            id,
            scopes,
            secrets,
            created_at,
            revoked_at,
            version,
        } = ClientView::of(client);
        Self {
            id,
            secret,
            note,
            scopes,
            secrets,
            created_at,
            revoked_at,
            version,
        }
    }
}
