use std::fmt;
use std::path::PathBuf;

use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use url::Url;

/// The credentials for private servers: entries of the user's netrc file, and headers from the environment. They are
/// sent only to their host and never printed.
#[derive(Default, Clone)]
pub struct Credentials {
    logins: Vec<Login>,
    headers: Vec<(String, HeaderName, HeaderValue)>,
}

#[derive(Clone)]
struct Login {
    host: String,
    user: String,
    password: String,
}

/// Why the credentials of the environment cannot be used. It never contains a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// A line of the variable is not a header.
    #[error("{}, line {line}: expected '<host> <Name>: <value>', found {found}", Credentials::VARIABLE)]
    Header {
        /// The line, counted from 1.
        line: usize,
        /// The problem, without the value.
        found: &'static str,
    },
    /// The netrc file cannot be read.
    #[error("netrc file {}", path.display())]
    Netrc {
        /// Its path.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

impl Credentials {
    /// The environment variable with headers for private servers, one per line: `<host> <Name>: <value>`.
    pub const VARIABLE: &'static str = "REKALL_PROFILE_SERVER_HEADER";

    /// Reads the credentials in the environment: the headers in [`Credentials::VARIABLE`], and the logins in the
    /// netrc file (`NETRC`, otherwise `.netrc` in the home folder, on Windows `_netrc`).
    ///
    /// # Errors
    /// [`CredentialsError`], where the variable is malformed or a netrc file is there and cannot be read.
    pub fn from_environment() -> Result<Self, CredentialsError> {
        let mut credentials = Self::default();
        if let Ok(text) = std::env::var(Self::VARIABLE) {
            credentials.add_headers(&text)?;
        }
        if let Some(path) = Self::netrc() {
            match std::fs::read(&path) {
                Ok(bytes) => credentials.add_netrc(&String::from_utf8_lossy(&bytes)),
                Err(source) if source.kind() == std::io::ErrorKind::NotFound => {}
                Err(source) => return Err(CredentialsError::Netrc { path, source }),
            }
        }
        Ok(credentials)
    }

    /// The netrc file, which may be missing.
    pub fn netrc() -> Option<PathBuf> {
        std::env::var_os("NETRC").filter(|path| !path.is_empty()).map(PathBuf::from).or_else(|| {
            let name = if cfg!(windows) { "_netrc" } else { ".netrc" };
            Some(std::env::home_dir()?.join(name))
        })
    }

    /// Adds headers, one per line: `<host> <Name>: <value>`.
    ///
    /// # Errors
    /// [`CredentialsError::Header`].
    pub fn add_headers(&mut self, text: &str) -> Result<(), CredentialsError> {
        for (index, line) in text.lines().enumerate() {
            let refuse = |found| Err(CredentialsError::Header { line: index + 1, found });
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            let Some((host, header)) = line.split_once(char::is_whitespace) else {
                return refuse("one word");
            };
            let Some((name, value)) = header.split_once(':') else { return refuse("no colon") };
            if host.contains(['/', ':']) {
                return refuse("an address or a header where the host should be");
            }
            let Ok(name) = name.trim().parse() else { return refuse("no header name") };
            let Ok(mut value) = HeaderValue::from_str(value.trim()) else {
                return refuse("a value that is not allowed in a header");
            };
            value.set_sensitive(true);
            self.headers.push((host.to_ascii_lowercase(), name, value));
        }
        Ok(())
    }

    /// Adds the logins of a netrc file. Its `default` entry is ignored: it would send a password to every server.
    pub fn add_netrc(&mut self, text: &str) {
        let mut words = words(text).into_iter();
        let mut login: Option<Login> = None;
        while let Some(word) = words.next() {
            match word.as_str() {
                "machine" => {
                    self.logins.extend(login.take());
                    let host = words.next().unwrap_or_default().to_ascii_lowercase();
                    login = Some(Login { host, user: String::new(), password: String::new() });
                }
                "default" => self.logins.extend(login.take()),
                "login" => {
                    let user = words.next().unwrap_or_default();
                    login.iter_mut().for_each(|login| login.user.clone_from(&user));
                }
                "password" => {
                    let password = words.next().unwrap_or_default();
                    login.iter_mut().for_each(|login| login.password.clone_from(&password));
                }
                "account" => {
                    words.next();
                }
                _ => {}
            }
        }
        self.logins.extend(login);
    }

    /// The headers to send to an address: those in the address itself, otherwise those given for its host, otherwise
    /// its login.
    pub(crate) fn headers_for(&self, url: &Url) -> Vec<(HeaderName, HeaderValue)> {
        if !url.username().is_empty() || url.password().is_some() {
            // The socket layer makes a header of it.
            return Vec::new();
        }
        let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
        let headers: Vec<_> = self
            .headers
            .iter()
            .filter(|(theirs, ..)| *theirs == host)
            .map(|(_, name, value)| (name.clone(), value.clone()))
            .collect();
        if !headers.is_empty() {
            return headers;
        }
        self.logins.iter().find(|login| login.host == host).and_then(Login::header).into_iter().collect()
    }
}

impl Login {
    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        let text = format!("Basic {}", base64(format!("{}:{}", self.user, self.password).as_bytes()));
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some((AUTHORIZATION, value))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts =
            self.logins.iter().map(|login| &login.host).chain(self.headers.iter().map(|(host, ..)| host));
        f.debug_set().entries(hosts).finish()
    }
}

/// The words of a netrc file. A word in quotes may contain spaces, and a backslash quotes the next character. A macro
/// definition extends to the next empty line and is skipped.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut in_macro = false;
    for line in text.lines() {
        if line.trim().is_empty() {
            in_macro = false;
        }
        if in_macro || line.trim_start().starts_with('#') {
            continue;
        }
        let mut characters = line.chars().peekable();
        while let Some(first) = characters.peek().copied() {
            if first.is_whitespace() {
                characters.next();
                continue;
            }
            let quoted = first == '"';
            if quoted {
                characters.next();
            }
            let mut word = String::new();
            while let Some(character) = characters.next() {
                match character {
                    '\\' => word.extend(characters.next()),
                    '"' if quoted => break,
                    _ if character.is_whitespace() && !quoted => break,
                    _ => word.push(character),
                }
            }
            if word == "macdef" && !quoted {
                in_macro = true;
                break;
            }
            words.push(word);
        }
    }
    words
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let at = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..4 {
            let value = (bits >> (18 - 6 * digit)) & 63;
            let shown = if digit <= group.len() { DIGITS.get(value as usize) } else { None };
            text.push(shown.map_or('=', |byte| char::from(*byte)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(credentials: &Credentials, url: &str) -> Option<String> {
        let headers = credentials.headers_for(&Url::parse(url).unwrap());
        headers.first().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
    }

    #[test]
    fn base64_of_every_length() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn netrc_entries_belong_to_their_host() {
        let mut credentials = Credentials::default();
        credentials.add_netrc(
            "# comment machine no login no password no\n\
             machine A.example login me password \"pass word\"\n\
             macdef init\nmachine evil login x password y\n\n\
             machine b.example\n login you\n account z password p\\\"w\n\
             default login all password everywhere\n",
        );
        let expected = format!("authorization: Basic {}", base64(b"me:pass word"));
        assert_eq!(header(&credentials, "https://a.example/x"), Some(expected));
        let expected = format!("authorization: Basic {}", base64(b"you:p\"w"));
        assert_eq!(header(&credentials, "https://b.example/x"), Some(expected));
        for host in ["evil", "no", "c.example", "sub.a.example"] {
            assert_eq!(header(&credentials, &format!("https://{host}/")), None, "{host}");
        }
    }

    #[test]
    fn headers_of_the_environment_belong_to_their_host_and_come_first() {
        let mut credentials = Credentials::default();
        credentials.add_netrc("machine h login me password p");
        credentials.add_headers("\nh X-Token: abc\nother Authorization: Bearer xyz\n").unwrap();
        assert_eq!(header(&credentials, "https://h/").unwrap(), "x-token: abc");
        assert_eq!(header(&credentials, "https://other/").unwrap(), "authorization: Bearer xyz");
        assert_eq!(header(&credentials, "https://third/"), None);
    }

    #[test]
    fn nothing_secret_is_printed() {
        let mut credentials = Credentials::default();
        credentials.add_netrc("machine h login me password secret");
        credentials.add_headers("h X-Token: secret").unwrap();
        assert!(!format!("{credentials:?}").contains("secret"));
        for line in ["secret", "h secret", "https://h X: secret", "X-Token: secret", "h X: sec\u{1}ret"] {
            let error = Credentials::default().add_headers(line).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
