//! Clients of the token endpoint, beyond the domain's types.

/// What became of a new client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientMade {
    Made,
    /// The id belongs to a client already, of this tenant or another one.
    Taken,
    /// The tenant has as many clients as it may have, and too few of them are revoked.
    Full,
}
