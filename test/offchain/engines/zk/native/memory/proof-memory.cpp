// SPDX-License-Identifier: GPL-3.0-or-later
// Measures what a key and a proof take: proof-memory KERNELS THREADS PROOFS
// FOLDER, with key.zkey, key.groups and witness.wtns in the folder. Prints a line of JSON, all numbers bytes: what the
// key says that it and a proof take at most, what they took, and what the process grew by from the first proof to the
// last.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iterator>
#include <string>
#include "cpu.h"
#include "key/wtns.h"
#include "prove.h"

namespace {

using namespace assay;

/** A line of the process's status, in bytes. */
long long statusOf(const std::string& name) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.compare(0, name.size() + 1, name + ":") == 0) return std::atoll(line.c_str() + name.size() + 1) * 1024;
  return 0;
}

/** Forgets the most that there was. */
void resetPeak() { std::ofstream("/proc/self/clear_refs") << "5"; }

std::vector<u8> readFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::vector<u8>(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

void prove(Prover& prover, const Key& key, Bytes values) {
  const auto ignore = [](Step) {};
  const Opening round1 = prover.commit(Witness(key, values), ignore);
  Opening weights{};
  const bool hasWeights = key.group(kGroupWeights) != nullptr;
  if (hasWeights) {
    weights.blind = Secret(kScalarBytes);
    uniformScalar(weights.blind.data());
    prover.commitWeights(Witness(key, values), {weights.blind.data(), kScalarBytes}, weights.point, ignore);
  }
  prover.finish(Witness(key, values), round1, hasWeights ? &weights : nullptr, ignore);
}

int run(char** words) {
  const Kernels* const kernels = kernelsNamed(words[1]);
  if (kernels == nullptr) return 2;
  Pool pool(static_cast<unsigned>(std::atoi(words[2])));
  const int proofs = std::atoi(words[3]);
  const std::string folder = words[4];
  const std::vector<u8> witness = readFile(folder + "/witness.wtns");
  const Bytes values = readWtns({witness.data(), witness.size()});
  const long long before = statusOf("VmRSS");
  const auto key = Key::open(*kernels, pool, folder + "/key.zkey", folder + "/key.groups", u64{1} << 40);
  const long long opened = statusOf("VmRSS");
  Prover prover(*kernels, pool, *key);
  long long proof = 0, first = 0;
  for (int i = 0; i < proofs; i++) {
    resetPeak();
    prove(prover, *key, values);
    proof = std::max(proof, statusOf("VmHWM") - opened);
    // By then every thread has its stack, and the allocator what it keeps.
    if (i == proofs / 10) first = statusOf("VmRSS");
  }
  std::printf("{\"keySaid\":%llu,\"keyTook\":%lld,\"proofSaid\":%llu,\"proofTook\":%lld,\"grown\":%lld}\n",
              static_cast<unsigned long long>(key->residentBytes()), opened - before,
              static_cast<unsigned long long>(key->proofBytes()), proof, statusOf("VmRSS") - first);
  return 0;
}

}  // namespace

int main(int count, char** words) {
  if (count != 5) return 2;
  try {
    return run(words);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
