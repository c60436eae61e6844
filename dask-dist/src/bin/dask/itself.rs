//! The executable of these tests as the command `dask`: a worker that it starts knows their functions, which one of the
//! command itself does not, and so does the worker that its nanny starts.

use std::process::{Command, ExitCode};

pub(crate) use running::Running;

#[path = "../../../tests/it/command/running.rs"]
mod running;

/// There if this executable is to be the command.
const IS_COMMAND: &str = "TEST_IS_DASK";

#[used]
#[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func"))]
#[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".init_array"))]
static CONSTRUCTOR: extern "C" fn() = before_main;

/// Before the tests' own `main`, which takes other arguments.
extern "C" fn before_main() {
    if std::env::var_os(IS_COMMAND).is_none() {
        return;
    }
    // What the runtime does before `main`: a peer that goes must not end this process.
    // SAFETY: no other thread runs yet, and ignoring a signal needs no handler.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
    }
    let main = std::thread::Builder::new().name("main".to_owned()).spawn(crate::main);
    let code = main.ok().and_then(|main| main.join().ok()).unwrap_or(ExitCode::from(101));
    let code = (0..=u8::MAX).find(|&n| ExitCode::from(n) == code);
    std::process::exit(code.map_or(101, i32::from));
}

/// The command in a process of its own.
pub(crate) fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Running {
    let mut command = Command::new(std::env::current_exe().unwrap());
    Running::of(command.args(arguments).envs(environment.iter().copied()).env(IS_COMMAND, "1"))
}
