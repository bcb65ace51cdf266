use std::io::{self, Write};

use sha2::{Digest, Sha256};

use crate::Shard;
use crate::shard::base64;

/// The program of the page, in the order in which its parts need one another.
const SCRIPTS: [&str; 5] = [
    include_str!("../assets/data.js"),
    include_str!("../assets/types.js"),
    include_str!("../assets/search.js"),
    include_str!("../assets/views.js"),
    include_str!("../assets/app.js"),
];
const STYLE: &str = include_str!("../assets/style.css");
const FRAME: &str = include_str!("../assets/frame.html");

/// Prints a page that holds its data: the shards of a [`crate::Collection`], in any order.
///
/// # Errors
/// What the sink gives.
pub fn write_report<W: Write>(shards: impl IntoIterator<Item = Shard>, mut sink: W) -> io::Result<W> {
    let script = format!("\"use strict\";\n{}", SCRIPTS.concat());
    head(&mut sink, &format!("'{}'", hash(&script)))?;
    for Shard { name, packed } in shards {
        writeln!(sink, "<script type=\"text/plain\" id=\"shard-{name}\">{packed}</script>")?;
    }
    write!(sink, "<script>{script}</script>\n</body>\n</html>\n")?;
    Ok(sink)
}

/// Gives the files of a site, by their names below its folder, to `write`: one for each shard, and the page that reads
/// them, which comes last.
///
/// # Errors
/// What `write` gives.
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

/// Everything before the scripts. No text of a profile is in it.
fn head(sink: &mut dyn Write, scripts: &str) -> io::Result<()> {
    let policy = format!(
        "default-src 'none'; script-src {scripts}; style-src '{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE)
    );
    let page = FRAME.replace("{policy}", &policy).replace("{style}", STYLE);
    sink.write_all(page.as_bytes())
}

/// A text as a content security policy names it.
fn hash(text: &str) -> String {
    format!("sha256-{}", base64(&Sha256::digest(text.as_bytes())))
}
