/// A literal as a list of its values in the order of the text, each with the place where it ends.
///
/// One tree is reused for every entry of a file, so a file of any length needs memory only for its longest entry.
#[derive(Debug, Default)]
pub(crate) struct Tree<'a> {
    nodes: Vec<Node<'a>>,
    /// The texts that differ from the source: those with escapes, or joined from several.
    texts: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Node<'a> {
    kind: NodeKind<'a>,
    /// The index after the last value inside this one.
    end: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum NodeKind<'a> {
    None,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(&'a [u8]),
    /// A text that is stored in the tree's texts.
    OwnText {
        start: usize,
        end: usize,
    },
    /// Lists and tuples.
    List,
    /// Keys and values in turn.
    Dict,
}

impl<'a> Tree<'a> {
    pub(super) fn clear(&mut self) {
        self.nodes.clear();
        self.texts.clear();
    }

    /// Begins a value; [`Tree::close`] ends it.
    pub(super) fn push(&mut self, kind: NodeKind<'a>) -> usize {
        let index = self.nodes.len();
        self.nodes.push(Node { kind, end: index + 1 });
        index
    }

    pub(super) fn close(&mut self, index: usize) {
        let end = self.nodes.len();
        if let Some(node) = self.nodes.get_mut(index) {
            node.end = end;
        }
    }

    pub(super) fn texts(&mut self) -> &mut Vec<u8> {
        &mut self.texts
    }

    /// The root value; `None` before one has been read.
    pub(crate) fn root(&self) -> Option<Value<'_, 'a>> {
        (!self.nodes.is_empty()).then_some(Value { tree: self, index: 0 })
    }
}

/// A value in a tree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value<'t, 'a> {
    tree: &'t Tree<'a>,
    index: usize,
}

impl<'t, 'a> Value<'t, 'a> {
    fn node(self) -> Option<&'t Node<'a>> {
        self.tree.nodes.get(self.index)
    }

    fn kind(self) -> NodeKind<'a> {
        self.node().map_or(NodeKind::None, |node| node.kind)
    }

    pub(crate) fn integer(self) -> Option<i128> {
        match self.kind() {
            NodeKind::Integer(number) => Some(number),
            NodeKind::Bool(value) => Some(i128::from(value)),
            _ => None,
        }
    }

    pub(crate) fn float(self) -> Option<f64> {
        match self.kind() {
            NodeKind::Float(number) => Some(number),
            _ => None,
        }
    }

    pub(crate) fn boolean(self) -> Option<bool> {
        match self.kind() {
            NodeKind::Bool(value) => Some(value),
            _ => None,
        }
    }

    pub(crate) fn text(self) -> Option<&'t [u8]> {
        match self.kind() {
            NodeKind::Text(text) => Some(text),
            NodeKind::OwnText { start, end } => self.tree.texts.get(start..end),
            _ => None,
        }
    }

    /// The values of a list or tuple.
    pub(crate) fn items(self) -> Option<Items<'t, 'a>> {
        matches!(self.kind(), NodeKind::List).then(|| self.children())
    }

    /// The keys and values of a dict, in the order of the text.
    pub(crate) fn pairs(self) -> Option<impl Iterator<Item = (Value<'t, 'a>, Value<'t, 'a>)>> {
        let mut children = matches!(self.kind(), NodeKind::Dict).then(|| self.children())?;
        Some(std::iter::from_fn(move || Some((children.next()?, children.next()?))))
    }

    /// The value of a dict under a textual key; the last if there are several.
    pub(crate) fn get(self, key: &str) -> Option<Value<'t, 'a>> {
        self.pairs()?.filter(|(name, _)| name.text() == Some(key.as_bytes())).last().map(|(_, value)| value)
    }

    fn children(self) -> Items<'t, 'a> {
        let end = self.node().map_or(self.index, |node| node.end);
        Items { tree: self.tree, next: self.index + 1, end }
    }
}

/// The values in a list, or the keys and values of a dict.
#[derive(Clone, Debug)]
pub(crate) struct Items<'t, 'a> {
    tree: &'t Tree<'a>,
    next: usize,
    end: usize,
}

impl<'t, 'a> Iterator for Items<'t, 'a> {
    type Item = Value<'t, 'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.end {
            return None;
        }
        let value = Value { tree: self.tree, index: self.next };
        self.next = value.node()?.end;
        Some(value)
    }
}
