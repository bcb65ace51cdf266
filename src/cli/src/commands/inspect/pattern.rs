/// A name with `*` (any text) or `?` (any character) in it.
pub(super) struct Pattern(Vec<char>);

impl Pattern {
    /// `None` for a name that is not a pattern.
    pub(super) fn new(text: &str) -> Option<Self> {
        text.contains(['*', '?']).then(|| Self(text.chars().collect()))
    }

    /// Whether the whole of `name` fits.
    pub(super) fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        let (mut at, mut next) = (0, 0);
        // Behind the last `*`, and how much of the name it stands for so far.
        let mut star: Option<(usize, usize)> = None;
        while next < name.len() {
            match self.0.get(at) {
                Some('*') => {
                    at += 1;
                    star = Some((at, next));
                }
                Some(wanted) if *wanted == '?' || name.get(next) == Some(wanted) => {
                    at += 1;
                    next += 1;
                }
                _ => {
                    let Some((behind, taken)) = star else { return false };
                    star = Some((behind, taken + 1));
                    (at, next) = (behind, taken + 1);
                }
            }
        }
        self.0.iter().skip(at).all(|rest| *rest == '*')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, name, expected) in [
            ("task_*", "task_struct", true),
            ("task_*", "a_task_struct", false),
            ("*struct", "task_struct", true),
            ("*s*t", "task_struct", true),
            ("t?sk*", "task", true),
            ("t?sk", "tsk", false),
            ("*", "", true),
            ("a*b*c", "abbbxc", true),
            ("a*b*c", "abbbx", false),
        ] {
            assert_eq!(
                Pattern::new(pattern).is_some_and(|it| it.matches(name)),
                expected,
                "{pattern} {name}"
            );
        }
        assert!(Pattern::new("task_struct").is_none());
    }
}
