#pragma once

#include "device_guard.hpp"

namespace arfuse {

/**
 * Lets kernels of a device read and write memory of another device of this process. Waits for no kernel; may be repeated.
 * @throws CudaError `cudaErrorPeerAccessUnsupported` where the devices do not reach each other
 */
inline void enable_peer_access(int device, int peer) {
  if (device == peer) return;
  int reachable = 0;
  check(cudaDeviceCanAccessPeer(&reachable, device, peer), "cudaDeviceCanAccessPeer");
  if (reachable == 0) throw CudaError(cudaErrorPeerAccessUnsupported, "cudaDeviceCanAccessPeer");
  const DeviceGuard guard(device);
  const cudaError_t error = cudaDeviceEnablePeerAccess(peer, 0);
  if (error != cudaErrorPeerAccessAlreadyEnabled) return check(error, "cudaDeviceEnablePeerAccess");
  // The error stays with the thread otherwise, and the next call would report it.
  cudaGetLastError();
}

}  // namespace arfuse
