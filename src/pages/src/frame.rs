use std::io::{self, Write};

use sha2::{Digest, Sha256};

use crate::Shard;
use crate::shard::base64;

/// The scripts of the page. Each uses only those before it.
const SCRIPTS: [&str; 5] = [
    include_str!("../assets/data.js"),
    include_str!("../assets/types.js"),
    include_str!("../assets/search.js"),
    include_str!("../assets/views.js"),
    include_str!("../assets/app.js"),
];
const STYLE: &str = include_str!("../assets/style.css");
const FRAME: &str = include_str!("../assets/frame.html");

/// Prints a page that contains its data: the shards of a [`crate::Collection`], in any order. Returns the sink.
///
/// # Errors
/// Any error from writing.
pub fn write_report<W: Write>(shards: impl IntoIterator<Item = Shard>, mut sink: W) -> io::Result<W> {
    let script = format!("\"use strict\";\n{}", SCRIPTS.concat());
    head(&mut sink, &format!("'{}'", hash(&script)))?;
    for Shard { name, packed } in shards {
        writeln!(sink, "<script type=\"text/plain\" id=\"shard-{name}\">{packed}</script>")?;
    }
    write!(sink, "<script>{script}</script>\n</body>\n</html>\n")?;
    Ok(sink)
}

/// Passes each file of a site to `write`, with its path below the site's folder: one file for each shard, then the script,
/// then `index.html`. The page comes last, so that it exists only if the files that it reads exist.
///
/// # Errors
/// Any error from making a shard, and any error that `write` returns.
pub fn write_site<E>(
    shards: impl IntoIterator<Item = Result<Shard, E>>,
    mut write: impl FnMut(&str, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    for shard in shards {
        let shard = shard?;
        write(&shard.file_name(), &shard.file())?;
    }
    write("app.js", format!("\"use strict\";\n{}", SCRIPTS.concat()).as_bytes())?;
    let mut page = Vec::new();
    // Writing to memory cannot fail.
    let _ = head(&mut page, "'self'")
        .and_then(|()| page.write_all(b"<script src=\"app.js\"></script>\n</body>\n</html>\n"));
    write("index.html", &page)
}

/// Writes the part of the page before its data and scripts. It contains no text from a profile.
fn head(sink: &mut dyn Write, scripts: &str) -> io::Result<()> {
    let policy = format!(
        "default-src 'none'; script-src {scripts}; style-src '{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE)
    );
    let page = FRAME.replace("{policy}", &policy).replace("{style}", STYLE);
    sink.write_all(page.as_bytes())
}

/// The hash by which a content security policy allows this text.
fn hash(text: &str) -> String {
    format!("sha256-{}", base64(&Sha256::digest(text.as_bytes())))
}
