use std::error::Error as _;
use std::time::{Duration, SystemTime};

use futures_util::TryStreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::signer::{Method, Signer};
use object_store::{
    ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, RetryConfig, UpdateVersion,
};
use profile::Silent;
use symbols::{ClientOptions, Credentials, Demand, Fetched, Start, Tried, Web};
use tokio::runtime::{Builder, Runtime};
use url::Url;

use super::{Condition, Object, Stat, Storage, Version};
use crate::{Error, Key};

/// The objects in one bucket of an S3-compatible store, below one prefix.
///
/// Credentials, region and endpoint come from the environment, as in other programs: `AWS_ACCESS_KEY_ID`,
/// `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION`, `AWS_ENDPOINT_URL`; `AWS_ALLOW_HTTP=true` allows an
/// unencrypted endpoint, and `AWS_SKIP_SIGNATURE=true` is for a public bucket.
///
/// Conditional writes use the store's own conditions (`If-None-Match: *`, `If-Match`), so that only one of two
/// writers succeeds, on whatever machines they run. If the answer to a write is lost, the retry can be refused
/// although the write was done: on 412, read the object again.
///
/// Objects are read like every other file ([`Web`]), through an address that is signed for one object; the library of
/// the store does the rest.
pub struct Bucket {
    store: AmazonS3,
    web: Web,
    addresses: Addresses,
    plain_http: bool,
    runtime: Runtime,
    /// `s3://bucket/prefix`.
    place: String,
    /// Empty, or ending in a slash.
    prefix: String,
}

/// How the address of an object is made.
enum Addresses {
    /// Signed with the credentials of the store.
    Signed,
    /// For a public bucket, unsigned. The library makes addresses only together with a signature, so this store signs
    /// with a dummy key, and the signature is removed.
    Public(Box<AmazonS3>),
}

/// How long a signed address is valid: longer than all attempts to read one object take.
const SIGNED: Duration = Duration::from_secs(6 * 3600);
/// The timeout of a request that does not read an object.
const TIMEOUT: Duration = Duration::from_secs(120);
/// The timeout of connecting.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an idle connection is kept; stores close theirs later than that.
const IDLE: Duration = Duration::from_secs(5);
/// How often a request is retried, and for how long at most.
const RETRIES: usize = 4;
const RETRIED: Duration = Duration::from_secs(60);
/// More objects than in any repository.
const MAX_LISTED: usize = 5_000_000;

impl Bucket {
    /// Opens the bucket in `s3://bucket/prefix`, with the settings in the environment. Nothing is requested yet.
    ///
    /// # Errors
    /// [`Error::Storage`] if the text does not name a bucket or the environment has an invalid setting;
    /// [`Error::Key`] for an invalid prefix.
    pub fn open(text: &str, client: &ClientOptions) -> Result<Self, Error> {
        let settings = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
                .filter(|(name, _)| name.starts_with("AWS_"))
        });
        Self::open_with(text, client, settings)
    }

    /// The same with these settings instead of the environment's: names (`AWS_REGION`) and values.
    ///
    /// # Errors
    /// As for [`Bucket::open`].
    pub fn open_with(
        text: &str,
        client: &ClientOptions,
        settings: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Error> {
        let wrong = |problem: &str| Error::Storage { place: "s3://".to_owned(), problem: problem.to_owned() };
        let rest = text.strip_prefix("s3://").ok_or_else(|| wrong("expected s3://bucket/prefix"))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        // Not shown, since users may put secrets before an @.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if !(1..=255).contains(&bucket.len()) || !bucket.bytes().all(plain) {
            return Err(wrong("expected the name of a bucket after it: letters, digits, dots and hyphens"));
        }
        let prefix = prefix.trim_end_matches('/');
        let (prefix, place) = if prefix.is_empty() {
            (String::new(), format!("s3://{bucket}"))
        } else {
            let key: Key = prefix.parse()?;
            (format!("{key}/"), format!("s3://{bucket}/{key}"))
        };
        // This fails if the program has already chosen a provider, which is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let failed =
            |error: object_store::Error| Error::Storage { place: place.clone(), problem: reason(&error) };
        let mut builder = AmazonS3Builder::new();
        let mut connection = object_store::ClientOptions::new()
            .with_timeout(TIMEOUT)
            .with_connect_timeout(CONNECT)
            .with_pool_idle_timeout(IDLE);
        let mut plain_http = false;
        for (name, value) in settings {
            if name == "AWS_ALLOW_HTTP" {
                plain_http = value.eq_ignore_ascii_case("true") || value == "1";
                connection = connection.with_config(object_store::ClientConfigKey::AllowHttp, value);
            } else if let Ok(key) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() {
                builder = builder.with_config(key, value);
            }
        }
        let builder = builder.with_bucket_name(bucket).with_client_options(connection);
        let skipped =
            builder.get_config_value(&AmazonS3ConfigKey::SkipSignature).is_some_and(|value| value == "true");
        let addresses = if skipped {
            // Any key works, since its signature is removed again.
            let signed = builder
                .clone()
                .with_skip_signature(false)
                .with_access_key_id("-")
                .with_secret_access_key("-");
            Addresses::Public(Box::new(signed.build().map_err(failed)?))
        } else {
            Addresses::Signed
        };
        let retry = RetryConfig { max_retries: RETRIES, retry_timeout: RETRIED, ..RetryConfig::default() };
        let store = builder.with_retry(retry).build().map_err(failed)?;
        let runtime =
            Builder::new_current_thread().enable_all().build().map_err(|error| Error::io(&place, error))?;
        let root = Url::parse(&place).map_err(|error| wrong(&error.to_string()))?;
        // The signed address already contains the credentials.
        let client = ClientOptions { credentials: Credentials::default(), ..client.clone() };
        let web = Web::new(root, client);
        Ok(Self { store, web, addresses, plain_http, runtime, place, prefix })
    }

    /// An address from which an object can be read for a while.
    fn address(&self, key: &Key) -> Result<Url, Error> {
        let path = self.path(key)?;
        let (signer, public) = match &self.addresses {
            Addresses::Signed => (&self.store, false),
            Addresses::Public(signer) => (signer.as_ref(), true),
        };
        let signed = self.runtime.block_on(signer.signed_url(Method::GET, &path, SIGNED));
        let mut url = signed.map_err(|error| self.failed(key, &error))?;
        if public {
            url.set_query(None);
        }
        if url.scheme() == "http" && !self.plain_http {
            let problem = "its endpoint is not encrypted (http); AWS_ALLOW_HTTP=true allows that".to_owned();
            return Err(Error::Storage { place: self.place_of(key), problem });
        }
        Ok(url)
    }

    fn path(&self, key: &Key) -> Result<Path, Error> {
        Path::parse(format!("{}{key}", self.prefix)).map_err(|_| Error::Storage {
            place: self.place_of(key),
            problem: "not the name of an object".to_owned(),
        })
    }

    /// The meaning of an answer without an object.
    fn found<T>(&self, key: &Key, answer: object_store::Result<T>) -> Result<Option<T>, Error> {
        match answer {
            Ok(answer) => Ok(Some(answer)),
            // A missing bucket is not an empty one.
            Err(error @ object_store::Error::NotFound { .. }) if !is_without_bucket(&error) => Ok(None),
            Err(error) => Err(self.failed(key, &error)),
        }
    }

    fn failed(&self, key: &Key, error: &object_store::Error) -> Error {
        Error::Storage { place: self.place_of(key), problem: reason(error) }
    }
}

impl Storage for Bucket {
    fn place(&self) -> String {
        self.place.clone()
    }

    fn read(&self, key: &Key, limit: u64) -> Result<Option<Object>, Error> {
        let url = self.address(key)?;
        // The builder stores profiles and indexes as .gz; an HTML page is never one of them.
        let start = if key.as_str().ends_with(".gz") { Start::Profile } else { Start::NoPage };
        let demand = Demand { limit, start, judge: &|_| Ok(()), explain: Some(&explained) };
        let failed = |problem| Error::Storage { place: self.place_of(key), problem };
        match self.web.read_url(&url, &demand, &Silent) {
            Ok(Fetched::Found { bytes, etag }) => {
                Ok(Some(Object { bytes, version: Version(etag.unwrap_or_default()) }))
            }
            // A missing bucket is not an empty one.
            Ok(Fetched::Missing { tried }) if Tried::answers(&tried).contains(NO_BUCKET) => {
                Err(failed(Tried::answers(&tried)))
            }
            Ok(Fetched::Missing { .. }) => Ok(None),
            Ok(Fetched::Refused { tried }) => {
                Err(Error::Refused { place: self.place_of(key), answer: Tried::answers(&tried) })
            }
            Err(error) if error.too_long => Err(Error::TooLarge { place: self.place_of(key), limit }),
            Err(error) => Err(failed(Tried::answers(&error.tried))),
        }
    }

    fn stat(&self, key: &Key) -> Result<Option<Stat>, Error> {
        let path = self.path(key)?;
        let answer = self.runtime.block_on(self.store.head(&path));
        Ok(self.found(key, answer)?.map(|meta| stat(&meta)))
    }

    fn list(&self, prefix: &str) -> Result<Vec<(Key, Stat)>, Error> {
        let mut found = Vec::new();
        self.each(prefix, &mut |key, stat| found.push((key, stat)))?;
        found.sort_by(|(left, _), (right, _)| left.cmp(right));
        Ok(found)
    }

    fn each(&self, prefix: &str, found: &mut dyn FnMut(Key, Stat)) -> Result<(), Error> {
        let prefix = prefix.trim_end_matches('/');
        let whole = if prefix.is_empty() {
            self.prefix.clone()
        } else {
            let key: Key = prefix.parse()?;
            format!("{}{key}", self.prefix)
        };
        let problem = |problem| Error::Storage { place: self.place.clone(), problem };
        let path = Path::parse(whole).map_err(|_| problem("not the name of a folder".to_owned()))?;
        let mut count = 0;
        self.runtime.block_on(async {
            let mut listed = self.store.list(Some(&path));
            while let Some(meta) = listed.try_next().await.map_err(|error| problem(reason(&error)))? {
                // Objects whose names are not keys are ignored, as in a folder.
                let name = meta.location.as_ref().strip_prefix(&self.prefix);
                let hidden = |name: &&str| name.split('/').any(|part| part.starts_with('.'));
                let Some(Ok(key)) = name.filter(|name| !hidden(name)).map(str::parse::<Key>) else {
                    continue;
                };
                if count == MAX_LISTED {
                    return Err(problem(format!("it holds more than {MAX_LISTED} objects")));
                }
                count += 1;
                found(key, stat(&meta));
            }
            Ok(())
        })
    }

    fn write(&self, key: &Key, bytes: &[u8], condition: &Condition) -> Result<Option<Version>, Error> {
        let path = self.path(key)?;
        let mode = match condition {
            Condition::Always => PutMode::Overwrite,
            Condition::Absent => PutMode::Create,
            Condition::Unchanged(Version(tag)) => {
                PutMode::Update(UpdateVersion { e_tag: Some(tag.clone()), version: None })
            }
        };
        let payload = PutPayload::from(bytes.to_vec());
        let answer = self.runtime.block_on(self.store.put_opts(&path, payload, PutOptions::from(mode)));
        match answer {
            Ok(answer) => match answer.e_tag {
                Some(tag) => Ok(Some(Version(tag))),
                None => Err(Error::Storage {
                    place: self.place_of(key),
                    problem: "expected an ETag in the answer, found none".to_owned(),
                }),
            },
            Err(error @ object_store::Error::Precondition { .. }) if is_without_bucket(&error) => {
                Err(self.failed(key, &error))
            }
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. })
                if *condition != Condition::Always =>
            {
                Ok(None)
            }
            Err(error) => Err(self.failed(key, &error)),
        }
    }

    fn remove(&self, key: &Key) -> Result<(), Error> {
        let path = self.path(key)?;
        let answer = self.runtime.block_on(self.store.delete(&path));
        self.found(key, answer).map(|_| ())
    }
}

fn version(meta: &ObjectMeta) -> Version {
    Version(meta.e_tag.clone().unwrap_or_default())
}

fn stat(meta: &ObjectMeta) -> Stat {
    let modified = SystemTime::from(meta.last_modified);
    Stat { size: meta.size, modified: Some(modified), version: version(meta) }
}

fn is_without_bucket(error: &object_store::Error) -> bool {
    last_cause(error).contains(NO_BUCKET)
}

/// The error codes of stores for a missing bucket.
const NO_BUCKET: &str = "NoSuchBucket";

/// The reason of a refusal: the store's own code and message.
fn explained(body: &str) -> Option<String> {
    element(body, "Code")?;
    Some(in_words(body))
}

/// The message of the last cause; the earlier ones repeat it with addresses.
fn last_cause(error: &object_store::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = error.to_string();
        cause = error.source();
    }
    text
}

/// The longest reason, in characters.
const LONGEST: usize = 300;

/// Why a request failed, on one line: the store's own code and message if it sent them. Signatures, addresses and any
/// credentials in an answer are left out.
fn reason(error: &object_store::Error) -> String {
    in_words(&last_cause(error))
}

fn in_words(text: &str) -> String {
    let words = match (element(text, "Code"), element(text, "Message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        _ => match text.split_once(": <") {
            Some((before, _)) => before.to_owned(),
            None => text.to_owned(),
        },
    };
    without_secrets(words, |name| std::env::var(name).ok())
        .chars()
        .filter(|character| !character.is_control())
        .take(LONGEST)
        .collect()
}

fn without_secrets(mut words: String, variable: impl Fn(&str) -> Option<String>) -> String {
    for name in ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID"] {
        if let Some(secret) = variable(name).filter(|secret| secret.len() >= 4) {
            words = words.replace(&secret, "***");
        }
    }
    // The user and password of an endpoint.
    if let Some(endpoint) = variable("AWS_ENDPOINT_URL").or_else(|| variable("AWS_ENDPOINT"))
        && let Some((secret, _)) = endpoint.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@'))
        && !secret.is_empty()
    {
        words = words.replace(secret, "***");
    }
    words
}

/// The content of an element in an answer.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (inner, _) = rest.split_once(&format!("</{name}>"))?;
    Some(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_bucket_and_a_prefix() {
        for (text, place, object) in [
            ("s3://profiles", "s3://profiles", "nt/x.gz"),
            ("s3://profiles/", "s3://profiles", "nt/x.gz"),
            ("s3://profiles/team/v1.0/", "s3://profiles/team/v1.0", "team/v1.0/nt/x.gz"),
        ] {
            let bucket = Bucket::open(text, &ClientOptions::default()).unwrap();
            assert_eq!(bucket.place(), place);
            let key: Key = "nt/x.gz".parse().unwrap();
            assert_eq!(bucket.path(&key).unwrap().as_ref(), object);
            assert_eq!(bucket.place_of(&key), format!("{place}/nt/x.gz"));
        }
    }

    #[test]
    fn invalid_bucket_names_are_not_repeated() {
        for text in ["s3://", "s3:///x", "s3://AKIA:s3cret@bucket/x", "http://bucket", "s3://b?key=s3cret"] {
            let error = Bucket::open(text, &ClientOptions::default()).map(|_| ()).unwrap_err().to_string();
            assert!(error.starts_with("s3://: expected ") && !error.contains("s3cret"), "{error}");
        }
        assert!(matches!(
            Bucket::open("s3://bucket/../x", &ClientOptions::default()),
            Err(Error::Key { .. })
        ));
    }

    #[test]
    fn reasons_hold_no_secrets() {
        let failed =
            |text: &str| object_store::Error::Generic { store: "S3", source: text.to_owned().into() };
        let body = "Server returned non-2xx status code: 403 Forbidden: <?xml version=\"1.0\"?><Error>\
                    <Code>SignatureDoesNotMatch</Code><Message>The signature is another</Message>\
                    <AWSAccessKeyId>AKIA</AWSAccessKeyId><StringToSign>s3cret</StringToSign></Error>";
        assert_eq!(reason(&failed(body)), "SignatureDoesNotMatch: The signature is another");
        assert_eq!(reason(&failed("status code: 500: <html>s3cret</html>")), "status code: 500");
        let variable = |name: &str| match name {
            "AWS_SECRET_ACCESS_KEY" => Some("s3cret".to_owned()),
            "AWS_ENDPOINT_URL" => Some("http://user:password@host:1".to_owned()),
            _ => None,
        };
        let words = "no s3cret at http://user:password@host:1/".to_owned();
        assert_eq!(without_secrets(words, variable), "no *** at http://***@host:1/");
    }
}
