--  Integers of few values, characters of several widths, fixed point, and a record whose size depends on a value.
package Natives is
   type Small is range -5 .. 100;
   type Fixed is delta 0.01 range -100.0 .. 100.0;
   type Bytes is array (Positive range <>) of Character;
   type Sized (Length : Natural) is record
      Before : Long_Integer;
      Text   : Bytes (1 .. Length);
   end record;
   type Values is record
      Level  : Small;
      Amount : Fixed;
      Letter : Wide_Character;
      Symbol : Wide_Wide_Character;
      Ready  : Boolean;
      Large  : Long_Long_Integer;
   end record;
   Example : Values;
   Buffer  : Sized (12);
end Natives;
