//! HDF5: datasets and tables that are not there, or of another kind.

use super::nothing_matches;
#[cfg(feature = "frame")]
use super::{Folder, check};

#[cfg(feature = "frame")]
#[test]
fn a_table_of_a_file_that_is_not_there() {
    nothing_matches(|path| dask_io::frame::read_hdf(path, "data", 1));
}

#[cfg(feature = "frame")]
#[test]
fn a_pattern_of_several_files_where_one_table_is_read() {
    let folder = Folder::new();
    folder.write("a1.h5", "");
    folder.write("a2.h5", "");
    let several = dask_io::frame::read_hdf(&folder.path("a?.h5"), "x", 10).unwrap_err().to_string();
    check(&several, &["a?.h5 matches 2 files"]);
}

#[test]
fn a_dataset_of_a_file_that_is_not_there() {
    nothing_matches(|path| dask_io::hdf5::DatasetSource::<f64>::open(path, "data"));
}

#[cfg(feature = "array")]
mod arrays {
    use std::path::PathBuf;

    use dask_io::array::{from_hdf5, to_hdf5};
    use dask_io::hdf5::{DatasetSink, DatasetSource};

    use super::super::{Folder, check, compute, nothing_matches};

    #[test]
    fn an_array_of_a_file_that_is_not_there() {
        nothing_matches(|path| from_hdf5::<f64>(path, "data", &[1]));
    }

    #[test]
    fn datasets_of_another_name_type_or_shape() {
        let folder = Folder::new();
        let path = folder.path("a.h5");
        let array = dask_array::Array::<i32>::full(&[3, 4], 5, &[2, 2]).unwrap();
        compute(&to_hdf5(&array, &path, "deep/numbers").unwrap());
        let open = |name: &str| DatasetSource::<i32>::open(&path, name).err().unwrap().to_string();
        check(&open("numbers"), &["a.h5: there is no dataset numbers; there are: /deep/numbers"]);
        // A group is no dataset.
        check(&open("deep"), &["there is no dataset deep; there are: /deep/numbers"]);
        let message = DatasetSource::<f64>::open(&path, "deep/numbers").err().unwrap().to_string();
        check(&message, &["deep/numbers has elements of int32, expected float64"]);
        let chunked = |chunks: &[usize]| from_hdf5::<i32>(&path, "deep/numbers", chunks);
        check(&chunked(&[2]).unwrap_err().to_string(), &["1 entries for an array with 2 axes"]);
        let explicit = from_hdf5::<i32>(&path, "deep/numbers", dask_array::ChunkSpec::Exact(vec![vec![2, 2], vec![4]]));
        check(&explicit.unwrap_err().to_string(), &["axis 0", "4", "3"]);
        assert_eq!(compute(&chunked(&[2, 3]).unwrap()).iter().copied().collect::<Vec<_>>(), [5; 12]);

        let made = DatasetSink::<i32>::create(PathBuf::from(&path), "x", &[3, 4], &[3]).err().unwrap().to_string();
        check(&made, &["x has 2 axes, expected 1 as the chunks [3] have"]);
        assert!(DatasetSink::<i32>::create(PathBuf::from(&path), "/", &[3], &[3]).is_err());
        check(&open("x"), &["there are: /deep/numbers"]);
    }

    #[test]
    fn a_pattern_of_several_files_where_one_is_read() {
        let folder = Folder::new();
        let array = dask_array::Array::<i32>::full(&[3], 5, 2).unwrap();
        for name in ["a1.h5", "a2.h5", "a[1].h5"] {
            compute(&to_hdf5(&array, &folder.path(name), "x").unwrap());
        }
        let open = |name: &str| from_hdf5::<i32>(&folder.path(name), "x", 2).map(|array| compute(&array).len());
        let several = open("a?.h5").unwrap_err().to_string();
        check(&several, &["a?.h5 matches 2 files (", "a1.h5, ", "a2.h5)", "name that one"]);
        check(&open("*.h5").unwrap_err().to_string(), &["matches 3 files", ", …)"]);
        assert_eq!(open("a2*").unwrap(), 3);
        // A file of that very name, although it is a pattern as well.
        let literal = DatasetSource::<i32>::open(&folder.path("a[1].h5"), "x").unwrap();
        check(&dask_core::ChunkSource::identity(&literal), &["a[1].h5"]);
    }
}
