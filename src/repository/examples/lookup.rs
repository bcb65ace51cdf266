//! Measures lookups of a name in a repository: `lookup PLACE NAME...`, where PLACE is a folder, an address or a
//! bucket. Prints microseconds: the first lookup (which reads an inventory if there is one), and the median of the
//! later ones, each in a newly opened repository. `scripts/bench-repository` calls it.

use std::time::Instant;

use profile::Silent;
use repository::{Error, Options, ProfileName, Repositories};

const ROUNDS: usize = 41;

fn main() -> Result<(), Error> {
    let mut words = std::env::args().skip(1);
    let place = words.next().unwrap_or_default();
    let names = words.map(|name| name.parse()).collect::<Result<Vec<ProfileName>, Error>>()?;
    let cache = std::env::var_os("LOOKUP_CACHE").map(Into::into);
    let options = Options { cache, ..Options::default() };
    for name in &names {
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let start = Instant::now();
            let found = Repositories::open(std::slice::from_ref(&place), &options)?.load(name, &Silent);
            times.push(start.elapsed().as_micros());
            match found {
                Ok(_) | Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let first = times.remove(0);
        times.sort_unstable();
        println!("{first} {}", times.get(times.len() / 2).copied().unwrap_or_default());
    }
    Ok(())
}
