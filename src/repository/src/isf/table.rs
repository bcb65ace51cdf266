use profile::{
    Compat, Effort, Form, Format, MAX_TEXT, Report, Resolution, XzWriter, add_lost_names,
    add_well_known_types, guarded, read_text, write_form,
};

use crate::{Error, ProfileName, Storage};

/// What makes tables of profiles; the number changes when the outcome can.
pub(super) const REVISION: &str = "rekall-profile table 2";

/// The largest profile that is made into a table, in bytes.
const LARGEST: u64 = 1 << 30;

/// The symbol table of a profile, packed with xz, with what `compat` adds to it.
///
/// # Errors
/// [`Error::Absent`] if the profile is not there; [`Error::Profile`] and [`Error::Convert`] if it gives no table.
pub fn table(storage: &dyn Storage, name: &ProfileName, compat: Compat) -> Result<Vec<u8>, Error> {
    let key = name.key();
    let place = storage.place_of(&key);
    let object = storage.read(&key, LARGEST)?;
    let absent = || Error::Absent { place: place.clone(), expected: "a profile".to_owned() };
    let object = object.ok_or_else(absent)?;
    let unreadable = |source| Error::Profile { place: place.clone(), source };
    let text = profile::unpack(&object.bytes, MAX_TEXT).map_err(unreadable)?;
    let failed = |problem: String| Error::Convert { place: place.clone(), problem };
    // Whatever a hostile profile does to the writer costs its own table.
    let made = guarded(|| {
        let mut report = Report::default();
        let mut profile = read_text(&text, &mut report).map_err(unreadable)?;
        add_well_known_types(&mut profile);
        if compat == Compat::Volatility3 {
            add_lost_names(&mut profile);
        }
        let resolution = Resolution::new(&mut profile, &mut report);
        let form = Form { format: Format::Isf, compat, threads: 1, ..Form::default() };
        let io = |error| Error::io(&place, error);
        let sink = XzWriter::new(Vec::new(), Effort::Default, 1).map_err(io)?;
        let sink = write_form(&profile, &resolution, form, &mut report, sink).map_err(io)?;
        sink.finish().map_err(io)
    });
    made.unwrap_or_else(|| Err(failed("the writer gave up on it: please report the profile".to_owned())))
}
