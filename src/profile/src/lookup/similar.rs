use std::borrow::Cow;

/// Looks for names that may have been meant by one that is not there.
pub(super) struct Similar {
    wanted: String,
    /// How many letters may differ.
    most: usize,
    /// How far each name found is from the one wanted; the best have the lowest numbers.
    found: Vec<(usize, String)>,
}

/// Names of more letters are not compared letter by letter.
const LONGEST: usize = 64;

impl Similar {
    pub(super) fn new(name: &str) -> Self {
        let wanted = plain(name);
        let most = match wanted.len() {
            0..4 => 0,
            4..8 => 1,
            length if length <= LONGEST => 2,
            _ => 0,
        };
        Self { wanted, most, found: Vec::new() }
    }

    pub(super) fn look_at(&mut self, name: Cow<'_, str>) {
        let candidate = plain(&name);
        let distance = if candidate == self.wanted {
            0
        } else if let Some(letters) = self.letters(&candidate) {
            letters
        } else if self.wanted.len() > 2 && candidate.contains(&self.wanted) {
            candidate.len()
        } else {
            return;
        };
        self.found.push((distance, name.into_owned()));
    }

    /// How many letters differ, if those are few.
    fn letters(&self, candidate: &str) -> Option<usize> {
        if self.most == 0 || candidate.len().abs_diff(self.wanted.len()) > self.most {
            return None;
        }
        Some(strsim::osa_distance(&self.wanted, candidate)).filter(|distance| *distance <= self.most)
    }

    pub(super) fn best(mut self, limit: usize) -> Vec<String> {
        self.found.sort();
        self.found.dedup();
        self.found.truncate(limit);
        self.found.into_iter().map(|(_, name)| name).collect()
    }
}

fn plain(text: &str) -> String {
    text.trim_start_matches('_').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_come_first() {
        let mut search = Similar::new("task_sturct");
        for name in ["task_struct", "_TASK_STURCT", "task", "my_task_sturct_2", "mask_struct_x"] {
            search.look_at(name.into());
        }
        assert_eq!(search.best(5), ["_TASK_STURCT", "task_struct", "my_task_sturct_2"]);
        let mut search = Similar::new("pid");
        search.look_at("pad".into());
        assert!(search.best(5).is_empty());
    }
}
