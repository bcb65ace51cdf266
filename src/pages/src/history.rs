use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// What all builds say of a name.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// The different definitions, in the order in which they came.
    definitions: Vec<String>,
    /// First build, how many builds, which definition.
    runs: Vec<[usize; 3]>,
    /// The members that any build has, in the order in which they came.
    members: Vec<String>,
    known: BTreeSet<String>,
    /// The structs whose members hold or point to it, in any build.
    users: BTreeSet<String>,
}

impl History {
    pub(crate) fn add(&mut self, build: usize, line: String, members: &[&str]) {
        // Mostly it is that of the build before.
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

    pub(crate) fn add_user(&mut self, owner: &str) {
        if !self.users.contains(owner) {
            self.users.insert(owner.to_owned());
        }
    }
}

/// The histories of all names of a kind.
pub(crate) type Histories = BTreeMap<String, History>;

/// The names in their order.
pub(crate) fn names(histories: &Histories) -> Vec<&str> {
    defined(histories).map(|(name, _)| name).collect()
}

/// Those that any build defines: a name may be mentioned by others alone.
fn defined(histories: &Histories) -> impl Iterator<Item = (&str, &History)> {
    histories
        .iter()
        .filter(|(_, history)| !history.runs.is_empty())
        .map(|(name, history)| (name.as_str(), history))
}

/// For each name its runs, or 0 if all of `builds` have its one definition.
pub(crate) fn runs(histories: &Histories, builds: usize) -> Vec<Value> {
    let each = defined(histories).map(|(_, history)| match history.runs.as_slice() {
        [[0, length, 0]] if *length == builds => Value::from(0),
        runs => Value::from(runs.concat()),
    });
    each.collect()
}

/// The names of each one's members.
pub(crate) fn members(histories: &Histories) -> Value {
    defined(histories).map(|(_, history)| json!(history.members)).collect()
}

/// For each name the numbers of the structs that use it, as distances.
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

/// One line for each name, with all its definitions.
pub(crate) fn lines(histories: &Histories) -> impl Iterator<Item = String> {
    // The definitions are JSON already.
    defined(histories).map(|(_, history)| format!("[{}]", history.definitions.join(",")))
}
