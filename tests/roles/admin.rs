//! An admin at work, over HTTP: everything that the admin function may do is done once.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use crate::Service;
use support::http::{self, Answer, encode};

/// A browser with its cookies.
struct Browser<'a> {
    endpoint: &'a str,
    cookies: Vec<(String, String)>,
    /// Below `admin/`, where the last answer leads.
    leads_to: String,
}

impl Browser<'_> {
    fn send(&mut self, method: &str, path: &str, body: &str) -> Answer {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let headers = [("cookie", cookies.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        let answer = http::request(method, &format!("{}/admin/{path}", self.endpoint), &headers, body);
        for (_, line) in answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")) {
            let (name, value) = line.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            self.cookies.retain(|(known, _)| known != name);
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
        let location = answer.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("location"));
        self.leads_to =
            location.and_then(|(_, to)| to.split_once("admin/")).map_or_else(String::new, |(_, to)| to.to_owned());
        answer
    }

    /// A page; fails with the status of one that is not shown.
    fn get(&mut self, path: &str) -> Result<String, String> {
        let answer = self.send("GET", path, "");
        if answer.status == 200 {
            Ok(answer.body)
        } else {
            Err(format!("`{path}` was answered with {}", answer.status))
        }
    }

    /// The users whose address or name begins so.
    fn search(&mut self, text: &str) -> Result<String, String> {
        let page = self.get("users")?;
        self.post(&page, "search", &[("to", "users"), ("value", text)], 303)?;
        self.get(&self.leads_to.clone())
    }

    /// Sends a form with the token of the page it is on.
    fn post(&mut self, page: &str, path: &str, fields: &[(&str, &str)], expected: u16) -> Result<String, String> {
        let csrf = field(page, "csrf").ok_or(format!("no form for `{path}`"))?;
        let all = [fields, &[("csrf", &csrf)]].concat();
        let body: Vec<String> = all.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        let answer = self.send("POST", path, &body.join("&"));
        match answer.status == expected {
            true => Ok(answer.body),
            false => Err(format!("`{path}` was answered with {}", answer.status)),
        }
    }
}

/// The value of a hidden field.
fn field(page: &str, name: &str) -> Option<String> {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\""))?;
    rest.split('"').next().map(str::to_owned)
}

/// The six digits of an authenticator app (RFC 6238), which shows them for some seconds more.
fn code(secret: &[u8]) -> String {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    while now() % 30 > 24 {
        std::thread::sleep(Duration::from_millis(250));
    }
    let step = now() / 30;
    let hash = Hmac::<Sha1>::new_from_slice(secret).expect("any length").chain_update(step.to_be_bytes()).finalize();
    let hash = hash.into_bytes();
    let at = usize::from(hash[19] & 15);
    let number = u32::from_be_bytes([hash[at] & 127, hash[at + 1], hash[at + 2], hash[at + 3]]);
    format!("{:06}", number % 1_000_000)
}

/// What Base32 stands for.
fn base32(text: &str) -> Vec<u8> {
    let (mut bits, mut held, mut bytes) = (0_u32, 0, Vec::new());
    for letter in text.bytes() {
        let value = if letter.is_ascii_uppercase() { letter - b'A' } else { letter - b'2' + 26 };
        (bits, held) = ((bits << 5 | u32::from(value)) & 0xFFF, held + 5);
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 255).expect("a byte"));
        }
    }
    bytes
}

const PASSWORD: &str = "correct horse battery staple 42";

/// An account is set up; users are listed in every way, written to, stopped and erased; another admin is added, changed
/// and removed.
pub fn work(service: &Service, patience: Duration) -> Result<(), String> {
    let people = [service.sign_up()?, service.sign_up()?];
    let number = people[0].clone();
    let email = format!("admin-of-{number}");
    let set_up = service.sandbox.json(&["admin", "add", &email, "--role", "owner", "--local"]);
    let link = set_up["set_up"].as_str().expect("a link");
    let (_, path) = link.split_once("/admin/").expect("a place");
    let (path, token) = path.split_once('#').expect("a code");
    let mut browser = Browser { endpoint: &service.endpoint, cookies: Vec::new(), leads_to: String::new() };
    let page = browser.get(path)?;
    let page = browser.post(&page, path, &[("token", token)], 200)?;
    let fields = [("token", token), ("password", PASSWORD), ("again", PASSWORD)];
    let page = browser.post(&page, "set-up", &fields, 200)?;
    let (_, rest) = page.split_once("secret=").ok_or("no secret on the page")?;
    let secret = base32(rest.split('&').next().unwrap_or_default());
    browser.post(&page, "set-up", &[("token", token), ("code", &code(&secret))], 200)?;

    browser.get("dashboard")?;
    let id = crate::until(patience, || {
        let shown = browser.search(&people[0]).ok()?;
        let (_, rest) = shown.split_once("/users/")?;
        rest.split('"').next().map(str::to_owned)
    });
    let id = id.ok_or("the user is not found")?;
    for list in ["users", "users?by=state&value=pending", "users?by=country&value=FR"] {
        browser.get(list)?;
    }
    browser.search("person")?;
    let page = browser.get(&format!("users/{id}"))?;
    // Who never confirmed leaves no address behind.
    browser.post(&page, &format!("users/{id}/unsubscribe"), &[], 200)?;
    let page = browser.get(&format!("users/{id}/erase"))?;
    browser.post(&page, &format!("users/{id}/erase"), &[("confirm", "ERASE")], 303)?;
    browser.get("audit")?;
    browser.get("export.csv")?;

    let page = browser.get("security")?;
    let other = format!("viewer-of-{number}");
    let page = browser.post(&page, "security/admins/add", &[("email", &other), ("role", "viewer")], 200)?;
    let (_, row) = page.split_once(&format!(">{other}</bdi>")).ok_or("the other admin is not listed")?;
    let admin = field(row, "admin").ok_or("no form for the other admin")?;
    let page = browser.post(&page, "security/admins/role", &[("admin", &admin), ("role", "owner")], 200)?;
    let page = browser.post(&page, "security/admins/remove", &[("admin", &admin)], 200)?;
    browser.post(&page, "sign-out", &[], 303)?;
    Ok(())
}
