// SPDX-License-Identifier: GPL-3.0-or-later
// The kernels as they are, one instruction set at a time: for the tests that compare them with each other and with plain integers. What the
// kernels take for granted is checked here.
#include <cstring>
#include <memory>
#include "../cpu.h"
#include "../key/bytes.h"
#include "bindings.h"
#include "call.h"

namespace assay {
namespace addon {
namespace {

constexpr u64 kMostThreads = 256;
constexpr u64 kMostLogDomain = 27;
constexpr const char* kPaths[] = {"ifma", "adx", "portable"};
constexpr napi_type_tag kKernelsTag = {0x1b0f54a7c9e24d36ULL, 0x8e7c2f90ab5d4413ULL};

struct Bench {
  Bench(const Kernels& chosen, unsigned threads) : kernels(chosen), pool(threads) {}
  const Kernels& kernels;
  Pool pool;
};

void dropBench(napi_env, void* bench, void*) { delete static_cast<Bench*>(bench); }

Bench& benchOf(const Arguments& arguments) {
  bool isBench = false;
  void* bench = nullptr;
  napi_valuetype type = napi_undefined;
  if (arguments.count() > 0) check(arguments.env(), napi_typeof(arguments.env(), arguments.at(0), &type));
  if (type == napi_object)
    check(arguments.env(), napi_check_object_type_tag(arguments.env(), arguments.at(0), &kKernelsTag, &isBench));
  if (!isBench) arguments.refuse("kernels", "what openKernels gave");
  check(arguments.env(), napi_unwrap(arguments.env(), arguments.at(0), &bench));
  return *static_cast<Bench*>(bench);
}

Group groupOf(const Arguments& arguments, std::size_t index) {
  const std::string name = arguments.text(index, "group");
  if (name != "g1" && name != "g2") arguments.refuse("group", "\"g1\" or \"g2\"");
  return name == "g1" ? Group::g1 : Group::g2;
}

constexpr std::size_t pointBytes(Group group) { return group == Group::g1 ? kG1Bytes : kG2Bytes; }

std::vector<u8> elements(const Arguments& arguments, std::size_t index, const char* name, const u8* modulus) {
  std::vector<u8> bytes = arguments.bytes(index, name);
  if (bytes.size() % kScalarBytes != 0) arguments.refuse(name, "elements of 32 bytes");
  for (std::size_t at = 0; at < bytes.size(); at += kScalarBytes)
    if (!isBelow(bytes.data() + at, modulus)) arguments.refuse(name, "reduced");
  return bytes;
}

std::vector<u8> rawPoints(const Arguments& arguments, std::size_t index, const char* name, Group group) {
  std::vector<u8> bytes = arguments.bytes(index, name);
  if (bytes.size() % pointBytes(group) != 0) arguments.refuse(name, "whole points");
  return bytes;
}

std::vector<u8> points(const Arguments& arguments, Bench& bench, std::size_t index, const char* name, Group group) {
  std::vector<u8> bytes = rawPoints(arguments, index, name, group);
  const std::size_t count = bytes.size() / pointBytes(group);
  if (bench.kernels.firstBadPoint(bench.pool, group, bytes.data(), count) != count)
    arguments.refuse(name, "points of their curve");
  return bytes;
}

std::vector<u8> onePoint(const Arguments& arguments, Bench& bench, std::size_t index, const char* name, Group group) {
  std::vector<u8> bytes = points(arguments, bench, index, name, group);
  if (bytes.size() != pointBytes(group)) arguments.refuse(name, "one point");
  return bytes;
}

void checkBelow(const Arguments& arguments, const char* name, const std::vector<u32>& indices, std::size_t limit) {
  for (const u32 index : indices)
    if (index >= limit) arguments.refuse(name, "indices in range");
}

napi_value answer(const Arguments& arguments, const std::vector<u8>& bytes) {
  return bytesValue(arguments.env(), bytes.data(), bytes.size());
}

/** paths(): names of the kernels that this machine runs, the fastest first. */
napi_value paths(napi_env env, napi_callback_info) {
  napi_value list = nullptr;
  check(env, napi_create_array(env, &list));
  u32 count = 0;
  for (const char* name : kPaths)
    if (kernelsNamed(name) != nullptr) check(env, napi_set_element(env, list, count++, textValue(env, name)));
  return list;
}

/** openKernels(path, threads): the first argument of all functions below. */
napi_value openKernels(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  const Kernels* kernels = kernelsNamed(arguments.text(0, "path").c_str());
  if (kernels == nullptr) arguments.refuse("path", "one that this machine runs");
  const u64 threads = arguments.number(1, "threads", 1, kMostThreads);
  std::unique_ptr<Bench> bench(new Bench(*kernels, static_cast<unsigned>(threads)));
  napi_value object = nullptr;
  check(env, napi_create_object(env, &object));
  check(env, napi_type_tag_object(env, object, &kKernelsTag));
  check(env, napi_wrap(env, object, bench.get(), dropBench, nullptr, nullptr));
  bench.release();
  return object;
}

/** field(kernels, field, operation, a, b): element by element; `b` is absent for unary operations. */
napi_value field(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Bench& bench = benchOf(arguments);
  const std::string name = arguments.text(1, "field");
  if (name != "base" && name != "scalar") arguments.refuse("field", "\"base\" or \"scalar\"");
  constexpr const char* kOperations[] = {"add",    "subtract",     "multiply",      "negate",
                                         "invert", "toMontgomery", "fromMontgomery"};
  constexpr std::size_t kBinary = 3;
  const std::string wanted = arguments.text(2, "operation");
  std::size_t operation = 0;
  while (operation < std::size(kOperations) && wanted != kOperations[operation]) operation++;
  if (operation == std::size(kOperations)) arguments.refuse("operation", "one of the field's");
  const u8* modulus = name == "base" ? kBaseModulus : kScalarModulus;
  const std::vector<u8> a = elements(arguments, 3, "a", modulus);
  const std::vector<u8> b = operation < kBinary ? elements(arguments, 4, "b", modulus) : a;
  if (a.size() != b.size()) arguments.refuse("b", "as long as a");
  std::vector<u8> out(a.size());
  bench.kernels.field(name == "base" ? FieldName::base : FieldName::scalar, static_cast<FieldOperation>(operation),
                      a.data(), b.data(), out.data(), a.size() / kScalarBytes);
  return answer(arguments, out);
}

/** firstBadPoint(kernels, group, points): its index, or how many there are. */
napi_value firstBadPoint(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Bench& bench = benchOf(arguments);
  const Group group = groupOf(arguments, 1);
  const std::vector<u8> bytes = rawPoints(arguments, 2, "points", group);
  const std::size_t found =
      bench.kernels.firstBadPoint(bench.pool, group, bytes.data(), bytes.size() / pointBytes(group));
  return numberValue(env, static_cast<double>(found));
}

/** sum(kernels, group, points, scalars, scalarOf, pointOf): see SumTerms; the last two may be absent. */
napi_value sum(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Bench& bench = benchOf(arguments);
  const Group group = groupOf(arguments, 1);
  const std::vector<u8> bytes = points(arguments, bench, 2, "points", group);
  const std::vector<u8> scalars = elements(arguments, 3, "scalars", kScalarModulus);
  const bool hasScalarOf = !arguments.isAbsent(4), hasPointOf = !arguments.isAbsent(5);
  const std::vector<u32> scalarOf = hasScalarOf ? arguments.words(4, "scalarOf") : std::vector<u32>();
  const std::vector<u32> pointOf = hasPointOf ? arguments.words(5, "pointOf") : std::vector<u32>();
  const std::size_t scalarCount = scalars.size() / kScalarBytes, pointCount = bytes.size() / pointBytes(group);
  const std::size_t count = hasScalarOf ? scalarOf.size() : hasPointOf ? pointOf.size() : scalarCount;
  checkBelow(arguments, "scalarOf", scalarOf, scalarCount);
  checkBelow(arguments, "pointOf", pointOf, pointCount);
  if (!hasScalarOf && count > scalarCount) arguments.refuse("scalars", "as many as there are terms");
  if (hasPointOf ? pointOf.size() != count : pointCount < count)
    arguments.refuse("points", "as many as there are terms");
  const SumTerms terms = {scalars.data(), hasScalarOf ? scalarOf.data() : nullptr,
                          hasPointOf ? pointOf.data() : nullptr, count};
  std::vector<u8> out(pointBytes(group));
  const std::unique_ptr<SumPlan, void (*)(SumPlan*)> plan(bench.kernels.planSum(bench.pool, terms),
                                                          bench.kernels.dropSum);
  bench.kernels.sum(bench.pool, *plan, group, bytes.data(), out.data());
  return answer(arguments, out);
}

/** multiplyBase(kernels, group, base, scalars): as many points. */
napi_value multiplyBase(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Bench& bench = benchOf(arguments);
  const Group group = groupOf(arguments, 1);
  const std::vector<u8> base = onePoint(arguments, bench, 2, "base", group);
  const std::vector<u8> scalars = elements(arguments, 3, "scalars", kScalarModulus);
  const std::size_t count = scalars.size() / kScalarBytes;
  std::vector<u8> out(count * pointBytes(group));
  bench.kernels.multiplyBase(bench.pool, group, base.data(), scalars.data(), count, out.data());
  return answer(arguments, out);
}

/** addMultiple(kernels, group, sum, point, scalar): sum + scalar·point. */
napi_value addMultiple(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Bench& bench = benchOf(arguments);
  const Group group = groupOf(arguments, 1);
  std::vector<u8> total = onePoint(arguments, bench, 2, "sum", group);
  const std::vector<u8> point = onePoint(arguments, bench, 3, "point", group);
  const std::vector<u8> scalar = elements(arguments, 4, "scalar", kScalarModulus);
  if (scalar.size() != kScalarBytes) arguments.refuse("scalar", "one scalar");
  bench.kernels.addMultiple(group, total.data(), point.data(), scalar.data());
  return answer(arguments, total);
}

using OpenedDomain = std::unique_ptr<Domain, void (*)(Domain*)>;
OpenedDomain openDomain(Bench& bench, unsigned logDomain) {
  return OpenedDomain(bench.kernels.openDomain(bench.pool, logDomain), bench.kernels.closeDomain);
}

struct Rows {
  std::vector<u32> offsets, wires, coefficients;
  SparseRows view() const { return {offsets.data(), wires.data(), coefficients.data()}; }
};

Rows rowsOf(const Arguments& arguments, std::size_t index, std::size_t domain, std::size_t wires,
            std::size_t constants) {
  Rows rows = {arguments.words(index, "offsets"), arguments.words(index + 1, "wires"),
               arguments.words(index + 2, "coefficients")};
  if (rows.offsets.size() != domain + 1 || rows.offsets[0] != 0 || rows.offsets[domain] != rows.wires.size())
    arguments.refuse("offsets", "one more than the domain has rows, from 0 to the number of entries");
  for (std::size_t i = 0; i < domain; i++)
    if (rows.offsets[i] > rows.offsets[i + 1]) arguments.refuse("offsets", "ascending");
  if (rows.wires.size() != rows.coefficients.size()) arguments.refuse("coefficients", "as many as wires");
  checkBelow(arguments, "wires", rows.wires, wires);
  checkBelow(arguments, "coefficients", rows.coefficients, constants);
  return rows;
}

/**
 * quotient(kernels, logDomain, a's offsets, wires and coefficients, b's likewise, constants, witness): see Kernels::quotient. Constants are in
 * Montgomery form, the witness is plain.
 */
napi_value quotient(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Bench& bench = benchOf(arguments);
  const unsigned log = static_cast<unsigned>(arguments.number(1, "logDomain", 1, kMostLogDomain));
  const std::vector<u8> constants = elements(arguments, 8, "constants", kScalarModulus);
  const std::vector<u8> witness = elements(arguments, 9, "witness", kScalarModulus);
  const std::size_t domainSize = std::size_t{1} << log;
  const std::size_t constantCount = constants.size() / kScalarBytes, wires = witness.size() / kScalarBytes;
  const Rows a = rowsOf(arguments, 2, domainSize, wires, constantCount);
  const Rows b = rowsOf(arguments, 5, domainSize, wires, constantCount);
  const Constraints constraints = {log, a.view(), b.view(), constants.data(), constantCount};
  const OpenedDomain domain = openDomain(bench, log);
  std::vector<u8> out(kScalarBytes << log);
  bench.kernels.quotient(bench.pool, *domain, constraints, witness.data(), out.data());
  return answer(arguments, out);
}

/** pairsToOne(kernels, g1, g2): whether the product of the pairings is 1. */
napi_value pairsToOne(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Bench& bench = benchOf(arguments);
  const std::vector<u8> g1 = points(arguments, bench, 1, "g1", Group::g1);
  const std::vector<u8> g2 = points(arguments, bench, 2, "g2", Group::g2);
  const std::size_t count = g1.size() / kG1Bytes;
  if (g2.size() / kG2Bytes != count) arguments.refuse("g2", "as many points as g1");
  for (std::size_t i = 0; i < count; i++) {
    const u8* point = g2.data() + i * kG2Bytes;
    if (!isZero(point, kG2Bytes) && !bench.kernels.inSubgroup(point)) arguments.refuse("g2", "points of order r");
  }
  return booleanValue(env, bench.kernels.pairsToOne(bench.pool, g1.data(), g2.data(), count));
}

/** inSubgroup(kernels, point): of a point of G2's curve, not infinity. */
napi_value inSubgroup(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Bench& bench = benchOf(arguments);
  const std::vector<u8> point = onePoint(arguments, bench, 1, "point", Group::g2);
  return booleanValue(env, bench.kernels.inSubgroup(point.data()));
}

}  // namespace

void bindKernels(napi_env env, napi_value exports) {
  const struct {
    const char* name;
    napi_callback callback;
  } functions[] = {
      {"paths", entry<paths>},
      {"openKernels", entry<openKernels>},
      {"field", entry<field>},
      {"firstBadPoint", entry<firstBadPoint>},
      {"sum", entry<sum>},
      {"multiplyBase", entry<multiplyBase>},
      {"addMultiple", entry<addMultiple>},
      {"quotient", entry<quotient>},
      {"pairsToOne", entry<pairsToOne>},
      {"inSubgroup", entry<inSubgroup>},
  };
  for (const auto& one : functions) setFunction(env, exports, one.name, one.callback);
}

}  // namespace addon
}  // namespace assay
