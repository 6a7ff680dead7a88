//! What people and the operator do, as the web layer does it for them: one change of one user.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64_STANDARD;
use jiff::Timestamp;
use signup_service::address::Address;
use signup_service::clock::{Clock, Entropy};
use signup_service::config::ConfirmationMode;
use signup_service::feedback::{Listener, Report, What};
use signup_service::journal::Kept;
use signup_service::keys::{AddressKey, Key, Names};
use signup_service::ledger::{self, Ledger, Reading};
use signup_service::refusals;
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

/// What the functions read while the key of addresses is replaced: the former, both, and the new one before the former.
static KEYS: LazyLock<[AddressKey; 3]> = LazyLock::new(|| {
    let [former, new] = [1, 2].map(|number| BASE64_STANDARD.encode([number; 32]));
    let all = [former.clone(), format!("next {new} {former}"), format!("{new} {former}")];
    all.map(|text| AddressKey::parse(&text).expect("keys"))
});

/// Whose each name is, by the first key's.
static PEOPLE: LazyLock<BTreeMap<UserId, UserId>> = LazyLock::new(|| {
    let root = |text| KEYS[2].root(&Address::parse(text).expect("an address"));
    let of = |root| KEYS[2].names(root).all().map(move |id| (id, root)).collect::<Vec<_>>();
    ADDRESSES.into_iter().map(root).flat_map(of).collect()
});

/// Who is kept under an ID, whichever key it is by.
pub fn person(id: UserId) -> UserId {
    PEOPLE[&id]
}

/// How far the key of addresses is replaced.
#[derive(Clone, Copy, Default)]
struct Step {
    /// Of [`KEYS`].
    key: usize,
    /// Of the one before. Some are still served by it for a while.
    before: usize,
    /// In milliseconds since the beginning.
    since: i64,
}

/// How long a deploy takes until nobody is served by what was there before, in milliseconds.
const DEPLOY: i64 = 20_000;

/// A few addresses, so that whoever does something often meets another.
pub struct Crowd {
    addresses: Vec<(&'static str, UserId)>,
    rules: Mutex<Rules>,
    step: Mutex<Step>,
    /// How often earlier answers are given again, in a thousand.
    again: usize,
}

/// One thing that somebody does.
pub enum Act {
    SignUp {
        number: usize,
        names: Names,
        request: Request,
        rules: Rules,
    },
    Confirm {
        names: Names,
        who: Who,
        digits: String,
    },
    /// Tries digits that are wrong.
    Guess {
        names: Names,
        tries: usize,
    },
    Unsubscribe(Names),
    Resend(Names),
    Erase(Names),
    /// SES reports something of an earlier mail.
    Report(Report, Timestamp, AddressKey),
    /// The operator has the key in force name refusals.
    Rename(AddressKey),
}

const ADDRESSES: [&str; 4] = ["ada@example.com", "bob@example.org", "cy@example.net", "dee@example.com"];

impl Crowd {
    pub fn new(world: &World, rules: Rules) -> Self {
        let id = |text| KEYS[2].root(&Address::parse(text).expect("an address"));
        let (count, again) = (1 + world.below(4), 300 + world.below(500));
        let addresses = ADDRESSES[..count].iter().map(|text| (*text, id(text))).collect();
        Self { addresses, rules: Mutex::new(rules), step: Mutex::default(), again }
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

    /// The operator deploys the next step of the key's replacement, or takes the last one back. Not the last step before those
    /// are gone who do not know the new key.
    pub fn replace_key(&self, world: &World, longest: i64) {
        let mut step = self.step.lock().expect("a history ends with its first panic");
        let key = match step.key {
            0 => 1,
            1 if world.passed() - step.since > DEPLOY + longest => 2,
            1 => return,
            _ => 1,
        };
        *step = Step { key, before: step.key, since: world.passed() };
        world.note(|| format!("step {key} of a key's replacement"));
    }

    /// The key by which somebody is served who comes now.
    fn key(&self, world: &World) -> AddressKey {
        let step = *self.step.lock().expect("a history ends with its first panic");
        let is_before = world.passed() - step.since < DEPLOY && world.in_thousand(400);
        KEYS[if is_before { step.before } else { step.key }].clone()
    }

    fn anybody(&self, world: &World) -> (&'static str, UserId) {
        self.addresses[world.below(self.addresses.len())]
    }

    /// Where somebody may be kept.
    fn somebody(&self, world: &World) -> Names {
        let (_, id) = self.anybody(world);
        self.key(world).names(id)
    }

    /// Signs up with answers of its own, or with those of an earlier time.
    pub fn sign_up(&self, to: &Faulty) -> Option<Act> {
        let (world, rules) = (&to.world, self.rules());
        let (email, id) = self.anybody(world);
        let names = self.key(world).names(id);
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
        let request = Request { root: names.root, name: names.first, answers, base_url: BASE_URL.into(), draws };
        Some(Act::SignUp { number, names, request, rules })
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
        Some(Act::Confirm { names: id.into(), who: Who::Link(nonce), digits: String::new() })
    }

    pub fn type_digits(&self, to: &Faulty) -> Option<Act> {
        if to.world.in_thousand(500) {
            let names = self.somebody(&to.world);
            let tries = if to.world.in_thousand(300) { 5 } else { 1 };
            return Some(Act::Guess { names, tries });
        }
        let (id, nonce) = Self::mailed(to)?;
        let names = self.key(&to.world).names(person(id));
        Some(Act::Confirm { names, who: Who::Code(Some(nonce)), digits: token_key().code(id, nonce) })
    }

    /// By the link in a mail; who never had a mail has none.
    pub fn unsubscribe(&self, to: &Faulty) -> Option<Act> {
        let text = to.with(|witness| {
            to.world.chance(|chance| chance.pick(&witness.mailbox).map(|letter| letter.text.clone()))
        })?;
        let (_, rest) = text.split_once(&format!("{BASE_URL}/unsubscribe?t=")).expect("a link in every mail");
        let root = token_key().check_unsubscribe(rest.split_whitespace().next()?)?;
        Some(Act::Unsubscribe(self.key(&to.world).names(root)))
    }

    pub fn resend(&self, to: &Faulty) -> Option<Act> {
        Some(Act::Resend(self.somebody(&to.world)))
    }

    /// A mail of any age bounces, or its reader complains of it just now.
    pub fn report(&self, to: &Faulty) -> Option<Act> {
        let letter = to.with(|witness| to.world.chance(|chance| chance.pick(&witness.mailbox).cloned()))?;
        let (address, _) = self.addresses.iter().find(|(_, id)| *id == person(letter.user))?;
        let (by, at) = match to.world.in_thousand(500) {
            true => (EndedBy::Bounce, letter.sent),
            false => (EndedBy::Complaint, to.world.now()),
        };
        let what = What::Undeliverable(Undeliverable { by, at, since: at });
        Some(Act::Report(Report { to: Address::parse(address).expect("an address"), what }, at, self.key(&to.world)))
    }

    pub fn rename(&self, to: &Faulty) -> Option<Act> {
        Some(Act::Rename(self.key(&to.world)))
    }

    pub fn erase(&self, to: &Faulty) -> Option<Act> {
        Some(Act::Erase(self.somebody(&to.world)))
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
            Self::Report(_, since, _) => Who::Feedback(*since),
            Self::Rename(_) => Who::Renaming,
        }
    }

    /// Does it, and lets the witness judge the answer.
    pub fn perform(self, ledger: Ledger, to: Faulty) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(async move {
            match self {
                Self::SignUp { number, names, request, rules } => {
                    sign_up(&ledger, &to, number, names, request, rules).await;
                }
                Self::Confirm { names, digits, .. } => confirm(&ledger, &to, names, &digits).await,
                Self::Guess { names, tries } => {
                    for _ in 0..tries {
                        confirm(&ledger, &to, names.clone(), "none").await;
                    }
                }
                Self::Unsubscribe(names) => {
                    let name = names.first;
                    // What is decided upon was read after the decision before: how long after, nobody can tell.
                    let mut read_after = to.with(|witness| witness.step());
                    let unsubscribe = |found, now| {
                        let next = to.with(|witness| witness.step());
                        (User::unsubscribe(found, name, now), std::mem::replace(&mut read_after, next))
                    };
                    if let Ok(known) = ledger.change("unsubscribe", names, Reading::Now, unsubscribe).await {
                        to.with(|witness| witness.refused(person(name.id), known));
                    }
                }
                Self::Resend(names) => {
                    let mail = MailId(ledger.entropy.bytes());
                    let resend = |found: Option<User>, now| (found.map(|user| user.resend(mail, now).0), ());
                    let _ = ledger.change("resend", names, Reading::Now, resend).await;
                }
                Self::Erase(names) => erase(&ledger, &to, &names).await,
                Self::Rename(key) => {
                    let _ = refusals::rename(&to, &key, &ledger.wanted, &*ledger.clock, drop).await;
                }
                Self::Report(report, _, address_key) => {
                    let listener = Listener { ledger, journal: Arc::new(Kept::default()), address_key };
                    // What fails is reported again.
                    while listener.hear(std::slice::from_ref(&report)).await.is_err() {}
                }
            }
        })
    }
}

/// As `web/actions.rs` does it, once its budgets are spent.
async fn sign_up(ledger: &Ledger, to: &Faulty, number: usize, names: Names, request: Request, rules: Rules) {
    let mut kept = None;
    let receive = |found, now| {
        let (next, receipt) = User::receive(found, request.clone(), &rules, now);
        kept = next.clone().map(|user| (user, now));
        (next, receipt)
    };
    let receipt = ledger.change("sign up", names, Reading::Lately, receive).await;
    to.world.note(|| format!("submission {number}: {receipt:?}"));
    if let (Ok(Receipt::New | Receipt::Known), Some((kept, now))) = (receipt, kept) {
        to.with(|witness| witness.taken(number, &kept, now));
    }
}

async fn confirm(ledger: &Ledger, to: &Faulty, names: Names, digits: &str) {
    // Upon what was not true any more, and tells nobody anything unless it is left at that.
    let mut late = None;
    let decide = |found: Option<User>, now: Timestamp| {
        let (next, outcome) = match found.clone() {
            Some(user) => {
                let id = user.id;
                let fits = |nonce| token_key().code(id, nonce) == digits;
                user.confirm(&if let Who::Link(nonce) = to.who { Proof::Link(nonce) } else { Proof::Code(&fits) }, now)
            }
            None => (None, ConfirmOutcome::Unknown),
        };
        late = to.was_late().then(|| (found.clone(), outcome, now));
        if late.is_none() {
            to.with(|witness| witness.confirmed(&to.who, found.as_ref(), outcome, now));
        }
        (next, outcome)
    };
    let reading = if matches!(to.who, Who::Link(_)) { Reading::Lately } else { Reading::Now };
    let outcome = ledger.change("confirm", names, reading, decide).await;
    if let (Ok(_), Some((found, outcome, now))) = (&outcome, late) {
        to.with(|witness| witness.confirmed(&to.who, found.as_ref(), outcome, now));
    }
    to.world.note(|| format!("{:?}: {outcome:?}", to.who));
    if matches!(outcome, Ok(ConfirmOutcome::Confirmed)) {
        to.with(|witness| witness.told(&to.who));
    }
}

async fn erase(ledger: &Ledger, to: &Faulty, names: &Names) {
    for _ in 0..8 {
        let Ok(Some(user)) = ledger::find(to, names).await else { return };
        let farewell = ledger.wanted.farewell(&user, ledger.clock.now());
        match to.erase(&user, farewell.as_ref()).await {
            Ok(Saved::Changed) => to.world.sleep(std::time::Duration::from_millis(20)).await,
            _ => return,
        }
    }
}
