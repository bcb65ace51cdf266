//! From a PDB's type indexes to the model's types.

use profile::{Profile, Type, TypeId};

use crate::codeview::CV_FIRST_NONPRIM;
use crate::primitive::{Mode, Primitive, primitive};
use crate::type_stream::TypeStream;

/// The model's types for a PDB's type indexes.
pub(crate) struct TypeMap {
    /// The type of the first record; those of the other records follow it.
    first: TypeId,
    primitives: Vec<Option<TypeId>>,
    void: TypeId,
    /// A text of any length, the target of pointers to wide characters.
    wide_text: TypeId,
}

impl TypeMap {
    /// Adds a type for every record; each is void until it is set.
    pub(crate) fn new(stream: &TypeStream<'_>, profile: &mut Profile) -> Self {
        let first = profile.types.reserve(stream.len());
        let void = profile.types.add(Type::Void);
        let wide_text = profile.types.add(Type::WideString { bytes: None });
        Self { first, primitives: vec![None; CV_FIRST_NONPRIM as usize], void, wide_text }
    }

    pub(crate) fn void(&self) -> TypeId {
        self.void
    }

    pub(crate) fn wide_text(&self) -> TypeId {
        self.wide_text
    }

    /// The type of the record at `position`.
    pub(crate) fn record(&self, position: usize) -> TypeId {
        self.first.offset(position)
    }

    /// The type with this index.
    pub(crate) fn get(
        &mut self,
        index: u32,
        stream: &TypeStream<'_>,
        profile: &mut Profile,
    ) -> Option<TypeId> {
        if index >= CV_FIRST_NONPRIM {
            return stream.position(index).map(|position| self.first.offset(position));
        }
        let slot = self.primitives.get(index as usize).copied()?;
        if slot.is_some() {
            return slot;
        }
        let (kind, mode) = primitive(index)?;
        let base = match kind {
            Primitive::None | Primitive::Void => self.void,
            // The type of a primitive: by value, or as a text behind a pointer.
            Primitive::WideChar if mode == Mode::Direct => {
                profile.types.add(Type::WideString { bytes: Some(2) })
            }
            Primitive::WideChar => self.wide_text,
            Primitive::Native(name, size, kind) => {
                let native = profile.native(name, size, kind);
                profile.types.add(native)
            }
        };
        let id = match mode {
            Mode::Direct => base,
            Mode::Pointer(size) => profile.types.add(Type::Pointer { target: base, size }),
            Mode::NativePointer => {
                let size = profile.arch.address_size();
                profile.types.add(Type::Pointer { target: base, size })
            }
        };
        if let Some(slot) = self.primitives.get_mut(index as usize) {
            *slot = Some(id);
        }
        Some(id)
    }
}
