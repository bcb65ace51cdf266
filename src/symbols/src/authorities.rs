//! The certificate authorities that are trusted on a system that has none, such as a container with nothing but the program.

use reqwest::Certificate;

/// Environment variables that name other authorities than the system's.
const NAMED: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Mozilla's authorities; none if the user has named others, even if those are missing: then no server with TLS is trusted.
pub(crate) fn substitutes() -> Vec<Certificate> {
    if NAMED.iter().any(|name| std::env::var_os(name).is_some()) {
        return Vec::new();
    }
    mozillas()
}

fn mozillas() -> Vec<Certificate> {
    let all = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
    all.filter_map(|certificate| Certificate::from_der(certificate).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_authority_can_be_read() {
        assert_eq!(mozillas().len(), webpki_root_certs::TLS_SERVER_ROOT_CERTS.len());
        assert!(mozillas().len() > 100);
    }
}
