//! Passwords that guessers try first: those that leaked most, and what people make of them.
//!
//! Pure. The list is data (`common-passwords.txt`, whose sources and licences are in `common-passwords.license`): OWASP's
//! ASVS 6.2.4 asks for the 3,000 most used that have the length, and it holds 3,200 of them beside 4,000 words.

/// In lower case and sorted, a line each.
const LIST: &str = include_str!("common-passwords.txt");

/// Keys that lie beside each other, and what is said in one breath. Each is tried forwards and backwards.
const ROWS: [&str; 9] = [
    "01234567890123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop[]",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "qwertzuiop",
    "azertyuiop",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
    "!@#$%^&*()",
];

/// A part of a row counts from this length.
const RUN: usize = 3;

/// What stays unexplained of a password that is only rows or words must be shorter than this.
const REST: usize = 4;

/// The longest part that makes a password by being repeated.
const UNIT: usize = 8;

/// Names shorter than this are parts of too many good passwords, and count where they stand by themselves.
const NAME: usize = 4;

/// Whether a password is common as it is, or made of one of the list, of a row of keys or of a repetition. `names`
/// are words that a guesser knows: the service's, the brand's, the admin's.
pub(super) fn is_common(password: &str, names: &[&str]) -> bool {
    let lower = password.to_lowercase();
    let plain = [Some(lower.clone()), Some(unleet(&lower, 'i')), Some(unleet(&lower, 'l'))];
    let (names, short): (Vec<String>, Vec<String>) =
        names.iter().flat_map(|name| words(name)).partition(|word| word.chars().count() >= NAME);
    plain.into_iter().flatten().any(|text| {
        is_listed(&text)
            || is_listed(bare(&text))
            || is_repeated(&text)
            || is_run(&text)
            || is_made_of(&text, &names, &short)
    })
}

fn is_listed(text: &str) -> bool {
    // The list is a few pages and this is asked a few times in an admin's life: no index is worth its while.
    !text.is_empty() && LIST.lines().any(|line| line == text)
}

/// The words of a name: `The Garden Club` is `the`, `garden`, `club` and `thegardenclub`.
fn words(name: &str) -> Vec<String> {
    let lower = name.to_lowercase();
    let mut words: Vec<String> = lower.split(|letter: char| !letter.is_alphanumeric()).map(str::to_owned).collect();
    words.push(words.concat());
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words
}

/// The letters within what people put around a word: `!!password2026!` is `password`.
fn bare(text: &str) -> &str {
    text.trim_matches(|letter: char| !letter.is_alphabetic())
}

/// A text without the digits and signs that stand for letters; `one` is what `1`, `!` and `|` stand for.
fn unleet(text: &str, one: char) -> String {
    let letter = |letter| match letter {
        '0' => 'o',
        '1' | '!' | '|' => one,
        '3' | '€' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' | '+' => 't',
        '8' => 'b',
        '9' => 'g',
        other => other,
    };
    // Digits behind a word are more often a year than letters.
    let tail = text.trim_end_matches(|letter: char| !letter.is_alphabetic()).len();
    text[..tail].chars().map(letter).chain(text[tail..].chars()).collect()
}

/// Whether a short part is repeated to make it, or hardly any character differs.
fn is_repeated(text: &str) -> bool {
    let letters: Vec<char> = text.chars().collect();
    let mut distinct = letters.clone();
    distinct.sort_unstable();
    distinct.dedup();
    let repeats = |unit: usize| letters.iter().zip(&letters[unit..]).all(|(one, other)| one == other);
    distinct.len() < REST + 1 || (1..=UNIT.min(letters.len() / 2)).any(repeats)
}

/// Whether all but some characters are parts of rows.
fn is_run(text: &str) -> bool {
    let letters: Vec<char> = text.chars().collect();
    let (mut at, mut rest) = (0, 0);
    while at < letters.len() {
        let length = run(&letters[at..]);
        if length < RUN {
            (at, rest) = (at + 1, rest + 1);
        } else {
            at += length;
        }
    }
    rest < REST
}

/// The longest part of a row, forwards or backwards, with which a text begins.
fn run(letters: &[char]) -> usize {
    let longest = |row: &[char]| {
        let from = |start: usize| row[start..].iter().zip(letters).take_while(|(one, other)| one == other).count();
        (0..row.len()).map(from).max().unwrap_or(0)
    };
    let both = |row: &&str| {
        let forwards: Vec<char> = row.chars().collect();
        let backwards: Vec<char> = row.chars().rev().collect();
        longest(&forwards).max(longest(&backwards))
    };
    ROWS.iter().map(both).max().unwrap_or(0)
}

/// Whether nothing but digits, signs, a common word or some letters is left without the names; `short` ones are left out
/// where they are a whole word, as in an address.
fn is_made_of(text: &str, names: &[String], short: &[String]) -> bool {
    let left = names.iter().fold(text.to_owned(), |left, name| left.replace(name.as_str(), " "));
    let is_short = |word: &str| short.iter().any(|name| name == word || name == bare(word));
    let words = left.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    let (named, others): (Vec<&str>, Vec<&str>) = words.partition(|word| is_short(word));
    let letters: String = others.concat().chars().filter(|letter| letter.is_alphabetic()).collect();
    (left != text || !named.is_empty()) && (letters.chars().count() < REST || is_listed(&letters))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 4] = ["registration", "The Garden Club", "ada.lovelace", "example.com"];

    /// Of an address whose words are short.
    const SHORT: [&str; 4] = ["bo.li", "me.co.uk", "jo9", "xy8.org"];

    #[test]
    fn the_list_is_sorted_and_long_enough() {
        let lines: Vec<&str> = LIST.lines().collect();
        assert!(lines.is_sorted() && lines.iter().all(|line| *line == line.to_lowercase()));
        assert!(lines.iter().filter(|line| line.len() >= 12).count() >= 3_000);
    }

    #[test]
    fn what_guessers_try_first_is_common() {
        for password in [
            "1qaz2wsx3edc",
            "QAZWSXEDCRFV",
            "leavemealone",
            "Password1234",
            "P@ssw0rd2026!",
            "!!!iloveyou!!!",
            "m0nk3y123456",
            "love12345678",
            "aaaaaaaaaaaa",
            "ababababababab",
            "abcdabcdabcd",
            "s3cret7!s3cret7!",
            "123456789012",
            "098765432109",
            "abcdefghijkl",
            "qwertyuiop123",
            "asdfghjkl;'\\",
            "poiuytrewq12",
            "TheGardenClub1",
            "garden-club-2026",
            "registration!1",
            "Adalovelace1815",
            "lovelace12345",
            "example.com123",
            "passwordGarden1",
            "R3gistr4tion99",
        ] {
            assert!(is_common(password, &NAMES), "{password}");
        }
        for password in ["bo.li@me.co.uk", "Bo.Li@me.co.uk7", "bo-li-me-uk-2026", "jo9@xy8.org.uk", "jo9@xy8.org7!"] {
            assert!(is_common(password, &SHORT), "{password}");
        }
    }

    #[test]
    fn what_nobody_can_foresee_is_not() {
        for password in [
            "correct horse battery staple",
            "gT7#kq!mZ2vLp0",
            "my garden grows nine blue dahlias",
            "xkjwqpvzmrtl",
            "ünsichtbare Wölfe",
            "тихий вечер у реки",
            "4815162342-lostisland",
            "🦊🌲🌧🎻🪁🧭🫖🛶🥁🪐🧶🎈",
        ] {
            assert!(!is_common(password, &NAMES) && !is_common(password, &SHORT), "{password}");
        }
    }
}
