//! Flights: a file a year, with dates and gaps.

use super::random::Random;
use super::{Options, write};

/// The airports around a city, and how many of ten flights leave from each.
const ORIGINS: [(&str, u64); 3] = [("EWR", 4), ("JFK", 3), ("LGA", 3)];
/// Destinations, and the miles to them.
const DESTINATIONS: [(&str, u32); 8] = [
    ("ATL", 760),
    ("BOS", 190),
    ("DEN", 1605),
    ("IAH", 1416),
    ("LAX", 2475),
    ("ORD", 733),
    ("PIT", 319),
    ("SFO", 2586),
];

/// Ten files of 20,000 flights each, at scale 1, by date. Of one flight in 40, which was cancelled, departure and delays
/// are missing; of one in 100 the distance.
pub(super) fn csv(options: &Options) -> dask_core::Result<()> {
    let folder = options.folder.join("flights");
    std::fs::create_dir_all(&folder).map_err(dask_core::Error::other)?;
    for (file, year) in (1990..2000).enumerate() {
        let mut random = Random::new(options.seed, 400 + file as u64);
        write(&folder.join(format!("{year}.csv")), |out| {
            writeln!(out, "Date,DayOfWeek,DepTime,DepDelay,ArrDelay,Origin,Dest,Distance,Cancelled")?;
            let n = options.scaled(20_000);
            for flight in 0..n {
                let day = (flight * days_of(year) / n) as u32;
                let (month, day_of_month) = month_and_day(year, day);
                let weekday = day_of_week(year, day);
                write!(out, "{year}-{month:02}-{day_of_month:02},{weekday},")?;
                let cancelled = random.below(40) == 0;
                if cancelled {
                    write!(out, ",,,")?;
                } else {
                    let (hour, minute) = (5 + random.below(18), random.below(60));
                    // The worse of the day, the later: one in eight is delayed by up to two hours.
                    let late = if random.below(8) == 0 { random.below(120) as i64 } else { 0 };
                    let departure = random.below(15) as i64 - 5 + late;
                    let arrival = departure + random.below(31) as i64 - 15;
                    write!(out, "{},{departure},{arrival},", hour * 100 + minute)?;
                }
                let (to, miles) = DESTINATIONS[random.below(DESTINATIONS.len() as u64) as usize];
                write!(out, "{},{to},", origin(random.below(10)))?;
                if random.below(100) > 0 {
                    write!(out, "{miles}")?;
                }
                writeln!(out, ",{}", u8::from(cancelled))?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn origin(mut of_ten: u64) -> &'static str {
    for (airport, share) in ORIGINS {
        if of_ten < share {
            return airport;
        }
        of_ten -= share;
    }
    ORIGINS[0].0
}

fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_of(year: u32) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

/// Of a day of the year, both counted from 1; `day` from 0.
fn month_and_day(year: u32, mut day: u32) -> (u32, u32) {
    let february = if is_leap(year) { 29 } else { 28 };
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    for (month, days) in (1..).zip(months) {
        if day < days {
            return (month, day + 1);
        }
        day -= days;
    }
    (12, 31)
}

/// From 1, Monday, to 7.
fn day_of_week(year: u32, day: u32) -> u32 {
    // The first of January of the year 1 was a Monday.
    let before = year - 1;
    (before * 365 + before / 4 - before / 100 + before / 400 + day) % 7 + 1
}

#[cfg(test)]
mod tests {
    use super::{day_of_week, month_and_day};

    #[test]
    fn days_have_their_dates_and_weekdays() {
        assert_eq!((month_and_day(1990, 0), day_of_week(1990, 0)), ((1, 1), 1));
        assert_eq!((month_and_day(1996, 59), day_of_week(1996, 59)), ((2, 29), 4));
        assert_eq!((month_and_day(1996, 365), day_of_week(1996, 365)), ((12, 31), 2));
        assert_eq!((month_and_day(1999, 364), day_of_week(1999, 364)), ((12, 31), 5));
    }
}
