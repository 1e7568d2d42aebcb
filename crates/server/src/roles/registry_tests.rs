//! Adds a role to the list by its definition alone.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use prometheus_client::metrics::counter::Counter;
use serde_json::json;
use tokio::sync::watch;
use tower::ServiceExt;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use waybill_domain::change::OrderEffect;
use waybill_domain::event::{EventKind, LoggedEvent};
use waybill_domain::ids::OrderId;
use waybill_store::Known;
use waybill_testkit::token;

use super::definition::{Consumer, Registry, RoleDefinition, Share};
use super::{api, delivery, housekeeping, running, status};
use crate::app::{App, BUILD, Build};
use crate::clock::{Clock, SystemClock};
use crate::config::{DEFAULTS, ROLES_MARK, RoleSection, Settings, Sources, section};
use crate::consumers::consuming::Consuming;
use crate::consumers::handler::{EventOutcome, Handler};
use crate::http::v1::apis::OrdersApi;
use crate::observe::families::named;
use crate::random::Entropy;

section!(CountingSettings, "counting", {
    step: u32 => count(1, 100),
});

/// What the consumer has counted; the test waits for a change.
static COUNTED: std::sync::LazyLock<watch::Sender<u64>> =
    std::sync::LazyLock::new(|| watch::Sender::new(0));

static COUNTING: RoleDefinition = RoleDefinition {
    name: "counting",
    summary: "counts orders",
    requires: None,
    optional: false,
    section: Some(RoleSection::of::<CountingSettings>(
        "[counting]\n# What an order counts.\nstep = 1\n",
    )),
    consumers: &[Consumer {
        name: "counting",
        share: Share::Partitions,
    }],
    routes: || OpenApiRouter::new().routes(routes!(counted)),
    prepare: |registry| {
        let counter = named(registry, "counted", "Orders counted", Counter::default());
        Box::new(move |resources, tasks| {
            let counting: CountingSettings = resources.settings.section();
            let handler = Counting {
                step: counting.step.into(),
                counter: counter.clone(),
            };
            tasks.keep(Consuming::new(
                &resources.consumers,
                handler,
                resources.store.clone(),
                10,
            ));
        })
    },
};

const WITH_COUNTING: Registry = &[
    &api::ROLE,
    &delivery::ROLE,
    &status::ROLE,
    &housekeeping::ROLE,
    &COUNTING,
];

struct Counting {
    step: u64,
    counter: Counter,
}

impl Handler for Counting {
    type Effect = OrderEffect;

    fn consumer(&self) -> &'static str {
        "counting"
    }

    fn kinds(&self) -> &'static [EventKind] {
        &[EventKind::OrderCreated]
    }

    fn needs(&self, _events: &[LoggedEvent]) -> Vec<OrderId> {
        vec![]
    }

    fn partition(&self, _order: OrderId, _known: &Known<OrderEffect>) -> Option<u16> {
        None
    }

    fn decide(
        &self,
        events: &[&LoggedEvent],
        _known: &Known<OrderEffect>,
    ) -> Vec<EventOutcome<OrderEffect>> {
        let more = self.step * events.len() as u64;
        self.counter.inc_by(more);
        COUNTED.send_modify(|counted| *counted += more);
        events.iter().map(|_| EventOutcome::Nothing).collect()
    }
}

/// What was counted so far. It takes the state of a group of routes, as a real role would.
#[utoipa::path(get, path = "/counted", responses((status = 200, body = String)))]
async fn counted(State(_orders): State<Arc<OrdersApi>>) -> String {
    COUNTED.borrow().to_string()
}

fn sources(registry: Registry) -> Sources {
    let roles = registry.iter().map(|role| role.settings()).collect();
    Sources::default()
        .with_roles(roles)
        .flag("--profile", "profile", "demo")
}

async fn ask(
    router: &axum::Router,
    method: Method,
    path: &str,
    body: &str,
) -> (StatusCode, String) {
    let token = token::sign(
        &json!({"alg": "HS256", "typ": "JWT"}),
        &json!({"clientId": "tester", "scope": "admin"}),
        token::DEMO_SECRET.as_bytes(),
    );
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost")
        .header("authorization", format!("Bearer {token}"))
        .header("idempotency-key", "once")
        .body(Body::from(body.to_owned()))
        .expect("valid");
    let answer = router.clone().oneshot(request).await.expect("infallible");
    let status = answer.status();
    let body = answer
        .into_body()
        .collect()
        .await
        .expect("whole")
        .to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn an_added_role_consumes_answers_counts_and_reads_its_setting() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let sources = sources(WITH_COUNTING)
        .flag("--data", "store.data", data.to_string_lossy())
        .flag("--set", "counting.step", "7");
    let settings = Settings::load(&sources).expect("valid");
    assert!(settings.runs("counting"), "all roles, this one too");
    let entropy = Arc::new(Entropy::from_os().expect("randomness"));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let build = Build {
        roles: WITH_COUNTING,
        ..BUILD
    };
    let app = App::start(settings, build, clock, entropy, None)
        .await
        .expect("a store");
    let (router, tasks) = (app.router(), app.start_roles());
    let mut counted = COUNTED.subscribe();
    let order = r#"{"currency":"EUR","lines":[{"sku":"a","quantity":1,"unitPrice":"1.00"}]}"#;
    let (status, answer) = ask(&router, Method::POST, "/v1/orders", order).await;
    assert_eq!(status, 201, "{answer}");
    let seen = counted.wait_for(|counted| *counted > 0).await;
    assert_eq!(*seen.expect("the sender is static"), 7, "its own setting");
    assert_eq!(
        ask(&router, Method::GET, "/counted", "").await,
        (StatusCode::OK, "7".to_owned())
    );
    let (_, metrics) = ask(&router, Method::GET, "/metrics", "").await;
    assert!(metrics.contains("waybill_counted_total 7\n"), "{metrics}");
    let (_, specification) = ask(&router, Method::GET, "/openapi.json", "").await;
    assert!(specification.contains("\"/counted\""));
    tasks.stop().await;
    app.store.close().await;
}

#[test]
fn a_role_that_is_not_there_is_refused_with_the_roles_of_the_build() {
    let load = |registry, role| {
        let chosen = sources(registry).flag("--roles", "roles", role);
        Settings::load(&chosen).map_err(|errors| errors.to_string())
    };
    assert!(load(WITH_COUNTING, "counting").is_ok());
    let refused = load(WITH_COUNTING, "baking").expect_err("no such role");
    assert!(
        refused.contains("housekeeping, counting") && refused.contains("counting: counts orders"),
        "{refused}"
    );
    let refused = load(super::ALL, "counting").expect_err("not of this build");
    assert!(!refused.contains("counts orders"), "{refused}");
}

#[test]
fn a_role_without_what_it_requires_is_refused_and_no_default() {
    let load = |roles| Settings::load(&sources(super::ALL).flag("--roles", "roles", roles));
    let all = load("all").expect("valid");
    assert!(!all.runs("relay"));
    assert_eq!(running::check(super::ALL, &all, false), Ok(()));
    let relay = load("api,relay").expect("the role is known");
    assert_eq!(running::check(super::ALL, &relay, true), Ok(()));
    let refused = running::check(super::ALL, &relay, false).expect_err("nowhere to publish to");
    let said = refused.to_string();
    assert!(
        said.contains("roles = relay") && said.contains("no broker") && said.contains("--roles"),
        "{said}"
    );
}

#[test]
fn names_of_roles_and_consumers_stand_once() {
    let mut names: Vec<&str> = super::ALL.iter().map(|role| role.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), super::ALL.len());
    let consumers = super::ALL.iter().flat_map(|role| role.consumers);
    let mut consumers: Vec<&str> = consumers.map(|consumer| consumer.name).collect();
    let all = consumers.len();
    consumers.sort_unstable();
    consumers.dedup();
    assert_eq!(consumers.len(), all);
    for role in super::ALL {
        let section = role.section.map(|section| section.name);
        assert!(
            section.is_none_or(|name| name == role.name),
            "{}",
            role.name
        );
    }
}

/// `WAYBILL_UPDATE_DOCS=1 cargo test -p waybill --lib roles::registry_tests` writes it.
#[test]
fn the_default_file_ends_with_the_sections_of_the_roles() {
    let (base, copies) = DEFAULTS.split_once(ROLES_MARK).expect("the mark");
    let (rest_of_mark, copies) = copies.split_once("\n\n").expect("the mark is a line");
    let sections = super::settings()
        .into_iter()
        .filter_map(|role| role.section);
    let texts: Vec<&str> = sections.map(|section| section.defaults).collect();
    let expected = texts.join("\n");
    if std::env::var_os("WAYBILL_UPDATE_DOCS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../waybill.default.toml");
        let text = format!("{base}{ROLES_MARK}{rest_of_mark}\n\n{expected}");
        std::fs::write(path, text).expect("the file can be written");
        return;
    }
    assert_eq!(
        copies, expected,
        "WAYBILL_UPDATE_DOCS=1 cargo test -p waybill --lib roles::registry_tests writes it"
    );
}
