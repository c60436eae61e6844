//! What TLS complains of, for people.

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

/// How a complaint of the other side's begins.
pub(super) const THEY_SAY: &str = "the other side ";

/// What a failure of the system's is about, if it is about trust.
pub(crate) fn explained(error: &std::io::Error) -> Option<String> {
    error.get_ref()?.downcast_ref::<Error>().map(in_words)
}

/// Of a certificate that was looked at here: "it"; of a complaint of the other side: "the other side says".
pub(super) fn in_words(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(error) => certificate(error),
        Error::NoCertificatesPresented => "it shows no certificate".to_owned(),
        Error::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion) => {
            "it does not speak TLS: start it with certificates too, or this process without".to_owned()
        }
        Error::AlertReceived(alert) => match alert {
            AlertDescription::CertificateExpired => "the other side says that our certificate has expired".to_owned(),
            AlertDescription::UnknownCA | AlertDescription::DecryptError | AlertDescription::BadCertificate => {
                "the other side does not know the authority that signed our certificate".to_owned()
            }
            AlertDescription::CertificateRequired => "the other side asks for a certificate".to_owned(),
            other => format!("the other side says {other:?}"),
        },
        other => other.to_string(),
    }
}

fn certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("its certificate expired on {}: make a new one", date(not_after.as_secs()))
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("its certificate is valid from {} on only: are the clocks right?", date(not_before.as_secs()))
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "its certificate is not signed by our authority".to_owned()
        }
        other => format!("its certificate is not accepted: {other}"),
    }
}

/// Seconds since 1970 as a date and a time, UTC. Days become a date as in H. Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", `civil_from_days`.
fn date(seconds: u64) -> String {
    let (days, time) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC", time / 3600, time / 60 % 60, time % 60)
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn dates_are_those_of_the_calendar() {
        // date -u -d @N
        assert_eq!(date(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(date(951_782_399), "2000-02-28 23:59:59 UTC");
        assert_eq!(date(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(date(1_767_225_599), "2025-12-31 23:59:59 UTC");
        assert_eq!(date(4_107_542_400), "2100-03-01 00:00:00 UTC");
    }
}
