// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <exception>
#include <string>
#include <utility>

namespace assay {

/** What becomes the typed error of the same code (prover/errors.ts) in TypeScript. */
class Failure : public std::exception {
 public:
  Failure(const char* code, std::string reason) : code_(code), reason_(std::move(reason)) {}
  /** CIRCUIT_TOO_LARGE, whose text is made of these. */
  static Failure tooLarge(unsigned long long needed, const char* what, unsigned long long limit) {
    Failure failure("CIRCUIT_TOO_LARGE", what);
    failure.needed_ = needed;
    failure.limit_ = limit;
    return failure;
  }

  const char* code() const { return code_; }
  /** What goes into the error's text; of CIRCUIT_TOO_LARGE what there is too much of. */
  const std::string& reason() const { return reason_; }
  const char* what() const noexcept override { return reason_.c_str(); }
  unsigned long long needed() const { return needed_; }
  unsigned long long limit() const { return limit_; }

 private:
  const char* code_;
  std::string reason_;
  unsigned long long needed_ = 0;
  unsigned long long limit_ = 0;
};

}  // namespace assay
