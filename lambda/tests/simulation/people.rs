//! What people and the operator do, as the web layer does it for them: one change of one user.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use signup_service::address::Address;
use signup_service::clock::{Clock, Entropy};
use signup_service::config::ConfirmationMode;
use signup_service::feedback::{Listener, Report, What};
use signup_service::journal::Kept;
use signup_service::keys::{AddressKey, Key};
use signup_service::ledger::{Ledger, Reading};
use signup_service::store::{Saved, Store};
use signup_service::token::TokenKey;
use signup_service::user::{
    Answers, ConfirmOutcome, Draws, EndedBy, FieldValue, MailId, Nonce, Proof, Receipt, Request, Rules, Undeliverable,
    User, UserId,
};

use crate::BASE_URL;
use crate::faults::Faulty;
use crate::witness::{Submission, Who};
use crate::world::World;

pub fn token_key() -> TokenKey {
    TokenKey::new(Key::new([2; 32]))
}

pub fn address_key() -> AddressKey {
    AddressKey(Key::new([1; 32]))
}

/// A few addresses, so that whoever does something often meets another.
pub struct Crowd {
    addresses: Vec<(&'static str, UserId)>,
    rules: Mutex<Rules>,
    /// How often earlier answers are given again, in a thousand.
    again: usize,
}

/// One thing that somebody does.
pub enum Act {
    SignUp {
        number: usize,
        request: Request,
        rules: Rules,
    },
    Confirm {
        id: UserId,
        who: Who,
        digits: String,
    },
    /// Tries digits that are wrong.
    Guess {
        id: UserId,
        tries: usize,
    },
    Unsubscribe(UserId),
    Resend(UserId),
    Erase(UserId),
    /// SES reports something of an earlier mail.
    Report(Report, Timestamp),
}

const ADDRESSES: [&str; 4] = ["ada@example.com", "bob@example.org", "cy@example.net", "dee@example.com"];

impl Crowd {
    pub fn new(world: &World, rules: Rules) -> Self {
        let key = address_key();
        let id = |text| key.user(&Address::parse(text).expect("an address"));
        let (count, again) = (1 + world.below(4), 300 + world.below(500));
        let addresses = ADDRESSES[..count].iter().map(|text| (*text, id(text))).collect();
        Self { addresses, rules: Mutex::new(rules), again }
    }

    fn rules(&self) -> Rules {
        *self.rules.lock().expect("a history ends with its first panic")
    }

    /// The operator deploys the other mode.
    pub fn change_mode(&self, world: &World) {
        let mut rules = self.rules.lock().expect("a history ends with its first panic");
        rules.mode = match rules.mode {
            ConfirmationMode::None => ConfirmationMode::DoubleOptIn,
            ConfirmationMode::DoubleOptIn => ConfirmationMode::None,
        };
        world.note(|| format!("the mode is {:?} now", rules.mode));
    }

    fn anybody(&self, world: &World) -> (&'static str, UserId) {
        self.addresses[world.below(self.addresses.len())]
    }

    /// Signs up with answers of its own, or with those of an earlier time.
    pub fn sign_up(&self, to: &Faulty) -> Option<Act> {
        let (world, rules) = (&to.world, self.rules());
        let (email, id) = self.anybody(world);
        let draws = Draws { nonce: Nonce(world.bytes()), mail: MailId(world.bytes()) };
        let number = to.with(|witness| {
            let earlier: Vec<&Answers> =
                witness.submissions.iter().filter(|it| it.user == id).map(|it| &it.answers).collect();
            let again = world
                .chance(|chance| chance.pick(&earlier).filter(|_| chance.in_thousand(self.again)).copied().cloned());
            let answers = again.unwrap_or_else(|| answers(world, email, witness.submissions.len()));
            witness.submits(Submission { user: id, answers, nonce: draws.nonce, mode: rules.mode })
        });
        let answers = to.with(|witness| witness.submissions[number].answers.clone());
        Some(Act::SignUp { number, request: Request { id, answers, base_url: BASE_URL.into(), draws }, rules })
    }

    /// Follows a link that really came by mail, or the digits beside it, newer ones more often.
    fn mailed(to: &Faulty) -> Option<(UserId, Nonce)> {
        let text = to.with(|witness| {
            let count = witness.mailbox.len();
            let back = to.world.chance(|chance| chance.below(count).min(chance.below(count)));
            witness.mailbox.get(count.checked_sub(1 + back)?).map(|letter| letter.text.clone())
        })?;
        let (_, rest) = text.split_once(&format!("{BASE_URL}/confirm?t="))?;
        token_key().check_confirm(rest.split_whitespace().next()?)
    }

    pub fn follow_link(&self, to: &Faulty) -> Option<Act> {
        let (id, nonce) = Self::mailed(to)?;
        Some(Act::Confirm { id, who: Who::Link(nonce), digits: String::new() })
    }

    pub fn type_digits(&self, to: &Faulty) -> Option<Act> {
        if to.world.in_thousand(500) {
            let id = self.anybody(&to.world).1;
            let tries = if to.world.in_thousand(300) { 5 } else { 1 };
            return Some(Act::Guess { id, tries });
        }
        let (id, nonce) = Self::mailed(to)?;
        Some(Act::Confirm { id, who: Who::Code(Some(nonce)), digits: token_key().code(id, nonce) })
    }

    /// By the link in a mail; who never had a mail has none.
    pub fn unsubscribe(&self, to: &Faulty) -> Option<Act> {
        let id =
            to.with(|witness| to.world.chance(|chance| chance.pick(&witness.mailbox).map(|letter| letter.user)))?;
        token_key().check_unsubscribe(&token_key().unsubscribe(id)).map(Act::Unsubscribe)
    }

    pub fn resend(&self, to: &Faulty) -> Option<Act> {
        Some(Act::Resend(self.anybody(&to.world).1))
    }

    /// A mail of any age bounces, or its reader complains of it just now.
    pub fn report(&self, to: &Faulty) -> Option<Act> {
        let letter = to.with(|witness| to.world.chance(|chance| chance.pick(&witness.mailbox).cloned()))?;
        let (address, _) = self.addresses.iter().find(|(_, id)| *id == letter.user)?;
        let (by, at) = match to.world.in_thousand(500) {
            true => (EndedBy::Bounce, letter.sent),
            false => (EndedBy::Complaint, to.world.now()),
        };
        let what = What::Undeliverable(Undeliverable { by, at, since: at });
        Some(Act::Report(Report { to: Address::parse(address).expect("an address"), what }, at))
    }

    pub fn erase(&self, to: &Faulty) -> Option<Act> {
        Some(Act::Erase(self.anybody(&to.world).1))
    }
}

/// Answers that nobody gave before.
fn answers(world: &World, email: &str, number: usize) -> Answers {
    let number = i64::try_from(number).expect("small");
    let country = ["FR", "DE"][world.below(2)];
    let fields = [("age", FieldValue::Integer(number)), ("country", FieldValue::Text(country.into()))];
    let email = if world.in_thousand(200) { email.to_uppercase() } else { email.to_owned() };
    Answers { email, fields: fields.map(|(name, value)| (name.to_owned(), value)).into(), ..Answers::default() }
}

impl Act {
    pub fn who(&self) -> Who {
        match self {
            Self::SignUp { number, .. } => Who::SignUp(*number),
            Self::Confirm { who, .. } => who.clone(),
            Self::Guess { .. } => Who::Code(None),
            Self::Unsubscribe(_) => Who::Unsubscribe,
            Self::Resend(_) => Who::Resend,
            Self::Erase(_) => Who::Operator,
            Self::Report(_, since) => Who::Feedback(*since),
        }
    }

    /// Does it, and lets the witness judge the answer.
    pub fn perform(self, ledger: Ledger, to: Faulty) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(async move {
            match self {
                Self::SignUp { number, request, rules } => sign_up(&ledger, &to, number, request, rules).await,
                Self::Confirm { id, digits, .. } => confirm(&ledger, &to, id, &digits).await,
                Self::Guess { id, tries } => {
                    for _ in 0..tries {
                        confirm(&ledger, &to, id, "none").await;
                    }
                }
                Self::Unsubscribe(id) => {
                    // What is decided upon was read after the decision before: how long after, nobody can tell.
                    let mut read_after = to.with(|witness| witness.step());
                    let unsubscribe = |found, now| {
                        let next = to.with(|witness| witness.step());
                        (User::unsubscribe(found, id, now), std::mem::replace(&mut read_after, next))
                    };
                    if let Ok(known) = ledger.change("unsubscribe", id, Reading::Now, unsubscribe).await {
                        to.with(|witness| witness.refused(id, known));
                    }
                }
                Self::Resend(id) => {
                    let mail = MailId(ledger.entropy.bytes());
                    let resend = |found: Option<User>, now| (found.map(|user| user.resend(mail, now).0), ());
                    let _ = ledger.change("resend", id, Reading::Now, resend).await;
                }
                Self::Erase(id) => erase(&ledger, &to, id).await,
                Self::Report(report, _) => {
                    let listener = Listener { ledger, journal: Arc::new(Kept::default()), address_key: address_key() };
                    // What fails is reported again.
                    while listener.hear(std::slice::from_ref(&report)).await.is_err() {}
                }
            }
        })
    }
}

/// As `web/actions.rs` does it, once its budgets are spent.
async fn sign_up(ledger: &Ledger, to: &Faulty, number: usize, request: Request, rules: Rules) {
    let mut kept = None;
    let receive = |found, now| {
        let (next, receipt) = User::receive(found, request.clone(), &rules, now);
        kept = next.clone().map(|user| (user, now));
        (next, receipt)
    };
    let receipt = ledger.change("sign up", request.id, Reading::Lately, receive).await;
    to.world.note(|| format!("submission {number}: {receipt:?}"));
    if let (Ok(Receipt::New | Receipt::Known), Some((kept, now))) = (receipt, kept) {
        to.with(|witness| witness.taken(number, &kept, now));
    }
}

async fn confirm(ledger: &Ledger, to: &Faulty, id: UserId, digits: &str) {
    let fits = |nonce| token_key().code(id, nonce) == digits;
    let proof = match to.who {
        Who::Link(nonce) => Proof::Link(nonce),
        _ => Proof::Code(&fits),
    };
    // Upon what was not true any more, and tells nobody anything unless it is left at that.
    let mut late = None;
    let decide = |found: Option<User>, now: Timestamp| {
        let (next, outcome) = match found.clone() {
            Some(user) => user.confirm(&proof, now),
            None => (None, ConfirmOutcome::Unknown),
        };
        late = to.was_late().then(|| (found.clone(), outcome, now));
        if late.is_none() {
            to.with(|witness| witness.confirmed(&to.who, found.as_ref(), outcome, now));
        }
        (next, outcome)
    };
    let reading = if matches!(to.who, Who::Link(_)) { Reading::Lately } else { Reading::Now };
    let outcome = ledger.change("confirm", id, reading, decide).await;
    if let (Ok(_), Some((found, outcome, now))) = (&outcome, late) {
        to.with(|witness| witness.confirmed(&to.who, found.as_ref(), outcome, now));
    }
    to.world.note(|| format!("{:?}: {outcome:?}", to.who));
    if matches!(outcome, Ok(ConfirmOutcome::Confirmed)) {
        to.with(|witness| witness.told(&to.who));
    }
}

async fn erase(ledger: &Ledger, to: &Faulty, id: UserId) {
    for _ in 0..8 {
        let Ok(Some(user)) = to.load(id).await else { return };
        let farewell = ledger.wanted.farewell(&user, ledger.clock.now());
        match to.erase(&user, farewell.as_ref()).await {
            Ok(Saved::Changed) => to.world.sleep(std::time::Duration::from_millis(20)).await,
            _ => return,
        }
    }
}
