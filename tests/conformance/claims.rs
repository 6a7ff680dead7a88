//! What every front of the service must hold, told over plain HTTP: the same claims for the Router in memory, for
//! the Router on DynamoDB and for the deployed function.

use altcha::{Challenge, SolveChallengeOptions, solve_challenge};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// The service that all of them are put in front of.
pub const SERVICE: &str = include_str!("service.json");

/// An answer as it came over the wire.
#[derive(Debug, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub location: String,
    pub content_type: String,
    pub policy: String,
    pub body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }
}

/// A service that can be asked, and everything that stands behind it.
pub trait Front {
    /// Sends a request, with the headers given, and follows nothing.
    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer;
    /// The texts of the mails to this address so far, oldest first, once the workers are at rest.
    fn mails(&self, address: &str) -> Vec<String>;
    /// What is kept of this address: `state`, `fields`, `consent`.
    fn user(&self, address: &str) -> Option<Value>;
    /// How many people signed up and confirmed, once the workers are at rest.
    fn counts(&self) -> (u64, u64);
    /// Lets so many seconds pass.
    fn pause(&self, seconds: u32);
}

const FORM: [(&str, &str); 1] = [("content-type", "application/x-www-form-urlencoded")];
const JSON: (&str, &str) = ("content-type", "application/json");

fn post(front: &dyn Front, path: &str, body: &str) -> Answer {
    front.send("POST", path, &FORM, body)
}

fn api(front: &dyn Front, path: &str, body: &Value) -> Answer {
    front.send("POST", path, &[JSON], &body.to_string())
}

fn get(front: &dyn Front, path: &str) -> Answer {
    front.send("GET", path, &[], "")
}

fn person(address: &str) -> Value {
    json!({ "full_name": "Ada Lovelace", "email": address, "age": 36, "country": "GB", "topics": ["web", "systems"], "consent": true })
}

/// The value that follows a mark in a text, up to the next white space or `&`.
fn after<'a>(text: &'a str, mark: &str) -> &'a str {
    let (_, rest) = text.split_once(mark).unwrap_or_else(|| panic!("no {mark} in {text}"));
    rest.split(|letter: char| letter.is_whitespace() || letter == '&').next().unwrap_or_default()
}

/// The six digits in a mail.
pub fn code(mail: &str) -> String {
    let words: Vec<&str> = mail.split_whitespace().collect();
    let three = |word: &str| word.len() == 3 && word.bytes().all(|digit| digit.is_ascii_digit());
    let pair = words.windows(2).find(|pair| three(pair[0]) && three(pair[1].trim_end_matches('.')));
    pair.unwrap_or_else(|| panic!("no code in {mail}")).concat().trim_end_matches('.').to_owned()
}

/// Every claim, one after the other; each has addresses of its own.
pub fn hold(front: &dyn Front) {
    a_person_signs_up_by_the_form_and_confirms_by_the_button(front);
    a_program_signs_up_and_confirms(front);
    six_digits_confirm_too(front);
    known_addresses_get_the_answer_of_new_ones_and_lose_nothing(front);
    mistakes_are_named_and_nothing_is_kept(front);
    a_repeated_request_counts_once(front);
    a_proof_of_work_is_taken(front);
    one_click_stops_all_mail(front);
    a_refused_address_is_not_mailed_again(front);
    pages_say_what_they_may_do(front);
    // What should not have come would be there by now.
    for address in ["Form@example.org", "known@example.org", "repeated@example.org", "refused@example.org"] {
        assert_eq!(front.mails(address).len(), 1, "{address}");
    }
    let (received, confirmed) = front.counts();
    assert_eq!((received, confirmed), (8, 4), "everybody is counted once");
}

fn a_person_signs_up_by_the_form_and_confirms_by_the_button(front: &dyn Front) {
    let page = get(front, "/");
    assert_eq!((page.status, page.content_type.as_str()), (200, "text/html; charset=utf-8"));
    let (_, rest) = page.body.split_once("name=\"stamp\" value=\"").expect("a stamp");
    let stamp = rest.split('"').next().expect("a stamp").to_owned();
    let body = format!(
        "full_name=Ada+%3Cb%3E&email=Form%40Example.org&age=36&country=GB&topics=web&consent=true&stamp={stamp}"
    );
    let hasty = post(front, "/sign-up", &body.replace(&stamp, ""));
    assert!(hasty.status == 422 && hasty.body.contains("value=\"Form@Example.org\""), "{hasty:?}");
    front.pause(3);
    let answer = post(front, "/sign-up", &body);
    assert!(answer.status == 303 && answer.location.starts_with("sent?u="), "{answer:?}");
    let sent = get(front, &format!("/{}", answer.location));
    assert!(sent.status == 200 && sent.body.contains("name=\"code\""), "{sent:?}");
    let mails = front.mails("Form@example.org");
    assert_eq!(mails.len(), 1);
    assert!(!mails[0].contains("Ada") && !mails[0].contains("<b>"), "{}", mails[0]);
    let token = after(&mails[0], "/confirm?t=");
    assert!(get(front, &format!("/confirm?t={token}")).body.contains(token));
    assert_eq!(front.user("form@example.org").expect("kept")["state"], "pending", "reading changes nothing");
    for _ in 0..2 {
        let answer = post(front, "/confirm", &format!("t={token}"));
        assert_eq!((answer.status, answer.location.as_str()), (303, "welcome"), "{answer:?}");
    }
    let user = front.user("FORM@example.org").expect("kept");
    assert_eq!(
        (&user["state"], &user["email"], &user["consent"]["version"]),
        (&json!("confirmed"), &json!("Form@Example.org"), &json!("3"))
    );
    assert_eq!(user["fields"], json!({ "full_name": "Ada <b>", "age": 36, "country": "GB", "topics": ["web"] }));
    assert_eq!(get(front, "/confirm?t=AAAA").status, 404);
}

fn a_program_signs_up_and_confirms(front: &dyn Front) {
    let answer = api(front, "/api/v1/sign-ups", &person("program@example.org"));
    assert_eq!((answer.status, answer.json()), (202, json!({ "status": "confirmation_sent" })));
    let mails = front.mails("program@example.org");
    let answer = api(front, "/api/v1/confirmations", &json!({ "token": after(&mails[0], "/confirm?t=") }));
    assert_eq!((answer.status, answer.json()), (200, json!({ "status": "confirmed" })));
    assert_eq!(front.user("program@example.org").expect("kept")["fields"]["topics"], json!(["systems", "web"]));
    assert_eq!(api(front, "/api/v1/confirmations", &json!({ "token": "nonsense" })).status, 404);
}

fn six_digits_confirm_too(front: &dyn Front) {
    api(front, "/api/v1/sign-ups", &person("code@example.org"));
    let code = code(&front.mails("code@example.org")[0]);
    let wrong = if code == "123456" { "654321" } else { "123456" };
    let ask =
        |code: &str| api(front, "/api/v1/confirmations", &json!({ "email": "code@example.org", "code": code })).status;
    assert_eq!((ask(wrong), ask(&code)), (404, 200));
    assert_eq!(front.user("code@example.org").expect("kept")["state"], "confirmed");
}

fn known_addresses_get_the_answer_of_new_ones_and_lose_nothing(front: &dyn Front) {
    let new = api(front, "/api/v1/sign-ups", &person("known@example.org"));
    assert_eq!(front.mails("known@example.org").len(), 1);
    let mut other = person("KNOWN@example.org");
    other["full_name"] = json!("Somebody Else");
    assert_eq!(api(front, "/api/v1/sign-ups", &other), new);
    let mails = front.mails("known@example.org");
    assert_eq!(mails.len(), 1, "not at once");
    let answer = post(front, "/confirm", &format!("t={}", after(&mails[0], "/confirm?t=")));
    assert_eq!(answer.status, 303);
    let user = front.user("known@example.org").expect("kept");
    assert_eq!((&user["state"], &user["fields"]["full_name"]), (&json!("confirmed"), &json!("Ada Lovelace")));
    assert_eq!(api(front, "/api/v1/sign-ups", &other), new);
    let user = front.user("known@example.org").expect("kept");
    assert_eq!(user["fields"]["full_name"], "Ada Lovelace", "nothing is forged");
}

fn mistakes_are_named_and_nothing_is_kept(front: &dyn Front) {
    let mut wrong = person("wrong@example.org");
    wrong["age"] = json!(17);
    wrong["country"] = json!("XX");
    let answer = api(front, "/api/v1/sign-ups", &wrong);
    assert_eq!((answer.status, answer.content_type.as_str()), (422, "application/problem+json"));
    let errors = answer.json()["errors"].as_array().expect("errors").clone();
    let codes: Vec<(&str, &str)> =
        errors.iter().filter_map(|error| Some((error["field"].as_str()?, error["code"].as_str()?))).collect();
    assert_eq!(codes, [("age", "too_low"), ("country", "not_an_option")]);
    assert_eq!(front.send("POST", "/api/v1/sign-ups", &[JSON], "{").status, 400);
    assert_eq!(front.send("POST", "/api/v1/sign-ups", &FORM, "{}").status, 415);
    assert_eq!(front.send("PUT", "/api/v1/sign-ups", &[JSON], "{}").status, 405);
    assert_eq!(get(front, "/api/v1/nothing").status, 404);
    assert_eq!(front.user("wrong@example.org"), None);
}

fn a_repeated_request_counts_once(front: &dyn Front) {
    let send =
        |body: &Value| front.send("POST", "/api/v1/sign-ups", &[JSON, ("idempotency-key", "key-1")], &body.to_string());
    let first = send(&person("repeated@example.org"));
    assert_eq!(first.status, 202, "{first:?}");
    assert_eq!(send(&person("repeated@example.org")), first);
    assert_eq!(send(&person("another@example.org")).status, 422);
    assert_eq!((front.mails("repeated@example.org").len(), front.user("another@example.org")), (1, None));
}

fn a_proof_of_work_is_taken(front: &dyn Front) {
    let answer = get(front, "/api/v1/challenges");
    assert_eq!(answer.status, 200, "{answer:?}");
    let challenge: Challenge = serde_json::from_str(&answer.body).expect("a challenge");
    let solution = solve_challenge(SolveChallengeOptions::new(&challenge)).expect("solvable").expect("in time");
    let mut body = person("proven@example.org");
    body["altcha"] = STANDARD.encode(json!({ "challenge": challenge, "solution": solution }).to_string()).into();
    assert_eq!(api(front, "/api/v1/sign-ups", &body).status, 202);
    assert_eq!(front.user("proven@example.org").expect("kept")["fields"].get("altcha"), None);
}

fn one_click_stops_all_mail(front: &dyn Front) {
    let mails = front.mails("program@example.org");
    let token = after(&mails[0], "/unsubscribe?t=");
    assert!(get(front, &format!("/unsubscribe?t={token}")).body.contains(token));
    assert_eq!(front.user("program@example.org").expect("kept")["state"], "confirmed", "reading changes nothing");
    assert_eq!(post(front, &format!("/unsubscribe?t={token}"), "List-Unsubscribe=One-Click").status, 200);
    assert_eq!(front.user("program@example.org").expect("kept")["state"], "unsubscribed");
    // Back again, so that the counts below are what they seem.
    api(front, "/api/v1/sign-ups", &person("again@example.org"));
    let mails = front.mails("again@example.org");
    assert_eq!(api(front, "/api/v1/confirmations", &json!({ "token": after(&mails[0], "/confirm?t=") })).status, 200);
}

fn a_refused_address_is_not_mailed_again(front: &dyn Front) {
    let answer = api(front, "/api/v1/sign-ups", &person("refused@example.org"));
    let mails = front.mails("refused@example.org");
    post(front, "/unsubscribe", &format!("t={}", after(&mails[0], "/unsubscribe?t=")));
    let user = front.user("refused@example.org").expect("the refusal is kept");
    assert_eq!((&user["state"], &user["email"]), (&json!("suppressed"), &json!("")));
    assert_eq!(api(front, "/api/v1/sign-ups", &person("refused@example.org")), answer);
    assert_eq!(front.mails("refused@example.org").len(), 1);
}

fn pages_say_what_they_may_do(front: &dyn Front) {
    for path in ["/", "/sent", "/welcome", "/api/v1/nothing", "/openapi.json"] {
        let answer = get(front, path);
        assert!(
            answer.policy.contains("default-src 'none'") && answer.policy.ends_with("frame-ancestors 'none'"),
            "{answer:?}"
        );
    }
    assert!(get(front, "/embed").policy.ends_with("frame-ancestors https://www.example.com"));
    assert_eq!(get(front, "/healthz").json()["status"], "ok");
    assert_eq!(get(front, "/form.js").content_type, "text/javascript; charset=utf-8");
}
