// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <array>
#include "source.h"

namespace assay {

constexpr u32 kMostSections = 10;

/** What iden3's binary files share: a magic, a version, then sections of u32 type and u64 length. */
struct BinaryFormat {
  const char* magic;
  u32 version;
  /** Sections 1 … n must occur exactly once each, in any order, and nothing else. */
  u32 sections;
};

constexpr BinaryFormat kZkeyFormat{"zkey", 1, 10};
constexpr BinaryFormat kR1csFormat{"r1cs", 1, 3};
constexpr BinaryFormat kWtnsFormat{"wtns", 2, 2};

struct Place {
  u64 at = 0;
  u64 size = 0;
};

/** By type; the first is unused. */
using Sections = std::array<Place, kMostSections + 1>;

/** Every place lies inside the source. Fails with the source's code. */
Sections readSections(Source& source, const BinaryFormat& format);

/** Whether 36 bytes are a field's element size and order. */
bool isField(const u8* bytes, const u8* modulus);

}  // namespace assay
