//! Fields to values: numbers, truth values, dates. `None` is what is no such value.

/// Empty, or one of pandas' usual words.
pub(super) fn is_null(field: &[u8]) -> bool {
    matches!(field, b"" | b"NA" | b"N/A" | b"NaN" | b"nan" | b"null" | b"NULL" | b"None" | b"#N/A")
}

/// A whole number, with spaces around it.
#[inline]
pub(super) fn int(field: &[u8]) -> Option<i64> {
    let (negative, digits) = match field {
        [b'-', rest @ ..] => (true, rest),
        digits => (false, digits),
    };
    // 18 digits always fit.
    if digits.is_empty() || digits.len() > 18 {
        return long_int(field);
    }
    let mut value = 0i64;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return long_int(field);
        }
        value = value * 10 + i64::from(digit);
    }
    Some(if negative { -value } else { value })
}

#[cold]
fn long_int(field: &[u8]) -> Option<i64> {
    str::from_utf8(field.trim_ascii()).ok()?.parse().ok()
}

/// The powers of ten that a float holds exactly.
const TENS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// A number, with spaces around it; the nearest float.
///
/// Up to 15 digits are a whole number that a float holds exactly, as it holds the power of ten that it is divided by, so
/// that one division rounds right (Clinger, *How to Read Floating Point Numbers Accurately*, 1990). All else is left to
/// the standard library.
#[inline]
pub(super) fn float(field: &[u8]) -> Option<f64> {
    let (negative, digits) = match field {
        [b'-', rest @ ..] => (true, rest),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 16 {
        return long_float(field);
    }
    let (mut value, mut n_digits, mut point) = (0u64, 0usize, None);
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            value = value * 10 + u64::from(digit);
            n_digits += 1;
        } else if byte == b'.' && point.is_none() {
            point = Some(n_digits);
        } else {
            return long_float(field);
        }
    }
    if n_digits == 0 || n_digits > 15 {
        return long_float(field);
    }
    let value = value as f64 / TENS[n_digits - point.unwrap_or(n_digits)];
    Some(if negative { -value } else { value })
}

#[cold]
fn long_float(field: &[u8]) -> Option<f64> {
    str::from_utf8(field.trim_ascii()).ok()?.parse().ok()
}

/// `true` or `false`, in any case.
pub(super) fn boolean(field: &[u8]) -> Option<bool> {
    if field.eq_ignore_ascii_case(b"true") { Some(true) } else { field.eq_ignore_ascii_case(b"false").then_some(false) }
}

/// `YYYY-MM-DD` as days since 1970-01-01.
pub(super) fn date(field: &[u8]) -> Option<i32> {
    let field: &[u8; 10] = field.try_into().ok()?;
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = *field else { return None };
    let (year, month, day) = (digits(&[y0, y1, y2, y3])?, digits(&[m0, m1])?, digits(&[d0, d1])?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let n_days = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i32::from(leap),
        1..=12 => 31,
        _ => return None,
    };
    if day == 0 || day > n_days {
        return None;
    }
    // Years begin in March, so that the leap day is the last one (Hinnant, *chrono-Compatible Low-Level Date
    // Algorithms*, `days_from_civil`).
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * month + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// An ISO timestamp: `YYYY-MM-DD`, then perhaps ` ` or `T` and `HH:MM[:SS[.ffffff]]`, in microseconds since 1970. `utc`
/// says whether it must end with `Z` or an offset (`+02:00`), which is subtracted, or must not.
pub(super) fn timestamp(field: &[u8], utc: bool) -> Option<i64> {
    const MINUTE: i64 = 60_000_000;
    let (day, rest) = field.split_at_checked(10)?;
    let day = i64::from(date(day)?) * 24 * 60 * MINUTE;
    let Some((b' ' | b'T', rest)) = rest.split_first() else { return (rest.is_empty() && !utc).then_some(day) };
    let (hour, minute, mut rest) = hour_minute(rest)?;
    let mut micros = (i64::from(hour) * 60 + i64::from(minute)) * MINUTE;
    if let [b':', s0, s1, after @ ..] = rest {
        let seconds = digits(&[*s0, *s1]).filter(|&seconds| seconds < 60)?;
        micros += i64::from(seconds) * 1_000_000;
        rest = after;
        if let [b'.', after @ ..] = rest {
            let n = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let (fraction, zeros) = after[..n].split_at(n.min(6));
            // Finer than a microsecond does not fit.
            if n == 0 || zeros.iter().any(|&zero| zero != b'0') {
                return None;
            }
            micros += i64::from(digits(fraction)?) * 10i64.pow(6 - fraction.len() as u32);
            rest = &after[n..];
        }
    }
    let offset = match rest {
        [] => return (!utc).then_some(day + micros),
        b"Z" => 0,
        [sign @ (b'+' | b'-'), rest @ ..] => {
            let (hour, minute, []) = hour_minute(rest)? else { return None };
            let offset = i64::from(hour * 60 + minute) * MINUTE;
            if *sign == b'+' { offset } else { -offset }
        }
        _ => return None,
    };
    utc.then_some(day + micros - offset)
}

/// `HH:MM`, and what follows.
fn hour_minute(text: &[u8]) -> Option<(i32, i32, &[u8])> {
    let [h0, h1, b':', m0, m1, rest @ ..] = text else { return None };
    let (hour, minute) = (digits(&[*h0, *h1])?, digits(&[*m0, *m1])?);
    (hour < 24 && minute < 60).then_some((hour, minute, rest))
}

/// At most nine digits as a number.
fn digits(text: &[u8]) -> Option<i32> {
    text.iter().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i32::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_are_as_the_standard_library_reads_them(text in "-?[0-9]{0,20}(\\.[0-9]{0,20})?(e-?[0-9]{1,3})?") {
            prop_assert_eq!(float(text.as_bytes()).map(f64::to_bits), text.parse::<f64>().ok().map(f64::to_bits));
            prop_assert_eq!(int(text.as_bytes()), text.parse::<i64>().ok());
        }
    }

    #[test]
    fn the_outermost_numbers_fit() {
        assert_eq!(int(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(int(b"9223372036854775808"), None);
        assert_eq!((int(b" +7 "), int(b"-"), int(b""), int(b"1_0")), (Some(7), None, None, None));
        assert_eq!((float(b" 1.5 "), float(b"."), float(b"-"), float(b"")), (Some(1.5), None, None, None));
        assert_eq!(float(b"-0").map(f64::to_bits), Some((-0.0f64).to_bits()));
    }

    /// Expected values: `numpy.datetime64(text, "D").astype(int)`.
    #[test]
    fn dates_count_days_since_1970() {
        let days = [("1970-01-01", 0), ("1969-12-31", -1), ("2000-02-29", 11016), ("2026-03-01", 20513)];
        let far = [("0000-01-01", -719_528), ("9999-12-31", 2_932_896), ("1900-03-01", -25508)];
        days.iter()
            .chain(&far)
            .for_each(|(text, expected)| assert_eq!(date(text.as_bytes()), Some(*expected), "{text}"));
        for text in ["1900-02-29", "2001-13-01", "2001-00-10", "2001-04-31", "2001-1-1", "20010101", "2001/01/01"] {
            assert_eq!(date(text.as_bytes()), None, "{text}");
        }
    }

    /// Expected values: `pandas.Timestamp(text).value // 1000`.
    #[test]
    fn timestamps_count_microseconds() {
        let naive = |text: &str| timestamp(text.as_bytes(), false);
        let utc = |text: &str| timestamp(text.as_bytes(), true);
        assert_eq!(naive("2020-01-02"), Some(1_577_923_200_000_000));
        assert_eq!(naive("2020-01-02 03:04"), Some(1_577_934_240_000_000));
        assert_eq!(naive("2020-01-02T03:04:05.25"), Some(1_577_934_245_250_000));
        assert_eq!(naive("2020-01-02T03:04:05.123456000"), Some(1_577_934_245_123_456));
        assert_eq!(naive("1969-12-31 23:59:59.999999"), Some(-1));
        assert_eq!(utc("2020-01-02T03:04:05Z"), Some(1_577_934_245_000_000));
        assert_eq!(utc("2020-01-02T03:04:05.5+02:30"), Some(1_577_925_245_500_000));
        for text in
            ["2020-01-02T", "2020-01-02 24:00", "2020-01-02 03:60", "2020-01-02 03:04:05.1234567", "2020-01-02 3:04"]
        {
            assert_eq!((naive(text), utc(text)), (None, None), "{text}");
        }
        assert_eq!((naive("2020-01-02T03:04Z"), utc("2020-01-02T03:04"), utc("2020-01-02")), (None, None, None));
    }
}
