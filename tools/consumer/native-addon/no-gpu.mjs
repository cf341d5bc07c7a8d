// A machine without a GPU or a driver: what is listed, and how opening one is refused. `node no-gpu.mjs`
import { loadNative, openCudaDevice } from '@arfuse/native';

const { devices, error } = loadNative().binding.devices();
try {
  openCudaDevice(0);
  console.log('it opened');
} catch ({ code, message }) {
  console.log(JSON.stringify({ devices: devices.length, error, code, message }));
}
