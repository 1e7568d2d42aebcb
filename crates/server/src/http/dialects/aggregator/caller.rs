//! Who calls: a client with a token, or a guest without one where those are let in.
//!
//! Invariant: a guest sees and changes orders of this dialect only.

use std::sync::Arc;

use http::HeaderMap;
use waybill_domain::ids::OrderId;
use waybill_domain::text::Tenant;
use waybill_store::{Error as StoreError, OrderRecord, OrderRef};

use super::DIALECT;
use super::api::AggregatorApi;
use crate::auth::{Identity, Scope};
use crate::http::access::{self, Denied};

/// A caller who may do what was asked.
pub struct Caller {
    pub identity: Arc<Identity>,
    pub tenant: Tenant,
    is_guest: bool,
}

impl Caller {
    /// The caller of a request: the guest, if it has no token and guests are let in.
    ///
    /// # Errors
    /// There is no good token with this scope.
    pub fn of(api: &AggregatorApi, headers: &HeaderMap, scope: Scope) -> Result<Self, Denied> {
        let guest = api.guest.as_ref();
        let guest = guest.filter(|_| access::in_header(headers).is_none());
        let identity = match guest {
            Some(guest) => guest.clone(),
            None => api.requests.access.caller(headers, scope)?,
        };
        Ok(Self {
            tenant: Tenant::stored(&identity.tenant),
            is_guest: guest.is_some(),
            identity,
        })
    }

    /// Whether it has no token.
    pub fn is_guest(&self) -> bool {
        self.is_guest
    }

    /// The dialect of the orders that it sees; `None` for all.
    pub fn sees_only(&self) -> Option<&'static str> {
        self.is_guest.then_some(DIALECT.name)
    }

    /// An order that it may see.
    ///
    /// # Errors
    /// The store's.
    pub async fn order(
        &self,
        api: &AggregatorApi,
        id: OrderId,
    ) -> Result<Option<OrderRecord>, StoreError> {
        let store = api.reads.turn(&self.tenant).await?;
        let found = store.order(&self.tenant, OrderRef::Id(id)).await?;
        let sees = |record: &OrderRecord| {
            let only = self.sees_only();
            only.is_none_or(|only| record.birth.dialect.as_deref() == Some(only))
        };
        Ok(found.filter(sees))
    }
}
