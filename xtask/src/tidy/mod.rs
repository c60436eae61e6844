//! The rules of the house, checked: arrows between crates, features alone, file sizes, module docs.

mod arrows;
mod features;
mod files;

pub(crate) use features::{all_features, features};

use crate::run::Failure;

/// Everything that is checked without building.
pub(crate) fn all() -> Result<(), Failure> {
    let complaints: Vec<String> = [arrows::complaints()?, files::complaints()?].concat();
    if complaints.is_empty() { Ok(()) } else { Err(Failure(complaints.join("\n"))) }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_house_is_tidy() {
        if let Err(failure) = super::all() {
            panic!("{failure}");
        }
    }
}
