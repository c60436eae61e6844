//! This program's own image, as the system has mapped it.

use std::ops::Range;
use std::sync::OnceLock;

/// A readable, mapped part of the file that the program is.
pub(super) struct Segment {
    pub(super) range: Range<usize>,
    pub(super) is_writable: bool,
    pub(super) is_code: bool,
}

impl Segment {
    /// Whether so many bytes from an address on lie in it.
    pub(super) fn holds(&self, address: usize, nbytes: usize) -> bool {
        self.range.start <= address && address.checked_add(nbytes).is_some_and(|end| end <= self.range.end)
    }
}

/// The segments of the file in which `inside` lies. Empty where the system does not tell.
pub(super) fn image(inside: usize) -> &'static [Segment] {
    static IMAGE: OnceLock<Vec<Segment>> = OnceLock::new();
    let read =
        || std::fs::read_to_string("/proc/self/maps").map_or_else(|_| Vec::new(), |maps| segments(&maps, inside));
    IMAGE.get_or_init(read)
}

fn segments(maps: &str, inside: usize) -> Vec<Segment> {
    let parsed: Vec<(Segment, &str)> = maps
        .lines()
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace();
            let (start, end) = fields.next()?.split_once('-')?;
            let allowed = fields.next()?;
            let path = fields.nth(3)?;
            let range = usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?;
            let segment = Segment { range, is_writable: allowed.contains('w'), is_code: allowed.contains('x') };
            allowed.starts_with('r').then_some((segment, path))
        })
        .collect();
    let own = parsed.iter().find(|(segment, _)| segment.range.contains(&inside)).map(|(_, path)| *path);
    parsed.into_iter().filter(|(_, path)| Some(*path) == own).map(|(segment, _)| segment).collect()
}
