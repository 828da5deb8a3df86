// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
// Arithmetic is compiled once for each instruction set, each time in a namespace of its own (ASSAY_ISA), with flags of its own. Code in
// these headers must not instantiate standard templates: the linker keeps one copy of such a template for all instruction sets, and could
// keep one that this processor cannot run.
#include <cstddef>
#include <cstdint>
#include <cstring>

#ifndef ASSAY_ISA
#define ASSAY_ISA portable
#endif

#define ASSAY_INLINE inline __attribute__((always_inline))

namespace assay {
using u8 = std::uint8_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using i32 = std::int32_t;
using i64 = std::int64_t;
__extension__ using u128 = unsigned __int128;
}  // namespace assay
