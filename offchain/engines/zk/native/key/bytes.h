// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "../isa.h"

namespace assay {

constexpr std::size_t kScalarBytes = 32;
constexpr std::size_t kG1Bytes = 64;
constexpr std::size_t kG2Bytes = 128;

/** A view of somebody else's bytes. */
struct Bytes {
  const u8* data = nullptr;
  std::size_t size = 0;
};

inline u32 readU32(const u8* at) {
  return static_cast<u32>(at[0]) | static_cast<u32>(at[1]) << 8 | static_cast<u32>(at[2]) << 16 |
         static_cast<u32>(at[3]) << 24;
}
inline u64 readU64(const u8* at) { return readU32(at) | static_cast<u64>(readU32(at + 4)) << 32; }
inline void writeU32(u8* at, u32 value) {
  for (unsigned i = 0; i < 4; i++) at[i] = static_cast<u8>(value >> (8 * i));
}
inline void writeU64(u8* at, u64 value) {
  for (unsigned i = 0; i < 8; i++) at[i] = static_cast<u8>(value >> (8 * i));
}

inline bool isZero(const u8* at, std::size_t size) {
  u8 any = 0;
  for (std::size_t i = 0; i < size; i++) any |= at[i];
  return any == 0;
}

/** Whether 32 little-endian bytes are below `modulus`, 32 bytes likewise. */
inline bool isBelow(const u8* at, const u8* modulus) {
  for (std::size_t i = 3; i > 0; i--) {
    const u64 have = readU64(at + 8 * i), limit = readU64(modulus + 8 * i);
    if (have != limit) return have < limit;
  }
  return readU64(at) < readU64(modulus);
}

/** Orders of BN254's fields, little-endian. */
extern const u8 kBaseModulus[kScalarBytes];
extern const u8 kScalarModulus[kScalarBytes];

}  // namespace assay
