//! The life of orders that draw on several vendors: they are placed, wait for stock, are cancelled, whole or line by line,
//! fail, are tried again, ship and come back, while vendors agree, refuse and lose answers, and while stock is counted and
//! read from vendors. After each action what is in the stock rows, in the reservations and in the orders must agree.

mod books;
#[path = "../world/mod.rs"]
mod world;

use books::{Act, Books, Kind, Parcel};
use proptest::prelude::*;
use waybill_domain::backorder::{self, Occasion, Supply};
use waybill_domain::command::{self, Command};
use waybill_domain::intake::InventoryAnswer;
use waybill_domain::sourcing::{OWN_PRIORITY, Offer};
use waybill_domain::status::{AllocationPolicy, OrderStatus};
use waybill_domain::text::{Sku, Vendor};
use waybill_domain::vendor_call::{VendorCall, VendorRequest};

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        4 => Just(Kind::Agreed),
        2 => Just(Kind::Refused),
        1 => Just(Kind::NotAsked),
        1 => Just(Kind::Unknown),
    ]
}

fn parcel() -> impl Strategy<Value = Parcel> {
    prop::sample::select(
        &[
            Parcel::Delivered,
            Parcel::Returned,
            Parcel::Lost,
            Parcel::Failed,
            Parcel::CalledOff,
        ][..],
    )
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (1_i64..6, 1_i64..4, prop::sample::select(AllocationPolicy::ALL))
            .prop_map(|(a, b, policy)| Act::Order(a, b, policy)),
        9 => (any::<usize>(), kind()).prop_map(|(n, kind)| Act::Work(n, kind)),
        1 => any::<usize>().prop_map(Act::Cancel),
        1 => (any::<usize>(), 1_u16..3).prop_map(|(n, line)| Act::CancelLine(n, line)),
        1 => any::<usize>().prop_map(Act::Retry),
        1 => any::<usize>().prop_map(Act::Deadline),
        1 => any::<usize>().prop_map(Act::Promise),
        2 => (any::<usize>(), parcel()).prop_map(|(n, parcel)| Act::Ship(n, parcel)),
        1 => any::<usize>().prop_map(Act::Agree),
        1 => (0_i64..9).prop_map(Act::Count),
        2 => (1_i64..6).prop_map(Act::Restock),
        1 => (1_usize..4, 0_i64..12).prop_map(|(vendor, n)| Act::Sync(vendor, n)),
    ]
}

proptest! {
    #[test]
    fn whatever_vendors_answer_and_orders_become_every_unit_is_in_one_place(
        stock in [0_i64..6, 0_i64..12, 0_i64..12, 0_i64..12],
        acts in prop::collection::vec(act(), 1..80),
        last in prop_oneof![Just(Kind::Agreed), Just(Kind::Refused), Just(Kind::Unknown)],
    ) {
        let mut books = Books::new(stock);
        for act in &acts {
            books.act(act);
        }
        books.finish(last);
    }
}

#[test]
fn a_refused_vendor_is_replaced_and_when_none_is_left_the_others_get_their_units_back() {
    let mut books = Books::new([0, 4, 3, 0]);
    books.order(4, 1, AllocationPolicy::Reject);
    assert_eq!(books.work.len(), 2);
    books.act(&Act::Work(0, Kind::Agreed));
    assert_eq!(books.orders[0].status, OrderStatus::Pending);
    books.act(&Act::Work(0, Kind::Refused));
    let order = &books.orders[0];
    assert_eq!(order.status, OrderStatus::Failed);
    let back: VendorCall = serde_json::from_str(&books.work[0].body).expect("readable");
    assert_eq!((back.request, back.units), (VendorRequest::Restore, 4));
}

#[test]
fn another_vendor_takes_over_and_the_order_is_confirmed() {
    let mut books = Books::new([0, 4, 4, 0]);
    books.order(2, 2, AllocationPolicy::Reject);
    let first = books.work.len();
    books.act(&Act::Work(0, Kind::Refused));
    assert_eq!(books.work.len(), first);
    books.finish(Kind::Agreed);
    assert_eq!(books.orders[0].status, OrderStatus::Confirmed);
}

#[test]
fn a_yes_to_an_order_that_was_cancelled_meanwhile_is_given_back() {
    let mut books = Books::new([0, 4, 0, 0]);
    books.order(2, 1, AllocationPolicy::Reject);
    books.command(0, &Command::Cancel { reason: None });
    assert_eq!(books.orders[0].status, OrderStatus::Cancelled);
    assert_eq!(
        books.stock[&Vendor::stored("A")].reserved,
        3,
        "its calls are under way"
    );
    books.act(&Act::Work(0, Kind::Agreed));
    books.act(&Act::Work(0, Kind::Refused));
    let level = books.stock[&Vendor::stored("A")];
    assert_eq!((level.on_hand, level.reserved), (2, 0));
    assert_eq!(books.work.len(), 1, "one is given back");
}

#[test]
fn an_order_that_may_wait_gets_what_comes_before_one_that_came_later() {
    let mut books = Books::new([1, 0, 0, 0]);
    books.order(2, 1, AllocationPolicy::Backorder);
    books.order(1, 1, AllocationPolicy::Backorder);
    books.work_off(Kind::Agreed);
    let statuses = |books: &Books| -> Vec<OrderStatus> {
        books.orders.iter().map(|order| order.status).collect()
    };
    let waiting = [OrderStatus::Backordered, OrderStatus::Backordered];
    assert_eq!(statuses(&books), waiting);
    books.act(&Act::Restock(3));
    books.work_off(Kind::Agreed);
    let first = [OrderStatus::Confirmed, OrderStatus::Backordered];
    assert_eq!(statuses(&books), first);
    assert_eq!(books.orders[1].totals().reserved, 1);
    books.act(&Act::Restock(1));
    books.work_off(Kind::Agreed);
    assert_eq!(statuses(&books)[1], OrderStatus::Confirmed);
}

#[test]
fn an_order_that_ships_in_parts_ships_what_is_there() {
    let mut books = Books::new([2, 0, 0, 0]);
    books.order(2, 3, AllocationPolicy::ShipPartial);
    books.work_off(Kind::Agreed);
    assert_eq!(books.orders[0].status, OrderStatus::Processing);
    assert_eq!(books.released(0), [(1, 2)]);
    books.act(&Act::Restock(2));
    books.work_off(Kind::Agreed);
    assert_eq!(books.released(0), [(1, 2), (2, 2)]);
    books.act(&Act::CancelLine(0, 2));
    books.act(&Act::Ship(0, Parcel::Delivered));
    assert_eq!(books.orders[0].status, OrderStatus::Delivered);
    assert_eq!(books.orders[0].totals().cancelled, 1);
}

#[test]
fn a_count_takes_units_back_from_the_newest_order_that_is_not_confirmed() {
    let mut books = Books::new([6, 0, 0, 0]);
    books.order(2, 1, AllocationPolicy::Reject);
    books.order(2, 2, AllocationPolicy::Backorder);
    books.work_off(Kind::Agreed);
    books.act(&Act::Count(4));
    books.work_off(Kind::Agreed);
    assert_eq!(books.orders[0].status, OrderStatus::Confirmed);
    assert_eq!(books.orders[1].totals().backordered, 3);
    assert_eq!(books.stock[&Vendor::local()].short(), 0);
    books.act(&Act::Count(2));
    books.work_off(Kind::Agreed);
    let level = books.stock[&Vendor::local()];
    assert_eq!((level.reserved, level.short()), (3, 1));
    assert_eq!(books.orders[1].totals().reserved, 0);
}

#[test]
fn a_retry_sources_what_the_failure_gave_up_and_not_what_was_cancelled() {
    let mut books = Books::new([0, 5, 0, 0]);
    books.order(2, 3, AllocationPolicy::Reject);
    books.act(&Act::CancelLine(0, 1));
    books.work_off(Kind::Refused);
    let order = &books.orders[0];
    assert_eq!(order.status, OrderStatus::Failed);
    assert_eq!(order.lines[1].given_up, 3);
    books.act(&Act::Retry(0));
    assert_eq!(books.orders[0].totals().backordered, 3);
    books.work_off(Kind::Agreed);
    let order = &books.orders[0];
    assert_eq!(order.status, OrderStatus::Confirmed, "A is asked again");
    assert_eq!((order.totals().reserved, order.totals().cancelled), (3, 2));
}

#[test]
fn the_promised_date_ends_the_wait() {
    let mut books = Books::new([1, 0, 0, 0]);
    books.order(2, 1, AllocationPolicy::Backorder);
    books.work_off(Kind::Agreed);
    books.act(&Act::Promise(0));
    assert_eq!(books.orders[0].status, OrderStatus::Failed);
    assert_eq!(books.stock[&Vendor::local()].reserved, 0);
}

#[test]
fn only_the_inventory_service_gives_what_it_was_asked_for() {
    let sku = Sku::stored("SKU-0");
    let offer = Offer {
        vendor: Vendor::local(),
        priority: OWN_PRIORITY,
        cost: 0,
        available: [(sku.clone(), 5)].into(),
    };
    let sourced = |policy, occasion, available| {
        let order = world::pending(&[2], policy, &[Vendor::INVENTORY]);
        let supply = Supply {
            occasion,
            offers: vec![offer.clone()],
            inventory: vec![InventoryAnswer {
                sku: sku.clone(),
                available,
            }],
            expires_at: world::World::default().now().plus_ms(1_000),
        };
        let change = backorder::source(&order, &supply, &mut world::World::default().context());
        change.map(|change| (change.effect.order.after.status, change.effect.reservations))
    };
    let failed = Some((OrderStatus::Failed, vec![]));
    for policy in [AllocationPolicy::Reject, AllocationPolicy::Backorder] {
        assert_eq!(sourced(policy, Occasion::Anew, 0), failed);
        let agreed = sourced(policy, Occasion::Anew, 2);
        assert_eq!(agreed, Some((OrderStatus::Confirmed, vec![])));
    }
    let more = sourced(AllocationPolicy::Backorder, Occasion::MoreThere, 0);
    assert_eq!(more, None, "its own turn decides");
}

#[test]
fn a_line_that_was_lost_by_failing_is_not_taken_for_a_cancelled_one() {
    let mut books = Books::new([0, 5, 0, 0]);
    books.order(2, 3, AllocationPolicy::Reject);
    books.work_off(Kind::Refused);
    let cancel = Command::CancelLine { line: 1 };
    let order = &books.orders[0];
    assert_eq!(order.status, OrderStatus::Failed);
    let refused = command::decide(order, &cancel, &mut world::World::default().context());
    assert!(refused.is_err(), "a retry would source it again");
}
