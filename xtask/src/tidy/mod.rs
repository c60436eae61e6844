//! The rules of the house, checked: arrows between crates, what a crate never compiles, whose name is whose, file sizes,
//! module docs, what pages say; features alone.

mod arrows;
mod features;
mod files;
mod map;
mod names;
mod page; // reading pages and their tables
mod readme;

pub(crate) use features::{all_features, features};

use crate::run::Failure;

/// Everything that is checked without building.
pub(crate) fn quick() -> Result<(), Failure> {
    let files = files::all()?;
    let complaints: Vec<String> = [
        arrows::complaints()?,
        names::complaints(&files)?,
        files::complaints(&files)?,
        map::complaints(&files)?,
        readme::complaints()?,
    ]
    .concat();
    if complaints.is_empty() { Ok(()) } else { Err(Failure(complaints.join("\n"))) }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_house_is_tidy() {
        if let Err(failure) = super::quick() {
            panic!("{failure}");
        }
    }
}
