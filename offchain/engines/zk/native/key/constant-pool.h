// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <vector>
#include "bytes.h"

namespace assay {

/**
 * Numbers the distinct elements that it is shown, in order of first sight: a circuit repeats few coefficients very
 * often.
 */
class ConstantPool {
 public:
  ConstantPool();
  /** Of 32 bytes. */
  u32 idOf(const u8* element);
  const std::vector<u8>& elements() const { return elements_; }
  std::vector<u8> take() { return static_cast<std::vector<u8>&&>(elements_); }

 private:
  static constexpr u32 kFree = ~u32{0};

  std::size_t slotOf(const u8* element) const;
  void grow();

  // Random, so that nobody can choose coefficients that fall on one slot.
  u64 seed_[4];
  std::vector<u8> elements_;
  std::vector<u32> slots_;
  u32 count_ = 0;
};

}  // namespace assay
