//! Runs the files in docs/ci as their services would, as far as a shell can. Each must produce the same as a single
//! builder.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use repository::yaml::Node;
use serde_json::Value;

use crate::harness::Folder;
use crate::manage_repo::{inventory, line, profiles, repository, unpacked};

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/ci").join(name);
    std::fs::read_to_string(path).unwrap()
}

fn yaml(name: &str) -> Value {
    Node::parse(&file(name), name).unwrap().to_json()
}

/// A service's machine: a copy of the repository, and the program where the service's files expect it.
struct Machine(Folder);

impl Machine {
    /// With the repository in `from`, without the files that are to be made.
    fn with(from: &Folder) -> Self {
        let machine = Self(Folder::new());
        machine.shell("cp -r \"$FROM/repo/v1.0\" .", &[("FROM", from.path().to_str().unwrap())]);
        machine
    }

    /// Runs a text in a shell as services do: the first failure ends it.
    #[track_caller]
    fn shell(&self, text: &str, variables: &[(&str, &str)]) -> String {
        self.shell_of("bash", text, variables)
    }

    #[track_caller]
    fn shell_of(&self, shell: &str, text: &str, variables: &[(&str, &str)]) -> String {
        let output = self.output(shell, text, variables);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}\n{}\n{stderr}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }

    fn output(&self, shell: &str, text: &str, variables: &[(&str, &str)]) -> Output {
        let programs = self.0.join("programs");
        std::fs::create_dir_all(&programs).unwrap();
        let program = programs.join("rekall-profile");
        if !program.exists() {
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_rekall-profile"), &program).unwrap();
        }
        let inherited = std::env::var("PATH").unwrap_or_default();
        Command::new(shell)
            .args(["-e", "-c", text])
            .current_dir(self.0.path())
            .env_clear()
            .env("PATH", format!("{}:{inherited}", programs.display()))
            .env("HOME", self.0.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("_NT_SYMBOL_PATH", "symbols")
            .envs(variables.iter().copied())
            .output()
            .unwrap()
    }

    fn put(&self, from: &Path, to: &str) {
        let to = self.0.join(to);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        // Not a copy of the program: Linux does not run a file that is still open for writing, as it is in any
        // process that another test starts in the meantime.
        if std::fs::hard_link(from, &to).is_err() {
            std::fs::copy(from, to).unwrap();
        }
    }
}

/// A repository to be built, and the same built by a single builder.
fn pair() -> (Folder, Folder) {
    let whole = repository(9);
    whole.run(line(&["build_all"])).status(1).check();
    (repository(9), whole)
}

/// The result, moved to where the helpers expect it, equals that of a single builder.
#[track_caller]
fn check(machine: &Machine, whole: &Folder) {
    machine.shell("mkdir -p repo && cp -r v1.0 repo/", &[]);
    assert!(profiles(&machine.0) == profiles(whole));
    assert_eq!(inventory(&machine.0), inventory(whole));
    let rejects = "repo/v1.0/src/nt/guids.yaml.rejects.gz";
    assert_eq!(unpacked(&machine.0, rejects), unpacked(whole, rejects));
}

fn symbols(machine: &Machine, from: &Folder) {
    machine.shell("cp -r \"$FROM/symbols\" .", &[("FROM", from.path().to_str().unwrap())]);
}

/// An origin of which a machine's repository is a clone, so that the last job can push.
fn origin(from: &Folder) -> Machine {
    let machine = Machine::with(from);
    let text = "git init -q -b main . && git config user.name x && git config user.email x@localhost && \
                git add v1.0 && git commit -qm one && git init -q --bare -b main ../origin-$NAME && \
                git push -q ../origin-$NAME HEAD:main && rm -rf .git && \
                git clone -q --no-checkout ../origin-$NAME clone && mv clone/.git . && git reset -q";
    machine.shell(text, &[("NAME", machine.name().as_str())]);
    machine
}

impl Machine {
    fn name(&self) -> String {
        self.0.path().file_name().unwrap().to_str().unwrap().trim_start_matches('.').to_owned()
    }

    fn origin(&self) -> PathBuf {
        self.0.path().parent().unwrap().join(format!("origin-{}", self.name()))
    }
}

/// The files that a push brought to the origin.
#[track_caller]
fn check_pushed(machine: &Machine, whole: &Folder) {
    let origin = machine.origin();
    let clone = Machine(Folder::new());
    clone.shell("git clone -q \"$ORIGIN\" x && mv x/v1.0 .", &[("ORIGIN", origin.to_str().unwrap())]);
    std::fs::remove_dir_all(&origin).unwrap();
    check(&clone, whole);
    let listed = clone.shell("find v1.0 -name '.*' -o -path 'v1.0/src/parts/*'", &[]);
    assert_eq!(listed, "", "files that do not belong to the repository were added");
}

fn scripts(job: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    match &job["steps"] {
        Value::Array(steps) => steps
            .iter()
            .filter_map(|step| step.get("run"))
            .map(text)
            .filter(|run| !run.starts_with("cargo "))
            .collect(),
        _ => job["script"].as_array().unwrap().iter().map(text).collect(),
    }
}

#[test]
fn the_workflow_for_github_makes_the_repository() {
    let (folder, whole) = pair();
    let workflow = yaml("github-actions.yml");
    let jobs = &workflow["jobs"];
    let program = Path::new(env!("CARGO_BIN_EXE_rekall-profile"));

    let plan = Machine::with(&folder);
    plan.put(program, "program/bin/rekall-profile");
    for script in scripts(&jobs["plan"]) {
        plan.shell(&script, &[("GITHUB_OUTPUT", "output")]);
    }
    let output = String::from_utf8(plan.0.read("output")).unwrap();
    let (key, value) = output.trim_end().split_once('=').unwrap();
    assert!(jobs["plan"]["outputs"][key].as_str().unwrap().contains("steps.plan.outputs.plan"));
    assert_eq!(jobs["build"]["strategy"]["matrix"], "${{ fromJson(needs.plan.outputs.plan).matrix }}");
    let matrix: Value = serde_json::from_str(value).unwrap();
    let shards = matrix["matrix"]["include"].as_array().unwrap();
    assert_eq!(shards.len(), 8);

    let seal = origin(&folder);
    for (index, shard) in shards.iter().enumerate() {
        let machine = Machine::with(&folder);
        symbols(&machine, &folder);
        machine.put(program, "rekall-profile");
        for script in scripts(&jobs["build"]) {
            machine.shell(&script.replace("${{ matrix.shard }}", shard["shard"].as_str().unwrap()), &[]);
        }
        seal.put(&machine.0.join("part.tgz"), &format!("artifacts/part-{index}/part.tgz"));
    }
    seal.put(program, "artifacts/program/rekall-profile");
    for script in scripts(&jobs["seal"]) {
        seal.shell(&script, &[]);
    }
    check(&seal, &whole);
    check_pushed(&seal, &whole);
}

#[test]
fn the_pipeline_for_gitlab_makes_the_repository() {
    let (folder, whole) = pair();
    let pipeline = yaml("gitlab-ci.yml");
    let count = pipeline["build"]["parallel"].as_u64().unwrap();
    let seal = origin(&folder);
    for number in 1..=count {
        let machine = Machine::with(&folder);
        symbols(&machine, &folder);
        let variables = [("CI_NODE_INDEX", number.to_string()), ("CI_NODE_TOTAL", count.to_string())];
        let variables = variables.each_ref().map(|(key, value)| (*key, value.as_str()));
        machine.shell(&scripts(&pipeline["build"]).join("\n"), &variables);
        let part = format!("part-{number}.tgz");
        seal.put(&machine.0.join(&part), &part);
    }
    // The server accepts options with a push; this origin, a folder, does not.
    let script = scripts(&pipeline["seal"]).join("\n");
    let address = "\"https://ci:$PUSH_TOKEN@$CI_SERVER_HOST/$CI_PROJECT_PATH.git\"";
    assert!(script.contains(&format!("git push -o ci.skip {address}")), "{script}");
    let script = script.replace("-o ci.skip ", "").replace(address, "\"$ORIGIN\"");
    let origin = seal.origin();
    seal.shell(&script, &[("ORIGIN", origin.to_str().unwrap()), ("CI_COMMIT_BRANCH", "main")]);
    check(&seal, &whole);
    check_pushed(&seal, &whole);
}

#[test]
fn the_job_for_kubernetes_makes_the_repository() {
    let (folder, whole) = pair();
    let job = yaml("kubernetes-job.yaml");
    let spec = &job["spec"];
    assert_eq!(spec["completionMode"], "Indexed");
    let container = &spec["template"]["spec"]["containers"][0];
    assert_eq!(container["command"], serde_json::json!(["sh", "-c"]));
    let mount = container["volumeMounts"][0]["mountPath"].as_str().unwrap();
    let script = container["args"][0].as_str().unwrap().replace(mount, ".");
    let machine = Machine::with(&folder);
    symbols(&machine, &folder);
    let count = spec["completions"].as_u64().unwrap();
    assert!(script.contains(&format!(")/{count} ")), "{script}: of how many, says completions");
    for index in 0..count {
        machine.shell_of("sh", &script, &[("JOB_COMPLETION_INDEX", &index.to_string())]);
    }
    machine.shell("rekall-profile manage_repo --path_to_repository . seal", &[]);
    check(&machine, &whole);
}

#[test]
fn the_array_for_slurm_makes_the_repository() {
    let (folder, whole) = pair();
    let script = file("slurm.sh");
    let count: u64 = script
        .lines()
        .find_map(|line| line.strip_prefix("#SBATCH --array=1-"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap();
    let machine = Machine::with(&folder);
    symbols(&machine, &folder);
    for task in 1..=count {
        let (task, count) = (task.to_string(), count.to_string());
        let variables = [
            ("REPO", "."),
            ("SLURM_CPUS_PER_TASK", "2"),
            ("SLURM_ARRAY_TASK_ID", task.as_str()),
            ("SLURM_ARRAY_TASK_COUNT", count.as_str()),
        ];
        machine.shell_of("sh", &script, &variables);
    }
    // The final command in the file's comment.
    let (_, last) = script.split_once("--wrap '").unwrap();
    machine.shell(last.split_once('\'').unwrap().0, &[("REPO", ".")]);
    check(&machine, &whole);
}

#[test]
fn an_error_ends_a_part_and_its_job() {
    let (folder, _) = pair();
    let machine = Machine::with(&folder);
    std::fs::write(machine.0.join("v1.0/config.yaml"), "nt/GUID:\n").unwrap();
    for script in [
        scripts(&yaml("gitlab-ci.yml")["build"]).join("\n"),
        scripts(&yaml("github-actions.yml")["jobs"]["build"])[0]
            .replace("chmod +x rekall-profile && ", "")
            .replace("./rekall", "rekall")
            .replace("${{ matrix.shard }}", "1/2"),
        file("slurm.sh"),
    ] {
        let variables = [
            ("CI_NODE_INDEX", "1"),
            ("CI_NODE_TOTAL", "2"),
            ("REPO", "."),
            ("SLURM_CPUS_PER_TASK", "1"),
            ("SLURM_ARRAY_TASK_ID", "1"),
            ("SLURM_ARRAY_TASK_COUNT", "2"),
        ];
        let output = machine.output("bash", &script, &variables);
        assert!(!output.status.success(), "{script}");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains("config.yaml:1: "), "{script}\n{stderr}");
    }
}

/// The commands that a service runs weekly for a collection, with what it gives them.
fn collection_scripts() -> Vec<(&'static str, Vec<String>, &'static str)> {
    let workflow = yaml("collection-github-actions.yml");
    let pipeline = yaml("collection-gitlab-ci.yml");
    let job = yaml("collection-kubernetes.yaml");
    let container = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0];
    let given: Vec<&str> = container["env"]
        .as_array()
        .unwrap()
        .iter()
        .map(|variable| variable["name"].as_str().unwrap())
        .collect();
    assert_eq!(given, ["ARCHIVE", "SUITE", "BASE_URL", "PUBLIC"]);
    vec![
        ("GitHub", scripts(&workflow["jobs"]["collection"]), "bash"),
        ("GitLab", scripts(&pipeline["pages"]), "bash"),
        ("Kubernetes", vec![container["args"][0].as_str().unwrap().to_owned()], "sh"),
        ("Slurm", vec![file("collection-slurm.sh")], "sh"),
    ]
}

#[test]
fn the_files_for_a_collection_make_the_repository_and_the_symbol_server() {
    let archive = Folder::new();
    crate::mirror::archive(archive.path(), &[1, 2]);
    let server = symbol_server::Server::of_folder(archive.path()).unwrap();
    let url = server.url();
    let mut first: Option<(Vec<String>, Vec<u8>)> = None;
    for (service, scripts, shell) in collection_scripts() {
        let machine = Machine(Folder::new());
        machine.put(Path::new(env!("CARGO_BIN_EXE_rekall-profile")), "program/bin/rekall-profile");
        let public = machine.0.join("public");
        let profiles_folder = public.join("profiles");
        let variables = [
            ("ARCHIVE", url.as_str()),
            ("SUITE", "bookworm"),
            ("BASE_URL", "https://example.org/symbols"),
            ("PUBLIC", public.to_str().unwrap()),
            ("REPO", profiles_folder.to_str().unwrap()),
            ("SLURM_CPUS_PER_TASK", "2"),
        ];
        // Every week once more: nothing changes.
        for _ in 0..2 {
            for script in &scripts {
                // Our debug files are not kernels with BTF, so the archive is read for its debug packages.
                let script = script.replace("mirror \"$ARCHIVE\"", "mirror \"$ARCHIVE\" --mode dwarf");
                machine.shell_of(shell, &script, &variables);
            }
        }
        let listed = machine.shell("cd public/profiles/v1.0 && find Linux -name '*.gz' | sort", &[]);
        let names: Vec<String> = listed.lines().map(str::to_owned).collect();
        let banners = machine.0.read("public/banners.json");
        assert_eq!(names.len(), 2, "{service}");
        match &first {
            Some(first) => assert_eq!(*first, (names, banners), "{service}"),
            None => first = Some((names, banners)),
        }
    }
}
