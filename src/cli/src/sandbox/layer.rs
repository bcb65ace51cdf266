/// A layer of the sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layer {
    /// The kernel enforces it: which means it uses, and what it leaves open.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux has layers"))]
    Enforced(String),
    /// The program runs without it: why.
    Missing(String),
}
