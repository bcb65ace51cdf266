/// A type in a profile's table of [`Types`](super::Types).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeId(pub(super) u32);

/// The definition of a struct, union or class in a profile's table of [`Types`](super::Types).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(pub(super) u32);

/// The definition of an enumeration in a profile's table of [`Types`](super::Types).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnumId(pub(super) u32);

/// A native type (`unsigned long`) in a profile's table of [`Types`](super::Types).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NativeId(pub(super) u32);

impl TypeId {
    /// The id `by` places after this one, for blocks of reserved types.
    pub fn offset(self, by: usize) -> Self {
        TypeId(self.0.saturating_add(index(by)))
    }

    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

impl RecordId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

impl NativeId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

impl EnumId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// Tables hold fewer entries than their input has bytes, and no front-end accepts four billion of those; a larger
/// index reads as an unknown type.
pub(super) fn index(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}
