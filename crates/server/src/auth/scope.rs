//! What a token may do: a closed list, kept as bits so that asking costs nothing.

use std::fmt;

/// One permission. `Admin` implies all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    OrderCreate,
    OrderRead,
    OrderCancel,
    /// Holds and notes.
    OrderWrite,
    /// Reading one order's stream; the only scope a token in a URL may have.
    OrderStream,
    StockRead,
    StockWrite,
    ShipmentRead,
    ShipmentWrite,
    DeadLetterRead,
    DeadLetterWrite,
    MetricsRead,
    Admin,
}

impl Scope {
    pub const ALL: [Self; 13] = [
        Self::OrderCreate,
        Self::OrderRead,
        Self::OrderCancel,
        Self::OrderWrite,
        Self::OrderStream,
        Self::StockRead,
        Self::StockWrite,
        Self::ShipmentRead,
        Self::ShipmentWrite,
        Self::DeadLetterRead,
        Self::DeadLetterWrite,
        Self::MetricsRead,
        Self::Admin,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OrderCreate => "order:create",
            Self::OrderRead => "order:read",
            Self::OrderCancel => "order:cancel",
            Self::OrderWrite => "order:write",
            Self::OrderStream => "order:stream",
            Self::StockRead => "stock:read",
            Self::StockWrite => "stock:write",
            Self::ShipmentRead => "shipment:read",
            Self::ShipmentWrite => "shipment:write",
            Self::DeadLetterRead => "deadletter:read",
            Self::DeadLetterWrite => "deadletter:write",
            Self::MetricsRead => "metrics:read",
            Self::Admin => "admin",
        }
    }

    const fn bit(self) -> u32 {
        1 << self as u16
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no scope {0}; there are {all}", all = Scope::ALL.map(Scope::name).join(", "))]
pub struct UnknownScope(pub String);

/// A set of scopes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scopes(u32);

impl Scopes {
    /// What a token without `scope` may do where such tokens are taken: everything about orders, and moving their
    /// shipments by hand, as clients of the sales dialect do.
    pub const WITHOUT_CLAIM: Self = Self(
        Scope::OrderCreate.bit()
            | Scope::OrderRead.bit()
            | Scope::OrderCancel.bit()
            | Scope::OrderWrite.bit()
            | Scope::OrderStream.bit()
            | Scope::ShipmentWrite.bit(),
    );

    /// What a client of `demo` gets that asks for a token without naming scopes.
    pub const OF_DEMO_TOKENS: Self = Self(Scope::OrderCreate.bit() | Scope::OrderRead.bit());

    /// What a client of `demo` may ask for: everything about orders and their shipments.
    pub const OF_DEMO_CLIENTS: Self = Self(Self::WITHOUT_CLAIM.0 | Scope::ShipmentRead.bit());

    /// Whether these allow everything that others allow.
    #[must_use]
    pub fn cover(self, others: Self) -> bool {
        self.allow(Scope::Admin) || others.0 & !self.0 == 0
    }

    /// These and others.
    #[must_use]
    pub fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// The scopes of a `scope` claim, by spaces. Names of other systems are ignored: they give nothing.
    #[must_use]
    pub fn of_claim(claim: &str) -> Self {
        claim.split(' ').filter_map(by_name).collect()
    }

    /// The scopes of a list a person wrote, by spaces or commas.
    ///
    /// # Errors
    /// One of them is no scope.
    pub fn parse(list: &str) -> Result<Self, UnknownScope> {
        list.split([' ', ','])
            .filter(|name| !name.is_empty())
            .map(|name| by_name(name).ok_or_else(|| UnknownScope(name.to_owned())))
            .collect()
    }

    #[must_use]
    pub fn allow(self, scope: Scope) -> bool {
        self.0 & (scope.bit() | Scope::Admin.bit()) != 0
    }

    /// Whether this is the set of that scope alone.
    #[must_use]
    pub fn are_only(self, scope: Scope) -> bool {
        self.0 == scope.bit()
    }
}

fn by_name(name: &str) -> Option<Scope> {
    Scope::ALL.into_iter().find(|scope| scope.name() == name)
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

/// As a `scope` claim.
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for scope in Scope::ALL
            .into_iter()
            .filter(|scope| self.0 & scope.bit() != 0)
        {
            if !std::mem::take(&mut first) {
                f.write_str(" ")?;
            }
            f.write_str(scope.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_reads_back_and_foreign_names_give_nothing() {
        let scopes = Scopes::of_claim("order:read openid  stock:write orders");
        assert_eq!(scopes.to_string(), "order:read stock:write");
        assert!(scopes.allow(Scope::OrderRead) && !scopes.allow(Scope::OrderCreate));
        assert_eq!(Scopes::of_claim(""), Scopes::default());
    }

    #[test]
    fn a_set_covers_its_parts_and_admin_covers_every_set() {
        let set = |claim| Scopes::of_claim(claim);
        let both = set("order:read order:create");
        assert!(both.cover(set("order:read")) && both.cover(both) && both.cover(set("")));
        assert!(!both.cover(set("order:read stock:read")) && !both.cover(set("admin")));
        assert!(set("admin").cover(both) && set("admin").cover(set("admin")));
    }

    #[test]
    fn admin_implies_everything_and_nothing_else_does() {
        let admin = Scopes::of_claim("admin");
        assert!(Scope::ALL.into_iter().all(|scope| admin.allow(scope)));
        assert!(
            !Scopes::WITHOUT_CLAIM.allow(Scope::Admin)
                && !Scopes::WITHOUT_CLAIM.allow(Scope::StockRead)
        );
    }

    #[test]
    fn a_list_with_a_slip_is_refused_by_name() {
        assert_eq!(
            Scopes::parse("order:read,oder:write"),
            Err(UnknownScope("oder:write".into()))
        );
        assert!(Scopes::parse("order:stream").is_ok_and(|s| s.are_only(Scope::OrderStream)));
        assert!(!Scopes::WITHOUT_CLAIM.are_only(Scope::OrderStream));
    }
}
