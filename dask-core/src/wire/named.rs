//! Functions of the user that have a name, and so can be found in another build of the program.
//!
//! What a function is called is the name of its type: path and, for task functions around it, the types of its
//! parameters and its result. A `fn` has such a name by itself. Closures of one function are all called alike; so one
//! travels by build alone, unless [`task!`](crate::task) gave it a name: the macro wraps it into a function that has the
//! place of the call, or a name of the user's, among its generic parameters, where the type's name shows it.

/// Crates whose own closures are the same wherever the same release of them is.
const OURS: [&str; 7] = ["dask_core", "dask_sched", "dask_bag", "dask_array", "dask_frame", "dask_io", "dask_dist"];

/// The module in which closures become named.
const SITES: &str = "dask_core::wire::named::site";

/// Whether every closure in the name of a type has a name of its own, or is one of ours.
pub(super) fn has_name(type_name: &str) -> bool {
    // The paths that are open, each with what stood before its generic parameters.
    let (mut open, mut path) = (Vec::new(), String::new());
    let mut before = ' ';
    let mut rest = type_name;
    while let Some(c) = rest.chars().next() {
        if rest.starts_with("{{closure}}") {
            let within_site = open.iter().any(|path: &String| path.starts_with(SITES));
            let ours = path.split("::").next().is_some_and(|root| OURS.contains(&root));
            if !within_site && !ours {
                return false;
            }
        }
        match c {
            '<' => open.push(std::mem::take(&mut path)),
            '>' if before != '-' => path = open.pop().unwrap_or_default(),
            ',' | ' ' | '&' | '(' | ')' | '[' | ']' | ';' => path.clear(),
            c => path.push(c),
        }
        before = c;
        rest = &rest[c.len_utf8()..];
    }
    true
}

/// What tells one call of [`task!`](crate::task) in a function from another: where it stands.
#[doc(hidden)]
pub const fn place(line: u32, column: u32) -> u64 {
    (line as u64) << 32 | column as u64
}

/// What tells a call of [`task!`](crate::task) from others: the name it was given (FNV-1a).
#[doc(hidden)]
pub const fn given(name: &str) -> u64 {
    let (mut hash, mut i) = (0xcbf2_9ce4_8422_2325_u64, 0);
    while i < name.len() {
        hash = (hash ^ name.as_bytes()[i] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        i += 1;
    }
    // No place has this bit.
    hash | 1 << 63
}

macro_rules! sites {
    ($($name:ident: $($P:ident $p:ident),*;)*) => {$(
        #[doc(hidden)]
        pub fn $name<const AT: u64, F, $($P: 'static,)* R: 'static>(
            f: F,
        ) -> impl Fn($($P),*) -> R + Copy + Send + Sync + 'static
        where
            F: Fn($($P),*) -> R + Copy + Send + Sync + 'static,
        {
            move |$($p: $P),*| f($($p),*)
        }
    )*};
}
sites! {
    site0: ;
    site1: A a;
    site2: A a, B b;
    site3: A a, B b, C c;
    site4: A a, B b, C c, D d;
    site5: A a, B b, C c, D d, E e;
    site6: A a, B b, C c, D d, E e, G g;
    site7: A a, B b, C c, D d, E e, G g, H h;
    site8: A a, B b, C c, D d, E e, G g, H h, I i;
}

/// A closure that is known by name, and so runs also on workers of another build of the program that has it: give it
/// wherever a function is taken.
///
/// ```
/// use dask_core::{Collection, delayed, task};
/// let half = delayed::call(task!(|x: i64| x / 2), (84i64,));
/// let longest = task!("longest", |a: String, b: String| if a.len() < b.len() { b } else { a });
/// # assert_eq!(longest("a".into(), "bc".into()), "bc");
/// ```
///
/// It is known by the path of the function in which it stands, by its place there (line and column) and by the types of
/// its parameters and its result. With a name of its own before it, the place does not count: lines above it may come
/// and go. It captures nothing, has up to eight parameters, and says their types; each is a name or a tuple of names. A `fn` needs no such macro: it is
/// known by its path and types.
///
/// Whoever runs it runs what *that* build knows by this name. A build without it, or with two of one name, refuses and
/// says so.
#[macro_export]
macro_rules! task {
    ($name:literal, || $($rest:tt)+) => { $crate::task!(@as ($crate::wire::named::given($name)), || $($rest)+) };
    ($name:literal, |$($rest:tt)+) => { $crate::task!(@as ($crate::wire::named::given($name)), |$($rest)+) };
    (@as ($at:expr), || -> $R:ty $body:block) => { $crate::task!(@wrap ($at), (|| -> $R { $body }), site0,) };
    (@as ($at:expr), || $body:expr) => { $crate::task!(@wrap ($at), (|| $body), site0,) };
    (@as ($at:expr), |$($p:tt : $P:ty),+ $(,)?| -> $R:ty $body:block) => {
        $crate::task!(@arity ($at), (|$($p: $P),+| -> $R { $body }), $($p),+)
    };
    (@as ($at:expr), |$($p:tt : $P:ty),+ $(,)?| $body:expr) => {
        $crate::task!(@arity ($at), (|$($p: $P),+| $body), $($p),+)
    };
    (@arity ($at:expr), $f:tt, $a:tt) => { $crate::task!(@wrap ($at), $f, site1, _) };
    (@arity ($at:expr), $f:tt, $a:tt, $b:tt) => { $crate::task!(@wrap ($at), $f, site2, _, _) };
    (@arity ($at:expr), $f:tt, $a:tt, $b:tt, $c:tt) => { $crate::task!(@wrap ($at), $f, site3, _, _, _) };
    (@arity ($at:expr), $f:tt, $a:tt, $b:tt, $c:tt, $d:tt) => { $crate::task!(@wrap ($at), $f, site4, _, _, _, _) };
    (@arity ($at:expr), $f:tt, $a:tt, $b:tt, $c:tt, $d:tt, $e:tt) => {
        $crate::task!(@wrap ($at), $f, site5, _, _, _, _, _)
    };
    (@arity ($at:expr), $f:tt, $a:tt, $b:tt, $c:tt, $d:tt, $e:tt, $g:tt) => {
        $crate::task!(@wrap ($at), $f, site6, _, _, _, _, _, _)
    };
    (@arity ($at:expr), $f:tt, $a:tt, $b:tt, $c:tt, $d:tt, $e:tt, $g:tt, $h:tt) => {
        $crate::task!(@wrap ($at), $f, site7, _, _, _, _, _, _, _)
    };
    (@arity ($at:expr), $f:tt, $a:tt, $b:tt, $c:tt, $d:tt, $e:tt, $g:tt, $h:tt, $i:tt) => {
        $crate::task!(@wrap ($at), $f, site8, _, _, _, _, _, _, _, _)
    };
    (@wrap ($at:expr), $f:tt, $site:ident, $($any:tt),*) => {{
        let f = $f;
        // Only what captures nothing becomes a pointer.
        let _: fn($($any),*) -> _ = f;
        $crate::wire::named::$site::<{ $at }, _, $($any,)* _>(f)
    }};
    ($($closure:tt)+) => { $crate::task!(@as ($crate::wire::named::place(line!(), column!())), $($closure)+) };
}

#[cfg(test)]
mod tests;
