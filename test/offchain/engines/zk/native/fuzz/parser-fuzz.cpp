// SPDX-License-Identifier: GPL-3.0-or-later
// Feeds damaged files to everything that reads files: parser-fuzz COUNT SEED
// FOLDER… A folder holds key.zkey, key.groups, circuit.r1cs, witness.wtns, trapdoor.bin (six scalars) and ranges.bin
// (four u32: weights' first wire and count, round 1's) of one circuit. Whatever the bytes, a reader gives a Failure or
// something that all that follows can work with: accepted keys prove, accepted circuits get keys. Prints a line of
// JSON; an unexpected end names the input, which `parser-fuzz 1 INPUT FOLDER…` repeats.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include "cpu.h"
#include "key/failure.h"
#include "key/r1cs.h"
#include "key/wtns.h"
#include "mutate.h"
#include "prove.h"
#include "setup.h"

extern "C" void __sanitizer_set_death_callback(void (*)()) __attribute__((weak));

namespace assay {
namespace fuzz {
namespace {

u64 currentInput = 0;

void nameInput() { std::fprintf(stderr, "input %llu\n", static_cast<unsigned long long>(currentInput)); }

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "%s\n", what);
  nameInput();
  std::exit(1);
}

void require(bool holds, const char* what) {
  if (!holds) fail(what);
}

struct Circuit {
  File zkey, groups, r1cs, wtns;
  Trapdoor trapdoor;
  WireRange weights, round1;
};

File readFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::fprintf(stderr, "%s cannot be read\n", path.c_str());
    std::exit(2);
  }
  return File(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

Circuit readCircuit(const std::string& folder) {
  Circuit circuit{readFile(folder + "/key.zkey"), readFile(folder + "/key.groups"), readFile(folder + "/circuit.r1cs"),
                  readFile(folder + "/witness.wtns"), {}, {}, {}};
  const File trapdoor = readFile(folder + "/trapdoor.bin"), ranges = readFile(folder + "/ranges.bin");
  if (trapdoor.size() != sizeof(Trapdoor) || ranges.size() != 16) std::exit(2);
  std::memcpy(&circuit.trapdoor, trapdoor.data(), sizeof(Trapdoor));
  circuit.weights = {readU32(ranges.data()), readU32(ranges.data() + 4)};
  circuit.round1 = {readU32(ranges.data() + 8), readU32(ranges.data() + 12)};
  return circuit;
}

Bytes view(const File& file) { return {file.data(), file.size()}; }

void checkMatrix(const Matrix& matrix, std::size_t rows, u32 wires, std::size_t constants) {
  require(matrix.offsets.size() == rows + 1 && matrix.offsets[0] == 0, "rows are missing");
  for (std::size_t row = 0; row < rows; row++) require(matrix.offsets[row] <= matrix.offsets[row + 1], "rows descend");
  const std::size_t entries = matrix.offsets[rows];
  require(entries == matrix.wires.size() && entries == matrix.coefficients.size(), "entries are missing");
  for (const u32 wire : matrix.wires) require(wire < wires, "a wire is out of range");
  for (const u32 coefficient : matrix.coefficients) require(coefficient < constants, "a coefficient is out of range");
}

class Fuzzer {
 public:
  Fuzzer() : pool_(1) {
    for (const char* name : {"ifma", "adx", "portable"})
      if (const Kernels* found = kernelsNamed(name)) all_.push_back(found);
  }

  void feed(const std::vector<Circuit>& circuits, u64 seed) {
    Random random(seed);
    const Circuit& circuit = circuits[random.below(circuits.size())];
    kernels_ = all_[random.below(all_.size())];
    const std::size_t kind = random.below(8);
    inputs_++;
    try {
      if (kind < 4) feedKey(circuit, random, kind == 0);
      else if (kind < 6) feedR1cs(circuit, random);
      else feedWtns(circuit, random);
      accepted_++;
    } catch (const Failure& failure) {
      refused_[failure.code()]++;
    } catch (const std::exception& error) {
      fail(error.what());
    }
  }

  void print(u64 seed) const {
    std::printf("{\"inputs\":%llu,\"seed\":%llu,\"kernels\":%zu,", u(inputs_), u(seed), all_.size());
    std::printf("\"accepted\":%llu,\"proofs\":%llu,\"keys\":%llu,\"refused\":{", u(accepted_), u(proofs_), u(keys_));
    const char* separator = "";
    for (const auto& [code, count] : refused_) {
      std::printf("%s\"%s\":%llu", separator, code.c_str(), u(count));
      separator = ",";
    }
    std::printf("}}\n");
  }

 private:
  static unsigned long long u(u64 value) { return value; }

  void feedKey(const Circuit& circuit, Random& random, bool isGroups) {
    File zkey = circuit.zkey, groups = circuit.groups;
    mutate(random, isGroups ? groups : zkey);
    const auto key = Key::read(*kernels_, pool_, view(zkey), view(groups), u64{1} << 30);
    const Constraints constraints = key->constraints();
    const KeyHeader& header = key->header();
    for (const SparseRows& rows : {constraints.a, constraints.b}) {
      const std::size_t count = std::size_t{1} << header.logDomain;
      for (std::size_t row = 0; row < count; row++) require(rows.offsets[row] <= rows.offsets[row + 1], "rows descend");
      for (u32 i = 0; i < rows.offsets[count]; i++)
        require(rows.wires[i] < header.wires && rows.coefficients[i] < constraints.constantCount,
                "an index is out of range");
    }
    proveWith(*key, readWtns(view(circuit.wtns)));
  }

  void proveWith(const Key& key, Bytes values) {
    const auto ignore = [](Step) {};
    Prover prover(*kernels_, pool_, key);
    const Opening round1 = prover.commit(Witness(key, values), ignore);
    Opening weights{};
    if (key.group(kGroupWeights) != nullptr) {
      weights.blind = Secret(kScalarBytes);
      uniformScalar(weights.blind.data());
      prover.commitWeights(Witness(key, values), {weights.blind.data(), kScalarBytes}, weights.point, ignore);
    }
    prover.finish(Witness(key, values), round1, weights.blind.size() > 0 ? &weights : nullptr, ignore);
    proofs_++;
  }

  void feedR1cs(const Circuit& circuit, Random& random) {
    File file = circuit.r1cs;
    mutate(random, file);
    const R1cs r1cs = readR1cs(view(file));
    for (const Matrix* matrix : {&r1cs.a, &r1cs.b, &r1cs.c}) {
      checkMatrix(*matrix, r1cs.constraints, r1cs.wires, r1cs.constants.size() / kScalarBytes);
      for (std::size_t row = 0; row < r1cs.constraints; row++)
        for (u32 i = matrix->offsets[row] + 1; i < matrix->offsets[row + 1]; i++)
          require(matrix->wires[i - 1] < matrix->wires[i], "wires of a row do not ascend");
    }
    const auto ignore = [](SetupStep, double) {};
    const DevelopmentKey made =
        makeDevelopmentKey(*kernels_, pool_, view(file), circuit.weights, circuit.round1, circuit.trapdoor, ignore);
    Key::read(*kernels_, pool_, made.zkey.bytes(), made.groups.bytes(), u64{1} << 30);
    keys_++;
  }

  void feedWtns(const Circuit& circuit, Random& random) {
    File file = circuit.wtns;
    mutate(random, file);
    const Bytes values = readWtns(view(file));
    require(values.data >= file.data() && values.data + values.size <= file.data() + file.size(), "values lie outside");
    const std::size_t wires = values.size / kScalarBytes;
    require(wires > 0 && firstUnreduced(values.data, wires) == wires && isOne(values.data),
            "values are not what they must be");
  }

  /** Every instruction set that this machine runs, and the one for the input at hand. */
  std::vector<const Kernels*> all_;
  const Kernels* kernels_ = nullptr;
  Pool pool_;
  u64 inputs_ = 0, accepted_ = 0, proofs_ = 0, keys_ = 0;
  std::map<std::string, u64> refused_;
};

int run(int count, char** words) {
  if (count < 4) return 2;
  const u64 inputs = std::strtoull(words[1], nullptr, 10), seed = std::strtoull(words[2], nullptr, 10);
  std::vector<Circuit> circuits;
  for (int i = 3; i < count; i++) circuits.push_back(readCircuit(words[i]));
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(nameInput);
  Fuzzer fuzzer;
  for (u64 i = 0; i < inputs; i++) {
    currentInput = seed + i;
    fuzzer.feed(circuits, currentInput);
  }
  fuzzer.print(seed);
  return 0;
}

}  // namespace
}  // namespace fuzz
}  // namespace assay

int main(int count, char** words) { return assay::fuzz::run(count, words); }
