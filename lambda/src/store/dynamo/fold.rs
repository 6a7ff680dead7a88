//! Folding: what the months that are over counted is kept in one item a year, so that all counters are few items.
//!
//! A count is the sum over the items that hold it, so that it may move from one to another, in one transaction, and
//! whatever still changes of a month that is over is counted beside its year until it is folded again.

use std::collections::BTreeSet;

use super::DynamoStore;
use super::counters::{add, drawn};
use super::item::{self, CHANGES, Item, n, s};
use super::transact::{self, Reason, Transacted, failed};
use crate::census::Sums;
use crate::store::StoreError;

const FOLD: &str = "fold counters";

/// Items of months that are over which are left beside their years: a year's item has some ten kilobytes, and is worth
/// writing for several of them only.
const LOOSE: usize = 8;

/// Moves the counters of the months before this one into their years, once there are more than [`LOOSE`] items of them.
pub(super) async fn fold(store: &DynamoStore, before: &str) -> Result<(), StoreError> {
    // The years sort behind all months.
    let loose = between(store, "", before, false).await?;
    if loose.len() <= LOOSE {
        return Ok(());
    }
    let mut years = BTreeSet::new();
    for item in &loose {
        let place = item::text(item, "sk").map_err(|error| StoreError::new(FOLD, error))?;
        years.insert(place.split('-').next().unwrap_or_default());
    }
    for year in years {
        into_year(store, year, before).await?;
    }
    Ok(())
}

/// The items of months from one place on and before another.
async fn between(store: &DynamoStore, from: &str, before: &str, is_now: bool) -> Result<Vec<Item>, StoreError> {
    let query = store.client.query().table_name(store.table()).consistent_read(is_now);
    let query = query
        .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :before")
        .expression_attribute_values(":pk", s(item::COUNT))
        .expression_attribute_values(":from", s(format!("{from}-")))
        .expression_attribute_values(":before", s(before));
    store.query(FOLD, query, usize::MAX).await
}

/// Moves the months of a year before this one. They have 48 items at most (of this version 12), about half of
/// what a transaction holds.
async fn into_year(store: &DynamoStore, year: &str, before: &str) -> Result<(), StoreError> {
    // The year is read first: who folds it between the two reads changes it, and then nothing is done here.
    let get = store.client.get_item().table_name(store.table()).set_key(Some(item::year_key(year)));
    let held = get.consistent_read(true).send().await.map_err(|error| failed(FOLD, error))?.item;
    // A full stop sorts right behind the hyphen.
    let end = format!("{year}.");
    let months = &between(store, year, before.min(&end), true).await?;
    let mut sums = Sums::default();
    for item in held.iter().chain(months) {
        add(&mut sums, item).map_err(|error| StoreError::new(FOLD, error))?;
    }
    let mut next = item::year_key(year);
    next.extend(sums.named().map(|(month, name, count)| (item::name_in_year(month, name), n(count))));
    let changes = held.as_ref().map_or(Ok(0), |held| item::number(held, CHANGES));
    let changes = changes.map_err(|error| StoreError::new(FOLD, error))? + 1;
    next.insert(CHANGES.into(), n(changes));
    let table = store.table();
    let put = transact::put(FOLD, table, next, |put| {
        let (condition, value) = unchanged(held.as_ref());
        put.condition_expression(condition)
            .expression_attribute_names("#changes", CHANGES)
            .set_expression_attribute_values(value)
    });
    let deletions = months.iter().map(|month| {
        let key = ["pk", "sk"].into_iter().filter_map(|name| Some((name.to_owned(), month.get(name)?.clone())));
        transact::delete(FOLD, table, key.collect(), |delete| {
            let (condition, value) = unchanged(Some(month));
            delete
                .condition_expression(condition)
                .expression_attribute_names("#changes", CHANGES)
                .set_expression_attribute_values(value)
        })
    });
    let items = std::iter::once(put).chain(deletions).collect::<Result<_, _>>()?;
    match store.transact(FOLD, &drawn(FOLD)?, items).await? {
        Transacted::Done => Ok(()),
        Transacted::Cancelled(reasons) => match reasons.into_iter().find(|it| matches!(it, Reason::Other(_))) {
            Some(Reason::Other(code)) => Err(StoreError::new(FOLD, format!("the transaction was cancelled: {code}"))),
            // Somebody changed one of them meanwhile, or does: the next time is soon enough.
            _ => Ok(()),
        },
    }
}

/// The condition that an item is as it was read. One that an earlier version of the service wrote has no number.
fn unchanged(item: Option<&Item>) -> (&'static str, Option<Item>) {
    match item.and_then(|item| item.get(CHANGES)) {
        Some(number) => ("#changes = :changes", Some(Item::from([(":changes".into(), number.clone())]))),
        None => ("attribute_not_exists(#changes)", None),
    }
}
