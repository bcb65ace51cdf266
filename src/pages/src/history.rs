use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// The definitions of one struct or enumeration in all builds.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// The distinct definitions as JSON, in the order in which they were added.
    definitions: Vec<String>,
    /// Runs of consecutive builds with the same definition: the first build, the number of builds, and the number of the
    /// definition.
    runs: Vec<[usize; 3]>,
    /// The members of all definitions, in the order in which they were added.
    members: Vec<String>,
    /// The same members, to find one that is already listed.
    known: BTreeSet<String>,
    /// The structs that have a member of this type, or a pointer to it, in any build.
    users: BTreeSet<String>,
}

impl History {
    /// Adds the definition `line` of a build. Builds have to come in order.
    pub(crate) fn add(&mut self, build: usize, line: String, members: &[&str]) {
        // Most definitions are those of the previous build, so that one is compared first.
        let last = self.runs.last().map(|[.., definition]| *definition);
        let same = last.filter(|last| self.definitions.get(*last) == Some(&line));
        let definition = same.or_else(|| self.definitions.iter().position(|known| *known == line));
        let definition = definition.unwrap_or_else(|| {
            self.definitions.push(line);
            self.definitions.len() - 1
        });
        match self.runs.last_mut() {
            Some([start, length, of]) if *of == definition && *start + *length == build => *length += 1,
            _ => self.runs.push([build, 1, definition]),
        }
        for member in members {
            if !self.known.contains(*member) {
                self.known.insert((*member).to_owned());
                self.members.push((*member).to_owned());
            }
        }
    }

    /// Records that the struct `owner` uses this type.
    pub(crate) fn add_user(&mut self, owner: &str) {
        if !self.users.contains(owner) {
            self.users.insert(owner.to_owned());
        }
    }
}

/// The histories of all structs, or of all enumerations, by name.
pub(crate) type Histories = BTreeMap<String, History>;

/// The names, sorted. The number of a name is its position here.
pub(crate) fn names(histories: &Histories) -> Vec<&str> {
    defined(histories).map(|(name, _)| name).collect()
}

/// The histories with a definition. A name without one is only used by members of other structs.
fn defined(histories: &Histories) -> impl Iterator<Item = (&str, &History)> {
    histories
        .iter()
        .filter(|(_, history)| !history.runs.is_empty())
        .map(|(name, history)| (name.as_str(), history))
}

/// For each name, its runs as one list, or 0 if all `builds` builds have the same definition.
pub(crate) fn runs(histories: &Histories, builds: usize) -> Vec<Value> {
    let each = defined(histories).map(|(_, history)| match history.runs.as_slice() {
        [[0, length, 0]] if *length == builds => Value::from(0),
        runs => Value::from(runs.concat()),
    });
    each.collect()
}

/// For each name, the names of its members.
pub(crate) fn members(histories: &Histories) -> Value {
    defined(histories).map(|(_, history)| json!(history.members)).collect()
}

/// For each name, the numbers of the structs that use it, each as the distance from the one before.
pub(crate) fn users(histories: &Histories, structs: &Histories) -> Value {
    let numbers: BTreeMap<&str, usize> = names(structs).into_iter().zip(0..).collect();
    let of = |history: &History| {
        let mut before = 0;
        let users = history.users.iter().filter_map(|user| numbers.get(user.as_str()));
        let steps = users.map(|number| {
            let step = number - before;
            before = *number;
            step
        });
        steps.collect::<Vec<_>>()
    };
    defined(histories).map(|(_, history)| json!(of(history))).collect()
}

/// For each name, a line with its definitions as a JSON list.
pub(crate) fn lines(histories: &Histories) -> impl Iterator<Item = String> {
    // The definitions are already JSON.
    defined(histories).map(|(_, history)| format!("[{}]", history.definitions.join(",")))
}
