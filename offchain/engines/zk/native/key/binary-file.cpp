// SPDX-License-Identifier: GPL-3.0-or-later
#include "binary-file.h"

#include "failure.h"

namespace assay {

Sections readSections(Source& source, const BinaryFormat& format) {
  const auto fail = [&](const std::string& reason) { return Failure(source.code(), reason); };
  constexpr u64 headBytes = 12;
  u8 head[headBytes];
  if (source.size() < headBytes) throw fail("it is truncated");
  source.read(0, head, headBytes);
  if (std::memcmp(head, format.magic, 4) != 0) throw fail("it does not begin with its magic");
  if (readU32(head + 4) != format.version) throw fail("its version is " + std::to_string(readU32(head + 4)));
  if (readU32(head + 8) != format.sections)
    throw fail("it has " + std::to_string(readU32(head + 8)) + " sections");
  Sections sections{};
  u64 at = headBytes;
  for (u32 i = 0; i < format.sections; i++) {
    if (source.size() - at < headBytes) throw fail("its section table is truncated");
    source.read(at, head, headBytes);
    at += headBytes;
    const u32 type = readU32(head);
    const u64 size = readU64(head + 4);
    const std::string name = "section " + std::to_string(type);
    if (type == 0 || type > format.sections) throw fail(name + " is unknown");
    if (sections[type].at != 0) throw fail(name + " occurs twice");
    if (size > source.size() - at) throw fail(name + " is truncated");
    sections[type] = {at, size};
    at += size;
  }
  if (at != source.size()) throw fail("bytes follow its last section");
  return sections;
}

bool isField(const u8* bytes, const u8* modulus) {
  return readU32(bytes) == kScalarBytes && std::memcmp(bytes + 4, modulus, kScalarBytes) == 0;
}

}  // namespace assay
