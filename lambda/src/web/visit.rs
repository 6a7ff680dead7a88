//! Who asks, and how they are to be answered: language, frame, client, and what tells a person from a program.

use std::net::IpAddr;
use std::sync::OnceLock;

use axum::extract::Request;
use axum::http::header::ACCEPT_LANGUAGE;
use jiff::Timestamp;

use super::actions::{Proven, Visitor};
use super::{App, edge};
use crate::clock::day;
use crate::guard::proof::Unproven;
use crate::guard::{self, proof, stamp};
use crate::journal::Line;
use crate::page::{Hidden, Site};
use crate::words::{self, Language};

/// The field of the page that tells when it was made.
const STAMP: &str = "stamp";

/// A request, as far as every handler looks at it.
#[derive(Clone, Debug)]
pub(super) struct Visit<'a> {
    app: &'a App,
    pub(super) language: &'a Language,
    /// The language was asked for in the address.
    chosen: bool,
    embedded: bool,
    /// A page of another site sent this.
    pub(super) is_foreign: bool,
    address: Option<IpAddr>,
    /// By which the client is known; it takes a keyed hash, and most pages never ask.
    client: OnceLock<String>,
}

impl<'a> Visit<'a> {
    pub(super) fn of(app: &'a App, request: &Request) -> Self {
        let uri = request.uri();
        let asked = edge::query(uri, "lang");
        let accepted = request.headers().get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let languages = &app.config.languages;
        let found = asked.as_deref().and_then(|code| words::find(languages, code));
        Self {
            app,
            language: words::choose(languages, asked.as_deref(), accepted),
            chosen: found.is_some(),
            embedded: edge::is_embedded(request),
            is_foreign: edge::is_foreign(request.headers(), &app.parts.base_url),
            address: edge::client(request),
            client: OnceLock::new(),
        }
    }

    /// The site as its pages are shown to this visitor.
    pub(super) fn site(&self) -> Site<'a> {
        let site = Site::new(&self.app.config, &self.app.parts.release).speaking(self.language, self.chosen);
        if self.embedded { site.embedded() } else { site }
    }

    /// All that an empty form is another for.
    pub(super) fn way(&self) -> (String, bool, bool) {
        (self.language.code.clone(), self.chosen, self.embedded)
    }

    /// The visitor as the budgets see them, with the proof of work that came, if it holds.
    pub(super) fn visitor(&self, payload: &str) -> Visitor {
        let now = self.app.ledger.clock.now();
        let proof = match proof::verify(&self.app.parts.token_key, &self.scope(), payload, now) {
            Ok(proof) => Some(proof),
            // Whoever sends none or comes late means nothing by it.
            Err(Unproven::Missing | Unproven::Expired) => None,
            Err(why) => {
                let client = self.address.map(|address| self.app.parts.address_key.client_on(address, &day(now)));
                let line = Line::new("a proof of work does not hold", now).with("reason", why.code());
                self.app.parts.journal.write(&line.with("client", client.unwrap_or_default()));
                None
            }
        };
        // Half of the name tells the proofs of one client and one hour apart, and all of them are one item.
        let name = |id: [u8; 16]| id.iter().skip(8).map(|byte| format!("{byte:02x}")).collect();
        Visitor {
            client: self.client().to_owned(),
            language: Some(self.language.code.clone()),
            proof: proof.map(|proof| Proven { name: name(proof.id), expires_at: proof.expires_at }),
        }
    }

    pub(super) fn scope(&self) -> proof::Scope<'_> {
        proof::Scope { form: &self.app.form_version, client: Some(self.client()) }
    }

    pub(super) fn client(&self) -> &str {
        self.client.get_or_init(|| self.app.client(self.address))
    }

    /// What goes with a form that was filled in. One that comes back keeps its age as long as that is good or will be.
    pub(super) fn hidden(&self, typed: &[(String, String)]) -> Hidden {
        let now = self.app.ledger.clock.now();
        let old = value(typed, STAMP);
        self.stamped(match stamp::check(&self.app.parts.token_key, old, now) {
            stamp::Age::Good | stamp::Age::TooYoung => old.to_owned(),
            stamp::Age::TooOld | stamp::Age::Forged => self.stamp(now),
        })
    }

    /// The stamp of a form that is made now.
    pub(super) fn stamp(&self, now: Timestamp) -> String {
        stamp::issue(&self.app.parts.token_key, now)
    }

    /// What goes with a form of this stamp.
    pub(super) fn stamped(&self, stamp: String) -> Hidden {
        Hidden { stamp, honeypot: guard::honeypot(&self.app.config.form) }
    }

    /// Whether a program sent this form, or the page of another site, as far as age, trap and browser tell.
    pub(super) fn is_suspect(&self, typed: &[(String, String)]) -> bool {
        let age = stamp::check(&self.app.parts.token_key, value(typed, STAMP), self.app.ledger.clock.now());
        self.is_foreign || age != stamp::Age::Good || guard::is_filled(typed, guard::honeypot(&self.app.config.form))
    }
}

/// The first value of a name; empty when there is none.
pub(super) fn value<'a>(pairs: &'a [(String, String)], name: &str) -> &'a str {
    pairs.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
}
