// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <string>
#include "bytes.h"

namespace assay {

/** Bytes of a file that nobody trusts. */
class Source {
 public:
  /** `code`: of the failure that its bytes' faults are reported as. */
  Source(const char* code, u64 size) : code_(code), size_(size) {}
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  virtual ~Source() = default;

  u64 size() const { return size_; }
  const char* code() const { return code_; }
  /**
   * All of the range, which must lie inside; fails with `code` if the file has shrunk. A file may change between two
   * reads: what was read twice must be checked twice.
   */
  virtual void read(u64 at, u8* out, std::size_t count) = 0;

 protected:
  const char* code_;
  u64 size_;
};

class MemorySource final : public Source {
 public:
  MemorySource(const char* code, Bytes bytes) : Source(code, bytes.size), bytes_(bytes) {}
  void read(u64 at, u8* out, std::size_t count) override;

 private:
  Bytes bytes_;
};

class FileSource final : public Source {
 public:
  /** Error: KEY_UNSOUND if it is no file that can be read. */
  FileSource(const char* code, const std::string& path);
  ~FileSource() override;
  void read(u64 at, u8* out, std::size_t count) override;

 private:
  int file_ = -1;
};

}  // namespace assay
