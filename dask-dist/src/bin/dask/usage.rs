//! A wrong call, said to a person or to what reads JSON.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::CommandFactory;
use dask_dist::log;

use crate::options::Dask;

/// Says what is wrong with a call. Help and the version, which come this way too, are for people however they ask.
pub(crate) fn refuse(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    if !error.use_stderr() || !asks_for_json(arguments) {
        error.exit();
    }
    log::set_format(log::Format::Json);
    let text = error.render().to_string();
    log::fail(&who(arguments), text.strip_prefix("error: ").unwrap_or(&text).trim_end());
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// What was read of a wrong call ends where it is wrong; what stands behind that counts as well.
fn asks_for_json(arguments: &[OsString]) -> bool {
    arguments.iter().skip(1).take_while(|&word| word != "--").any(|word| word == "--json")
}

/// The command that was called, as far as it is known.
fn who(arguments: &[OsString]) -> String {
    let read = Dask::command().ignore_errors(true).try_get_matches_from(arguments);
    let name = read.ok().and_then(|read| read.subcommand_name().map(str::to_owned));
    name.unwrap_or_else(|| "dask".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(call: &str) -> Vec<OsString> {
        call.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn json_is_asked_for_anywhere_but_after_the_end_of_options() {
        for call in ["dask --json", "dask info --json", "dask worker x --bad --json", "dask --json info -- x"] {
            assert!(asks_for_json(&words(call)), "{call}");
        }
        for call in ["dask", "dask info x", "dask info -- --json", "--json info", "dask --jsons", "dask --name=--json"]
        {
            assert!(!asks_for_json(&words(call)), "{call}");
        }
    }

    #[test]
    fn a_wrong_call_is_said_by_the_command_that_was_meant() {
        let calls = [
            ("dask --json worker tcp://127.0.0.1:1 --nthreads none", "worker"),
            ("dask --json worker", "worker"),
            ("dask --token-file worker info --bad --json", "info"),
            ("dask scheduler --port x worker", "scheduler"),
            ("dask --json", "dask"),
            ("dask --json wrker", "dask"),
        ];
        for (call, name) in calls {
            assert_eq!(who(&words(call)), name, "{call}");
        }
    }
}
