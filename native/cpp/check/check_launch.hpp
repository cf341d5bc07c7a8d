#pragma once

#include "../device/cuda_error.hpp"
#include "../launch/launch.hpp"
#include "check.hpp"

namespace arfuse {

/** Made-up codes, for so many rows. */
class CodesLaunch : public Launch {
 public:
  CodesLaunch(int device, int max_rows, const CodesSpec& spec, void* out) : Launch(device, max_rows), spec_(spec), out_(out) {}

  void enqueue(int rows, cudaStream_t stream) override { check(launch_codes(spec_, rows, out_, stream), "codes"); }

 private:
  CodesSpec spec_;
  void* out_;
};

/** A comparison, for so many codes. */
class ComparisonLaunch : public Launch {
 public:
  ComparisonLaunch(int device, int max_codes, const ComparisonParams& params) : Launch(device, max_codes), params_(params) {}

  void enqueue(int codes, cudaStream_t stream) override { check(launch_comparison(params_, codes, stream), "comparison"); }

 private:
  ComparisonParams params_;
};

/** A look at bytes that should be one, for so many of them. */
class UniformLaunch : public Launch {
 public:
  UniformLaunch(int device, int max_bytes, const UniformParams& params) : Launch(device, max_bytes), params_(params) {}

  void enqueue(int bytes, cudaStream_t stream) override { check(launch_uniform(params_, bytes, stream), "uniform"); }

 private:
  UniformParams params_;
};

}  // namespace arfuse
