//! What surrounds every handler: headers, whose pages may call and show it, and the line of each request.

use crate::support::service::{ADA, Service};
use crate::support::{POLICY, config, small_config};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use signup_service::web::ClientAddress;

#[tokio::test]
async fn every_answer_carries_the_policy_and_only_files_are_cached() {
    let service = Service::new(config());
    for path in [
        "/",
        "/sent",
        "/welcome",
        "/healthz",
        "/style.css",
        "/icon.svg",
        "/form.js",
        "/confirm.js",
        "/set-up.js",
        "/session.js",
        "/nothing",
        "/api/v1/nothing",
        "/api/v1/challenges",
        "/openapi.json",
        "/sign-up",
        "/logo",
    ] {
        let answer = service.get(path).await;
        for (name, value) in [
            ("content-security-policy", POLICY),
            ("strict-transport-security", "max-age=63072000"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("set-cookie", ""),
        ] {
            assert_eq!(answer.header(name), value, "{name} of {path}");
        }
        let kind = answer.header("content-type");
        let is_told = kind.ends_with("; charset=utf-8") || kind.ends_with("json");
        assert!(is_told || answer.status.is_redirection() && kind.is_empty(), "{kind} of {path}");
        let cached = answer.header("cache-control") != "no-store";
        assert_eq!(
            cached,
            ["/style.css", "/icon.svg", "/form.js", "/confirm.js", "/set-up.js", "/session.js"].contains(&path),
            "{path}"
        );
    }
    assert!(service.get("/style.css").await.body.starts_with(":root { --accent: #0a7f5b; --on-accent: #ffffff;"));
    assert_eq!(service.get("/healthz").await.json(), json!({ "status": "ok", "version": "0123456789ab" }));
    let put = Request::put("/sign-up").body(Body::empty()).expect("a request");
    let wrong = service.send(put).await;
    assert_eq!((wrong.status, wrong.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD, POST"));
    assert_eq!(service.get("/api/v1/sign-ups").await.header("content-type"), "application/problem+json");
    assert!(service.get("/a/b/nothing").await.body.contains("href=\"../../style.css"));
}

#[tokio::test]
async fn only_pages_of_allowed_origins_may_call_the_api() {
    let mut config = small_config();
    config.security.allowed_origins = vec!["https://www.example.com".into()];
    let service = Service::new(config);
    let ask = async |origin: &str, method: &str| {
        let request = Request::builder().method(method).uri("/api/v1/sign-ups").header("origin", origin);
        service.send(request.body(Body::empty()).expect("a request")).await
    };
    let allowed = ask("https://www.example.com", "OPTIONS").await;
    assert_eq!(allowed.status, StatusCode::NO_CONTENT);
    assert_eq!(allowed.header("access-control-allow-origin"), "https://www.example.com");
    assert_eq!(allowed.header("vary"), "Origin");
    let other = ask("https://www.example.org", "OPTIONS").await;
    assert_eq!((other.status, other.header("access-control-allow-origin")), (StatusCode::NO_CONTENT, ""));
    assert_eq!(
        ask("https://www.example.com", "POST").await.header("access-control-allow-origin"),
        "https://www.example.com"
    );
}

#[tokio::test]
async fn the_form_can_be_shown_in_frames_of_allowed_origins_alone() {
    let mut config = small_config();
    let framed = async |service: &Service, path: &str| {
        let answer = service.get(path).await;
        let policy = answer.header("content-security-policy").to_owned();
        let ancestors = policy.split("frame-ancestors ").nth(1).expect("always there").to_owned();
        (ancestors, answer.header("x-frame-options").to_owned())
    };
    let closed = Service::new(config.clone());
    assert_eq!(framed(&closed, "/embed").await.0, "'none'");
    config.security.allowed_origins = vec!["https://www.example.com".into(), "https://example.org".into()];
    let service = Service::new(config);
    let open = ("https://www.example.com https://example.org".to_owned(), String::new());
    let none = ("'none'".to_owned(), "DENY".to_owned());
    assert_eq!(framed(&service, "/embed").await, open);
    for path in ["/sent?embed=1", "/welcome?embed=1"] {
        assert_eq!(framed(&service, path).await, open, "{path}");
    }
    let shut =
        ["/", "/sent", "/confirm?t=x", "/confirm?t=x&embed=1", "/unsubscribe?t=x&embed=1", "/api/v1/nothing?embed"];
    for path in shut {
        assert_eq!(framed(&service, path).await, none, "{path}");
    }
    assert!(service.get("/embed").await.body.contains("action=\"sign-up?embed=1\""));
    let answer = service.form("/sign-up?embed=1", "email=ada%40example.com").await;
    let location = answer.header("location");
    assert!(location.starts_with("sent?u=") && location.ends_with("&embed=1"), "{location}");
}

#[tokio::test]
async fn what_the_page_of_another_site_sends_does_nothing() {
    let service = Service::new(small_config());
    service.form("/sign-up", "email=ada%40example.com").await;
    service.work().await;
    // By now another mail may be asked for.
    service.clock.forward(3_600);
    let (users, mails) = (service.users(), service.mailer.sent().len());
    let forms = [
        ("/sign-up", "email=eve%40example.com"),
        ("/resend", "email=ada%40example.com"),
        ("/confirm", "email=ada%40example.com&code=123456"),
    ];
    let send = async |path: &str, body: &str, header: (&str, &str)| {
        let request = Request::post(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header(header.0, header.1)
            .body(Body::from(format!("{body}&stamp={}", service.stamp(5))));
        service.send(request.expect("a request")).await
    };
    let foreign = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        // As browsers say it that know nothing of the header.
        ("origin", "https://evil.example"),
    ];
    for header in foreign {
        for (path, body) in forms {
            let answer = send(path, body, header).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{path} {header:?}");
            let (_, email) = body.split_once('=').expect("a field");
            let email = email.split('&').next().expect("its value").replace("%40", "@");
            assert!(answer.body.contains(&format!("value=\"{email}\"")), "a person sends it again from here: {path}");
        }
        service.work().await;
        assert_eq!((service.users(), service.mailer.sent().len()), (users.clone(), mails), "{header:?}");
    }
    for (header, status) in [(("sec-fetch-site", "same-origin"), 200), (("origin", "null"), 200)] {
        assert_eq!(send("/resend", "email=ada%40example.com", header).await.status, status, "{header:?}");
    }
    service.work().await;
    assert_eq!(service.mailer.sent().len(), mails + 1, "a page of ours is heard");
}

#[tokio::test]
async fn a_line_for_each_request_tells_nothing_of_the_person() {
    let service = Service::new(config());
    service.form("/sign-up?secret=1", ADA).await;
    service.work().await;
    let (token, code) = (service.token(), service.code());
    service.get(&format!("/confirm?t={token}")).await;
    service.form("/confirm", &format!("email=ada%40example.com&code={code}")).await;
    service.get("/nobody/ada@example.com").await;
    let lines = service.journal.lines();
    let routes: Vec<_> =
        lines.iter().filter(|line| line["message"] == "request").map(|line| line["route"].clone()).collect();
    assert_eq!(routes, ["/sign-up", "/confirm", "/confirm", "none"]);
    assert!(lines.iter().any(|line| line["SignUps"] == 1 && line["status"] == 303 && line["Latency"].is_u64()));
    assert!(lines.iter().any(|line| line["Confirmations"] == 1 && line["reason"] == "code"));
    let all = serde_json::to_string(&lines).expect("JSON");
    for secret in ["Ada", "ada", "Lovelace", "single", "secret", "192.0.2", token.as_str(), code.as_str()] {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
}

#[tokio::test]
async fn whoever_is_refused_has_a_name_in_the_log_that_lasts_a_day_and_says_nothing() {
    let service = Service::new(config());
    let from = async |address: &str, uri: &str| {
        let client = ClientAddress(address.parse().expect("an address"));
        let request = Request::get(uri).extension(client).body(Body::empty()).expect("a request");
        service.send(request).await;
        let lines = service.journal.lines();
        let line = lines.last().expect("a line");
        assert_eq!(line["client"].is_string(), line["Refusals"] == 1, "{line}");
        assert!(!line.to_string().contains(address), "{line}");
        line.clone()
    };
    let first = from("192.0.2.9", "/confirm?t=forged").await;
    assert_eq!((&first["reason"], first["client"].as_str().expect("a name").len()), (&json!("token"), 16));
    assert_eq!(from("192.0.2.9", "/unsubscribe?t=forged").await["client"], first["client"], "the same all day");
    assert_ne!(from("192.0.2.10", "/confirm?t=forged").await["client"], first["client"]);
    assert_eq!(from("192.0.2.9", "/").await["client"], Value::Null, "whoever is not refused has none");
    service.clock.forward(24 * 3_600);
    assert_ne!(from("192.0.2.9", "/confirm?t=forged").await["client"], first["client"]);
    let forged = service.api("/api/v1/confirmations", json!({ "token": "forged" })).await;
    assert_eq!(forged.status, StatusCode::NOT_FOUND);
    assert_eq!(service.journal.lines().last().expect("a line")["reason"], "token");
}
