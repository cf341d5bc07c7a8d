#include "fusion.hpp"

#include <initializer_list>

#include "../device/cuda_error.hpp"
#include "fusion_code.hpp"

namespace arfuse {
namespace {

/** Threads for which a device's largest cluster is asked: the smallest blocks have the largest clusters. */
constexpr unsigned kClusterThreads = 128;

int max_cluster(const void* code) {
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(kMaxFusionCluster);
  config.blockDim = dim3(kClusterThreads);
  int found = 0;
  check(cudaOccupancyMaxPotentialClusterSize(&found, code, &config), "cudaOccupancyMaxPotentialClusterSize");
  return found;
}

}  // namespace

const void* fusion_code(const FusionKernel& kernel) {
  const FusionPattern* pattern = fusion_pattern(kernel.pattern);
  if (pattern == nullptr) return nullptr;
  if (pattern->quant == FusionQuant::fp4) {
#if defined(ARFUSE_FLASHINFER_FP4)
    if (kernel.dtype == Dtype::f32) return nullptr;
    return (kernel.dtype == Dtype::bf16 ? fusion_code_fp4_bf16 : fusion_code_fp4_f16)(kernel.pattern, kernel.shot, kernel.ranks);
#else
    return nullptr;
#endif
  }
  const auto pick = kernel.dtype == Dtype::bf16 ? fusion_code_bf16 : kernel.dtype == Dtype::f16 ? fusion_code_f16 : fusion_code_f32;
  return pick(kernel.pattern, kernel.shot, kernel.ranks);
}

FusionHardware fusion_hardware(const void* code, int multiprocessors) {
  cudaFuncAttributes attributes{};
  check(cudaFuncGetAttributes(&attributes, code), "cudaFuncGetAttributes");
  if (attributes.numRegs <= 0) throw CudaError(cudaErrorInvalidDeviceFunction, "cudaFuncGetAttributes");
  return {multiprocessors, max_cluster(code), attributes.numRegs};
}

int active_fusion_clusters(const void* code, const FusionGeometry& geometry) {
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeClusterDimension;
  attribute.val.clusterDim = {static_cast<unsigned>(geometry.cluster), 1, 1};
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(geometry.cluster * geometry.clusters));
  config.blockDim = dim3(static_cast<unsigned>(geometry.threads));
  config.dynamicSmemBytes = static_cast<std::size_t>(geometry.shared_bytes);
  config.attrs = &attribute;
  config.numAttrs = 1;
  int found = 0;
  check(cudaOccupancyMaxActiveClusters(&found, code, &config), "cudaOccupancyMaxActiveClusters");
  return found;
}

cudaError_t load_fusion_kernels(int capability) {
  if (!fusion_runs_on(capability)) return cudaSuccess;
  for (const FusionPattern& pattern : kFusionPatterns) {
    if (pattern.quant == FusionQuant::fp4 && capability < kLeastFp4Capability) continue;
    for (const Shot shot : {Shot::one, Shot::two})
      for (const Dtype dtype : {Dtype::bf16, Dtype::f16, Dtype::f32})
        for (const int ranks : kFusionSizes) {
          const void* code = fusion_code({pattern.code, shot, dtype, ranks});
          if (code == nullptr) continue;
          cudaFuncAttributes attributes{};
          if (const cudaError_t error = cudaFuncGetAttributes(&attributes, code); error != cudaSuccess) return error;
        }
  }
  return cudaSuccess;
}

}  // namespace arfuse
