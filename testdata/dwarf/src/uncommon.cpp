// A null pointer's type, and enumerations over characters.
enum class byte : char8_t { last = 0xfe };
enum class unit : char16_t { last = 0xfffe };
struct uncommon {
  decltype(nullptr) nothing;
  byte code;
  unit wide;
  char16_t narrow : 9;
} uncommon;
