//! Runs the command lines in blocks of the README and of docs/ as they are shown, one page after another, if their
//! inputs can be made.

use std::path::{Path, PathBuf};
use std::process::Command;

use memory_images::{Container, windows};
use symbol_server::fixture;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::harness::Folder;
use crate::manage_repo::{OURS, kernel};

pub const BUILD: &str = "F8E2A8B5C9B74BF4A6E4A48F180099942";
const CASE: windows::Case = windows::Case::Win10X64;
const DEB: &str = "linux-image-6.1.0-56-cloud-amd64-dbg_6.1.192-2_amd64.deb";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn pack() -> Vec<u8> {
    let dump = std::fs::read(root().join("testdata/volatility/lines.dwarf")).unwrap();
    let mut writer = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer.start_file("module.dwarf", SimpleFileOptions::default()).unwrap();
    std::io::Write::write_all(&mut writer, &dump).unwrap();
    writer.finish().unwrap().into_inner()
}

/// A folder with a file under each name that the pages use.
pub fn inputs() -> Folder {
    let folder = Folder::new();
    let put = |name: &str, bytes: &[u8]| {
        std::fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
        folder.write(name, bytes);
    };
    // The kernel in the articles: ours under its name.
    let pdb = fixture::reidentified(&kernel(), OURS.parse().unwrap(), BUILD.parse().unwrap()).unwrap();
    put(&format!("symbols/ntkrnlmp.pdb/{BUILD}/ntkrnlmp.pdb"), &pdb);
    // An image whose kernel's PDB exists.
    let image = windows::image(CASE);
    for name in ["memory.raw", "win7.raw", "win7.elf"] {
        put(name, &image.write(Container::Elf));
    }
    put(&format!("store/ntkrnlmp.pdb/{BUILD}/ntkrnlmp.pdb"), &pdb);
    let (_, name, bytes) = CASE.pdb();
    put(name, bytes);
    let records = folder.run(["-f", "memory.raw", "version_scan", "--name_regex", "^nt", "--json"]).check();
    let records: serde_json::Value = serde_json::from_str(&records).unwrap();
    let guid = records["records"][0]["guid_age"].as_str().unwrap();
    put(&format!("symbols/{name}/{guid}/{name}"), bytes);
    folder.run(["parse_pdb", name, "-q", "-o", "kernel.json.gz"]).check();
    std::fs::copy(folder.join("kernel.json.gz"), folder.join("profile.json.gz")).unwrap();
    std::fs::remove_file(folder.join(name)).unwrap();
    put("ntkrnlmp.pdb", &pdb);
    let data = |name: &str| std::fs::read(root().join("testdata").join(name)).unwrap();
    put("vmlinux", &data("dwarf/elf/gcc-x64"));
    put("vmlinux-7.3.4", &data("btf/vmlinux"));
    put("fuse.ko", &data("btf/module.ko"));
    put("System.map-7.3.4", b"0000000000403060 D init_task\n");
    put(DEB, &data("dwarf/packages/kernel-xz.deb"));
    put("profiles/Volatility/OSX_10.6.6_AMD.zip", &pack());
    put("Ubuntu1604.zip", &pack());
    put("src/nt/index.yaml", b"path: nt\ntype: export\n");
    put("3b43fad5034874490492495d552c0af6a5fab235.debug", &data("dwarf/elf/gcc-x64"));
    // No line in the pages may reach a server from here.
    put(".rekallrc", b"profile_path:\n  - ~/rekall.profiles\n");
    folder
}

/// Lines that cannot run here, each given by a part of it, with the reason.
const ELSEWHERE: [(&str, &str); 13] = [
    ("linux.raw", "needs the memory of a Linux machine"),
    ("linux-binary-", "needs the package of a kernel"),
    ("repository/v1.0/Linux/", "needs a profile that an earlier line makes of such memory"),
    ("/sys/kernel/btf/", "reads the running kernel"),
    ("/etc/vmi/", "writes into a folder of the system"),
    ("fetch_debug", "asks a server"),
    ("serve ", "does not end"),
    ("HTTPS_PROXY", "asks a server through a proxy"),
    ("--only task_struct", "needs a whole kernel of Linux"),
    ("--only vm_area_struct", "needs a whole kernel of Linux"),
    ("vmlinux.zst", "needs a whole kernel of Linux"),
    ("export symbols/linux/", "needs a table that an earlier line makes of another kernel"),
    ("convert_profile Ubuntu1604.zip", "needs a pack with a banner"),
];

/// Lines with a negative result for these inputs: our small Linux kernels lack what readers need, and the image has
/// no such module.
const NEGATIVE: [&str; 5] = [
    "guess_guid tcpip",
    "parse_dwarf",
    "parse_btf vmlinux-7.3.4",
    "convert_profile",
    "--manifest wanted.json",
];

/// The blocks of a page, each as its lines; for blocks with prompts, the text after the prompts.
fn blocks(page: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(root().join(page)).unwrap();
    let mut blocks = Vec::new();
    for block in text.split("```").skip(1).step_by(2) {
        let lines: Vec<&str> = block.lines().skip(1).collect();
        if !lines.iter().any(|line| line.contains("rekall-profile ")) {
            continue;
        }
        let prompts = lines.iter().any(|line| line.starts_with("$ "));
        let lines = lines.iter().filter(|line| !prompts || line.starts_with("$ "));
        blocks.push(lines.map(|line| line.trim_start_matches("$ ").to_owned()).collect());
    }
    blocks
}

/// Runs a script as a user's shell would; returns its exit code and output.
fn shell(folder: &Folder, script: &str) -> (Option<i32>, String) {
    let program = Path::new(env!("CARGO_BIN_EXE_rekall-profile")).parent().unwrap();
    let output = Command::new("sh")
        .args(["-e", "-c", script])
        .current_dir(folder.path())
        .env_clear()
        .env("HOME", folder.path())
        .env("PATH", format!("{}:/usr/bin:/bin", program.display()))
        .env("_NT_SYMBOL_PATH", folder.join("symbols"))
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[cfg(unix)]
#[test]
fn lines_of_the_pages_run_as_they_are_shown() {
    let mut pages: Vec<String> = std::fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| format!("docs/{}", entry.unwrap().file_name().to_string_lossy()))
        .filter(|name| name.ends_with(".md"))
        .collect();
    pages.sort();
    pages.push("README.md".to_owned());
    let (mut ran, mut wrong) = (0, Vec::new());
    for page in pages {
        let folder = inputs();
        if page == "docs/indexes.md" {
            let profiles = folder.join("profiles/v1.0/nt/GUID");
            std::fs::create_dir_all(&profiles).unwrap();
            std::fs::copy(folder.join("kernel.json.gz"), profiles.join(format!("{BUILD}.gz"))).unwrap();
        }
        for block in blocks(&page) {
            // A block that sets something up is one script; in others each line is independent.
            let scripts =
                if block.iter().all(|line| line.contains("rekall-profile ") || line.starts_with("vol "))
                    || block.iter().any(|line| line.starts_with("drakvuf") || line.starts_with("vmi-"))
                {
                    block.iter().filter(|line| line.contains("rekall-profile ")).cloned().collect()
                } else {
                    vec![block.join("\n")]
                };
            for script in scripts {
                if ELSEWHERE.iter().any(|(part, _)| script.contains(part)) {
                    continue;
                }
                ran += 1;
                let (status, told) = shell(&folder, &script);
                let negative = NEGATIVE.iter().any(|part| script.contains(part));
                if status != Some(0) && !(negative && status == Some(1)) {
                    wrong.push(format!("{page}: {script}\n  exit code {status:?}: {told}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(ran >= 15, "{ran} lines ran");
}
