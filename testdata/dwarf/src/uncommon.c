/* Base types that Rekall has no word for, and a `char` without a sign. */
struct uncommon {
  char letter;
  _Float64x extended;
  _Decimal64 decimal;
  _Complex int pair;
  int last;
} uncommon;
