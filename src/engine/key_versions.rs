//! Which versions of the service's keys are read, as Parameter Store counts them. Pure.
//!
//! A key is replaced by another version of its parameter. Each function and server is told which one it reads, so that what
//! is put back, and what is not replaced yet, goes on by the one that it knows.

use super::stack::DeployedStacks;

/// The parameters of the templates that tell of them.
pub const TOKEN: &str = "TokenKeyVersion";
pub const ADMIN: &str = "AdminKeyVersion";

/// Which keys are to be replaced by new ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replaced {
    pub token: bool,
    pub admin: bool,
}

/// Which version of a key is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    pub number: u64,
    /// The version that it replaces, where it is still to be made.
    pub replaces: Option<u64>,
}

/// The same of all keys that can be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    pub token: Version,
    pub admin: Version,
}

/// A number for each key that can be replaced: that of tokens, and that of the admins.
pub type Numbers = [Option<u64>; 2];

/// The versions that the stacks read.
pub fn deployed(stacks: &DeployedStacks) -> Numbers {
    let told = |parameter: &str| {
        let told = stacks.values().filter_map(|stack| stack.parameters.get(parameter)?.parse().ok());
        // Where a deploy was broken off between two stacks, the other follows.
        told.max()
    };
    [told(TOKEN), told(ADMIN)]
}

impl Versions {
    /// Those of keys that were never replaced.
    pub const FIRST: Self =
        Self { token: Version { number: 1, replaces: None }, admin: Version { number: 1, replaces: None } };

    /// What is deployed, or was, goes on, and else the newest; with another one in the place of a key that is there and is
    /// to be replaced.
    pub fn choose(deployed: Numbers, newest: Numbers, replaced: Replaced) -> Self {
        let choose = |at: usize, replaced: bool| {
            let number = deployed[at].or(newest[at]).unwrap_or(1);
            match newest[at].filter(|_| replaced) {
                Some(newest) => Version { number: newest + 1, replaces: Some(number) },
                None => Version { number, replaces: None },
            }
        };
        Self { token: choose(0, replaced.token), admin: choose(1, replaced.admin) }
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

    #[test]
    fn what_is_deployed_stays_until_it_is_replaced() {
        let none = Replaced::default();
        let is = |number, replaces| Version { number, replaces };
        assert_eq!(Versions::choose([None; 2], [None; 2], none), Versions::FIRST);
        let kept = Versions { token: is(2, None), admin: is(1, None) };
        assert_eq!(Versions::choose([Some(2), Some(1)], [None; 2], none), kept);
        // A replacement that failed has left a version behind.
        assert_eq!(Versions::choose([Some(2), Some(1)], [Some(3), Some(1)], none), kept);
        let token = Replaced { token: true, admin: false };
        let replaced = Versions { token: is(4, Some(2)), admin: is(1, None) };
        assert_eq!(Versions::choose([Some(2), Some(1)], [Some(3), Some(1)], token), replaced);
        // Of a service whose data alone is left, the newest is read.
        let newest = Versions { token: is(3, None), admin: is(2, None) };
        assert_eq!(Versions::choose([None; 2], [Some(3), Some(2)], none), newest);
        let all = Replaced { token: true, admin: true };
        assert_eq!(Versions::choose([None; 2], [None; 2], all), Versions::FIRST, "keys that are still to be made");
    }
}
