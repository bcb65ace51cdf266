// Classes as IOKit has them: single inheritance, virtual functions, nested and static things.
typedef unsigned int UInt32;

class OSObject {
public:
	virtual ~OSObject();
	virtual UInt32 getRetainCount() const;
	static const OSObject *const metaClass;
private:
	int retainCount;
};

class IORegistryEntry : public OSObject {
	struct ExpansionData { void *fLock; UInt32 fFlags : 4; };
	ExpansionData *reserved;
	void *fRegistryTable;
};

struct Mixin { UInt32 mixed; };

class IOService : public IORegistryEntry, public Mixin {
public:
	IOService &self;
	IOService();
	int (IOService::*action)(int);
	UInt32 IOService::*field;
	enum class Power : unsigned char { Off, On = 5 };
	Power power;
	bool ready;
	IOService *provider;
	int start(int);
};

namespace iokit {
struct Queue {
	struct Entry { UInt32 size; } entries[2];
	IOService *owner;
};
}

struct Entry { double other; };

OSObject::~OSObject() {}
UInt32 OSObject::getRetainCount() const { return (UInt32)retainCount; }
IOService::IOService() : self(*this) {}
int IOService::start(int by) { return by + (int)ready; }
extern "C" void *_Znwm(unsigned long);
void operator delete(void *) noexcept {}
void operator delete(void *, unsigned long) noexcept {}

iokit::Queue queue;
Entry plain;
extern "C" IOService *gService;
IOService *gService;
UInt32 gMixed = sizeof(IOService);
