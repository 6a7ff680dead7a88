//! The operator's own wording of mails, as `signupctl` read it from files.

use serde::{Deserialize, Serialize};

/// What a mail is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailKind {
    /// Asks a new address to confirm.
    Confirmation,
    /// Asks an address that has confirmed before whether new answers shall replace the earlier ones.
    Update,
    /// Follows a sign-up that needs no confirmation.
    Welcome,
}

impl MailKind {
    pub const ALL: [Self; 3] = [Self::Confirmation, Self::Update, Self::Welcome];

    /// The name as it stands in front of a template's file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Confirmation => "confirmation",
            Self::Update => "update",
            Self::Welcome => "welcome",
        }
    }

    /// The placeholders that have a value in a mail of this kind.
    pub fn placeholders(self) -> &'static [&'static str] {
        match self {
            Self::Confirmation | Self::Update => &["link", "code", "brand", "expires", "unsubscribe", "service"],
            Self::Welcome => &["brand", "unsubscribe", "service"],
        }
    }
}

/// One wording: of one kind of mail in one language. In the others the service uses its own words.
///
/// With a text alone, the HTML part is made from it; with HTML alone, subject and text are the service's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailTemplate {
    pub kind: MailKind,
    /// The language's code.
    pub language: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<TextTemplate>,
    /// A whole HTML document, with `{{unsubscribe}}` somewhere in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
}

/// Subject and text with placeholders such as `{{link}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextTemplate {
    pub subject: String,
    pub body: String,
}
