// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <cstddef>
#include <cstdint>
#include "pool.h"

// What is compiled once for each instruction set, as a table of functions over bytes. Points are affine, coordinates in Montgomery form
// (R = 2^256), little-endian, reduced; infinity is all zero: 64 bytes in G1 (x, y), 128 in G2 (x.c0, x.c1, y.c0, y.c1). Scalars are plain
// integers below r, 32 bytes little-endian. Nothing needs alignment. Functions throw std::bad_alloc and Cancelled only.

namespace assay {

enum class Group { g1, g2 };
enum class FieldName { base, scalar };
enum class FieldOperation { add, subtract, multiply, negate, invert, toMontgomery, fromMontgomery };

/** A sum Σ scalar·point to be taken with many sets of points. Term i is scalars[scalarOf[i]] times points[pointOf[i]]. */
struct SumTerms {
  const std::uint8_t* scalars;
  /** Null: i. */
  const std::uint32_t* scalarOf;
  /** Null: i. */
  const std::uint32_t* pointOf;
  std::size_t count;
};

/** Terms sorted by what their scalars need; made by `planSum`, for any number of `sum`s, given back to `dropSum`. */
struct SumPlan;

/** Rows of a sparse matrix: row i holds entries offsets[i] … offsets[i+1]. */
struct SparseRows {
  const std::uint32_t* offsets;
  const std::uint32_t* wires;
  /** Index into `constants`. */
  const std::uint32_t* coefficients;
};

/** The two matrices of a constraint system over 2^logDomain rows, and their coefficients in Montgomery form. */
struct Constraints {
  unsigned logDomain;
  SparseRows a;
  SparseRows b;
  const std::uint8_t* constants;
  std::size_t constantCount;
};

/** Roots of unity of one domain; made by `openDomain`, given back to `closeDomain`. */
struct Domain;

struct Kernels {
  const char* name;

  /** out[i] = a[i] op b[i], 32 bytes each, in Montgomery form (plain where the operation says so). `b` is not read by unary operations. */
  void (*field)(FieldName, FieldOperation, const std::uint8_t* a, const std::uint8_t* b, std::uint8_t* out, std::size_t count);

  /** Index of the first point that is not reduced or not on its curve; `count` if all are. Infinity passes. */
  std::size_t (*firstBadPoint)(Pool&, Group, const std::uint8_t* points, std::size_t count);

  SumPlan* (*planSum)(Pool&, const SumTerms&);
  /** Writes the affine sum. */
  void (*sum)(Pool&, const SumPlan&, Group, const std::uint8_t* points, std::uint8_t* out);
  void (*dropSum)(SumPlan*);

  /** out[i] = scalars[i]·base, affine, by tables of the base's multiples. */
  void (*multiplyBase)(Pool&, Group, const std::uint8_t* base, const std::uint8_t* scalars, std::size_t count, std::uint8_t* out);

  /** Adds scalar·point to sum, all affine; one by one, for a handful. */
  void (*addMultiple)(Group, std::uint8_t* sum, const std::uint8_t* point, const std::uint8_t* scalar);

  Domain* (*openDomain)(Pool&, unsigned logDomain);
  void (*closeDomain)(Domain*);
  /** The scalars of the key's H points (snarkjs's section 9): A·w∘B·w − (A·w∘B·w interpolated) on the odd coset. 2^logDomain of them, plain. */
  void (*quotient)(Pool&, const Domain&, const Constraints&, const std::uint8_t* witness, std::uint8_t* out);

  /** Whether ∏ e(g1[i], g2[i]) = 1. Pairs with an infinity count as 1. Points must be on their curves, g2 in its subgroup. */
  bool (*pairsToOne)(Pool&, const std::uint8_t* g1, const std::uint8_t* g2, std::size_t count);
  /** Whether one point of G2, on the curve, has order r. */
  bool (*inSubgroup)(const std::uint8_t* point);
};

const Kernels* portableKernels();
#if defined(__x86_64__)
const Kernels* adxKernels();
const Kernels* ifmaKernels();
#endif

}  // namespace assay
