// SPDX-License-Identifier: GPL-3.0-or-later
#include "constant-pool.h"

#include "../secret.h"

namespace assay {

ConstantPool::ConstantPool() : slots_(256, kFree) { fillRandom(reinterpret_cast<u8*>(seed_), sizeof seed_); }

std::size_t ConstantPool::slotOf(const u8* element) const {
  u64 hash = 0;
  for (unsigned i = 0; i < 4; i += 2) {
    const u64 left = readU64(element + 8 * i) + seed_[i], right = readU64(element + 8 * i + 8) ^ seed_[i + 1];
    const u128 product = static_cast<u128>(left) * right;
    hash = (hash << 7 | hash >> 57) ^ static_cast<u64>(product) ^ static_cast<u64>(product >> 64);
  }
  return static_cast<std::size_t>(hash) & (slots_.size() - 1);
}

u32 ConstantPool::idOf(const u8* element) {
  std::size_t slot = slotOf(element);
  for (; slots_[slot] != kFree; slot = (slot + 1) & (slots_.size() - 1))
    if (std::memcmp(elements_.data() + std::size_t{slots_[slot]} * kScalarBytes, element, kScalarBytes) == 0)
      return slots_[slot];
  slots_[slot] = count_;
  elements_.insert(elements_.end(), element, element + kScalarBytes);
  if (++count_ > slots_.size() / 2) grow();
  return count_ - 1;
}

void ConstantPool::grow() {
  slots_.assign(slots_.size() * 2, kFree);
  for (u32 id = 0; id < count_; id++) {
    std::size_t slot = slotOf(elements_.data() + std::size_t{id} * kScalarBytes);
    while (slots_[slot] != kFree) slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = id;
  }
}

}  // namespace assay
