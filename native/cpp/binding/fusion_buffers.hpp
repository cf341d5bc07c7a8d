#pragma once

#include <napi.h>

#include <cstddef>
#include <string>
#include <vector>

#include "../flashinfer/fusion_params.hpp"

namespace arfuse::binding {

/** The buffers of one fused launch, each checked for its bytes, and against the others. */
class FusionBuffers {
 public:
  /** @param activation - bytes of a tensor of all rows */
  FusionBuffers(Napi::Object given, std::size_t activation) : given_(given), activation_(activation) {}

  /** A tensor that is read row by row: a result may stand in its place. */
  void* tensor(const char* name) { return add(name, activation_, Use::tensor); }
  /** Something else that is read. */
  void* operand(const char* name, std::size_t bytes) { return add(name, bytes, Use::operand); }
  /** A result of a tensor's size. */
  void* result(const char* name) { return add(name, activation_, Use::result); }
  /** A result of another size. */
  void* packed(const char* name, std::size_t bytes) { return add(name, bytes, Use::packed); }

  /** @throws Napi::TypeError where a result overlaps another buffer otherwise than row by row */
  void refuse_overlaps() const;

 private:
  enum class Use { tensor, operand, result, packed };
  struct Buffer {
    std::string name;
    std::byte* address;
    std::size_t bytes;
    Use use;
  };

  void* add(const char* name, std::size_t bytes, Use use);

  Napi::Object given_;
  std::size_t activation_;
  std::vector<Buffer> buffers_;
};

/** Reads the places that a pattern reads and writes, all of them, and what it computes with. */
FusionParams fusion_params_of(Napi::Object given, const FusionKernel& kernel, const FusionWork& work);

}  // namespace arfuse::binding
