use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::clock::after;
use crate::config::{ConfirmationMode, ServiceConfig};
use crate::keys::Name;
use crate::user::{
    Answers, Draws, EndedBy, FieldValue, MailEnd, Nonce, Proof, Request, Rules, Undeliverable, User, UserId,
};

const ADA: UserId = UserId([0xad; 16]);
const NAME: Name = Name { id: ADA, keys: 1 };

fn at(seconds: u32) -> Timestamp {
    after("2026-11-22T10:00:00Z".parse().expect("a time"), seconds)
}

/// A service whose subscribers want to know everything, and these fields.
fn config(fields: &[&str]) -> ServiceConfig {
    serde_json::from_value(json!({
        "service": "waitlist", "email": { "from": "hello@example.com" }, "retention": "30d",
        "notifications": { "fields": fields, "events": EventType::ALL },
        "form": { "title": "Join us", "fields": [
            { "name": "mail", "type": "email" }, { "name": "country", "type": "country" },
            { "name": "about", "type": "textarea" }, { "name": "tags", "type": "multi_choice", "options": ["a", "b"] },
        ] },
    }))
    .expect("a configuration")
}

fn wanted() -> Wanted {
    Wanted::of(&config(&[]))
}

fn answers(about: &str) -> Answers {
    let fields = [
        ("country", FieldValue::Text("GB".into())),
        ("about", FieldValue::Text(about.into())),
        ("tags", FieldValue::Choices(vec!["a".into(), "b".into()])),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), value)).into();
    Answers { email: "Ada@example.com".into(), fields, ..Answers::default() }
}

/// The user after a submission, with what is to be told of it.
fn signed_up(found: Option<User>, nonce: u8, mode: ConfirmationMode, now: Timestamp) -> User {
    let rules = Rules { mode, expires: 86_400, retention: 30 * 86_400, address_per_hour: 50 };
    let draws = Draws { nonce: Nonce([nonce; 16]), mail: MailId([nonce; 16]) };
    let about = format!("about {nonce}");
    let request =
        Request { root: ADA, name: NAME, answers: answers(&about), base_url: "https://join.example.com".into(), draws };
    let user = User::receive(found.clone(), request, &rules, now).0.expect("taken");
    wanted().note(found.as_ref(), user, now)
}

fn received() -> User {
    signed_up(None, 1, ConfirmationMode::DoubleOptIn, at(0))
}

fn confirmed(user: User, nonce: u8, now: Timestamp) -> User {
    let next = user.clone().confirm(&Proof::Link(Nonce([nonce; 16])), now).0.expect("confirmed");
    wanted().note(Some(&user), next, now)
}

/// The user after its mail was sent, or was not.
fn mailed(user: User, end: &MailEnd, now: Timestamp) -> User {
    let taken = user.take(&Told::nothing(), 7, None, now).expect("something to do");
    let attempt = taken.attempt.expect("a mail");
    let next = taken.user.finish(&attempt.lease, end, MailId([9; 16]), now).expect("the lease holds");
    wanted().note_end(next, &attempt, end, now)
}

fn kinds(user: &User) -> Vec<&'static str> {
    user.untold.iter().flat_map(|untold| &untold.tells).map(|tell| tell.kind.name()).collect()
}

/// The user once all of it was told.
fn told(user: User) -> User {
    user.take(&Told::Everything, 1, None, at(0)).expect("something to do").user
}

#[test]
fn every_change_is_kept_to_be_told_by_the_write_that_makes_it() {
    let user = received();
    assert_eq!((kinds(&user), user.wakes), (vec!["sign_up.received"], true));
    let user = mailed(user, &MailEnd::Sent, at(1));
    assert_eq!(kinds(&user), ["sign_up.received", "mail.sent"]);
    let user = confirmed(user, 1, at(60));
    assert_eq!(kinds(&user), ["sign_up.received", "mail.sent", "sign_up.confirmed"]);
    let left = User::unsubscribe(Some(user.clone()), NAME, at(70)).expect("a change");
    let left = wanted().note(Some(&user), left, at(70));
    let tells = left.untold.expect("not told").tells;
    let last = tells.last().expect("one");
    assert_eq!(
        (last.kind, last.state, last.at, last.version),
        (EventType::Unsubscribed, left.state, at(70), left.version)
    );
}

#[test]
fn what_ends_the_mail_is_told_by_its_name() {
    let user = told(mailed(received(), &MailEnd::Sent, at(1)));
    for (by, name) in [(EndedBy::Bounce, "mail.bounced"), (EndedBy::Complaint, "mail.complained")] {
        let report = Undeliverable { by, at: at(9), since: at(9) };
        let next = user.clone().undeliverable(&report, at(10)).expect("a change");
        assert_eq!(kinds(&wanted().note(Some(&user), next, at(10))), [name]);
    }
    // Also of whoever asked for no more within the same millisecond.
    let user = confirmed(told(mailed(received(), &MailEnd::Sent, at(1))), 1, at(2));
    let left = told(User::unsubscribe(Some(user), NAME, at(9)).expect("a change"));
    let report = Undeliverable { by: EndedBy::Complaint, at: at(9), since: at(9) };
    let next = left.clone().undeliverable(&report, at(9)).expect("a change");
    assert_eq!(
        (left.ended_at, kinds(&wanted().note(Some(&left), next, at(9)))),
        (Some(at(9)), vec!["mail.complained"])
    );
    // A refusal of an address that nobody signed up is no sign-up.
    let refusal = User::unsubscribe(None, NAME, at(0)).expect("a refusal");
    assert_eq!(kinds(&wanted().note(None, refusal, at(0))), ["sign_up.unsubscribed"]);
}

#[test]
fn a_mail_that_died_is_told_with_its_reason_and_one_that_is_tried_again_is_not() {
    let dead = MailEnd::Dead { reason: "SES answered `MessageRejected`".into(), unanswered: false };
    let tells = mailed(received(), &dead, at(1)).untold.expect("not told").tells;
    assert_eq!(tells[1].kind, EventType::Failed);
    let mail = tells[1].mail.as_ref().expect("which");
    assert_eq!((mail.id, mail.reason.as_deref()), (MailId([1; 16]), Some("SES answered `MessageRejected`")));
    assert_eq!(kinds(&mailed(received(), &MailEnd::Later(at(60)), at(1))), ["sign_up.received"]);
}

#[test]
fn what_changes_nothing_is_not_told() {
    let user = told(received());
    let again = signed_up(Some(user.clone()), 1, ConfirmationMode::DoubleOptIn, at(10));
    assert_eq!(kinds(&again), Vec::<&str>::new());
    let (wrong, _) = user.clone().confirm(&Proof::Code(&|_| false), at(11));
    assert_eq!(kinds(&wanted().note(Some(&user), wrong.expect("counted"), at(11))), Vec::<&str>::new());
}

#[test]
fn where_nothing_is_to_be_confirmed_both_are_told_at_once() {
    let user = signed_up(None, 1, ConfirmationMode::None, at(0));
    assert_eq!(kinds(&user), ["sign_up.received", "sign_up.confirmed"]);
}

#[test]
fn whoever_takes_the_place_of_a_forgotten_record_is_told_with_its_end() {
    let old = received();
    let user = signed_up(Some(old.clone()), 2, ConfirmationMode::DoubleOptIn, at(31 * 86_400));
    assert_eq!(kinds(&user), ["sign_up.received", "sign_up.erased", "sign_up.received"]);
    let ids: BTreeSet<EventId> = user.untold.expect("not told").tells.iter().map(|tell| tell.id(ADA)).collect();
    assert_eq!(ids.len(), 3);
}

#[test]
fn a_farewell_holds_what_was_untold_and_names_nobody() {
    let user = received();
    let farewell = wanted().farewell(&user, at(5)).expect("it is wanted");
    let kinds: Vec<_> = farewell.tells.iter().map(|tell| tell.kind).collect();
    assert_eq!(kinds, [EventType::Received, EventType::Erased]);
    let json = serde_json::to_string(&farewell).expect("JSON");
    assert!(!json.contains("example") && !json.contains("GB") && !json.contains("about"), "{json}");
    for event in events(&config(&["mail", "country"]), ADA, None, &farewell.tells) {
        assert_eq!(event.data, serde_json::Map::new());
    }
    // However often somebody is erased who did not change meanwhile, it is the same event.
    let again = wanted().farewell(&user, at(9)).expect("it is wanted");
    assert_eq!(again.tells[1].id(ADA), farewell.tells[1].id(ADA));
}

#[test]
fn nobody_who_wants_nothing_pays_for_anything() {
    let nobody = Wanted::default();
    let user = User { untold: None, ..received() };
    assert_eq!(nobody.note(None, user.clone(), at(0)), user);
    assert_eq!(nobody.farewell(&user, at(0)), None);
    // And what one subscriber does not want is not kept for another.
    let mut config = config(&[]);
    config.notifications.events = vec![EventType::Erased];
    assert_eq!(Wanted::of(&config).note(None, user.clone(), at(0)), user);
    assert_eq!(Wanted::of(&config).farewell(&user, at(0)).map(|it| it.tells.len()), Some(1));
}

#[test]
fn whoever_was_made_up_to_prove_the_service_is_told_of_to_nobody() {
    let mut user = User { untold: None, ..received() };
    user.answers.email = "success+signupctl@simulator.amazonses.com".into();
    assert_eq!(wanted().note(None, user.clone(), at(0)), user);
    assert_eq!(wanted().farewell(&user, at(0)), None);
}

#[test]
fn what_is_untold_is_due_once_no_mail_is() {
    use crate::user::Queue;
    let user = received();
    assert_eq!(user.due(), None, "its mail is fresh");
    let late = mailed(user.clone(), &MailEnd::Later(at(9)), at(1));
    assert_eq!(late.due().map(|(queue, _)| queue), Some(Queue::Mail));
    let user = mailed(user, &MailEnd::Sent, at(1));
    assert_eq!(user.due(), Some((Queue::News, at(TELL_GRACE))));
    assert_eq!(told(user).due(), None);
}

#[test]
fn told_is_told_and_the_rest_stays() {
    let user = mailed(received(), &MailEnd::Sent, at(1));
    let tells = user.untold.clone().expect("not told").tells;
    let first = Told::These([tells[0].id(ADA)].into());
    let after = user.take(&first, 1, None, at(2)).expect("something to do").user;
    assert_eq!(kinds(&after), ["mail.sent"]);
    assert_eq!(first.left(None, ADA), None);
    assert_eq!(Told::Everything.left(after.untold, ADA), None);
}

/// The events of somebody whose mail was sent, as subscribers get them who may know these fields.
fn published(fields: &[&str], about: &str) -> Vec<Value> {
    let user = mailed(received(), &MailEnd::Sent, at(1));
    let tells = user.untold.expect("not told").tells;
    let events = events(&config(fields), ADA, Some(&answers(about)), &tells);
    events.iter().map(|event| serde_json::from_str(&event.json()).expect("JSON")).collect()
}

#[test]
fn an_event_is_as_documented() {
    let [received, sent] = &published(&["mail", "country", "tags"], "me")[..] else { panic!("two events") };
    assert_eq!(
        received,
        &json!({
            "specversion": "1", "id": received["id"], "type": "sign_up.received", "time": "2026-11-22T10:00:00.000Z",
            "service": "waitlist", "user": "ad".repeat(16), "state": "pending",
            "data": { "mail": "Ada@example.com", "country": "GB", "tags": ["a", "b"] },
        })
    );
    let mail = json!({ "id": "01".repeat(16), "kind": "confirmation" });
    assert_eq!((&sent["type"], &sent["mail"]), (&json!("mail.sent"), &mail));
    let schema: Value = serde_json::from_str(include_str!("../../../docs/events.schema.json")).expect("JSON");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    for event in [received, sent] {
        assert!(schema.is_valid(event), "{event}");
        for missing in ["id", "type", "time", "service", "user", "state", "data", "specversion"] {
            let mut event = event.clone();
            event.as_object_mut().expect("an object").remove(missing);
            assert!(!schema.is_valid(&event), "{missing}");
        }
    }
    // The schema knows every type, and no other.
    let mut event = received.clone();
    for kind in EventType::ALL {
        event["type"] = kind.name().into();
        assert!(schema.is_valid(&event), "{kind:?}");
    }
    event["type"] = "sign_up.guessed".into();
    assert!(!schema.is_valid(&event));
}

#[test]
fn nothing_personal_is_in_an_event_unless_the_spec_says_so() {
    for event in published(&[], "me") {
        assert_eq!(event["data"], json!({}));
        let text = event.to_string();
        assert!(!["Ada", "example", "GB", "about"].iter().any(|it| text.contains(it)), "{text}");
    }
    assert_eq!(published(&["country"], "me")[0]["data"], json!({ "country": "GB" }));
}

#[test]
fn an_event_is_told_again_under_the_same_id() {
    assert_eq!(published(&[], "me")[0]["id"], published(&["mail"], "you")[0]["id"]);
    assert_ne!(published(&[], "me")[0]["id"], published(&[], "me")[1]["id"]);
}

#[test]
fn the_two_characters_that_sns_refuses_are_escaped() {
    let user = mailed(received(), &MailEnd::Sent, at(1));
    let tells = user.untold.expect("not told").tells;
    let text = events(&config(&["about"]), ADA, Some(&answers("a\u{fffe}\u{ffff}\u{7}\u{10ffff}")), &tells)[0].json();
    let taken = |it: char| matches!(it, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    assert!(text.chars().all(taken), "{text:?}");
    let read: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(read["data"]["about"], "a\u{fffe}\u{ffff}\u{7}\u{10ffff}");
}
