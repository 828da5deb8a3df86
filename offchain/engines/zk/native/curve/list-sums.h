// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "pair-adder.h"

namespace assay {
namespace ASSAY_ISA {

/** Lists of references to points: list i is references[offsets[i]] … references[offsets[i+1]]. */
struct Lists {
  const u32* references;
  const u32* offsets;
  std::size_t count;
};

/**
 * Sums of lists of points, as trees of pairs: level by level through a block of lists, so that every level fills the adder's batches and
 * its results stay in the second-level cache. A list that does not end in its block leaves its partial sums to the next.
 */
template <class F>
class ListSums {
 public:
  ListSums() : points_(kBlock + 2 * kLeftOver), next_(kBlock + 2 * kLeftOver), lists_(kBlock + 1), left_(kBlock), right_(kBlock) {}

  /** Writes the sum of each list, infinity for an empty one. */
  void sum(const u8* points, const Lists& lists, Affine<F>* sums) {
    Affine<F> carried[kLeftOver];
    std::size_t carriedCount = 0;
    std::size_t list = 0;
    u32 at = lists.count > 0 ? lists.offsets[0] : 0;
    while (list < lists.count) {
      listCount_ = 0;
      used_ = 0;
      const std::size_t first = list;
      // What belongs to the block: whole lists, and the part of the last that still fits.
      u32 room = kBlock;
      bool open = false;
      const u32 from = at;
      while (list < lists.count && !open && listCount_ < kBlock) {
        const u32 rest = lists.offsets[list + 1] - at;
        const u32 taken = rest < room ? rest : room;
        lists_[listCount_++] = {at - from, taken};
        room -= taken;
        at += taken;
        open = taken < rest;
        if (!open) list++;
      }
      firstLevel(points, lists.references + from);
      if (carriedCount > 0) resume(carried, carriedCount);
      while (addLevel(open)) {
      }
      for (std::size_t i = 0; i + (open ? 1 : 0) < listCount_; i++)
        sums[first + i] = lists_[i].count == 0 ? Affine<F>::infinity() : points_[next_[lists_[i].from]];
      carriedCount = 0;
      if (open) {
        const Part& last = lists_[listCount_ - 1];
        for (u32 i = 0; i < last.count; i++) carried[carriedCount++] = points_[next_[last.from + i]];
      }
    }
  }

 private:
  /** Terms of a block. Two levels' worth of their points should stay in the second-level cache. */
  static constexpr u32 kBlock = sizeof(F) == sizeof(Fq) ? 12288 : 6144;
  /** Partial sums that an unfinished list hands on, instead of being added up in ever smaller batches. */
  static constexpr u32 kLeftOver = 64;

  struct Part {
    u32 from, count;
  };

  /** From references to the caller's points to places in points_. */
  void firstLevel(const u8* points, const u32* references) {
    std::size_t pairs = 0;
    for (std::size_t i = 0; i < listCount_; i++)
      for (u32 k = 0; k + 1 < lists_[i].count; k += 2) {
        left_[pairs] = references[lists_[i].from + k];
        right_[pairs++] = references[lists_[i].from + k + 1];
      }
    adder_.add(points, {left_.data(), right_.data(), pairs}, points_.data());
    u32 sum = 0;
    used_ = static_cast<u32>(pairs);
    u32 place = 0;
    for (std::size_t i = 0; i < listCount_; i++) {
      Part& part = lists_[i];
      const u32 from = part.from;
      part.from = place;
      for (u32 k = 0; k + 1 < part.count; k += 2) next_[place++] = sum++;
      if ((part.count & 1) != 0) {
        points_[used_] = pointAt<F>(points, references[from + part.count - 1]);
        next_[place++] = used_++;
      }
      part.count = (part.count + 1) / 2;
    }
    end_ = place;
  }

  /** Puts what the block before left of the first list to its terms. Lists do not overlap, so they move to the end. */
  void resume(const Affine<F>* carried, std::size_t count) {
    Part& part = lists_[0];
    const u32 place = end_;
    for (u32 i = 0; i < part.count; i++) next_[end_++] = next_[part.from + i];
    for (std::size_t i = 0; i < count; i++) {
      points_[used_] = carried[i];
      next_[end_++] = used_++;
    }
    part = {place, end_ - place};
  }

  /** Halves every list that is not finished. Whether there was one. */
  bool addLevel(bool open) {
    std::size_t pairs = 0;
    const u32 base = used_;
    for (std::size_t i = 0; i < listCount_; i++) {
      Part& part = lists_[i];
      if (part.count < 2 || (open && i + 1 == listCount_ && part.count <= kLeftOver)) continue;
      u32 place = part.from;
      for (u32 k = 0; k + 1 < part.count; k += 2) {
        left_[pairs] = next_[part.from + k] << 1;
        right_[pairs] = next_[part.from + k + 1] << 1;
        next_[place++] = base + static_cast<u32>(pairs++);
      }
      if ((part.count & 1) != 0) next_[place++] = next_[part.from + part.count - 1];
      part.count = (part.count + 1) / 2;
    }
    if (pairs == 0) return false;
    adder_.add(reinterpret_cast<const u8*>(points_.data()), {left_.data(), right_.data(), pairs}, points_.data() + base);
    used_ += static_cast<u32>(pairs);
    return true;
  }

  Adder<F> adder_;
  Buffer<Affine<F>> points_;
  /** Places in points_ of every list's terms. */
  Buffer<u32> next_;
  Buffer<Part> lists_;
  Buffer<u32> left_, right_;
  std::size_t listCount_ = 0;
  u32 used_ = 0;
  u32 end_ = 0;
};

}  // namespace ASSAY_ISA
}  // namespace assay
