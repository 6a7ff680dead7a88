//! When the front of another topology may go. Pure.

/// Whether people may still be led to the old front: the domain that the new one answers for does not lead there yet, or
/// another that the old one answered for leads to it still. Each is absent where there is no such domain.
pub fn waits(new_leads_here: Option<bool>, old_leads_there: Option<bool>) -> bool {
    new_leads_here == Some(false) || old_leads_there == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_front_goes_once_nobody_is_led_to_it() {
        // (the domain leads to the new front, another one leads to the old front), and whether the old one stays.
        let all = [
            (None, None, false),
            (Some(true), None, false),
            (Some(false), None, true),
            (Some(true), Some(true), true),
            (Some(true), Some(false), false),
            (None, Some(true), true),
            (None, Some(false), false),
        ];
        for (new, old, stays) in all {
            assert_eq!(waits(new, old), stays, "{new:?} {old:?}");
        }
    }
}
