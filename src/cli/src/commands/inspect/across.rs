use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use analyzer::Layout;
use anyhow::bail;
use profile::{Progress, Silent};
use repository::{Options, ProfileName, Repositories};
use serde_json::{Value, json};

use crate::arguments;
use crate::console::Console;
use crate::outcome::Outcome;
use crate::table::Table;

/// One profile's answer.
struct Row {
    name: ProfileName,
    /// What says which build it is.
    build: String,
    /// For each member, where it lies; nothing where the profile has no such member.
    offsets: Vec<Option<String>>,
}

/// Lists where the members lie in every profile of the repository that has one of them, in the order of names.
///
/// # Errors
/// Names that are no members, or a repository that cannot be listed.
pub fn run(
    place: &str,
    members: &[String],
    symbols: &arguments::Symbols,
    console: &Console,
) -> anyhow::Result<Outcome> {
    if let Some(member) = members.iter().find(|member| !member.contains('.')) {
        bail!("{member}: --across shows members; name one as STRUCT.MEMBER");
    }
    let options = Options { cache: None, client: symbols.client(symbols::Web::options())? };
    let repositories = Repositories::open(&[place.to_owned()], &options)?;
    let (names, failed) = repositories.names("");
    if let Some(error) = failed.into_iter().next() {
        return Err(error.into());
    }
    let (rows, mut unread) = look(&repositories, &names, members, console);
    unread.sort();
    if console.json() {
        let row =
            |row: &Row| json!({"profile": row.name.to_string(), "build": row.build, "offsets": row.offsets});
        let rows: Vec<Value> = rows.iter().map(row).collect();
        console.print_json(json!({"members": members, "profiles": rows, "unread": unread}))?;
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
        console.print(&table.print())?;
    }
    for problem in &unread {
        console.warn(problem);
    }
    console.say(format_args!("{} of {} profiles have it", rows.len(), names.len()));
    Ok(Outcome::from_good(!rows.is_empty() && unread.is_empty()))
}

/// Reads the profiles on many threads.
fn look(
    repositories: &Repositories,
    names: &[ProfileName],
    members: &[String],
    console: &Console,
) -> (Vec<Row>, Vec<String>) {
    const STEP: &str = "Reading profiles";
    let (next, progress) = (AtomicUsize::new(0), console.progress());
    let found: Mutex<(Vec<Row>, Vec<String>)> = Mutex::default();
    progress.begin(STEP, Some(names.len() as u64));
    std::thread::scope(|scope| {
        for _ in 0..console.threads().min(names.len()).max(1) {
            scope.spawn(|| {
                while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let row = row(repositories, name, members);
                    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                    match row {
                        Ok(row) => found.0.extend(row),
                        Err(problem) => found.1.push(problem),
                    }
                    progress.advance(STEP, (found.0.len() + found.1.len()) as u64);
                }
            });
        }
    });
    progress.end(STEP);
    let (mut rows, unread) = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    rows.sort_by(|left, right| left.name.cmp(&right.name));
    (rows, unread)
}

/// The answer of one profile; nothing where it has none of the members, or is a symlink to one that answers itself.
fn row(repositories: &Repositories, name: &ProfileName, members: &[String]) -> Result<Option<Row>, String> {
    let loaded = repositories.load(name, &Silent).map_err(|error| error.to_string())?;
    if !loaded.way.is_empty() {
        return Ok(None);
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
    let said = |key: &str| layout.metadata(key);
    let build = said("PDBFile").or_else(|| said("Release")).or_else(|| said("release")).unwrap_or_default();
    let some = offsets.iter().any(Option::is_some);
    Ok(some.then_some(Row { name: loaded.name, build, offsets }))
}
