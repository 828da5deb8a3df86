// SPDX-License-Identifier: GPL-3.0-or-later
#include "cpu.h"

#include <cstring>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace assay {
namespace {

struct Features {
  bool adx = false;
  bool ifma = false;
};

Features readFeatures() {
  Features found;
#if defined(__x86_64__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return found;
  const auto has = [](unsigned word, unsigned bit) { return ((word >> bit) & 1) != 0; };
  found.adx = has(b, 8) && has(b, 19);  // BMI2, ADX
  // F, DQ, IFMA, BW, VL; VBMI2.
  const bool vectors = has(b, 16) && has(b, 17) && has(b, 21) && has(b, 30) && has(b, 31) && has(c, 6);
  if (!found.adx || !vectors) return found;
  unsigned flags = 0;
  if (__get_cpuid(1, &a, &b, &flags, &d) == 0 || !has(flags, 27)) return found;  // OSXSAVE
  unsigned low = 0, high = 0;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  // The system saves SSE, AVX, mask and both halves of the vector registers.
  found.ifma = (low & 0xe6) == 0xe6;
#endif
  return found;
}

[[maybe_unused]] const Features& features() {
  static const Features found = readFeatures();
  return found;
}

}  // namespace

const Kernels* kernelsNamed(const char* name) {
#if defined(__x86_64__)
  if (std::strcmp(name, "ifma") == 0) return features().ifma ? ifmaKernels() : nullptr;
  if (std::strcmp(name, "adx") == 0) return features().adx ? adxKernels() : nullptr;
#endif
  return std::strcmp(name, "portable") == 0 ? portableKernels() : nullptr;
}

const Kernels& bestKernels() {
  for (const char* name : {"ifma", "adx"})
    if (const Kernels* found = kernelsNamed(name)) return *found;
  return *portableKernels();
}

}  // namespace assay
