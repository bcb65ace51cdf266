use libdeflater::CompressionLvl;

/// How much work is spent on a smaller compressed form of the same text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Effort {
    /// At most 112 % of the size that `zopfli` reaches, for the least work.
    #[default]
    Default,
    /// Within 1 % of the size that `zopfli` reaches, for about twenty times the work; a text of up to 512 KiB takes
    /// about a second.
    Best,
}

impl Effort {
    /// libdeflate's level, from 0 to 12.
    pub(super) fn level(self) -> CompressionLvl {
        let level = match self {
            Self::Default => 6,
            Self::Best => 11,
        };
        CompressionLvl::new(level).unwrap_or_default()
    }

    /// Bytes of text in a block. This is part of the format, since it determines the compressed bytes.
    pub(super) fn block_size(self) -> usize {
        match self {
            Self::Default => 1 << 20,
            Self::Best => 4 << 20,
        }
    }

    /// The longest text in bytes that zopfli itself compresses; also part of the format.
    pub(super) fn zopfli_up_to(self) -> usize {
        match self {
            Self::Default => 0,
            Self::Best => 512 << 10,
        }
    }

    /// The ten bytes that open the member (RFC 1952, section 2.3): deflate, no flags, no time, an unknown operating
    /// system. XFL says whether the slowest algorithm was used.
    pub(super) fn header(self) -> [u8; 10] {
        let xfl = match self {
            Self::Default => 0,
            Self::Best => 2,
        };
        [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, xfl, 255]
    }
}
