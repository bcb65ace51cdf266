/// A layer of the sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layer {
    /// The kernel enforces it: which means it uses, and what it leaves open.
    Enforced(String),
    /// The program runs without it: why.
    Missing(String),
}
