struct Part { long long a; long long b; };
struct Tool { int weight; int length; int price; };
