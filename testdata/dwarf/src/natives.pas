{ A set, a float of ten bytes, and a variable that holds the address of a procedure. }
unit natives;
{$mode objfpc}
interface
type
  TLetter = (First, Second, Third);
  TLetters = set of TLetter;
  TCall = procedure(Value: LongInt);
  TValues = record
    Small: ShortInt;
    Letters: TLetters;
    Wide: Extended;
    Flag: WordBool;
    Call: TCall;
    Last: Int64;
  end;
var
  Example: TValues;
implementation
end.
