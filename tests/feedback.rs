//! Bounces and complaints on the local AWS, through the deployed topic, subscription, function and table.
//!
//! The emulator's SES tells a configuration set's destination nothing, so that the test publishes in its place.

use serde_json::{Value, json};
use support::deployed::{Deployed, wait_for};
use support::{Sandbox, http};

/// A deployed service, with the topic of its feedback.
struct Service {
    deployed: Deployed,
    topic: String,
}

impl Service {
    fn sign_up(&self, address: &str) -> (u16, String) {
        let url = format!("{}/api/v1/sign-ups", self.deployed.endpoint);
        let answer = http::post_json(&url, &json!({ "email": address }));
        (answer.status, answer.body)
    }

    fn mails(&self, address: &str) -> Vec<Value> {
        let mut mails = self.deployed.mails();
        mails.retain(|mail| mail["to"].as_array().is_some_and(|to| to.contains(&address.into())));
        mails
    }

    /// Waits until somebody's mail was sent and marked so, and gives its text.
    fn mailed(&self, address: &str) -> String {
        wait_for(30, "the mail", || {
            self.deployed.user(address).filter(|user| user["mail"]["status"] == "sent")?;
            Some(self.mails(address).pop()?["text"].as_str().expect("a text").to_owned())
        })
    }

    fn report(&self, address: &str, kind: &str, detail: Value) {
        self.deployed.account.report(&self.topic, address, kind, detail);
    }

    fn bounce(&self, address: &str, kind: &str) {
        let bounce = json!({ "bounceType": kind, "bounceSubType": "General", "timestamp": jiff::Timestamp::now() });
        self.report(address, "Bounce", json!({ "bounce": bounce }));
    }

    fn suppressed(&self, address: &str) -> Value {
        let shown = || self.deployed.user(address).filter(|user| user["state"] == "suppressed");
        wait_for(30, "the end of all mail", shown)
    }
}

#[test]
fn whoever_bounces_or_complains_gets_no_mail_any_more() {
    let deployed = Deployed::of(Sandbox::new().with_example("waitlist.yaml"));
    let outputs = deployed.sandbox.json(&["outputs", "--local"]);
    let topic = outputs["FeedbackTopicArn"].as_str().expect("a topic").to_owned();
    deployed.account.let_in_without_tls(&topic);
    let service = Service { deployed, topic };
    let sandbox = &service.deployed.sandbox;
    let (ada, bob) = ("ada@example.org", "gone@example.org");
    let answer = service.sign_up(ada);
    let text = service.mailed(ada);
    service.sign_up(bob);
    service.mailed(bob);
    let token = text.split_whitespace().find_map(|word| word.split_once("/confirm?t=")).expect("a link").1;
    let confirm = format!("{}/confirm", service.deployed.endpoint);
    assert_eq!(http::post_form(&confirm, &[("t", token)]).status, 303);

    // What is no report, or of nobody here, such as of the proof's made-up sign-up, changes nothing.
    service
        .deployed
        .account
        .publish(&service.topic, "Successfully validated SNS topic for Amazon SES event publishing.");
    service.bounce("success+signupctl@simulator.amazonses.com", "Permanent");
    service.bounce(ada, "Transient");
    // A mailbox that does not exist, and a reader who calls it spam.
    service.bounce(bob, "Permanent");
    let complaint = json!({ "timestamp": jiff::Timestamp::now(), "complaintFeedbackType": "abuse" });
    service.report(ada, "Complaint", json!({ "complaint": complaint }));
    let (shown_ada, shown_bob) = (service.suppressed(ada), service.suppressed(bob));
    assert_eq!((&shown_ada["ended_by"], &shown_ada["email"]), (&json!("complaint"), &json!(ada)));
    assert_eq!((&shown_bob["ended_by"], &shown_bob["email"]), (&json!("bounce"), &json!("")));
    for (address, why) in [(ada, "was reported as spam on "), (bob, "bounced for good on ")] {
        let text = sandbox.ok(&["users", "show", address, "--local"]);
        assert!(text.contains(why) && text.contains(", gets no mail any more"), "{text}");
    }
    let listed = sandbox.json(&["users", "list", "--local"])["users"].as_array().expect("a list").len();
    let suppressed = sandbox.json(&["users", "list", "--local", "--state", "suppressed"]);
    assert_eq!((listed, suppressed["users"].as_array().expect("a list").len()), (2, 2));

    // Another sign-up, spelt so that it would be news, gets the answer that everybody gets and brings no mail.
    for address in ["Ada@example.org", "Gone@example.org"] {
        assert_eq!(service.sign_up(address), answer);
        let user = service.deployed.user(address).expect("still there");
        assert_eq!((&user["state"], &user["waiting"]), (&json!("suppressed"), &Value::Null));
        assert_ne!(user["mail"]["status"], "waiting");
        assert!(sandbox.refusal(&["users", "resend", address, "--local"]).contains("suppression list"));
    }
    assert_eq!((service.mails(ada).len(), service.mails(bob).len()), (1, 1));
    wait_for(30, "the count", || (service.deployed.counts() == (2, 0)).then_some(()));
    assert_eq!(sandbox.run(&["users", "recount", "--local"]).status.code(), Some(0));

    // Its log counts what was reported, and holds no address.
    let logs =
        wait_for(30, "the log", || Some(service.deployed.logs()).filter(|logs| logs.contains("\"MailsComplained\":1")));
    assert!(logs.contains("\"outcome\":\"suppressed\"") && !logs.contains("example.org"));
    let told = sandbox.ok(&["logs", "--local", "--json"]);
    assert!(told.contains("\"feedback\""), "{told}");
}
