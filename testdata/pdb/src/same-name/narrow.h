struct Tool { int weight; };
