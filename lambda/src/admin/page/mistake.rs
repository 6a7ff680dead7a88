//! What can be wrong with what an admin typed, in words that say what to do.

/// A mistake in one field of an admin's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// Fewer than the twelve characters that a password needs.
    PasswordTooShort,
    PasswordTooLong,
    /// On the list of passwords that are guessed first.
    PasswordCommon,
    /// Holds the address, or little else.
    PasswordLikeAddress,
    /// Not the one that the admin has.
    PasswordWrong,
    /// The two passwords are not the same.
    PasswordsDiffer,
    /// Of the authenticator app, while setting up.
    CodeWrong,
    /// Of a new admin.
    AddressInvalid,
    /// There is an admin with that address.
    AddressTaken,
    /// Neither the address nor `ERASE` was typed.
    ErasureNotConfirmed,
}

impl Mistake {
    /// The name of the field, which is its id too.
    pub fn field(self) -> &'static str {
        match self {
            Self::PasswordTooShort | Self::PasswordTooLong | Self::PasswordCommon | Self::PasswordLikeAddress => {
                "password"
            }
            Self::PasswordWrong => "current",
            Self::PasswordsDiffer => "again",
            Self::CodeWrong => "code",
            Self::AddressInvalid | Self::AddressTaken => "email",
            Self::ErasureNotConfirmed => "confirm",
        }
    }

    pub(super) fn message(self) -> String {
        match self {
            Self::PasswordTooShort => "Use at least 12 characters. A few words in a row are easy to remember.",
            Self::PasswordTooLong => "Use a shorter password.",
            Self::PasswordCommon => "Many people use this password, so it is guessed first. Choose another.",
            Self::PasswordLikeAddress => "Do not use your address in the password. Choose another.",
            Self::PasswordWrong => "This is not your current password. Type the one that you sign in with.",
            Self::PasswordsDiffer => "Type the same password in both fields.",
            Self::CodeWrong => {
                "This code does not fit. Type the one that the app shows now, while it is shown. A phone whose clock was set \
                 by hand shows others."
            }
            Self::AddressInvalid => "Enter an address like name@example.com.",
            Self::AddressTaken => "There is an admin with this address already.",
            Self::ErasureNotConfirmed => "Type the address shown above, or ERASE in capitals.",
        }
        .to_owned()
    }
}
