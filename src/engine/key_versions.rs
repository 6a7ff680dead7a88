//! Which versions of the service's keys are read, as Parameter Store counts them. Pure.
//!
//! A key is replaced by another version of its parameter. Each function and server is told which one it reads, so that what
//! is put back, and what is not replaced yet, goes on by the one that it knows.

use super::stack::DeployedStacks;

/// The parameters of the templates that tell of them.
pub const ADDRESS: &str = "AddressKeyVersion";
pub const TOKEN: &str = "TokenKeyVersion";
pub const ADMIN: &str = "AdminKeyVersion";
pub const PARAMETERS: OfEach<&str> = [ADDRESS, TOKEN, ADMIN];

/// Which keys are to be replaced by new ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replaced {
    pub address: bool,
    pub token: bool,
    pub admin: bool,
}

impl Replaced {
    pub fn each(self) -> OfEach<bool> {
        [self.address, self.token, self.admin]
    }
}

/// Which version of a key is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    pub number: u64,
    /// The version that it replaces, where it is still to be made.
    pub replaces: Option<u64>,
}

impl Version {
    const FIRST: Self = Self { number: 1, replaces: None };
}

/// The same of all keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    pub address: Version,
    pub token: Version,
    pub admin: Version,
    /// Whether the key for addresses that is deployed waits for another, which brings its replacement to its end; looked at
    /// where it is to be replaced.
    is_halfway: bool,
    /// Those that were replaced by a run that was broken off between two stacks, and is finished before anything else is
    /// replaced.
    pub finished: OfEach<bool>,
}

/// Something of each key: of that for addresses, of that for tokens, and of the admins'.
pub type OfEach<T> = [T; 3];

/// The versions that the stacks read: the least and the most, which differ where a deploy was broken off between two.
pub type Deployed = Option<(u64, u64)>;

pub fn deployed(stacks: &DeployedStacks) -> OfEach<Deployed> {
    PARAMETERS.map(|parameter| {
        let told = stacks.values().filter_map(|stack| stack.parameters.get(parameter)?.parse::<u64>().ok());
        told.fold(None, |range: Deployed, it| {
            Some(range.map_or((it, it), |(least, most)| (least.min(it), most.max(it))))
        })
    })
}

/// What there is of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    pub deployed: Deployed,
    /// What was deployed last, as far as it was noted.
    pub noted: Option<u64>,
    /// Absent where there is no such key.
    pub newest: Option<u64>,
    /// Whether that which is read was made within the hour.
    pub is_fresh: bool,
    /// Whether the one that is deployed waits for another, which brings its replacement to its end.
    pub is_halfway: bool,
}

impl Known {
    /// What is deployed, or was, and else the newest.
    pub fn number(self) -> u64 {
        self.deployed.map(|(_, most)| most).or(self.noted).or(self.newest).unwrap_or(1)
    }

    /// Whether what is to be read is not there any more, though it may be there again by a smaller number.
    pub fn is_gone(self) -> bool {
        (self.deployed.is_some() || self.noted.is_some()) && self.newest.unwrap_or(0) < self.number()
    }

    fn is_between_stacks(self) -> bool {
        self.deployed.is_some_and(|(least, most)| least != most)
    }

    /// Whether it was replaced within the hour.
    fn is_done(self) -> bool {
        self.is_fresh && self.number() > 1 && !self.is_halfway
    }

    /// What there is goes on, or another one in its place. Whoever asks twice, since the first run was broken off, is not given
    /// two: links by the key of before would be worth nothing.
    fn choose(self, is_replaced: bool) -> Version {
        let number = self.number();
        match self.newest.filter(|_| is_replaced && !self.is_done()) {
            Some(newest) => Version { number: newest + 1, replaces: Some(number) },
            None => Version { number, replaces: None },
        }
    }
}

impl Versions {
    /// Those of keys that were never replaced.
    pub const FIRST: Self = Self {
        address: Version::FIRST,
        token: Version::FIRST,
        admin: Version::FIRST,
        is_halfway: false,
        finished: [false; 3],
    };

    /// Where a run was broken off between two stacks, that is brought to its end before anything is replaced.
    pub fn choose(known: OfEach<Known>, replaced: Replaced) -> Self {
        let finishes = known.into_iter().any(Known::is_between_stacks);
        let ([address, token, admin], wish) = (known, replaced.each().map(|it| it && !finishes));
        Self {
            address: address.choose(wish[0]),
            token: token.choose(wish[1]),
            admin: admin.choose(wish[2]),
            is_halfway: address.is_halfway,
            // The admins' key, which one stack alone reads, is never between two.
            finished: [address.is_between_stacks(), token.is_between_stacks(), finishes && admin.is_done()],
        }
    }

    /// The version of the key for addresses that everything has to read before this deploy, which brings its replacement to
    /// its end.
    pub fn ends(self) -> Option<u64> {
        self.address.replaces.filter(|_| self.is_halfway)
    }

    /// Whether the replacement of the key for addresses is halfway after this deploy.
    pub fn ends_halfway(self) -> bool {
        self.is_halfway != self.address.replaces.is_some()
    }

    pub fn each(self) -> OfEach<Version> {
        [self.address, self.token, self.admin]
    }
}

impl Default for Versions {
    fn default() -> Self {
        Self::FIRST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: Known =
        Known { deployed: Some((2, 2)), noted: None, newest: Some(2), is_fresh: false, is_halfway: false };

    fn version(number: u64, replaces: impl Into<Option<u64>>) -> Version {
        Version { number, replaces: replaces.into() }
    }

    #[test]
    fn what_is_deployed_stays_until_it_is_replaced() {
        assert_eq!(Known::default().choose(false), version(1, None), "a key that is still to be made");
        assert_eq!(KNOWN.choose(false), version(2, None));
        assert_eq!(KNOWN.choose(true), version(3, 2));
        // A replacement that failed has left a version behind.
        let failed = Known { newest: Some(3), ..KNOWN };
        assert_eq!(failed.choose(false), version(2, None));
        assert_eq!(failed.choose(true), version(4, 2));
        assert_eq!(Known { is_fresh: true, ..failed }.choose(true), version(2, None), "2 was made within the hour");
        // Where no stack is left, what was deployed last is known, or the newest at least.
        let noted = Known { deployed: None, noted: Some(2), newest: Some(3), ..KNOWN };
        assert_eq!(noted.choose(false), version(2, None));
        assert_eq!(Known { noted: None, ..noted }.choose(false), version(3, None));
    }

    #[test]
    fn a_replacement_that_was_broken_off_is_finished_and_not_begun_again() {
        let between_stacks = Known { deployed: Some((1, 2)), ..KNOWN };
        for wish in [true, false] {
            let all = Replaced { address: wish, token: wish, admin: wish };
            let versions = Versions::choose([KNOWN, between_stacks, KNOWN], all);
            assert_eq!((versions.each(), versions.finished), ([version(2, None); 3], [false, true, false]));
        }
        let fresh = Known { is_fresh: true, ..KNOWN };
        let beside = Versions::choose([KNOWN, between_stacks, fresh], Replaced::default());
        assert_eq!(beside.finished, [false, true, true], "the front's key went with it");
        let beside = Versions::choose([between_stacks, fresh, KNOWN], Replaced::default());
        assert_eq!(beside.finished, [true, false, false], "the key of tokens was replaced by another run");
        assert_eq!(Versions::choose([fresh; 3], Replaced::default()).finished, [false; 3]);
        let before_the_proof = Known { is_fresh: true, ..KNOWN };
        assert_eq!(before_the_proof.choose(true), version(2, None));
        let halfway = Known { is_halfway: true, ..before_the_proof };
        assert_eq!(halfway.choose(true), version(3, 2));
        let ends = |address, asked| {
            let versions =
                Versions::choose([address, KNOWN, KNOWN], Replaced { address: asked, ..Replaced::default() });
            (versions.ends(), versions.ends_halfway())
        };
        assert_eq!([ends(halfway, true), ends(halfway, false)], [(Some(2), false), (None, true)]);
        assert_eq!([ends(KNOWN, true), ends(KNOWN, false)], [(None, true), (None, false)]);
        let first = Known { deployed: Some((1, 1)), newest: Some(1), is_fresh: true, ..KNOWN };
        assert_eq!(first.choose(true), version(2, 1), "the first deploy was a moment ago");
    }

    #[test]
    fn a_key_that_is_gone_is_known_to_be() {
        assert!(!Known::default().is_gone() && !KNOWN.is_gone());
        assert!(!Known { newest: Some(3), ..KNOWN }.is_gone());
        assert!(Known { newest: None, ..KNOWN }.is_gone());
        assert!(Known { newest: Some(1), ..KNOWN }.is_gone(), "another one was put in its place by hand");
    }
}
