/// Values by name, in the order of names, without room to spare.
///
/// A table is filled with [`Table::push`] and [`Table::finish`]; after that its values are found by name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Table<V> {
    rows: Vec<(Box<str>, V)>,
}

impl<V> Default for Table<V> {
    fn default() -> Self {
        Self { rows: Vec::new() }
    }
}

impl<V> Table<V> {
    /// Adds a value. It is found after [`Table::finish`].
    pub(crate) fn push(&mut self, name: impl Into<Box<str>>, value: V) {
        self.rows.push((name.into(), value));
    }

    /// Puts the values into the order of names. Of several values of one name, the last one stays.
    pub(crate) fn finish(&mut self) {
        if !self.rows.is_sorted_by(|(left, _), (right, _)| left < right) {
            // The order of pushes is kept among equal names.
            self.rows.sort_by(|(left, _), (right, _)| left.cmp(right));
            self.rows.reverse();
            self.rows.dedup_by(|(next, _), (first, _)| next == first);
            self.rows.reverse();
        }
        self.rows.shrink_to_fit();
    }

    pub(crate) fn get(&self, name: &str) -> Option<&V> {
        self.rows.get(self.find(name)?).map(|(_, value)| value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &V)> {
        self.rows.iter().map(|(name, value)| (&**name, value))
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.rows.binary_search_by(|(known, _)| (**known).cmp(name)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_of_a_name_stays() {
        let mut table = Table::default();
        for (name, value) in [("b", 1), ("a", 2), ("c", 3), ("a", 4), ("b", 5)] {
            table.push(name, value);
        }
        table.finish();
        assert_eq!(table.iter().collect::<Vec<_>>(), [("a", &4), ("b", &5), ("c", &3)]);
        assert_eq!((table.get("b"), table.get("d")), (Some(&5), None));
    }
}
