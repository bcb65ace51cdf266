use crate::{Type, TypeId, Types};

/// Which types are plain: their descriptor is small and leads to no unnamed record or enumeration.
///
/// Nearly all types are plain, and a member of a plain type needs no further work when names are settled. So the few
/// steps from a type to its target are taken once per type and not once per member.
#[derive(Debug, Default)]
pub(crate) struct PlainTypes {
    /// The largest number of descriptors in one of the type; 0 if it is not plain.
    weights: Vec<u8>,
}

/// Heavier types do not count as plain, nor do those that have not ended after as many steps.
const MAX_WEIGHT: u8 = 30;
const MAX_STEPS: u8 = 8;
/// Not computed yet.
const UNKNOWN: u8 = u8::MAX;

impl PlainTypes {
    pub(crate) fn new(types: &Types) -> Self {
        let mut plain = Self { weights: vec![UNKNOWN; types.len()] };
        for (position, ty) in types.all().enumerate() {
            let weight = plain.weigh(types, ty, MAX_STEPS);
            if let Some(slot) = plain.weights.get_mut(position) {
                *slot = weight;
            }
        }
        plain
    }

    pub(crate) fn contains(&self, id: TypeId) -> bool {
        self.weights.get(id.index()).is_some_and(|weight| *weight != 0)
    }

    fn weigh(&self, types: &Types, ty: Type, steps: u8) -> u8 {
        let sum = match ty {
            Type::Native(_) | Type::Void | Type::Named(_) | Type::WideString { .. } | Type::Verbatim(_) => 1,
            Type::Record(id) => types.record(id).map_or(0, |record| u8::from(record.name.is_some())),
            Type::Enumeration(id) => types.enumeration(id).map_or(0, |item| u8::from(item.name.is_some())),
            Type::Alias { target, .. } | Type::Pointer { target, .. } | Type::Array { target, .. } => {
                match self.weight(types, target, steps) {
                    0 => 0,
                    weight => weight + 1,
                }
            }
            Type::Function(arguments) => {
                let mut sum = 1u8;
                for argument in types.arguments(arguments) {
                    match self.weight(types, *argument, steps) {
                        0 => return 0,
                        weight if sum + weight > MAX_WEIGHT => return 0,
                        weight => sum += weight,
                    }
                }
                sum
            }
        };
        if sum > MAX_WEIGHT { 0 } else { sum }
    }

    fn weight(&self, types: &Types, id: TypeId, steps: u8) -> u8 {
        match self.weights.get(id.index()) {
            Some(&UNKNOWN) => match steps.checked_sub(1) {
                Some(steps) => self.weigh(types, types.get(id), steps),
                None => 0,
            },
            Some(weight) => *weight,
            None => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Names, RecordKind};

    #[test]
    fn a_type_that_leads_to_an_unnamed_one_is_not_plain() {
        let (mut names, mut types) = (Names::default(), Types::default());
        let name = names.intern("s");
        let named = types.add_record(&mut names, Some(name), RecordKind::Struct, 4, &[]);
        let unnamed = types.add_record(&mut names, None, RecordKind::Struct, 4, &[]);
        // A pointer that precedes its target.
        let forward = types.reserve(1);
        let (named, unnamed) = (types.add(Type::Record(named)), types.add(Type::Record(unnamed)));
        types.set(forward, Type::Pointer { target: named, size: 8 });
        let arguments = types.add_arguments(&[named, forward]);
        let function = types.add(Type::Function(arguments));
        let array = types.add(Type::Array { target: unnamed, count: 2 });
        let arguments = types.add_arguments(&[array]);
        let other = types.add(Type::Function(arguments));
        let endless = types.reserve(1);
        types.set(endless, Type::Pointer { target: endless, size: 8 });
        let plain = PlainTypes::new(&types);
        assert!([named, forward, function].iter().all(|id| plain.contains(*id)));
        assert!([unnamed, array, other, endless].iter().all(|id| !plain.contains(*id)));
    }

    #[test]
    fn heavy_or_deep_types_are_not_plain() {
        let mut types = Types::default();
        let void = types.add(Type::Void);
        let arguments = types.add_arguments(&[void; 29]);
        let wide = types.add(Type::Function(arguments));
        let arguments = types.add_arguments(&[void; 30]);
        let wider = types.add(Type::Function(arguments));
        let mut deep = vec![void];
        for _ in 0..40 {
            let target = deep[deep.len() - 1];
            deep.push(types.add(Type::Pointer { target, size: 8 }));
        }
        let plain = PlainTypes::new(&types);
        assert!(plain.contains(wide) && !plain.contains(wider));
        assert!(plain.contains(deep[29]) && !plain.contains(deep[30]) && !plain.contains(deep[40]));
    }
}
