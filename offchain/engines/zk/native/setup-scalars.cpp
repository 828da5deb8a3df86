// SPDX-License-Identifier: GPL-3.0-or-later
#include "setup-scalars.h"

#include "field/prime-field.h"
#include "key/failure.h"

namespace assay {
namespace {

// Not per instruction set: of a setup's time this is the small part.
using portable::Fr;
using portable::Limbs;

constexpr unsigned kMaxLogDomain = 26;
constexpr std::size_t kChunk = 4096;
constexpr std::size_t kEntryBytes = 12 + kScalarBytes;

std::size_t chunksOf(std::size_t count) { return (count + kChunk - 1) / kChunk; }

Failure degenerate() { return Failure("CIRCUIT_UNFIT", "its trapdoor is degenerate"); }

Fr secret(const u8* plain) {
  if (!isBelow(plain, kScalarModulus) || isZero(plain, kScalarBytes)) throw degenerate();
  return Fr::load(plain).toMontgomery();
}

Fr power(const Fr& base, u64 exponent) { return base.power(Limbs{{exponent, 0, 0, 0}}); }

/** A root of unity of order 2^logOrder, the one that snarkjs uses: from 5, the least non-residue. */
Fr rootOfUnity(unsigned logOrder) {
  Limbs exponent = portable::ScalarModulus::value;
  exponent.limb[0] -= 1;
  for (unsigned i = 0; i < logOrder; i++) {
    for (unsigned word = 0; word < 3; word++)
      exponent.limb[word] = exponent.limb[word] >> 1 | exponent.limb[word + 1] << 63;
    exponent.limb[3] >>= 1;
  }
  return Fr::of(5).power(exponent);
}

/**
 * All Lagrange polynomials of the subgroup of order 2^logDomain at x, times `factor`: L_i(x) = (xⁿ−1)/n · ωⁱ/(x−ωⁱ).
 */
Region lagrange(Pool& pool, unsigned logDomain, const Fr& x, const Fr& factor) {
  const std::size_t n = std::size_t{1} << logDomain;
  const Fr root = rootOfUnity(logDomain);
  const Fr scale = (power(x, n) - Fr::one()) * Fr::of(n).inverse() * factor;
  if (scale.isZero()) throw degenerate();
  Region values(n * sizeof(Fr));
  parallel(pool, chunksOf(n), [&](std::size_t chunk) {
    const std::size_t from = chunk * kChunk, count = std::min(kChunk, n - from);
    u8* const out = values.data() + from * sizeof(Fr);
    // Inverses of all x − ωⁱ for the price of one: products of those before, then back.
    std::vector<Fr> differences(count);
    Fr power_ = power(root, from), product = Fr::one();
    for (std::size_t i = 0; i < count; i++) {
      differences[i] = x - power_;
      product.store(out + i * sizeof(Fr));
      product = product * differences[i];
      if (i + 1 < count) power_ = power_ * root;
    }
    Fr inverse = product.inverse();
    const Fr inverseRoot = root.inverse();
    Fr scaled = scale * power_;
    for (std::size_t i = count; i-- > 0;) {
      (Fr::load(out + i * sizeof(Fr)) * inverse * scaled).store(out + i * sizeof(Fr));
      inverse = inverse * differences[i];
      scaled = scaled * inverseRoot;
    }
  });
  return values;
}

/** For each entry, sums[wire] += constant · basis[row]. */
void accumulate(Pool& pool, const Matrix& matrix, const std::vector<Fr>& constants, const Region& basis, Region& sums) {
  const Fr one = Fr::one(), minusOne = -Fr::one();
  for (std::size_t row = 0; row + 1 < matrix.offsets.size(); row++) {
    if (row % kChunk == 0) pool.throwIfCancelled();
    const Fr value = Fr::load(basis.data() + row * sizeof(Fr));
    for (u32 entry = matrix.offsets[row]; entry < matrix.offsets[row + 1]; entry++) {
      u8* const at = sums.data() + std::size_t{matrix.wires[entry]} * sizeof(Fr);
      const Fr& constant = constants[matrix.coefficients[entry]];
      const Fr sum = Fr::load(at);
      (constant == one ? sum + value : constant == minusOne ? sum - value : sum + constant * value).store(at);
    }
  }
}

bool contains(WireRange range, std::size_t wire) { return wire >= range.from && wire - range.from < range.count; }

std::size_t publicsOf(const R1cs& r1cs) { return std::size_t{r1cs.outputs} + r1cs.publicInputs; }

}  // namespace

unsigned logDomainOf(const R1cs& r1cs) {
  unsigned log = 1;
  while ((u64{1} << log) < u64{r1cs.constraints} + publicsOf(r1cs) + 1) log++;
  if (log > kMaxLogDomain) throw Failure::tooLarge(r1cs.constraints, "constraints", u64{1} << kMaxLogDomain);
  return log;
}

KeyScalars evaluateScalars(Pool& pool, const R1cs& r1cs, WireRange weights, WireRange round1, const Trapdoor& trapdoor,
                           const SetupReport& report) {
  const unsigned logDomain = logDomainOf(r1cs);
  const std::size_t domain = std::size_t{1} << logDomain, wires = r1cs.wires, publics = publicsOf(r1cs);
  const Fr tau = secret(trapdoor.tau), alpha = secret(trapdoor.alpha), beta = secret(trapdoor.beta);
  const Fr inverse1 = secret(trapdoor.delta1).inverse(), inverse2 = secret(trapdoor.delta2).inverse();
  const Fr inverseWeights = secret(trapdoor.deltaWeights).inverse();
  KeyScalars scalars;
  scalars.wires = r1cs.wires;
  scalars.domain = static_cast<u32>(domain);
  scalars.all = Region(scalars.count() * kScalarBytes);
  const auto target = [&](std::size_t part) { return scalars.all.data() + part * wires * kScalarBytes; };
  // Calls work(i) for all i below count, and writes what it gives as plain numbers.
  const auto fill = [&](std::size_t count, u8* out, auto&& work) {
    parallel(pool, chunksOf(count), [&](std::size_t chunk) {
      for (std::size_t i = chunk * kChunk, end = std::min(i + kChunk, count); i < end; i++)
        work(i).fromMontgomery().store(out + i * kScalarBytes);
    });
  };
  const auto element = [](const Region& elements, std::size_t i) { return Fr::load(elements.data() + i * sizeof(Fr)); };

  report(SetupStep::evaluate, 0);
  {
    // H is divided by δ2 in the basis of the odd points of the doubled domain: its L there is this domain's at τ/ω₂ₙ
    // times Z(τ)/(−2).
    const Fr factor = (power(tau, domain) - Fr::one()) * (-Fr::of(2)).inverse() * inverse2;
    const Region h = lagrange(pool, logDomain, tau * rootOfUnity(logDomain + 1).inverse(), factor);
    fill(domain, target(3), [&](std::size_t i) { return element(h, i); });
  }
  Region sums[3];
  {
    const Region basis = lagrange(pool, logDomain, tau, Fr::one());
    report(SetupStep::evaluate, 0.25);
    std::vector<Fr> constants(r1cs.constants.size() / kScalarBytes);
    for (std::size_t i = 0; i < constants.size(); i++)
      constants[i] = Fr::load(r1cs.constants.data() + i * kScalarBytes).toMontgomery();
    const Matrix* const matrices[] = {&r1cs.a, &r1cs.b, &r1cs.c};
    for (Region& sum : sums) sum = Region(wires * sizeof(Fr));
    parallel(pool, 3, [&](std::size_t i) { accumulate(pool, *matrices[i], constants, basis, sums[i]); });
    // One row a public wire, which makes its A polynomial independent of all others.
    for (std::size_t wire = 0; wire <= publics; wire++)
      (element(sums[0], wire) + element(basis, r1cs.constraints + wire)).store(sums[0].data() + wire * sizeof(Fr));
  }
  report(SetupStep::evaluate, 0.75);
  fill(wires, target(0), [&](std::size_t i) { return element(sums[0], i); });
  fill(wires, target(1), [&](std::size_t i) { return element(sums[1], i); });
  fill(wires, target(2), [&](std::size_t i) {
    const Fr ck = beta * element(sums[0], i) + alpha * element(sums[1], i) + element(sums[2], i);
    if (i <= publics) return ck;
    return ck * (contains(weights, i) ? inverseWeights : contains(round1, i) ? inverse1 : inverse2);
  });
  report(SetupStep::evaluate, 1);
  return scalars;
}

std::size_t coefficientBytes(const R1cs& r1cs) {
  return 4 + (r1cs.a.wires.size() + r1cs.b.wires.size() + publicsOf(r1cs) + 1) * kEntryBytes;
}

void writeCoefficients(Pool& pool, const R1cs& r1cs, u8* out) {
  const std::size_t publics = publicsOf(r1cs), rows = r1cs.constraints;
  // Stored as value · R²: snarkjs multiplies it by a plain witness and gets Montgomery form.
  const auto squared = [](const Fr& value) { return value.toMontgomery().toMontgomery(); };
  std::vector<Fr> constants(r1cs.constants.size() / kScalarBytes);
  for (std::size_t i = 0; i < constants.size(); i++)
    constants[i] = squared(Fr::load(r1cs.constants.data() + i * kScalarBytes));
  writeU32(out, static_cast<u32>((coefficientBytes(r1cs) - 4) / kEntryBytes));
  const auto put = [&](std::size_t index, u32 matrix, std::size_t row, std::size_t wire, const Fr& value) {
    u8* const at = out + 4 + index * kEntryBytes;
    writeU32(at, matrix);
    writeU32(at + 4, static_cast<u32>(row));
    writeU32(at + 8, static_cast<u32>(wire));
    value.store(at + 12);
  };
  const Matrix* const matrices[] = {&r1cs.a, &r1cs.b};
  parallel(pool, chunksOf(rows), [&](std::size_t chunk) {
    const std::size_t from = chunk * kChunk, end = std::min(from + kChunk, rows);
    std::size_t index = std::size_t{r1cs.a.offsets[from]} + r1cs.b.offsets[from];
    for (std::size_t row = from; row < end; row++)
      for (u32 i = 0; i < 2; i++) {
        const Matrix& matrix = *matrices[i];
        for (u32 entry = matrix.offsets[row]; entry < matrix.offsets[row + 1]; entry++)
          put(index++, i, row, matrix.wires[entry], constants[matrix.coefficients[entry]]);
      }
  });
  std::size_t index = r1cs.a.wires.size() + r1cs.b.wires.size();
  const Fr one = squared(Fr::of(1).fromMontgomery());
  for (std::size_t wire = 0; wire <= publics; wire++) put(index++, 0, rows + wire, wire, one);
}

}  // namespace assay
