// Classes: bases, a virtual table, statics, members of every kind.
namespace kit {
class Object {
public:
  virtual ~Object();
  static int count;
  int retain;
};
class Named {
public:
  const char *name;
  struct Entry { int key; Entry *next; };
  Entry first;
};
class Service : public Object, protected Named {
public:
  int Service::*field;
  void (Service::*method)(int);
  Object &owner;
  unsigned long long state : 40;
};
}
kit::Object::~Object() {}
kit::Service *service(kit::Service *it) { return it; }
