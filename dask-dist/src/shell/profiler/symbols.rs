//! Names of the functions at an address, from the debug information and the symbols of programs and libraries; each
//! address is looked up once.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use addr2line::Loader;

use super::modules::{Loaded, Modules};
use crate::call_tree::Names;

/// Bytes of the names of functions.
const NAMES_BYTES_MAX: usize = 16 << 20;
/// Addresses that are remembered, at most; of more, all are forgotten.
const ADDRESSES_MAX: usize = 65_536;

/// Names, as far as they were asked for.
#[derive(Default)]
pub(super) struct Symbols {
    by_address: HashMap<u64, Arc<[u32]>>,
    /// By where it lies; none if it cannot be read.
    files: HashMap<u64, Option<Loader>>,
}

impl Symbols {
    /// Something else is loaded now.
    pub(super) fn forget(&mut self) {
        self.by_address.clear();
        self.files.clear();
    }

    /// The functions at an address, the innermost first; those that were inlined too, where the program knows of them.
    pub(super) fn functions_at(&mut self, address: u64, modules: &Modules, names: &mut Names) -> Arc<[u32]> {
        if let Some(known) = self.by_address.get(&address) {
            return known.clone();
        }
        let functions = match modules.at(address) {
            Some(loaded) => {
                let file = self.files.entry(loaded.base).or_insert_with(|| open(&loaded.path));
                functions(file.as_ref(), address - loaded.base, loaded)
            }
            // Made while the program runs.
            None => vec!["[unknown]".to_owned()],
        };
        let functions: Arc<[u32]> = functions.iter().filter_map(|name| names.number(name, NAMES_BYTES_MAX)).collect();
        if ADDRESSES_MAX <= self.by_address.len() {
            self.by_address.clear();
        }
        self.by_address.insert(address, functions.clone());
        functions
    }
}

fn open(path: &Path) -> Option<Loader> {
    // The file that runs, even if another stands in its place by now.
    let path = if path.as_os_str().is_empty() { Path::new("/proc/self/exe") } else { path };
    Loader::new(path).ok()
}

/// Names at an address as the file counts it; that of the file itself if it knows none.
fn functions(file: Option<&Loader>, address: u64, loaded: &Loaded) -> Vec<String> {
    let mut functions = file.map_or_else(Vec::new, |file| inlined(file, address));
    // The function that the others were inlined into: the symbol has all of its name, debug information may not.
    let symbol = file.and_then(|file| file.find_symbol(address)).map(readable);
    if symbol.is_some() {
        functions.pop();
    }
    functions.extend(symbol);
    if functions.is_empty() {
        let name = loaded.path.file_name().map_or("program".into(), |name| name.to_string_lossy());
        functions.push(format!("[{name}]"));
    }
    functions
}

/// As debug information says: functions that were inlined, and that into which they were.
fn inlined(file: &Loader, address: u64) -> Vec<String> {
    let mut functions = Vec::new();
    let mut frames = file.find_frames(address).ok();
    while let Some(frame) = frames.as_mut().and_then(|frames| frames.next().ok().flatten()) {
        let name = frame.function.as_ref().and_then(|function| function.raw_name().ok());
        let Some(name) = name.map(|name| readable(&name)) else { continue };
        // Of some the path is not known, but the file.
        let source = frame.location.and_then(|location| location.file).filter(|_| !name.contains("::"));
        functions.push(source.map_or_else(|| name.clone(), |source| format!("{}{name}", module_of(source))));
    }
    functions
}

/// The module that is written in a file, as the path of a function begins: `/…/ndarray-0.17.2/src/zip/mod.rs` is
/// `ndarray::zip::`. The file's own name if it is in no crate.
fn module_of(source: &str) -> String {
    let parts: Vec<&str> = source.split('/').collect();
    let file = parts.last().copied().unwrap_or_default();
    let of_crate = parts.iter().rposition(|part| *part == "src").filter(|&at| 0 < at && file.ends_with(".rs"));
    let Some(at) = of_crate else { return format!("{file}::") };
    let package = parts[at - 1];
    let version = package.rfind('-').filter(|&at| package[at + 1..].starts_with(|c: char| c.is_ascii_digit()));
    let name = package[..version.unwrap_or(package.len())].replace('-', "_");
    let modules = parts[at + 1..].iter().map(|part| part.trim_end_matches(".rs"));
    let modules = modules.filter(|part| !["mod", "lib", "main"].contains(part));
    modules.fold(format!("{name}::"), |path, module| format!("{path}{module}::"))
}

/// A name as the program's author wrote it, without what the compiler tells twins apart with.
fn readable(symbol: &str) -> String {
    rustc_demangle::try_demangle(symbol).map_or_else(|_| symbol.to_owned(), |name| format!("{name:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[inline(never)]
    fn here() -> u64 {
        std::hint::black_box(here as fn() -> u64 as usize as u64)
    }

    #[test]
    fn functions_of_the_program_and_of_libraries_have_names() {
        let (mut modules, mut symbols, mut names) = (Modules::default(), Symbols::default(), Names::default());
        modules.refresh();
        let mut at = |address| {
            let functions = symbols.functions_at(address, &modules, &mut names);
            functions.iter().map(|&at| names.get(at).unwrap().to_string()).collect::<Vec<_>>()
        };
        let module = module_path!();
        assert_eq!(at(here()), [format!("{module}::here")]);
        assert_eq!(at(here()), at(here()));
        assert_eq!(at(3), ["[unknown]"]);
        let of_libc = at(libc::qsort as *const () as usize as u64).concat();
        assert!(of_libc.contains("qsort") || of_libc.contains("[libc"), "{of_libc}");
    }

    #[test]
    fn files_say_which_module_they_are() {
        for (source, module) in [
            ("/home/me/.cargo/registry/src/index-1/ndarray-0.17.2/src/zip/mod.rs", "ndarray::zip::"),
            ("/rustc/0123/library/core/src/ops/function.rs", "core::ops::function::"),
            ("dask-core/src/lib.rs", "dask_core::"),
            ("dask-dist/tests/it/profile.rs", "profile.rs::"),
            ("/usr/src/glibc/malloc.c", "malloc.c::"),
            ("src/main.rs", "main.rs::"),
            ("", "::"),
        ] {
            assert_eq!(module_of(source), module, "{source}");
        }
    }

    #[test]
    fn names_are_readable() {
        assert_eq!(readable("_ZN4core3ptr9drop_impl17h0123456789abcdefE"), "core::ptr::drop_impl");
        assert_eq!(readable("_RNvCs1234_7mycrate3foo"), "mycrate::foo");
        assert_eq!(readable("qsort_r"), "qsort_r");
    }
}
