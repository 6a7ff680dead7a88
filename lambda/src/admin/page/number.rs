//! Numbers as people read them.

/// With commas between the thousands: `12,345`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// With what is counted: `1 user`, `12,345 users`.
pub(super) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// For a scale, where there is little room: `950`, `12k`, `1.5M`. Exact for the round numbers of a scale.
pub(super) fn short(number: u64) -> String {
    let (unit, letter) = match number {
        0..10_000 => return grouped(number),
        10_000..1_000_000 => (1_000, "k"),
        1_000_000..1_000_000_000 => (1_000_000, "M"),
        _ => (1_000_000_000, "G"),
    };
    let tenth = number % unit * 10 / unit;
    let point = if tenth == 0 { String::new() } else { format!(".{tenth}") };
    format!("{}{point}{letter}", number / unit)
}

/// A part of a whole, rounded, but only the whole is `100%`: `81%`, `4.2%`, `0.04%`. Nothing of nothing.
pub(super) fn percent(part: u64, whole: u64) -> Option<String> {
    if whole == 0 {
        return None;
    }
    let of = |scale: u128| (2 * u128::from(part) * scale + u128::from(whole)) / (2 * u128::from(whole));
    Some(match (of(100), of(1_000), of(10_000)) {
        (_, _, 0) => "0%".to_owned(),
        (_, _, hundredths @ 1..100) => format!("0.{hundredths:02}%"),
        (_, tenths @ 0..100, _) if tenths % 10 > 0 => format!("{}.{}%", tenths / 10, tenths % 10),
        (100.., ..) if part < whole => "99%".to_owned(),
        (units, ..) => format!("{units}%"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        let of = [0, 7, 999, 1_000, 12_345, 1_234_567].map(grouped);
        assert_eq!(of, ["0", "7", "999", "1,000", "12,345", "1,234,567"]);
        assert_eq!([counted(1, "user", "users"), counted(0, "user", "users")], ["1 user", "0 users"]);
        let of = [0, 9_999, 10_000, 25_000, 2_500_000, 10_000_000, 3_000_000_000].map(short);
        assert_eq!(of, ["0", "9,999", "10k", "25k", "2.5M", "10M", "3G"]);
        assert_eq!(grouped(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn only_the_whole_is_all_of_it() {
        let of = |part, whole| percent(part, whole).unwrap_or_default();
        assert_eq!([of(1, 1), of(9_999, 10_000), of(2, 3), of(1, 3), of(0, 5)], ["100%", "99%", "67%", "33%", "0%"]);
        assert_eq!([of(42, 1_000), of(4, 10_000), of(1, 100_000)], ["4.2%", "0.04%", "0%"]);
        assert_eq!([of(996, 10_000), of(1, 100), of(9_996, 1_000_000)], ["10%", "1%", "1%"]);
        assert_eq!(percent(0, 0), None);
        assert_eq!(of(u64::MAX, u64::MAX), "100%");
    }
}
