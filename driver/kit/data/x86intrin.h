/* Stands before clang's x86intrin.h, which brings every vector extension there is: among them matrix types that bindings cannot
   express, with other names in each version of clang. Kernel structures need none beyond SSE2. */
#include <emmintrin.h>
