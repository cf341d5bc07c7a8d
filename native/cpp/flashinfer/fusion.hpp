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

/**
 * Launches a kernel by the parameters that its header declares, asynchronously. It spins until every rank has launched the same.
 * @param rows more than the ranks in a two-shot launch
 */
cudaError_t launch_fusion(const void* code, const FusionKernel& kernel, const FusionParams& params, const FusionGeometry& geometry,
                          int rows, cudaStream_t stream);

/** Loads every kernel that runs on the current device: a first launch would block behind one that spins. */
cudaError_t load_fusion_kernels(int capability);

}  // namespace arfuse
