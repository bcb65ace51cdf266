//! The walk over two builds. It pairs what has one name, and a [`Presentation`] says what the pairs mean.

use std::cmp::Ordering;

/// One build, as the walk reads it. Every list is sorted by name, and has each name once.
pub(super) trait Build<'a> {
    type Struct;
    type Enumeration;
    type Variable;
    type Symbol;

    fn structs(&self) -> impl Iterator<Item = (&'a str, Self::Struct)>;
    fn enumerations(&self) -> impl Iterator<Item = (&'a str, Self::Enumeration)>;
    /// The types of variables, unless they are part of the symbols.
    fn variables(&self) -> impl Iterator<Item = (&'a str, Self::Variable)>;
    /// Constants and functions. A build whose source may call one what another calls the other has all of them in the
    /// first list.
    fn symbols(&self) -> [impl Iterator<Item = (&'a str, Self::Symbol)>; 2];
}

/// Takes what the walk finds: for each name, what the old and the new build have.
pub(super) trait Presentation<'a, B: Build<'a>> {
    fn structure(&mut self, name: &'a str, old: Option<B::Struct>, new: Option<B::Struct>);
    fn enumeration(&mut self, name: &'a str, old: Option<B::Enumeration>, new: Option<B::Enumeration>);
    fn variable(&mut self, name: &'a str, old: Option<B::Variable>, new: Option<B::Variable>);
    fn symbol(&mut self, name: &'a str, old: Option<B::Symbol>, new: Option<B::Symbol>);
    /// All symbols of one list were handed over.
    fn end_symbols(&mut self) {}
}

/// Hands the structs of two builds to `to`, then the enumerations, the types of variables and the symbols.
pub(super) fn walk<'a, B: Build<'a>>(old: &B, new: &B, to: &mut impl Presentation<'a, B>) {
    pairs(old.structs(), new.structs(), |name, old, new| to.structure(name, old, new));
    pairs(old.enumerations(), new.enumerations(), |name, old, new| to.enumeration(name, old, new));
    pairs(old.variables(), new.variables(), |name, old, new| to.variable(name, old, new));
    for (old, new) in old.symbols().into_iter().zip(new.symbols()) {
        pairs(old, new, |name, old, new| to.symbol(name, old, new));
        to.end_symbols();
    }
}

/// Hands every key of two lists, which are sorted, to `each`, with the values that the lists have for it.
pub(super) fn pairs<K: Ord, A, B>(
    old: impl IntoIterator<Item = (K, A)>,
    new: impl IntoIterator<Item = (K, B)>,
    mut each: impl FnMut(K, Option<A>, Option<B>),
) {
    let (mut old, mut new) = (old.into_iter().peekable(), new.into_iter().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((a, _)), Some((b, _))) => a.cmp(b),
        };
        let a = if order.is_le() { old.next() } else { None };
        let b = if order.is_ge() { new.next() } else { None };
        match (a, b) {
            (Some((key, a)), b) => each(key, Some(a), b.map(|(_, b)| b)),
            (None, Some((key, b))) => each(key, None, Some(b)),
            (None, None) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::pairs;

    #[test]
    fn every_key_comes_once_and_in_order() {
        let mut seen = Vec::new();
        pairs([(1, 'a'), (2, 'b'), (5, 'c')], [(2, 'B'), (3, 'C')], |key, a, b| seen.push((key, a, b)));
        let expected =
            [(1, Some('a'), None), (2, Some('b'), Some('B')), (3, None, Some('C')), (5, Some('c'), None)];
        assert_eq!(seen, expected);
        pairs([(); 0].map(|()| (0, 0)), [(7, 8)], |key, a: Option<i32>, b| {
            assert_eq!((key, a, b), (7, None, Some(8)))
        });
    }
}
