// SPDX-License-Identifier: GPL-3.0-or-later
// rapidsnark with a warm key: maps the key, makes its prover once, proves RUNS times. Linked against librapidsnark (README.md).
// usage: prover-warm KEY.zkey WITNESS.wtns RUNS; prints one JSON line: milliseconds of loading and of each proof, own peak memory in KiB.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "prover.h"

namespace {

struct Mapped {
  void* bytes;
  size_t size;
};

Mapped mapFile(const char* path) {
  const int file = open(path, O_RDONLY);
  struct stat status {};
  if (file < 0 || fstat(file, &status) != 0) {
    std::perror(path);
    std::exit(1);
  }
  const auto size = static_cast<size_t>(status.st_size);
  void* bytes = mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
  close(file);
  if (bytes == MAP_FAILED) {
    std::perror(path);
    std::exit(1);
  }
  return {bytes, size};
}

/** Not getrusage: that still counts what the starting process held before exec. 0 where there is no /proc. */
long peakKiB() {
  long peak = 0;
  std::FILE* status = std::fopen("/proc/self/status", "r");
  if (status == nullptr) return 0;
  char line[256];
  while (std::fgets(line, sizeof line, status) != nullptr)
    if (std::sscanf(line, "VmHWM: %ld", &peak) == 1) break;
  std::fclose(status);
  return peak;
}

double now() {
  using namespace std::chrono;
  return duration<double, std::milli>(steady_clock::now().time_since_epoch()).count();
}

void check(int code, const char* error) {
  if (code == PROVER_OK) return;
  std::fprintf(stderr, "rapidsnark: code %d, %s\n", code, error);
  std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: prover-warm KEY.zkey WITNESS.wtns RUNS\n", stderr);
    return 2;
  }
  char error[512] = "";
  const double start = now();
  const Mapped key = mapFile(argv[1]);
  void* prover = nullptr;
  check(groth16_prover_create(&prover, key.bytes, key.size, error, sizeof error), error);
  const double loaded = now();
  const Mapped witness = mapFile(argv[2]);
  unsigned long long publicCapacity = 0;
  unsigned long long proofCapacity = 0;
  check(groth16_public_size_for_zkey_buf(key.bytes, key.size, &publicCapacity, error, sizeof error), error);
  groth16_proof_size(&proofCapacity);
  std::vector<char> publicSignals(++publicCapacity);
  std::vector<char> proof(++proofCapacity);
  std::printf("{\"loadMs\":%.3f,\"proveMs\":[", loaded - start);
  const int runs = std::atoi(argv[3]);
  for (int run = 0; run < runs; run++) {
    unsigned long long proofSize = proofCapacity;
    unsigned long long publicSize = publicCapacity;
    const double begun = now();
    check(groth16_prover_prove(prover, witness.bytes, witness.size, proof.data(), &proofSize, publicSignals.data(), &publicSize,
                               error, sizeof error),
          error);
    std::printf("%s%.3f", run == 0 ? "" : ",", now() - begun);
  }
  std::printf("],\"rssKiB\":%ld}\n", peakKiB());
  groth16_prover_destroy(prover);
  return 0;
}
