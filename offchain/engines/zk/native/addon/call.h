// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <node_api.h>
#include <cstddef>
#include <exception>
#include <string>
#include <vector>
#include "../key/bytes.h"
#include "../key/region.h"

namespace assay {
namespace addon {

/** JavaScript already holds an exception: unwind to it. */
struct Pending {};

/** Throws Pending, with an exception in JavaScript, unless all is well. */
void check(napi_env env, napi_status status);

/** A JavaScript Error of a typed failure: `code`, `reason`, and `needed` and `limit` where they say something. */
napi_value errorOf(napi_env env, const std::exception_ptr& failure);

/** Runs a function's body; whatever it throws becomes a JavaScript exception. */
napi_value guarded(napi_env env, napi_value (*body)(napi_env, napi_callback_info), napi_callback_info info) noexcept;

/** A function that JavaScript calls. No C++ exception leaves it. */
template <napi_value (*body)(napi_env, napi_callback_info)>
napi_value entry(napi_env env, napi_callback_info info) {
  return guarded(env, body, info);
}

/**
 * The arguments of one call, each read once and checked: what is not exactly as asked for throws a TypeError. Bytes are copied, because
 * other threads may write to shared memory, and what was checked must be what is used.
 */
class Arguments {
 public:
  Arguments(napi_env env, napi_callback_info info);

  napi_env env() const { return env_; }
  std::size_t count() const { return count_; }
  napi_value at(std::size_t index) const { return values_[index]; }
  bool isAbsent(std::size_t index) const;

  std::string text(std::size_t index, const char* name) const;
  bool boolean(std::size_t index, const char* name) const;
  /** A whole number from `least` to `most`, at most 2^53. */
  u64 number(std::size_t index, const char* name, u64 least, u64 most) const;
  /** A Uint8Array's length without looking at its bytes. */
  std::size_t length(std::size_t index, const char* name) const;
  std::vector<u8> bytes(std::size_t index, const char* name) const;
  /** The bytes themselves, until JavaScript runs again: to be copied at once. */
  Bytes view(std::size_t index, const char* name) const;
  /** A copy in pages of its own. */
  Region region(std::size_t index, const char* name) const;
  std::vector<u32> words(std::size_t index, const char* name) const;
  /** A function, or null where it is absent. */
  napi_value function(std::size_t index, const char* name) const;

  /** Throws Pending with a TypeError: `name` is not `what`. */
  [[noreturn]] void refuse(const char* name, const char* what) const;

 private:
  static constexpr std::size_t kMost = 12;

  void* array(std::size_t index, const char* name, napi_typedarray_type want, std::size_t* count) const;

  napi_env env_;
  std::size_t count_ = kMost;
  napi_value values_[kMost];
};

napi_value textValue(napi_env env, const char* text);
napi_value numberValue(napi_env env, double number);
napi_value booleanValue(napi_env env, bool value);
napi_value undefinedValue(napi_env env);
/** A Uint8Array with a copy. */
napi_value bytesValue(napi_env env, const u8* data, std::size_t size);
/** A Uint8Array over the region itself, which lives as long as JavaScript needs it. */
napi_value regionValue(napi_env env, Region&& region);
void setProperty(napi_env env, napi_value object, const char* name, napi_value value);
void setFunction(napi_env env, napi_value object, const char* name, napi_callback callback, void* data = nullptr);

}  // namespace addon
}  // namespace assay
