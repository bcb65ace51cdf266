//! Symbol tables of Volatility 3 that others collected, taken into a repository.

use std::io::Read;

use converters::Identity;
use profile::{MappedFile, Profile, Progress, Report, System, Verdict, guarded};
use symbols::{Downloads, Expected};
use url::Url;

use super::import::{Imported, import};
use super::make::read_table;
use crate::collection::{Collection, Filter, Mode, Place, Row, Taken, read_rows, stem};
use crate::printed::Printed;
use crate::{Error, ProfileName, Storage};

/// What became of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TableVerdict {
    /// It is a profile of the repository now.
    Taken(Imported),
    /// The repository has a profile of this name already, which stays.
    Known(ProfileName),
    /// It gives no good profile.
    Failed(String),
}

/// The largest table that is fetched, in bytes.
const LARGEST: u64 = 1 << 30;

/// Takes the tables of a list (`banners.json`), and of the lists that it names, into a repository: each is fetched,
/// converted, judged, and imported if it is good. `versions` are patterns of the kernels that are wanted; none wants all.
/// No more than `most` tables are fetched. `each` is told of every table, and of everything that is listed and not taken.
///
/// # Errors
/// Where the list cannot be read, or the repository cannot be written.
pub fn import_tables(
    storage: &dyn Storage,
    list: &Url,
    versions: &[String],
    most: usize,
    downloads: &Downloads,
    progress: &dyn Progress,
    each: &mut dyn FnMut(&str, &TableVerdict),
) -> Result<(), Error> {
    const STEP: &str = "Importing tables";
    let filter = Filter { versions: versions.to_vec(), ..Filter::default() };
    let collection =
        Collection { place: Place::Isf { address: list.clone() }, mode: Mode::default(), filter };
    let read = read_rows(&collection, downloads, progress);
    let Taken { mut rows, refused } = read.map_err(|problem| {
        // A problem with the list itself names it already.
        let place = list.to_string();
        let problem = problem.strip_prefix(&format!("{place}: ")).map(str::to_owned).unwrap_or(problem);
        Error::Storage { place, problem }
    })?;
    rows.truncate(most);
    for (name, reason) in refused {
        each(&name, &TableVerdict::Failed(reason));
    }
    progress.begin(STEP, Some(rows.len() as u64));
    for (done, row) in rows.iter().enumerate() {
        let verdict = take(storage, row, downloads, progress)?;
        each(row.url.as_deref().unwrap_or(&row.path), &verdict);
        progress.advance(STEP, done as u64 + 1);
    }
    progress.end(STEP);
    Ok(())
}

/// Takes one table. An error is one of the repository.
fn take(
    storage: &dyn Storage,
    row: &Row,
    downloads: &Downloads,
    progress: &dyn Progress,
) -> Result<TableVerdict, Error> {
    let Some(url) = row.url.as_deref().and_then(|url| Url::parse(url).ok()) else {
        return Ok(TableVerdict::Failed("it has no address".to_owned()));
    };
    let expected = Expected { limit: LARGEST, size: None, sha256: None };
    let mut fetched = match downloads.fetch(&url, expected, progress) {
        Ok(fetched) => fetched,
        Err(error) => return Ok(TableVerdict::Failed(error.to_string())),
    };
    let mut bytes = Vec::new();
    fetched.file.read_to_end(&mut bytes).map_err(|error| Error::io("the temporary file", error))?;
    // Whatever a hostile table does to the reader costs itself.
    let made = guarded(|| {
        let (profile, report) =
            read_table(MappedFile::from(bytes), &fetched.sha256).map_err(|error| error.reason)?;
        print(profile, report, row)
    });
    let (name, bytes) =
        match made.unwrap_or_else(|| Err("the reader gave up on it: please report it".to_owned())) {
            Ok(made) => made,
            Err(reason) => return Ok(TableVerdict::Failed(reason)),
        };
    if storage.stat(&name.key())?.is_some() {
        return Ok(TableVerdict::Known(name));
    }
    Ok(TableVerdict::Taken(import(storage, url.as_str(), &bytes, Some(name))?))
}

/// The profile's name and object, if it is good.
fn print(profile: Profile, report: Report, row: &Row) -> Result<(ProfileName, Vec<u8>), String> {
    let name = match Identity::of(&profile) {
        Some(identity) => ProfileName::of_build(&identity),
        // Tables of Linux and macOS are told by their banners, and named by where they come from.
        None => {
            let family = if profile.system == System::Mac { "OSX" } else { "Linux" };
            format!("{family}/{}", stem(&row.path)).parse()
        }
    };
    let name = name.map_err(|error: Error| error.to_string())?;
    let Printed { bytes, health, .. } =
        Printed::new(profile, report, &[]).map_err(|error| error.to_string())?;
    match health.verdict {
        Verdict::Failed => Err(format!("its profile would be no good: {}", health.reasons.join("; "))),
        _ => Ok((name, bytes)),
    }
}
