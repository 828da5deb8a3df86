// SPDX-License-Identifier: GPL-3.0-or-later
#include "call.h"

#include <cmath>
#include <cstring>
#include <exception>
#include <new>
#include <system_error>
#include "../key/failure.h"
#include "../pool.h"

namespace assay {
namespace addon {
namespace {

constexpr std::size_t kMostText = 4096;

napi_value makeError(napi_env env, const char* code, const std::string& reason) {
  napi_value error = nullptr;
  check(env, napi_create_error(env, textValue(env, code), textValue(env, reason.c_str()), &error));
  setProperty(env, error, "reason", textValue(env, reason.c_str()));
  return error;
}

void releaseRegion(napi_env, void*, void* region) { delete static_cast<Region*>(region); }

}  // namespace

void check(napi_env env, napi_status status) {
  if (status == napi_ok) return;
  bool isPending = false;
  napi_is_exception_pending(env, &isPending);
  if (!isPending) {
    const napi_extended_error_info* info = nullptr;
    napi_get_last_error_info(env, &info);
    const bool has = info != nullptr && info->error_message != nullptr;
    napi_throw_error(env, "NODE", has ? info->error_message : "Node refused a call");
  }
  throw Pending{};
}

napi_value errorOf(napi_env env, const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Failure& known) {
    const napi_value error = makeError(env, known.code(), known.reason());
    setProperty(env, error, "needed", numberValue(env, static_cast<double>(known.needed())));
    setProperty(env, error, "limit", numberValue(env, static_cast<double>(known.limit())));
    return error;
  } catch (const Cancelled&) {
    return makeError(env, "CANCELLED", "it was cancelled");
  } catch (const std::bad_alloc&) {
    return makeError(env, "PROVER_MEMORY", "the system has no more memory");
  } catch (const std::exception& other) {
    return makeError(env, "PROVER_CRASHED", other.what());
  } catch (...) {
    return makeError(env, "PROVER_CRASHED", "it threw something unknown");
  }
}

napi_value guarded(napi_env env, napi_value (*body)(napi_env, napi_callback_info), napi_callback_info info) noexcept {
  try {
    return body(env, info);
  } catch (const Pending&) {
    return nullptr;
  } catch (...) {
    try {
      napi_throw(env, errorOf(env, std::current_exception()));
    } catch (const Pending&) {
      // JavaScript has another exception already.
    }
    return nullptr;
  }
}

Arguments::Arguments(napi_env env, napi_callback_info info) : env_(env) {
  check(env, napi_get_cb_info(env, info, &count_, values_, nullptr, nullptr));
  if (count_ > kMost) count_ = kMost;
}

void Arguments::refuse(const char* name, const char* what) const {
  napi_throw_type_error(env_, "ARGUMENT", (std::string(name) + " must be " + what).c_str());
  throw Pending{};
}

bool Arguments::isAbsent(std::size_t index) const {
  if (index >= count_) return true;
  napi_valuetype type = napi_undefined;
  check(env_, napi_typeof(env_, values_[index], &type));
  return type == napi_undefined || type == napi_null;
}

std::string Arguments::text(std::size_t index, const char* name) const {
  napi_valuetype type = napi_undefined;
  if (index < count_) check(env_, napi_typeof(env_, values_[index], &type));
  std::size_t size = 0;
  if (type == napi_string) check(env_, napi_get_value_string_utf8(env_, values_[index], nullptr, 0, &size));
  if (type != napi_string || size > kMostText) refuse(name, "a short string");
  std::string text(size + 1, '\0');
  check(env_, napi_get_value_string_utf8(env_, values_[index], &text[0], size + 1, &size));
  text.resize(size);
  if (text.find('\0') != std::string::npos) refuse(name, "a string without NUL");
  return text;
}

bool Arguments::boolean(std::size_t index, const char* name) const {
  bool value = false;
  if (index >= count_ || napi_get_value_bool(env_, values_[index], &value) != napi_ok) refuse(name, "true or false");
  return value;
}

u64 Arguments::number(std::size_t index, const char* name, u64 least, u64 most) const {
  double value = -1;
  const bool isNumber = index < count_ && napi_get_value_double(env_, values_[index], &value) == napi_ok;
  if (!isNumber || !(value >= static_cast<double>(least)) || !(value <= static_cast<double>(most)) ||
      value > 9007199254740992.0 || value != std::floor(value))
    refuse(name, "a whole number in its range");
  return static_cast<u64>(value);
}

void* Arguments::array(std::size_t index, const char* name, napi_typedarray_type want, std::size_t* count) const {
  const char* what = want == napi_uint8_array ? "a Uint8Array" : "a Uint32Array";
  bool isArray = false;
  if (index < count_) check(env_, napi_is_typedarray(env_, values_[index], &isArray));
  if (!isArray) refuse(name, what);
  napi_typedarray_type type = napi_int8_array;
  void* data = nullptr;
  check(env_, napi_get_typedarray_info(env_, values_[index], &type, count, &data, nullptr, nullptr));
  if (type != want) refuse(name, what);
  return data;
}

std::size_t Arguments::length(std::size_t index, const char* name) const {
  std::size_t count = 0;
  array(index, name, napi_uint8_array, &count);
  return count;
}

Bytes Arguments::view(std::size_t index, const char* name) const {
  Bytes found;
  found.data = static_cast<const u8*>(array(index, name, napi_uint8_array, &found.size));
  return found;
}

std::vector<u8> Arguments::bytes(std::size_t index, const char* name) const {
  std::size_t count = 0;
  const void* data = array(index, name, napi_uint8_array, &count);
  std::vector<u8> copy(count);
  if (count > 0) std::memcpy(copy.data(), data, count);
  return copy;
}

Region Arguments::region(std::size_t index, const char* name) const {
  std::size_t count = 0;
  const void* data = array(index, name, napi_uint8_array, &count);
  Region copy(count);
  if (count > 0) std::memcpy(copy.data(), data, count);
  return copy;
}

std::vector<u32> Arguments::words(std::size_t index, const char* name) const {
  std::size_t count = 0;
  const void* data = array(index, name, napi_uint32_array, &count);
  std::vector<u32> copy(count);
  if (count > 0) std::memcpy(copy.data(), data, count * sizeof(u32));
  return copy;
}

napi_value Arguments::function(std::size_t index, const char* name) const {
  if (isAbsent(index)) return nullptr;
  napi_valuetype type = napi_undefined;
  check(env_, napi_typeof(env_, values_[index], &type));
  if (type != napi_function) refuse(name, "a function");
  return values_[index];
}

napi_value textValue(napi_env env, const char* text) {
  napi_value value = nullptr;
  check(env, napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value));
  return value;
}

napi_value numberValue(napi_env env, double number) {
  napi_value value = nullptr;
  check(env, napi_create_double(env, number, &value));
  return value;
}

napi_value booleanValue(napi_env env, bool flag) {
  napi_value value = nullptr;
  check(env, napi_get_boolean(env, flag, &value));
  return value;
}

napi_value undefinedValue(napi_env env) {
  napi_value value = nullptr;
  check(env, napi_get_undefined(env, &value));
  return value;
}

napi_value bytesValue(napi_env env, const u8* data, std::size_t size) {
  void* copy = nullptr;
  napi_value buffer = nullptr, array = nullptr;
  check(env, napi_create_arraybuffer(env, size, &copy, &buffer));
  if (size > 0) std::memcpy(copy, data, size);
  check(env, napi_create_typedarray(env, napi_uint8_array, size, buffer, 0, &array));
  return array;
}

napi_value regionValue(napi_env env, Region&& region) {
  const std::size_t size = region.size();
  if (size == 0) return bytesValue(env, nullptr, 0);
  Region* kept = new Region(static_cast<Region&&>(region));
  napi_value buffer = nullptr, array = nullptr;
  const napi_status status =
      napi_create_external_arraybuffer(env, kept->data(), size, releaseRegion, kept, &buffer);
  if (status == napi_no_external_buffers_allowed) {
    const napi_value copy = bytesValue(env, kept->data(), size);
    delete kept;
    return copy;
  }
  check(env, status);
  check(env, napi_create_typedarray(env, napi_uint8_array, size, buffer, 0, &array));
  return array;
}

void setProperty(napi_env env, napi_value object, const char* name, napi_value value) {
  check(env, napi_set_named_property(env, object, name, value));
}

void setFunction(napi_env env, napi_value object, const char* name, napi_callback callback, void* data) {
  napi_value function = nullptr;
  check(env, napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, data, &function));
  setProperty(env, object, name, function);
}

}  // namespace addon
}  // namespace assay
