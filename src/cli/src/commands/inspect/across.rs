use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use analyzer::Layout;
use anyhow::bail;
use profile::{Progress, Silent};
use repository::{Options, ProfileName, Repositories};

use crate::console::{Console, Table};
use crate::options::Connection;
use crate::outcome::Outcome;
use crate::report::inspect as report;

/// The result for one profile.
struct Row {
    name: ProfileName,
    /// Its build.
    build: String,
    /// The offset of each member; `None` if the profile has no such member.
    offsets: Vec<Option<String>>,
}

/// Lists the offsets of the members in every profile of the repository that has one of them, in the order of names.
///
/// # Errors
/// An error for names that are not members, or if the repository cannot be listed.
pub fn run(
    place: &str,
    members: &[String],
    connection: &Connection,
    console: &Console,
) -> anyhow::Result<Outcome> {
    if let Some(member) = members.iter().find(|member| !member.contains('.')) {
        bail!("{member}: --across shows members; name one as STRUCT.MEMBER");
    }
    let options = Options { cache: None, client: connection.client(symbols::Web::options())? };
    let repositories = Repositories::open(&[place.to_owned()], &options)?;
    let (names, failed) = repositories.names("");
    if let Some(error) = failed.into_iter().next() {
        return Err(error.into());
    }
    let Found { rows, others, mut unread, .. } = look(&repositories, &names, members, console);
    let profiles = rows.len() + others + unread.len();
    unread.sort();
    if console.json() {
        let profiles = rows.iter().map(|row| report::Row {
            profile: row.name.to_string(),
            build: row.build.clone(),
            offsets: row.offsets.clone(),
        });
        console.print_report(&report::Inspection::Across {
            members: members.to_vec(),
            profiles: profiles.collect(),
            unread: unread.clone(),
        })?;
    } else {
        let mut heads = vec!["Profile".to_owned(), "Build".to_owned()];
        heads.extend(members.iter().map(|member| format!(">{member}")));
        let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
        let mut table = Table::new(&heads);
        for row in &rows {
            let mut cells = vec![row.name.to_string(), row.build.clone()];
            cells.extend(row.offsets.iter().map(|offset| offset.clone().unwrap_or_else(|| "-".to_owned())));
            table.row(cells);
        }
        console.print(&table.lines())?;
    }
    for problem in &unread {
        console.warn(problem);
    }
    console.info(format_args!("{} of {profiles} profiles have it", rows.len()));
    Ok(Outcome::from_good(!rows.is_empty() && unread.is_empty()))
}

/// The results of reading the profiles of a repository.
#[derive(Default)]
struct Found {
    rows: Vec<Row>,
    /// How many profiles have none of the members.
    others: usize,
    /// Why objects could not be read.
    unread: Vec<String>,
    /// How many objects were read.
    seen: u64,
}

/// Reads the profiles on many threads.
fn look(repositories: &Repositories, names: &[ProfileName], members: &[String], console: &Console) -> Found {
    const STEP: &str = "Reading profiles";
    let (next, progress) = (AtomicUsize::new(0), console.progress());
    let found: Mutex<Found> = Mutex::default();
    progress.begin(STEP, Some(names.len() as u64));
    std::thread::scope(|scope| {
        for _ in 0..console.threads().min(names.len()).max(1) {
            scope.spawn(|| {
                while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let answer = answer(repositories, name, members);
                    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                    match answer {
                        Ok(Answer::Has(row)) => found.rows.push(row),
                        Ok(Answer::Lacks) => found.others += 1,
                        Ok(Answer::NotAProfile) => {}
                        Err(problem) => found.unread.push(problem),
                    }
                    found.seen += 1;
                    progress.advance(STEP, found.seen);
                }
            });
        }
    });
    progress.end(STEP);
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.rows.sort_by(|left, right| left.name.cmp(&right.name));
    found
}

/// The result for an object of a repository.
enum Answer {
    /// It is a profile with one of them.
    Has(Row),
    /// It is a profile with none of them.
    Lacks,
    /// It is an index, a symlink to a profile that is read itself, or similar.
    NotAProfile,
}

/// Sections of which a profile has at least one.
const SECTIONS: [&str; 4] = ["\"$STRUCTS\"", "\"$CONSTANTS\"", "\"$FUNCTIONS\"", "\"$ENUMS\""];

fn answer(repositories: &Repositories, name: &ProfileName, members: &[String]) -> Result<Answer, String> {
    let loaded = repositories.load(name, &Silent).map_err(|error| error.to_string())?;
    let text = loaded.text.as_str();
    let is_profile = !text.contains("\"$INDEX\"") && SECTIONS.iter().any(|section| text.contains(section));
    if !loaded.way.is_empty() || !is_profile {
        return Ok(Answer::NotAProfile);
    }
    let layout = Layout::from_text(loaded.text);
    let offset = |member: &String| {
        let field = layout.field(member).ok()?;
        Some(match field.bits {
            Some(bits) => format!("{:#x}:{}-{}", field.offset, bits.start, bits.end),
            None => format!("{:#x}", field.offset),
        })
    };
    let offsets: Vec<Option<String>> = members.iter().map(offset).collect();
    if offsets.iter().all(Option::is_none) {
        return Ok(Answer::Lacks);
    }
    let said = |key: &str| layout.metadata(key);
    let build = said("PDBFile").or_else(|| said("Release")).or_else(|| said("release")).unwrap_or_default();
    Ok(Answer::Has(Row { name: loaded.name, build, offsets }))
}
