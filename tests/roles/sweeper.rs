//! What the sweeper finds to do.

use std::time::Duration;

use serde_json::{Value, json};
use signup_service::user::LOOK_AFTER;

use crate::{Service, until};

impl Service {
    /// Everything that the sweeper does: mails that the stream lost or that had to wait are sent, and counters are kept
    /// together by month and by year.
    pub(crate) fn sweeper(&self, patience: Duration) -> Result<(), String> {
        self.quiet_worker(true);
        let (overdue, lost) = (self.overdue(), self.lost());
        let year = 1_000 + self.people.get();
        self.count_in_months(year);
        self.count_lately(year);
        let invoked = self.account.invoke("waitlist-sweeper", &json!({}));
        let sent = until(patience, || self.mail(&overdue).and(self.mail(&lost)));
        self.quiet_worker(false);
        sent.ok_or(format!("no mail came: {invoked}"))?;
        for place in [format!("YEAR#{year}"), format!("{}-01#0", year + 2_000)] {
            let folded = || self.item("COUNT", &place).map(drop);
            until(patience, folded).ok_or(format!("{place} did not come to be: {invoked}"))?;
        }
        Ok(())
    }

    /// Somebody whose mail had to wait, and is due.
    fn overdue(&self) -> String {
        let minute_ago = (jiff::Timestamp::now().as_millisecond() - 60_000).to_string();
        let index = json!({ "due": {"S": "0"}, "due_at": {"N": minute_ago} });
        self.keep(
            "overdue",
            "2026-01-01T00:00:00Z",
            json!({ "attempts": {"N": "1"}, "due_at": {"N": minute_ago} }),
            index,
        )
    }

    /// Somebody who signed up so long ago that nobody has looked after them yet, and of whom the stream never told.
    fn lost(&self) -> String {
        let created = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(LOOK_AFTER.into());
        let created_at = created.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
        let mail = json!({ "attempts": {"N": "0"}, "due_at": {"N": created.as_millisecond().to_string()},
            "fresh": {"BOOL": true} });
        let index = json!({ "in_time": {"S": "#0"}, "at": {"S": format!("{created_at}#{}", self.next_id())} });
        self.keep("lost", &created_at, mail, index)
    }

    /// The ID of the next who is kept, in the first shard of every list.
    fn next_id(&self) -> String {
        format!("{:032x}", (1 + u128::from(self.people.get()) + (1 << 100)) << 8)
    }

    /// Puts a user into the table, by whom a mail is to be sent. Returns the address.
    fn keep(&self, name: &str, created_at: &str, mail: Value, index: Value) -> String {
        let id = self.next_id();
        self.people.set(self.people.get() + 1);
        let address = format!("{name}-{}@example.org", self.people.get());
        let tomorrow = (jiff::Timestamp::now().as_millisecond() + 86_400_000).to_string();
        let mut item = json!({
            "pk": {"S": format!("USER#{id}")}, "sk": {"S": "USER"}, "version": {"N": "1"}, "state": {"S": "pending"},
            "email": {"S": address}, "created_at": {"S": created_at},
            "spent": {"M": {"hour": {"N": "1"}, "count": {"N": "1"}}},
            "link": {"M": {"nonce": {"S": id}, "expires_at": {"N": tomorrow}}},
            "mail": {"M": {"id": {"S": id}, "kind": {"S": "confirmation"}, "base_url": {"S": self.endpoint}}},
        });
        let since = json!({ "since": mail["due_at"] });
        for (to, from) in [("/mail/M", mail), ("/mail/M", since), ("", index)] {
            let to = item.pointer_mut(to).and_then(Value::as_object_mut).expect("an object");
            to.extend(from.as_object().expect("an object").clone());
        }
        self.put(&item);
        address
    }

    /// Months of a year that is over, each counted in an item of its own.
    fn count_in_months(&self, year: u32) {
        for month in 1..=9 {
            let place = format!("{year}-{month:02}#0");
            self.put(&json!({"pk": {"S": "COUNT"}, "sk": {"S": place}, "d01.r": {"N": "1"}}));
        }
    }

    /// More counters of a year to come than are kept with those that changed lately.
    fn count_lately(&self, year: u32) {
        let mut item = self.item("COUNT", "RECENT.3").unwrap_or(json!({"pk": {"S": "COUNT"}, "sk": {"S": "RECENT.3"}}));
        let version = item["version"]["N"].as_str().and_then(|version| version.parse::<u64>().ok()).unwrap_or(0);
        item["version"] = json!({ "N": (version + 1).to_string() });
        // What was not moved the last time would be moved before.
        item.as_object_mut().expect("an item").retain(|name, _| !name.starts_with('3'));
        for (day, kind) in (1..=31).flat_map(|day| [(day, "r"), (day, "c")]) {
            item[format!("{}-01.d{day:02}.{kind}", year + 2_000)] = json!({ "N": "1" });
        }
        self.put(&item);
    }

    fn put(&self, item: &Value) {
        self.account.json("dynamodb", "DynamoDB_20120810.PutItem", json!({"TableName": self.table, "Item": item}));
    }

    fn item(&self, pk: &str, sk: &str) -> Option<Value> {
        let key = json!({"pk": {"S": pk}, "sk": {"S": sk}});
        let get = json!({"TableName": self.table, "Key": key, "ConsistentRead": true});
        self.account.json("dynamodb", "DynamoDB_20120810.GetItem", get).get("Item").cloned()
    }
}
