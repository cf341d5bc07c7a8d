#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace arfuse {

struct DeviceFacts {
  std::string name;
  /** Compute capability times 10. */
  int capability = 0;
  std::size_t memory_bytes = 0;
  int multiprocessors = 0;
  std::string pci_bus_id;
  /** As NVIDIA's tools write it. */
  std::string uuid;
  /** Whether each device, itself included, can be read and written from this one. */
  std::vector<bool> peers;
  /** Whether atomic operations work on each device's memory: over NVLink, not over PCIe. */
  std::vector<bool> peer_atomics;
  /** Whether it can join NVLink multicast; empty when the driver does not say. */
  std::optional<bool> multicast;
};

struct DeviceList {
  /** CUDA versions as the runtime writes them, 13000 for 13.0; 0 where there is no driver. */
  int driver_version = 0;
  int runtime_version = 0;
  /** The runtime's own words when devices cannot be listed; empty otherwise. */
  std::string error;
  std::vector<DeviceFacts> devices;
};

/** What the CUDA runtime sees. Opens the driver. */
DeviceList list_devices();

}  // namespace arfuse
