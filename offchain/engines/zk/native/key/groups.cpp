// SPDX-License-Identifier: GPL-3.0-or-later
#include "groups.h"

#include "chunks.h"
#include "failure.h"
#include "zkey.h"

namespace assay {
namespace {

Failure malformed(const std::string& reason) { return Failure("GROUPS_MALFORMED", reason); }

}  // namespace

std::vector<KeyGroup> readGroups(Source& source) {
  u8 head[8];
  if (source.size() < sizeof head) throw malformed("it does not begin with its magic");
  source.read(0, head, sizeof head);
  if (std::memcmp(head, kGroupsMagic, 4) != 0) throw malformed("it does not begin with its magic");
  if (readU32(head + 4) != kGroupsVersion) throw malformed("its version is " + std::to_string(readU32(head + 4)));
  std::vector<KeyGroup> groups;
  for (u64 at = sizeof head; at < source.size();) {
    u8 header[kGroupHeaderBytes];
    if (source.size() - at < kGroupHeaderBytes) throw malformed("a group's header is truncated");
    source.read(at, header, kGroupHeaderBytes);
    at += kGroupHeaderBytes;
    KeyGroup group;
    group.tag = header[0];
    const std::string name = "group " + std::to_string(group.tag);
    if (group.tag != kGroupWeights && group.tag != kGroupRound1) throw malformed(name + " is unknown");
    if (!groups.empty() && group.tag <= groups.back().tag) throw malformed("its groups do not ascend");
    std::memcpy(group.delta1, header + 1, kG1Bytes);
    std::memcpy(group.delta2, header + 1 + kG1Bytes, kG2Bytes);
    const u64 count = readU32(header + kGroupHeaderBytes - 4);
    if (count * kGroupEntryBytes > source.size() - at) throw malformed(name + " is truncated");
    Terms& terms = group.terms;
    terms.points = Region(static_cast<std::size_t>(count + 1) * kG1Bytes);
    terms.scalarOf.reserve(static_cast<std::size_t>(count + 1));
    u32 before = 0;
    forEachItem(source, at, count, kGroupEntryBytes, [&](const u8* entry, u64) {
      const u32 wire = readU32(entry);
      if (wire <= before) throw malformed("the wires of " + name + " do not ascend");
      before = wire;
      addTerm(terms, entry + 4, wire);
    });
    at += count * kGroupEntryBytes;
    groups.push_back(std::move(group));
  }
  return groups;
}

}  // namespace assay
