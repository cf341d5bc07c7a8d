#pragma once

#include <cuda_runtime_api.h>

#include "fusion_params.hpp"

namespace arfuse {

/** Capabilities that the kernels run on: they need thread-block clusters, and the header knows these families. */
constexpr bool fusion_runs_on(int capability) {
  const int family = capability / 10;
  return family == 9 || family == 10 || family == 12;
}

/** Below, conversions to FP4 give zeros. */
constexpr int kLeastFp4Capability = 100;

/** A kernel's code; null where the addon was compiled without it. */
const void* fusion_code(const FusionKernel& kernel);

/** What a kernel's code needs on the current device; it is loaded with it. @throws CudaError where there is no image for the device */
FusionHardware fusion_hardware(const void* code, int multiprocessors);

/** Clusters of a launch's shape that the current device holds at a time. @throws CudaError */
int active_fusion_clusters(const void* code, const FusionGeometry& geometry);

/** Loads every kernel that runs on the current device: a first launch would block behind one that spins. */
cudaError_t load_fusion_kernels(int capability);

}  // namespace arfuse
