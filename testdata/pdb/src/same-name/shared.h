// In every program: what it means by Item and Node depends on who includes it.
struct Item;
struct Holder { Item *item; int number; };
