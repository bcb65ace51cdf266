//! What the program writes to, and what it never writes to: every command that makes a file, on every kind of file.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use memory_images::{Container, windows};
use symbol_server::{Fault, Request, Response, Server, fixture};

use crate::harness::Folder;
use crate::{indexes, manage_repo};

const GUID_AGE: &str = "F8E2A8B5C9B74BF4A6E4A48F180099942";
const BUILD_ID: &str = "00112233445566778899aabbccddeeff00112233";

/// A small profile, enough to be exported.
const KERNEL: &str = r#"{"$METADATA": {"Type": "Profile", "ProfileClass": "Linux", "arch": "AMD64"},
  "$STRUCTS": {"list_head": [16, {"next": [0, ["Pointer", {"target": "list_head"}]]}]},
  "$CONSTANTS": {"_text": 18446744071578845184}}"#;

/// A dump that Rekall's own reader could read.
const DUMP: &str = "
.debug_info

<0><0x0+0xb><DW_TAG_compile_unit> DW_AT_producer<GNU C17> DW_AT_language<DW_LANG_C99> DW_AT_name<m.c>
<1><0x29><DW_TAG_base_type> DW_AT_byte_size<0x00000004> DW_AT_encoding<DW_ATE_signed> DW_AT_name<int>
<1><0x30><DW_TAG_structure_type> DW_AT_name<task> DW_AT_byte_size<0x00000008> DW_AT_decl_line<0x00000001>
<2><0x40><DW_TAG_member> DW_AT_name<pid> DW_AT_type<<0x00000029>> DW_AT_data_member_location<0>
";

const EXPORT: [&str; 5] = ["export", "kernel.json", "--format", "rekall", "-o"];

fn kernel() -> Folder {
    let folder = Folder::new();
    folder.write("kernel.json", KERNEL);
    folder
}

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(name)
}

/// The output of `export`.
fn exported() -> Vec<u8> {
    let folder = kernel();
    export(&folder, "expected");
    folder.read("expected")
}

fn export(folder: &Folder, name: &str) {
    folder.run(EXPORT.iter().copied().chain([name])).status(1).check();
}

/// `export` to this name, not started yet.
fn exporting(folder: &Folder, name: &str) -> Command {
    let mut command = folder.run(EXPORT.iter().copied().chain([name])).command();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn made(tool: &str, arguments: &[&str], folder: &Folder) -> bool {
    Command::new(tool).args(arguments).current_dir(folder.path()).status().unwrap().success()
}

/// Whether the test runs as root, which is necessary to make some files.
fn is_root(folder: &Folder) -> bool {
    let root = fs::metadata(folder.path()).unwrap().uid() == 0;
    if !root {
        eprintln!("this test needs root to make its files, and does nothing without");
    }
    root
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_pipe_is_written_through_and_stays() {
    let folder = kernel();
    assert!(made("mkfifo", &["pipe"], &folder));
    let program = exporting(&folder, "pipe").spawn().unwrap();
    let mut read = Vec::new();
    File::open(folder.join("pipe")).unwrap().read_to_end(&mut read).unwrap();
    assert_eq!(program.wait_with_output().unwrap().status.code(), Some(1));
    assert_eq!(read, exported());
    assert!(fs::metadata(folder.join("pipe")).unwrap().file_type().is_fifo());
    assert_eq!(folder.names(), ["kernel.json", "pipe"]);
}

#[test]
fn a_reader_that_stops_reading_is_not_an_error() {
    let folder = kernel();
    let structs: String = (0..3000).map(|index| format!("\"s{index}\": [8, {{}}],")).collect();
    folder.write(
        "kernel.json",
        KERNEL.replacen("\"list_head\": [16", &format!("{structs}\"list_head\": [16"), 1),
    );
    assert!(made("mkfifo", &["pipe"], &folder));
    let program = exporting(&folder, "pipe").spawn().unwrap();
    let mut start = [0; 10];
    File::open(folder.join("pipe")).unwrap().read_exact(&mut start).unwrap();
    let output = program.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output).as_str()), (Some(0), ""));
}

#[test]
fn a_device_is_written_through_and_stays() {
    let folder = kernel();
    if !is_root(&folder) {
        return;
    }
    // Nodes of our own for the null device and the device that is always full.
    assert!(made("mknod", &["null", "c", "1", "3"], &folder));
    assert!(made("mknod", &["full", "c", "1", "7"], &folder));
    export(&folder, "null");
    folder.run(EXPORT.iter().copied().chain(["full"])).status(2).stderr("cannot write full").check();
    for name in ["null", "full"] {
        assert!(fs::metadata(folder.join(name)).unwrap().file_type().is_char_device(), "{name}");
    }
}

#[test]
fn standard_output_has_many_names_and_is_never_replaced() {
    let expected = exported();
    for name in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        let folder = kernel();
        let output = exporting(&folder, name).output().unwrap();
        assert_eq!(output.stdout, expected, "{name}, a pipe");
        // As with the shell's `>>`.
        folder.write("log", "before\n");
        let log = File::options().append(true).open(folder.join("log")).unwrap();
        let number = log.metadata().unwrap().ino();
        let status = exporting(&folder, name).stdout(log).status().unwrap();
        assert_eq!(status.code(), Some(1));
        assert_eq!(folder.read("log"), [b"before\n".as_slice(), &expected].concat(), "{name}, a file");
        assert_eq!(fs::metadata(folder.join("log")).unwrap().ino(), number);
        assert_eq!(folder.names(), ["kernel.json", "log"]);
    }
}

#[test]
fn an_open_file_of_the_shell_is_written_at_its_place() {
    let folder = kernel();
    let script = format!("exec 3>>log; echo before >&3; {} /dev/fd/3; echo after >&3", {
        let program = env!("CARGO_BIN_EXE_rekall-profile");
        format!("{program} {}", EXPORT.join(" "))
    });
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(script).current_dir(folder.path()).env_clear().env("HOME", folder.path());
    assert!(shell.output().unwrap().status.success());
    assert_eq!(folder.read("log"), [b"before\n".as_slice(), &exported(), b"after\n"].concat());
}

#[test]
fn links_are_followed_and_stay() {
    let folder = kernel();
    fs::create_dir(folder.join("sub")).unwrap();
    symlink("sub/second", folder.join("first")).unwrap();
    symlink("target.json", folder.join("sub/second")).unwrap();
    for _ in 0..2 {
        // First the links lead nowhere, then to an existing file.
        export(&folder, "first");
        assert!(folder.join("first").is_symlink() && folder.join("sub/second").is_symlink());
        assert_eq!(folder.read("sub/target.json"), exported());
    }
    symlink("round", folder.join("about")).unwrap();
    symlink("about", folder.join("round")).unwrap();
    folder.run(EXPORT.iter().copied().chain(["about"])).status(2).stderr("links lead in a circle").check();
    symlink("nowhere/x.json", folder.join("lost")).unwrap();
    folder.run(EXPORT.iter().copied().chain(["lost"])).status(2).stderr("does not exist").check();
    assert_eq!(folder.names(), ["about", "first", "kernel.json", "lost", "round", "sub"]);
}

#[test]
fn an_existing_file_keeps_its_mode_and_owner() {
    let folder = kernel();
    folder.write("out.json", "old");
    fs::set_permissions(folder.join("out.json"), fs::Permissions::from_mode(0o604)).unwrap();
    export(&folder, "out.json");
    assert_eq!(fs::metadata(folder.join("out.json")).unwrap().mode() & 0o7777, 0o604);
    if is_root(&folder) {
        std::os::unix::fs::chown(folder.join("out.json"), Some(12345), Some(54321)).unwrap();
        export(&folder, "out.json");
        let metadata = fs::metadata(folder.join("out.json")).unwrap();
        assert_eq!((metadata.uid(), metadata.gid(), metadata.mode() & 0o7777), (12345, 54321, 0o604));
    }
    assert_eq!(folder.read("out.json"), exported());
}

/// `export` to this name by an unprivileged user.
fn exporting_as_nobody(folder: &Folder, name: &str) -> Output {
    let program = folder.join("program");
    if !program.exists() {
        fs::copy(env!("CARGO_BIN_EXE_rekall-profile"), &program).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = Command::new(program);
    command.args(EXPORT).arg(name).current_dir(folder.path()).env_clear().env("HOME", folder.path());
    command.uid(65534).gid(65534);
    loop {
        match command.output() {
            // Another test started a process while the copy was being written, which keeps it open for a moment.
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                std::thread::sleep(Duration::from_millis(10));
            }
            output => return output.unwrap(),
        }
    }
}

#[test]
fn files_that_must_not_be_written_stay_unchanged() {
    let folder = kernel();
    if !is_root(&folder) {
        return;
    }
    folder.write("read-only.json", "old");
    // A folder that accepts no new file, although the file in it is writable.
    fs::create_dir(folder.join("closed")).unwrap();
    folder.write("closed/out.json", "old");
    fs::set_permissions(folder.join("closed/out.json"), fs::Permissions::from_mode(0o666)).unwrap();
    // A folder that accepts new files, and another user's file that is writable by everyone: its owner cannot be
    // kept.
    fs::create_dir(folder.join("open")).unwrap();
    fs::set_permissions(folder.join("open"), fs::Permissions::from_mode(0o777)).unwrap();
    folder.write("open/out.json", "old");
    fs::set_permissions(folder.join("open/out.json"), fs::Permissions::from_mode(0o666)).unwrap();
    for (name, reason) in [
        ("read-only.json", "Permission denied"),
        ("closed/out.json", "Permission denied"),
        ("open/out.json", "it belongs to user 0 and group 0"),
    ] {
        let output = exporting_as_nobody(&folder, name);
        assert_eq!(output.status.code(), Some(2), "{name}");
        let said = text(&output);
        assert!(said.contains(&format!("cannot write {name}")) && said.contains(reason), "{said}");
        assert_eq!(folder.read(name), b"old", "{name}");
    }
    assert_eq!(fs::read_dir(folder.join("open")).unwrap().count(), 1);
    let output = exporting_as_nobody(&folder, "open/new.json");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert_eq!(folder.read("open/new.json"), exported());
}

/// The inputs of all commands that write.
fn workplace() -> Folder {
    let folder = manage_repo::repository(1);
    folder.write("kernel.json", KERNEL);
    let case = windows::Case::Win10X64;
    let (_, _, pdb) = case.pdb();
    folder.write("nt.pdb", pdb);
    folder.run(["parse_pdb", "nt.pdb", "-q", "-o", "nt.json.gz"]).check();
    folder.write("image.elf", windows::image(case).write(Container::Elf));
    folder.write("module.ko", fs::read(testdata("dwarf/elf/module-x64.ko")).unwrap());
    for name in ["vmlinux", "module.btf"] {
        let source = testdata(&format!("btf/{}", name.replace("module", "module-x64")));
        folder.write(name, fs::read(source).unwrap());
    }
    folder.write("module.dwarf", fs::read(testdata("volatility/readelf.dwarf")).unwrap());
    fs::create_dir_all(folder.join("packs/one")).unwrap();
    folder.write("packs/one/module.dwarf", DUMP);
    folder.write("packs/one/System.map-6.1.0-test", fs::read(testdata("volatility/System.map")).unwrap());
    folder.write("System.map", "ffffffff81000000 T _text\n");
    folder.write("index.yaml", indexes::SPECIFICATION);
    folder.write(
        "k.exe",
        fixture::pe(&[(&fixture::rsds(GUID_AGE.parse().unwrap(), "k.pdb"), fixture::Reach::Offset)]),
    );
    let wanted = format!(r#"{{"schema": 1, "wanted": [{{"name": "k.pdb", "guid_age": "{GUID_AGE}"}}]}}"#);
    folder.write("wanted.json", wanted);
    fs::create_dir_all(folder.join(&format!("store/k.pdb/{GUID_AGE}"))).unwrap();
    let pdb = fixture::pdb(GUID_AGE.parse().unwrap(), 1000).unwrap();
    folder.write(&format!("store/k.pdb/{GUID_AGE}/k.pdb"), pdb);
    fs::create_dir_all(folder.join("out")).unwrap();
    folder
}

/// Every command that writes a file under a name from the command line; OUT in its line is that name.
const WRITERS: [(&str, &str); 18] = [
    ("parse_pdb nt.pdb -o OUT", "o.json"),
    ("parse_pdb nt.pdb -D out -o OUT", "o.json.gz"),
    ("parse_pdb nt.pdb --format isf -o OUT", "o.json.xz"),
    ("parse module.ko -o OUT", "o.json"),
    ("parse packs/one -o OUT --compat rekall", "o.json"),
    ("parse_dwarf module.ko -o OUT", "o.json"),
    ("parse_btf module.btf --base vmlinux -o OUT", "o.json"),
    ("convert_profile module.dwarf OUT", "o.json"),
    ("convert_profile module.dwarf --output OUT", "o.json"),
    ("convert_profile packs/one OUT", "o.json"),
    ("convert_profile packs/one OUT --compat rekall", "o.json"),
    ("export kernel.json --format libvmi -o OUT", "o.json"),
    ("-f image.elf export nt.json.gz --format libvmi -o OUT", "o.json"),
    ("version_scan image.elf --write-manifest OUT", "o.json"),
    ("-f image.elf --profile nt.json.gz version_modules --write-manifest OUT", "o.json"),
    ("manage_repo --path_to_repository repo missing --output OUT", "o.json"),
    ("fetch_pdb --manifest wanted.json -D out --symbol-path none --write-manifest OUT", "o.json"),
    ("fetch_pdb k.pdb F8E2A8B5C9B74BF4A6E4A48F180099942 -D out --symbol-path store", "k.pdb"),
];

fn words(line: &str, out: &str) -> Vec<String> {
    line.split(' ').map(|word| if word == "OUT" { out.to_owned() } else { word.to_owned() }).collect()
}

fn finished(folder: &Folder, line: &[String]) -> Output {
    folder.run(line).command().output().unwrap()
}

#[test]
fn every_writer_writes_whole_through_links_and_through_pipes() {
    let folder = workplace();
    for (line, name) in WRITERS {
        // With `-D out` the name is relative to that, and some commands choose the name.
        let relative = line.contains("-D out -o") || !line.contains("OUT");
        let place = if relative { format!("out/{name}") } else { name.to_owned() };
        let line = words(line, name);
        let said = line.join(" ");
        let plain = finished(&folder, &line);
        assert_ne!(plain.status.code(), Some(2), "{said}: {}", text(&plain));
        let expected = folder.read(&place);
        assert!(!expected.is_empty(), "{said}");
        fs::remove_file(folder.join(&place)).unwrap();

        // A link to a file with a mode of its own.
        folder.write("target", "old");
        fs::set_permissions(folder.join("target"), fs::Permissions::from_mode(0o640)).unwrap();
        symlink(folder.join("target"), folder.join(&place)).unwrap();
        let linked = finished(&folder, &line);
        assert_eq!(linked.status.code(), plain.status.code(), "{said}: {}", text(&linked));
        assert!(folder.join(&place).is_symlink(), "{said}: the link was replaced");
        assert_eq!(folder.read("target"), expected, "{said}");
        assert_eq!(fs::metadata(folder.join("target")).unwrap().mode() & 0o7777, 0o640, "{said}");
        fs::remove_file(folder.join(&place)).unwrap();

        assert!(made("mkfifo", &[&place], &folder));
        let pipe = folder.join(&place);
        let reader = std::thread::spawn(move || fs::read(pipe).unwrap());
        let piped = finished(&folder, &line);
        assert_eq!(piped.status.code(), plain.status.code(), "{said}: {}", text(&piped));
        assert!(fs::metadata(folder.join(&place)).unwrap().file_type().is_fifo(), "{said}");
        assert_eq!(reader.join().unwrap(), expected, "{said}");
        fs::remove_file(folder.join(&place)).unwrap();
    }
    let left: Vec<String> = folder.names().into_iter().filter(|name| name.contains("partial")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_debug_file_comes_through_a_link_and_through_a_pipe() {
    let content = fs::read(testdata("dwarf/elf/gcc-x64")).unwrap();
    let id = dwarf_converter::build_id(&content).unwrap();
    let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let served = content.clone();
    let server = Server::start(move |_: &Request| Response::bytes(served.clone())).unwrap();
    let folder = Folder::new();
    let (line, name) = (["fetch_debug", &id, "--server", &server.url()], format!("{id}.debug"));
    folder.write("target", "old");
    symlink("target", folder.join(&name)).unwrap();
    folder.run(line).check();
    assert!(folder.join(&name).is_symlink());
    assert_eq!(folder.read("target"), content);
    fs::remove_file(folder.join(&name)).unwrap();
    assert!(made("mkfifo", &[&name], &folder));
    let pipe = folder.join(&name);
    let reader = std::thread::spawn(move || fs::read(pipe).unwrap());
    folder.run(line).check();
    assert_eq!(reader.join().unwrap(), content);
    // The file names its own build, and would be replaced by the server's file.
    fs::remove_file(folder.join(&name)).unwrap();
    folder.write(&name, &content);
    folder
        .run(["fetch_debug", &name, "--server", &server.url()])
        .status(2)
        .stderr("one of the inputs")
        .check();
    folder.run(["fetch_debug", "-f", &name, "--server", &server.url()]).status(2).check();
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn manual_pages_go_through_links_and_leave_nothing_behind() {
    let folder = Folder::new();
    folder.run(["man", "pages"]).check();
    let page = folder.read("pages/rekall-profile.1");
    let count = fs::read_dir(folder.join("pages")).unwrap().count();
    assert!(count > 20 && page.starts_with(b".ie"), "{count}");
    fs::remove_file(folder.join("pages/rekall-profile.1")).unwrap();
    folder.write("elsewhere", "old");
    symlink("../elsewhere", folder.join("pages/rekall-profile.1")).unwrap();
    folder.run(["man", "pages"]).check();
    assert_eq!(folder.read("elsewhere"), page);
    assert_eq!(fs::read_dir(folder.join("pages")).unwrap().count(), count);
    // Two pages that lead to one file.
    fs::remove_file(folder.join("pages/rekall-profile-check.1")).unwrap();
    symlink("../elsewhere", folder.join("pages/rekall-profile-check.1")).unwrap();
    folder.run(["man", "pages"]).status(2).stderr("are the same file").check();
    assert_eq!(folder.read("elsewhere"), page);
}

/// Command lines in which OUT is also an input, with the input's name.
const CLASHES: [(&str, &str); 32] = [
    ("parse_pdb nt.pdb -o OUT", "nt.pdb"),
    ("parse_pdb -f nt.pdb --format isf -o OUT", "nt.pdb"),
    ("parse_pdb nt.pdb -D . -o OUT", "nt.pdb"),
    ("parse module.ko -o OUT", "module.ko"),
    ("parse module.ko --system-map System.map -o OUT", "System.map"),
    ("parse module.btf --base vmlinux -o OUT", "vmlinux"),
    ("parse_dwarf module.ko -o OUT", "module.ko"),
    ("parse_dwarf -f module.ko -o OUT", "module.ko"),
    ("parse_dwarf module.ko --system-map System.map -o OUT", "System.map"),
    ("parse_btf module.btf --base vmlinux -o OUT", "module.btf"),
    ("parse_btf module.btf --base vmlinux -o OUT", "vmlinux"),
    ("parse_btf vmlinux --system-map System.map -o OUT", "System.map"),
    ("convert_profile module.dwarf OUT", "module.dwarf"),
    ("convert_profile module.dwarf --output OUT --compat rekall", "module.dwarf"),
    ("convert_profile packs/one --output OUT", "packs/one/module.dwarf"),
    ("convert_profile packs --output OUT --compat rekall", "packs/one/module.dwarf"),
    ("export kernel.json --format isf -o OUT", "kernel.json"),
    ("-f image.elf export nt.json.gz --format libvmi -o OUT", "image.elf"),
    ("-f image.elf export nt.json.gz --format libvmi -o OUT", "nt.json.gz"),
    ("-f split.E01 export nt.json.gz --format libvmi -o OUT", "split.E02"),
    ("-f guest.vmem export nt.json.gz --format libvmi -o OUT", "guest.vmss"),
    ("version_scan image.elf --write-manifest OUT", "image.elf"),
    ("-f image.elf version_scan --write-manifest OUT", "image.elf"),
    ("-f split.E01 version_scan --write-manifest OUT", "split.E03"),
    ("-f image.elf --profile nt.json.gz version_modules --write-manifest OUT", "image.elf"),
    ("-f image.elf --profile nt.json version_modules --write-manifest OUT", "nt.json.gz"),
    ("manage_repo --path_to_repository repo missing --output OUT", "repo/v1.0/config.yaml"),
    ("manage_repo --path_to_repository repo missing --output OUT", "repo/v1.0/src/nt/guids.yaml"),
    ("build_index index.yaml --root repo --output OUT", "index.yaml"),
    ("fetch_pdb --manifest wanted.json -D out --symbol-path store --write-manifest OUT", "wanted.json"),
    ("fetch_pdb k.exe -D out --symbol-path store --write-manifest OUT", "k.exe"),
    (
        "fetch_pdb --manifest wanted.json -D out --symbol-path store --write-manifest OUT",
        "store/k.pdb/F8E2A8B5C9B74BF4A6E4A48F180099942/k.pdb",
    ),
];

#[test]
fn no_command_writes_to_its_input_under_any_of_its_names() {
    let folder = workplace();
    for name in ["split.E01", "split.E02", "split.E03", "guest.vmem", "guest.vmss"] {
        folder.write(name, "evidence");
    }
    for (line, input) in CLASHES {
        let before = folder.read(input);
        let number = fs::metadata(folder.join(input)).unwrap().ino();
        fs::hard_link(folder.join(input), folder.join("hard.json")).unwrap();
        symlink(input, folder.join("soft.json")).unwrap();
        let full = folder.join(input).to_str().unwrap().to_owned();
        let dotted = format!("./out/../{input}");
        // If an ending decides the compression, names with the input's own ending may be refused because of it.
        for name in [input, &full, &dotted, "hard.json", "soft.json"] {
            let line = words(line, name);
            // A file from an earlier run would be found instead of the input.
            fs::remove_dir_all(folder.join("out")).unwrap();
            fs::create_dir(folder.join("out")).unwrap();
            let output = finished(&folder, &line);
            let said = format!("{}: {}", line.join(" "), text(&output));
            assert_eq!(output.status.code(), Some(2), "{said}");
            let packed = input.ends_with(".gz") && said.contains("only plain text");
            let plain = said.contains("read plain JSON alone");
            assert!(said.contains("input") || packed || plain, "{said}");
            assert_eq!(folder.read(input), before, "{said}");
            assert_eq!(fs::metadata(folder.join(input)).unwrap().ino(), number, "{said}");
        }
        fs::remove_file(folder.join("hard.json")).unwrap();
        fs::remove_file(folder.join("soft.json")).unwrap();
    }
}

#[test]
fn an_input_is_refused_before_it_is_read() {
    let folder = Folder::new();
    // No command could use this file.
    folder.write("evidence", "x");
    for line in [
        "parse_pdb evidence -o evidence",
        "parse_dwarf evidence -o evidence",
        "export evidence --format isf -o evidence",
        "-f evidence version_scan --write-manifest evidence",
        "fetch_pdb --manifest evidence --write-manifest evidence",
        "build_index evidence --output evidence",
    ] {
        folder.run(line.split(' ')).status(2).stderr("evidence: it is the same file as an input").check();
    }
    assert_eq!(folder.read("evidence"), b"x");
}

#[test]
fn standard_input_is_an_input_too() {
    let folder = kernel();
    let evidence = fs::read(testdata("pdb/types-x64/input.pdb")).unwrap();
    folder.write("evidence", &evidence);
    fs::hard_link(folder.join("evidence"), folder.join("again")).unwrap();
    for line in [
        "parse_pdb - -o evidence",
        "parse_pdb - -o again",
        "parse_pdb - --output=./evidence",
        "parse - -o evidence",
        "parse_dwarf - -o evidence",
        "convert_profile - evidence",
    ] {
        let input = File::open(folder.join("evidence")).unwrap();
        let mut command = folder.run(line.split(' ')).command();
        let output = command.stdin(input).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{line}: {}", text(&output));
        assert!(text(&output).contains("it is the same file as"), "{line}: {}", text(&output));
        assert_eq!(folder.read("evidence"), evidence, "{line}");
    }
    let input = File::open(folder.join("evidence")).unwrap();
    let output = folder.run(["parse_pdb", "-", "-o", "new.json"]).command().stdin(input).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
}

#[test]
fn standard_output_is_an_output_too() {
    let folder = kernel();
    let before = folder.read("kernel.json");
    for line in
        ["inspect kernel.json", "export kernel.json --format isf", "export kernel.json --format isf -o -"]
    {
        let file = File::options().append(true).open(folder.join("kernel.json")).unwrap();
        let mut command = folder.run(line.split(' ')).command();
        let output = command.stdout(file).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{line}");
        assert!(text(&output).contains("standard output goes to kernel.json, which is an input"), "{line}");
        assert_eq!(folder.read("kernel.json"), before, "{line}");
    }
}

#[test]
fn two_outputs_are_not_one_file() {
    let folder = workplace();
    let line = ["fetch_pdb", "k.pdb", GUID_AGE, "-D", "out", "--symbol-path", "none", "--write-manifest"];
    let same = |name: &str| {
        let run = folder.run(line.iter().copied().chain([name]));
        run.status(2).stderr("are the same file").check();
    };
    same("out/k.pdb");
    same("out/../out/k.pdb");
    symlink("out/k.pdb", folder.join("link")).unwrap();
    same("link");
    fs::remove_file(folder.join("link")).unwrap();
    // A pack in a zip archive, and one with a name that gives the same profile.
    fs::create_dir_all(folder.join("many/a.zip")).unwrap();
    fs::create_dir_all(folder.join("many/a")).unwrap();
    for pack in ["many/a.zip", "many/a"] {
        folder.write(&format!("{pack}/module.dwarf"), folder.read("module.dwarf"));
    }
    fs::create_dir(folder.join("made")).unwrap();
    folder.run(["convert_profile", "many", "made"]).status(2).stderr("are the same file").check();
    assert_eq!(fs::read_dir(folder.join("made")).unwrap().count(), 0);
}

#[test]
fn endings_that_suggest_another_format_are_refused() {
    let folder = workplace();
    for (line, _) in WRITERS.iter().filter(|(line, _)| line.contains("OUT")) {
        for name in ["o.json.zst", "o.json.ZST", "o.bz2", "o.json.Zip", "o.zip"] {
            let output = finished(&folder, &words(line, name));
            let said = format!("{line}: {}", text(&output));
            assert_eq!(output.status.code(), Some(2), "{said}");
            assert!(said.contains("files are not written") && said.contains("plain text"), "{said}");
            assert!(!folder.join(name).exists() && !folder.join("out").join(name).exists(), "{said}");
        }
    }
    folder
        .run(["build_index", "index.yaml", "-o", "x.zst"])
        .status(2)
        .stderr("in .gz (written as gzip)")
        .check();
    let line = ["version_scan", "image.elf", "--write-manifest", "wanted.json.gz"];
    folder.run(line).status(2).stderr("only plain text; expected a name such as wanted.json").check();
}

/// The temporary files in a folder.
fn temporaries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|ending| ending == "partial")).collect()
}

/// A download into the folder that never ends has begun.
fn stalled(folder: &Folder, server: &Server) -> Child {
    let known = temporaries(folder.path());
    let line = ["fetch_debug", BUILD_ID, "--server", &server.url()];
    let child = folder.run(line).command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while temporaries(folder.path()).iter().all(|path| known.contains(path)) {
        assert!(begun.elapsed() < Duration::from_secs(20), "no download began");
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

#[test]
fn leftovers_of_killed_processes_are_removed_and_files_in_use_stay() {
    let content = fs::read(testdata("dwarf/elf/gcc-x64")).unwrap();
    let server = Server::start(move |_: &Request| {
        Response::bytes(content.clone()).with_fault(Fault::StallAfter(5000))
    })
    .unwrap();
    let folder = kernel();
    let mine = [".mine.partial", "my.partial", ".rekall-profile-mine.partial"];
    for name in mine {
        folder.write(name, "mine");
    }
    let mut killed = stalled(&folder, &server);
    let left = temporaries(folder.path());
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_eq!(temporaries(folder.path()).len(), mine.len() + 1, "a killed process cannot tidy up");
    let mut living = stalled(&folder, &server);
    let held: Vec<PathBuf> =
        temporaries(folder.path()).into_iter().filter(|path| !left.contains(path)).collect();
    assert_eq!((held.len(), temporaries(folder.path()).len()), (1, mine.len() + 1), "the leftover is gone");
    for _ in 0..3 {
        export(&folder, "out.json");
    }
    assert!(held[0].exists(), "a living process lost its file");
    living.kill().unwrap();
    living.wait().unwrap();
    export(&folder, "out.json");
    assert_eq!(temporaries(folder.path()).len(), mine.len());
    for name in mine {
        assert_eq!(folder.read(name), b"mine");
    }
}

#[test]
fn a_file_that_is_written_in_place_is_read_whole() {
    // A descriptor that is open only for reading is not written to.
    let folder = kernel();
    folder.write("log", "text");
    let log = File::open(folder.join("log")).unwrap();
    let output = exporting(&folder, "/dev/fd/0").stdin(log).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(folder.read("log"), b"text");
    // One that is open for both is written at its position.
    let mut log = File::options().read(true).write(true).open(folder.join("log")).unwrap();
    log.seek(SeekFrom::End(0)).unwrap();
    log.write_all(b"\n").unwrap();
    let status = exporting(&folder, "/dev/fd/0").stdin(log).status().unwrap();
    assert_eq!(status.code(), Some(1));
    assert_eq!(folder.read("log"), [b"text\n".as_slice(), &exported()].concat());
}

#[test]
fn a_pipe_among_the_temporary_files_blocks_nobody() {
    let folder = Folder::new();
    fs::create_dir(folder.join("tmp")).unwrap();
    for name in ["tmp/pipe", "tmp/rekall-profile.pipe", "tmp/.rekall-profile-aaaaaaaaaaaa.partial"] {
        assert!(made("mkfifo", &[name], &folder));
    }
    folder.run(["pslist"]).env("TMPDIR", folder.join("tmp")).status(2).stderr("which image?").check();
    folder.run(["man", "tmp"]).check();
}
