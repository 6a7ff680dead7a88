//! Every sentence that a person who signs up can read, one field each.
//!
//! Data alone. A language file holds exactly these keys; its placeholders are those of the English one. No
//! sentence needs a plural form: where a count stands, it stands apart (`maximum number of characters: {most}`).

use serde::{Deserialize, Serialize};

/// The sentences of one language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    pub form: FormPage,
    pub errors: Errors,
    pub sent: Sent,
    pub confirm: Confirm,
    pub unsubscribe: Unsubscribe,
    pub pages: Pages,
    pub mail: Mails,
}

/// The form, and the words that all pages share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormPage {
    /// The button of a form that declares none.
    pub submit: String,
    /// `{star}` is where the mark stands.
    pub required_note: String,
    pub required: String,
    /// Stands before a message, with its colon.
    pub error: String,
    /// Heads the list of mistakes, be there one or many.
    pub check: String,
    /// Names the consent box in the list of mistakes.
    pub consent: String,
    pub choose: String,
    /// The last option of a choice that may be left open.
    pub no_answer: String,
    pub read_more: String,
    pub languages: String,
    /// Label of a field that only programs see.
    pub leave_empty: String,
    /// Beside the button while the browser works.
    pub wait: String,
    pub busy: String,
    /// `{minutes}` may be 1.
    pub rate_limited: String,
    /// The service's own ceiling for the day.
    pub full: String,
    pub send_again: String,
}

/// What is wrong with an answer; no sentence has a full stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Errors {
    pub required: String,
    pub required_email: String,
    pub required_choice: String,
    pub required_box: String,
    pub required_date: String,
    pub consent: String,
    pub unknown: String,
    pub repeated: String,
    pub invisible: String,
    /// `{least}` may be 1.
    pub too_short: String,
    /// `{most}` may be 1.
    pub too_long: String,
    /// `{least}` is a number.
    pub too_low: String,
    pub too_high: String,
    /// `{least}` is a date as `2000-12-31`.
    pub too_early: String,
    pub too_late: String,
    pub pattern: String,
    pub not_an_option: String,
    pub email: String,
    pub integer: String,
    pub number: String,
    pub date: String,
    pub phone: String,
    pub url: String,
    /// The last six only the API says.
    pub token: String,
    pub must_be_text: String,
    pub must_be_texts: String,
    pub must_be_number: String,
    pub must_be_integer: String,
    pub must_be_flag: String,
}

/// The page after the form: look into your mailbox, or enter the code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    pub title: String,
    pub message: String,
    pub code_title: String,
    pub email: String,
    pub code: String,
    pub confirm: String,
    pub nothing: String,
    pub again: String,
    pub sent_again: String,
    pub wrong_code: String,
    pub address_needed: String,
    /// The way on is the link, or a new sign-up.
    pub too_many: String,
    /// Of asking for the message again; the way on is to look for it.
    pub too_many_again: String,
    pub back: String,
}

/// The page behind the link in the mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    /// Title of the window.
    pub page: String,
    pub title: String,
    pub message: String,
    pub button: String,
    pub aside: String,
    /// For an address that has confirmed before: `replace_…` stands where the others do.
    pub replace_title: String,
    pub replace_message: String,
    pub replace_button: String,
    pub replace_aside: String,
}

/// The page where an address asks for no more mail. Nothing here may promise more than that: an address which had
/// confirmed is mailed again when it is signed up anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unsubscribe {
    pub title: String,
    pub message: String,
    pub button: String,
    pub aside: String,
    pub done_title: String,
    pub done_message: String,
}

/// Pages that say one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pages {
    /// Of a form that declares no title for its success.
    pub success_title: String,
    /// Of a form that declares no message for its success.
    pub confirmed: String,
    /// The same where nothing is to be confirmed.
    pub signed_up: String,
    pub expired_title: String,
    pub expired: String,
    pub sign_up_again: String,
    pub unknown_link_title: String,
    pub unknown_link: String,
    pub not_found_title: String,
    pub not_found: String,
    pub unreadable_title: String,
    pub too_large_title: String,
    pub too_large: String,
    pub wrong_way_title: String,
    pub use_the_form: String,
    pub failed_title: String,
    pub failed: String,
    pub busy_title: String,
    pub busy: String,
    pub to_form: String,
}

/// The mails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mails {
    pub confirm_subject: String,
    pub confirm_intro: String,
    pub confirm_request: String,
    pub confirm_button: String,
    pub confirm_ignore: String,
    pub update_subject: String,
    pub update_intro: String,
    pub update_request: String,
    pub update_button: String,
    pub update_ignore: String,
    pub welcome_subject: String,
    pub welcome_intro: String,
    pub welcome_not_you: String,
    pub copy_link: String,
    /// `{code}` reads `123 456`.
    pub code: String,
    /// `{time}` is one of `minutes`, `hours` and `days`.
    pub link_works: String,
    /// A link follows.
    pub unsubscribe: String,
    pub minutes: String,
    /// `{count}` is at least 2, here and in `days`.
    pub hours: String,
    pub days: String,
}
