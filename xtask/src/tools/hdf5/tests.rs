//! What is found, and what fits.

use std::process::Command;

use super::{Found, Hdf5, headers_of, judge, look};

const DEBIAN: &str = "/* Define if deflate is there */\n#define H5_HAVE_FILTER_DEFLATE 1\n\
                      /* #undef H5_HAVE_PARALLEL */\n#define H5_VERSION \"1.10.8\"\n";

#[test]
fn releases_that_the_bindings_know_fit() {
    let of = |version: &str| judge(&DEBIAN.replace("1.10.8", version));
    for known in ["1.8.4", "1.8.23", "1.10.8", "1.12.2", "1.14.4-3", "1.14.6", "2.0.0"] {
        assert_eq!(of(known).as_deref(), Ok(known));
    }
    for unknown in ["1.6.10", "1.8.3", "1.9.0", "1.13.1", "1.16.0", "3.0.0", "x"] {
        let why = of(unknown).unwrap_err();
        assert!(why.contains(unknown) && why.contains("1.8.4 and later"), "{why}");
    }
}

#[test]
fn a_library_without_zlib_or_for_mpi_does_not_fit() {
    let why = judge(&DEBIAN.replace("#define H5_HAVE_FILTER_DEFLATE 1", "/* #undef H5_HAVE_FILTER_DEFLATE */"));
    assert!(why.unwrap_err().contains("without zlib"));
    let why = judge(&DEBIAN.replace("/* #undef H5_HAVE_PARALLEL */", "#define H5_HAVE_PARALLEL 1"));
    assert!(why.unwrap_err().contains("built for MPI"));
    assert!(judge("#include \"H5pubconf-64.h\"").unwrap_err().contains("no H5_VERSION"));
}

/// A prefix with headers of a release.
fn installed(version: &str) -> tempfile::TempDir {
    let prefix = tempfile::tempdir().unwrap();
    std::fs::create_dir(prefix.path().join("include")).unwrap();
    std::fs::write(prefix.path().join("include/H5pubconf.h"), DEBIAN.replace("1.10.8", version)).unwrap();
    prefix
}

#[test]
fn who_names_a_folder_gets_that_library_or_hears_why_not() {
    let new = installed("1.14.6");
    let found = look(Some(new.path().into()), []).ok().unwrap();
    assert_eq!(found, Hdf5::System(Some(new.path().into())));
    let mut command = Command::new("cargo");
    found.prepare(&mut command).ok().unwrap();
    let environment: Vec<_> = command.get_envs().map(|(name, value)| (name, value.unwrap_or_default())).collect();
    assert!(environment.contains(&("HDF5_DIR".as_ref(), new.path().as_os_str())), "{environment:?}");
    let lib = new.path().join("lib");
    assert!(environment.iter().any(|(_, value)| std::env::split_paths(value).next() == Some(lib.clone())));

    let old = installed("1.8.0");
    let why = look(Some(old.path().into()), []).err().unwrap().0;
    assert!(why.contains("HDF5_DIR is") && why.contains("release 1.8.0") && why.contains("unset it"), "{why}");
    let why = look(Some("/nowhere".into()), []).err().unwrap().0;
    assert!(why.contains("/nowhere/include has no H5pubconf.h"), "{why}");
}

#[test]
fn what_does_not_fit_is_passed_over() {
    let (old, new) = (installed("1.8.0"), installed("1.12.2"));
    let found = |prefix: &tempfile::TempDir| Found {
        by: "a test",
        headers: prefix.path().join("include"),
        prefix: Some(prefix.path().into()),
    };
    assert_eq!(look(None, [found(&old)]).ok(), Some(Hdf5::Static));
    assert_eq!(look(None, [found(&old), found(&new)]).ok(), Some(Hdf5::System(Some(new.path().into()))));
    assert_eq!(look(None, []).ok(), Some(Hdf5::Static));
}

#[test]
fn the_folder_with_headers_is_taken_from_flags() {
    let prefix = installed("1.10.8");
    let include = prefix.path().join("include");
    let flags = format!("-I/usr/include/none -I{} -DX\n", include.display());
    assert_eq!(headers_of(&flags), Some(include));
    assert_eq!(headers_of("-I/usr/include/none"), None);
}

#[test]
fn a_choice_of_library_is_a_choice_of_features() {
    let allowed = |choice: &Hdf5| ["csv", "hdf5", "hdf5-static"].map(|feature| choice.allows(feature));
    for (choice, feature, expected) in [
        (Hdf5::Without, None, [true, false, false]),
        (Hdf5::System(None), Some("hdf5"), [true, true, false]),
        (Hdf5::Static, Some("hdf5-static"), [true, true, true]),
    ] {
        assert_eq!((choice.feature(), allowed(&choice)), (feature, expected));
    }
}
