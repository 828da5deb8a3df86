// SPDX-License-Identifier: GPL-3.0-or-later
#include "source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include "failure.h"

namespace assay {
namespace {

/** One call to the system takes at most 2 GiB. */
constexpr std::size_t kMostAtOnce = std::size_t{1} << 30;

[[noreturn]] void failUnreadable(const std::string& path, const std::string& why) {
  throw Failure("KEY_UNSOUND", "its file " + path.substr(path.rfind('/') + 1) + " cannot be read: " + why);
}

}  // namespace

void MemorySource::read(u64 at, u8* out, std::size_t count) {
  if (at > bytes_.size || count > bytes_.size - at) throw Failure(code_, "it is truncated");
  if (count > 0) std::memcpy(out, bytes_.data + at, count);
}

FileSource::FileSource(const char* code, const std::string& path) : Source(code, 0) {
  // Not blocking, or opening a pipe would wait for its writer.
  file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file_ < 0) failUnreadable(path, std::strerror(errno));
  struct stat status;
  const bool known = fstat(file_, &status) == 0;
  if (!known || !S_ISREG(status.st_mode)) {
    const int error = errno;
    ::close(file_);
    failUnreadable(path, known ? "it is no regular file" : std::strerror(error));
  }
  size_ = static_cast<u64>(status.st_size);
#ifdef POSIX_FADV_SEQUENTIAL
  static_cast<void>(posix_fadvise(file_, 0, 0, POSIX_FADV_SEQUENTIAL));
#endif
}

FileSource::~FileSource() { ::close(file_); }

void FileSource::read(u64 at, u8* out, std::size_t count) {
  while (count > 0) {
    const ssize_t got = pread(file_, out, std::min(count, kMostAtOnce), static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw Failure("KEY_UNSOUND", std::string("reading it failed: ") + std::strerror(errno));
    if (got == 0) throw Failure(code_, "it is truncated");
    at += static_cast<u64>(got);
    out += got;
    count -= static_cast<std::size_t>(got);
  }
}

}  // namespace assay
