//! The files to deploy from: what they call is called here, with files and ports of this machine.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use dask_dist::transport::CommSettings;
use dask_dist::{Client, Security};
use yaml_rust2::{Yaml, YamlLoader};

use crate::command::{Running, keys};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

/// Paths and ports of this machine in place of those in the files.
struct Here {
    _folder: tempfile::TempDir,
    replaced: Vec<(String, String)>,
    security: Security,
}

impl Here {
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let file = keys(&temporary.path().join("secret"));
        let root = temporary.path().to_str().unwrap();
        let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        let replaced = vec![
            pair("/etc/dask", &format!("{root}/secret")),
            pair("/var/lib/dask", root),
            pair("/spill", &format!("{root}/spill")),
            pair("8786", "0"),
            pair("8787", "0"),
            pair("8788", "0"),
        ];
        let security = Security::default().token_file(file("token")).unwrap();
        Self { _folder: temporary, replaced, security }
    }

    fn arguments(&self, given: &[String]) -> Vec<String> {
        let mut given = given.to_vec();
        for (from, to) in &self.replaced {
            given.iter_mut().for_each(|argument| *argument = argument.replace(from, to));
        }
        given
    }

    fn start(&self, given: &[String]) -> Running {
        let arguments = self.arguments(given);
        Running::start(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Starts a worker of the scheduler at `address` in place of the one that the file names.
    fn start_worker(&self, given: &[String], address: &str) -> Running {
        let at = given.iter().position(|argument| argument.starts_with("tcp://")).expect("the scheduler's address");
        let mut given = self.arguments(given);
        given[at] = address.to_owned();
        Running::start(&given.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn client(&self, address: &str) -> Client {
        let settings = CommSettings { security: self.security.clone(), ..CommSettings::default() };
        Client::connect_with(address, settings).unwrap()
    }
}

/// A scheduler and a worker as the files start them: they find each other, and leave in order. `look` is told the port
/// of the dashboard.
fn run(here: &Here, scheduler: &[String], worker: &[String], look: impl Fn(&str, &Client)) {
    let mut scheduler = here.start(scheduler);
    let (pages, address) = {
        let said = scheduler.line_of(&["listening at", "dashboard at"]);
        let port = |what: &str| said[what].rsplit(':').next().unwrap().trim_end_matches(['/', '"', '}']).to_owned();
        (port("dashboard at"), format!("tcp://127.0.0.1:{}", port("listening at")))
    };
    let mut worker = here.start_worker(worker, &address);
    let client = here.client(&address);
    client.wait_for_workers(1).wait().unwrap();
    look(&pages, &client);
    client.close();
    worker.signal(libc::SIGTERM);
    assert_eq!(worker.ended(), Some(0));
    scheduler.signal(libc::SIGTERM);
    assert_eq!(scheduler.ended(), Some(0));
}

/// Sections of a unit, with their settings.
fn unit(name: &str) -> HashMap<String, Vec<(String, String)>> {
    let mut sections: HashMap<String, Vec<(String, String)>> = HashMap::new();
    let mut section = String::new();
    for line in read(name).lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            name.clone_into(&mut section);
        } else {
            let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("{name}: {line}"));
            sections.entry(section.clone()).or_default().push((key.to_owned(), value.to_owned()));
        }
    }
    sections
}

fn command_of(name: &str) -> Vec<String> {
    let unit = unit(name);
    assert!(unit.contains_key("Unit") && unit.contains_key("Install"), "{name}");
    let start = unit["Service"].iter().find(|(key, _)| key == "ExecStart").expect("a command");
    let mut words = start.1.split_ascii_whitespace().map(str::to_owned);
    assert_eq!(words.next().as_deref(), Some("/usr/local/bin/dask"));
    words.collect()
}

#[test]
fn units_start_a_cluster() {
    let here = Here::new();
    let worker = command_of("systemd/dask-worker@.service");
    run(&here, &command_of("systemd/dask-scheduler.service"), &worker, |_, client| {
        assert_eq!(client.workers().wait().unwrap().len(), 1);
    });
}

/// A time as systemd and this program write it.
fn seconds(text: &str) -> u64 {
    dask_core::config::parse_duration(text).unwrap_or_else(|| panic!("{text}")).as_secs()
}

/// What a command is given for an option, as one word or two.
fn given(arguments: &[String], option: &str) -> String {
    let at = arguments.iter().position(|word| word == option || word.starts_with(&format!("{option}=")));
    let at = at.unwrap_or_else(|| panic!("{option}: {arguments:?}"));
    arguments[at].split_once('=').map_or_else(|| arguments[at + 1].clone(), |(_, value)| value.to_owned())
}

#[test]
fn what_may_be_killed_says_before_what_it_could_not_hand_over() {
    // So long it takes to say that, and to remove what was spilled.
    const LAST: u64 = 30;
    let drain = |arguments: &[String]| seconds(&given(arguments, "--drain-timeout")) + LAST;
    let service = &unit("systemd/dask-worker@.service")["Service"];
    let stop = service.iter().find(|(key, _)| key == "TimeoutStopSec").unwrap();
    assert!(drain(&command_of("systemd/dask-worker@.service")) <= seconds(&stop.1));

    let all = YamlLoader::load_from_str(&read("kubernetes/dask.yaml")).unwrap();
    let pod = field(all.last().unwrap(), &["spec", "template", "spec"]);
    let arguments: Vec<String> = field(pod, &["containers", "0", "args"])
        .as_vec()
        .unwrap()
        .iter()
        .map(|argument| argument.as_str().unwrap().to_owned())
        .collect();
    let grace = pod["terminationGracePeriodSeconds"].as_i64().unwrap().cast_unsigned();
    assert!(drain(&arguments) <= grace, "{arguments:?}");

    let script = read("slurm/dask.sbatch");
    let words: Vec<String> = script.split_whitespace().map(str::to_owned).collect();
    let warned = script.lines().find_map(|line| line.strip_prefix("#SBATCH --signal=B:TERM@")).unwrap();
    assert!(drain(&words) <= warned.parse().unwrap(), "{warned}");
}

#[test]
fn files_have_no_keys_that_nobody_knows() {
    const UNIT: &[&str] = &[
        "After",
        "Description",
        "Documentation",
        "EnvironmentFile",
        "ExecStart",
        "Group",
        "KillMode",
        "KillSignal",
        "LimitNOFILE",
        "LockPersonality",
        "NoNewPrivileges",
        "OOMPolicy",
        "PrivateDevices",
        "PrivateTmp",
        "ProtectControlGroups",
        "ProtectHome",
        "ProtectKernelTunables",
        "ProtectSystem",
        "Restart",
        "RestartSec",
        "RestrictAddressFamilies",
        "RestrictNamespaces",
        "StateDirectory",
        "SystemCallArchitectures",
        "TimeoutStopSec",
        "UMask",
        "User",
        "WantedBy",
        "Wants",
    ];
    for name in ["systemd/dask-scheduler.service", "systemd/dask-worker@.service"] {
        for (section, keys) in unit(name) {
            assert!(["Unit", "Service", "Install"].contains(&section.as_str()), "{name}: {section}");
            keys.iter().for_each(|(key, _)| assert!(UNIT.contains(&key.as_str()), "{name}: {key}"));
        }
    }
    const BATCH: &[&str] = &["cpus-per-task", "job-name", "mem", "nodes", "ntasks-per-node", "signal", "time"];
    for option in read("slurm/dask.sbatch").lines().filter_map(|line| line.strip_prefix("#SBATCH --")) {
        assert!(option.split_once('=').is_some_and(|(name, _)| BATCH.contains(&name)), "{option}");
    }
    const MANIFEST: &[&str] = &[
        "allowPrivilegeEscalation",
        "annotations",
        "apiVersion",
        "args",
        "automountServiceAccountToken",
        "capabilities",
        "containerPort",
        "containers",
        "cpu",
        "defaultMode",
        "drop",
        "emptyDir",
        "failureThreshold",
        "fsGroup",
        "httpGet",
        "image",
        "kind",
        "labels",
        "limits",
        "livenessProbe",
        "matchLabels",
        "memory",
        "metadata",
        "mountPath",
        "name",
        "path",
        "periodSeconds",
        "port",
        "ports",
        "readOnly",
        "readOnlyRootFilesystem",
        "readinessProbe",
        "replicas",
        "requests",
        "resources",
        "runAsGroup",
        "runAsNonRoot",
        "runAsUser",
        "secret",
        "secretName",
        "securityContext",
        "selector",
        "sizeLimit",
        "spec",
        "startupProbe",
        "strategy",
        "targetPort",
        "tcpSocket",
        "template",
        "terminationGracePeriodSeconds",
        "timeoutSeconds",
        "type",
        "volumeMounts",
        "volumes",
        // Labels and annotations are free.
        "app",
        "role",
        "prometheus.io/scrape",
        "prometheus.io/port",
        "prometheus.io/path",
    ];
    fn check(yaml: &Yaml) {
        match yaml {
            Yaml::Hash(all) => all.iter().for_each(|(key, value)| {
                assert!(key.as_str().is_some_and(|key| MANIFEST.contains(&key)), "{key:?}");
                check(value);
            }),
            Yaml::Array(all) => all.iter().for_each(check),
            _ => {}
        }
    }
    YamlLoader::load_from_str(&read("kubernetes/dask.yaml")).unwrap().iter().for_each(check);
}

#[test]
fn scripts_are_what_shells_and_their_critics_accept() {
    let script = folder().join("slurm/dask.sbatch");
    let said = Command::new("bash").arg("-n").arg(&script).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    match Command::new("shellcheck").arg(&script).output() {
        Ok(said) => assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout)),
        Err(_) => eprintln!("shellcheck is not here"),
    }
    let text = read("slurm/dask.sbatch");
    assert!(text.starts_with("#!/bin/bash\n") && text.contains("\nset -euo pipefail\n"));
    // What a path with a space would break is quoted, but for lists of numbers of processes.
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let outside: String = line.split('"').step_by(2).collect();
        let named = outside.split('$').skip(1).filter(|rest| !rest.starts_with(['(', '!', '{']));
        let names: Vec<&str> =
            named.map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap()).collect();
        let is_assignment = line.trim_start().split_once('=').is_some_and(|(name, _)| {
            name.split(' ').all(|word| word.chars().all(|c| c.is_ascii_alphabetic() || c == '_'))
        });
        assert!(is_assignment || names.iter().all(|name| ["workers", "scheduler"].contains(name)), "{line}");
    }
}

#[test]
fn proxies_stand_before_the_dashboard() {
    for name in ["proxy/Caddyfile", "proxy/nginx.conf"] {
        let text = read(name);
        let opened = text.matches('{').count();
        assert!(opened != 0 && opened == text.matches('}').count(), "{name}");
        let call = text.lines().find_map(|line| line.strip_prefix("#   dask ")).expect("how the scheduler is started");
        let words: Vec<String> = call.split_whitespace().map(str::to_owned).collect();
        let pages = given(&words, "--dashboard-address");
        let passes = text.lines().any(|line| {
            let line = line.trim().trim_end_matches(';').replace("http://", "");
            line == format!("reverse_proxy {pages}") || line == format!("proxy_pass {pages}")
        });
        assert!(passes, "{name}");
    }
    let nginx = read("proxy/nginx.conf");
    // A stream of news is not to be held back.
    assert!(nginx.contains("proxy_buffering off;"));
    // What is asked for through a proxy, under its name.
    let here = Here::new();
    let words: Vec<String> =
        ["scheduler", "--dashboard-address", "127.0.0.1:8787", "--dashboard-host", "dask.example.org"]
            .map(str::to_owned)
            .to_vec();
    let pages = here.start(&[&words[..], &["--port".to_owned(), "0".to_owned()]].concat());
    let line = pages.line("dashboard at");
    let port = line.rsplit(':').next().unwrap().trim_end_matches('/');
    assert_eq!(get_as(port, "/", "dask.example.org"), "200");
    assert_eq!(get_as(port, "/", "other.example.org"), "403");
}

#[test]
fn units_are_what_systemd_expects() {
    let temporary = tempfile::tempdir().unwrap();
    for name in ["dask-scheduler.service", "dask-worker@.service"] {
        let text = read(&format!("systemd/{name}")).replace("/usr/local/bin/dask", env!("CARGO_BIN_EXE_dask"));
        let path = temporary.path().join(name);
        std::fs::write(&path, text).unwrap();
        match Command::new("systemd-analyze").arg("verify").arg(&path).output() {
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                let ours: Vec<&str> = said.lines().filter(|line| line.contains("dask")).collect();
                assert!(ours.is_empty(), "{name}: {said}");
            }
            Err(_) => eprintln!("systemd-analyze is not here: {name} was parsed only"),
        }
    }
}

fn field<'a>(yaml: &'a Yaml, path: &[&str]) -> &'a Yaml {
    path.iter().fold(yaml, |yaml, &name| match name.parse::<usize>() {
        Ok(at) => &yaml[at],
        Err(_) => &yaml[name],
    })
}

fn get(port: &str, path: &str) -> String {
    get_as(port, path, &format!("127.0.0.1:{port}"))
}

/// The status of a page that is asked for under the name of a host.
fn get_as(port: &str, path: &str, host: &str) -> String {
    let mut socket = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    write!(socket, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer[9..12].to_owned()
}

#[test]
fn manifests_start_a_cluster_that_their_probes_find_healthy() {
    let all = YamlLoader::load_from_str(&read("kubernetes/dask.yaml")).unwrap();
    let named = |kind: &str, name: &str| {
        let is = |yaml: &&Yaml| yaml["kind"].as_str() == Some(kind) && yaml["metadata"]["name"].as_str() == Some(name);
        all.iter().find(is).unwrap_or_else(|| panic!("{kind} {name}"))
    };
    let service = named("Service", "dask-scheduler");
    let pods = ["dask-scheduler", "dask-worker"].map(|name| {
        let deployment = named("Deployment", name);
        // What selects pods is what they are labelled with.
        let labels = field(deployment, &["spec", "template", "metadata", "labels"]);
        assert_eq!(field(deployment, &["spec", "selector", "matchLabels"]), labels);
        field(deployment, &["spec", "template", "spec"])
    });
    let labels = field(named("Deployment", "dask-scheduler"), &["spec", "template", "metadata", "labels"]);
    assert_eq!(field(service, &["spec", "selector"]), labels);
    let arguments = |pod: &Yaml| -> Vec<String> {
        let args = field(pod, &["containers", "0", "args"]).as_vec().expect("arguments");
        args.iter().map(|argument| argument.as_str().expect("a text").to_owned()).collect()
    };
    let [scheduler, worker] = pods.map(arguments);
    // The worker asks for the service, at one of its ports.
    assert!(worker.contains(&"tcp://dask-scheduler:8786".to_owned()), "{worker:?}");
    // Files that are mounted where the commands look for them, and that not everybody can read.
    for pod in pods {
        let mounts = field(pod, &["containers", "0", "volumeMounts"]).as_vec().unwrap();
        let volumes = pod["volumes"].as_vec().unwrap();
        let names =
            |all: &[Yaml]| -> Vec<String> { all.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect() };
        assert_eq!(names(mounts), names(volumes));
        let mode = field(&volumes[0], &["secret", "defaultMode"]);
        assert_eq!(mode, &Yaml::Integer(440), "0440, which YAML 1.2 reads as decimal and Kubernetes as octal");
    }
    let probe =
        |pod: &Yaml, name: &str| field(pod, &["containers", "0", name, "httpGet", "path"]).as_str().map(str::to_owned);
    let here = Here::new();
    run(&here, &scheduler, &worker, |port, _| {
        for name in ["startupProbe", "readinessProbe", "livenessProbe"] {
            assert_eq!(get(port, &probe(pods[0], name).unwrap()), "200", "{name}");
        }
        // What others may see needs the token.
        assert_eq!(get(port, "/metrics"), "401");
    });
}

#[test]
fn a_job_runs_a_program_on_its_cluster() {
    let script = folder().join("slurm/dask.sbatch");
    let temporary = tempfile::tempdir().unwrap();
    let file = keys(&temporary.path().join("secret"));
    let executable = |name: &str, text: &str| {
        let path = temporary.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        path
    };
    // Runs on this node what would run on each.
    executable("srun", "#!/bin/sh\nwhile [ \"${1#--}\" != \"$1\" ]; do shift; done\nexec \"$@\"\n");
    let program = executable(
        "program",
        "#!/bin/sh\nuntil \"$DASK_COMMAND\" info \"$DASK_SCHEDULER_ADDRESS\" | grep ' 1 workers, 3 threads'; do sleep 0.1; done\n\
         \"$DASK_COMMAND\" info \"$DASK_SCHEDULER_ADDRESS\" | grep \"$2\" || exit 9\nexit \"$1\"\n",
    );
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    // Of what the job has on each node, by node or by core: four fifths.
    let memory = [("SLURM_MEM_PER_NODE", "1000", " 800 MiB"), ("SLURM_MEM_PER_CPU", "500", " 1200 MiB")];
    for (code, (name, has, limit)) in [(0, memory[0]), (3, memory[1])] {
        let output = Command::new("bash")
            .arg(&script)
            .arg(&program)
            .args([&code.to_string(), limit])
            .env("PATH", format!("{}:{}", temporary.path().display(), std::env::var("PATH").unwrap()))
            .env("DASK_COMMAND", env!("CARGO_BIN_EXE_dask"))
            .env("DASK_DISTRIBUTED__COMM__TOKEN_FILE", file("token"))
            .env("DASK_SCHEDULER_PORT", port.to_string())
            .env("DASK_SCHEDULER_HOST", "127.0.0.1")
            .env("SLURM_CPUS_PER_TASK", "3")
            .env(name, has)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        // The program's own code, after everything has ended.
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains("\"message\":\"ended\""), "{text}");
    }
}

#[test]
fn the_image_holds_the_command() {
    let text = read("container/Containerfile").replace("\\\n", " ");
    let lines: Vec<(&str, &str)> = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once(' ').unwrap_or_else(|| panic!("{line}")))
        .collect();
    let known = ["FROM", "WORKDIR", "COPY", "RUN", "USER", "EXPOSE", "STOPSIGNAL", "ENTRYPOINT", "CMD"];
    assert!(lines.iter().all(|(instruction, _)| known.contains(instruction)), "{lines:?}");
    let value = |instruction: &str| lines.iter().rev().find(|line| line.0 == instruction).unwrap().1;
    assert_eq!(value("ENTRYPOINT"), "[\"/usr/local/bin/dask\"]");
    assert_ne!(value("USER"), "root");
    // What is not sent to the build is nothing that it needs.
    let ignored = read("container/Containerfile.dockerignore");
    let ignored: Vec<&str> = ignored.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(ignored, [".git", "**/target"]);
    let build = lines.iter().find(|line| line.0 == "RUN").unwrap().1;
    // What it builds is what this test was built with, but for the profile.
    assert!(build.starts_with("cargo build") && build.contains("-p dask-dist --features cli"), "{build}");
    let manifest = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    assert!(manifest.contains("name = \"dask\"") && manifest.contains("required-features = [\"cli\"]"));
}
