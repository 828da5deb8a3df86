// SPDX-License-Identifier: GPL-3.0-or-later
#include "secret.h"

#include <sys/random.h>

#include <cerrno>
#include <system_error>

namespace assay {

void wipe(void* at, std::size_t size) {
  if (size == 0) return;
  std::memset(at, 0, size);
  // The compiler must assume that this reads what was written.
  __asm__ volatile("" : : "r"(at) : "memory");
}

void fillRandom(u8* at, std::size_t size) {
  for (std::size_t have = 0; have < size;) {
    const ssize_t got = getrandom(at + have, size - have, 0);
    if (got > 0)
      have += static_cast<std::size_t>(got);
    else if (got < 0 && errno != EINTR)
      throw std::system_error(errno, std::generic_category(), "getrandom");
  }
}

void uniformScalar(u8* out) {
  do {
    fillRandom(out, kScalarBytes);
    // r has 254 bits; this only speeds the rejection up.
    out[kScalarBytes - 1] &= 0x3f;
  } while (!isBelow(out, kScalarModulus));
}

}  // namespace assay
