//! Signing in, being signed in, proving it anew, signing out.
//!
//! A name that nobody has costs the same as one that somebody has: the same calls of the store in the same order, one
//! password hashed, one answer. Only success costs more.

use std::time::Duration;

use jiff::Timestamp;

use super::account::Admin;
use super::admins::{AdminError, Admins, TRIES, Visit};
use super::attempts::{Attempts, Scope};
use super::audit::Action;
use super::code::Code;
use super::session::Session;
use super::store::Counted;
use super::token::Token;
use super::{Actor, AdminId};
use crate::store::{Saved, StoreError};
use crate::user::Nonce;

const SIGN_IN: &str = "sign an admin in";
const PROVE: &str = "prove an admin again";
const COUNT: &str = "count attempts";

/// When whoever came while too many strangers were looked at is to come again: after the first of the delays.
const CROWDED: Duration = Duration::from_secs(30);

/// The cookie by which a browser is known that has signed in before: `Secure`, `HttpOnly`, `SameSite=Strict`, `Path=/`,
/// kept for a year. It signs nobody in; guesses that come with it are counted apart from strangers'.
pub const DEVICE_COOKIE: &str = "__Host-admin-device";

/// What a person typed into the sign-in form.
#[derive(Clone, Copy)]
pub struct SignInForm<'a> {
    pub email: &'a str,
    pub password: &'a str,
    /// Of the app, or a recovery code.
    pub code: &'a str,
}

/// Blank, so that nothing of it reaches a log through a `{:?}`.
impl std::fmt::Debug for SignInForm<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SignInForm(..)")
    }
}

/// An admin whose session is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    pub admin: Admin,
    pub session: Session,
}

/// A password that was looked at.
struct TriedPassword {
    /// What it was held against; it is good for that alone.
    hash: Option<String>,
    is_right: bool,
    /// When it came, which a code is judged by: whoever waits for a hash must not see it grow old.
    came: Timestamp,
}

/// What came of signing in.
#[derive(Debug)]
pub enum SignIn {
    Welcome(Box<Welcome>),
    /// Name, password or code: which of them is not told.
    Refused,
    /// Nothing was looked at: too many tries of this name or from there, or of strangers at once.
    TooMany {
        retry_after: Duration,
    },
}

/// A session that has begun, and what the browser is to keep of it.
pub struct Welcome {
    pub signed_in: SignedIn,
    /// The value of the cookie [`super::COOKIE`].
    pub cookie: String,
    /// The value of the cookie [`DEVICE_COOKIE`].
    pub device: String,
}

/// Without the cookies.
impl std::fmt::Debug for Welcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Welcome").field("signed_in", &self.signed_in).finish_non_exhaustive()
    }
}

/// What came of giving password and code again.
#[derive(Debug)]
pub enum Proved {
    /// The same session under a new cookie; the one before is worth nothing.
    Done {
        signed_in: Box<SignedIn>,
        cookie: String,
    },
    Refused,
    TooMany {
        retry_after: Duration,
    },
}

impl Admins {
    /// Signs in. `old` is the session's cookie that the browser sent, if any, whose session ends: none is ever taken
    /// over.
    pub async fn sign_in(&self, form: &SignInForm<'_>, visit: &Visit, old: Option<&str>) -> Result<SignIn, AdminError> {
        let came = self.clock.now();
        let id = self.key.admin_typed(form.email);
        let found = self.store.load_admin(id).await?;
        let known = found.as_ref().map(|admin| (admin.id, admin.email.clone()));
        let familiar = self.familiar(found.as_ref(), visit);
        let place = match familiar {
            Some(_) => None,
            None => match self.strangers.try_acquire() {
                Ok(place) => Some(place),
                Err(_) => return Ok(SignIn::TooMany { retry_after: CROWDED }),
            },
        };
        let scopes = match &familiar {
            Some(scope) => vec![scope.clone()],
            None => {
                vec![Scope::Pair(id, visit.network.clone()), Scope::Strangers(id), Scope::Client(visit.network.clone())]
            }
        };
        if let Some(retry_after) = self.count(&scopes).await? {
            return Ok(SignIn::TooMany { retry_after });
        }
        let since = self.clock.now();
        let typed = self.try_password(found.as_ref(), form.password, came).await?;
        drop(place);
        let Some(admin) = self.check(SIGN_IN, id, found, &typed, form.code, Some(visit)).await? else {
            self.refused(known.as_ref().map(|(id, email)| (*id, email.as_str())), visit).await?;
            return Ok(SignIn::Refused);
        };
        self.take_back(&scopes).await?;
        self.end_old(old).await?;
        let action = Action::SignedIn { new_place: familiar.is_none() };
        let welcome = self.begin(admin, visit, since, action).await?;
        Ok(SignIn::Welcome(Box::new(welcome)))
    }

    /// Ends the session of a cookie that the browser is about to forget, if it is one.
    pub(super) async fn end_old(&self, cookie: Option<&str>) -> Result<(), StoreError> {
        let Some(old) = cookie.and_then(Token::parse) else { return Ok(()) };
        self.store.delete_session(old.admin, old.session()).await
    }

    /// Whose session a cookie is of, if it is open, and uses it. Costs two reads, and a write at most once a minute.
    pub async fn authenticate(&self, cookie: &str) -> Result<Option<SignedIn>, StoreError> {
        let Some(found) = self.open_session_of(cookie).await? else { return Ok(None) };
        let Some(seen) = found.session.seen(self.clock.now()) else { return Ok(Some(found)) };
        self.store.touch_session(&seen).await?;
        Ok(Some(SignedIn { session: seen, ..found }))
    }

    /// The same without using it. Costs two reads.
    pub async fn open_session_of(&self, cookie: &str) -> Result<Option<SignedIn>, StoreError> {
        let Some(token) = Token::parse(cookie) else { return Ok(None) };
        let (admin, session) = tokio::try_join!(
            self.store.load_admin(token.admin),
            self.store.load_session(token.admin, token.session())
        )?;
        let now = self.clock.now();
        let both = admin.zip(session).filter(|(admin, session)| session.is_open(admin, now));
        Ok(both.map(|(admin, session)| SignedIn { admin, session }))
    }

    /// Takes password and code again, for what is hard to take back. Guesses are counted for the session: whoever
    /// holds a stolen one cannot keep its admin from signing in.
    pub async fn prove_again(
        &self,
        signed_in: &SignedIn,
        password: &str,
        code: &str,
        visit: &Visit,
    ) -> Result<Proved, AdminError> {
        let came = self.clock.now();
        let (id, old) = (signed_in.admin.id, signed_in.session.hash);
        let scopes = [Scope::Session(old)];
        if let Some(retry_after) = self.count(&scopes).await? {
            return Ok(Proved::TooMany { retry_after });
        }
        let found = self.store.load_admin(id).await?;
        let typed = self.try_password(found.as_ref(), password, came).await?;
        let Some(admin) = self.check(PROVE, id, found, &typed, code, None).await? else {
            self.refused(Some((id, &signed_in.admin.email)), visit).await?;
            return Ok(Proved::Refused);
        };
        self.take_back(&scopes).await?;
        let token = Token::draw(id, &*self.entropy);
        let session = signed_in.session.proven(&token, &admin, self.clock.now());
        self.store.save_session(&session).await?;
        self.store.delete_session(id, old).await?;
        let signed_in = Box::new(SignedIn { admin, session });
        self.record(&Actor::Admin(&signed_in, visit), Action::ProvenAgain, None).await?;
        Ok(Proved::Done { signed_in, cookie: token.to_string() })
    }

    /// Ends this session.
    pub async fn sign_out(&self, signed_in: &SignedIn, visit: &Visit) -> Result<(), StoreError> {
        self.store.delete_session(signed_in.admin.id, signed_in.session.hash).await?;
        self.record(&Actor::Admin(signed_in, visit), Action::SignedOut, None).await
    }

    /// Begins a session, and writes into the audit log how it came about. `since` is when it was shown who it is: a
    /// password that is changed in the meantime ends this session too.
    pub(super) async fn begin(
        &self,
        admin: Admin,
        visit: &Visit,
        since: Timestamp,
        action: Action,
    ) -> Result<Welcome, StoreError> {
        let welcome = self.open_session(admin, visit, since).await?;
        self.record(&Actor::Admin(&welcome.signed_in, visit), action, None).await?;
        Ok(welcome)
    }

    /// The same where that is in the log already.
    pub(super) async fn open_session(
        &self,
        admin: Admin,
        visit: &Visit,
        since: Timestamp,
    ) -> Result<Welcome, StoreError> {
        let token = Token::draw(admin.id, &*self.entropy);
        let session = Session::begun(&token, &admin, visit, since);
        self.store.save_session(&session).await?;
        let device = self.device(&admin);
        Ok(Welcome { signed_in: SignedIn { admin, session }, cookie: token.to_string(), device })
    }

    /// Looks whether a password is an admin's; the same work when there is no admin.
    async fn try_password(
        &self,
        found: Option<&Admin>,
        password: &str,
        came: Timestamp,
    ) -> Result<TriedPassword, AdminError> {
        let hash = found.and_then(Admin::password_hash).map(str::to_owned);
        let is_right = self.verify(password, hash.clone()).await?;
        Ok(TriedPassword { hash, is_right, came })
    }

    /// The admin with the code used up, when password and code are good; the same work when there is no admin.
    async fn check(
        &self,
        operation: &'static str,
        id: AdminId,
        found: Option<Admin>,
        password: &TriedPassword,
        code: &str,
        seen: Option<&Visit>,
    ) -> Result<Option<Admin>, StoreError> {
        let (code, random) = (Code::typed(code), self.entropy.number());
        let decide = |found: Option<Admin>, now: Timestamp| {
            // The admin may have changed since the password was checked: it is good for the hash that was checked.
            let same = found.filter(|admin| admin.password_hash() == password.hash.as_deref());
            // The code is looked at also when the password was wrong, so that the time does not tell that it was right.
            let used = same
                .and_then(|admin| admin.use_code(&code, &self.key, random, password.came))
                .filter(|_| password.is_right);
            let next = match seen {
                Some(visit) => used.map(|admin| admin.seen_at(&visit.network, now)),
                None => used,
            };
            (next.clone(), next)
        };
        self.change(operation, id, found, decide).await
    }

    /// Notes a refusal where there is somebody whom it concerns, and takes as long where there is not.
    pub(super) async fn refused(&self, known: Option<(AdminId, &str)>, visit: &Visit) -> Result<(), StoreError> {
        let email = known.map_or("", |(_, email)| email);
        let entry = self.entry(email, Some(&visit.network), Action::SignInRefused);
        match known {
            Some(_) => self.store.append_entry(&entry).await?,
            None => self.store.touch_entry(&entry).await?,
        }
        self.tell(&entry, known.map(|(id, _)| id), None);
        Ok(())
    }

    /// What a known browser or network is counted by.
    fn familiar(&self, admin: Option<&Admin>, visit: &Visit) -> Option<Scope> {
        let admin = admin?;
        let of_device = visit.device.as_deref().and_then(|device| {
            let (name, proof) = device.split_once('.')?;
            let nonce = Nonce::parse(name)?;
            let is_good = self.key.check_device(admin.id, nonce, credentials(admin)?, proof);
            is_good.then(|| Scope::Device(admin.id, name.to_owned()))
        });
        let is_known = !visit.network.is_empty() && admin.knows(&visit.network);
        of_device.or_else(|| is_known.then(|| Scope::Pair(admin.id, visit.network.clone())))
    }

    /// A new name for a browser, and the proof that it is ours. It is worth nothing once the credentials change.
    fn device(&self, admin: &Admin) -> String {
        let nonce = Nonce(self.entropy.bytes());
        format!("{nonce}.{}", self.key.device(admin.id, nonce, credentials(admin).unwrap_or_default()))
    }

    /// Counts a try in each of the scopes, unless one of them has to wait: then how long.
    pub(super) async fn count(&self, scopes: &[Scope]) -> Result<Option<Duration>, StoreError> {
        let count = |scope: &Scope, found: Option<&Attempts>, now| Some(Attempts::counted(found, scope, now));
        for tried in 0..TRIES {
            let (now, found) = self.attempts(scopes).await?;
            if let Some(wait) = found.iter().flatten().filter_map(|it| it.wait(now)).max() {
                return Ok(Some(wait));
            }
            if self.keep(scopes, &found, count, now).await? == Saved::Done {
                return Ok(None);
            }
            self.pause(tried).await;
        }
        Err(StoreError::busy(COUNT, "others tried the same name"))
    }

    /// Takes back what was counted, after a success. When too many others are counted at once it stays.
    pub(super) async fn take_back(&self, scopes: &[Scope]) -> Result<(), StoreError> {
        let count = |scope: &Scope, found: Option<&Attempts>, now| found.map(|it| Attempts::taken_back(it, scope, now));
        for tried in 0..TRIES {
            let (now, found) = self.attempts(scopes).await?;
            if self.keep(scopes, &found, count, now).await? == Saved::Done {
                return Ok(());
            }
            self.pause(tried).await;
        }
        Ok(())
    }

    async fn attempts(&self, scopes: &[Scope]) -> Result<(Timestamp, Vec<Option<Attempts>>), StoreError> {
        let keys: Vec<String> = scopes.iter().map(Scope::key).collect();
        let found = self.store.load_attempts(&keys).await?;
        Ok((self.clock.now(), found))
    }

    async fn keep(
        &self,
        scopes: &[Scope],
        found: &[Option<Attempts>],
        next: impl Fn(&Scope, Option<&Attempts>, Timestamp) -> Option<Attempts>,
        now: Timestamp,
    ) -> Result<Saved, StoreError> {
        let counted = scopes.iter().zip(found).filter_map(|(scope, found)| {
            let attempts = next(scope, found.as_ref(), now)?;
            Some(Counted { key: scope.key(), attempts, over: found.as_ref().map(|found| found.version) })
        });
        let counted: Vec<Counted> = counted.collect();
        if counted.is_empty() { Ok(Saved::Done) } else { self.store.save_attempts(&counted).await }
    }
}

/// Which set of credentials an admin has.
fn credentials(admin: &Admin) -> Option<i64> {
    admin.credentials.as_ref().map(|credentials| credentials.changed_at.as_millisecond())
}
