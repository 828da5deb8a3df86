// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "key/region.h"

namespace assay {

/** Overwrites with zeros; the compiler may not leave it out. */
void wipe(void* at, std::size_t size);

/** From the system's generator; waits until that is seeded. */
void fillRandom(u8* at, std::size_t size);

/**
 * A uniform scalar below r, 32 bytes little-endian: random strings of 254 bits until one is below r. Masking to 253
 * bits or reducing would not be uniform, and proofs would hide less than they claim.
 */
void uniformScalar(u8* out);

/** Bytes that are wiped when dropped, in pages that no core dump holds. Zero at first. */
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::size_t size) : region_(size) { region_.hide(); }
  Secret(Secret&&) noexcept = default;
  Secret& operator=(Secret&& other) noexcept {
    clear();
    region_ = static_cast<Region&&>(other.region_);
    return *this;
  }
  ~Secret() { clear(); }

  u8* data() { return region_.data(); }
  const u8* data() const { return region_.data(); }
  std::size_t size() const { return region_.size(); }
  void grow(std::size_t size) { region_.grow(size); }
  void clear() { wipe(region_.data(), region_.size()); }

 private:
  Region region_;
};

}  // namespace assay
