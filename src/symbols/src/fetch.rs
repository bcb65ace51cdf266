use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use profile::{
    AtomicFile, FileId, GuidAge, LARGEST_COMPANION, OutputFile, Progress, is_refusal, open_regular,
};
use url::Url;

use crate::client_options::ClientOptions;
use crate::delivery::{Delivery, Destination};
use crate::download::{Download, End, Habits, Outcome, Tried};
use crate::error::{self, Error};
use crate::http::{self, Client};
use crate::layout::Form;
use crate::listing::Listings;
use crate::manifest::Wanted;
use crate::negative::NegativeCache;
use crate::pointer::Pointer;
use crate::start::Start;
use crate::store::{self, Content, FolderStore, Refusal};
use crate::symbol_path::{Search, Store, SymbolPath, shown};

/// How PDBs are fetched.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where they are searched for.
    pub symbol_path: SymbolPath,
    /// The store that an empty name in the symbol path stands for.
    pub default_store: PathBuf,
    /// The files that servers recently did not have; `None` asks the servers every time.
    pub negative_cache: Option<NegativeCache>,
    /// How servers are contacted.
    pub client: ClientOptions,
    /// The largest accepted file, in bytes.
    pub size_limit: u64,
    /// How many files are fetched at once.
    pub workers: usize,
}

impl Options {
    /// Options with limits that suit most users.
    pub fn new(symbol_path: SymbolPath, default_store: PathBuf) -> Self {
        Self {
            symbol_path,
            default_store,
            negative_cache: None,
            client: ClientOptions::default(),
            size_limit: 8 << 30,
            workers: 4,
        }
    }
}

/// A PDB that was found: a plain file whose GUID and age have been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its path.
    pub path: PathBuf,
    /// Where it was found: an address (without secrets) or a path.
    pub from: String,
    /// Its size in bytes.
    pub size: u64,
}

impl Found {
    /// Copies the file to `path`, which the user gave. Does nothing if that is the same file.
    ///
    /// # Errors
    /// Any error from reading or writing.
    pub fn copy_to(&self, path: &Path) -> io::Result<()> {
        let mut source = File::open(&self.path)?;
        if FileId::of_path(path)
            .is_ok_and(|there| FileId::of_path(&self.path).is_ok_and(|from| from == there))
        {
            return Ok(());
        }
        let mut file = OutputFile::create(path)?;
        io::copy(&mut source, &mut file)?;
        file.commit()
    }
}

/// Fetches PDBs from stores and servers along a symbol path.
pub struct Fetcher {
    options: Options,
    searches: Vec<Search>,
    client: OnceLock<Result<Client, String>>,
    servers: Mutex<HashMap<Url, Server>>,
    listings: Listings,
}

/// What is known about a server, shared by all downloads.
#[derive(Debug, Default)]
struct Server {
    habits: Habits,
    /// The files that it refused (403). This is kept only for this run, since permissions may change.
    refused: HashSet<(String, GuidAge)>,
}

/// One search for one file, with its findings.
struct Task<'a> {
    wanted: &'a Wanted,
    progress: &'a dyn Progress,
    tried: Vec<Tried>,
    /// Whether a failure prevented a clear answer.
    unsure: bool,
    /// Whether a server refused access.
    refused: bool,
}

impl Task<'_> {
    fn note(&mut self, place: impl Into<String>, answer: impl Into<String>) {
        self.tried.push(Tried { place: place.into(), answer: answer.into() });
    }

    /// Notes that the file at a path is not the wanted one, or cannot be read.
    fn refuse(&mut self, path: &Path, refusal: Refusal) {
        let reason = refusal.reason();
        self.progress.debug(&format!("{}: {reason}", path.display()));
        self.note(path.display().to_string(), reason);
        self.unsure = true;
    }
}

impl Fetcher {
    /// Makes a fetcher. Nothing is requested or opened yet.
    pub fn new(options: Options) -> Self {
        let searches = options.symbol_path.searches(&options.default_store);
        Self {
            options,
            searches,
            client: OnceLock::new(),
            servers: Mutex::default(),
            listings: Listings::default(),
        }
    }

    /// Finds one PDB. The symbol path lists the nearest stores first (to the left). Files from servers, and files that were
    /// compressed, are put into the stores to the left of the place where they were found. No file enters a store before its
    /// GUID and age have been checked.
    ///
    /// # Errors
    /// [`Error`], with every place that was tried.
    pub fn fetch(&self, wanted: &Wanted, progress: &dyn Progress) -> Result<Found, Error> {
        let mut task = Task { wanted, progress, tried: Vec::new(), unsure: false, refused: false };
        let mut trouble = None;
        for search in &self.searches {
            match self.search(&mut task, &search.stores) {
                Ok(Some(found)) => return Ok(found),
                Ok(None) => {}
                // A later element may still have the file.
                Err(error) => {
                    trouble.get_or_insert(error);
                }
            }
        }
        if let Some(error) = trouble {
            return Err(error);
        }
        let Task { tried, unsure, refused, .. } = task;
        let wanted = wanted.clone();
        Err(match (unsure, refused) {
            (true, _) => Error::Unavailable { wanted, tried },
            (false, true) => Error::Refused { wanted, tried },
            (false, false) => Error::Missing { wanted, tried },
        })
    }

    /// Finds many PDBs, several at once. The results are in the order of `wanted`.
    pub fn fetch_all(&self, wanted: &[Wanted], progress: &dyn Progress) -> Vec<Result<Found, Error>> {
        const STEP: &str = "Fetching PDBs";
        let next = AtomicUsize::new(0);
        let done = AtomicUsize::new(0);
        let results: Mutex<Vec<(usize, Result<Found, Error>)>> = Mutex::default();
        progress.begin(STEP, Some(wanted.len() as u64));
        std::thread::scope(|scope| {
            for _ in 0..self.options.workers.clamp(1, wanted.len().max(1)) {
                scope.spawn(|| {
                    while let index = next.fetch_add(1, Ordering::Relaxed)
                        && let Some(wanted) = wanted.get(index)
                    {
                        let result = self.fetch(wanted, progress);
                        locked(&results).push((index, result));
                        progress.advance(STEP, done.fetch_add(1, Ordering::Relaxed) as u64 + 1);
                    }
                });
            }
        });
        progress.end(STEP);
        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.sort_by_key(|(index, _)| *index);
        results.into_iter().map(|(_, result)| result).collect()
    }

    /// Searches the stores of one element of the symbol path (`srv*a*b`), from left to right.
    fn search(&self, task: &mut Task, stores: &[Store]) -> Result<Option<Found>, Error> {
        for (index, store) in stores.iter().enumerate() {
            let left: Vec<FolderStore> = stores
                .get(..index)
                .unwrap_or_default()
                .iter()
                .rev()
                .filter_map(|store| match store {
                    Store::Folder(root) => Some(FolderStore::new(root)),
                    _ => None,
                })
                .collect();
            let found = match store {
                Store::Folder(root) => self.look_in(task, root, &left, false)?,
                Store::Loose(root) => self.look_in(task, root, &left, true)?,
                Store::Server(url) => self.ask(task, url, &left)?,
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Searches a folder: as a store, and if it is `loose`, also for files that lie in it under the PDB's own name.
    fn look_in(
        &self,
        task: &mut Task,
        root: &Path,
        left: &[FolderStore],
        loose: bool,
    ) -> Result<Option<Found>, Error> {
        let store = FolderStore::new(root);
        let mut places = store.places(task.wanted);
        if loose {
            let names = [Some(task.wanted.name.clone()), task.wanted.name.lower()];
            for name in names.into_iter().flatten() {
                places.push((Form::Plain, root.join(name.as_str())));
                places.push((Form::Cabinet, root.join(name.compressed())));
            }
        }
        let noted = task.tried.len();
        for (form, path) in &places {
            if let Some(found) = self.look_at(task, *form, path, left)? {
                return Ok(Some(found));
            }
        }
        let mut others = store.other_spellings(task.wanted, &self.listings);
        if loose {
            let names =
                [(Form::Plain, task.wanted.name.to_string()), (Form::Cabinet, task.wanted.name.compressed())];
            for (form, name) in names {
                let paths = self.listings.matching(root, [name.as_str()]);
                others.extend(paths.into_iter().map(|path| (form, path)));
            }
        }
        for (form, path) in others {
            if places.iter().all(|(_, known)| *known != path)
                && let Some(found) = self.look_at(task, form, &path, left)?
            {
                return Ok(Some(found));
            }
        }
        if task.tried.len() == noted {
            task.note(root.display().to_string(), "not here");
        }
        Ok(None)
    }

    /// Checks the file at one path, and returns it if it is the right one.
    fn look_at(
        &self,
        task: &mut Task,
        form: Form,
        path: &Path,
        left: &[FolderStore],
    ) -> Result<Option<Found>, Error> {
        let mut file = match open(path) {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(None),
            Err(error) => {
                task.refuse(path, Refusal::Other(error::in_words(&error)));
                return Ok(None);
            }
        };
        let content = match form {
            Form::Pointer => match store::read_pointer(&mut file) {
                Ok(Pointer::Path(there)) if there.is_file() => {
                    return self.look_at(task, Form::Plain, &there, left);
                }
                Ok(Pointer::Path(there)) => {
                    let reason = format!("it points to {}, where there is no regular file", there.display());
                    Err(Refusal::Other(reason))
                }
                Ok(Pointer::Url(url)) => {
                    let reason = format!("it points to {}; only servers may point to servers", shown(&url));
                    Err(Refusal::Other(reason))
                }
                Ok(Pointer::Message(message)) => Err(Refusal::Other(format!("it says: {message}"))),
                Err(refusal) => Err(refusal),
            },
            _ => store::examine(&mut file, task.wanted),
        };
        let here = path.display().to_string();
        match content {
            Ok(Content::Pdb) => {
                let from = here;
                task.progress.debug(&format!("Found {from}"));
                let path = self.spread(task, path.to_owned(), left);
                Ok(Some(found(path, from, task.wanted)?))
            }
            Ok(Content::Packed(container)) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let (store, mut target) = self.begin(task, left)?;
                let result = store::unpack(
                    &file,
                    container,
                    &name,
                    task.wanted,
                    &mut target,
                    self.options.size_limit,
                    task.progress,
                );
                match result {
                    Ok(()) => Ok(Some(self.put(task, left, &store, target, here)?)),
                    Err(Refusal::Write(source)) => Err(cannot_write(task.wanted, &store, source)),
                    Err(refusal) => {
                        task.refuse(path, refusal);
                        Ok(None)
                    }
                }
            }
            Err(refusal) => {
                task.refuse(path, refusal);
                Ok(None)
            }
        }
    }

    /// Asks a server.
    fn ask(&self, task: &mut Task, server: &Url, left: &[FolderStore]) -> Result<Option<Found>, Error> {
        if self.options.client.offline {
            task.note(shown(server), "not asked (offline)");
            task.unsure = true;
            return Ok(None);
        }
        let now = SystemTime::now();
        if let Some(cache) = &self.options.negative_cache
            && let Some(ago) = cache.lately_missing(server, task.wanted, now)
        {
            task.note(shown(server), format!("not there {} ago (remembered)", in_words(ago)));
            return Ok(None);
        }
        let key = in_store(task.wanted);
        if self.with_server(server, |server| server.refused.contains(&key)) {
            task.note(shown(server), "403, refused before in this run");
            task.refused = true;
            return Ok(None);
        }
        let client = self.client()?;
        let habits = self.with_server(server, |server| server.habits);
        let (store, target) = self.begin(task, left)?;
        let mut incoming =
            Incoming { fetcher: self, wanted: task.wanted, progress: task.progress, store, target };
        let delivery = Delivery {
            client,
            step: format!("Fetching {}", task.wanted),
            size_limit: self.options.size_limit,
            explain: None,
            progress: task.progress,
        };
        let patience = client.patience(server);
        let first = Download::begin(server, task.wanted, habits, patience, fastrand::Rng::new());
        let outcome = delivery.drive(server, first, &mut incoming);
        let Incoming { store, target, .. } = incoming;
        let outcome = outcome.map_err(|source| cannot_write(task.wanted, &store, source))?;
        self.conclude(task, server, outcome, |fetcher, task, from| {
            fetcher.put(task, left, &store, target, from)
        })
    }

    /// Evaluates a download that has ended.
    fn conclude(
        &self,
        task: &mut Task,
        server: &Url,
        outcome: Outcome,
        put: impl FnOnce(&Self, &mut Task, String) -> Result<Found, Error>,
    ) -> Result<Option<Found>, Error> {
        self.with_server(server, |server| server.habits.learn(outcome.habits));
        task.tried.extend(outcome.tried);
        match outcome.end {
            End::Found { from } => {
                if let Some(cache) = &self.options.negative_cache {
                    cache.forget(server, task.wanted);
                }
                put(self, task, from).map(Some)
            }
            End::Missing => {
                if let Some(cache) = &self.options.negative_cache
                    && let Err(error) = cache.remember(server, task.wanted, SystemTime::now())
                {
                    let place = cache.folder.display();
                    task.progress.debug(&format!("{place}: cannot remember what is missing: {error}"));
                }
                Ok(None)
            }
            End::Refused => {
                let key = in_store(task.wanted);
                self.with_server(server, |server| server.refused.insert(key));
                task.refused = true;
                Ok(None)
            }
            End::Failed => {
                task.unsure = true;
                Ok(None)
            }
        }
    }

    /// Creates a file in the nearest store to the left that accepts it or, if there is none, in the default store.
    fn begin(&self, task: &mut Task, left: &[FolderStore]) -> Result<(FolderStore, AtomicFile), Error> {
        let fallback = FolderStore::new(&self.options.default_store);
        let mut last = None;
        for store in left.iter().chain(Some(&fallback)) {
            match store.begin(task.wanted) {
                Ok(file) => return Ok((store.clone(), file)),
                Err(error) => {
                    task.progress.debug(&format!("{}: takes no file: {error}", store.root().display()));
                    last.get_or_insert((store.clone(), error));
                }
            }
        }
        let (store, source) = last.unwrap_or_else(|| (fallback, io::Error::other("no store")));
        Err(cannot_write(task.wanted, &store, source))
    }

    /// Moves a checked file into the store it was created in, and copies it to the stores further left.
    fn put(
        &self,
        task: &mut Task,
        left: &[FolderStore],
        store: &FolderStore,
        file: AtomicFile,
        from: String,
    ) -> Result<Found, Error> {
        let path = store.put(task.wanted, file).map_err(|source| cannot_write(task.wanted, store, source))?;
        let further = left.iter().position(|other| other == store).map_or(left.len(), |index| index + 1);
        let path = self.spread(task, path, left.get(further..).unwrap_or_default());
        found(path, from, task.wanted)
    }

    /// Copies a checked file into the stores to its left, from right to left. A store that does not accept it is
    /// skipped.
    fn spread(&self, task: &mut Task, mut path: PathBuf, left: &[FolderStore]) -> PathBuf {
        for store in left {
            match store.copy(task.wanted, &path) {
                Ok(copy) => path = copy,
                Err(error) => {
                    task.progress.debug(&format!("{}: takes no file: {error}", store.root().display()));
                }
            }
        }
        path
    }

    fn client(&self) -> Result<&Client, Error> {
        self.client
            .get_or_init(|| Client::new(http::MICROSOFT_AGENT, self.options.client.clone()))
            .as_ref()
            .map_err(|reason| Error::Client { reason: reason.clone() })
    }

    fn with_server<T>(&self, url: &Url, work: impl FnOnce(&mut Server) -> T) -> T {
        work(locked(&self.servers).entry(url.clone()).or_default())
    }
}

/// A PDB that is being downloaded from a server into a store.
struct Incoming<'a> {
    fetcher: &'a Fetcher,
    wanted: &'a Wanted,
    progress: &'a dyn Progress,
    store: FolderStore,
    target: AtomicFile,
}

impl Destination for Incoming<'_> {
    fn file(&self) -> &File {
        self.target.as_file()
    }

    fn start(&self, form: Form) -> Start {
        if form == Form::Pointer { Start::Pointer } else { Start::Pdb }
    }

    /// A compressed file is unpacked, so that the target holds the PDB itself.
    fn judge(&mut self, form: Form) -> Result<Option<Pointer>, Refusal> {
        self.target.flush().map_err(Refusal::Write)?;
        if form == Form::Pointer {
            return store::read_pointer(&mut self.target).map(Some);
        }
        if let Content::Packed(container) = store::examine(&mut self.target, self.wanted)? {
            let fresh = self.store.begin(self.wanted).map_err(Refusal::Write)?;
            let packed = std::mem::replace(&mut self.target, fresh);
            let name = match form {
                Form::Cabinet => self.wanted.name.compressed(),
                _ => self.wanted.name.to_string(),
            };
            store::unpack(
                packed.as_file(),
                container,
                &name,
                self.wanted,
                &mut self.target,
                self.fetcher.options.size_limit,
                self.progress,
            )?;
        }
        Ok(None)
    }
}

/// The key of a PDB in stores: its name, ignoring case, and its identifier.
fn in_store(wanted: &Wanted) -> (String, GuidAge) {
    (wanted.name.as_str().to_lowercase(), wanted.guid_age)
}

/// Opens a regular file; `None` if there is none. Pipes and devices are skipped.
fn open(path: &Path) -> io::Result<Option<File>> {
    match open_regular(path, LARGEST_COMPANION) {
        Ok(file) => Ok(Some(file)),
        Err(error) if is_refusal(&error) => Ok(None),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn found(path: PathBuf, from: String, wanted: &Wanted) -> Result<Found, Error> {
    match path.metadata() {
        Ok(metadata) => Ok(Found { size: metadata.len(), path, from }),
        Err(source) => Err(Error::Store { wanted: wanted.clone(), folder: path, source }),
    }
}

fn cannot_write(wanted: &Wanted, store: &FolderStore, source: io::Error) -> Error {
    Error::Store { wanted: wanted.clone(), folder: store.root().to_owned(), source }
}

fn in_words(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
