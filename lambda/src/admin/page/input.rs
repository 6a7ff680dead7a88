//! One field of an admin's form.

use super::mistake::Mistake;

/// What is typed into a field, and so which keyboard and which memory of the browser's it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The address of an account, as sign-in asks for it.
    Username,
    /// An address of somebody else.
    Email,
    Password,
    NewPassword,
    /// Six digits, or a recovery code.
    Code,
    /// Six digits and nothing else.
    Digits,
    /// What the fragment of a set-up link is.
    Token,
    Text,
}

impl Kind {
    pub(super) fn input_type(self) -> &'static str {
        match self {
            Self::Username | Self::Email => "email",
            Self::Password | Self::NewPassword => "password",
            Self::Code | Self::Digits | Self::Token | Self::Text => "text",
        }
    }

    pub(super) fn autocomplete(self) -> &'static str {
        match self {
            Self::Username => "username",
            Self::Password => "current-password",
            Self::NewPassword => "new-password",
            Self::Code | Self::Digits => "one-time-code",
            Self::Email | Self::Token | Self::Text => "off",
        }
    }

    /// The keyboard of a phone. A recovery code has letters.
    pub(super) fn inputmode(self) -> Option<&'static str> {
        match self {
            Self::Username | Self::Email => Some("email"),
            Self::Digits => Some("numeric"),
            _ => None,
        }
    }

    /// Whether it is written from left to right in every script, and never corrected.
    pub(super) fn is_exact(self) -> bool {
        self != Self::Text
    }

    /// In units of UTF-16; the routes judge by their own limits.
    pub(super) fn longest(self) -> u16 {
        match self {
            // A set-up link is pasted as a whole.
            Self::Username | Self::Email | Self::Text | Self::Token => 508,
            Self::Password | Self::NewPassword => 1024,
            Self::Code => 64,
            Self::Digits => 7,
        }
    }
}

/// A field and its state. Its name is its id.
#[derive(Clone, Debug)]
pub(super) struct Input<'a> {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) kind: Kind,
    pub(super) value: &'a str,
    pub(super) hint: Option<&'static str>,
    pub(super) error: Option<String>,
}

impl<'a> Input<'a> {
    pub(super) fn new(name: &'static str, label: &'static str, kind: Kind) -> Self {
        Self { name, label, kind, value: "", hint: None, error: None }
    }

    pub(super) fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    /// With what was typed before. Never a password or a code.
    pub(super) fn value(mut self, value: &'a str) -> Self {
        self.value = value;
        self
    }

    /// With the mistake that was made in it, if there is one.
    pub(super) fn judged(mut self, mistakes: &[Mistake]) -> Self {
        self.error = mistakes.iter().find(|mistake| mistake.field() == self.name).map(|mistake| mistake.message());
        self
    }

    /// Ids of the texts that explain it.
    pub(super) fn described_by(&self) -> Option<String> {
        let hint = self.hint.map(|_| format!("{}-hint", self.name));
        let error = self.error.as_ref().map(|_| format!("{}-error", self.name));
        let ids: Vec<String> = hint.into_iter().chain(error).collect();
        (!ids.is_empty()).then(|| ids.join(" "))
    }
}

/// The password as `sign-in` and `prove` ask for it.
pub(super) fn password<'a>() -> Input<'a> {
    Input::new("password", "Password", Kind::Password)
}

/// A new password, as it is asked for wherever one is chosen.
pub(super) fn new_password<'a>(label: &'static str, mistakes: &[Mistake]) -> Input<'a> {
    Input::new("password", label, Kind::NewPassword)
        .hint("At least 12 characters. A few words in a row are easy to remember and hard to guess.")
        .judged(mistakes)
}

/// The same once more, against slips.
pub(super) fn again<'a>(mistakes: &[Mistake]) -> Input<'a> {
    Input::new("again", "The same password again", Kind::NewPassword).judged(mistakes)
}

/// The code as `sign-in` and `prove` ask for it.
pub(super) fn code<'a>() -> Input<'a> {
    Input::new("code", "Code", Kind::Code)
        .hint("Six digits from your authenticator app, or one of your recovery codes.")
}
