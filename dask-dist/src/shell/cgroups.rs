//! Groups of processes that the system limits together (cgroups, version 1 and 2): a container, a service, a job. A limit
//! of a group holds for the groups in it.

use std::path::{Path, PathBuf};

/// Where the system shows groups.
const ROOT: &str = "/sys/fs/cgroup";

/// Bytes that this process may use as a member of its groups: the least that any of them allows; none if all allow any.
pub fn memory_limit_of_group() -> Option<u64> {
    let read = |file: PathBuf| std::fs::read_to_string(file).ok();
    limit(&own_groups(), read)
}

/// How many processes of its group the system has killed for want of memory; 0 if unknown.
pub(crate) fn system_kills() -> u64 {
    kills(&own_groups(), |file| std::fs::read_to_string(file).ok())
}

fn own_groups() -> String {
    std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default()
}

/// The folders of the groups that count memory, from the innermost outwards; and the name of the file with the limit.
fn folders(groups: &str) -> Option<(Vec<PathBuf>, &'static str)> {
    // `number:what it counts:path`; version 2 counts everything in one hierarchy, without a name.
    let entries = || groups.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
    let counting = entries().find(|(what, _)| what.split(',').any(|what| what == "memory"));
    let (path, root, file) = match counting {
        Some((_, path)) => (path, Path::new(ROOT).join("memory"), "memory.limit_in_bytes"),
        None => (entries().find(|(what, _)| what.is_empty())?.1, PathBuf::from(ROOT), "memory.max"),
    };
    let inner = Path::new(path.trim_start_matches('/'));
    Some((inner.ancestors().map(|folder| root.join(folder)).collect(), file))
}

fn limit(groups: &str, read: impl Fn(PathBuf) -> Option<String>) -> Option<u64> {
    /// Version 1 says so for any.
    const ANY: u64 = 1 << 60;
    let (folders, file) = folders(groups)?;
    let limits = folders.into_iter().filter_map(|folder| read(folder.join(file))?.trim().parse().ok());
    limits.filter(|&limit| limit < ANY).min()
}

fn kills(groups: &str, read: impl Fn(PathBuf) -> Option<String>) -> u64 {
    let Some((folders, file)) = folders(groups) else { return 0 };
    let name = if file == "memory.max" { "memory.events" } else { "memory.oom_control" };
    // In a container the path may be that of the machine, which is not seen here: the root is one's own then.
    let events = folders.into_iter().find_map(|folder| read(folder.join(name)));
    let events = events.unwrap_or_default();
    events.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(all: &[(&str, &str)]) -> impl Fn(PathBuf) -> Option<String> {
        move |file| all.iter().find(|(path, _)| Path::new(path) == file).map(|(_, text)| (*text).to_owned())
    }

    #[test]
    fn the_least_limit_of_nested_groups_holds() {
        let all = [
            ("/sys/fs/cgroup/a/b/c.service/memory.max", "max\n"),
            ("/sys/fs/cgroup/a/b/memory.max", "3000\n"),
            ("/sys/fs/cgroup/a/memory.max", "5000\n"),
            ("/sys/fs/cgroup/a/b/c.service/memory.events", "low 0\noom 2\noom_kill 1\n"),
        ];
        assert_eq!(limit("0::/a/b/c.service\n", files(&all)), Some(3000));
        assert_eq!(kills("0::/a/b/c.service\n", files(&all)), 1);
        assert_eq!(limit("0::/a\n", files(&all)), Some(5000));
        assert_eq!(limit("0::/elsewhere\n", files(&all)), None);
    }

    #[test]
    fn in_a_container_the_root_is_ones_own() {
        let all = [("/sys/fs/cgroup/memory.max", "7000"), ("/sys/fs/cgroup/memory.events", "oom_kill 4")];
        assert_eq!(limit("0::/", files(&all)), Some(7000));
        assert_eq!(limit("0::/docker/0123abcd", files(&all)), Some(7000));
        assert_eq!(kills("0::/docker/0123abcd", files(&all)), 4);
    }

    #[test]
    fn version_1_counts_memory_in_a_hierarchy_of_its_own() {
        let groups = "12:cpu,cpuacct:/x\n7:memory:/slurm/job_7/step_0\n1:name=systemd:/y\n0::/z\n";
        let all = [
            ("/sys/fs/cgroup/memory/slurm/job_7/step_0/memory.limit_in_bytes", "9223372036854771712"),
            ("/sys/fs/cgroup/memory/slurm/job_7/memory.limit_in_bytes", "4096"),
            ("/sys/fs/cgroup/z/memory.max", "1"),
            ("/sys/fs/cgroup/memory/slurm/job_7/step_0/memory.oom_control", "under_oom 0\noom_kill 2\n"),
        ];
        assert_eq!(limit(groups, files(&all)), Some(4096));
        assert_eq!(kills(groups, files(&all)), 2);
    }

    #[test]
    fn nonsense_says_nothing() {
        for groups in ["", "x", "0", "0:", "::", "5:memory"] {
            assert_eq!((limit(groups, |_| None), kills(groups, |_| None)), (None, 0), "{groups}");
        }
    }
}
