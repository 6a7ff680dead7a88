//! Signing up and confirming: the transactions that make the difference between lost and kept.

use aws_sdk_dynamodb::types::TransactWriteItem;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::DynamoStore;
use super::item::{self, s};
use super::transact::{self, Reason, TRIES, Transacted, UpdateItem, any_condition, try_again};
use crate::clock::{day, hour};
use crate::sign_up::{NewSignUp, State, User, UserId};
use crate::store::{ConfirmOutcome, Known, SignUpOutcome, StoreError, until_next_hour};

const SIGN_UP: &str = "sign up";
const CONFIRM: &str = "confirm";

/// Budgets are of use until their hour ends; another hour leaves room for clocks that differ.
const BUDGET_TRACE: i64 = 2 * 3_600;

pub(super) async fn sign_up(store: &DynamoStore, sign_up: &NewSignUp) -> Result<SignUpOutcome, StoreError> {
    // Before the transaction, so that no user is ever on a day that is not listed.
    store.note_day(SIGN_UP, &day(sign_up.now)).await?;
    let limited = SignUpOutcome::RateLimited { retry_after: until_next_hour(sign_up.now) };
    // A lock whose user is gone, which may be replaced.
    let mut orphan = None;
    for tried in 0..TRIES {
        let token = format!("{}-a{tried}", sign_up.mail_id);
        let reasons = match store.transact(SIGN_UP, &token, new(store, sign_up, orphan)?).await? {
            Transacted::Done => return Ok(SignUpOutcome::Accepted(sign_up.id)),
            Transacted::Cancelled(reasons) => reasons,
        };
        // The lock, the user and the mail come first, then the budgets: see `new`.
        if reasons.iter().skip(3).any(Reason::is_condition) {
            return Ok(limited);
        }
        let Some(Reason::Condition(lock)) = reasons.first() else {
            try_again(SIGN_UP, tried, &token, &reasons).await?;
            continue;
        };
        let Some(holder) = lock_holder(store, sign_up, lock.as_ref()).await? else { continue };
        let Some(user) = store.user(SIGN_UP, holder).await? else {
            orphan = Some(holder);
            continue;
        };
        let known = Known::of(&user, sign_up);
        let token = format!("{}-k{tried}", sign_up.mail_id);
        let items = known_items(store, sign_up, &user, known)?;
        let budgets = items.len() - sign_up.budgets.len();
        let reasons = match store.transact(SIGN_UP, &token, items).await? {
            Transacted::Done => return Ok(SignUpOutcome::Known(known)),
            Transacted::Cancelled(reasons) => reasons,
        };
        if reasons.iter().skip(budgets).any(Reason::is_condition) {
            return Ok(limited);
        }
        // A condition on the user means that it changed since it was read: look again.
        if !any_condition(&reasons) {
            try_again(SIGN_UP, tried, &token, &reasons).await?;
        }
    }
    Err(StoreError::busy(SIGN_UP, "the address's sign-up kept changing"))
}

/// Whose the lock is: from the cancelled transaction, or read when it came without. `None` when it is gone.
async fn lock_holder(
    store: &DynamoStore,
    sign_up: &NewSignUp,
    lock: Option<&item::Item>,
) -> Result<Option<UserId>, StoreError> {
    let read;
    let lock = match lock {
        Some(lock) => lock,
        None => match store.get(SIGN_UP, item::lock_key(&sign_up.address)).await? {
            Some(item) => {
                read = item;
                &read
            }
            None => return Ok(None),
        },
    };
    item::user_id(lock, "id").map(Some).map_err(|error| StoreError::new(SIGN_UP, error))
}

/// Lock, user, mail, then the budgets.
fn new(store: &DynamoStore, sign_up: &NewSignUp, orphan: Option<UserId>) -> Result<Vec<TransactWriteItem>, StoreError> {
    let table = store.table();
    let orphan = orphan.map_or_else(transact::nothing, |id| s(id.to_string()));
    let mut items = vec![
        transact::put(SIGN_UP, table, item::new_lock(sign_up), |put| {
            // TTL deletes days late: a lock that is past its time counts as absent.
            put.condition_expression("attribute_not_exists(pk) OR #ttl <= :now OR #id = :orphan")
                .expression_attribute_names("#ttl", "ttl")
                .expression_attribute_names("#id", "id")
                .expression_attribute_values(":now", item::n(sign_up.now.as_second()))
                .expression_attribute_values(":orphan", orphan)
        })?,
        transact::put(SIGN_UP, table, item::new_user(sign_up), |put| put)?,
        transact::put(SIGN_UP, table, item::new_mail(sign_up, sign_up.id), |put| put)?,
    ];
    items.extend(budgets(store, sign_up)?);
    Ok(items)
}

/// What a known address means for the table; the budgets always come last.
fn known_items(
    store: &DynamoStore,
    sign_up: &NewSignUp,
    user: &User,
    known: Known,
) -> Result<Vec<TransactWriteItem>, StoreError> {
    let table = store.table();
    let mut items = Vec::new();
    if known.changes() {
        items.push(replace_user(store, sign_up, user, known)?);
        let lock = item::lock_key(&sign_up.address);
        let lock = if known == Known::Promoted {
            UpdateItem::new(table, lock, "REMOVE #ttl")
        } else {
            UpdateItem::new(table, lock, "SET #ttl = :ttl").value(":ttl", item::n(sign_up.keep_until.as_second()))
        };
        items
            .push(lock.only_if("#id = :id").names(&["ttl", "id"]).value(":id", s(user.id.to_string())).build(SIGN_UP)?);
        items.push(transact::put(SIGN_UP, table, item::new_mail(sign_up, user.id), |put| put)?);
    }
    items.extend(budgets(store, sign_up)?);
    Ok(items)
}

/// The user with the fields of the new submission: pending for longer, or confirmed.
fn replace_user(
    store: &DynamoStore,
    sign_up: &NewSignUp,
    user: &User,
    known: Known,
) -> Result<TransactWriteItem, StoreError> {
    let promoted = known == Known::Promoted;
    let mut set = String::from("SET #email = :email, #fields = :fields, #mailed_at = :now");
    let mut remove = Vec::new();
    if promoted {
        set += ", #state = :confirmed, #confirmed_at = :now";
        remove.extend(["#expires_at", "#ttl"]);
    } else {
        set += ", #expires_at = :expires_at, #ttl = :ttl";
    }
    if sign_up.consent.is_some() {
        set += ", #consent = :consent";
    } else {
        remove.push("#consent");
    }
    if !remove.is_empty() {
        set = format!("{set} REMOVE {}", remove.join(", "));
    }
    let mut item = UpdateItem::new(store.table(), item::user_key(user.id), &set)
        // The last mail's time as read: of two at once, only one may mail again.
        .only_if("#state = :pending AND #mailed_at = :was_mailed_at")
        .names(&["email", "fields", "mailed_at", "expires_at", "ttl", "consent", "state"])
        .value(":email", s(&sign_up.email))
        .value(":fields", item::fields(&sign_up.fields))
        .value(":now", s(crate::clock::rfc3339(sign_up.now)))
        .value(":was_mailed_at", s(crate::clock::rfc3339(user.mailed_at)))
        .value(":pending", s(State::Pending.name()));
    item = if promoted {
        item.names(&["confirmed_at"]).value(":confirmed", s(State::Confirmed.name()))
    } else {
        item.value(":expires_at", item::n(sign_up.expires_at.as_second()))
            .value(":ttl", item::n(sign_up.keep_until.as_second()))
    };
    if let Some(consent) = &sign_up.consent {
        item = item.value(":consent", item::consent(consent));
    }
    item.build(SIGN_UP)
}

fn budgets(store: &DynamoStore, sign_up: &NewSignUp) -> Result<Vec<TransactWriteItem>, StoreError> {
    let ttl = sign_up.now.as_second() + BUDGET_TRACE;
    sign_up
        .budgets
        .iter()
        .map(|budget| {
            let key = item::budget_key(&budget.key, &hour(sign_up.now));
            transact::spend(SIGN_UP, store.table(), key, budget.limit, ttl)
        })
        .collect()
}

pub(super) async fn confirm(store: &DynamoStore, id: UserId, now: Timestamp) -> Result<ConfirmOutcome, StoreError> {
    let digest = Sha256::digest([&id.0[..], &now.as_nanosecond().to_be_bytes()].concat());
    let token: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    for tried in 0..TRIES {
        let Some(item) = store.get(CONFIRM, item::user_key(id)).await? else { return Ok(ConfirmOutcome::Unknown) };
        let user = item::read_user(&item).map_err(|error| StoreError::new(CONFIRM, error))?;
        if user.state == State::Confirmed {
            return Ok(ConfirmOutcome::AlreadyConfirmed);
        }
        if user.expires_at.is_none_or(|until| until <= now) {
            return Ok(ConfirmOutcome::Expired);
        }
        let address = item::text(&item, "address").map_err(|error| StoreError::new(CONFIRM, error))?;
        let address = crate::keys::AddressHash::stored(address.to_owned());
        let items = vec![
            UpdateItem::new(
                store.table(),
                item::user_key(id),
                "SET #state = :confirmed, #confirmed_at = :at REMOVE #ttl, #expires_at",
            )
            .only_if("#state = :pending AND #expires_at > :now")
            .names(&["state", "confirmed_at", "ttl", "expires_at"])
            .value(":confirmed", s(State::Confirmed.name()))
            .value(":pending", s(State::Pending.name()))
            .value(":at", s(crate::clock::rfc3339(now)))
            .value(":now", item::n(now.as_second()))
            .build(CONFIRM)?,
            UpdateItem::new(store.table(), item::lock_key(&address), "REMOVE #ttl")
                .only_if("#id = :id")
                .names(&["ttl", "id"])
                .value(":id", s(id.to_string()))
                .build(CONFIRM)?,
        ];
        match store.transact(CONFIRM, &format!("{token}-{tried}"), items).await? {
            Transacted::Done => return Ok(ConfirmOutcome::Confirmed),
            // The lock belongs to a later sign-up of the same address, or to none.
            Transacted::Cancelled(reasons) if reasons.get(1).is_some_and(Reason::is_condition) => {
                return Ok(ConfirmOutcome::Expired);
            }
            // The user changed since it was read: look again.
            Transacted::Cancelled(reasons) if any_condition(&reasons) => {}
            Transacted::Cancelled(reasons) => try_again(CONFIRM, tried, &token, &reasons).await?,
        }
    }
    Err(StoreError::busy(CONFIRM, "the sign-up kept changing"))
}
