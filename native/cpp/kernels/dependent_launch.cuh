#pragma once

// Programmatic dependent launch (compute capability 9.0 and on): a kernel may begin while the one before it ends.

namespace arfuse {

/** Returns when all earlier kernels of the stream have ended and what they wrote can be read. Nothing is read or written before. */
__device__ __forceinline__ void await_earlier_kernels() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" : : : "memory");
#endif
}

/** Lets the next kernel of the stream begin, if it is one that waits for earlier ones itself; others begin when this one has ended. */
__device__ __forceinline__ void admit_later_kernels() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" : : : "memory");
#endif
}

}  // namespace arfuse
