//! The sense of `notifications:`: each subscriber is one, can be reached, and no field is named that is none.

use std::collections::BTreeSet;

use super::{Path, Problems, Spec};
use crate::spec::notifications::{DIGESTS, SUBSCRIBERS, Subscriber};
use crate::spec::report::nearest;

/// Characters that SNS takes of an endpoint.
const MAX_URL: usize = 2_048;

pub(super) fn check(spec: &Spec, problems: &mut Problems) {
    let path = Path::default().key("notifications");
    check_fields(spec, &path.key("fields"), problems);
    let notifications = &spec.notifications;
    if let Some(hour) = notifications.digest_hour {
        let path = path.key("digest_hour");
        if hour > 23 {
            problems.add(&path, format!("a day has no hour {hour}"), "write one from 0 to 23; it is in UTC");
        } else if notifications.readers().next().is_none() {
            let hint = "add a subscriber by `email`, or take `digest_hour` out";
            problems.add_key(&path, "an hour for the digest, and nobody gets one", hint);
        }
    }
    let path = path.key("subscribers");
    let mut seen = BTreeSet::new();
    for (index, subscriber) in notifications.subscribers.iter().enumerate() {
        check_subscriber(subscriber, spec.region.as_deref(), &path.index(index), problems);
        let place = subscriber.endpoint().map(|(_, place)| place).or(subscriber.email.as_deref());
        if let Some(place) = place.filter(|place| !seen.insert(*place)) {
            let hint = "SNS keeps one subscription of an endpoint: write all its `events` in one place";
            problems.add(&path.index(index), format!("`{place}` subscribes twice"), hint);
        }
    }
    for (count, most, what) in [
        (notifications.listeners().count(), SUBSCRIBERS, "https` and `sqs"),
        (notifications.readers().count(), DIGESTS, "email"),
    ] {
        if count > most {
            let hint = "give the others a queue, a topic or a mailing list of their own, and subscribe that";
            problems.add(&path, format!("{count} subscribers by `{what}`, and {most} are possible"), hint);
        }
    }
}

fn check_fields(spec: &Spec, path: &Path, problems: &mut Problems) {
    let known: Vec<&str> = spec.form.fields.iter().map(|field| field.name.as_str()).collect();
    let mut seen = BTreeSet::new();
    for (index, name) in spec.notifications.fields.iter().enumerate() {
        if !known.contains(&name.as_str()) {
            let hint = match nearest(name, &known) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("there are `{}`", known.join("`, `")),
            };
            problems.add(&path.index(index), format!("`{name}` is no field of the form"), hint);
        } else if !seen.insert(name) {
            problems.add(&path.index(index), format!("`{name}` is named twice"), "name it once");
        }
    }
    let nobody = spec.notifications.listeners().next().is_none();
    if nobody && !spec.notifications.fields.is_empty() {
        let hint = "add a subscriber by `https` or `sqs`, or take `fields` out; a digest tells of nobody";
        problems.add_key(path, "fields are named, and nobody gets an event", hint);
    }
}

fn check_subscriber(subscriber: &Subscriber, region: Option<&str>, path: &Path, problems: &mut Problems) {
    let Subscriber { https, sqs, email, events } = subscriber;
    let ways = [https.is_some(), sqs.is_some(), email.is_some()].into_iter().filter(|it| *it).count();
    if ways != 1 {
        let message = if ways == 0 { "a subscriber nowhere" } else { "a subscriber in several places" };
        problems.add(path, message, "write one of `https: URL`, `sqs: ARN` and `email: ADDRESS` for each");
    }
    if let Some(url) = https {
        check_url(url, &path.key("https"), problems);
    }
    if let Some(arn) = sqs {
        check_queue(arn, region, &path.key("sqs"), problems);
    }
    if let Some(address) = email {
        problems.address(&path.key("email"), address);
        if events.is_some() {
            let hint = "take it out: a digest tells what a day came to, and of no event";
            problems.add_key(&path.key("events"), "a digest takes no `events`", hint);
        }
    }
    if let Some(events) = events {
        let path = path.key("events");
        if events.is_empty() && email.is_none() {
            problems.add(&path, "a subscriber of no event", "name some, or take `events` out for all of them");
        }
        let mut seen = BTreeSet::new();
        for (index, kind) in events.iter().enumerate().filter(|(_, kind)| !seen.insert(**kind)) {
            problems.add(&path.index(index), format!("`{}` is named twice", kind.name()), "name it once");
        }
    }
}

fn check_url(url: &str, path: &Path, problems: &mut Problems) {
    let host = url.strip_prefix("https://").and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    let plain = url.len() <= MAX_URL && url.bytes().all(|byte| byte.is_ascii_graphic());
    if host.is_empty() || !plain {
        let hint = "write it as `https://hooks.example.com/sign-ups`; SNS calls nothing that is not encrypted";
        problems.add(path, format!("`{url}` is no HTTPS address"), hint);
    } else if host.contains('@') {
        // It would stand in the stack's parameters, for all to read who may look at the stack.
        let hint = "have the endpoint check SNS's signature instead, which each message carries";
        problems.add(path, "an address with a password in it", hint);
    }
}

fn check_queue(arn: &str, region: Option<&str>, path: &Path, problems: &mut Problems) {
    let parts: Vec<&str> = arn.split(':').collect();
    match parts.as_slice() {
        ["arn", _, "sqs", _, _, name] if name.ends_with(".fifo") => {
            let hint = "name a standard queue; events come at least once, in any order, each with its `id` and `time`";
            problems.add(path, format!("`{name}` is a FIFO queue"), hint);
        }
        ["arn", _, "sqs", queue_region, account, name]
            if !queue_region.is_empty() && account.len() == 12 && !name.is_empty() =>
        {
            if region.is_some_and(|region| region != *queue_region) {
                let hint = "use a queue of the service's own Region";
                problems.add(path, format!("the queue is in `{queue_region}`, the service is not"), hint);
            }
        }
        _ => {
            problems.add(path, format!("`{arn}` is no ARN of a queue"), "it reads `arn:aws:sqs:REGION:ACCOUNT:NAME`");
        }
    }
}
