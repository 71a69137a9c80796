/* Read before mingw-w64's ntddk.h: names that it defines as inline functions or macros, while the WDK declares them as
   functions of the kernel. They are set aside here and declared in addendum-after.h. */
#define KeGetCurrentIrql mingw_KeGetCurrentIrql
#define KeRaiseIrqlToDpcLevel mingw_KeRaiseIrqlToDpcLevel
#define KfRaiseIrql mingw_KfRaiseIrql
#define KeLowerIrql mingw_KeLowerIrql
