import { NativeError } from '@arfuse/contract';
import { loadNative, type NativeBinding } from '@arfuse/native';

/** The addon; undefined where it was not built. Its pure functions need no GPU. */
export const addon: NativeBinding | undefined = (() => {
  try {
    return loadNative().binding;
  } catch (error) {
    if (NativeError.isInstance(error)) return undefined;
    throw error;
  }
})();
