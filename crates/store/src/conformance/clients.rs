//! Clients of the token endpoint: made once, rotated, revoked, each tenant's own.

use super::Harness;
use crate::error::{Error, Result};
use crate::model::ClientMade;
use waybill_domain::client::{Client, ClientId, Earlier, SecretHash};
use waybill_domain::once::CommandClaim;
use waybill_domain::text::Tenant;

/// More clients than a case makes, unless it says otherwise.
const MANY: usize = 100;
const DAY_MS: i64 = 86_400_000;

fn hash(n: u8) -> SecretHash {
    SecretHash([n; 32])
}

fn id(text: &str) -> ClientId {
    ClientId::parse(text).expect("a valid id")
}

fn client(h: &Harness, name: &str, tenant: &Tenant) -> Client {
    let scopes = "order:create order:read".to_owned();
    Client::new(id(name), tenant.clone(), scopes, hash(1), h.clock.now())
}

async fn made(h: &Harness, client: &Client) -> ClientMade {
    let made = h.store.make_client(client, MANY, None).await;
    made.expect("the store answers")
}

async fn found(h: &Harness, name: &str) -> Option<Client> {
    h.store.client(&id(name)).await.expect("read")
}

async fn written(h: &Harness, client: &Client) {
    let written = h.store.write_client(client, None).await;
    written.expect("nothing else changes it");
}

fn rotated(h: &Harness, client: &Client, n: u8) -> Client {
    let rotated = client.rotate(hash(n), Earlier::KeepNewest, h.clock.now());
    rotated.expect("it is not revoked")
}

pub(super) async fn a_client_reads_back_and_its_id_is_taken_for_every_tenant(mut h: Harness) {
    let (ours, other) = (Tenant::default(), Tenant::stored("other"));
    let first = client(&h, "shop", &ours);
    assert_eq!(found(&h, "shop").await, None);
    assert_eq!(made(&h, &first).await, ClientMade::Made);
    for tenant in [&ours, &other] {
        let second = Client {
            newest: client(&h, "x", tenant).newest,
            ..client(&h, "shop", tenant)
        };
        assert_eq!(made(&h, &second).await, ClientMade::Taken);
    }
    assert_eq!(found(&h, "shop").await, Some(first.clone()));
    assert_eq!(found(&h, "Shop").await, None, "ids are case-sensitive");
    h.reopen().await;
    assert_eq!(found(&h, "shop").await, Some(first));
}

pub(super) async fn of_many_that_make_a_client_at_once_one_does(h: Harness) {
    let new = client(&h, "shop", &Tenant::default());
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let (store, mut new) = (h.store.clone(), new.clone());
            new.newest.hash = hash(n);
            tokio::spawn(async move { (n, store.make_client(&new, MANY, None).await) })
        })
        .collect();
    let mut makers = vec![];
    for task in tasks {
        let (n, outcome) = task.await.expect("it ends");
        match outcome.expect("the store answers") {
            ClientMade::Made => makers.push(n),
            ClientMade::Taken => {}
            ClientMade::Full => panic!("there is room for it"),
        }
    }
    assert_eq!(makers.len(), 1, "{makers:?}");
    let kept = found(&h, "shop").await.expect("it is there");
    assert_eq!(kept.newest.hash, hash(makers[0]));
}

pub(super) async fn a_rotation_keeps_the_older_secret_and_the_third_one_ends_it(mut h: Harness) {
    let first = client(&h, "shop", &Tenant::default());
    made(&h, &first).await;
    h.clock.advance_ms(1_000);
    let second = rotated(&h, &first, 2);
    written(&h, &second).await;
    h.reopen().await;
    let kept = found(&h, "shop").await.expect("it is there");
    assert_eq!(kept, second);
    assert_eq!(kept.live(), [Some(hash(2)), Some(hash(1))]);
    let third = rotated(&h, &kept, 3);
    written(&h, &third).await;
    let kept = found(&h, "shop").await.expect("it is there");
    assert_eq!(kept.live(), [Some(hash(3)), Some(hash(2))]);
    written(&h, &kept.end_older().expect("it has two")).await;
    let kept = found(&h, "shop").await.expect("it is there");
    assert_eq!(kept.live(), [Some(hash(3)), None]);
}

pub(super) async fn a_change_decided_on_an_older_version_of_a_client_is_refused(h: Harness) {
    let first = client(&h, "shop", &Tenant::default());
    made(&h, &first).await;
    let second = rotated(&h, &first, 2);
    written(&h, &second).await;
    let late = h.store.write_client(&rotated(&h, &first, 3), None).await;
    assert!(is_conflict(&late), "{late:?}");
    let elsewhere = Client {
        tenant: Tenant::stored("other"),
        ..rotated(&h, &second, 3)
    };
    let of_another = h.store.write_client(&elsewhere, None).await;
    assert!(is_conflict(&of_another), "{of_another:?}");
    assert_eq!(found(&h, "shop").await, Some(second));
}

fn is_conflict(result: &Result<()>) -> bool {
    matches!(result, Err(Error::Conflict { .. }))
}

pub(super) async fn a_revoked_client_stays_and_its_id_is_not_given_again(mut h: Harness) {
    let first = client(&h, "shop", &Tenant::default());
    made(&h, &first).await;
    let revoked = first.revoke(h.clock.now()).expect("it is live");
    written(&h, &revoked).await;
    h.reopen().await;
    let kept = found(&h, "shop").await.expect("it is there");
    assert_eq!((&kept, kept.live()), (&revoked, [None, None]));
    assert_eq!(made(&h, &first).await, ClientMade::Taken);
}

pub(super) async fn a_full_tenant_makes_room_by_the_client_that_was_revoked_first(h: Harness) {
    let (ours, other) = (Tenant::default(), Tenant::stored("other"));
    let make = async |name: &str, tenant: &Tenant| {
        let new = client(&h, name, tenant);
        let made = h.store.make_client(&new, 3, None).await;
        made.expect("the store answers")
    };
    for name in ["a", "b", "c"] {
        assert_eq!(make(name, &ours).await, ClientMade::Made);
    }
    assert_eq!(make("d", &ours).await, ClientMade::Full);
    assert_eq!(make("a", &ours).await, ClientMade::Taken, "it has its id");
    assert_eq!(make("d", &other).await, ClientMade::Made, "it has room");
    for name in ["b", "a"] {
        h.clock.advance_ms(1_000);
        let kept = found(&h, name).await.expect("it is there");
        written(&h, &kept.revoke(h.clock.now()).expect("it is live")).await;
    }
    assert_eq!(make("a", &ours).await, ClientMade::Taken);
    assert!(found(&h, "b").await.is_some(), "it was not in the way");
    assert_eq!(make("e", &ours).await, ClientMade::Made);
    assert_eq!(found(&h, "b").await, None);
    assert!(found(&h, "a").await.is_some() && found(&h, "c").await.is_some());
}

/// Several processes that make clients at the same time may go above the limit, and a later version may lower it.
pub(super) async fn a_tenant_above_its_limit_makes_room_by_as_many_as_it_takes(h: Harness) {
    for name in ["a", "b", "c", "d", "e"] {
        h.clock.advance_ms(1_000);
        assert_eq!(
            made(&h, &client(&h, name, &Tenant::default())).await,
            ClientMade::Made
        );
    }
    let make = async |name: &str| {
        let new = client(&h, name, &Tenant::default());
        let made = h.store.make_client(&new, 3, None).await;
        made.expect("the store answers")
    };
    let revoke = async |name: &str| {
        h.clock.advance_ms(1_000);
        let kept = found(&h, name).await.expect("it is there");
        written(&h, &kept.revoke(h.clock.now()).expect("it is live")).await;
    };
    for name in ["d", "b"] {
        revoke(name).await;
    }
    assert_eq!(make("f").await, ClientMade::Full, "three are in use");
    assert!(found(&h, "d").await.is_some(), "and nothing was deleted");
    for name in ["a", "c"] {
        revoke(name).await;
    }
    assert_eq!(make("f").await, ClientMade::Made);
    let page = h.store.list_clients(&Tenant::default(), None, 9).await;
    let names: Vec<_> = page
        .expect("read")
        .items
        .into_iter()
        .map(|c| c.id)
        .collect();
    assert_eq!(names, [id("c"), id("e"), id("f")]);
}

pub(super) async fn clients_are_listed_in_pages_and_each_tenant_has_its_own(h: Harness) {
    let (ours, other) = (Tenant::default(), Tenant::stored("other"));
    for name in ["b", "a", "C", "c"] {
        made(&h, &client(&h, name, &ours)).await;
    }
    made(&h, &client(&h, "aa", &other)).await;
    let list = async |tenant: &Tenant, limit: usize| {
        let (mut names, mut after) = (vec![], None);
        loop {
            let page = h.store.list_clients(tenant, after, limit).await;
            let page = page.expect("read");
            assert!(page.items.len() <= limit);
            names.extend(page.items.into_iter().map(|c| c.id.as_str().to_owned()));
            match page.next {
                Some(next) => after = Some(next),
                None => return names,
            }
        }
    };
    for limit in [1, 2, 4, 9] {
        assert_eq!(list(&ours, limit).await, ["C", "a", "b", "c"], "{limit}");
        assert_eq!(list(&other, limit).await, ["aa"]);
    }
    assert_eq!(list(&Tenant::stored("third"), 9).await, [""; 0]);
}

pub(super) async fn a_client_is_made_and_changed_once_per_key(h: Harness) {
    let claim = || CommandClaim {
        hash: h.make.id().into_bytes(),
        request: h.make.id().into_bytes(),
        expires_at: h.make.in_ms(DAY_MS),
        outcome: "first".into(),
    };
    let first = client(&h, "shop", &Tenant::default());
    let key = claim();
    let make = async |new: &Client, key: &CommandClaim| {
        h.store.make_client(new, MANY, Some(key.clone())).await
    };
    assert_eq!(make(&first, &key).await.expect("made"), ClientMade::Made);
    let again = make(&first, &key).await;
    assert!(matches!(again, Err(Error::KeyUsed)), "{again:?}");
    let done = h.store.command_done(&first.tenant, key.hash).await;
    assert_eq!(done.expect("read").expect("claimed").outcome, "first");

    let unused = claim();
    let taken = make(&first, &unused).await.expect("the store answers");
    assert_eq!(taken, ClientMade::Taken);
    let done = h.store.command_done(&first.tenant, unused.hash).await;
    assert_eq!(done.expect("read"), None, "the key is free");

    let second = rotated(&h, &first, 2);
    let written = h.store.write_client(&second, Some(unused.clone())).await;
    written.expect("the key is free");
    let third = rotated(&h, &second, 3);
    let again = h.store.write_client(&third, Some(unused)).await;
    assert!(matches!(again, Err(Error::KeyUsed)), "{again:?}");
    assert_eq!(found(&h, "shop").await, Some(second));
}

pub(super) async fn a_hash_that_cannot_be_read_is_a_damaged_row(h: Harness) {
    made(&h, &client(&h, "shop", &Tenant::default())).await;
    let damage = format!("UPDATE clients SET secret_hash = '{}'", "X".repeat(64));
    h.driver.damage(&damage).await;
    let read = h.store.client(&id("shop")).await;
    assert!(matches!(read, Err(Error::DamagedRow { .. })), "{read:?}");
}
