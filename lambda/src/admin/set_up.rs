//! Setting up: a link, a password, an app that shows it has the secret, and a first session.
//!
//! A link that was used, is too old or was never made has one and the same answer, [`None`] or `Invalid`.

use super::account::{Completed, Enrolment, Setup};
use super::admins::{AdminError, Admins, Visit};
use super::audit::Action;
use super::code::{Code, draw_recovery};
use super::password::{Password, WeakPassword};
use super::qr;
use super::sign_in::Welcome;
use super::token::Token;
use super::totp::Totp;
use super::{Admin, AdminId};
use crate::store::StoreError;
use crate::user::Nonce;

const PASSWORD: &str = "choose a password";
const COMPLETE: &str = "complete a set-up";

/// A link that is open, and how far it was followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetUp {
    pub email: String,
    /// What to put into an app, once a password was chosen.
    pub enrol: Option<Enrol>,
}

/// A secret for an authenticator app, in the forms in which it can be taken over.
#[derive(Clone, PartialEq, Eq)]
pub struct Enrol {
    /// `otpauth://`, for a link on the phone that has the app.
    pub uri: String,
    /// For typing, in groups of four.
    pub secret: String,
    /// For the app's camera, as SVG; absent where the brand's name is too long for one.
    pub qr: Option<String>,
}

/// Blank, so that no secret reaches a log through a `{:?}`.
impl std::fmt::Debug for Enrol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Enrol(..)")
    }
}

/// What came of choosing a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetUpPassword {
    /// It is kept; the app comes next.
    Chosen(SetUp),
    Weak(WeakPassword),
    Invalid,
}

/// What came of showing a code of the app.
#[derive(Debug)]
pub enum SetUpCode {
    /// Signed in. The recovery codes are shown now and never again.
    Welcome {
        welcome: Box<Welcome>,
        recovery_codes: Vec<String>,
    },
    /// The app's clock or its secret is wrong; the same link may be tried again.
    WrongCode(SetUp),
    Invalid,
}

impl Admins {
    /// What a set-up link is for; changes nothing.
    pub async fn set_up(&self, token: &str) -> Result<Option<SetUp>, StoreError> {
        Ok(self.open(token).await?.map(|(_, admin)| self.shown(&admin)))
    }

    /// Takes the password. May be repeated until the app has shown a code; the secret is another each time.
    pub async fn set_up_password(&self, token: &str, typed: &str) -> Result<SetUpPassword, AdminError> {
        let Some((token, admin)) = self.open(token).await? else { return Ok(SetUpPassword::Invalid) };
        let password = Password::new(typed);
        if let Err(weak) = password.check(&self.names(&admin)) {
            return Ok(SetUpPassword::Weak(weak));
        }
        let crowded = |_| StoreError::busy(PASSWORD, "too many strangers at once");
        let _place = self.strangers.try_acquire().map_err(crowded)?;
        let totp_nonce = Nonce(self.entropy.bytes());
        let enrolment = Enrolment { password_hash: self.hash(password).await?, totp_nonce };
        let decide = |found: Option<Admin>, now| {
            let next = found.and_then(|admin| admin.enrolled(token.setup(), enrolment.clone(), now));
            let shown = next.as_ref().map(|admin| self.shown(admin));
            (next, shown)
        };
        let shown = self.change(PASSWORD, admin.id, Some(admin), decide).await?;
        Ok(shown.map_or(SetUpPassword::Invalid, SetUpPassword::Chosen))
    }

    /// Takes a code of the app. When it is good the link is used up, all other sessions are over, and one begins. `old` is
    /// the session's cookie that the browser sent, if any: that session ends as well, whoever's it is.
    pub async fn set_up_code(
        &self,
        token: &str,
        typed: &str,
        visit: &Visit,
        old: Option<&str>,
    ) -> Result<SetUpCode, AdminError> {
        let came = self.clock.now();
        let Some((token, admin)) = self.open(token).await? else { return Ok(SetUpCode::Invalid) };
        let shown = self.shown(&admin);
        let code = Code::typed(typed);
        let (id, recovery_codes) = (admin.id, draw_recovery(&*self.entropy));
        let hashes = self.recovery_hashes(id, &recovery_codes);
        let decide = |found: Option<Admin>, now| {
            let Some(admin) = found else { return (None, (Completed::Invalid, None)) };
            let (next, completed) = admin.completed(token.setup(), &code, hashes.clone(), &self.key, came);
            let next = next.map(|admin| admin.seen_at(&visit.network, now));
            (next.clone(), (completed, next))
        };
        match self.change(COMPLETE, id, Some(admin), decide).await? {
            (Completed::Done, Some(admin)) => {
                self.end_sessions(id, None).await?;
                // The link is used up: whoever set up has to see the recovery codes, whatever becomes of that.
                if let Err(error) = self.end_old(old).await {
                    error.log();
                }
                let welcome = Box::new(self.begin(admin, visit, self.clock.now(), Action::SetUp).await?);
                Ok(SetUpCode::Welcome { welcome, recovery_codes })
            }
            (Completed::WrongCode, _) => Ok(SetUpCode::WrongCode(shown)),
            _ => Ok(SetUpCode::Invalid),
        }
    }

    async fn open(&self, token: &str) -> Result<Option<(Token, Admin)>, StoreError> {
        let Some(token) = Token::parse(token) else { return Ok(None) };
        let found = self.store.load_admin(token.admin).await?;
        let open = found.filter(|admin| admin.open_setup(token.setup(), self.clock.now()).is_some());
        Ok(open.map(|admin| (token, admin)))
    }

    fn shown(&self, admin: &Admin) -> SetUp {
        let enrolment = admin.setup.as_ref().and_then(|setup| setup.enrolment.as_ref());
        let enrol = enrolment.map(|enrolment| {
            let totp = Totp::new(self.key.totp_secret(admin.id, enrolment.totp_nonce));
            let uri = totp.uri(&self.brand, &admin.email);
            Enrol { qr: qr::svg(&uri).ok(), secret: totp.typed(), uri }
        });
        SetUp { email: admin.email.clone(), enrol }
    }

    /// A new link's token, and what is kept of it.
    pub(super) fn link(&self, id: AdminId) -> (Token, Setup) {
        let token = Token::draw(id, &*self.entropy);
        let setup = Setup::new(token.setup(), self.clock.now());
        (token, setup)
    }

    pub(super) fn recovery_hashes(&self, id: AdminId, codes: &[String]) -> Vec<String> {
        let hash = |code: &String| self.key.recovery(id, &code.replace('-', ""));
        codes.iter().map(hash).collect()
    }
}
