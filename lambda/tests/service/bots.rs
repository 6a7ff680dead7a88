//! What keeps programs out, in memory: age, trap, proof of work and budgets, and that none of it costs a person anything.

use crate::support::service::{Failing, Service};
use crate::support::small_config;
use altcha::{Challenge, SolveChallengeOptions, solve_challenge};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use signup_service::config::ServiceConfig;
use signup_service::store::StoreError;
use signup_service::web::ClientAddress;

fn config() -> ServiceConfig {
    let mut config = small_config();
    config.security.budgets.unproven_per_hour = 1;
    config.security.budgets.ip_per_hour = 3;
    config
}

/// Asks for a challenge and solves it, as the page's script does.
pub async fn proof(service: &Service, client: &str) -> String {
    let request = Request::get("/api/v1/challenges").extension(ClientAddress(client.parse().expect("an address")));
    let answer = service.send(request.body(Body::empty()).expect("a request")).await;
    assert_eq!(answer.status, StatusCode::OK);
    let challenge: Challenge = serde_json::from_str(&answer.body).expect("a challenge");
    let solution = solve_challenge(SolveChallengeOptions::new(&challenge)).expect("solvable").expect("in time");
    STANDARD.encode(json!({ "challenge": challenge, "solution": solution }).to_string())
}

async fn sign_up(service: &Service, name: &str, proof: &str) -> StatusCode {
    let body = json!({ "email": format!("{name}@example.com"), "altcha": proof });
    service.api("/api/v1/sign-ups", body).await.status
}

#[tokio::test]
async fn a_form_that_is_too_young_or_trapped_comes_back_whole() {
    let service = Service::new(small_config());
    let send = async |body: String| service.post("/sign-up", "application/x-www-form-urlencoded", &body).await;
    for (what, age, rest) in [
        ("forged", None, "&stamp=AAAA"),
        ("no stamp", None, ""),
        ("young", Some(1), ""),
        ("old", Some(90_000), ""),
        ("trapped", Some(5), "&website=http%3A%2F%2Fexample.com"),
    ] {
        let stamp = age.map(|seconds| format!("&stamp={}", service.stamp(seconds))).unwrap_or_default();
        let page = send(format!("email=ada%40example.com{stamp}{rest}")).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{what}");
        assert!(page.body.contains("value=\"ada@example.com\"") && page.body.contains("class=\"notice\""), "{what}");
        assert!(service.users().is_empty());
        // What the page sends along now is good in a moment: a person just sends it again.
        let (_, rest) = page.body.split_once("name=\"stamp\" value=\"").expect("a stamp");
        let stamp = rest.split('"').next().expect("a stamp").to_owned();
        service.clock.forward(3);
        let answer = send(format!("email=ada%40example.com&stamp={stamp}&website=")).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{what}");
        service.store.expire(jiff::Timestamp::MAX);
        service.clock.forward(3_600);
    }
}

#[tokio::test]
async fn a_corrected_mistake_need_not_wait() {
    let service = Service::new(small_config());
    let stamp = service.stamp(2);
    let send = async |email: &str| {
        let body = format!("email={email}&stamp={stamp}");
        service.post("/sign-up", "application/x-www-form-urlencoded", &body).await
    };
    let page = send("ada").await;
    assert!(page.status == StatusCode::UNPROCESSABLE_ENTITY && page.body.contains(&format!("value=\"{stamp}\"")));
    assert_eq!(send("ada%40example.com").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_proof_of_work_has_a_larger_budget_and_counts_once() {
    let service = Service::new(config());
    let first = proof(&service, "192.0.2.7").await;
    assert_eq!(sign_up(&service, "a", &first).await, StatusCode::ACCEPTED);
    // Again it proves nothing any more, and the budget without a proof is what is left.
    assert_eq!(sign_up(&service, "b", &first).await, StatusCode::ACCEPTED);
    assert_eq!(sign_up(&service, "c", &first).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(sign_up(&service, "c", "").await, StatusCode::TOO_MANY_REQUESTS);
    for (name, status) in [("c", 202), ("d", 202), ("e", 429)] {
        let proof = proof(&service, "192.0.2.7").await;
        assert_eq!(sign_up(&service, name, &proof).await.as_u16(), status, "{name}");
    }
}

#[tokio::test]
async fn a_proof_of_another_client_or_of_another_time_is_none() {
    let service = Service::new(config());
    let other = proof(&service, "192.0.2.8").await;
    let own = proof(&service, "192.0.2.7").await;
    assert_eq!(sign_up(&service, "a", &other).await, StatusCode::ACCEPTED, "by the budget without a proof");
    assert_eq!(sign_up(&service, "b", &other).await, StatusCode::TOO_MANY_REQUESTS);
    service.clock.forward(1_200);
    assert_eq!(sign_up(&service, "b", &own).await, StatusCode::TOO_MANY_REQUESTS, "expired");
    let mut forged = proof(&service, "192.0.2.7").await;
    forged.replace_range(10..11, "x");
    assert_eq!(sign_up(&service, "b", &forged).await, StatusCode::TOO_MANY_REQUESTS);
    let wrong = service.api("/api/v1/sign-ups", json!({ "email": "b@example.com", "altcha": 5 })).await;
    assert_eq!(wrong.json()["errors"][0]["field"], "altcha");
    // The log tells of those that somebody tried to pass off, and by whom within the day; a late one is nobody's attempt.
    let lines = service.journal.lines();
    let told = lines.iter().filter(|line| line["message"] == "a proof of work does not hold");
    let told: Vec<(&str, usize)> = told
        .map(|line| (line["reason"].as_str().expect("a reason"), line["client"].as_str().expect("a name").len()))
        .collect();
    assert_eq!(told, [("proof_other_client", 16), ("proof_other_client", 16), ("proof_malformed", 16)]);
}

#[tokio::test]
async fn whoever_comes_often_has_more_to_prove() {
    let service = Service::new(config());
    let attempts = async || {
        let request =
            Request::get("/api/v1/challenges").extension(ClientAddress("192.0.2.7".parse().expect("an address")));
        let answer = service.send(request.body(Body::empty()).expect("a request")).await;
        answer.json()["parameters"]["data"]["attempts"].as_u64().expect("a number")
    };
    let quiet = attempts().await;
    for name in ["a", "b"] {
        let proof = proof(&service, "192.0.2.7").await;
        sign_up(&service, name, &proof).await;
    }
    assert!(attempts().await > quiet);
}

#[tokio::test]
async fn a_day_has_a_ceiling() {
    let mut config = small_config();
    config.security.budgets.service_per_day = 2;
    let service = Service::new(config);
    for (name, status) in [("a", 202), ("b", 202), ("c", 429)] {
        assert_eq!(sign_up(&service, name, "").await.as_u16(), status, "{name}");
        service.work().await;
        service.clock.forward(20);
    }
    let page = service.form("/sign-up", "email=c%40example.com").await;
    // It is ten in the morning.
    assert!(page.header("retry-after").parse::<u32>().is_ok_and(|seconds| (50_300..=50_400).contains(&seconds)));
    assert!(page.body.contains("tomorrow") && page.body.contains("value=\"c@example.com\""), "{}", page.body);
    service.clock.forward(86_400);
    assert_eq!(sign_up(&service, "c", "").await, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn whoever_has_no_budget_left_leaves_nothing_in_the_table() {
    let service = Service::new(config());
    let store = Failing::of(&service, StoreError::new("x", "y"), []);
    let calls = store.calls.clone();
    let service = Service { router: service.router_over(store), ..service };
    let send = async |key: &str| {
        let body = Body::from(json!({ "email": format!("{key}@example.com") }).to_string());
        let request = Request::post("/api/v1/sign-ups").header("content-type", "application/json");
        let answer = service.send(request.header("idempotency-key", key).body(body).expect("a request")).await;
        (answer.status.as_u16(), std::mem::take(&mut *calls.lock().expect("no panic while held")))
    };
    let all = vec!["claimed", "counters", "spend", "claim", "load", "save", "fulfil"];
    assert_eq!(send("one").await, (202, all));
    for _ in 0..3 {
        assert_eq!(send("two").await, (429, vec!["claimed", "spend"]), "the name of the request is kept for nobody");
    }
    assert_eq!(send("one").await, (202, vec!["claimed"]), "what was taken needs no budget");
}

#[tokio::test]
async fn clients_have_budgets_of_their_own_and_an_ipv6_network_is_one() {
    let service = Service::new(config());
    let send = async |client: &str, name: &str| {
        let body = json!({ "email": format!("{name}@example.com") }).to_string();
        let request = Request::post("/api/v1/sign-ups").header("content-type", "application/json");
        let request = request.extension(ClientAddress(client.parse().expect("an address"))).body(Body::from(body));
        service.send(request.expect("a request")).await.status.as_u16()
    };
    assert_eq!(
        (send("192.0.2.7", "a").await, send("192.0.2.7", "b").await, send("192.0.2.8", "b").await),
        (202, 429, 202)
    );
    assert_eq!((send("2001:db8::1", "c").await, send("2001:db8::2", "d").await), (202, 429));
    assert_eq!(send("2001:db8:0:1::2", "d").await, 202);
    // A header that anybody can write changes nothing.
    let forged = Request::post("/api/v1/sign-ups").header("content-type", "application/json");
    let forged = forged.header("x-forwarded-for", "198.51.100.1").header("forwarded", "for=198.51.100.1");
    let forged = forged.extension(ClientAddress("192.0.2.7".parse().expect("an address")));
    let body = Body::from(json!({ "email": "e@example.com" }).to_string());
    assert_eq!(service.send(forged.body(body).expect("a request")).await.status.as_u16(), 429);
}
