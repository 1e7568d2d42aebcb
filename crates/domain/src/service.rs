//! A store that belongs to one of two services which exchange events: which processes may work on it.
//!
//! Invariant: the orders of a store are shipped by one side only. A process that runs `delivery` on the order service's
//! store would ship from its log what the delivery service ships too.

use crate::status::named_enum;
use std::fmt;

named_enum!(
    /// One of two services that have a store each.
    Service {
        /// Runs `status` without `delivery`.
        Orders = "order-service",
        /// Runs `delivery` without `status`.
        Delivery = "delivery-service",
    }
);

/// What a process does on a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// The service that it is; `None` for a process that takes no events of another store.
    pub service: Option<Service>,
    pub takes_orders: bool,
    pub runs_status: bool,
    pub runs_delivery: bool,
}

/// Why a process may not work on a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is the other service.
    OtherService { recorded: Service },
    /// It would do with this store's rows what the other service does with its own.
    WorkOfTheOther {
        recorded: Service,
        role: &'static str,
    },
}

impl Work {
    /// Whether a process may work on a store that is recorded as a service's; a store without a record takes every
    /// process.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn check(self, recorded: Option<Service>) -> Result<(), Refusal> {
        let Some(recorded) = recorded else {
            return Ok(());
        };
        if self.service.is_some_and(|service| service != recorded) {
            return Err(Refusal::OtherService { recorded });
        }
        let wrong = match recorded {
            Service::Orders => self.runs_delivery.then_some("delivery"),
            Service::Delivery if self.runs_status => Some("status"),
            Service::Delivery => self.takes_orders.then_some("api"),
        };
        match wrong {
            Some(role) => Err(Refusal::WorkOfTheOther { recorded, role }),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherService { recorded } => write!(
                f,
                "this store is the {recorded}'s, and this process is the other service: each needs a store of its own. \
                 Give this one another database (DATABASE_URL, store.url or DB_NAME) or another data folder (--data)"
            ),
            Self::WorkOfTheOther { recorded, role } => write!(
                f,
                "this store is the {recorded}'s: what the role {role} does is done by the other service on a store of its own, \
                 and would be done twice. Leave {role} out of --roles (docs/operations.md \
                 says what to do if the store was claimed by mistake)"
            ),
        }
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Work = Work {
        service: None,
        takes_orders: true,
        runs_status: true,
        runs_delivery: true,
    };
    const ORDERS: Work = Work {
        service: Some(Service::Orders),
        runs_delivery: false,
        ..WHOLE
    };
    const DELIVERY: Work = Work {
        service: Some(Service::Delivery),
        takes_orders: false,
        runs_status: false,
        runs_delivery: true,
    };
    const HOUSEKEEPING: Work = Work {
        service: None,
        takes_orders: false,
        runs_status: false,
        runs_delivery: false,
    };

    #[test]
    fn a_store_without_a_record_takes_every_process() {
        for work in [WHOLE, ORDERS, DELIVERY, HOUSEKEEPING] {
            assert_eq!(work.check(None), Ok(()));
        }
    }

    #[test]
    fn each_service_goes_on_with_its_own_store_and_not_with_the_others() {
        let refused = |recorded| Err(Refusal::OtherService { recorded });
        assert_eq!(ORDERS.check(Some(Service::Orders)), Ok(()));
        assert_eq!(DELIVERY.check(Some(Service::Delivery)), Ok(()));
        let other = Service::Delivery;
        assert_eq!(ORDERS.check(Some(other)), refused(other));
        let other = Service::Orders;
        assert_eq!(DELIVERY.check(Some(other)), refused(other));
    }

    #[test]
    fn a_process_that_would_do_the_other_services_work_is_refused_and_names_the_role() {
        let refused = |recorded, role| Err(Refusal::WorkOfTheOther { recorded, role });
        let (orders, delivery) = (Service::Orders, Service::Delivery);
        assert_eq!(WHOLE.check(Some(orders)), refused(orders, "delivery"));
        assert_eq!(WHOLE.check(Some(delivery)), refused(delivery, "status"));
        let api = Work {
            runs_status: false,
            ..WHOLE
        };
        assert_eq!(api.check(Some(delivery)), refused(delivery, "api"));
        let without_delivery = Work {
            runs_delivery: false,
            ..WHOLE
        };
        assert_eq!(without_delivery.check(Some(orders)), Ok(()));
        for recorded in [orders, delivery] {
            assert_eq!(HOUSEKEEPING.check(Some(recorded)), Ok(()));
        }
    }
}
