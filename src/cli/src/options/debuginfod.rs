use anyhow::{Context, bail};
use url::Url;

/// Asked where neither the arguments nor the environment name a server. It passes requests on to the servers of the
/// distributions.
const FEDERATION: &str = "https://debuginfod.elfutils.org/";

/// The debuginfod servers to ask: those named (`--server`), else those of `DEBUGINFOD_URLS`, else the elfutils project's.
///
/// # Errors
/// An address that is not one of a server.
pub fn debuginfod_servers(named: &[String]) -> anyhow::Result<Vec<Url>> {
    let from_environment = std::env::var("DEBUGINFOD_URLS").unwrap_or_default();
    let mut texts: Vec<&str> = named.iter().map(String::as_str).collect();
    let origin = if texts.is_empty() { "DEBUGINFOD_URLS" } else { "--server" };
    if texts.is_empty() {
        // Elfutils also allows words about verification (ima:enforcing) among the addresses.
        texts = from_environment.split_whitespace().filter(|word| word.contains("://")).collect();
    }
    if texts.is_empty() {
        texts = vec![FEDERATION];
    }
    texts
        .into_iter()
        .map(|text| {
            let url: Url =
                text.parse().with_context(|| format!("{origin}: this is not the address of a server"))?;
            if !matches!(url.scheme(), "http" | "https") {
                bail!("{origin}: expected an address with http or https, found {}", url.scheme());
            }
            Ok(url)
        })
        .collect()
}
