//! What an admin's pages cost with 100 users, with 10,000 and with a million: `make bench`.
//!
//! The store is the one in memory, so that what is measured is the service's own work, and what it asks its store for.
//! A page that asks more of it when there are more users fails the bench.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the figures are the result")]

#[path = "../../tests/service/admin/app.rs"]
mod app;
mod counted;
#[path = "../../tests/service/admin/person.rs"]
mod person;

use std::error::Error;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_TYPE, COOKIE, LOCATION};
use axum::http::{Request, StatusCode};
use jiff::{SignedDuration, Timestamp};
use signup_service::address::Address;
use signup_service::admin::{Actor, Admins, COOKIE as SESSION, Invited, Role, SetUpCode, SetUpPassword};
use signup_service::census::Delta;
use signup_service::clock::{System, day};
use signup_service::config::ServiceConfig;
use signup_service::event::Wanted;
use signup_service::journal::{Journal, Line};
use signup_service::keys::{AdminKey, Key};
use signup_service::ledger::Ledger;
use signup_service::store::{MemoryStore, Saved, Store, StoreError};
use signup_service::tombstone::Tombstones;
use signup_service::user::{State, User};
use signup_service::web::admin::{Desk, admin_router};
use tower::ServiceExt;

use counted::{Asked, Counted};

type Failure = Box<dyn Error + Send + Sync>;

const COUNTS: [u64; 3] = [100, 10_000, 1_000_000];

/// Requests of a page, of which the median is taken.
const RUNS: usize = 201;

/// Days over which half of the users signed up: so few that the fewest users fill them already, and what the counters
/// hold is as much with all numbers of users.
const DAYS: u64 = 48;

/// Where half of the users are from who are not from France.
const COUNTRIES: [&str; 8] = ["DE", "ES", "GB", "IN", "IT", "JP", "NG", "US"];

/// How long ago the other half signed up, on one day.
const BUSY_DAY: i64 = 10;

fn main() -> ExitCode {
    signup_service::journal::subscribe(io::sink);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.map_err(Failure::from).and_then(|runtime| runtime.block_on(bench())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: the bench failed\n  cause: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// A page at one number of users.
struct Seen {
    asked: Asked,
    us: f64,
}

async fn bench() -> Result<(), Failure> {
    let store = Arc::new(Counted::over(MemoryStore::naming(Some("full_name"))));
    let (router, cookie) = service(&store).await?;
    let now = Timestamp::now();
    let mut kept = 0;
    let mut first: Vec<Seen> = Vec::new();
    for count in COUNTS {
        let began = Instant::now();
        fill(&store.inner, kept..count, now).await?;
        kept = count;
        println!("{count} users, {} MB, filled within {:.1} s", memory()?, began.elapsed().as_secs_f64());
        println!("{:<42}{:>6}{:>7}{:>10}{:>8}", "page", "calls", "users", "us", "ratio");
        // A round that is not told warms up.
        for path in pages(now) {
            measure(&router, &cookie, &store, &place(&router, &cookie, &path).await?).await?;
        }
        let mut all = Vec::new();
        for path in pages(now) {
            let (seen, page) = measure(&router, &cookie, &store, &place(&router, &cookie, &path).await?).await?;
            all.push((path, seen));
            if let Some(next) = next(&page) {
                all.push(("  the next page".into(), measure(&router, &cookie, &store, &next).await?.0));
            }
        }
        for (at, (path, seen)) in all.iter().enumerate() {
            let few = first.get(at).unwrap_or(seen);
            let Seen { asked, us } = seen;
            println!("{path:<42}{:>6}{:>7}{us:>10.0}{:>8.2}", asked.calls, asked.users, us / few.us);
            if few.asked != *asked {
                return Err(
                    format!("{path} asks for {asked:?}, and with {} users for {:?}", COUNTS[0], few.asked).into()
                );
            }
        }
        if first.is_empty() {
            first = all.into_iter().map(|(_, seen)| seen).collect();
        } else if first.len() != all.len() {
            return Err("another number of pages has a next one".into());
        }
    }
    Ok(())
}

/// The pages that show users, each as full as any with the fewest users already.
fn pages(now: Timestamp) -> [String; 8] {
    let busy = day(now - SignedDuration::from_hours(24 * BUSY_DAY));
    [
        "/admin/dashboard".into(),
        "/admin/dashboard?days=365".into(),
        "/admin/users".into(),
        "/admin/users?by=country&value=FR".into(),
        format!("/admin/users?by=day&value={busy}"),
        "/admin/users?by=state&value=confirmed".into(),
        "search ada".into(),
        "search uma 0".into(),
    ]
}

/// Users who signed up, one half on one day and from France, and the other from elsewhere and on many.
async fn fill(store: &MemoryStore, numbers: std::ops::Range<u64>, now: Timestamp) -> Result<(), Failure> {
    let mut delta = Delta::default();
    for number in numbers {
        let half = number / 2;
        let (days, country) = match number % 4 {
            0 | 3 => (BUSY_DAY, "FR"),
            _ => (i64::try_from(half % DAYS)?, COUNTRIES[usize::try_from(half)? % COUNTRIES.len()]),
        };
        let at = (now - SignedDuration::from_hours(24 * days)).to_string();
        let (email, name) = (format!("ada{number:07}@example.com"), format!("Uma {number:07}"));
        let user: User = person::user(number, &email, &name, country, State::Confirmed, &at);
        delta.replace(None, user.counted.as_ref());
        if store.save(&user, None).await? != Saved::Done {
            return Err(format!("user {number} is there already").into());
        }
    }
    Ok(store.adjust(&delta).await?)
}

/// Asks for a page again and again: what it asks its store for, and the median of its time.
async fn measure(router: &Router, cookie: &str, store: &Counted, path: &str) -> Result<(Seen, String), Failure> {
    let (mut times, mut page) = (Vec::new(), String::new());
    store.take();
    let mut asked = None;
    for _ in 0..RUNS {
        let request = Request::get(path).header(COOKIE, cookie).body(Body::empty())?;
        let began = Instant::now();
        let (parts, body) = router.clone().oneshot(request).await?.into_parts();
        let body = to_bytes(body, usize::MAX).await?;
        times.push(began.elapsed());
        if parts.status != StatusCode::OK {
            return Err(format!("{path} is answered with {}", parts.status).into());
        }
        let now = store.take();
        if *asked.get_or_insert(now) != now {
            return Err(format!("{path} asks for {now:?}, and before for {asked:?}").into());
        }
        page = String::from_utf8(body.into())?;
    }
    times.sort_unstable();
    let asked = asked.ok_or("there was no run")?;
    Ok((Seen { asked, us: times[RUNS / 2].as_secs_f64() * 1e6 }, page))
}

/// Where one of [`pages`] is: that of a search is told by its form.
async fn place(router: &Router, cookie: &str, page: &str) -> Result<String, Failure> {
    let Some(text) = page.strip_prefix("search ") else { return Ok(page.to_owned()) };
    let request = Request::get("/admin/users").header(COOKIE, cookie).body(Body::empty())?;
    let body = to_bytes(router.clone().oneshot(request).await?.into_body(), usize::MAX).await?;
    let form = String::from_utf8(body.into())?;
    let (_, rest) = form.split_once("name=\"csrf\" value=\"").ok_or("the page has no form")?;
    let csrf = rest.split('"').next().unwrap_or_default();
    let typed = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("csrf", csrf), ("to", "users"), ("value", text)])
        .finish();
    let request = Request::post("/admin/search")
        .header(COOKIE, cookie)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(typed))?;
    let answer = router.clone().oneshot(request).await?;
    let place = answer.headers().get(LOCATION).ok_or("the form of a search leads nowhere")?.to_str()?;
    Ok(place.trim_start_matches("..").to_owned())
}

/// Where a page's link to the next one leads.
fn next(page: &str) -> Option<String> {
    let tag = page.split('<').find(|tag| tag.starts_with("a ") && tag.contains("rel=\"next\""))?;
    let (_, rest) = tag.split_once("href=\"../admin/")?;
    let (link, _) = rest.split_once('"')?;
    Some(format!("/admin/{}", link.replace("&#38;", "&")))
}

/// What the process takes of memory (Linux alone tells).
fn memory() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no memory is told")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes / 1_000)
}

/// The admins' side, and what the browser of an owner keeps. All that the bench knows of how one is put together.
async fn service(store: &Arc<Counted>) -> Result<(Router, String), Failure> {
    let mut config: ServiceConfig = serde_json::from_str(include_str!("../../tests/every_field.json"))?;
    if let Some(name) = config.form.fields.iter_mut().find(|field| field.name == "full_name") {
        name.autocomplete = Some("name".into());
    }
    let (clock, entropy) = (Arc::new(System), Arc::new(System));
    let key = AdminKey(Key::new([5; 32]));
    let (brand, name) = (config.brand(), config.service.clone());
    let admins = Admins::new(Arc::new(MemoryStore::default()), clock.clone(), entropy.clone(), key, brand, name);
    let cookie = format!("{SESSION}={}", signed_in(&admins).await?);
    let desk = Desk {
        ledger: Ledger { store: store.clone(), clock, entropy, wanted: Wanted::default() },
        admins,
        journal: Arc::new(Nowhere),
        tombstones: Arc::new(Nowhere),
        base_url: "https://join.example.com".into(),
        release: "0123456789ab".into(),
        file: None,
        config,
    };
    Ok((admin_router(Arc::new(desk)), cookie))
}

/// An owner's session, from the invitation to the first code.
async fn signed_in(admins: &Admins) -> Result<String, Failure> {
    let address = Address::parse("grace@example.com").map_err(|_| "no address")?;
    let invited = admins.invite(&Actor::Operator("signupctl"), &address, Role::Owner).await?;
    let Invited::Link(link) = invited else { return Err("there is no link".into()) };
    let chosen = admins.set_up_password(&link.token, "nine blue dahlias at dusk").await?;
    let SetUpPassword::Chosen(set_up) = chosen else { return Err("the password is not taken".into()) };
    let secret = app::secret(&set_up.enrol.ok_or("there is no secret")?.uri);
    let code = app::code(&secret, Timestamp::now());
    match admins.set_up_code(&link.token, &code, &admins.visit(None, None, None), None).await? {
        SetUpCode::Welcome { welcome, .. } => Ok(welcome.cookie.clone()),
        _ => Err("the code is not taken".into()),
    }
}

/// A log whose lines are made, and erasures of which there are none; both are written nowhere.
#[derive(Debug)]
struct Nowhere;

impl Journal for Nowhere {
    fn write(&self, line: &Line) {
        std::hint::black_box(line.json("dashboard"));
    }
}

#[async_trait]
impl Tombstones for Nowhere {
    async fn put(&self, _: &str) -> Result<(), StoreError> {
        Ok(())
    }
}
